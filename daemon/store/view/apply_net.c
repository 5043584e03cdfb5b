/* What `net` says: keys, feeds, members, sites, tariffs, passes. */
#include "store/view/appliers.h"

#include "core/day/day.h"

DB_SQL(put_network, "INSERT INTO network (one, network_id, name, demo) "
                    "VALUES (1, :network_id, :name, :demo) ON CONFLICT (one) DO NOTHING");

static void network_created(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__NetworkCreated *m = (const void *)message;
    struct query *query = db_query(a->db, &put_network);
    bind_id(query, "network_id", m->network_id);
    bind_id(query, "name", m->name);
    query_bind_int(query, "demo", m->demo);
    query_run(query);
}

DB_SQL(put_key,
       "INSERT INTO signing_key (key_id, purpose, public_key, from_utc_ms, retired_utc_ms) "
       "VALUES (:key_id, :purpose, :public_key, :from_utc_ms, 0) "
       "ON CONFLICT (key_id) DO NOTHING");

static void key_published(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__KeyPublished *m = (const void *)message;
    struct query *query = db_query(a->db, &put_key);
    query_bind_blob(query, "key_id", bytes_of(m->key_id));
    query_bind_int(query, "purpose", m->purpose);
    query_bind_blob(query, "public_key", bytes_of(m->public_key));
    query_bind_int(query, "from_utc_ms", a->envelope->appended_utc_ms);
    query_run(query);
}

DB_SQL(retire_key, "UPDATE signing_key SET retired_utc_ms = :at_utc_ms "
                   "WHERE key_id = :key_id AND retired_utc_ms = 0");

static void key_retired(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__KeyRetired *m = (const void *)message;
    struct query *query = db_query(a->db, &retire_key);
    query_bind_blob(query, "key_id", bytes_of(m->key_id));
    query_bind_int(query, "at_utc_ms", a->envelope->appended_utc_ms);
    query_run(query);
}

DB_SQL(put_epoch,
       "INSERT INTO feed_epoch (feed_id, entry_key, origin, public_key, keeper, old_size, "
       "old_root) VALUES (:feed_id, :key, :origin, :public_key, :keeper, :old_size, "
       ":old_root) ON CONFLICT (feed_id, entry_key) DO NOTHING");

/* The feed's own row is truth, not a projection: store/feed made it when it was opened. */
static void feed_opened(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__FeedOpened *m = (const void *)message;
    struct query *query = db_query(a->db, &put_epoch);
    bind_id(query, "feed_id", m->feed_id);
    query_bind_int(query, "key", a->at.entry_key);
    bind_id(query, "origin", m->origin);
    query_bind_blob(query, "public_key", bytes_of(m->public_key));
    query_bind_int(query, "keeper",
                   m->keeper == PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_UNSPECIFIED
                       ? PASSERELLE__V1__FEED_KEEPER__FEED_KEEPER_HUB
                       : m->keeper);
    query_bind_int(query, "old_size", (int64_t)m->old_size);
    query_bind_blob(query, "old_root", bytes_of(m->old_root));
    query_run(query);
}

DB_SQL(put_policy, "INSERT INTO network_policy (one, record) VALUES (1, :record) "
                   "ON CONFLICT (one) DO UPDATE SET record = excluded.record");

static void policy_set(const struct application *a, const ProtobufCMessage *message)
{
    (void)message;
    struct query *query = db_query(a->db, &put_policy);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_member, "INSERT INTO member (member_id, record) VALUES (:member_id, :record) "
                   "ON CONFLICT (member_id) DO UPDATE SET record = excluded.record");

static void member_put(const struct application *a, const ProtobufCMessage *message)
{
    struct query *query = db_query(a->db, &put_member);
    bind_id(query, "member_id", ((const Passerelle__V1__Member *)message)->member_id);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_charter, "INSERT INTO charter (version, record) VALUES (:version, :record) "
                    "ON CONFLICT (version) DO NOTHING");

static void charter_published(const struct application *a, const ProtobufCMessage *message)
{
    struct query *query = db_query(a->db, &put_charter);
    query_bind_int(query, "version", ((const Passerelle__V1__Charter *)message)->version);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_acceptance, "INSERT INTO charter_acceptance (member_id, version, accepted_on) "
                       "VALUES (:member_id, :version, :accepted_on) "
                       "ON CONFLICT (member_id, version) DO NOTHING");

static void charter_accepted(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__CharterAccepted *m = (const void *)message;
    struct query *query = db_query(a->db, &put_acceptance);
    bind_id(query, "member_id", m->member_id);
    query_bind_int(query, "version", m->version);
    bind_id(query, "accepted_on", m->accepted_on);
    query_run(query);
}

DB_SQL(put_site, "INSERT INTO site (site_id, member_id, state, record) "
                 "VALUES (:site_id, :member_id, :state, :record) "
                 "ON CONFLICT (site_id) DO UPDATE SET member_id = excluded.member_id, "
                 "record = excluded.record");

