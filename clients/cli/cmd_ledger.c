/* Everything that the feeds say, checked from their bytes, and every close computed again: over the
 * wire, or from a folder that was exported. `ledger verify` names the first thing that is wrong,
 * `audit` all of them, with who gains. */
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/feeds.h"
#include "cli/table.h"
#include "core/day/day.h"
#include "core/money/cents.h"
#include "wire/json.h"

/* What came of an audit. */
struct examination {
    struct audit_totals totals;
    struct audit_wrong wrong; /* of a feed: what follows was not looked at */
    bool feeds_verify;
    struct audit_close *closes;
    size_t close_count;
    struct audit_difference *differences;
    size_t difference_count, difference_alloc;
};

static void keep(void *context, const struct audit_difference *difference)
{
    struct examination *e = context;
    if (e->difference_count == e->difference_alloc) {
        e->difference_alloc = e->difference_alloc == 0 ? 16 : e->difference_alloc * 2;
        e->differences =
            xrealloc(e->differences, e->difference_alloc, sizeof(struct audit_difference));
    }
    e->differences[e->difference_count++] = *difference;
}

static void feed_is_wrong(struct examination *e)
{
    struct audit_difference difference = {.operation = "entry"};
    if (e->wrong.seq != 0) {
        snprintf(difference.position, sizeof difference.position, "feed %s, entry %llu",
                 e->wrong.feed_id, (unsigned long long)e->wrong.seq);
    } else {
        snprintf(difference.position, sizeof difference.position, "feed %s", e->wrong.feed_id);
    }
    snprintf(difference.party, sizeof difference.party, "%s", e->wrong.feed_id);
    snprintf(difference.what, sizeof difference.what, "%s", e->wrong.what);
    keep(e, &difference);
}

static void closes_examine(struct cli *cli, struct audit *audit, struct examination *e)
{
    size_t count = audit_closes(audit);
    e->closes = ARENA_ARRAY(&cli->arena, count, struct audit_close);
    for (size_t i = 0; i < count; i++) {
        char month[8];
        audit_close_month(audit, i, month);
        cli_progress(cli, arena_printf(&cli->arena, "computing %s", month), i, count);
        e->closes[e->close_count++] = audit_close_check(audit, i, keep, e);
    }
    cli_progress_end(cli);
}

/* CLI_OK: examined, whatever was found. */
static int examine(struct cli *cli, struct feeds *feeds, bool proofs, struct examination *e)
{
    struct audit_options options = {.proofs = proofs};
    struct fault fault = FAULT_NONE;
    int status = CLI_OK;
    env_random(&env_system, &options.seed, sizeof options.seed);
    struct audit *audit = audit_new(&options);
    e->feeds_verify = true;
    for (size_t i = 0; i < feeds->count && e->feeds_verify; i++) {
        struct audit_source source = {
            .feed_id = view_of(feeds->all[i].feed_id),
            .checkpoint = feeds->all[i].checkpoint,
            .next = feed_next_entry,
            .context = &feeds->all[i],
        };
        feeds->all[i].at = 0;
        cli_progress(cli, "verifying", i, feeds->count);
        e->feeds_verify = audit_feed(audit, &source, &e->wrong) == E_OK;
    }
    cli_progress_end(cli);
    e->totals = audit_totals(audit);
    for (size_t i = 0; i < feeds->document_count && e->feeds_verify && status == CLI_OK; i++) {
        if (audit_document(audit, feeds->documents[i], &fault) != E_OK) {
            status = cli_fail(CLI_REFUSED, "%s", fault.text);
        }
    }
    if (!e->feeds_verify) {
        feed_is_wrong(e);
    } else if (status == CLI_OK) {
        audit_missing(audit, keep, e);
        closes_examine(cli, audit, e);
    }
    audit_free(audit);
    return status;
}

static int feeds_get(struct cli *cli, int argc, char **argv, struct feeds *out)
{
    return argc == 1 ? feeds_read(cli, argv[0], out) : feeds_download(cli, out);
}

/* Complete or absent: written beside, then renamed. */
int cmd_ledger_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *feed_id = NULL;
    cli_option(&argc, argv, "--feed", &feed_id);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which folder?");
    }
    if (access(argv[0], F_OK) == 0) {
        return cli_fail(CLI_FAILED, "%s exists already: name a new folder", argv[0]);
    }
    struct feeds feeds;
    status =
        feed_id == NULL ? feeds_download(cli, &feeds) : feeds_download_one(cli, feed_id, &feeds);
    if (status == CLI_OK) {
        status = feeds_write(cli, argv[0], &feeds);
    }
    if (status == CLI_OK && feed_id != NULL && !cli->json) {
        printf("%llu entries of %s are in %s\n", (unsigned long long)feeds.all[0].count, feed_id,
               argv[0]);
        if (feeds.all[0].first > 0) {
            printf("This daemon began with a snapshot: they are those behind entry %llu, for a "
                   "backup that holds all before.\n",
                   (unsigned long long)feeds.all[0].first);
        }
    } else if (status == CLI_OK && cli->json) {
        printf("{\"feeds\":%zu,\"documents\":%zu}\n", feeds.count, feeds.document_count);
    } else if (status == CLI_OK) {
        printf("%zu feeds are in %s, with the settlement documents of %zu closed month%s\n",
               feeds.count, argv[0], feeds.document_count, feeds.document_count == 1 ? "" : "s");
    }
    feeds_release(&feeds);
    return status;
}

