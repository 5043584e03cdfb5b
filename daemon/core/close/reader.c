#include "core/close/reader.h"

#include "base/buf.h"
#include "wire/pack.h"
#include "wire/scan.h"

/* Numbers of fields in the contract. */
enum { FIELD_DOCUMENTS = 14 };
enum { FIELD_KIND = 1, FIELD_SELLER, FIELD_BUYER, FIELD_CREDIT_NOTE };

static void head_read(struct view bytes, struct document_head *out)
{
    struct wire_field field;
    struct view rest = bytes;
    out->bytes = bytes;
    while (wire_field_next(&rest, &field) && field.number <= FIELD_CREDIT_NOTE) {
        switch (field.number) {
        case FIELD_KIND:
            out->kind = (Passerelle__V1__DocumentKind)field.value;
            break;
        case FIELD_SELLER:
            out->seller_member_id = field.bytes;
            break;
        case FIELD_BUYER:
            out->buyer_id = field.bytes;
            break;
        default:
            out->credit_note = field.value != 0;
        }
    }
}

bool document_reader_next(struct document_reader *reader, struct document_head *out)
{
    struct wire_field field;
    while (wire_field_next(&reader->rest, &field) && field.number <= FIELD_DOCUMENTS) {
        if (field.number == FIELD_DOCUMENTS) {
            *out = (struct document_head){.place = reader->place++};
            head_read(field.bytes, out);
            return true;
        }
    }
    reader->rest = VIEW_NONE;
    return false;
}

Passerelle__V1__Document *document_of_head(const struct document_head *head, struct arena *arena)
{
    return wire_unpack_trusted(&passerelle__v1__document__descriptor, head->bytes, arena);
}

Passerelle__V1__SettlementDocument *
document_some(struct view packed, bool (*wanted)(void *context, const struct document_head *head),
              void *context, struct arena *arena)
{
    struct buf kept = BUF_INIT;
    struct view rest = packed;
    struct wire_field field;
    size_t place = 0;
    for (const char *at = rest.data; wire_field_next(&rest, &field); at = rest.data) {
        struct document_head head = {0};
        if (field.number == FIELD_DOCUMENTS) {
            head.place = place++;
            head_read(field.bytes, &head);
            if (!wanted(context, &head)) {
                continue;
            }
        }
        buf_add(&kept, at, (size_t)(rest.data - at));
    }
    buf_view(&kept, rest); /* nothing, or what no one can read */
    Passerelle__V1__SettlementDocument *out = wire_unpack_trusted(
        &passerelle__v1__settlement_document__descriptor, buf_content(&kept), arena);
    buf_release(&kept);
    return out;
}
