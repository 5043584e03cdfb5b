/* The yardstick: what SQLite alone does, on this machine, in the minute of the measurement, for the
 * rows of one check-in. Nothing of the daemon is in it: no tree, no signature, no projection.
 *
 *   raw [--mode checkin|import|visits|feed|passes] [--groups 1,64,1024] [--seconds S] [--passes N]
 *       [--cache-kib N] [--dir DIR]
 *
 * checkin: select by request id, select a pass, insert a visit of 17 columns with two indexes,
 * insert an entry of 300 bytes, update a counter. import: the two inserts. visits: the visit alone. feed:
 * what a site pushes, in turns an entry that opens a visit, with its row, and one that closes one,
 * which updates it: a row is an entry. passes: a row of 9 columns with four indexes.
 * Pragmas, page cache and checkpoints are the daemon's defaults. One line for each size of group:
 *   mode=checkin group=64 rows=30000 rows_per_s=15000 group_p50_us=4200 group_p99_us=9000 */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { GROUPS_MAX = 8, SAMPLES_MAX = 1 << 20, WAL_HARD_FRAMES = 12288 };
enum { ENTRY_BYTES = 304, OPEN_BYTES = 216, CLOSE_BYTES = 64, PASS_BYTES = 80 };

enum mode { CHECKIN, IMPORT, VISITS, FEED, PASSES };
static const char *const mode_names[] = {"checkin", "import", "visits", "feed", "passes"};
enum { MODES = sizeof mode_names / sizeof mode_names[0] };

struct options {
    enum mode mode;
    long groups[GROUPS_MAX];
    int group_count;
    long seconds;
    long passes;
    long cache_kib;
    const char *dir;
};

enum {
    FIND_REQUEST, FIND_PASS, ADD_VISIT, ADD_ENTRY, CLOSE_VISIT, ADD_PASS, COUNT, BEGIN, COMMIT,
    STATEMENTS
};
static const char *const sql[STATEMENTS] = {
    [FIND_REQUEST] = "SELECT visit_no, state FROM visit WHERE request_id = ?1",
    [FIND_PASS] = "SELECT pass_no, state, units FROM pass WHERE pass_id = ?1",
    [ADD_VISIT] = ("INSERT INTO visit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                   " ?13, ?14, ?15, ?16, ?17)"),
    [ADD_ENTRY] = "INSERT INTO entry VALUES (?1, ?2)",
    [CLOSE_VISIT] = "UPDATE visit SET state = 2, out_utc_ms = ?2 WHERE visit_no = ?1",
    [ADD_PASS] = "INSERT INTO issued VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, NULL, ?7)",
    [COUNT] = "UPDATE counter SET n = n + 1 WHERE site = ?1",
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
};

static const char schema[] =
    "CREATE TABLE pass (pass_no INTEGER PRIMARY KEY, pass_id blob UNIQUE, state bigint,"
    " units bigint, holder text, plan text, valid_from bigint, valid_to bigint);"
    "CREATE TABLE visit (visit_no INTEGER PRIMARY KEY, request_id blob, site bigint,"
    " pass_no bigint, resource text, state bigint, in_utc_ms bigint, out_utc_ms bigint, day bigint,"
    " tariff bigint, plan text, issuer text, units bigint, price bigint, flags bigint, desk text,"
    " entry_id bigint);"
    "CREATE UNIQUE INDEX visit_request ON visit (request_id);"
    "CREATE INDEX visit_pass ON visit (pass_no, day);"
    "CREATE TABLE entry (entry_id INTEGER PRIMARY KEY, bytes blob);"
    "CREATE TABLE issued (pass_id blob PRIMARY KEY, holder_id text, plan_id text, employer_id text,"
    " state bigint, number text, device_key blob, replaced_by blob, record blob);"
    "CREATE INDEX issued_number ON issued (number);"
    "CREATE INDEX issued_holder ON issued (holder_id);"
    "CREATE INDEX issued_employer ON issued (employer_id);"
    "CREATE TABLE counter (site INTEGER PRIMARY KEY, n bigint);";

static sqlite3 *db;
static sqlite3_stmt *statements[STATEMENTS];
static int wal_frames;
static int64_t next_row = 1;
static uint64_t seed = 42;

static void check(int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE) {
        fprintf(stderr, "raw: %s\n", sqlite3_errmsg(db));
        exit(EXIT_FAILURE);
    }
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint64_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 24;
}

static void pass_id(uint64_t number, uint8_t out[static 16])
{
    uint64_t a = number * 0x9e3779b97f4a7c15u;
    uint64_t b = (a ^ a >> 29) * 0xbf58476d1ce4e5b9u;
    memcpy(out, &a, 8);
    memcpy(out + 8, &b, 8);
}

/* Rising with time in the first bytes, chance in the others, as UUIDv7. */
static void request_id(int64_t row, uint8_t out[static 16])
{
    uint64_t chance = draw();
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)((uint64_t)row >> (56 - 8 * i));
    }
    memcpy(out + 8, &chance, 8);
}

