/* The order of questions: is it this site's feed, kept by its daemon, signed by its key; does the
 * checkpoint extend the last one that we verified; does each package stand in it. Only then are
 * entries kept. A package that begins inside a block of 256 is completed by the leaves that we
 * hold.
 *
 * What is wrong with one entry is noted and never stops those behind it: its bytes are a leaf like
 * any other. What is wrong with the push as a whole leaves nothing behind but the note of it. */
#include "service/sync/push.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>

#include "core/merkle/subtree.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/desk/desk.h"
#include "service/journal.h"
#include "service/sync/cosigner.h"
#include "service/sync/doubt.h"
#include "service/sync/problems.h"
#include "store/view/apply.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define KIND(name) PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_##name

/* So many entries of a push are decoded once for both threads, some hundred bytes each; the writer
 * decodes those behind them again. */
enum { PACKAGES_HELPED = 8, DECODED_MAX = 2048 };

struct push_package {
    uint64_t start; /* leaves [start, end) */
    uint64_t end;
    struct tree_hash *leaves;
    bool verified; /* against the checkpoint, by its own leaves alone */
    struct doubt_proof **proofs; /* of its entries, NULL where there is none; NULL: nobody looked */
    struct entry *entries;       /* decoded; those without envelope are not. NULL: nobody looked */
};

struct checking;

struct push {
    struct checking *checking; /* NULL: nobody looked at proofs */
    bool readable; /* the note, its three lines, the shape of the packages */
    struct checkpoint checkpoint;
    struct push_package packages[PUSH_PACKAGES_MAX];
    size_t entry_count;
    /* The answer grows from portion to portion; a portion that is run once more, since its
     * transaction failed, begins with what was said before. */
    Passerelle__V1__PushEntriesResponse *response;
    int64_t shown_utc_ms;  /* of the last entry that was here before */
    uint64_t portion_from; /* entries of the feed when the last portion began, plus 1 */
    size_t problems_max;   /* of entries */
    size_t problems_before;
};

/* What the hub knows of the feed's keeper. */
struct remote {
    uint64_t size; /* of the last checkpoint that was verified */
    struct tree_hash root;
    struct view note;
    bool forked;
};

struct decision {
    struct push *push;
    struct feed *feed;
    struct remote remote;
    bool take;       /* entries are kept */
    const char *bad; /* nothing is: what is wrong with the push */
    bool fork;
    uint64_t epoch; /* the entry of `net` that opened it: each may fork once */
};

/* ---- before the writer ---- */

static const struct tree_hash *proof_hashes(struct arena *arena, size_t count,
                                            const ProtobufCBinaryData *hashes)
{
    struct tree_hash *copy = ARENA_ARRAY(arena, count + 1, struct tree_hash);
    for (size_t i = 0; i < count; i++) {
        if (hashes[i].len != sizeof copy[i].bytes) {
            return NULL;
        }
        memcpy(copy[i].bytes, hashes[i].data, sizeof copy[i].bytes);
    }
    return copy;
}

/* Whether [base, start) in `frontier`, and these leaves behind it, stand in the checkpoint. */
static bool package_stands(struct arena *arena, const struct push *push,
                           const struct push_package *package,
                           const Passerelle__V1__Package *message, struct tree_frontier *frontier)
{
    const struct tree_hash *proof = proof_hashes(arena, message->n_proof, message->proof);
    struct package shape = package_at(package->start, push->checkpoint.size, PACKAGE_WIDTH);
    for (uint64_t i = package->start; i < package->end; i++) {
        tree_frontier_append(frontier, &package->leaves[i - package->start], NULL);
    }
    struct tree_hash hash = tree_frontier_root(frontier);
    return proof != NULL && package_check(&shape, &hash, push->checkpoint.size,
                                          &push->checkpoint.root, proof, message->n_proof) == E_OK;
}

