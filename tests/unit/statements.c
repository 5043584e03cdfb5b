/* What banks say: camt.053 and camt.054 read, and matched with what was to be paid. */
#include <check.h>
#include <libxml/parser.h>
#include <stdlib.h>

#include "base/buf.h"
#include "core/payments/match.h"
#include "stride.h"

#define US "FR7630006000011234567890189"
#define THEM "DE89370400440532013000"

/* ---- reading ---- */

/* %s: kind, version, element of the kind, of the report; then the report's content. */
static void statement(struct buf *out, const char *kind, const char *version, const char *body)
{
    bool notification = strcmp(kind, "054") == 0;
    const char *root = notification ? "BkToCstmrDbtCdtNtfctn" : "BkToCstmrStmt";
    const char *report = notification ? "Ntfctn" : "Stmt";
    buf_clear(out);
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
               "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.%s.001.%s\"><%s><GrpHdr>"
               "<MsgId>M1</MsgId></GrpHdr><%s><Id>S1</Id><Acct><Id><IBAN>" US "</IBAN></Id></Acct>"
               "%s</%s></%s></Document>",
               kind, version, root, report, body, report, root);
}

#define SIDE(s) "<CdtDbtInd>" s "</CdtDbtInd>"
#define DAYS "<BookgDt><Dt>2028-02-29</Dt></BookgDt><ValDt><Dt>2028-03-01</Dt></ValDt>"
#define ENTRY(amount, side, more)                                                                  \
    "<Ntry><Amt Ccy=\"EUR\">" amount "</Amt>" SIDE(side) more "</Ntry>"

