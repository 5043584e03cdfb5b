/* Each table: a good line, and that line with one field changed, with the beginning of the sentence
 * that must come. What can be read is written again as it was. */
#include <check.h>
#include <stdlib.h>

#include "core/records/memory.h"
#include "core/records/roster_fill.h"

#define TABLE(name) PASSERELLE__V1__TABLE__TABLE_##name

static const char *const good_lines[] = {
    [TABLE(MEMBERS)] = "m001,L'Atelier,association,private,998836464,99883646400011,standard,"
                       "FR51998836464,1 place de la Région,31000,Toulouse,FR,"
                       "FR7699999639442914177763140,TESTFRPPXXX,0,1",
    [TABLE(SITES)] = "s001,m001,Le Moulin,fixed,09209,43.00250,1.16000,rural,standard,"
                     "wifi|printer|coffee|locker|fablab,1,1,Mo-Fr 09:00-18:00; PH off,18,2,1,1,,",
    [TABLE(STOPS)] = "s005,Mo,48095,44.52161,3.49978,09:00,17:00",
    [TABLE(EMPLOYERS)] = "e001,m001,Entreprise,private,990447757,99044775700016,FR95990447757,"
                         "152 boulevard des Écoles,31170,Tournefeuille,FR,ACH-0001,,,"
                         "FR7699999688931376360266582,TESTFRPPXXX,RUM-000001,2026-06-21",
    [TABLE(PLANS)] = "p1,e001,subscription,8900,10,charge,20000,",
    [TABLE(CARNETS)] = "c1,p1,200,164000,2026-10-01,6",
    [TABLE(HOLDERS)] = "h1,e001,p1,Aurèle,Amandier,h1@example.org,CC4,phone,2026-01-17,",
    [TABLE(TARIFFS)] = "1,2026-01-01,standard,rural,desk,half_day,750,747,45,150",
    [TABLE(VISITS)] = "01a0f609-b58e-7e4d-8286-6d5370d0be9e,s001,h1,desk,2026-10-01T05:57:06.574Z,"
                      "2026-10-01T10:58:37.861Z,card,paper",
};

/* Reads one line; the line as it is written again stands in `again`. */
static int read_one(Passerelle__V1__Table number, struct view header, struct view line,
                    struct buf *again, struct fault *fault)
{
    const struct record_table *table = record_table(number);
    struct arena arena = ARENA_INIT;
    struct buf text = BUF_INIT;
    struct csv csv;
    struct csv_row row;
    size_t map[CSV_FIELDS_MAX];
    buf_view(&text, header);
    buf_view(&text, line);
    csv_init(&csv, buf_content(&text), &arena);
    int err = csv_next(&csv, &row, fault) == 1 ? record_header(table, &row, map, fault) : E_INVALID;
    if (err == 0 && csv_next(&csv, &row, fault) != 1) {
        err = E_INVALID;
    }
    if (err == 0) {
        void *record = arena_alloc(&arena, table->size);
        err = record_read(table, &row, map, &arena, record, fault);
        record_write(table, record, again);
    }
    buf_release(&text);
    arena_release(&arena);
    return err;
}

static size_t column_of(const struct view *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (view_is(names[i], name)) {
            return i;
        }
    }
    ck_abort_msg("no column %s", name);
}

/* The good line with some fields replaced: "column=value" parts, separated by '~'. */
static void changed_line(Passerelle__V1__Table number, struct view header, const char *changes,
                         struct buf *out)
{
    struct arena arena = ARENA_INIT;
    struct csv csv;
    struct csv_row names, row;
    struct buf text = BUF_INIT;
    buf_view(&text, header);
    buf_text(&text, good_lines[number]);
    csv_init(&csv, buf_content(&text), &arena);
    ck_assert_int_eq(csv_next(&csv, &names, NULL), 1);
    ck_assert_int_eq(csv_next(&csv, &row, NULL), 1);
    struct view rest = changes[0] == '\0' ? VIEW_NONE : view_of(changes), part;
    while (view_cut(&rest, '~', &part)) {
        size_t equals = view_find(part, '=');
        char *name = arena_string(&arena, view_slice(part, 0, equals));
        row.fields[column_of(names.fields, names.count, name)] =
            view_slice(part, equals + 1, part.len);
    }
    csv_write_row(out, row.fields, row.count);
    buf_release(&text);
    arena_release(&arena);
}

