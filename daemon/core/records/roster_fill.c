#include "core/records/roster_fill.h"

#include "core/day/opening_hours.h"

struct vat_rate vat_rate_of(Passerelle__V1__VatRegime regime)
{
    return (struct vat_rate){regime == PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD ? 2000 : 0};
}

int rating_resource(Passerelle__V1__Resource resource, enum resource *out)
{
    return resource_parse(view_of(record_resource_word(resource)), out);
}

static int day_or(const char *text, struct day open, struct day *out, struct fault *fault)
{
    *out = open;
    if (text[0] != '\0' && day_parse(view_of(text), out) != E_OK) {
        return fault_set(fault, E_INVALID, "\"%s\" is no day", text);
    }
    return 0;
}

int roster_fill_member(struct roster *roster, const Passerelle__V1__Member *member,
                       struct fault *fault)
{
    struct member row = {.vat = vat_rate_of(member->vat_regime),
                         .is_operator = member->is_operator,
                         .is_issuer = member->is_issuer};
    return roster_add_member(roster, view_of(member->member_id), row, fault);
}

int roster_fill_site(struct roster *roster, const Passerelle__V1__Site *site, struct arena *arena,
                     struct fault *fault)
{
    struct opening_hours *hours = ARENA_NEW(arena, struct opening_hours);
    struct site row = {.hours = hours};
    row.offers[RESOURCE_DESK] = site->desks > 0;
    row.offers[RESOURCE_MEETING_ROOM] = site->meeting_rooms > 0;
    row.offers[RESOURCE_BOOTH] = site->booths > 0;
    if (site->opening_hours[0] != '\0' &&
        opening_hours_parse(view_of(site->opening_hours), hours, fault) != E_OK) {
        fault_prefix(fault, "site %s", site->site_id);
        return E_INVALID;
    }
    if (zone_parse(view_of(record_zone_word(site->zone)), &row.zone) != E_OK) {
        return fault_set(fault, E_INVALID, "site %s has no zone", site->site_id);
    }
    return roster_add_site(roster, view_of(site->site_id), view_of(site->member_id),
                           view_of(site->category), row, fault);
}

int roster_fill_employer(struct roster *roster, const Passerelle__V1__Employer *employer,
                         struct fault *fault)
{
    return roster_add_employer(roster, view_of(employer->employer_id),
                               view_of(employer->issuer_member_id), fault);
}

int roster_fill_plan(struct roster *roster, const Passerelle__V1__Plan *plan, struct fault *fault)
{
    struct plan row = {
        .monthly_fee = CENTS(plan->monthly_fee_cents),
        .included_units = plan->included_units,
        .overage = plan->overage == PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE ? OVERAGE_REFUSE
                                                                            : OVERAGE_CHARGE,
        .holder_cap_cents = plan->holder_cap_cents == 0 ? -1 : plan->holder_cap_cents,
        .contract_cap_cents = plan->contract_cap_cents == 0 ? -1 : plan->contract_cap_cents,
    };
    switch (plan->type) {
    case PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE:
        row.type = PLAN_USAGE;
        break;
    case PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET:
        row.type = PLAN_CARNET;
        break;
    case PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION:
        row.type = PLAN_SUBSCRIPTION;
        break;
    default:
        return fault_set(fault, E_INVALID, "plan %s has no type", plan->plan_id);
    }
    return roster_add_plan(roster, view_of(plan->plan_id), view_of(plan->employer_id), row, fault);
}

int roster_fill_carnet(struct roster *roster, const Passerelle__V1__Carnet *carnet,
                       struct fault *fault)
{
    struct carnet row = {.units = carnet->units, .price = CENTS(carnet->price_cents)};
    int err = day_or(carnet->bought_on, DAY_FIRST, &row.bought_on, fault);
    if (err != 0) {
        return err;
    }
    return roster_add_carnet(roster, view_of(carnet->carnet_id), view_of(carnet->plan_id), row,
                             (int)carnet->valid_months, fault);
}

int roster_fill_holder(struct roster *roster, const char *holder_id, const char *plan_id,
                       const char *active_from, const char *active_to, struct fault *fault)
{
    struct holder row;
    int err = day_or(active_from, DAY_FIRST, &row.active_from, fault);
    if (err == 0) {
        err = day_or(active_to, DAY_LAST, &row.active_to, fault);
    }
    if (err != 0) {
        return err;
    }
    return roster_add_holder(roster, view_of(holder_id), view_of(plan_id), row, fault);
}

int roster_fill_tariff(struct roster *roster, const Passerelle__V1__TariffVersion *version,
                       struct fault *fault)
{
    struct tariff_row row = {.version = version->version};
    int err = day_or(version->valid_from, DAY_FIRST, &row.valid_from, fault);
    for (size_t i = 0; err == 0 && i < version->n_rows; i++) {
        const Passerelle__V1__TariffRow *r = version->rows[i];
        row.category = view_of(r->category);
        row.prices = (struct prices){CENTS(r->p_cents), CENTS(r->h_cents), CENTS(r->f_cents),
                                     CENTS(r->s_cents)};
        if (zone_parse(view_of(record_zone_word(r->zone)), &row.zone) != E_OK ||
            resource_parse(view_of(record_resource_word(r->resource)), &row.resource) != E_OK ||
            unit_parse(view_of(record_unit_word(r->unit)), &row.unit) != E_OK) {
            return fault_set(fault, E_INVALID,
                             "tariff version %u has a row without zone, resource "
                             "or unit",
                             version->version);
        }
        err = tariff_add(&roster->tariff, &row, fault);
    }
    return err;
}
