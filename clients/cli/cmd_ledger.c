/* Everything that the feeds say, checked from their bytes: over the wire, or from a folder that was
 * exported. The folder has the layout of C2SP tlog-tiles for entries, so that others' tools read
 * it:
 *
 *     DIR/<feed>/checkpoint            the signed note
 *     DIR/<feed>/tile/entries/000      256 entries, each a u16 big-endian length and its bytes;
 *                            .../001.p/17   the last, of 17 entries
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "base/text.h"
#include "core/audit/audit.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "wire/pack.h"

enum { BUNDLE = 256, NAME_MAX_BYTES = 65, FEEDS_MAX = 4096 };

/* A feed in memory: its checkpoint and its entries, each behind its length. */
struct feed_bytes {
    const char *feed_id;
    struct view checkpoint;
    struct buf entries;
    uint64_t count;
    size_t at; /* of the reader */
};

static int next_entry(void *context, struct audit_record *out, struct fault *fault)
{
    struct feed_bytes *feed = context;
    size_t left = feed->entries.len - feed->at;
    if (left == 0) {
        return 0;
    }
    const uint8_t *data = (const uint8_t *)feed->entries.data + feed->at;
    size_t len = left < 2 ? 0 : (size_t)data[0] << 8 | data[1];
    if (left < 2 || left - 2 < len) {
        return fault_set(fault, E_CORRUPT, "an entry is cut off");
    }
    *out = (struct audit_record){.bytes = view_bytes(data + 2, len)};
    feed->at += 2 + len;
    return 1;
}

/* `net` names the keys of all others: it comes first. */
static int verify_all(struct cli *cli, struct feed_bytes *feeds, size_t count, bool proofs)
{
    struct audit_options options = {.proofs = proofs};
    env_random(&env_system, &options.seed, sizeof options.seed);
    struct audit *audit = audit_new(&options);
    struct audit_wrong wrong = {0};
    int status = CLI_OK;
    for (int pass = 0; pass < 2 && status == CLI_OK; pass++) {
        for (size_t i = 0; i < count && status == CLI_OK; i++) {
            if ((strcmp(feeds[i].feed_id, FEED_NET) == 0) != (pass == 0)) {
                continue;
            }
            struct audit_source source = {
                .feed_id = view_of(feeds[i].feed_id),
                .checkpoint = feeds[i].checkpoint,
                .next = next_entry,
                .context = &feeds[i],
            };
            if (audit_feed(audit, &source, &wrong) != E_OK) {
                status = CLI_REFUSED;
            }
            cli_progress(cli, "verifying", i, count);
        }
    }
    cli_progress_end(cli);
    struct audit_totals totals = audit_totals(audit);
    if (status != CLI_OK && wrong.seq != 0) {
        cli_fail(status, "feed %s, entry %llu: %s", wrong.feed_id, (unsigned long long)wrong.seq,
                 wrong.what);
    } else if (status != CLI_OK) {
        cli_fail(status, "feed %s: %s", wrong.feed_id, wrong.what);
    } else if (cli->json) {
        printf("{\"feeds\":%llu,\"entries\":%llu,\"visits\":%llu,\"proofs\":%llu}\n",
               (unsigned long long)totals.feeds, (unsigned long long)totals.entries,
               (unsigned long long)totals.visits, (unsigned long long)totals.proofs);
    } else {
        printf("%llu feeds verify: %llu entries, %llu visits", (unsigned long long)totals.feeds,
               (unsigned long long)totals.entries, (unsigned long long)totals.visits);
        if (proofs) {
            printf(", %llu phones' signatures", (unsigned long long)totals.proofs);
        }
        puts("; every number, root and signature is right");
    }
    audit_free(audit);
    return status;
}

/* ---- over the wire ---- */

static bool take_batch(void *context, const ProtobufCMessage *message)
{
    struct feed_bytes *feed = context;
    const Passerelle__V1__ReadEntriesResponse *response = (const void *)message;
    if (response->event_case != PASSERELLE__V1__READ_ENTRIES_RESPONSE__EVENT_BATCH) {
        return true;
    }
    for (size_t i = 0; i < response->batch->n_entries; i++) {
        buf_u16be(&feed->entries, (uint16_t)response->batch->entries[i].len);
        buf_add(&feed->entries, response->batch->entries[i].data, response->batch->entries[i].len);
        feed->count++;
    }
    return true;
}

