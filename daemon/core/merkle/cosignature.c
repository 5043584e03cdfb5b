#include "core/merkle/cosignature.h"

#include <assert.h>

int cosignatures_verify(const struct note *note, const struct note_key *keys, size_t count,
                        uint64_t *signers, uint64_t *utc_s)
{
    assert(count <= NOTE_KEYS_MAX);
    uint64_t found = 0;
    uint64_t times[NOTE_KEYS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        assert(keys[i].type == NOTE_COSIGNATURE);
        int err = note_verify(note, &keys[i], &times[i]);
        if (err == E_OK) {
            found |= (uint64_t)1 << i;
        } else if (err != E_NOT_FOUND) {
            return err;
        }
    }
    *signers = found;
    if (utc_s != NULL && count > 0) {
        memcpy(utc_s, times, count * sizeof times[0]);
    }
    return E_OK;
}

static bool stands_in(struct view lines, struct view line)
{
    for (size_t at = 0; at + line.len <= lines.len;) {
        struct view rest = view_slice(lines, at, lines.len);
        size_t end = view_find(rest, '\n') + 1;
        if (view_equal(view_slice(rest, 0, end), line)) {
            return true;
        }
        at += end;
    }
    return false;
}

int cosignatures_add(struct buf *note, struct view lines, const struct note_key *keys, size_t count,
                     uint64_t *signers, uint64_t *utc_s)
{
    struct note before;
    int err = note_parse(buf_content(note), &before);
    if (err != E_OK) {
        return err;
    }
    /* The same text under the new lines alone is a note too. */
    struct buf answered = BUF_INIT;
    struct buf taken = BUF_INIT;
    struct buf result = BUF_INIT;
    struct note answer;
    uint64_t found = 0;
    err = note_begin(&answered, before.text);
    buf_view(&answered, lines);
    if (err == E_OK) {
        err = note_parse(buf_content(&answered), &answer);
    }
    if (err == E_OK) {
        err = view_equal(answer.text, before.text) ? E_OK : E_INVALID;
    }
    if (err == E_OK) {
        err = cosignatures_verify(&answer, keys, count, &found, utc_s);
    }
    if (err == E_OK && found == 0) {
        err = E_SIGNATURE;
    }
    for (size_t i = 0; err == E_OK && i < count; i++) {
        if ((found >> i & 1) != 0) {
            note_lines_of(&answer, &keys[i], &taken);
        }
    }
    if (err == E_OK) {
        buf_view(&result, buf_content(note));
        struct view rest = buf_content(&taken);
        while (rest.len > 0) {
            struct view line = view_slice(rest, 0, view_find(rest, '\n') + 1);
            if (!stands_in(before.signatures, line)) {
                buf_view(&result, line);
            }
            rest = view_slice(rest, line.len, rest.len);
        }
        struct note parts; /* the whole must stay within what note_parse() takes */
        err = note_parse(buf_content(&result), &parts);
    }
    if (err == E_OK) {
        size_t old = note->len;
        buf_view(note, view_slice(buf_content(&result), old, result.len));
        err = buf_error(note);
        *signers = found;
    }
    buf_release(&answered);
    buf_release(&taken);
    buf_release(&result);
    return err;
}
