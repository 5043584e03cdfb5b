#include "store/view/snapshot.h"

#include "store/feed/feed.h"
#include "wire/pack.h"

enum { COLUMNS_MAX = 9 };

#define NUMBER PASSERELLE__V1__SNAPSHOT_VALUE__VALUE_NUMBER
#define TEXT PASSERELLE__V1__SNAPSHOT_VALUE__VALUE_TEXT
#define BLOB PASSERELLE__V1__SNAPSHOT_VALUE__VALUE_BLOB
#define NONE PASSERELLE__V1__SNAPSHOT_VALUE__VALUE__NOT_SET

/* `kinds` has a letter for each column: i number, t text, b bytes, o bytes or nothing, k the key of
 * an entry. */
#define TABLE(table, key, columns, values)                                                         \
    DB_SQL(rows_of_##table, "SELECT " columns " FROM " #table " ORDER BY " key);                   \
    DB_SQL(put_##table, "INSERT INTO " #table " (" columns ") VALUES (" values ")")

#define V2 ":c0, :c1"
#define V3 V2 ", :c2"
#define V4 V3 ", :c3"
#define V5 V4 ", :c4"
#define V7 V5 ", :c5, :c6"
#define V9 V7 ", :c7, :c8"

TABLE(network, "one", "one, network_id, name, demo", V4);
TABLE(signing_key, "key_id", "key_id, purpose, public_key, from_utc_ms, retired_utc_ms", V5);
TABLE(network_policy, "one", "one, record", V2);
TABLE(member, "member_id", "member_id, record", V2);
TABLE(charter, "version", "version, record", V2);
TABLE(charter_acceptance, "member_id, version", "member_id, version, accepted_on", V3);
TABLE(site, "site_id", "site_id, member_id, state, record", V4);
TABLE(tariff, "version", "version, valid_from, record", V3);
TABLE(pass, "pass_id",
      "pass_id, holder_id, plan_id, employer_id, state, number, device_public_key, replaced_by, "
      "record",
      V9);
TABLE(feed_epoch, "feed_id, entry_key",
      "feed_id, entry_key, origin, public_key, keeper, old_size, old_root", V7);
TABLE(period_mark, "month", "month, document_sha256, entry_key", V3);

#define ROW(table, kinds)                                                                          \
    {                                                                                              \
#table, kinds, &rows_of_##table, &put_##table                                              \
    }

static const struct snapshot_table {
    const char *name;
    const char *kinds;
    const struct db_sql *select;
    const struct db_sql *put;
} tables[] = {
    ROW(network, "itti"),       ROW(signing_key, "bibii"), ROW(network_policy, "ib"),
    ROW(member, "tb"),          ROW(charter, "ib"),        ROW(charter_acceptance, "tit"),
    ROW(site, "ttib"),          ROW(tariff, "iib"),        ROW(pass, "btttitoob"),
    ROW(feed_epoch, "tktbiib"), ROW(period_mark, "ibk"),
};

/* ---- out ---- */

static void read_value(const struct query *query, int column, char kind,
                       Passerelle__V1__SnapshotValue *value, struct arena *arena)
{
    if (query_is_null(query, column)) {
        value->value_case = NONE;
    } else if (kind == 'i' || kind == 'k') {
        value->value_case = NUMBER;
        value->number = query_int(query, column);
        value->number &= kind == 'k' ? (int64_t)FEED_SEQ_MAX : -1;
    } else if (kind == 't') {
        value->value_case = TEXT;
        value->text = wire_string(arena, query_text(query, column));
    } else {
        value->value_case = BLOB;
        value->blob = wire_bytes(query_blob(query, column));
    }
}

void view_snapshot_walk(struct db *db,
                        bool (*each)(void *context, const Passerelle__V1__SnapshotRow *row),
                        void *context)
{
    struct arena arena = ARENA_INIT;
    bool more = true;
    for (size_t t = 0; more && t < ARRAY_LEN(tables); t++) {
        size_t columns = strlen(tables[t].kinds);
        struct query *query = db_query(db, tables[t].select);
        while (more && query_next(query)) {
            Passerelle__V1__SnapshotRow row = PASSERELLE__V1__SNAPSHOT_ROW__INIT;
            Passerelle__V1__SnapshotValue *values[COLUMNS_MAX];
            arena_clear(&arena);
            row.table = (char *)(uintptr_t)tables[t].name;
            row.values = values;
            row.n_values = columns;
            for (size_t i = 0; i < columns; i++) {
                values[i] = wire_new(&arena, &passerelle__v1__snapshot_value__descriptor);
                read_value(query, (int)i, tables[t].kinds[i], values[i], &arena);
            }
            more = each(context, &row);
        }
        query_end(query);
    }
    arena_release(&arena);
}

/* ---- in ---- */

static const struct snapshot_table *table_of(const char *name)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
        if (strcmp(tables[t].name, name) == 0) {
            return &tables[t];
        }
    }
    return NULL;
}

