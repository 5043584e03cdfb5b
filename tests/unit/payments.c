/* Files for banks, held by the published schemas where PASSERELLE_SCHEMAS says they are. */
#include <check.h>
#include <inttypes.h>
#include <libxml/xmlschemas.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "core/close/document.h"
#include "core/ident/ident.h"
#include "core/payments/latin.h"
#include "core/payments/orders.h"
#include "core/records/memory.h"
#include "tests/lib/reference.h"

static struct day day(const char *text)
{
    struct day out;
    ck_assert_int_eq(day_parse(view_of(text), &out), E_OK);
    return out;
}

/* ---- schemas ---- */

static void quiet(void *context, const char *fmt, ...) printf_like(2, 3);

static void quiet(void *context, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "%s: %s", (const char *)context, text);
}

/* Validates, or says once that the schemas are not there. */
static void held_by_schema(const struct buf *xml, const char *schema)
{
    const char *place = getenv("PASSERELLE_SCHEMAS");
    char path[4096];
    snprintf(path, sizeof path, "%s/sepa/%s.xsd", place != NULL ? place : SCHEMAS_DIR, schema);
    if (access(path, R_OK) != 0) {
        printf("skipped: schema %s (PASSERELLE_SCHEMAS says where the folder is)\n", schema);
        return;
    }
    xmlSchemaParserCtxtPtr parser = xmlSchemaNewParserCtxt(path);
    xmlSchemaPtr rules = xmlSchemaParse(parser);
    ck_assert_ptr_nonnull(rules);
    xmlDocPtr document = xmlReadMemory(xml->data, (int)xml->len, schema, NULL, XML_PARSE_NONET);
    ck_assert_ptr_nonnull(document);
    xmlSchemaValidCtxtPtr check = xmlSchemaNewValidCtxt(rules);
    xmlSchemaSetValidErrors(check, quiet, quiet, path);
    ck_assert_msg(xmlSchemaValidateDoc(check, document) == 0, "not valid: %.2000s", xml->data);
    xmlSchemaFreeValidCtxt(check);
    xmlFreeDoc(document);
    xmlSchemaFree(rules);
    xmlSchemaFreeParserCtxt(parser);
}

/* Writes, twice to see that the bytes are the same, in both versions. */
static void write_and_hold(const struct pain_file *file, struct buf *out)
{
    for (int version = PAIN_2009; version >= PAIN_2019; version--) {
        struct pain_file copy = *file;
        struct buf again = BUF_INIT;
        copy.version = (enum pain_version)version;
        buf_clear(out);
        ck_assert_int_eq(pain_write(&copy, out), E_OK);
        ck_assert_int_eq(pain_write(&copy, &again), E_OK);
        ck_assert(view_equal(buf_content(out), buf_content(&again)));
        held_by_schema(out, pain_schema(copy.kind, copy.version));
        buf_release(&again);
    }
}

static size_t times(const struct buf *text, const char *word)
{
    size_t count = 0;
    for (const char *at = strstr(text->data, word); at != NULL; at = strstr(at + 1, word)) {
        count++;
    }
    return count;
}

/* ---- letters ---- */

static bool taken(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/-?:().,'+ ", c) != NULL);
}

static void utf8(struct buf *out, uint32_t letter)
{
    if (letter < 0x80) {
        buf_byte(out, (char)letter);
    } else if (letter < 0x800) {
        buf_byte(out, (char)(0xC0 | letter >> 6));
        buf_byte(out, (char)(0x80 | (letter & 0x3F)));
    } else {
        buf_byte(out, (char)(0xE0 | letter >> 12));
        buf_byte(out, (char)(0x80 | (letter >> 6 & 0x3F)));
        buf_byte(out, (char)(0x80 | (letter & 0x3F)));
    }
}

