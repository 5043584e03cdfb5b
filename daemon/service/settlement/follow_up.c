/* FollowUp: what the policy does by itself about money. Issuers near their exposure limit are
 * warned, and at it cut off; employers that do not pay have their passes suspended, and get them
 * back when they have paid. What takes long is computed on a snapshot; what is written is decided
 * here, from what is recorded now. */
#include "service/journal.h"
#include "service/settlement/exposure.h"
#include "service/settlement/payments.h"
#include "store/view/registry.h"
#include "wire/pack.h"

enum { PASSES_PER_ENTRY = 2000, PASSES_MAX = 1 << 20 };

#define PASS_STATE(name) PASSERELLE__V1__PASS_STATE__PASS_STATE_##name

struct passes {
    const char *employer_id;
    const char *payment_id; /* suspended for it; NULL: given back */
    bool begins;            /* or ends: not only passes that came since */
    struct view *ids;
    size_t count, alloc;
};

struct follow_up {
    Passerelle__V1__Exposure **owed; /* computed */
    size_t owed_count;
    Passerelle__V1__Exposure **changed; /* with their new level */
    size_t changed_count;
    struct passes *employers;
    size_t employer_count;
};

/* ---- on a snapshot ---- */

static int owed_compute(struct service *service, struct call *call, struct follow_up **out)
{
    struct follow_up *f = ARENA_NEW(call->arena, struct follow_up);
    f->owed_count = exposure_recorded(service->db, call->arena, &f->owed);
    *out = f;
    return exposure_compute(service, call, f->owed, f->owed_count);
}

void follow_up_precompute(struct service *service, struct call *call)
{
    struct call look = *call;
    struct follow_up *f;
    struct fault fault = FAULT_NONE;
    if (owed_compute(service, &look, &f) == 0 && db_error(service->db, &fault) == E_OK) {
        call->prepared = f;
    }
}

/* ---- issuers ---- */

static void levels_decide(struct service *service, struct call *call, struct follow_up *f)
{
    const Passerelle__V1__NetworkPolicy *policy = registry_policy(service->db, call->arena);
    Passerelle__V1__Exposure **recorded;
    size_t count = exposure_recorded(service->db, call->arena, &recorded);
    f->changed = ARENA_ARRAY(call->arena, count, Passerelle__V1__Exposure *);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < f->owed_count; k++) {
            Passerelle__V1__Exposure *owed = f->owed[k];
            if (strcmp(recorded[i]->member_id, owed->member_id) != 0) {
                continue; /* its limit is new: next time */
            }
            owed->limit_cents = recorded[i]->limit_cents;
            owed->level = exposure_level(policy, owed->owed_cents, owed->limit_cents);
            if (owed->level != recorded[i]->level) {
                f->changed[f->changed_count++] = owed;
            }
        }
    }
}

static void levels_append(struct service *service, struct call *call, const struct follow_up *f)
{
    for (size_t i = 0; i < f->changed_count; i++) {
        Passerelle__V1__Exposure *owed = f->changed[i];
        Passerelle__V1__IssuerExposed exposed = PASSERELLE__V1__ISSUER_EXPOSED__INIT;
        exposed.member_id = owed->member_id;
        exposed.level = owed->level;
        exposed.owed_cents = owed->owed_cents;
        exposed.limit_cents = owed->limit_cents;
        owed->since_utc_ms = service_now(service);
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_ISSUER_EXPOSED, &exposed.base);
    }
}

/* ---- employers ---- */

DB_SQL(select_suspensions, "SELECT employer_id FROM employer_suspension ORDER BY employer_id");
DB_SQL(count_suspensions, "SELECT COUNT(*) FROM employer_suspension");
DB_SQL(select_suspended, "SELECT pass_id FROM suspended_pass WHERE employer_id = :employer_id "
                         "ORDER BY pass_id");
DB_SQL(select_is_suspended, "SELECT 1 FROM suspended_pass WHERE pass_id = :pass_id");
DB_SQL(select_suspension, "SELECT 1 FROM employer_suspension WHERE employer_id = :employer_id");

static bool row_is_there(struct query *query)
{
    bool found = query_next(query);
    query_end(query);
    return found;
}

