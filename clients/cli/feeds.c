#include "cli/feeds.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "wire/pack.h"

enum { BUNDLE = 256, NAME_MAX_BYTES = 65, FEEDS_MAX = 4096, DOCUMENT_BYTES_MAX = 256 << 20 };
#define DOCUMENT_PREFIX "settlement."

int feed_next_entry(void *context, struct audit_record *out, struct fault *fault)
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

static int rank(const char *feed_id)
{
    return strcmp(feed_id, FEED_NET) == 0 ? 0 : strcmp(feed_id, FEED_BOOKS) == 0 ? 1 : 2;
}

static int by_rank(const void *left, const void *right)
{
    const struct feed_bytes *a = left;
    const struct feed_bytes *b = right;
    return rank(a->feed_id) != rank(b->feed_id) ? rank(a->feed_id) - rank(b->feed_id)
                                                : strcmp(a->feed_id, b->feed_id);
}

static void feeds_sort(struct feeds *feeds)
{
    if (feeds->count > 0) {
        qsort(feeds->all, feeds->count, sizeof *feeds->all, by_rank);
    }
}

void feeds_release(struct feeds *feeds)
{
    for (size_t i = 0; i < feeds->count; i++) {
        buf_release(&feeds->all[i].entries);
    }
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

/* `left_out` says that the feed's beginning is not there; NULL: that is a failure. */
static int download(struct cli *cli, struct feed_bytes *feed, bool *left_out)
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
    range->from_seq = feed->first + 1;
    range->to_seq = size_of(feed->checkpoint);
    if (range->to_seq <= feed->first) {
        return feed->first == 0 ? CLI_OK
                                : cli_fail(CLI_FAILED,
                                           "this daemon began with a snapshot of %s and holds no "
                                           "whole bundle of 256 entries behind it yet: ask the "
                                           "daemon of another site",
                                           feed->feed_id);
    }
    struct peer_error error = {0};
    enum code code =
        peer_stream_patiently(cli_peer(cli, &status), "passerelle.v1.LedgerService", "ReadEntries",
                              &range->base, &passerelle__v1__read_entries_response__descriptor, 0,
                              take_batch, feed, &cli->arena, &error, CLI_PATIENCE_MS);
    if (code == CODE_OUT_OF_RANGE &&
        left_out != NULL) { /* a site that began with a snapshot has no first entry */
        fprintf(stderr, "passerelle: %s is left out: %s\n", feed->feed_id, error.message);
        *left_out = true;
        return CLI_OK;
    }
    return code == CODE_OK ? CLI_OK : cli_call_failed("ReadEntries", code, &error);
}

static const Passerelle__V1__ListFeedsResponse *feeds_list(struct cli *cli, int *status)
{
    const Passerelle__V1__ListFeedsRequest *ask =
        wire_new(&cli->arena, &passerelle__v1__list_feeds_request__descriptor);
    const Passerelle__V1__ListFeedsResponse *list =
        cli_call(cli, "LedgerService", "ListFeeds", &ask->base,
                 &passerelle__v1__list_feeds_response__descriptor, status);
    if (list != NULL && list->n_feeds > FEEDS_MAX) {
        *status = cli_fail(CLI_FAILED, "the hub has more than %d feeds", FEEDS_MAX);
        return NULL;
    }
    return list;
}

static struct feed_bytes *feed_of(struct feeds *feeds, const char *feed_id)
{
    for (size_t i = 0; i < feeds->count; i++) {
        if (strcmp(feeds->all[i].feed_id, feed_id) == 0) {
            return &feeds->all[i];
        }
    }
    return NULL;
}

static int download_new(struct cli *cli, struct feeds *out, const char *feed_id)
{
    if (feed_of(out, feed_id) != NULL) {
        return CLI_OK;
    }
    struct feed_bytes *feed = &out->all[out->count++];
    *feed = (struct feed_bytes){.feed_id = feed_id};
    bool left_out = false;
    int status = download(cli, feed, &left_out);
    out->count -= left_out;
    return status;
}

static int download_listed(struct cli *cli, struct feeds *out,
                           const Passerelle__V1__ListFeedsResponse *list, const char *feed_id)
{
    for (size_t i = 0; i < list->n_feeds; i++) {
        if (strcmp(list->feeds[i]->feed_id, feed_id) == 0) {
            return download_new(cli, out, feed_id);
        }
    }
    return CLI_OK;
}

/* Closes name sizes of all feeds, so `books`, which only the hub has, is read before them; visits
 * name passes of `net`, and `net` names all feeds, so it is read last, and again when a feed was
 * opened meanwhile. */
