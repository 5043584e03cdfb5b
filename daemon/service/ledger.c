#include "service/ledger.h"

#include "core/ident/uuid.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/journal.h"
#include "service/sync/as_witness.h"
#include "service/sync/follow.h"
#include "service/sync/padded.h"
#include "service/sync/problems.h"
#include "service/sync/push.h"
#include "service/sync/snapshot.h"
#include "service/sync/witnessed.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

enum {
    FEEDS_STEP = 64,
    BATCH_ENTRIES_MAX = 1024,
    BATCH_BYTES_MAX = 128 * 1024, /* plus one entry at most */
};

static int no_such_feed(struct call *call, const char *feed_id)
{
    return call_fail(call, CODE_NOT_FOUND,
                     "there is no feed \"%s\": passerelle ledger feeds lists them", feed_id);
}

/* Entries tell who was where, and a leaf hash lets a guess be confirmed: both need a reason. A
 * site's feed that does not exist is told only to those who may see all. */
int ledger_may_read(struct service *service, struct call *call, const char *feed_id)
{
    struct view id = view_of(feed_id);
    if (scope_is_operator(call)) {
        return 0;
    }
    switch (entry_home_of_feed(id)) {
    case ENTRY_IN_NET:
        if (call->who.role == ROLE_SITE || call->who.role == ROLE_DESK ||
            call->who.role == ROLE_MEMBER) {
            return 0;
        }
        break;
    case ENTRY_IN_BOOKS:
        break;
    case ENTRY_IN_SITE:
        return scope_site(service, call, id);
    }
    return call_fail(call, CODE_PERMISSION_DENIED,
                     "the entries of %s are not yours to read: ask as %s", feed_id,
                     view_is(id, FEED_NET) ? "a site or a member" : "an operator or an auditor");
}

static int find_feed(struct service *service, struct call *call, const char *feed_id,
                     struct feed_id *feed)
{
    return feed_find(service->db, view_of(feed_id), feed) == E_OK ? 0 : no_such_feed(call, feed_id);
}

/* ---- ListFeeds ---- */

static Passerelle__V1__Feed *describe(struct service *service, struct arena *arena,
                                      const struct feed_id *id)
{
    Passerelle__V1__Feed *feed = wire_new(arena, &passerelle__v1__feed__descriptor);
    struct note_key key;
    struct buf vkey = BUF_INIT;
    if (note_key_init(&key, view_of(id->origin), NOTE_ED25519, id->public_key) != E_OK) {
        die("the feed %s has an origin that no key can be named after", id->name);
    }
    note_key_format(&key, &vkey);
    feed->feed_id = wire_string(arena, view_of(id->name));
    feed->origin = wire_string(arena, view_of(id->origin));
    feed->verifier_key = wire_string(arena, buf_content(&vkey));
    if (entry_home_of_feed(view_of(id->name)) == ENTRY_IN_SITE) {
        feed->site_id = feed->feed_id;
    }
    feed->size = feed_head(service->db, id->no).size;
    feed->first_seq = feed_base(service->db, id->no) + 1;
    buf_release(&vkey);
    return feed;
}

DB_SQL(select_heard, "SELECT heard_utc_ms, receipt_size, forked FROM remote_feed "
                     "WHERE feed_id = :feed_id");

/* How it stands with a site's daemon: an operator sees who is away. */
static void describe_remote(struct service *service, Passerelle__V1__Feed *feed)
{
    if (service->node->role != NODE_HUB ||
        registry_feed_keeper(service->db, view_of(feed->feed_id)) !=
            PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE) {
        return;
    }
    feed->kept_by_site = true;
    struct query *query = db_query(service->db, &select_heard);
    query_bind_text(query, "feed_id", view_of(feed->feed_id));
    if (query_next(query)) {
        feed->heard_utc_ms = query_int(query, 0);
        feed->receipt_size = (uint64_t)query_int(query, 1);
        feed->forked = query_int(query, 2) != 0;
    }
    query_end(query);
}

static int by_id(const void *a, const void *b)
{
    const struct feed_id *x = a;
    const struct feed_id *y = b;
    return view_compare(view_of(x->name), view_of(y->name));
}

