/* A snapshot of `net` as a hub might send it: frames, the header, the rows of each chunk. */
#include "service/sync/snapshot.h"
#include "store/view/snapshot.h"
#include "wire/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A length in 4 bytes, big-endian, and a message. */
static Passerelle__V1__GetSnapshotResponse *next_part(struct view *rest, struct arena *arena)
{
    ProtobufCMessage *part = NULL;
    const uint8_t *head = (const uint8_t *)rest->data;
    size_t len = rest->len < 4 ? 0
                               : (size_t)head[0] << 24 | (size_t)head[1] << 16 |
                                     (size_t)head[2] << 8 | head[3];
    if (rest->len < 4 || len > rest->len - 4) {
        return NULL;
    }
    int err = wire_unpack(&passerelle__v1__get_snapshot_response__descriptor,
                          view_slice(*rest, 4, 4 + len), &wire_limits_tolerant, arena, &part, NULL);
    *rest = view_slice(*rest, 4 + len, rest->len);
    return err == E_OK ? (void *)part : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t cosigner[ED25519_PUBLIC_LEN] = {1};
    struct view rest = view_bytes(data, size);
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    Passerelle__V1__GetSnapshotResponse *part;
    while ((part = next_part(&rest, &arena)) != NULL) {
        struct checkpoint head;
        struct tree_frontier frontier;
        if (part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEADER &&
            snapshot_header_check(part->header, cosigner, &head, &frontier, &fault) == E_OK) {
            __builtin_trap(); /* nobody signed */
        }
        for (size_t i = 0;
             part->part_case == PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_CHUNK &&
             i < part->chunk->n_rows;
             i++) {
            int err = view_snapshot_check(part->chunk->rows[i], &fault);
            (void)err;
        }
        arena_clear(&arena);
    }
    arena_release(&arena);
    return 0;
}
