#include "core/merkle/policy.h"

#include "base/text.h"

enum { WORDS_MAX = 5 };

/* Words are apart by spaces and tabs; one more than WORDS_MAX counts as many. */
static size_t split(struct view line, struct view words[static WORDS_MAX])
{
    size_t count = 0;
    for (size_t at = 0; at < line.len && count < WORDS_MAX;) {
        size_t from = at;
        while (at < line.len && line.data[at] != ' ' && line.data[at] != '\t') {
            at++;
        }
        if (at > from) {
            words[count++] = view_slice(line, from, at);
        }
        at++;
    }
    return count;
}

static int read_witness(const struct view *words, size_t count, struct policy_witness *out,
                        struct fault *fault)
{
    struct view url = count == 4 ? words[3] : VIEW_NONE;
    if (count < 3 || count > 4) {
        return fault_set(fault, E_INVALID, "write: witness NAME VKEY URL");
    }
    *out = (struct policy_witness){.name = ""};
    if (words[1].len > NOTE_NAME_MAX || !text_is_printable(words[1]) ||
        view_find(words[1], '"') < words[1].len || view_find(words[1], '\\') < words[1].len) {
        return fault_set(fault, E_INVALID, "give the witness a shorter, plain name");
    }
    if (note_key_parse(words[2], &out->key) != E_OK || out->key.type != NOTE_COSIGNATURE) {
        return fault_set(fault, E_INVALID,
                         "\"%.*s\" is not the verifier key of a witness (a C2SP vkey of type 4)",
                         VIEW_FMT(words[2]));
    }
    while (url.len > 0 && url.data[url.len - 1] == '/') {
        url.len--;
    }
    if (url.len > POLICY_URL_MAX || (url.len > 0 && !view_starts(url, "https://"))) {
        return fault_set(fault, E_INVALID, "\"%.*s\" is not an https:// address", VIEW_FMT(url));
    }
    snprintf(out->name, sizeof out->name, "%.*s", VIEW_FMT(words[1]));
    snprintf(out->url, sizeof out->url, "%.*s", VIEW_FMT(url));
    return E_OK;
}

static int add(const struct view *words, size_t word_count, struct policy_witness *out, size_t max,
               size_t *count, struct fault *fault)
{
    struct policy_witness read;
    int err = read_witness(words, word_count, &read, fault);
    if (err != E_OK) {
        return err;
    }
    if (*count == max) {
        return fault_set(fault, E_LIMIT, "at most %zu witnesses", max);
    }
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(out[i].name, read.name) == 0 ||
            memcmp(out[i].key.public_key, read.key.public_key, ED25519_PUBLIC_LEN) == 0) {
            return fault_set(fault, E_INVALID, "this witness, or its name, stands there already");
        }
    }
    out[(*count)++] = read;
    return E_OK;
}

int policy_witnesses(struct view text, struct policy_witness out[], size_t max, size_t *count,
                     struct fault *fault)
{
    struct view line;
    *count = 0;
    for (unsigned number = 1; view_cut(&text, '\n', &line); number++) {
        struct view words[WORDS_MAX];
        size_t word_count = split(line, words);
        int err = E_OK;
        if (word_count == 0 || words[0].data[0] == '#' || view_is(words[0], "log") ||
            view_is(words[0], "group") || view_is(words[0], "quorum")) {
            continue;
        }
        if (view_is(words[0], "witness")) {
            err = add(words, word_count, out, max, count, fault);
        } else {
            err =
                fault_set(fault, E_INVALID, "\"%.*s\" is no word of a policy", VIEW_FMT(words[0]));
        }
        if (err != E_OK) {
            fault_prefix(fault, "line %u", number);
            return err;
        }
    }
    return E_OK;
}
