#include "core/pass/base45.h"

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

void base45_encode(struct view bytes, struct buf *out)
{
    const uint8_t *in = (const uint8_t *)bytes.data;
    for (size_t i = 0; i < bytes.len; i += 2) {
        bool pair = i + 1 < bytes.len;
        unsigned value = pair ? in[i] * 256u + in[i + 1] : in[i];
        char group[3] = {alphabet[value % 45], alphabet[value / 45 % 45], alphabet[value / 2025]};
        buf_add(out, group, pair ? 3 : 2);
    }
}

static int digit(char c)
{
    const char *found = c == '\0' ? NULL : strchr(alphabet, c);
    return found == NULL ? -1 : (int)(found - alphabet);
}

int base45_decode(struct view text, struct buf *out)
{
    if (text.len % 3 == 1) {
        return E_INVALID;
    }
    size_t before = out->len;
    for (size_t i = 0; i < text.len; i += 3) {
        bool pair = i + 2 < text.len;
        int value = 0;
        for (size_t k = pair ? 3 : 2; k > 0; k--) {
            int one = digit(text.data[i + k - 1]);
            if (one < 0) {
                goto invalid;
            }
            value = value * 45 + one;
        }
        if (value > (pair ? UINT16_MAX : UINT8_MAX)) {
            goto invalid;
        }
        if (pair) {
            buf_byte(out, (char)(value >> 8));
        }
        buf_byte(out, (char)(value & 255));
    }
    return E_OK;
invalid:
    if (out->data != NULL) {
        out->len = before;
        out->data[before] = '\0';
    }
    return E_INVALID;
}
