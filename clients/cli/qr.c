#include "cli/qr.h"

#include <qrencode.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/arena.h"

int qr_make(struct qr *qr, struct view text, struct fault *fault)
{
    *qr = (struct qr){0};
    int err = E_INVALID;
    QRcode *code = NULL;
    QRinput *input = QRinput_new2(0, QR_ECLEVEL_M);
    if (input == NULL) {
        die("no memory for a QR code");
    }
    if (text.len == 0 || text.len > INT32_MAX ||
        QRinput_append(input, QR_MODE_AN, (int)text.len, (const unsigned char *)text.data) != 0) {
        fault_set(fault, E_INVALID,
                  "this is not the text of a pass: it begins with PT1: or PP1: and holds digits, "
                  "capital letters and a few signs");
        goto out;
    }
    code = QRcode_encodeInput(input);
    if (code == NULL) {
        fault_set(fault, E_INVALID, "the text is too long for a QR code (%zu characters)",
                  text.len);
        goto out;
    }
    qr->width = (size_t)code->width;
    qr->version = code->version;
    qr->dark = xmalloc(qr->width * qr->width);
    for (size_t i = 0; i < qr->width * qr->width; i++) {
        qr->dark[i] = code->data[i] & 1;
    }
    err = E_OK;
out:
    QRcode_free(code);
    QRinput_free(input);
    return err;
}

void qr_release(struct qr *qr)
{
    free(qr->dark);
    *qr = (struct qr){0};
}

bool qr_dark(const struct qr *qr, size_t row, size_t column)
{
    if (row < QR_QUIET || column < QR_QUIET || row - QR_QUIET >= qr->width ||
        column - QR_QUIET >= qr->width) {
        return false;
    }
    return qr->dark[(row - QR_QUIET) * qr->width + column - QR_QUIET] != 0;
}

size_t qr_side(const struct qr *qr)
{
    return qr->width + 2 * (size_t)QR_QUIET;
}

/* ---- SVG ---- */

void qr_path(const struct qr *qr, struct buf *out)
{
    size_t n = qr_side(qr);
    for (size_t row = 0; row < n; row++) {
        size_t run = 0;
        for (size_t column = 0; column <= n; column++) {
            if (column < n && qr_dark(qr, row, column)) {
                run++;
            } else if (run > 0) {
                buf_printf(out, "M%zu %zuh%zuv1h-%zuz", column - run, row, run, run);
                run = 0;
            }
        }
    }
}

void qr_svg(const struct qr *qr, struct buf *out)
{
    size_t n = qr_side(qr);
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%zu\" "
               "height=\"%zu\" viewBox=\"0 0 %zu %zu\" shape-rendering=\"crispEdges\">\n"
               "<rect width=\"%zu\" height=\"%zu\" fill=\"#fff\"/>\n<path fill=\"#000\" d=\"",
               n * QR_PNG_SCALE, n * QR_PNG_SCALE, n, n, n, n);
    qr_path(qr, out);
    buf_text(out, "\"/>\n</svg>\n");
}

/* ---- PNG ---- */

/* Length, type, data, and the CRC over the last two. */
static void chunk(struct buf *out, const char type[static 5], struct view data)
{
    buf_u32be(out, (uint32_t)data.len);
    size_t from = out->len;
    buf_add(out, type, 4);
    buf_view(out, data);
    if (buf_error(out) == E_OK) {
        uLong crc = crc32(0, (const Bytef *)out->data + from, (uInt)(out->len - from));
        buf_u32be(out, (uint32_t)crc);
    }
}

/* Each line: filter 0, then the pixels, 8 a byte, 1 for light. */
static void pixels(const struct qr *qr, size_t scale, struct buf *out)
{
    size_t n = qr_side(qr) * scale;
    for (size_t y = 0; y < n; y++) {
        buf_byte(out, 0);
        for (size_t x = 0; x < n; x += 8) {
            unsigned byte = 0;
            for (size_t bit = 0; bit < 8 && x + bit < n; bit++) {
                bool light = !qr_dark(qr, y / scale, (x + bit) / scale);
                byte |= (unsigned)light << (7 - bit);
            }
            buf_byte(out, (char)byte);
        }
    }
}

void qr_png(const struct qr *qr, size_t scale, struct buf *out)
{
    struct buf header = BUF_INIT;
    struct buf raw = BUF_INIT;
    uint32_t n = (uint32_t)(qr_side(qr) * scale);
    buf_u32be(&header, n);
    buf_u32be(&header, n);
    buf_add(&header, "\1\0\0\0\0", 5); /* 1 bit, grey, deflate, filters by line, not interlaced */
    pixels(qr, scale, &raw);
    uLongf packed_len = compressBound((uLong)raw.len);
    char *packed = xmalloc(packed_len);
    if (compress2((Bytef *)packed, &packed_len, (const Bytef *)raw.data, (uLong)raw.len, 9) !=
        Z_OK) {
        die("no memory for a PNG");
    }
    buf_add(out, "\x89PNG\r\n\x1a\n", 8);
    chunk(out, "IHDR", buf_content(&header));
    chunk(out, "IDAT", view_bytes(packed, packed_len));
    chunk(out, "IEND", VIEW_NONE);
    free(packed);
    buf_release(&raw);
    buf_release(&header);
}

/* ---- terminal ---- */

void qr_terminal(const struct qr *qr, bool colour, struct buf *out)
{
    /* By light above and light below. */
    static const char *const blocks[2][2] = {{" ", "\u2584"}, {"\u2580", "\u2588"}};
    size_t n = qr_side(qr);
    for (size_t row = 0; row < n; row += 2) {
        buf_text(out, colour ? "\x1b[40;97m" : "");
        for (size_t column = 0; column < n; column++) {
            bool below = row + 1 < n && !qr_dark(qr, row + 1, column);
            buf_text(out, blocks[!qr_dark(qr, row, column)][below]);
        }
        buf_text(out, colour ? "\x1b[0m\n" : "\n");
    }
}