static int list_feeds(struct service *service, struct call *call)
{
    Passerelle__V1__ListFeedsResponse *response = call_respond(call);
    struct feed_id *ids = NULL;
    size_t count = 0;
    struct query *list = feed_list(service->db);
    for (;;) {
        if (count % FEEDS_STEP == 0) {
            ids = xrealloc(ids, count + FEEDS_STEP, sizeof *ids);
        }
        if (!feed_list_next(list, &ids[count])) {
            break;
        }
        count++;
    }
    qsort(ids, count, sizeof *ids, by_id);
    response->feeds = ARENA_ARRAY(call->arena, count, Passerelle__V1__Feed *);
    response->n_feeds = count;
    for (size_t i = 0; i < count; i++) {
        response->feeds[i] = describe(service, call->arena, &ids[i]);
        if (scope_is_operator(call)) {
            describe_remote(service, response->feeds[i]);
        }
    }
    free(ids);
    return 0;
}

/* ---- GetCheckpoint ---- */

static int check_checkpoint(struct service *service, struct call *call)
{
    const Passerelle__V1__GetCheckpointRequest *request = (const void *)call->request;
    struct feed_id feed;
    return find_feed(service, call, request->feed_id, &feed);
}

/* A size that was signed before is not signed again, so that strangers who ask cost no more
 * signatures than there are entries. */
static int get_checkpoint(struct service *service, struct call *call)
{
    const Passerelle__V1__GetCheckpointRequest *request = (const void *)call->request;
    struct buf note = BUF_INIT;
    struct fault fault = FAULT_NONE;
    if (journal_publish(service, view_of(request->feed_id), &note, &fault) != E_OK) {
        buf_release(&note);
        return call_fail_with(call, &fault);
    }
    Passerelle__V1__GetCheckpointResponse *response = call_respond(call);
    response->checkpoint = wire_string(call->arena, buf_content(&note));
    struct feed_id feed;
    buf_clear(&note);
    if (feed_find(service->db, view_of(request->feed_id), &feed) == E_OK) {
        witnessed_checkpoint(service->db, &feed, &note);
    }
    response->witnessed = wire_string(call->arena, buf_content(&note));
    buf_release(&note);
    return 0;
}

/* ---- proofs ---- */

/* The size that a proof is asked for: 0 is now. */
static int tree_size(struct service *service, struct call *call, const struct feed_id *feed,
                     uint64_t asked, uint64_t *size)
{
    uint64_t now = feed_head(service->db, feed->no).size;
    if (asked > now) {
        return call_fail(call, CODE_OUT_OF_RANGE, "the feed %s has %llu entries, not %llu",
                         feed->name, (unsigned long long)now, (unsigned long long)asked);
    }
    *size = asked == 0 ? now : asked;
    return 0;
}

/* A site that began with a snapshot does not hold what lies before it. */
static bool is_below_base(struct service *service, struct call *call, const struct feed_id *feed,
                          uint64_t seq)
{
    uint64_t base = feed_base(service->db, feed->no);
    if (seq > base) {
        return false;
    }
    call_fail(call, CODE_OUT_OF_RANGE,
              "this daemon began with a snapshot of %s and holds its entries from %llu on: ask the "
              "hub for earlier ones",
              feed->name, (unsigned long long)base + 1);
    return true;
}

static ProtobufCBinaryData *hashes_of(struct call *call, const struct tree_proof *proof)
{
    ProtobufCBinaryData *hashes = ARENA_ARRAY(call->arena, proof->count, ProtobufCBinaryData);
    for (unsigned i = 0; i < proof->count; i++) {
        hashes[i] =
            wire_bytes(arena_copy(call->arena, view_bytes(proof->hash[i].bytes, SHA256_LEN)));
    }
    return hashes;
}

