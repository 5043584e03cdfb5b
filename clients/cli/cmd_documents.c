/* All invoices of a close as a folder that can be handed to an accountant:
 *
 *     DIR/index.html                    what there is, with links
 *     DIR/SHA256SUMS                    of every other file
 *     DIR/settlement-2026-10.json, .pb  the close itself; the SHA-256 of .pb stands in `books`
 *     DIR/members/m001/FA-...-000001.cii.xml, .ubl.xml, .pdf, .html, .evidence.json
 *     DIR/employers/e001/...            the same files for who gets them
 *
 * It is written as DIR.part, page by page. `resume` there says how far it came: what counts is on
 * the disk, so that a run that was stopped goes on. The folder gets its name at the end, whole. The
 * same close gives the same bytes. Of a large month one page is in memory, and the names of the
 * files. */
#include <pthread.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/folder.h"
#include "core/close/result_json.h"
#include "core/paper/french.h"
#include "core/paper/letters.h"
#include "crypt/sha256.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_##name
#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE

static const struct {
    Passerelle__V1__InvoiceFormat format;
    const char *word; /* of --forms */
    const char *suffix;
    const char *title;
} forms[] = {{FORMAT(PDF), "pdf", "pdf", "PDF"},
             {FORMAT(HTML), "html", "html", "HTML"},
             {FORMAT(CII), "cii", "cii.xml", "CII"},
             {FORMAT(UBL), "ubl", "ubl.xml", "UBL"},
             {FORMAT(EVIDENCE), "evidence", "evidence.json", "justificatifs"}};
enum { SYNC_BYTES = 32 << 20 }; /* written before they are brought to the disk and count */

struct export
{
    struct cli *cli;
    const char *month;
    const char *party; /* "": all that the credential sees */
    struct folder folder;
    bool wants[ARRAY_LEN(forms)];
    size_t total; /* documents */
    size_t done;  /* of them, for the bar */
    struct folder_file index;
    size_t unsynced;                /* bytes */
    char state[SHA256_LEN * 2 + 1]; /* of what is exported: see state_take() */
};

/* ---- what is there ---- */

static int ask(struct export *e, bool files, const char *token,
               const Passerelle__V1__ListInvoicesResponse **out)
{
    Passerelle__V1__InvoiceFormat formats[ARRAY_LEN(forms)];
    struct cli *cli = e->cli;
    int status = CLI_FAILED;
    Passerelle__V1__ListInvoicesRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_invoices_request__descriptor);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if (files && e->wants[i]) {
            formats[request->n_formats++] = forms[i].format;
        }
    }
    request->month = wire_string(&cli->arena, view_of(e->month));
    request->party_id = wire_string(&cli->arena, view_of(e->party));
    request->page_token = wire_string(&cli->arena, view_of(token));
    request->formats = formats;
    *out = cli_call(cli, "SettlementService", "ListInvoices", &request->base,
                    &passerelle__v1__list_invoices_response__descriptor, &status);
    return *out != NULL ? CLI_OK : status;
}

/* Another close, another party or other forms are another export: it does not go on where this one
 * stopped. The first page of a close, and how many documents there are, tell it from any other. */
static void state_take(struct export *e, const Passerelle__V1__ListInvoicesResponse *first)
{
    uint8_t hash[SHA256_LEN];
    buf_clear(&e->folder.text);
    buf_printf(&e->folder.text, "%s\n%s\n%zu\n", e->month, e->party, e->total);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        buf_text(&e->folder.text, e->wants[i] ? forms[i].word : "-");
    }
    for (size_t i = 0; i < first->n_invoices; i++) {
        const Passerelle__V1__Invoice *one = first->invoices[i];
        buf_printf(&e->folder.text, "%s\n", one->number);
        buf_view(&e->folder.text, wire_view(one->cii_sha256));
    }
    sha256(buf_content(&e->folder.text), hash);
    text_to_hex(hash, sizeof hash, e->state);
}

/* "STATE TOKEN\n"; the token of the next page, "" for the first, NULL when it is of something else.
 */
static const char *resume_read(struct export *e)
{
    struct view line;
    struct view rest;
    struct view state;
    const char *path = folder_path(&e->folder, FOLDER_RESUME);
    if (access(path, F_OK) != 0) {
        return "";
    }
    if (!cli_read_file(e->cli, path, 4096, &rest) || !view_cut(&rest, '\n', &line) ||
        !view_cut(&line, ' ', &state) || !view_is(state, e->state)) {
        return NULL;
    }
    return arena_string(&e->cli->arena, line);
}

static int resume_write(struct export *e, const char *token)
{
    return folder_resume(&e->folder, arena_printf(&e->cli->arena, "%s %s\n", e->state, token));
}

