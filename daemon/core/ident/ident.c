#include "core/ident/ident.h"

#include <assert.h>

#include "base/text.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool all_digits(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
    }
    return true;
}

/* A sentence about a text that a stranger wrote: shown when it is short and printable. */
static int refuse(struct fault *fault, const char *what, struct view text, const char *why)
{
    enum { SHOWN_MAX = 48 };
    if (text.len == 0) {
        return fault_set(fault, E_INVALID, "the %s is empty: %s", what, why);
    }
    if (text.len > SHOWN_MAX || !text_is_printable(text)) {
        return fault_set(fault, E_INVALID, "the %s is wrong: %s", what, why);
    }
    return fault_set(fault, E_INVALID, "the %s \"%.*s\" is wrong: %s", what, VIEW_FMT(text), why);
}

/* The weighted sum when the digit that follows `digits` would have weight 1. */
static unsigned luhn_sum(struct view digits)
{
    unsigned sum = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)(digits.data[digits.len - 1 - i] - '0');
        unsigned doubled = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += i % 2 == 0 ? doubled : digit;
    }
    return sum;
}

char luhn_digit(struct view digits)
{
    assert(all_digits(digits));
    return (char)('0' + (10 - luhn_sum(digits) % 10) % 10);
}

bool luhn_holds(struct view digits)
{
    return digits.len >= 2 && all_digits(digits) &&
           luhn_digit(view_slice(digits, 0, digits.len - 1)) == digits.data[digits.len - 1];
}

static bool siren_holds(struct view text)
{
    return text.len == 9 && luhn_holds(text) && !view_is(text, "000000000");
}

int ident_siren(struct view text, struct fault *fault)
{
    if (text.len != 9 || !all_digits(text)) {
        return refuse(fault, "SIREN", text, "it has 9 digits and no space");
    }
    if (!siren_holds(text)) {
        return refuse(fault, "SIREN", text, "its check digit does not fit, a digit was mistyped");
    }
    return E_OK;
}

static bool la_poste_holds(struct view siret)
{
    unsigned sum = 0;
    for (size_t i = 0; i < siret.len; i++) {
        sum += (unsigned)(siret.data[i] - '0');
    }
    return view_starts(siret, "356000000") && sum % 5 == 0;
}

int ident_siret(struct view text, struct fault *fault)
{
    if (text.len != 14 || !all_digits(text)) {
        return refuse(fault, "SIRET", text, "it has 14 digits and no space");
    }
    if (!siren_holds(view_slice(text, 0, 9)) || !(luhn_holds(text) || la_poste_holds(text))) {
        return refuse(fault, "SIRET", text, "its check digits do not fit, a digit was mistyped");
    }
    return E_OK;
}

/* Lengths by ISO 13616 of the countries in SEPA's geographical scope (EPC409-09). */
static const struct {
    char country[3];
    uint8_t len;
} iban_lengths[] = {
    {"AD", 24}, {"AL", 28}, {"AT", 20}, {"BE", 16}, {"BG", 22}, {"CH", 21}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DK", 18}, {"EE", 20}, {"ES", 24}, {"FI", 18}, {"FR", 27}, {"GB", 22}, {"GI", 23},
    {"GR", 27}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IS", 26}, {"IT", 27}, {"LI", 21}, {"LT", 20},
    {"LU", 20}, {"LV", 21}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MT", 31}, {"NL", 18},
    {"NO", 15}, {"PL", 28}, {"PT", 25}, {"RO", 24}, {"RS", 22}, {"SE", 24}, {"SI", 19}, {"SK", 24},
    {"SM", 27}, {"VA", 22},
};

static size_t iban_length(struct view text)
{
    for (size_t i = 0; i < ARRAY_LEN(iban_lengths); i++) {
        if (view_starts(text, iban_lengths[i].country)) {
            return iban_lengths[i].len;
        }
    }
    return 0;
}

/* ISO 7064 MOD 97-10 over the text turned by four, letters as two digits. */
static unsigned iban_remainder(struct view text)
{
    unsigned remainder = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[(i + 4) % text.len];
        if (is_digit(c)) {
            remainder = (remainder * 10 + (unsigned)(c - '0')) % 97;
        } else {
            remainder = (remainder * 100 + (unsigned)(c - 'A' + 10)) % 97;
        }
    }
    return remainder;
}