static void site_put(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__Site *m = (const void *)message;
    struct query *query = db_query(a->db, &put_site);
    bind_id(query, "site_id", m->site_id);
    bind_id(query, "member_id", m->member_id);
    query_bind_int(query, "state", PASSERELLE__V1__SITE_STATE__SITE_STATE_CANDIDATE);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(set_site_state, "UPDATE site SET state = :state WHERE site_id = :site_id");

static void site_state_set(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__SiteStateSet *m = (const void *)message;
    struct query *query = db_query(a->db, &set_site_state);
    bind_id(query, "site_id", m->site_id);
    query_bind_int(query, "state", m->state);
    query_run(query);
}

DB_SQL(put_tariff, "INSERT INTO tariff (version, valid_from, record) "
                   "VALUES (:version, :valid_from, :record) ON CONFLICT (version) DO NOTHING");

static void tariff_published(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__TariffVersion *m = (const void *)message;
    struct day day;
    if (day_parse(view_of(m->valid_from), &day) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, &put_tariff);
    query_bind_int(query, "version", m->version);
    query_bind_int(query, "valid_from", day.number);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
}

DB_SQL(put_pass, "INSERT INTO pass (pass_id, holder_id, plan_id, employer_id, state, number, "
                 "device_public_key, replaced_by, record) VALUES (:pass_id, :holder_id, :plan_id, "
                 ":employer_id, :state, :number, NULL, NULL, :record) "
                 "ON CONFLICT (pass_id) DO NOTHING");
DB_SQL(replace_pass, "UPDATE pass SET state = :state, replaced_by = :replaced_by "
                     "WHERE pass_id = :pass_id AND replaced_by IS NULL");

/* A site let in a pass that it had not heard of: the visit is its holder's, whichever entry comes
 * first. */
DB_SQL(name_visits, "UPDATE visit SET holder_id = :holder_id "
                    "WHERE holder_id = '' AND pass_id = :pass_id");

static void pass_issued(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PassIssued *m = (const void *)message;
    struct query *query = db_query(a->db, &put_pass);
    query_bind_blob(query, "pass_id", bytes_of(m->pass_id));
    bind_id(query, "holder_id", m->holder_id);
    bind_id(query, "plan_id", m->plan_id);
    bind_id(query, "employer_id", m->employer_id);
    query_bind_int(query, "state", PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE);
    bind_id(query, "number", m->number);
    query_bind_blob(query, "record", record_of(a));
    query_run(query);
    query = db_query(a->db, &name_visits);
    bind_id(query, "holder_id", m->holder_id);
    query_bind_blob(query, "pass_id", bytes_of(m->pass_id));
    query_run(query);
    if (m->replaces_pass_id.len > 0) {
        query = db_query(a->db, &replace_pass);
        query_bind_blob(query, "pass_id", bytes_of(m->replaces_pass_id));
        query_bind_int(query, "state", PASSERELLE__V1__PASS_STATE__PASS_STATE_REVOKED);
        query_bind_blob(query, "replaced_by", bytes_of(m->pass_id));
        query_run(query);
    }
}

DB_SQL(set_pass_device, "UPDATE pass SET device_public_key = :key WHERE pass_id = :pass_id");

static void pass_device_set(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PassDeviceSet *m = (const void *)message;
    struct query *query = db_query(a->db, &set_pass_device);
    query_bind_blob(query, "pass_id", bytes_of(m->pass_id));
    query_bind_blob(query, "key", bytes_of(m->device_public_key));
    query_run(query);
}

DB_SQL(set_pass_state, "UPDATE pass SET state = :state WHERE pass_id = :pass_id");

static void pass_state_set(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PassStateSet *m = (const void *)message;
    struct query *query = db_query(a->db, &set_pass_state);
    query_bind_blob(query, "pass_id", bytes_of(m->pass_id));
    query_bind_int(query, "state", m->state);
    query_run(query);
}

DB_SQL(put_mark, "INSERT INTO period_mark (month, document_sha256, entry_key) "
                 "VALUES (:month, :sha256, :key) ON CONFLICT (month) DO NOTHING");

static void period_marked(const struct application *a, const ProtobufCMessage *message)
{
    const Passerelle__V1__PeriodMarked *m = (const void *)message;
    struct month month;
    if (month_parse(view_of(m->month), &month) != E_OK) {
        return;
    }
    struct query *query = db_query(a->db, &put_mark);
    query_bind_int(query, "month", month.number);
    query_bind_blob(query, "sha256", bytes_of(m->document_sha256));
    query_bind_int(query, "key", a->at.entry_key);
    query_run(query);
}

const struct applier appliers_net[] = {
    APPLIES(NETWORK_CREATED, network_created),
    APPLIES(KEY_PUBLISHED, key_published),
    APPLIES(KEY_RETIRED, key_retired),
    APPLIES(FEED_OPENED, feed_opened),
    APPLIES(POLICY_SET, policy_set),
    APPLIES(MEMBER_PUT, member_put),
    APPLIES(CHARTER_PUBLISHED, charter_published),
    APPLIES(CHARTER_ACCEPTED, charter_accepted),
    APPLIES(SITE_PUT, site_put),
    APPLIES(SITE_STATE_SET, site_state_set),
    APPLIES(TARIFF_PUBLISHED, tariff_published),
    APPLIES(PASS_ISSUED, pass_issued),
    APPLIES(PASS_DEVICE_SET, pass_device_set),
    APPLIES(PASS_STATE_SET, pass_state_set),
    APPLIES(PERIOD_MARKED, period_marked),
    {0},
};
