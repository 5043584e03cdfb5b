#include "core/close/close.h"

#include <check.h>

#include "core/close/behind.h"
#include "core/close/document.h"
#include "core/close/reader.h"
#include "core/close/result_json.h"
#include "tests/lib/reference.h"
#include "tests/lib/small.h"
#include "wire/pack.h"

#define T(day, time) "2026-10-" day "T" time ":00.000Z"

/* The whole reference month, byte for byte; `transfers` is what the expected file leaves out. */
START_TEST(reference_month)
{
    struct reference reference;
    reference_load(&reference, REFERENCE_DIR);
    struct close_result result;
    struct close_input input = {.month = small_month("2026-10"),
                                .stays = reference.stays,
                                .stay_count = reference.stay_count,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct fault fault = FAULT_NONE;
    ck_assert_msg(close_run(&result, &reference.roster, &input, &fault) == 0, "%s", fault.text);
    struct buf json = BUF_INIT;
    close_result_json(&result, &reference.roster, &json);
    size_t len;
    char *expected = reference_file(REFERENCE_DIR, "expected.json", &len);
    const char *transfers = strstr(json.data, ",\n \"transfers\": [");
    ck_assert_ptr_nonnull(transfers);
    size_t head = (size_t)(transfers - json.data);
    ck_assert_uint_ge(len, head);
    ck_assert_int_eq(memcmp(expected, json.data, head), 0);
    ck_assert_str_eq(expected + head, "\n}\n");
    free(expected);
    buf_release(&json);
    close_result_release(&result);
    reference_release(&reference);
}
END_TEST

static bool is_of_m006(void *context, const struct document_head *head)
{
    (*(size_t *)context)++;
    return view_is(head->seller_member_id, "m006") || view_is(head->buyer_id, "m006");
}

/* Read one by one, the documents of the reference month are those of the whole message; some of
 * them are the message without the others. */
START_TEST(documents_one_by_one)
{
    struct reference reference;
    reference_load(&reference, REFERENCE_DIR);
    struct close_result result;
    struct close_input input = {.month = small_month("2026-10"),
                                .stays = reference.stays,
                                .stay_count = reference.stay_count,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct fault fault = FAULT_NONE;
    struct arena arena = ARENA_INIT;
    ck_assert_msg(close_run(&result, &reference.roster, &input, &fault) == 0, "%s", fault.text);
    Passerelle__V1__SettlementDocument *whole =
        document_of_result(&result, &reference.roster, &arena);
    struct view packed = wire_pack_arena(&arena, &whole->base);
    struct document_reader reader = document_reader_of(packed);
    struct document_head head;
    Passerelle__V1__Document **own =
        ARENA_ARRAY(&arena, whole->n_documents, Passerelle__V1__Document *);
    size_t count = 0;
    for (size_t i = 0; i < whole->n_documents; i++) {
        const Passerelle__V1__Document *one = whole->documents[i];
        ck_assert(document_reader_next(&reader, &head));
        ck_assert_uint_eq(head.place, i);
        ck_assert_int_eq(head.kind, one->kind);
        ck_assert(view_is(head.seller_member_id, one->seller_member_id));
        ck_assert(view_is(head.buyer_id, one->buyer_id));
        ck_assert_int_eq(head.credit_note, one->credit_note);
        ck_assert(wire_equal(&document_of_head(&head, &arena)->base, &one->base));
        if (strcmp(one->seller_member_id, "m006") == 0 || strcmp(one->buyer_id, "m006") == 0) {
            own[count++] = whole->documents[i];
        }
    }
    ck_assert(!document_reader_next(&reader, &head));
    size_t asked = 0;
    const Passerelle__V1__SettlementDocument *some =
        document_some(packed, is_of_m006, &asked, &arena);
    ck_assert_uint_eq(asked, whole->n_documents);
    ck_assert_uint_gt(count, 0);
    whole->documents = own;
    whole->n_documents = count;
    ck_assert(wire_equal(&some->base, &whole->base));
    ck_assert_ptr_null(
        document_some(view_slice(packed, 0, packed.len - 1), is_of_m006, &asked, &arena));
    arena_release(&arena);
    close_result_release(&result);
    reference_release(&reference);
}
END_TEST

/* What stands behind the lines of the reference month: their items add up to each line's quantity,
 * the stays of each are in order of visit ids, and every stay that was billed stands behind a line.
 */
START_TEST(behind_lines)
{
    struct reference reference;
    reference_load(&reference, REFERENCE_DIR);
    struct close_result result;
    struct close_input input = {.month = small_month("2026-10"),
                                .stays = reference.stays,
                                .stay_count = reference.stay_count,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct fault fault = FAULT_NONE;
    struct behind behind;
    ck_assert_int_eq(close_run(&result, &reference.roster, &input, &fault), 0);
    ck_assert_int_eq(behind_run(&behind, &reference.roster, &result.rating, reference.stays,
                                result.lines, result.line_count),
                     0);
    bool *item_counted = xcalloc(result.rating.item_count + 1u, sizeof(bool));
    bool *stay_stands = xcalloc(reference.stay_count + 1u, sizeof(bool));
    for (uint32_t i = 0; i < result.line_count; i++) {
        const struct line *line = &result.lines[i];
        int64_t quantity = 0;
        memset(item_counted, 0, result.rating.item_count);
        for (uint32_t k = behind.first[i]; k < behind.first[i + 1]; k++) {
            const struct stay *stay = &reference.stays[behind.stays[k]];
            uint32_t item = result.rating.outcomes[behind.stays[k]].item;
            stay_stands[behind.stays[k]] = true;
            ck_assert(k == behind.first[i] || memcmp(reference.stays[behind.stays[k - 1]].visit_id,
                                                     stay->visit_id, 16) < 0);
            if (!item_counted[item]) {
                item_counted[item] = true;
                quantity += result.rating.items[item].quantity;
            }
        }
        bool of_items = line->kind != LINE_CARNET && line->kind != LINE_SUBSCRIPTION;
        ck_assert_int_eq(quantity, of_items ? line->quantity : 0);
    }
    for (size_t i = 0; i < reference.stay_count; i++) {
        const struct item *item = &result.rating.items[result.rating.outcomes[i].item];
        ck_assert(item->quantity > 0 || !stay_stands[i]);
        uint32_t plan = reference.roster.holders[item->holder].plan;
        uint32_t issuer = reference.roster.employers[reference.roster.plans[plan].employer].issuer;
        if (item->quantity > 0 && issuer != reference.roster.operator_member) {
            ck_assert(stay_stands[i]); /* the fee, at least */
        }
    }
    free(item_counted);
    free(stay_stands);
    behind_release(&behind);
    close_result_release(&result);
    reference_release(&reference);
}
END_TEST

/* Every document with its lines, one line of text each, and the positions. */
static void describe(const struct close_result *result, const struct roster *roster,
                     struct buf *out)
{
    static const char *const documents[] = {"employer", "host", "fee", "subsidy"};
    static const char *const kinds[] = {"carnet", "subscription", "charge",
                                        "host",   "fee",          "subsidy"};
    static const char *const slots[] = {"half_day", "day", "meeting_room", "booth"};
    for (uint32_t i = 0; i < result->document_count; i++) {
        const struct document *document = &result->documents[i];
        bool employer = document->kind == DOCUMENT_EMPLOYER;
        const struct names *parties = employer ? &roster->employer_ids : &roster->member_ids;
        buf_printf(out, "%s%s %.*s/%.*s %d+%d=%d\n", document->credit ? "credit " : "",
                   documents[document->kind], VIEW_FMT(parties->ids[document->party]),
                   VIEW_FMT(roster->member_ids.ids[document->other]), (int)document->net.cents,
                   (int)document->vat.cents, (int)document->gross.cents);
        for (uint32_t k = 0; k < document->line_count; k++) {
            const struct line *line = &result->lines[document->line_first + k];
            char month[8];
            month_format(line->month, month);
            buf_printf(out, "  %s %s", month + 5, kinds[line->kind]);
            if (line->subject != LINE_NO_SUBJECT) {
                const struct names *names =
                    line->kind == LINE_HOST ? &roster->site_ids : &roster->plan_ids;
                buf_printf(out, " %.*s", VIEW_FMT(names->ids[line->subject]));
            }
            if (line->slot != LINE_NO_SLOT) {
                buf_printf(out, " %s", slots[line->slot]);
            }
            buf_printf(out, " %dx%d\n", (int)line->quantity, (int)line->price.cents);
        }
    }
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        buf_printf(out, "%.*s %d", VIEW_FMT(roster->member_ids.ids[i]),
                   (int)result->positions[i].cents);
        if (result->carried[i].cents != 0) {
            buf_printf(out, " carried %d", (int)result->carried[i].cents);
        }
        buf_byte(out, '\n');
    }
}

static void closes_to(const struct close_result *result, const struct roster *roster,
                      const char *wanted)
{
    struct buf text = BUF_INIT;
    describe(result, roster, &text);
    ck_assert_str_eq(text.data, wanted);
    buf_release(&text);
}

static void close_month(struct close_result *result, const struct small *small,
                        const struct close_input *input)
{
    struct fault fault = FAULT_NONE;
    int error = close_run(result, &small->roster, input, &fault);
    ck_assert_msg(error == 0, "%s", fault.text);
}

/* RULES 14-17 in one small month: carnets and fees, charges over all plans, a day half covered,
 * both VAT regimes, own sites, the operator as issuer, subsidies, rooms, a tariff change. */
START_TEST(documents)
{
    struct small small;
    small_init(&small);
    small_carnet(&small, "k1", "e1-car", 1, "2026-10-01", 6);
    small_carnet(&small, "k2", "e1-car", 1, "2026-09-30", 6); /* sold in another month */
    small_holder(&small, "c", "e1-car", NULL, NULL);
    small_holder(&small, "u", "e1-use", NULL, NULL);
    small_holder(&small, "s1", "e2-sub", "2026-10-31", NULL);
    small_holder(&small, "s2", "e2-sub", NULL, "2026-10-01");
    small_holder(&small, "s3", "e2-sub", NULL, "2026-09-30");         /* touches another month */
    small_holder(&small, "s4", "e2-sub", "2026-10-20", "2026-10-10"); /* valid on no day */
    small_holder(&small, "o", "e3-use", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-hst", "c", 0, T("05", "08:00"), T("05", "16:00")); /* covered: 2 units */
    small_stay(&small, "s-hst", "c", 0, T("06", "08:00"), T("06", "16:00")); /* charged: a day */
    small_stay(&small, "s-iss", "u", 0, T("05", "08:00"), T("05", "09:00")); /* own site */
    small_stay(&small, "s-rur", "u", 0, T("06", "08:00"), T("06", "09:00"));
    small_stay(&small, "s-rur", "u", 0, T("16", "08:00"), T("16", "09:00")); /* dearer */
    small_stay(&small, "s-hst", "u", 1, T("05", "08:00"), T("05", "10:30")); /* 3 hours */
    small_stay(&small, "s-hst", "u", 2, T("05", "08:00"), T("05", "08:01")); /* grace */
    small_stay(&small, "s-op", "s2", 0, T("01", "08:00"), T("01", "09:00"));
    small_stay(&small, "s-iss", "s2", 2, T("02", "08:00"), T("02", "09:00"));
    small_stay(&small, "s-hst", "o", 0, T("05", "08:00"), T("05", "09:00"));
    small_stay(&small, "s-op", "o", 0, T("06", "08:00"),
               T("06", "09:00")); /* nothing between members */
    struct close_input input = {.month = small_month("2026-10"),
                                .stays = small.stays,
                                .stay_count = small.count,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct close_result result;
    close_month(&result, &small, &input);
    closes_to(&result, &small.roster,
              "employer e1/iss 9800+1960=11760\n"
              "  10 carnet e1-car 1x800\n"
              "  10 charge half_day 1x800\n"
              "  10 charge half_day 1x900\n"
              "  10 charge half_day 1x1000\n"
              "  10 charge day 1x1800\n"
              "  10 charge meeting_room 3x1500\n"
              "employer e2/pub 10500+0=10500\n"
              "  10 subscription e2-sub 2x5000\n"
              "  10 charge booth 1x500\n"
              "employer e3/op 2000+400=2400\n"
              "  10 charge half_day 2x1000\n"
              "host hst/iss 8000+0=8000\n"
              "  10 host s-hst day 2x1400\n"
              "  10 host s-hst meeting_room 3x1200\n"
              "  10 host s-rur half_day 2x800\n"
              "host hst/op 800+0=800\n"
              "  10 host s-hst half_day 1x800\n"
              "host iss/pub 400+80=480\n"
              "  10 host s-iss booth 1x400\n"
              "host op/pub 800+160=960\n"
              "  10 host s-op half_day 1x800\n"
              "fee iss/op 670+134=804\n"
              "  10 fee 3x60\n"
              "  10 fee 3x90\n"
              "  10 fee 2x110\n"
              "fee pub/op 90+18=108\n"
              "  10 fee 1x30\n"
              "  10 fee 1x60\n"
              "subsidy iss/op 400+0=400\n"
              "  10 subsidy 2x200\n"
              "hst 8800\n"
              "iss -7924\n"
              "op 672\n"
              "pub -1548\n");
    close_result_release(&result);
    small_release(&small);
}
END_TEST

/* RULES 19: what one close leaves to the next. */
struct history {
    struct carnet_use *uses;
    size_t use_count;
    struct cents *carried;
    struct line lines[256];
    size_t line_count;
};

/* Closes `month` with the stays of each month that lie in `small`, correcting `corrected`. */
static void history_close(struct history *history, const struct small *small, const char *month,
                          const char *const *corrected, size_t corrected_count, const char *wanted)
{
    static struct stay stays[4][SMALL_STAYS_MAX];
    static struct line billed[4][256];
    struct close_correction corrections[3];
    size_t counts[4] = {0};
    for (size_t m = 0; m <= corrected_count; m++) {
        struct month wanted_month = small_month(m == corrected_count ? month : corrected[m]);
        for (size_t i = 0; i < small->count; i++) {
            if (month_of(day_of_instant(small->stays[i].in_utc_ms)).number == wanted_month.number) {
                stays[m][counts[m]++] = small->stays[i];
            }
        }
        size_t lines = 0;
        for (size_t i = 0; i < history->line_count; i++) {
            if (history->lines[i].month.number == wanted_month.number) {
                billed[m][lines++] = history->lines[i];
            }
        }
        if (m < corrected_count) {
            corrections[m] =
                (struct close_correction){wanted_month, stays[m], counts[m], billed[m], lines};
        }
    }
    struct close_input input = {.month = small_month(month),
                                .stays = stays[corrected_count],
                                .stay_count = counts[corrected_count],
                                .corrections = corrections,
                                .correction_count = corrected_count,
                                .carnet_uses = history->uses,
                                .carnet_use_count = history->use_count,
                                .carried_in = history->carried,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct close_result result;
    close_month(&result, small, &input);
    closes_to(&result, &small->roster, wanted);
    for (uint32_t i = 0; i < result.line_count; i++) {
        ck_assert_uint_lt(history->line_count, ARRAY_LEN(history->lines));
        history->lines[history->line_count++] = result.lines[i];
    }
    free(history->uses);
    free(history->carried);
    history->uses = result.carnet_uses;
    history->use_count = result.carnet_use_count;
    history->carried = result.carried;
    result.carnet_uses = NULL;
    result.carried = NULL;
    close_result_release(&result);
}

START_TEST(three_months)
{
    static struct small small;
    static struct history history;
    static const char *const october[] = {"2026-10"};
    static const char *const both[] = {"2026-11", "2026-10"};
    small_init(&small);
    small_carnet(&small, "k", "e1-car", 4, "2026-10-01", 12);
    small_holder(&small, "c", "e1-car", NULL, NULL);
    small_holder(&small, "u", "e2-use", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-hst", "c", 0, T("05", "08:00"), T("05", "09:00")); /* 1 unit */
    small_stay(&small, "s-iss", "u", 2, T("06", "08:00"), T("06", "09:00")); /* 400 + VAT */
    history_close(&history, &small, "2026-10", NULL, 0,
                  "employer e1/iss 3200+640=3840\n"
                  "  10 carnet e1-car 1x3200\n"
                  "employer e2/pub 500+0=500\n"
                  "  10 charge booth 1x500\n"
                  "host hst/iss 800+0=800\n"
                  "  10 host s-hst half_day 1x800\n"
                  "host iss/pub 400+80=480\n"
                  "  10 host s-iss booth 1x400\n"
                  "fee iss/op 60+12=72\n"
                  "  10 fee 1x60\n"
                  "fee pub/op 30+6=36\n"
                  "  10 fee 1x30\n"
                  "hst 800\n"
                  "iss -392 carried -392\n"
                  "op 108\n"
                  "pub -516\n");
    /* November: a late stay of October takes a unit, another becomes a day: 3 of 4 are gone */
    small_stay(&small, "s-hst", "c", 0, T("07", "08:00"), T("07", "09:00"));
    small.stays[0].out_utc_ms += 7 * (int64_t)HOUR_MS;
    small_stay(&small, "s-hst", "c", 0, "2026-11-04T08:00:00.000Z", "2026-11-04T15:00:00.000Z");
    history_close(&history, &small, "2026-11", october, 1,
                  "employer e1/iss 1100+220=1320\n"
                  "  11 charge half_day 1x1100\n"
                  "host hst/iss 2800+0=2800\n"
                  "  10 host s-hst day 1x1400\n"
                  "  11 host s-hst day 1x1400\n"
                  "fee iss/op 220+44=264\n"
                  "  10 fee 1x110\n"
                  "  11 fee 1x110\n"
                  "hst 2800\n"
                  "iss -3456\n"
                  "op 656\n"
                  "pub 0\n");
    /* December: the day of October is voided (its units come back to October only), November has a
     * late half-day */
    small.stays[0] = small.stays[--small.count];
    small_stay(&small, "s-hst", "c", 0, "2026-11-03T08:00:00.000Z", "2026-11-03T09:00:00.000Z");
    small_stay(&small, "s-hst", "c", 0, "2026-12-01T08:00:00.000Z", "2026-12-01T09:00:00.000Z");
    history_close(&history, &small, "2026-12", both, 2,
                  "employer e1/iss 1100+220=1320\n"
                  "  12 charge half_day 1x1100\n"
                  "credit employer e1/iss 1100+220=1320\n"
                  "  11 charge half_day 1x1100\n"
                  "host hst/iss 1600+0=1600\n"
                  "  11 host s-hst half_day 1x800\n"
                  "  12 host s-hst half_day 1x800\n"
                  "credit host hst/iss 1400+0=1400\n"
                  "  10 host s-hst day 1x1400\n"
                  "fee iss/op 120+24=144\n"
                  "  11 fee 1x60\n"
                  "  12 fee 1x60\n"
                  "credit fee iss/op 110+22=132\n"
                  "  10 fee 1x110\n"
                  "hst 200 carried 200\n"
                  "iss -212 carried -212\n"
                  "op 12\n"
                  "pub 0\n");
    free(history.uses);
    free(history.carried);
    small_release(&small);
}
END_TEST

/* Arrival in any order gives the same bytes; so does a second run of the reference in mode direct,
 * whose transfers are fewer than the positions. */
START_TEST(shuffled)
{
    uint64_t seed = 20261101;
    struct reference reference;
    struct buf first = BUF_INIT;
    printf("shuffled: seed %llu\n", (unsigned long long)seed);
    reference_load(&reference, REFERENCE_DIR);
    for (int round = 0; round < 8; round++) {
        for (size_t i = reference.stay_count - 1; i > 0; i--) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
            size_t other = (size_t)(seed >> 33) % (i + 1);
            struct stay swap = reference.stays[i];
            reference.stays[i] = reference.stays[other];
            reference.stays[other] = swap;
        }
        struct close_input input = {.month = small_month("2026-10"),
                                    .stays = reference.stays,
                                    .stay_count = reference.stay_count,
                                    .mode = NETTING_DIRECT,
                                    .carry_minimum = CLOSE_CARRY_MINIMUM};
        struct close_result result;
        struct fault fault = FAULT_NONE;
        struct buf json = BUF_INIT;
        ck_assert_int_eq(close_run(&result, &reference.roster, &input, &fault), 0);
        ck_assert_uint_lt(result.transfer_count, result.nonzero);
        close_result_json(&result, &reference.roster, round == 0 ? &first : &json);
        ck_assert(round == 0 || view_equal(buf_content(&first), buf_content(&json)));
        buf_release(&json);
        close_result_release(&result);
    }
    buf_release(&first);
    reference_release(&reference);
}
END_TEST

/* What the JSON says beyond the reference: transfers, credit notes, a statement without an invoice,
 * and ids that need escapes. */
START_TEST(json_of_credit)
{
    struct small small;
    struct fault fault = FAULT_NONE;
    small_init(&small);
    ck_assert_int_eq(roster_add_member(&small.roster, VIEW_LIT("a\"b"), (struct member){0}, &fault),
                     0);
    small_freeze(&small);
    struct line billed[] = {
        {.document = DOCUMENT_FEE,
         .kind = LINE_FEE,
         .slot = LINE_NO_SLOT,
         .month = small_month("2026-09"),
         .party = small_number(&small.roster.member_ids, "iss"),
         .other = small.roster.operator_member,
         .subject = LINE_NO_SUBJECT,
         .price = CENTS(500),
         .quantity = 2},
        {.document = DOCUMENT_SUBSIDY,
         .credit = true,
         .kind = LINE_SUBSIDY,
         .slot = LINE_NO_SLOT,
         .month = small_month("2026-09"),
         .party = small_number(&small.roster.member_ids, "iss"),
         .other = small.roster.operator_member,
         .subject = LINE_NO_SUBJECT,
         .price = CENTS(30),
         .quantity = 1},
        {.document = DOCUMENT_EMPLOYER,
         .kind = LINE_CHARGE,
         .slot = SLOT_DAY,
         .month = small_month("2026-09"),
         .party = 0,
         .other = small.roster.employers[0].issuer,
         .subject = LINE_NO_SUBJECT,
         .price = CENTS(5),
         .quantity = 1},
    };
    struct close_correction correction = {small_month("2026-09"), NULL, 0, billed, 3};
    struct close_input input = {.month = small_month("2026-10"),
                                .corrections = &correction,
                                .correction_count = 1,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    struct close_result result;
    struct buf json = BUF_INIT;
    /* the subscriptions of no holder and no stay: only the past is taken back */
    close_month(&result, &small, &input);
    close_result_json(&result, &small.roster, &json);
    const char *tail = strstr(json.data, " \"sites\"");
    ck_assert_ptr_nonnull(tail);
    ck_assert_str_eq(
        tail,
        " \"sites\": {},\n \"employers\": {},\n \"host_invoices\": [],\n \"fee_invoices\": [\n  {\n"
        "   \"issuer\": \"iss\",\n   \"net_cents\": 0,\n   \"vat_cents\": 0,\n"
        "   \"gross_cents\": 0,\n   \"subsidy_cents\": 30\n  }\n ],\n \"positions\": {\n"
        "  \"a\\u0022b\": 0,\n  \"hst\": 0,\n  \"iss\": 1230,\n  \"op\": -1230,\n  \"pub\": 0\n "
        "},\n"
        " \"carried\": {},\n \"nonzero\": 2,\n \"paid_cents\": 1230,\n \"transfers\": [\n  {\n"
        "   \"from\": \"op\",\n   \"to\": \"iss\",\n   \"cents\": 1230\n  }\n ],\n"
        " \"credit_notes\": [\n  {\n   \"of\": \"employer\",\n   \"seller\": \"iss\",\n"
        "   \"buyer\": \"e1\",\n   \"lines\": 1,\n   \"net_cents\": -5,\n   \"vat_cents\": -1,\n"
        "   \"gross_cents\": -6\n  },\n  {\n   \"of\": \"fee\",\n   \"seller\": \"op\",\n"
        "   \"buyer\": \"iss\",\n   \"lines\": 1,\n   \"net_cents\": -1000,\n"
        "   \"vat_cents\": -200,\n   \"gross_cents\": -1200\n  }\n ]\n}\n");
    buf_release(&json);
    close_result_release(&result);
    small_release(&small);
}
END_TEST

/* Each wrong input is refused with a sentence, and the result can be released. */
START_TEST(close_faults)
{
    struct small small;
    small_init(&small);
    small_carnet(&small, "k", "e1-car", 2, "2026-10-01", 12);
    small_holder(&small, "c", "e1-car", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-hst", "c", 0, T("05", "08:00"), T("05", "09:00"));
    struct month september = small_month("2026-09");
    struct line wrong_month = {.month = small_month("2026-08"), .quantity = 1};
    struct line no_quantity = {.month = september};
    struct line vast = {.document = DOCUMENT_HOST,
                        .credit = true,
                        .month = september,
                        .party = 0,
                        .other = 1,
                        .price = CENTS(INT64_MAX),
                        .quantity = 2};
    struct line many[] = {{.month = september, .quantity = INT64_MAX},
                          {.month = september, .quantity = INT64_MAX}};
    struct line big[] = {vast, vast};
    big[0].quantity = 1;
    big[1].quantity = 1;
    big[1].party = 2;
    big[0].price = CENTS(INT64_MAX / 2 + 9);
    big[1].price = CENTS(INT64_MAX / 2 + 9);
    struct close_correction late[] = {
        {.month = small_month("2026-10")},
        {.month = september, .billed = &wrong_month, .billed_count = 1},
        {.month = september, .billed = &no_quantity, .billed_count = 1},
        {.month = september, .billed = &vast, .billed_count = 1},
        {.month = september, .billed = many, .billed_count = 2},
        {.month = september, .billed = big, .billed_count = 2},
        {.month = september, .stays = small.stays, .stay_count = 1},
    };
    static const struct {
        int code;
        const char *text;
    } wanted[] = {
        {E_INVALID, "a corrected month must come once and be earlier"},
        {E_INVALID, "a line of another month was handed in as billed for 2026-09"},
        {E_INVALID, "a line billed for 2026-09 has no quantity above 0"},
        {E_OVERFLOW, "the self-billed invoice of host hst adds up to more than can be counted: "
                     "check the prices"},
        {E_OVERFLOW, "the amounts of this month are too large to be added up: check the prices"},
        {E_OVERFLOW, "the amounts of this month are too large to be added up: check the prices"},
        {E_INVALID, "a stay of holder c begins in another month"},
    };
    for (size_t i = 0; i < ARRAY_LEN(late); i++) {
        struct close_input input = {
            .month = small_month("2026-10"), .corrections = &late[i], .correction_count = 1};
        struct close_result result;
        struct fault fault = FAULT_NONE;
        ck_assert_int_eq(close_run(&result, &small.roster, &input, &fault), wanted[i].code);
        ck_assert_str_eq(fault.text, wanted[i].text);
        close_result_release(&result);
    }
    struct close_correction twice[] = {{.month = september}, {.month = september}};
    struct close_input input = {
        .month = small_month("2026-10"), .corrections = twice, .correction_count = 2};
    struct close_result result;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(close_run(&result, &small.roster, &input, &fault), E_INVALID);
    close_result_release(&result);
    /* units said to be gone beyond any sense leave none, and no more */
    struct carnet_use uses[] = {{september, 0, UINT32_MAX}, {small_month("2026-08"), 0, 5}};
    input = (struct close_input){.month = small_month("2026-10"),
                                 .stays = small.stays,
                                 .stay_count = 1,
                                 .carnet_uses = uses,
                                 .carnet_use_count = 2};
    close_month(&result, &small, &input);
    ck_assert_int_eq(result.overdraft, 1);
    close_result_release(&result);
    struct cents carried[4] = {CENTS(INT64_MAX), CENTS(INT64_MAX), CENTS(INT64_MAX),
                               CENTS(INT64_MAX)};
    input.carried_in = carried;
    fault = FAULT_NONE;
    ck_assert_int_eq(close_run(&result, &small.roster, &input, &fault), E_OVERFLOW);
    close_result_release(&result);
    small_release(&small);
}
END_TEST

/* The books: a carnet's price is earned as its units are used, rounded once over all months. */
START_TEST(carnets_earned)
{
    struct small small;
    small_init(&small);
    small_carnet(&small, "k", "e1-car", 3, "2026-10-01", 12);
    small.roster.carnets[0].price = CENTS(1000);
    small_holder(&small, "c", "e1-car", NULL, NULL);
    small_freeze(&small);
    small_stay(&small, "s-iss", "c", 0, T("05", "08:00"), T("05", "09:00"));
    struct close_input input = {
        .month = small_month("2026-10"), .stays = small.stays, .stay_count = 1};
    struct close_result result;
    close_month(&result, &small, &input);
    uint32_t issuer = small_number(&small.roster.member_ids, "iss");
    ck_assert_int_eq(books_balance(&result.books, issuer, ACCOUNT_EMPLOYERS_RECEIVABLE).cents,
                     1200);
    ck_assert_int_eq(books_balance(&result.books, issuer, ACCOUNT_CARNETS_DEFERRED).cents, -667);
    ck_assert_int_eq(books_balance(&result.books, issuer, ACCOUNT_PASS_SALES).cents, -333);
    ck_assert_int_eq(books_balance(&result.books, issuer, ACCOUNT_VAT_COLLECTED).cents, -200);
    struct carnet_use *uses = result.carnet_uses;
    ck_assert_uint_eq(result.carnet_use_count, 1);
    result.carnet_uses = NULL;
    close_result_release(&result);
    small.count = 0;
    small_stay(&small, "s-iss", "c", 0, "2026-11-05T08:00:00.000Z", "2026-11-05T15:00:00.000Z");
    input = (struct close_input){.month = small_month("2026-11"),
                                 .stays = small.stays,
                                 .stay_count = 1,
                                 .carnet_uses = uses,
                                 .carnet_use_count = 1};
    close_month(&result, &small, &input);
    ck_assert_int_eq(books_balance(&result.books, issuer, ACCOUNT_CARNETS_DEFERRED).cents, 667);
    ck_assert_str_eq(account_name(ACCOUNT_CARNETS_DEFERRED), "carnets_deferred");
    close_result_release(&result);
    free(uses);
    small_release(&small);
}
END_TEST

START_TEST(books_overflow)
{
    struct books books;
    struct cents out;
    books_init(&books, 3);
    const struct posting full[] = {{0, ACCOUNT_HOSTS_PAYABLE, CENTS(INT64_MAX)},
                                   {1, ACCOUNT_FEE_PAYABLE, CENTS(-INT64_MAX)}};
    const struct posting again[] = {{0, ACCOUNT_FEE_PAYABLE, CENTS(INT64_MAX)},
                                    {1, ACCOUNT_VAT_PAID, CENTS(-INT64_MAX)}};
    ck_assert_int_eq(books_post(&books, full, 2), 0);
    ck_assert_int_eq(books_trial_balance(&books, &out), 0);
    ck_assert_int_eq(out.cents, 0);
    ck_assert_int_eq(books_post(&books, full, 2), E_OVERFLOW);
    ck_assert_int_eq(books_post(&books, again, 2), 0);
    ck_assert_int_eq(books_position(&books, 0, &out), E_OVERFLOW);
    ck_assert_int_eq(books_trial_balance(&books, &out), E_OVERFLOW);
    books_release(&books);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("close");
    TCase *cases = tcase_create("close");
    tcase_add_test(cases, reference_month);
    tcase_add_test(cases, documents_one_by_one);
    tcase_add_test(cases, behind_lines);
    tcase_add_test(cases, documents);
    tcase_add_test(cases, three_months);
    tcase_add_test(cases, shuffled);
    tcase_add_test(cases, json_of_credit);
    tcase_add_test(cases, close_faults);
    tcase_add_test(cases, carnets_earned);
    tcase_add_test(cases, books_overflow);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
