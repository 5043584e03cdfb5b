/* passerelled join: a site gets a daemon of its own. Each step can be repeated: the request is on
 * the disk, with its id, before it is sent, so that a join that was cut goes on with the same code
 * and gets the same answer. The file `joined` is written last. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ident/uuid.h"
#include "core/join/join_code.h"
#include "core/merkle/checkpoint.h"
#include "crypt/cert.h"
#include "crypt/keyfile.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "process/command.h"
#include "process/joined.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/sync/enrol.h"
#include "store/migrate/migrate.h"
#include "transport/peer/peer.h"
#include "wire/pack.h"

enum {
    OWN_NAMES = 2, /* of its certificate: this machine's */
    HOSTS_MAX = CERT_NAMES_MAX - OWN_NAMES,
    BATCHES_AT_ONCE = 16,
    WAIT_MS_MAX = 20000
};
static const char feed_purpose[] = "feed joining";

struct joining {
    struct state state;
    struct join_code code;
    const char *hosts[HOSTS_MAX];
    size_t host_count;
    const char *port;
    struct arena arena;
    const char *url;
    const char *request_path;  /* keys/joining: the request, while it may have to be repeated */
    const char *feed_key_path; /* keys/feed-joining.key: until the feed's epoch has a name */
    struct ed25519_key feed_key;
    const Passerelle__V1__JoinSiteRequest *request;
    const Passerelle__V1__JoinSiteResponse *answer;
};

/* What failed may go well the next time. */
static int say_again(struct fault *fault, int err, const char *message)
{
    size_t len = strlen(message);
    return fault_set(fault, err, "%s%s Then run the same command again", message,
                     len > 0 && message[len - 1] == '.' ? "" : ".");
}

/* ---- the request ---- */

/* A private key in a file of its own, made once; appends a certificate request for it. */
static int request_pem(const char *path, struct buf *out, struct fault *fault)
{
    struct buf key = BUF_INIT;
    int err;
    if (state_exists(path)) {
        err = keyfile_read_private(path, &key, fault);
        err = err != E_OK ? err : cert_request_again(buf_content(&key), out, fault);
        if (key.data != NULL) {
            secret_wipe(key.data, key.len);
        }
        buf_release(&key);
        return err;
    }
    struct cert_pem made = CERT_PEM_INIT;
    err = cert_make_request(&made, fault);
    err = err != E_OK ? err : keyfile_create_private(path, buf_content(&made.key), fault);
    if (err == E_OK) {
        buf_view(out, buf_content(&made.certificate));
    }
    cert_pem_release(&made);
    return err;
}

static void name_listener(struct joining *j, Passerelle__V1__JoinSiteRequest *request)
{
    request->server_names = ARENA_ARRAY(&j->arena, CERT_NAMES_MAX, char *);
    request->server_names[request->n_server_names++] =
        wire_string(&j->arena, VIEW_LIT("localhost"));
    request->server_names[request->n_server_names++] =
        wire_string(&j->arena, VIEW_LIT("127.0.0.1"));
    for (size_t i = 0; i < j->host_count; i++) {
        request->server_names[request->n_server_names++] =
            wire_string(&j->arena, view_of(j->hosts[i]));
    }
}

static void sign_request(struct joining *j, Passerelle__V1__JoinSiteRequest *request)
{
    struct buf message = BUF_INIT;
    uint8_t *signature = arena_alloc(&j->arena, ED25519_SIGNATURE_LEN);
    request->feed_public_key = wire_bytes(view_bytes(j->feed_key.public_key, ED25519_PUBLIC_LEN));
    enrol_join_message(view_of(j->code.network), view_of(j->code.site), view_of(request->csr_pem),
                       &message);
    ed25519_sign(&j->feed_key, buf_content(&message), signature);
    request->feed_signature = wire_bytes(view_bytes(signature, ED25519_SIGNATURE_LEN));
    buf_release(&message);
}

