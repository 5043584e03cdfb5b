#include <assert.h>

#include "core/fec/check.h"
#include "core/fec/opening.h"
#include "fuzz.h"

static void openings_round(struct view csv, struct arena *arena)
{
    struct fault fault = FAULT_NONE;
    struct buf written = BUF_INIT;
    struct fec_opening *read, *again;
    size_t count, again_count;
    if (fec_openings_read(csv, arena, &read, &count, &fault) == E_OK) {
        fec_openings_write(read, count, &written);
        int err = fec_openings_read(buf_content(&written), arena, &again, &again_count, &fault);
        assert(err == E_OK && again_count == count);
        for (size_t i = 0; i < count; i++) {
            assert(view_equal(read[i].account, again[i].account) &&
                   view_equal(read[i].label, again[i].label) &&
                   read[i].amount.cents == again[i].amount.cents);
        }
    } else {
        assert(fault.text[0] != '\0');
    }
    buf_release(&written);
}

static void count(void *context, const struct fec_finding *finding)
{
    size_t *findings = context;
    (*findings)++;
    assert(finding->text[0] != '\0' && (int)finding->rule < FEC_RULE_COUNT);
    for (const char *c = finding->text; *c != '\0'; c++) {
        assert(*c >= ' ' && *c <= '~');
    }
}

/* The first line of an input is the name of the file, the rest its content; and the rest as a chart
 * of accounts, and as opening balances, which are the same when they are written and read again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct view input = view_bytes(data, size);
    size_t end = view_find(input, '\n');
    struct view rest = view_slice(input, end + 1, size);
    struct arena arena = ARENA_INIT;
    struct fec_chart chart;
    struct fec_report report;
    struct fault fault = FAULT_NONE;
    size_t findings = 0;
    fec_check(rest, view_slice(input, 0, end), count, &findings, &report);
    assert(findings == report.findings);
    assert(findings > 0 || report.debits.cents == report.credits.cents);
    if (fec_chart_read(rest, &arena, &chart, &fault) == E_OK) {
        for (int key = 0; key < FEC_KEY_COUNT; key++) {
            assert(chart.accounts[key].number.len >= 3 && chart.accounts[key].label.len > 0);
        }
    } else {
        assert(fault.text[0] != '\0');
    }
    openings_round(rest, &arena);
    arena_release(&arena);
    return 0;
}
