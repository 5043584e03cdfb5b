/* What is due in a close: the stays of its month, the operator's rulings on disputed ones, and the
 * closed months that entries past the last cut touch (RULES 19). Shared by the hub, which reads
 * visits from its views, and by the audit, which reads them from the feeds. Pure.
 *
 * A visit's key is any number of its own that rises within a feed. */
#ifndef CORE_CLOSE_DUE_H
#define CORE_CLOSE_DUE_H

#include "core/close/document.h"
#include "passerelle/v1/entries.pb-c.h"
#include "passerelle/v1/network.pb-c.h"

struct stays {
    struct stay *all;
    size_t count;
    size_t alloc;
};
#define STAYS_INIT ((struct stays){0})
void stays_add(struct stays *stays, const struct stay *stay);
void stays_release(struct stays *stays);

/* What an operator ruled on a disputed visit. */
struct ruling {
    int64_t visit_key;
    struct month month; /* of the visit */
    bool voided;
    bool late;          /* past the last cut */
    int64_t in_utc_ms;  /* 0: as told */
    int64_t out_utc_ms; /* 0: as told */
    uint32_t order;     /* due_ruling_put() fills it in */
};

struct due {
    struct month *closed; /* ascending; the caller's, as all lists here */
    bool *touched;        /* by closed month */
    size_t closed_count;
    struct ruling *rulings; /* by visit_key once sorted, one for each visit */
    size_t ruling_count;
    uint32_t rulings_put;
};

/* In the order in which they were made: the last ruling on a visit counts; one that upholds changes
 * nothing and is not put. There is room for it. */
void due_ruling_put(struct due *due, struct ruling ruling);
/* Before the first stay is taken, and again when more were put since. */
void due_rulings_sort(struct due *due);

/* Entries past the last cut are about this month: if it is closed, it is rated again. */
void due_touch(struct due *due, struct month month);
/* Touches the months of late rulings. */
void due_touch_rulings(struct due *due);
/* Touches the months in which a holder's right is another than when the last close was cut
 * (`before` NULL: there was none). A new right without a monthly fee matters to no month without a
 * stay. */
void due_touch_right(struct due *due, const struct roster *roster,
                     const Passerelle__V1__HolderPut *before,
                     const Passerelle__V1__HolderPut *after);

/* Takes a visit that stands and has ended, as it was told: a ruling may change or void it. Without
 * `late_rulings`, as the last close saw it. */
void due_take(const struct due *due, int64_t visit_key, bool late_rulings, struct stay stay,
              struct stays *out);

/* What a close asks for besides the stays of its month. */
struct due_source {
    /* The stays of a closed month, as they stand now. */
    int (*again)(void *context, struct month month, struct stays *out, struct fault *fault);
    /* The documents of all closes before. */
    int (*history)(void *context, struct close_history *history, struct fault *fault);
    void *context;
};

/* Rates the month and every touched one before it, and closes. `stays` NULL: what is late alone,
 * and nothing of the month itself. `policy` NULL: the defaults. Errors are those of close_run() and
 * the source; release the result in every case. */
must_check int due_close(const struct due *due, const struct roster *roster, struct month month,
                         const struct stays *stays, const struct due_source *source,
                         const Passerelle__V1__NetworkPolicy *policy, struct close_result *result,
                         struct fault *fault);

#endif
