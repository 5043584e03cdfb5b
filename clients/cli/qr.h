/* A pass's text as a QR code (ISO/IEC 18004): alphanumeric mode, error correction M, the smallest
 * version that holds it, a quiet zone of 4 modules on each side. Any thread. */
#ifndef CLIENTS_CLI_QR_H
#define CLIENTS_CLI_QR_H

#include "base/buf.h"

enum { QR_QUIET = 4, QR_PNG_SCALE = 8 };

struct qr {
    size_t width;  /* modules on a side, without the quiet zone: 17 + 4 * version */
    int version;   /* 1 to 40; a token alone fits 10 */
    uint8_t *dark; /* width * width, row by row: 1 dark, 0 light */
};

/* `text` is of QR's alphanumeric set (0-9 A-Z space $%*+-./:), as passes are. E_INVALID with a
 * sentence for another character, an empty text or one that no version holds. */
must_check int qr_make(struct qr *qr, struct view text, struct fault *fault);
void qr_release(struct qr *qr);
/* Whether the module is dark; row and column count from the corner of the quiet zone. */
bool qr_dark(const struct qr *qr, size_t row, size_t column);

/* The dark modules as the data of an SVG path, one unit a module, the quiet zone around. */
void qr_path(const struct qr *qr, struct buf *out);
/* Modules on a side, with the quiet zone. */
size_t qr_side(const struct qr *qr);
/* SVG 1.1, one path, one unit a module. */
void qr_svg(const struct qr *qr, struct buf *out);
/* PNG (RFC 2083), 1 bit a pixel, `scale` pixels a module. */
void qr_png(const struct qr *qr, size_t scale, struct buf *out);
/* Half blocks in UTF-8, two rows of modules a line, light modules drawn: for dark terminals. With
 * `colour` the colours are said by escape sequences, so that any terminal shows dark on light. */
void qr_terminal(const struct qr *qr, bool colour, struct buf *out);

#endif