static int make_request(struct joining *j, struct fault *fault)
{
    Passerelle__V1__JoinSiteRequest *request =
        wire_new(&j->arena, &passerelle__v1__join_site_request__descriptor);
    struct buf client = BUF_INIT, server = BUF_INIT;
    uint8_t random[10];
    char id[UUID_TEXT_LEN + 1];
    unlink(j->feed_key_path);
    ed25519_key_make(&j->feed_key, &j->state.env);
    int err = keyfile_write(j->feed_key_path, feed_purpose, &j->feed_key, fault);
    err = err != E_OK ? err : request_pem(j->state.site_key, &client, fault);
    err = err != E_OK ? err : request_pem(j->state.server_key, &server, fault);
    if (err == E_OK) {
        env_random(&j->state.env, random, sizeof random);
        uuid_format(uuid_v7(env_real_utc_ms(&j->state.env), random), id);
        request->request_id = wire_string(&j->arena, view_of(id));
        request->site_id = j->code.site;
        request->secret = wire_bytes(view_bytes(j->code.secret, sizeof j->code.secret));
        request->csr_pem = wire_string(&j->arena, buf_content(&client));
        request->server_csr_pem = wire_string(&j->arena, buf_content(&server));
        name_listener(j, request);
        sign_request(j, request);
        j->request = request;
        err = keyfile_create_private(j->request_path, wire_pack_arena(&j->arena, &request->base),
                                     fault);
    }
    buf_release(&client);
    buf_release(&server);
    return err;
}

static bool names_the_same(const struct joining *j, const Passerelle__V1__JoinSiteRequest *request)
{
    bool same = request->n_server_names == OWN_NAMES + j->host_count;
    for (size_t i = 0; same && i < j->host_count; i++) {
        same = strcmp(request->server_names[OWN_NAMES + i], j->hosts[i]) == 0;
    }
    return same;
}

/* The request that an earlier run has kept, when it was made for the same code: the hub may have
 * answered it, and answers no other. */
static int read_request(struct joining *j, struct fault *fault)
{
    struct buf bytes = BUF_INIT;
    ProtobufCMessage *message = NULL;
    if (!state_exists(j->request_path)) {
        return E_OK;
    }
    int err = keyfile_read_private(j->request_path, &bytes, fault);
    if (err == E_OK) {
        message = wire_unpack_trusted(&passerelle__v1__join_site_request__descriptor,
                                      buf_content(&bytes), &j->arena);
    }
    if (bytes.data != NULL) {
        secret_wipe(bytes.data, bytes.len);
    }
    buf_release(&bytes);
    const Passerelle__V1__JoinSiteRequest *request = (const void *)message;
    if (request != NULL && request->secret.len == sizeof j->code.secret &&
        secret_equal(request->secret.data, j->code.secret, sizeof j->code.secret)) {
        if (!names_the_same(j, request)) {
            return fault_set(fault, E_DENIED,
                             "this join was begun with another --host: run it as it was begun, or "
                             "ask your operator for another join code");
        }
        j->request = request;
        return keyfile_read(j->feed_key_path, feed_purpose, &j->feed_key, fault);
    }
    if (err == E_OK && unlink(j->request_path) != 0) {
        err = fault_set(fault, err_from_errno(errno), "%s cannot be removed", j->request_path);
    }
    return err;
}

/* ---- asking ---- */

static int ask_peer(struct joining *j, const struct peer_config *config, struct peer **peer,
                    struct fault *fault)
{
    struct peer_config full = *config;
    full.url = j->url;
    return peer_new(&full, peer, fault);
}

/* The hub's authority: whatever answers there is compared with what the code says of it. */
static int fetch_authority(struct joining *j, struct fault *fault)
{
    struct peer_config config = {.unverified = true};
    struct peer *peer = NULL;
    struct peer_error error;
    struct buf pem = BUF_INIT_MAX(KEYFILE_BYTES_MAX);
    uint8_t print[SHA256_LEN];
    int err = ask_peer(j, &config, &peer, fault);
    if (err == E_OK && peer_get(peer, "/ca.crt", &pem, &j->arena, &error) != CODE_OK) {
        err = say_again(fault, error.reached ? E_NOT_FOUND : E_CLOSED, error.message);
    }
    if (err == E_OK && (cert_fingerprint_pem(buf_content(&pem), print, fault) != E_OK ||
                        !join_code_names_ca(&j->code, print))) {
        *fault = FAULT_NONE;
        err = fault_set(fault, E_SIGNATURE,
                        "what answers at %s is not the hub that made this join code: its authority "
                        "is another one. Check the address with your operator; nothing was sent",
                        j->url);
    }
    err = err != E_OK ? err : state_write_file(j->state.ca_certificate, buf_content(&pem), fault);
    buf_release(&pem);
    peer_free(peer);
    return err;
}

