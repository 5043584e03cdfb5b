/* All invoices of a close as a folder that can be handed to an accountant:
 *
 *     DIR/index.html                    what there is, with links
 *     DIR/SHA256SUMS                    of every other file
 *     DIR/settlement-2026-10.json, .pb  the close itself; the SHA-256 of .pb stands in `books`
 *     DIR/members/m001/FA-...-000001.cii.xml, .ubl.xml, .pdf, .html, .evidence.json
 *     DIR/employers/e001/...            the same files for who gets them
 *
 * It is written as DIR.part, page by page, while the next pages are on their way and those before
 * go to the disk. `resume` there says how many documents count, being on the disk, so that a run
 * that was stopped goes on. The folder gets its name at the end, whole. The same close gives the
 * same bytes. Of a large month a few pages are in memory, and the names of the files. */
#include <errno.h>
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
enum {
    SYNC_BYTES = 32 << 20, /* written before they are brought to the disk and count */
    PAGE_BYTES = 3 << 20,  /* of a page that is asked for: less than the hub gives at once */
    PAGES = 4,             /* one that is written, and three on their way */
    FIRST_DOCUMENTS = 8,   /* of the first page, which says how many make one */
};

struct export
{
    struct cli *cli;
    const char *month;
    const char *party; /* "": all that the credential sees */
    struct folder folder;
    bool wants[ARRAY_LEN(forms)];
    size_t total;    /* documents */
    size_t done;     /* of them, in order */
    size_t syncing;  /* of them, which count when the sync that was begun is over */
    size_t unsynced; /* bytes */
    struct folder_file index;
    struct buf rows;                /* of the index, not written yet */
    char state[SHA256_LEN * 2 + 1]; /* of what is exported: see state_take() */
};

/* ---- what is there ---- */

/* At most `count` documents from `first` on. */
static int ask(struct cli *cli, const struct export *e, bool files, size_t first, size_t count,
               const Passerelle__V1__ListInvoicesResponse **out)
{
    Passerelle__V1__InvoiceFormat formats[ARRAY_LEN(forms)];
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
    request->first = (uint32_t)first;
    request->count = (uint32_t)count;
    request->formats = formats;
    *out = cli_call(cli, "SettlementService", "ListInvoices", &request->base,
                    &passerelle__v1__list_invoices_response__descriptor, &status);
    return *out != NULL ? CLI_OK : status;
}

/* Another close, another party or other forms are another export: it does not go on where this one
 * stopped. Its first documents, and how many there are, tell a close from any other. */
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

/* "STATE DOCUMENTS\n": how many documents are there. False when it is of something else. */
static bool resume_read(struct export *e, size_t *documents)
{
    uint64_t number = 0;
    struct view line;
    struct view rest;
    struct view state;
    const char *path = folder_path(&e->folder, FOLDER_RESUME);
    *documents = 0;
    if (access(path, F_OK) != 0) {
        return true;
    }
    bool good = cli_read_file(e->cli, path, 4096, &rest) && view_cut(&rest, '\n', &line) &&
                view_cut(&line, ' ', &state) && view_is(state, e->state) &&
                text_u64(line, &number) == E_OK && number <= e->total;
    *documents = (size_t)number;
    return good;
}

