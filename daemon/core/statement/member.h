/* What a member is told of a month: what it hosts and issues, its position, each visit by pass
 * number. Figures are those of the close, or of the month as it stands. Pure; any thread. */
#ifndef CORE_STATEMENT_MEMBER_H
#define CORE_STATEMENT_MEMBER_H

#include "core/rating/rating.h"
#include "core/statement/statement.h"
#include "passerelle/v1/settlement.pb-c.h"

/* A visit-day or a stay in a room. Names are borrowed. */
struct member_visit {
    struct day day;
    int64_t in_utc_ms, out_utc_ms; /* the first arrival, the last departure */
    struct view site;
    struct view pass_number; /* empty: no pass is known */
    struct view other;       /* who issued the pass; of issued visits: the host */
    enum slot slot;
    int64_t quantity; /* 0: under five minutes, not billed */
    uint8_t flags;    /* enum stay_flag */
    struct cents host, fee, subsidy;
};

struct member_input {
    const Passerelle__V1__Member *member;
    struct month month;
    bool provisional;
    const Passerelle__V1__SettlementDocument *document;
    const struct member_visit *hosted; /* by day and arrival */
    size_t hosted_count;
    const struct member_visit *issued;
    size_t issued_count;
    /* The name of a member or an employer (`employer`), its id when unknown; of a site (`site`), if
     * it is the member's own, else empty. */
    struct view (*name)(void *context, const char *id, bool employer, bool site);
    void *context;
};

void statement_of_member(const struct member_input *input, struct arena *arena,
                         struct statement *out);

/* "Demi-journée", "Heure de salle de réunion". */
const char *statement_unit(enum slot slot);

#endif