/* The checkpoint's second line. */
static uint64_t size_of(struct view checkpoint)
{
    struct view line = VIEW_NONE;
    uint64_t size = 0;
    for (int i = 0; i < 2; i++) {
        if (!view_cut(&checkpoint, '\n', &line)) {
            return 0;
        }
    }
    return text_u64(line, &size) == E_OK ? size : 0;
}

static int download(struct cli *cli, struct feed_bytes *feed)
{
    int status = CLI_FAILED;
    Passerelle__V1__GetCheckpointRequest *ask =
        wire_new(&cli->arena, &passerelle__v1__get_checkpoint_request__descriptor);
    ask->feed_id = wire_string(&cli->arena, view_of(feed->feed_id));
    const Passerelle__V1__GetCheckpointResponse *head =
        cli_call(cli, "LedgerService", "GetCheckpoint", &ask->base,
                 &passerelle__v1__get_checkpoint_response__descriptor, &status);
    if (head == NULL) {
        return status;
    }
    feed->checkpoint = view_of(head->checkpoint);
    Passerelle__V1__ReadEntriesRequest *range =
        wire_new(&cli->arena, &passerelle__v1__read_entries_request__descriptor);
    range->feed_id = ask->feed_id;
    range->to_seq = size_of(feed->checkpoint);
    if (range->to_seq == 0) {
        return CLI_OK;
    }
    struct peer_error error = {0};
    enum code code =
        peer_stream(cli_peer(cli, &status), "passerelle.v1.LedgerService", "ReadEntries",
                    &range->base, &passerelle__v1__read_entries_response__descriptor, 0, take_batch,
                    feed, &cli->arena, &error);
    return code == CODE_OK ? CLI_OK : cli_call_failed("ReadEntries", code, &error);
}

static int download_all(struct cli *cli, struct feed_bytes **out, size_t *count)
{
    int status = CLI_FAILED;
    const Passerelle__V1__ListFeedsRequest *ask =
        wire_new(&cli->arena, &passerelle__v1__list_feeds_request__descriptor);
    const Passerelle__V1__ListFeedsResponse *list =
        cli_call(cli, "LedgerService", "ListFeeds", &ask->base,
                 &passerelle__v1__list_feeds_response__descriptor, &status);
    if (list == NULL) {
        return status;
    }
    *out = ARENA_ARRAY(&cli->arena, list->n_feeds, struct feed_bytes);
    *count = list->n_feeds;
    status = CLI_OK;
    for (size_t i = 0; i < list->n_feeds && status == CLI_OK; i++) {
        (*out)[i].feed_id = list->feeds[i]->feed_id;
        cli_progress(cli, "reading", i, list->n_feeds);
        status = download(cli, &(*out)[i]);
    }
    cli_progress_end(cli);
    return status;
}

/* ---- the folder ---- */

/* tlog-tiles: three digits a level, all but the last behind an x; a partial one has its width. */
static char *bundle_path(struct cli *cli, const char *feed_dir, uint64_t index, uint64_t width)
{
    char *path = arena_printf(&cli->arena, "%03u", (unsigned)(index % 1000));
    for (index /= 1000; index > 0; index /= 1000) {
        path = arena_printf(&cli->arena, "x%03u/%s", (unsigned)(index % 1000), path);
    }
    return width == BUNDLE ? arena_printf(&cli->arena, "%s/tile/entries/%s", feed_dir, path)
                           : arena_printf(&cli->arena, "%s/tile/entries/%s.p/%u", feed_dir, path,
                                          (unsigned)width);
}

static bool make_parents(char *path)
{
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            bool made = mkdir(path, 0755) == 0 || errno == EEXIST;
            *at = '/';
            if (!made) {
                return false;
            }
        }
    }
    return true;
}

static int write_synced(char *path, struct view content)
{
    int fd = make_parents(path) ? open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644) : -1;
    bool whole = fd >= 0;
    for (size_t at = 0; whole && at < content.len;) {
        ssize_t put = write(fd, content.data + at, content.len - at);
        whole = put > 0;
        at += whole ? (size_t)put : 0;
    }
    whole = whole && fsync(fd) == 0;
    int saved = errno;
    whole = fd >= 0 && close(fd) == 0 && whole;
    return whole ? CLI_OK : cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(saved));
}

