#include "core/records/columns.h"

#include "core/ident/ident.h"
#include "core/ident/uuid.h"

#define WORDS(name, ...)                                                                           \
    static const struct record_word name##_list[] = {__VA_ARGS__};                                 \
    static const struct record_words name = {name##_list, ARRAY_LEN(name##_list)}

WORDS(sector_words, {PASSERELLE__V1__SECTOR__SECTOR_PUBLIC, "public"},
      {PASSERELLE__V1__SECTOR__SECTOR_PRIVATE, "private"});
WORDS(regime_words, {PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD, "standard"},
      {PASSERELLE__V1__VAT_REGIME__VAT_REGIME_FRANCHISE, "franchise"},
      {PASSERELLE__V1__VAT_REGIME__VAT_REGIME_PUBLIC_BODY, "public_body"},
      {PASSERELLE__V1__VAT_REGIME__VAT_REGIME_EXEMPT_ASSOCIATION, "exempt_association"});
WORDS(kind_words, {PASSERELLE__V1__SITE_KIND__SITE_KIND_FIXED, "fixed"},
      {PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT, "itinerant"},
      {PASSERELLE__V1__SITE_KIND__SITE_KIND_EPHEMERAL, "ephemeral"});
WORDS(zone_words, {PASSERELLE__V1__ZONE__ZONE_URBAN, "urban"},
      {PASSERELLE__V1__ZONE__ZONE_PERIURBAN, "periurban"},
      {PASSERELLE__V1__ZONE__ZONE_RURAL, "rural"});
WORDS(weekday_words, {PASSERELLE__V1__WEEKDAY__WEEKDAY_MONDAY, "Mo"},
      {PASSERELLE__V1__WEEKDAY__WEEKDAY_TUESDAY, "Tu"},
      {PASSERELLE__V1__WEEKDAY__WEEKDAY_WEDNESDAY, "We"},
      {PASSERELLE__V1__WEEKDAY__WEEKDAY_THURSDAY, "Th"},
      {PASSERELLE__V1__WEEKDAY__WEEKDAY_FRIDAY, "Fr"},
      {PASSERELLE__V1__WEEKDAY__WEEKDAY_SATURDAY, "Sa"},
      {PASSERELLE__V1__WEEKDAY__WEEKDAY_SUNDAY, "Su"});
WORDS(plan_words, {PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_CARNET, "carnet"},
      {PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION, "subscription"},
      {PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE, "usage"});
WORDS(overage_words, {PASSERELLE__V1__OVERAGE__OVERAGE_CHARGE, "charge"},
      {PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE, "refuse"});
WORDS(medium_words, {PASSERELLE__V1__MEDIUM__MEDIUM_PHONE, "phone"},
      {PASSERELLE__V1__MEDIUM__MEDIUM_CARD, "card"});
WORDS(resource_words, {PASSERELLE__V1__RESOURCE__RESOURCE_DESK, "desk"},
      {PASSERELLE__V1__RESOURCE__RESOURCE_MEETING_ROOM, "meeting_room"},
      {PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH, "booth"});
WORDS(unit_words, {PASSERELLE__V1__UNIT__UNIT_HALF_DAY, "half_day"},
      {PASSERELLE__V1__UNIT__UNIT_DAY, "day"}, {PASSERELLE__V1__UNIT__UNIT_HOUR, "hour"});
WORDS(source_words, {PASSERELLE__V1__SOURCE__SOURCE_ONLINE, "online"},
      {PASSERELLE__V1__SOURCE__SOURCE_OFFLINE, "offline"},
      {PASSERELLE__V1__SOURCE__SOURCE_PAPER, "paper"});
/* The first SERVICE_BASE_COUNT are the socle de base. */
static const struct record_word service_list[] = {
    {0, "wifi"},         {1, "printer"},      {2, "coffee"},       {3, "locker"},
    {4, "phone_booth"},  {5, "fablab"},       {6, "bike_parking"}, {7, "visio"},
    {8, "childcare"},    {9, "fiber"},        {10, "kitchen"},     {11, "meeting_room"},
    {12, "parking"},     {13, "ev_charging"}, {14, "shower"},      {15, "scanner"},
    {16, "event_space"}, {17, "reception"},
};
const struct record_words service_words = {service_list, ARRAY_LEN(service_list)};

const char *record_word_of(const struct record_words *words, int number)
{
    for (size_t i = 0; i < words->count; i++) {
        if (words->words[i].number == number) {
            return words->words[i].word;
        }
    }
    return "";
}

bool record_number_of(const struct record_words *words, struct view word, int *number)
{
    for (size_t i = 0; i < words->count; i++) {
        if (view_is(word, words->words[i].word)) {
            *number = words->words[i].number;
            return true;
        }
    }
    return false;
}

const char *record_resource_word(Passerelle__V1__Resource resource)
{
    return record_word_of(&resource_words, (int)resource);
}

const char *record_zone_word(Passerelle__V1__Zone zone)
{
    return record_word_of(&zone_words, (int)zone);
}

const char *record_unit_word(Passerelle__V1__Unit unit)
{
    return record_word_of(&unit_words, (int)unit);
}

/* ---- what may be empty ---- */

static bool always(const void *record)
{
    (void)record;
    return true;
}

static bool without_subscription(const void *record)
{
    const Passerelle__V1__Plan *plan = record;
    return plan->type != PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION;
}

/* ---- shapes that core/ident has no word for ---- */

static int email_shape(struct view text, struct fault *fault)
{
    size_t at = view_find(text, '@');
    struct view domain = view_slice(text, at + 1, text.len);
    if (at == 0 || domain.len < 3 || view_find(domain, '@') != domain.len ||
        view_find(domain, '.') == domain.len || view_find(text, ' ') != text.len) {
        return fault_set(fault, E_INVALID,
                         "\"%.*s\" is no e-mail address: write it as "
                         "name@example.org",
                         VIEW_FMT(text));
    }
    return 0;
}

static int uuid_shape(struct view text, struct fault *fault)
{
    struct uuid uuid;
    if (uuid_parse(text, &uuid) != E_OK) {
        return fault_set(fault, E_INVALID,
                         "\"%.*s\" is no UUID in lower case: give each stay its "
                         "own",
                         VIEW_FMT(text));
    }
    return 0;
}

/* A word of an open list: the form of a company, the category of a site. */
static int word_shape(struct view text, struct fault *fault)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (i > 0 && ((c >= '0' && c <= '9') || c == '_')))) {
            return fault_set(fault, E_INVALID, "\"%.*s\" is no word of small letters, digits and _",
                             VIEW_FMT(text));
        }
    }
    return 0;
}