#define TEXT_50 "12345678901234567890123456789012345678901234567890"
#define TEXT_100 TEXT_50 TEXT_50

static const struct {
    Passerelle__V1__Table table;
    const char *changes;
    const char *sentence; /* its beginning; NULL: accepted, and written as it was read */
} rows[] = {
    {TABLE(MEMBERS), "", NULL},
    {TABLE(MEMBERS), "iban=~bic=", NULL},
    {TABLE(MEMBERS), "vat_regime=franchise~vat_id=", NULL},
    {TABLE(MEMBERS), "legal_name=Été, \"là\"", NULL},
    {TABLE(MEMBERS), "country=BE~postcode=1000 BX", NULL},
    {TABLE(MEMBERS), "member_id=", "member_id: it is empty"},
    {TABLE(MEMBERS), "member_id=M001", "member_id: "},
    {TABLE(MEMBERS), "legal_name=", "legal_name: it is empty"},
    {TABLE(MEMBERS), "legal_name= x", "legal_name: it begins or ends with a space"},
    {TABLE(MEMBERS), "legal_form=SARL", "legal_form: "},
    {TABLE(MEMBERS), "sector=", "sector: it is empty"},
    {TABLE(MEMBERS), "sector=both", "sector: \"both\" is not known: give one of public, private"},
    {TABLE(MEMBERS), "siren=998836465", "siren: "},
    {TABLE(MEMBERS), "siret=99883646400012", "siret: "},
    {TABLE(MEMBERS), "siret=99044775700016", "siret: it does not begin with the SIREN"},
    {TABLE(MEMBERS), "vat_id=FR95990447757", "vat_id: it does not end with the SIREN"},
    {TABLE(MEMBERS), "vat_id=FR52998836464", "vat_id: "},
    {TABLE(MEMBERS), "vat_id=", "vat_id: a member that charges VAT needs its number"},
    {TABLE(MEMBERS), "vat_regime=public_body", "vat_regime: public_body is for the public sector"},
    {TABLE(MEMBERS), "postcode=3100", "postcode: "},
    {TABLE(MEMBERS), "country=fr", "country: "},
    {TABLE(MEMBERS), "iban=FR7699999639442914177763141", "iban: "},
    {TABLE(MEMBERS), "bic=TESTFR", "bic: "},
    {TABLE(MEMBERS), "iban=", "bic: there is no IBAN beside it"},
    {TABLE(MEMBERS), "is_issuer=yes", "is_issuer: \"yes\" is neither 0 (no) nor 1 (yes)"},
    {TABLE(SITES), "", NULL},
    {TABLE(SITES), "opening_hours=", NULL},
    {TABLE(SITES), "lat=-20.88000~lon=55.45000~insee=97411", NULL},
    {TABLE(SITES), "kind=ephemeral~first_day=2026-10-01~last_day=2026-10-01", NULL},
    {TABLE(SITES), "site_id=books", "site_id: a feed of the hub is called books"},
    {TABLE(SITES), "kind=boat", "kind: \"boat\" is not known"},
    {TABLE(SITES), "insee=20001", "insee: "},
    {TABLE(SITES), "lat=43.0025", "lat: "},
    {TABLE(SITES), "lat=52.00000", "lat: this is not in France"},
    {TABLE(SITES), "lon=-0.00000", "lon: "},
    {TABLE(SITES), "lon=11.00000", "lon: this is not in France"},
    {TABLE(SITES), "zone=city", "zone: "},
    {TABLE(SITES), "services=wifi|printer|coffee", "services: locker is missing"},
    {TABLE(SITES), "services=", "services: wifi is missing"},
    {TABLE(SITES), "services=wifi|printer|coffee|locker|", "services: an entry of the list is"},
    {TABLE(SITES), "services=wifi|printer|coffee|locker|sauna", "services: \"sauna\" is not known"},
    {TABLE(SITES), "services=wifi|printer|coffee|locker|wifi", "services: wifi is there twice"},
    {TABLE(SITES), "security_level=4", "security_level: 4 is too large"},
    {TABLE(SITES), "accessible=2", "accessible: "},
    {TABLE(SITES), "opening_hours=Mo 18:00-09:00", "opening_hours: "},
    {TABLE(SITES), "desks=10001", "desks: 10001 is too large: give at most 10000"},
    {TABLE(SITES), "desks=-1", "desks: -1 is negative"},
    {TABLE(SITES), "desks=1.5", "desks: \"1.5\" is no whole number"},
    {TABLE(SITES), "desks=99999999999999999999", "desks: 99999999999999999999 is too large"},
    {TABLE(SITES), "desks=0~meeting_rooms=0~booths=0", "desks: the site offers nothing"},
    {TABLE(SITES), "first_day=2026-10-01", "first_day: only an ephemeral site"},
    {TABLE(SITES), "kind=ephemeral", "first_day: an ephemeral site needs"},
    {TABLE(SITES), "kind=ephemeral~first_day=2026-10-02~last_day=2026-10-01", "last_day: "},
    {TABLE(SITES), "kind=ephemeral~first_day=2026-02-30~last_day=2026-10-01", "first_day: "},
    {TABLE(STOPS), "", NULL},
    {TABLE(STOPS), "close=24:00", NULL},
    {TABLE(STOPS), "weekday=Lu", "weekday: "},
    {TABLE(STOPS), "open=9:00", "open: "},
    {TABLE(STOPS), "close=24:01", "close: "},
    {TABLE(STOPS), "open=17:00", "close: the stop ends before it begins"},
    {TABLE(STOPS), "lat=10.00000", "lat: this is not in France"},
    {TABLE(EMPLOYERS), "", NULL},
    {TABLE(EMPLOYERS), "iban=~bic=~mandate_id=~mandate_date=", NULL},
    {TABLE(EMPLOYERS), "vat_id=~service_code=SERV005~engagement=ENG-1", NULL},
    {TABLE(EMPLOYERS), "mandate_id=", "mandate_id: a SEPA mandate has an IBAN, a reference and"},
    {TABLE(EMPLOYERS), "mandate_date=", "mandate_id: "},
    {TABLE(EMPLOYERS), "mandate_id=RUM é", "mandate_id: the mandate reference \"RUM é\" is wrong"},
    {TABLE(EMPLOYERS), "country=UK", "country: the country \"UK\" is wrong"},
    {TABLE(EMPLOYERS), "service_code=" TEXT_100, NULL},
    {TABLE(EMPLOYERS), "service_code=" TEXT_100 "x", "service_code: Chorus Pro takes 100"},
    {TABLE(EMPLOYERS), "engagement=" TEXT_50 "x", "engagement: Chorus Pro takes 50"},
    {TABLE(EMPLOYERS), "mandate_date=21/06/2026", "mandate_date: "},
    {TABLE(EMPLOYERS), "issuer_member_id=", "issuer_member_id: it is empty"},
    {TABLE(PLANS), "", NULL},
    {TABLE(PLANS), "monthly_fee_cents=0~included_units=0", NULL},
    {TABLE(PLANS), "type=carnet~monthly_fee_cents=~included_units=~overage=", NULL},
    {TABLE(PLANS), "type=carnet~monthly_fee_cents=~included_units=~overage=refuse", NULL},
    {TABLE(PLANS), "type=usage", "monthly_fee_cents: only a subscription"},
    {TABLE(PLANS), "type=usage~monthly_fee_cents=", "included_units: only a subscription"},
    {TABLE(PLANS), "type=usage~monthly_fee_cents=~included_units=", "overage: a usage plan"},
    {TABLE(PLANS), "monthly_fee_cents=", "monthly_fee_cents: it is empty"},
    {TABLE(PLANS), "included_units=", "included_units: it is empty"},
    {TABLE(PLANS), "overage=", "overage: it is empty"},
    {TABLE(PLANS), "holder_cap_cents=0", "holder_cap_cents: 0 means none here"},
    {TABLE(PLANS), "monthly_fee_cents=-1", "monthly_fee_cents: -1 is negative"},
    {TABLE(PLANS), "contract_cap_cents=10000000001", "contract_cap_cents: "},
    {TABLE(PLANS), "contract_cap_cents=99999999999999999999", "contract_cap_cents: "},
    {TABLE(CARNETS), "", NULL},
    {TABLE(CARNETS), "price_cents=0", NULL},
    {TABLE(CARNETS), "units=0", "units: 0 is out of range: give 1 to 1000000"},
    {TABLE(CARNETS), "valid_months=0", "valid_months: "},
    {TABLE(CARNETS), "valid_months=121", "valid_months: "},
    {TABLE(CARNETS), "bought_on=", "bought_on: it is empty"},
    {TABLE(CARNETS), "price_cents=12.50", "price_cents: \"12.50\" is no whole number"},
    {TABLE(HOLDERS), "", NULL},
    {TABLE(HOLDERS), "given_name=~family_name=~email=~cost_centre=", NULL},
    {TABLE(HOLDERS), "email=h1@example", "email: "},
    {TABLE(HOLDERS), "email=a b@example.org", "email: "},
    {TABLE(HOLDERS), "medium=", "medium: it is empty"},
    {TABLE(HOLDERS), "active_to=2026-01-16", "active_to: it lies before active_from"},
    {TABLE(TARIFFS), "", NULL},
    {TABLE(TARIFFS), "resource=booth~unit=hour", NULL},
    {TABLE(TARIFFS), "version=0", "version: 0 is out of range"},
    {TABLE(TARIFFS), "unit=hour", "unit: "},
    {TABLE(TARIFFS), "resource=booth", "unit: "},
    {TABLE(TARIFFS), "p_cents=641", "h_cents: the host's share and the fee exceed price and subsidy"
                                    " by 1 cents"},
    {TABLE(TARIFFS), "s_cents=-150", "s_cents: -150 is negative"},
    {TABLE(TARIFFS), "category=Standard", "category: "},
    {TABLE(VISITS), "", NULL},
    {TABLE(VISITS), "check_out=", NULL},
    {TABLE(VISITS), "check_out=2026-10-01T05:57:06.574Z", NULL},
    {TABLE(VISITS), "visit_id=01A0F609-b58e-7e4d-8286-6d5370d0be9e", "visit_id: "},
    {TABLE(VISITS), "resource=sofa", "resource: "},
    {TABLE(VISITS), "check_in=2026-10-01T05:57:06Z", "check_in: "},
    {TABLE(VISITS), "check_in=", "check_in: it is empty"},
    {TABLE(VISITS), "check_out=2026-10-01T05:57:06.573Z", "check_out: it lies before check_in"},
    {TABLE(VISITS), "source=", "source: it is empty"},
};

