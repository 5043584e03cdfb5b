#include "core/paper/make.h"

#include <assert.h>

#include "base/buf.h"
#include "core/paper/french.h"
#include "core/paper/legal.h"
#include "core/paper/series.h"

#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE
#define KIND_HOST PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_HOST_INVOICE
#define KIND_FEE PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_FEE_INVOICE
#define SECTOR_PUBLIC PASSERELLE__V1__SECTOR__SECTOR_PUBLIC

/* Before any carnet. */
#define DAY_NEVER_PAID ((struct day){INT32_MIN})

/* Everything that one invoice is made from. */
struct making {
    const Passerelle__V1__Document *document;
    const struct paper_terms *terms;
    const struct paper_book *book;
    struct arena *arena;
    struct fault *fault;
    struct paper_member seller;
    struct paper_member buyer;                /* unless the buyer is an employer */
    const Passerelle__V1__Employer *employer; /* unless it is a member */
    struct invoice *out;
};

/* ---- parties ---- */

static int find_member(const struct paper_book *book, const char *id, struct paper_member *out,
                       struct fault *fault)
{
    *out = (struct paper_member){0};
    if (!book->member(book->context, id, out)) {
        return fault_set(fault, E_NOT_FOUND,
                         "the document names the member %s, whom the network does not know", id);
    }
    assert(out->member != NULL);
    return E_OK;
}

static struct invoice_party party_of_member(const Passerelle__V1__Member *member)
{
    return (struct invoice_party){
        .name = view_of(member->legal_name),
        .siren = view_of(member->siren),
        .siret = view_of(member->siret),
        .vat_id = view_of(member->vat_id),
        .address = view_of(member->address),
        .city = view_of(member->city),
        .postcode = view_of(member->postcode),
        .country = view_of(member->country),
    };
}

static struct invoice_party party_of_employer(const Passerelle__V1__Employer *employer)
{
    return (struct invoice_party){
        .name = view_of(employer->legal_name),
        .siren = view_of(employer->siren),
        .siret = view_of(employer->siret),
        .vat_id = view_of(employer->vat_id),
        .address = view_of(employer->address),
        .city = view_of(employer->city),
        .postcode = view_of(employer->postcode),
        .country = view_of(employer->country),
    };
}

static int find_parties(struct making *m)
{
    const Passerelle__V1__Document *document = m->document;
    int err = find_member(m->book, document->seller_member_id, &m->seller, m->fault);
    if (err != E_OK) {
        return err;
    }
    m->out->seller = party_of_member(m->seller.member);
    if (m->out->seller.vat_id.len == 0) {
        m->out->seller.tax_id = m->out->seller.siren; /* BR-S-02, BR-E-02 want BT-31 or BT-32 */
    }
    if (document->kind == KIND_EMPLOYER) {
        m->employer = m->book->employer(m->book->context, document->buyer_id);
        if (m->employer == NULL) {
            return fault_set(m->fault, E_NOT_FOUND,
                             "the document names the employer %s, whom the network does not know",
                             document->buyer_id);
        }
        m->out->buyer = party_of_employer(m->employer);
    } else {
        err = find_member(m->book, document->buyer_id, &m->buyer, m->fault);
        if (err != E_OK) {
            return err;
        }
        m->out->buyer = party_of_member(m->buyer.member);
    }
    if (m->out->seller.siren.len != 9 || m->out->buyer.siren.len != 9) {
        return fault_set(
            m->fault, E_INVALID, "%s has no SIREN, and no invoice can be without: record it",
            m->out->seller.siren.len != 9 ? document->seller_member_id : document->buyer_id);
    }
    return E_OK;
}

static bool may_self_bill(const struct paper_member *host, struct day issued)
{
    return host->mandate && day_compare(host->mandate_signed_on, issued) <= 0 &&
           !(host->mandate_revoked && day_compare(host->mandate_revoked_on, issued) <= 0);
}

