/* The network and its stays as the views have them, for one computation. Reads inside the caller's
 * transaction, so that everything is of one state; errors of the database stick in `db` and are
 * returned. Any thread, on that thread's connection. */
#ifndef SERVICE_SETTLEMENT_LOAD_H
#define SERVICE_SETTLEMENT_LOAD_H

#include "core/close/due.h"
#include "store/db/db.h"

/* A site's feed. */
struct loaded_feed {
    int64_t feed_no;
    uint32_t site;
    int64_t cut_key;  /* key of the last entry that the last close covers */
    int64_t from_key; /* first visit that loaded_month() looks at; 0: none */
    bool remote;      /* a site's daemon tells it: stays of holders nobody knows do not count */
    bool left_out;    /* it told two stories: nothing past the cut counts */
};

struct loaded {
    struct db *db;
    uint64_t seed;
    struct arena arena; /* opening hours and the lists below */
    struct roster roster;
    bool partial;              /* of one employer: stays of other holders are left out */
    struct loaded_feed *feeds; /* by feed_no */
    size_t feed_count;
    int64_t books_cut_key;
    struct due due;  /* the closes so far, what loaded_month() found to touch them, rulings */
    bool keeps_keys; /* the caller wants, of the stays of one list that it takes, by place: */
    int64_t *keys;   /* the entries that began their visits */
    size_t keys_alloc;
};

/* Loads the roster, whole or with one employer's plans, carnets and holders only (VIEW_NONE:
 * whole), the closes so far, and the rulings. `seed` is random. Release in every case. */
must_check int loaded_open(struct loaded *loaded, struct db *db, uint64_t seed,
                           struct view employer_id, struct fault *fault);
void loaded_release(struct loaded *loaded);

/* As if these rulings had been made since, too. */
void loaded_rule(struct loaded *loaded, const struct ruling *more, size_t count);

/* The stays of a month that is to be closed, and which closed months entries past the last cut
 * touch: visits, rulings, carnets, rights of holders. Visits that are open, void or replaced do not
 * count. One pass in the order of the table. */
must_check int loaded_month(struct loaded *loaded, struct month month, struct stays *out,
                            struct fault *fault);
/* The stays of a month as they stand now. */
must_check int loaded_again(struct loaded *loaded, struct month month, struct stays *out,
                            struct fault *fault);
/* The stays of one holder in a month: as they stand, or as the last close saw them. */
must_check int loaded_holder(struct loaded *loaded, struct view holder_id, struct month month,
                             bool at_cut, struct stays *out, struct fault *fault);
/* Marks, by number of the roster, who has visits at a site in a month. */
void loaded_visitors(struct loaded *loaded, uint32_t site, struct month month, bool *holders);
/* The stays of a month as the last close saw them. */
must_check int loaded_at_cut(struct loaded *loaded, struct month month, struct stays *out,
                             struct fault *fault);

#endif
