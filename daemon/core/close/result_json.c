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

static void counts_write(struct json *json, const struct close_result *result)
{
    char month[8];
    month_format(result->month, month);
    json_text(json, "month", view_of(month));
    json_number(json, "stays", result->stays);
    json_number(json, "visit_days", result->visit_days);
    json_number(json, "half_days", result->half_days);
    json_number(json, "days", result->days);
    json_number(json, "room_hours", result->room_hours);
    json_number(json, "units_used", result->units_used);
    json_key(json, VIEW_LIT("flags"));
    json_open(json, '{');
    json_number(json, "auto_closed", result->auto_closed);
    json_number(json, "cut_short", result->cut_short);
    json_number(json, "grace", result->grace);
    json_number(json, "outside_validity", result->outside_validity);
    json_number(json, "overdraft", result->overdraft);
    json_close(json, '}');
}

static void sites_write(struct json *json, const struct close_result *result,
                        const struct roster *roster)
{
    json_key(json, VIEW_LIT("sites"));
    json_open(json, '{');
    for (uint32_t i = 0; i < roster->site_ids.count; i++) {
        const struct close_site *site = &result->sites[i];
        if (site->billed) {
            json_key(json, roster->site_ids.ids[i]);
            json_open(json, '{');
            json_number(json, "half_days", site->half_days);
            json_number(json, "days", site->days);
            json_number(json, "room_hours", site->room_hours);
            json_number(json, "host_cents", site->host.cents);
            json_close(json, '}');
        }
    }
    json_close(json, '}');
}

static void amounts_write(struct json *json, const struct document *document)
{
    json_number(json, "lines", document->line_count);
    json_number(json, "net_cents", document->net.cents);
    json_number(json, "vat_cents", document->vat.cents);
    json_number(json, "gross_cents", document->gross.cents);
}

static void employers_write(struct json *json, const struct close_result *result,
                            const struct roster *roster)
{
    json_key(json, VIEW_LIT("employers"));
    json_open(json, '{');
    for (uint32_t i = 0; i < result->document_count; i++) {
        const struct document *document = &result->documents[i];
        if (document->kind == DOCUMENT_EMPLOYER && !document->credit) {
            json_key(json, roster->employer_ids.ids[document->party]);
            json_open(json, '{');
            json_text(json, "issuer", roster->member_ids.ids[document->other]);
            amounts_write(json, document);
            json_close(json, '}');
        }
    }
    json_close(json, '}');
}

static void hosts_write(struct json *json, const struct close_result *result,
                        const struct roster *roster)
{
    json_key(json, VIEW_LIT("host_invoices"));
    json_open(json, '[');
    for (uint32_t i = 0; i < result->document_count; i++) {
        const struct document *document = &result->documents[i];
        if (document->kind == DOCUMENT_HOST && !document->credit) {
            json_newline(json);
            json_open(json, '{');
            json_text(json, "host", roster->member_ids.ids[document->party]);
            json_text(json, "issuer", roster->member_ids.ids[document->other]);
            amounts_write(json, document);
            json_close(json, '}');
        }
    }
    json_close(json, ']');
}

/* An issuer's fee invoice and subsidy statement share a row; either may be missing. */
static void fees_write(struct json *json, const struct close_result *result,
                       const struct roster *roster)
{
    static const struct document nothing = {0};
    size_t members = roster->member_ids.count;
    const struct document **fees = xcalloc(members + 1, sizeof(*fees));
    const struct document **subsidies = xcalloc(members + 1, sizeof(*subsidies));
    for (uint32_t i = 0; i < result->document_count; i++) {
        const struct document *document = &result->documents[i];
        if (document->kind == DOCUMENT_FEE && !document->credit) {
            fees[document->party] = document;
        } else if (document->kind == DOCUMENT_SUBSIDY && !document->credit) {
            subsidies[document->party] = document;
        }
    }
    json_key(json, VIEW_LIT("fee_invoices"));
    json_open(json, '[');
    for (uint32_t i = 0; i < members; i++) {
        if (fees[i] == NULL && subsidies[i] == NULL) {
            continue;
        }
        const struct document *fee = fees[i] == NULL ? &nothing : fees[i];
        const struct document *subsidy = subsidies[i] == NULL ? &nothing : subsidies[i];
        json_newline(json);
        json_open(json, '{');
        json_text(json, "issuer", roster->member_ids.ids[i]);
        json_number(json, "net_cents", fee->net.cents);
        json_number(json, "vat_cents", fee->vat.cents);
        json_number(json, "gross_cents", fee->gross.cents);
        json_number(json, "subsidy_cents", subsidy->gross.cents);
        json_close(json, '}');
    }
    json_close(json, ']');
    free(fees);
    free(subsidies);
}

static void positions_write(struct json *json, const struct close_result *result,
                            const struct roster *roster)
{
    json_key(json, VIEW_LIT("positions"));
    json_open(json, '{');
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        json_key(json, roster->member_ids.ids[i]);
        buf_printf(json->out, "%" PRId64, result->positions[i].cents);
    }
    json_close(json, '}');
    json_key(json, VIEW_LIT("carried"));
    json_open(json, '{');
    for (uint32_t i = 0; i < roster->member_ids.count; i++) {
        if (result->carried[i].cents != 0) {
            json_key(json, roster->member_ids.ids[i]);
            buf_printf(json->out, "%" PRId64, result->carried[i].cents);
        }
    }
    json_close(json, '}');
    json_number(json, "nonzero", result->nonzero);
    json_number(json, "paid_cents", result->paid.cents);
}

static void transfers_write(struct json *json, const struct close_result *result,
                            const struct roster *roster)
{
    json_key(json, VIEW_LIT("transfers"));
    json_open(json, '[');
    for (uint32_t i = 0; i < result->transfer_count; i++) {
        const struct transfer *transfer = &result->transfers[i];
        json_newline(json);
        json_open(json, '{');
        json_text(json, "from", roster->member_ids.ids[transfer->from]);
        json_text(json, "to", roster->member_ids.ids[transfer->to]);
        json_number(json, "cents", transfer->amount.cents);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void credit_notes_write(struct json *json, const struct close_result *result,
                               const struct roster *roster)
{
    static const char *const words[] = {"employer", "host", "fee", "subsidy"};
    bool opened = false;
    for (uint32_t i = 0; i < result->document_count; i++) {
        const struct document *document = &result->documents[i];
        if (!document->credit) {
            continue;
        }
        if (!opened) {
            json_key(json, VIEW_LIT("credit_notes"));
            json_open(json, '[');
            opened = true;
        }
        const struct names *parties =
            document->kind == DOCUMENT_EMPLOYER ? &roster->employer_ids : &roster->member_ids;
        json_newline(json);
        json_open(json, '{');
        json_text(json, "of", view_of(words[document->kind]));
        json_text(json, "party", parties->ids[document->party]);
        json_text(json, "other", roster->member_ids.ids[document->other]);
        amounts_write(json, document);
        json_close(json, '}');
    }
    if (opened) {
        json_close(json, ']');
    }
}

void close_result_json(const struct close_result *result, const struct roster *roster,
                       struct buf *out)
{
    struct json json = {.out = out};
    json_open(&json, '{');
    counts_write(&json, result);
    sites_write(&json, result, roster);
    employers_write(&json, result, roster);
    hosts_write(&json, result, roster);
    fees_write(&json, result, roster);
    positions_write(&json, result, roster);
    transfers_write(&json, result, roster);
    credit_notes_write(&json, result, roster);
    json_close(&json, '}');
    buf_byte(out, '\n');
}
