/* All invoices of a close as a folder that can be handed to an accountant:
 *
 *     DIR/index.html                    what there is, with links
 *     DIR/SHA256SUMS                    of every other file
 *     DIR/settlement-2026-10.json, .pb  the close itself; the SHA-256 of .pb stands in `books`
 *     DIR/members/m001/FA-...-000001.cii.xml, .ubl.xml, .pdf, .html, .evidence.json
 *     DIR/employers/e001/...            the same files for who gets them
 *
 * It is written as DIR.part, page by page. `resume` there says how far it came: each page is on the
 * disk before it counts, so that a run that was stopped goes on. The folder gets its name at the
 * end, whole. The same close gives the same bytes. */
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
    const char *suffix;
    const char *title;
} forms[] = {{FORMAT(PDF), "pdf", "PDF"},
             {FORMAT(HTML), "html", "HTML"},
             {FORMAT(CII), "cii.xml", "CII"},
             {FORMAT(UBL), "ubl.xml", "UBL"},
             {FORMAT(EVIDENCE), "evidence.json", "justificatifs"}};

struct export
{
    struct cli *cli;
    const char *month;
    const char *party; /* "": all that the credential sees */
    struct folder folder;
    const Passerelle__V1__ListInvoicesResponse *all; /* without files */
    char state[SHA256_LEN * 2 + 1];                  /* of what is exported: see state_take() */
};

/* ---- what is there ---- */

static int ask(struct export *e, bool files, const char *token,
               const Passerelle__V1__ListInvoicesResponse **out)
{
    static Passerelle__V1__InvoiceFormat formats[ARRAY_LEN(forms)];
    struct cli *cli = e->cli;
    int status = CLI_FAILED;
    Passerelle__V1__ListInvoicesRequest *request =
        wire_new(&cli->arena, &passerelle__v1__list_invoices_request__descriptor);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        formats[i] = forms[i].format;
    }
    request->month = wire_string(&cli->arena, view_of(e->month));
    request->party_id = wire_string(&cli->arena, view_of(e->party));
    request->page_token = wire_string(&cli->arena, view_of(token));
    request->formats = formats;
    request->n_formats = files ? ARRAY_LEN(forms) : 0;
    *out = cli_call(cli, "SettlementService", "ListInvoices", &request->base,
                    &passerelle__v1__list_invoices_response__descriptor, &status);
    return *out != NULL ? CLI_OK : status;
}

/* Another close, or another party, is another export: it does not go on where this one stopped. */
static void state_take(struct export *e)
{
    uint8_t hash[SHA256_LEN];
    buf_clear(&e->folder.text);
    buf_printf(&e->folder.text, "%s\n%s\n", e->month, e->party);
    for (size_t i = 0; i < e->all->n_invoices; i++) {
        const Passerelle__V1__Invoice *one = e->all->invoices[i];
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
            if (status == CLI_OK && strcmp(path, other) != 0) {
                status = file_share(e, path, other, content);
            }
        }
    }
    return status;
}

/* One page and where the next begins; its memory is given back. */
static int page_write(struct export *e, char **token, size_t *done)
{
    const Passerelle__V1__ListInvoicesResponse *page;
    struct arena kept = e->cli->arena;
    char next[32] = "";
    arena_init(&e->cli->arena);
    int status = ask(e, true, *token, &page);
    for (size_t i = 0; status == CLI_OK && i < page->n_invoices; i++) {
        status = invoice_write(e, page->invoices[i]);
    }
    if (status == CLI_OK) {
        *done += page->n_invoices;
        snprintf(next, sizeof next, "%s",
                 page->next_page_token[0] != '\0' ? page->next_page_token : "end");
        status = folder_sync(&e->folder);
    }
    if (status == CLI_OK) {
        status = resume_write(e, next);
    }
    arena_release(&e->cli->arena);
    e->cli->arena = kept;
    *token = arena_string(&e->cli->arena, view_of(next));
    return status;
}

static size_t done_before(const struct export *e, const char *token)
{
    /* For the bar only: tokens count documents, of which most are invoices. */
    uint64_t place = 0;
    bool counts = text_u64(view_of(token), &place) == E_OK;
    return counts && place < e->all->n_invoices ? (size_t)place : 0;
}

static int invoices_write(struct export *e, char *token)
{
    size_t done = done_before(e, token);
    int status = CLI_OK;
    while (status == CLI_OK && strcmp(token, "end") != 0) {
        cli_progress(e->cli, "writing invoices", done, e->all->n_invoices + 1);
        status = page_write(e, &token, &done);
    }
    cli_progress_end(e->cli);
    return status;
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
        if (!is_xml || !one->pro_forma) {
            buf_printf(out, "<a href=\"%s/%s.%s\">%s</a> ", folder, one->number, forms[i].suffix,
                       forms[i].title);
        }
    }
    buf_text(out, "</td></tr>\n");
}

static int index_write(struct export *e)
{
    struct buf *out = &e->folder.text;
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
               text, text, e->all->n_invoices);
    for (size_t i = 0; i < e->all->n_invoices; i++) {
        row_write(e, e->all->invoices[i]);
    }
    buf_text(out, "</tbody></table></body></html>\n");
    return folder_write(&e->folder, folder_path(&e->folder, "index.html"), buf_content(out));
}

static int run(struct export *e)
{
    static const char *const folders[] = {"members", "employers"};
    size_t files = 0;
    int status = ask(e, false, "", &e->all);
    if (status != CLI_OK) {
        return status;
    }
    state_take(e);
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
        status = invoices_write(e, arena_string(&e->cli->arena, view_of(token)));
    }
    status = status == CLI_OK ? settlement_write(e) : status;
    status = status == CLI_OK ? index_write(e) : status;
    status = status == CLI_OK ? folder_end(&e->folder, &files) : status;
    if (status == CLI_OK && !e->cli->json) {
        printf("%s: %zu documents of %s in %zu files; open %s/index.html\n", e->folder.dir,
               e->all->n_invoices, e->month, files, e->folder.dir);
    } else if (status == CLI_OK) {
        printf("{\"documents\": %zu, \"files\": %zu}\n", e->all->n_invoices, files);
    }
    return status;
}

int cmd_documents_export(struct cli *cli, const struct command *command, int argc, char **argv)
{
    const char *party = "";
    cli_option(&argc, argv, "--party", &party);
    int status = cli_options_end(command, argc, argv);
    if (status != CLI_OK || argc != 2) {
        return status != CLI_OK ? status : cli_usage(command, "which month, and where to?");
    }
    struct export e = {.cli = cli, .month = argv[0], .party = party};
    status = folder_begin(&e.folder, cli, argv[1]);
    if (status == CLI_OK) {
        status = run(&e);
    }
    folder_release(&e.folder);
    return status;
}