static bool read_package(struct arena *arena, struct push *push, struct push_package *package,
                         const Passerelle__V1__Package *message)
{
    if (message->first_seq == 0 || message->first_seq > push->checkpoint.size) {
        return false;
    }
    struct package shape = package_at(message->first_seq - 1, push->checkpoint.size, PACKAGE_WIDTH);
    if (message->n_entries != shape.end - shape.start) {
        return false;
    }
    package->start = shape.start;
    package->end = shape.end;
    package->leaves = ARENA_ARRAY(arena, message->n_entries, struct tree_hash);
    for (size_t i = 0; i < message->n_entries; i++) {
        if (message->entries[i].len > FEED_ENTRY_MAX) {
            return false;
        }
        package->leaves[i] = tree_leaf(wire_view(message->entries[i]));
    }
    if (shape.base == shape.start) {
        struct tree_frontier frontier = {0};
        package->verified = package_stands(arena, push, package, message, &frontier);
    }
    return true;
}

static bool read_push(struct call *call, struct push *push)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    struct note note;
    if (note_parse(view_of(request->checkpoint), &note) != E_OK ||
        checkpoint_parse(note.text, &push->checkpoint) != E_OK ||
        request->n_packages > PUSH_PACKAGES_MAX) {
        return false;
    }
    for (size_t i = 0; i < request->n_packages; i++) {
        struct push_package *package = &push->packages[i];
        if (!read_package(call->arena, push, package, request->packages[i]) ||
            (i > 0 && package->start != package[-1].end)) {
            return false;
        }
        push->entry_count += request->packages[i]->n_entries;
    }
    return true;
}

static struct push *prepare(struct call *call)
{
    struct push *push = ARENA_NEW(call->arena, struct push);
    push->readable = read_push(call, push);
    return push;
}

/* The proofs of a push, which two threads may check. */
struct checking {
    struct doubt_proof **proofs;
    _Atomic size_t count; /* read so far */
    _Atomic bool whole;   /* all are */
    _Atomic size_t next;
    const struct node *node;
    struct helper *helper;
    void (*done)(struct call *call);
    _Atomic bool over; /* nobody asks any more */
};

/* Entries that do not stand in the checkpoint are not looked at, but those that go on inside a
 * block. */
static void gather_proofs(struct service *reader, struct call *call, struct push *push,
                          struct checking *checking)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    struct arena scratch = ARENA_INIT;
    uint64_t held = journal_feed_size(reader->db, view_of(request->feed_id));
    uint64_t net_size = journal_feed_size(reader->db, VIEW_LIT(FEED_NET));
    size_t decoded = 0;
    for (size_t i = 0; i < request->n_packages && (i == 0 || push->packages[i].verified); i++) {
        const Passerelle__V1__Package *package = request->packages[i];
        struct push_package *into = &push->packages[i];
        into->proofs = ARENA_ARRAY(call->arena, package->n_entries, struct doubt_proof *);
        into->entries = ARENA_ARRAY(call->arena, package->n_entries, struct entry);
        for (size_t k = 0; k < package->n_entries; k++) {
            struct doubt_proof proof;
            struct entry entry;
            bool keep = decoded < DECODED_MAX;
            arena_clear(&scratch);
            if (into->start + k < held ||
                entry_decode(view_of(request->feed_id), wire_view(package->entries[k]),
                             keep ? call->arena : &scratch, &entry, NULL) != E_OK) {
                continue;
            }
            if (keep) {
                into->entries[k] = entry;
                decoded++;
            }
            if (doubt_read_proof(reader, &scratch, &entry, net_size, &proof)) {
                into->proofs[k] = ARENA_NEW(call->arena, struct doubt_proof);
                *into->proofs[k] = proof;
                checking->proofs[atomic_load(&checking->count)] = into->proofs[k];
                atomic_fetch_add(&checking->count, 1);
            }
        }
    }
    arena_release(&scratch);
}

static bool check_next(struct checking *checking)
{
    size_t next = atomic_load(&checking->next);
    while (next < atomic_load(&checking->count)) {
        if (atomic_compare_exchange_weak(&checking->next, &next, next + 1)) {
            doubt_check_proof(checking->proofs[next]);
            return true;
        }
    }
    return false;
}