int paper_is_numbered(const Passerelle__V1__Document *document, const struct paper_book *book,
                      struct day issued, bool *out, struct fault *fault)
{
    struct paper_member host;
    if (document->kind != KIND_HOST) {
        *out = document->kind == KIND_EMPLOYER || document->kind == KIND_FEE;
        return E_OK;
    }
    int err = find_member(book, document->seller_member_id, &host, fault);
    if (err == E_OK) {
        *out = may_self_bill(&host, issued);
    }
    return err;
}

/* ---- type, number, VAT ---- */

/* BR-FR-01 and BR-FR-02. */
static bool is_number(struct view text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              c == '+' || c == '-' || c == '_' || c == '/')) {
            return false;
        }
    }
    return text.len >= 1 && text.len <= SERIES_TEXT_MAX;
}

static int identify(struct making *m)
{
    struct invoice *out = m->out;
    bool host = m->document->kind == KIND_HOST;
    bool credit = m->document->credit_note;
    out->issued = m->terms->issued;
    out->pro_forma = host && !may_self_bill(&m->seller, out->issued);
    out->type = host ? (credit ? INVOICE_SELF_BILLED_CREDIT : INVOICE_SELF_BILLED)
                     : (credit ? INVOICE_CREDIT : INVOICE_COMMERCIAL);
    out->number = m->terms->number;
    out->preceding = m->terms->preceding;
    out->preceding_count = credit ? m->terms->preceding_count : 0;
    if (out->pro_forma) {
        char *reference = arena_alloc(m->arena, SERIES_TEXT_MAX + 1);
        series_pro_forma(out->seller.siren, out->buyer.siren, month_of(out->to), credit, reference);
        out->number = view_of(reference);
        return E_OK;
    }
    if (!is_number(out->number)) {
        return fault_set(m->fault, E_INVALID,
                         "\"%.*s\" cannot be the number of an invoice: 1 to 35 letters, digits, "
                         "'+', '-', '_' and '/' can",
                         VIEW_FMT(out->number));
    }
    if (credit && out->preceding_count == 0) {
        return fault_set(m->fault, E_INVALID,
                         "the credit note %.*s names no invoice that it corrects: give at least "
                         "one",
                         VIEW_FMT(out->number));
    }
    return E_OK;
}

static int tax(struct making *m)
{
    struct invoice *out = m->out;
    const struct legal_vat *vat = legal_vat_of(m->seller.member->vat_regime, out->issued);
    if (vat == NULL || (uint32_t)vat->basis_points != m->document->vat_basis_points) {
        return fault_set(m->fault, E_CONFLICT,
                         "the month was closed with %u basis points of VAT for %s, and its regime "
                         "of today has another rate: use the member as it was at the close",
                         m->document->vat_basis_points, m->document->seller_member_id);
    }
    out->category = vat->category;
    out->rate = (struct vat_rate){vat->basis_points};
    out->exempt_code = vat->code;
    out->exempt_text = vat->text;
    return E_OK;
}

/* ---- lines ---- */

/* What the carnets of a line have in common. */
struct sold {
    uint32_t units;  /* 0: they differ */
    struct day last; /* on which one was bought */
    bool any;
};

static struct sold carnets_of(const struct making *m, const char *plan_id, struct cents price,
                              struct month month)
{
    struct sold sold = {0};
    const Passerelle__V1__Carnet *carnet;
    for (size_t i = 0; (carnet = m->book->carnet(m->book->context, plan_id, i)) != NULL; i++) {
        struct day bought;
        if (carnet->price_cents != price.cents ||
            day_parse(view_of(carnet->bought_on), &bought) != E_OK ||
            month_of(bought).number != month.number) {
            continue;
        }
        sold.units = !sold.any || sold.units == carnet->units ? carnet->units : 0;
        if (!sold.any || day_compare(sold.last, bought) < 0) {
            sold.last = bought;
        }
        sold.any = true;
    }
    return sold;
}

static const char *unit_code(Passerelle__V1__Unit unit)
{
    switch (unit) {
    case PASSERELLE__V1__UNIT__UNIT_DAY:
        return "DAY";
    case PASSERELLE__V1__UNIT__UNIT_HOUR:
        return "HUR";
    default:
        return "C62";
    }
}

