/* How long the close of a month takes, beside the plainest thing that SQL can do with as many rows.
 *
 *     close [STAYS] [ROUNDS]         1,000,000 and 5 unless told otherwise
 *
 * The reference network; its month is repeated until there are enough stays. `close` is all that
 * the worker does on its snapshot: load, rate, net, document, cut. `sum` is SELECT SUM(cents) GROUP
 * BY debtor, creditor over a table of the same number of stays, with the columns of a visit. Rounds
 * are interleaved; medians are told. Ends with the ratio close / sum. */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/ident/uuid.h"
#include "lib/recorded.h"
#include "service/journal.h"
#include "service/settlement/compute.h"
#include "store/feed/feed.h"

static struct network network;
static int64_t stays_wanted = 1000000;
static int rounds = 5;

DB_SQL(insert_visit,
       "INSERT INTO visit (visit_key, last_key, feed_no, visit_id, holder_id, pass_id, resource, "
       "medium, source, state, day, in_utc_ms, out_utc_ms, auto_closed, tariff_version, line, "
       "corrected_by) VALUES (:key, :last, :feed_no, :visit_id, :holder_id, :pass_id, :resource, "
       "1, 1, 2, :day, :in_utc_ms, :out_utc_ms, 0, 1, 0, NULL)");
DB_SQL(insert_owed,
       "INSERT INTO owed (owed_id, visit_id, debtor, creditor, resource, day, in_utc_ms, "
       "out_utc_ms, cents) VALUES (:id, :visit_id, :debtor, :creditor, :resource, :day, "
       ":in_utc_ms, :out_utc_ms, :cents)");
DB_SQL(sum_owed, "SELECT debtor, creditor, SUM(cents) FROM owed GROUP BY debtor, creditor");

static int64_t instant(struct view text)
{
    int64_t utc_ms = 0;
    return text.len > 0 && instant_parse(text, &utc_ms) == E_OK ? utc_ms : 0;
}

static void visit_insert(const struct recorded_stay *stay, int64_t key, int64_t number)
{
    struct db *db = network.service.db;
    struct uuid visit_id;
    uint8_t pass_id[16] = {1};
    ck_assert_int_eq(uuid_parse(stay->visit_id, &visit_id), E_OK);
    for (int i = 0; i < 8; i++) {
        visit_id.bytes[15 - i] ^= (uint8_t)(number >> (8 * i));
    }
    struct view id = view_bytes(visit_id.bytes, sizeof visit_id.bytes);
    int64_t shift_ms = number % 977;
    int64_t in_utc_ms = instant(stay->check_in) + shift_ms;
    int64_t out_utc_ms = instant(stay->check_out);
    out_utc_ms += out_utc_ms != 0 ? shift_ms : 0;
    int64_t day = day_of_instant(in_utc_ms).number;
    int64_t resource = view_is(stay->resource, "desk")    ? 1
                       : view_is(stay->resource, "booth") ? 3
                                                          : 2;
    struct query *query = db_query(db, &insert_visit);
    query_bind_int(query, "key", key);
    query_bind_int(query, "last", key + 1);
    query_bind_int(query, "feed_no", key >> FEED_SEQ_BITS);
    query_bind_blob(query, "visit_id", id);
    query_bind_text(query, "holder_id", stay->holder_id);
    query_bind_blob(query, "pass_id", view_bytes(pass_id, sizeof pass_id));
    query_bind_int(query, "resource", resource);
    query_bind_int(query, "day", day);
    query_bind_int(query, "in_utc_ms", in_utc_ms);
    if (out_utc_ms != 0) {
        query_bind_int(query, "out_utc_ms", out_utc_ms);
    }
    query_run(query);
    char debtor[8];
    char creditor[8];
    snprintf(debtor, sizeof debtor, "m%03d", (int)(number * 7919 % 12));
    snprintf(creditor, sizeof creditor, "m%03d", (int)(number * 104729 % 84));
    query = db_query(db, &insert_owed);
    query_bind_int(query, "id", number + 1);
    query_bind_blob(query, "visit_id", id);
    query_bind_text(query, "debtor", view_of(debtor));
    query_bind_text(query, "creditor", view_of(creditor));
    query_bind_int(query, "resource", resource);
    query_bind_int(query, "day", day);
    query_bind_int(query, "in_utc_ms", in_utc_ms);
    query_bind_int(query, "out_utc_ms", out_utc_ms);
    query_bind_int(query, "cents", 900 + number % 700);
    query_run(query);
}