/* Beside the writer, for which nobody waits yet. */
static bool check_aside(struct checking *checking)
{
    bool checked = check_next(checking);
    if (checked && checking->node->give_way != NULL) {
        checking->node->give_way(checking->node);
    }
    return checked;
}

static void help(void *context)
{
    struct checking *checking = context;
    while (!atomic_load(&checking->over)) {
        bool whole = atomic_load(&checking->whole);
        if (!check_aside(checking)) {
            if (whole) {
                return;
            }
            sched_yield();
        }
    }
}

static void helped_done(struct call *call)
{
    struct checking *checking = call->helped;
    atomic_store(&checking->over, true);
    checking->node->help_end(checking->helper);
    call->done = checking->done;
    call->done(call);
}

/* Signatures are most of the work: 50 us each. Who comes back after a week alone has the other core
 * too: it begins while entries are read, and goes on while the writer takes them, which it does
 * when two of five are checked. The writer helps when it comes to a proof that is not yet. */
void push_precompute(struct service *reader, struct call *call)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    struct push *push = prepare(call);
    call->prepared = push;
    if (!push->readable || strcmp(request->feed_id, call->who.party) != 0) {
        return;
    }
    const struct node *node = reader->node;
    struct checking *checking = ARENA_NEW(call->arena, struct checking);
    checking->node = node;
    push->checking = checking;
    checking->proofs = ARENA_ARRAY(call->arena, push->entry_count, struct doubt_proof *);
    if (request->n_packages >= PACKAGES_HELPED && node->help_begin != NULL) {
        checking->helper = node->help_begin(help, checking);
    }
    gather_proofs(reader, call, push, checking);
    atomic_store(&checking->whole, true);
    size_t count = atomic_load(&checking->count);
    size_t enough = checking->helper == NULL ? count : count * 2 / 5;
    while (atomic_load(&checking->next) < enough && check_aside(checking)) {
        continue;
    }
    if (checking->helper != NULL) {
        call->helped = checking;
        checking->done = call->done;
        call->done = helped_done;
    }
}

/* ---- decide ---- */

DB_SQL(select_remote, "SELECT size, root, note, forked FROM remote_feed WHERE feed_id = :feed_id");

static void read_remote(struct service *service, struct arena *arena, const char *feed_id,
                        struct remote *remote)
{
    *remote = (struct remote){.root = tree_empty()};
    struct query *query = db_query(service->db, &select_remote);
    query_bind_text(query, "feed_id", view_of(feed_id));
    if (!query_next(query)) {
        return;
    }
    remote->size = (uint64_t)query_int(query, 0);
    struct view root = query_blob(query, 1);
    if (root.len == sizeof remote->root) {
        memcpy(&remote->root, root.data, root.len);
    }
    remote->note = arena_copy(arena, query_text(query, 2));
    remote->forked = query_int(query, 3) != 0;
    query_end(query);
}

/* The keeper must go on from what net says, so that is the first checkpoint to extend. */
static void remote_or_epoch(const struct registry_epoch *epoch, struct remote *remote)
{
    if (remote->note.len == 0 && epoch->old_size > 0 &&
        epoch->old_root.len == sizeof remote->root) {
        remote->size = epoch->old_size;
        memcpy(&remote->root, epoch->old_root.data, sizeof remote->root);
    }
}

static bool is_signed(const struct call *call, const struct registry_epoch *epoch)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    struct note_key key;
    struct checkpoint checkpoint;
    return note_key_init(&key, view_of(epoch->origin), NOTE_ED25519, epoch->public_key) == E_OK &&
           checkpoint_open(view_of(request->checkpoint), &key, &checkpoint, NULL, NULL) == E_OK;
}

/* An older checkpoint says nothing new, but must be true of the entries that we hold. */
static void look_back(struct service *service, struct decision *d)
{
    struct tree_hash root;
    const struct checkpoint *checkpoint = &d->push->checkpoint;
    if (checkpoint->size <= d->feed->size) {
        d->fork = feed_root(service->db, d->feed->id.no, checkpoint->size, &root) != E_OK ||
                  !tree_hash_equal(&root, &checkpoint->root);
    } else if (checkpoint->size == d->remote.size) {
        d->fork = !tree_hash_equal(&d->remote.root, &checkpoint->root);
    } else {
        d->take = false; /* nothing says that it is true: the newer one will do */
    }
}