static char *capital(char *text)
{
    if (text[0] >= 'a' && text[0] <= 'z') {
        text[0] = (char)(text[0] - 'a' + 'A');
    }
    return text;
}

static int describe(struct making *m, const Passerelle__V1__DocumentLine *line,
                    struct invoice_line *out, struct day *paid_on)
{
    const Passerelle__V1__Site *site;
    const char *resource = french_resource(line->resource);
    const char *unit = french_unit(line->unit);
    const char *name;
    out->unit = "C62";
    switch (line->kind) {
    case PASSERELLE__V1__LINE_KIND__LINE_KIND_CARNET: {
        struct sold sold = carnets_of(m, line->plan_id, out->price, out->month);
        name = sold.units == 0 ? "Carnet de demi-journées de télétravail"
                               : arena_printf(m->arena, "Carnet de %u demi-journées de télétravail",
                                              sold.units);
        out->item_id = view_of(line->plan_id);
        out->paid = !m->document->credit_note;
        out->note = out->paid ? VIEW_LIT("Payé à l'achat") : VIEW_NONE;
        if (sold.any && day_compare(*paid_on, sold.last) < 0) {
            *paid_on = sold.last;
        }
        break;
    }
    case PASSERELLE__V1__LINE_KIND__LINE_KIND_SUBSCRIPTION:
        name = "Abonnement mensuel au pass télétravail, par titulaire";
        out->item_id = view_of(line->plan_id);
        break;
    case PASSERELLE__V1__LINE_KIND__LINE_KIND_CHARGE:
        name = capital(arena_printf(m->arena, "%s, %s", resource, unit));
        out->unit = unit_code(line->unit);
        break;
    case PASSERELLE__V1__LINE_KIND__LINE_KIND_HOST:
        site = m->book->site(m->book->context, line->site_id);
        if (site == NULL) {
            return fault_set(m->fault, E_NOT_FOUND,
                             "the document names the site %s, which the network does not know",
                             line->site_id);
        }
        name = arena_printf(m->arena, "%s : %s, %s", site->name, resource, unit);
        out->item_id = view_of(line->site_id);
        out->unit = unit_code(line->unit);
        break;
    default:
        name = "Contribution aux services du réseau, par usage facturé";
        break;
    }
    out->name = view_of(name);
    return E_OK;
}

static int corrupt(struct making *m, const char *what)
{
    return fault_set(m->fault, E_CORRUPT,
                     "a document from %s to %s has %s: restore the settlement document from a "
                     "backup",
                     m->document->seller_member_id, m->document->buyer_id, what);
}

static int fill_lines(struct making *m, struct cents *carnets, struct day *paid_on)
{
    const Passerelle__V1__Document *document = m->document;
    struct invoice *out = m->out;
    struct invoice_line *lines = ARENA_ARRAY(m->arena, document->n_lines, struct invoice_line);
    for (size_t i = 0; i < document->n_lines; i++) {
        const Passerelle__V1__DocumentLine *from = document->lines[i];
        struct invoice_line *line = &lines[i];
        line->quantity = document->credit_note ? -from->quantity : from->quantity;
        line->price = CENTS(from->price_cents);
        if (month_parse(view_of(from->month), &line->month) != E_OK || line->quantity <= 0 ||
            line->price.cents < 0 || cents_times(line->price, line->quantity, &line->net) != E_OK ||
            cents_accumulate(&out->net, line->net) != E_OK) {
            return corrupt(m, "a line that cannot be");
        }
        int err = describe(m, from, line, paid_on);
        if (err != E_OK) {
            return err;
        }
        if (line->paid && cents_accumulate(carnets, line->net) != E_OK) {
            return corrupt(m, "a line that cannot be");
        }
        struct day first = month_first(line->month);
        struct day last = month_last(line->month);
        out->from = i == 0 || day_compare(first, out->from) < 0 ? first : out->from;
        out->to = i == 0 || day_compare(last, out->to) > 0 ? last : out->to;
    }
    if (document->n_lines == 0) {
        return corrupt(m, "no line");
    }
    out->lines = lines;
    out->line_count = document->n_lines;
    out->delivered = day_compare(out->to, m->terms->issued) < 0 ? out->to : m->terms->issued;
    return E_OK;
}

