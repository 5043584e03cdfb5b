#include "service/identity/authority.h"

#include "crypt/keyfile.h"
#include "crypt/secret.h"

int authority_load(struct service *service, struct call *call, struct cert_authority **out)
{
    const char *dir = service->node->state_dir;
    struct buf certificate = BUF_INIT, key = BUF_INIT;
    struct fault fault = FAULT_NONE;
    FILE *file = fopen(arena_printf(call->arena, "%s/ca.crt", dir), "rb");
    if (file != NULL) {
        char *to = buf_reserve(&certificate, KEYFILE_BYTES_MAX);
        buf_wrote(&certificate, fread(to, 1, KEYFILE_BYTES_MAX, file));
        fclose(file);
    }
    int err = keyfile_read_private(arena_printf(call->arena, "%s/keys/ca.key", dir), &key, &fault);
    if (err == E_NOT_FOUND) {
        call_fail(call, CODE_FAILED_PRECONDITION,
                  "the authority's key is not at the hub: put ca.key back into its keys folder to "
                  "issue certificates");
    } else {
        err = err != E_OK ? err
                          : cert_authority_load(buf_content(&certificate), buf_content(&key), out,
                                                &fault);
        if (err != E_OK) {
            call_fail_with(call, &fault);
        }
    }
    if (key.data != NULL) {
        secret_wipe(key.data, key.len);
    }
    buf_release(&key);
    buf_release(&certificate);
    return err == E_OK ? 0 : -1;
}
