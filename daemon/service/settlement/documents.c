/* What a close leaves to each party. Another party's rows are left out, never refused one by one.
 */
#include "core/books/books.h"
#include "service/settlement/compute.h"
#include "service/settlement/period.h"
#include "service/settlement/settlement.h"
#include "wire/pack.h"

static int not_closed(struct call *call, const char *month)
{
    return call_fail(call, CODE_FAILED_PRECONDITION,
                     "%s is not closed: its documents exist once it is", month);
}

int wanted_of(struct call *call, const char *party_id, struct wanted *out)
{
    const char *own = call->who.party;
    bool others = party_id[0] != '\0';
    *out = (struct wanted){0};
    if (scope_is_operator(call)) {
        out->all = !others;
        out->employer_id = out->member_id = others ? party_id : NULL;
        return 0;
    }
    if (others && strcmp(party_id, own) != 0) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "this is not yours: ask with the credential of the party that it "
                         "belongs to");
    }
    if (call->who.role == ROLE_EMPLOYER) {
        out->employer_id = own;
    } else {
        out->member_id = own;
    }
    return 0;
}

static bool is_of(const char *wanted, struct view id)
{
    return wanted != NULL && view_is(id, wanted);
}

bool document_is_wanted(void *context, const struct document_head *one)
{
    const struct wanted *wanted = context;
    bool to_employer = one->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE;
    return wanted->all || is_of(wanted->member_id, one->seller_member_id) ||
           is_of(to_employer ? wanted->employer_id : wanted->member_id, one->buyer_id);
}

int documents_list(struct service *service, struct call *call)
{
    const Passerelle__V1__ListDocumentsRequest *request = (const void *)call->request;
    struct month month;
    struct wanted wanted;
    if (wanted_of(call, request->party_id, &wanted) != 0 ||
        call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    const Passerelle__V1__SettlementDocument *document =
        settlement_some(service->db, month, document_is_wanted, &wanted, call->arena);
    if (document == NULL) {
        return not_closed(call, request->month);
    }
    Passerelle__V1__ListDocumentsResponse *response = call_respond(call);
    response->documents = document->documents;
    response->n_documents = document->n_documents;
    for (size_t i = 0; i < document->n_positions; i++) {
        if (is_of(wanted.member_id, view_of(document->positions[i]->member_id))) {
            response->position = document->positions[i];
        }
    }
    response->transfers =
        ARENA_ARRAY(call->arena, document->n_transfers, Passerelle__V1__Transfer *);
    for (size_t i = 0; i < document->n_transfers; i++) {
        Passerelle__V1__Transfer *transfer = document->transfers[i];
        if (wanted.all || is_of(wanted.member_id, view_of(transfer->from_member_id)) ||
            is_of(wanted.member_id, view_of(transfer->to_member_id))) {
            response->transfers[response->n_transfers++] = transfer;
        }
    }
    return 0;
}

/* ---- trial balance ---- */

static size_t balances_write(const struct books *books, const struct roster *roster,
                             const char *member_id, struct arena *arena,
                             Passerelle__V1__AccountBalance **out)
{
    size_t count = 0;
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        struct view id = roster->member_ids.ids[i];
        for (int k = 0; k < ACCOUNT_COUNT; k++) {
            struct cents debits = books_debits(books, i, (enum account)k);
            struct cents balance = books_balance(books, i, (enum account)k);
            if ((debits.cents == 0 && balance.cents == 0) ||
                (member_id[0] != '\0' && !view_is(id, member_id))) {
                continue;
            }
            Passerelle__V1__AccountBalance *one =
                wire_new(arena, &passerelle__v1__account_balance__descriptor);
            one->member_id = wire_string(arena, id);
            one->account = arena_string(arena, view_of(account_name((enum account)k)));
            one->debit_cents = debits.cents;
            one->credit_cents = debits.cents - balance.cents;
            out[count++] = one;
        }
    }
    return count;
}

/* The postings of a close follow from its document and the carnet units that it moved. */
static int balances_compute(const struct loaded *loaded, struct month month,
                            const Passerelle__V1__SettlementDocument *document, struct books *books,
                            struct fault *fault)
{
    struct close_history before = CLOSE_HISTORY_INIT;
    struct close_history after = CLOSE_HISTORY_INIT;
    struct cents sum;
    struct month next = {month.number + 1};
    int error = settlement_history(loaded, month, &before, fault);
    if (error == 0) {
        error = settlement_history(loaded, next, &after, fault);
    }
    if (error == 0) {
        error = document_post_again(document, &loaded->roster, &before, &after, books, fault);
    }
    if (error == 0) {
        error = books_trial_balance(books, &sum);
    }
    if (error == 0 && sum.cents != 0) {
        error = fault_set(fault, E_CORRUPT, "the books of %s do not add up to 0: restore a backup",
                          document->month);
    }
    close_history_release(&before);
    close_history_release(&after);
    return error;
}

int trial_balance_get(struct service *service, struct call *call)
{
    const Passerelle__V1__GetTrialBalanceRequest *request = (const void *)call->request;
    const char *member_id = request->member_id;
    if (!scope_is_operator(call) && member_id[0] == '\0') {
        member_id = call->who.party;
    }
    struct month month;
    if (member_id[0] != '\0' && scope_member(service, call, view_of(member_id)) != 0) {
        return -1;
    }
    if (call_check_month(call, request->month, &month) != 0) {
        return -1;
    }
    const Passerelle__V1__SettlementDocument *document =
        settlement_stored(service->db, month, call->arena);
    if (document == NULL) {
        return not_closed(call, request->month);
    }
    struct loaded loaded;
    struct books books = {0};
    struct fault fault = FAULT_NONE;
    uint64_t seed;
    env_random(service->node->env, &seed, sizeof seed);
    int error = loaded_open(&loaded, service->db, seed, VIEW_NONE, &fault);
    if (error == 0) {
        books_init(&books, loaded.roster.member_ids.count);
        error = balances_compute(&loaded, month, document, &books, &fault);
    }
    if (error == 0) {
        Passerelle__V1__GetTrialBalanceResponse *response = call_respond(call);
        response->accounts =
            ARENA_ARRAY(call->arena, (size_t)loaded.roster.member_ids.count * ACCOUNT_COUNT,
                        Passerelle__V1__AccountBalance *);
        response->n_accounts =
            balances_write(&books, &loaded.roster, member_id, call->arena, response->accounts);
    }
    books_release(&books);
    loaded_release(&loaded);
    return error == 0 ? 0 : call_fail_with(call, &fault);
}