/* ---- the tables ---- */

#define AT(member) .offset = offsetof(ROW, member)
#define TEXT(column, member)                                                                       \
    {                                                                                              \
        .name = column, .kind = COLUMN_TEXT, AT(member)                                            \
    }
#define TEXT_OR_NONE(column, member)                                                               \
    {                                                                                              \
        .name = column, .kind = COLUMN_TEXT, AT(member), .blank = always                           \
    }
#define IDENT(column, member, shape)                                                               \
    {                                                                                              \
        .name = column, .kind = COLUMN_TEXT, AT(member), .ident = shape                            \
    }
#define IDENT_OR_NONE(column, member, shape)                                                       \
    {                                                                                              \
        .name = column, .kind = COLUMN_TEXT, AT(member), .ident = shape, .blank = always           \
    }
#define DAY(column, member)                                                                        \
    {                                                                                              \
        .name = column, .kind = COLUMN_DAY, AT(member)                                             \
    }
#define DAY_OR_NONE(column, member)                                                                \
    {                                                                                              \
        .name = column, .kind = COLUMN_DAY, AT(member), .blank = always                            \
    }
#define COUNT(column, member, least, most)                                                         \
    {                                                                                              \
        .name = column, .kind = COLUMN_COUNT, AT(member), .min = least, .max = most                \
    }
#define AMOUNT(column, member)                                                                     \
    {                                                                                              \
        .name = column, .kind = COLUMN_CENTS, AT(member)                                           \
    }
#define FLAG(column, member)                                                                       \
    {                                                                                              \
        .name = column, .kind = COLUMN_FLAG, AT(member)                                            \
    }
#define WORD(column, member, list)                                                                 \
    {                                                                                              \
        .name = column, .kind = COLUMN_WORD, AT(member), .words = &list                            \
    }
#define DEGREES(column, member)                                                                    \
    {                                                                                              \
        .name = column, .kind = COLUMN_DEGREES, AT(member)                                         \
    }
#define MINUTES(column, member)                                                                    \
    {                                                                                              \
        .name = column, .kind = COLUMN_MINUTE, AT(member)                                          \
    }
#define INSTANT(column, member)                                                                    \
    {                                                                                              \
        .name = column, .kind = COLUMN_INSTANT, AT(member)                                         \
    }