static bool only_carnets(const struct invoice *invoice)
{
    for (size_t i = 0; i < invoice->line_count; i++) {
        if (!invoice->lines[i].paid) {
            return false;
        }
    }
    return true;
}

/* RULES 14, EN 16931 BR-CO-10 to 17; what carnets cost was paid when they were bought. */
static int sum(struct making *m, struct cents carnets)
{
    struct invoice *out = m->out;
    int64_t sign = m->document->credit_note ? -1 : 1;
    struct cents carnet_vat;
    if (cents_vat(out->net, out->rate, &out->vat) != E_OK ||
        cents_add(out->net, out->vat, &out->gross) != E_OK ||
        cents_vat(carnets, out->rate, &carnet_vat) != E_OK ||
        cents_add(carnets, carnet_vat, &out->paid) != E_OK) {
        return corrupt(m, "a sum that is too great");
    }
    if (out->net.cents != sign * m->document->net_cents ||
        out->vat.cents != sign * m->document->vat_cents ||
        out->gross.cents != sign * m->document->gross_cents) {
        return corrupt(m, "sums that are not those of its lines");
    }
    assert(out->paid.cents <= out->gross.cents);
    out->payable = CENTS(out->gross.cents - out->paid.cents);
    out->process = only_carnets(out) ? "S2" : "S1";
    return E_OK;
}

/* ---- payment ---- */

static void pay(struct making *m, struct day paid_on)
{
    struct invoice *out = m->out;
    struct invoice_payment *payment = &out->payment;
    const Passerelle__V1__SepaMandate *mandate = m->employer == NULL ? NULL : m->employer->mandate;
    out->due = day_plus(out->issued, m->terms->due_days);
    if (strcmp(out->process, "S2") == 0) {
        out->due = paid_on; /* BR-FR-CO-09: the day of the payment */
        payment->terms = VIEW_LIT("Payé à l'achat des carnets");
        return;
    }
    if (out->payable.cents == 0) {
        payment->terms = VIEW_LIT("Rien ne reste à payer");
        return;
    }
    if (m->employer == NULL) { /* an account here would get it paid twice */
        payment->means = PAYMENT_CLEARING;
        payment->terms = VIEW_LIT("Réglé par compensation dans le règlement mensuel du réseau");
        return;
    }
    payment->terms = view_of(arena_printf(m->arena, "Paiement à %d jours", m->terms->due_days));
    if (invoice_is_credit(out)) {
        payment->means = PAYMENT_CLEARING;
        payment->terms = VIEW_LIT("À déduire de ce qui est dû, ou à rembourser");
        return;
    }
    if (mandate != NULL && mandate->iban[0] != '\0' && mandate->mandate_id[0] != '\0' &&
        m->seller.sepa_creditor_id.len > 0) {
        payment->means = PAYMENT_SEPA_DEBIT;
        payment->mandate = view_of(mandate->mandate_id);
        payment->creditor_id = m->seller.sepa_creditor_id;
        payment->debited_iban = view_of(mandate->iban);
        return;
    }
    payment->means = PAYMENT_UNDEFINED;
    if (m->seller.account != NULL && m->seller.account->iban[0] != '\0') {
        payment->means = PAYMENT_SEPA_TRANSFER;
        payment->iban = view_of(m->seller.account->iban);
        payment->bic = view_of(m->seller.account->bic);
    }
}

/* ---- notes ---- */

/* UBL sets the subject of a note off by '#', and rules look for "#PMT#" in all notes together: a
 * name or a reference that holds one would count. A space parts it. */
static struct view without_marks(struct making *m, const char *text)
{
    struct buf out = BUF_INIT;
    for (; *text != '\0'; text++) {
        buf_byte(&out, *text);
        if (text[0] == '#' && text[1] != '\0') {
            buf_byte(&out, ' ');
        }
    }
    struct view kept = arena_copy(m->arena, buf_content(&out));
    buf_release(&out);
    return kept;
}