static int download_all(struct cli *cli, struct feeds *out)
{
    int status = CLI_FAILED;
    size_t listed = 0;
    out->all = ARENA_ARRAY(&cli->arena, FEEDS_MAX, struct feed_bytes);
    const Passerelle__V1__ListFeedsResponse *list = feeds_list(cli, &status);
    while (list != NULL && list->n_feeds != listed) {
        listed = list->n_feeds;
        status = download_listed(cli, out, list, FEED_BOOKS);
        for (size_t i = 0; i < list->n_feeds && status == CLI_OK; i++) {
            cli_progress(cli, "reading", i, list->n_feeds);
            if (strcmp(list->feeds[i]->feed_id, FEED_NET) != 0) {
                status = download_new(cli, out, list->feeds[i]->feed_id);
            }
        }
        struct feed_bytes *net = feed_of(out, FEED_NET);
        if (net != NULL) {
            buf_release(&net->entries);
            *net = out->all[--out->count];
        }
        if (status == CLI_OK) {
            status = download_new(cli, out, FEED_NET);
        }
        list = status == CLI_OK ? feeds_list(cli, &status) : NULL;
    }
    cli_progress_end(cli);
    return status;
}

static int download_documents(struct cli *cli, struct feeds *out)
{
    int status = CLI_FAILED;
    const Passerelle__V1__ListPeriodsRequest *ask =
        wire_new(&cli->arena, &passerelle__v1__list_periods_request__descriptor);
    const Passerelle__V1__ListPeriodsResponse *list =
        cli_call(cli, "SettlementService", "ListPeriods", &ask->base,
                 &passerelle__v1__list_periods_response__descriptor, &status);
    if (list == NULL) {
        return status;
    }
    out->documents = ARENA_ARRAY(&cli->arena, list->n_periods, struct view);
    for (size_t i = 0; i < list->n_periods; i++) {
        if (list->periods[i]->state < PASSERELLE__V1__PERIOD_STATE__PERIOD_STATE_CLOSED) {
            continue;
        }
        Passerelle__V1__GetPeriodRequest *get =
            wire_new(&cli->arena, &passerelle__v1__get_period_request__descriptor);
        get->month = list->periods[i]->month;
        const Passerelle__V1__GetPeriodResponse *got =
            cli_call(cli, "SettlementService", "GetPeriod", &get->base,
                     &passerelle__v1__get_period_response__descriptor, &status);
        if (got == NULL) {
            return status;
        }
        if (got->document != NULL) {
            out->documents[out->document_count++] =
                wire_pack_arena(&cli->arena, &got->document->base);
        }
    }
    return CLI_OK;
}

/* Closes are the hub's: the daemon of a site has no documents. */
static bool is_hub(struct cli *cli, int *status)
{
    const Passerelle__V1__GetNetworkResponse *network =
        cli_call(cli, "DirectoryService", "GetNetwork",
                 wire_new(&cli->arena, &passerelle__v1__get_network_request__descriptor),
                 &passerelle__v1__get_network_response__descriptor, status);
    if (network != NULL) {
        *status = CLI_OK;
    }
    return network != NULL && network->site_daemon == NULL;
}

int feeds_download(struct cli *cli, struct feeds *out)
{
    int status = CLI_FAILED;
    *out = (struct feeds){0};
    if (is_hub(cli, &status)) {
        status = download_documents(cli, out);
    }
    if (status == CLI_OK) {
        status = download_all(cli, out);
    }
    feeds_sort(out);
    return status;
}

int feeds_download_one(struct cli *cli, const char *feed_id, struct feeds *out)
{
    int status = CLI_FAILED;
    *out = (struct feeds){.all = ARENA_ARRAY(&cli->arena, 1, struct feed_bytes)};
    const Passerelle__V1__ListFeedsResponse *list = feeds_list(cli, &status);
    if (list == NULL) {
        return status;
    }
    struct feed_bytes *feed = &out->all[out->count++];
    *feed = (struct feed_bytes){.feed_id = feed_id};
    for (size_t i = 0; i < list->n_feeds; i++) {
        if (strcmp(list->feeds[i]->feed_id, feed_id) == 0 && list->feeds[i]->first_seq > 1) {
            feed->first = (list->feeds[i]->first_seq - 1 + BUNDLE - 1) / BUNDLE * BUNDLE;
        }
    }
    return download(cli, feed, NULL);
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
        if (feed_next_entry(feed, &record, &fault) != 1) {
            return cli_fail(CLI_FAILED, "feed %s: %s", feed->feed_id, fault.text);
        }
        if ((n + 1) % BUNDLE == 0 || n + 1 == feed->count) {
            uint64_t index = (feed->first + n) / BUNDLE;
            status = write_synced(bundle_path(cli, feed_dir, index, n % BUNDLE + 1),
                                  view_bytes(feed->entries.data + from, feed->at - from));
            from = feed->at;
        }
    }
    return status;
}

