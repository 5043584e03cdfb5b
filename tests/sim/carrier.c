/* A small honest daemon's sync over the messages: signs a checkpoint, pushes packages, keeps
 * receipts; asks for entries of `net`. Every message may be lost, doubled or late: what it knows it
 * reads from its own feed and from answers, and an answer that is older than another does no harm.
 *
 * Terms of plans and holders are copied from the hub's tables when `net` arrives. */
#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "core/entry/entry.h"
#include "core/merkle/cosignature.h"
#include "core/merkle/subtree.h"
#include "crypt/keyfile.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "store/view/apply.h"
#include "sim/work.h"
#include "wire/pack.h"

enum { PACKAGES = 4, BATCH = 256, EVERY_MS = 30000 };

struct carrier {
    struct work *work;
    int site;
    struct sim_node *node;
    struct ed25519_key key;
    char origin[NOTE_NAME_MAX + 1];
    char net_origin[NOTE_NAME_MAX + 1];
    uint8_t net_key[ED25519_PUBLIC_LEN];
    uint8_t cosign_key[ED25519_PUBLIC_LEN];
    uint64_t held;      /* entries that the hub said to hold */
    uint64_t known;     /* of the checkpoint that it verified last */
    uint64_t receipt;   /* entries of the last receipt */
    uint64_t heard_net; /* size of `net` as the hub said last */
    uint64_t size;      /* of our feed, when last looked at */
    uint64_t net;
};

/* A message on its way; freed with the last copy. */
struct packet {
    struct carrier *carrier;
    struct view bytes;
    uint64_t number;
};

static struct packet *packet_new(struct carrier *carrier, struct view bytes)
{
    struct arena *arena = carrier->work->sim->arena;
    struct packet *packet = ARENA_NEW(arena, struct packet);
    packet->carrier = carrier;
    packet->bytes = arena_copy(arena, bytes);
    return packet;
}

/* ---- joining ---- */

static struct carrier *joining;

static int nothing_to_decide(struct service *service, struct call *call)
{
    (void)service;
    (void)call;
    return 0;
}

static int join_apply(struct service *service, struct call *call)
{
    struct view feed_id = view_of(joining->work->world.sites[joining->site].id);
    journal_open_feed(service, feed_id, view_of("hub"));
    const Passerelle__V1__FeedOpened *opened = journal_begin_epoch(
        service, view_of("hub"), feed_id, PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE,
        joining->key.public_key, call->arena);
    if (opened == NULL) {
        return call_fail(call, CODE_INTERNAL, "no epoch");
    }
    snprintf(joining->origin, sizeof joining->origin, "%s", opened->origin);
    call_respond(call);
    return 0;
}

static const struct method join_method = {.service = "Sim",
                                          .name = "Join",
                                          .input = &passerelle__v1__follow_request__descriptor,
                                          .output = &passerelle__v1__caught_up__descriptor,
                                          .decide = nothing_to_decide,
                                          .apply = join_apply};

static void must_be_done(struct node_call *mine)
{
    if (mine->call.error.code != CODE_OK) {
        sim_fail(mine->at->sim, "%s: %s", mine->call.method->name, mine->call.error.message);
    }
}

static int make_feed(struct sim_node *node, const char *name, const char *origin,
                     const uint8_t *public_key, size_t bytes_max, struct fault *fault)
{
    struct feed *feed;
    struct feed_id id = {.entry_bytes_max = bytes_max};
    snprintf(id.name, sizeof id.name, "%s", name);
    snprintf(id.origin, sizeof id.origin, "%s", origin);
    memcpy(id.public_key, public_key, sizeof id.public_key);
    return feeds_make(journal_feeds(node->service.journal), &id, &feed, fault);
}

static int found_site(struct sim_node *node, struct fault *fault)
{
    int err = make_feed(node, "net", joining->net_origin, joining->net_key, FEED_ENTRY_MAX, fault);
    return err != E_OK ? err
                       : make_feed(node, node->name, joining->origin, joining->key.public_key,
                                   FEED_SITE_ENTRY_MAX, fault);
}

