/* Plays consecutive closes on a network in memory of the test and prints their documents, for
 * sequence.py: closes DIR. DIR is as `rules.py sequence` has it. Every other void, and every other
 * replacement that only moves times, comes as an operator's ruling on a dispute instead. */
#include <check.h>
#include <dirent.h>
#include <stdlib.h>

#include "core/day/day.h"
#include "lib/recorded.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "wire/json.h"

static struct network network;
static struct principal olive;

static struct recorded_stay told[1 << 16];
static size_t told_count;

static const struct recorded_stay *told_find(struct view visit_id)
{
    for (size_t i = told_count; i-- > 0;) {
        if (view_equal(told[i].visit_id, visit_id)) {
            return &told[i];
        }
    }
    die("the visit %.*s was not told", VIEW_FMT(visit_id));
}

static int64_t instant(struct view text)
{
    int64_t utc_ms = 0;
    if (text.len > 0 && instant_parse(text, &utc_ms) != E_OK) {
        die("no instant: %.*s", VIEW_FMT(text));
    }
    return utc_ms;
}

/* By the operator: dispute and ruling. */
static void rule(const struct recorded_stay *stay, Passerelle__V1__DisputeOutcome outcome,
                 int64_t in_utc_ms, int64_t out_utc_ms)
{
    Passerelle__V1__OpenDisputeRequest *open =
        network_new(&network, &passerelle__v1__open_dispute_request__descriptor);
    open->request_id = network_request_id(&network);
    open->feed_id = arena_string(&network.arena, stay->site_id);
    open->visit_id = arena_string(&network.arena, stay->visit_id);
    open->reason = arena_string(&network.arena, VIEW_LIT("so it was"));
    const Passerelle__V1__OpenDisputeResponse *opened =
        network_must(&network, olive, "SettlementService", "OpenDispute", &open->base);
    Passerelle__V1__ResolveDisputeRequest *resolve =
        network_new(&network, &passerelle__v1__resolve_dispute_request__descriptor);
    resolve->request_id = network_request_id(&network);
    resolve->dispute_id = opened->dispute_id;
    resolve->outcome = outcome;
    resolve->in_utc_ms = in_utc_ms;
    resolve->out_utc_ms = out_utc_ms;
    network_must(&network, olive, "SettlementService", "ResolveDispute", &resolve->base);
}

static struct view replaced_id(const struct recorded_stay *row)
{
    struct view id = row->status;
    struct view key;
    return view_starts(id, "replaces=") && view_cut(&id, '=', &key) ? id : VIEW_NONE;
}

static void replace(const struct recorded_stay *row, bool by_ruling)
{
    const struct recorded_stay *old = told_find(replaced_id(row));
    by_ruling = by_ruling && row->check_out.len > 0 && view_equal(old->resource, row->resource) &&
                view_equal(view_slice(old->check_in, 0, 7), view_slice(row->check_in, 0, 7)) &&
                !view_equal(old->check_in, row->check_in);
    if (by_ruling) {
        rule(old, PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_CORRECTED,
             instant(row->check_in), instant(row->check_out));
        struct recorded_stay now = *old; /* the visit keeps its id: later rows know it by the new */
        now.check_in = row->check_in;
        now.check_out = row->check_out;
        told[told_count++] = now;
        return;
    }
    recorded_begin(&network);
    recorded_append(&network, row, old->visit_id);
    recorded_commit(&network);
    told[told_count++] = *row;
}

/* To the end of the month, unless it is later already. */
static void clock_move(const char *text)
{
    struct month month;
    if (month_parse(view_of(text), &month) != E_OK) {
        die("no month: %s", text);
    }
    int64_t end_utc_ms = day_start_utc_ms(month_first((struct month){month.number + 1}));
    if (network.clock.now_utc_ms < end_utc_ms) {
        network.clock.now_utc_ms = end_utc_ms;
    }
}

/* Stays first, then replacements, then voids, as rules.py reads them. */
static void month_play(const char *path)
{
    size_t count;
    struct recorded_stay *rows = recorded_stays(&network, path, &count);
    recorded_begin(&network);
    for (size_t i = 0; i < count; i++) {
        if (view_is(rows[i].status, "stay")) {
            recorded_append(&network, &rows[i], VIEW_NONE);
            told[told_count++] = rows[i];
        }
    }
    recorded_commit(&network);
    for (size_t i = 0; i < count; i++) {
        if (replaced_id(&rows[i]).len > 0) {
            replace(&rows[i], i % 2 == 0);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (view_is(rows[i].status, "void")) {
            const struct recorded_stay *stay = told_find(rows[i].visit_id);
            if (i % 2 == 0) {
                rule(stay, PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED, 0, 0);
            } else {
                recorded_begin(&network);
                recorded_void(&network, stay->site_id, stay->visit_id);
                recorded_commit(&network);
            }
        }
    }
}

static void month_close(const char *text, bool first)
{
    Passerelle__V1__ClosePeriodRequest *close =
        network_new(&network, &passerelle__v1__close_period_request__descriptor);
    close->request_id = network_request_id(&network);
    close->month = arena_string(&network.arena, view_of(text));
    network_must(&network, olive, "SettlementService", "ClosePeriod", &close->base);
    Passerelle__V1__GetPeriodRequest *get =
        network_new(&network, &passerelle__v1__get_period_request__descriptor);
    get->month = close->month;
    const Passerelle__V1__GetPeriodResponse *got =
        network_must(&network, olive, "SettlementService", "GetPeriod", &get->base);
    struct buf json = BUF_INIT;
    if (json_write(&json, &got->document->base, JSON_PRETTY) != E_OK) {
        die("the document of %s cannot be printed", text);
    }
    printf("%s%.*s", first ? "" : ",\n", VIEW_FMT(buf_content(&json)));
    buf_release(&json);
    network_check(&network);
}

static int names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *folder;

/* A test of its own, since the helpers report what goes wrong to the test that runs. */
START_TEST(play)
{
    char *names[64];
    size_t count = 0;
    DIR *dir = opendir(folder);
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *file; (file = readdir(dir)) != NULL && count < ARRAY_LEN(names);) {
        if (view_starts(view_of(file->d_name), "close-")) {
            names[count++] = xstrdup(file->d_name);
        }
    }
    closedir(dir);
    qsort(names, count, sizeof names[0], names_compare);
    network_init(&network, true, 1);
    olive = network_who(ROLE_OPERATOR, "olive");
    recorded_network(&network, folder);
    printf("[");
    for (size_t i = 0; i < count; i++) {
        char month[8];
        snprintf(month, sizeof month, "%.7s", names[i] + strlen("close-"));
        clock_move(month);
        month_play(arena_printf(&network.arena, "%s/%s", folder, names[i]));
        month_close(month, i == 0);
        free(names[i]);
    }
    printf("]\n");
    network_release(&network);
}
END_TEST

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: closes DIR\n", stderr);
        return 2;
    }
    folder = argv[1];
    Suite *suite = suite_create("closes");
    TCase *tcase = tcase_create("closes");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, play);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    TestResult **results = srunner_failures(runner);
    for (int i = 0; i < failed; i++) {
        fprintf(stderr, "%s:%d: %s\n", tr_lfile(results[i]), tr_lno(results[i]),
                tr_msg(results[i]));
    }
    free(results);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