static void run(int which)
{
    check(sqlite3_step(statements[which]));
    check(sqlite3_reset(statements[which]));
}

static void bind_visit(int64_t row, int64_t site, int64_t pass, const uint8_t *request)
{
    sqlite3_stmt *s = statements[ADD_VISIT];
    const int64_t numbers[18] = {[1] = row,          [3] = site,  [4] = pass, [6] = 1,
                                 [7] = 1790000000000 + row, [9] = 20700 + row / 5000,
                                 [10] = 3,           [13] = 1,    [14] = 1500, [15] = 0,
                                 [17] = row};
    for (int i = 1; i <= 17; i++) {
        if (i == 2) {
            sqlite3_bind_blob(s, i, request, 16, SQLITE_STATIC);
        } else if (i == 5) {
            sqlite3_bind_text(s, i, "desk", -1, SQLITE_STATIC);
        } else if (i == 8) {
            sqlite3_bind_null(s, i);
        } else if (i == 11) {
            sqlite3_bind_text(s, i, "carnet-10", -1, SQLITE_STATIC);
        } else if (i == 12) {
            sqlite3_bind_text(s, i, "member-012", -1, SQLITE_STATIC);
        } else if (i == 16) {
            sqlite3_bind_text(s, i, "tablet-1", -1, SQLITE_STATIC);
        } else {
            sqlite3_bind_int64(s, i, numbers[i]);
        }
    }
}

static void add_entry(int64_t site, int64_t row, size_t len)
{
    static uint8_t bytes[ENTRY_BYTES];
    for (size_t i = 0; i + 8 <= len; i += 8) {
        uint64_t chance = draw();
        memcpy(bytes + i, &chance, 8);
    }
    sqlite3_bind_int64(statements[ADD_ENTRY], 1, site << 40 | row);
    sqlite3_bind_blob(statements[ADD_ENTRY], 2, bytes, (int)len, SQLITE_STATIC);
    run(ADD_ENTRY);
}

static void add_pass(int64_t row)
{
    static uint8_t record[PASS_BYTES];
    sqlite3_stmt *s = statements[ADD_PASS];
    uint8_t id[16];
    char holder[24], employer[24], number[24];
    pass_id((uint64_t)row, id);
    snprintf(holder, sizeof holder, "h%07lld", (long long)row);
    snprintf(employer, sizeof employer, "e%05lld", (long long)row / 200);
    snprintf(number, sizeof number, "%012lld", (long long)row);
    for (size_t i = 0; i + 8 <= sizeof record; i += 8) {
        uint64_t chance = draw();
        memcpy(record + i, &chance, 8);
    }
    sqlite3_bind_blob(s, 1, id, sizeof id, SQLITE_STATIC);
    sqlite3_bind_text(s, 2, holder, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 3, employer, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 4, employer, -1, SQLITE_STATIC);
    sqlite3_bind_text(s, 5, number, -1, SQLITE_STATIC);
    sqlite3_bind_blob(s, 6, record, 32, SQLITE_STATIC);
    sqlite3_bind_blob(s, 7, record, sizeof record, SQLITE_STATIC);
    run(ADD_PASS);
}

static void one_row(const struct options *options)
{
    uint8_t request[16];
    uint8_t pass[16];
    int64_t row = next_row++;
    uint64_t pass_no = draw() % (uint64_t)options->passes + 1;
    int64_t site = (int64_t)(draw() % 120) + 1;

    if (options->mode == PASSES) {
        add_pass(row);
        return;
    }
    if (options->mode == FEED && row % 2 == 0) {
        add_entry(site, row, CLOSE_BYTES);
        sqlite3_bind_int64(statements[CLOSE_VISIT], 1, row - 1);
        sqlite3_bind_int64(statements[CLOSE_VISIT], 2, 1790000000000 + row);
        run(CLOSE_VISIT);
        return;
    }
    request_id(row, request);
    pass_id(pass_no, pass);
    if (options->mode == CHECKIN) {
        sqlite3_bind_blob(statements[FIND_REQUEST], 1, request, 16, SQLITE_STATIC);
        run(FIND_REQUEST);
        sqlite3_bind_blob(statements[FIND_PASS], 1, pass, 16, SQLITE_STATIC);
        run(FIND_PASS);
    }
    bind_visit(row, site, (int64_t)pass_no, request);
    run(ADD_VISIT);
    if (options->mode != VISITS) {
        add_entry(site, row, options->mode == FEED ? OPEN_BYTES : ENTRY_BYTES);
    }
    if (options->mode == CHECKIN) {
        sqlite3_bind_int64(statements[COUNT], 1, site);
        run(COUNT);
    }
}

static int note_wal(void *context, sqlite3 *handle, const char *name, int frames)
{
    (void)context;
    (void)handle;
    (void)name;
    wal_frames = frames;
    return SQLITE_OK;
}

