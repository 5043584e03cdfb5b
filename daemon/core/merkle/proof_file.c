#include "core/merkle/proof_file.h"

#include "base/text.h"
#include "core/merkle/lines.h"

static const char header[] = "c2sp.org/tlog-proof@v1";

void proof_file_write(const struct proof_file *proof, struct buf *out)
{
    buf_printf(out, "%s\n", header);
    if (proof->extra.len > 0) {
        buf_text(out, "extra ");
        text_to_base64(out, proof->extra);
        buf_byte(out, '\n');
    }
    buf_printf(out, "index %llu\n", (unsigned long long)proof->index);
    line_proof_add(&proof->path, out);
    buf_view(out, proof->checkpoint);
}

static bool read_extra(struct view base64, struct arena *arena, struct view *out)
{
    struct buf bytes = BUF_INIT;
    bool good = base64.len > 0 && base64.len % 4 == 0 && view_find(base64, '-') == base64.len &&
                view_find(base64, '_') == base64.len && text_from_base64(base64, &bytes) == E_OK;
    if (good) {
        *out = arena_copy(arena, buf_content(&bytes));
    }
    buf_release(&bytes);
    return good;
}

int proof_file_parse(struct view bytes, struct arena *arena, struct proof_file *out)
{
    struct proof_file read = {0};
    struct view rest = bytes;
    struct view line;
    if (bytes.len > NOTE_BYTES_MAX) {
        return E_LIMIT;
    }
    if (!line_next(&rest, &line) || !view_is(line, header) || !line_next(&rest, &line)) {
        return E_INVALID;
    }
    if (view_starts(line, "extra ")) {
        if (!read_extra(view_slice(line, 6, line.len), arena, &read.extra) ||
            !line_next(&rest, &line)) {
            return E_INVALID;
        }
    }
    if (!view_starts(line, "index ") ||
        text_u64(view_slice(line, 6, line.len), &read.index) != E_OK) {
        return E_INVALID;
    }
    int err = line_proof(&rest, TREE_PROOF_MAX, &read.path);
    if (err != E_OK) {
        return err;
    }
    read.checkpoint = rest;
    *out = read;
    return E_OK;
}

int proof_file_verify(const struct proof_file *proof, const struct tree_hash *leaf,
                      const struct note_key *log_key, struct checkpoint *out, struct note *note,
                      struct fault *fault)
{
    struct checkpoint head;
    struct note parts;
    int err = checkpoint_open(proof->checkpoint, log_key, &head, &parts, fault);
    if (err != E_OK) {
        return err;
    }
    if (proof->index >= head.size) {
        return fault_set(
            fault, E_SIGNATURE, "the proof is of entry %llu, and the checkpoint of %s covers %llu",
            (unsigned long long)proof->index + 1, head.origin, (unsigned long long)head.size);
    }
    err = tree_check_inclusion(leaf, proof->index, head.size, &head.root, proof->path.hash,
                               proof->path.count);
    if (err != E_OK) {
        return fault_set(fault, err, "the proof does not show that the entry is number %llu of %s",
                         (unsigned long long)proof->index + 1, head.origin);
    }
    *out = head;
    if (note != NULL) {
        *note = parts;
    }
    return E_OK;
}
