#include "service/sync/as_witness.h"

#include "base/text.h"
#include "service/keyring.h"
#include "wire/pack.h"

enum { LOGS_MAX = 1000, KEYS_MAX = 8 };

#define TEXT_TYPE "text/plain; charset=utf-8"

/* ---- what is known of a log ---- */

struct known {
    struct witness_log log;
    struct note_key keys[KEYS_MAX];
    struct view note;
    bool contradicted;
};

DB_SQL(select_log, "SELECT origin, verifier_keys, size, root, note, cosigned_utc_ms, "
                   "contradiction, contradicted FROM witnessed_log WHERE origin = :origin");

static struct query *find_row(struct service *service, struct view origin)
{
    struct query *query = db_query(service->db, &select_log);
    query_bind_text(query, "origin", origin);
    return query_next(query) ? query : NULL;
}

/* False when it is not witnessed. */
static bool find_log(struct service *service, struct arena *arena, struct view origin,
                     struct known *out)
{
    struct query *query = find_row(service, origin);
    if (query == NULL) {
        return false;
    }
    struct view rest = query_text(query, 1);
    struct view line;
    while (out->log.count < KEYS_MAX && view_cut(&rest, '\n', &line)) {
        out->log.count += note_key_parse(line, &out->keys[out->log.count]) == E_OK;
    }
    struct view root = query_blob(query, 3);
    out->log.origin = arena_string(arena, origin);
    out->log.keys = out->keys;
    out->log.size = (uint64_t)query_int(query, 2);
    out->log.root = tree_empty();
    if (root.len == sizeof out->log.root.bytes) {
        memcpy(out->log.root.bytes, root.data, root.len);
    }
    out->note = arena_copy(arena, query_text(query, 4));
    out->contradicted = query_text(query, 6).len > 0;
    query_end(query);
    return out->log.count > 0;
}

/* ---- AddCheckpoint ---- */

struct testimony {
    struct known known;
    struct witness_request request;
    struct witness_answer answer;
};

static void look(struct service *service, struct arena *arena, struct view body,
                 struct testimony *out)
{
    if (witness_request_parse(body, &out->request) != E_OK) {
        out->answer = (struct witness_answer){
            .status = WITNESS_BAD_REQUEST,
            .why = "the body is not the old size, a proof, an empty line and a checkpoint"};
        return;
    }
    bool found = find_log(service, arena, out->request.origin, &out->known);
    witness_decide(&out->request, found ? &out->known.log : NULL, &out->answer);
}

void as_witness_look(struct service *service, struct arena *arena, struct view body,
                     struct witness_answer *out)
{
    struct testimony *testimony = ARENA_NEW(arena, struct testimony);
    look(service, arena, body, testimony);
    *out = testimony->answer;
}

void as_witness_refuse(const struct witness_answer *answer, struct arena *arena,
                       Passerelle__V1__AddCheckpointResponse *response)
{
    struct buf body = BUF_INIT;
    bool size = answer->status == WITNESS_OTHER_SIZE;
    if (size) {
        witness_size_format(answer->recorded_size, &body);
    } else {
        buf_printf(&body, "%s\n", answer->why);
    }
    response->status = answer->status;
    response->body = wire_string(arena, buf_content(&body));
    response->content_type =
        wire_string(arena, size ? VIEW_LIT(WITNESS_SIZE_TYPE) : VIEW_LIT(TEXT_TYPE));
    buf_release(&body);
}

int add_checkpoint_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__AddCheckpointRequest *request = (const void *)call->request;
    struct testimony *testimony = ARENA_NEW(call->arena, struct testimony);
    look(service, call->arena, wire_view(request->body), testimony);
    call->decision = testimony;
    return 0;
}

static int witness_key(struct service *service, bool make, struct note_key *key,
                       const struct ed25519_key **secret, struct fault *fault)
{
    char name[NOTE_NAME_MAX + 1];
    int err = keyring_witness(service->node->keys, make, secret, fault);
    if (err == E_OK) {
        snprintf(name, sizeof name, "passerelle.example/%s/witness", service->node->network_id);
        err = note_key_init(key, view_of(name), NOTE_COSIGNATURE, (*secret)->public_key);
    }
    return err;
}

/* The checkpoint as the log's keys signed it: whoever brought it may have added lines. */
static void add_signed(const struct testimony *testimony, struct buf *out)
{
    struct note note;
    const struct witness_log *log = &testimony->known.log;
    if (note_parse(testimony->request.checkpoint, &note) == E_OK) {
        note_of_keys(&note, log->keys, log->count, out);
    }
}

DB_SQL(put_cosigned, "UPDATE witnessed_log SET size = :size, root = :root, note = :note, "
                     "cosigned_utc_ms = :utc_ms WHERE origin = :origin");

