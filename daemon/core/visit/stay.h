/* When a site takes visitors, when a forgotten visit ends, and what a desk may still change of a
 * visit: the rules of DESIGN 4 and RULES 2-4 that look at one visit. Pure; any thread. */
#ifndef CORE_VISIT_STAY_H
#define CORE_VISIT_STAY_H

#include "core/day/opening_hours.h"
#include "passerelle/v1/network.pb-c.h"

/* Whether the site takes visitors at that instant: active; ephemeral: between its days; itinerant:
 * at a stop of that weekday, within its minutes; otherwise: within its opening hours. `hours` are
 * those of site->opening_hours; zero when it has none. */
bool site_is_open(const Passerelle__V1__Site *site, const struct opening_hours *hours,
                  int64_t utc_ms);

/* Whether it takes visitors at any time of that day, by the same rules but for its state. */
bool site_opens_on(const Passerelle__V1__Site *site, const struct opening_hours *hours,
                   struct day day);

/* Places of a resource; 0: the site does not offer it. */
uint32_t site_capacity(const Passerelle__V1__Site *site, Passerelle__V1__Resource resource);

/* RULES 2 and 3: when a visit that nobody checked out ends. */
int64_t stay_closing_utc_ms(const struct opening_hours *hours, int64_t in_utc_ms);

/* What a desk may not do, with the sentence for it; NULL: it may. */
struct change_facts {
    int64_t now_utc_ms;
    int64_t in_utc_ms;  /* of the visit as it stands */
    int64_t out_utc_ms; /* effective; 0: still in */
    bool is_void;
    bool is_corrected;
    bool is_last_scan; /* the site let nobody in since */
    const Passerelle__V1__NetworkPolicy *policy;
};
const char *undo_objection(const struct change_facts *facts);
const char *void_objection(const struct change_facts *facts);
/* To the new times. */
const char *correct_objection(const struct change_facts *facts, int64_t in_utc_ms,
                              int64_t out_utc_ms);
/* A stay from paper; `out_utc_ms` 0: not known. */
const char *paper_objection(const Passerelle__V1__NetworkPolicy *policy, int64_t now_utc_ms,
                            int64_t in_utc_ms, int64_t out_utc_ms);
/* DESIGN 4: a correction that lengthens a stay is flagged. */
bool correct_lengthens(const struct change_facts *facts, int64_t in_utc_ms, int64_t out_utc_ms);

#endif