static void look_ahead(struct call *call, struct decision *d)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    const struct checkpoint *checkpoint = &d->push->checkpoint;
    const struct tree_hash *proof =
        proof_hashes(call->arena, request->n_consistency, request->consistency);
    if (request->known_size != d->remote.size) {
        d->take = false; /* the answer says where to go on */
    } else if (proof == NULL ||
               tree_check_consistency(d->remote.size, &d->remote.root, checkpoint->size,
                                      &checkpoint->root, proof, request->n_consistency) != E_OK) {
        d->fork = true;
    }
}

/* The first package may begin inside a block of which we hold the rest. */
static bool first_stands(struct service *service, struct call *call, const struct decision *d)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    const struct push_package *first = &d->push->packages[0];
    struct package shape = package_at(first->start, d->push->checkpoint.size, PACKAGE_WIDTH);
    struct tree_frontier frontier;
    struct feed_tree tree;
    feed_tree_init(&tree, service->db, d->feed->id.no);
    return package_begin(&tree.reader, &shape, &frontier) == E_OK &&
           package_stands(call->arena, d->push, first, request->packages[0], &frontier);
}

static void look_at_packages(struct service *service, struct call *call, struct decision *d)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    if (request->n_packages == 0 || d->push->packages[0].start > d->feed->size) {
        d->take = false; /* a gap: the answer says what is missing */
        return;
    }
    for (size_t i = 0; i < request->n_packages; i++) {
        if (!d->push->packages[i].verified && (i > 0 || !first_stands(service, call, d))) {
            d->bad = "its entries are not those of the checkpoint that it signed";
            return;
        }
    }
}

int push_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    struct registry_epoch epoch;
    struct decision *d = ARENA_NEW(call->arena, struct decision);
    if (call->prepared == NULL) {
        call->prepared = prepare(call);
    }
    d->push = call->prepared;
    d->take = true;
    call->decision = d;
    if (strcmp(request->feed_id, call->who.party) != 0) {
        return call_fail(call, CODE_PERMISSION_DENIED, "a site pushes its own feed: %s",
                         call->who.party);
    }
    d->feed = feeds_get(journal_feeds(service->journal), view_of(request->feed_id));
    if (d->feed == NULL || journal_keeps(service, view_of(request->feed_id)) ||
        !registry_feed_epoch(service->db, call->arena, view_of(request->feed_id), &epoch)) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "the hub keeps the ledger of %s: join again with a join code",
                         request->feed_id);
    }
    if (!d->push->readable) {
        return call_violation(call, "packages",
                              "send a checkpoint and at most %d packages in order, each to the end "
                              "of its block of 256 or of the checkpoint",
                              PUSH_PACKAGES_MAX);
    }
    d->epoch = epoch.opened_by;
    read_remote(service, call->arena, request->feed_id, &d->remote);
    remote_or_epoch(&epoch, &d->remote);
    if (d->remote.forked) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this feed told two stories and is out of settlement: an operator decides "
                         "(passerelle ledger problems %s)",
                         request->feed_id);
    }
    if (!is_signed(call, &epoch)) {
        return call_fail(call, CODE_PERMISSION_DENIED,
                         "the checkpoint is not signed by the key that net names for %s: another "
                         "box keeps this ledger now, or this one was restored; join again",
                         request->feed_id);
    }
    if (d->push->checkpoint.size > d->remote.size) {
        look_ahead(call, d);
    } else {
        look_back(service, d);
    }
    if (d->take && !d->fork) {
        look_at_packages(service, call, d);
    }
    return 0;
}

/* ---- apply ---- */

DB_SQL(put_remote,
       "INSERT INTO remote_feed (feed_id, size, root, note, receipt_size, receipt, heard_utc_ms, "
       "forked) VALUES (:feed_id, :size, :root, :note, 0, '', :now, 0) ON CONFLICT (feed_id) DO "
       "UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note, "
       "heard_utc_ms = excluded.heard_utc_ms");
