#include "core/merkle/witness.h"

#include "base/text.h"
#include "core/merkle/lines.h"

int witness_request_parse(struct view body, struct witness_request *out)
{
    struct witness_request read = {0};
    struct view rest = body;
    struct view line;
    if (body.len > WITNESS_BODY_MAX) {
        return E_LIMIT;
    }
    if (!line_next(&rest, &line) || !view_starts(line, "old ") ||
        text_u64(view_slice(line, 4, line.len), &read.old_size) != E_OK) {
        return E_INVALID;
    }
    struct note note;
    struct checkpoint head;
    int err = line_proof(&rest, WITNESS_HASHES_MAX, &read.proof);
    if (err == E_OK) {
        err = note_parse(rest, &note);
    }
    if (err == E_OK) {
        err = checkpoint_parse_foreign(note.text, &head);
    }
    if (err == E_OK) {
        read.checkpoint = rest;
        read.origin = view_slice(rest, 0, view_find(rest, '\n'));
        *out = read;
    }
    return err;
}

void witness_request_format(const struct witness_request *request, struct buf *out)
{
    buf_printf(out, "old %llu\n", (unsigned long long)request->old_size);
    line_proof_add(&request->proof, out);
    buf_view(out, request->checkpoint);
}

static struct witness_answer refuse(enum witness_status status, bool evidence, const char *why)
{
    return (struct witness_answer){.status = status, .evidence = evidence, .why = why};
}

static struct witness_answer decide(const struct witness_request *request,
                                    const struct witness_log *log)
{
    struct note note;
    struct witness_answer answer = {.status = WITNESS_COSIGN};
    struct checkpoint *head = &answer.head;
    uint64_t signers;
    if (note_parse(request->checkpoint, &note) != E_OK ||
        checkpoint_parse_foreign(note.text, head) != E_OK) {
        return refuse(WITNESS_BAD_REQUEST, false, "the request holds no checkpoint");
    }
    if (log == NULL || strcmp(head->origin, log->origin) != 0) {
        return refuse(WITNESS_UNKNOWN_LOG, false, "this witness does not know the log");
    }
    if (note_verify_any(&note, log->keys, log->count, &signers) != E_OK) {
        return refuse(WITNESS_NOT_SIGNED, false,
                      "no key that is known for the log signed the checkpoint, or badly");
    }
    if (!checkpoint_root_is_possible(head)) {
        return refuse(WITNESS_INCONSISTENT, true, "the root of size 0 is not that of an empty log");
    }
    if (request->old_size > head->size) {
        return refuse(WITNESS_BAD_REQUEST, false, "the old size is above the checkpoint's");
    }
    if (request->old_size != log->size) {
        answer = refuse(WITNESS_OTHER_SIZE, false, NULL);
        answer.recorded_size = log->size;
        return answer;
    }
    if (head->size == log->size && !tree_hash_equal(&head->root, &log->root)) {
        struct checkpoint other = *head;
        answer = refuse(WITNESS_INCONSISTENT, true,
                        "the checkpoint has another root than the one cosigned at the same size");
        answer.contradicts = true;
        answer.head = other;
        return answer;
    }
    if (tree_check_consistency(log->size, &log->root, head->size, &head->root, request->proof.hash,
                               request->proof.count) != E_OK) {
        return refuse(WITNESS_INCONSISTENT, true,
                      "the proof does not show that the checkpoint extends the one cosigned last");
    }
    answer.text = note.text;
    return answer;
}

void witness_decide(const struct witness_request *request, const struct witness_log *log,
                    struct witness_answer *out)
{
    *out = decide(request, log);
}

void witness_size_format(uint64_t size, struct buf *out)
{
    buf_printf(out, "%llu\n", (unsigned long long)size);
}

int witness_size_parse(struct view body, uint64_t *out)
{
    struct view line;
    uint64_t size;
    if (!line_next(&body, &line) || body.len != 0 || text_u64(line, &size) != E_OK ||
        size > INT64_MAX) {
        return E_INVALID;
    }
    *out = size;
    return E_OK;
}
