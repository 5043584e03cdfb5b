/* What the columns alone do not say. */
#include <assert.h>

#include "base/text.h"
#include "core/day/opening_hours.h"
#include "core/ident/ident.h"
#include "core/records/columns.h"

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

/* ---- legal entities: what members and employers share ---- */

struct legal {
    const char *siren, *siret, *vat_id, *postcode, *country;
};

static int legal_rules(const struct legal *legal, struct fault *fault)
{
    if (strncmp(legal->siret, legal->siren, strlen(legal->siren)) != 0) {
        return fault_set(fault, E_INVALID,
                         "siret: it does not begin with the SIREN %s: correct one of the two",
                         legal->siren);
    }
    if (strncmp(legal->vat_id, "FR", 2) == 0 && strcmp(legal->vat_id + 4, legal->siren) != 0) {
        return fault_set(fault, E_INVALID,
                         "vat_id: it does not end with the SIREN %s: correct one of the two",
                         legal->siren);
    }
    size_t digits = strspn(legal->postcode, "0123456789");
    if (strcmp(legal->country, "FR") == 0 && (digits != 5 || legal->postcode[5] != '\0')) {
        return fault_set(fault, E_INVALID,
                         "postcode: \"%s\" has not the five digits of a French "
                         "one",
                         legal->postcode);
    }
    return 0;
}

/* An IBAN stands alone; a BIC never does. */
static int bank_rules(const char *iban, const char *bic, struct fault *fault)
{
    if (is_set(bic) && !is_set(iban)) {
        return fault_set(fault, E_INVALID, "bic: there is no IBAN beside it: give both or none");
    }
    return 0;
}

/* What no column of members.csv holds. */
static int invoicing_rules(const Passerelle__V1__Member *m, struct fault *fault)
{
    enum { CONTEST_DAYS_MAX = 365 };
    const Passerelle__V1__SelfBillingMandate *mandate = m->self_billing_mandate;
    struct fault own = FAULT_NONE;
    struct day signed_on, revoked_on;
    if (is_set(m->sepa_creditor_id) && ident_creditor(view_of(m->sepa_creditor_id), &own) != E_OK) {
        return fault_set(fault, E_INVALID, "sepa_creditor_id: %s", own.text);
    }
    if (mandate == NULL) {
        return 0;
    }
    if (day_parse(view_of(mandate->signed_on), &signed_on) != E_OK) {
        return fault_set(fault, E_INVALID,
                         "self_billing_mandate.signed_on: \"%s\" is no day: write the day of the "
                         "signature as 2026-10-01",
                         mandate->signed_on);
    }
    if (mandate->contest_days > CONTEST_DAYS_MAX) {
        return fault_set(fault, E_INVALID,
                         "self_billing_mandate.contest_days: %u is out of range: give 0 to %d",
                         mandate->contest_days, (int)CONTEST_DAYS_MAX);
    }
    if (is_set(mandate->revoked_on) &&
        (day_parse(view_of(mandate->revoked_on), &revoked_on) != E_OK ||
         day_compare(revoked_on, signed_on) < 0)) {
        return fault_set(fault, E_INVALID,
                         "self_billing_mandate.revoked_on: write a day as 2026-10-01, not before "
                         "the signature");
    }
    return 0;
}

int member_rules(const void *record, struct fault *fault)
{
    const struct record_member *r = record;
    const Passerelle__V1__Member *m = &r->member;
    struct legal legal = {m->siren, m->siret, m->vat_id, m->postcode, m->country};
    int err = legal_rules(&legal, fault);
    if (err != 0) {
        return err;
    }
    if (m->vat_regime == PASSERELLE__V1__VAT_REGIME__VAT_REGIME_STANDARD && !is_set(m->vat_id)) {
        return fault_set(fault, E_INVALID,
                         "vat_id: a member that charges VAT needs its number: "
                         "give it, or another vat_regime");
    }
    if (m->vat_regime == PASSERELLE__V1__VAT_REGIME__VAT_REGIME_PUBLIC_BODY &&
        m->sector != PASSERELLE__V1__SECTOR__SECTOR_PUBLIC) {
        return fault_set(fault, E_INVALID,
                         "vat_regime: public_body is for the public sector: "
                         "correct one of the two");
    }
    err = invoicing_rules(m, fault);
    return err != 0 ? err : bank_rules(r->account.iban, r->account.bic, fault);
}