static void pass_add(struct call *call, struct passes *passes, struct view id)
{
    if (passes->count == passes->alloc) {
        size_t alloc = 2 * passes->alloc + 16;
        struct view *more = ARENA_ARRAY(call->arena, alloc, struct view);
        if (passes->count > 0) {
            memcpy(more, passes->ids, passes->count * sizeof *more);
        }
        passes->ids = more;
        passes->alloc = alloc;
    }
    passes->ids[passes->count++] = arena_copy(call->arena, id);
}

struct walking {
    struct call *call;
    struct passes *passes;
};

static bool active_take(void *context, const struct registry_pass *pass)
{
    struct walking *walking = context;
    if (pass->state == PASS_STATE(ACTIVE) && pass->replaced_by.len == 0) {
        pass_add(walking->call, walking->passes, wire_view(pass->issued->pass_id));
    }
    return true;
}

/* The passes that are active, but for those that were suspended before: somebody gave them back. */
static void active_find(struct service *service, struct call *call, struct passes *passes)
{
    struct passes all = {0};
    struct walking walking = {call, &all};
    struct registry_pass_filter filter = {.employer_id = view_of(passes->employer_id),
                                          .limit = PASSES_MAX};
    registry_walk_passes(service->db, &filter, active_take, &walking);
    for (size_t i = 0; i < all.count; i++) {
        struct query *query = db_query(service->db, &select_is_suspended);
        query_bind_blob(query, "pass_id", all.ids[i]);
        if (!row_is_there(query)) {
            pass_add(call, passes, all.ids[i]);
        }
    }
}

/* The passes that were suspended, and still are. */
static void suspended_find(struct service *service, struct call *call, struct passes *passes)
{
    struct passes all = {0};
    struct query *query = db_query(service->db, &select_suspended);
    query_bind_text(query, "employer_id", view_of(passes->employer_id));
    while (query_next(query)) {
        pass_add(call, &all, query_blob(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < all.count; i++) {
        struct registry_pass pass;
        if (registry_pass(service->db, call->arena, all.ids[i], &pass) &&
            pass.state == PASS_STATE(SUSPENDED)) {
            pass_add(call, passes, all.ids[i]);
        }
    }
}

static bool is_named(const struct follow_up *f, const char *employer_id)
{
    for (size_t i = 0; i < f->employer_count; i++) {
        if (f->employers[i].payment_id != NULL &&
            strcmp(f->employers[i].employer_id, employer_id) == 0) {
            return true;
        }
    }
    return false;
}

/* A debit that is on its way is no reason: the bank has not spoken. */
static void suspend_decide(struct service *service, struct call *call, struct follow_up *f,
                           const struct overdue *all, size_t count, uint32_t days)
{
    for (size_t i = 0; i < count; i++) {
        const Passerelle__V1__Payment *told = all[i].payment.told;
        if (days == 0 || all[i].days_late <= (int)days || told->state == PAYMENT_STATE(SENT) ||
            is_named(f, told->from_id)) {
            continue;
        }
        struct query *query = db_query(service->db, &select_suspension);
        query_bind_text(query, "employer_id", view_of(told->from_id));
        struct passes *passes = &f->employers[f->employer_count++];
        *passes = (struct passes){.employer_id = told->from_id,
                                  .payment_id = told->payment_id,
                                  .begins = !row_is_there(query)};
        active_find(service, call, passes);
    }
}

static void resume_decide(struct service *service, struct call *call, struct follow_up *f,
                          size_t max)
{
    struct query *query = db_query(service->db, &select_suspensions);
    const char **ids = ARENA_ARRAY(call->arena, max, const char *);
    size_t count = 0;
    while (count < max && query_next(query)) {
        ids[count++] = arena_string(call->arena, query_text(query, 0));
    }
    query_end(query);
    for (size_t i = 0; i < count; i++) {
        if (!is_named(f, ids[i])) {
            struct passes *passes = &f->employers[f->employer_count++];
            *passes = (struct passes){.employer_id = ids[i], .begins = true};
            suspended_find(service, call, passes);
        }
    }
}

int follow_up_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__NetworkPolicy *policy = registry_policy(service->db, call->arena);
    struct follow_up *f = call->prepared;
    struct overdue *overdue;
    size_t overdue_count;
    if ((f == NULL && owed_compute(service, call, &f) != 0) ||
        overdue_load(service, call, &overdue, &overdue_count) != 0) {
        return -1;
    }
    struct query *query = db_query(service->db, &count_suspensions);
    size_t suspensions = query_next(query) ? (size_t)query_int(query, 0) : 0;
    query_end(query);
    f->employers = ARENA_ARRAY(call->arena, overdue_count + suspensions, struct passes);
    levels_decide(service, call, f);
    suspend_decide(service, call, f, overdue, overdue_count, policy->suspend_overdue_days);
    resume_decide(service, call, f, suspensions);
    call->decision = f;
    return 0;
}

/* ---- apply ---- */

static void passes_append(struct service *service, struct call *call, const struct passes *passes)
{
    bool suspended = passes->payment_id != NULL;
    struct view reason = VIEW_NONE;
    for (size_t i = 0; i < passes->count; i++) {
        if (i == 0) {
            reason = journal_reason(service, call,
                                    suspended ? arena_printf(call->arena,
                                                             "facture %s impay\xc3\xa9"
                                                             "e / invoice %s is not paid",
                                                             passes->payment_id, passes->payment_id)
                                              : "facture pay\xc3\xa9"
                                                "e / the invoice is paid");
        }
        Passerelle__V1__PassStateSet set = PASSERELLE__V1__PASS_STATE_SET__INIT;
        set.pass_id = wire_bytes(passes->ids[i]);
        set.state = suspended ? PASS_STATE(SUSPENDED) : PASS_STATE(ACTIVE);
        set.reason_hash = wire_bytes(reason);
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_STATE_SET, &set.base);
    }
    size_t first = 0;
    do { /* once at least when it begins or ends */
        size_t left = passes->count - first;
        Passerelle__V1__EmployerSuspended entry = PASSERELLE__V1__EMPLOYER_SUSPENDED__INIT;
        entry.employer_id = arena_string(call->arena, view_of(passes->employer_id));
        entry.suspended = suspended;
        entry.payment_id = wire_string(call->arena, view_of(passes->payment_id));
        entry.n_pass_ids = left < PASSES_PER_ENTRY ? left : PASSES_PER_ENTRY;
        entry.pass_ids = ARENA_ARRAY(call->arena, entry.n_pass_ids, ProtobufCBinaryData);
        for (size_t i = 0; i < entry.n_pass_ids; i++) {
            entry.pass_ids[i] = wire_bytes(passes->ids[first + i]);
        }
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_EMPLOYER_SUSPENDED, &entry.base);
        first += entry.n_pass_ids;
    } while (first < passes->count);
}

