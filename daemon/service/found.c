#include "service/found.h"

#include "core/ident/ident.h"
#include "core/pass/token.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "store/view/registry.h"
#include "wire/pack.h"

static const struct view by_hub = {"hub", 3};

static void publish_key(struct service *service, struct view author, uint8_t key_id[static 4],
                        Passerelle__V1__KeyPurpose purpose, const struct ed25519_key *key)
{
    Passerelle__V1__KeyPublished published = PASSERELLE__V1__KEY_PUBLISHED__INIT;
    published.key_id = wire_bytes(view_bytes(key_id, 4));
    published.purpose = purpose;
    published.public_key = wire_bytes(view_bytes(key->public_key, sizeof key->public_key));
    journal_append(service, author, VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_KEY_PUBLISHED, &published.base);
}

void found_token_key(struct service *service, struct view author)
{
    struct fault fault = FAULT_NONE;
    uint8_t key_id[4];
    const struct ed25519_key *key;
    if (keyring_token_make(service->node->keys, key_id, &key, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return;
    }
    publish_key(service, author, key_id, PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_TOKEN, key);
}

/* Its id is made as that of a token key. */
static void found_cosign_key(struct service *service)
{
    struct fault fault = FAULT_NONE;
    uint8_t key_id[TOKEN_KEY_ID_LEN];
    const struct ed25519_key *key;
    if (keyring_cosign(service->node->keys, &key, &fault) != E_OK) {
        db_fail(service->db, fault.code, "%s", fault.text);
        return;
    }
    token_key_id(key->public_key, key_id);
    publish_key(service, by_hub, key_id, PASSERELLE__V1__KEY_PURPOSE__KEY_PURPOSE_COSIGN, key);
}

int found_network(struct service *service, const struct found_options *options, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    int err = ident_slug(view_of(options->network_id), fault);
    if (err != E_OK) {
        fault_prefix(fault, "network id");
        return err;
    }
    if (registry_network(service->db, &arena).network_id != NULL) {
        arena_release(&arena);
        return fault_set(fault, E_EXISTS,
                         "this database holds a network already: run it, or "
                         "choose another state folder");
    }
    snprintf(service->node->network_id, sizeof service->node->network_id, "%s",
             options->network_id);
    journal_open_feed(service, VIEW_LIT(FEED_NET), by_hub);
    Passerelle__V1__NetworkCreated created = PASSERELLE__V1__NETWORK_CREATED__INIT;
    created.network_id = wire_string(&arena, view_of(options->network_id));
    created.name = wire_string(&arena, view_of(options->name));
    created.demo = options->demo;
    journal_append(service, by_hub, VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_NETWORK_CREATED, &created.base);
    Passerelle__V1__NetworkPolicy *policy = registry_policy_defaults(&arena);
    policy->two_operators = !options->demo;
    journal_append(service, by_hub, VIEW_LIT(FEED_NET),
                   PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_POLICY_SET, &policy->base);
    journal_open_feed(service, VIEW_LIT(FEED_BOOKS), by_hub);
    found_token_key(service, by_hub);
    found_cosign_key(service);
    arena_release(&arena);
    return db_error(service->db, fault);
}
