/* C2SP tlog-checkpoint: the signed head of a feed: origin, size, root. The origin is the name of
 * the key that signs (type 0x01); a mirror adds its cosignature (type 0x04, `cosignature/v1`) with
 * a key of its own for that role. Extension lines, which the specification advises against, are
 * refused in our feeds' checkpoints and let be in those of others. Pure. */
#ifndef CORE_MERKLE_CHECKPOINT_H
#define CORE_MERKLE_CHECKPOINT_H

#include "core/merkle/note.h"
#include "core/merkle/tree.h"

struct checkpoint {
    char origin[NOTE_NAME_MAX + 1];
    uint64_t size;
    struct tree_hash root;
};

/* The note text: three lines. */
void checkpoint_format(const struct checkpoint *checkpoint, struct buf *out);
/* Strict: what it accepts, checkpoint_format() would write. Size 0 must have the root of the empty
 * tree. E_INVALID. */
must_check int checkpoint_parse(struct view text, struct checkpoint *out);
/* Of another organisation's log: extension lines may follow (none empty), and whether the root is
 * possible is not asked. E_INVALID. */
must_check int checkpoint_parse_foreign(struct view text, struct checkpoint *out);
/* False for size 0 with another root than the empty tree's. */
bool checkpoint_root_is_possible(const struct checkpoint *checkpoint);

/* Appends the whole note, signed by `secret`, whose public half is `key`; key->name must be the
 * origin. E_INVALID when it is not. */
must_check int checkpoint_sign(const struct checkpoint *checkpoint, const struct note_key *key,
                               const struct ed25519_key *secret, struct buf *out);
/* Parses a note, verifies that `log_key` signed it and that the origin is its name. E_SIGNATURE
 * when it did not or badly, E_INVALID or E_LIMIT for malformed notes. `note` may be NULL; its views
 * last as long as `bytes`. */
must_check int checkpoint_open(struct view bytes, const struct note_key *log_key,
                               struct checkpoint *out, struct note *note, struct fault *fault);
/* Appends a cosignature line to a note that ends after a signature line. `text` is the checkpoint's
 * text. utc_s is below 2^63. */
void checkpoint_cosign(struct buf *out, struct view text, const struct note_key *key,
                       const struct ed25519_key *secret, uint64_t utc_s);

#endif