static bool fits(const Passerelle__V1__SnapshotValue *value, char kind)
{
    switch (kind) {
    case 'i':
        return value->value_case == NUMBER;
    case 'k':
        return value->value_case == NUMBER && value->number > 0 &&
               value->number <= (int64_t)FEED_SEQ_MAX;
    case 't':
        return value->value_case == TEXT;
    case 'b':
        return value->value_case == BLOB;
    default:
        return value->value_case == BLOB || value->value_case == NONE;
    }
}

int view_snapshot_check(const Passerelle__V1__SnapshotRow *row, struct fault *fault)
{
    const struct snapshot_table *table = table_of(row->table);
    if (table == NULL) {
        return fault_set(fault, E_INVALID,
                         "the snapshot has rows of a table that this version does not know: "
                         "install the hub's version");
    }
    if (row->n_values != strlen(table->kinds)) {
        return fault_set(fault, E_INVALID, "the snapshot has a row of %s with %zu values, not %zu",
                         table->name, row->n_values, strlen(table->kinds));
    }
    for (size_t i = 0; i < row->n_values; i++) {
        if (!fits(row->values[i], table->kinds[i])) {
            return fault_set(fault, E_INVALID,
                             "the snapshot has a row of %s whose value %zu is of another kind",
                             table->name, i + 1);
        }
    }
    return E_OK;
}

static void bind_value(struct query *query, size_t column, char kind, int64_t feed_no,
                       const Passerelle__V1__SnapshotValue *value)
{
    static const char *const names[COLUMNS_MAX] = {"c0", "c1", "c2", "c3", "c4",
                                                   "c5", "c6", "c7", "c8"};
    const char *name = names[column];
    if (kind == 'k') {
        query_bind_int(query, name, feed_no << FEED_SEQ_BITS | value->number);
    } else if (value->value_case == NUMBER) {
        query_bind_int(query, name, value->number);
    } else if (value->value_case == TEXT) {
        query_bind_text(query, name, view_of(value->text));
    } else if (value->value_case == BLOB) {
        query_bind_blob(query, name, wire_view(value->blob));
    }
}

static int put_row(struct db *db, int64_t feed_no, const Passerelle__V1__SnapshotRow *row,
                   struct fault *fault)
{
    const struct snapshot_table *table = table_of(row->table);
    int err = view_snapshot_check(row, fault);
    if (err != E_OK || table == NULL) {
        return err;
    }
    struct query *query = db_query(db, table->put);
    for (size_t i = 0; i < row->n_values; i++) {
        bind_value(query, i, table->kinds[i], feed_no, row->values[i]);
    }
    query_run(query);
    return db_error(db, fault);
}

/* ---- parts ---- */

DB_SQL(select_parts, "SELECT part_no, bytes FROM snapshot_part WHERE size = :size "
                     "ORDER BY part_no");

static int damaged(struct fault *fault)
{
    return fault_set(fault, E_CORRUPT, "the snapshot of net that is kept here is damaged");
}

/* The next part, which must have that number; NULL with E_OK at the end. */
static int next_part(struct query *query, int64_t number, struct arena *arena,
                     const Passerelle__V1__GetSnapshotResponse **out, struct fault *fault)
{
    *out = NULL;
    if (!query_next(query)) {
        return E_OK;
    }
    bool in_order = query_int(query, 0) == number;
    *out = !in_order ? NULL
                     : wire_unpack_trusted(&passerelle__v1__get_snapshot_response__descriptor,
                                           query_blob(query, 1), arena);
    bool good = *out != NULL &&
                (*out)->part_case ==
                    (number == 0 ? PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER
                                 : PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK);
    return good ? E_OK : damaged(fault);
}

