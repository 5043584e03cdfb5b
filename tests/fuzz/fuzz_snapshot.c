/* A snapshot of `net` as a hub might send it: frames, the header, the rows of each chunk. */
#include "service/sync/snapshot.h"
#include "store/view/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t cosigner[ED25519_PUBLIC_LEN] = {1};
    struct view bytes = view_bytes(data, size);
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    Passerelle__V1__GetSnapshotResponse *message;
    while (snapshot_frame_read(&bytes, &arena, &message, &fault) == E_OK) {
        struct checkpoint head;
        struct tree_frontier frontier;
        if (message->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER &&
            snapshot_header_check(message->header, cosigner, &head, &frontier, &fault) == E_OK) {
            __builtin_trap(); /* nobody signed */
        }
        for (size_t i = 0;
             message->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK &&
             i < message->chunk->n_rows;
             i++) {
            int err = view_snapshot_check(message->chunk->rows[i], &fault);
            (void)err;
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
    return 0;
}