START_TEST(lines_are_accepted_or_refused)
{
    struct buf header = BUF_INIT, line = BUF_INIT, again = BUF_INIT;
    struct fault fault = FAULT_NONE;
    record_write_header(record_table(rows[_i].table), &header);
    changed_line(rows[_i].table, buf_content(&header), rows[_i].changes, &line);
    int err = read_one(rows[_i].table, buf_content(&header), buf_content(&line), &again, &fault);
    if (rows[_i].sentence == NULL) {
        ck_assert_msg(err == 0, "%s: %s", rows[_i].changes, fault.text);
        ck_assert_str_eq(again.data, line.data);
    } else {
        ck_assert_msg(err == E_INVALID, "%s was accepted", rows[_i].changes);
        ck_assert_msg(view_starts(view_of(fault.text), rows[_i].sentence), "%s: %s",
                      rows[_i].changes, fault.text);
    }
    buf_release(&header);
    buf_release(&line);
    buf_release(&again);
}
END_TEST

START_TEST(each_column_refuses_an_unknown_text)
{
    /* A control character is wrong in every column of every table. */
    for (int t = TABLE(MEMBERS); t <= TABLE(VISITS); t++) {
        struct buf header = BUF_INIT;
        struct view rest, name;
        record_write_header(record_table((Passerelle__V1__Table)t), &header);
        rest = view_slice(buf_content(&header), 0, header.len - 1);
        while (view_cut(&rest, ',', &name)) {
            char changes[96];
            struct buf line = BUF_INIT, again = BUF_INIT;
            struct fault fault = FAULT_NONE;
            snprintf(changes, sizeof changes, "%.*s=a\x01z", VIEW_FMT(name));
            changed_line((Passerelle__V1__Table)t, buf_content(&header), changes, &line);
            int err = read_one((Passerelle__V1__Table)t, buf_content(&header), buf_content(&line),
                               &again, &fault);
            ck_assert_msg(err == E_INVALID, "%.*s", VIEW_FMT(name));
            ck_assert_msg(strncmp(fault.text, name.data, name.len) == 0, "%s", fault.text);
            buf_release(&line);
            buf_release(&again);
        }
        buf_release(&header);
    }
}
END_TEST