#define ROW struct record_member
static const struct record_column member_columns[] = {
    IDENT("member_id", member.member_id, ident_slug),
    TEXT("legal_name", member.legal_name),
    IDENT("legal_form", member.legal_form, word_shape),
    WORD("sector", member.sector, sector_words),
    IDENT("siren", member.siren, ident_siren),
    IDENT("siret", member.siret, ident_siret),
    WORD("vat_regime", member.vat_regime, regime_words),
    IDENT_OR_NONE("vat_id", member.vat_id, ident_vat),
    TEXT("address", member.address),
    TEXT("postcode", member.postcode),
    TEXT("city", member.city),
    IDENT("country", member.country, ident_country),
    IDENT_OR_NONE("iban", account.iban, ident_iban),
    IDENT_OR_NONE("bic", account.bic, ident_bic),
    FLAG("is_operator", member.is_operator),
    FLAG("is_issuer", member.is_issuer),
};
#undef ROW
#define ROW Passerelle__V1__Site
static const struct record_column site_columns[] = {
    IDENT("site_id", site_id, ident_slug),
    IDENT("member_id", member_id, ident_slug),
    TEXT("name", name),
    WORD("kind", kind, kind_words),
    IDENT("insee", insee, ident_insee),
    DEGREES("lat", lat_e5),
    DEGREES("lon", lon_e5),
    WORD("zone", zone, zone_words),
    IDENT("category", category, word_shape),
    {.name = "services",
     .kind = COLUMN_LIST,
     AT(services),
     .count_offset = offsetof(ROW, n_services),
     .words = &service_words,
     .blank = always},
    COUNT("security_level", security_level, 0, 3),
    FLAG("accessible", accessible),
    TEXT_OR_NONE("opening_hours", opening_hours),
    COUNT("desks", desks, 0, RECORD_PLACES_MAX),
    COUNT("meeting_rooms", meeting_rooms, 0, RECORD_ROOMS_MAX),
    COUNT("booths", booths, 0, RECORD_ROOMS_MAX),
    FLAG("hosted", hosted),
    DAY_OR_NONE("first_day", first_day),
    DAY_OR_NONE("last_day", last_day),
};
#undef ROW
#define ROW struct record_stop
static const struct record_column stop_columns[] = {
    IDENT("site_id", site_id, ident_slug),
    WORD("weekday", stop.weekday, weekday_words),
    IDENT("insee", stop.insee, ident_insee),
    DEGREES("lat", stop.lat_e5),
    DEGREES("lon", stop.lon_e5),
    MINUTES("open", stop.open_minute),
    MINUTES("close", stop.close_minute),
};
#undef ROW
#define ROW struct record_employer
static const struct record_column employer_columns[] = {
    IDENT("employer_id", employer.employer_id, ident_slug),
    IDENT("issuer_member_id", employer.issuer_member_id, ident_slug),
    TEXT("legal_name", employer.legal_name),
    WORD("sector", employer.sector, sector_words),
    IDENT("siren", employer.siren, ident_siren),
    IDENT("siret", employer.siret, ident_siret),
    IDENT_OR_NONE("vat_id", employer.vat_id, ident_vat),
    TEXT("address", employer.address),
    TEXT("postcode", employer.postcode),
    TEXT("city", employer.city),
    IDENT("country", employer.country, ident_country),
    TEXT_OR_NONE("buyer_reference", employer.buyer_reference),
    TEXT_OR_NONE("service_code", employer.service_code),
    TEXT_OR_NONE("engagement", employer.engagement),
    IDENT_OR_NONE("iban", mandate.iban, ident_iban),
    IDENT_OR_NONE("bic", mandate.bic, ident_bic),
    IDENT_OR_NONE("mandate_id", mandate.mandate_id, ident_mandate),
    DAY_OR_NONE("mandate_date", mandate.signed_on),
};
#undef ROW
#define ROW Passerelle__V1__Plan
static const struct record_column plan_columns[] = {
    IDENT("plan_id", plan_id, ident_slug),
    IDENT("employer_id", employer_id, ident_slug),
    WORD("type", type, plan_words),
    {.name = "monthly_fee_cents",
     .kind = COLUMN_CENTS,
     AT(monthly_fee_cents),
     .blank = without_subscription},
    {.name = "included_units",
     .kind = COLUMN_COUNT,
     AT(included_units),
     .max = RECORD_UNITS_MAX,
     .blank = without_subscription},
    {.name = "overage",
     .kind = COLUMN_WORD,
     AT(overage),
     .words = &overage_words,
     .blank = without_subscription},
    {.name = "holder_cap_cents", .kind = COLUMN_CENTS, AT(holder_cap_cents), .blank = always},
    {.name = "contract_cap_cents", .kind = COLUMN_CENTS, AT(contract_cap_cents), .blank = always},
};
#undef ROW
#define ROW Passerelle__V1__Carnet
static const struct record_column carnet_columns[] = {
    IDENT("carnet_id", carnet_id, ident_slug),
    IDENT("plan_id", plan_id, ident_slug),
    COUNT("units", units, 1, RECORD_UNITS_MAX),
    AMOUNT("price_cents", price_cents),
    DAY("bought_on", bought_on),
    COUNT("valid_months", valid_months, 1, RECORD_MONTHS_MAX),
};
#undef ROW
/* Names and e-mail may be empty: the person was erased. */
#define ROW Passerelle__V1__Holder
static const struct record_column holder_columns[] = {
    IDENT("holder_id", holder_id, ident_slug), IDENT("employer_id", employer_id, ident_slug),
    IDENT("plan_id", plan_id, ident_slug),     TEXT_OR_NONE("given_name", given_name),
    TEXT_OR_NONE("family_name", family_name),  IDENT_OR_NONE("email", email, email_shape),
    TEXT_OR_NONE("cost_centre", cost_centre),  WORD("medium", medium, medium_words),
    DAY_OR_NONE("active_from", active_from),   DAY_OR_NONE("active_to", active_to),
};
#undef ROW
#define ROW struct record_tariff
static const struct record_column tariff_columns[] = {
    COUNT("version", version, 1, 1000000),
    DAY("valid_from", valid_from),
    IDENT("category", row.category, word_shape),
    WORD("zone", row.zone, zone_words),
    WORD("resource", row.resource, resource_words),
    WORD("unit", row.unit, unit_words),
    AMOUNT("p_cents", row.p_cents),
    AMOUNT("h_cents", row.h_cents),
    AMOUNT("f_cents", row.f_cents),
    AMOUNT("s_cents", row.s_cents),
};
#undef ROW
#define ROW struct record_stay
static const struct record_column stay_columns[] = {
    IDENT("visit_id", visit_id, uuid_shape),
    IDENT("site_id", site_id, ident_slug),
    IDENT("holder_id", holder_id, ident_slug),
    WORD("resource", resource, resource_words),
    INSTANT("check_in", in_utc_ms),
    {.name = "check_out", .kind = COLUMN_INSTANT, AT(out_utc_ms), .blank = always},
    WORD("medium", medium, medium_words),
    WORD("source", source, source_words),
};
#undef ROW

