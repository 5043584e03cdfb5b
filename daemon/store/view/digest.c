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
PROJECTION(chart, "member_id");
PROJECTION(payment, "payment_id");
PROJECTION(payment_run, "entry_key");
PROJECTION(payment_mandate, "party_id, mandate_id");
PROJECTION(payment_booking, "booking_id, payment_id");
PROJECTION(period_paid, "month");
PROJECTION(payment_reminder, "payment_id, level");
PROJECTION(exposure, "member_id");
PROJECTION(employer_suspension, "employer_id");
PROJECTION(suspended_pass, "pass_id");
PROJECTION(visit, "visit_key");
PROJECTION(hub_checkpoint_seen, "entry_key");

#define ROW(table, home)                                                                           \
    {                                                                                              \
#table, home, &select_##table, &empty_##table                                              \
    }
#define NET(table) ROW(table, ENTRY_IN_NET)
#define BOOKS(table) ROW(table, ENTRY_IN_BOOKS)
#define SITE(table) ROW(table, ENTRY_IN_SITE)

static const struct {
    const char *name;
    enum entry_home home; /* of the entries that make its rows */
    const struct db_sql *select;
    const struct db_sql *empty;
} projections[] = {
    NET(network),        NET(signing_key),
    NET(network_policy), NET(member),
    NET(charter),        NET(charter_acceptance),
    NET(site),           NET(tariff),
    NET(pass),           NET(feed_epoch),
    NET(period_mark),    BOOKS(bank_account),
    BOOKS(employer),     BOOKS(employer_policy),
    BOOKS(plan),         BOOKS(holder),
    BOOKS(carnet),       BOOKS(dispute),
    BOOKS(period),       BOOKS(period_cut),
    BOOKS(invoice),      BOOKS(invoice_close),
    BOOKS(chart),        BOOKS(period_paid),
    BOOKS(payment),      BOOKS(payment_run),
    BOOKS(payment_mandate), BOOKS(payment_booking),
    BOOKS(exposure),     BOOKS(payment_reminder),
    BOOKS(suspended_pass), BOOKS(employer_suspension),
    SITE(visit),         SITE(hub_checkpoint_seen),
};

void view_drop_indexes(struct db *db, struct buf *again)
{
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        db_drop_indexes(db, projections[i].name, "visit_id", again); /* entries change by it */
    }
}

/* Whether a replay makes such rows again: where `books` is not, at a site, the hub told them. */
static bool is_replayed(struct db *db, enum entry_home home)
{
    struct feed_id id;
    return home == ENTRY_IN_SITE ||
           feed_find(db, view_of(home == ENTRY_IN_NET ? FEED_NET : FEED_BOOKS), &id) == E_OK;
}

void view_drop(struct db *db, enum entry_home home)
{
    for (size_t i = 0; i < ARRAY_LEN(projections); i++) {
        if (projections[i].home == home) {
            query_run(db_query(db, projections[i].empty));
        }
    }
}

void view_drop_all(struct db *db)
{
    static const enum entry_home homes[] = {ENTRY_IN_NET, ENTRY_IN_BOOKS, ENTRY_IN_SITE};
    for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
        if (is_replayed(db, homes[i])) {
            view_drop(db, homes[i]);
        }
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