/* ---- whole tables, in memory ---- */

struct complaints {
    char text[2000];
    size_t len;
};

static void complain(void *context, size_t line, const char *sentence)
{
    struct complaints *c = context;
    c->len += (size_t)snprintf(c->text + c->len, sizeof c->text - c->len, "%zu %s\n", line,
                               sentence);
    ck_assert_uint_lt(c->len, sizeof c->text);
}

/* Reads a table that consists of the good line, changed once for each further text. */
static int read_table(struct memory *memory, Passerelle__V1__Table number,
                      const char *const *changes, size_t count, struct complaints *complaints)
{
    struct buf file = BUF_INIT;
    struct fault fault = FAULT_NONE;
    record_write_header(record_table(number), &file);
    struct buf header = BUF_INIT;
    buf_view(&header, buf_content(&file));
    for (size_t i = 0; i < count; i++) {
        changed_line(number, buf_content(&header), changes[i], &file);
    }
    *complaints = (struct complaints){0};
    int err = memory_read(memory, number, buf_content(&file), complain, complaints, &fault);
    buf_release(&file);
    buf_release(&header);
    return err;
}

static void must_read(struct memory *memory, Passerelle__V1__Table number, const char *changes)
{
    struct complaints complaints;
    ck_assert_msg(read_table(memory, number, &changes, 1, &complaints) == 0, "%s",
                  complaints.text);
}

