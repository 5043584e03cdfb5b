/* C2SP tlog-policy: which logs and witnesses somebody trusts, one a line. Here only the witnesses
 * are read, `witness <name> <vkey> [<url>]`, since a log asks them and leaves the judgement to who
 * verifies; lines of logs, groups and the quorum are let be. Pure. */
#ifndef CORE_MERKLE_POLICY_H
#define CORE_MERKLE_POLICY_H

#include "core/merkle/note.h"

enum { POLICY_WITNESSES_MAX = 32, POLICY_URL_MAX = 400 };

struct policy_witness {
    char name[NOTE_NAME_MAX + 1]; /* in the policy; the key has its own */
    struct note_key key;          /* of type NOTE_COSIGNATURE */
    char url[POLICY_URL_MAX + 1]; /* submission prefix, no slash behind; empty when not given */
};

/* E_INVALID or E_LIMIT with a sentence that names the line. */
must_check int policy_witnesses(struct view text, struct policy_witness out[], size_t max,
                                size_t *count, struct fault *fault);

#endif
