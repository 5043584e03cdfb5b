/* Records become the roster that rating and close compute with (core/rating). Add them in the order
 * members, sites, employers, plans, carnets, holders; tariff versions at any time. Opening hours
 * go into the caller's arena, which must outlive the roster. Errors are the roster's. Pure. */
#ifndef CORE_RECORDS_ROSTER_FILL_H
#define CORE_RECORDS_ROSTER_FILL_H

#include "core/rating/rating.h"
#include "core/records/records.h"

must_check int roster_fill_member(struct roster *roster, const Passerelle__V1__Member *member,
                                  struct fault *fault);
must_check int roster_fill_site(struct roster *roster, const Passerelle__V1__Site *site,
                                struct arena *arena, struct fault *fault);
must_check int roster_fill_employer(struct roster *roster, const Passerelle__V1__Employer *employer,
                                    struct fault *fault);
must_check int roster_fill_plan(struct roster *roster, const Passerelle__V1__Plan *plan,
                                struct fault *fault);
must_check int roster_fill_carnet(struct roster *roster, const Passerelle__V1__Carnet *carnet,
                                  struct fault *fault);
/* A right without the person is enough: ids, active_from, active_to (empty: open). */
must_check int roster_fill_holder(struct roster *roster, const char *holder_id, const char *plan_id,
                                  const char *active_from, const char *active_to,
                                  struct fault *fault);
must_check int roster_fill_tariff(struct roster *roster,
                                  const Passerelle__V1__TariffVersion *version,
                                  struct fault *fault);

/* RULES 14: what a member charges: 2000 for `standard`, else 0. */
struct vat_rate vat_rate_of(Passerelle__V1__VatRegime regime);

/* The words of the wire in those of rating; E_INVALID for a number without one. */
must_check int rating_resource(Passerelle__V1__Resource resource, enum resource *out);

#endif
