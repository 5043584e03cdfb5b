#include "store/request/request.h"

#include <assert.h>

#include "crypt/sha256.h"

DB_SQL(sql_find, "SELECT digest, answer FROM request WHERE request_key = :request_key");
DB_SQL(sql_put, "INSERT INTO request (request_id, request_key, digest, answer, at_utc_ms)"
                " VALUES ((SELECT coalesce(max(request_id), 0) + 1 FROM request),"
                " :request_key, :digest, :answer, :at_utc_ms)");
/* Ids rise with time: the walk stops at the first that is too young. */
DB_SQL(sql_oldest, "SELECT request_id, at_utc_ms FROM request ORDER BY request_id LIMIT :count");
DB_SQL(sql_forget, "DELETE FROM request WHERE request_id <= :last");

static void hash_pair(struct view first, struct view second, uint8_t out[static SHA256_LEN])
{
    struct sha256 hash;
    assert(view_find(first, '\0') == first.len);
    sha256_init(&hash);
    sha256_add(&hash, first.data, first.len);
    sha256_add(&hash, "\0", 1);
    sha256_add(&hash, second.data, second.len);
    sha256_end(&hash, out);
}

void request_key_init(struct request_key *key, struct view caller, struct view request_id,
                      struct view method, struct view request_bytes)
{
    static_assert((int)REQUEST_DIGEST_LEN == (int)SHA256_LEN, "a digest is a SHA-256");
    uint8_t whole[SHA256_LEN];
    hash_pair(caller, request_id, whole);
    size_t time = request_id.len < REQUEST_KEY_TIME_LEN ? request_id.len : REQUEST_KEY_TIME_LEN;
    memset(key->key, 0, REQUEST_KEY_TIME_LEN);
    memcpy(key->key, request_id.data, time);
    memcpy(key->key + REQUEST_KEY_TIME_LEN, whole, REQUEST_KEY_LEN - REQUEST_KEY_TIME_LEN);
    hash_pair(method, request_bytes, key->digest);
}

enum request_state request_find(struct db *db, const struct request_key *key, struct arena *arena,
                                struct view *answer)
{
    enum request_state state = REQUEST_NEW;
    struct query *query = db_query(db, &sql_find);
    query_bind_blob(query, "request_key", view_bytes(key->key, sizeof key->key));
    if (query_next(query)) {
        state = REQUEST_OTHER;
        if (view_equal(query_blob(query, 0), view_bytes(key->digest, sizeof key->digest))) {
            state = REQUEST_SAME;
            *answer = arena_copy(arena, query_blob(query, 1));
        }
    }
    query_end(query);
    return state;
}

void request_put(struct db *db, const struct request_key *key, struct view answer,
                 int64_t now_utc_ms)
{
    struct query *query = db_query(db, &sql_put);
    query_bind_blob(query, "request_key", view_bytes(key->key, sizeof key->key));
    query_bind_blob(query, "digest", view_bytes(key->digest, sizeof key->digest));
    query_bind_blob(query, "answer", answer);
    query_bind_int(query, "at_utc_ms", now_utc_ms);
    query_run(query);
}

int64_t request_forget(struct db *db, int64_t before_utc_ms, int64_t count)
{
    int64_t last = 0;
    struct query *query = db_query(db, &sql_oldest);
    query_bind_int(query, "count", count);
    while (query_next(query) && query_int(query, 1) < before_utc_ms) {
        last = query_int(query, 0);
    }
    query_end(query);
    if (last == 0) {
        return 0;
    }
    query = db_query(db, &sql_forget);
    query_bind_int(query, "last", last);
    return query_run(query);
}
