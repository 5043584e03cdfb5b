/* Two exports, of two parties of one network: what either was told of each feed, by its signed
 * checkpoints and by those of `net` that sites wrote into their own feeds. Two that cannot both be
 * true prove that whoever keeps the feed showed different histories. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/feeds.h"
#include "core/entry/entry.h"
#include "core/merkle/contradiction.h"
#include "wire/json.h"
#include "wire/pack.h"

enum { SIDES = 2 };

/* A checkpoint, and where it was told. */
struct told {
    struct checkpoint head;
    struct view note;
    const char *origin;
    const char *where; /* "s009, entry 57" */
    unsigned side;
    size_t log; /* by `keys`; SIZE_MAX: nobody says whose key it is, or its key did not sign it */
};

/* A log: one epoch of a feed. */
struct log_key {
    const char *feed_id;
    struct note_key key;
};

struct comparison {
    struct cli *cli;
    const char *dirs[SIDES];
    struct feeds feeds[SIDES];
    struct grown *trees[SIDES]; /* of the feeds */
    struct log_key *keys;
    size_t key_count, key_alloc;
    struct told *told;
    size_t told_count, told_alloc;
    size_t unsigned_count;
};

static void comparison_release(struct comparison *c)
{
    for (unsigned side = 0; side < SIDES; side++) {
        for (size_t i = 0; c->trees[side] != NULL && i < c->feeds[side].count; i++) {
            grown_release(&c->trees[side][i]);
        }
        feeds_release(&c->feeds[side]);
    }
    free(c->keys);
    free(c->told);
}

/* ---- reading ---- */

static int keep_key(struct comparison *c, const struct log_key *fresh)
{
    for (size_t i = 0; i < c->key_count; i++) {
        if (strcmp(c->keys[i].key.name, fresh->key.name) == 0) {
            return c->keys[i].key.id == fresh->key.id
                       ? CLI_OK
                       : cli_fail(CLI_REFUSED,
                                  "there are different keys for %s: the exports are of two "
                                  "networks, or one of them has a net that the hub never signed",
                                  fresh->key.name);
        }
    }
    if (c->key_count == c->key_alloc) {
        c->key_alloc = c->key_alloc == 0 ? 64 : 2 * c->key_alloc;
        c->keys = xrealloc(c->keys, c->key_alloc, sizeof *c->keys);
    }
    c->keys[c->key_count++] = *fresh;
    return CLI_OK;
}

static int learn_key(struct comparison *c, const Passerelle__V1__FeedOpened *opened)
{
    struct log_key fresh = {.feed_id = arena_string(&c->cli->arena, view_of(opened->feed_id))};
    if (opened->public_key.len != ED25519_PUBLIC_LEN ||
        note_key_init(&fresh.key, view_of(opened->origin), NOTE_ED25519, opened->public_key.data) !=
            E_OK) {
        return cli_fail(CLI_REFUSED, "net opens the feed %s with a key that is none",
                        opened->feed_id);
    }
    return keep_key(c, &fresh);
}

/* Told by another way, for parties who have no `net`. */
static int given_key(struct comparison *c, const struct command *command, const char *vkey)
{
    struct log_key given = {.feed_id = FEED_NET};
    if (note_key_parse(view_of(vkey), &given.key) != E_OK || given.key.type != NOTE_ED25519) {
        return cli_usage(command, "'%s' is not the verifier key of a feed", vkey);
    }
    return keep_key(c, &given);
}

static void hear(struct comparison *c, unsigned side, const char *where, struct view checkpoint)
{
    struct note note;
    struct told told = {.where = where, .side = side, .log = SIZE_MAX};
    told.note = arena_copy(&c->cli->arena, checkpoint);
    if (note_parse(told.note, &note) != E_OK || checkpoint_parse(note.text, &told.head) != E_OK) {
        c->unsigned_count += checkpoint.len > 0; /* none at all claims nothing */
        return;
    }
    if (c->told_count == c->told_alloc) {
        c->told_alloc = c->told_alloc == 0 ? 256 : 2 * c->told_alloc;
        c->told = xrealloc(c->told, c->told_alloc, sizeof *c->told);
    }
    c->told[c->told_count++] = told;
}