static void write_key(struct carrier *carrier)
{
    char file[KEYRING_FILE_MAX], path[320], purpose[KEYFILE_PURPOSE_MAX];
    struct fault fault = FAULT_NONE;
    keyring_feed_file(view_of(carrier->node->name), view_of(carrier->origin), file);
    snprintf(path, sizeof path, "%s/%s", carrier->node->dir, file);
    snprintf(purpose, sizeof purpose, "%.*s", (int)strlen(file) - 4, file);
    *strchr(purpose, '-') = ' ';
    node_must(carrier->node, keyfile_write(path, purpose, &carrier->key, &fault), &fault, "key");
}

static void read_hub(struct work *work, struct carrier *carrier)
{
    struct fault fault = FAULT_NONE;
    struct db *db = work->hub.service.db;
    struct feed_id net;
    const struct ed25519_key *cosign;
    node_must(&work->hub, db_begin_read(db, &fault), &fault, "begin");
    node_must(&work->hub, feed_find(db, view_of("net"), &net), &fault, "net");
    node_must(&work->hub, db_end(db, &fault), &fault, "read");
    node_must(&work->hub, keyring_cosign(work->hub.node.keys, &cosign, &fault), &fault, "cosign");
    snprintf(carrier->net_origin, sizeof carrier->net_origin, "%s", net.origin);
    memcpy(carrier->net_key, net.public_key, sizeof carrier->net_key);
    memcpy(carrier->cosign_key, cosign->public_key, sizeof carrier->cosign_key);
}

static void catch_up(struct carrier *carrier);

void carrier_join(struct work *work, int site)
{
    if (work->carriers == NULL) {
        work->carriers = xcalloc((size_t)work->world.site_count, sizeof *work->carriers);
    }
    struct carrier *carrier = &work->carriers[site];
    struct sim_node *node = &work->sites[site];
    Passerelle__V1__FollowRequest request = PASSERELLE__V1__FOLLOW_REQUEST__INIT;
    *carrier = (struct carrier){.work = work, .site = site, .node = node};
    node_init(node, work->sim, site + 1, work->world.sites[site].id);
    node->owner = work;
    ed25519_key_make(&carrier->key, &node->env);
    joining = carrier;
    node_call(&work->hub, -1, work_who(ROLE_OPERATOR, "olive"), &join_method,
              wire_pack_arena(work->sim->arena, &request.base), must_be_done, NULL);
    node_step(&work->hub);
    read_hub(work, carrier);
    write_key(carrier);
    node_found(node, found_site);
    catch_up(carrier);
}

void carrier_release(struct work *work)
{
    free(work->carriers);
}

/* ---- `net` ---- */

static struct feed_head head_of(struct sim_node *node, const char *feed_id)
{
    struct fault fault = FAULT_NONE;
    struct db *db = node->service.db;
    node_must(node, db_begin_read(db, &fault), &fault, "begin");
    struct feed_head head = feed_head(db, journal_feed_no(db, view_of(feed_id)));
    node_must(node, db_end(db, &fault), &fault, "read");
    return head;
}

/* At most one package of `net` behind `size`, packed. */
static struct view net_behind(struct work *work, uint64_t size)
{
    struct arena *arena = work->sim->arena;
    struct fault fault = FAULT_NONE;
    struct db *db = work->hub.service.db;
    struct feed_entry entry;
    Passerelle__V1__FeedPackage *message =
        wire_new(arena, &passerelle__v1__feed_package__descriptor);
    Passerelle__V1__Package *package = wire_new(arena, &passerelle__v1__package__descriptor);
    message->package = package;
    package->first_seq = size + 1;
    package->entries = ARENA_ARRAY(arena, BATCH, ProtobufCBinaryData);
    node_must(&work->hub, db_begin_read(db, &fault), &fault, "begin");
    struct query *read = feed_read(db, journal_feed_no(db, view_of("net")), size + 1, size + BATCH);
    while (feed_read_next(read, &entry)) {
        package->entries[package->n_entries++] = wire_bytes(arena_copy(arena, entry.bytes));
    }
    node_must(&work->hub, db_end(db, &fault), &fault, "read");
    return wire_pack_arena(arena, &message->base);
}

static bool is_of_pass(Passerelle__V1__EntryType type)
{
    return type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_ISSUED ||
           type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_DEVICE_SET ||
           type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_STATE_SET;
}