/* ---- invoices ---- */

static const char *seller_folder(struct export *e, const Passerelle__V1__Invoice *invoice)
{
    return arena_printf(&e->cli->arena, "members/%s", invoice->seller_member_id);
}

static const char *buyer_folder(struct export *e, const Passerelle__V1__Invoice *invoice)
{
    return arena_printf(&e->cli->arena, "%s/%s",
                        invoice->kind == KIND_EMPLOYER ? "employers" : "members",
                        invoice->buyer_id);
}

/* A second name of the file, or a copy where the file system knows no second names. */
static int file_share(struct export *e, const char *from, const char *to, struct view content)
{
    unlink(to);
    return link(from, to) == 0 ? CLI_OK : folder_write(&e->folder, to, content);
}

static int invoice_write(struct export *e, const Passerelle__V1__Invoice *invoice)
{
    if (!folder_is_name(invoice->number) || !folder_is_name(invoice->seller_member_id) ||
        !folder_is_name(invoice->buyer_id)) {
        return cli_fail(CLI_FAILED, "the hub sent a number or an id that is none");
    }
    const char *folders[] = {seller_folder(e, invoice), buyer_folder(e, invoice)};
    int status = CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(folders) && status == CLI_OK; i++) {
        status = folder_make(&e->folder, folder_path(&e->folder, "%s", folders[i]));
    }
    for (size_t i = 0; i < invoice->n_files && status == CLI_OK; i++) {
        const Passerelle__V1__InvoiceFile *file = invoice->files[i];
        for (size_t k = 0; k < ARRAY_LEN(forms) && status == CLI_OK; k++) {
            if (forms[k].format != file->format) {
                continue;
            }
            struct view content = wire_view(file->content);
            char *path =
                folder_path(&e->folder, "%s/%s.%s", folders[0], invoice->number, forms[k].suffix);
            char *other =
                folder_path(&e->folder, "%s/%s.%s", folders[1], invoice->number, forms[k].suffix);
            status = folder_write(&e->folder, path, content);
            e->unsynced += content.len;
            if (status == CLI_OK && strcmp(path, other) != 0) {
                status = file_share(e, path, other, content);
            }
        }
    }
    return status;
}

/* A page on its way: it has a thread and memory of its own. */
struct asking {
    struct export e; /* `cli` is the next */
    struct cli cli;
    bool files;
    char token[32];
    const Passerelle__V1__ListInvoicesResponse *page;
    int status;
    pthread_t thread;
    bool runs;
};

static void *ask_main(void *context)
{
    struct asking *asking = context;
    asking->status = ask(&asking->e, asking->files, asking->token, &asking->page);
    return NULL;
}

static void asking_begin(struct asking *asking, const struct export *e, bool files,
                         const char *token)
{
    *asking = (struct asking){.e = *e, .cli = *e->cli, .files = files};
    asking->e.cli = &asking->cli;
    arena_init(&asking->cli.arena);
    snprintf(asking->token, sizeof asking->token, "%s", token);
    asking->runs = pthread_create(&asking->thread, NULL, ask_main, asking) == 0;
    if (!asking->runs) {
        ask_main(asking);
    }
}

static int asking_wait(struct asking *asking)
{
    if (asking->runs) {
        pthread_join(asking->thread, NULL);
        asking->runs = false;
    }
    return asking->status;
}

static void asking_end(struct asking *asking)
{
    (void)asking_wait(asking);
    arena_release(&asking->cli.arena);
}

/* Takes each page of the list, from a token on, while the next one is on its way. */
static int pages_walk(struct export *e, bool files, const char *from, const char *what,
                      int (*take)(struct export *e,
                                  const Passerelle__V1__ListInvoicesResponse *page,
                                  const char *next))
{
    struct asking turns[2] = {0};
    struct arena kept = e->cli->arena;
    const char *next = from;
    int status = CLI_OK;
    if (strcmp(next, "end") != 0) {
        asking_begin(&turns[0], e, files, next);
    }
    for (size_t turn = 0; status == CLI_OK && strcmp(next, "end") != 0; turn++) {
        struct asking *now = &turns[turn % 2];
        cli_progress(e->cli, what, e->done, e->total + 1);
        status = asking_wait(now);
        if (status != CLI_OK) {
            break;
        }
        next = now->page->next_page_token[0] != '\0' ? now->page->next_page_token : "end";
        if (strcmp(next, "end") != 0) {
            asking_begin(&turns[(turn + 1) % 2], e, files, next);
        }
        arena_init(&e->cli->arena);
        e->done += now->page->n_invoices;
        status = take(e, now->page, next);
        arena_release(&e->cli->arena);
        e->cli->arena = kept;
        next = strcmp(next, "end") == 0 ? "end" : turns[(turn + 1) % 2].token;
        asking_end(now);
    }
    asking_end(&turns[0]);
    asking_end(&turns[1]);
    cli_progress_end(e->cli);
    return status;
}

