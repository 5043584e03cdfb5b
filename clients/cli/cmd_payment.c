/* Payments: files for banks, statements from them, and what was left over. A file, or a folder of
 * them, is written beside its name and gets the name at the end, whole; what the hub handed out is
 * the same when it is asked for again, so a disk that was full costs nothing. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "core/money/cents.h"
#include "wire/pack.h"

#define KIND(name) PASSERELLE__V1__PAYMENT_KIND__PAYMENT_KIND_##name
enum { STATEMENT_BYTES_MAX = 31 << 20 };

/* ---- export ---- */

static int cannot(const char *path, int why)
{
    return cli_fail(CLI_FAILED,
                    "%s cannot be written: %s; no half file has a name, and the same command "
                    "writes the same files",
                    path, strerror(why));
}

/* On the disk, or not there. */
static int file_write(const char *path, struct view content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool whole = fd >= 0;
    for (size_t at = 0; whole && at < content.len;) {
        ssize_t put = write(fd, content.data + at, content.len - at);
        whole = put > 0;
        at += whole ? (size_t)put : 0;
    }
    whole = whole && fsync(fd) == 0;
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && whole) {
        whole = false;
        why = errno;
    }
    if (!whole) {
        unlink(path);
    }
    return whole ? CLI_OK : cannot(path, why);
}

/* A file, or a folder, gets its name, and so does its parent know. */
static int name_give(struct cli *cli, const char *part, const char *path)
{
    char *parent = dirname(arena_string(&cli->arena, view_of(path)));
    if (rename(part, path) != 0) {
        return cannot(path, errno);
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return CLI_OK;
}

/* Names come from the hub: nothing of them leads out of the folder. */
static bool is_name(const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "+-_.";
    return text[0] != '\0' && text[0] != '.' && strspn(text, allowed) == strlen(text);
}

static int folder_write(struct cli *cli, const char *path,
                        const Passerelle__V1__ExportPaymentsResponse *response)
{
    char *part = arena_printf(&cli->arena, "%s.part", path);
    int status = mkdir(part, 0700) == 0 || errno == EEXIST ? CLI_OK : cannot(part, errno);
    for (size_t i = 0; i < response->n_files && status == CLI_OK; i++) {
        const Passerelle__V1__PaymentFile *file = response->files[i];
        if (!is_name(file->name)) {
            return cli_fail(CLI_FAILED, "the hub sent a name that is none");
        }
        cli_progress(cli, "writing files", i, response->n_files);
        status = file_write(arena_printf(&cli->arena, "%s/%s", part, file->name),
                            wire_view(file->content));
    }
    cli_progress_end(cli);
    return status == CLI_OK ? name_give(cli, part, path) : status;
}

static int files_write(struct cli *cli, const char *path,
                       const Passerelle__V1__ExportPaymentsResponse *response, bool one)
{
    if (response->n_files == 0) {
        return CLI_OK;
    }
    if (!one) {
        return folder_write(cli, path, response);
    }
    char *part = arena_printf(&cli->arena, "%s.part", path);
    int status = file_write(part, wire_view(response->files[0]->content));
    return status == CLI_OK ? name_give(cli, part, path) : status;
}

static void export_print(const Passerelle__V1__ExportPaymentsResponse *response, const char *path)
{
    struct table table;
    table_init(&table, 6);
    static const char *const heads[] = {"party", "message id", "payments", "EUR", "on", ""};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; i < response->n_files; i++) {
        const Passerelle__V1__PaymentFile *file = response->files[i];
        table_add(&table, file->party_id);
        table_add(&table, file->message_id);
        table_add_number(&table, file->payments);
        table_add_cents(&table, file->cents);
        table_add(&table, file->wanted_on);
        table_add(&table, file->repeated_run ? "made before, and the same" : "new");
    }
    table_print(&table, stdout);
    table_release(&table);
    for (size_t i = 0; i < response->n_files; i++) {
        const Passerelle__V1__PaymentFile *file = response->files[i];
        for (size_t k = 0; k < file->n_changed; k++) {
            printf("%s: %s is used; at the close it was %s\n", file->party_id,
                   file->changed[k]->iban, file->changed[k]->iban_at_close);
        }
    }
    for (size_t i = 0; i < response->n_left_out; i++) {
        const Passerelle__V1__PaymentLeft *left = response->left_out[i];
        char text[32];
        cents_format(CENTS(left->cents), text);
        printf("left out: %s, %s EUR from %s to %s: %s\n", left->payment_id, text, left->from_id,
               left->to_id, left->reason);
    }
    if (response->n_files > 0) {
        printf("written to %s\n", path);
    } else if (response->n_left_out == 0) {
        printf("nothing is to be sent\n");
    }
}

