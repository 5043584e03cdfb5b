#include "process/joined.h"

int joined_write(struct state *state, const struct joined *joined, struct fault *fault)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "# What this daemon joined. It is never changed.\nnetwork = %s\nsite = %s\n",
               joined->network, joined->site);
    buf_text(&text, "net_key = ");
    note_key_format(&joined->net, &text);
    buf_text(&text, "\ncosigner_key = ");
    note_key_format(&joined->cosigner, &text);
    buf_byte(&text, '\n');
    int err = state_write_file(state->joined, buf_content(&text), fault);
    buf_release(&text);
    return err;
}

static bool take_line(struct joined *out, struct view name, struct view value)
{
    if (view_is(name, "network") || view_is(name, "site")) {
        char *to = view_is(name, "site") ? out->site : out->network;
        snprintf(to, sizeof out->site, "%.*s", VIEW_FMT(value));
        return value.len > 0 && value.len < sizeof out->site;
    }
    struct note_key *key = view_is(name, "net_key") ? &out->net : &out->cosigner;
    return note_key_parse(value, key) == E_OK;
}

int joined_read(struct state *state, struct joined *out, struct fault *fault)
{
    struct buf text = BUF_INIT;
    int lines = 0;
    if (!state_exists(state->joined)) {
        return fault_set(fault, E_NOT_FOUND,
                         "%s has not joined its network yet: run `passerelled join CODE %s`",
                         state->dir, state->dir);
    }
    *out = (struct joined){.network = ""};
    int err = state_read_file(state->joined, &text, fault);
    struct view rest = buf_content(&text);
    struct view line;
    while (err == E_OK && view_cut(&rest, '\n', &line)) {
        size_t at = view_find(line, '=');
        if (line.len == 0 || line.data[0] == '#') {
            continue;
        }
        lines++;
        if (at == line.len || !take_line(out, view_trim(view_slice(line, 0, at)),
                                         view_trim(view_slice(line, at + 1, line.len)))) {
            err = E_CORRUPT;
        }
    }
    buf_release(&text);
    return err == E_CORRUPT || (err == E_OK && lines != 4)
               ? fault_set(fault, E_CORRUPT, "%s is damaged: restore it from a backup",
                           state->joined)
               : err;
}
