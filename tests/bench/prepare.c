/* Fills the state folder of a demonstration network, fast, with a crowd: sites that never close,
 * employers with a plan each, passes with the keys of their phones, and stays of the last months,
 * all as entries through the journal, as the services would write them.
 *
 *     prepare --state DIR [--passes 100000] [--entries 1000000] [--sites 120] [--daemons 0]
 *
 * `entries` counts all feeds; a pass needs three, the stays make up the rest. The sites behind
 * `sites` have daemons of their own, as if each had joined: its certificate is DIR/sNNNN.crt, the
 * key of its feed follows from its number. The daemon must be stopped. */
#include "crowd.h"
#include "service/identity/identity.h"
#include "crypt/keyfile.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "store/migrate/migrate.h"
#include "store/view/registry.h"
#include "store/view/apply.h"
#include "wire/pack.h"

enum { AT_ONCE = 4096, STAY_DAYS = 60, PLACES = 1000000 };
#define HOUR_MS ((int64_t)3600 * 1000)
#define DAY_MS (24 * HOUR_MS)

#define ENTRY(name) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##name
static const struct view net = {FEED_NET, sizeof FEED_NET - 1};
static const struct view books = {FEED_BOOKS, sizeof FEED_BOOKS - 1};
static const struct view author = {"bench", 5};

struct work {
    struct crowd_network network;
    struct env env; /* a day ago: what is founded here happened yesterday */
    struct node node;
    struct service service;
    struct arena arena;
    uint64_t entries; /* appended */
    uint64_t seed;
};

static uint64_t draw(struct work *work)
{
    work->seed = work->seed * 6364136223846793005u + 1442695040888963407u;
    return work->seed >> 20;
}