/* "09" for pain.001, "08" for pain.008, and the versions before. */
static bool version_parse(const char *word, Passerelle__V1__PaymentVersion *out)
{
    static const struct {
        const char *word;
        Passerelle__V1__PaymentVersion version;
    } words[] = {{"09", PASSERELLE__V1__PAYMENT_VERSION__PAYMENT_VERSION_V2019},
                 {"08", PASSERELLE__V1__PAYMENT_VERSION__PAYMENT_VERSION_V2019},
                 {"03", PASSERELLE__V1__PAYMENT_VERSION__PAYMENT_VERSION_V2009},
                 {"02", PASSERELLE__V1__PAYMENT_VERSION__PAYMENT_VERSION_V2009}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(words[i].word, word) == 0) {
            *out = words[i].version;
            return true;
        }
    }
    return false;
}

int cmd_payment_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *party = "";
    const char *version = "09";
    const char *day = "";
    const char *path = NULL;
    Passerelle__V1__ExportPaymentsRequest *request =
        wire_new(&cli->arena, &passerelle__v1__export_payments_request__descriptor);
    request->kind = cli_option(&argc, argv, "--debits", NULL) ? KIND(INVOICE) : KIND(TRANSFER);
    request->b2b = cli_option(&argc, argv, "--b2b", NULL);
    request->addresses = cli_option(&argc, argv, "--addresses", NULL);
    request->again = cli_option(&argc, argv, "--again", NULL);
    cli_option(&argc, argv, "--party", &party);
    cli_option(&argc, argv, "--version", &version);
    cli_option(&argc, argv, "--wanted-on", &day);
    if (!cli_option(&argc, argv, "--out", &path)) {
        cli_option(&argc, argv, "-o", &path);
    }
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1 || path == NULL) {
        return status != CLI_OK ? status : cli_usage(command, "which month, and where to (--out)?");
    }
    if (!version_parse(version, &request->version)) {
        return cli_usage(command,
                         "there is no version '%s': 09 and 08 are the usual ones, 03 and "
                         "02 those before",
                         version);
    }
    if (access(path, F_OK) == 0) {
        return cli_fail(CLI_FAILED, "%s is there already: name a new one", path);
    }
    request->request_id = cli_request_id(cli);
    request->month = wire_string(&cli->arena, view_of(argv[0]));
    request->party_id = wire_string(&cli->arena, view_of(party));
    request->wanted_on = wire_string(&cli->arena, view_of(day));
    const Passerelle__V1__ExportPaymentsResponse *response =
        cli_call(cli, "SettlementService", "ExportPayments", &request->base,
                 &passerelle__v1__export_payments_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (response->approval_id[0] != '\0') {
        return cli_fail(CLI_WAITS, "An IBAN is another than at the close. This waits for a second "
                                   "operator, who sends the same command.");
    }
    status = files_write(cli, path, response, party[0] != '\0');
    if (status == CLI_OK && cli->json) {
        Passerelle__V1__ExportPaymentsResponse told = *response;
        for (size_t i = 0; i < told.n_files; i++) {
            told.files[i]->content = wire_bytes(VIEW_NONE);
        }
        cli_print_json(&told.base);
    } else if (status == CLI_OK) {
        export_print(response, path);
    }
    return status;
}

/* ---- bookings ---- */