int follow_up_apply(struct service *service, struct call *call)
{
    const struct follow_up *f = call->decision;
    Passerelle__V1__FollowUpResponse *response = call_respond(call);
    levels_append(service, call, f);
    response->issuers = f->changed;
    response->n_issuers = f->changed_count;
    response->suspended_employer_ids = ARENA_ARRAY(call->arena, f->employer_count, char *);
    response->resumed_employer_ids = ARENA_ARRAY(call->arena, f->employer_count, char *);
    for (size_t i = 0; i < f->employer_count; i++) {
        const struct passes *passes = &f->employers[i];
        char *id = arena_string(call->arena, view_of(passes->employer_id));
        if (!passes->begins && passes->count == 0) {
            continue; /* suspended before, and nothing came since */
        }
        passes_append(service, call, passes);
        response->passes += (uint32_t)passes->count;
        if (passes->payment_id == NULL) {
            response->resumed_employer_ids[response->n_resumed_employer_ids++] = id;
        } else if (passes->begins) {
            response->suspended_employer_ids[response->n_suspended_employer_ids++] = id;
        }
    }
    return 0;
}

DB_SQL(select_any, "SELECT 1 FROM exposure UNION ALL SELECT 1 FROM employer_suspension LIMIT 1");

bool follow_up_is_wanted(struct service *service)
{
    struct arena arena = ARENA_INIT;
    bool wanted = registry_policy(service->db, &arena)->suspend_overdue_days > 0 ||
                  row_is_there(db_query(service->db, &select_any));
    arena_release(&arena);
    return wanted;
}
