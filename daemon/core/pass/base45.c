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

/* Each letter's place in the alphabet, from 1; 0: it is none. */
static const uint8_t places[UINT8_MAX + 1] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6, ['6'] = 7, ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
    ['G'] = 17, ['H'] = 18, ['I'] = 19, ['J'] = 20, ['K'] = 21, ['L'] = 22, ['M'] = 23, ['N'] = 24,
    ['O'] = 25, ['P'] = 26, ['Q'] = 27, ['R'] = 28, ['S'] = 29, ['T'] = 30, ['U'] = 31, ['V'] = 32,
    ['W'] = 33, ['X'] = 34, ['Y'] = 35, ['Z'] = 36, [' '] = 37, ['$'] = 38, ['%'] = 39, ['*'] = 40,
    ['+'] = 41, ['-'] = 42, ['.'] = 43, ['/'] = 44, [':'] = 45,
};

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
            int place = places[(uint8_t)text.data[i + k - 1]];
            if (place == 0) {
                goto invalid;
            }
            value = value * 45 + place - 1;
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
