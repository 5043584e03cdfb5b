#include "core/close/result_json.h"

#include <inttypes.h>

struct json {
    struct buf *out;
    int depth;
    bool first; /* nothing stands in the open bracket yet */
};

static void json_newline(struct json *json)
{
    if (!json->first) {
        buf_byte(json->out, ',');
    }
    json->first = false;
    buf_byte(json->out, '\n');
    for (int i = 0; i < json->depth; i++) {
        buf_byte(json->out, ' ');
    }
}

static void json_string(struct json *json, struct view text)
{
    buf_byte(json->out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.data[i];
        if (byte < 0x20 || byte == '"' || byte == '\\') {
            buf_printf(json->out, "\\u%04x", byte);
        } else {
            buf_byte(json->out, (char)byte);
        }
    }
    buf_byte(json->out, '"');
}

static void json_key(struct json *json, struct view key)
{
    json_newline(json);
    json_string(json, key);
    buf_text(json->out, ": ");
}

static void json_open(struct json *json, char bracket)
{
    buf_byte(json->out, bracket);
    json->depth++;
    json->first = true;
}

static void json_close(struct json *json, char bracket)
{
    json->depth--;
    if (!json->first) {
        json->first = true; /* no comma before the bracket */
        json_newline(json);
    }
    json->first = false;
    buf_byte(json->out, bracket);
}

static void json_number(struct json *json, const char *key, int64_t number)
{
    json_key(json, view_of(key));
    buf_printf(json->out, "%" PRId64, number);
}

static void json_text(struct json *json, const char *key, struct view text)
{
    json_key(json, view_of(key));
    json_string(json, text);
}

static void counts_write(struct json *json, const Passerelle__V1__SettlementDocument *document)
{
    json_text(json, "month", view_of(document->month));
    json_number(json, "stays", document->stays);
    json_number(json, "visit_days", document->visit_days);
    json_number(json, "half_days", document->half_days);
    json_number(json, "days", document->days);
    json_number(json, "room_hours", document->room_hours);
    json_number(json, "units_used", document->units_used);
    json_key(json, VIEW_LIT("flags"));
    json_open(json, '{');
    json_number(json, "auto_closed", document->auto_closed);
    json_number(json, "cut_short", document->cut_short);
    json_number(json, "grace", document->grace);
    json_number(json, "outside_validity", document->outside_validity);
    json_number(json, "overdraft", document->overdraft);
    json_close(json, '}');
}

static void sites_write(struct json *json, const Passerelle__V1__SettlementDocument *document)
{
    json_key(json, VIEW_LIT("sites"));
    json_open(json, '{');
    for (size_t i = 0; i < document->n_sites; i++) {
        const Passerelle__V1__SiteTotals *site = document->sites[i];
        json_key(json, view_of(site->site_id));
        json_open(json, '{');
        json_number(json, "half_days", site->half_days);
        json_number(json, "days", site->days);
        json_number(json, "room_hours", site->room_hours);
        json_number(json, "host_cents", site->host_cents);
        json_close(json, '}');
    }
    json_close(json, '}');
}

/* The next document of a kind from *at on, an invoice or a credit note; NULL when there is none. */
static const Passerelle__V1__Document *
document_next(const Passerelle__V1__SettlementDocument *document, size_t *at,
              enum document_kind kind, bool credit)
{
    while (*at < document->n_documents) {
        const Passerelle__V1__Document *one = document->documents[(*at)++];
        if ((int)one->kind == (int)kind + 1 && (one->credit_note != 0) == credit) {
            return one;
        }
    }
    return NULL;
}

static void amounts_write(struct json *json, const Passerelle__V1__Document *document)
{
    json_number(json, "lines", (int64_t)document->n_lines);
    json_number(json, "net_cents", document->net_cents);
    json_number(json, "vat_cents", document->vat_cents);
    json_number(json, "gross_cents", document->gross_cents);
}

static void employers_write(struct json *json, const Passerelle__V1__SettlementDocument *document)
{
    size_t at = 0;
    const Passerelle__V1__Document *one;
    json_key(json, VIEW_LIT("employers"));
    json_open(json, '{');
    while ((one = document_next(document, &at, DOCUMENT_EMPLOYER, false)) != NULL) {
        json_key(json, view_of(one->buyer_id));
        json_open(json, '{');
        json_text(json, "issuer", view_of(one->seller_member_id));
        amounts_write(json, one);
        json_close(json, '}');
    }
    json_close(json, '}');
}

