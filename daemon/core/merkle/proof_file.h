/* C2SP tlog-proof@v1 (`.tlog-proof`): one entry's place in a feed, the way from its leaf to the
 * root, and the signed checkpoint. A visit's receipt, checked without a network. Pure. */
#ifndef CORE_MERKLE_PROOF_FILE_H
#define CORE_MERKLE_PROOF_FILE_H

#include "base/arena.h"
#include "core/merkle/checkpoint.h"

struct proof_file {
    struct view extra; /* not authenticated, empty when there is none; in our receipts the entry */
    uint64_t index;    /* of the leaf, from 0 */
    struct tree_proof path;
    struct view checkpoint; /* the whole note */
};

void proof_file_write(const struct proof_file *proof, struct buf *out);
/* The checkpoint is a view of `bytes`, the extra data lies in `arena`. E_INVALID, E_LIMIT. */
must_check int proof_file_parse(struct view bytes, struct arena *arena, struct proof_file *out);
/* That the log's key signed the checkpoint and that it covers this entry at this index.
 * E_SIGNATURE, E_INVALID, E_LIMIT. `out` gets the checkpoint, `note` (may be NULL) its parts, for
 * cosignatures. */
must_check int proof_file_verify(const struct proof_file *proof, const struct tree_hash *leaf,
                                 const struct note_key *log_key, struct checkpoint *out,
                                 struct note *note, struct fault *fault);

#endif