int ident_iban(struct view text, struct fault *fault)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]) && !is_upper(text.data[i])) {
            return refuse(fault, "IBAN", text, "it has capital letters and digits only, no space");
        }
    }
    size_t len = iban_length(text);
    if (len == 0) {
        return refuse(fault, "IBAN", text, "it begins with no country of SEPA");
    }
    if (text.len != len) {
        return refuse(fault, "IBAN", text, "it is too short or too long for its country");
    }
    /* 00, 01 and 99 would leave the same remainder as 97, 98 and 02. */
    struct view key = view_slice(text, 2, 4);
    if (!all_digits(key) || view_is(key, "00") || view_is(key, "01") || view_is(key, "99") ||
        iban_remainder(text) != 1) {
        return refuse(fault, "IBAN", text, "its check digits do not fit, something was mistyped");
    }
    return E_OK;
}

/* '0' stands for a digit, '@' for a capital letter, '*' for either, other characters for
 * themselves. */
static bool has_shape(struct view text, const char *shape)
{
    if (text.len != strlen(shape)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool fits = shape[i] == '0'   ? is_digit(c)
                    : shape[i] == '@' ? is_upper(c)
                    : shape[i] == '*' ? is_digit(c) || is_upper(c)
                                      : c == shape[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

int ident_creditor(struct view text, struct fault *fault)
{
    enum { HEAD = 4, BUSINESS = 3, TEXT_MAX = 35 };
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]) && !is_upper(text.data[i])) {
            return refuse(fault, "creditor identifier", text,
                          "it has capital letters and digits only, no space");
        }
    }
    bool french = view_starts(text, "FR");
    if (iban_length(text) == 0 || (french ? text.len != 13 : text.len <= HEAD + BUSINESS) ||
        text.len > TEXT_MAX) {
        return refuse(fault, "creditor identifier", text,
                      "it begins with a country of SEPA, and has 13 characters in France, 8 to 35 "
                      "elsewhere");
    }
    char counted[TEXT_MAX];
    size_t len = text.len - BUSINESS;
    memcpy(counted, text.data, HEAD);
    memcpy(counted + HEAD, text.data + HEAD + BUSINESS, len - HEAD);
    struct view key = view_slice(text, 2, HEAD);
    if (!all_digits(key) || view_is(key, "00") || view_is(key, "01") || view_is(key, "99") ||
        iban_remainder(view_bytes(counted, len)) != 1) {
        return refuse(fault, "creditor identifier", text,
                      "its check digits do not fit, something was mistyped");
    }
    return E_OK;
}

int ident_bic(struct view text, struct fault *fault)
{
    if (!has_shape(text, "@@@@@@**") && !has_shape(text, "@@@@@@*****")) {
        return refuse(fault, "BIC", text,
                      "it has 4 letters of the bank, 2 of the country, 2 of the place and none or "
                      "3 of the branch, in capitals");
    }
    /* pain.001.001.03: the place has no 0 or 1 first, and no O second. */
    if (text.data[6] == '0' || text.data[6] == '1' || text.data[7] == 'O') {
        return refuse(fault, "BIC", text, "its place (characters 7 and 8) does not exist");
    }
    return E_OK;
}

/* What may follow each prefix; a country with several shapes has several rows. */
static const struct {
    char country[3];
    const char *shape;
} vat_shapes[] = {
    {"AT", "U00000000"},    {"BE", "0000000000"},   {"BG", "000000000"},  {"BG", "0000000000"},
    {"CY", "00000000@"},    {"CZ", "00000000"},     {"CZ", "000000000"},  {"CZ", "0000000000"},
    {"DE", "000000000"},    {"DK", "00000000"},     {"EE", "000000000"},  {"EL", "000000000"},
    {"ES", "@0000000*"},    {"ES", "00000000@"},    {"FI", "00000000"},   {"HR", "00000000000"},
    {"HU", "00000000"},     {"IE", "0000000@"},     {"IE", "0000000@@"},  {"IE", "0@00000@"},
    {"IT", "00000000000"},  {"LT", "000000000"},    {"LT", "000000000000"},
    {"LU", "00000000"},     {"LV", "00000000000"},  {"MT", "00000000"},   {"NL", "000000000B00"},
    {"PL", "0000000000"},   {"PT", "000000000"},    {"RO", "00"},         {"RO", "000"},
    {"RO", "0000"},         {"RO", "00000"},        {"RO", "000000"},     {"RO", "0000000"},
    {"RO", "00000000"},     {"RO", "000000000"},    {"RO", "0000000000"}, {"SE", "000000000000"},
    {"SI", "00000000"},     {"SK", "0000000000"},   {"XI", "000000000"},  {"XI", "000000000000"},
};

