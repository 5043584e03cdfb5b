/* The file: one line a pass, comma separated: holder, pass, number, medium, state, code, seed,
 * token. */
#include "demo/phones.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "core/pass/proof.h"
#include "core/pass/token.h"
#include "crypt/secret.h"
#include "passerelle/v1/pass.pb-c.h"
#include "wire/pack.h"

enum { ISSUE_AT_ONCE = 250 };

static struct demo_pass *add(struct demo_passes *passes)
{
    if (passes->count == passes->capacity) {
        passes->capacity = passes->capacity == 0 ? 256 : passes->capacity * 2;
        passes->items = xrealloc(passes->items, passes->capacity, sizeof *passes->items);
    }
    struct demo_pass *pass = &passes->items[passes->count++];
    *pass = (struct demo_pass){0};
    return pass;
}

void demo_passes_release(struct demo_passes *passes)
{
    free(passes->items);
    *passes = (struct demo_passes){0};
}

struct demo_pass *demo_pass_of(struct demo_passes *passes, const char *holder_id)
{
    for (size_t i = 0; i < passes->count; i++) {
        if (strcmp(passes->items[i].holder_id, holder_id) == 0) {
            return &passes->items[i];
        }
    }
    return NULL;
}

static char *file_of(struct demo *demo)
{
    return arena_printf(&demo->arena, "%s/passes", demo->dir);
}

static bool take(struct view *line, char *out, size_t size)
{
    struct view field;
    if (!view_cut(line, ',', &field) || field.len >= size) {
        return false;
    }
    snprintf(out, size, "%.*s", VIEW_FMT(field));
    return true;
}

static void load(struct demo *demo, struct demo_passes *passes)
{
    FILE *file = fopen(file_of(demo), "r");
    if (file == NULL) {
        return;
    }
    char text[1024];
    while (fgets(text, sizeof text, file) != NULL) {
        struct view line = view_of(text);
        line.len -= line.len > 0 && line.data[line.len - 1] == '\n';
        struct demo_pass *pass = add(passes);
        char medium[8];
        char state[8];
        char seed[65];
        uint8_t bytes[ED25519_SEED_LEN];
        if (!take(&line, pass->holder_id, sizeof pass->holder_id) ||
            !take(&line, pass->pass_id, sizeof pass->pass_id) ||
            !take(&line, pass->number, sizeof pass->number) ||
            !take(&line, medium, sizeof medium) || !take(&line, state, sizeof state) ||
            !take(&line, pass->code, sizeof pass->code) || !take(&line, seed, sizeof seed) ||
            text_from_hex(view_of(seed), bytes, 32) != E_OK || line.len >= sizeof pass->token) {
            demo_give_up("%s is damaged: start over with --fresh", file_of(demo));
        }
        /* base45 has neither comma nor newline. */
        snprintf(pass->token, sizeof pass->token, "%.*s", VIEW_FMT(line));
        pass->is_phone = strcmp(medium, "phone") == 0;
        pass->is_expired = strcmp(state, "expired") == 0;
        ed25519_key_from_seed(&pass->device, bytes);
    }
    fclose(file);
}

void demo_passes_save(struct demo *demo, const struct demo_passes *passes)
{
    char *path = file_of(demo);
    char *fresh = arena_printf(&demo->arena, "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        demo_give_up("cannot write %s", fresh);
    }
    for (size_t i = 0; i < passes->count; i++) {
        const struct demo_pass *pass = &passes->items[i];
        char seed[65];
        text_to_hex(pass->device.seed, ED25519_SEED_LEN, seed);
        fprintf(file, "%s,%s,%s,%s,%s,%s,%s,%s\n", pass->holder_id, pass->pass_id, pass->number,
                pass->is_phone ? "phone" : "card", pass->is_expired ? "expired" : "good",
                pass->code, seed, pass->token);
    }
    if (fflush(file) != 0 || fsync(fd) != 0 || fclose(file) != 0 || rename(fresh, path) != 0) {
        demo_give_up("cannot write %s", path);
    }
}

