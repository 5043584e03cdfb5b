/* Lines as C2SP's files have them: each ended by a newline; a proof is one hash a line, in base64,
 * and an empty line. Pure. */
#ifndef CORE_MERKLE_LINES_H
#define CORE_MERKLE_LINES_H

#include "base/buf.h"
#include "core/merkle/tree.h"

/* Cuts the next line off the front of *rest, without its newline; false when none ends there. */
bool line_next(struct view *rest, struct view *line);
/* Cuts a proof of at most `max` hashes (at most TREE_PROOF_MAX) and its empty line off *rest.
 * E_INVALID, E_LIMIT. */
must_check int line_proof(struct view *rest, unsigned max, struct tree_proof *out);
void line_proof_add(const struct tree_proof *proof, struct buf *out);

#endif
