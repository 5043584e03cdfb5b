/* The message's enums are those of core with 1 added, since proto3 keeps 0 for "not said". */
#include "core/close/document.h"

#include <assert.h>

#include "wire/pack.h"

_Static_assert(PASSERELLE__V1__LINE_KIND__LINE_KIND_SUBSIDY == LINE_SUBSIDY + 1, "one apart");
_Static_assert(PASSERELLE__V1__LINE_KIND__LINE_KIND_CARNET == LINE_CARNET + 1, "one apart");
_Static_assert(PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_SUBSIDY_STATEMENT ==
                   DOCUMENT_SUBSIDY + 1,
               "one apart");
_Static_assert(PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH == RESOURCE_BOOTH + 1, "one apart");
_Static_assert(PASSERELLE__V1__UNIT__UNIT_HOUR == UNIT_HOUR + 1, "one apart");
_Static_assert(PASSERELLE__V1__NETTING_MODE__NETTING_MODE_DIRECT == NETTING_DIRECT + 1,
               "one apart");

/* ---- out ---- */

static char *month_text(struct arena *arena, struct month month)
{
    char text[8];
    month_format(month, text);
    return arena_string(arena, view_of(text));
}

static char *id_text(struct arena *arena, const struct names *names, uint32_t number)
{
    return wire_string(arena, names->ids[number]);
}

static Passerelle__V1__DocumentLine *line_message(const struct line *line,
                                                  const struct roster *roster, struct arena *arena)
{
    Passerelle__V1__DocumentLine *message =
        wire_new(arena, &passerelle__v1__document_line__descriptor);
    message->kind = (Passerelle__V1__LineKind)(line->kind + 1);
    if (line->kind == LINE_CARNET || line->kind == LINE_SUBSCRIPTION) {
        message->plan_id = id_text(arena, &roster->plan_ids, line->subject);
    } else if (line->kind == LINE_HOST) {
        message->site_id = id_text(arena, &roster->site_ids, line->subject);
    }
    if (line->slot != LINE_NO_SLOT) {
        enum slot slot = (enum slot)line->slot;
        message->resource = (Passerelle__V1__Resource)(slot_resource(slot) + 1);
        message->unit = (Passerelle__V1__Unit)(slot_unit(slot) + 1);
    }
    message->quantity = line->credit ? -line->quantity : line->quantity;
    message->price_cents = line->price.cents;
    message->month = month_text(arena, line->month);
    return message;
}

/* Whose regime decides the VAT, and who pays: numbers of the roster. */
static void document_parties(const struct document *document, uint32_t *seller, uint32_t *buyer)
{
    bool party_sells = document->kind == DOCUMENT_HOST;
    *seller = party_sells ? document->party : document->other;
    *buyer = party_sells ? document->other : document->party;
}

static Passerelle__V1__Document *document_message(const struct document *document,
                                                  const struct line *lines,
                                                  const struct roster *roster, struct arena *arena)
{
    uint32_t seller;
    uint32_t buyer;
    int64_t sign = document->credit ? -1 : 1;
    Passerelle__V1__Document *message = wire_new(arena, &passerelle__v1__document__descriptor);
    document_parties(document, &seller, &buyer);
    message->kind = (Passerelle__V1__DocumentKind)(document->kind + 1);
    message->seller_member_id = id_text(arena, &roster->member_ids, seller);
    message->buyer_id = id_text(
        arena, document->kind == DOCUMENT_EMPLOYER ? &roster->employer_ids : &roster->member_ids,
        buyer);
    message->credit_note = document->credit;
    message->lines = ARENA_ARRAY(arena, document->line_count, Passerelle__V1__DocumentLine *);
    for (uint32_t i = 0; i < document->line_count; i++) {
        message->lines[message->n_lines++] =
            line_message(&lines[document->line_first + i], roster, arena);
    }
    message->net_cents = sign * document->net.cents;
    message->vat_cents = sign * document->vat.cents;
    message->gross_cents = sign * document->gross.cents;
    if (document->kind != DOCUMENT_SUBSIDY) {
        message->vat_basis_points = (uint32_t)roster->members[seller].vat.basis_points;
    }
    return message;
}

