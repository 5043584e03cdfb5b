#include "core/paper/evidence.h"

#include <assert.h>
#include <inttypes.h>

#include "base/text.h"
#include "core/ident/uuid.h"
#include "core/paper/letters.h"
#include "wire/json.h"

static void string(struct buf *out, struct buf *scratch, struct view text)
{
    buf_clear(scratch);
    letters_clean(scratch, text);
    json_write_string(out, buf_content(scratch));
}

static void ids(struct buf *out, bool employer, const struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->count; i++) {
        char text[UUID_TEXT_LEN + 1];
        assert(i == 0 || memcmp(evidence->ids[i - 1], evidence->ids[i], EVIDENCE_LEN) < 0);
        if (employer) {
            text_to_hex(evidence->ids[i], EVIDENCE_LEN, text);
        } else {
            struct uuid uuid;
            memcpy(uuid.bytes, evidence->ids[i], EVIDENCE_LEN);
            uuid_format(uuid, text);
        }
        buf_text(out, i == 0 ? "\n    \"" : ",\n    \"");
        buf_text(out, text);
        buf_byte(out, '"');
    }
}

static void line(struct buf *out, struct buf *scratch, const struct invoice_line *line,
                 size_t number)
{
    char month[8];
    char amount[32];
    month_format(line->month, month);
    cents_format(line->net, amount);
    buf_printf(out, "  {\"line\": %zu, \"month\": \"%s\", \"item\": ", number, month);
    string(out, scratch, line->item_id);
    buf_text(out, ", \"name\": ");
    string(out, scratch, line->name);
    buf_printf(out, ", \"quantity\": %" PRId64 ", \"net\": \"%s\",\n   ", line->quantity, amount);
}

void evidence_json(const struct invoice *invoice, bool employer, const struct evidence *lines,
                   struct buf *out)
{
    char issued[11];
    struct buf scratch = BUF_INIT;
    day_format(invoice->issued, issued);
    buf_text(out, "{\"invoice\": ");
    string(out, &scratch, invoice->number);
    buf_printf(out, ", \"type\": %d, \"issued\": \"%s\", \"seller\": ", (int)invoice->type, issued);
    string(out, &scratch, invoice->seller.siren);
    buf_text(out, ", \"buyer\": ");
    string(out, &scratch, invoice->buyer.siren);
    buf_text(out, ",\n \"lines\": [\n");
    for (size_t i = 0; i < invoice->line_count; i++) {
        line(out, &scratch, &invoice->lines[i], i + 1);
        buf_printf(out, "\"%s\": [", employer ? "check_ins" : "visits");
        ids(out, employer, &lines[i]);
        buf_printf(out, "]}%s\n", i + 1 < invoice->line_count ? "," : "");
    }
    buf_text(out, " ]}\n");
    buf_release(&scratch);
}