/* The letters of the Latin script beyond ASCII (Unicode 14, Scripts.txt). */
static bool is_latin(uint32_t letter)
{
    static const uint32_t ranges[][2] = {
        {0xAA, 0xAA},       {0xBA, 0xBA},       {0xC0, 0xD6},       {0xD8, 0xF6},
        {0xF8, 0x2B8},      {0x2E0, 0x2E4},     {0x1D00, 0x1D25},   {0x1D2C, 0x1D5C},
        {0x1D62, 0x1D65},   {0x1D6B, 0x1D77},   {0x1D79, 0x1DBE},   {0x1E00, 0x1EFF},
        {0x2071, 0x2071},   {0x207F, 0x207F},   {0x2090, 0x209C},   {0x212A, 0x212B},
        {0x2132, 0x2132},   {0x214E, 0x214E},   {0x2160, 0x2188},   {0x2C60, 0x2C7F},
        {0xA722, 0xA787},   {0xA78B, 0xA7CA},   {0xA7D0, 0xA7D1},   {0xA7D3, 0xA7D3},
        {0xA7D5, 0xA7D9},   {0xA7F2, 0xA7FF},   {0xAB30, 0xAB5A},   {0xAB5C, 0xAB64},
        {0xAB66, 0xAB69},   {0xFB00, 0xFB06},   {0xFF21, 0xFF3A},   {0xFF41, 0xFF5A},
        {0x10780, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA}, {0x1DF00, 0x1DF1E},
    };
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        if (letter >= ranges[i][0] && letter <= ranges[i][1]) {
            return true;
        }
    }
    return false;
}

/* Each Latin letter becomes letters or digits, or the apostrophe that stands for a glottal stop;
 * anything at all becomes only what SEPA takes. */
START_TEST(every_letter)
{
    for (uint32_t letter = 1; letter < 0x20000; letter++) {
        struct buf text = BUF_INIT;
        if (letter >= 0xD800 && letter < 0xE000) {
            continue;
        }
        latin_letter(&text, letter);
        for (size_t i = 0; i < text.len; i++) {
            char c = text.data[i];
            bool written =
                ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '\'';
            ck_assert_msg(taken(c) && (written || !is_latin(letter)), "U+%04X gives %s",
                          (unsigned)letter, text.data);
        }
        ck_assert_msg(text.len > 0 || !is_latin(letter), "U+%04X gives nothing", (unsigned)letter);
        buf_release(&text);
    }
}
END_TEST

START_TEST(texts)
{
    static const struct {
        const char *text;
        size_t max;
        const char *latin;
    } rows[] = {
        {"Réseau des tiers-lieux (opérateur)", 70, "Reseau des tiers-lieux (operateur)"},
        {"L’Œuvre & l’Été « à Noël »", 70, "L'OEuvre + l'Ete ' a Noel '"},
        {"Straße Łódź Đorđe İstanbul Þór", 70, "Strasse Lodz Dorde Istanbul Thor"},
        {"e\xcc\x81te\xcc\x81", 70, "ete"}, /* combining */
        {"  a   b  ", 70, "a b"},
        {"//a//b/", 70, "a/b"},
        {"/ /a", 70, "a"},
        {"Рога", 70, "...."},
        {"\xff", 70, "."},
        {"abcdef", 3, "abc"},
        {"abc def", 4, "abc"},
        {"", 70, ""},
        {"ﬁn Ａ１", 70, "fin A1"},
        {"Tiếng Việt", 70, "Tieng Viet"},
        {"Ⅻe Å Kelvin nᵉ", 70, "XIIe A Kelvin ne"},
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct view got = latin_text(&arena, view_of(rows[i].text), rows[i].max);
        ck_assert_msg(view_is(got, rows[i].latin), "%s: %.*s", rows[i].text, VIEW_FMT(got));
    }
    arena_release(&arena);
}
END_TEST

/* ---- ids ---- */

START_TEST(ids)
{
    char one[PAIN_ID_MAX + 1];
    char other[PAIN_ID_MAX + 1];
    struct month october = month_of(day("2026-10-31"));
    struct view network = VIEW_LIT("passerelle");
    pain_message_id(PAIN_TRANSFERS, network, VIEW_LIT("op"), october, 1, one);
    pain_message_id(PAIN_TRANSFERS, network, VIEW_LIT("op"), october, 1, other);
    ck_assert_str_eq(one, other);
    ck_assert_int_eq(strncmp(one, "VT-202610-1-", 12), 0);
    ck_assert_uint_eq(strlen(one), 28);
    const struct {
        enum pain_kind kind;
        struct view network, party;
        struct month month;
        unsigned run;
    } rows[] = {
        {PAIN_DEBITS, network, VIEW_LIT("op"), october, 1},
        {PAIN_TRANSFERS, VIEW_LIT("other"), VIEW_LIT("op"), october, 1},
        {PAIN_TRANSFERS, network, VIEW_LIT("m001"), october, 1},
        {PAIN_TRANSFERS, network, VIEW_LIT("op"), month_of(day("2027-10-01")), 1},
        {PAIN_TRANSFERS, network, VIEW_LIT("op"), october, 999},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pain_message_id(rows[i].kind, rows[i].network, rows[i].party, rows[i].month, rows[i].run,
                        other);
        ck_assert_str_ne(one, other);
        ck_assert_uint_le(strlen(other), PAIN_ID_MAX - 2); /* room for "-F" */
    }
    pain_transfer_id(october, VIEW_LIT("998836464"), VIEW_LIT("996471223"), one);
    ck_assert_str_eq(one, "VT-202610-998836464-996471223");
}
END_TEST

