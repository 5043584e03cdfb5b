#include "service/sync/cosigner.h"

#include "service/keyring.h"

int cosigner_key(struct service *service, struct note_key *key, const struct ed25519_key **secret,
                 struct fault *fault)
{
    char name[NOTE_NAME_MAX + 1];
    int err = keyring_cosign(service->node->keys, secret, fault);
    if (err == E_OK) {
        snprintf(name, sizeof name, "passerelle.example/%s/cosigner", service->node->network_id);
        err = note_key_init(key, view_of(name), NOTE_COSIGNATURE, (*secret)->public_key);
    }
    return err;
}