static const struct {
    Passerelle__V1__Table table;
    const char *lines[3];
    const char *complaint; /* the whole of it; NULL: none */
} files[] = {
    {TABLE(MEMBERS), {"member_id=m2", "member_id=m2"}, "3 member m2 stands in line 2 already"},
    {TABLE(MEMBERS), {"member_id=m2~is_operator=1", "member_id=m3~is_operator=1"},
     "3 is_operator: m2 is the operator already"},
    {TABLE(SITES), {"member_id=m9"}, "2 member_id: there is no member m9"},
    {TABLE(SITES), {"site_id=a", "site_id=b~member_id=m9", "site_id=a"},
     "3 member_id: there is no member m9: add it first or correct the id\n4 site a stands in line "
     "2 already"},
    {TABLE(STOPS), {"site_id=s9"}, "2 site_id: there is no site s9"},
    {TABLE(STOPS), {"site_id=s001"}, "2 site_id: s001 is not itinerant"},
    {TABLE(STOPS), {"", "weekday=Tu"}, NULL},
    {TABLE(STOPS), {"", "open=16:59~close=18:00"}, "2 stops: two stops of a weekday overlap"},
    {TABLE(EMPLOYERS), {"issuer_member_id=m9"}, "2 issuer_member_id: there is no member m9"},
    {TABLE(EMPLOYERS), {"issuer_member_id=m0"}, "2 issuer_member_id: member m0 sells no passes"},
    {TABLE(PLANS), {"employer_id=e9"}, "2 employer_id: there is no employer e9"},
    {TABLE(CARNETS), {"plan_id=p9"}, "2 plan_id: there is no plan p9"},
    {TABLE(CARNETS), {"plan_id=p1"}, "2 plan_id: p1 is no carnet plan"},
    {TABLE(CARNETS), {"plan_id=p2", "plan_id=p2"}, "3 carnet c1 stands in line 2 already"},
    {TABLE(HOLDERS), {"employer_id=e9"}, "2 employer_id: there is no employer e9"},
    {TABLE(HOLDERS), {"plan_id=p9"}, "2 plan_id: employer e001 has no plan p9"},
    {TABLE(HOLDERS), {"employer_id=e2"}, "2 plan_id: employer e2 has no plan p1"},
    {TABLE(TARIFFS), {"", "zone=urban", "version=2~valid_from=2026-02-01"}, NULL},
    {TABLE(TARIFFS), {"", "zone=urban~valid_from=2026-02-01"},
     "3 valid_from: version 1 begins on 2026-01-01 in line 2"},
    {TABLE(TARIFFS), {"", "version=2"}, "3 valid_from: versions 1 and 2 both begin on 2026-01-01"},
    {TABLE(TARIFFS), {"", "zone=urban", "p_cents=751"},
     "4 tariff row 1 standard/rural/desk/half_day stands in line 2 already"},
};

