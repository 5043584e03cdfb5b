/* ListTokenKeys and RotateTokenKey. */
#include "passerelle/v1/entries.pb-c.h"
#include "service/found.h"
#include "service/journal.h"
#include "service/pass/internal.h"
#include "wire/pack.h"

/* All keys that fit, newest first: those in use are among the first, since old ones are retired
 * before a third begins. */
static size_t read_keys(struct service *service, struct arena *arena,
                        Passerelle__V1__TokenKey ***out)
{
    struct registry_key keys[TOKEN_KEYS_MAX];
    size_t count = registry_signing_keys(
        service->db, arena, PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_TOKEN, keys, ARRAY_LEN(keys));
    *out = ARENA_ARRAY(arena, count, Passerelle__V1__TokenKey *);
    for (size_t i = 0; i < count; i++) {
        Passerelle__V1__TokenKey *key = wire_new(arena, &passerelle__v1__token_key__descriptor);
        key->key_id = wire_bytes(keys[i].key_id);
        key->public_key = wire_bytes(keys[i].public_key);
        key->valid_from_utc_ms = keys[i].from_utc_ms;
        key->retired_utc_ms = keys[i].retired_utc_ms;
        (*out)[i] = key;
    }
    return count;
}

int list_token_keys(struct service *service, struct call *call)
{
    Passerelle__V1__ListTokenKeysResponse *response = call_respond(call);
    struct registry_network network = registry_network(service->db, call->arena);
    response->network_id = wire_string(call->arena, view_of(network.network_id));
    response->n_keys = read_keys(service, call->arena, &response->keys);
    return 0;
}

int rotate_decide(struct service *service, struct call *call)
{
    const Passerelle__V1__RotateTokenKeyRequest *request = (const void *)call->request;
    struct view retire = wire_view(request->retire_key_id);
    Passerelle__V1__TokenKey **keys;
    size_t count = read_keys(service, call->arena, &keys);
    size_t in_use = 0;
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        in_use += keys[i]->retired_utc_ms == 0;
        found = found ||
                (keys[i]->retired_utc_ms == 0 && view_equal(wire_view(keys[i]->key_id), retire));
    }
    if (retire.len == 0 && in_use >= PASS_KEYS_IN_USE_MAX) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "%zu keys are in use: retire the old one before you start another",
                         in_use);
    }
    if (retire.len > 0 && !found) {
        return call_violation(call, "retire_key_id",
                              "no key in use has this id: ListTokenKeys names them");
    }
    if (retire.len > 0 && in_use == 1) {
        return call_fail(call, CODE_FAILED_PRECONDITION,
                         "this is the last key in use: start a new one, let the phones refresh "
                         "their tokens, then retire it");
    }
    return 0;
}

int rotate_apply(struct service *service, struct call *call)
{
    const Passerelle__V1__RotateTokenKeyRequest *request = (const void *)call->request;
    struct view author = view_of(call->who.author);
    if (request->retire_key_id.len == 0) {
        found_token_key(service, author);
    } else {
        Passerelle__V1__KeyRetired retired = PASSERELLE__V1__KEY_RETIRED__INIT;
        retired.key_id = request->retire_key_id;
        journal_append(service, author, VIEW_LIT(FEED_NET),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_KEY_RETIRED, &retired.base);
    }
    Passerelle__V1__RotateTokenKeyResponse *response = call_respond(call);
    response->n_keys = read_keys(service, call->arena, &response->keys);
    return 0;
}