int employer_rules(const void *record, struct fault *fault)
{
    enum { SERVICE_CODE_MAX = 100, ENGAGEMENT_MAX = 50 };
    const struct record_employer *r = record;
    const Passerelle__V1__Employer *e = &r->employer;
    struct legal legal = {e->siren, e->siret, e->vat_id, e->postcode, e->country};
    int err = legal_rules(&legal, fault);
    if (err != 0) {
        return err;
    }
    bool any = is_set(r->mandate.iban) || is_set(r->mandate.bic) || is_set(r->mandate.mandate_id) ||
               is_set(r->mandate.signed_on);
    if (any && !(is_set(r->mandate.iban) && is_set(r->mandate.mandate_id) &&
                 is_set(r->mandate.signed_on))) {
        return fault_set(fault, E_INVALID,
                         "mandate_id: a SEPA mandate has an IBAN, a reference "
                         "and a date: give all three or none");
    }
    if (text_length(view_of(e->service_code)) > SERVICE_CODE_MAX) {
        return fault_set(fault, E_INVALID,
                         "service_code: Chorus Pro takes %d characters: give the code of its "
                         "directory",
                         SERVICE_CODE_MAX);
    }
    if (text_length(view_of(e->engagement)) > ENGAGEMENT_MAX) {
        return fault_set(fault, E_INVALID,
                         "engagement: Chorus Pro takes %d characters: give the number that the "
                         "buyer gave",
                         ENGAGEMENT_MAX);
    }
    return 0;
}

/* ---- sites ---- */

struct box {
    int32_t south, north, west, east;
};

/* Metropolitan France with Corsica; the overseas départements and territories have codes from 97.
 */
static int position_rules(const char *insee, int32_t lat_e5, int32_t lon_e5, struct fault *fault)
{
    const struct box metropolitan = {4100000, 5150000, -550000, 1000000};
    const struct box overseas = {-5100000, 4800000, -18000000, 18000000};
    const struct box *box =
        insee[0] == '9' && (insee[1] == '7' || insee[1] == '8') ? &overseas : &metropolitan;
    if (lat_e5 < box->south || lat_e5 > box->north) {
        return fault_set(fault, E_INVALID,
                         "lat: this is not in France: give the latitude north in "
                         "degrees");
    }
    if (lon_e5 < box->west || lon_e5 > box->east) {
        return fault_set(fault, E_INVALID,
                         "lon: this is not in France: give the longitude east in "
                         "degrees");
    }
    return 0;
}

static int services_rules(const Passerelle__V1__Site *site, struct fault *fault)
{
    for (size_t i = 0; i < SERVICE_BASE_COUNT; i++) {
        const char *needed = service_words.words[i].word;
        bool found = false;
        for (size_t k = 0; k < site->n_services && !found; k++) {
            found = strcmp(site->services[k], needed) == 0;
        }
        if (!found) {
            return fault_set(fault, E_INVALID,
                             "services: %s is missing: every site of the network "
                             "has wifi, printer, coffee and locker",
                             needed);
        }
    }
    return 0;
}

static int life_rules(const Passerelle__V1__Site *site, struct fault *fault)
{
    bool ephemeral = site->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_EPHEMERAL;
    if (!ephemeral && (is_set(site->first_day) || is_set(site->last_day))) {
        return fault_set(fault, E_INVALID,
                         "first_day: only an ephemeral site has a first and a "
                         "last day: leave both empty");
    }
    if (ephemeral && !(is_set(site->first_day) && is_set(site->last_day))) {
        return fault_set(fault, E_INVALID,
                         "first_day: an ephemeral site needs its first and its "
                         "last day");
    }
    if (strcmp(site->first_day, site->last_day) > 0) {
        return fault_set(fault, E_INVALID,
                         "last_day: it lies before the first day: correct one of "
                         "the two");
    }
    return 0;
}

int site_rules(const void *record, struct fault *fault)
{
    const Passerelle__V1__Site *site = record;
    struct opening_hours hours;
    struct fault own = FAULT_NONE;
    if (strcmp(site->site_id, "net") == 0 || strcmp(site->site_id, "books") == 0) {
        return fault_set(fault, E_INVALID,
                         "site_id: a feed of the hub is called %s: choose "
                         "another id",
                         site->site_id);
    }
    int err = position_rules(site->insee, site->lat_e5, site->lon_e5, fault);
    if (err == 0) {
        err = services_rules(site, fault);
    }
    if (err == 0) {
        err = life_rules(site, fault);
    }
    if (err != 0) {
        return err;
    }
    if (is_set(site->opening_hours) &&
        (strlen(site->opening_hours) > RECORD_HOURS_MAX ||
         opening_hours_parse(view_of(site->opening_hours), &hours, &own) != E_OK)) {
        return fault_set(fault, E_INVALID, "opening_hours: %s",
                         own.code != 0 ? own.text : "more than 255 characters: shorten them");
    }
    if (site->desks == 0 && site->meeting_rooms == 0 && site->booths == 0) {
        return fault_set(fault, E_INVALID,
                         "desks: the site offers nothing: give it a desk, a room "
                         "or a booth");
    }
    return 0;
}