START_TEST(versions)
{
    static const struct {
        const char *kind, *version, *status, *name;
    } rows[] = {
        {"053", "02", "<Sts>BOOK</Sts>", "<Nm>A &amp; B</Nm>"},
        {"053", "06", "<Sts>BOOK</Sts>", "<Nm>A &amp; B</Nm>"},
        {"053", "08", "<Sts><Cd>BOOK</Cd></Sts>", "<Pty><Nm><![CDATA[A & B]]></Nm></Pty>"},
        {"054", "02", "<Sts>BOOK</Sts>", "<Nm>A &#38; B</Nm>"},
        {"054", "08", "<Sts><Cd>BOOK</Cd></Sts>", "<Pty><Nm>A &amp; B</Nm></Pty>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = ARENA_INIT;
        struct fault fault = FAULT_NONE;
        struct buf text = BUF_INIT;
        struct camt camt;
        char *body = arena_printf(
            &arena,
            "<Bal><Amt Ccy=\"EUR\">99.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>"
            "<Ntry><Amt Ccy=\"EUR\">21000000.10</Amt>" SIDE(
                "DBIT") "%s" DAYS
                        "<AcctSvcrRef>B1</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>VT-1</"
                        "EndToEndId>"
                        "</Refs><RltdPties><Cdtr>%s</Cdtr><CdtrAcct><Id><IBAN>" THEM
                        "</IBAN></Id></CdtrAcct>"
                        "</RltdPties><RmtInf><Ustrd> one "
                        "</Ustrd><Ustrd>two</Ustrd></RmtInf></TxDtls>"
                        "</NtryDtls></Ntry>",
            rows[i].status, rows[i].name);
        statement(&text, rows[i].kind, rows[i].version, body);
        ck_assert_msg(camt_read(buf_content(&text), &arena, &camt, &fault) == E_OK, "%s",
                      fault.text);
        ck_assert_int_eq(camt.version, rows[i].version[1] - '0');
        ck_assert_int_eq(camt.notification, rows[i].kind[2] == '4');
        ck_assert(view_is(camt.message_id, "M1"));
        ck_assert_uint_eq(camt.count, 1);
        const struct camt_entry *entry = &camt.entries[0];
        ck_assert_int_eq(entry->amount.cents, 2100000010);
        ck_assert(!entry->credit && !entry->returned && !entry->pending);
        ck_assert(view_is(entry->account, US));
        ck_assert(view_is(entry->statement, "S1"));
        ck_assert(view_is(entry->bank_reference, "B1"));
        ck_assert(view_is(entry->end_to_end, "VT-1"));
        ck_assert(view_is(entry->iban, THEM));
        ck_assert(view_is(entry->name, "A & B"));
        ck_assert(view_is(entry->text, "one"));
        ck_assert_int_eq(entry->booked.number, day_of(2028, 2, 29).number);
        ck_assert_int_eq(entry->valued.number, day_of(2028, 3, 1).number);
        buf_release(&text);
        arena_release(&arena);
    }
}
END_TEST

START_TEST(bookings_of_several)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct camt camt;
    struct fault fault = FAULT_NONE;
#define PART(id, amount, more)                                                                     \
    "<TxDtls><Refs><EndToEndId>" id "</EndToEndId></Refs><Amt Ccy=\"EUR\">" amount                 \
    "</Amt>" SIDE("CRDT") "<RltdPties><Dbtr><Nm>D</Nm></Dbtr><DbtrAcct><Id><IBAN>" THEM            \
                          "</IBAN></Id></DbtrAcct></RltdPties>" more "</TxDtls>"
    statement(&text, "054", "04",
              ENTRY("300.00", "CRDT",
                    "<Sts>BOOK</Sts><BookgDt><DtTm>2026-12-31T23:59:00+01:00</DtTm></BookgDt>"
                    "<NtryDtls><Btch><PmtInfId>G</PmtInfId></Btch>" PART("FA-1", "100", "")
                        PART("FA-2", "200.000", "") "</NtryDtls>")
              /* A debit that came back: our creditor's own account stands on the other side. */
              ENTRY("100.00", "DBIT",
                    "<Sts>BOOK</Sts>" DAYS
                    "<NtryDtls><TxDtls><Refs><EndToEndId>FA-1</EndToEndId></Refs><RltdPties>"
                    "<DbtrAcct><Id><IBAN>" THEM "</IBAN></Id></DbtrAcct><CdtrAcct><Id><IBAN>" US
                    "</IBAN></Id></CdtrAcct></RltdPties><RtrInf><Rsn><Cd>AM04</Cd></Rsn></RtrInf>"
                    "</TxDtls></NtryDtls>")
                  ENTRY("5.00", "CRDT", "<RvslInd>true</RvslInd><Sts>BOOK</Sts>" DAYS)
                      ENTRY("6.00", "CRDT", "<Sts>PDNG</Sts>")
                          ENTRY("7.00", "CRDT", "<Sts>BOOK</Sts>" DAYS)
                              ENTRY("7.00", "CRDT", "<Sts>BOOK</Sts>" DAYS)
                                  ENTRY("7.00", "CRDT", "<Sts>BOOK</Sts>" DAYS));
    ck_assert_msg(camt_read(buf_content(&text), &arena, &camt, &fault) == E_OK, "%s", fault.text);
    ck_assert_uint_eq(camt.count, 8);
    ck_assert_int_eq(camt.entries[0].amount.cents, 10000);
    ck_assert_int_eq(camt.entries[1].amount.cents, 20000);
    ck_assert(view_is(camt.entries[1].payment_group, "G"));
    ck_assert(view_is(camt.entries[1].iban, THEM) && camt.entries[1].credit);
    ck_assert_int_eq(camt.entries[0].booked.number, day_of(2026, 12, 31).number);
    ck_assert_int_eq(camt.entries[0].valued.number, day_of(2026, 12, 31).number);
    ck_assert(camt.entries[2].returned && !camt.entries[2].credit);
    ck_assert(view_is(camt.entries[2].return_reason, "AM04"));
    ck_assert(view_is(camt.entries[2].iban, THEM));
    ck_assert(camt.entries[3].returned && camt.entries[3].credit);
    ck_assert(camt.entries[4].pending);
    for (size_t i = 0; i < camt.count; i++) {
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(camt.entries[i].key, camt.entries[k].key);
        }
    }
    buf_release(&text);
    arena_release(&arena);
}
END_TEST