START_TEST(lines_refer_to_each_other)
{
    struct memory *memory = xcalloc(1, sizeof *memory);
    struct complaints complaints;
    memory_init(memory, 7);
    memory->known.only_computes = false;
    if (files[_i].table > TABLE(MEMBERS)) {
        must_read(memory, TABLE(MEMBERS), "is_operator=1");
        must_read(memory, TABLE(MEMBERS), "member_id=m0~is_issuer=0");
    }
    if (files[_i].table > TABLE(SITES)) {
        must_read(memory, TABLE(SITES), "");
        must_read(memory, TABLE(SITES), "site_id=s005~kind=itinerant");
    }
    if (files[_i].table > TABLE(EMPLOYERS)) {
        must_read(memory, TABLE(EMPLOYERS), "");
        must_read(memory, TABLE(EMPLOYERS), "employer_id=e2");
    }
    if (files[_i].table > TABLE(PLANS)) {
        must_read(memory, TABLE(PLANS), "");
        must_read(memory, TABLE(PLANS),
                  "plan_id=p2~type=carnet~monthly_fee_cents=~included_units=~overage=");
    }
    size_t count = 0;
    while (count < 3 && files[_i].lines[count] != NULL) {
        count++;
    }
    int err = read_table(memory, files[_i].table, files[_i].lines, count, &complaints);
    if (files[_i].complaint == NULL) {
        ck_assert_msg(err == 0, "%s", complaints.text);
    } else {
        ck_assert_int_eq(err, E_INVALID);
        ck_assert_msg(view_starts(view_of(complaints.text), files[_i].complaint), "%s",
                      complaints.text);
    }
    memory_release(memory);
    free(memory);
}
END_TEST

/* ---- files as people send them ---- */

#define CARNET_HEADER "carnet_id,plan_id,units,price_cents,bought_on,valid_months"