static void documents_out(Passerelle__V1__SettlementDocument *message,
                          const struct close_result *result, const struct roster *roster,
                          struct arena *arena)
{
    message->documents = ARENA_ARRAY(arena, result->document_count, Passerelle__V1__Document *);
    for (uint32_t i = 0; i < result->document_count; i++) {
        message->documents[message->n_documents++] =
            document_message(&result->documents[i], result->lines, roster, arena);
    }
}

static void sites_out(Passerelle__V1__SettlementDocument *message,
                      const struct close_result *result, const struct roster *roster,
                      struct arena *arena)
{
    message->sites = ARENA_ARRAY(arena, roster->site_ids.count, Passerelle__V1__SiteTotals *);
    for (uint32_t i = 0; i < roster->site_ids.count; i++) {
        const struct close_site *site = &result->sites[i];
        if (site->billed) {
            Passerelle__V1__SiteTotals *totals =
                wire_new(arena, &passerelle__v1__site_totals__descriptor);
            totals->site_id = id_text(arena, &roster->site_ids, i);
            totals->half_days = (uint32_t)site->half_days;
            totals->days = (uint32_t)site->days;
            totals->room_hours = (uint32_t)site->room_hours;
            totals->host_cents = site->host.cents;
            message->sites[message->n_sites++] = totals;
        }
    }
}

/* By member id; those at 0 only when `zeros`. */
static size_t positions_out(Passerelle__V1__Position ***out, const struct cents *cents, bool zeros,
                            const struct roster *roster, struct arena *arena)
{
    size_t count = 0;
    *out = ARENA_ARRAY(arena, roster->member_ids.count, Passerelle__V1__Position *);
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        if (zeros || cents[i].cents != 0) {
            Passerelle__V1__Position *position =
                wire_new(arena, &passerelle__v1__position__descriptor);
            position->member_id = id_text(arena, &roster->member_ids, i);
            position->cents = cents[i].cents;
            (*out)[count++] = position;
        }
    }
    return count;
}

static void transfers_out(Passerelle__V1__SettlementDocument *message,
                          const struct close_result *result, const struct roster *roster,
                          struct arena *arena)
{
    message->transfers = ARENA_ARRAY(arena, result->transfer_count, Passerelle__V1__Transfer *);
    for (uint32_t i = 0; i < result->transfer_count; i++) {
        const struct transfer *transfer = &result->transfers[i];
        Passerelle__V1__Transfer *one = wire_new(arena, &passerelle__v1__transfer__descriptor);
        one->from_member_id = id_text(arena, &roster->member_ids, transfer->from);
        one->to_member_id = id_text(arena, &roster->member_ids, transfer->to);
        one->cents = transfer->amount.cents;
        message->transfers[message->n_transfers++] = one;
    }
}

static bool month_is_rated(const struct close_result *result, struct month month)
{
    bool rated = month.number == result->month.number;
    for (uint32_t i = 0; i < result->revised_count; i++) {
        rated = rated || result->revised[i].number == month.number;
    }
    return rated;
}

static int uses_by_carnet(const void *left, const void *right)
{
    const struct carnet_use *a = left;
    const struct carnet_use *b = right;
    if (a->carnet != b->carnet) {
        return a->carnet < b->carnet ? -1 : 1;
    }
    return a->month.number < b->month.number ? -1 : a->month.number > b->month.number;
}