static int get_inclusion_proof(struct service *service, struct call *call)
{
    const Passerelle__V1__GetInclusionProofRequest *request = (const void *)call->request;
    struct feed_id feed;
    uint64_t size = 0;
    if (ledger_may_read(service, call, request->feed_id) != 0 ||
        find_feed(service, call, request->feed_id, &feed) != 0 ||
        tree_size(service, call, &feed, request->size, &size) != 0) {
        return -1;
    }
    if (request->seq == 0 || request->seq > size) {
        return call_fail(call, CODE_OUT_OF_RANGE, "entries of this tree count from 1 to %llu",
                         (unsigned long long)size);
    }
    if (is_below_base(service, call, &feed, request->seq) ||
        is_below_base(service, call, &feed, size + 1)) {
        return -1;
    }
    struct tree_proof proof;
    struct feed_tree tree;
    feed_tree_init(&tree, service->db, feed.no);
    struct tree_hash leaf;
    int err = feed_inclusion(service->db, feed.no, request->seq, size, &proof);
    if (err == E_OK) {
        err = tree.reader.node(tree.reader.context, request->seq - 1, 0, leaf.bytes);
    }
    if (err != E_OK) {
        return call_fail(call, code_of_err(err), "the tree of %s is damaged: run passerelled check",
                         feed.name);
    }
    Passerelle__V1__GetInclusionProofResponse *response = call_respond(call);
    response->index = request->seq - 1;
    response->size = size;
    response->leaf_hash =
        wire_bytes(arena_copy(call->arena, view_bytes(leaf.bytes, sizeof leaf.bytes)));
    response->hashes = hashes_of(call, &proof);
    response->n_hashes = proof.count;
    return 0;
}

static int get_consistency_proof(struct service *service, struct call *call)
{
    const Passerelle__V1__GetConsistencyProofRequest *request = (const void *)call->request;
    struct feed_id feed;
    uint64_t size = 0;
    /* A node at the right edge may be a leaf. Those of `books` hold nothing random. */
    if ((view_is(view_of(request->feed_id), FEED_BOOKS) &&
         ledger_may_read(service, call, request->feed_id) != 0) ||
        find_feed(service, call, request->feed_id, &feed) != 0 ||
        tree_size(service, call, &feed, request->size, &size) != 0) {
        return -1;
    }
    if (request->old_size > size) {
        return call_fail(call, CODE_OUT_OF_RANGE,
                         "the earlier tree has at most as many entries as the later one: %llu",
                         (unsigned long long)size);
    }
    if (is_below_base(service, call, &feed, size + 1) ||
        (request->old_size > 0 && is_below_base(service, call, &feed, request->old_size + 1))) {
        return -1;
    }
    struct tree_proof proof;
    int err = feed_consistency(service->db, feed.no, request->old_size, size, &proof);
    if (err != E_OK) {
        return call_fail(call, code_of_err(err), "the tree of %s is damaged: run passerelled check",
                         feed.name);
    }
    Passerelle__V1__GetConsistencyProofResponse *response = call_respond(call);
    response->size = size;
    response->hashes = hashes_of(call, &proof);
    response->n_hashes = proof.count;
    return 0;
}

/* ---- FindVisit ---- */

/* As if there were none, for those who may not read it. */
static bool reads(struct service *service, const struct call *call, const char *feed_id)
{
    struct call probe = *call;
    return ledger_may_read(service, &probe, feed_id) == 0;
}

static int find_visit(struct service *service, struct call *call)
{
    const Passerelle__V1__FindVisitRequest *request = (const void *)call->request;
    struct uuid visit;
    struct visit_row row;
    struct feed_id feed, found = {.no = 0};
    uint64_t seq = 0;
    Passerelle__V1__VisitState state = PASSERELLE__V1__VISIT_STATE__VISIT_STATE_UNSPECIFIED;
    if (uuid_parse(view_of(request->visit_id), &visit) != E_OK) {
        return call_violation(call, "visit_id",
                              "a visit is a UUID, as `passerelle visit list` shows it");
    }
    struct view id = view_bytes(visit.bytes, sizeof visit.bytes);
    struct query *list = feed_list(service->db);
    while (feed_list_next(list, &feed)) {
        bool wanted = request->feed_id[0] == '\0' || strcmp(request->feed_id, feed.name) == 0;
        if (!wanted || !visits_by_id(service->db, call->arena, feed.no, id, &row) ||
            !reads(service, call, feed.name)) {
            continue;
        }
        if (found.no != 0) {
            query_end(list);
            return call_fail(call, CODE_FAILED_PRECONDITION,
                             "the feeds %s and %s both hold a visit %s: say which", found.name,
                             feed.name, request->visit_id);
        }
        found = feed;
        seq = (uint64_t)row.visit_key & FEED_SEQ_MAX;
        state = row.state;
    }
    if (found.no == 0) {
        return call_fail(call, CODE_NOT_FOUND,
                         "there is no visit %s that you may read: `passerelle visit list` shows "
                         "those of a site",
                         request->visit_id);
    }
    Passerelle__V1__FindVisitResponse *response = call_respond(call);
    response->feed_id = wire_string(call->arena, view_of(found.name));
    response->seq = seq;
    response->state = state;
    return 0;
}