static const struct {
    const char *file;
    const char *complaint; /* its beginning; NULL: one carnet is read */
} bytes[] = {
    {"\xef\xbb\xbf" CARNET_HEADER "\nc1,p2,1,1,2026-10-01,6\n", NULL},
    {CARNET_HEADER "\r\nc1,p2,1,1,2026-10-01,6\r\n", NULL},
    {"plan_id,carnet_id,units,valid_months,bought_on,price_cents\np2,c1,1,6,2026-10-01,1\n", NULL},
    {CARNET_HEADER "\n\"c1\",\"p2\",1,1,2026-10-01,6", NULL},
    {"", "the file is empty"},
    {"carnet_id,plan_id,units,price_cents,bought_on\nc1,p2,1,1,2026-10-01\n", "line 1"},
    {CARNET_HEADER ",colour\nc1,p2,1,1,2026-10-01,6,red\n", "line 1"},
    {CARNET_HEADER ",units\nc1,p2,1,1,2026-10-01,6,1\n", "line 1"},
    {CARNET_HEADER "\nc1,p2,1,1,2026-10-01\n", "line 2"},
    {CARNET_HEADER "\nc1,p2,1,1,2026-10-01,6,7\n", "line 2"},
    {CARNET_HEADER "\nc1,p2\xe9,1,1,2026-10-01,6\n", "line 2"},
    {CARNET_HEADER "\n\"c1,p2,1,1,2026-10-01,6\n", "line 2"},
};

START_TEST(files_come_in_all_forms)
{
    struct memory *memory = xcalloc(1, sizeof *memory);
    struct complaints complaints = {0};
    struct fault fault = FAULT_NONE;
    memory_init(memory, 7);
    must_read(memory, TABLE(MEMBERS), "is_operator=1");
    must_read(memory, TABLE(EMPLOYERS), "");
    must_read(memory, TABLE(PLANS),
              "plan_id=p2~type=carnet~monthly_fee_cents=~included_units=~overage=");
    int err = memory_read(memory, TABLE(CARNETS), view_of(bytes[_i].file), complain, &complaints,
                          &fault);
    if (bytes[_i].complaint == NULL) {
        ck_assert_msg(err == 0, "%s%s", fault.text, complaints.text);
        ck_assert_uint_eq(memory->records[TABLE(CARNETS)].count, 1);
    } else {
        ck_assert_int_eq(err, E_INVALID);
        ck_assert_msg(view_starts(view_of(fault.text), bytes[_i].complaint), "%s", fault.text);
    }
    memory_release(memory);
    free(memory);
}
END_TEST

/* ---- messages, as requests bring them ---- */

START_TEST(messages_are_checked_like_lines)
{
    struct fault fault = FAULT_NONE;
    Passerelle__V1__Plan plan = PASSERELLE__V1__PLAN__INIT;
    char id[] = "p1", employer[] = "e1";
    plan.plan_id = id;
    plan.employer_id = employer;
    ck_assert_int_eq(plan_check(&plan, &fault), E_INVALID);
    ck_assert_msg(view_starts(view_of(fault.text), "type: "), "%s", fault.text);
    plan.type = PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE;
    ck_assert_int_eq(plan_check(&plan, NULL), 0);
    plan.holder_cap_cents = -1;
    ck_assert_int_eq(plan_check(&plan, NULL), E_INVALID);
    plan.holder_cap_cents = INT64_MAX;
    ck_assert_int_eq(plan_check(&plan, NULL), E_INVALID);
    plan.holder_cap_cents = 0;
    plan.offline_rule = 4;
    ck_assert_int_eq(plan_check(&plan, NULL), E_INVALID);

    Passerelle__V1__TariffVersion version = PASSERELLE__V1__TARIFF_VERSION__INIT;
    ck_assert_int_eq(tariff_check(&version, NULL), E_INVALID);
    Passerelle__V1__TariffRow row = PASSERELLE__V1__TARIFF_ROW__INIT;
    Passerelle__V1__TariffRow *twice[] = {&row, &row};
    char day[] = "2026-01-01", category[] = "standard";
    version.version = 1;
    version.valid_from = day;
    version.rows = twice;
    version.n_rows = 1;
    row.category = category;
    row.zone = PASSERELLE__V1__ZONE__ZONE_URBAN;
    row.resource = PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH;
    row.unit = PASSERELLE__V1__UNIT__UNIT_HOUR;
    ck_assert_int_eq(tariff_check(&version, NULL), 0);
    version.n_rows = 2;
    ck_assert_int_eq(tariff_check(&version, NULL), E_INVALID);

    Passerelle__V1__BankAccount account = PASSERELLE__V1__BANK_ACCOUNT__INIT;
    char iban[] = "FR7699999639442914177763140", wrong[] = "FR7699999639442914177763141";
    ck_assert_int_eq(account_check(&account, NULL), E_INVALID);
    account.iban = iban;
    ck_assert_int_eq(account_check(&account, NULL), 0);
    account.iban = wrong;
    ck_assert_int_eq(account_check(&account, NULL), E_INVALID);
}
END_TEST