/* ---- the reference month ---- */

static bool reference_member(void *context, const char *id, struct orders_member *out)
{
    const struct memory *memory = context;
    const struct record_member *record =
        map_get(&memory->by_id[PASSERELLE__V1__TABLE__TABLE_MEMBERS], view_of(id));
    if (record == NULL) {
        return false;
    }
    const Passerelle__V1__Member *member = &record->member;
    *out = (struct orders_member){
        .party = {.name = view_of(member->legal_name),
                  .iban = view_of(record->account.iban),
                  .bic = view_of(record->account.bic),
                  .street = view_of(member->address),
                  .postcode = view_of(member->postcode),
                  .town = view_of(member->city),
                  .country = view_of(member->country)},
        .siren = view_of(member->siren),
        .creditor_id = VIEW_LIT("FR72ZZZ123456"),
    };
    return true;
}

/* What each member pays and gets is its position after carry-over, whatever the mode. */
static void transfers_are_positions(const struct close_result *result, const struct roster *roster,
                                    const struct orders *orders, struct memory *memory)
{
    struct buf xml = BUF_INIT;
    int64_t *nets = calloc(roster->member_ids.count, sizeof *nets);
    size_t payments = 0;
    for (size_t i = 0; i < orders->file_count; i++) {
        const struct pain_file *file = &orders->files[i].file;
        uint32_t from;
        ck_assert(names_find(&roster->member_ids, orders->files[i].party_id, &from));
        nets[from] -= file->sum.cents;
        for (size_t k = 0; k < file->count; k++) {
            bool found = false;
            for (uint32_t m = 0; m < roster->member_ids.count && !found; m++) {
                struct orders_member member;
                char id[64];
                snprintf(id, sizeof id, "%.*s", VIEW_FMT(roster->member_ids.ids[m]));
                ck_assert(reference_member(memory, id, &member));
                found = view_equal(member.party.iban, file->payments[k].party.iban);
                nets[m] += found ? file->payments[k].amount.cents : 0;
            }
            ck_assert(found);
            payments++;
        }
        write_and_hold(file, &xml);
        ck_assert_uint_eq(times(&xml, "<CdtTrfTxInf>"), file->count);
        ck_assert_uint_eq(times(&xml, "<PstlAdr>"), file->count + 1);
        ck_assert_uint_eq(times(&xml, "AdrLine"), 0);
        ck_assert_uint_eq(times(&xml, "<Dt>2026-11-12</Dt>"), 1);
    }
    ck_assert_uint_eq(payments, result->transfer_count);
    for (uint32_t m = 0; m < roster->member_ids.count; m++) {
        ck_assert_int_eq(nets[m], result->payable[m].cents);
    }
    free(nets);
    buf_release(&xml);
}

