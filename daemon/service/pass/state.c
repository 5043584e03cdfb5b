/* SuspendPasses, ResumePasses, RevokePasses: one table of moves, all or nothing. */
#include "passerelle/v1/entries.pb-c.h"
#include "service/journal.h"
#include "service/pass/internal.h"
#include "wire/pack.h"

#define STATE(name) PASSERELLE__V1__PASS_STATE__PASS_STATE_##name

enum move { MOVE_REFUSED, MOVE_NONE, MOVE_DONE };

/* From the state that counts today (rows) to the wanted one. */
static const enum move moves[][STATE(EXPIRED)] = {
    [STATE(ACTIVE)] = {[STATE(SUSPENDED)] = MOVE_DONE,
                       [STATE(ACTIVE)] = MOVE_NONE,
                       [STATE(REVOKED)] = MOVE_DONE},
    [STATE(SUSPENDED)] = {[STATE(SUSPENDED)] = MOVE_NONE,
                          [STATE(ACTIVE)] = MOVE_DONE,
                          [STATE(REVOKED)] = MOVE_DONE},
    [STATE(REVOKED)] = {[STATE(REVOKED)] = MOVE_NONE},
    [STATE(EXPIRED)] = {[STATE(REVOKED)] = MOVE_DONE},
};

struct moving {
    Passerelle__V1__PassState to;
    const char *reason;
    struct view *pass_ids;
    size_t count;
};

static int by_bytes(const void *a, const void *b)
{
    return view_compare(*(const struct view *)a, *(const struct view *)b);
}

static int decide(struct service *service, struct call *call, char **pass_ids, size_t count,
                  const char *reason, Passerelle__V1__PassState to)
{
    if (count == 0 || count > PASS_IDS_MAX) {
        return call_violation(call, "pass_ids", "name 1 to %d passes", PASS_IDS_MAX);
    }
    if (pass_check_reason(call, reason) != 0) {
        return -1;
    }
    struct day today = day_of_instant(service_now(service));
    struct moving *moving = ARENA_NEW(call->arena, struct moving);
    *moving = (struct moving){
        .to = to, .reason = reason, .pass_ids = ARENA_ARRAY(call->arena, count, struct view)};
    for (size_t i = 0; i < count; i++) {
        struct registry_pass pass;
        char field[32];
        snprintf(field, sizeof field, "pass_ids[%zu]", i);
        if (pass_find(service, call, field, pass_ids[i], &pass) != 0) {
            return -1;
        }
        Passerelle__V1__PassState from = pass_state_on(&pass, today);
        enum move move = (size_t)from < ARRAY_LEN(moves) ? moves[from][to] : MOVE_REFUSED;
        if (move == MOVE_REFUSED) {
            return call_fail(call, CODE_FAILED_PRECONDITION,
                             "%s: pass %s is %s and cannot become %s; no pass was changed", field,
                             pass_ids[i], pass_state_word(from), pass_state_word(to));
        }
        if (move == MOVE_DONE) {
            moving->pass_ids[moving->count++] = pass_bytes(pass.issued->pass_id);
        }
    }
    qsort(moving->pass_ids, moving->count, sizeof *moving->pass_ids, by_bytes);
    call->decision = moving;
    return 0;
}

#define DECIDES(function, message, state)                                                          \
    int function(struct service *service, struct call *call)                                       \
    {                                                                                              \
        const message *request = (const void *)call->request;                                      \
        return decide(service, call, request->pass_ids, request->n_pass_ids, request->reason,      \
                      state);                                                                      \
    }
DECIDES(suspend_decide, Passerelle__V1__SuspendPassesRequest, STATE(SUSPENDED))
DECIDES(resume_decide, Passerelle__V1__ResumePassesRequest, STATE(ACTIVE))
DECIDES(revoke_decide, Passerelle__V1__RevokePassesRequest, STATE(REVOKED))

static void answer(struct call *call, Passerelle__V1__PassState to, uint32_t changed)
{
    void *response = call_respond(call);
    if (to == STATE(SUSPENDED)) {
        ((Passerelle__V1__SuspendPassesResponse *)response)->changed = changed;
    } else if (to == STATE(ACTIVE)) {
        ((Passerelle__V1__ResumePassesResponse *)response)->changed = changed;
    } else {
        ((Passerelle__V1__RevokePassesResponse *)response)->changed = changed;
    }
}

int moves_apply(struct service *service, struct call *call)
{
    const struct moving *moving = call->decision;
    struct view reason_hash = VIEW_NONE;
    uint32_t changed = 0;
    for (size_t i = 0; i < moving->count; i++) {
        if (i > 0 && view_equal(moving->pass_ids[i], moving->pass_ids[i - 1])) {
            continue;
        }
        if (changed == 0) {
            reason_hash = journal_reason(service, call, moving->reason);
        }
        Passerelle__V1__PassStateSet set = PASSERELLE__V1__PASS_STATE_SET__INIT;
        set.pass_id = wire_bytes(moving->pass_ids[i]);
        set.state = moving->to;
        set.reason_hash = wire_bytes(reason_hash);
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_NET),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_STATE_SET, &set.base);
        if (moving->to == STATE(REVOKED)) {
            code_forget(service->db, moving->pass_ids[i]);
        }
        changed++;
    }
    answer(call, moving->to, changed);
    return 0;
}
