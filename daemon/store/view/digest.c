/* Every projection by name, with the order of its key: emptied together, digested together. */
#include "crypt/sha256.h"
#include "store/view/apply.h"

#define PROJECTION(table, key)                                                                     \
    DB_SQL(select_##table, "SELECT * FROM " #table " ORDER BY " key);                              \
    DB_SQL(empty_##table, "DELETE FROM " #table)

PROJECTION(network, "one");
PROJECTION(signing_key, "key_id");
PROJECTION(network_policy, "one");
PROJECTION(member, "member_id");
PROJECTION(charter, "version");
PROJECTION(charter_acceptance, "member_id, version");
PROJECTION(site, "site_id");
PROJECTION(tariff, "version");
PROJECTION(pass, "pass_id");
PROJECTION(feed_epoch, "feed_id, entry_key");
PROJECTION(period_mark, "month");
PROJECTION(bank_account, "member_id");
PROJECTION(employer, "employer_id");
PROJECTION(employer_policy, "employer_id");
PROJECTION(plan, "plan_id");
PROJECTION(holder, "holder_id");
PROJECTION(carnet, "carnet_id");
PROJECTION(dispute, "dispute_id");
PROJECTION(period, "month");
PROJECTION(period_cut, "month, feed_id");
PROJECTION(visit, "visit_key");
PROJECTION(hub_checkpoint_seen, "entry_key");

#define ROW(table)                                                                                 \
    {                                                                                              \
#table, &select_##table, &empty_##table                                                    \
    }

static const struct {
    const char *name;
    const struct db_sql *select;
    const struct db_sql *empty;
} projections[] = {
    ROW(network),        ROW(signing_key),
    ROW(network_policy), ROW(member),
    ROW(charter),        ROW(charter_acceptance),
    ROW(site),           ROW(tariff),
    ROW(pass),           ROW(feed_epoch),
    ROW(period_mark),    ROW(bank_account),
    ROW(employer),       ROW(employer_policy),
    ROW(plan),           ROW(holder),
    ROW(carnet),         ROW(dispute),
    ROW(period),         ROW(period_cut),
    ROW(visit),          ROW(hub_checkpoint_seen),
};

void view_drop_all(struct db *db)
{
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        query_run(db_query(db, projections[i].empty));
    }
}

/* Each value as its length and its bytes, so that no two rows read alike. NULL has length -1. */
static void digest_value(struct sha256 *sha, const struct query *query, int column)
{
    struct view value = query_blob(query, column);
    uint64_t len = query_is_null(query, column) ? UINT64_MAX : value.len;
    sha256_add(sha, &len, sizeof len);
    sha256_add(sha, value.data, value.len);
}

int view_digest(struct db *db, uint8_t out[static 32], struct fault *fault)
{
    struct sha256 sha;
    sha256_init(&sha);
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        sha256_add(&sha, projections[i].name, strlen(projections[i].name));
        struct query *query = db_query(db, projections[i].select);
        while (query_next(query)) {
            int columns = query_columns(query);
            for (int column = 0; column < columns; column++) {
                digest_value(&sha, query, column);
            }
        }
    }
    int err = db_error(db, fault);
    sha256_end(&sha, out);
    return err;
}
