/* A member's accounts: its chart, its opening balances, and the files of a year. */
#include <pthread.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/folder.h"
#include "core/fec/opening.h"
#include "crypt/sha256.h"
#include "passerelle/v1/network.pb-c.h"
#include "wire/pack.h"

enum { FILE_BYTES_MAX = 1024 * 1024 * 1024, CHART_BYTES_MAX = 1024 * 1024 };

#define FILE_IS(name) PASSERELLE__V1__ACCOUNTS_FILE__ACCOUNTS_FILE_##name

enum { AHEAD = 3 }; /* one that is written, and two on their way */

struct year {
    struct folder folder;
    const char *member_id;
    const char *below; /* the member's folder, of many: "m001/" */
    char from[11], to[11];
    const Passerelle__V1__GetAccountsResponse *told; /* of the last part */
    struct asking { /* of many members: each has a thread, memory and a connection of its own */
        struct cli cli;
        const struct year *year;
        const char *member_id;
        const Passerelle__V1__GetAccountsResponse *told;
        int status;
        pthread_t thread;
        bool runs;
    } ahead[AHEAD];
    size_t members, entries, lines; /* in all */
    int64_t debit_cents;
};

/* "2026" and "12-31" to the first and the last day. */
static bool year_read(const char *text, const char *closes, struct year *out)
{
    char day[16];
    struct day to;
    snprintf(day, sizeof day, "%.4s-%.5s", text, closes);
    if (strlen(text) != 4 || strlen(closes) != 5) {
        return false;
    }
    if (day_parse(view_of(day), &to) != E_OK && strcmp(closes, "02-29") == 0) {
        snprintf(day, sizeof day, "%.4s-02-28", text);
    }
    if (day_parse(view_of(day), &to) != E_OK) {
        return false;
    }
    day_format(day_plus_months(day_plus(to, 1), -12), out->from);
    day_format(to, out->to);
    return true;
}

static const Passerelle__V1__GetAccountsResponse *
part_ask(struct cli *cli, const struct year *year, const char *member_id,
         Passerelle__V1__AccountsFile file, size_t offset, bool every_file, int *status)
{
    Passerelle__V1__GetAccountsRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_accounts_request__descriptor);
    request->member_id = wire_string(&cli->arena, view_of(member_id));
    request->from = wire_string(&cli->arena, view_of(year->from));
    request->to = wire_string(&cli->arena, view_of(year->to));
    request->file = file;
    request->offset = offset;
    request->every_file = every_file;
    return cli_call(cli, "SettlementService", "GetAccounts", &request->base,
                    &passerelle__v1__get_accounts_response__descriptor, status);
}

static bool is_sound(struct view content, const Passerelle__V1__GetAccountsResponse *told)
{
    uint8_t hash[SHA256_LEN];
    sha256(content, hash);
    return view_equal(view_bytes(hash, sizeof hash), wire_view(told->sha256));
}

/* A run that was stopped left it there, whole. */
static bool file_is_there(struct cli *cli, struct year *year)
{
    struct view content;
    const char *path = folder_path(&year->folder, "%s%s", year->below, year->told->name);
    return access(path, F_OK) == 0 && cli_read_file(cli, path, FILE_BYTES_MAX, &content) &&
           is_sound(content, year->told);
}

/* A file whole, part by part. Parts of two states of the accounts do not fit together: then it
 * begins again. */