/* ---- ReadEntries ---- */

struct reading {
    int64_t feed_no;
    uint64_t next;
    uint64_t last; /* the stream ends after it */
};

static int open_reading(struct service *service, struct call *call)
{
    const Passerelle__V1__ReadEntriesRequest *request = (const void *)call->request;
    struct feed_id feed;
    if (ledger_may_read(service, call, request->feed_id) != 0 ||
        find_feed(service, call, request->feed_id, &feed) != 0) {
        return -1;
    }
    uint64_t size = feed_head(service->db, feed.no).size;
    if (is_below_base(service, call, &feed, request->from_seq == 0 ? 1 : request->from_seq)) {
        return -1;
    }
    struct reading *reading = ARENA_NEW(call->arena, struct reading);
    reading->feed_no = feed.no;
    reading->next = request->from_seq == 0 ? 1 : request->from_seq;
    reading->last = request->to_seq;
    if (reading->last == 0) {
        reading->last = request->follow ? FEED_SEQ_MAX : size;
    } else if (reading->last > size && !request->follow) {
        return call_fail(call, CODE_OUT_OF_RANGE, "the feed %s has %llu entries", feed.name,
                         (unsigned long long)size);
    } else if (reading->last < reading->next) {
        return call_violation(call, "to_seq", "give a last entry that is not before the first");
    }
    call->decision = reading;
    return 0;
}

/* The next batch; without entries when there is none. */
static void fill_batch(struct service *service, const struct reading *reading,
                       struct arena *scratch, Passerelle__V1__EntryBatch *batch)
{
    batch->first_seq = reading->next;
    if (reading->next > reading->last) {
        return;
    }
    uint64_t to = reading->next + BATCH_ENTRIES_MAX - 1;
    batch->entries = ARENA_ARRAY(scratch, BATCH_ENTRIES_MAX, ProtobufCBinaryData);
    struct query *read = feed_read(service->db, reading->feed_no, reading->next,
                                   to < reading->last ? to : reading->last);
    struct feed_entry entry;
    size_t bytes = 0;
    while (feed_read_next(read, &entry)) {
        batch->entries[batch->n_entries++] = wire_bytes(arena_copy(scratch, entry.bytes));
        bytes += entry.bytes.len;
        if (bytes >= BATCH_BYTES_MAX) {
            query_end(read);
            return;
        }
    }
}

static int pump_entries(struct service *service, struct stream *stream)
{
    struct reading *reading = stream->call->decision;
    for (;;) {
        arena_clear(stream->scratch);
        Passerelle__V1__EntryBatch *batch =
            wire_new(stream->scratch, &passerelle__v1__entry_batch__descriptor);
        fill_batch(service, reading, stream->scratch, batch);
        struct fault fault = FAULT_NONE;
        if (db_error(service->db, &fault) != E_OK) {
            return call_fail_with(stream->call, &fault);
        }
        if (batch->n_entries == 0) {
            break;
        }
        Passerelle__V1__ReadEntriesResponse *response =
            wire_new(stream->scratch, &passerelle__v1__read_entries_response__descriptor);
        response->event_case = PASSERELLE__V1__READ_ENTRIES_RESPONSE__EVENT_BATCH;
        response->batch = batch;
        if (!stream->emit(stream, &response->base)) {
            return 0;
        }
        reading->next += batch->n_entries;
    }
    stream->finished = reading->next > reading->last;
    return 0;
}

#define READERS                                                                                    \
    (ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR) | ROLE_BIT(ROLE_MEMBER) |                    \
     ROLE_BIT(ROLE_SITE) | ROLE_BIT(ROLE_DESK))
#define ROW(rpc, request, response)                                                                \
    .service = "LedgerService", .name = rpc, .input = &passerelle__v1__##request##__descriptor,    \
    .output = &passerelle__v1__##response##__descriptor, .request_bytes_max = 4096