static void commit(struct work *work)
{
    struct fault fault = FAULT_NONE;
    int64_t left;
    if (db_commit(work->service.db, &fault) != E_OK ||
        db_checkpoint(work->service.db, &left, &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
    journal_committed(work->service.journal);
}

static void begin(struct work *work)
{
    struct fault fault = FAULT_NONE;
    if (db_begin(work->service.db, &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
}

static void append(struct work *work, struct view feed, Passerelle__V1__EntryType type,
                   const ProtobufCMessage *payload)
{
    journal_append(&work->service, author, feed, type, payload);
    if (++work->entries % AT_ONCE == 0) {
        commit(work);
        begin(work);
    }
}

static void *new_message(struct work *work, const ProtobufCMessageDescriptor *descriptor)
{
    return wire_new(&work->arena, descriptor);
}

static char *text(struct work *work, const char *string)
{
    return wire_string(&work->arena, view_of(string));
}

static void make_member(struct work *work)
{
    Passerelle__V1__Member *member = new_message(work, &passerelle__v1__member__descriptor);
    member->member_id = text(work, "m001");
    member->legal_name = text(work, "Bench");
    member->country = text(work, "FR");
    member->vat_regime = PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD;
    member->is_operator = true;
    member->is_issuer = true;
    append(work, net, ENTRY(MEMBER_PUT), &member->base);
}

static void make_tariff(struct work *work)
{
    Passerelle__V1__TariffVersion *tariff =
        new_message(work, &passerelle__v1__tariff_version__descriptor);
    Passerelle__V1__TariffRow *rows[3];
    for (int i = 0; i < 3; i++) {
        rows[i] = new_message(work, &passerelle__v1__tariff_row__descriptor);
        rows[i]->category = text(work, "standard");
        rows[i]->zone = PASSERELLE__V1__ZONE__ZONE_URBAN;
        rows[i]->resource = i < 2 ? PASSERELLE__V1__RESOURCE__RESOURCE_DESK
                                  : PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM;
        rows[i]->unit = (Passerelle__V1__Unit)(i + 1);
        rows[i]->p_cents = 1150 + 100 * i;
        rows[i]->h_cents = 954 + 100 * i;
        rows[i]->f_cents = 69;
    }
    tariff->version = 1;
    tariff->valid_from = text(work, "2026-01-01");
    tariff->n_rows = 3;
    tariff->rows = rows;
    append(work, net, ENTRY(TARIFF_PUBLISHED), &tariff->base);
}

static void make_site(struct work *work, uint64_t number)
{
    char id[CROWD_ID_MAX];
    crowd_site(number, id);
    Passerelle__V1__Site *site = new_message(work, &passerelle__v1__site__descriptor);
    site->site_id = text(work, id);
    site->member_id = text(work, "m001");
    site->name = text(work, id);
    site->kind = PASSERELLE__V1__SITE_KIND__SITE_KIND_FIXED;
    site->insee = text(work, "31555");
    site->zone = PASSERELLE__V1__ZONE__ZONE_URBAN;
    site->category = text(work, "standard");
    site->security_level = 1;
    site->opening_hours = text(work, "24/7");
    site->desks = PLACES;
    site->hosted = true;
    append(work, net, ENTRY(SITE_PUT), &site->base);
    Passerelle__V1__SiteStateSet *state =
        new_message(work, &passerelle__v1__site_state_set__descriptor);
    state->site_id = site->site_id;
    state->state = PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE;
    append(work, net, ENTRY(SITE_STATE_SET), &state->base);
    journal_open_feed(&work->service, view_of(id), author);
    work->entries++;
}

static void write_file(struct work *work, const char *id, const char *end, const struct buf *content)
{
    struct fault fault = FAULT_NONE;
    const char *dir = work->network.state.dir;
    if (state_write_file(arena_printf(&work->arena, "%s/%s.%s", dir, id, end),
                         buf_content(content), &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
}

static struct cert_authority *load_authority(struct work *work)
{
    struct cert_authority *authority;
    struct buf certificate = BUF_INIT, key = BUF_INIT;
    struct fault fault = FAULT_NONE;
    if (state_read_file(work->network.state.ca_certificate, &certificate, &fault) != E_OK ||
        keyfile_read_private(work->network.state.ca_key, &key, &fault) != E_OK ||
        cert_authority_load(buf_content(&certificate), buf_content(&key), &authority, &fault) !=
            E_OK) {
        crowd_give_up("%s", fault.text);
    }
    buf_release(&certificate);
    buf_release(&key);
    return authority;
}

/* The site keeps its feed from here on, and has a certificate. */
static void hand_over(struct work *work, const struct cert_authority *authority, uint64_t number)
{
    char id[CROWD_ID_MAX];
    struct ed25519_key key;
    struct cert_pem pem = CERT_PEM_INIT;
    struct cert_info info;
    struct cert_identity who = {.role = "site"};
    struct fault fault = FAULT_NONE;
    const struct env *env = &work->network.state.env;
    int64_t now_utc_ms = env_real_utc_ms(env);
    struct cert_validity validity = {now_utc_ms - DAY_MS, now_utc_ms + 90 * DAY_MS};
    crowd_site(number, id);
    crowd_feed(number, &key);
    journal_begin_epoch(&work->service, author, view_of(id),
                        PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_SITE, key.public_key,
                        &work->arena);
    work->entries++;
    snprintf(who.network, sizeof who.network, "%s", work->network.network_id);
    snprintf(who.party, sizeof who.party, "%s", id);
    if (cert_issue_client(authority, env, &who, validity, &pem, &fault) != E_OK ||
        cert_inspect_pem(buf_content(&pem.certificate), work->network.network_id, &info, &fault) !=
            E_OK) {
        crowd_give_up("%s", fault.text);
    }
    identity_put_certificate(work->service.db, &info, author, now_utc_ms);
    write_file(work, id, "crt", &pem.certificate);
    write_file(work, id, "key", &pem.key);
    cert_pem_release(&pem);
}

static void make_employer(struct work *work, uint64_t index)
{
    char id[CROWD_ID_MAX];
    crowd_employer(index, id);
    Passerelle__V1__Employer *employer = new_message(work, &passerelle__v1__employer__descriptor);
    employer->employer_id = text(work, id);
    employer->issuer_member_id = text(work, "m001");
    employer->legal_name = text(work, id);
    employer->country = text(work, "FR");
    append(work, books, ENTRY(EMPLOYER_PUT), &employer->base);

    Passerelle__V1__Plan *plan = new_message(work, &passerelle__v1__plan__descriptor);
    plan->plan_id = text(work, id);
    plan->employer_id = employer->employer_id;
    plan->type = (Passerelle__V1__PlanType)crowd_plan(index);
    plan->overage = PASSERELLE__V1__OVERAGE__OVERAGE_CHARGE;
    plan->offline_rule = PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_ALLOWANCE;
    if (crowd_plan(index) == TOKEN_SUBSCRIPTION) {
        plan->monthly_fee_cents = 9000;
        plan->included_units = 10;
    }
    if (crowd_plan(index) == TOKEN_USAGE) {
        plan->holder_cap_cents = 100000000;
    }
    append(work, books, ENTRY(PLAN_PUT), &plan->base);
    if (crowd_plan(index) == TOKEN_CARNET) {
        Passerelle__V1__Carnet *carnet = new_message(work, &passerelle__v1__carnet__descriptor);
        carnet->carnet_id = text(work, id);
        carnet->plan_id = plan->plan_id;
        carnet->units = 1000000;
        carnet->price_cents = 100000000;
        carnet->bought_on = text(work, "2026-06-01");
        carnet->valid_months = 24;
        carnet->vat_basis_points = 2000;
        append(work, books, ENTRY(CARNET_SOLD), &carnet->base);
    }
}

static void make_pass(struct work *work, uint64_t index)
{
    char holder_id[CROWD_ID_MAX], employer_id[CROWD_ID_MAX], number[CROWD_ID_MAX];
    uint8_t pass_id[16];
    struct ed25519_key device;
    crowd_holder(index, holder_id);
    crowd_employer(index, employer_id);
    crowd_pass_id(index, pass_id);
    crowd_device(index, &device);
    snprintf(number, sizeof number, "%012u", (unsigned)index);

    Passerelle__V1__HolderPut *holder = new_message(work, &passerelle__v1__holder_put__descriptor);
    holder->holder_id = text(work, holder_id);
    holder->employer_id = text(work, employer_id);
    holder->plan_id = holder->employer_id;
    holder->medium = PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    holder->active_from = text(work, "2026-01-01");
    append(work, books, ENTRY(HOLDER_PUT), &holder->base);

    Passerelle__V1__PassIssued *issued =
        new_message(work, &passerelle__v1__pass_issued__descriptor);
    issued->pass_id = wire_bytes(view_bytes(pass_id, sizeof pass_id));
    issued->holder_id = holder->holder_id;
    issued->plan_id = holder->plan_id;
    issued->plan_type = (Passerelle__V1__PlanType)crowd_plan(index);
    issued->employer_id = holder->employer_id;
    issued->issuer_member_id = text(work, "m001");
    issued->medium = holder->medium;
    issued->number = text(work, number);
    issued->valid_from = holder->active_from;
    issued->offline_rule = PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_ALLOWANCE;
    append(work, net, ENTRY(PASS_ISSUED), &issued->base);

    Passerelle__V1__PassDeviceSet *set =
        new_message(work, &passerelle__v1__pass_device_set__descriptor);
    set->pass_id = issued->pass_id;
    set->device_public_key = wire_bytes(view_bytes(device.public_key, sizeof device.public_key));
    append(work, net, ENTRY(PASS_DEVICE_SET), &set->base);
}

static void make_stay(struct work *work, uint64_t passes, uint64_t sites, int64_t today_utc_ms)
{
    char holder_id[CROWD_ID_MAX], site_id[CROWD_ID_MAX];
    uint64_t chance[4] = {draw(work), draw(work), draw(work), draw(work)};
    crowd_holder(draw(work) % passes, holder_id);
    crowd_site(draw(work) % sites, site_id);
    int64_t in_utc_ms = today_utc_ms - DAY_MS * (int64_t)(1 + draw(work) % STAY_DAYS) +
                        7 * HOUR_MS + (int64_t)(draw(work) % (4 * (uint64_t)HOUR_MS));
    Passerelle__V1__StayRecorded *stay =
        new_message(work, &passerelle__v1__stay_recorded__descriptor);
    stay->visit_id = wire_bytes(view_bytes(chance, 16));
    stay->holder_id = text(work, holder_id);
    stay->resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    stay->in_utc_ms = in_utc_ms;
    stay->out_utc_ms = in_utc_ms + 4 * HOUR_MS;
    stay->medium = PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    stay->source = PASSERELLE__V1__SOURCE__SOURCE_ONLINE;
    stay->line = (uint32_t)(work->entries & 0xffffff) + 2;
    stay->nonce = wire_bytes(view_bytes(chance + 2, 16));
    append(work, view_of(site_id), ENTRY(STAY_RECORDED), &stay->base);
}

static int64_t yesterday_utc_ms(void *context)
{
    const struct work *work = context;
    return env_now_utc_ms(&work->network.state.env) - DAY_MS;
}

static void open_work(struct work *work, const char *dir)
{
    struct fault fault = FAULT_NONE;
    crowd_open(&work->network, dir, DB_WRITE);
    struct state *state = &work->network.state;
    if (state_lock(state, &fault) != E_OK || migrate_run(work->network.db, &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
    work->env = env_system; /* its other functions need no context */
    work->env.now_utc_ms = yesterday_utc_ms;
    work->env.context = work;
    work->node = (struct node){.env = &work->env,
                               .demo = true,
                               .keys = keyring_new(state->keys, &state->env),
                               .state_dir = state->dir};
    snprintf(work->node.network_id, sizeof work->node.network_id, "%s", work->network.network_id);
    work->service = (struct service){.node = &work->node, .db = work->network.db};
    work->service.journal = journal_new(&work->node, work->network.db);
}

static void fill(struct work *work, uint64_t passes, uint64_t entries, uint64_t sites,
                 uint64_t daemons)
{
    int64_t now_utc_ms = service_now(&work->service);
    struct cert_authority *authority = load_authority(work);
    make_member(work);
    make_tariff(work);
    for (uint64_t i = 0; i < sites + daemons; i++) {
        make_site(work, i);
        if (i >= sites) {
            hand_over(work, authority, i);
        }
    }
    cert_authority_free(authority);
    for (uint64_t i = 0; i < passes; i++) {
        if (i % CROWD_OF_EMPLOYER == 0) {
            make_employer(work, i);
        }
        make_pass(work, i);
        arena_clear(&work->arena);
    }
    while (work->entries < entries) {
        make_stay(work, passes, sites, now_utc_ms - now_utc_ms % DAY_MS);
        arena_clear(&work->arena);
    }
}

int main(int argc, char **argv)
{
    const char *dir = NULL;
    uint64_t passes = 100000, entries = 1000000, sites = 120, daemons = 0;
    struct work work = {.seed = 42};
    for (int i = 1; i < argc; i += 2) {
        const char *value = argv[i + 1];
        if (strcmp(argv[i], "--state") == 0) {
            dir = value;
        } else if (strcmp(argv[i], "--passes") == 0) {
            passes = (uint64_t)crowd_number(argv[i], value, 1);
        } else if (strcmp(argv[i], "--entries") == 0) {
            entries = (uint64_t)crowd_number(argv[i], value, 0);
        } else if (strcmp(argv[i], "--sites") == 0) {
            sites = (uint64_t)crowd_number(argv[i], value, 1);
        } else if (strcmp(argv[i], "--daemons") == 0) {
            daemons = (uint64_t)crowd_number(argv[i], value, 0);
        } else {
            crowd_give_up("%s: no such option", argv[i]);
        }
    }
    struct buf indexes = BUF_INIT;
    open_work(&work, dir);
    begin(&work);
    view_drop_indexes(work.service.db, &indexes);
    fill(&work, passes, entries, sites, daemons);
    db_exec(work.service.db, indexes.data);
    commit(&work);
    buf_release(&indexes);
    printf("passes=%llu sites=%llu entries=%llu\n", (unsigned long long)passes,
           (unsigned long long)sites, (unsigned long long)work.entries);
    journal_free(work.service.journal);
    keyring_free(work.node.keys);
    crowd_close(&work.network);
    arena_release(&work.arena);
    return EXIT_SUCCESS;
}
