/* Stays from a file, in parts that the hub takes one by one; and the desk's stream. */
#include "cli/commands.h"

#include "core/csv/csv.h"
#include "core/day/day.h"
#include "core/records/records.h"
#include "passerelle/v1/desk.pb-c.h"
#include "wire/pack.h"

enum { FILE_BYTES_MAX = 512 * 1024 * 1024, PART_BYTES = 512 * 1024 };

static uint32_t lines_of(struct view part)
{
    uint32_t lines = 0;
    for (size_t i = 0; i < part.len; i++) {
        lines += part.data[i] == '\n';
    }
    return lines;
}

struct import_sums {
    uint32_t lines, added, unchanged, refused;
    bool done;
};

static int import_part(struct cli *cli, const char *path, struct view header, struct view part,
                       uint32_t first_line, bool dry, bool partial, struct import_sums *sums)
{
    struct arena kept = cli->arena;
    cli->arena = ARENA_INIT;
    int status = CLI_FAILED;
    struct buf csv = BUF_INIT;
    buf_view(&csv, header);
    buf_view(&csv, part);
    Passerelle__V1__ImportStaysRequest *request =
        wire_new(&cli->arena, &passerelle__v1__import_stays_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->csv = wire_bytes(buf_content(&csv));
    request->first_line = first_line;
    request->dry_run = dry;
    request->partial = partial;
    const Passerelle__V1__ImportStaysResponse *response =
        cli_call(cli, "DeskService", "ImportStays", &request->base,
                 &passerelle__v1__import_stays_response__descriptor, &status);
    if (response != NULL) {
        const Passerelle__V1__ImportTableResponse *report = response->report;
        for (size_t i = 0; i < report->n_reports; i++) {
            fprintf(stderr, "%s:%u: %s\n", path, report->reports[i]->line,
                    report->reports[i]->problem);
        }
        sums->lines += report->lines;
        sums->added += report->added;
        sums->unchanged += report->unchanged;
        sums->refused += report->refused;
        sums->done &= report->done != 0;
        status = CLI_OK;
    }
    buf_release(&csv);
    arena_release(&cli->arena);
    cli->arena = kept;
    return status;
}

/* All or nothing over the whole file needs a look at every part before the first is recorded. */
static int import_all(struct cli *cli, const char *path, struct view header, struct view rest,
                      bool dry, bool partial, struct import_sums *sums)
{
    uint32_t line = 2;
    size_t total = rest.len;
    int status = CLI_OK;
    *sums = (struct import_sums){.done = true};
    do { /* at least once: the hub says what is wrong with a file that has no line */
        struct view part = csv_split(rest, PART_BYTES);
        if (part.len == 0 && rest.len > 0) {
            return cli_fail(CLI_FAILED, "%s:%u: a record of more than %d bytes", path, line,
                            PART_BYTES);
        }
        status = import_part(cli, path, header, part, line, dry, partial, sums);
        line += lines_of(part);
        rest = view_slice(rest, part.len, rest.len);
        cli_progress(cli, dry ? "looking" : "importing", total - rest.len, total);
    } while (status == CLI_OK && rest.len > 0);
    cli_progress_end(cli);
    return status;
}

int cmd_visit_import(struct cli *cli, const struct command *command, int argc, char **argv)
{
    bool dry = cli_option(&argc, argv, "--dry-run", NULL);
    bool partial = cli_option(&argc, argv, "--partial", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which file?");
    }
    struct view file;
    /* The connection first: cli->arena is set aside for each part, and it must outlive them. */
    if (cli_peer(cli, &status) == NULL || !cli_read_file(cli, argv[0], FILE_BYTES_MAX, &file)) {
        return status != CLI_OK ? status : CLI_FAILED;
    }
    size_t end = view_find(file, '\n');
    struct view header = view_slice(file, 0, end + 1);
    struct view rest = view_slice(file, header.len, file.len);
    struct import_sums sums = {.done = true};
    bool look_first = !dry && !partial && rest.len > PART_BYTES;
    if (look_first) {
        status = import_all(cli, argv[0], header, rest, true, partial, &sums);
    }
    if (status == CLI_OK && sums.done) {
        status = import_all(cli, argv[0], header, rest, dry, partial, &sums);
    }
    if (status != CLI_OK) {
        return status;
    }
    if (cli->json) {
        printf("{\"done\":%s,\"lines\":%u,\"added\":%u,\"unchanged\":%u,\"refused\":%u}\n",
               sums.done ? "true" : "false", sums.lines, sums.added, sums.unchanged, sums.refused);
    } else {
        printf("%s: %u lines: %u added, %u unchanged, %u refused%s\n", argv[0], sums.lines,
               sums.added, sums.unchanged, sums.refused,
               dry || (!sums.done && !partial) ? "; nothing was recorded" : "");
    }
    return sums.refused > 0 ? CLI_REFUSED : CLI_OK;
}

/* ---- watch ---- */

static void print_visit(const char *word, const Passerelle__V1__Visit *visit, int64_t at_utc_ms)
{
    int minute = day_wall_minute(at_utc_ms);
    printf("%02d:%02d  %-10s %-12s %s\n", minute / 60, minute % 60, word, visit->pass_number,
           visit->display_name);
}

/* What a desk must know when its node does not hear from the network. */
static void print_knowledge(const Passerelle__V1__Knowledge *knowledge)
{
    if (knowledge == NULL || (knowledge->connected && knowledge->complete)) {
        return;
    }
    if (knowledge->as_of_utc_ms == 0 || !knowledge->complete || knowledge->catching_up) {
        printf("; not all of the network is known here yet");
    }
    if (knowledge->untaken) {
        printf("; the hub does not take what is noted here, %llu units could be overspent: call "
               "the operator",
               (unsigned long long)knowledge->worst_case_units);
    } else if (!knowledge->connected && knowledge->as_of_utc_ms != 0) {
        char day[11];
        int minute = day_wall_minute(knowledge->as_of_utc_ms);
        day_format(day_of_instant(knowledge->as_of_utc_ms), day);
        printf("; nothing heard since %s %02d:%02d%s, %llu units could be overspent", day,
               minute / 60, minute % 60,
               knowledge->horizon_passed ? ", longer than the policy's horizon" : "",
               (unsigned long long)knowledge->worst_case_units);
    }
}

static bool each_event(void *context, const ProtobufCMessage *message)
{
    const struct cli *cli = context;
    const Passerelle__V1__WatchResponse *event = (const void *)message;
    if (cli->json) {
        cli_print_json_line(message);
    } else {
        switch (event->event_case) {
        case PASSERELLE__V1__WATCH_RESPONSE__EVENT_ARRIVAL:
            print_visit("arrives", event->arrival, event->arrival->in_utc_ms);
            break;
        case PASSERELLE__V1__WATCH_RESPONSE__EVENT_DEPARTURE:
            print_visit("leaves", event->departure, event->departure->out_utc_ms);
            break;
        case PASSERELLE__V1__WATCH_RESPONSE__EVENT_STATUS:
            for (size_t i = 0; i < event->status->n_occupancy; i++) {
                const Passerelle__V1__Occupancy *o = event->status->occupancy[i];
                printf("%s%s %u of %u taken", i == 0 ? "       " : ", ",
                       record_resource_word(o->resource), o->taken, o->capacity);
            }
            print_knowledge(event->status->knowledge);
            putchar('\n');
            break;
        default:
            break;
        }
    }
    return fflush(stdout) == 0;
}

int cmd_visit_watch(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which site?");
    }
    struct peer *peer = cli_peer(cli, &status);
    if (peer == NULL) {
        return status;
    }
    Passerelle__V1__WatchRequest *request =
        wire_new(&cli->arena, &passerelle__v1__watch_request__descriptor);
    request->site_id = wire_string(&cli->arena, view_of(argv[0]));
    struct peer_error error = {0};
    enum code code =
        peer_stream_patiently(peer, "passerelle.v1.DeskService", "Watch", &request->base,
                              &passerelle__v1__watch_response__descriptor, 0, each_event, cli,
                              &cli->arena, &error, CLI_PATIENCE_MS);
    return code == CODE_OK ? CLI_OK : cli_call_failed("Watch", code, &error);
}
