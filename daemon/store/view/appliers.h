/* One function per entry type, in a table per kind of feed. Each is an upsert or an update by key:
 * applying the same entry twice gives the same row. Only apply.c and apply_*.c include this. */
#ifndef STORE_VIEW_APPLIERS_H
#define STORE_VIEW_APPLIERS_H

#include "store/view/apply.h"
#include "wire/pack.h"

struct application {
    struct db *db;
    struct view_position at;
    const Passerelle__V1__Entry *envelope;
};

struct applier {
    Passerelle__V1__EntryType type;
    void (*apply)(const struct application *application, const ProtobufCMessage *message);
};

/* Each ends with a row without function. */
extern const struct applier appliers_net[];
extern const struct applier appliers_books[];
extern const struct applier appliers_visits[];

#define APPLIES(upper, function)                                                                   \
    {                                                                                              \
        PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper, function                                   \
    }

static inline struct view record_of(const struct application *a)
{
    return view_bytes(a->envelope->payload.data, a->envelope->payload.len);
}

static inline struct view bytes_of(ProtobufCBinaryData data)
{
    return view_bytes(data.data, data.len);
}

static inline void bind_id(struct query *query, const char *name, const char *id)
{
    query_bind_text(query, name, view_of(id));
}

#endif
