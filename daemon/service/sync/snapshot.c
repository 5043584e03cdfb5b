#include "service/sync/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "service/journal.h"
#include "service/sync/cosigner.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "store/view/snapshot.h"
#include "wire/pack.h"

enum {
    CHUNK_BYTES = 48 * 1024,
    CHUNK_ROWS = 1024,
    FRAME_HEAD = 4,
    ROW_BYTES_MAX = FEED_ENTRY_MAX + 1024,
    BEHIND_MAX = 2048, /* entries that a site can as well follow */
};

/* ---- frames and digests ---- */

static int io_fault(const char *path, struct fault *fault)
{
    return fault_set(fault, E_IO, "%s: %s", path, strerror(errno));
}

static int write_frame(FILE *file, struct view bytes, struct fault *fault)
{
    struct buf head = BUF_INIT;
    buf_u32be(&head, (uint32_t)bytes.len);
    bool good = fwrite(head.data, 1, head.len, file) == head.len &&
                fwrite(bytes.data, 1, bytes.len, file) == bytes.len;
    buf_release(&head);
    return good ? E_OK : io_fault("a snapshot cannot be written", fault);
}

int snapshot_frame_write(FILE *file, const Passerelle__V1__GetSnapshotResponse *message,
                         struct fault *fault)
{
    struct buf bytes = BUF_INIT;
    if (message->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEARTBEAT) {
        return E_OK;
    }
    wire_pack(&bytes, &message->base);
    int err = write_frame(file, buf_content(&bytes), fault);
    buf_release(&bytes);
    return err;
}