static void bookings_print(Passerelle__V1__Booking *const *bookings, size_t count)
{
    static const char *const heads[] = {"booking",    "day",  "EUR", "member",
                                        "from or to", "says", "why"};
    struct table table;
    table_init(&table, ARRAY_LEN(heads));
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        table_add(&table, heads[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const Passerelle__V1__Booking *one = bookings[i];
        table_add(&table, one->booking_id);
        table_add(&table, one->booked_on);
        table_add_cents(&table, one->credit ? one->cents : -one->cents);
        table_add(&table, one->member_id);
        table_add(&table, one->name[0] != '\0' ? one->name : one->iban);
        table_add(&table, one->end_to_end[0] != '\0' ? one->end_to_end : one->text);
        table_add(&table, one->reason);
    }
    table_print(&table, stdout);
    table_release(&table);
}

static void matches_print(struct cli *cli, Passerelle__V1__PaymentBooking *const *matches,
                          size_t count, bool undone)
{
    const ProtobufCEnumDescriptor *states = &passerelle__v1__payment_state__descriptor;
    for (size_t i = 0; i < count; i++) {
        char text[32];
        cents_format(CENTS(matches[i]->cents), text);
        printf("%s %s %s EUR%s: %s\n", matches[i]->payment_id, matches[i]->month, text,
               matches[i]->part ? ", a part" : "",
               table_enum_word(&cli->arena, states,
                               (int32_t)(undone ? matches[i]->before : matches[i]->after)));
    }
}

int cmd_payment_import(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    struct view content;
    if (status != CLI_OK || argc != 1) {
        return status != CLI_OK ? status : cli_usage(command, "which file of the bank?");
    }
    if (!cli_read_file(cli, argv[0], STATEMENT_BYTES_MAX, &content)) {
        return CLI_FAILED;
    }
    Passerelle__V1__ImportStatementRequest *request =
        wire_new(&cli->arena, &passerelle__v1__import_statement_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->content = wire_bytes(content);
    const Passerelle__V1__ImportStatementResponse *response =
        cli_call(cli, "SettlementService", "ImportStatement", &request->base,
                 &passerelle__v1__import_statement_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    if (cli->json) {
        cli_print_json(&response->base);
        return CLI_OK;
    }
    matches_print(cli, response->matched, response->n_matched, false);
    printf("%zu matched, %u known before, %u not final yet, %zu left over\n", response->n_matched,
           response->known, response->pending, response->n_left_over);
    for (size_t i = 0; i < response->n_paid_months; i++) {
        printf("%s is paid\n", response->paid_months[i]);
    }
    if (response->n_left_over > 0) {
        bookings_print(response->left_over, response->n_left_over);
    }
    return CLI_OK;
}

static int undo(struct cli *cli, const char *booking_id)
{
    int status = CLI_OK;
    Passerelle__V1__UndoBookingRequest *request =
        wire_new(&cli->arena, &passerelle__v1__undo_booking_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->booking_id = wire_string(&cli->arena, view_of(booking_id));
    const Passerelle__V1__UndoBookingResponse *response =
        cli_call(cli, "SettlementService", "UndoBooking", &request->base,
                 &passerelle__v1__undo_booking_response__descriptor, &status);
    if (response != NULL && cli->json) {
        cli_print_json(&response->base);
    } else if (response != NULL) {
        matches_print(cli, response->undone, response->n_undone, true);
    }
    return status;
}

static int left_over(struct cli *cli)
{
    int status = CLI_OK;
    Passerelle__V1__ListBookingsRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_bookings_request__descriptor);
    const Passerelle__V1__ListBookingsResponse *response =
        cli_call(cli, "SettlementService", "ListBookings", &request->base,
                 &passerelle__v1__list_bookings_response__descriptor, &status);
    if (response != NULL && cli->json) {
        cli_print_json(&response->base);
    } else if (response != NULL) {
        bookings_print(response->bookings, response->n_bookings);
    }
    return status;
}

int cmd_payment_match(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *undone = NULL;
    bool none = cli_option(&argc, argv, "--none", NULL);
    bool part = cli_option(&argc, argv, "--part", NULL);
    cli_option(&argc, argv, "--undo", &undone);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK) {
        return status;
    }
    if (undone != NULL) {
        return argc == 0 ? undo(cli, undone)
                         : cli_usage(command, "--undo takes a booking back from all its payments");
    }
    if (argc == 0 && !none) {
        return left_over(cli);
    }
    if (none ? argc != 1 : argc < 2) {
        return cli_usage(command, none ? "which booking is none of the network's?"
                                       : "which payments does it pay?");
    }
    Passerelle__V1__MatchBookingRequest *request =
        wire_new(&cli->arena, &passerelle__v1__match_booking_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->booking_id = wire_string(&cli->arena, view_of(argv[0]));
    request->payment_ids = argv + 1;
    request->n_payment_ids = (size_t)argc - 1;
    request->none = none;
    request->part = part;
    const Passerelle__V1__MatchBookingResponse *response =
        cli_call(cli, "SettlementService", "MatchBooking", &request->base,
                 &passerelle__v1__match_booking_response__descriptor, &status);
    if (response != NULL && cli->json) {
        cli_print_json(&response->base);
    } else if (response != NULL) {
        matches_print(cli, response->matched, response->n_matched, false);
        if (none) {
            printf("%s is listed no more\n", argv[0]);
        }
    }
    return status;
}

/* ---- what the policy does by itself ---- */

static void names_print(const char *what, char *const *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%s %s\n", what, ids[i]);
    }
}

int cmd_payment_follow_up(struct cli *cli, const struct command *command, int argc, char **argv)
{
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 0) {
        return status != CLI_OK ? status : cli_usage(command, "it takes no argument");
    }
    Passerelle__V1__FollowUpRequest *request =
        wire_new(&cli->arena, &passerelle__v1__follow_up_request__descriptor);
    request->request_id = cli_request_id(cli);
    const Passerelle__V1__FollowUpResponse *response =
        cli_call(cli, "SettlementService", "FollowUp", &request->base,
                 &passerelle__v1__follow_up_response__descriptor, &status);
    if (response != NULL && cli->json) {
        cli_print_json(&response->base);
    } else if (response != NULL) {
        for (size_t i = 0; i < response->n_issuers; i++) {
            printf("issuer %s: %s\n", response->issuers[i]->member_id,
                   table_enum_word(&cli->arena, &passerelle__v1__exposure_level__descriptor,
                                   (int32_t)response->issuers[i]->level));
        }
        names_print("suspended: employer", response->suspended_employer_ids,
                    response->n_suspended_employer_ids);
        names_print("given back: employer", response->resumed_employer_ids,
                    response->n_resumed_employer_ids);
        printf("%zu levels and %u passes changed\n", response->n_issuers, response->passes);
    }
    return status;
}

/* ---- reminders ---- */

int cmd_payment_remind(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *dir = NULL;
    const char *level = NULL;
    uint64_t number = 0;
    cli_option(&argc, argv, "--out", &dir);
    cli_option(&argc, argv, "--level", &level);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1 || dir == NULL) {
        return status != CLI_OK ? status
                                : cli_usage(command, "which invoice, and where to (--out)?");
    }
    if (level != NULL && (text_u64(view_of(level), &number) != E_OK || number < 1 || number > 3)) {
        return cli_usage(command, "a level is 1, 2 or 3");
    }
    if (!is_name(argv[0])) {
        return cli_usage(command, "%s is no number of an invoice", argv[0]);
    }
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return cannot(dir, errno); /* before it counts as sent */
    }
    Passerelle__V1__RemindPaymentRequest *request =
        wire_new(&cli->arena, &passerelle__v1__remind_payment_request__descriptor);
    request->request_id = cli_request_id(cli);
    request->payment_id = wire_string(&cli->arena, view_of(argv[0]));
    request->level = (uint32_t)number;
    const Passerelle__V1__RemindPaymentResponse *response =
        cli_call(cli, "SettlementService", "RemindPayment", &request->base,
                 &passerelle__v1__remind_payment_response__descriptor, &status);
    if (response == NULL) {
        return status;
    }
    const struct {
        const char *suffix;
        const char *content;
    } files[] = {{"txt", response->text}, {"html", response->html}};
    for (size_t i = 0; i < ARRAY_LEN(files) && status == CLI_OK; i++) {
        char *path = arena_printf(&cli->arena, "%s/%s-%u.%s", dir, argv[0], response->level,
                                  files[i].suffix);
        char *part = arena_printf(&cli->arena, "%s.part", path);
        status = file_write(part, view_of(files[i].content));
        status = status == CLI_OK ? name_give(cli, part, path) : status;
        if (status == CLI_OK && !cli->json) {
            printf("%s\n", path);
        }
    }
    if (status != CLI_OK) {
        return cli_fail(status, "the reminder is recorded as sent: write it again with --level %u",
                        response->level);
    }
    if (cli->json) {
        cli_print_json(&response->base);
    } else {
        printf("reminder %u of %s is recorded as sent on %s\n", response->level, argv[0],
               response->sent_on);
    }
    return CLI_OK;
}