static int files_take(struct export *e, const Passerelle__V1__ListInvoicesResponse *page,
                      const char *next)
{
    int status = CLI_OK;
    for (size_t i = 0; status == CLI_OK && i < page->n_invoices; i++) {
        status = invoice_write(e, page->invoices[i]);
    }
    if (status == CLI_OK && (e->unsynced >= SYNC_BYTES || strcmp(next, "end") == 0)) {
        e->unsynced = 0;
        status = folder_sync(&e->folder);
        status = status == CLI_OK ? resume_write(e, next) : status;
    }
    return status;
}

static int invoices_write(struct export *e, const char *token)
{
    uint64_t place = 0; /* for the bar: tokens count documents, of which most are invoices */
    bool counts = text_u64(view_of(token), &place) == E_OK && place < e->total;
    e->done = counts ? (size_t)place : 0;
    return pages_walk(e, true, token, "writing invoices", files_take);
}

/* ---- the close, the index, the sums ---- */

/* Only operators and auditors see the whole close. */
static int settlement_write(struct export *e)
{
    struct cli *cli = e->cli;
    int status = CLI_OK;
    struct peer_error error = {0};
    ProtobufCMessage *answer;
    Passerelle__V1__GetPeriodRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_period_request__descriptor);
    request->month = wire_string(&cli->arena, view_of(e->month));
    enum code code = peer_call_patiently(
        cli_peer(cli, &status), "passerelle.v1.SettlementService", "GetPeriod", &request->base,
        &passerelle__v1__get_period_response__descriptor, &cli->arena, &answer, &error, 30000);
    if (code == CODE_PERMISSION_DENIED) {
        return CLI_OK;
    }
    if (code != CODE_OK) {
        return cli_call_failed("GetPeriod", code, &error);
    }
    const Passerelle__V1__GetPeriodResponse *response = (const void *)answer;
    if (response->document == NULL) {
        return cli_fail(CLI_FAILED, "the hub gave no settlement document");
    }
    buf_clear(&e->folder.text);
    document_json(response->document, &e->folder.text);
    status = folder_write(&e->folder, folder_path(&e->folder, "settlement-%s.json", e->month),
                          buf_content(&e->folder.text));
    if (status == CLI_OK) {
        status = folder_write(&e->folder, folder_path(&e->folder, "settlement-%s.pb", e->month),
                              wire_pack_arena(&cli->arena, &response->document->base));
    }
    return status;
}

static const char *title_of(const Passerelle__V1__Invoice *one)
{
    struct invoice invoice = {.pro_forma = one->pro_forma,
                              .type = (enum invoice_type)one->type_code};
    return french_title(&invoice);
}

static void row_write(struct export *e, const Passerelle__V1__Invoice *one)
{
    struct buf *out = &e->folder.text;
    const int64_t amounts[] = {one->net_cents, one->vat_cents, one->gross_cents,
                               one->payable_cents};
    const char *folder = seller_folder(e, one);
    buf_text(out, "<tr><td>");
    letters_escape(out, view_of(one->number));
    buf_text(out, "</td><td>");
    letters_escape(out, view_of(title_of(one)));
    buf_printf(out, "</td><td>%s ", one->seller_member_id);
    letters_escape(out, view_of(one->seller_name));
    buf_printf(out, "</td><td>%s ", one->buyer_id);
    letters_escape(out, view_of(one->buyer_name));
    buf_text(out, "</td>");
    for (size_t i = 0; i < ARRAY_LEN(amounts); i++) {
        char text[FRENCH_TEXT_MAX];
        french_amount(CENTS(one->credit_note ? -amounts[i] : amounts[i]), text);
        buf_printf(out, "<td class=\"n\">%s</td>", text);
    }
    buf_text(out, "<td>");
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        bool is_xml = forms[i].format == FORMAT(CII) || forms[i].format == FORMAT(UBL);
        if (e->wants[i] && (!is_xml || !one->pro_forma)) {
            buf_printf(out, "<a href=\"%s/%s.%s\">%s</a> ", folder, one->number, forms[i].suffix,
                       forms[i].title);
        }
    }
    buf_text(out, "</td></tr>\n");
}

static int rows_take(struct export *e, const Passerelle__V1__ListInvoicesResponse *page,
                     const char *next)
{
    int status = CLI_OK;
    (void)next;
    for (size_t i = 0; i < page->n_invoices && status == CLI_OK; i++) {
        row_write(e, page->invoices[i]);
        status = folder_file_flush(&e->index, false);
    }
    return status;
}