static int send_request(struct joining *j, struct fault *fault)
{
    struct peer_config config = {.ca = j->state.ca_certificate};
    struct peer *peer = NULL;
    struct peer_error error;
    ProtobufCMessage *response = NULL;
    int err = ask_peer(j, &config, &peer, fault);
    if (err != E_OK) {
        return err;
    }
    enum code code = peer_call_patiently(
        peer, "passerelle.v1.NetworkService", "JoinSite", &j->request->base,
        &passerelle__v1__join_site_response__descriptor, &j->arena, &response, &error, WAIT_MS_MAX);
    peer_free(peer);
    if (code == CODE_OK) {
        j->answer = (const void *)response;
        return E_OK;
    }
    bool refused = code == CODE_PERMISSION_DENIED;
    bool wrong = code == CODE_INVALID_ARGUMENT || code == CODE_NOT_FOUND ||
                 code == CODE_FAILED_PRECONDITION;
    if (refused || wrong) { /* the hub gave nothing for it, and never will */
        unlink(j->request_path);
        unlink(j->feed_key_path);
        return fault_set(fault, E_DENIED, "%s%s", error.message,
                         refused && state_exists(j->state.joined)
                             ? "; this folder joined before: `passerelled run` starts it"
                             : "");
    }
    return say_again(fault, E_CLOSED, error.message);
}

/* ---- what the answer says ---- */

static int keep_feed_key(struct joining *j, struct fault *fault)
{
    char file[KEYRING_FILE_MAX];
    const struct ed25519_key *kept;
    const Passerelle__V1__FeedTaken *feed = j->answer->feed;
    keyring_feed_file(view_of(feed->feed_id), view_of(feed->origin), file);
    const char *path = arena_printf(&j->arena, "%s/%s", j->state.keys, file);
    int err = E_OK;
    if (!state_exists(path)) {
        char *purpose = arena_string(&j->arena, view_of(file));
        /* "feed-ID-EPOCH.key" holds the key of the purpose "feed ID-EPOCH". */
        purpose[4] = ' ';
        purpose[strlen(purpose) - 4] = '\0';
        err = keyfile_write(path, purpose, &j->feed_key, fault);
    }
    struct keyring *keys = keyring_new(j->state.keys, &j->state.env);
    err = err != E_OK
              ? err
              : keyring_feed(keys, view_of(feed->feed_id), view_of(feed->origin), &kept, fault);
    if (err == E_OK && memcmp(kept->public_key, j->feed_key.public_key, ED25519_PUBLIC_LEN) != 0) {
        err = fault_set(fault, E_CONFLICT, "%s holds another key than the one that joined", path);
    }
    keyring_free(keys);
    return err;
}

static int write_settings(struct joining *j, struct fault *fault)
{
    struct buf text = BUF_INIT;
    const char *path = arena_printf(&j->arena, "%s/site.conf", j->state.dir);
    if (state_exists(path)) {
        return E_OK; /* an operator's changes stay */
    }
    buf_printf(&text,
               "# Settings of the daemon of %s; `passerelled settings` explains all of them.\n"
               "role = site\nhub = %s\ndatabase = sqlite:site.db\naddress = %s\nport = %s\n"
               "threads = 1\ncache_mib = 2\n", /* a few desks, a small box */
               j->code.site, j->url, j->host_count == 0 ? "127.0.0.1" : "0.0.0.0", j->port);
    for (size_t i = 0; i < j->host_count; i++) {
        buf_printf(&text, "%s%s%s", i == 0 ? "certificate_names = " : ",", j->hosts[i],
                   i + 1 == j->host_count ? "\n" : "");
    }
    struct settings settings;
    settings_defaults(&settings);
    int err = settings_parse(&settings, buf_content(&text), "the command line", fault);
    err = err != E_OK ? err : state_write_file(path, buf_content(&text), fault);
    buf_release(&text);
    return err;
}

