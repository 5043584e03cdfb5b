/* IssuePasses and ReplacePass: new passes for holders. */
#include "core/pass/card.h"
#include "passerelle/v1/entries.pb-c.h"
#include "service/journal.h"
#include "service/pass/internal.h"
#include "wire/pack.h"

enum { NUMBER_TRIES_MAX = 64 };

/* ---- one pass ---- */

/* A short number that no pass of the network ever had. */
static void fresh_number(struct service *service, struct arena *arena,
                         char number[static CARD_DIGITS + 1])
{
    for (int tries = 0; tries < NUMBER_TRIES_MAX; tries++) {
        uint32_t drawn;
        env_random(service->node->env, &drawn, sizeof drawn);
        if (drawn >= 4000000000u) {
            continue; /* so that each number is as likely as any other */
        }
        card_number_make(drawn % 1000000000u, number);
        struct registry_pass taken;
        if (!registry_pass_by_number(service->db, arena, view_of(number), &taken)) {
            return;
        }
    }
    db_fail(service->db, E_LIMIT, "no free pass number was found: is the generator broken?");
}

static Passerelle__V1__PassIssued *issued_entry(struct call *call, const struct pass_right *right,
                                                Passerelle__V1__Medium medium, struct view replaces)
{
    struct arena *arena = call->arena;
    Passerelle__V1__PassIssued *issued = wire_new(arena, &passerelle__v1__pass_issued__descriptor);
    issued->holder_id = right->holder->holder_id;
    issued->plan_id = right->holder->plan_id;
    issued->plan_type = right->plan->type;
    issued->employer_id = right->holder->employer_id;
    issued->issuer_member_id = wire_string(arena, view_of(right->issuer_member_id));
    issued->medium = medium;
    issued->valid_from = right->holder->active_from;
    issued->valid_until = right->holder->active_to;
    issued->offline_rule = right->plan->offline_rule;
    issued->replaces_pass_id = wire_bytes(replaces);
    return issued;
}

/* Records a new pass with its secrets. `kept` is the same without them. */
static int issue_pass(struct service *service, struct call *call, const struct pass_signer *signer,
                      const struct pass_right *right, Passerelle__V1__PassIssued *issued,
                      Passerelle__V1__IssuedPass **out, Passerelle__V1__IssuedPass **kept)
{
    uint8_t random[10];
    env_random(service->node->env, random, sizeof random);
    struct uuid *uuid = ARENA_NEW(call->arena, struct uuid);
    *uuid = uuid_v7(service_now(service), random);
    struct view pass_id = view_bytes(uuid->bytes, sizeof uuid->bytes);
    char number[CARD_DIGITS + 1];
    fresh_number(service, call->arena, number);
    issued->pass_id = wire_bytes(pass_id);
    issued->number = wire_string(call->arena, view_of(number));
    journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_ISSUED, &issued->base);
    if (issued->replaces_pass_id.len > 0) {
        code_forget(service->db, pass_bytes(issued->replaces_pass_id));
    }
    Passerelle__V1__IssuedPass *pass =
        wire_new(call->arena, &passerelle__v1__issued_pass__descriptor);
    struct registry_pass as_it_is = {.issued = issued,
                                     .state = PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE};
    pass->pass =
        registry_pass_message(&as_it_is, day_of_instant(service_now(service)), call->arena);
    *out = pass;
    *kept = wire_new(call->arena, &passerelle__v1__issued_pass__descriptor);
    (*kept)->pass = pass->pass;
    if (issued->medium == PASSERELLE__V1__MEDIUM__MEDIUM_PHONE) {
        struct one_time_code code;
        pass->activation_expires_utc_ms = code_renew(service, pass_id, &code);
        pass->activation_code = wire_string(call->arena, view_of(code.text));
        (*kept)->activation_expires_utc_ms = pass->activation_expires_utc_ms;
        secret_wipe(&code, sizeof code);
        return 0;
    }
    if (pass_token_make(service, call, signer, right, issued, VIEW_NONE, &pass->token) != E_OK) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "no card can be made for %s: its days or its employer's policy leave "
                         "nothing to be used",
                         issued->holder_id);
    }
    return 0;
}

/* ---- IssuePasses ---- */

struct candidate {
    char *holder_id;
    struct view replaces; /* an expired pass; empty: none */
};
struct issuing {
    struct candidate *candidates;
    size_t count, limit;
    uint32_t unchanged, remaining;
    struct pass_signer signer;
};

/* A pass past its last day makes room for a new one once the holder's right goes on. */
static bool makes_room(const struct registry_pass *pass, const Passerelle__V1__HolderPut *holder,
                       struct day today)
{
    struct pass_right right = {.holder = holder};
    return pass_state_on(pass, today) == PASSERELLE__V1__PASS_STATE__PASS_STATE_EXPIRED &&
           !pass_right_ended(&right, today);
}