static int file_fetch(struct cli *cli, struct year *year, Passerelle__V1__AccountsFile file)
{
    enum { TRIES = 3 };
    struct buf content = BUF_INIT;
    int status = CLI_OK;
    bool whole = false;
    for (int tries = 0; tries < TRIES && status == CLI_OK && !whole; tries++) {
        buf_clear(&content);
        do {
            year->told = part_ask(cli, year, year->member_id, file, content.len, false, &status);
            if (year->told == NULL) {
                break;
            }
            if (!folder_is_name(year->told->name)) {
                status = cli_fail(CLI_FAILED, "the hub sent a name that is none");
            } else if (content.len == 0 && file_is_there(cli, year)) {
                buf_release(&content);
                return CLI_OK;
            }
            buf_view(&content, wire_view(year->told->content));
            cli_progress(cli, year->told->name, content.len, year->told->size + 1);
        } while (status == CLI_OK && year->told->content.len > 0 && content.len < year->told->size);
        whole = status == CLI_OK && is_sound(buf_content(&content), year->told);
    }
    cli_progress_end(cli);
    if (status == CLI_OK && !whole) {
        status = cli_fail(CLI_FAILED, "the accounts changed while they were read: try again");
    }
    if (status == CLI_OK) {
        status = folder_write(&year->folder,
                              folder_path(&year->folder, "%s%s", year->below, year->told->name),
                              buf_content(&content));
    }
    buf_release(&content);
    return status;
}

static void export_tell(struct cli *cli, const struct year *year)
{
    const Passerelle__V1__GetAccountsResponse *told = year->told;
    char sum[32];
    cents_format(CENTS(year->debit_cents), sum);
    if (cli->json) {
        printf("{\"members\":%zu,\"entries\":%zu,\"lines\":%zu,\"debitCents\":\"%lld\","
               "\"openMonths\":[",
               year->members, year->entries, year->lines, (long long)year->debit_cents);
        for (size_t i = 0; i < told->n_open_months; i++) {
            printf("%s\"%s\"", i == 0 ? "" : ",", told->open_months[i]);
        }
        puts("]}");
        return;
    }
    printf("%s: %s to %s, ", year->folder.dir, year->from, year->to);
    if (year->members > 1) {
        printf("%zu members, ", year->members);
    }
    printf("%zu entries, %zu lines, debits and credits %s EUR\n", year->entries, year->lines, sum);
    if (told->n_open_months > 0) {
        fprintf(stderr, "not closed yet, so not in it:");
        for (size_t i = 0; i < told->n_open_months; i++) {
            fprintf(stderr, " %s", told->open_months[i]);
        }
        fputc('\n', stderr);
    }
}

/* All files of one member, one after the other. */
static int files_fetch(struct cli *cli, struct year *year)
{
    static const Passerelle__V1__AccountsFile files[] = {FILE_IS(FEC), FILE_IS(TRIAL_BALANCE),
                                                         FILE_IS(LEDGER)};
    int status = CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(files) && status == CLI_OK; i++) {
        status = file_fetch(cli, year, files[i]);
    }
    return status;
}

/* Those that came in one answer. */
static int files_write(struct year *year)
{
    int status = CLI_OK;
    for (size_t i = 0; i < year->told->n_files && status == CLI_OK; i++) {
        const Passerelle__V1__AccountsContent *file = year->told->files[i];
        if (!folder_is_name(file->name)) {
            return cli_fail(CLI_FAILED, "the hub sent a name that is none");
        }
        status =
            folder_write(&year->folder, folder_path(&year->folder, "%s%s", year->below, file->name),
                         wire_view(file->content));
    }
    return status;
}

/* All files of one member: those that were told with `told`, or else one after the other. What is
 * said is added up. */
static int member_write(struct cli *cli, struct year *year)
{
    bool at_once = year->told != NULL && year->told->n_files > 0;
    int status = at_once ? files_write(year) : files_fetch(cli, year);
    if (status == CLI_OK) {
        year->members++;
        year->entries += year->told->entries;
        year->lines += year->told->lines;
        year->debit_cents += year->told->debit_cents;
    }
    return status;
}

static void *ask_main(void *context)
{
    struct asking *asking = context;
    asking->told = part_ask(&asking->cli, asking->year, asking->member_id, FILE_IS(TRIAL_BALANCE),
                            0, true, &asking->status);
    return NULL;
}