DB_SQL(put_receipt, "UPDATE remote_feed SET receipt_size = :size, receipt = :receipt "
                    "WHERE feed_id = :feed_id");
DB_SQL(put_heard, "UPDATE remote_feed SET heard_utc_ms = :now WHERE feed_id = :feed_id");
DB_SQL(put_fork, "INSERT INTO remote_feed (feed_id, size, root, note, receipt_size, receipt, "
                 "heard_utc_ms, forked) VALUES (:feed_id, 0, :root, '', 0, '', :now, 1) "
                 "ON CONFLICT (feed_id) DO UPDATE SET forked = 1");

static void bind_feed(struct query *query, const struct decision *d)
{
    query_bind_text(query, "feed_id", view_of(d->feed->id.name));
}

/* An older one was late on its way: it does not say how the feed stands now, and a close that waits
 * for the feed waits on. */
static void record_checkpoint(struct service *service, const struct decision *d, struct view note)
{
    struct query *query;
    if (d->push->checkpoint.size < d->remote.size) {
        return;
    }
    if (d->push->checkpoint.size == d->remote.size) {
        query = db_query(service->db, &put_heard);
    } else {
        query = db_query(service->db, &put_remote);
        query_bind_int(query, "size", (int64_t)d->push->checkpoint.size);
        query_bind_blob(query, "root",
                        view_bytes(&d->push->checkpoint.root, sizeof d->push->checkpoint.root));
        query_bind_text(query, "note", note);
    }
    bind_feed(query, d);
    query_bind_int(query, "now", service_now(service));
    query_run(query);
}

struct taking {
    struct service *service;
    struct call *call;
    const struct decision *d;
    Passerelle__V1__PushEntriesResponse *response;
    struct arena scratch;
};

static void note_problem(struct taking *t, Passerelle__V1__LedgerProblemKind kind, uint64_t seq,
                         struct view bytes, const char *what)
{
    const char *todo = kind == KIND(UNREADABLE)
                           ? "it counts for nothing; ask the site what its box runs"
                           : "it counts; ask the site to set its clock";
    struct problem problem = {.kind = kind,
                              .feed_id = t->d->feed->id.name,
                              .seq = seq,
                              .evidence = &bytes,
                              .evidence_count = 1};
    if (t->response->n_problems < t->d->push->problems_max) {
        t->response->problems[t->response->n_problems++] =
            problem_note(t->service, t->call->arena, &problem, "entry %llu of %s: %s: %s",
                         (unsigned long long)seq, t->d->feed->id.name, what, todo);
    }
}

static void note_doubts(struct taking *t, uint64_t seq, struct view bytes,
                        const struct entry *entry, const struct doubt_proof *proof)
{
    struct doubt_entry at = {.site_id = t->d->feed->id.name,
                             .feed_no = t->d->feed->id.no,
                             .seq = seq,
                             .bytes = bytes,
                             .entry = entry,
                             .proof = proof,
                             .shown_utc_ms = t->d->push->shown_utc_ms};
    Passerelle__V1__LedgerProblem *found[DOUBTS_MAX];
    size_t count = doubt_look(t->service, t->call->arena, &t->scratch, &at, found);
    for (size_t i = 0; i < count && t->response->n_problems < t->d->push->problems_max; i++) {
        t->response->problems[t->response->n_problems++] = found[i];
    }
}

static void await_proof(const struct push *push, const struct doubt_proof *proof)
{
    while (proof != NULL && !atomic_load(&proof->looked_at) && check_next(push->checking)) {
        continue;
    }
}

