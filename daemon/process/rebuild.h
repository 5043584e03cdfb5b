/* All projections made anew from the feeds: by `passerelled rebuild`, and when another version of
 * the program begins to keep a site. */
#ifndef PROCESS_REBUILD_H
#define PROCESS_REBUILD_H

#include "base/log.h"
#include "process/state.h"

/* Drops every projection and replays all feeds, in one transaction, in a state that is locked. At a
 * site, what the hub tells outside feeds is asked for again. *same: nothing changed; `hex`: SHA-256
 * of the tables. */
must_check int rebuild_tables(struct state *state, bool *same, char hex[static 65],
                              struct fault *fault);

/* A site may be a version behind its hub: it keeps entries, fields and pieces of knowledge that it
 * does not know. When the version that ran last on this state (the file `version`) was another one,
 * rebuilds, so that this one applies what that one kept. Before the database is opened. */
must_check int rebuild_after_upgrade(struct state *state, const struct log *log,
                                     struct fault *fault);

#endif