static int index_write(struct export *e)
{
    struct buf *out = &e->folder.text;
    int status = folder_file_begin(&e->folder, folder_path(&e->folder, "index.html"), &e->index);
    if (status != CLI_OK) {
        return status;
    }
    struct month month;
    char text[FRENCH_TEXT_MAX] = "";
    if (month_parse(view_of(e->month), &month) == E_OK) {
        french_month(month, text);
    }
    buf_clear(out);
    buf_printf(out,
               "<!doctype html>\n<html lang=\"fr\"><head><meta charset=\"utf-8\">"
               "<title>Factures de la cl\xc3\xb4ture de %s</title>\n<style>"
               "body{font:14px/1.4 sans-serif;margin:2rem}table{border-collapse:collapse}"
               "th,td{padding:.25rem .6rem;border-bottom:1px solid #ccc;text-align:left;"
               "vertical-align:top}.n{text-align:right;white-space:nowrap}"
               "@media print{body{margin:0;font-size:10px}}</style></head>\n<body>"
               "<h1>Factures de la cl\xc3\xb4ture de %s</h1>\n<p>%zu documents. Les montants des "
               "avoirs sont n\xc3\xa9gatifs. <a href=\"SHA256SUMS\">SHA256SUMS</a> permet de "
               "v\xc3\xa9rifier chaque fichier.</p>\n<table><thead><tr><th>Num\xc3\xa9ro</th>"
               "<th>Nature</th><th>Vendeur</th><th>Acheteur</th><th class=\"n\">HT</th>"
               "<th class=\"n\">TVA</th><th class=\"n\">TTC</th><th class=\"n\">\xc3\x80 payer</th>"
               "<th>Fichiers</th></tr></thead><tbody>\n",
               text, text, e->total);
    e->done = 0;
    status = pages_walk(e, false, "", "writing the index", rows_take);
    buf_text(out, "</tbody></table></body></html>\n");
    status = status == CLI_OK ? folder_file_flush(&e->index, true) : status;
    return folder_file_end(&e->index, status);
}

static int run(struct export *e)
{
    static const char *const folders[] = {"members", "employers"};
    size_t files = 0;
    const Passerelle__V1__ListInvoicesResponse *first;
    int status = ask(e, false, "", &first);
    if (status != CLI_OK) {
        return status;
    }
    e->total = first->total;
    state_take(e, first);
    status = folder_make(&e->folder, e->folder.part);
    for (size_t i = 0; i < ARRAY_LEN(folders) && status == CLI_OK; i++) {
        status = folder_make(&e->folder, folder_path(&e->folder, "%s", folders[i]));
    }
    const char *token = status == CLI_OK ? resume_read(e) : NULL;
    if (status == CLI_OK && token == NULL) {
        status =
            cli_fail(CLI_FAILED, "%s is left from another export: remove it first", e->folder.part);
    }
    if (status == CLI_OK) {
        status = invoices_write(e, token);
    }
    status = status == CLI_OK ? settlement_write(e) : status;
    status = status == CLI_OK ? index_write(e) : status;
    status = status == CLI_OK ? folder_end(&e->folder, &files) : status;
    if (status == CLI_OK && !e->cli->json) {
        printf("%s: %zu documents of %s in %zu files; open %s/index.html\n", e->folder.dir,
               e->total, e->month, files, e->folder.dir);
    } else if (status == CLI_OK) {
        printf("{\"documents\": %zu, \"files\": %zu}\n", e->total, files);
    }
    return status;
}

/* "cii,ubl"; false: one is none. */
static bool forms_parse(struct export *e, const char *text)
{
    struct view rest = view_of(text);
    struct view word;
    while (view_cut(&rest, ',', &word)) {
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
            known = known || view_is(word, forms[i].word);
            e->wants[i] = e->wants[i] || view_is(word, forms[i].word);
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

int cmd_documents_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *party = "";
    const char *wanted = "pdf,html,cii,ubl,evidence";
    cli_option(&argc, argv, "--party", &party);
    cli_option(&argc, argv, "--forms", &wanted);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "which month, and where to?");
    }
    struct export e = {.cli = cli, .month = argv[0], .party = party};
    if (!forms_parse(&e, wanted)) {
        return cli_usage(command, "--forms takes pdf, html, cii, ubl and evidence, by commas");
    }
    status = folder_begin(&e.folder, cli, argv[1]);
    if (status == CLI_OK) {
        status = run(&e);
    }
    folder_release(&e.folder);
    return status;
}
