#include "store/view/registry.h"

#include "core/close/close.h"
#include "core/ident/uuid.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

/* Records in our own tables were scanned when their entry was read: they are only unpacked here. */
static const ProtobufCMessage *unpack(struct db *db, const ProtobufCMessageDescriptor *descriptor,
                                      struct view record, struct arena *arena)
{
    ProtobufCMessage *message = wire_unpack_trusted(descriptor, record, arena);
    if (message == NULL) {
        db_fail(db, E_CORRUPT, "a %s in the database cannot be read: run `passerelled rebuild`",
                descriptor->short_name);
    }
    return message;
}

static const ProtobufCMessage *one_by_id(struct db *db, const struct db_sql *sql,
                                         const ProtobufCMessageDescriptor *descriptor,
                                         struct view id, struct arena *arena)
{
    const ProtobufCMessage *message = NULL;
    struct query *query = db_query(db, sql);
    query_bind_text(query, "id", id);
    if (query_next(query)) {
        message = unpack(db, descriptor, query_blob(query, 0), arena);
        query_end(query);
    }
    return message;
}

DB_SQL(select_network, "SELECT network_id, name, demo FROM network");

struct registry_network registry_network(struct db *db, struct arena *arena)
{
    struct registry_network network = {0};
    struct query *query = db_query(db, &select_network);
    if (query_next(query)) {
        network.network_id = arena_string(arena, query_text(query, 0));
        network.name = arena_string(arena, query_text(query, 1));
        network.demo = query_int(query, 2) != 0;
        query_end(query);
    }
    return network;
}

/* Where 0 says so. */
static void policy_fill(Passerelle__V1__NetworkPolicy *policy)
{
    policy->padded_stays_min = policy->padded_stays_min == 0 ? 20 : policy->padded_stays_min;
    policy->padded_deviations = policy->padded_deviations == 0 ? 4 : policy->padded_deviations;
    policy->padded_per_thousand =
        policy->padded_per_thousand == 0 ? 200 : policy->padded_per_thousand;
    policy->padded_minutes = policy->padded_minutes == 0 ? 60 : policy->padded_minutes;
}

Passerelle__V1__NetworkPolicy *registry_policy_defaults(struct arena *arena)
{
    Passerelle__V1__NetworkPolicy *policy = ARENA_NEW(arena, Passerelle__V1__NetworkPolicy);
    passerelle__v1__network_policy__init(policy);
    policy->proof_window_s = 60;
    policy->horizon_hours = 72;
    policy->offline_units_phone = 4;
    policy->offline_units_card = 2;
    policy->correction_hours = 72;
    policy->paper_hours = 72;
    policy->undo_s = 60;
    policy->tariff_notice_days = 7;
    policy->two_operators = true;
    policy->carry_under_cents = CLOSE_CARRY_MINIMUM.cents;
    policy->close_wait_days = 10;
    policy->netting = PASSERELLE__V1__NETTING_MODE__NETTING_MODE_OPERATOR;
    policy->exposure_warn_percent = 80;
    policy->exposure_cut_percent = 100;
    policy_fill(policy);
    return policy;
}

DB_SQL(select_policy, "SELECT record FROM network_policy WHERE one = 1");

const Passerelle__V1__NetworkPolicy *registry_policy(struct db *db, struct arena *arena)
{
    Passerelle__V1__NetworkPolicy *policy = NULL;
    struct query *query = db_query(db, &select_policy);
    if (query_next(query)) {
        policy = (void *)(uintptr_t)unpack(db, &passerelle__v1__network_policy__descriptor,
                                           query_blob(query, 0), arena);
        query_end(query);
    }
    if (policy == NULL) {
        return registry_policy_defaults(arena);
    }
    policy_fill(policy);
    return policy;
}

DB_SQL(select_member, "SELECT record FROM member WHERE member_id = :id");

const Passerelle__V1__Member *registry_member(struct db *db, struct arena *arena, struct view id)
{
    return (const void *)one_by_id(db, &select_member, &passerelle__v1__member__descriptor, id,
                                   arena);
}

DB_SQL(select_account, "SELECT record FROM bank_account WHERE member_id = :id");

