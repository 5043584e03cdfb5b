/* For nftw(). */
#define _XOPEN_SOURCE 700
#include "lib/network.h"

#include "lib/audited.h"

#include <check.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/ident/uuid.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "crypt/cert.h"
#include "crypt/secret.h"
#include "lib/scratch.h"
#include "service/desk/desk.h"
#include "service/engine.h"
#include "service/found.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/methods.h"
#include "service/sync/sync.h"
#include "store/feed/feed.h"
#include "store/migrate/migrate.h"
#include "store/view/apply.h"
#include "wire/pack.h"

static void must(int err, const struct fault *fault, const char *what)
{
    ck_assert_msg(err == E_OK, "%s: %s (%s)", what, fault->text, err_text(err));
}

static void open_database(struct network *network, enum db_mode mode)
{
    struct fault fault = FAULT_NONE;
    char path[192];
    snprintf(path, sizeof path, "%s/hub.db", network->dir);
    struct db_options options = {.path = path, .mode = mode};
    must(db_open(&network->service.db, &options, &fault), &fault, "open");
    must(migrate_run(network->service.db, &fault), &fault, "migrate");
    network->service.journal = journal_new(&network->node, network->service.db);
    network->service.desk = desk_new(&network->service);
    must(db_begin_read(network->service.db, &fault), &fault, "begin");
    desk_load(&network->service);
    must(db_end(network->service.db, &fault), &fault, "load");
}

static void close_database(struct network *network)
{
    desk_free(network->service.desk);
    journal_free(network->service.journal);
    db_free(network->service.db);
    network->service.desk = NULL;
    network->service.journal = NULL;
    network->service.db = NULL;
}

static void make_folder(struct network *network, bool demo, uint64_t seed)
{
    *network = (struct network){.clock = {.now_utc_ms = 1793689200000, .seed = seed}};
    scratch_make(network->dir, sizeof network->dir);
    char keys[192];
    snprintf(keys, sizeof keys, "%s/keys", network->dir);
    ck_assert_int_eq(mkdir(keys, 0700), 0);
    env_test_init(&network->env, &network->clock);
    network->node = (struct node){
        .env = &network->env,
        .demo = demo,
        .keys = keyring_new(keys, &network->env),
        .state_dir = network->dir,
    };
    network->service.node = &network->node;
}

void network_init_site(struct network *network, const char *network_id, const char *site_id,
                       uint64_t seed)
{
    make_folder(network, true, seed);
    network->node.role = NODE_SITE;
    snprintf(network->node.network_id, sizeof network->node.network_id, "%s", network_id);
    snprintf(network->node.site_id, sizeof network->node.site_id, "%s", site_id);
    open_database(network, DB_CREATE);
}

