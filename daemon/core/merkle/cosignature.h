/* C2SP tlog-cosignature, `cosignature/v1` (key type 0x04): what others say of a log's checkpoint,
 * and when. A witness says that it is the largest consistent one which it has seen; a mirror, that
 * it holds every entry of it: the hub's cosignature is a site's receipt. checkpoint_cosign() makes
 * a line, note_key_parse() reads a vkey. A cosigner has a key for this role alone: the signed
 * message names neither role nor cosigner. Pure. */
#ifndef CORE_MERKLE_COSIGNATURE_H
#define CORE_MERKLE_COSIGNATURE_H

#include "core/merkle/checkpoint.h"

/* Which of the keys cosigned: bit i of *signers, with the latest time in utc_s[i] (0 for those who
 * did not; may be NULL). Lines of other keys are ignored. E_OK, with *signers 0 when nobody did, or
 * E_SIGNATURE: a line under a key's name and id is bad, and the whole note is to be rejected. At
 * most NOTE_KEYS_MAX keys, all of type NOTE_COSIGNATURE. */
must_check int cosignatures_verify(const struct note *note, const struct note_key *keys,
                                   size_t count, uint64_t *signers, uint64_t *utc_s);

/* Takes what a witness or mirror answered, `lines`, into the note of a checkpoint: appends the
 * lines of the known keys, each verified, unless they stand there already. Lines of unknown keys
 * are dropped. E_INVALID: no signature lines; E_LIMIT: too many; E_SIGNATURE: one of a known key is
 * bad, or none is of a known key. `note` is unchanged then. */
must_check int cosignatures_add(struct buf *note, struct view lines, const struct note_key *keys,
                                size_t count, uint64_t *signers, uint64_t *utc_s);

#endif