static int resume_write(struct export *e, size_t documents)
{
    return folder_resume(&e->folder, arena_printf(&e->cli->arena, "%s %zu\n", e->state, documents));
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

/* A second name of the file, or a copy where the file system knows no second names. What a run that
 * was stopped left there goes. */
static int file_share(struct export *e, const char *from, const char *to, struct view content)
{
    bool linked =
        link(from, to) == 0 || (errno == EEXIST && unlink(to) == 0 && link(from, to) == 0);
    return linked ? CLI_OK : folder_write(&e->folder, to, content);
}

static int file_write(struct export *e, const Passerelle__V1__Invoice *invoice, size_t form,
                      struct view content)
{
    const char *name = arena_printf(&e->cli->arena, "%s.%s", invoice->number, forms[form].suffix);
    char *path = folder_path(&e->folder, "%s/%s", seller_folder(e, invoice), name);
    char *other = folder_path(&e->folder, "%s/%s", buyer_folder(e, invoice), name);
    int status = folder_write(&e->folder, path, content);
    e->unsynced += content.len;
    return status == CLI_OK && strcmp(path, other) != 0 ? file_share(e, path, other, content)
                                                        : status;
}

/* One that was too large for the page. */
static int file_fetch(struct export *e, const Passerelle__V1__Invoice *invoice, size_t form)
{
    struct cli *cli = e->cli;
    struct arena kept = cli->arena;
    int status = CLI_FAILED;
    arena_init(&cli->arena);
    Passerelle__V1__InvoiceFormat format = forms[form].format;
    Passerelle__V1__GetInvoiceRequest *request =
        wire_new(&cli->arena, &passerelle__v1__get_invoice_request__descriptor);
    request->number = invoice->number;
    request->formats = &format;
    request->n_formats = 1;
    const Passerelle__V1__GetInvoiceResponse *response =
        cli_call(cli, "SettlementService", "GetInvoice", &request->base,
                 &passerelle__v1__get_invoice_response__descriptor, &status);
    if (response != NULL) {
        const Passerelle__V1__Invoice *one = response->invoice;
        status = one != NULL && one->n_files == 1
                     ? file_write(e, invoice, form, wire_view(one->files[0]->content))
                     : cli_fail(CLI_FAILED, "the hub gave no %s of %s", forms[form].title,
                                invoice->number);
    }
    arena_release(&cli->arena);
    cli->arena = kept;
    return status;
}

/* Wanted, and there is one. */
static bool form_is_there(const struct export *e, const Passerelle__V1__Invoice *invoice,
                          size_t form)
{
    bool is_xml = forms[form].format == FORMAT(CII) || forms[form].format == FORMAT(UBL);
    return e->wants[form] && (!is_xml || !invoice->pro_forma);
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
    for (size_t k = 0; k < ARRAY_LEN(forms) && status == CLI_OK; k++) {
        const Passerelle__V1__InvoiceFile *file = NULL;
        for (size_t i = 0; i < invoice->n_files; i++) {
            file = invoice->files[i]->format == forms[k].format ? invoice->files[i] : file;
        }
        if (form_is_there(e, invoice, k)) {
            status = file != NULL ? file_write(e, invoice, k, wire_view(file->content))
                                  : file_fetch(e, invoice, k);
        }
    }
    return status;
}

/* ---- the index ---- */

static const char *title_of(const Passerelle__V1__Invoice *one)
{
    struct invoice invoice = {.pro_forma = one->pro_forma,
                              .type = (enum invoice_type)one->type_code};
    return french_title(&invoice);
}

static void row_write(struct export *e, const Passerelle__V1__Invoice *one)
{
    struct buf *out = &e->rows;
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
        if (form_is_there(e, one, i)) {
            buf_printf(out, "<a href=\"%s/%s.%s\">%s</a> ", folder, one->number, forms[i].suffix,
                       forms[i].title);
        }
    }
    buf_text(out, "</td></tr>\n");
}

static int rows_write(struct export *e, bool all)
{
    enum { ROWS_BYTES = 1 << 16 };
    int status = CLI_OK;
    if (e->rows.len >= ROWS_BYTES || all) {
        status = folder_file_add(&e->index, buf_content(&e->rows));
        buf_clear(&e->rows);
    }
    return status;
}

static int rows_take(struct export *e, const Passerelle__V1__ListInvoicesResponse *page)
{
    int status = CLI_OK;
    for (size_t i = 0; i < page->n_invoices && status == CLI_OK; i++) {
        row_write(e, page->invoices[i]);
        status = rows_write(e, false);
    }
    return status;
}