static void uses_out(Passerelle__V1__SettlementDocument *message, const struct close_result *result,
                     const struct roster *roster, struct arena *arena)
{
    size_t count = 0;
    struct carnet_use *uses = ARENA_ARRAY(arena, result->carnet_use_count, struct carnet_use);
    for (size_t i = 0; i < result->carnet_use_count; i++) {
        if (month_is_rated(result, result->carnet_uses[i].month)) {
            uses[count++] = result->carnet_uses[i];
        }
    }
    qsort(uses, count, sizeof *uses, uses_by_carnet);
    message->carnet_uses = ARENA_ARRAY(arena, count, Passerelle__V1__CarnetUse *);
    for (size_t i = 0; i < count; i++) {
        Passerelle__V1__CarnetUse *use = wire_new(arena, &passerelle__v1__carnet_use__descriptor);
        use->carnet_id = id_text(arena, &roster->carnet_ids, uses[i].carnet);
        use->month = month_text(arena, uses[i].month);
        use->units = uses[i].units;
        message->carnet_uses[message->n_carnet_uses++] = use;
    }
}

Passerelle__V1__SettlementDocument *document_of_result(const struct close_result *result,
                                                       const struct roster *roster,
                                                       struct arena *arena)
{
    Passerelle__V1__SettlementDocument *message =
        wire_new(arena, &passerelle__v1__settlement_document__descriptor);
    message->month = month_text(arena, result->month);
    message->stays = (uint32_t)result->stays;
    message->visit_days = (uint32_t)result->visit_days;
    message->half_days = (uint32_t)result->half_days;
    message->days = (uint32_t)result->days;
    message->room_hours = (uint32_t)result->room_hours;
    message->units_used = (uint32_t)result->units_used;
    message->auto_closed = (uint32_t)result->auto_closed;
    message->cut_short = (uint32_t)result->cut_short;
    message->grace = (uint32_t)result->grace;
    message->outside_validity = (uint32_t)result->outside_validity;
    message->overdraft = (uint32_t)result->overdraft;
    sites_out(message, result, roster, arena);
    documents_out(message, result, roster, arena);
    message->n_positions =
        positions_out(&message->positions, result->positions, true, roster, arena);
    message->n_carried = positions_out(&message->carried, result->carried, false, roster, arena);
    message->n_carried_in =
        positions_out(&message->carried_in, result->carried_in, false, roster, arena);
    message->nonzero = result->nonzero;
    message->paid_cents = result->paid.cents;
    message->netting = (Passerelle__V1__NettingMode)(result->mode + 1);
    transfers_out(message, result, roster, arena);
    uses_out(message, result, roster, arena);
    message->revised_months = ARENA_ARRAY(arena, result->revised_count, char *);
    for (uint32_t i = 0; i < result->revised_count; i++) {
        message->revised_months[message->n_revised_months++] =
            month_text(arena, result->revised[i]);
    }
    return message;
}

/* ---- and back ---- */

static int corrupt(const Passerelle__V1__SettlementDocument *document, const char *what,
                   struct fault *fault)
{
    return fault_set(fault, E_CORRUPT,
                     "the settlement document of %s names a %s that the network does not know: "
                     "restore the database from a backup",
                     document->month, what);
}

static bool number_of(const struct names *names, const char *id, uint32_t *out)
{
    return names_find(names, view_of(id), out);
}

static int line_read(const Passerelle__V1__SettlementDocument *document,
                     const Passerelle__V1__DocumentLine *message, const struct roster *roster,
                     struct line *line, struct fault *fault)
{
    line->kind = (uint8_t)(message->kind - 1);
    line->slot = LINE_NO_SLOT;
    line->subject = LINE_NO_SUBJECT;
    line->price = CENTS(message->price_cents);
    line->quantity = line->credit ? -message->quantity : message->quantity;
    if (month_parse(view_of(message->month), &line->month) != E_OK || line->quantity <= 0) {
        return corrupt(document, "line", fault);
    }
    if ((line->kind == LINE_CARNET || line->kind == LINE_SUBSCRIPTION) &&
        !number_of(&roster->plan_ids, message->plan_id, &line->subject)) {
        return corrupt(document, "plan", fault);
    }
    if (line->kind == LINE_HOST &&
        !number_of(&roster->site_ids, message->site_id, &line->subject)) {
        return corrupt(document, "site", fault);
    }
    if (line->kind == LINE_CHARGE || line->kind == LINE_HOST) {
        enum slot slot;
        if (slot_of((enum resource)(message->resource - 1), (enum unit)(message->unit - 1),
                    &slot) != E_OK) {
            return corrupt(document, "unit", fault);
        }
        line->slot = (uint8_t)slot;
    }
    return 0;
}