static void asking_end(struct asking *asking)
{
    if (asking->runs) {
        pthread_join(asking->thread, NULL);
    }
    asking->runs = false;
}

static void asking_begin(struct asking *asking, const struct cli *cli, const struct year *year,
                         const char *member_id)
{
    struct peer *peer = asking->cli.peer;
    arena_release(&asking->cli.arena);
    *asking = (struct asking){.cli = *cli, .year = year, .member_id = member_id};
    asking->cli.peer = peer;
    arena_init(&asking->cli.arena);
    asking->runs = pthread_create(&asking->thread, NULL, ask_main, asking) == 0;
    if (!asking->runs) {
        ask_main(asking);
    }
}

/* A member in a folder of its own. */
static int one_write(struct cli *cli, struct year *year, struct asking *asking)
{
    struct arena kept = cli->arena;
    asking_end(asking);
    if (asking->told == NULL) {
        return asking->status;
    }
    year->told = asking->told;
    year->member_id = asking->member_id;
    if (!folder_is_name(year->member_id)) {
        return cli_fail(CLI_FAILED, "the hub sent an id that is none");
    }
    cli->arena = asking->cli.arena; /* what it needs does not stay */
    year->below = arena_printf(&cli->arena, "%s/", year->member_id);
    int status = folder_make(&year->folder, folder_path(&year->folder, "%s", year->below));
    status = status == CLI_OK ? member_write(cli, year) : status;
    asking->cli.arena = cli->arena;
    cli->arena = kept;
    return status;
}

static int members_write(struct cli *cli, struct year *year)
{
    int status = CLI_OK;
    Passerelle__V1__ListMembersRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_members_request__descriptor);
    const Passerelle__V1__ListMembersResponse *all =
        cli_call(cli, "NetworkService", "ListMembers", &request->base,
                 &passerelle__v1__list_members_response__descriptor, &status);
    if (all == NULL) {
        return status;
    }
    status = folder_make(&year->folder, year->folder.part);
    size_t asked = 0;
    for (size_t i = 0; i < all->n_members && status == CLI_OK; i++) {
        for (; asked < all->n_members && asked < i + AHEAD; asked++) {
            asking_begin(&year->ahead[asked % AHEAD], cli, year, all->members[asked]->member_id);
        }
        status = one_write(cli, year, &year->ahead[i % AHEAD]);
        cli_progress(cli, "accounts", i + 1, all->n_members);
    }
    for (size_t i = 0; i < AHEAD; i++) {
        asking_end(&year->ahead[i]);
    }
    cli_progress_end(cli);
    return status;
}

int cmd_fec_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *closes = "12-31";
    struct year year = {.below = ""};
    size_t count;
    cli_option(&argc, argv, "--closes", &closes);
    bool all = cli_option(&argc, argv, "--all", NULL);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != (all ? 2 : 3)) {
        return status != CLI_OK ? status
               : all            ? cli_usage(command, "which year, where to?")
                                : cli_usage(command, "which member, which year, where to?");
    }
    if (!year_read(argv[argc - 2], closes, &year)) {
        return cli_usage(command, "a year is written as 2026, the day on which it ends as 12-31");
    }
    year.member_id = all ? "" : argv[0];
    status = folder_begin(&year.folder, cli, argv[argc - 1]);
    if (status == CLI_OK && all) {
        status = members_write(cli, &year);
    } else if (status == CLI_OK &&
               part_ask(cli, &year, argv[0], FILE_IS(TRIAL_BALANCE), 0, false, &status) != NULL) {
        status = folder_make(&year.folder, year.folder.part);
        status = status == CLI_OK ? member_write(cli, &year) : status;
    }
    status = status == CLI_OK ? folder_end(&year.folder, &count) : status;
    if (status == CLI_OK) {
        export_tell(cli, &year);
    }
    folder_release(&year.folder);
    for (size_t i = 0; i < AHEAD; i++) {
        arena_release(&year.ahead[i].cli.arena);
        peer_free(year.ahead[i].cli.peer);
    }
    return status;
}