static void keep_issued(struct demo *demo, struct demo_passes *passes,
                        const Passerelle__V1__IssuedPass *issued)
{
    struct demo_pass *pass = add(passes);
    snprintf(pass->holder_id, sizeof pass->holder_id, "%s", issued->pass->holder_id);
    snprintf(pass->pass_id, sizeof pass->pass_id, "%s", issued->pass->pass_id);
    snprintf(pass->number, sizeof pass->number, "%s", issued->pass->number);
    snprintf(pass->code, sizeof pass->code, "%s", issued->activation_code);
    snprintf(pass->token, sizeof pass->token, "%s", issued->token);
    pass->is_expired = issued->pass->state == PASSERELLE__V1__PASS_STATE__PASS_STATE_EXPIRED;
    pass->is_phone = issued->pass->medium == PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    ed25519_key_make(&pass->device, &demo->env);
}

void demo_passes_issue(struct demo *demo, struct demo_passes *passes)
{
    if (passes->count == 0) {
        load(demo, passes);
    }
    uint32_t remaining = 1;
    while (remaining > 0) {
        Passerelle__V1__IssuePassesRequest *request =
            demo_new(demo, &passerelle__v1__issue_passes_request__descriptor);
        request->request_id = demo_request_id(demo);
        request->limit = ISSUE_AT_ONCE;
        const Passerelle__V1__IssuePassesResponse *response =
            demo_call(demo, demo->operator, "PassService", "IssuePasses", &request->base,
                      &passerelle__v1__issue_passes_response__descriptor);
        for (size_t i = 0; i < response->n_passes; i++) {
            keep_issued(demo, passes, response->passes[i]);
        }
        demo_passes_save(demo, passes);
        remaining = response->remaining;
    }
}

void demo_phone_activate(struct demo *demo, struct demo_pass *phone)
{
    struct buf message = BUF_INIT;
    struct one_time_code code;
    if (one_time_code_parse(view_of(phone->code), &code) != E_OK) {
        demo_give_up("the activation code of %s is damaged", phone->holder_id);
    }
    buf_add(&message, "passerelle-activate/v1", sizeof "passerelle-activate/v1");
    buf_add(&message, code.bytes, sizeof code.bytes);
    uint8_t signature[ED25519_SIGNATURE_LEN];
    ed25519_sign(&phone->device, buf_content(&message), signature);
    buf_release(&message);
    Passerelle__V1__ActivateRequest *request =
        demo_new(demo, &passerelle__v1__activate_request__descriptor);
    request->request_id = demo_request_id(demo);
    request->activation_code = wire_string(&demo->arena, view_of(phone->code));
    request->device_public_key =
        wire_bytes(view_bytes(phone->device.public_key, ED25519_PUBLIC_LEN));
    request->signature = wire_bytes(view_bytes(signature, sizeof signature));
    const Passerelle__V1__ActivateResponse *response =
        demo_call(demo, demo->anyone, "PassService", "Activate", &request->base,
                  &passerelle__v1__activate_response__descriptor);
    snprintf(phone->token, sizeof phone->token, "%s", response->token);
    phone->code[0] = '\0';
}

char *demo_show(struct demo *demo, const struct demo_pass *pass, int64_t utc_s)
{
    if (!pass->is_phone) {
        return wire_string(&demo->arena, view_of(pass->token));
    }
    struct token_scan scan = TOKEN_SCAN_INIT;
    if (token_scan_parse(view_of(pass->token), &scan) != TOKEN_VALID) {
        demo_give_up("the token of %s is damaged", pass->holder_id);
    }
    uint8_t hash[SHA256_LEN];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    token_hash(scan.token, hash);
    proof_sign(&pass->device, hash, (uint64_t)utc_s, signature);
    struct buf text = BUF_INIT;
    token_proof_text(scan.token, (uint64_t)utc_s, signature, &text);
    char *shown = wire_string(&demo->arena, buf_content(&text));
    buf_release(&text);
    token_scan_release(&scan);
    return shown;
}