/* One entry behind those that we hold, number k of its package. */
static int take_entry(struct taking *t, uint64_t seq, struct view bytes,
                      const struct push_package *looked_at, size_t k, struct fault *fault)
{
    const struct doubt_proof *proof = looked_at->proofs == NULL ? NULL : looked_at->proofs[k];
    await_proof(t->d->push, proof);
    struct feeds *feeds = journal_feeds(t->service->journal);
    struct feed *feed = t->d->feed;
    struct entry entry;
    struct fault unread = FAULT_NONE;
    arena_clear(&t->scratch);
    int err = E_OK;
    if (looked_at->entries != NULL && looked_at->entries[k].envelope != NULL) {
        entry = looked_at->entries[k];
    } else {
        err = entry_decode(view_of(feed->id.name), bytes, &t->scratch, &entry, &unread);
    }
    bool read = err == E_OK && entry.envelope->seq == seq;
    int64_t at_utc_ms = read ? entry.envelope->appended_utc_ms : feed->appended_utc_ms;
    if (!read) {
        note_problem(t, KIND(UNREADABLE), seq, bytes,
                     err == E_OK ? "it says another number than its place" : unread.text);
    } else if (at_utc_ms < feed->appended_utc_ms ||
               at_utc_ms > service_now(t->service) + PUSH_FUTURE_MS_MAX) {
        note_problem(t, KIND(TIME), seq, bytes,
                     at_utc_ms < feed->appended_utc_ms
                         ? "its time is before that of the entry before it"
                         : "its time lies in the future");
        at_utc_ms =
            at_utc_ms < feed->appended_utc_ms ? feed->appended_utc_ms : service_now(t->service);
    }
    bool added;
    err = feed_put(feeds, feed, seq, bytes, at_utc_ms, &added, fault);
    if (err == E_OK && read) {
        struct view_position at = {.feed_no = feed->id.no,
                                   .entry_key = feed->id.no << FEED_SEQ_BITS | (int64_t)seq};
        view_apply(t->service->db, at, &entry);
        desk_heard(t->service, feed->id.no, &entry,
                   proof == NULL || !atomic_load(&proof->looked_at) ? HEARD_PROOF_UNCHECKED
                   : proof->good                      ? HEARD_PROOF_GOOD
                                                      : HEARD_PROOF_BAD);
        note_doubts(t, seq, bytes, &entry, proof);
    }
    return err;
}

static int take_package(struct taking *t, const Passerelle__V1__Package *package,
                        const struct push_package *looked_at, size_t *room, struct fault *fault)
{
    int err = E_OK;
    for (size_t k = 0; err == E_OK && k < package->n_entries; k++) {
        uint64_t seq = package->first_seq + k;
        if (seq <= t->d->feed->size) {
            continue; /* those that we hold stand in the same checkpoint */
        }
        if (*room == 0) {
            t->call->again = true;
            break;
        }
        --*room;
        err = take_entry(t, seq, wire_view(package->entries[k]), looked_at, k, fault);
    }
    return err;
}

/* As many entries as the portion is. */
static int take_packages(struct taking *t)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)t->call->request;
    struct fault fault = FAULT_NONE;
    size_t room = t->call->portion == 0 ? SIZE_MAX : t->call->portion;
    int err = E_OK;
    for (size_t i = 0; err == E_OK && i < request->n_packages && !t->call->again; i++) {
        const struct push_package *looked_at = &t->d->push->packages[i];
        if (looked_at->end > t->d->feed->size) {
            err = take_package(t, request->packages[i], looked_at, &room, &fault);
        }
    }
    return err == E_OK ? 0 : call_fail_with(t->call, &fault);
}

/* All entries of the checkpoint are here: the receipt. */
static int cosign(struct taking *t)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)t->call->request;
    const struct checkpoint *checkpoint = &t->d->push->checkpoint;
    struct tree_hash root = tree_frontier_root(&t->d->feed->frontier);
    if (t->d->feed->size != checkpoint->size || !tree_hash_equal(&root, &checkpoint->root)) {
        return 0;
    }
    struct note_key key;
    struct note note;
    const struct ed25519_key *secret;
    struct fault fault = FAULT_NONE;
    int err = cosigner_key(t->service, &key, &secret, &fault);
    if (err != E_OK) {
        return call_fail_with(t->call, &fault);
    }
    err = note_parse(view_of(request->checkpoint), &note);
    assert(err == E_OK); /* it was when the call came */
    struct buf text = BUF_INIT;
    buf_text(&text, request->checkpoint);
    checkpoint_cosign(&text, note.text, &key, secret, (uint64_t)(service_now(t->service) / 1000));
    t->response->receipt = wire_string(t->call->arena, buf_content(&text));
    buf_release(&text);
    struct query *query = db_query(t->service->db, &put_receipt);
    query_bind_int(query, "size", (int64_t)checkpoint->size);
    query_bind_text(query, "receipt", view_of(t->response->receipt));
    bind_feed(query, t->d);
    query_run(query);
    return 0;
}