static int write_files(struct joining *j, struct joined *joined, struct fault *fault)
{
    const Passerelle__V1__JoinSiteResponse *answer = j->answer;
    snprintf(joined->network, sizeof joined->network, "%s", answer->network_id);
    snprintf(joined->site, sizeof joined->site, "%s", j->code.site);
    if (strcmp(answer->network_id, j->code.network) != 0 || answer->feed == NULL ||
        strcmp(answer->feed->feed_id, j->code.site) != 0 ||
        note_key_parse(view_of(answer->net_verifier_key), &joined->net) != E_OK ||
        note_key_parse(view_of(answer->cosigner_verifier_key), &joined->cosigner) != E_OK) {
        return fault_set(fault, E_INVALID,
                         "the hub's answer cannot be used: is its version older?");
    }
    if (answer->demo_clock != NULL && j->state.clock.rate == 0) {
        j->state.clock = (struct env_demo_clock){answer->demo_clock->business_start_utc_ms,
                                                 answer->demo_clock->real_start_utc_ms,
                                                 answer->demo_clock->rate};
        int err = state_write_clock(&j->state, &j->state.clock, fault);
        if (err != E_OK) {
            return err;
        }
        env_demo(&j->state.env, &j->state.clock);
    }
    int err = state_write_file(j->state.site_certificate, view_of(answer->certificate_pem), fault);
    err = err != E_OK ? err
                      : state_write_file(j->state.server_certificate,
                                         view_of(answer->server_certificate_pem), fault);
    err = err != E_OK ? err : keep_feed_key(j, fault);
    return err != E_OK ? err : write_settings(j, fault);
}

/* ---- the feed ---- */

struct fetching {
    struct service *service;
    struct feed *feed;
    struct arena arena;
    size_t batches;
    struct fault *fault;
    int err;
};

/* Commits now and then: a fetch that is cut goes on where it was. */
static bool take_batch(void *context, const ProtobufCMessage *message)
{
    struct fetching *f = context;
    const Passerelle__V1__ReadEntriesResponse *response = (const void *)message;
    if (response->event_case != PASSERELLE__V1__READ_ENTRIES_RESPONSE__EVENT_BATCH) {
        return true;
    }
    const Passerelle__V1__EntryBatch *batch = response->batch;
    for (size_t i = 0; f->err == E_OK && i < batch->n_entries; i++) {
        bool added;
        f->err = journal_take(f->service, f->feed, batch->first_seq + i,
                              wire_view(batch->entries[i]), &f->arena, NULL, &added, f->fault);
        arena_clear(&f->arena);
    }
    if (f->err == E_OK && ++f->batches % BATCHES_AT_ONCE == 0) {
        f->err = db_commit(f->service->db, f->fault);
        if (f->err == E_OK) {
            journal_committed(f->service->journal);
            f->err = db_begin(f->service->db, f->fault);
        }
    }
    return f->err == E_OK;
}

static int fetch_entries(struct joining *j, struct service *service, struct feed *feed,
                         struct fault *fault)
{
    const Passerelle__V1__FeedTaken *taken = j->answer->feed;
    struct fetching f = {.service = service, .feed = feed, .fault = fault};
    struct peer_config config = {.ca = j->state.ca_certificate,
                                 .certificate = j->state.site_certificate,
                                 .key = j->state.site_key};
    Passerelle__V1__ReadEntriesRequest *request =
        wire_new(&j->arena, &passerelle__v1__read_entries_request__descriptor);
    struct peer *peer = NULL;
    struct peer_error error;
    if (feed->size >= taken->old_size) {
        return E_OK;
    }
    request->feed_id = taken->feed_id;
    request->from_seq = feed->size + 1;
    request->to_seq = taken->old_size;
    int err = ask_peer(j, &config, &peer, fault);
    if (err == E_OK &&
        peer_stream_patiently(peer, "passerelle.v1.LedgerService", "ReadEntries", &request->base,
                              &passerelle__v1__read_entries_response__descriptor, 0, take_batch, &f,
                              &j->arena, &error, WAIT_MS_MAX) != CODE_OK) {
        err = say_again(fault, E_CLOSED, error.message);
    }
    arena_release(&f.arena);
    peer_free(peer);
    return f.err != E_OK ? f.err : err;
}

