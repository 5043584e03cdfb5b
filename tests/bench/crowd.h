/* The people of a measurement: any number of passes, phones and sites that follow from a number, so
 * that the program that founds their network and the one that plays them need no file between them.
 * Pass `index` belongs to holder "hNNNNNNN", employer index / 200. Sites are "s0001" on. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include "core/pass/token.h"
#include "process/state.h"
#include "store/db/db.h"

enum { CROWD_OF_EMPLOYER = 200, CROWD_ID_MAX = 16 };

void crowd_holder(uint64_t index, char out[static CROWD_ID_MAX]);
void crowd_employer(uint64_t index, char out[static CROWD_ID_MAX]);
void crowd_site(uint64_t number, char out[static CROWD_ID_MAX]); /* from 0 */
void crowd_pass_id(uint64_t index, uint8_t out[static 16]);
void crowd_device(uint64_t index, struct ed25519_key *out);
/* The key of the feed of a site with a daemon of its own. */
void crowd_feed(uint64_t number, struct ed25519_key *out);
/* Employers take turns: carnet, subscription, usage. */
enum token_plan crowd_plan(uint64_t index);
/* The pass's token, signed by the network's key. */
void crowd_token(uint64_t index, struct view network, const struct ed25519_key *key,
                 struct buf *out);

/* Opens the state's database and finds the network's id and its token key; ends the program with a
 * sentence when something is missing. The strings live in the state's arena. */
struct crowd_network {
    struct settings settings;
    struct state state;
    struct db *db;
    const char *network_id;
    struct ed25519_key token_key;
};
void crowd_open(struct crowd_network *network, const char *dir, enum db_mode mode);
void crowd_close(struct crowd_network *network);

/* A number of at least `least`, or the end of the program. */
int64_t crowd_number(const char *option, const char *text, int64_t least);
_Noreturn void crowd_give_up(const char *fmt, ...) printf_like(1, 2);

#endif
