/* Phones and cards that exist only here: what people would carry. Each phone has a device key and,
 * once activated, a token; each card has its token's QR text and its number. They are kept in a
 * folder, so that a second run goes on with the same ones. */
#ifndef CLIENTS_DEMO_PHONES_H
#define CLIENTS_DEMO_PHONES_H

#include "crypt/ed25519.h"
#include "demo/wire.h"

struct demo_pass {
    char holder_id[41];
    char pass_id[37];
    char number[16];
    char code[32];   /* phone, not yet activated */
    char token[512]; /* "PT1:..."; empty until activated */
    bool is_phone;
    bool is_expired; /* its holder's last day was past when it was issued */
    struct ed25519_key device;
};

struct demo_passes {
    struct demo_pass *items;
    size_t count;
    size_t capacity;
};

/* Issues a pass to every holder that has none, keeps what came, and reads back what was kept. */
void demo_passes_issue(struct demo *demo, struct demo_passes *passes);
void demo_passes_release(struct demo_passes *passes);
struct demo_pass *demo_pass_of(struct demo_passes *passes, const char *holder_id);

/* Registers the phone's key with its one-time code and takes the token. */
void demo_phone_activate(struct demo *demo, struct demo_pass *phone);
/* Keeps the folder's file as the passes are now. */
void demo_passes_save(struct demo *demo, const struct demo_passes *passes);

/* What the phone shows at a business second: token and proof, in the demo's arena. A card: its
 * token. */
char *demo_show(struct demo *demo, const struct demo_pass *pass, int64_t utc_s);

#endif
