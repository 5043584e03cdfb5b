#include "service/methods.h"

#include "service/desk/desk.h"
#include "service/directory.h"
#include "service/employer/employer.h"
#include "service/ledger.h"
#include "service/identity/identity.h"
#include "service/network/network.h"
#include "service/settlement/settlement.h"
#include "service/stats/stats.h"
#include "service/sync/enrol.h"
#include "service/pass/pass.h"

/* One line per service. */
static const struct {
    const struct method *rows;
    const size_t *count;
} tables[] = {
    {directory_methods, &directory_method_count},
    {employer_methods, &employer_method_count},
    {ledger_methods, &ledger_method_count},
    {identity_methods, &identity_method_count},
    {enrol_methods, &enrol_method_count},
    {network_methods, &network_method_count},
    {settlement_methods, &settlement_method_count},
    {stats_methods, &stats_method_count},
    {pass_methods, &pass_method_count},
    {desk_methods, &desk_method_count},
};

const struct method *methods_at(size_t index)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (index < *tables[i].count) {
            return &tables[i].rows[index];
        }
        index -= *tables[i].count;
    }
    return NULL;
}

const struct method *methods_find(struct view service, struct view name, bool *known_service)
{
    struct view package = VIEW_LIT("passerelle.v1.");
    *known_service = false;
    if (!view_starts(service, package.data)) {
        return NULL;
    }
    service = view_slice(service, package.len, service.len);
    const struct method *method;
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        if (view_is(service, method->service)) {
            *known_service = true;
            if (view_is(name, method->name)) {
                return method;
            }
        }
    }
    return NULL;
}
