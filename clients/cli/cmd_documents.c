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
#define _GNU_SOURCE /* syncfs */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "core/close/result_json.h"
#include "core/paper/french.h"
#include "core/paper/letters.h"
#include "crypt/sha256.h"
#include "wire/pack.h"

#define FORMAT(name) PASSERELLE__V1__INVOICE_FORMAT__INVOICE_FORMAT_##name
#define KIND_EMPLOYER PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE
#define RESUME "resume"

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
    const char *dir;
    const char *part; /* where it is written */
    const Passerelle__V1__ListInvoicesResponse *all; /* without files */
    char state[SHA256_LEN * 2 + 1];                  /* of what is exported: see state_take() */
    struct buf text;                                 /* scratch */
};

/* ---- files ---- */

static char *path_of(struct export *e, const char *fmt, ...) printf_like(2, 3);
static char *path_of(struct export *e, const char *fmt, ...)
{
    char name[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return arena_printf(&e->cli->arena, "%s/%s", e->part, name);
}

static int cannot(struct export *e, const char *path, int why)
{
    return cli_fail(CLI_FAILED,
                    "%s cannot be written: %s; %s has no half file, and the same command goes on "
                    "there",
                    path, strerror(why), e->part);
}

/* The file whole, or not there. */
static int file_write(struct export *e, const char *path, struct view content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool whole = fd >= 0;
    for (size_t at = 0; whole && at < content.len;) {
        ssize_t put = write(fd, content.data + at, content.len - at);
        whole = put > 0;
        at += whole ? (size_t)put : 0;
    }
    int why = errno;
    if (fd >= 0 && close(fd) != 0 && whole) {
        whole = false;
        why = errno;
    }
    if (!whole) {
        unlink(path);
    }
    return whole ? CLI_OK : cannot(e, path, why);
}

static int folder_make(struct export *e, const char *path)
{
    return mkdir(path, 0755) == 0 || errno == EEXIST ? CLI_OK : cannot(e, path, errno);
}

/* Everything written so far is on the disk: one call for many small files. */
static int all_sync(struct export *e)
{
    int fd = open(e->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool synced = fd >= 0 && syncfs(fd) == 0;
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    return synced ? CLI_OK : cannot(e, e->part, why);
}

/* Names come from the hub: nothing of them leads out of the folder. */
static bool is_name(const char *text)
{
    static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "+-_";
    size_t len = strlen(text);
    return len >= 1 && len <= 64 && strspn(text, allowed) == len;
}

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
    buf_clear(&e->text);
    buf_printf(&e->text, "%s\n%s\n", e->month, e->party);
    for (size_t i = 0; i < e->all->n_invoices; i++) {
        const Passerelle__V1__Invoice *one = e->all->invoices[i];
        buf_printf(&e->text, "%s\n", one->number);
        buf_view(&e->text, wire_view(one->cii_sha256));
    }
    sha256(buf_content(&e->text), hash);
    text_to_hex(hash, sizeof hash, e->state);
}

/* "STATE TOKEN\n"; the token of the next page, "" for the first, NULL when it is of something else.
 */
static const char *resume_read(struct export *e)
{
    struct view line;
    struct view rest;
    struct view state;
    const char *path = path_of(e, RESUME);
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
    char *path = path_of(e, RESUME);
    char *fresh = path_of(e, RESUME ".new");
    char *line = arena_printf(&e->cli->arena, "%s %s\n", e->state, token);
    int status = file_write(e, fresh, view_of(line));
    if (status == CLI_OK && rename(fresh, path) != 0) {
        status = cannot(e, path, errno);
    }
    return status;
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
    return link(from, to) == 0 ? CLI_OK : file_write(e, to, content);
}

static int invoice_write(struct export *e, const Passerelle__V1__Invoice *invoice)
{
    if (!is_name(invoice->number) || !is_name(invoice->seller_member_id) ||
        !is_name(invoice->buyer_id)) {
        return cli_fail(CLI_FAILED, "the hub sent a number or an id that is none");
    }
    const char *folders[] = {seller_folder(e, invoice), buyer_folder(e, invoice)};
    int status = CLI_OK;
    for (size_t i = 0; i < ARRAY_LEN(folders) && status == CLI_OK; i++) {
        status = folder_make(e, path_of(e, "%s", folders[i]));
    }
    for (size_t i = 0; i < invoice->n_files && status == CLI_OK; i++) {
        const Passerelle__V1__InvoiceFile *file = invoice->files[i];
        for (size_t k = 0; k < ARRAY_LEN(forms) && status == CLI_OK; k++) {
            if (forms[k].format != file->format) {
                continue;
            }
            struct view content = wire_view(file->content);
            char *path = path_of(e, "%s/%s.%s", folders[0], invoice->number, forms[k].suffix);
            char *other = path_of(e, "%s/%s.%s", folders[1], invoice->number, forms[k].suffix);
            status = file_write(e, path, content);
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
        status = all_sync(e);
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
    enum code code = peer_call_patiently(cli_peer(cli, &status), "passerelle.v1.SettlementService",
                                         "GetPeriod", &request->base,
                                         &passerelle__v1__get_period_response__descriptor,
                                         &cli->arena, &answer, &error, 30000);
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
    buf_clear(&e->text);
    document_json(response->document, &e->text);
    status = file_write(e, path_of(e, "settlement-%s.json", e->month), buf_content(&e->text));
    if (status == CLI_OK) {
        status = file_write(e, path_of(e, "settlement-%s.pb", e->month),
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
    struct buf *out = &e->text;
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
    struct buf *out = &e->text;
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
    return file_write(e, path_of(e, "index.html"), buf_content(out));
}

struct file_names {
    char **all;
    size_t count, alloc;
};

static int names_compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Names of all files below a folder, behind its own. */
static int names_take(struct export *e, const char *folder, struct file_names *out)
{
    char *path = folder[0] == '\0' ? arena_string(&e->cli->arena, view_of(e->part))
                                   : path_of(e, "%s", folder);
    DIR *listing = opendir(path);
    if (listing == NULL) {
        return cannot(e, path, errno);
    }
    int status = CLI_OK;
    const struct dirent *item;
    while (status == CLI_OK && (item = readdir(listing)) != NULL) {
        struct stat about;
        if (item->d_name[0] == '.') {
            continue;
        }
        char *name = folder[0] == '\0'
                         ? arena_string(&e->cli->arena, view_of(item->d_name))
                         : arena_printf(&e->cli->arena, "%s/%s", folder, item->d_name);
        if (stat(path_of(e, "%s", name), &about) != 0) {
            status = cannot(e, name, errno);
        } else if (S_ISDIR(about.st_mode)) {
            status = names_take(e, name, out);
        } else if (strcmp(name, RESUME) != 0 && strcmp(name, "SHA256SUMS") != 0) {
            if (out->count == out->alloc) {
                out->alloc = out->alloc == 0 ? 256 : out->alloc * 2;
                out->all = xrealloc(out->all, out->alloc, sizeof *out->all);
            }
            out->all[out->count++] = name;
        }
    }
    closedir(listing);
    return status;
}

static int file_hash(struct export *e, const char *name, char hex[static SHA256_LEN * 2 + 1])
{
    static char block[1 << 16];
    char *path = path_of(e, "%s", name);
    uint8_t hash[SHA256_LEN];
    struct sha256 sha;
    sha256_init(&sha);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : 0;
    while (fd >= 0 && (got = read(fd, block, sizeof block)) > 0) {
        sha256_add(&sha, block, (size_t)got);
    }
    int why = errno;
    if (fd >= 0) {
        close(fd);
    }
    sha256_end(&sha, hash);
    text_to_hex(hash, sizeof hash, hex);
    return got < 0 ? cli_fail(CLI_FAILED, "%s cannot be read: %s", path, strerror(why)) : CLI_OK;
}

static int sums_write(struct export *e, size_t *files)
{
    struct file_names names = {0};
    int status = names_take(e, "", &names);
    if (names.count > 0) {
        qsort(names.all, names.count, sizeof *names.all, names_compare);
    }
    buf_clear(&e->text);
    for (size_t i = 0; i < names.count && status == CLI_OK; i++) {
        char hex[SHA256_LEN * 2 + 1];
        cli_progress(e->cli, "summing up", i, names.count);
        status = file_hash(e, names.all[i], hex);
        buf_printf(&e->text, "%s  %s\n", hex, names.all[i]);
    }
    cli_progress_end(e->cli);
    *files = names.count + 1;
    free(names.all);
    return status == CLI_OK
               ? file_write(e, path_of(e, "SHA256SUMS"), buf_content(&e->text))
               : status;
}

/* The folder gets its name, and so does its parent know. */
static int name_give(struct export *e)
{
    int status = all_sync(e);
    if (status == CLI_OK && unlink(path_of(e, RESUME)) != 0) {
        status = cannot(e, RESUME, errno);
    }
    if (status == CLI_OK && rename(e->part, e->dir) != 0) {
        status = cannot(e, e->dir, errno);
    }
    int fd = status == CLI_OK ? open(e->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        status = syncfs(fd) == 0 ? CLI_OK : cannot(e, e->dir, errno);
        close(fd);
    }
    return status;
}

static int run(struct export *e)
{
    static const char *const folders[] = {"", "members", "employers"};
    size_t files = 0;
    int status = ask(e, false, "", &e->all);
    if (status != CLI_OK) {
        return status;
    }
    state_take(e);
    for (size_t i = 0; i < ARRAY_LEN(folders) && status == CLI_OK; i++) {
        status = folder_make(e, i == 0 ? e->part : path_of(e, "%s", folders[i]));
    }
    const char *token = status == CLI_OK ? resume_read(e) : NULL;
    if (status == CLI_OK && token == NULL) {
        status = cli_fail(CLI_FAILED, "%s is left from another export: remove it first", e->part);
    }
    if (status == CLI_OK) {
        status = invoices_write(e, arena_string(&e->cli->arena, view_of(token)));
    }
    status = status == CLI_OK ? settlement_write(e) : status;
    status = status == CLI_OK ? index_write(e) : status;
    status = status == CLI_OK ? sums_write(e, &files) : status;
    status = status == CLI_OK ? name_give(e) : status;
    if (status == CLI_OK && !e->cli->json) {
        printf("%s: %zu documents of %s in %zu files; open %s/index.html\n", e->dir,
               e->all->n_invoices, e->month, files, e->dir);
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
    char *dir = arena_string(&cli->arena, view_of(argv[1]));
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') {
        dir[--len] = '\0';
    }
    if (access(dir, F_OK) == 0) {
        return cli_fail(CLI_FAILED, "%s is there already: name a new folder", dir);
    }
    struct export e = {.cli = cli,
                       .month = argv[0],
                       .party = party,
                       .dir = dir,
                       .part = arena_printf(&cli->arena, "%s.part", dir),
                       .text = BUF_INIT};
    status = run(&e);
    buf_release(&e.text);
    return status;
}