static int write_feed(struct cli *cli, const char *dir, struct feed_bytes *feed)
{
    char *feed_dir = arena_printf(&cli->arena, "%s/%s", dir, feed->feed_id);
    int status =
        write_synced(arena_printf(&cli->arena, "%s/checkpoint", feed_dir), feed->checkpoint);
    struct fault fault = FAULT_NONE;
    struct audit_record record;
    size_t from = 0;
    feed->at = 0;
    for (uint64_t n = 0; status == CLI_OK && n < feed->count; n++) {
        if (next_entry(feed, &record, &fault) != 1) {
            return cli_fail(CLI_FAILED, "feed %s: %s", feed->feed_id, fault.text);
        }
        if ((n + 1) % BUNDLE == 0 || n + 1 == feed->count) {
            uint64_t width = n % BUNDLE + 1;
            status = write_synced(bundle_path(cli, feed_dir, n / BUNDLE, width),
                                  view_bytes(feed->entries.data + from, feed->at - from));
            from = feed->at;
        }
    }
    return status;
}

static void release_all(struct feed_bytes *feeds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_release(&feeds[i].entries);
    }
}

/* Complete or absent: written beside, then renamed. */
int cmd_ledger_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which folder?");
    }
    if (access(argv[0], F_OK) == 0) {
        return cli_fail(CLI_FAILED, "%s exists already: name a new folder", argv[0]);
    }
    struct feed_bytes *feeds = NULL;
    size_t count = 0;
    status = download_all(cli, &feeds, &count);
    char *fresh = arena_printf(&cli->arena, "%s.unfinished", argv[0]);
    for (size_t i = 0; i < count && status == CLI_OK; i++) {
        status = write_feed(cli, fresh, &feeds[i]);
        cli_progress(cli, "writing", i, count);
    }
    cli_progress_end(cli);
    release_all(feeds, count);
    if (status == CLI_OK && rename(fresh, argv[0]) != 0) {
        status = cli_fail(CLI_FAILED, "%s cannot be renamed: %s", fresh, strerror(errno));
    }
    if (status == CLI_OK && !cli->json) {
        printf("%zu feeds are in %s\n", count, argv[0]);
    }
    return status;
}

static int read_feed(struct cli *cli, const char *dir, struct feed_bytes *feed)
{
    char *feed_dir = arena_printf(&cli->arena, "%s/%s", dir, feed->feed_id);
    if (!cli_read_file(cli, arena_printf(&cli->arena, "%s/checkpoint", feed_dir), 65536,
                       &feed->checkpoint)) {
        return CLI_FAILED;
    }
    feed->count = size_of(feed->checkpoint);
    for (uint64_t n = 0; n < feed->count; n += BUNDLE) {
        uint64_t width = feed->count - n < BUNDLE ? feed->count - n : BUNDLE;
        struct view bundle;
        if (!cli_read_file(cli, bundle_path(cli, feed_dir, n / BUNDLE, width), 32 * 1024 * 1024,
                           &bundle)) {
            return CLI_REFUSED;
        }
        buf_view(&feed->entries, bundle);
    }
    return CLI_OK;
}

static int read_folder(struct cli *cli, const char *dir, struct feed_bytes **out, size_t *count)
{
    DIR *folder = opendir(dir);
    if (folder == NULL) {
        return cli_fail(CLI_FAILED, "%s cannot be read: %s", dir, strerror(errno));
    }
    *out = ARENA_ARRAY(&cli->arena, FEEDS_MAX, struct feed_bytes);
    int status = CLI_OK;
    const struct dirent *item;
    while (status == CLI_OK && (item = readdir(folder)) != NULL) {
        if (item->d_name[0] == '.' || strlen(item->d_name) >= NAME_MAX_BYTES) {
            continue;
        }
        if (*count == FEEDS_MAX) {
            status = cli_fail(CLI_FAILED, "%s has more than %d feeds", dir, FEEDS_MAX);
            break;
        }
        struct feed_bytes *feed = &(*out)[(*count)++];
        feed->feed_id = arena_string(&cli->arena, view_of(item->d_name));
        status = read_feed(cli, dir, feed);
    }
    closedir(folder);
    return status;
}

int cmd_ledger_verify(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool proofs = cli_option(&argc, argv, "--proofs", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc > 1) {
        return status != CLI_OK ? status : cli_usage(command, "one folder, or none for the hub");
    }
    struct feed_bytes *feeds = NULL;
    size_t count = 0;
    status =
        argc == 1 ? read_folder(cli, argv[0], &feeds, &count) : download_all(cli, &feeds, &count);
    if (status == CLI_OK) {
        status = verify_all(cli, feeds, count, proofs);
    }
    release_all(feeds, count);
    return status;
}