/* The parties of all lines of a document. */
static int line_begin(const Passerelle__V1__SettlementDocument *document,
                      const Passerelle__V1__Document *message, const struct roster *roster,
                      struct line *line, struct fault *fault)
{
    uint32_t seller;
    uint32_t buyer;
    *line = (struct line){.document = (uint8_t)(message->kind - 1), .credit = message->credit_note};
    const struct names *buyers =
        line->document == DOCUMENT_EMPLOYER ? &roster->employer_ids : &roster->member_ids;
    if (message->kind < 1 || line->document > DOCUMENT_SUBSIDY ||
        !number_of(&roster->member_ids, message->seller_member_id, &seller) ||
        !number_of(buyers, message->buyer_id, &buyer)) {
        return corrupt(document, "party", fault);
    }
    line->party = line->document == DOCUMENT_HOST ? seller : buyer;
    line->other = line->document == DOCUMENT_HOST ? buyer : seller;
    return 0;
}

static bool is_wanted(const struct close_history *history, struct month month)
{
    for (size_t i = 0; i < history->wanted_count; i++) {
        if (history->wanted[i].number == month.number) {
            return true;
        }
    }
    return false;
}

static void billed_add(struct close_history *history, struct line line)
{
    if (history->billed_count == history->billed_alloc) {
        history->billed_alloc = history->billed_alloc == 0 ? 64 : history->billed_alloc * 2;
        history->billed = xrealloc(history->billed, history->billed_alloc, sizeof(struct line));
    }
    history->billed[history->billed_count++] = line;
}