static struct feed *open_feed(struct service *service, const char *name, const char *origin,
                              const uint8_t *public_key, size_t entry_bytes_max,
                              struct fault *fault)
{
    struct feeds *feeds = journal_feeds(service->journal);
    struct feed *feed = feeds_get(feeds, view_of(name));
    if (feed != NULL) {
        return feed;
    }
    struct feed_id id = {.entry_bytes_max = entry_bytes_max};
    snprintf(id.name, sizeof id.name, "%s", name);
    snprintf(id.origin, sizeof id.origin, "%s", origin);
    memcpy(id.public_key, public_key, sizeof id.public_key);
    return feeds_make(feeds, &id, &feed, fault) == E_OK ? feed : NULL;
}

static int other_ledger(const struct joining *j, const char *next, struct fault *fault)
{
    return fault_set(fault, E_CONFLICT,
                     "the ledger of %s in this folder is not the one that the hub holds: it went "
                     "on alone after the hub or another box had, or after it was restored from an "
                     "old backup. %s in a new folder, and keep this one as evidence",
                     j->code.site, next);
}

static int ask_hub(struct joining *j, struct peer *peer, const char *method,
                   const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                   ProtobufCMessage **response, struct fault *fault)
{
    struct peer_error error;
    enum code code = peer_call_patiently(peer, "passerelle.v1.LedgerService", method, request,
                                         output, &j->arena, response, &error, WAIT_MS_MAX);
    return code == CODE_OK ? E_OK : say_again(fault, E_CLOSED, error.message);
}

/* Whether one of both is what the other begins with. */
static int compare_with(struct joining *j, struct peer *peer, struct service *service,
                        const struct feed *own, const struct checkpoint *head, struct fault *fault)
{
    struct tree_hash root = tree_empty();
    struct tree_proof proof = {.count = 0};
    uint64_t common = own->size < head->size ? own->size : head->size;
    if (feed_root(service->db, own->id.no, common, &root) != E_OK) {
        return db_error(service->db, fault);
    }
    if (common == head->size) {
        return tree_hash_equal(&root, &head->root)
                   ? E_OK
                   : other_ledger(j, "The code is not used: join with it", fault);
    }
    Passerelle__V1__GetConsistencyProofRequest *request =
        wire_new(&j->arena, &passerelle__v1__get_consistency_proof_request__descriptor);
    request->feed_id = j->code.site;
    request->old_size = common;
    request->size = head->size;
    ProtobufCMessage *response = NULL;
    int err = ask_hub(j, peer, "GetConsistencyProof", &request->base,
                      &passerelle__v1__get_consistency_proof_response__descriptor, &response,
                      fault);
    if (err != E_OK) {
        return err;
    }
    const Passerelle__V1__GetConsistencyProofResponse *answer = (const void *)response;
    for (; proof.count < answer->n_hashes && proof.count < TREE_PROOF_MAX; proof.count++) {
        ProtobufCBinaryData hash = answer->hashes[proof.count];
        memcpy(proof.hash[proof.count].bytes, hash.data,
               hash.len < SHA256_LEN ? hash.len : SHA256_LEN);
    }
    return tree_check_consistency(common, &root, head->size, &head->root, proof.hash,
                                  proof.count) == E_OK
               ? E_OK
               : other_ledger(j, "The code is not used: join with it", fault);
}

/* In a folder that joined before, and before the code is used: that cuts off who keeps the ledger
 * now, for nothing if it could not go on here. */
static int compare_ledger(struct joining *j, struct service *service, const struct joined *joined,
                          struct fault *fault)
{
    const struct feed *own = feeds_get(journal_feeds(service->journal), view_of(joined->site));
    Passerelle__V1__GetCheckpointRequest *request =
        wire_new(&j->arena, &passerelle__v1__get_checkpoint_request__descriptor);
    struct peer_config config = {.ca = j->state.ca_certificate};
    struct peer *peer = NULL;
    struct checkpoint head;
    struct note note;
    ProtobufCMessage *response = NULL;
    if (own == NULL || own->size == 0) {
        return E_OK;
    }
    request->feed_id = j->code.site;
    int err = ask_peer(j, &config, &peer, fault);
    err = err != E_OK ? err
                      : ask_hub(j, peer, "GetCheckpoint", &request->base,
                                &passerelle__v1__get_checkpoint_response__descriptor, &response,
                                fault);
    const Passerelle__V1__GetCheckpointResponse *answer = (const void *)response;
    /* Empty while who keeps it has signed none; what the join then hands over is compared. */
    if (err == E_OK && note_parse(view_of(answer->checkpoint), &note) == E_OK &&
        checkpoint_parse(note.text, &head) == E_OK) {
        err = compare_with(j, peer, service, own, &head, fault);
    }
    peer_free(peer);
    return err;
}