/* Two notes that cannot both be true, or a push that is not what was signed. */
static void record_refused(struct taking *t)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)t->call->request;
    struct view evidence[] = {view_of(request->checkpoint), t->d->remote.note};
    struct problem problem = {.kind = t->d->fork ? KIND(FORK) : KIND(BAD_PUSH),
                              .feed_id = t->d->feed->id.name,
                              .seq = t->d->fork ? 0 : t->d->push->packages[0].start + 1,
                              .place = t->d->fork ? t->d->epoch : 0,
                              .evidence = evidence,
                              .evidence_count = 2};
    t->response->problems[t->response->n_problems++] =
        t->d->fork
            ? problem_note(t->service, t->call->arena, &problem,
                           "%s signed %llu entries that do not go on from the %llu that the hub "
                           "has verified: it tells two stories, or was restored from a backup; "
                           "look at both notes, then enrol the site again",
                           t->d->feed->id.name, (unsigned long long)t->d->push->checkpoint.size,
                           (unsigned long long)t->d->remote.size)
            : problem_note(t->service, t->call->arena, &problem,
                           "a push of %s was refused: %s. Its files are damaged, or somebody "
                           "changed them: run `passerelled check` there, and join again if it "
                           "finds them wrong",
                           t->d->feed->id.name, t->d->bad);
    if (t->d->fork) {
        struct query *query = db_query(t->service->db, &put_fork);
        bind_feed(query, t->d);
        query_bind_blob(query, "root", view_bytes(&t->d->remote.root, sizeof t->d->remote.root));
        query_bind_int(query, "now", service_now(t->service));
        query_run(query);
    }
}

DB_SQL(select_key, "SELECT public_key FROM feed_epoch WHERE feed_id = 'net' AND origin = :origin");

/* Whether a key that was ever `net`'s signed the note. */
static bool is_our_word(struct service *service, struct view note, const char *origin)
{
    struct note_key key;
    struct checkpoint checkpoint;
    bool ours = false;
    struct query *query = db_query(service->db, &select_key);
    query_bind_text(query, "origin", view_of(origin));
    if (query_next(query)) {
        struct view public_key = query_blob(query, 0);
        ours = public_key.len == ED25519_PUBLIC_LEN &&
               note_key_init(&key, view_of(origin), NOTE_ED25519,
                             (const uint8_t *)public_key.data) == E_OK &&
               checkpoint_open(note, &key, &checkpoint, NULL, NULL) == E_OK;
    }
    query_end(query);
    return ours;
}

/* The head of `net` that the site holds is one that this hub has signed and does not hold: it was
 * restored from a backup, and only an operator can bring back what sites have. */
static void look_at_net(struct taking *t)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)t->call->request;
    struct view signed_note = view_of(request->net_checkpoint);
    const struct feed *net = feeds_get(journal_feeds(t->service->journal), VIEW_LIT(FEED_NET));
    struct checkpoint seen;
    struct tree_hash root;
    struct note note;
    if (signed_note.len == 0 || net == NULL || note_parse(signed_note, &note) != E_OK ||
        checkpoint_parse(note.text, &seen) != E_OK ||
        (seen.size <= net->size &&
         feed_root(t->service->db, net->id.no, seen.size, &root) == E_OK &&
         tree_hash_equal(&root, &seen.root)) ||
        !is_our_word(t->service, signed_note, seen.origin)) {
        return;
    }
    struct problem problem = {.kind = KIND(HUB_ROLLED_BACK),
                              .feed_id = FEED_NET,
                              .seq = seen.size,
                              .evidence = &signed_note,
                              .evidence_count = 1};
    t->response->problems[t->response->n_problems++] = problem_note(
        t->service, t->call->arena, &problem,
        "%s holds %llu entries of net that this hub signed and does not hold: it was restored "
        "from a backup. Bring them back: `passerelle ledger export FOLDER --feed net` at that "
        "site's daemon, then `passerelled restore BACKUP DIR --entries FOLDER`",
        t->d->feed->id.name, (unsigned long long)seen.size);
    log_event(t->service->node->log, LOG_ERROR, "hub_rolled_back",
              LOG_S("site", t->d->feed->id.name), LOG_N("net_there", (int64_t)seen.size),
              LOG_N("net_here", (int64_t)net->size),
              LOG_S("todo", "see passerelle ledger problems net"));
}

