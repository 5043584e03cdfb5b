/* Founding a network: the first entries of `net` and `books`. */
#ifndef SERVICE_FOUND_H
#define SERVICE_FOUND_H

#include "service/service.h"

struct found_options {
    const char *network_id;
    const char *name;
    bool demo;
};

/* In a writing transaction on an empty, migrated database: opens `net` and `books`, records the
 * network, its policy (a demonstration network needs one operator only) and a first token key. */
must_check int found_network(struct service *service, const struct found_options *options,
                             struct fault *fault);

/* Publishes a new token key in `net` beside those in use. Also what RotateTokenKey does. */
void found_token_key(struct service *service, struct view author);

#endif