static int lines_read(struct close_history *history, const struct roster *roster,
                      const Passerelle__V1__SettlementDocument *document, struct fault *fault)
{
    for (size_t i = 0; history->wanted_count > 0 && i < document->n_documents; i++) {
        const Passerelle__V1__Document *one = document->documents[i];
        struct line line;
        int error = line_begin(document, one, roster, &line, fault);
        for (size_t k = 0; k < one->n_lines && error == 0; k++) {
            error = line_read(document, one->lines[k], roster, &line, fault);
            if (error == 0 && is_wanted(history, line.month)) {
                billed_add(history, line);
            }
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static bool says_month(const Passerelle__V1__SettlementDocument *document, struct month month)
{
    char text[8];
    month_format(month, text);
    bool says = strcmp(document->month, text) == 0;
    for (size_t i = 0; i < document->n_revised_months; i++) {
        says = says || strcmp(document->revised_months[i], text) == 0;
    }
    return says;
}

/* What a later close says of a month replaces what earlier ones said of it. */
static int uses_read(struct close_history *history, const struct roster *roster,
                     const Passerelle__V1__SettlementDocument *document, struct fault *fault)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->use_count; i++) {
        if (!says_month(document, history->uses[i].month)) {
            history->uses[kept++] = history->uses[i];
        }
    }
    history->use_alloc = kept + document->n_carnet_uses + 1;
    history->uses = xrealloc(history->uses, history->use_alloc, sizeof(struct carnet_use));
    history->use_count = kept;
    for (size_t i = 0; i < document->n_carnet_uses; i++) {
        const Passerelle__V1__CarnetUse *use = document->carnet_uses[i];
        struct carnet_use *out = &history->uses[history->use_count];
        out->units = use->units;
        if (history->partial && !number_of(&roster->carnet_ids, use->carnet_id, &out->carnet)) {
            continue;
        }
        if (month_parse(view_of(use->month), &out->month) != E_OK ||
            !number_of(&roster->carnet_ids, use->carnet_id, &out->carnet)) {
            return corrupt(document, "carnet", fault);
        }
        history->use_count++;
    }
    return 0;
}

int close_history_add(struct close_history *history, const struct roster *roster,
                      const Passerelle__V1__SettlementDocument *document, struct fault *fault)
{
    int error = lines_read(history, roster, document, fault);
    if (error == 0) {
        error = uses_read(history, roster, document, fault);
    }
    free(history->carried);
    history->carried = xcalloc(roster->member_ids.count + 1u, sizeof(struct cents));
    for (size_t i = 0; i < document->n_carried && error == 0; i++) {
        uint32_t member;
        if (!number_of(&roster->member_ids, document->carried[i]->member_id, &member)) {
            error = corrupt(document, "member", fault);
        } else {
            history->carried[member] = CENTS(document->carried[i]->cents);
        }
    }
    return error;
}

void close_history_release(struct close_history *history)
{
    free(history->billed);
    free(history->uses);
    free(history->carried);
    *history = CLOSE_HISTORY_INIT;
}

static int lines_by_month(const void *left, const void *right)
{
    const struct line *a = left;
    const struct line *b = right;
    if (a->month.number != b->month.number) {
        return a->month.number < b->month.number ? -1 : 1;
    }
    return line_compare(a, b);
}

const struct line *close_history_billed(struct close_history *history, struct month month,
                                        size_t *count)
{
    if (history->billed_count > 0) {
        qsort(history->billed, history->billed_count, sizeof(struct line), lines_by_month);
    }
    size_t first = 0;
    while (first < history->billed_count && history->billed[first].month.number < month.number) {
        first++;
    }
    size_t end = first;
    while (end < history->billed_count && history->billed[end].month.number == month.number) {
        end++;
    }
    *count = end - first;
    return history->billed + first;
}

int document_post_again(const Passerelle__V1__SettlementDocument *document,
                        const struct roster *roster, const struct close_history *before,
                        const struct close_history *after, struct books *books, struct fault *fault)
{
    int error = 0;
    uint32_t lines = 0;
    for (size_t i = 0; i < document->n_documents; i++) {
        lines += (uint32_t)document->documents[i]->n_lines;
    }
    struct close_postings postings = {.document_count = (uint32_t)document->n_documents,
                                      .uses_before = before->uses,
                                      .use_before_count = before->use_count,
                                      .uses_after = after->uses,
                                      .use_after_count = after->use_count};
    struct document *documents = xcalloc(document->n_documents + 1, sizeof *documents);
    struct line *all = xcalloc(lines + 1u, sizeof *all);
    lines = 0;
    for (size_t i = 0; i < document->n_documents && error == 0; i++) {
        const Passerelle__V1__Document *one = document->documents[i];
        int64_t sign = one->credit_note ? -1 : 1;
        struct line line;
        error = line_begin(document, one, roster, &line, fault);
        documents[i] = (struct document){.kind = line.document,
                                         .credit = line.credit,
                                         .party = line.party,
                                         .other = line.other,
                                         .line_first = lines,
                                         .line_count = (uint32_t)one->n_lines,
                                         .net = CENTS(sign * one->net_cents),
                                         .vat = CENTS(sign * one->vat_cents),
                                         .gross = CENTS(sign * one->gross_cents)};
        for (size_t k = 0; k < one->n_lines && error == 0; k++) {
            error = line_read(document, one->lines[k], roster, &line, fault);
            all[lines++] = line;
        }
    }
    postings.documents = documents;
    postings.lines = all;
    if (error == 0) {
        error = close_post(books, roster, &postings);
    }
    free(documents);
    free(all);
    return error;
}
