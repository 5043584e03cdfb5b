/* Profiles: which hub, and as whom. A file of sections, mode 0600 since it may name keys:
 *
 *     [default]
 *     url = https://hub.example.org:8443
 *     ca = /path/ca.crt
 *     certificate = /path/operator-1.crt
 *     key = /path/operator-1.key
 *     api_key_file = /path/key       (instead of certificate and key)
 */
#ifndef CLIENTS_CLI_PROFILE_H
#define CLIENTS_CLI_PROFILE_H

#include "base/arena.h"

struct profile {
    const char *name;
    const char *url;
    const char *ca;
    const char *certificate;
    const char *key;
    const char *api_key_file;
    const char *bearer; /* content of api_key_file, without the line end */
};

/* The profile of that name; NULL: "default", or the only one. E_NOT_FOUND, E_INVALID, with what to
 * do. */
must_check int profile_load(const char *path, const char *name, struct arena *arena,
                            struct profile *out, struct fault *fault);
/* Adds it to the file, which is made when it is missing. E_EXISTS when the name is taken. */
must_check int profile_add(const char *path, const struct profile *profile, struct fault *fault);
/* Calls `each` for every profile of the file; a file that is missing has none. */
must_check int profile_each(const char *path, struct arena *arena,
                            void (*each)(void *context, const struct profile *profile),
                            void *context, struct fault *fault);

#endif