static int first_is_wrong(const struct audit_difference *first)
{
    return first->month[0] == '\0' ? cli_fail(CLI_REFUSED, "%s: %s", first->position, first->what)
                                   : cli_fail(CLI_REFUSED, "close of %s: %s: %s", first->month,
                                              first->position, first->what);
}

static void all_is_right(const struct cli *cli, const struct examination *e, bool proofs)
{
    const struct audit_totals *totals = &e->totals;
    if (cli->json) {
        printf("{\"feeds\":%llu,\"entries\":%llu,\"visits\":%llu,\"proofs\":%llu,"
               "\"closes\":%zu}\n",
               (unsigned long long)totals->feeds, (unsigned long long)totals->entries,
               (unsigned long long)totals->visits, (unsigned long long)totals->proofs,
               e->close_count);
        return;
    }
    printf("%llu feeds verify: %llu entries, %llu visits", (unsigned long long)totals->feeds,
           (unsigned long long)totals->entries, (unsigned long long)totals->visits);
    if (proofs) {
        printf(", %llu phones' signatures", (unsigned long long)totals->proofs);
    }
    puts("; every number, root and signature is right");
    for (size_t i = 0; i < e->close_count; i++) {
        printf("%s computed again from the feeds: equal\n", e->closes[i].month);
    }
}

int cmd_ledger_verify(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool proofs = cli_option(&argc, argv, "--proofs", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc > 1) {
        return status != CLI_OK ? status : cli_usage(command, "one folder, or none for the hub");
    }
    struct feeds feeds;
    struct examination e = {0};
    status = feeds_get(cli, argc, argv, &feeds);
    if (status == CLI_OK) {
        status = examine(cli, &feeds, proofs, &e);
    }
    if (status == CLI_OK && e.difference_count > 0) {
        status = first_is_wrong(&e.differences[0]);
    } else if (status == CLI_OK) {
        all_is_right(cli, &e, proofs);
    }
    free(e.differences);
    feeds_release(&feeds);
    return status;
}

/* ---- audit ---- */

static bool is_wanted(const char *month, const char *wanted)
{
    return wanted == NULL || month[0] == '\0' || strcmp(month, wanted) == 0;
}

static void text_add(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    json_write_string(out, view_of(text));
}

static void difference_json(struct buf *out, const struct audit_difference *d)
{
    buf_text(out, "{");
    text_add(out, "operation", d->operation);
    buf_text(out, ",");
    text_add(out, "month", d->month);
    buf_text(out, ",");
    text_add(out, "position", d->position);
    buf_text(out, ",");
    text_add(out, "party", d->party);
    if (d->counted) {
        buf_printf(out, ",\"unit\":\"%s\",\"hub_amount\":%lld,\"auditor_amount\":%lld",
                   d->cents ? "cents" : "count", (long long)d->hub, (long long)d->auditor);
    }
    buf_text(out, ",");
    text_add(out, "profitable", d->profitable);
    buf_text(out, ",");
    text_add(out, "what", d->what);
    buf_text(out, "}");
}

static void close_json(struct buf *out, const struct audit_close *close)
{
    char hex[2 * sizeof close->sha256 + 1];
    text_to_hex(close->books_sha256, sizeof close->books_sha256, hex);
    buf_printf(out, "{\"month\":\"%s\",\"equal\":%s,\"books_sha256\":\"%s\"", close->month,
               close->differences == 0 ? "true" : "false", hex);
    if (close->computed) {
        text_to_hex(close->sha256, sizeof close->sha256, hex);
        buf_printf(out, ",\"auditor_sha256\":\"%s\",\"stays\":%u,\"trial_balance\":%lld", hex,
                   close->stays, (long long)close->trial_balance);
    }
    buf_text(out, "}");
}

/* What the hub says too much, and too little, over all amounts that differ. */
static void deltas(const struct examination *e, const char *wanted, int64_t *plus, int64_t *minus)
{
    *plus = *minus = 0;
    for (size_t i = 0; i < e->difference_count; i++) {
        const struct audit_difference *d = &e->differences[i];
        int64_t delta;
        if (!d->cents || !is_wanted(d->month, wanted)) {
            continue;
        }
        if (__builtin_sub_overflow(d->hub, d->auditor, &delta)) {
            delta = d->hub > d->auditor ? INT64_MAX : INT64_MIN + 1;
        }
        int64_t *sum = delta > 0 ? plus : minus;
        if (__builtin_add_overflow(*sum, delta > 0 ? delta : -delta, sum)) {
            *sum = INT64_MAX;
        }
    }
}