int view_snapshot_header(struct db *db, uint64_t size, struct arena *arena,
                         const Passerelle__V1__SnapshotHeader **out, struct fault *fault)
{
    const Passerelle__V1__GetSnapshotResponse *part;
    struct query *query = db_query(db, &select_parts);
    query_bind_int(query, "size", (int64_t)size);
    int err = next_part(query, 0, arena, &part, fault);
    query_end(query);
    err = err == E_OK ? db_error(db, fault) : err;
    if (err == E_OK && part == NULL) {
        return damaged(fault);
    }
    *out = err == E_OK ? part->header : NULL;
    return err;
}

void view_snapshot_hash(struct sha256 *hash, struct view row)
{
    uint8_t head[4] = {(uint8_t)(row.len >> 24), (uint8_t)(row.len >> 16), (uint8_t)(row.len >> 8),
                       (uint8_t)row.len};
    sha256_add(hash, head, sizeof head);
    sha256_add(hash, row.data, row.len);
}

struct row_work {
    struct db *db;
    int64_t feed_no;
    struct sha256 hash;
    struct buf bytes;
    uint64_t count;
};

static int hash_one(struct row_work *w, const Passerelle__V1__SnapshotRow *row, struct fault *fault)
{
    buf_clear(&w->bytes);
    wire_pack(&w->bytes, &row->base);
    view_snapshot_hash(&w->hash, buf_content(&w->bytes));
    w->count++;
    return view_snapshot_check(row, fault);
}

static int put_one(struct row_work *w, const Passerelle__V1__SnapshotRow *row, struct fault *fault)
{
    return put_row(w->db, w->feed_no, row, fault);
}

static int each_row(struct row_work *w, uint64_t size,
                    int (*each)(struct row_work *w, const Passerelle__V1__SnapshotRow *row,
                                struct fault *fault),
                    struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    const Passerelle__V1__GetSnapshotResponse *part = NULL;
    struct query *query = db_query(w->db, &select_parts);
    query_bind_int(query, "size", (int64_t)size);
    int err = next_part(query, 0, &arena, &part, fault);
    for (int64_t number = 1; err == E_OK && part != NULL; number++) {
        arena_clear(&arena);
        err = next_part(query, number, &arena, &part, fault);
        for (size_t i = 0; err == E_OK && part != NULL && i < part->chunk->n_rows; i++) {
            err = each(w, part->chunk->rows[i], fault);
        }
    }
    query_end(query);
    arena_release(&arena);
    return err == E_OK ? db_error(w->db, fault) : err;
}

int view_snapshot_verify(struct db *db, uint64_t size, struct fault *fault)
{
    struct row_work w = {.db = db};
    struct arena arena = ARENA_INIT;
    const Passerelle__V1__SnapshotHeader *header;
    uint8_t digest[SHA256_LEN];
    sha256_init(&w.hash);
    int err = view_snapshot_header(db, size, &arena, &header, fault);
    err = err == E_OK ? each_row(&w, size, hash_one, fault) : err;
    sha256_end(&w.hash, digest);
    if (err == E_OK &&
        (w.count != header->rows ||
         !view_equal(wire_view(header->digest), view_bytes(digest, sizeof digest)))) {
        err = fault_set(fault, E_SIGNATURE,
                        "the rows of the snapshot of net are not those that the hub signed");
    }
    buf_release(&w.bytes);
    arena_release(&arena);
    return err;
}

/* Visits of passes that this site had not heard of, as the entries of these passes would. */
DB_SQL(name_visits, "UPDATE visit SET holder_id = (SELECT holder_id FROM pass WHERE "
                    "pass.pass_id = visit.pass_id) WHERE holder_id = '' AND "
                    "pass_id IN (SELECT pass_id FROM pass)");

int view_snapshot_load(struct db *db, uint64_t size, int64_t feed_no, struct fault *fault)
{
    struct row_work w = {.db = db, .feed_no = feed_no};
    int err = each_row(&w, size, put_one, fault);
    if (err != E_OK) {
        return err;
    }
    query_run(db_query(db, &name_visits));
    return db_error(db, fault);
}