int stop_rules(const void *record, struct fault *fault)
{
    const struct record_stop *r = record;
    int err = position_rules(r->stop.insee, r->stop.lat_e5, r->stop.lon_e5, fault);
    if (err == 0 && r->stop.open_minute >= r->stop.close_minute) {
        return fault_set(fault, E_INVALID,
                         "close: the stop ends before it begins: correct one of "
                         "the two");
    }
    return err;
}

static int stops_rules(const Passerelle__V1__Site *site, struct fault *fault)
{
    const struct record_table *table = record_table(PASSERELLE__V1__TABLE__TABLE_STOPS);
    if (site->n_stops > 0 && site->kind != PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT) {
        return fault_set(fault, E_INVALID,
                         "stops: only an itinerant site has stops: remove them "
                         "or change its kind");
    }
    if (site->n_stops > RECORD_STOPS_MAX) {
        return fault_set(fault, E_INVALID, "stops: more than %d: give fewer",
                         (int)RECORD_STOPS_MAX);
    }
    for (size_t i = 0; i < site->n_stops; i++) {
        struct record_stop stop = {.site_id = site->site_id, .stop = *site->stops[i]};
        int err = columns_check(table, &stop, fault);
        if (err != 0 || (err = stop_rules(&stop, fault)) != 0) {
            return err;
        }
        for (size_t k = 0; k < i; k++) {
            const Passerelle__V1__Stop *other = site->stops[k];
            if (other->weekday == stop.stop.weekday &&
                other->open_minute < stop.stop.close_minute &&
                stop.stop.open_minute < other->close_minute) {
                return fault_set(fault, E_INVALID,
                                 "stops: two stops of a weekday overlap: correct "
                                 "their hours");
            }
        }
    }
    return 0;
}

/* ---- contracts ---- */

int plan_rules(const void *record, struct fault *fault)
{
    const Passerelle__V1__Plan *plan = record;
    bool subscription = plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION;
    if (!subscription && plan->monthly_fee_cents != 0) {
        return fault_set(fault, E_INVALID,
                         "monthly_fee_cents: only a subscription has a monthly "
                         "fee: leave it empty");
    }
    if (!subscription && plan->included_units != 0) {
        return fault_set(fault, E_INVALID,
                         "included_units: only a subscription includes units: "
                         "leave it empty");
    }
    if (plan->type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE &&
        plan->overage != PASSERELLE__V1__OVERAGE__OVERAGE_UNSPECIFIED) {
        return fault_set(fault, E_INVALID,
                         "overage: a usage plan has no units that could run out: "
                         "leave it empty");
    }
    if (plan->offline_rule < 0 ||
        plan->offline_rule > PASSERELLE__V1__OFFLINE_RULE__OFFLINE_RULE_NEVER) {
        return fault_set(fault, E_INVALID,
                         "offline_rule: this number has no meaning: give always, "
                         "allowance or never");
    }
    return 0;
}

int holder_rules(const void *record, struct fault *fault)
{
    const Passerelle__V1__Holder *holder = record;
    if (is_set(holder->active_from) && is_set(holder->active_to) &&
        strcmp(holder->active_from, holder->active_to) > 0) {
        return fault_set(fault, E_INVALID,
                         "active_to: it lies before active_from: correct one of "
                         "the two");
    }
    return 0;
}

/* ---- tariff ---- */

int tariff_row_rules(const void *record, struct fault *fault)
{
    const Passerelle__V1__TariffRow *row = &((const struct record_tariff *)record)->row;
    bool desk = row->resource == PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    bool hour = row->unit == PASSERELLE__V1__UNIT__UNIT_HOUR;
    if (desk == hour) {
        return fault_set(fault, E_INVALID,
                         "unit: desks are sold by the half_day and day, rooms "
                         "and booths by the hour");
    }
    int64_t margin = row->p_cents + row->s_cents - row->h_cents - row->f_cents;
    if (margin < 0) {
        return fault_set(fault, E_INVALID,
                         "h_cents: the host's share and the fee exceed price and "
                         "subsidy by %lld cents: the issuer would lose money",
                         (long long)-margin);
    }
    return 0;
}

