#include <check.h>
#include <stdlib.h>

#include "core/ident/ident.h"
#include "core/ident/uuid.h"

typedef int (*ident_check)(struct view text, struct fault *fault);

struct ident_row {
    ident_check check;
    const char *text;
    const char *why; /* part of the sentence; NULL: accepted */
};

static void check_rows(const struct ident_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fault fault = FAULT_NONE;
        int err = rows[i].check(view_of(rows[i].text), &fault);
        if (rows[i].why == NULL) {
            ck_assert_msg(err == E_OK, "%s: %s", rows[i].text, fault.text);
        } else {
            ck_assert_msg(err == E_INVALID && strstr(fault.text, rows[i].why) != NULL,
                          "%s: %d, %s", rows[i].text, err, fault.text);
        }
    }
}

START_TEST(companies)
{
    static const struct ident_row rows[] = {
        {ident_siren, "732829320", NULL},
        {ident_siren, "356000000", NULL},
        {ident_siren, "732829321", "mistyped"},
        {ident_siren, "000000000", "mistyped"},
        {ident_siren, "73282932", "9 digits"},
        {ident_siren, "7328293200", "9 digits"},
        {ident_siren, "73282932a", "9 digits"},
        {ident_siren, "732 829 320", "no space"},
        {ident_siren, "", "the SIREN is empty"},
        {ident_siren, "\xe9", "the SIREN is wrong"},
        {ident_siret, "73282932000074", NULL},
        {ident_siret, "73282932000075", "mistyped"},
        {ident_siret, "7328293200007", "14 digits"},
        {ident_siret, "35600000000048", NULL}, /* head office of La Poste: Luhn */
        {ident_siret, "35600000049837", NULL}, /* a post office: sum of digits 45 */
        {ident_siret, "35600000049838", "mistyped"},
        {ident_siret, "73282932149837", "mistyped"}, /* wrong SIREN inside */
        {ident_vat, "FR83404833048", NULL},
        {ident_vat, "FR00000000000", "key"},
        {ident_vat, "FR84404833048", "key"},
        {ident_vat, "FR86404833049", "no SIREN"},
        {ident_vat, "FR 83404833048", "11 digits"},
        {ident_vat, "FRXX404833048", "11 digits"},
        {ident_vat, "FR53000004605", NULL}, /* Monaco */
        {ident_vat, "ATU12345678", NULL},
        {ident_vat, "BE0123456789", NULL},
        {ident_vat, "CY12345678X", NULL},
        {ident_vat, "CZ123456789", NULL},
        {ident_vat, "DE123456789", NULL},
        {ident_vat, "DE12345678", "shape"},
        {ident_vat, "EL123456789", NULL},
        {ident_vat, "GR123456789", "Greece is EL"},
        {ident_vat, "ESX1234567A", NULL},
        {ident_vat, "ESX12345678", NULL},
        {ident_vat, "ES12345678X", NULL},
        {ident_vat, "ES123456789", "shape"},
        {ident_vat, "IE1X23456AA", "shape"},
        {ident_vat, "IE1234567AB", NULL},
        {ident_vat, "IE1X34567A", NULL},
        {ident_vat, "LT123456789012", NULL},
        {ident_vat, "LT1234567890", "shape"},
        {ident_vat, "NL123456789B01", NULL},
        {ident_vat, "NL123456789C01", "shape"},
        {ident_vat, "RO12", NULL},
        {ident_vat, "XI123456789", NULL},
        {ident_vat, "de123456789", "no country"},
        {ident_vat, "US123456789", "no country"},
        {ident_vat, "D", "no country"},
        {ident_vat, "", "is empty"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(banks)
{
    /* Examples of the IBAN registry. */
    static const struct ident_row rows[] = {
        {ident_creditor, "FR72ZZZ123456", NULL},
        {ident_creditor, "FR72ABC123456", NULL}, /* the business code does not count */
        {ident_creditor, "DE98ZZZ09999999999", NULL},
        {ident_creditor, "FR72ZZZ123465", "mistyped"},
        {ident_creditor, "FR72ZZZ1234567", "13 characters"},
        {ident_creditor, "US72ZZZ123456", "country"},
        {ident_creditor, "fr72ZZZ123456", "capital"},
        {ident_creditor, "", "country"},
        {ident_mandate, "RUM-000001", NULL},
        {ident_mandate, "Mandat 12/2026 (a+b)", NULL},
        {ident_mandate, "12345678901234567890123456789012345", NULL},
        {ident_mandate, "123456789012345678901234567890123456", "1 to 35"},
        {ident_mandate, "RUM-é", "1 to 35"},
        {ident_mandate, "RUM_1", "1 to 35"},
        {ident_mandate, "/RUM", "no /"},
        {ident_mandate, "RUM/", "no /"},
        {ident_mandate, "RUM//1", "no //"},
        {ident_mandate, "", "is empty"},
        {ident_country, "FR", NULL},
        {ident_country, "RE", NULL},
        {ident_country, "ZW", NULL},
        {ident_country, "UK", "Kingdom is GB"},
        {ident_country, "EL", "Greece GR"},
        {ident_country, "ZZ", "two capital"},
        {ident_country, "SS", "BR-CL-14"},
        {ident_country, "fr", "two capital"},
        {ident_country, "F", "two capital"},
        {ident_country, "", "is empty"},
        {ident_iban, "FR1420041010050500013M02606", NULL},
        {ident_iban, "DE89370400440532013000", NULL},
        {ident_iban, "BE68539007547034", NULL},
        {ident_iban, "ES9121000418450200051332", NULL},
        {ident_iban, "GB29NWBK60161331926819", NULL},
        {ident_iban, "MT84MALT011000012345MTLCAST001S", NULL},
        {ident_iban, "NO9386011117947", NULL},
        {ident_iban, "CH9300762011623852957", NULL},
        {ident_iban, "FR1420041010050500013M02607", "mistyped"},
        {ident_iban, "FR1420041010050500103M02606", "mistyped"}, /* two digits swapped */
        {ident_iban, "FR1420041010050500013M0260", "too short"},
        {ident_iban, "FR1420041010050500013M026066", "too long"},
        {ident_iban, "FR14 2004 1010 0505 0001 3M02 606", "no space"},
        {ident_iban, "fr1420041010050500013m02606", "capital"},
        {ident_iban, "BR9700360305000010009795493P1", "no country"},
        {ident_iban, "FRA420041010050500013M02606", "mistyped"},
        {ident_iban, "", "is empty"},
        {ident_bic, "BNPAFRPP", NULL},
        {ident_bic, "TESTFRPPXXX", NULL},
        {ident_bic, "PSSTFRPPTOU", NULL},
        {ident_bic, "BNPAFRPPXX", "branch"},
        {ident_bic, "bnpafrpp", "capitals"},
        {ident_bic, "BNP1FRPP", "letters"},
        {ident_bic, "BNPAFR0P", "place"},
        {ident_bic, "BNPAFR1P", "place"},
        {ident_bic, "BNPAFRPO", "place"},
        {ident_bic, "", "is empty"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    /* 97 more leaves the same remainder: 00, 01 and 99 stand for 97, 98 and 02. Each BBAN has one
     * right key, whatever it is. */
    int bban_keys[100] = {0};
    for (int bban = 0; bban < 100; bban++) {
        int right = 0;
        for (int key = 0; key < 100; key++) {
            char text[28];
            snprintf(text, sizeof(text), "BE%02d5390075470%02d", key, bban);
            bool ok = ident_iban(view_of(text), NULL) == E_OK;
            right += ok;
            bban_keys[key] += ok;
        }
        ck_assert_int_eq(right, 1);
    }
    ck_assert_int_eq(bban_keys[0] + bban_keys[1] + bban_keys[99], 0);
}
END_TEST

START_TEST(reference_network)
{
    static const struct {
        const char *siren, *siret, *vat, *iban;
    } rows[] = {
        {"991718396", "99171839600013", "FR09991718396", "FR7699999194420874138443686"},
        {"999283138", "99928313800017", "", ""},
        {"990248007", "99024800700017", "", "FR7699999346794062642190519"},
        {"996422929", "99642292900017", "", ""},
        {"994183010", "99418301000010", "FR26994183010", "FR7699999137474047657877860"},
        {"998059174", "99805917400016", "FR61998059174", "FR7699999721172172321668481"},
        {"996853115", "99685311500011", "", "FR7699999481199786907366238"},
        {"991908708", "99190870800019", "", ""},
        {"998373443", "99837344300014", "", "FR7699999287566199879686471"},
        {"997286505", "99728650500018", "FR63997286505", "FR7699999917044309127720864"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct ident_row checks[] = {
            {ident_siren, rows[i].siren, NULL},
            {ident_siret, rows[i].siret, NULL},
            {ident_iban, rows[i].iban, NULL},
            {ident_vat, rows[i].vat, NULL},
        };
        for (size_t k = 0; k < ARRAY_LEN(checks); k++) {
            check_rows(checks + k, checks[k].text[0] != '\0');
        }
    }
}
END_TEST

START_TEST(places_and_ids)
{
    static const struct ident_row rows[] = {
        {ident_insee, "31555", NULL},
        {ident_insee, "01001", NULL},
        {ident_insee, "95690", NULL},
        {ident_insee, "2A004", NULL},
        {ident_insee, "2B033", NULL},
        {ident_insee, "97411", NULL},
        {ident_insee, "98818", NULL},
        {ident_insee, "2C033", "5 characters"},
        {ident_insee, "2a004", "5 characters"},
        {ident_insee, "20004", "département"},
        {ident_insee, "00123", "département"},
        {ident_insee, "96001", "département"},
        {ident_insee, "97901", "département"},
        {ident_insee, "97001", "département"},
        {ident_insee, "98301", "département"},
        {ident_insee, "99100", "département"},
        {ident_insee, "31000", "commune"},
        {ident_insee, "97100", "commune"},
        {ident_insee, "2A000", "commune"},
        {ident_insee, "3155", "5 characters"},
        {ident_insee, "", "is empty"},
        {ident_slug, "s001", NULL},
        {ident_slug, "e002-p1-c1", NULL},
        {ident_slug, "7", NULL},
        {ident_slug, "abcdefghijklmnopqrstuvwxyz-0123456789012", NULL},
        {ident_slug, "abcdefghijklmnopqrstuvwxyz-01234567890123", "1 to 40"},
        {ident_slug, "-s001", "begins with"},
        {ident_slug, "S001", "a-z"},
        {ident_slug, "s_1", "a-z"},
        {ident_slug, "é", "a-z"},
        {ident_slug, "", "is empty"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}
END_TEST

START_TEST(luhn_finds_what_it_promises)
{
    ck_assert_int_eq(luhn_digit(VIEW_LIT("7992739871")), '3');
    ck_assert_int_eq(luhn_digit(VIEW_NONE), '0');
    ck_assert(luhn_holds(VIEW_LIT("79927398713")));
    ck_assert(!luhn_holds(VIEW_LIT("0")));
    ck_assert(!luhn_holds(VIEW_LIT("7992739871x")));
    ck_assert(!luhn_holds(VIEW_LIT("799273-8713")));
    int escaped = 0;
    for (unsigned n = 0; n < 100000; n += 37) {
        char text[8];
        snprintf(text, sizeof(text), "%05u", n);
        text[5] = luhn_digit(view_bytes(text, 5));
        struct view number = view_bytes(text, 6);
        if (!luhn_holds(number)) {
            ck_abort_msg("%s", text);
        }
        for (int i = 0; i < 6; i++) {
            char right = text[i];
            for (char c = '0'; c <= '9'; c++) {
                text[i] = c;
                escaped += luhn_holds(number) != (c == right);
            }
            text[i] = right;
            if (i < 5 && right != text[i + 1] && right + text[i + 1] != '0' + '9') {
                text[i] = text[i + 1];
                text[i + 1] = right;
                escaped += luhn_holds(number);
                text[i + 1] = text[i];
                text[i] = right;
            }
        }
    }
    ck_assert_int_eq(escaped, 0);
}
END_TEST

START_TEST(uuids)
{
    static const char *const good[] = {
        "01a0f609-b58e-7e4d-8286-6d5370d0be9e", "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct uuid uuid;
        char text[UUID_TEXT_LEN + 1];
        ck_assert_int_eq(uuid_parse(view_of(good[i]), &uuid), E_OK);
        uuid_format(uuid, text);
        ck_assert_str_eq(text, good[i]);
    }
    static const char *const bad[] = {
        "", "01A0F609-b58e-7e4d-8286-6d5370d0be9e", "01a0f609b58e7e4d82866d5370d0be9e",
        "01a0f609-b58e-7e4d-8286-6d5370d0be9",      "01a0f609-b58e-7e4d-8286-6d5370d0be9g",
        "01a0f609-b58e-7e4d-8286_6d5370d0be9e",     "{1a0f609-b58e-7e4d-8286-6d5370d0be9}",
        "01a0f609-b58e-7e4d-8286-6d5370d0be9e ",    "01a0f609-b58e7-e4d-8286-6d5370d0be9e"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct uuid uuid = {{42}};
        ck_assert_msg(uuid_parse(view_of(bad[i]), &uuid) == E_INVALID, "%s", bad[i]);
        ck_assert_int_eq(uuid.bytes[0], 42);
    }
    /* RFC 9562 appendix A.6. */
    static const uint8_t chance[10] = {0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f};
    struct uuid made = uuid_v7(0x017f22e279b0, chance);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(made, text);
    ck_assert_str_eq(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    int64_t utc_ms = 42;
    ck_assert_int_eq(uuid_time_ms(made, &utc_ms), E_OK);
    ck_assert_int_eq(utc_ms, 0x017f22e279b0);
    struct uuid later = uuid_v7(0x017f22e279b1, (const uint8_t[10]){0});
    ck_assert_int_eq(uuid_compare(made, later), -1);
    ck_assert_int_eq(uuid_compare(later, made), 1);
    ck_assert_int_eq(uuid_compare(made, made), 0);
    ck_assert(uuid_equal(made, made) && !uuid_equal(made, later));
    ck_assert_int_eq(uuid_time_ms(uuid_v7(((int64_t)1 << 48) - 1, chance), &utc_ms), E_OK);
    ck_assert_int_eq(utc_ms, ((int64_t)1 << 48) - 1);
    struct uuid other = made;
    other.bytes[6] = 0x4c;
    ck_assert_int_eq(uuid_time_ms(other, &utc_ms), E_INVALID);
    other = made;
    other.bytes[8] = 0xc4;
    ck_assert_int_eq(uuid_time_ms(other, &utc_ms), E_INVALID);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ident");
    TCase *cases = tcase_create("ident");
    tcase_add_test(cases, companies);
    tcase_add_test(cases, banks);
    tcase_add_test(cases, reference_network);
    tcase_add_test(cases, places_and_ids);
    tcase_add_test(cases, luhn_finds_what_it_promises);
    tcase_add_test(cases, uuids);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
