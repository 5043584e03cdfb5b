/* A push as a site's daemon might send it: the note, the packages and their proofs, each entry. What
 * needs no database. */
#include <assert.h>

#include "core/entry/entry.h"
#include "fuzz.h"
#include "passerelle/v1/sync.pb-c.h"
#include "service/sync/push.h"
#include "wire/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message;
    if (wire_unpack(&passerelle__v1__push_entries_request__descriptor, view_bytes(data, size),
                    &wire_limits_request, &arena, &message, NULL) == E_OK) {
        const Passerelle__V1__PushEntriesRequest *request = (const void *)message;
        /* A caller of another site: its entries' signatures are not looked at. */
        struct call call = {.arena = &arena, .request = message, .who = {.party = "-"}};
        if (strcmp(request->feed_id, call.who.party) != 0) {
            push_precompute(NULL, &call);
            assert(call.prepared != NULL);
        }
        for (size_t i = 0; i < request->n_packages; i++) {
            for (size_t k = 0; k < request->packages[i]->n_entries; k++) {
                struct entry entry;
                int err = entry_decode(view_of(request->feed_id),
                                       wire_view(request->packages[i]->entries[k]), &arena, &entry,
                                       NULL);
                assert(err != E_OK || entry.envelope != NULL);
            }
        }
    }
    arena_release(&arena);
    return 0;
}