static int vat_check_french(struct view text, struct fault *fault)
{
    if (!has_shape(text, "FR00000000000")) {
        return refuse(fault, "VAT number", text, "a French one is FR and 11 digits, no space");
    }
    struct view siren = view_slice(text, 4, 13);
    unsigned number = 0;
    for (size_t i = 0; i < siren.len; i++) {
        number = number * 10 + (unsigned)(siren.data[i] - '0');
    }
    unsigned key = (unsigned)(text.data[2] - '0') * 10 + (unsigned)(text.data[3] - '0');
    if (key != (12 + 3 * (number % 97)) % 97) {
        return refuse(fault, "VAT number", text, "its key does not fit its SIREN");
    }
    if (!view_starts(siren, "000") && !siren_holds(siren)) {
        return refuse(fault, "VAT number", text, "its last 9 digits are no SIREN");
    }
    return E_OK;
}

int ident_vat(struct view text, struct fault *fault)
{
    if (view_starts(text, "FR")) {
        return vat_check_french(text, fault);
    }
    bool country_known = false;
    for (size_t i = 0; i < ARRAY_LEN(vat_shapes); i++) {
        if (view_starts(text, vat_shapes[i].country)) {
            country_known = true;
            if (has_shape(view_slice(text, 2, text.len), vat_shapes[i].shape)) {
                return E_OK;
            }
        }
    }
    return refuse(fault, "VAT number", text,
                  country_known ? "it does not have the shape of its country's, without spaces"
                                : "it begins with no country of the EU (Greece is EL)");
}

int ident_insee(struct view text, struct fault *fault)
{
    static const char why[] = "it has 5 characters: the département (01-95, 2A, 2B, 971-978, "
                              "984-989) and the number of the commune";
    bool corsica = has_shape(text, "2A000") || has_shape(text, "2B000");
    if (!corsica && !has_shape(text, "00000")) {
        return refuse(fault, "commune code", text, why);
    }
    int two = corsica ? 2 : (text.data[0] - '0') * 10 + (text.data[1] - '0');
    int third = text.data[2] - '0';
    bool overseas = (two == 97 && third >= 1 && third <= 8) || (two == 98 && third >= 4);
    bool mainland = corsica || (two >= 1 && two <= 95 && two != 20);
    struct view commune = view_slice(text, overseas ? 3 : 2, 5);
    if ((!overseas && !mainland) || view_is(commune, "000") || view_is(commune, "00")) {
        return refuse(fault, "commune code", text, why);
    }
    return E_OK;
}

/* ISO 3166-1, as of 2026, but for SS: the rules of EN 16931 (1.3.16, BR-CL-14) take South Sudan in
 * UBL and not in CII. */
static const char countries[] =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN "
    "BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ "
    "DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL "
    "GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM "
    "JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME "
    "MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP "
    "NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD "
    "SE SG SH SI SJ SK SL SM SN SO SR ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO "
    "TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

int ident_country(struct view text, struct fault *fault)
{
    struct view rest = view_of(countries);
    struct view country;
    while (view_cut(&rest, ' ', &country)) {
        if (view_equal(country, text)) {
            return E_OK;
        }
    }
    if (view_is(text, "SS")) {
        return refuse(fault, "country", text,
                      "no invoice in CII may name South Sudan (EN 16931, BR-CL-14)");
    }
    return refuse(fault, "country", text,
                  "give the two capital letters of ISO 3166-1, as FR (the United Kingdom is GB, "
                  "Greece GR)");
}

int ident_mandate(struct view text, struct fault *fault)
{
    bool ok = text.len >= 1 && text.len <= IDENT_MANDATE_MAX && text.data[0] != '/' &&
              text.data[text.len - 1] != '/';
    for (size_t i = 0; ok && i < text.len; i++) {
        char c = text.data[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c);
        bool sign = c != '\0' && strchr("+?/-:().,' ", c) != NULL;
        ok = (letter || sign) && (c != '/' || i == 0 || text.data[i - 1] != '/');
    }
    if (!ok) {
        return refuse(fault, "mandate reference", text,
                      "SEPA takes 1 to 35 of A-Z, a-z, 0-9, space and + ? / - : ( ) . , ', with no "
                      "/ at its ends and no //");
    }
    return E_OK;
}

int ident_slug(struct view text, struct fault *fault)
{
    bool ok = text.len >= 1 && text.len <= IDENT_SLUG_MAX && text.data[0] != '-';
    for (size_t i = 0; ok && i < text.len; i++) {
        char c = text.data[i];
        ok = is_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
    }
    if (!ok) {
        return refuse(fault, "id", text, "it has 1 to 40 of a-z, 0-9 and \"-\", and begins with a "
                                         "letter or digit");
    }
    return E_OK;
}