const struct method ledger_methods[] = {
    {ROW("ListFeeds", list_feeds_request, list_feeds_response), .at_sites = true,
     .roles = ROLES_ALL, .no_side_effects = true, .duration_ms_max = 10000, .decide = list_feeds},
    {ROW("GetCheckpoint", get_checkpoint_request, get_checkpoint_response), .at_sites = true,
     .roles = ROLES_ALL, .duration_ms_max = 10000, .decide = check_checkpoint,
     .apply = get_checkpoint},
    {ROW("GetInclusionProof", get_inclusion_proof_request, get_inclusion_proof_response),
     .at_sites = true, .roles = READERS, .no_side_effects = true, .duration_ms_max = 10000,
     .decide = get_inclusion_proof},
    {ROW("GetConsistencyProof", get_consistency_proof_request, get_consistency_proof_response),
     .at_sites = true, .roles = ROLES_ALL, .no_side_effects = true, .duration_ms_max = 10000,
     .decide = get_consistency_proof},
    {ROW("FindVisit", find_visit_request, find_visit_response), .at_sites = true,
     .roles = READERS, .no_side_effects = true, .duration_ms_max = 10000, .decide = find_visit},
    {.service = "LedgerService",
     .name = "AddCheckpoint",
     .input = &passerelle__v1__add_checkpoint_request__descriptor,
     .output = &passerelle__v1__add_checkpoint_response__descriptor,
     .roles = ROLE_BIT(ROLE_OPERATOR),
     .request_bytes_max = WITNESS_BODY_MAX + 16,
     .duration_ms_max = 10000,
     .decide = add_checkpoint_decide,
     .apply = add_checkpoint_apply},
    {.service = "LedgerService",
     .name = "AddCosignature",
     .input = &passerelle__v1__add_cosignature_request__descriptor,
     .output = &passerelle__v1__add_cosignature_response__descriptor,
     .at_sites = true,
     .roles = ROLE_BIT(ROLE_OPERATOR),
     .request_bytes_max = 2 * WITNESS_BODY_MAX,
     .duration_ms_max = 10000,
     .decide = add_cosignature_decide,
     .apply = add_cosignature_apply},
    {ROW("PutWitnessedLog", put_witnessed_log_request, put_witnessed_log_response),
     .roles = ROLE_BIT(ROLE_OPERATOR), .duration_ms_max = 10000,
     .decide = put_witnessed_log_decide, .apply = put_witnessed_log_apply},
    {ROW("ListWitnessedLogs", list_witnessed_logs_request, list_witnessed_logs_response),
     .roles = ROLES_ALL, .no_side_effects = true, .duration_ms_max = 10000,
     .decide = list_witnessed_logs},
    {ROW("ReadEntries", read_entries_request, read_entries_response), .at_sites = true,
     .roles = READERS, .streams = true, .decide = open_reading, .pump = pump_entries},
    {.service = "LedgerService",
     .name = "PushEntries",
     .input = &passerelle__v1__push_entries_request__descriptor,
     .output = &passerelle__v1__push_entries_response__descriptor,
     .roles = ROLE_BIT(ROLE_SITE),
     .request_bytes_max = PUSH_REQUEST_BYTES_MAX,
     .duration_ms_max = 30000,
     .bulk = true,
     .precompute = push_precompute,
     .decide = push_decide,
     .apply = push_apply},
    {ROW("Follow", follow_request, follow_response), .roles = ROLE_BIT(ROLE_SITE), .streams = true,
     .decide = follow_open, .pump = follow_pump},
    {ROW("GetSnapshot", get_snapshot_request, get_snapshot_response), .roles = ROLE_BIT(ROLE_SITE),
     .streams = true, .slow = true, .decide = snapshot_open, .pump = snapshot_pump},
    {ROW("ListProblems", list_problems_request, list_problems_response),
     .roles = ROLE_BIT(ROLE_OPERATOR) | ROLE_BIT(ROLE_AUDITOR), .no_side_effects = true,
     .duration_ms_max = 10000, .decide = list_problems},
    {ROW("FindPadded", find_padded_request, find_padded_response),
     .roles = ROLE_BIT(ROLE_OPERATOR), .duration_ms_max = 300000, .precompute = find_padded_look,
     .decide = find_padded_decide, .apply = find_padded_apply},
};
const size_t ledger_method_count = ARRAY_LEN(ledger_methods);
