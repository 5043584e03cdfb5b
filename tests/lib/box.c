#include "lib/box.h"

#include <check.h>

#include "core/entry/entry.h"
#include "core/join/join_code.h"
#include "core/merkle/cosignature.h"
#include "core/merkle/subtree.h"
#include "crypt/cert.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/keyring.h"
#include "service/sync/enrol.h"
#include "store/feed/feed.h"
#include "store/view/registry.h"
#include "wire/pack.h"

#define NEW(box, snake) network_new((box)->network, &passerelle__v1__##snake##__descriptor)

static struct arena *arena_of(struct box *box)
{
    return &box->network->arena;
}

void box_init(struct box *box, struct network *network, const char *site_id)
{
    *box = (struct box){.network = network};
    snprintf(box->site_id, sizeof box->site_id, "%s", site_id);
    ed25519_key_make(&box->key, &network->env);
}

void box_release(struct box *box)
{
    free(box->entries);
    free(box->nodes);
}

/* ---- joining ---- */

struct join_code box_enrol(struct box *box, const char *hub_address)
{
    Passerelle__V1__EnrolSiteRequest *request = NEW(box, enrol_site_request);
    request->request_id = network_request_id(box->network);
    request->site_id = box->site_id;
    request->hub_address = arena_string(arena_of(box), view_of(hub_address));
    request->valid_hours = 2;
    const Passerelle__V1__EnrolSiteResponse *response =
        network_must(box->network, network_who(ROLE_OPERATOR, "op-1"), "NetworkService",
                     "EnrolSite", &request->base);
    struct join_code code;
    struct fault fault = FAULT_NONE;
    ck_assert_msg(join_code_parse(view_of(response->join_code), &code, NULL, &fault) == E_OK, "%s",
                  fault.text);
    return code;
}

Passerelle__V1__JoinSiteRequest *box_join_request(struct box *box, const struct join_code *code)
{
    static char localhost[] = "localhost";
    static char *names[] = {localhost};
    struct arena *arena = arena_of(box);
    struct cert_pem client = CERT_PEM_INIT, server = CERT_PEM_INIT;
    struct buf message = BUF_INIT;
    struct fault fault = FAULT_NONE;
    uint8_t *signature = arena_alloc(arena, ED25519_SIGNATURE_LEN);
    ck_assert_int_eq(cert_make_request(&client, &fault), E_OK);
    ck_assert_int_eq(cert_make_request(&server, &fault), E_OK);
    Passerelle__V1__JoinSiteRequest *request = NEW(box, join_site_request);
    request->request_id = network_request_id(box->network);
    request->site_id = arena_string(arena, view_of(code->site));
    request->secret = wire_bytes(arena_copy(arena, view_bytes(code->secret, CODE_BYTES)));
    request->csr_pem = arena_string(arena, buf_content(&client.certificate));
    request->server_csr_pem = arena_string(arena, buf_content(&server.certificate));
    request->server_names = names;
    request->n_server_names = 1;
    request->feed_public_key =
        wire_bytes(arena_copy(arena, view_bytes(box->key.public_key, sizeof box->key.public_key)));
    enrol_join_message(view_of("test"), view_of(code->site), view_of(request->csr_pem), &message);
    ed25519_sign(&box->key, buf_content(&message), signature);
    request->feed_signature = wire_bytes(view_bytes(signature, ED25519_SIGNATURE_LEN));
    buf_release(&message);
    cert_pem_release(&client);
    cert_pem_release(&server);
    return request;
}

const struct call *box_join(struct box *box, const Passerelle__V1__JoinSiteRequest *request)
{
    return network_call(box->network, network_who(ROLE_ANYONE, ""), "NetworkService", "JoinSite",
                        &request->base);
}