static int take_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__FeedPackage *request = (const void *)call->request;
    struct feeds *feeds = journal_feeds(service->journal);
    struct feed *net = feeds_get(feeds, view_of("net"));
    bool registry = false;
    struct fault fault = FAULT_NONE;
    for (size_t i = 0; net != NULL && i < request->package->n_entries; i++) {
        struct view bytes = wire_view(request->package->entries[i]);
        struct entry entry;
        bool added;
        uint64_t seq = request->package->first_seq + i;
        if (entry_decode(view_of("net"), bytes, call->arena, &entry, &fault) != E_OK ||
            feed_put(feeds, net, seq, bytes, entry.envelope->appended_utc_ms, &added, &fault) !=
                E_OK) {
            return call_fail_with(call, &fault);
        }
        if (added) {
            registry |= !is_of_pass(entry.envelope->type);
            view_apply(
                service->db,
                (struct view_position){net->id.no, net->id.no << FEED_SEQ_BITS | (int64_t)seq},
                &entry);
        }
    }
    service->node->registry_version += registry;
    call_respond(call);
    return 0;
}

static const struct method take_method = {.service = "Sim",
                                          .name = "TakeNet",
                                          .input = &passerelle__v1__feed_package__descriptor,
                                          .output = &passerelle__v1__caught_up__descriptor,
                                          .decide = nothing_to_decide,
                                          .apply = take_apply};

/* What the hub tells outside feeds. */
static void copy_terms(struct carrier *carrier)
{
    struct sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if (!carrier->work->hub.up || !carrier->node->up) {
        return;
    }
    if (sqlite3_open_v2("node.db", &db, flags, carrier->node->vfs) == SQLITE_OK) {
        sqlite3_exec(db,
                     "ATTACH 'file:node.db?vfs=sim-0' AS h; PRAGMA synchronous = FULL; BEGIN;"
                     "INSERT OR REPLACE INTO main.employer SELECT * FROM h.employer;"
                     "INSERT OR REPLACE INTO main.employer_policy SELECT * FROM h.employer_policy;"
                     "INSERT OR REPLACE INTO main.plan SELECT * FROM h.plan;"
                     "INSERT OR REPLACE INTO main.holder SELECT * FROM h.holder;"
                     "INSERT OR REPLACE INTO main.carnet SELECT * FROM h.carnet; COMMIT",
                     NULL, NULL, NULL);
    }
    sqlite3_close(db);
    carrier->node->node.registry_version++;
}

static void look(struct carrier *carrier)
{
    carrier->net = head_of(carrier->node, "net").size;
    carrier->size = head_of(carrier->node, carrier->node->name).size;
}

/* When it joins: all there is, without weather. */
static void catch_up(struct carrier *carrier)
{
    struct work *work = carrier->work;
    uint64_t want = head_of(&work->hub, "net").size;
    while (look(carrier), carrier->net < want) {
        node_call(carrier->node, -1, work_who(ROLE_SITE, carrier->node->name), &take_method,
                  net_behind(work, carrier->net), must_be_done, NULL);
        node_step(carrier->node);
    }
    carrier->heard_net = want;
    copy_terms(carrier);
}

static void net_taken(struct node_call *mine)
{
    struct carrier *carrier = mine->context;
    if (mine->call.error.code == CODE_OK) {
        carrier->net = mine->own_size;
    }
}

static void net_came(struct sim *sim, void *context)
{
    (void)sim;
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    carrier->heard_net = packet->number > carrier->heard_net ? packet->number : carrier->heard_net;
    if (packet->number > carrier->net) {
        node_call(carrier->node, -1, work_who(ROLE_SITE, carrier->node->name), &take_method,
                  packet->bytes, net_taken, carrier);
    }
}

static void net_asked(struct sim *sim, void *context)
{
    struct packet *asked = context;
    struct carrier *carrier = asked->carrier;
    struct work *work = carrier->work;
    if (work->hub.up) {
        uint64_t size = head_of(&work->hub, "net").size;
        if (asked->number > size) {
            sim_fail(sim, "%s has entries of net that the hub has not", carrier->node->name);
        }
        struct packet *packet = packet_new(carrier, net_behind(work, asked->number));
        packet->number = size;
        sim_send(sim, 0, carrier->node->no, net_came, packet);
    }
}

/* ---- pushing ---- */