static int read_entry(struct comparison *c, unsigned side, const struct feed_bytes *feed,
                      uint64_t seq, struct view bytes, struct arena *scratch)
{
    struct entry entry;
    struct fault fault = FAULT_NONE;
    if (entry_decode(view_of(feed->feed_id), bytes, scratch, &entry, &fault) != E_OK) {
        return CLI_OK; /* it says nothing; it still stands in the tree */
    }
    if (entry.kind == NULL) {
        return CLI_OK;
    }
    switch (entry.kind->type) {
    case PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_FEED_OPENED:
        return learn_key(c, (const void *)entry.payload);
    case PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_HUB_CHECKPOINT_SEEN:
        hear(c, side,
             arena_printf(&c->cli->arena, "%s, entry %llu", feed->feed_id, (unsigned long long)seq),
             view_of(((const Passerelle__V1__HubCheckpointSeen *)entry.payload)->checkpoint));
        return CLI_OK;
    default:
        return CLI_OK;
    }
}

static int read_feed(struct comparison *c, unsigned side, size_t index)
{
    struct feed_bytes *feed = &c->feeds[side].all[index];
    struct grown *tree = &c->trees[side][index];
    struct arena scratch = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct audit_record record;
    struct note note;
    struct checkpoint head;
    int status = CLI_OK;
    int got = 0;
    while (status == CLI_OK && (got = feed_next_entry(feed, &record, &fault)) == 1) {
        struct tree_hash leaf = tree_leaf(record.bytes);
        grown_add(tree, &leaf);
        arena_clear(&scratch);
        status = read_entry(c, side, feed, tree->size, record.bytes, &scratch);
    }
    arena_release(&scratch);
    struct tree_hash root = tree_frontier_root(&tree->frontier);
    bool whole = feed->checkpoint.len == 0 ||
                 (note_parse(feed->checkpoint, &note) == E_OK &&
                  checkpoint_parse(note.text, &head) == E_OK && head.size == tree->size &&
                  tree_hash_equal(&head.root, &root));
    if (status == CLI_OK && (got < 0 || !whole)) {
        return cli_fail(CLI_REFUSED,
                        "%s: the entries of %s are not those that its checkpoint covers: see "
                        "passerelle ledger verify %s",
                        c->dirs[side], feed->feed_id, c->dirs[side]);
    }
    return status;
}

/* Names the log of each checkpoint, where its key signed it. */
static void verify_told(struct comparison *c)
{
    for (size_t i = 0; i < c->told_count; i++) {
        struct told *told = &c->told[i];
        for (size_t k = 0; k < c->key_count; k++) {
            struct checkpoint head;
            if (strcmp(c->keys[k].key.name, told->head.origin) == 0 &&
                checkpoint_open(told->note, &c->keys[k].key, &head, NULL, NULL) == E_OK) {
                told->log = k;
            }
        }
        c->unsigned_count += told->log == SIZE_MAX;
    }
}

static int comparison_read(struct comparison *c)
{
    int status = CLI_OK;
    for (unsigned side = 0; status == CLI_OK && side < SIDES; side++) {
        struct feeds *feeds = &c->feeds[side];
        status = feeds_read(c->cli, c->dirs[side], feeds);
        c->trees[side] = ARENA_ARRAY(&c->cli->arena, feeds->count + 1, struct grown);
        for (size_t i = 0; status == CLI_OK && i < feeds->count; i++) {
            status = read_feed(c, side, i);
        }
    }
    /* Behind what sites wrote down: where both tell the same, those have witnesses. */
    for (unsigned side = 0; status == CLI_OK && side < SIDES; side++) {
        for (size_t i = 0; i < c->feeds[side].count; i++) {
            const struct feed_bytes *feed = &c->feeds[side].all[i];
            hear(c, side, arena_printf(&c->cli->arena, "the checkpoint of %s", feed->feed_id),
                 feed->checkpoint);
        }
    }
    if (status == CLI_OK) {
        verify_told(c);
    }
    return status;
}