/* What the site's ledger is so far, from the hub; a box that was here before may hold more. */
static int take_feed(struct joining *j, struct service *service, const struct joined *joined,
                     struct fault *fault)
{
    const Passerelle__V1__FeedTaken *taken = j->answer->feed;
    struct tree_hash root = tree_empty();
    struct feed *own = open_feed(service, taken->feed_id, taken->origin, j->feed_key.public_key,
                                 FEED_SITE_ENTRY_MAX, fault);
    if (own == NULL || open_feed(service, FEED_NET, joined->net.name, joined->net.public_key,
                                 FEED_ENTRY_MAX, fault) == NULL) {
        return db_error(service->db, fault);
    }
    int err = fetch_entries(j, service, own, fault);
    if (err != E_OK) {
        return err;
    }
    if (own->size < taken->old_size ||
        feed_root(service->db, own->id.no, taken->old_size, &root) != E_OK ||
        (taken->old_size > 0 &&
         (taken->old_root.len != sizeof root.bytes ||
          memcmp(taken->old_root.data, root.bytes, sizeof root.bytes) != 0))) {
        return other_ledger(j, "Ask your operator for another join code, join with it", fault);
    }
    if (strcmp(own->id.origin, taken->origin) != 0) {
        feed_begin_epoch(journal_feeds(service->journal), own, view_of(taken->origin),
                         j->feed_key.public_key);
    }
    return db_error(service->db, fault);
}

static int in_database(struct joining *j, const struct joined *joined,
                       int (*work)(struct joining *j, struct service *service,
                                   const struct joined *joined, struct fault *fault),
                       struct fault *fault)
{
    struct node node = {.role = NODE_SITE,
                        .env = &j->state.env,
                        .state_dir = j->state.dir,
                        .keys = keyring_new(j->state.keys, &j->state.env)};
    struct service service = {.node = &node};
    struct settings settings;
    memcpy(node.site_id, joined->site, sizeof node.site_id);
    memcpy(node.network_id, joined->network, sizeof node.network_id);
    int err =
        settings_read(&settings, arena_printf(&j->arena, "%s/site.conf", j->state.dir), fault);
    struct view path = settings_sqlite_path(&settings);
    struct db_options options = {.path = arena_string(&j->arena, path), .mode = DB_WRITE};
    if (!view_starts(path, "/")) {
        options.path = arena_printf(&j->arena, "%s/%.*s", j->state.dir, VIEW_FMT(path));
    }
    if (!state_exists(options.path)) {
        options.mode = DB_CREATE;
    }
    err = err != E_OK ? err : db_open(&service.db, &options, fault);
    err = err != E_OK ? err : migrate_run(service.db, fault);
    if (err == E_OK) {
        service.journal = journal_new(&node, service.db);
        err = db_begin(service.db, fault);
    }
    if (err == E_OK) {
        err = work(j, &service, joined, fault);
        int ended = err == E_OK ? db_commit(service.db, fault) : db_end(service.db, NULL);
        err = err != E_OK ? err : ended;
    }
    journal_free(service.journal);
    db_free(service.db);
    keyring_free(node.keys);
    return err;
}

/* ---- the command ---- */

static int make_folder(const char *path, struct fault *fault)
{
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fault_set(fault, err_from_errno(errno), "the folder %s cannot be made: %s", path,
                         strerror(errno));
    }
    return E_OK;
}

/* A folder that joined goes on only as the same site of the same network. */
static int check_folder(struct joining *j, struct joined *before, struct fault *fault)
{
    if (state_exists(arena_printf(&j->arena, "%s/hub.conf", j->state.dir))) {
        return fault_set(fault, E_EXISTS, "%s is a hub's folder: name another one", j->state.dir);
    }
    if (!state_exists(j->state.joined)) {
        return E_OK;
    }
    int err = joined_read(&j->state, before, fault);
    if (err == E_OK && (strcmp(before->network, j->code.network) != 0 ||
                        strcmp(before->site, j->code.site) != 0)) {
        err = fault_set(fault, E_EXISTS, "%s is the folder of the site %s of %s: name another one",
                        j->state.dir, before->site, before->network);
    }
    return err;
}

