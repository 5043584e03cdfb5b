#include "crowd.h"

#include <stdarg.h>

#include "base/text.h"
#include "service/keyring.h"
#include "store/view/registry.h"

void crowd_give_up(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, fmt, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(EXIT_FAILURE);
}

int64_t crowd_number(const char *option, const char *text, int64_t least)
{
    int64_t value;
    if (text == NULL || text_i64(view_of(text), &value) != E_OK || value < least) {
        crowd_give_up("%s wants a number from %lld on", option, (long long)least);
    }
    return value;
}

void crowd_holder(uint64_t index, char out[static CROWD_ID_MAX])
{
    snprintf(out, CROWD_ID_MAX, "h%07u", (unsigned)index);
}

void crowd_employer(uint64_t index, char out[static CROWD_ID_MAX])
{
    snprintf(out, CROWD_ID_MAX, "e%05u", (unsigned)(index / CROWD_OF_EMPLOYER));
}

void crowd_site(uint64_t number, char out[static CROWD_ID_MAX])
{
    snprintf(out, CROWD_ID_MAX, "s%04u", (unsigned)(number + 1));
}

static void derive(const char *purpose, uint64_t index, uint8_t out[static SHA256_LEN])
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "bench/%s/%llu", purpose, (unsigned long long)index);
    sha256(buf_content(&text), out);
    buf_release(&text);
}

void crowd_pass_id(uint64_t index, uint8_t out[static 16])
{
    uint8_t hash[SHA256_LEN];
    derive("pass", index, hash);
    memcpy(out, hash, 16);
    out[6] &= 0x0f; /* no version 7: it does not say when it was issued */
}

void crowd_device(uint64_t index, struct ed25519_key *out)
{
    uint8_t seed[SHA256_LEN];
    derive("device", index, seed);
    ed25519_key_from_seed(out, seed);
}

void crowd_feed(uint64_t number, struct ed25519_key *out)
{
    uint8_t seed[SHA256_LEN];
    derive("feed", number, seed);
    ed25519_key_from_seed(out, seed);
}

enum token_plan crowd_plan(uint64_t index)
{
    return (enum token_plan)(TOKEN_CARNET + index / CROWD_OF_EMPLOYER % 3);
}

void crowd_token(uint64_t index, struct view network, const struct ed25519_key *key,
                 struct buf *out)
{
    struct ed25519_key device;
    struct token token = {
        .has_device = true,
        .issuer = "m001",
        .plan = crowd_plan(index),
        .offline = TOKEN_OFFLINE_ALLOWANCE,
        .entitlements = TOKEN_DESK | TOKEN_MEETING_ROOM | TOKEN_BOOTH,
        .issued_utc_s = 1793600000,
    };
    crowd_pass_id(index, token.pass_id);
    crowd_device(index, &device);
    memcpy(token.device_key, device.public_key, sizeof token.device_key);
    if (token_sign(&token, network, key, out) != E_OK) {
        crowd_give_up("a token cannot be signed");
    }
}

void crowd_open(struct crowd_network *network, const char *dir, enum db_mode mode)
{
    struct fault fault = FAULT_NONE;
    if (dir == NULL || state_open(&network->state, &network->settings, dir, &fault) != E_OK) {
        crowd_give_up("%s", dir == NULL ? "say which --state" : fault.text);
    }
    struct db_options options = {
        .path = network->state.database, .mode = mode, .bulk = mode != DB_READ};
    if (db_open(&network->db, &options, &fault) != E_OK ||
        db_begin_read(network->db, &fault) != E_OK) {
        crowd_give_up("%s", fault.text);
    }
    network->network_id = registry_network(network->db, &network->state.arena).network_id;
    struct registry_key keys[TOKEN_KEYS_MAX];
    size_t count = registry_signing_keys(network->db, &network->state.arena,
                                         PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_TOKEN, keys,
                                         TOKEN_KEYS_MAX);
    struct keyring *ring = keyring_new(network->state.keys, &network->state.env);
    const struct ed25519_key *key;
    if (network->network_id == NULL || count == 0 ||
        keyring_token(ring, (const uint8_t *)keys[0].key_id.data, &key, &fault) != E_OK) {
        crowd_give_up("%s holds no network with a token key", dir);
    }
    network->token_key = *key;
    keyring_free(ring);
    db_end(network->db, NULL);
}

void crowd_close(struct crowd_network *network)
{
    db_free(network->db);
    state_release(&network->state);
}