/* ---- comparing ---- */

/* All of one log, checkpoints that sites wrote down first. */
struct log_view {
    const struct told **told;
    const struct checkpoint **heads;
    size_t count;
    size_t of_side[SIDES];
    uint64_t size_max;
    const struct grown *trees[SIDES];
    size_t tree_count;
};

static struct log_view view_log(struct comparison *c, size_t log)
{
    struct log_view v = {.told = ARENA_ARRAY(&c->cli->arena, c->told_count, const struct told *),
                         .heads =
                             ARENA_ARRAY(&c->cli->arena, c->told_count, const struct checkpoint *)};
    for (size_t i = 0; i < c->told_count; i++) {
        const struct told *told = &c->told[i];
        if (told->log == log) {
            v.told[v.count] = told;
            v.heads[v.count++] = &told->head;
            v.of_side[told->side]++;
            v.size_max = told->head.size > v.size_max ? told->head.size : v.size_max;
        }
    }
    for (unsigned side = 0; side < SIDES; side++) {
        for (size_t i = 0; i < c->feeds[side].count; i++) {
            if (strcmp(c->feeds[side].all[i].feed_id, c->keys[log].feed_id) == 0) {
                v.trees[v.tree_count++] = &c->trees[side][i];
            }
        }
    }
    return v;
}

static void told_json(struct buf *out, const char *name, const struct comparison *c,
                      const struct told *told)
{
    buf_printf(out, "\"%s\": {\n    \"toldIn\": ", name);
    json_write_string(out, view_of(told->where));
    buf_text(out, ",\n    \"export\": ");
    json_write_string(out, view_of(c->dirs[told->side]));
    buf_printf(out,
               ",\n    \"size\": %llu,\n    \"checkpoint\": ", (unsigned long long)told->head.size);
    json_write_string(out, told->note);
    buf_text(out, "\n  }");
}

static void evidence_json(struct buf *out, const struct comparison *c, size_t log,
                          const struct log_view *v, const struct contradiction *found)
{
    struct buf vkey = BUF_INIT;
    note_key_format(&c->keys[log].key, &vkey);
    buf_text(out, "{\n  \"verifierKey\": ");
    json_write_string(out, buf_content(&vkey));
    buf_text(out, ",\n  ");
    told_json(out, "first", c, v->told[found->first]);
    buf_text(out, ",\n  ");
    told_json(out, "second", c, v->told[found->second]);
    buf_text(out, ",\n  \"rootInSecond\": \"");
    text_to_base64(out, view_bytes(found->root.bytes, sizeof found->root.bytes));
    buf_text(out, "\",\n  \"consistencyProof\": [");
    for (unsigned i = 0; i < found->proof.count; i++) {
        buf_text(out, i == 0 ? "\"" : "\", \"");
        text_to_base64(out, view_bytes(found->proof.hash[i].bytes, SHA256_LEN));
    }
    buf_text(out, found->proof.count > 0 ? "\"]\n}\n" : "]\n}\n");
    buf_release(&vkey);
}

/* Evidence is never written over. */
static int evidence_write(const char *path, struct view bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    bool whole = fd >= 0 && write(fd, bytes.data, bytes.len) == (ssize_t)bytes.len;
    whole = whole && fsync(fd) == 0;
    int saved = errno;
    if (fd >= 0) {
        close(fd);
    }
    return whole ? CLI_OK
                 : cli_fail(CLI_FAILED,
                            "the evidence cannot be written to %s: %s; name another "
                            "file with --out",
                            path, strerror(saved));
}

