#include "service/sync/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/text.h"
#include "service/journal.h"
#include "service/sync/cosigner.h"
#include "store/feed/feed.h"
#include "store/view/apply.h"
#include "store/view/registry.h"
#include "store/view/snapshot.h"
#include "wire/pack.h"

enum {
    CHUNK_BYTES = 128 * 1024, /* a part is one commit at the site */
    CHUNK_ROWS = 1024,
    FRAME_HEAD = 4,
    FRAME_MAX = CHUNK_BYTES + FEED_ENTRY_MAX + 16 * 1024, /* a row more, and lengths */
    BEHIND_MAX = 2048, /* entries that a site can as well follow */
};

/* ---- frames and digests ---- */

static int io_fault(const char *path, struct fault *fault)
{
    return fault_set(fault, E_IO, "%s: %s", path, strerror(errno));
}

static int write_frame(FILE *file, const Passerelle__V1__GetSnapshotResponse *message,
                       struct fault *fault)
{
    struct buf head = BUF_INIT;
    struct buf bytes = BUF_INIT;
    wire_pack(&bytes, &message->base);
    buf_u32be(&head, (uint32_t)bytes.len);
    bool good = fwrite(head.data, 1, head.len, file) == head.len &&
                fwrite(bytes.data, 1, bytes.len, file) == bytes.len;
    buf_release(&head);
    buf_release(&bytes);
    return good ? E_OK : io_fault("a snapshot cannot be written", fault);
}