const Passerelle__V1__BankAccount *registry_account(struct db *db, struct arena *arena,
                                                    struct view member_id)
{
    return (const void *)one_by_id(db, &select_account, &passerelle__v1__bank_account__descriptor,
                                   member_id, arena);
}

DB_SQL(select_site, "SELECT record, state FROM site WHERE site_id = :id");

const Passerelle__V1__Site *registry_site(struct db *db, struct arena *arena, struct view id)
{
    Passerelle__V1__Site *site = NULL;
    struct query *query = db_query(db, &select_site);
    query_bind_text(query, "id", id);
    if (query_next(query)) {
        site = (void *)(uintptr_t)unpack(db, &passerelle__v1__site__descriptor,
                                         query_blob(query, 0), arena);
        if (site != NULL) {
            site->state = (Passerelle__V1__SiteState)query_int(query, 1);
        }
        query_end(query);
    }
    return site;
}

DB_SQL(select_employer, "SELECT record FROM employer WHERE employer_id = :id");

const Passerelle__V1__Employer *registry_employer(struct db *db, struct arena *arena,
                                                  struct view id)
{
    return (const void *)one_by_id(db, &select_employer, &passerelle__v1__employer__descriptor, id,
                                   arena);
}

DB_SQL(select_employer_policy, "SELECT record FROM employer_policy WHERE employer_id = :id");

const Passerelle__V1__EmployerPolicy *registry_employer_policy(struct db *db, struct arena *arena,
                                                               struct view employer_id)
{
    return (const void *)one_by_id(db, &select_employer_policy,
                                   &passerelle__v1__employer_policy__descriptor, employer_id,
                                   arena);
}

DB_SQL(select_plan, "SELECT record FROM plan WHERE plan_id = :id");

const Passerelle__V1__Plan *registry_plan(struct db *db, struct arena *arena, struct view id)
{
    return (const void *)one_by_id(db, &select_plan, &passerelle__v1__plan__descriptor, id, arena);
}

DB_SQL(select_carnet, "SELECT record FROM carnet WHERE carnet_id = :id");

const Passerelle__V1__Carnet *registry_carnet(struct db *db, struct arena *arena, struct view id)
{
    return (const void *)one_by_id(db, &select_carnet, &passerelle__v1__carnet__descriptor, id,
                                   arena);
}

DB_SQL(select_chart, "SELECT record FROM chart WHERE member_id = :id");

const Passerelle__V1__Chart *registry_chart(struct db *db, struct arena *arena,
                                            struct view member_id)
{
    return (const void *)one_by_id(db, &select_chart, &passerelle__v1__chart__descriptor, member_id,
                                   arena);
}

DB_SQL(select_holder, "SELECT record FROM holder WHERE holder_id = :id");

const Passerelle__V1__HolderPut *registry_holder(struct db *db, struct arena *arena, struct view id)
{
    return (const void *)one_by_id(db, &select_holder, &passerelle__v1__holder_put__descriptor, id,
                                   arena);
}

DB_SQL(select_tariff, "SELECT record FROM tariff WHERE version = :version");

const Passerelle__V1__TariffVersion *registry_tariff(struct db *db, struct arena *arena,
                                                     uint32_t version)
{
    const ProtobufCMessage *tariff = NULL;
    struct query *query = db_query(db, &select_tariff);
    query_bind_int(query, "version", version);
    if (query_next(query)) {
        tariff =
            unpack(db, &passerelle__v1__tariff_version__descriptor, query_blob(query, 0), arena);
        query_end(query);
    }
    return (const void *)tariff;
}

static int64_t first_int(struct query *query)
{
    int64_t value = 0;
    if (query_next(query)) {
        value = query_int(query, 0);
        query_end(query);
    }
    return value;
}

DB_SQL(select_tariff_on, "SELECT version FROM tariff WHERE valid_from <= :day "
                         "ORDER BY valid_from DESC LIMIT 1");

uint32_t registry_tariff_version_on(struct db *db, struct day day)
{
    struct query *query = db_query(db, &select_tariff_on);
    query_bind_int(query, "day", day.number);
    return (uint32_t)first_int(query);
}