void network_init(struct network *network, bool demo, uint64_t seed)
{
    make_folder(network, demo, seed);
    open_database(network, DB_CREATE);
    struct fault fault = FAULT_NONE;
    struct found_options options = {.network_id = "test", .name = "Test", .demo = demo};
    must(db_begin(network->service.db, &fault), &fault, "begin");
    must(found_network(&network->service, &options, &fault), &fault, "found");
    must(db_commit(network->service.db, &fault), &fault, "commit");
    journal_committed(network->service.journal);
    network_reopen(network);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

void network_release(struct network *network)
{
    close_database(network);
    keyring_free(network->node.keys);
    nftw(network->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    arena_release(&network->arena);
}

void network_reopen(struct network *network)
{
    close_database(network);
    open_database(network, DB_WRITE);
}

struct principal network_who(enum role role, const char *party)
{
    struct principal who = {.role = role};
    snprintf(who.party, sizeof who.party, "%s", party);
    if (role != ROLE_ANYONE) {
        snprintf(who.author, sizeof who.author, "%s-%s", role_name(role), party);
    }
    return who;
}

char *network_request_id(struct network *network)
{
    uint8_t random[10];
    env_random(&network->env, random, sizeof random);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(uuid_v7(network->clock.now_utc_ms, random), text);
    return arena_string(&network->arena, view_of(text));
}

void *network_new(struct network *network, const ProtobufCMessageDescriptor *descriptor)
{
    return wire_new(&network->arena, descriptor);
}

/* As the writer does it: one group of one call. */
void network_write(struct network *network, struct call *call)
{
    struct service *service = &network->service;
    struct fault fault = FAULT_NONE;
    must(db_begin(service->db, &fault), &fault, "begin");
    db_savepoint(service->db);
    size_t mark = journal_mark(service->journal);
    size_t desk = desk_mark(service->desk);
    if (engine_write(service, call)) {
        db_savepoint_keep(service->db);
    } else {
        db_savepoint_undo(service->db);
        journal_undo(service->journal, mark);
        desk_undo(service->desk, desk);
    }
    sync_flush(service);
    must(db_commit(service->db, &fault), &fault, "commit");
    journal_committed(service->journal);
    desk_committed(service->desk);
    network->node.commits++;
}

bool network_tick_once(struct network *network)
{
    struct service *service = &network->service;
    struct fault fault = FAULT_NONE;
    bool news;
    must(db_begin(service->db, &fault), &fault, "begin");
    bool more = desk_tick(service, network->clock.now_utc_ms);
    more |= sync_tick(service, network->clock.now_utc_ms, false, &news);
    must(db_commit(service->db, &fault), &fault, "commit");
    journal_committed(service->journal);
    desk_committed(service->desk);
    return more;
}

void network_tick(struct network *network)
{
    while (network_tick_once(network)) {
        continue;
    }
}

/* ---- streams ---- */

static bool keep_message(struct stream *stream, const ProtobufCMessage *message)
{
    struct network_stream *s = (void *)stream;
    if (s->room == 0) {
        return false;
    }
    s->room--;
    ck_assert_uint_lt(s->count, NETWORK_STREAM_MAX);
    s->messages[s->count++] = wire_clone(&s->network->arena, message);
    return true;
}

struct network_stream *network_open(struct network *network, struct principal who,
                                    const char *service, const char *method,
                                    const ProtobufCMessage *request)
{
    struct network_stream *s = ARENA_NEW(&network->arena, struct network_stream);
    s->network = network;
    s->stream = (struct stream){.call = network_prepare(network, who, service, method, request),
                                .emit = keep_message,
                                .scratch = &s->scratch};
    engine_read(&network->service, s->stream.call);
    return s;
}

size_t network_pump(struct network_stream *s, size_t room)
{
    s->room = room;
    s->count = 0;
    if (s->stream.call->error.code == CODE_OK && !s->stream.finished) {
        engine_pump(&s->network->service, &s->stream);
    }
    arena_release(&s->scratch);
    return s->count;
}

static void is_over(struct call *call)
{
    (void)call;
}

struct call *network_prepare(struct network *network, struct principal who, const char *service,
                             const char *name, const ProtobufCMessage *request)
{
    char full[96];
    snprintf(full, sizeof full, "passerelle.v1.%s", service);
    bool known;
    const struct method *method = methods_find(view_of(full), view_of(name), &known);
    ck_assert_msg(method != NULL, "there is no method %s/%s", service, name);
    struct call *call = ARENA_NEW(&network->arena, struct call);
    *call = (struct call){
        .method = method,
        .arena = &network->arena,
        .who = who,
        .request_bytes = wire_pack_arena(&network->arena, request),
        .done = is_over,
    };
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *unpacked;
    must(wire_unpack(method->input, call->request_bytes, &wire_limits_request, &network->arena,
                     &unpacked, &fault),
         &fault, name);
    call->request = unpacked;
    engine_precompute(&network->service, call);
    if (method->prepare != NULL) {
        method->prepare(&network->node, call);
    }
    return call;
}

const struct call *network_call(struct network *network, struct principal who, const char *service,
                                const char *name, const ProtobufCMessage *request)
{
    struct call *call = network_prepare(network, who, service, name, request);
    if (call->method->apply != NULL) {
        network_write(network, call);
    } else {
        engine_read(&network->service, call);
    }
    call->done(call);
    return call;
}

const void *network_must(struct network *network, struct principal who, const char *service,
                         const char *method, const ProtobufCMessage *request)
{
    const struct call *call = network_call(network, who, service, method, request);
    ck_assert_msg(call->error.code == CODE_OK, "%s/%s: %s: %s", service, method,
                  code_name(call->error.code), call->error.message);
    return call->response;
}

/* ---- the reference network ---- */

const char *network_reference_dir(void)
{
    return REFERENCE_DIR;
}

struct view network_read_file(struct network *network, const char *dir, const char *name)
{
    char *path = arena_printf(&network->arena, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s cannot be read", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *bytes = arena_alloc(&network->arena, size + 1);
    ck_assert_uint_eq(fread(bytes, 1, size, file), size);
    fclose(file);
    return view_bytes(bytes, size);
}

void network_import(struct network *network, const char *dir)
{
    static const struct {
        Passerelle__V1__Table table;
        const char *file;
    } files[] = {
        {PASSERELLE__V1__TABLE__TABLE_MEMBERS, "members.csv"},
        {PASSERELLE__V1__TABLE__TABLE_TARIFFS, "tariffs.csv"},
        {PASSERELLE__V1__TABLE__TABLE_SITES, "sites.csv"},
        {PASSERELLE__V1__TABLE__TABLE_STOPS, "stops.csv"},
        {PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, "employers.csv"},
        {PASSERELLE__V1__TABLE__TABLE_PLANS, "plans.csv"},
        {PASSERELLE__V1__TABLE__TABLE_CARNETS, "carnets.csv"},
        {PASSERELLE__V1__TABLE__TABLE_HOLDERS, "holders.csv"},
    };
    struct principal who = network_who(ROLE_OPERATOR, "olive");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        Passerelle__V1__ImportTableRequest *request =
            network_new(network, &passerelle__v1__import_table_request__descriptor);
        request->request_id = network_request_id(network);
        request->table = files[i].table;
        request->csv = wire_bytes(network_read_file(network, dir, files[i].file));
        const Passerelle__V1__ImportTableResponse *response =
            network_must(network, who, "NetworkService", "ImportTable", &request->base);
        ck_assert_msg(response->done, "%s: line %u: %s", files[i].file,
                      response->n_reports > 0 ? response->reports[0]->line : 0,
                      response->n_reports > 0 ? response->reports[0]->problem : "");
    }
}

const char *network_activate(struct network *network, const char *code_text,
                             const struct ed25519_key *device)
{
    struct one_time_code code;
    ck_assert_int_eq(one_time_code_parse(view_of(code_text), &code), E_OK);
    char message[23 + CODE_BYTES] = "passerelle-activate/v1";
    memcpy(message + 23, code.bytes, CODE_BYTES);
    uint8_t signature[ED25519_SIGNATURE_LEN];
    ed25519_sign(device, view_bytes(message, sizeof message), signature);
    Passerelle__V1__ActivateRequest *request =
        network_new(network, &passerelle__v1__activate_request__descriptor);
    request->request_id = network_request_id(network);
    request->activation_code = wire_string(&network->arena, view_of(code_text));
    request->device_public_key = wire_bytes(view_bytes(device->public_key, ED25519_PUBLIC_LEN));
    request->signature = wire_bytes(view_bytes(signature, sizeof signature));
    const Passerelle__V1__ActivateResponse *response = network_must(
        network, network_who(ROLE_ANYONE, ""), "PassService", "Activate", &request->base);
    ck_assert(response->pass->activated);
    return response->token;
}

/* ---- what must always hold ---- */

static void check_feeds(struct db *db)
{
    struct fault fault = FAULT_NONE;
    struct feed_id *feeds = xcalloc(4096, sizeof *feeds);
    size_t count = 0;
    struct query *list = feed_list(db);
    while (feed_list_next(list, &feeds[count])) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        must(feed_verify(db, &feeds[i], 1, &fault), &fault, feeds[i].name);
    }
    free(feeds);
}

static void write_text(struct network *network, const char *name, struct view text, mode_t mode)
{
    char *path = arena_printf(&network->arena, "%s/%s", network->dir, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(text.data, 1, text.len, file), text.len);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

void network_authority(struct network *network)
{
    struct cert_pem pem = CERT_PEM_INIT;
    struct fault fault = FAULT_NONE;
    int64_t now_utc_ms = network->clock.now_utc_ms;
    struct cert_validity validity = {now_utc_ms, now_utc_ms + (int64_t)3650 * 24 * 3600 * 1000};
    must(cert_make_authority(&network->env, "test", validity, &pem, &fault), &fault, "authority");
    write_text(network, "ca.crt", buf_content(&pem.certificate), 0644);
    write_text(network, "keys/ca.key", buf_content(&pem.key), 0600);
    cert_pem_release(&pem);
}

/* What loaded_month() relies on. */
DB_SQL(count_displaced,
       "SELECT COUNT(*) FROM (SELECT @row(visit_key) AS place, LAG(@row(visit_key)) OVER "
       "(PARTITION BY feed_no ORDER BY visit_key) AS before FROM visit) AS placed "
       "WHERE place <= before");

static void check_order(struct db *db)
{
    struct query *query = db_query(db, &count_displaced);
    ck_assert(query_next(query));
    ck_assert_msg(query_int(query, 0) == 0, "rows of a feed do not lie in the order of its keys");
    query_end(query);
}

void network_check_tables(struct network *network)
{
    struct db *db = network->service.db;
    struct fault fault = FAULT_NONE;
    uint8_t before[32];
    must(db_begin(db, &fault), &fault, "begin");
    check_feeds(db);
    must(view_digest(db, before, &fault), &fault, "digest");
    for (uint64_t seed = 0; seed < 4; seed++) {
        uint8_t after[32];
        check_order(db);
        must(view_rebuild(db, seed, NULL, NULL, &fault), &fault, "rebuild");
        must(view_digest(db, after, &fault), &fault, "digest");
        ck_assert_msg(memcmp(before, after, sizeof before) == 0,
                      "a rebuild (interleaving %llu) gives other projections",
                      (unsigned long long)seed);
    }
    db_end(db, NULL);
}

void network_check(struct network *network)
{
    network_check_tables(network);
    told_must_be_right(network);
}