START_TEST(reference_month_both_modes)
{
    struct reference reference;
    struct memory memory;
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct table_reading reading;
    size_t len;
    char *members = reference_file(REFERENCE_DIR, "members.csv", &len);
    memory_init(&memory, 5);
    ck_assert_int_eq(memory_take(&memory, PASSERELLE__V1__TABLE__TABLE_MEMBERS,
                                 view_bytes(members, len), &reading, &fault),
                     E_OK);
    reference_load(&reference, REFERENCE_DIR);
    for (int mode = NETTING_OPERATOR; mode <= NETTING_DIRECT; mode++) {
        struct close_result result;
        struct close_input input = {.month = month_of(day("2026-10-01")),
                                    .stays = reference.stays,
                                    .stay_count = reference.stay_count,
                                    .mode = (enum netting_mode)mode,
                                    .carry_minimum = CLOSE_CARRY_MINIMUM};
        ck_assert_int_eq(close_run(&result, &reference.roster, &input, &fault), E_OK);
        ck_assert_int_eq(result.paid.cents, 10421196);
        ck_assert_uint_eq(result.nonzero, 83);
        Passerelle__V1__SettlementDocument *document =
            document_of_result(&result, &reference.roster, &arena);
        struct orders orders;
        struct orders_terms terms = {.network = VIEW_LIT("reference"),
                                     .month = input.month,
                                     .run = 1,
                                     .created_utc_ms = INT64_C(1794474000000),
                                     .wanted = day("2026-11-12"),
                                     .addresses = true};
        ck_assert_int_eq(
            orders_transfers(document, &terms, reference_member, &memory, &arena, &orders, &fault),
            E_OK);
        ck_assert_uint_eq(orders.left_count, 0);
        transfers_are_positions(&result, &reference.roster, &orders, &memory);
        close_result_release(&result);
    }
    reference_release(&reference);
    memory_release(&memory);
    arena_release(&arena);
    free(members);
}
END_TEST

/* ---- made up parties ---- */

#define IBAN "FR7630006000011234567890189"
#define IBAN_2 "DE89370400440532013000"

static struct orders_member parties[5]; /* m0 to m4; each test fills them */

static bool made_up(void *context, const char *id, struct orders_member *out)
{
    (void)context;
    if (id[0] != 'm' || id[1] < '0' || id[1] > '4') {
        return false;
    }
    *out = parties[id[1] - '0'];
    return true;
}

static void parties_init(void)
{
    static const char *const sirens[] = {"998836464", "996471223", "552100554", "443061841",
                                         "732829320"};
    for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
        parties[i] = (struct orders_member){.party = {.name = VIEW_LIT("SCIC Le Phare"),
                                                      .iban = VIEW_LIT(IBAN),
                                                      .street = VIEW_LIT("1 rue de l'Église"),
                                                      .town = VIEW_LIT("Foix"),
                                                      .country = VIEW_LIT("FR")},
                                            .siren = view_of(sirens[i]),
                                            .creditor_id = VIEW_LIT("FR72ZZZ123456")};
    }
}

static struct orders_terms terms_of(const char *month, const char *wanted)
{
    return (struct orders_terms){.network = VIEW_LIT("net"),
                                 .month = month_of(day(month)),
                                 .run = 1,
                                 .created_utc_ms = day_start_utc_ms(day(wanted)) - DAY_MS,
                                 .wanted = day(wanted)};
}

static int transfers_of(const Passerelle__V1__Transfer *rows, size_t count,
                        const struct orders_terms *terms, struct arena *arena, struct orders *out,
                        struct fault *fault)
{
    Passerelle__V1__SettlementDocument document;
    passerelle__v1__settlement_document__init(&document);
    document.n_transfers = count;
    document.transfers = ARENA_ARRAY(arena, count, Passerelle__V1__Transfer *);
    for (size_t i = 0; i < count; i++) {
        document.transfers[i] = ARENA_NEW(arena, Passerelle__V1__Transfer);
        *document.transfers[i] = rows[i];
    }
    return orders_transfers(&document, terms, made_up, NULL, arena, out, fault);
}

static Passerelle__V1__Transfer transfer(const char *from, const char *to, int64_t cents)
{
    Passerelle__V1__Transfer out;
    passerelle__v1__transfer__init(&out);
    out.from_member_id = (char *)(uintptr_t)from;
    out.to_member_id = (char *)(uintptr_t)to;
    out.cents = cents;
    return out;
}