DB_SQL(select_charter_latest, "SELECT version FROM charter ORDER BY version DESC LIMIT 1");
DB_SQL(select_charter_accepted, "SELECT version FROM charter_acceptance WHERE member_id = :id "
                                "ORDER BY version DESC LIMIT 1");

uint32_t registry_charter_latest(struct db *db)
{
    return (uint32_t)first_int(db_query(db, &select_charter_latest));
}

uint32_t registry_charter_accepted(struct db *db, struct view member_id)
{
    struct query *query = db_query(db, &select_charter_accepted);
    query_bind_text(query, "id", member_id);
    return (uint32_t)first_int(query);
}

/* ---- walking ---- */

DB_SQL(walk_members, "SELECT record FROM member ORDER BY member_id");
DB_SQL(walk_accounts, "SELECT record FROM bank_account ORDER BY member_id");
DB_SQL(walk_sites, "SELECT record, state FROM site ORDER BY site_id");
DB_SQL(walk_employers, "SELECT record FROM employer ORDER BY employer_id");
DB_SQL(walk_plans, "SELECT record FROM plan ORDER BY plan_id");
DB_SQL(walk_carnets, "SELECT record FROM carnet ORDER BY carnet_id");
DB_SQL(walk_holders, "SELECT record FROM holder ORDER BY holder_id");
DB_SQL(walk_tariffs, "SELECT record FROM tariff ORDER BY version");
DB_SQL(walk_charters, "SELECT record FROM charter ORDER BY version");
DB_SQL(count_members, "SELECT COUNT(*) FROM member");
DB_SQL(count_accounts, "SELECT COUNT(*) FROM bank_account");
DB_SQL(count_sites, "SELECT COUNT(*) FROM site");
DB_SQL(count_employers, "SELECT COUNT(*) FROM employer");
DB_SQL(count_plans, "SELECT COUNT(*) FROM plan");
DB_SQL(count_carnets, "SELECT COUNT(*) FROM carnet");
DB_SQL(count_holders, "SELECT COUNT(*) FROM holder");
DB_SQL(count_tariffs, "SELECT COUNT(*) FROM tariff");
DB_SQL(count_charters, "SELECT COUNT(*) FROM charter");

static const struct {
    const struct db_sql *walk;
    const struct db_sql *count;
    const ProtobufCMessageDescriptor *descriptor;
} tables[] = {
    [REGISTRY_MEMBERS] = {&walk_members, &count_members, &passerelle__v1__member__descriptor},
    [REGISTRY_ACCOUNTS] = {&walk_accounts, &count_accounts,
                           &passerelle__v1__bank_account__descriptor},
    [REGISTRY_SITES] = {&walk_sites, &count_sites, &passerelle__v1__site__descriptor},
    [REGISTRY_EMPLOYERS] = {&walk_employers, &count_employers,
                            &passerelle__v1__employer__descriptor},
    [REGISTRY_PLANS] = {&walk_plans, &count_plans, &passerelle__v1__plan__descriptor},
    [REGISTRY_CARNETS] = {&walk_carnets, &count_carnets, &passerelle__v1__carnet__descriptor},
    [REGISTRY_HOLDERS] = {&walk_holders, &count_holders, &passerelle__v1__holder_put__descriptor},
    [REGISTRY_TARIFFS] = {&walk_tariffs, &count_tariffs,
                          &passerelle__v1__tariff_version__descriptor},
    [REGISTRY_CHARTERS] = {&walk_charters, &count_charters, &passerelle__v1__charter__descriptor},
};