static void note(struct making *m, const char *subject, const char *text)
{
    struct invoice *out = m->out;
    assert(out->note_count < INVOICE_NOTES_MAX);
    out->notes[out->note_count++] = (struct invoice_note){
        subject, strchr(text, '#') == NULL ? view_of(text) : without_marks(m, text)};
}

/* Where French VAT holds: the mainland, Guadeloupe, Martinique and La Réunion. */
static bool is_domestic(struct view country)
{
    static const char *const codes[] = {"FR", "GP", "MQ", "RE"};
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        if (view_is(country, codes[i])) {
            return true;
        }
    }
    return false;
}

static void annotate(struct making *m)
{
    struct invoice *out = m->out;
    struct day issued = out->issued;
    bool public_buyer = m->employer != NULL ? m->employer->sector == SECTOR_PUBLIC
                                            : m->buyer.member->sector == SECTOR_PUBLIC;
    note(m, "PMT", legal_mention_of(MENTION_RECOVERY, issued));
    note(m, "PMD", legal_mention_of(public_buyer ? MENTION_LATE_PUBLIC : MENTION_LATE, issued));
    note(m, "AAB", legal_mention_of(MENTION_DISCOUNT, issued));
    note(m, "BAR", is_domestic(out->buyer.country) ? "B2B" : "B2BINT");
    if (out->pro_forma) {
        note(m, NULL, legal_mention_of(MENTION_PRO_FORMA, issued));
    } else if (invoice_is_self_billed(out)) {
        char day[FRENCH_TEXT_MAX];
        french_day(m->seller.mandate_signed_on, day);
        note(m, "REG",
             arena_printf(m->arena,
                          "Autofacturation (%s) : facture établie par %s au nom et pour le compte "
                          "de %s, qui reste redevable de la TVA ; mandat du %s, contestation sous "
                          "%u jours",
                          legal_mention_of(MENTION_SELF_BILLING, issued),
                          m->buyer.member->legal_name, m->seller.member->legal_name, day,
                          m->seller.mandate_contest_days));
    }
    if (m->employer == NULL) {
        return;
    }
    out->engagement = view_of(m->employer->engagement);
    out->buyer_reference = view_of(m->employer->buyer_reference);
    if (m->employer->sector == SECTOR_PUBLIC && m->employer->service_code[0] != '\0') {
        out->buyer_reference = view_of(m->employer->service_code); /* Chorus Pro reads BT-10 */
        out->buyer_service = true;
        if (m->employer->buyer_reference[0] != '\0') {
            note(m, "AAI",
                 arena_printf(m->arena, "Référence de l'acheteur : %s",
                              m->employer->buyer_reference));
        }
    }
}

int paper_invoice(const Passerelle__V1__Document *document, const struct paper_terms *terms,
                  const struct paper_book *book, struct arena *arena, struct invoice *out,
                  struct fault *fault)
{
    struct invoice made = {0};
    struct making m = {.document = document,
                       .terms = terms,
                       .book = book,
                       .arena = arena,
                       .fault = fault,
                       .out = &made};
    struct cents carnets = CENTS(0);
    struct day paid_on = DAY_NEVER_PAID;
    if (document->kind != KIND_EMPLOYER && document->kind != KIND_HOST &&
        document->kind != KIND_FEE) {
        return fault_set(fault, E_INVALID, "a subsidy statement is no invoice");
    }
    int err = find_parties(&m);
    err = err == E_OK ? fill_lines(&m, &carnets, &paid_on) : err;
    err = err == E_OK ? identify(&m) : err;
    err = err == E_OK ? tax(&m) : err;
    err = err == E_OK ? sum(&m, carnets) : err;
    if (err != E_OK) {
        return err;
    }
    if (day_compare(paid_on, DAY_NEVER_PAID) == 0) {
        paid_on = made.delivered; /* no carnet on record: the last day of what is billed */
    }
    pay(&m, paid_on);
    annotate(&m);
    *out = made;
    return E_OK;
}