/* A check-in and a check-out are two entries, so keys go in steps of two. The month is written in
 * the order of the days, as it happened. */
static void month_make(void)
{
    enum { SITES_MAX = 4096 };
    size_t count;
    const struct recorded_stay *stays =
        recorded_stays(&network, REFERENCE_DIR "/visits-2026-10.csv", &count);
    int64_t copies = (stays_wanted + (int64_t)count - 1) / (int64_t)count;
    int64_t *seqs = xcalloc(SITES_MAX, sizeof *seqs);
    int64_t number = 0;
    recorded_begin(&network);
    db_exec(network.service.db,
            "CREATE TABLE owed (owed_id @rowid, visit_id blob NOT NULL, debtor text NOT NULL, "
            "creditor text NOT NULL, resource bigint NOT NULL, day bigint NOT NULL, in_utc_ms "
            "bigint NOT NULL, out_utc_ms bigint NOT NULL, cents bigint NOT NULL)");
    for (size_t i = 0; i < count; i++) {
        int64_t feed_no = journal_feed_no(network.service.db, stays[i].site_id);
        ck_assert(feed_no > 0 && feed_no < SITES_MAX);
        for (int64_t copy = 0; copy < copies && number < stays_wanted; copy++) {
            seqs[feed_no] += 2;
            visit_insert(&stays[i], feed_no << FEED_SEQ_BITS | seqs[feed_no], number++);
        }
    }
    recorded_commit(&network);
    free(seqs);
}

static int64_t now_ns(void)
{
    return env_monotonic_ns(&env_system);
}

static int64_t close_ns(void)
{
    struct arena arena = ARENA_INIT;
    struct settlement settlement;
    struct fault fault = FAULT_NONE;
    struct month month;
    ck_assert_int_eq(month_parse(VIEW_LIT("2026-10"), &month), E_OK);
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    int64_t begin = now_ns();
    ck_assert_msg(settlement_compute(network.service.db, 1, month, &arena, &settlement, &fault) ==
                      E_OK,
                  "%s", fault.text);
    int64_t spent = now_ns() - begin;
    ck_assert_int_eq(settlement.document->stays, stays_wanted);
    db_end(network.service.db, NULL);
    arena_release(&arena);
    return spent;
}

static int64_t sum_ns(void)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(network.service.db, &fault), E_OK);
    int64_t begin = now_ns();
    int64_t sum = 0;
    struct query *query = db_query(network.service.db, &sum_owed);
    while (query_next(query)) {
        sum += query_int(query, 2);
    }
    int64_t spent = now_ns() - begin;
    ck_assert_int_gt(sum, 0);
    db_end(network.service.db, NULL);
    return spent;
}

static int numbers_compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

START_TEST(measure)
{
    int64_t closes[64];
    int64_t sums[64];
    network_init(&network, true, 1);
    recorded_network(&network, REFERENCE_DIR);
    month_make();
    for (int i = 0; i < rounds; i++) {
        sums[i] = sum_ns();
        closes[i] = close_ns();
    }
    qsort(sums, (size_t)rounds, sizeof *sums, numbers_compare);
    qsort(closes, (size_t)rounds, sizeof *closes, numbers_compare);
    int64_t sum = sums[rounds / 2];
    int64_t close = closes[rounds / 2];
    printf("%" PRId64 " stays: close %" PRId64 " ms, sum %" PRId64 " ms, ratio %" PRId64
           ".%02" PRId64 "\n",
           stays_wanted, close / 1000000, sum / 1000000, close / sum, close * 100 / sum % 100);
    network_release(&network);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc > 1) {
        stays_wanted = strtoll(argv[1], NULL, 10);
    }
    if (argc > 2) {
        rounds = (int)strtol(argv[2], NULL, 10);
    }
    if (stays_wanted < 1 || rounds < 1 || rounds > 64) {
        fputs("usage: close [STAYS] [ROUNDS, at most 64]\n", stderr);
        return 2;
    }
    Suite *suite = suite_create("close");
    TCase *tcase = tcase_create("close");
    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, measure);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
