#include "core/pass/proof.h"

#include <assert.h>

#include "base/arena.h"

static const char domain[] = "passerelle-proof/v1"; /* signed with its NUL */
static_assert(sizeof domain + SHA256_LEN + 8 == PROOF_MESSAGE_LEN, "the message is all of that");

#define NOWHERE UINT32_MAX

void proof_message(const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s,
                   uint8_t out[static PROOF_MESSAGE_LEN])
{
    memcpy(out, domain, sizeof domain);
    memcpy(out + sizeof domain, token_hash, SHA256_LEN);
    for (int i = 0; i < 8; i++) {
        out[PROOF_MESSAGE_LEN - 1 - i] = (uint8_t)(utc_s >> (8 * i));
    }
}

void proof_sign(const struct ed25519_key *device, const uint8_t token_hash[static SHA256_LEN],
                uint64_t utc_s, uint8_t signature[static ED25519_SIGNATURE_LEN])
{
    uint8_t message[PROOF_MESSAGE_LEN];
    proof_message(token_hash, utc_s, message);
    ed25519_sign(device, view_bytes(message, sizeof message), signature);
}

bool proof_check(const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s,
                 const uint8_t signature[static ED25519_SIGNATURE_LEN],
                 const uint8_t device_key[static ED25519_PUBLIC_LEN])
{
    uint8_t message[PROOF_MESSAGE_LEN];
    proof_message(token_hash, utc_s, message);
    return ed25519_verify(device_key, view_bytes(message, sizeof message), signature);
}

enum proof_age proof_age(uint64_t utc_s, int64_t now_utc_ms, int64_t window_s,
                         int64_t clock_offset_ms)
{
    assert(window_s >= 0 && window_s <= 86400);
    if (utc_s > INT64_MAX / 2000) {
        return PROOF_FUTURE;
    }
    int64_t age_ms = now_utc_ms + clock_offset_ms - (int64_t)utc_s * 1000;
    if (age_ms > window_s * 1000) {
        return PROOF_STALE;
    }
    return age_ms < -window_s * 1000 ? PROOF_FUTURE : PROOF_FRESH;
}

void proof_filter_init(struct proof_filter *filter, uint32_t capacity)
{
    assert(capacity > 0 && capacity <= 1 << 24);
    *filter = (struct proof_filter){.capacity = capacity, .floor_utc_s = -1};
    filter->used = xcalloc(capacity, sizeof *filter->used);
    filter->chains = xcalloc(capacity, sizeof *filter->chains);
    memset(filter->chains, 0xff, capacity * sizeof *filter->chains);
}

void proof_filter_release(struct proof_filter *filter)
{
    free(filter->used);
    free(filter->chains);
    *filter = (struct proof_filter){.capacity = 0};
}

/* A token's hash is as good as random, and only the network can make one that is accepted. */
static uint32_t chain_of(const struct proof_filter *filter, const uint8_t *token_hash,
                         uint64_t utc_s)
{
    uint64_t mixed;
    memcpy(&mixed, token_hash, sizeof mixed);
    return (uint32_t)((mixed ^ utc_s * 0x9e3779b97f4a7c15u) % filter->capacity);
}

static bool in_chain(const struct proof_filter *filter, const uint8_t *token_hash, uint64_t utc_s)
{
    uint32_t at = filter->chains[chain_of(filter, token_hash, utc_s)];
    for (; at != NOWHERE; at = filter->used[at].next) {
        const struct proof_used *used = &filter->used[at];
        if (used->utc_s == utc_s && memcmp(used->token, token_hash, sizeof used->token) == 0) {
            return true;
        }
    }
    return false;
}

bool proof_filter_seen(const struct proof_filter *filter,
                       const uint8_t token_hash[static SHA256_LEN], uint64_t utc_s)
{
    return (filter->floor_utc_s >= 0 && utc_s <= (uint64_t)filter->floor_utc_s) ||
           in_chain(filter, token_hash, utc_s);
}

static void drop_first(struct proof_filter *filter)
{
    struct proof_used *used = &filter->used[filter->first];
    uint32_t *link = &filter->chains[used->chain];
    while (*link != filter->first) {
        link = &filter->used[*link].next;
    }
    *link = used->next;
    if ((int64_t)used->utc_s > filter->floor_utc_s) {
        filter->floor_utc_s = (int64_t)used->utc_s;
    }
    filter->first = (filter->first + 1) % filter->capacity;
    filter->count--;
}

int proof_filter_add(struct proof_filter *filter, const uint8_t token_hash[static SHA256_LEN],
                     uint64_t utc_s, int64_t oldest_fresh_utc_s)
{
    assert(utc_s <= INT64_MAX);
    if (proof_filter_seen(filter, token_hash, utc_s)) {
        return E_EXISTS;
    }
    if (filter->count == filter->capacity) {
        if ((int64_t)filter->used[filter->first].utc_s >= oldest_fresh_utc_s) {
            return E_LIMIT;
        }
        drop_first(filter);
    }
    uint32_t at = (filter->first + filter->count) % filter->capacity;
    struct proof_used *used = &filter->used[at];
    used->utc_s = utc_s;
    memcpy(used->token, token_hash, sizeof used->token);
    used->chain = chain_of(filter, token_hash, utc_s);
    used->next = filter->chains[used->chain];
    filter->chains[used->chain] = at;
    filter->count++;
    return E_OK;
}