/* ---- chart and opening balances ---- */

static const Passerelle__V1__GetChartResponse *chart_ask(struct cli *cli, const char *member_id,
                                                         int *status)
{
    Passerelle__V1__GetChartRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_chart_request__descriptor);
    request->member_id = wire_string(&cli->arena, view_of(member_id));
    return cli_call(cli, "SettlementService", "GetChart", &request->base,
                    &passerelle__v1__get_chart_response__descriptor, status);
}

static int csv_print(struct buf *csv)
{
    bool written = fwrite(csv->data, 1, csv->len, stdout) == csv->len && fflush(stdout) == 0;
    buf_release(csv);
    return written ? CLI_OK : cli_fail(CLI_FAILED, "the output could not be written");
}

static void accounts_read(const Passerelle__V1__Chart *from, struct fec_chart *chart)
{
    *chart = fec_chart_default;
    for (size_t i = 0; i < from->n_accounts; i++) {
        const Passerelle__V1__ChartAccount *one = from->accounts[i];
        if (fec_chart_set(chart, view_of(one->key), view_of(one->account), view_of(one->label),
                          NULL) != E_OK) {
            cli_fail(CLI_FAILED, "the hub has a newer chart: '%s' is left out", one->key);
        }
    }
}

int cmd_fec_chart(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which member?");
    }
    const Passerelle__V1__GetChartResponse *told = chart_ask(cli, argv[0], &status);
    if (told == NULL || cli->json) {
        if (told != NULL) {
            cli_print_json(&told->base);
        }
        return status;
    }
    struct buf csv = BUF_INIT;
    struct fec_chart chart;
    accounts_read(told->chart, &chart);
    fec_chart_write(&chart, &csv);
    return csv_print(&csv);
}

