#include "core/ident/uuid.h"

#include <assert.h>

#include "base/text.h"

/* Where the five groups begin in the text, and how many bytes each holds. */
static const struct {
    uint8_t text, byte, len;
} groups[] = {{0, 0, 4}, {9, 4, 2}, {14, 6, 2}, {19, 8, 2}, {24, 10, 6}};

int uuid_parse(struct view text, struct uuid *out)
{
    if (text.len != UUID_TEXT_LEN) {
        return E_INVALID;
    }
    struct uuid uuid;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        size_t from = groups[i].text;
        size_t digits = 2u * groups[i].len;
        if (from > 0 && text.data[from - 1] != '-') {
            return E_INVALID;
        }
        struct view hex = view_slice(text, from, from + digits);
        int err = text_from_hex(hex, uuid.bytes + groups[i].byte, groups[i].len);
        if (err != E_OK) {
            return err;
        }
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'F') {
            return E_INVALID;
        }
    }
    *out = uuid;
    return E_OK;
}

void uuid_format(struct uuid uuid, char text[static UUID_TEXT_LEN + 1])
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        text_to_hex(uuid.bytes + groups[i].byte, groups[i].len, text + groups[i].text);
        text[groups[i].text + 2 * groups[i].len] = '-';
    }
    text[UUID_TEXT_LEN] = '\0';
}

struct uuid uuid_v7(int64_t utc_ms, const uint8_t random[static 10])
{
    assert(utc_ms >= 0 && utc_ms < (int64_t)1 << 48);
    struct uuid uuid;
    for (int i = 0; i < 6; i++) {
        uuid.bytes[i] = (uint8_t)(utc_ms >> (40 - 8 * i));
    }
    memcpy(uuid.bytes + 6, random, 10);
    uuid.bytes[6] = (uint8_t)(0x70 | (uuid.bytes[6] & 0x0f));
    uuid.bytes[8] = (uint8_t)(0x80 | (uuid.bytes[8] & 0x3f));
    return uuid;
}

int uuid_time_ms(struct uuid uuid, int64_t *out_utc_ms)
{
    if (uuid.bytes[6] >> 4 != 7 || uuid.bytes[8] >> 6 != 2) {
        return E_INVALID;
    }
    int64_t utc_ms = 0;
    for (int i = 0; i < 6; i++) {
        utc_ms = utc_ms << 8 | uuid.bytes[i];
    }
    *out_utc_ms = utc_ms;
    return E_OK;
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

int uuid_compare(struct uuid a, struct uuid b)
{
    int order = memcmp(a.bytes, b.bytes, sizeof(a.bytes));
    return (order > 0) - (order < 0);
}