/* members.csv has no column for it: a file leaves it alone. */
START_TEST(a_members_terms_outlive_a_file)
{
    struct memory *memory = xcalloc(1, sizeof *memory);
    char creditor[] = "FR72ZZZ123456", signed_on[] = "2026-09-01", wrong[] = "2026-09-31";
    char earlier[] = "2026-08-31", none[] = "";
    Passerelle__V1__SelfBillingMandate mandate = PASSERELLE__V1__SELF_BILLING_MANDATE__INIT;
    memory_init(memory, 7);
    memory->known.only_computes = false;
    must_read(memory, TABLE(MEMBERS), "member_id=m1");
    Passerelle__V1__Member *member = map_get(&memory->by_id[TABLE(MEMBERS)], VIEW_LIT("m1"));
    ck_assert_ptr_nonnull(member);
    member->sepa_creditor_id = creditor;
    member->self_billing_mandate = &mandate;
    mandate.signed_on = signed_on;
    mandate.contest_days = 15;
    ck_assert_int_eq(member_check(member, NULL), 0);
    must_read(memory, TABLE(MEMBERS), "member_id=m1~city=Foix");
    const Passerelle__V1__Member *after = map_get(&memory->by_id[TABLE(MEMBERS)], VIEW_LIT("m1"));
    ck_assert_ptr_ne(after, member);
    ck_assert_str_eq(after->city, "Foix");
    ck_assert_str_eq(after->sepa_creditor_id, creditor);
    ck_assert_uint_eq(after->self_billing_mandate->contest_days, 15);

    mandate.signed_on = wrong;
    ck_assert_int_eq(member_check(member, NULL), E_INVALID);
    mandate.signed_on = signed_on;
    mandate.revoked_on = earlier;
    ck_assert_int_eq(member_check(member, NULL), E_INVALID);
    mandate.revoked_on = none;
    mandate.contest_days = 366;
    ck_assert_int_eq(member_check(member, NULL), E_INVALID);
    mandate.contest_days = 0;
    creditor[2] = '3';
    ck_assert_int_eq(member_check(member, NULL), E_INVALID);
    memory_release(memory);
    free(memory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("records");
    TCase *cases = tcase_create("records");
    tcase_add_loop_test(cases, lines_are_accepted_or_refused, 0, ARRAY_LEN(rows));
    tcase_add_test(cases, each_column_refuses_an_unknown_text);
    tcase_add_loop_test(cases, lines_refer_to_each_other, 0, ARRAY_LEN(files));
    tcase_add_loop_test(cases, files_come_in_all_forms, 0, ARRAY_LEN(bytes));
    tcase_add_test(cases, messages_are_checked_like_lines);
    tcase_add_test(cases, a_members_terms_outlive_a_file);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