static void consider(struct issuing *issuing, struct arena *arena,
                     const Passerelle__V1__HolderPut *holder, const struct registry_pass *pass,
                     struct day today)
{
    if (pass != NULL && !makes_room(pass, holder, today)) {
        issuing->unchanged++;
    } else if (issuing->count == issuing->limit) {
        issuing->remaining++;
    } else {
        issuing->candidates[issuing->count++] = (struct candidate){
            .holder_id = arena_string(arena, view_of(holder->holder_id)),
            .replaces =
                pass == NULL ? VIEW_NONE : arena_copy(arena, pass_bytes(pass->issued->pass_id)),
        };
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int consider_named(struct service *service, struct call *call, struct issuing *issuing,
                          struct day today)
{
    const Passerelle__V1__IssuePassesRequest *request = (const void *)call->request;
    if (request->n_holder_ids > PASS_IDS_MAX) {
        return call_violation(call, "holder_ids", "name at most %d in one call", PASS_IDS_MAX);
    }
    char **ids = ARENA_ARRAY(call->arena, request->n_holder_ids, char *);
    memcpy(ids, request->holder_ids, request->n_holder_ids * sizeof *ids);
    qsort(ids, request->n_holder_ids, sizeof *ids, by_text);
    for (size_t i = 0; i < request->n_holder_ids; i++) {
        if (i > 0 && strcmp(ids[i], ids[i - 1]) == 0) {
            continue;
        }
        const Passerelle__V1__HolderPut *holder =
            registry_holder(service->db, call->arena, view_of(ids[i]));
        struct view employer_id = holder == NULL ? VIEW_NONE : view_of(holder->employer_id);
        if (scope_employer(service, call, employer_id) != 0) {
            return -1;
        }
        if (holder == NULL ||
            (request->employer_id[0] != '\0' && !view_is(employer_id, request->employer_id))) {
            return call_violation(call, "holder_ids", "there is no holder %s here: import it first",
                                  ids[i]);
        }
        struct registry_pass pass;
        bool has = registry_pass_of_holder(service->db, call->arena, view_of(ids[i]), &pass);
        consider(issuing, call->arena, holder, has ? &pass : NULL, today);
    }
    return 0;
}

DB_SQL(walk_candidates,
       "SELECT h.record, p.record, p.state FROM holder h LEFT JOIN pass p "
       "ON p.holder_id = h.holder_id AND p.state <> 3 AND p.replaced_by IS NULL "
       "WHERE (:employer_id = '' OR h.employer_id = :employer_id) "
       "AND (:issuer_id = '' OR h.employer_id IN (SELECT e.employer_id FROM employer e "
       "WHERE e.issuer_member_id = :issuer_id)) ORDER BY h.holder_id");

static int consider_all(struct service *service, struct call *call, struct issuing *issuing,
                        struct day today)
{
    const Passerelle__V1__IssuePassesRequest *request = (const void *)call->request;
    struct view employer_id = view_of(request->employer_id);
    struct view issuer_id = VIEW_NONE;
    if (employer_id.len > 0) {
        if (scope_employer(service, call, employer_id) != 0) {
            return -1;
        }
        if (registry_employer(service->db, call->arena, employer_id) == NULL) {
            return call_violation(call, "employer_id", "there is no employer %s",
                                  request->employer_id);
        }
    } else if (call->who.role == ROLE_EMPLOYER) {
        employer_id = view_of(call->who.party);
    } else if (call->who.role == ROLE_MEMBER) {
        issuer_id = view_of(call->who.party);
    }
    struct arena scratch = ARENA_INIT;
    struct query *query = db_query(service->db, &walk_candidates);
    query_bind_text(query, "employer_id", employer_id);
    query_bind_text(query, "issuer_id", issuer_id);
    while (query_next(query)) {
        const Passerelle__V1__HolderPut *holder = wire_unpack_trusted(
            &passerelle__v1__holder_put__descriptor, query_blob(query, 0), &scratch);
        struct registry_pass pass = {.state = (Passerelle__V1__PassState)query_int(query, 2)};
        bool has = !query_is_null(query, 1);
        if (has) {
            pass.issued = wire_unpack_trusted(&passerelle__v1__pass_issued__descriptor,
                                              query_blob(query, 1), &scratch);
        }
        if (holder == NULL || (has && pass.issued == NULL)) {
            query_end(query);
            db_fail(service->db, E_CORRUPT,
                    "a holder or pass in the database cannot be read: run `passerelled rebuild`");
            break;
        }
        consider(issuing, call->arena, holder, has ? &pass : NULL, today);
        arena_clear(&scratch);
    }
    arena_release(&scratch);
    return 0;
}

int issue_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__IssuePassesRequest *request = (const void *)call->request;
    struct issuing *issuing = ARENA_NEW(call->arena, struct issuing);
    issuing->limit = request->limit == 0 ? PASS_LIMIT_DEFAULT : request->limit;
    if (issuing->limit > PASS_IDS_MAX) {
        return call_violation(call, "limit", "ask for at most %d in one call", PASS_IDS_MAX);
    }
    issuing->candidates = ARENA_ARRAY(call->arena, issuing->limit, struct candidate);
    struct day today = day_of_instant(service_now(service));
    int refused = request->n_holder_ids > 0 ? consider_named(service, call, issuing, today)
                                            : consider_all(service, call, issuing, today);
    if (refused != 0 || pass_signer_find(service, call, &issuing->signer) != 0) {
        return -1;
    }
    call->decision = issuing;
    return 0;
}

/* A dry run tells of each pass what is known before it exists. */
static Passerelle__V1__IssuedPass *preview(struct call *call, const struct pass_right *right)
{
    struct registry_pass planned = {
        .issued = issued_entry(call, right, right->holder->medium, VIEW_NONE)};
    Passerelle__V1__IssuedPass *pass =
        wire_new(call->arena, &passerelle__v1__issued_pass__descriptor);
    pass->pass = registry_pass_message(&planned, (struct day){0}, call->arena);
    return pass;
}

int issue_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__IssuePassesRequest *request = (const void *)call->request;
    const struct issuing *issuing = call->decision;
    Passerelle__V1__IssuePassesResponse *response = call_respond(call);
    Passerelle__V1__IssuePassesResponse *kept = wire_new(call->arena, call->method->output);
    response->unchanged = kept->unchanged = issuing->unchanged;
    response->remaining = kept->remaining = issuing->remaining;
    response->passes = ARENA_ARRAY(call->arena, issuing->count, Passerelle__V1__IssuedPass *);
    kept->passes = ARENA_ARRAY(call->arena, issuing->count, Passerelle__V1__IssuedPass *);
    response->n_passes = kept->n_passes = issuing->count;
    for (size_t i = 0; i < issuing->count; i++) {
        const struct candidate *candidate = &issuing->candidates[i];
        struct pass_right right;
        if (!pass_right_read(service, call->arena, view_of(candidate->holder_id), &right)) {
            return call_fail(call, CODE_FAILED_PRECONDITION,
                             "the plan or employer of %s is not there: put it first",
                             candidate->holder_id);
        }
        if (request->dry_run) {
            response->passes[i] = kept->passes[i] = preview(call, &right);
            continue;
        }
        Passerelle__V1__PassIssued *issued =
            issued_entry(call, &right, right.holder->medium, candidate->replaces);
        if (issue_pass(service, call, &issuing->signer, &right, issued, &response->passes[i],
                       &kept->passes[i]) != 0) {
            return -1;
        }
    }
    call->kept_response = &kept->base;
    return 0;
}