/* The same booking has the same key in notification and statement. */
START_TEST(keys_of_both_messages)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct camt one;
    struct camt other;
    const char *body =
        ENTRY("7.00", "CRDT", "<Sts>BOOK</Sts>" DAYS "<AcctSvcrRef>B7</AcctSvcrRef>");
    statement(&text, "053", "02", body);
    ck_assert_int_eq(camt_read(buf_content(&text), &arena, &one, NULL), E_OK);
    statement(&text, "054", "02", body);
    ck_assert_int_eq(camt_read(buf_content(&text), &arena, &other, NULL), E_OK);
    ck_assert_str_eq(one.entries[0].key, other.entries[0].key);
    buf_release(&text);
    arena_release(&arena);
}
END_TEST

START_TEST(refused_files)
{
#define HEAD "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:"
#define GOOD ENTRY("1.00", "CRDT", "<Sts>BOOK</Sts>" DAYS)
    static const struct {
        const char *raw;  /* the whole file, or */
        const char *body; /* what stands in a statement */
        int code;
        const char *says;
    } rows[] = {
        {"", NULL, E_INVALID, "empty"},
        {"hello", NULL, E_INVALID, "XML"},
        {HEAD "camt.053.001.02\"><BkToCstmrStmt><Stmt><Ntry>", NULL, E_INVALID, "cut short"},
        {HEAD "pain.001.001.09\"/>", NULL, E_FOREIGN, "no account statement"},
        {HEAD "camt.052.001.02\"/>", NULL, E_FOREIGN, "no account statement"},
        {"<html/>", NULL, E_FOREIGN, "no account statement"},
        {HEAD "camt.053.001.01\"/>", NULL, E_UNSUPPORTED, "version"},
        {HEAD "camt.053.001.09\"/>", NULL, E_UNSUPPORTED, "version"},
        {HEAD "camt.053.001.2\"/>", NULL, E_UNSUPPORTED, "version"},
        {HEAD "camt.053.001.02\"><BkToCstmrDbtCdtNtfctn/></Document>", NULL, E_FOREIGN, "below"},
        {"<!DOCTYPE Document SYSTEM \"http://127.0.0.1:1/x.dtd\">" HEAD "camt.053.001.02\"/>", NULL,
         E_INVALID, "document type"},
        {"<!DOCTYPE d [<!ENTITY a \"b\">]><d>&a;</d>", NULL, E_INVALID, "document type"},
        {NULL, "<Id>&nbsp;</Id>", E_INVALID, "entity"},
        {NULL, "<Ntry></Stmt>", E_INVALID, "well-formed"},
        {NULL, "<Ntry><Amt Ccy=\"CHF\">1.00</Amt></Ntry>", E_INVALID, "not in EUR"},
        {NULL, "<Ntry></Ntry>", E_INVALID, "no amount"},
        {NULL, "<Ntry><Amt Ccy=\"EUR\">1.00</Amt><Sts>BOOK</Sts></Ntry>", E_INVALID, "no day"},
        {NULL, "<Ntry><Amt Ccy=\"EUR\">1,00</Amt></Ntry>", E_INVALID, "no amount in EUR"},
        {NULL, "<Ntry><Amt Ccy=\"EUR\">-1.00</Amt></Ntry>", E_INVALID, "no amount in EUR"},
        {NULL, "<Ntry><Amt Ccy=\"EUR\">1.001</Amt></Ntry>", E_INVALID, "no amount in EUR"},
        {NULL, "<Ntry><Amt Ccy=\"EUR\">99999999999999999</Amt></Ntry>", E_INVALID, "no amount"},
        {NULL, "<Ntry><CdtDbtInd>X</CdtDbtInd></Ntry>", E_INVALID, "CRDT"},
        {NULL, "<Ntry><BookgDt><Dt>2027-02-29</Dt></BookgDt></Ntry>", E_INVALID, "no day"},
        {NULL,
         "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>"
         "<a><a><a><a><a><a>",
         E_INVALID, "deeper"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena = ARENA_INIT;
        struct fault fault = FAULT_NONE;
        struct buf text = BUF_INIT;
        struct camt camt = {.version = 77};
        if (rows[i].raw != NULL) {
            buf_text(&text, rows[i].raw);
        } else {
            char *body = arena_printf(&arena, GOOD "%s" GOOD, rows[i].body);
            statement(&text, "053", "02", body);
        }
        int err = camt_read(buf_content(&text), &arena, &camt, &fault);
        ck_assert_msg(err == rows[i].code, "%zu: %d, %s", i, err, fault.text);
        ck_assert_msg(strstr(fault.text, rows[i].says) != NULL, "%zu: %s", i, fault.text);
        ck_assert_int_eq(camt.version, 77);
        buf_release(&text);
        arena_release(&arena);
    }
}
END_TEST

/* Cut anywhere, a statement is refused, and says so. */
START_TEST(cut_anywhere)
{
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct camt camt;
    statement(&text, "053", "08", GOOD GOOD);
    for (size_t len = 1; len < text.len; len += stride()) {
        struct fault fault = FAULT_NONE;
        int err = camt_read(view_bytes(text.data, len), &arena, &camt, &fault);
        ck_assert_msg(err == E_INVALID, "%zu: %d %s", len, err, fault.text);
        ck_assert_uint_gt(strlen(fault.text), 10);
        if (len > 150) {
            ck_assert_msg(strstr(fault.text, "cut short") != NULL, "%zu: %s", len, fault.text);
        }
    }
    buf_release(&text);
    arena_release(&arena);
}
END_TEST

/* ---- states ---- */

START_TEST(states)
{
    static const char *const names[] = {"to_pay", "sent", "confirmed", "returned"};
    /* By state and event: export, booked, came back. -1: cannot be. */
    static const int next[PAYMENT_STATE_COUNT][PAYMENT_EVENT_COUNT] = {
        [PAYMENT_TO_PAY] = {PAYMENT_SENT, PAYMENT_CONFIRMED, -1},
        [PAYMENT_SENT] = {-1, PAYMENT_CONFIRMED, PAYMENT_RETURNED},
        [PAYMENT_CONFIRMED] = {-1, -1, PAYMENT_RETURNED},
        [PAYMENT_RETURNED] = {PAYMENT_SENT, PAYMENT_CONFIRMED, -1},
    };
    for (int from = 0; from < PAYMENT_STATE_COUNT; from++) {
        ck_assert_str_eq(payment_state_name((enum payment_state)from), names[from]);
        for (int event = 0; event < PAYMENT_EVENT_COUNT; event++) {
            enum payment_state state = (enum payment_state)from;
            struct fault fault = FAULT_NONE;
            int err = payment_move(&state, (enum payment_event)event, &fault);
            ck_assert_int_eq(err, next[from][event] < 0 ? E_CONFLICT : E_OK);
            ck_assert_int_eq((int)state, next[from][event] < 0 ? from : next[from][event]);
            ck_assert_int_eq(err != E_OK, strstr(fault.text, names[from]) != NULL);
        }
    }
}
END_TEST

/* ---- matching ---- */

static struct match_item item(const char *id, const char *iban, int64_t cents, bool incoming)
{
    return (struct match_item){.id = view_of(id),
                               .end_to_end = view_of(id),
                               .account = VIEW_LIT(US),
                               .iban = view_of(iban),
                               .amount = CENTS(cents),
                               .incoming = incoming,
                               .state = PAYMENT_SENT};
}

static struct camt_entry entry(const char *key, const char *id, const char *iban, int64_t cents,
                               bool credit)
{
    struct camt_entry out = {.account = VIEW_LIT(US),
                             .end_to_end = view_of(id),
                             .iban = view_of(iban),
                             .amount = CENTS(cents),
                             .credit = credit};
    snprintf(out.key, sizeof out.key, "%s", key);
    return out;
}

START_TEST(match_rules)
{
    struct arena arena = ARENA_INIT;
    struct matching m;
    struct match_item items[] = {
        item("VT-1", THEM, 100, false),   item("FA-1", THEM, 100, true),
        item("FA-2", "I2", 200, true),    item("FA-3", "I3", 300, true),
        item("FA-4", "I3", 300, true),    item("FA-5", "I5", 500, true),
        item("twice", "I6", 600, true),   item("twice", "I7", 700, true),
        item("FA-8", "I8", 800, true),    item("VT-9", "I9", 900, false),
        item("FA-10", "I10", 1000, true), item("FA-11", "", 1100, true),
        item("FA-12", "I12", 1200, true),
    };
    items[9].state = PAYMENT_CONFIRMED;
    items[12].state = PAYMENT_TO_PAY;
    struct camt_entry entries[] = {
        entry("a", "VT-1", "", 100, false),     /* by id */
        entry("b", "", THEM, 100, true),        /* by amount and IBAN; VT-1 goes the other way */
        entry("c", "FA-2", "I2", 201, true),    /* another amount */
        entry("d", "", "I3", 300, true),        /* two payments fit */
        entry("e", "", "I5", 500, true),        /* two entries fit */
        entry("f", "", "I5", 500, true),        /* likewise */
        entry("g", "twice", "I6", 600, true),   /* the id is not unique */
        entry("h", "", "I8", 800, false),       /* the other way */
        entry("i", "VT-9", "I9", 900, true),    /* came back, without a word */
        entry("j", "FA-10", "I10", 1000, true), /* not booked yet */
        entry("k", "", "", 1100, true),         /* no IBAN */
        entry("l", "", "I12", 1200, true),      /* paid without a file of ours */
        entry("m", "theirs", "I8", 800, true),  /* an id that is not ours: by amount */
    };
    entries[9].pending = true;
    match_run(items, ARRAY_LEN(items), entries, ARRAY_LEN(entries), NULL, 0, &arena, &m);
    static const struct {
        size_t entry, item;
        enum match_rule rule;
        enum payment_state before, after;
    } matches[] = {
        {0, 0, MATCH_END_TO_END, PAYMENT_SENT, PAYMENT_CONFIRMED},
        {8, 9, MATCH_END_TO_END, PAYMENT_CONFIRMED, PAYMENT_RETURNED},
        {1, 1, MATCH_AMOUNT_IBAN, PAYMENT_SENT, PAYMENT_CONFIRMED},
        {11, 12, MATCH_AMOUNT_IBAN, PAYMENT_TO_PAY, PAYMENT_CONFIRMED},
        {12, 8, MATCH_AMOUNT_IBAN, PAYMENT_SENT, PAYMENT_CONFIRMED},
    };
    static const struct {
        size_t entry;
        enum leftover_reason reason;
    } leftovers[] = {{2, LEFTOVER_AMOUNT},    {3, LEFTOVER_AMBIGUOUS}, {4, LEFTOVER_AMBIGUOUS},
                     {5, LEFTOVER_AMBIGUOUS}, {6, LEFTOVER_AMBIGUOUS}, {7, LEFTOVER_UNKNOWN},
                     {9, LEFTOVER_PENDING},   {10, LEFTOVER_UNKNOWN}};
    ck_assert_uint_eq(m.match_count, ARRAY_LEN(matches));
    for (size_t i = 0; i < m.match_count; i++) {
        ck_assert_uint_eq(m.matches[i].entry, matches[i].entry);
        ck_assert_uint_eq(m.matches[i].item, matches[i].item);
        ck_assert_int_eq(m.matches[i].rule, matches[i].rule);
        ck_assert_int_eq(m.matches[i].before, matches[i].before);
        ck_assert_int_eq(m.matches[i].after, matches[i].after);
        ck_assert_int_eq(items[matches[i].item].state, matches[i].after);
        ck_assert_str_eq(m.matches[i].key, entries[matches[i].entry].key);
    }
    ck_assert_uint_eq(m.leftover_count, ARRAY_LEN(leftovers));
    for (size_t i = 0; i < m.leftover_count; i++) {
        ck_assert_uint_eq(m.leftovers[i].entry, leftovers[i].entry);
        ck_assert_int_eq(m.leftovers[i].reason, leftovers[i].reason);
        ck_assert_uint_gt(strlen(leftover_text(m.leftovers[i].reason)), 5);
    }
    arena_release(&arena);
}
END_TEST

static uint64_t next_number(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* For many small worlds: each entry is told once; no item is moved twice; the same again changes
 * nothing; undone from the end, all is as it was. */
START_TEST(match_properties)
{
    enum { ITEMS = 12, ENTRIES = 16 };
    static const char *const ids[] = {"", "A", "B", "C", "D", "E", "F", "G", "zz"};
    static const char *const ibans[] = {"", "I", "J", "K"};
    for (uint64_t seed = 1; seed < 4000; seed += stride() * 2 - 1) {
        uint64_t r = seed;
        struct arena arena = ARENA_INIT;
        struct match_item items[ITEMS];
        struct camt_entry entries[ENTRIES];
        enum payment_state before[ITEMS];
        char seen[ENTRIES][33];
        for (size_t i = 0; i < ITEMS; i++) {
            items[i] = item(ids[next_number(&r) % 9], ibans[next_number(&r) % 4],
                            1 + (int64_t)(next_number(&r) % 3), next_number(&r) % 2 == 0);
            before[i] = items[i].state = (enum payment_state)(next_number(&r) % 4);
        }
        for (size_t i = 0; i < ENTRIES; i++) {
            char key[33];
            snprintf(key, sizeof key, "%zu", i);
            entries[i] = entry(key, ids[next_number(&r) % 9], ibans[next_number(&r) % 4],
                               (int64_t)(next_number(&r) % 4), next_number(&r) % 2 == 0);
            entries[i].returned = next_number(&r) % 5 == 0;
            entries[i].pending = next_number(&r) % 9 == 0;
        }
        struct matching m;
        int told[ENTRIES] = {0};
        match_run(items, ITEMS, entries, ENTRIES, NULL, 0, &arena, &m);
        ck_assert_uint_eq(m.match_count + m.leftover_count, ENTRIES);
        for (size_t i = 0; i < m.match_count; i++) {
            const struct match *one = &m.matches[i];
            ck_assert_msg(items[one->item].amount.cents == entries[one->entry].amount.cents,
                          "seed %llu", (unsigned long long)seed);
            told[one->entry]++;
            snprintf(seen[i], sizeof seen[i], "%s", one->key);
        }
        for (size_t i = 0; i < m.leftover_count; i++) {
            told[m.leftovers[i].entry]++;
        }
        for (size_t i = 0; i < ENTRIES; i++) {
            ck_assert_int_eq(told[i], 1);
        }
        struct match_item kept[ITEMS];
        for (size_t i = 0; i < ITEMS; i++) {
            kept[i] = items[i];
        }
        struct matching again;
        match_run(items, ITEMS, entries, ENTRIES, (const char(*)[33])seen, m.match_count, &arena,
                  &again);
        ck_assert_msg(again.match_count == 0, "seed %llu: twice is not once",
                      (unsigned long long)seed);
        for (size_t i = 0; i < ITEMS; i++) {
            ck_assert_int_eq(items[i].state, kept[i].state);
        }
        for (size_t i = m.match_count; i > 0; i--) {
            const struct match *one = &m.matches[i - 1];
            if (match_undo(one, &items[one->item].state, NULL) != E_OK) {
                ck_abort_msg("seed %llu: cannot be undone", (unsigned long long)seed);
            }
        }
        for (size_t i = 0; i < ITEMS; i++) {
            ck_assert_int_eq(items[i].state, before[i]);
        }
        arena_release(&arena);
    }
}
END_TEST

START_TEST(undo_in_order)
{
    struct match booked = {.before = PAYMENT_SENT, .after = PAYMENT_CONFIRMED};
    struct match back = {.before = PAYMENT_CONFIRMED, .after = PAYMENT_RETURNED};
    enum payment_state state = PAYMENT_RETURNED;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(match_undo(&booked, &state, &fault), E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(fault.text, "undo what came later first"));
    ck_assert_int_eq(state, PAYMENT_RETURNED);
    ck_assert_int_eq(match_undo(&back, &state, NULL), E_OK);
    ck_assert_int_eq(match_undo(&booked, &state, NULL), E_OK);
    ck_assert_int_eq(state, PAYMENT_SENT);
}
END_TEST

int main(void)
{
    xmlInitParser();
    Suite *suite = suite_create("statements");
    TCase *cases = tcase_create("statements");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, versions);
    tcase_add_test(cases, bookings_of_several);
    tcase_add_test(cases, keys_of_both_messages);
    tcase_add_test(cases, refused_files);
    tcase_add_test(cases, cut_anywhere);
    tcase_add_test(cases, states);
    tcase_add_test(cases, match_rules);
    tcase_add_test(cases, match_properties);
    tcase_add_test(cases, undo_in_order);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
