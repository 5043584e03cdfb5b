/* Local truth of activation: one-time codes, hashed, and the last refresh of each pass. */
#include "service/pass/internal.h"

DB_SQL(put_code, "INSERT INTO activation (pass_id, code_hash, expires_utc_ms) "
                 "VALUES (:pass_id, :code_hash, :expires_utc_ms) ON CONFLICT (pass_id) DO UPDATE "
                 "SET code_hash = excluded.code_hash, expires_utc_ms = excluded.expires_utc_ms");
DB_SQL(find_code, "SELECT pass_id, expires_utc_ms FROM activation WHERE code_hash = :code_hash");
DB_SQL(forget_code, "DELETE FROM activation WHERE pass_id = :pass_id");

int64_t code_renew(struct service *service, struct view pass_id, struct one_time_code *code)
{
    one_time_code_make(code, service->node->env);
    int64_t expires_utc_ms = service_now(service) + PASS_ACTIVATION_MS;
    struct query *query = db_query(service->db, &put_code);
    query_bind_blob(query, "pass_id", pass_id);
    query_bind_blob(query, "code_hash", view_bytes(code->hash, sizeof code->hash));
    query_bind_int(query, "expires_utc_ms", expires_utc_ms);
    query_run(query);
    return expires_utc_ms;
}

bool code_find(struct db *db, struct arena *arena, const struct one_time_code *code,
               struct view *pass_id, int64_t *expires_utc_ms)
{
    struct query *query = db_query(db, &find_code);
    query_bind_blob(query, "code_hash", view_bytes(code->hash, sizeof code->hash));
    if (!query_next(query)) {
        return false;
    }
    *pass_id = arena_copy(arena, query_blob(query, 0));
    *expires_utc_ms = query_int(query, 1);
    query_end(query);
    return true;
}

void code_forget(struct db *db, struct view pass_id)
{
    struct query *query = db_query(db, &forget_code);
    query_bind_blob(query, "pass_id", pass_id);
    query_run(query);
}

DB_SQL(find_refresh, "SELECT proof_utc_s FROM pass_refresh WHERE pass_id = :pass_id");
DB_SQL(put_refresh, "INSERT INTO pass_refresh (pass_id, proof_utc_s) "
                    "VALUES (:pass_id, :proof_utc_s) ON CONFLICT (pass_id) DO UPDATE "
                    "SET proof_utc_s = excluded.proof_utc_s");

int64_t refresh_last(struct db *db, struct view pass_id)
{
    struct query *query = db_query(db, &find_refresh);
    query_bind_blob(query, "pass_id", pass_id);
    if (!query_next(query)) {
        return -1;
    }
    int64_t proof_utc_s = query_int(query, 0);
    query_end(query);
    return proof_utc_s;
}

void refresh_note(struct db *db, struct view pass_id, int64_t proof_utc_s)
{
    struct query *query = db_query(db, &put_refresh);
    query_bind_blob(query, "pass_id", pass_id);
    query_bind_int(query, "proof_utc_s", proof_utc_s);
    query_run(query);
}