START_TEST(what_is_left_out)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct orders orders;
    struct buf xml = BUF_INIT;
    struct orders_terms terms = terms_of("2028-02-29", "2028-02-29");
    parties_init();
    parties[2].party.iban = VIEW_NONE;
    parties[3].party.name = VIEW_LIT("Рога и копыта");
    const Passerelle__V1__Transfer rows[] = {
        transfer("m1", "m0", 2100000001), /* 21 million EUR */
        transfer("m2", "m0", 5),
        transfer("m0", "m2", 6),
        transfer("m0", "m3", 7),
        transfer("m0", "m1", INT64_C(100000000000)),
        transfer("m0", "m1", INT64_C(99999999999)),
        transfer("m1", "m4", 1),
    };
    ck_assert_int_eq(transfers_of(rows, ARRAY_LEN(rows), &terms, &arena, &orders, &fault), E_OK);
    static const enum left_out reasons[] = {LEFT_NO_IBAN_PAYER, LEFT_NO_IBAN_PAYEE, LEFT_NO_NAME,
                                            LEFT_TOO_LARGE};
    ck_assert_uint_eq(orders.left_count, ARRAY_LEN(reasons));
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        ck_assert_int_eq(orders.left[i].reason, reasons[i]);
        ck_assert_int_eq(orders.left[i].amount.cents, rows[i + 1].cents);
        ck_assert(view_is(orders.left[i].from, rows[i + 1].from_member_id));
        ck_assert_uint_gt(strlen(left_out_text(orders.left[i].reason)), 20);
    }
    ck_assert_uint_eq(orders.file_count, 2);
    ck_assert(view_is(orders.files[0].party_id, "m0"));
    ck_assert(view_is(orders.files[1].party_id, "m1"));
    ck_assert_int_eq(orders.files[1].file.sum.cents, 2100000002);
    write_and_hold(&orders.files[0].file, &xml);
    ck_assert_uint_eq(times(&xml, "<CtrlSum>999999999.99</CtrlSum>"), 2);
    ck_assert_uint_eq(times(&xml, "<PstlAdr>"), 0);
    write_and_hold(&orders.files[1].file, &xml);
    ck_assert_uint_eq(times(&xml, ">21000000.01<"), 1);
    ck_assert_uint_eq(times(&xml, "<Dt>2028-02-29</Dt>"), 1);
    ck_assert_uint_eq(times(&xml, "fevrier 2028"), 2);
    const Passerelle__V1__Transfer unknown[] = {transfer("m1", "nobody", 1)};
    ck_assert_int_eq(transfers_of(unknown, 1, &terms, &arena, &orders, &fault), E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(fault.text, "nobody"));
    ck_assert_int_eq(transfers_of(NULL, 0, &terms, &arena, &orders, &fault), E_OK);
    ck_assert_uint_eq(orders.file_count, 0);
    buf_release(&xml);
    arena_release(&arena);
}
END_TEST

/* Every Latin letter, and names at their length, stay valid. */
START_TEST(names_stay_valid)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct buf xml = BUF_INIT;
    struct orders_terms terms = terms_of("2026-12-01", "2027-01-04");
    terms.addresses = true;
    for (uint32_t from = 0x20; from < 0x1F00; from += from == 0x220 ? 0x1E00 - 0x220 : 0x40) {
        struct buf name = BUF_INIT;
        struct orders orders;
        for (uint32_t letter = from; letter < from + 0x40; letter++) {
            utf8(&name, letter >= 0x7F && letter < 0xA0 ? '&' : letter);
        }
        for (int i = 0; i < 60; i++) {
            buf_text(&name, "é<");
        }
        parties_init();
        parties[0].party.name = parties[1].party.name = buf_content(&name);
        parties[1].party.street = parties[1].party.town = buf_content(&name);
        parties[1].party.postcode = VIEW_LIT("99999-123456789012");
        const Passerelle__V1__Transfer rows[] = {transfer("m0", "m1", 1)};
        ck_assert_int_eq(transfers_of(rows, 1, &terms, &arena, &orders, &fault), E_OK);
        ck_assert_uint_eq(orders.file_count, 1);
        write_and_hold(&orders.files[0].file, &xml);
        buf_release(&name);
        arena_clear(&arena);
    }
    buf_release(&xml);
    arena_release(&arena);
}
END_TEST

static struct orders_claim claim(const char *issuer, const char *employer, const char *number,
                                 int64_t cents, bool debited)
{
    return (struct orders_claim){
        .issuer_id = issuer,
        .employer_id = view_of(employer),
        .number = view_of(number),
        .amount = CENTS(cents),
        .employer = {.name = VIEW_LIT("Employeur n° 1 & Cie"), .iban = VIEW_LIT(IBAN_2)},
        .mandate = view_of(employer),
        .signed_on = day("2024-02-29"),
        .debited = debited};
}