void registry_walk(struct db *db, enum registry_table table,
                   bool (*each)(void *context, const ProtobufCMessage *record), void *context)
{
    struct arena arena = ARENA_INIT;
    struct query *query = db_query(db, tables[table].walk);
    while (query_next(query)) {
        const ProtobufCMessage *record =
            unpack(db, tables[table].descriptor, query_blob(query, 0), &arena);
        if (record == NULL) {
            query_end(query);
            break;
        }
        if (table == REGISTRY_SITES) {
            ((Passerelle__V1__Site *)(uintptr_t)record)->state =
                (Passerelle__V1__SiteState)query_int(query, 1);
        }
        if (!each(context, record)) {
            query_end(query);
            break;
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
}

int64_t registry_count(struct db *db, enum registry_table table)
{
    return first_int(db_query(db, tables[table].count));
}

/* ---- passes ---- */

#define PASS_COLUMNS "SELECT record, state, device_public_key, replaced_by FROM pass "
DB_SQL(select_pass, PASS_COLUMNS "WHERE pass_id = :id");
DB_SQL(select_pass_number, PASS_COLUMNS "WHERE number = :id");
DB_SQL(select_pass_holder, PASS_COLUMNS "WHERE holder_id = :id AND state <> 3 "
                                        "AND replaced_by IS NULL ORDER BY pass_id LIMIT 1");

DB_SQL(walk_passes,
       PASS_COLUMNS "WHERE pass_id > :after AND (:employer_id = '' OR employer_id = :employer_id) "
                    "AND (:issuer_id = '' OR employer_id IN (SELECT e.employer_id FROM employer e "
                    "WHERE e.issuer_member_id = :issuer_id)) ORDER BY pass_id LIMIT :max");
DB_SQL(walk_passes_of_holder, PASS_COLUMNS "WHERE holder_id = :holder_id AND pass_id > :after "
                                           "ORDER BY pass_id LIMIT :max");

static bool unpack_pass(struct db *db, const struct query *query, struct arena *arena,
                        struct registry_pass *out)
{
    const ProtobufCMessage *issued =
        unpack(db, &passerelle__v1__pass_issued__descriptor, query_blob(query, 0), arena);
    *out = (struct registry_pass){
        .issued = (const void *)issued,
        .state = (Passerelle__V1__PassState)query_int(query, 1),
        .device_public_key = arena_copy(arena, query_blob(query, 2)),
        .replaced_by = arena_copy(arena, query_blob(query, 3)),
    };
    return issued != NULL;
}

static bool read_pass(struct db *db, struct query *query, struct arena *arena,
                      struct registry_pass *out)
{
    if (!query_next(query)) {
        return false;
    }
    bool read = unpack_pass(db, query, arena, out);
    query_end(query);
    return read;
}

bool registry_pass(struct db *db, struct arena *arena, struct view pass_id,
                   struct registry_pass *out)
{
    struct query *query = db_query(db, &select_pass);
    query_bind_blob(query, "id", pass_id);
    return read_pass(db, query, arena, out);
}

DB_SQL(select_pass_device, "SELECT holder_id, device_public_key FROM pass WHERE pass_id = :id");

bool registry_pass_device(struct db *db, struct arena *arena, struct view pass_id,
                          struct view *holder_id, struct view *device_public_key)
{
    struct query *query = db_query(db, &select_pass_device);
    query_bind_blob(query, "id", pass_id);
    if (!query_next(query)) {
        return false;
    }
    *holder_id = arena_copy(arena, query_text(query, 0));
    *device_public_key = arena_copy(arena, query_blob(query, 1));
    query_end(query);
    return true;
}

bool registry_pass_by_number(struct db *db, struct arena *arena, struct view number,
                             struct registry_pass *out)
{
    struct query *query = db_query(db, &select_pass_number);
    query_bind_text(query, "id", number);
    return read_pass(db, query, arena, out);
}

bool registry_pass_of_holder(struct db *db, struct arena *arena, struct view holder_id,
                             struct registry_pass *out)
{
    struct query *query = db_query(db, &select_pass_holder);
    query_bind_text(query, "id", holder_id);
    return read_pass(db, query, arena, out);
}

void registry_walk_passes(struct db *db, const struct registry_pass_filter *filter,
                          bool (*each)(void *context, const struct registry_pass *pass),
                          void *context)
{
    struct query *query;
    if (filter->holder_id.len > 0) {
        query = db_query(db, &walk_passes_of_holder);
        query_bind_text(query, "holder_id", filter->holder_id);
    } else {
        query = db_query(db, &walk_passes);
        query_bind_text(query, "employer_id", filter->employer_id);
        query_bind_text(query, "issuer_id", filter->issuer_member_id);
    }
    query_bind_blob(query, "after", filter->after);
    query_bind_int(query, "max", filter->limit);
    struct arena arena = ARENA_INIT;
    while (query_next(query)) {
        struct registry_pass pass;
        if (!unpack_pass(db, query, &arena, &pass) || !each(context, &pass)) {
            query_end(query);
            break;
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
}

static char *uuid_text(struct arena *arena, struct view bytes)
{
    char text[UUID_TEXT_LEN + 1] = "";
    if (bytes.len == sizeof(struct uuid)) {
        struct uuid uuid;
        memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
        uuid_format(uuid, text);
    }
    return wire_string(arena, view_of(text));
}

Passerelle__V1__Pass *registry_pass_message(const struct registry_pass *pass, struct day today,
                                            struct arena *arena)
{
    const Passerelle__V1__PassIssued *issued = pass->issued;
    Passerelle__V1__Pass *message = ARENA_NEW(arena, Passerelle__V1__Pass);
    passerelle__v1__pass__init(message);
    message->pass_id = uuid_text(arena, view_bytes(issued->pass_id.data, issued->pass_id.len));
    message->holder_id = issued->holder_id;
    message->plan_id = issued->plan_id;
    message->issuer_member_id = issued->issuer_member_id;
    message->medium = issued->medium;
    message->state = pass->state;
    struct day last;
    if (pass->state == PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE &&
        day_parse(view_of(issued->valid_until), &last) == E_OK && day_compare(last, today) < 0) {
        message->state = PASSERELLE__V1__PASS_STATE__PASS_STATE_EXPIRED;
    }
    message->number = issued->number;
    message->valid_from = issued->valid_from;
    message->valid_until = issued->valid_until;
    message->activated = pass->device_public_key.len > 0;
    message->replaced_by = uuid_text(arena, pass->replaced_by);
    return message;
}

/* ---- keys ---- */

DB_SQL(select_epoch, "SELECT keeper, origin, public_key, old_size, old_root, entry_key "
                     "FROM feed_epoch WHERE feed_id = :feed_id ORDER BY entry_key DESC LIMIT 1");

static struct query *find_epoch(struct db *db, struct view feed_id)
{
    struct query *query = db_query(db, &select_epoch);
    query_bind_text(query, "feed_id", feed_id);
    return query_next(query) ? query : NULL;
}

Passerelle__V1__FeedKeeper registry_feed_keeper(struct db *db, struct view feed_id)
{
    Passerelle__V1__FeedKeeper keeper = PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_HUB;
    struct query *query = find_epoch(db, feed_id);
    if (query != NULL) {
        keeper = (Passerelle__V1__FeedKeeper)query_int(query, 0);
        query_end(query);
    }
    return keeper;
}

bool registry_feed_epoch(struct db *db, struct arena *arena, struct view feed_id,
                         struct registry_epoch *out)
{
    struct query *query = find_epoch(db, feed_id);
    if (query == NULL) {
        return false;
    }
    *out = (struct registry_epoch){
        .keeper = (Passerelle__V1__FeedKeeper)query_int(query, 0),
        .origin = arena_string(arena, query_text(query, 1)),
        .public_key = (const uint8_t *)arena_copy(arena, query_blob(query, 2)).data,
        .old_size = (uint64_t)query_int(query, 3),
        .old_root = arena_copy(arena, query_blob(query, 4)),
        .opened_by = (uint64_t)query_int(query, 5) & FEED_SEQ_MAX,
    };
    query_end(query);
    return true;
}

DB_SQL(select_keys, "SELECT key_id, public_key, from_utc_ms, retired_utc_ms FROM signing_key "
                    "WHERE purpose = :purpose ORDER BY from_utc_ms DESC, key_id LIMIT :max");

size_t registry_signing_keys(struct db *db, struct arena *arena, Passerelle__V1__KeyPurpose purpose,
                             struct registry_key *keys, size_t max)
{
    size_t count = 0;
    struct query *query = db_query(db, &select_keys);
    query_bind_int(query, "purpose", purpose);
    query_bind_int(query, "max", (int64_t)max);
    while (query_next(query)) {
        keys[count++] = (struct registry_key){
            .key_id = arena_copy(arena, query_blob(query, 0)),
            .public_key = arena_copy(arena, query_blob(query, 1)),
            .from_utc_ms = query_int(query, 2),
            .retired_utc_ms = query_int(query, 3),
        };
    }
    return count;
}