/* Recorded in the transaction whose end lets the answer leave. */
static int cosign(struct service *service, struct call *call, const struct testimony *testimony,
                  Passerelle__V1__AddCheckpointResponse *response)
{
    const struct witness_answer *answer = &testimony->answer;
    const struct ed25519_key *secret;
    struct note_key key;
    struct fault fault = FAULT_NONE;
    if (witness_key(service, true, &key, &secret, &fault) != E_OK) {
        return call_fail_with(call, &fault);
    }
    struct buf lines = BUF_INIT, note = BUF_INIT;
    int64_t utc_ms = env_real_utc_ms(service->node->env);
    checkpoint_cosign(&lines, answer->text, &key, secret, (uint64_t)(utc_ms / 1000));
    add_signed(testimony, &note);
    buf_view(&note, buf_content(&lines));
    struct query *query = db_query(service->db, &put_cosigned);
    query_bind_int(query, "size", (int64_t)answer->head.size);
    query_bind_blob(query, "root", view_bytes(&answer->head.root, sizeof answer->head.root));
    query_bind_text(query, "note", buf_content(&note));
    query_bind_int(query, "utc_ms", utc_ms);
    query_bind_text(query, "origin", view_of(answer->head.origin));
    query_run(query);
    response->status = WITNESS_COSIGN;
    response->body = wire_string(call->arena, buf_content(&lines));
    response->content_type = wire_string(call->arena, VIEW_LIT(TEXT_TYPE));
    buf_release(&lines);
    buf_release(&note);
    return 0;
}

DB_SQL(put_contradiction, "UPDATE witnessed_log SET contradiction = :contradiction, "
                          "contradicted = note WHERE origin = :origin AND contradiction = ''");

/* The first one is kept, and told. */
static void keep_contradiction(struct service *service, const struct testimony *testimony)
{
    if (testimony->known.contradicted) {
        return;
    }
    struct buf note = BUF_INIT;
    add_signed(testimony, &note);
    struct query *query = db_query(service->db, &put_contradiction);
    query_bind_text(query, "contradiction", buf_content(&note));
    query_bind_text(query, "origin", view_of(testimony->answer.head.origin));
    query_run(query);
    buf_release(&note);
    log_event(service->node->log, LOG_ERROR, "log_contradicts_itself",
              LOG_S("origin", testimony->answer.head.origin),
              LOG_N("size", testimony->answer.head.size),
              LOG_S("todo", "passerelle witness list --json has both checkpoints"));
}

int add_checkpoint_apply(struct service *service, struct call *call)
{
    const struct testimony *testimony = call->decision;
    Passerelle__V1__AddCheckpointResponse *response = call_respond(call);
    if (testimony->answer.status == WITNESS_COSIGN) {
        return cosign(service, call, testimony, response);
    }
    if (testimony->answer.contradicts) {
        keep_contradiction(service, testimony);
    }
    as_witness_refuse(&testimony->answer, call->arena, response);
    return 0;
}

/* ---- PutWitnessedLog, ListWitnessedLogs ---- */

DB_SQL(count_logs, "SELECT COUNT(*) FROM witnessed_log");

static bool is_full(struct service *service)
{
    struct query *query = db_query(service->db, &count_logs);
    bool full = query_next(query) && query_int(query, 0) >= LOGS_MAX;
    query_end(query);
    return full;
}

int put_witnessed_log_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PutWitnessedLogRequest *request = (const void *)call->request;
    struct view origin = view_of(request->origin);
    struct note_key key;
    if (origin.len == 0 || origin.len > NOTE_NAME_MAX || !text_is_printable(origin)) {
        return call_violation(call, "origin", "give the first line of the log's checkpoints");
    }
    if (request->n_verifier_keys > KEYS_MAX) {
        return call_violation(call, "verifier_keys", "at most %d keys", KEYS_MAX);
    }
    for (size_t i = 0; i < request->n_verifier_keys; i++) {
        struct view vkey = view_of(request->verifier_keys[i]);
        if (note_key_parse(vkey, &key) != E_OK || key.type != NOTE_ED25519) {
            return call_violation(call, "verifier_keys",
                                  "\"%.*s\" is not the key with which a log signs (C2SP vkey, "
                                  "Ed25519): was it cut short?",
                                  VIEW_FMT(vkey));
        }
    }
    struct query *query = find_row(service, origin);
    bool there = query != NULL;
    if (there) {
        query_end(query);
    }
    if (!there && request->n_verifier_keys == 0) {
        return call_fail(call, CODE_NOT_FOUND,
                         "no log \"%s\" is witnessed: passerelle witness list shows which are",
                         request->origin);
    }
    if (!there && is_full(service)) {
        return call_fail(call, CODE_FAILED_PRECONDITION, "this hub witnesses at most %d logs",
                         LOGS_MAX);
    }
    return 0;
}