START_TEST(debits)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct orders orders;
    struct buf xml = BUF_INIT;
    struct orders_terms terms = terms_of("2026-12-01", "2027-01-04");
    parties_init();
    parties[3].creditor_id = VIEW_NONE;
    parties[4].party.iban = VIEW_NONE;
    terms.b2b = true;
    struct orders_claim claims[] = {
        claim("m1", "e1", "FA-996471223-2027-000001", 10000, false),
        claim("m1", "e2", "FA-996471223-2027-000002", 20000, true),
        claim("m1", "e1", "FA-996471223-2027-000003", 2100000000, false), /* second: RCUR */
        claim("m1", "e2", "AV-996471223-2027-000001", -5000, true),
        claim("m1", "e5", "AV-996471223-2027-000002", -700, true),
        claim("m1", "e6", "FA-996471223-2027-000004", 300, true),
        claim("m1", "e6", "AV-996471223-2027-000003", -300, true), /* nothing left */
        claim("m3", "e3", "FA-443061841-2027-000001", 100, false),
        claim("m4", "e3", "FA-732829320-2027-000001", 100, false),
        claim("m0", "e3", "FA-998836464-2027-000001", 100, false),
        claim("m0", "e4", "FA-998836464-2027-000002", 100, false),
    };
    claims[9].mandate = VIEW_NONE;
    ck_assert_int_eq(
        orders_debits(claims, ARRAY_LEN(claims), &terms, made_up, NULL, &arena, &orders, &fault),
        E_OK);
    static const struct {
        const char *number;
        enum left_out reason;
    } left[] = {{"AV-996471223-2027-000002", LEFT_CREDIT},
                {"FA-443061841-2027-000001", LEFT_NO_CREDITOR_ID},
                {"FA-732829320-2027-000001", LEFT_NO_IBAN_PAYEE},
                {"FA-998836464-2027-000001", LEFT_NO_MANDATE}};
    ck_assert_uint_eq(orders.left_count, ARRAY_LEN(left));
    for (size_t i = 0; i < ARRAY_LEN(left); i++) {
        ck_assert(view_is(orders.left[i].end_to_end, left[i].number));
        ck_assert_int_eq(orders.left[i].reason, left[i].reason);
    }
    ck_assert_uint_eq(orders.file_count, 2);
    ck_assert_uint_eq(orders.files[0].file.count, 1);
    const struct pain_file *file = &orders.files[1].file;
    ck_assert_uint_eq(file->count, 3);
    ck_assert_int_eq(file->sum.cents, 2100000000 + 10000 + 15000);
    write_and_hold(file, &xml);
    ck_assert_uint_eq(times(&xml, "<SeqTp>FRST</SeqTp>"), 1);
    ck_assert_uint_eq(times(&xml, "<SeqTp>RCUR</SeqTp>"), 1);
    ck_assert_uint_eq(times(&xml, "<CtrlSum>100.00</CtrlSum>"), 1);
    ck_assert_uint_eq(times(&xml, "<CtrlSum>21000150.00</CtrlSum>"), 1);
    ck_assert_uint_eq(times(&xml, "<CtrlSum>21000250.00</CtrlSum>"), 1);
    ck_assert_uint_eq(times(&xml, "<DtOfSgntr>2024-02-29</DtOfSgntr>"), 3);
    ck_assert_uint_eq(times(&xml, "<Cd>B2B</Cd>"), 2);
    ck_assert_uint_eq(times(&xml, "Employeur no 1 + Cie"), 3);
    ck_assert_uint_eq(times(&xml, "<EndToEndId>FA-996471223-2027-000002</EndToEndId>"), 1);
    write_and_hold(&orders.files[0].file, &xml);
    buf_release(&xml);
    arena_release(&arena);
}
END_TEST

int main(void)
{
    xmlInitParser();
    Suite *suite = suite_create("payments");
    TCase *cases = tcase_create("payments");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, every_letter);
    tcase_add_test(cases, texts);
    tcase_add_test(cases, ids);
    tcase_add_test(cases, reference_month_both_modes);
    tcase_add_test(cases, what_is_left_out);
    tcase_add_test(cases, names_stay_valid);
    tcase_add_test(cases, debits);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
