#include "core/merkle/lines.h"

#include "base/text.h"
#include "core/merkle/note.h"

bool line_next(struct view *rest, struct view *line)
{
    size_t end = view_find(*rest, '\n');
    if (end == rest->len) {
        return false;
    }
    *line = view_slice(*rest, 0, end);
    *rest = view_slice(*rest, end + 1, rest->len);
    return true;
}

int line_proof(struct view *rest, unsigned max, struct tree_proof *out)
{
    struct view line;
    for (out->count = 0;; out->count++) {
        if (!line_next(rest, &line)) {
            return E_INVALID;
        }
        if (line.len == 0) {
            return E_OK;
        }
        if (out->count == max) {
            return E_LIMIT;
        }
        if (note_base64(line, out->hash[out->count].bytes, SHA256_LEN) != E_OK) {
            return E_INVALID;
        }
    }
}

void line_proof_add(const struct tree_proof *proof, struct buf *out)
{
    for (unsigned i = 0; i < proof->count; i++) {
        text_to_base64(out, view_bytes(proof->hash[i].bytes, SHA256_LEN));
        buf_byte(out, '\n');
    }
    buf_byte(out, '\n');
}
