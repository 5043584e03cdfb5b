#include <check.h>
#include <qrencode.h>
#include <stdlib.h>
#include <zlib.h>

#include "cli/card_sheet.h"
#include "cli/qr.h"
#include "core/pass/card.h"
#include "core/pass/token.h"

/* The longest text of its kind: a token of TOKEN_BYTES_MAX bytes, with or without a proof. */
static struct view pass_text(bool phone, struct buf *out)
{
    char bytes[TOKEN_BYTES_MAX];
    uint8_t signature[ED25519_SIGNATURE_LEN];
    memset(bytes, 0x5a, sizeof bytes);
    memset(signature, 0xa5, sizeof signature);
    if (phone) {
        token_proof_text(view_bytes(bytes, sizeof bytes), 1793689200, signature, out);
    } else {
        token_text(view_bytes(bytes, sizeof bytes), out);
    }
    return buf_content(out);
}

START_TEST(modules_are_those_of_qrencode)
{
    static const struct {
        bool phone;
        int version_max;
    } rows[] = {{false, 10}, {true, 12}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text = BUF_INIT;
        struct qr qr;
        pass_text(rows[i].phone, &text);
        ck_assert_int_eq(qr_make(&qr, buf_content(&text), NULL), E_OK);
        ck_assert_int_le(qr.version, rows[i].version_max);
        ck_assert_uint_eq(qr.width, 17 + 4 * (size_t)qr.version);
        QRcode *code = QRcode_encodeString(text.data, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
        ck_assert_int_eq(code->version, qr.version);
        size_t side = qr.width + 2 * (size_t)QR_QUIET;
        for (size_t row = 0; row < side; row++) {
            for (size_t column = 0; column < side; column++) {
                bool inside = row >= QR_QUIET && column >= QR_QUIET && row < qr.width + QR_QUIET &&
                              column < qr.width + QR_QUIET;
                bool dark = inside &&
                            (code->data[(row - QR_QUIET) * qr.width + column - QR_QUIET] & 1) != 0;
                ck_assert_int_eq(qr_dark(&qr, row, column), dark);
            }
        }
        QRcode_free(code);
        qr_release(&qr);
        buf_release(&text);
    }
}
END_TEST

START_TEST(other_texts_are_refused)
{
    struct qr qr;
    struct fault fault = FAULT_NONE;
    char *long_text = malloc(5000);
    memset(long_text, 'A', 5000);
    ck_assert_int_eq(qr_make(&qr, VIEW_LIT("pt1:lower"), &fault), E_INVALID);
    ck_assert_int_eq(qr_make(&qr, VIEW_NONE, NULL), E_INVALID);
    ck_assert_int_eq(qr_make(&qr, view_bytes(long_text, 5000), NULL), E_INVALID);
    free(long_text);
}
END_TEST

static uint32_t u32be(const char *bytes)
{
    const uint8_t *b = (const void *)bytes;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Reads the picture back, chunk by chunk. */
START_TEST(png_holds_the_modules)
{
    enum { SCALE = 3 };
    struct buf text = BUF_INIT;
    struct buf png = BUF_INIT;
    struct qr qr;
    ck_assert_int_eq(qr_make(&qr, pass_text(false, &text), NULL), E_OK);
    qr_png(&qr, SCALE, &png);
    ck_assert_mem_eq(png.data, "\x89PNG\r\n\x1a\n", 8);
    size_t side = (qr.width + 2 * (size_t)QR_QUIET) * SCALE;
    size_t stride = 1 + (side + 7) / 8;
    uint8_t *raw = calloc(side, stride);
    size_t at = 8;
    int chunks = 0;
    while (at < png.len) {
        uint32_t len = u32be(png.data + at);
        ck_assert_uint_eq(u32be(png.data + at + 8 + len),
                          crc32(0, (const Bytef *)png.data + at + 4, len + 4));
        if (memcmp(png.data + at + 4, "IHDR", 4) == 0) {
            ck_assert_uint_eq(u32be(png.data + at + 8), side);
            ck_assert_uint_eq(u32be(png.data + at + 12), side);
        } else if (memcmp(png.data + at + 4, "IDAT", 4) == 0) {
            uLongf raw_len = side * stride;
            ck_assert_int_eq(uncompress(raw, &raw_len, (const Bytef *)png.data + at + 8, len),
                             Z_OK);
            ck_assert_uint_eq(raw_len, side * stride);
        }
        at += 12 + (size_t)len;
        chunks++;
    }
    ck_assert_int_eq(chunks, 3);
    ck_assert_uint_eq(at, png.len);
    for (size_t y = 0; y < side; y++) {
        ck_assert_int_eq(raw[y * stride], 0);
        for (size_t x = 0; x < side; x++) {
            bool light = (raw[y * stride + 1 + x / 8] >> (7 - x % 8) & 1) != 0;
            ck_assert_int_eq(!light, qr_dark(&qr, y / SCALE, x / SCALE));
        }
    }
    free(raw);
    qr_release(&qr);
    buf_release(&png);
    buf_release(&text);
}
END_TEST

START_TEST(terminal_holds_the_modules)
{
    struct buf text = BUF_INIT;
    struct buf shown = BUF_INIT;
    struct qr qr;
    ck_assert_int_eq(qr_make(&qr, pass_text(false, &text), NULL), E_OK);
    qr_terminal(&qr, false, &shown);
    size_t row = 0, column = 0, lines = 0;
    for (size_t at = 0; at < shown.len;) {
        struct view rest = view_slice(buf_content(&shown), at, shown.len);
        bool above = view_starts(rest, "\u2580") || view_starts(rest, "\u2588");
        bool below = view_starts(rest, "\u2584") || view_starts(rest, "\u2588");
        if (view_starts(rest, "\n")) {
            ck_assert_uint_eq(column, qr.width + 2 * (size_t)QR_QUIET);
            row += 2;
            column = 0;
            lines++;
            at++;
            continue;
        }
        ck_assert_int_eq(above, !qr_dark(&qr, row, column));
        if (row + 1 < qr.width + 2 * (size_t)QR_QUIET) {
            ck_assert_int_eq(below, !qr_dark(&qr, row + 1, column));
        }
        column++;
        at += above || below ? 3 : 1;
    }
    ck_assert_uint_eq(lines, (qr.width + 2 * (size_t)QR_QUIET + 1) / 2);
    qr_release(&qr);
    buf_release(&shown);
    buf_release(&text);
}
END_TEST

/* Draws the path again and compares. */
START_TEST(svg_holds_the_modules)
{
    struct buf text = BUF_INIT;
    struct buf svg = BUF_INIT;
    struct qr qr;
    ck_assert_int_eq(qr_make(&qr, pass_text(false, &text), NULL), E_OK);
    qr_svg(&qr, &svg);
    size_t side = qr.width + 2 * (size_t)QR_QUIET;
    bool *drawn = calloc(side * side, sizeof *drawn);
    const char *path = strstr(svg.data, " d=\"") + 4;
    unsigned x, y, run, back;
    int used = 0;
    while (sscanf(path, "M%u %uh%uv1h-%uz%n", &x, &y, &run, &back, &used) == 4) {
        ck_assert_uint_eq(run, back);
        for (unsigned i = 0; i < run; i++) {
            drawn[y * side + x + i] = true;
        }
        path += used;
    }
    ck_assert(strncmp(path, "\"/>\n</svg>\n", 11) == 0);
    for (size_t i = 0; i < side * side; i++) {
        ck_assert_int_eq(drawn[i], qr_dark(&qr, i / side, i % side));
    }
    free(drawn);
    qr_release(&qr);
    buf_release(&svg);
    buf_release(&text);
}
END_TEST

/* Twenty-one cards take three sheets; each has its number, its name and its own QR. */
START_TEST(cards_on_sheets)
{
    enum { CARDS = 2 * CARD_SHEET_COLUMNS * CARD_SHEET_ROWS + 1 };
    struct buf text = BUF_INIT;
    struct buf path = BUF_INIT;
    struct buf page = BUF_INIT;
    struct card_face cards[CARDS];
    char numbers[CARDS][CARD_DIGITS + 1];
    struct fault fault = FAULT_NONE;
    struct qr qr;
    struct view token = pass_text(false, &text);
    for (uint32_t i = 0; i < CARDS; i++) {
        card_number_make(100000 + i, numbers[i]);
        cards[i] = (struct card_face){.token = token,
                                      .number = view_of(numbers[i]),
                                      .name = VIEW_LIT("Œnone <&>"),
                                      .holder_id = VIEW_LIT("h1"),
                                      .valid_until = VIEW_LIT("2027-09-30")};
    }
    ck_assert_int_eq(card_sheet_write(cards, CARDS, VIEW_LIT("Passe & plus"), &page, &fault), E_OK);
    ck_assert_int_eq(qr_make(&qr, token, NULL), E_OK);
    qr_path(&qr, &path);
    size_t sheets = 0, codes = 0, names = 0;
    for (const char *at = page.data; (at = strstr(at, "class=\"sheet\"")) != NULL; at++) {
        sheets++;
    }
    for (const char *at = page.data; (at = strstr(at, path.data)) != NULL; at++) {
        codes++;
    }
    for (const char *at = page.data; (at = strstr(at, "Œnone &lt;&amp;&gt;")) != NULL; at++) {
        names++;
    }
    ck_assert_uint_eq(sheets, 3);
    ck_assert_uint_eq(codes, CARDS);
    ck_assert_uint_eq(names, CARDS);
    for (size_t i = 0; i < CARDS; i++) {
        char grouped[CARD_GROUPED + 1];
        card_number_group(numbers[i], grouped);
        ck_assert_ptr_nonnull(strstr(page.data, grouped));
    }
    ck_assert_ptr_nonnull(strstr(page.data, "Valable jusqu'au 30\xc2\xa0septembre\xc2\xa0"
                                            "2027"));
    cards[3].token = VIEW_LIT("no token");
    ck_assert_int_eq(card_sheet_write(cards, CARDS, VIEW_LIT("x"), &page, &fault), E_INVALID);
    ck_assert_ptr_nonnull(strstr(fault.text, numbers[3]));
    fault = FAULT_NONE;
    cards[2].number = VIEW_LIT("1234567890");
    ck_assert_int_eq(card_sheet_write(cards, CARDS, VIEW_LIT("x"), &page, &fault), E_INVALID);
    ck_assert_ptr_nonnull(strstr(fault.text, "1234567890"));
    qr_release(&qr);
    buf_release(&page);
    buf_release(&path);
    buf_release(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("qr");
    TCase *tc = tcase_create("qr");
    tcase_add_test(tc, modules_are_those_of_qrencode);
    tcase_add_test(tc, other_texts_are_refused);
    tcase_add_test(tc, png_holds_the_modules);
    tcase_add_test(tc, terminal_holds_the_modules);
    tcase_add_test(tc, svg_holds_the_modules);
    tcase_add_test(tc, cards_on_sheets);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