static int join(struct joining *j, struct fault *fault)
{
    struct joined joined = {.network = ""};
    bool v6 = strchr(j->code.host, ':') != NULL;
    j->url = arena_printf(&j->arena, "https://%s%s%s:%u", v6 ? "[" : "", j->code.host,
                          v6 ? "]" : "", (unsigned)j->code.port);
    j->request_path = arena_printf(&j->arena, "%s/joining", j->state.keys);
    j->feed_key_path = arena_printf(&j->arena, "%s/feed-joining.key", j->state.keys);
    int err = make_folder(j->state.dir, fault);
    err = err != E_OK ? err : make_folder(j->state.keys, fault);
    err = err != E_OK ? err : state_lock(&j->state, fault);
    err = err != E_OK ? err : check_folder(j, &joined, fault);
    err = err != E_OK ? err : fetch_authority(j, fault);
    err = err != E_OK || joined.network[0] == '\0'
              ? err
              : in_database(j, &joined, compare_ledger, fault);
    err = err != E_OK ? err : read_request(j, fault);
    err = err != E_OK || j->request != NULL ? err : make_request(j, fault);
    err = err != E_OK ? err : send_request(j, fault);
    err = err != E_OK ? err : write_files(j, &joined, fault);
    err = err != E_OK ? err : in_database(j, &joined, take_feed, fault);
    err = err != E_OK ? err : joined_write(&j->state, &joined, fault);
    if (err == E_OK) {
        unlink(j->request_path);
        unlink(j->feed_key_path);
    }
    return err;
}

static int run(int argc, char **argv)
{
    struct joining j = {.port = "7444"};
    const char *words[2];
    struct option_spec specs[] = {
        {.name = "--host", .values = j.hosts, .count = &j.host_count, .max = HOSTS_MAX},
        {.name = "--port", .value = &j.port},
    };
    struct fault fault = FAULT_NONE;
    if (!command_options(&command_join, argc, argv, specs, ARRAY_LEN(specs), words, 2)) {
        return EXIT_USAGE;
    }
    if (join_code_parse(view_of(words[0]), &j.code, NULL, &fault) != E_OK) {
        fprintf(stderr, "passerelled: %s\n", fault.text);
        return EXIT_FAILED;
    }
    struct settings settings;
    settings_defaults(&settings);
    state_init(&j.state, words[1], &settings);
    int err = join(&j, &fault);
    if (err == E_OK) {
        printf("%s joined %s (%s): %llu entries of its ledger are here.\n\n"
               "Next: passerelled run %s\n",
               j.code.site, j.answer->network_name, j.answer->network_id,
               (unsigned long long)j.answer->feed->old_size, words[1]);
    }
    ed25519_key_wipe(&j.feed_key);
    secret_wipe(&j.code, sizeof j.code);
    arena_release(&j.arena);
    state_release(&j.state);
    return err == E_OK       ? EXIT_DONE
           : err == E_DENIED ? (fprintf(stderr, "passerelled: %s\n", fault.text), EXIT_FAILED)
                             : command_fail(&fault);
}

const struct command command_join = {
    .name = "join",
    .usage = "CODE DIR [--host NAME]... [--port N]",
    .summary = "Makes the state folder of a site's own daemon, by a join code of its hub.",
    .help = "\n"
            "An operator makes the code with `passerelle site enrol SITE`; it serves once. A join "
            "that\nwas cut (no answer, disk full) is run again with the same code and folder. A "
            "folder that\njoined before, and was revoked or restored, joins again with a new "
            "code.\n\n"
            "  --host NAME       a DNS name or address for the certificate of its own listener,\n"
            "                    beside localhost and 127.0.0.1; it then listens on all addresses\n"
            "  --port N          7444 unless said\n\n"
            "Examples:\n"
            "  passerelled join PJ1-3504T-6RMCE-... /var/lib/passerelle --host truck.example.org\n",
    .run = run,
};
