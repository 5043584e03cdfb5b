/* sRGB (IEC 61966-2-1) as a matrix of primaries, adapted to D50, and a curve by its formula. */
#include "core/paper/pdf.h"

enum { HEADER_LEN = 128, TAGS = 10 };

struct tag {
    const char *name;
    const char *type;
    const uint32_t *values; /* s15Fixed16 */
    size_t count;
    const char *text; /* instead of values */
};

static const uint32_t white[] = {0x0000F6D6, 0x00010000, 0x0000D32D};
static const uint32_t red[] = {0x00006FA2, 0x000038F5, 0x00000390};
static const uint32_t green[] = {0x00006299, 0x0000B785, 0x000018DA};
static const uint32_t blue[] = {0x000024A0, 0x00000F84, 0x0000B6CF};
static const uint32_t adaptation[] = {0x00010C42, 0x000005DE, 0xFFFFF325, 0x00000793, 0x0000FD90,
                                      0xFFFFFBA1, 0xFFFFFDA2, 0x000003DC, 0x0000C06E};
/* Kind 3 of the formulas, then 2.4, 1/1.055, 0.055/1.055, 1/12.92, 0.04045. */
static const uint32_t curve[] = {0x00030000, 0x00026666, 0x0000F2A7,
                                 0x00000D59, 0x000013D0, 0x00000A5B};

static const struct tag tags[TAGS] = {
    {"desc", "mluc", NULL, 0, "sRGB"}, {"cprt", "mluc", NULL, 0, "No copyright, use freely"},
    {"wtpt", "XYZ ", white, 3, NULL},  {"chad", "sf32", adaptation, 9, NULL},
    {"rXYZ", "XYZ ", red, 3, NULL},    {"gXYZ", "XYZ ", green, 3, NULL},
    {"bXYZ", "XYZ ", blue, 3, NULL},   {"rTRC", "para", curve, 6, NULL},
    {"gTRC", "para", curve, 6, NULL},  {"bTRC", "para", curve, 6, NULL},
};

static void body(const struct tag *tag, struct buf *out)
{
    buf_text(out, tag->type);
    buf_u32be(out, 0);
    for (size_t i = 0; i < tag->count; i++) {
        buf_u32be(out, tag->values[i]);
    }
    if (tag->text != NULL) {
        size_t len = strlen(tag->text);
        buf_u32be(out, 1); /* one language */
        buf_u32be(out, 12);
        buf_text(out, "enUS");
        buf_u32be(out, (uint32_t)(2 * len));
        buf_u32be(out, 28);
        for (size_t i = 0; i < len; i++) {
            buf_u16be(out, (uint16_t)tag->text[i]);
        }
    }
    while (out->len % 4 != 0) {
        buf_byte(out, 0);
    }
}

void icc_srgb(struct buf *out)
{
    struct buf bodies = BUF_INIT;
    struct buf table = BUF_INIT;
    uint32_t first = HEADER_LEN + 4 + 12 * TAGS;
    buf_u32be(&table, TAGS);
    for (size_t i = 0; i < TAGS; i++) {
        size_t start = bodies.len;
        body(&tags[i], &bodies);
        buf_text(&table, tags[i].name);
        buf_u32be(&table, first + (uint32_t)start);
        buf_u32be(&table, (uint32_t)(bodies.len - start));
    }
    buf_u32be(out, first + (uint32_t)bodies.len);
    buf_u32be(out, 0);
    buf_u32be(out, 0x04200000);
    buf_text(out, "mntrRGB XYZ ");
    for (int i = 0; i < 6; i++) { /* made on 2026-01-01 */
        static const uint16_t made[6] = {2026, 1, 1, 0, 0, 0};
        buf_u16be(out, made[i]);
    }
    buf_text(out, "acsp");
    for (int i = 0; i < 7; i++) { /* platform, flags, device, attributes, intent */
        buf_u32be(out, 0);
    }
    buf_u32be(out, white[0]);
    buf_u32be(out, white[1]);
    buf_u32be(out, white[2]);
    for (int i = 0; i < 12; i++) { /* creator, id, reserved */
        buf_u32be(out, 0);
    }
    buf_view(out, buf_content(&table));
    buf_view(out, buf_content(&bodies));
    buf_release(&table);
    buf_release(&bodies);
}