static void audit_json(const struct examination *e, const char *wanted)
{
    struct buf out = BUF_INIT;
    int64_t plus;
    int64_t minus;
    const char *comma = "";
    deltas(e, wanted, &plus, &minus);
    buf_printf(&out,
               "{\"feeds\":%llu,\"entries\":%llu,\"visits\":%llu,\"proofs\":%llu,\"closes\":[",
               (unsigned long long)e->totals.feeds, (unsigned long long)e->totals.entries,
               (unsigned long long)e->totals.visits, (unsigned long long)e->totals.proofs);
    for (size_t i = 0; i < e->close_count; i++) {
        if (is_wanted(e->closes[i].month, wanted)) {
            buf_text(&out, comma);
            close_json(&out, &e->closes[i]);
            comma = ",";
        }
    }
    buf_text(&out, "],\"inconsistencies\":[");
    comma = "";
    for (size_t i = 0; i < e->difference_count; i++) {
        if (is_wanted(e->differences[i].month, wanted)) {
            buf_text(&out, comma);
            difference_json(&out, &e->differences[i]);
            comma = ",";
        }
    }
    buf_printf(&out, "],\"delta_plus\":%lld,\"delta_minus\":%lld}\n", (long long)plus,
               (long long)minus);
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
}

static void amount_add(struct table *table, const struct audit_difference *d, int64_t amount)
{
    if (!d->counted) {
        table_add(table, "");
    } else if (d->cents) {
        table_add_cents(table, amount);
    } else {
        table_add_number(table, amount);
    }
}

static void audit_print(const struct examination *e, const char *wanted)
{
    struct table table;
    table_init(&table, 6);
    static const char *const head[] = {"month", "where", "hub", "auditor", "gains", "what"};
    for (size_t i = 0; i < ARRAY_LEN(head); i++) {
        table_add(&table, head[i]);
    }
    for (size_t i = 0; i < e->close_count; i++) {
        const struct audit_close *close = &e->closes[i];
        if (is_wanted(close->month, wanted)) {
            printf("%s: %s (%u stays)\n", close->month,
                   close->differences == 0 ? "equal, to the byte"
                   : close->computed       ? "differs"
                                           : "cannot be computed",
                   close->stays);
        }
    }
    size_t shown = 0;
    for (size_t i = 0; i < e->difference_count; i++) {
        const struct audit_difference *d = &e->differences[i];
        if (is_wanted(d->month, wanted)) {
            table_add(&table, d->month);
            table_add(&table, d->position);
            amount_add(&table, d, d->hub);
            amount_add(&table, d, d->auditor);
            table_add(&table, d->profitable);
            table_add(&table, d->what);
            shown++;
        }
    }
    if (shown > 0) {
        int64_t plus;
        int64_t minus;
        char texts[2][32];
        deltas(e, wanted, &plus, &minus);
        cents_format(CENTS(plus), texts[0]);
        cents_format(CENTS(minus), texts[1]);
        table_print(&table, stdout);
        printf("The hub says %s EUR too much and %s EUR too little, over all amounts above.\n",
               texts[0], texts[1]);
    } else {
        printf("%llu feeds, %llu entries: nothing is wrong.\n", (unsigned long long)e->totals.feeds,
               (unsigned long long)e->totals.entries);
    }
    table_release(&table);
}

int cmd_audit(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *month = NULL;
    struct month parsed;
    cli_option(&argc, argv, "--month", &month);
    bool proofs = cli_option(&argc, argv, "--proofs", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc > 1) {
        return status != CLI_OK ? status : cli_usage(command, "one folder, or none for the hub");
    }
    if (month != NULL && month_parse(view_of(month), &parsed) != E_OK) {
        return cli_usage(command, "--month: a month is written 2026-10");
    }
    struct feeds feeds;
    struct examination e = {0};
    status = feeds_get(cli, argc, argv, &feeds);
    if (status == CLI_OK) {
        status = examine(cli, &feeds, proofs, &e);
    }
    bool found = month == NULL || !e.feeds_verify;
    for (size_t i = 0; i < e.close_count; i++) {
        found = found || strcmp(e.closes[i].month, month) == 0;
    }
    if (status == CLI_OK && !found) {
        status = cli_fail(CLI_FAILED, "%s is not closed: there is nothing to compare", month);
    } else if (status == CLI_OK) {
        if (cli->json) {
            audit_json(&e, month);
        } else {
            audit_print(&e, month);
        }
        for (size_t i = 0; i < e.difference_count; i++) {
            status = is_wanted(e.differences[i].month, month) ? CLI_REFUSED : status;
        }
    }
    free(e.differences);
    feeds_release(&feeds);
    return status;
}