static void check_receipt(struct carrier *carrier, const char *receipt)
{
    struct sim *sim = carrier->work->sim;
    struct fault fault = FAULT_NONE;
    struct note note;
    struct note_key key;
    struct checkpoint checkpoint;
    struct tree_hash root;
    uint64_t signers = 0;
    struct db *db = carrier->node->service.db;
    if (note_key_init(&key, VIEW_LIT("passerelle.example/test/cosigner"), NOTE_COSIGNATURE,
                      carrier->cosign_key) != E_OK ||
        note_parse(view_of(receipt), &note) != E_OK ||
        cosignatures_verify(&note, &key, 1, &signers, NULL) != E_OK || signers != 1 ||
        checkpoint_parse(note.text, &checkpoint) != E_OK) {
        sim_fail(sim, "%s: a receipt that does not verify", carrier->node->name);
    }
    node_must(carrier->node, db_begin_read(db, &fault), &fault, "begin");
    struct feed_id id;
    int err = feed_find(db, view_of(carrier->node->name), &id);
    err = err != E_OK ? err : feed_root(db, id.no, checkpoint.size, &root);
    node_must(carrier->node, db_end(db, &fault), &fault, "read");
    if (err != E_OK || !tree_hash_equal(&root, &checkpoint.root)) {
        sim_fail(sim, "%s: a receipt for what it does not have", carrier->node->name);
    }
    carrier->receipt = checkpoint.size > carrier->receipt ? checkpoint.size : carrier->receipt;
    carrier->work->receipts++;
}

static void push_answered(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *message;
    node_must(carrier->node,
              wire_unpack(&passerelle__v1__push_entries_response__descriptor, packet->bytes,
                          &wire_limits_tolerant, sim->arena, &message, &fault),
              &fault, "answer");
    const Passerelle__V1__PushEntriesResponse *response = (const void *)message;
    carrier->held = response->size;
    carrier->known = response->checkpoint_size;
    if (carrier->node->up && response->receipt[0] != '\0') {
        check_receipt(carrier, response->receipt);
    }
}

static void push_done(struct node_call *mine)
{
    struct carrier *carrier = mine->context;
    struct call *call = &mine->call;
    if (call->error.code == CODE_OK) {
        const Passerelle__V1__PushEntriesResponse *response = (const void *)call->response;
        for (size_t i = 0; i < response->n_problems; i++) {
            if (response->problems[i]->kind !=
                PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_TIME) {
                sim_fail(mine->at->sim, "%s: %s", carrier->node->name,
                         response->problems[i]->sentence);
            }
        }
        sim_send(mine->at->sim, 0, carrier->node->no, push_answered,
                 packet_new(carrier, wire_pack_arena(call->arena, call->response)));
    } else if (call->error.code != CODE_UNAVAILABLE && call->error.code != CODE_INTERNAL &&
               call->error.code != CODE_DATA_LOSS && call->error.code != CODE_RESOURCE_EXHAUSTED) {
        sim_fail(mine->at->sim, "%s: a push was refused: %s", carrier->node->name,
                 call->error.message);
    }
}

static void push_arrived(struct sim *sim, void *context)
{
    struct packet *packet = context;
    struct carrier *carrier = packet->carrier;
    (void)sim;
    carrier->work->pushed++;
    node_call(&carrier->work->hub, carrier->site, work_who(ROLE_SITE, carrier->node->name),
              carrier->work->push, packet->bytes, push_done, carrier);
}

static ProtobufCBinaryData *hashes(struct arena *arena, const struct tree_proof *proof)
{
    ProtobufCBinaryData *all = ARENA_ARRAY(arena, proof->count + 1, ProtobufCBinaryData);
    for (unsigned i = 0; i < proof->count; i++) {
        all[i] = wire_bytes(arena_copy(arena, view_bytes(proof->hash[i].bytes, SHA256_LEN)));
    }
    return all;
}

static Passerelle__V1__Package *package_of(struct arena *arena, struct db *db,
                                           struct feed_tree *tree, struct package shape,
                                           uint64_t size)
{
    struct tree_proof proof;
    struct feed_entry entry;
    Passerelle__V1__Package *package = wire_new(arena, &passerelle__v1__package__descriptor);
    if (subtree_prove(&tree->reader, shape.base, shape.end, size, &proof) != E_OK) {
        return package;
    }
    package->first_seq = shape.start + 1;
    package->proof = hashes(arena, &proof);
    package->n_proof = proof.count;
    package->entries = ARENA_ARRAY(arena, BATCH, ProtobufCBinaryData);
    struct query *read = feed_read(db, tree->feed_no, shape.start + 1, shape.end);
    while (feed_read_next(read, &entry)) {
        package->entries[package->n_entries++] = wire_bytes(arena_copy(arena, entry.bytes));
    }
    return package;
}

