/* Cards as sheets to print: of an employer, or of what `pass issue` printed. */
#include <unistd.h>

#include "cli/card_sheet.h"
#include "cli/commands.h"
#include "core/csv/csv.h"
#include "passerelle/v1/pass.pb-c.h"
#include "wire/pack.h"

enum { BATCH_BYTES_MAX = 64 * 1024 * 1024 };

struct faces {
    struct card_face *all;
    size_t count, alloc;
};

static void face_add(struct faces *faces, struct card_face face)
{
    if (faces->count == faces->alloc) {
        faces->alloc = faces->alloc == 0 ? 64 : faces->alloc * 2;
        faces->all = xrealloc(faces->all, faces->alloc, sizeof *faces->all);
    }
    faces->all[faces->count++] = face;
}

/* Lines without a token are phones, which need no card. */
static int batch_read(struct cli *cli, const char *path, struct faces *faces)
{
    enum { HOLDER, NUMBER, TOKEN, PASS, CODE };
    static const struct csv_column columns[] = {[HOLDER] = {"holder_id", false},
                                                [NUMBER] = {"number", false},
                                                [TOKEN] = {"card_token", false},
                                                [PASS] = {"pass_id", true},
                                                [CODE] = {"activation_code", true}};
    struct fault fault = FAULT_NONE;
    struct view text;
    struct csv csv;
    struct csv_row row;
    size_t map[ARRAY_LEN(columns)];
    if (!cli_read_file(cli, path, BATCH_BYTES_MAX, &text)) {
        return CLI_FAILED;
    }
    csv_init(&csv, text, &cli->arena);
    int got = csv_next(&csv, &row, &fault);
    if (got == 0) {
        return cli_fail(CLI_REFUSED, "%s is empty: it is what `pass issue` printed", path);
    }
    if (got == 1 && csv_header_match(&row, columns, ARRAY_LEN(columns), map, &fault) != E_OK) {
        got = fault.code;
    }
    while (got == 1 && (got = csv_next(&csv, &row, &fault)) == 1) {
        struct card_face face = {.token = csv_field(&row, map[TOKEN]),
                                 .number = csv_field(&row, map[NUMBER]),
                                 .holder_id = csv_field(&row, map[HOLDER])};
        if (face.token.len > 0) {
            face_add(faces, face);
        }
    }
    return got < 0 ? cli_fail(CLI_REFUSED, "%s: %s", path, fault.text) : CLI_OK;
}

static int employer_read(struct cli *cli, const char *employer_id, struct faces *faces)
{
    int status = CLI_OK;
    char *after = wire_string(&cli->arena, VIEW_NONE);
    do {
        Passerelle__V1__ListCardsRequest *request =
            wire_new(&cli->arena, &passerelle__v1__list_cards_request__descriptor);
        request->employer_id = wire_string(&cli->arena, view_of(employer_id));
        request->after_pass_id = after;
        const Passerelle__V1__ListCardsResponse *response =
            cli_call(cli, "PassService", "ListCards", &request->base,
                     &passerelle__v1__list_cards_response__descriptor, &status);
        if (response == NULL) {
            return status;
        }
        for (size_t i = 0; i < response->n_cards; i++) {
            const Passerelle__V1__Card *card = response->cards[i];
            face_add(faces, (struct card_face){.token = view_of(card->token),
                                               .number = view_of(card->pass->number),
                                               .name = view_of(card->given_name),
                                               .family = view_of(card->family_name),
                                               .holder_id = view_of(card->pass->holder_id),
                                               .valid_from = view_of(card->pass->valid_from),
                                               .valid_until = view_of(card->pass->valid_until)});
        }
        after = response->next_pass_id;
        cli_progress(cli, "reading cards", faces->count, 0);
    } while (after[0] != '\0');
    cli_progress_end(cli);
    return CLI_OK;
}

int cmd_pass_sheet(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *path = NULL;
    const char *title = "Passe télétravail";
    cli_option(&argc, argv, "--title", &title);
    if (!cli_option(&argc, argv, "-o", &path)) {
        cli_option(&argc, argv, "--out", &path);
    }
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 1 || path == NULL) {
        return status != CLI_OK ? status
                                : cli_usage(command, "an employer or a file, and where to (-o)");
    }
    struct faces faces = {0};
    struct buf out = BUF_INIT;
    struct fault fault = FAULT_NONE;
    status = access(argv[0], F_OK) == 0 ? batch_read(cli, argv[0], &faces)
                                        : employer_read(cli, argv[0], &faces);
    if (status == CLI_OK && faces.count == 0) {
        status = cli_fail(CLI_FAILED, "%s has no card in force: phones need none", argv[0]);
    }
    if (status == CLI_OK &&
        card_sheet_write(faces.all, faces.count, view_of(title), &out, &fault) != E_OK) {
        status = cli_fail(CLI_REFUSED, "%s", fault.text);
    }
    if (status == CLI_OK) {
        status = cli_write_file(path, buf_content(&out));
    }
    buf_release(&out);
    free(faces.all);
    return status;
}