static void open_database(const struct options *options, const char *path)
{
    char text[256];
    uint8_t id[16];
    check(sqlite3_open_v2(path, &db,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));
    snprintf(text, sizeof text,
             "PRAGMA page_size=4096; PRAGMA cache_size=-%ld; PRAGMA temp_store=MEMORY;"
             "PRAGMA mmap_size=0; PRAGMA cell_size_check=ON; PRAGMA journal_mode=WAL;"
             "PRAGMA synchronous=FULL;",
             options->cache_kib);
    check(sqlite3_exec(db, text, NULL, NULL, NULL));
    sqlite3_wal_hook(db, note_wal, NULL);
    check(sqlite3_exec(db, schema, NULL, NULL, NULL));
    for (int i = 0; i < STATEMENTS; i++) {
        check(sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL));
    }
    sqlite3_stmt *add = NULL;
    check(sqlite3_exec(db, "BEGIN", NULL, NULL, NULL));
    check(sqlite3_prepare_v2(db, "INSERT INTO pass VALUES (?1, ?2, 1, 10, 'holder', 'plan', 1, 2)",
                             -1, &add, NULL));
    for (long i = 1; i <= options->passes; i++) {
        pass_id((uint64_t)i, id);
        sqlite3_bind_int64(add, 1, i);
        sqlite3_bind_blob(add, 2, id, 16, SQLITE_STATIC);
        check(sqlite3_step(add));
        check(sqlite3_reset(add));
    }
    sqlite3_finalize(add);
    check(sqlite3_exec(db,
                       "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s LIMIT 120)"
                       "INSERT INTO counter SELECT n, 0 FROM s; COMMIT",
                       NULL, NULL, NULL));
    check(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL));
}

static int compare_ns(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void measure(const struct options *options, long group)
{
    static int64_t samples[SAMPLES_MAX];
    size_t count = 0;
    int64_t rows = 0;
    int64_t start = now_ns();
    int64_t end = start + options->seconds * 1000000000;
    int64_t now = start;

    while (now < end && count < SAMPLES_MAX) {
        run(BEGIN);
        for (long i = 0; i < group; i++) {
            one_row(options);
        }
        run(COMMIT);
        rows += group;
        if (wal_frames > WAL_HARD_FRAMES) {
            check(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL));
            wal_frames = 0;
        }
        int64_t before = now;
        now = now_ns();
        samples[count++] = now - before;
    }
    qsort(samples, count, sizeof samples[0], compare_ns);
    printf("mode=%s group=%ld rows=%lld rows_per_s=%lld group_p50_us=%lld group_p99_us=%lld\n",
           mode_names[options->mode], group, (long long)rows,
           (long long)(rows * 1000000 / ((now - start) / 1000)),
           (long long)(samples[count / 2] / 1000), (long long)(samples[count * 99 / 100] / 1000));
    fflush(stdout);
}

static long number(const char *text, long least)
{
    char *end = NULL;
    long value = strtol(text, &end, 10);
    if (end == text || *end != '\0' || value < least) {
        fprintf(stderr, "raw: %s: a number from %ld on is wanted\n", text, least);
        exit(2);
    }
    return value;
}

static void parse_groups(struct options *options, const char *list)
{
    char copy[128];
    char *rest = copy;
    snprintf(copy, sizeof copy, "%s", list);
    options->group_count = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL && options->group_count < GROUPS_MAX;) {
        options->groups[options->group_count++] = number(word, 1);
    }
}

static void parse(struct options *options, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--mode") == 0) {
            options->mode = CHECKIN;
            for (int m = 0; m < MODES; m++) {
                options->mode = strcmp(value, mode_names[m]) == 0 ? (enum mode)m : options->mode;
            }
        } else if (strcmp(argv[i], "--groups") == 0) {
            parse_groups(options, value);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            options->seconds = number(value, 1);
        } else if (strcmp(argv[i], "--passes") == 0) {
            options->passes = number(value, 1);
        } else if (strcmp(argv[i], "--cache-kib") == 0) {
            options->cache_kib = number(value, 1);
        } else if (strcmp(argv[i], "--dir") == 0) {
            options->dir = value;
        } else {
            fprintf(stderr, "raw: %s: no such option\n", argv[i]);
            exit(2);
        }
    }
}

int main(int argc, char **argv)
{
    struct options options = {.groups = {1, 64, 1024},
                              .group_count = 3,
                              .seconds = 2,
                              .passes = 100000,
                              .cache_kib = 8192,
                              .dir = "."};
    char path[512];
    parse(&options, argc, argv);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    snprintf(path, sizeof path, "%s/raw-%ld.db", options.dir, (long)getpid());
    open_database(&options, path);
    for (int i = 0; i < options.group_count; i++) {
        measure(&options, options.groups[i]);
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
    unlink(path);
    return EXIT_SUCCESS;
}