/* Pushes what the hub does not have, under this checkpoint. */
static void push(struct carrier *carrier, const char *note, uint64_t size)
{
    struct work *work = carrier->work;
    struct arena *arena = work->sim->arena;
    struct fault fault = FAULT_NONE;
    struct db *db = carrier->node->service.db;
    struct feed_tree tree;
    struct tree_proof proof;
    Passerelle__V1__PushEntriesRequest *request =
        wire_new(arena, &passerelle__v1__push_entries_request__descriptor);
    request->feed_id = work->world.sites[carrier->site].id;
    request->checkpoint = arena_string(arena, view_of(note));
    request->known_size = carrier->known;
    request->packages = ARENA_ARRAY(arena, PACKAGES, Passerelle__V1__Package *);
    node_must(carrier->node, db_begin_read(db, &fault), &fault, "begin");
    int64_t feed_no = journal_feed_no(db, view_of(carrier->node->name));
    feed_tree_init(&tree, db, feed_no);
    if (carrier->known <= size &&
        feed_consistency(db, feed_no, carrier->known, size, &proof) == E_OK) {
        request->consistency = hashes(arena, &proof);
        request->n_consistency = proof.count;
    }
    for (uint64_t at = carrier->held; at < size && request->n_packages < PACKAGES;) {
        struct package shape = package_at(at, size, PACKAGE_WIDTH);
        request->packages[request->n_packages++] = package_of(arena, db, &tree, shape, size);
        at = shape.end;
    }
    node_must(carrier->node, db_end(db, &fault), &fault, "read");
    sim_send(work->sim, carrier->node->no, 0, push_arrived,
             packet_new(carrier, wire_pack_arena(arena, &request->base)));
}

static void signed_here(struct node_call *mine)
{
    struct carrier *carrier = mine->context;
    const Passerelle__V1__GetCheckpointResponse *response = (const void *)mine->call.response;
    struct note note;
    struct checkpoint checkpoint;
    if (mine->call.error.code != CODE_OK || vfs_twin_struck(mine->at->disk) ||
        note_parse(view_of(response->checkpoint), &note) != E_OK ||
        checkpoint_parse(note.text, &checkpoint) != E_OK) {
        return; /* the disk is full, or the power went */
    }
    push(carrier, response->checkpoint, checkpoint.size);
}

static void round_event(struct sim *sim, void *context)
{
    struct carrier *carrier = context;
    struct work *work = carrier->work;
    Passerelle__V1__GetCheckpointRequest request = PASSERELLE__V1__GET_CHECKPOINT_REQUEST__INIT;
    sim_after(sim, EVERY_MS / 2 + dice_below(&sim->dice, EVERY_MS), round_event, carrier);
    if (!carrier->node->up) {
        return;
    }
    look(carrier);
    struct packet *asked = packet_new(carrier, VIEW_NONE);
    asked->number = carrier->net;
    sim_send(sim, carrier->node->no, 0, net_asked, asked);
    if (carrier->size > carrier->receipt) {
        request.feed_id = work->world.sites[carrier->site].id;
        node_call(carrier->node, carrier->site, work_who(ROLE_SITE, carrier->node->name),
                  work->checkpoint, wire_pack_arena(sim->arena, &request.base), signed_here,
                  carrier);
    }
}

void carrier_start(struct work *work)
{
    for (int site = 0; site < work->sim->params.sites; site++) {
        sim_after(work->sim, dice_below(&work->sim->dice, EVERY_MS), round_event,
                  &work->carriers[site]);
    }
}

bool carrier_is_idle(struct work *work)
{
    for (int site = 0; site < work->sim->params.sites; site++) {
        struct carrier *carrier = &work->carriers[site];
        if (!carrier->node->up || !work->hub.up) {
            return false;
        }
        look(carrier);
        if (carrier->receipt < carrier->size || carrier->net < head_of(&work->hub, "net").size) {
            return false;
        }
    }
    return true;
}