static void hosts_write(struct json *json, const Passerelle__V1__SettlementDocument *document)
{
    size_t at = 0;
    const Passerelle__V1__Document *one;
    json_key(json, VIEW_LIT("host_invoices"));
    json_open(json, '[');
    while ((one = document_next(document, &at, DOCUMENT_HOST, false)) != NULL) {
        json_newline(json);
        json_open(json, '{');
        json_text(json, "host", view_of(one->seller_member_id));
        json_text(json, "issuer", view_of(one->buyer_id));
        amounts_write(json, one);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* An issuer's fee invoice and subsidy statement share a row; either may be missing. Both kinds come
 * in the order of issuers. */
static void fees_write(struct json *json, const Passerelle__V1__SettlementDocument *document)
{
    static const Passerelle__V1__Document nothing = PASSERELLE__V1__DOCUMENT__INIT;
    size_t fee_at = 0;
    size_t subsidy_at = 0;
    const Passerelle__V1__Document *fee = document_next(document, &fee_at, DOCUMENT_FEE, false);
    const Passerelle__V1__Document *subsidy =
        document_next(document, &subsidy_at, DOCUMENT_SUBSIDY, false);
    json_key(json, VIEW_LIT("fee_invoices"));
    json_open(json, '[');
    while (fee != NULL || subsidy != NULL) {
        int order = fee == NULL ? 1
                    : subsidy == NULL
                        ? -1
                        : view_compare(view_of(fee->buyer_id), view_of(subsidy->buyer_id));
        const Passerelle__V1__Document *invoice = order <= 0 ? fee : &nothing;
        const Passerelle__V1__Document *statement = order >= 0 ? subsidy : &nothing;
        json_newline(json);
        json_open(json, '{');
        json_text(json, "issuer", view_of(order <= 0 ? invoice->buyer_id : statement->buyer_id));
        json_number(json, "net_cents", invoice->net_cents);
        json_number(json, "vat_cents", invoice->vat_cents);
        json_number(json, "gross_cents", invoice->gross_cents);
        json_number(json, "subsidy_cents", statement->gross_cents);
        json_close(json, '}');
        if (order <= 0) {
            fee = document_next(document, &fee_at, DOCUMENT_FEE, false);
        }
        if (order >= 0) {
            subsidy = document_next(document, &subsidy_at, DOCUMENT_SUBSIDY, false);
        }
    }
    json_close(json, ']');
}

static void cents_write(struct json *json, const char *key,
                        Passerelle__V1__Position *const *positions, size_t count)
{
    json_key(json, view_of(key));
    json_open(json, '{');
    for (size_t i = 0; i < count; i++) {
        json_number(json, positions[i]->member_id, positions[i]->cents);
    }
    json_close(json, '}');
}

static void transfers_write(struct json *json, const Passerelle__V1__SettlementDocument *document)
{
    json_key(json, VIEW_LIT("transfers"));
    json_open(json, '[');
    for (size_t i = 0; i < document->n_transfers; i++) {
        const Passerelle__V1__Transfer *transfer = document->transfers[i];
        json_newline(json);
        json_open(json, '{');
        json_text(json, "from", view_of(transfer->from_member_id));
        json_text(json, "to", view_of(transfer->to_member_id));
        json_number(json, "cents", transfer->cents);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void credit_notes_write(struct json *json,
                               const Passerelle__V1__SettlementDocument *document)
{
    static const char *const words[] = {"employer", "host", "fee", "subsidy"};
    bool opened = false;
    for (int kind = DOCUMENT_EMPLOYER; kind <= DOCUMENT_SUBSIDY; kind++) {
        size_t at = 0;
        const Passerelle__V1__Document *one;
        while ((one = document_next(document, &at, (enum document_kind)kind, true)) != NULL) {
            if (!opened) {
                json_key(json, VIEW_LIT("credit_notes"));
                json_open(json, '[');
                opened = true;
            }
            json_newline(json);
            json_open(json, '{');
            json_text(json, "of", view_of(words[kind]));
            json_text(json, "seller", view_of(one->seller_member_id));
            json_text(json, "buyer", view_of(one->buyer_id));
            amounts_write(json, one);
            json_close(json, '}');
        }
    }
    if (opened) {
        json_close(json, ']');
    }
}

void document_json(const Passerelle__V1__SettlementDocument *document, struct buf *out)
{
    struct json json = {.out = out};
    json_open(&json, '{');
    counts_write(&json, document);
    sites_write(&json, document);
    employers_write(&json, document);
    hosts_write(&json, document);
    fees_write(&json, document);
    cents_write(&json, "positions", document->positions, document->n_positions);
    cents_write(&json, "carried", document->carried, document->n_carried);
    json_number(&json, "nonzero", document->nonzero);
    json_number(&json, "paid_cents", document->paid_cents);
    transfers_write(&json, document);
    credit_notes_write(&json, document);
    json_close(&json, '}');
    buf_byte(out, '\n');
}

void close_result_json(const struct close_result *result, const struct roster *roster,
                       struct buf *out)
{
    struct arena arena = ARENA_INIT;
    document_json(document_of_result(result, roster, &arena), out);
    arena_release(&arena);
}