int tariff_check(const Passerelle__V1__TariffVersion *tariff, struct fault *fault)
{
    const struct record_table *table = record_table(PASSERELLE__V1__TABLE__TABLE_TARIFFS);
    if (tariff->n_rows == 0) {
        return fault_set(fault, E_INVALID, "rows: the version has no row: give its prices");
    }
    if (tariff->n_rows > RECORD_TARIFF_ROWS_MAX) {
        return fault_set(fault, E_INVALID, "rows: more than %d: give fewer",
                         (int)RECORD_TARIFF_ROWS_MAX);
    }
    for (size_t i = 0; i < tariff->n_rows; i++) {
        const Passerelle__V1__TariffRow *row = tariff->rows[i];
        struct record_tariff record = {tariff->version, tariff->valid_from, *row};
        int err = columns_check(table, &record, fault);
        if (err != 0 || (err = tariff_row_rules(&record, fault)) != 0) {
            return err;
        }
        for (size_t k = 0; k < i; k++) {
            const Passerelle__V1__TariffRow *other = tariff->rows[k];
            if (other->zone == row->zone && other->resource == row->resource &&
                other->unit == row->unit && strcmp(other->category, row->category) == 0) {
                return fault_set(fault, E_INVALID, "rows: %s/%s/%s/%s is there twice: remove one",
                                 row->category, record_zone_word(row->zone),
                                 record_resource_word(row->resource), record_unit_word(row->unit));
            }
        }
    }
    return 0;
}

int stay_rules(const void *record, struct fault *fault)
{
    const struct record_stay *stay = record;
    if (stay->out_utc_ms != 0 && stay->out_utc_ms < stay->in_utc_ms) {
        return fault_set(fault, E_INVALID,
                         "check_out: it lies before check_in: correct one of the "
                         "two");
    }
    return 0;
}

/* ---- messages ---- */

static int check_whole(Passerelle__V1__Table number, const void *record, struct fault *fault)
{
    const struct record_table *table = record_table(number);
    int err = columns_check(table, record, fault);
    return err == 0 && table->check != NULL ? table->check(record, fault) : err;
}

struct record_member record_of_member(const Passerelle__V1__Member *member,
                                      const Passerelle__V1__BankAccount *account)
{
    struct record_member record;
    record_table(PASSERELLE__V1__TABLE__TABLE_MEMBERS)->init(&record);
    record.member = *member;
    if (account != NULL) {
        record.account = *account;
    }
    return record;
}

void record_of_employer(const Passerelle__V1__Employer *employer, struct record_employer *out)
{
    record_table(PASSERELLE__V1__TABLE__TABLE_EMPLOYERS)->init(out);
    out->employer = *employer;
    if (employer->mandate != NULL) {
        out->mandate = *employer->mandate;
        out->employer.mandate = &out->mandate;
    }
}

int member_check(const Passerelle__V1__Member *member, struct fault *fault)
{
    struct record_member record = record_of_member(member, NULL);
    return check_whole(PASSERELLE__V1__TABLE__TABLE_MEMBERS, &record, fault);
}

int account_check(const Passerelle__V1__BankAccount *account, struct fault *fault)
{
    const struct record_table *table = record_table(PASSERELLE__V1__TABLE__TABLE_MEMBERS);
    if (!is_set(account->iban)) {
        return fault_set(fault, E_INVALID, "iban: it is empty: give a value");
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct record_column *column = &table->columns[i];
        struct fault own = FAULT_NONE;
        bool iban = strcmp(column->name, "iban") == 0, bic = strcmp(column->name, "bic") == 0;
        const char *text = iban ? account->iban : account->bic;
        if ((iban || (bic && is_set(text))) && column->ident(view_of(text), &own) != 0) {
            return fault_set(fault, own.code, "%s: %s", column->name, own.text);
        }
    }
    return 0;
}

int site_check(const Passerelle__V1__Site *site, struct fault *fault)
{
    int err = check_whole(PASSERELLE__V1__TABLE__TABLE_SITES, site, fault);
    return err == 0 ? stops_rules(site, fault) : err;
}

int employer_check(const Passerelle__V1__Employer *employer, struct fault *fault)
{
    struct record_employer record;
    record_of_employer(employer, &record);
    return check_whole(PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, &record, fault);
}

int plan_check(const Passerelle__V1__Plan *plan, struct fault *fault)
{
    return check_whole(PASSERELLE__V1__TABLE__TABLE_PLANS, plan, fault);
}

int carnet_check(const Passerelle__V1__Carnet *carnet, struct fault *fault)
{
    return check_whole(PASSERELLE__V1__TABLE__TABLE_CARNETS, carnet, fault);
}

int holder_check(const Passerelle__V1__Holder *holder, struct fault *fault)
{
    return check_whole(PASSERELLE__V1__TABLE__TABLE_HOLDERS, holder, fault);
}

int stay_check(const struct record_stay *stay, struct fault *fault)
{
    return check_whole(PASSERELLE__V1__TABLE__TABLE_VISITS, stay, fault);
}
