/* The documents of a settlement document as it was packed, one after the other: those of a large
 * month are never unpacked together. Relies on what wire_pack() writes, fields in the order of
 * their numbers. Everything is borrowed from the bytes. Pure; any thread. */
#ifndef CORE_CLOSE_READER_H
#define CORE_CLOSE_READER_H

#include "base/arena.h"
#include "passerelle/v1/settlement.pb-c.h"

struct document_reader {
    struct view rest;
    size_t place; /* of the next document */
};
/* Whose a document is, and its bytes. */
struct document_head {
    size_t place;
    Passerelle__V1__DocumentKind kind;
    struct view seller_member_id, buyer_id;
    bool credit_note;
    struct view bytes;
};

static inline struct document_reader document_reader_of(struct view packed)
{
    return (struct document_reader){.rest = packed};
}
/* False at the end; bytes that are no settlement document end early. */
bool document_reader_next(struct document_reader *reader, struct document_head *out);
/* The document itself, in the arena; NULL when it cannot be read. */
Passerelle__V1__Document *document_of_head(const struct document_head *head, struct arena *arena);

/* The settlement document with those of its documents that `wanted` takes, in the arena; all else
 * is there. NULL when it cannot be read. */
Passerelle__V1__SettlementDocument *
document_some(struct view packed, bool (*wanted)(void *context, const struct document_head *head),
              void *context, struct arena *arena);

#endif