static int tell_contradiction(struct comparison *c, size_t log, const struct log_view *v,
                              const struct contradiction *found, const char *path)
{
    const struct told *first = v->told[found->first];
    const struct told *second = v->told[found->second];
    struct buf out = BUF_INIT;
    assert(contradiction_check(&first->head, &second->head, &found->root, &found->proof) == E_OK);
    evidence_json(&out, c, log, v, found);
    int status = evidence_write(path, buf_content(&out));
    buf_release(&out);
    if (status != CLI_OK) {
        return status;
    }
    return cli_fail(
        CLI_REFUSED,
        "%s was shown in two histories: its key signed the checkpoint of %llu entries in %s (%s) "
        "and that of %llu entries in %s (%s), and they cannot both be true. The evidence, with "
        "both signatures, is in %s",
        c->keys[log].key.name, (unsigned long long)first->head.size, c->dirs[first->side],
        first->where, (unsigned long long)second->head.size, c->dirs[second->side], second->where,
        path);
}

static void tell_equal(const struct comparison *c, size_t log, const struct log_view *v,
                       struct buf *out)
{
    const char *origin = c->keys[log].key.name;
    if (c->cli->json) {
        buf_text(out, out->len == 0 ? "{\"origin\":" : ",{\"origin\":");
        json_write_string(out, view_of(origin));
        buf_printf(out, ",\"checkpoints\":[%zu,%zu],\"size\":%llu}", v->of_side[0], v->of_side[1],
                   (unsigned long long)v->size_max);
    } else {
        buf_printf(out, "%s: %zu and %zu checkpoints of up to %llu entries can all be true\n",
                   origin, v->of_side[0], v->of_side[1], (unsigned long long)v->size_max);
    }
}

/* It is what all are told: whoever hears nothing of it here would think that it was compared. */
static void tell_alone(const struct comparison *c, size_t log, const struct log_view *v)
{
    if (strcmp(c->keys[log].feed_id, FEED_NET) == 0 && v->count > 0) {
        fprintf(stderr,
                "passerelle: %s is not compared: there is no checkpoint of it in %s that its key "
                "signed\n",
                c->keys[log].key.name, c->dirs[v->of_side[0] == 0 ? 0 : 1]);
    }
}

/* `out` gets what was compared. */
static int compare_logs(struct comparison *c, const char *path, struct buf *out)
{
    for (size_t log = 0; log < c->key_count; log++) {
        struct contradiction found;
        struct log_view v = view_log(c, log);
        if (contradiction_find(v.heads, v.count, v.trees, v.tree_count, &found) == E_OK) {
            return tell_contradiction(c, log, &v, &found, path);
        }
        if (v.of_side[0] > 0 && v.of_side[1] > 0) {
            tell_equal(c, log, &v, out);
        } else {
            tell_alone(c, log, &v);
        }
    }
    return CLI_OK;
}

static int tell_compared(const struct comparison *c, struct view compared)
{
    if (compared.len == 0) {
        return cli_fail(CLI_FAILED, "the two exports have no feed in common that a key of net "
                                    "signed: there is nothing to compare");
    }
    if (c->cli->json) {
        printf("{\"logs\":[%.*s],\"unsigned\":%zu}\n", VIEW_FMT(compared), c->unsigned_count);
        return CLI_OK;
    }
    printf("%.*s", VIEW_FMT(compared));
    if (c->unsigned_count > 0) {
        printf("%zu checkpoints say nothing: no key that net names signed them\n",
               c->unsigned_count);
    }
    return CLI_OK;
}

int cmd_ledger_compare(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *path = "evidence.json";
    const char *vkey = NULL;
    struct comparison c = {.cli = cli};
    struct buf compared = BUF_INIT;
    cli_option(&argc, argv, "--out", &path);
    cli_option(&argc, argv, "--key", &vkey);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != SIDES) {
        return status != CLI_OK ? status : cli_usage(command, "which two folders?");
    }
    for (unsigned side = 0; side < SIDES; side++) {
        c.dirs[side] = argv[side];
    }
    status = vkey == NULL ? CLI_OK : given_key(&c, command, vkey);
    status = status != CLI_OK ? status : comparison_read(&c);
    if (status == CLI_OK) {
        status = compare_logs(&c, path, &compared);
    }
    status = status != CLI_OK ? status : tell_compared(&c, buf_content(&compared));
    buf_release(&compared);
    comparison_release(&c);
    return status;
}
