#include "service/sync/witnessed.h"

#include "core/merkle/cosignature.h"
#include "core/merkle/witness.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/journal.h"
#include "wire/pack.h"

/* ---- asking ---- */

DB_SQL(select_cursor, "SELECT size FROM witness_cursor WHERE origin = :origin "
                      "AND verifier_key = :verifier_key");

static uint64_t cursor_of(struct db *db, const char *origin, struct view verifier_key)
{
    uint64_t size = 0;
    struct query *query = db_query(db, &select_cursor);
    query_bind_text(query, "origin", view_of(origin));
    query_bind_text(query, "verifier_key", verifier_key);
    if (query_next(query)) {
        size = (uint64_t)query_int(query, 0);
        query_end(query);
    }
    return size;
}

bool witnessed_next(struct service *service, struct view verifier_key, int64_t after,
                    struct witnessed_due *out)
{
    struct query *list = feed_list(service->db);
    while (feed_list_next(list, &out->feed)) {
        if (out->feed.no <= after || !journal_keeps(service, view_of(out->feed.name))) {
            continue;
        }
        out->size = feed_head(service->db, out->feed.no).size;
        out->old_size = cursor_of(service->db, out->feed.origin, verifier_key);
        if (out->size > out->old_size) {
            query_end(list);
            return true;
        }
    }
    return false;
}

int witnessed_request(struct service *service, const struct feed_id *feed, uint64_t old_size,
                      struct view checkpoint, struct buf *body)
{
    struct note note;
    struct checkpoint head;
    struct witness_request request = {.old_size = old_size, .checkpoint = checkpoint};
    int err = note_parse(checkpoint, &note);
    err = err != E_OK ? err : checkpoint_parse(note.text, &head);
    if (err == E_OK && old_size > head.size) {
        err = E_INVALID;
    }
    if (err == E_OK && old_size > 0) { /* the proof that extends the empty tree is empty */
        err = feed_consistency(service->db, feed->no, old_size, head.size, &request.proof);
    }
    if (err == E_OK) {
        witness_request_format(&request, body);
        err = buf_error(body);
    }
    return err;
}

enum witnessed_result witnessed_judge(int status, struct view content_type, struct view body,
                                      uint64_t *size)
{
    switch (status) {
    case WITNESS_COSIGN:
        return WITNESSED_COSIGNED;
    case WITNESS_OTHER_SIZE:
        return view_is_nocase(content_type, WITNESS_SIZE_TYPE) &&
                       witness_size_parse(body, size) == E_OK
                   ? WITNESSED_OTHER_SIZE
                   : WITNESSED_REFUSED;
    case WITNESS_BAD_REQUEST:
    case WITNESS_NOT_SIGNED:
    case WITNESS_UNKNOWN_LOG:
    case WITNESS_INCONSISTENT:
        return WITNESSED_REFUSED;
    default:
        return WITNESSED_LATER;
    }
}

/* ---- keeping ---- */

DB_SQL(select_witnessed, "SELECT size, note FROM witnessed_feed WHERE feed_no = :feed_no");

/* The row of the feed, unless it is of an earlier origin. */
static struct query *find_witnessed(struct db *db, const struct feed_id *feed)
{
    struct query *query = db_query(db, &select_witnessed);
    query_bind_int(query, "feed_no", feed->no);
    if (!query_next(query)) {
        return NULL;
    }
    struct view origin = query_text(query, 1);
    origin = view_slice(origin, 0, view_find(origin, '\n'));
    if (!view_is(origin, feed->origin)) {
        query_end(query);
        return NULL;
    }
    return query;
}

void witnessed_checkpoint(struct db *db, const struct feed_id *feed, struct buf *note)
{
    struct query *query = find_witnessed(db, feed);
    if (query != NULL) {
        buf_view(note, query_text(query, 1));
        query_end(query);
    }
}

struct cosigning {
    struct feed_id feed;
    struct checkpoint head;
    struct view note; /* the checkpoint with all cosignatures that are known, and this one */
};

