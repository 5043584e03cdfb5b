/* What a site's daemon joined: the file `joined` of its state folder, written once by `passerelled
 * join`, lines `name = value`. */
#ifndef PROCESS_JOINED_H
#define PROCESS_JOINED_H

#include "core/merkle/note.h"
#include "process/state.h"

struct joined {
    char network[41];
    char site[41];
    struct note_key net;      /* of the feed `net` when we joined; later ones stand in it */
    struct note_key cosigner; /* of receipts */
};

must_check int joined_write(struct state *state, const struct joined *joined, struct fault *fault);
/* E_NOT_FOUND when the folder joined nothing yet, E_CORRUPT when the file is damaged. */
must_check int joined_read(struct state *state, struct joined *out, struct fault *fault);

#endif