static size_t u32be(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

/* What the cosigner signs. */
static void signed_message(const struct checkpoint *head, const uint8_t digest[static SHA256_LEN],
                           int64_t appended_utc_ms, struct buf *out)
{
    buf_text(out, "passerelle-snapshot/v1\n");
    checkpoint_format(head, out);
    text_to_base64(out, view_bytes(digest, SHA256_LEN));
    buf_printf(out, "\n%lld\n", (long long)appended_utc_ms);
}

/* ---- at the hub: writing ---- */

struct writing {
    FILE *file;
    Passerelle__V1__SnapshotChunk chunk;
    Passerelle__V1__SnapshotRow *rows[CHUNK_ROWS];
    size_t bytes;
    struct arena arena; /* of the chunk */
    struct buf row;
    struct sha256 hash;
    uint64_t count;
    int err;
    struct fault *fault;
};

static void write_chunk(struct writing *w)
{
    Passerelle__V1__GetSnapshotResponse response = PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__INIT;
    if (w->chunk.n_rows > 0 && w->err == E_OK && w->file != NULL) {
        response.part_case = PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK;
        response.chunk = &w->chunk;
        w->err = write_frame(w->file, &response, w->fault);
    }
    w->chunk.n_rows = 0;
    w->bytes = 0;
    arena_clear(&w->arena);
}

static bool add_row(void *context, const Passerelle__V1__SnapshotRow *row)
{
    struct writing *w = context;
    buf_clear(&w->row);
    wire_pack(&w->row, &row->base);
    view_snapshot_hash(&w->hash, buf_content(&w->row));
    w->count++;
    if (w->file != NULL) {
        w->rows[w->chunk.n_rows++] = (void *)wire_clone(&w->arena, &row->base);
        w->bytes += w->row.len;
        if (w->bytes >= CHUNK_BYTES || w->chunk.n_rows == CHUNK_ROWS) {
            write_chunk(w);
        }
    }
    return w->err == E_OK;
}

/* Once for the digest, which stands first, and once for the rows: memory for one chunk. */
static void walk(struct service *service, struct writing *w, FILE *file)
{
    sha256_init(&w->hash);
    w->file = file;
    w->count = 0;
    passerelle__v1__snapshot_chunk__init(&w->chunk);
    w->chunk.rows = w->rows;
    view_snapshot_walk(service->db, add_row, w);
    write_chunk(w);
}

static int write_header(struct service *service, struct writing *w, FILE *file,
                        const struct feed_id *net, const struct feed_checkpoint *at,
                        const char *note)
{
    Passerelle__V1__GetSnapshotResponse response = PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__INIT;
    Passerelle__V1__SnapshotHeader header = PASSERELLE__V1__SNAPSHOT_HEADER__INIT;
    ProtobufCBinaryData edge[TREE_LEVELS];
    struct tree_frontier frontier;
    struct feed_tree tree;
    struct checkpoint head = {.size = at->size, .root = at->root};
    uint8_t digest[SHA256_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    struct note_key key;
    const struct ed25519_key *secret;
    struct buf message = BUF_INIT;
    feed_tree_init(&tree, service->db, net->no);
    int err = tree_frontier_load(&tree.reader, at->size, &frontier);
    err = err != E_OK ? err : cosigner_key(service, &key, &secret, w->fault);
    if (err != E_OK) {
        return err;
    }
    sha256_end(&w->hash, digest);
    snprintf(head.origin, sizeof head.origin, "%s", net->origin);
    header.appended_utc_ms = feed_head(service->db, net->no).appended_utc_ms;
    signed_message(&head, digest, header.appended_utc_ms, &message);
    ed25519_sign(secret, buf_content(&message), signature);
    buf_release(&message);
    header.checkpoint = (char *)(uintptr_t)note;
    header.digest = wire_bytes(view_bytes(digest, sizeof digest));
    header.signature = wire_bytes(view_bytes(signature, sizeof signature));
    header.frontier = edge;
    for (unsigned level = TREE_LEVELS; level-- > 0;) {
        if ((at->size >> level & 1) != 0) {
            edge[header.n_frontier++] = wire_bytes(
                view_bytes(frontier.level[level].bytes, sizeof frontier.level[level].bytes));
        }
    }
    header.rows = w->count;
    response.part_case = PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER;
    response.header = &header;
    return write_frame(file, &response, w->fault);
}

static void snapshot_path(const struct node *node, uint64_t size, const char *tail,
                          struct arena *arena, char **out)
{
    *out = arena_printf(arena, "%s/snapshot-%llu.net%s", node->state_dir, (unsigned long long)size,
                        tail);
}

/* Those of an earlier head, and of an earlier start. */
static void remove_others(const struct node *node, const char *keep, struct arena *arena)
{
    DIR *dir = opendir(node->state_dir);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char *path = arena_printf(arena, "%s/%s", node->state_dir, entry->d_name);
        if (view_starts(view_of(entry->d_name), "snapshot-") && strcmp(path, keep) != 0) {
            unlink(path);
        }
    }
    if (dir != NULL) {
        closedir(dir);
    }
}

static int write_snapshot(struct service *service, struct arena *arena, const struct feed_id *net,
                          const struct feed_checkpoint *at, const char *note, struct fault *fault)
{
    char *path, *draft;
    uint8_t chance[4];
    char hex[2 * sizeof chance + 2] = ".";
    env_random(service->node->env, chance, sizeof chance);
    text_to_hex(chance, sizeof chance, hex + 1);
    snapshot_path(service->node, at->size, "", arena, &path);
    snapshot_path(service->node, at->size, hex, arena, &draft);
    FILE *file = fopen(draft, "wb");
    if (file == NULL) {
        return io_fault(draft, fault);
    }
    struct writing *w = xcalloc(1, sizeof *w);
    w->fault = fault;
    walk(service, w, NULL);
    int err = write_header(service, w, file, net, at, note);
    if (err == E_OK) {
        walk(service, w, file);
        err = w->err;
    }
    err = err != E_OK ? err : db_error(service->db, fault);
    if (fclose(file) != 0 && err == E_OK) {
        err = io_fault(draft, fault);
    }
    if (err == E_OK && rename(draft, path) != 0) {
        err = io_fault(path, fault);
    }
    if (err == E_OK) {
        atomic_store(&service->node->snapshot_size, at->size);
        remove_others(service->node, path, arena);
    } else {
        unlink(draft);
    }
    arena_release(&w->arena);
    buf_release(&w->row);
    free(w);
    return err;
}

struct serving {
    char *path;
    long offset;
    uint64_t skip;     /* parts that the site has */
    uint64_t old_size; /* entries that it has, and that the head goes on from them */
    struct tree_proof proof;
};

/* The proof that this site's header gets. */
static int begin(struct service *service, struct call *call, int64_t net_no, uint64_t size)
{
    const Passerelle__V1__GetSnapshotRequest *request = (const void *)call->request;
    struct serving *serving = call->decision;
    serving->skip = request->size == size ? request->parts : 0;
    serving->old_size = request->net_size;
    if (request->net_size >= size ||
        (request->net_size > 0 && feed_consistency(service->db, net_no, request->net_size, size,
                                                   &serving->proof) != E_OK)) {
        return call_fail(call, CODE_OUT_OF_RANGE,
                         "this site has all that a snapshot would give: it follows from there");
    }
    return 0;
}

int snapshot_open(struct service *service, struct call *call)
{
    const Passerelle__V1__GetSnapshotRequest *request = (const void *)call->request;
    const char *site_id = call->who.party;
    struct feed_id net;
    struct feed_checkpoint at;
    struct buf note = BUF_INIT;
    struct fault fault = FAULT_NONE;
    struct serving *serving = ARENA_NEW(call->arena, struct serving);
    call->decision = serving;
    if (call->who.role != ROLE_SITE || registry_feed_keeper(service->db, view_of(site_id)) !=
                                           PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the hub keeps the ledger of %s: join again with a join code", site_id);
    }
    atomic_store(&service->node->followed, true); /* the writer signs heads from now on */
    if (feed_find(service->db, VIEW_LIT(FEED_NET), &net) != E_OK) {
        return call_fail(call, CODE_NOT_FOUND, "the network has not begun");
    }
    uint64_t size = feed_head(service->db, net.no).size;
    uint64_t have = atomic_load(&service->node->snapshot_size);
    snapshot_path(service->node, have, "", call->arena, &serving->path);
    if (have > request->net_size && have <= size && size - have <= BEHIND_MAX &&
        access(serving->path, R_OK) == 0) {
        return begin(service, call, net.no, have);
    }
    if (feed_published(service->db, net.no, &at, &note) != E_OK || at.size != size) {
        buf_release(&note);
        call->error.retry_after_s = 1;
        return call_fail(call, CODE_UNAVAILABLE,
                         "the head of net is about to be signed: ask again in a second");
    }
    int err = write_snapshot(service, call->arena, &net, &at, buf_content(&note).data, &fault);
    buf_release(&note);
    snapshot_path(service->node, at.size, "", call->arena, &serving->path);
    return err == E_OK ? begin(service, call, net.no, at.size) : call_fail_with(call, &fault);
}

/* One frame from the file; false at its end. */
static bool read_frame(FILE *file, struct buf *frame)
{
    char head[FRAME_HEAD];
    buf_clear(frame);
    if (fread(head, 1, sizeof head, file) != sizeof head) {
        return false;
    }
    size_t len = u32be(head);
    char *at = len <= FRAME_MAX ? buf_reserve(frame, len) : NULL;
    if (at == NULL || fread(at, 1, len, file) != len) {
        return false;
    }
    buf_wrote(frame, len);
    return true;
}

/* The header of the file has no proof: each site gets its own. */
static void put_proof(const struct serving *serving, Passerelle__V1__SnapshotHeader *header,
                      struct arena *arena)
{
    header->old_size = serving->old_size;
    header->n_consistency = serving->proof.count;
    header->consistency = ARENA_ARRAY(arena, serving->proof.count + 1, ProtobufCBinaryData);
    for (unsigned i = 0; i < serving->proof.count; i++) {
        header->consistency[i] = wire_bytes(view_bytes(&serving->proof.hash[i], SHA256_LEN));
    }
}

int snapshot_pump(struct service *service, struct stream *stream)
{
    struct serving *serving = stream->call->decision;
    struct arena arena = ARENA_INIT;
    struct buf frame = BUF_INIT;
    bool room = true;
    (void)service;
    FILE *file = fopen(serving->path, "rb");
    if (file == NULL || fseek(file, serving->offset, SEEK_SET) != 0) {
        call_fail(stream->call, CODE_ABORTED, "a newer snapshot took this one's place: ask again");
    }
    while (stream->call->error.code == CODE_OK && room && read_frame(file, &frame)) {
        if (serving->skip > 0) {
            serving->skip--;
            serving->offset += FRAME_HEAD + (long)frame.len;
            continue;
        }
        arena_clear(&arena);
        Passerelle__V1__GetSnapshotResponse *response =
            wire_unpack_trusted(&passerelle__v1__get_snapshot_response__descriptor,
                                buf_content(&frame), &arena);
        if (response == NULL) {
            call_fail(stream->call, CODE_DATA_LOSS, "%s is damaged: remove it", serving->path);
            break;
        }
        if (response->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER) {
            put_proof(serving, response->header, &arena);
        }
        if ((room = stream->emit(stream, &response->base))) {
            serving->offset += FRAME_HEAD + (long)frame.len;
        }
    }
    if (stream->call->error.code == CODE_OK && room) {
        stream->finished = true;
    }
    if (file != NULL) {
        fclose(file);
    }
    buf_release(&frame);
    arena_release(&arena);
    return stream->call->error.code == CODE_OK ? 0 : -1;
}

/* ---- at the site ---- */

static int edge_of(const Passerelle__V1__SnapshotHeader *header, const struct checkpoint *head,
                   struct tree_frontier *frontier)
{
    size_t next = 0;
    *frontier = (struct tree_frontier){.size = head->size};
    for (unsigned level = TREE_LEVELS; level-- > 0;) {
        if ((head->size >> level & 1) == 0) {
            continue;
        }
        if (next == header->n_frontier || header->frontier[next].len != SHA256_LEN) {
            return E_INVALID;
        }
        memcpy(frontier->level[level].bytes, header->frontier[next++].data, SHA256_LEN);
    }
    struct tree_hash root = tree_frontier_root(frontier);
    return next == header->n_frontier && tree_hash_equal(&root, &head->root) ? E_OK : E_INVALID;
}

int snapshot_header_check(const Passerelle__V1__SnapshotHeader *header,
                          const uint8_t cosigner[static ED25519_PUBLIC_LEN],
                          struct checkpoint *head, struct tree_frontier *frontier,
                          struct fault *fault)
{
    struct note note;
    if (note_parse(view_of(header->checkpoint), &note) != E_OK ||
        checkpoint_parse(note.text, head) != E_OK || head->size > FEED_SEQ_MAX ||
        header->digest.len != SHA256_LEN || header->signature.len != ED25519_SIGNATURE_LEN) {
        return fault_set(fault, E_INVALID, "the snapshot's header cannot be read");
    }
    struct buf message = BUF_INIT;
    signed_message(head, header->digest.data, header->appended_utc_ms, &message);
    bool good = ed25519_verify(cosigner, buf_content(&message), header->signature.data);
    buf_release(&message);
    if (!good) {
        return fault_set(fault, E_SIGNATURE,
                         "the snapshot is not signed by the key of this hub's receipts");
    }
    if (edge_of(header, head, frontier) != E_OK) {
        return fault_set(fault, E_INVALID,
                         "the right edge in the snapshot is not that of its checkpoint");
    }
    return E_OK;
}

static int64_t net_no(struct db *db)
{
    struct feed_id net;
    return feed_find(db, VIEW_LIT(FEED_NET), &net) == E_OK ? net.no : 0;
}

DB_SQL(select_pending, "SELECT size, MAX(part_no) + 1 FROM snapshot_part WHERE size > :base "
                       "GROUP BY size ORDER BY size DESC LIMIT 1");
DB_SQL(drop_parts, "DELETE FROM snapshot_part WHERE size <> :base");
DB_SQL(put_part, "INSERT INTO snapshot_part (size, part_no, bytes) VALUES (:size, :part_no, "
                 ":bytes)");

void snapshot_pending(struct db *db, struct snapshot_pending *out)
{
    struct arena arena = ARENA_INIT;
    const Passerelle__V1__SnapshotHeader *header;
    *out = (struct snapshot_pending){0};
    struct query *query = db_query(db, &select_pending);
    query_bind_int(query, "base", (int64_t)feed_base(db, net_no(db)));
    if (query_next(query)) {
        out->size = (uint64_t)query_int(query, 0);
        out->parts = (uint64_t)query_int(query, 1);
        query_end(query);
        if (view_snapshot_header(db, out->size, &arena, &header, NULL) == E_OK) {
            out->old_size = header->old_size;
        } else {
            *out = (struct snapshot_pending){0};
        }
    }
    arena_release(&arena);
}

void snapshot_drop(struct db *db)
{
    struct query *query = db_query(db, &drop_parts);
    query_bind_int(query, "base", (int64_t)feed_base(db, net_no(db)));
    query_run(query);
}

static void keep(struct db *db, uint64_t size, uint64_t number,
                 const Passerelle__V1__GetSnapshotResponse *part)
{
    struct buf bytes = BUF_INIT;
    wire_pack(&bytes, &part->base);
    struct query *query = db_query(db, &put_part);
    query_bind_int(query, "size", (int64_t)size);
    query_bind_int(query, "part_no", (int64_t)number);
    query_bind_blob(query, "bytes", buf_content(&bytes));
    query_run(query);
    buf_release(&bytes);
}

/* Whether the head is of a tree that goes on from that of `net` here. */
static bool goes_on(const struct feed *net, const Passerelle__V1__SnapshotHeader *header,
                    const struct checkpoint *head)
{
    struct tree_hash proof[TREE_PROOF_MAX];
    struct tree_hash root = tree_frontier_root(&net->frontier);
    if (header->old_size != net->size || net->size >= head->size ||
        header->n_consistency > TREE_PROOF_MAX) {
        return false;
    }
    for (size_t i = 0; i < header->n_consistency; i++) {
        if (header->consistency[i].len != sizeof proof[i].bytes) {
            return false;
        }
        memcpy(proof[i].bytes, header->consistency[i].data, sizeof proof[i].bytes);
    }
    return net->size == 0 ? header->n_consistency == 0
                          : tree_check_consistency(net->size, &root, head->size, &head->root,
                                                   proof, header->n_consistency) == E_OK;
}

static int check_header(struct service *service, const struct feed *net,
                        const Passerelle__V1__SnapshotHeader *header, struct checkpoint *head,
                        struct tree_frontier *frontier, struct fault *fault)
{
    const struct note_key *cosigner = service->node->cosigner;
    if (net == NULL || cosigner == NULL) {
        return fault_set(fault, E_INVALID, "this node follows no hub");
    }
    int err = snapshot_header_check(header, cosigner->public_key, head, frontier, fault);
    if (err == E_OK && !goes_on(net, header, head)) {
        err = fault_set(fault, E_SIGNATURE,
                        "the snapshot does not go on from the %llu entries of net that are here",
                        (unsigned long long)net->size);
    }
    return err;
}

int snapshot_take(struct service *service, const Passerelle__V1__GetSnapshotResponse *part,
                  struct fault *fault)
{
    struct db *db = service->db;
    struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    struct checkpoint head;
    struct tree_frontier frontier;
    struct snapshot_pending pending;
    if (part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER) {
        int err = check_header(service, net, part->header, &head, &frontier, fault);
        if (err != E_OK) {
            return err;
        }
        snapshot_drop(db);
        keep(db, head.size, 0, part);
        return db_error(db, fault);
    }
    if (part->part_case != PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK) {
        return E_OK;
    }
    snapshot_pending(db, &pending);
    if (pending.size == 0 || part->chunk->n_rows == 0) {
        return fault_set(fault, E_INVALID, "a part of the snapshot has no header, or no rows");
    }
    keep(db, pending.size, pending.parts, part);
    return db_error(db, fault);
}

/* The header of what is pending; E_INVALID when nothing is. */
static int read_pending(struct service *service, struct arena *arena, struct checkpoint *head,
                        struct tree_frontier *frontier,
                        const Passerelle__V1__SnapshotHeader **header, struct fault *fault)
{
    struct feed *net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET));
    struct snapshot_pending pending;
    snapshot_pending(service->db, &pending);
    if (pending.size == 0) {
        return fault_set(fault, E_INVALID, "no snapshot is here");
    }
    int err = view_snapshot_header(service->db, pending.size, arena, header, fault);
    return err == E_OK ? check_header(service, net, *header, head, frontier, fault) : err;
}