static int write_documents(struct cli *cli, const char *dir, const struct feeds *feeds)
{
    int status = CLI_OK;
    for (size_t i = 0; i < feeds->document_count && status == CLI_OK; i++) {
        const Passerelle__V1__SettlementDocument *document = wire_unpack_trusted(
            &passerelle__v1__settlement_document__descriptor, feeds->documents[i], &cli->arena);
        status = write_synced(arena_printf(&cli->arena, "%s/" DOCUMENT_PREFIX "%.7s.pb", dir,
                                           document == NULL ? "" : document->month),
                              feeds->documents[i]);
    }
    return status;
}

int feeds_write(struct cli *cli, const char *dir, struct feeds *feeds)
{
    char *fresh = arena_printf(&cli->arena, "%s.unfinished", dir);
    int status = CLI_OK;
    for (size_t i = 0; i < feeds->count && status == CLI_OK; i++) {
        cli_progress(cli, "writing", i, feeds->count);
        status = write_feed(cli, fresh, &feeds->all[i]);
    }
    cli_progress_end(cli);
    if (status == CLI_OK) {
        status = write_documents(cli, fresh, feeds);
    }
    if (status == CLI_OK && rename(fresh, dir) != 0) {
        status = cli_fail(CLI_FAILED, "%s cannot be renamed: %s", fresh, strerror(errno));
    }
    return status;
}

static int read_feed(struct cli *cli, const char *dir, struct feed_bytes *feed)
{
    char *feed_dir = arena_printf(&cli->arena, "%s/%s", dir, feed->feed_id);
    char *path = arena_printf(&cli->arena, "%s/checkpoint", feed_dir);
    if (access(path, F_OK) != 0) {
        return cli_fail(CLI_FAILED,
                        "%s is not as `passerelle ledger export` made it: %s is no feed, which has "
                        "a checkpoint",
                        dir, feed->feed_id);
    }
    if (!cli_read_file(cli, path, 65536, &feed->checkpoint)) {
        return CLI_FAILED;
    }
    feed->count = size_of(feed->checkpoint);
    for (uint64_t n = 0; n < feed->count; n += BUNDLE) {
        uint64_t width = feed->count - n < BUNDLE ? feed->count - n : BUNDLE;
        if (!cli_add_file(bundle_path(cli, feed_dir, n / BUNDLE, width), 32 * 1024 * 1024,
                          &feed->entries)) {
            return CLI_REFUSED;
        }
    }
    return CLI_OK;
}

static int read_document(struct cli *cli, const char *path, struct feeds *out)
{
    if (out->document_count % 64 == 0) {
        struct view *more = ARENA_ARRAY(&cli->arena, out->document_count + 64, struct view);
        if (out->document_count > 0) {
            memcpy(more, out->documents, out->document_count * sizeof *more);
        }
        out->documents = more;
    }
    return cli_read_file(cli, path, DOCUMENT_BYTES_MAX, &out->documents[out->document_count++])
               ? CLI_OK
               : CLI_FAILED;
}

int feeds_read(struct cli *cli, const char *dir, struct feeds *out)
{
    *out = (struct feeds){0};
    DIR *folder = opendir(dir);
    if (folder == NULL) {
        return cli_fail(CLI_FAILED, "%s cannot be read: %s", dir, strerror(errno));
    }
    out->all = ARENA_ARRAY(&cli->arena, FEEDS_MAX, struct feed_bytes);
    int status = CLI_OK;
    const struct dirent *item;
    while (status == CLI_OK && (item = readdir(folder)) != NULL) {
        if (view_starts(view_of(item->d_name), DOCUMENT_PREFIX)) {
            status = read_document(cli, arena_printf(&cli->arena, "%s/%s", dir, item->d_name), out);
            continue;
        }
        if (item->d_name[0] == '.' || strlen(item->d_name) >= NAME_MAX_BYTES) {
            continue;
        }
        if (out->count == FEEDS_MAX) {
            status = cli_fail(CLI_FAILED, "%s has more than %d feeds", dir, FEEDS_MAX);
            break;
        }
        struct feed_bytes *feed = &out->all[out->count++];
        feed->feed_id = arena_string(&cli->arena, view_of(item->d_name));
        status = read_feed(cli, dir, feed);
    }
    closedir(folder);
    feeds_sort(out);
    return status;
}
