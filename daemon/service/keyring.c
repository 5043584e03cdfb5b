#include "service/keyring.h"

#include <pthread.h>

#include "base/map.h"
#include "base/text.h"
#include "crypt/keyfile.h"
#include "crypt/secret.h"
#include "crypt/sha256.h"

struct keyring {
    char *dir;
    const struct env *env;
    pthread_mutex_t lock;
    struct map by_name; /* "feed s001" -> struct ed25519_key */
};

struct keyring *keyring_new(const char *dir, const struct env *env)
{
    struct keyring *keyring = xcalloc(1, sizeof *keyring);
    keyring->dir = xstrdup(dir);
    keyring->env = env;
    uint64_t seed;
    env_random(env, &seed, sizeof seed);
    map_init(&keyring->by_name, seed);
    pthread_mutex_init(&keyring->lock, NULL);
    return keyring;
}

void keyring_free(struct keyring *keyring)
{
    if (keyring == NULL) {
        return;
    }
    size_t at = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&keyring->by_name, &at)) != NULL) {
        ed25519_key_wipe(slot->value);
        free(slot->value);
    }
    map_release(&keyring->by_name);
    pthread_mutex_destroy(&keyring->lock);
    free(keyring->dir);
    free(keyring);
}

static const struct ed25519_key *remember(struct keyring *keyring, const char *purpose,
                                          const struct ed25519_key *key)
{
    struct ed25519_key *kept = xmalloc(sizeof *kept);
    *kept = *key;
    void *before = map_put(&keyring->by_name, view_of(purpose), kept);
    (void)before;
    return kept;
}

/* Reads the key, or makes it when it is missing and `make` allows. */
static int fetch_locked(struct keyring *keyring, const char *file, const char *purpose, bool make,
                        const struct ed25519_key **out, struct fault *fault)
{
    const struct ed25519_key *known = map_get(&keyring->by_name, view_of(purpose));
    if (known != NULL) {
        *out = known;
        return E_OK;
    }
    struct arena arena = ARENA_INIT;
    char *path = arena_printf(&arena, "%s/%s.key", keyring->dir, file);
    struct ed25519_key key;
    struct fault reading = FAULT_NONE;
    int err = keyfile_read(path, purpose, &key, &reading);
    if (err == E_NOT_FOUND && make) {
        ed25519_key_make(&key, keyring->env);
        err = keyfile_write(path, purpose, &key, fault);
    } else if (err != E_OK) {
        fault_set(fault, err, "%s", reading.text);
    }
    if (err == E_OK) {
        *out = remember(keyring, purpose, &key);
        ed25519_key_wipe(&key);
    }
    arena_release(&arena);
    return err;
}

static int fetch(struct keyring *keyring, const char *file, const char *purpose, bool make,
                 const struct ed25519_key **out, struct fault *fault)
{
    pthread_mutex_lock(&keyring->lock);
    int err = fetch_locked(keyring, file, purpose, make, out, fault);
    pthread_mutex_unlock(&keyring->lock);
    return err;
}

/* The fourth part of an origin; empty in the first epoch. Ids have no slash. */
static struct view epoch_of(struct view origin)
{
    struct view part = VIEW_NONE;
    for (int i = 0; i < 4; i++) {
        part = VIEW_NONE;
        if (!view_cut(&origin, '/', &part)) {
            return VIEW_NONE;
        }
    }
    return part;
}

static void feed_names(struct view feed_id, struct view origin, char file[static KEYRING_FILE_MAX],
                       char purpose[static KEYFILE_PURPOSE_MAX])
{
    struct view epoch = epoch_of(origin);
    const char *dash = epoch.len == 0 ? "" : "-";
    snprintf(file, KEYRING_FILE_MAX, "feed-%.*s%s%.*s", VIEW_FMT(feed_id), dash, VIEW_FMT(epoch));
    snprintf(purpose, KEYFILE_PURPOSE_MAX, "feed %.*s%s%.*s", VIEW_FMT(feed_id), dash,
             VIEW_FMT(epoch));
}

void keyring_feed_file(struct view feed_id, struct view origin, char out[static KEYRING_FILE_MAX])
{
    char purpose[KEYFILE_PURPOSE_MAX];
    char file[KEYRING_FILE_MAX];
    feed_names(feed_id, origin, file, purpose);
    snprintf(out, KEYRING_FILE_MAX, "%.*s.key", KEYRING_FILE_MAX - 5, file);
}

int keyring_feed(struct keyring *keyring, struct view feed_id, struct view origin,
                 const struct ed25519_key **out, struct fault *fault)
{
    char file[KEYRING_FILE_MAX];
    char purpose[KEYFILE_PURPOSE_MAX];
    feed_names(feed_id, origin, file, purpose);
    return fetch(keyring, file, purpose, true, out, fault);
}

int keyring_cosign(struct keyring *keyring, const struct ed25519_key **out, struct fault *fault)
{
    return fetch(keyring, "cosign", "cosign", true, out, fault);
}

int keyring_witness(struct keyring *keyring, bool make, const struct ed25519_key **out,
                    struct fault *fault)
{
    return fetch(keyring, "witness", "witness", make, out, fault);
}

static void token_names(const uint8_t key_id[static 4], char file[static 32],
                        char purpose[static 32])
{
    char hex[9];
    text_to_hex(key_id, 4, hex);
    snprintf(file, 32, "token-%s", hex);
    snprintf(purpose, 32, "token %s", hex);
}

int keyring_token_make(struct keyring *keyring, uint8_t key_id[static 4],
                       const struct ed25519_key **out, struct fault *fault)
{
    struct ed25519_key key;
    ed25519_key_make(&key, keyring->env);
    uint8_t hash[SHA256_LEN];
    sha256(view_bytes(key.public_key, sizeof key.public_key), hash);
    memcpy(key_id, hash, 4);
    char file[32];
    char purpose[32];
    token_names(key_id, file, purpose);
    struct arena arena = ARENA_INIT;
    char *path = arena_printf(&arena, "%s/%s.key", keyring->dir, file);
    int err = keyfile_write(path, purpose, &key, fault);
    if (err == E_OK) {
        pthread_mutex_lock(&keyring->lock);
        *out = remember(keyring, purpose, &key);
        pthread_mutex_unlock(&keyring->lock);
    }
    ed25519_key_wipe(&key);
    arena_release(&arena);
    return err;
}

int keyring_token(struct keyring *keyring, const uint8_t key_id[static 4],
                  const struct ed25519_key **out, struct fault *fault)
{
    char file[32];
    char purpose[32];
    token_names(key_id, file, purpose);
    return fetch(keyring, file, purpose, false, out, fault);
}