int snapshot_verify(struct service *service, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct checkpoint head;
    struct tree_frontier frontier;
    const Passerelle__V1__SnapshotHeader *header;
    int err = read_pending(service, &arena, &head, &frontier, &header, fault);
    err = err == E_OK ? view_snapshot_verify(service->db, head.size, fault) : err;
    arena_release(&arena);
    return err;
}

DB_SQL(put_net_head,
       "INSERT INTO remote_feed (feed_id, size, root, note, receipt_size, receipt, heard_utc_ms, "
       "forked) VALUES ('net', :size, :root, :note, 0, '', :now, 0) ON CONFLICT (feed_id) DO "
       "UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, "
       "heard_utc_ms = excluded.heard_utc_ms");

/* The rows are here: the feed begins behind them, in the epoch that they name, whose key must have
 * signed the head. */
static int begin_feed(struct service *service, struct arena *arena, const struct checkpoint *head,
                      const struct tree_frontier *frontier,
                      const Passerelle__V1__SnapshotHeader *header, struct fault *fault)
{
    struct feeds *feeds = journal_feeds(service->journal);
    struct feed *net = feeds_get(feeds, VIEW_LIT(FEED_NET));
    struct registry_epoch epoch;
    struct note_key key;
    struct checkpoint opened;
    if (registry_feed_epoch(service->db, arena, VIEW_LIT(FEED_NET), &epoch) &&
        strcmp(epoch.origin, net->id.origin) != 0) {
        feed_begin_epoch(feeds, net, view_of(epoch.origin), epoch.public_key);
    }
    if (note_key_init(&key, view_of(net->id.origin), NOTE_ED25519, net->id.public_key) != E_OK ||
        checkpoint_open(view_of(header->checkpoint), &key, &opened, NULL, fault) != E_OK) {
        return fault_set(fault, E_SIGNATURE,
                         "the checkpoint in the snapshot is not signed by the key of net");
    }
    feed_begin_at(feeds, net, frontier, header->appended_utc_ms);
    struct query *query = db_query(service->db, &put_net_head);
    query_bind_int(query, "size", (int64_t)head->size);
    query_bind_blob(query, "root", view_bytes(&head->root, sizeof head->root));
    query_bind_text(query, "note", view_of(header->checkpoint));
    query_bind_int(query, "now", service_now(service));
    query_run(query);
    return db_error(service->db, fault);
}

int snapshot_load(struct service *service, struct fault *fault)
{
    struct db *db = service->db;
    struct arena arena = ARENA_INIT;
    struct checkpoint head;
    struct tree_frontier frontier;
    const Passerelle__V1__SnapshotHeader *header;
    int err = read_pending(service, &arena, &head, &frontier, &header, fault);
    if (err == E_OK) {
        view_drop(db, ENTRY_IN_NET);
        err = view_snapshot_load(db, head.size, net_no(db), fault);
    }
    err = err == E_OK ? begin_feed(service, &arena, &head, &frontier, header, fault) : err;
    if (err == E_OK) {
        snapshot_drop(db); /* of the one before */
        journal_registry_changed(service->journal);
        err = db_error(db, fault);
    }
    arena_release(&arena);
    return err;
}
