/* Entries: what feeds are made of (proto/passerelle/v1/entries.proto). One table says, for each
 * type, which message its payload is and which feeds may hold it. Pure; any thread. */
#ifndef CORE_ENTRY_ENTRY_H
#define CORE_ENTRY_ENTRY_H

#include "base/arena.h"
#include "passerelle/v1/entries.pb-c.h"

enum {
    ENTRY_BYTES_MAX = 65535,     /* C2SP tlog-tiles: an entry's length is a u16 */
    ENTRY_SITE_BYTES_MAX = 4096, /* in a site's feed (DESIGN 7) */
};

#define FEED_NET "net"     /* keys, members, sites, tariffs, passes: sites follow it */
#define FEED_BOOKS "books" /* contracts, mandates, amounts, closes: operators and auditors */

/* Which feeds hold a type. */
enum entry_home { ENTRY_IN_NET, ENTRY_IN_BOOKS, ENTRY_IN_SITE };

struct entry_kind {
    Passerelle__V1__EntryType type;
    const char *name; /* "visit_opened": for logs, metrics and reports */
    enum entry_home home;
    const ProtobufCMessageDescriptor *payload;
};

/* NULL for a type that this version does not know. */
const struct entry_kind *entry_kind(Passerelle__V1__EntryType type);
/* All kinds, for tests that walk them. */
const struct entry_kind *entry_kinds(size_t *count);
/* Home of a feed by its id: "net", "books", anything else is a site's. */
enum entry_home entry_home_of_feed(struct view feed_id);

/* What an entry is made from; everything is borrowed. */
struct entry_draft {
    struct view feed_id;
    uint64_t seq;
    int64_t appended_utc_ms;
    Passerelle__V1__EntryType type;
    struct view author;
    const ProtobufCMessage *payload;
};

/* An entry as it is read: the envelope and its payload. */
struct entry {
    const Passerelle__V1__Entry *envelope;
    const struct entry_kind *kind;   /* NULL: a type of a newer version, kept but not applied */
    const ProtobufCMessage *payload; /* NULL when kind is NULL */
};

/* The entry's bytes, deterministic, and the entry as it would be read back from them, both in the
 * arena (out->payload is the draft's). The draft is ours: a wrong home or payload type is a bug and
 * asserted. E_LIMIT when it would be too long. */
must_check int entry_encode(const struct entry_draft *draft, struct arena *arena,
                            struct view *bytes, struct entry *out, struct fault *fault);

/* Reads bytes that come from a peer or the disk: scanned before they are unpacked; the feed, the
 * home of the type and the length are checked, and of a visit that its times and its resource can
 * be. E_INVALID with a sentence. */
must_check int entry_decode(struct view feed_id, struct view bytes, struct arena *arena,
                            struct entry *out, struct fault *fault);
/* The visit that an entry of a site's feed is about, 16 bytes in the payload; VIEW_NONE: none. */
struct view entry_visit_id(const struct entry *entry);

#endif