static int chart_send(struct cli *cli, const Passerelle__V1__Chart *chart)
{
    int status = CLI_OK;
    Passerelle__V1__PutChartRequest *request =
        wire_new(&cli->arena, &passerelle__v1__put_chart_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->chart = (Passerelle__V1__Chart *)(uintptr_t)chart;
    const Passerelle__V1__PutChartResponse *response =
        cli_call(cli, "SettlementService", "PutChart", &request->base,
                 &passerelle__v1__put_chart_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    bool same = response->verdict == PASSERELLE__V1__LINE_VERDICT__LINE_VERDICT_UNCHANGED;
    if (cli->json) {
        cli_print_json(&response->base);
    } else {
        printf("%s: %zu accounts, %zu opening balances%s\n", chart->member_id, chart->n_accounts,
               chart->n_openings, same ? "; nothing changed" : "");
    }
    return CLI_OK;
}

static void accounts_write(struct cli *cli, const struct fec_chart *chart,
                           Passerelle__V1__Chart *out)
{
    out->n_accounts = FEC_KEY_COUNT;
    out->accounts = ARENA_ARRAY(&cli->arena, FEC_KEY_COUNT, Passerelle__V1__ChartAccount *);
    for (size_t i = 0; i < FEC_KEY_COUNT; i++) {
        Passerelle__V1__ChartAccount *one =
            wire_new(&cli->arena, &passerelle__v1__chart_account__descriptor);
        one->key = wire_string(&cli->arena, view_of(fec_key_name((enum fec_key)i)));
        one->account = wire_string(&cli->arena, chart->accounts[i].number);
        one->label = wire_string(&cli->arena, chart->accounts[i].label);
        out->accounts[i] = one;
    }
}

int cmd_fec_chart_set(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct fec_chart chart;
    struct fault fault = FAULT_NONE;
    struct view csv;
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || (argc != 2 && argc != 4)) {
        return status != CLI_OK
                   ? status
                   : cli_usage(command, "a member, and a file or a key with its account and name");
    }
    if (argc == 2 && !cli_read_file(cli, argv[1], CHART_BYTES_MAX, &csv)) {
        return CLI_FAILED;
    }
    if (argc == 2 && fec_chart_read(csv, &cli->arena, &chart, &fault) != E_OK) {
        return cli_fail(CLI_REFUSED, "%s: %s", argv[1], fault.text);
    }
    const Passerelle__V1__GetChartResponse *told = chart_ask(cli, argv[0], &status);
    if (told == NULL) {
        return status;
    }
    if (argc == 4) {
        accounts_read(told->chart, &chart);
        if (fec_chart_set(&chart, view_of(argv[1]), view_of(argv[2]), view_of(argv[3]), &fault) !=
            E_OK) {
            return cli_fail(CLI_REFUSED, "%s", fault.text);
        }
    }
    accounts_write(cli, &chart, told->chart);
    return chart_send(cli, told->chart);
}

static struct fec_opening *openings_of(struct cli *cli, Passerelle__V1__OpeningBalance *const *from,
                                       size_t count)
{
    struct fec_opening *out = ARENA_ARRAY(&cli->arena, count, struct fec_opening);
    for (size_t i = 0; i < count; i++) {
        out[i] = (struct fec_opening){.account = view_of(from[i]->account),
                                      .label = view_of(from[i]->label),
                                      .aux = view_of(from[i]->aux),
                                      .aux_label = view_of(from[i]->aux_label),
                                      .amount = CENTS(from[i]->amount_cents)};
    }
    return out;
}

int cmd_fec_openings(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which member?");
    }
    const Passerelle__V1__GetChartResponse *told = chart_ask(cli, argv[0], &status);
    if (told == NULL || cli->json) {
        if (told != NULL) {
            cli_print_json(&told->base);
        }
        return status;
    }
    struct buf csv = BUF_INIT;
    fec_openings_write(openings_of(cli, told->chart->openings, told->chart->n_openings),
                       told->chart->n_openings, &csv);
    status = csv_print(&csv);
    for (size_t i = 0; i < told->n_added; i++) {
        char amount[32];
        cents_format(CENTS(told->added[i]->amount_cents), amount);
        fprintf(stderr, "added for carnets sold before the first close: %s %s, %s EUR\n",
                told->added[i]->account, told->added[i]->label, amount);
    }
    return status;
}

int cmd_fec_openings_set(struct cli *cli, const struct command *command, int argc, char **argv)
{
    struct fault fault = FAULT_NONE;
    struct fec_opening *openings;
    size_t count;
    struct view csv;
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "a member and a file are needed");
    }
    if (!cli_read_file(cli, argv[1], CHART_BYTES_MAX, &csv)) {
        return CLI_FAILED;
    }
    if (fec_openings_read(csv, &cli->arena, &openings, &count, &fault) != E_OK) {
        return cli_fail(CLI_REFUSED, "%s: %s", argv[1], fault.text);
    }
    const Passerelle__V1__GetChartResponse *told = chart_ask(cli, argv[0], &status);
    if (told == NULL) {
        return status;
    }
    Passerelle__V1__Chart *chart = told->chart;
    chart->n_openings = count;
    chart->openings = ARENA_ARRAY(&cli->arena, count, Passerelle__V1__OpeningBalance *);
    for (size_t i = 0; i < count; i++) {
        Passerelle__V1__OpeningBalance *one =
            wire_new(&cli->arena, &passerelle__v1__opening_balance__descriptor);
        one->account = wire_string(&cli->arena, openings[i].account);
        one->label = wire_string(&cli->arena, openings[i].label);
        one->aux = wire_string(&cli->arena, openings[i].aux);
        one->aux_label = wire_string(&cli->arena, openings[i].aux_label);
        one->amount_cents = openings[i].amount.cents;
        chart->openings[i] = one;
    }
    return chart_send(cli, chart);
}