void box_begin(struct box *box)
{
    struct join_code code = box_enrol(box, "hub.example.org:8443");
    const struct call *call = box_join(box, box_join_request(box, &code));
    ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
    const Passerelle__V1__JoinSiteResponse *joined = (const void *)call->response;
    snprintf(box->origin, sizeof box->origin, "%s", joined->feed->origin);
    box->known_size = joined->feed->old_size;
    struct db *db = box->network->service.db;
    struct feed_id id;
    struct feed_entry entry;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(db, &fault), E_OK);
    ck_assert_int_eq(feed_find(db, view_of(box->site_id), &id), E_OK);
    struct query *read = feed_read(db, id.no, 1, joined->feed->old_size);
    while (feed_read_next(read, &entry)) {
        box_append_bytes(box, arena_copy(arena_of(box), entry.bytes));
    }
    ck_assert_int_eq(db_end(db, &fault), E_OK);
    ck_assert_uint_eq(box->size, joined->feed->old_size);
}

/* ---- entries ---- */

void box_append_bytes(struct box *box, struct view bytes)
{
    if (box->size == box->capacity) {
        box->capacity = box->capacity == 0 ? 1024 : box->capacity * 2;
        box->entries = xrealloc(box->entries, box->capacity, sizeof *box->entries);
        box->nodes = xrealloc(box->nodes, box->capacity, sizeof *box->nodes);
    }
    struct tree_hash leaf = tree_leaf(bytes);
    tree_frontier_append(&box->frontier, &leaf, &box->nodes[box->size]);
    box->entries[box->size++] = bytes;
}

void box_append(struct box *box, int64_t appended_utc_ms, Passerelle__V1__EntryType type,
                const ProtobufCMessage *payload)
{
    struct entry_draft draft = {.feed_id = view_of(box->site_id),
                                .seq = box->size + 1,
                                .appended_utc_ms = appended_utc_ms,
                                .type = type,
                                .author = VIEW_LIT("cert-desk"),
                                .payload = payload};
    struct view bytes;
    struct entry entry;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(entry_encode(&draft, arena_of(box), &bytes, &entry, &fault), E_OK);
    box_append_bytes(box, bytes);
}

void box_stay(struct box *box, const char *holder_id, uint64_t number, int64_t in_utc_ms,
              int64_t out_utc_ms)
{
    uint8_t id[16] = {0};
    for (int i = 0; i < 8; i++) {
        id[15 - i] = (uint8_t)(number >> (8 * i));
    }
    id[6] = 0x70;
    id[8] = 0x80;
    Passerelle__V1__StayRecorded stay = PASSERELLE__V1__STAY_RECORDED__INIT;
    stay.visit_id = wire_bytes(view_bytes(id, sizeof id));
    stay.holder_id = (char *)(uintptr_t)holder_id;
    stay.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    stay.in_utc_ms = in_utc_ms;
    stay.out_utc_ms = out_utc_ms;
    stay.medium = PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    stay.source = PASSERELLE__V1__SOURCE__SOURCE_OFFLINE;
    stay.line = 1;
    stay.nonce = wire_bytes(view_bytes(id, sizeof id));
    box_append(box, out_utc_ms, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_STAY_RECORDED, &stay.base);
}

/* ---- pushing ---- */

static int read_node(void *context, uint64_t record, unsigned level, uint8_t out[static SHA256_LEN])
{
    const struct box *box = context;
    ck_assert_uint_lt(record, box->size);
    ck_assert_uint_lt(level, box->nodes[record].count);
    memcpy(out, box->nodes[record].hash[level].bytes, SHA256_LEN);
    return E_OK;
}

static ProtobufCBinaryData *hashes(struct box *box, const struct tree_proof *proof)
{
    ProtobufCBinaryData *all = ARENA_ARRAY(arena_of(box), proof->count + 1, ProtobufCBinaryData);
    for (unsigned i = 0; i < proof->count; i++) {
        all[i] =
            wire_bytes(arena_copy(arena_of(box), view_bytes(proof->hash[i].bytes, SHA256_LEN)));
    }
    return all;
}

