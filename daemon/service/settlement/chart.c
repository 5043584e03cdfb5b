/* How a member's accounts are kept: its chart and opening balances in `books`. */
#include "service/journal.h"
#include "service/settlement/accounts.h"
#include "service/settlement/settlement.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* A chart must fit an entry, with room for what surrounds it. */
enum { CHART_BYTES_MAX = ENTRY_BYTES_MAX - 1024 };

static struct fec_opening opening_of(const Passerelle__V1__OpeningBalance *balance)
{
    return (struct fec_opening){.account = view_of(balance->account),
                                .label = view_of(balance->label),
                                .aux = view_of(balance->aux),
                                .aux_label = view_of(balance->aux_label),
                                .amount = CENTS(balance->amount_cents)};
}

void accounts_chart(struct db *db, struct arena *arena, struct view member_id,
                    struct fec_chart *chart, struct fec_opening **own, size_t *own_count)
{
    const Passerelle__V1__Chart *record = registry_chart(db, arena, member_id);
    *chart = fec_chart_default;
    *own_count = record == NULL ? 0 : record->n_openings;
    *own = ARENA_ARRAY(arena, *own_count, struct fec_opening);
    for (size_t i = 0; record != NULL && i < record->n_accounts; i++) {
        const Passerelle__V1__ChartAccount *one = record->accounts[i];
        if (fec_chart_set(chart, view_of(one->key), view_of(one->account), view_of(one->label),
                          NULL) != E_OK) {
            db_fail(db, E_CORRUPT, "the chart of %.*s cannot be read: it was checked when it came",
                    VIEW_FMT(member_id));
        }
    }
    for (size_t i = 0; i < *own_count; i++) {
        (*own)[i] = opening_of(record->openings[i]);
    }
}

/* ---- GetChart ---- */

static Passerelle__V1__OpeningBalance **balances_write(const struct fec_opening *openings,
                                                       size_t count, struct arena *arena)
{
    Passerelle__V1__OpeningBalance **out =
        ARENA_ARRAY(arena, count, Passerelle__V1__OpeningBalance *);
    for (size_t i = 0; i < count; i++) {
        out[i] = wire_new(arena, &passerelle__v1__opening_balance__descriptor);
        out[i]->account = wire_string(arena, openings[i].account);
        out[i]->label = wire_string(arena, openings[i].label);
        out[i]->aux = wire_string(arena, openings[i].aux);
        out[i]->aux_label = wire_string(arena, openings[i].aux_label);
        out[i]->amount_cents = openings[i].amount.cents;
    }
    return out;
}

static Passerelle__V1__Chart *chart_write(const struct fec_chart *chart, const char *member_id,
                                          struct arena *arena)
{
    Passerelle__V1__Chart *out = wire_new(arena, &passerelle__v1__chart__descriptor);
    out->member_id = wire_string(arena, view_of(member_id));
    out->n_accounts = FEC_KEY_COUNT;
    out->accounts = ARENA_ARRAY(arena, FEC_KEY_COUNT, Passerelle__V1__ChartAccount *);
    for (size_t i = 0; i < FEC_KEY_COUNT; i++) {
        Passerelle__V1__ChartAccount *one =
            wire_new(arena, &passerelle__v1__chart_account__descriptor);
        one->key = wire_string(arena, view_of(fec_key_name((enum fec_key)i)));
        one->account = wire_string(arena, chart->accounts[i].number);
        one->label = wire_string(arena, chart->accounts[i].label);
        out->accounts[i] = one;
    }
    return out;
}

int chart_get(struct service *service, struct call *call)
{
    const Passerelle__V1__GetChartRequest *request = (const void *)call->request;
    const char *member_id = accounts_member(service, call, request->member_id);
    struct fec_chart chart;
    struct fec_opening *own;
    struct fec_opening added[2];
    size_t own_count;
    size_t added_count = 0;
    struct month first;
    if (member_id == NULL) {
        return -1;
    }
    accounts_chart(service->db, call->arena, view_of(member_id), &chart, &own, &own_count);
    if (accounts_first_month(service->db, &first)) {
        struct fec_carnet *carnets;
        size_t count = accounts_carnets(service->db, call->arena, view_of(member_id), &carnets);
        if (fec_openings_of_carnets(&chart, carnets, count, first, own, own_count, added,
                                    &added_count) != E_OK) {
            return call_fail(call, CODE_OUT_OF_RANGE, "the carnets cannot be added up");
        }
    }
    Passerelle__V1__GetChartResponse *response = call_respond(call);
    response->chart = chart_write(&chart, member_id, call->arena);
    response->chart->n_openings = own_count;
    response->chart->openings = balances_write(own, own_count, call->arena);
    response->n_added = added_count;
    response->added = balances_write(added, added_count, call->arena);
    return 0;
}

/* ---- PutChart ---- */

static int chart_check(const Passerelle__V1__Chart *record, struct arena *arena,
                       struct fault *fault)
{
    struct fec_chart chart = fec_chart_default;
    struct fec_opening *openings = ARENA_ARRAY(arena, record->n_openings, struct fec_opening);
    int error = 0;
    for (size_t i = 0; i < record->n_accounts && error == 0; i++) {
        const Passerelle__V1__ChartAccount *one = record->accounts[i];
        error = fec_chart_set(&chart, view_of(one->key), view_of(one->account), view_of(one->label),
                              fault);
        for (size_t k = 0; k < i && error == 0; k++) {
            if (strcmp(record->accounts[k]->key, one->key) == 0) {
                error = fault_set(fault, E_INVALID, "%s stands there twice", one->key);
            }
        }
    }
    for (size_t i = 0; i < record->n_openings; i++) {
        openings[i] = opening_of(record->openings[i]);
    }
    error = error == 0 ? fec_openings_check(openings, record->n_openings, fault) : error;
    if (error == 0 && wire_pack_arena(arena, &record->base).len > CHART_BYTES_MAX) {
        error = fault_set(fault, E_LIMIT, "the chart takes more than %d bytes: shorten its names",
                          CHART_BYTES_MAX);
    }
    return error;
}

int chart_put_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PutChartRequest *request = (const void *)call->request;
    struct fault fault = FAULT_NONE;
    if (request->chart == NULL) {
        return call_violation(call, "chart", "give the whole chart");
    }
    struct view member_id = view_of(request->chart->member_id);
    if (scope_member(service, call, member_id) != 0) {
        return -1;
    }
    if (registry_member(service->db, call->arena, member_id) == NULL) {
        return call_violation(call, "member_id", "there is no member %.*s", VIEW_FMT(member_id));
    }
    if (chart_check(request->chart, call->arena, &fault) != 0) {
        return call_violation(call, "chart", "%s", fault.text);
    }
    const Passerelle__V1__Chart *before = registry_chart(service->db, call->arena, member_id);
    Passerelle__V1__PutChartResponse *response = call_respond(call);
    response->verdict = before == NULL ? PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_ADDED
                        : wire_equal(&before->base, &request->chart->base)
                            ? PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED
                            : PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_CHANGED;
    return 0;
}

int chart_put_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PutChartRequest *request = (const void *)call->request;
    const Passerelle__V1__PutChartResponse *response = (const void *)call->response;
    if (response->verdict != PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED) {
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_CHART_PUT, &request->chart->base);
    }
    return 0;
}