static size_t u32be(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

static int unpack_frame(struct view bytes, struct arena *arena,
                        Passerelle__V1__GetSnapshotResponse **out, struct fault *fault)
{
    ProtobufCMessage *message;
    int err = wire_unpack(&passerelle__v1__get_snapshot_response__descriptor, bytes,
                          &wire_limits_tolerant, arena, &message, fault);
    *out = err == E_OK ? (void *)message : NULL;
    return err;
}

int snapshot_frame_read(struct view *bytes, struct arena *arena,
                        Passerelle__V1__GetSnapshotResponse **out, struct fault *fault)
{
    if (bytes->len == 0) {
        return E_NOT_FOUND;
    }
    if (bytes->len < FRAME_HEAD || u32be(bytes->data) > bytes->len - FRAME_HEAD) {
        return fault_set(fault, E_INVALID, "the snapshot is cut short: get it again");
    }
    size_t len = u32be(bytes->data);
    if (len > SNAPSHOT_FRAME_MAX + ROW_BYTES_MAX) {
        return fault_set(fault, E_LIMIT, "a piece of the snapshot is too long");
    }
    struct view frame = view_slice(*bytes, FRAME_HEAD, FRAME_HEAD + len);
    *bytes = view_slice(*bytes, FRAME_HEAD + len, bytes->len);
    return unpack_frame(frame, arena, out, fault);
}

static void hash_row(struct sha256 *hash, struct view bytes)
{
    uint8_t head[4] = {(uint8_t)(bytes.len >> 24), (uint8_t)(bytes.len >> 16),
                       (uint8_t)(bytes.len >> 8), (uint8_t)bytes.len};
    sha256_add(hash, head, sizeof head);
    sha256_add(hash, bytes.data, bytes.len);
}

/* What the cosigner signs. */
static void signed_message(const struct checkpoint *head, const uint8_t digest[static SHA256_LEN],
                           struct buf *out)
{
    buf_text(out, "passerelle-snapshot/v1\n");
    checkpoint_format(head, out);
    text_to_base64(out, view_bytes(digest, SHA256_LEN));
    buf_byte(out, '\n');
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
        w->err = snapshot_frame_write(w->file, &response, w->fault);
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
    hash_row(&w->hash, buf_content(&w->row));
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
    signed_message(&head, digest, &message);
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
    header.appended_utc_ms = feed_head(service->db, net->no).appended_utc_ms;
    header.rows = w->count;
    response.part_case = PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER;
    response.header = &header;
    return snapshot_frame_write(file, &response, w->fault);
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
    uint64_t size;
};

static bool is_fresh(const struct node *node, uint64_t size, struct arena *arena, char **path)
{
    uint64_t have = atomic_load(&node->snapshot_size);
    snapshot_path(node, have, "", arena, path);
    return have != 0 && have <= size && size - have <= BEHIND_MAX && access(*path, R_OK) == 0;
}

int snapshot_open(struct service *service, struct call *call)
{
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
    if (is_fresh(service->node, size, call->arena, &serving->path)) {
        return 0;
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
    return err == E_OK ? 0 : call_fail_with(call, &fault);
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
    char *at = len <= SNAPSHOT_FRAME_MAX + ROW_BYTES_MAX ? buf_reserve(frame, len) : NULL;
    if (at == NULL || fread(at, 1, len, file) != len) {
        return false;
    }
    buf_wrote(frame, len);
    return true;
}

int snapshot_pump(struct service *service, struct stream *stream)
{
    struct serving *serving = stream->call->decision;
    struct arena arena = ARENA_INIT;
    struct buf frame = BUF_INIT;
    struct fault fault = FAULT_NONE;
    bool room = true;
    (void)service;
    FILE *file = fopen(serving->path, "rb");
    if (file == NULL || fseek(file, serving->offset, SEEK_SET) != 0) {
        call_fail(stream->call, CODE_ABORTED, "a newer snapshot took this one's place: ask again");
    }
    while (stream->call->error.code == CODE_OK && room && read_frame(file, &frame)) {
        Passerelle__V1__GetSnapshotResponse *response;
        arena_clear(&arena);
        if (unpack_frame(buf_content(&frame), &arena, &response, &fault) != E_OK) {
            call_fail_with(stream->call, &fault);
        } else if ((room = stream->emit(stream, &response->base))) {
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

/* ---- at the site: loading ---- */

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
    signed_message(head, header->digest.data, &message);
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

struct loading {
    struct service *service;
    struct feed *net;
    const uint8_t *cosigner;
    char *note;
    struct checkpoint head;
    struct tree_frontier frontier;
    uint8_t digest[SHA256_LEN];
    int64_t appended_utc_ms;
    uint64_t rows;
    uint64_t taken;
    struct sha256 hash;
    struct buf row;
    bool begun;
};

static int load_header(struct loading *l, const Passerelle__V1__SnapshotHeader *header,
                       struct fault *fault)
{
    int err = snapshot_header_check(header, l->cosigner, &l->head, &l->frontier, fault);
    if (err == E_OK) {
        memcpy(l->digest, header->digest.data, sizeof l->digest);
        l->note = xstrdup(header->checkpoint);
        l->appended_utc_ms = header->appended_utc_ms;
        l->rows = header->rows;
        l->begun = true;
        sha256_init(&l->hash);
    }
    return err;
}

static int load_chunk(struct loading *l, const Passerelle__V1__SnapshotChunk *chunk,
                      struct fault *fault)
{
    int err = E_OK;
    for (size_t i = 0; err == E_OK && i < chunk->n_rows; i++) {
        buf_clear(&l->row);
        wire_pack(&l->row, &chunk->rows[i]->base);
        hash_row(&l->hash, buf_content(&l->row));
        l->taken++;
        err = view_snapshot_put(l->service->db, l->net->id.no, chunk->rows[i], fault);
    }
    return err;
}

static int load_frame(struct loading *l, struct view bytes, struct arena *arena,
                      struct fault *fault)
{
    Passerelle__V1__GetSnapshotResponse *response;
    int err = unpack_frame(bytes, arena, &response, fault);
    if (err != E_OK) {
        return err;
    }
    switch (response->part_case) {
    case PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER:
        return l->begun ? fault_set(fault, E_INVALID, "the snapshot has two headers")
                        : load_header(l, response->header, fault);
    case PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK:
        return !l->begun ? fault_set(fault, E_INVALID, "the snapshot has no header")
                         : load_chunk(l, response->chunk, fault);
    default:
        return E_OK;
    }
}

DB_SQL(put_net_head,
       "INSERT INTO remote_feed (feed_id, size, root, note, receipt_size, receipt, heard_utc_ms, "
       "forked) VALUES ('net', :size, :root, :note, 0, '', :now, 0) ON CONFLICT (feed_id) DO "
       "UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, "
       "heard_utc_ms = excluded.heard_utc_ms");

/* All rows are here: the feed begins behind them, in the epoch that they name, whose key must have
 * signed the head. */
static int finish(struct loading *l, struct fault *fault)
{
    struct service *service = l->service;
    struct feeds *feeds = journal_feeds(service->journal);
    struct arena arena = ARENA_INIT;
    struct registry_epoch epoch;
    struct note_key key;
    struct checkpoint head;
    uint8_t digest[SHA256_LEN];
    sha256_end(&l->hash, digest);
    if (l->taken != l->rows || memcmp(digest, l->digest, sizeof digest) != 0) {
        return fault_set(
            fault, E_SIGNATURE,
            "the rows of the snapshot are not those that the hub signed: get it again");
    }
    if (registry_feed_epoch(service->db, &arena, VIEW_LIT(FEED_NET), &epoch) &&
        strcmp(epoch.origin, l->net->id.origin) != 0) {
        feed_begin_epoch(feeds, l->net, view_of(epoch.origin), epoch.public_key);
    }
    arena_release(&arena);
    if (note_key_init(&key, view_of(l->net->id.origin), NOTE_ED25519, l->net->id.public_key) !=
            E_OK ||
        checkpoint_open(view_of(l->note), &key, &head, NULL, fault) != E_OK) {
        return fault_set(fault, E_SIGNATURE,
                         "the checkpoint in the snapshot is not signed by the key of net");
    }
    feed_begin_at(feeds, l->net, &l->frontier, l->appended_utc_ms);
    struct query *query = db_query(service->db, &put_net_head);
    query_bind_int(query, "size", (int64_t)head.size);
    query_bind_blob(query, "root", view_bytes(&head.root, sizeof head.root));
    query_bind_text(query, "note", view_of(l->note));
    query_bind_int(query, "now", service_now(service));
    query_run(query);
    journal_registry_changed(service->journal);
    return db_error(service->db, fault);
}

static int load_file(struct loading *l, FILE *file, struct fault *fault)
{
    struct buf frame = BUF_INIT;
    struct arena arena = ARENA_INIT;
    int err = E_OK;
    while (err == E_OK && read_frame(file, &frame)) {
        arena_clear(&arena);
        err = load_frame(l, buf_content(&frame), &arena, fault);
    }
    if (err == E_OK && !l->begun) {
        err = fault_set(fault, E_INVALID, "the snapshot is cut short: get it again");
    }
    buf_release(&frame);
    arena_release(&arena);
    return err == E_OK ? finish(l, fault) : err;
}

int snapshot_load(struct service *service, const char *path,
                  const uint8_t cosigner[static ED25519_PUBLIC_LEN], struct fault *fault)
{
    struct loading l = {.service = service,
                        .net = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_NET)),
                        .cosigner = cosigner};
    if (l.net == NULL || l.net->size != 0 || !view_snapshot_fits(service->db)) {
        return fault_set(fault, E_EXISTS,
                         "this site has entries of net already: it follows from there");
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return io_fault(path, fault);
    }
    int err = load_file(&l, file, fault);
    fclose(file);
    free(l.note);
    buf_release(&l.row);
    return err;
}
