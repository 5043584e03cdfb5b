/* Every projection by name, with the order of its key: emptied together, digested together. */
#include "crypt/sha256.h"
#include "store/feed/feed.h"
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
PROJECTION(invoice, "month, kind, seller_member_id, buyer_id, credit_note");
PROJECTION(invoice_close, "month");
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
    ROW(invoice),        ROW(invoice_close),
    ROW(visit),          ROW(hub_checkpoint_seen),
};

void view_drop_indexes(struct db *db, struct buf *again)
{
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        db_drop_indexes(db, projections[i].name, "visit_id", again); /* entries change by it */
    }
}

/* Where `books` is not, at a site, the hub told these rows outside feeds: nothing replays them. */
static bool is_told(const char *name)
{
    return strcmp(name, "plan") == 0 || strcmp(name, "holder") == 0 ||
           strcmp(name, "employer_policy") == 0;
}

void view_drop_all(struct db *db)
{
    struct feed_id books;
    bool has_books = feed_find(db, VIEW_LIT(FEED_BOOKS), &books) == E_OK;
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        if (!has_books && is_told(projections[i].name)) {
            continue;
        }
        query_run(db_query(db, projections[i].empty));
    }
}

enum { INTEGER, BYTES, NOTHING };

/* Each value with its kind, and bytes with their length, so that no two rows read alike. */
static void add_value(struct buf *row, const struct query *query, int column)
{
    if (query_is_int(query, column)) {
        buf_byte(row, INTEGER);
        buf_u64be(row, (uint64_t)query_int(query, column));
    } else if (query_is_null(query, column)) {
        buf_byte(row, NOTHING);
    } else {
        struct view value = query_blob(query, column);
        buf_byte(row, BYTES);
        buf_u64be(row, value.len);
        buf_view(row, value);
    }
}

int view_digest(struct db *db, uint8_t out[static 32], struct fault *fault)
{
    struct sha256 sha;
    struct buf row = BUF_INIT;
    sha256_init(&sha);
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        sha256_add(&sha, projections[i].name, strlen(projections[i].name));
        struct query *query = db_query(db, projections[i].select);
        while (query_next(query)) {
            int columns = query_columns(query);
            buf_clear(&row);
            for (int column = 0; column < columns; column++) {
                add_value(&row, query, column);
            }
            sha256_add(&sha, row.data, row.len);
        }
    }
    buf_release(&row);
    int err = db_error(db, fault);
    sha256_end(&sha, out);
    return err;
}