static int index_begin(struct export *e)
{
    struct buf *out = &e->rows;
    int status = folder_file_begin(&e->folder, folder_path(&e->folder, "index.html"), &e->index);
    if (status != CLI_OK) {
        return status;
    }
    struct month month;
    char text[FRENCH_TEXT_MAX] = "";
    if (month_parse(view_of(e->month), &month) == E_OK) {
        french_month(month, text);
    }
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
    return CLI_OK;
}

static int index_end(struct export *e, int status)
{
    buf_text(&e->rows, "</tbody></table></body></html>\n");
    status = status == CLI_OK ? rows_write(e, true) : status;
    return folder_file_end(&e->index, status);
}

/* ---- pages ---- */

/* A page on its way: it has a thread, memory and a connection of its own. */
struct asking {
    const struct export *e;
    struct cli cli;
    bool files;
    size_t first, count;
    const Passerelle__V1__ListInvoicesResponse *page;
    int status;
    pthread_t thread;
    bool runs;
};

static void *ask_main(void *context)
{
    struct asking *asking = context;
    asking->status =
        ask(&asking->cli, asking->e, asking->files, asking->first, asking->count, &asking->page);
    return NULL;
}

static void asking_begin(struct asking *asking, const struct export *e, bool files, size_t first,
                         size_t count)
{
    struct peer *peer = asking->cli.peer;
    *asking =
        (struct asking){.e = e, .cli = *e->cli, .files = files, .first = first, .count = count};
    asking->cli.peer = peer;
    arena_init(&asking->cli.arena);
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

/* Forgets the page; the connection stays. */
static void asking_end(struct asking *asking)
{
    (void)asking_wait(asking);
    arena_release(&asking->cli.arena);
    asking->page = NULL;
}

/* Pages in order, each in the next place: while one is taken, those behind it are on their way. */
struct walk {
    struct export *e;
    const char *what; /* for the bar */
    bool files;
    size_t next, end;    /* documents not asked for yet */
    size_t count;        /* of a page */
    size_t asked, taken; /* pages */
    struct asking pages[PAGES];
};

static void walk_ask(struct walk *walk)
{
    while (walk->next < walk->end && walk->asked - walk->taken < PAGES) {
        size_t left = walk->end - walk->next;
        size_t count = walk->count < left ? walk->count : left;
        asking_begin(&walk->pages[walk->asked++ % PAGES], walk->e, walk->files, walk->next, count);
        walk->next += count;
    }
}

/* So many documents as make a page, when others are like those of this one. */
static size_t page_count(const Passerelle__V1__ListInvoicesResponse *page)
{
    size_t bytes = protobuf_c_message_get_packed_size(&page->base);
    size_t count = bytes == 0 ? 0 : page->n_invoices * PAGE_BYTES / bytes;
    return count == 0 ? 1 : count;
}

/* What memory it needs does not stay. */
static int page_take(struct walk *walk, const Passerelle__V1__ListInvoicesResponse *page,
                     int (*take)(struct export *e,
                                 const Passerelle__V1__ListInvoicesResponse *page))
{
    struct cli *cli = walk->e->cli;
    struct arena kept = cli->arena;
    arena_init(&cli->arena);
    walk->e->done += page->n_invoices;
    int status = take(walk->e, page);
    arena_release(&cli->arena);
    cli->arena = kept;
    cli_progress(cli, walk->what, walk->e->done, walk->e->total + 1);
    return status;
}

static int walk_on(struct walk *walk,
                   int (*take)(struct export *e, const Passerelle__V1__ListInvoicesResponse *page))
{
    int status = CLI_OK;
    walk_ask(walk);
    while (status == CLI_OK && walk->taken < walk->asked) {
        struct asking *now = &walk->pages[walk->taken % PAGES];
        status = asking_wait(now);
        if (status == CLI_OK && now->page->n_invoices == 0 && walk->end > 0) {
            status = cli_fail(CLI_FAILED, "the hub has fewer documents than it said");
        }
        if (status != CLI_OK) {
            break;
        }
        size_t came = now->page->n_invoices;
        size_t left = now->count > came ? now->count - came : 0;
        walk->count = page_count(now->page);
        status = page_take(walk, now->page, take);
        asking_end(now);
        if (left > 0 && status == CLI_OK) { /* they were larger than those before */
            asking_begin(now, walk->e, walk->files, now->first + came, left);
        } else {
            walk->taken++;
            walk_ask(walk);
        }
    }
    cli_progress_end(walk->e->cli);
    return status;
}

static void walk_end(struct walk *walk)
{
    for (size_t i = 0; i < PAGES; i++) {
        asking_end(&walk->pages[i]);
        peer_free(walk->pages[i].cli.peer);
    }
}

/* What a sync that is over brought to the disk counts. */
static int synced_count(struct export *e)
{
    int status = folder_sync_wait(&e->folder);
    size_t documents = e->syncing;
    e->syncing = 0;
    return status == CLI_OK && documents > 0 ? resume_write(e, documents) : status;
}

static int files_take(struct export *e, const Passerelle__V1__ListInvoicesResponse *page)
{
    int status = CLI_OK;
    for (size_t i = 0; status == CLI_OK && i < page->n_invoices; i++) {
        status = invoice_write(e, page->invoices[i]);
    }
    status = status == CLI_OK ? rows_take(e, page) : status;
    if (status == CLI_OK && !folder_syncs(&e->folder)) {
        status = synced_count(e);
        if (status == CLI_OK && e->unsynced >= SYNC_BYTES) {
            e->unsynced = 0;
            e->syncing = e->done;
            status = folder_sync_begin(&e->folder);
        }
    }
    return status;
}

/* ---- the close, and all of it ---- */

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

/* All documents, but for those before `from`, which a run that was stopped left there: the index
 * lacks them. */
static int documents_write(struct export *e, struct walk *walk, size_t from)
{
    struct walk before = {.e = e, .what = "writing the index", .end = from, .count = from};
    int status = index_begin(e);
    if (status != CLI_OK) {
        return status;
    }
    status = walk_on(&before, rows_take);
    walk_end(&before);
    status = status == CLI_OK ? walk_on(walk, files_take) : status;
    return index_end(e, status);
}

static int run(struct export *e, struct walk *walk)
{
    static const char *const folders[] = {"members", "employers"};
    size_t files = 0;
    size_t from;
    int status = CLI_OK;
    if (cli_peer(e->cli, &status) == NULL) { /* here, since what it keeps stays in this arena */
        return status;
    }
    asking_begin(&walk->pages[0], e, true, 0, FIRST_DOCUMENTS);
    status = asking_wait(&walk->pages[0]);
    if (status != CLI_OK) {
        return status;
    }
    const Passerelle__V1__ListInvoicesResponse *first = walk->pages[0].page;
    e->total = walk->end = first->total;
    walk->next = first->total < FIRST_DOCUMENTS ? first->total : FIRST_DOCUMENTS;
    walk->pages[0].count = walk->next;
    walk->count = page_count(first);
    walk->asked = 1;
    state_take(e, first);
    status = folder_make(&e->folder, e->folder.part);
    for (size_t i = 0; i < ARRAY_LEN(folders) && status == CLI_OK; i++) {
        status = folder_make(&e->folder, folder_path(&e->folder, "%s", folders[i]));
    }
    if (status == CLI_OK && !resume_read(e, &from)) {
        status =
            cli_fail(CLI_FAILED, "%s is left from another export: remove it first", e->folder.part);
    }
    if (status == CLI_OK && from > 0) {
        asking_end(&walk->pages[0]);
        walk->next = from;
        walk->asked = 0;
    }
    status = status == CLI_OK ? documents_write(e, walk, from) : status;
    status = status == CLI_OK ? settlement_write(e) : status;
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
        struct walk walk = {.e = &e, .what = "writing invoices", .files = true};
        status = run(&e, &walk);
        walk_end(&walk);
    }
    buf_release(&e.rows);
    folder_release(&e.folder);
    return status;
}