Passerelle__V1__PushEntriesRequest *box_push_request(struct box *box, uint64_t from, uint64_t size,
                                                     size_t packages)
{
    struct arena *arena = arena_of(box);
    struct tree_reader reader = {.node = read_node, .context = box};
    struct checkpoint checkpoint = {.size = size};
    struct tree_proof proof;
    struct note_key key;
    struct buf note = BUF_INIT;
    Passerelle__V1__PushEntriesRequest *request = NEW(box, push_entries_request);
    snprintf(checkpoint.origin, sizeof checkpoint.origin, "%s", box->origin);
    ck_assert_int_eq(tree_root(&reader, size, &checkpoint.root), E_OK);
    ck_assert_int_eq(note_key_init(&key, view_of(box->origin), NOTE_ED25519, box->key.public_key),
                     E_OK);
    ck_assert_int_eq(checkpoint_sign(&checkpoint, &key, &box->key, &note), E_OK);
    request->feed_id = box->site_id;
    request->checkpoint = arena_string(arena, buf_content(&note));
    buf_release(&note);
    request->known_size = box->known_size;
    if (box->known_size <= size) {
        ck_assert_int_eq(tree_consistency(&reader, box->known_size, size, &proof), E_OK);
        request->consistency = hashes(box, &proof);
        request->n_consistency = proof.count;
    }
    request->packages = ARENA_ARRAY(arena, packages + 1, Passerelle__V1__Package *);
    for (uint64_t at = from; at < size && request->n_packages < packages;) {
        struct package shape = package_at(at, size, PACKAGE_WIDTH);
        Passerelle__V1__Package *package = NEW(box, package);
        ck_assert_int_eq(subtree_prove(&reader, shape.base, shape.end, size, &proof), E_OK);
        package->first_seq = shape.start + 1;
        package->proof = hashes(box, &proof);
        package->n_proof = proof.count;
        package->entries = ARENA_ARRAY(arena, PACKAGE_WIDTH, ProtobufCBinaryData);
        for (uint64_t i = shape.start; i < shape.end; i++) {
            package->entries[package->n_entries++] = wire_bytes(box->entries[i]);
        }
        request->packages[request->n_packages++] = package;
        at = shape.end;
    }
    return request;
}

const struct call *box_send(struct box *box, const Passerelle__V1__PushEntriesRequest *request)
{
    const struct call *call = network_call(box->network, network_who(ROLE_SITE, box->site_id),
                                           "LedgerService", "PushEntries", &request->base);
    if (call->error.code == CODE_OK) {
        const Passerelle__V1__PushEntriesResponse *response = (const void *)call->response;
        box->known_size = response->checkpoint_size;
    }
    return call;
}

static void check_receipt(struct box *box, const char *receipt)
{
    const struct ed25519_key *cosign;
    struct fault fault = FAULT_NONE;
    struct note note;
    struct note_key key;
    struct checkpoint checkpoint;
    uint64_t signers = 0;
    ck_assert_int_eq(keyring_cosign(box->network->node.keys, &cosign, &fault), E_OK);
    ck_assert_int_eq(note_key_init(&key, VIEW_LIT("passerelle.example/test/cosigner"),
                                   NOTE_COSIGNATURE, cosign->public_key),
                     E_OK);
    ck_assert_int_eq(note_parse(view_of(receipt), &note), E_OK);
    ck_assert_int_eq(cosignatures_verify(&note, &key, 1, &signers, NULL), E_OK);
    ck_assert_uint_eq(signers, 1);
    ck_assert_int_eq(checkpoint_parse(note.text, &checkpoint), E_OK);
    ck_assert_uint_eq(checkpoint.size, box->size);
    struct tree_hash root = tree_frontier_root(&box->frontier);
    ck_assert(tree_hash_equal(&root, &checkpoint.root));
}

const Passerelle__V1__PushEntriesResponse *box_push_all(struct box *box)
{
    uint64_t held = box->known_size;
    for (int round = 0; round < 1000; round++) {
        const struct call *call = box_send(box, box_push_request(box, held, box->size, 32));
        ck_assert_msg(call->error.code == CODE_OK, "%s", call->error.message);
        const Passerelle__V1__PushEntriesResponse *response = (const void *)call->response;
        held = response->size;
        if (response->receipt[0] != '\0' && held == box->size) {
            check_receipt(box, response->receipt);
            return response;
        }
    }
    ck_abort_msg("the hub never has enough");
}
