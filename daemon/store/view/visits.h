/* Reading visits. As registry.h: inside the caller's transaction, errors stick in `db`. */
#ifndef STORE_VIEW_VISITS_H
#define STORE_VIEW_VISITS_H

#include "base/arena.h"
#include "core/day/day.h"
#include "passerelle/v1/desk.pb-c.h"
#include "store/db/db.h"

/* A row of `visit`. Views point into the row when given to a callback, else into the arena. */
struct visit_row {
    int64_t visit_key; /* feed_no << 40 | seq of the entry that began it */
    int64_t last_key;  /* of the last entry about it */
    int64_t feed_no;
    struct view visit_id; /* 16 bytes */
    struct view holder_id;
    struct view pass_id; /* empty: imported or noted */
    Passerelle__V1__Resource resource;
    Passerelle__V1__Medium medium;
    Passerelle__V1__Source source;
    Passerelle__V1__VisitState state;
    struct day day;
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* 0: still in, or nobody told */
    bool auto_closed;
    uint32_t tariff_version;
    uint32_t line;
    struct view corrected_by; /* empty: none */
};

/* The visit with this id in this feed, copied into the arena. */
bool visits_by_id(struct db *db, struct arena *arena, int64_t feed_no, struct view visit_id,
                  struct visit_row *out);

/* Walks stop when `each` returns false. */
typedef bool visits_each(void *context, const struct visit_row *row);
/* A holder's visits on the days from..to, all feeds and states, by (day, visit_key). */
void visits_of_holder(struct db *db, struct view holder_id, struct day from, struct day to,
                      visits_each *each, void *context);
/* All open visits that began before the instant, any feed, by time: for the clock that closes
 * them. */
void visits_open_before(struct db *db, int64_t utc_ms, visits_each *each, void *context);
/* Visits of a feed on a day, all states, by arrival. */
void visits_on_day(struct db *db, int64_t feed_no, struct day day, visits_each *each,
                   void *context);
/* Visits of all feeds on the days from..to that count (open or closed), in no promised order. */
void visits_of_days(struct db *db, struct day from, struct day to, visits_each *each,
                    void *context);
/* How many of a feed are in on that day, by resource: present[1..3]. Who has checked in at another
 * desk since is not (RULES 4), here or, as the hub told, elsewhere. */
void visits_present(struct db *db, int64_t feed_no, struct day day, uint32_t present[4]);
/* Whether the feed of this visit let somebody in after it who is still in. */
bool visits_open_since(struct db *db, int64_t visit_key);

#endif