#define NO_TEXT ((char *)(uintptr_t)protobuf_c_empty_string)

static void member_init(void *record)
{
    struct record_member *r = record;
    passerelle__v1__member__init(&r->member);
    passerelle__v1__bank_account__init(&r->account);
}

static void site_init(void *record)
{
    passerelle__v1__site__init(record);
}

static void stop_init(void *record)
{
    struct record_stop *r = record;
    r->site_id = NO_TEXT;
    passerelle__v1__stop__init(&r->stop);
}

static void employer_init(void *record)
{
    struct record_employer *r = record;
    passerelle__v1__employer__init(&r->employer);
    passerelle__v1__sepa_mandate__init(&r->mandate);
}

static void plan_init(void *record)
{
    passerelle__v1__plan__init(record);
}

static void carnet_init(void *record)
{
    passerelle__v1__carnet__init(record);
}

static void holder_init(void *record)
{
    passerelle__v1__holder__init(record);
}

static void tariff_row_init(void *record)
{
    struct record_tariff *r = record;
    r->version = 0;
    r->valid_from = NO_TEXT;
    passerelle__v1__tariff_row__init(&r->row);
}

static void stay_init(void *record)
{
    *(struct record_stay *)record =
        (struct record_stay){.visit_id = NO_TEXT, .site_id = NO_TEXT, .holder_id = NO_TEXT};
}

#define TABLE(number, file, one, list, type, init_function, rules)                                 \
    {                                                                                              \
        .table = PASSERELLE__V1__TABLE__TABLE_##number, .name = file, .noun = one,                 \
        .columns = list, .count = ARRAY_LEN(list), .size = sizeof(type), .init = init_function,    \
        .check = rules                                                                             \
    }

static const struct record_table tables[] = {
    TABLE(MEMBERS, "members", "member", member_columns, struct record_member, member_init,
          member_rules),
    TABLE(SITES, "sites", "site", site_columns, Passerelle__V1__Site, site_init, site_rules),
    TABLE(STOPS, "stops", "stop", stop_columns, struct record_stop, stop_init, stop_rules),
    TABLE(EMPLOYERS, "employers", "employer", employer_columns, struct record_employer,
          employer_init, employer_rules),
    TABLE(PLANS, "plans", "plan", plan_columns, Passerelle__V1__Plan, plan_init, plan_rules),
    TABLE(CARNETS, "carnets", "carnet", carnet_columns, Passerelle__V1__Carnet, carnet_init, NULL),
    TABLE(HOLDERS, "holders", "holder", holder_columns, Passerelle__V1__Holder, holder_init,
          holder_rules),
    TABLE(TARIFFS, "tariffs", "tariff row", tariff_columns, struct record_tariff, tariff_row_init,
          tariff_row_rules),
    TABLE(VISITS, "visits", "stay", stay_columns, struct record_stay, stay_init, stay_rules),
};

const struct record_table *record_table(Passerelle__V1__Table table)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        if (tables[i].table == table) {
            return &tables[i];
        }
    }
    return NULL;
}