/* The site lost entries that it had signed, and has them back. Nothing is wrong with its ledger,
 * but without a link it would have told two stories. */
static void look_at_recovery(struct taking *t)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)t->call->request;
    const struct remote *remote = &t->d->remote;
    uint64_t from = request->recovered_from, to = request->recovered_to;
    if (from == 0 || from > to || to > remote->size || remote->note.len == 0) {
        return;
    }
    struct problem problem = {.kind = KIND(ROLLED_BACK),
                              .feed_id = t->d->feed->id.name,
                              .seq = from,
                              .place = to,
                              .evidence = &remote->note,
                              .evidence_count = 1};
    t->response->problems[t->response->n_problems++] = problem_note(
        t->service, t->call->arena, &problem,
        "%s had lost its entries %llu to %llu, which it had signed, and got them back from here: "
        "its box was restored from a backup, or its disk loses what is written. Ask who did it, "
        "or see to the disk: without a link it would have told two stories",
        t->d->feed->id.name, (unsigned long long)from, (unsigned long long)to);
}

/* Of the push as a whole: that it was refused, that it shows another head of net, that its site
 * was restored. */
enum { PROBLEMS_OF_PUSH = 3, PROBLEMS_MAX = PUSH_PACKAGES_MAX * PACKAGE_WIDTH };

/* The answer, with what was said about the portions before this one. */
static Passerelle__V1__PushEntriesResponse *respond(struct call *call, struct decision *d)
{
    struct push *push = d->push;
    if (push->response == NULL) {
        push->response = call_respond(call);
        push->shown_utc_ms = d->feed->appended_utc_ms;
        push->problems_max = push->entry_count < PROBLEMS_MAX / DOUBTS_MAX
                                 ? push->entry_count * DOUBTS_MAX
                                 : PROBLEMS_MAX;
        push->response->problems = ARENA_ARRAY(
            call->arena, push->problems_max + PROBLEMS_OF_PUSH, Passerelle__V1__LedgerProblem *);
    }
    if (push->portion_from == d->feed->size + 1) {
        push->response->n_problems = push->problems_before;
    }
    push->portion_from = d->feed->size + 1;
    push->problems_before = push->response->n_problems;
    push->response->checkpoint_size = d->remote.size;
    call->response = &push->response->base;
    return push->response;
}

int push_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__PushEntriesRequest *request = (const void *)call->request;
    struct decision *d = call->decision;
    struct taking t = {.service = service, .call = call, .d = d, .response = respond(call, d)};
    int failed = 0;
    if (d->fork || d->bad != NULL) {
        record_refused(&t);
    } else if (d->take || d->push->checkpoint.size <= d->remote.size ||
               request->known_size == d->remote.size) {
        record_checkpoint(service, d, view_of(request->checkpoint));
        if (d->push->checkpoint.size > d->remote.size) {
            t.response->checkpoint_size = d->push->checkpoint.size;
        }
        failed = d->take ? take_packages(&t) : 0;
        failed = failed == 0 ? cosign(&t) : failed;
    }
    if (failed == 0 && !call->again) {
        look_at_net(&t);
        look_at_recovery(&t);
    }
    t.response->size = d->feed->size;
    arena_release(&t.scratch);
    return failed;
}
