/* The form of a backup: one SQLite file, mode 0600. It is a copy of the hub's database whose table
 * `backup_file` holds the other files of the state folder: settings, clock, certificates and,
 * unless they were left out, keys. Keys of feeds are never in it: a restored hub must not sign with
 * them (DESIGN 7). */
#ifndef PROCESS_BACKUP_H
#define PROCESS_BACKUP_H

#include "process/state.h"
#include "store/db/db.h"

/* Puts the files into the copy, in a transaction of its own. *count says how many. */
must_check int backup_pack(struct state *state, struct db *copy, bool with_keys, size_t *count,
                           struct fault *fault);
/* Writes them into a new state folder and empties the table, in a transaction of its own. E_FOREIGN
 * when the database is no backup. */
must_check int backup_unpack(struct state *state, struct db *copy, struct fault *fault);

#endif