DB_SQL(put_log, "INSERT INTO witnessed_log (origin, verifier_keys, size, root, note, "
                "cosigned_utc_ms, contradiction, contradicted) VALUES (:origin, :keys, 0, :root, "
                "'', 0, '', '') ON CONFLICT (origin) DO UPDATE SET "
                "verifier_keys = excluded.verifier_keys");

static Passerelle__V1__WitnessedLog *describe(struct arena *arena, const struct query *row)
{
    Passerelle__V1__WitnessedLog *log = wire_new(arena, &passerelle__v1__witnessed_log__descriptor);
    struct view rest = query_text(row, 1);
    struct view line;
    log->origin = wire_string(arena, query_text(row, 0));
    log->verifier_keys = ARENA_ARRAY(arena, KEYS_MAX, char *);
    while (log->n_verifier_keys < KEYS_MAX && view_cut(&rest, '\n', &line)) {
        if (line.len > 0) {
            log->verifier_keys[log->n_verifier_keys++] = wire_string(arena, line);
        }
    }
    log->size = (uint64_t)query_int(row, 2);
    log->checkpoint = wire_string(arena, query_text(row, 4));
    log->cosigned_utc_ms = query_int(row, 5);
    if (query_text(row, 6).len > 0) {
        log->contradiction = ARENA_ARRAY(arena, 2, char *);
        log->n_contradiction = 2;
        log->contradiction[0] = wire_string(arena, query_text(row, 7));
        log->contradiction[1] = wire_string(arena, query_text(row, 6));
    }
    return log;
}

int put_witnessed_log_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PutWitnessedLogRequest *request = (const void *)call->request;
    Passerelle__V1__PutWitnessedLogResponse *response = call_respond(call);
    const struct ed25519_key *secret;
    struct note_key key;
    struct fault fault = FAULT_NONE;
    struct tree_hash root = tree_empty();
    struct buf keys = BUF_INIT;
    if (witness_key(service, true, &key, &secret, &fault) != E_OK) {
        return call_fail_with(call, &fault);
    }
    for (size_t i = 0; i < request->n_verifier_keys; i++) {
        buf_printf(&keys, "%s%s", i == 0 ? "" : "\n", request->verifier_keys[i]);
    }
    struct query *query = db_query(service->db, &put_log);
    query_bind_text(query, "origin", view_of(request->origin));
    query_bind_text(query, "keys", buf_content(&keys));
    query_bind_blob(query, "root", view_bytes(&root, sizeof root));
    query_run(query);
    query = find_row(service, view_of(request->origin));
    if (query != NULL) {
        response->log = describe(call->arena, query);
        query_end(query);
    }
    buf_release(&keys);
    return 0;
}

DB_SQL(select_logs, "SELECT origin, verifier_keys, size, root, note, cosigned_utc_ms, "
                    "contradiction, contradicted FROM witnessed_log ORDER BY origin");

bool as_witness_monitored(struct service *service, struct view origin_sha256, struct buf *note)
{
    uint8_t wanted[SHA256_LEN], hash[SHA256_LEN];
    if (text_from_hex(origin_sha256, wanted, sizeof wanted) != E_OK) {
        return false;
    }
    struct query *query = db_query(service->db, &select_logs);
    while (query_next(query)) {
        sha256(query_text(query, 0), hash);
        if (memcmp(hash, wanted, sizeof hash) == 0 && query_int(query, 2) > 0) {
            buf_view(note, query_text(query, 4));
            query_end(query);
            return true;
        }
    }
    return false;
}

int list_witnessed_logs(struct service *service, struct call *call)
{
    Passerelle__V1__ListWitnessedLogsResponse *response = call_respond(call);
    const struct ed25519_key *secret;
    struct note_key key;
    struct fault fault = FAULT_NONE;
    if (witness_key(service, false, &key, &secret, &fault) == E_OK) {
        struct buf vkey = BUF_INIT;
        note_key_format(&key, &vkey);
        response->verifier_key = wire_string(call->arena, buf_content(&vkey));
        buf_release(&vkey);
    }
    response->logs = ARENA_ARRAY(call->arena, LOGS_MAX, Passerelle__V1__WitnessedLog *);
    struct query *query = db_query(service->db, &select_logs);
    while (response->n_logs < LOGS_MAX && query_next(query)) {
        response->logs[response->n_logs++] = describe(call->arena, query);
    }
    query_end(query);
    return 0;
}