/* ---- ReplacePass ---- */

struct replacing {
    struct registry_pass old;
    struct pass_right right;
    struct pass_signer signer;
    Passerelle__V1__Medium medium;
};

int replace_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__ReplacePassRequest *request = (const void *)call->request;
    struct replacing *r = ARENA_NEW(call->arena, struct replacing);
    if (pass_find(service, call, "pass_id", request->pass_id, &r->old) != 0 ||
        pass_check_reason(call, request->reason) != 0) {
        return -1;
    }
    Passerelle__V1__PassState state = pass_state_on(&r->old, day_of_instant(service_now(service)));
    if (state != PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "pass %s is %s: only an active pass is replaced (resume it, or issue the "
                         "holder a new one)",
                         request->pass_id, pass_state_word(state));
    }
    r->medium = request->medium == PASSERELLE__V1__MEDIUM__MEDIUM_UNSPECIFIED
                    ? r->old.issued->medium
                    : request->medium;
    if (r->medium != PASSERELLE__V1__MEDIUM__MEDIUM_PHONE &&
        r->medium != PASSERELLE__V1__MEDIUM__MEDIUM_CARD) {
        return call_violation(call, "medium", "say phone or card");
    }
    if (!pass_right_read(service, call->arena, view_of(r->old.issued->holder_id), &r->right)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the holder of this pass, its plan or its employer is not there");
    }
    call->decision = r;
    return pass_signer_find(service, call, &r->signer);
}

int replace_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__ReplacePassRequest *request = (const void *)call->request;
    const struct replacing *r = call->decision;
    struct view reason_hash = journal_reason(service, call, request->reason);
    if (reason_hash.len > 0) {
        Passerelle__V1__PassStateSet set = PASSERELLE__V1__PASS_STATE_SET__INIT;
        set.pass_id = r->old.issued->pass_id;
        set.state = PASSERELLE__V1__PASS_STATE__PASS_STATE_REVOKED;
        set.reason_hash = wire_bytes(reason_hash);
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_STATE_SET, &set.base);
    }
    Passerelle__V1__PassIssued *issued =
        issued_entry(call, &r->right, r->medium, pass_bytes(r->old.issued->pass_id));
    Passerelle__V1__ReplacePassResponse *response = call_respond(call);
    Passerelle__V1__ReplacePassResponse *kept = wire_new(call->arena, call->method->output);
    call->kept_response = &kept->base;
    return issue_pass(service, call, &r->signer, &r->right, issued, &response->pass, &kept->pass);
}