/* That this node's feed is what the note says, at its size. */
static int open_own(struct service *service, struct call *call, struct view checkpoint,
                    struct cosigning *out)
{
    struct note_key key;
    struct tree_hash root;
    struct fault fault = FAULT_NONE;
    int err = note_key_init(&key, view_of(out->feed.origin), NOTE_ED25519, out->feed.public_key);
    err = err != E_OK ? err : checkpoint_open(checkpoint, &key, &out->head, NULL, &fault);
    err = err != E_OK ? err : feed_root(service->db, out->feed.no, out->head.size, &root);
    if (err != E_OK || !tree_hash_equal(&root, &out->head.root)) {
        return call_violation(call, "checkpoint", "it is none of the feed %s as this node keeps it",
                              out->feed.name);
    }
    return 0;
}

int add_cosignature_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__AddCosignatureRequest *request = (const void *)call->request;
    struct cosigning *cosigning = ARENA_NEW(call->arena, struct cosigning);
    struct view checkpoint = view_of(request->checkpoint);
    struct note_key key;
    uint64_t signers;
    if (feed_find(service->db, view_of(request->feed_id), &cosigning->feed) != E_OK ||
        !journal_keeps(service, view_of(request->feed_id))) {
        return call_fail(call, CODE_NOT_FOUND, "this node keeps no feed \"%s\"", request->feed_id);
    }
    if (note_key_parse(view_of(request->verifier_key), &key) != E_OK ||
        key.type != NOTE_COSIGNATURE) {
        return call_violation(call, "verifier_key", "it is not the verifier key of a witness");
    }
    if (open_own(service, call, checkpoint, cosigning) != 0) {
        return -1;
    }
    struct buf note = BUF_INIT;
    struct query *query = find_witnessed(service->db, &cosigning->feed);
    if (query != NULL && (uint64_t)query_int(query, 0) == cosigning->head.size) {
        checkpoint = arena_copy(call->arena, query_text(query, 1));
    }
    if (query != NULL) {
        query_end(query);
    }
    buf_view(&note, checkpoint);
    int err = cosignatures_add(&note, view_of(request->cosignature), &key, 1, &signers, NULL);
    cosigning->note = arena_copy(call->arena, buf_content(&note));
    buf_release(&note);
    call->decision = cosigning;
    return err == E_OK ? 0
                       : call_violation(call, "cosignature",
                                        "what the witness %s answered is not its cosignature of "
                                        "this checkpoint",
                                        key.name);
}

DB_SQL(put_cursor,
       "INSERT INTO witness_cursor (origin, verifier_key, size) VALUES (:origin, :verifier_key, "
       ":size) ON CONFLICT (origin, verifier_key) DO UPDATE SET size = excluded.size");
DB_SQL(put_witnessed,
       "INSERT INTO witnessed_feed (feed_no, size, note) VALUES (:feed_no, :size, :note) "
       "ON CONFLICT (feed_no) DO UPDATE SET size = excluded.size, note = excluded.note");

int add_cosignature_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__AddCosignatureRequest *request = (const void *)call->request;
    const struct cosigning *cosigning = call->decision;
    call_respond(call);
    struct query *query = db_query(service->db, &put_cursor);
    query_bind_text(query, "origin", view_of(cosigning->feed.origin));
    query_bind_text(query, "verifier_key", view_of(request->verifier_key));
    query_bind_int(query, "size", (int64_t)cosigning->head.size);
    query_run(query);
    query = find_witnessed(service->db, &cosigning->feed);
    bool newer = query != NULL && (uint64_t)query_int(query, 0) > cosigning->head.size;
    if (query != NULL) {
        query_end(query);
    }
    if (!newer) {
        query = db_query(service->db, &put_witnessed);
        query_bind_int(query, "feed_no", cosigning->feed.no);
        query_bind_int(query, "size", (int64_t)cosigning->head.size);
        query_bind_text(query, "note", cosigning->note);
        query_run(query);
        feed_cosigned(service->db, cosigning->feed.no, cosigning->head.size, cosigning->note);
    }
    return 0;
}
