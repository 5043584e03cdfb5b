#include "service/identity/authority.h"

#include "crypt/keyfile.h"
#include "crypt/secret.h"

int authority_certificate(struct service *service, struct call *call, struct view *pem)
{
    const char *path = arena_printf(call->arena, "%s/ca.crt", service->node->state_dir);
    struct buf text = BUF_INIT;
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        char *to = buf_reserve(&text, KEYFILE_BYTES_MAX);
        buf_wrote(&text, fread(to, 1, KEYFILE_BYTES_MAX, file));
        fclose(file);
    }
    *pem = arena_copy(call->arena, buf_content(&text));
    buf_release(&text);
    return pem->len > 0 ? 0
                        : call_fail(call, CODE_FAILED_PRECONDITION,
                                    "the authority's certificate cannot be read: put ca.crt back "
                                    "into the hub's state folder");
}

int authority_load(struct service *service, struct call *call, struct cert_authority **out)
{
    struct view certificate;
    struct buf key = BUF_INIT;
    struct fault fault = FAULT_NONE;
    if (authority_certificate(service, call, &certificate) != 0) {
        return -1;
    }
    const char *path = arena_printf(call->arena, "%s/keys/ca.key", service->node->state_dir);
    int err = keyfile_read_private(path, &key, &fault);
    if (err == E_NOT_FOUND) {
        call_fail(call, CODE_FAILED_PRECONDITION,
                  "the authority's key is not at the hub: put ca.key back into its keys folder to "
                  "issue certificates");
    } else {
        err = err != E_OK ? err : cert_authority_load(certificate, buf_content(&key), out, &fault);
        if (err != E_OK) {
            call_fail_with(call, &fault);
        }
    }
    if (key.data != NULL) {
        secret_wipe(key.data, key.len);
    }
    buf_release(&key);
    return err == E_OK ? 0 : -1;
}
