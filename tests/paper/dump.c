/* Writes every invoice of the reference month and every case of cases.c, in every form, for readers
 * that nobody here wrote: paper-dump OUT_DIR. One line per invoice goes to OUT_DIR/list.tsv. */
#include <assert.h>
#include <errno.h>
#include <sys/stat.h>

#include "core/close/behind.h"
#include "core/close/document.h"
#include "core/paper/cii.h"
#include "core/paper/facturx.h"
#include "core/paper/html.h"
#include "core/paper/series.h"
#include "core/paper/ubl.h"
#include "core/records/memory.h"
#include "crypt/sha256.h"
#include "tests/lib/reference.h"
#include "tests/paper/cases.h"

enum { PAGES_EVERY = 40 };

struct dump {
    const char *dir;
    FILE *list;
    struct arena arena;
    struct memory memory;
    struct map last; /* series -> its last number, uint32_t */
};

static void write_file(const struct dump *dump, const char *form, const char *name,
                       const char *suffix, const struct buf *bytes)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/%s.%s", dump->dir, form, name, suffix);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes->data, 1, bytes->len, file) != bytes->len ||
        fclose(file) != 0) {
        die("cannot write %s", path);
    }
}

static void must(int err, const char *name)
{
    if (err != E_OK) {
        die("%s: %s", name, err_text(err));
    }
}

/* Pages are written for some of the many: `pages`. */
static void write_all(struct dump *dump, const char *name, bool employer, bool pages,
                      const struct invoice *invoice, const struct evidence *evidence)
{
    struct buf bytes = BUF_INIT;
    struct buf cii = BUF_INIT;
    if (!invoice->pro_forma) {
        must(cii_write(invoice, &cii), name);
        write_file(dump, "cii", name, "xml", &cii);
        must(ubl_write(invoice, &bytes), name);
        write_file(dump, "ubl", name, "xml", &bytes);
        buf_clear(&bytes);
    }
    if (pages) {
        facturx_write(invoice, buf_content(&cii), &bytes);
        write_file(dump, "pdf", name, "pdf", &bytes);
        buf_clear(&bytes);
        html_write(invoice, &bytes);
        write_file(dump, "html", name, "html", &bytes);
        buf_clear(&bytes);
    }
    evidence_json(invoice, employer, evidence, &bytes);
    write_file(dump, "json", name, "json", &bytes);
    buf_release(&bytes);
    buf_release(&cii);
    fprintf(dump->list, "%s\t%.*s\t%d\t%d\t%zu\t%lld\t%lld\t%lld\t%lld\n", name,
            VIEW_FMT(invoice->number), (int)invoice->type, (int)invoice->pro_forma,
            invoice->line_count, (long long)invoice->net.cents, (long long)invoice->vat.cents,
            (long long)invoice->gross.cents, (long long)invoice->paid.cents);
}

static void write_case(void *context, const char *name, bool employer,
                       const struct invoice *invoice, const struct evidence *evidence)
{
    char own[128];
    snprintf(own, sizeof own, "case-%s", name);
    write_all(context, own, employer, true, invoice, evidence);
}

/* ---- the reference month ---- */

static void refused(void *context, size_t line, const char *sentence)
{
    (void)context;
    die("line %zu: %s", line, sentence);
}

static const void *record_of(struct dump *dump, Passerelle__V1__Table table, const char *id)
{
    return map_get(&dump->memory.by_id[table], view_of(id));
}

/* The CSV files say nothing of creditors and mandates: values of our own. */
static bool find_member(void *context, const char *id, struct paper_member *out)
{
    const struct record_member *record =
        record_of(context, PASSERELLE__V1__TABLE__TABLE_MEMBERS, id);
    if (record == NULL) {
        return false;
    }
    *out = (struct paper_member){.member = &record->member,
                                 .account = &record->account,
                                 .sepa_creditor_id = VIEW_LIT("FR72ZZZ123456"),
                                 .mandate = true,
                                 .mandate_signed_on = day_of(2026, 1, 15),
                                 .mandate_contest_days = 15};
    return true;
}

static const Passerelle__V1__Employer *find_employer(void *context, const char *id)
{
    const struct record_employer *record =
        record_of(context, PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, id);
    return record == NULL ? NULL : &record->employer;
}

static const Passerelle__V1__Site *find_site(void *context, const char *id)
{
    return record_of(context, PASSERELLE__V1__TABLE__TABLE_SITES, id);
}

static const Passerelle__V1__Carnet *find_carnet(void *context, const char *plan_id, size_t i)
{
    struct dump *dump = context;
    const struct memory_list *list = &dump->memory.records[PASSERELLE__V1__TABLE__TABLE_CARNETS];
    for (size_t k = 0; k < list->count; k++) {
        const Passerelle__V1__Carnet *carnet = (const void *)list->items[k];
        if (strcmp(carnet->plan_id, plan_id) == 0 && i-- == 0) {
            return carnet;
        }
    }
    return NULL;
}

static uint32_t next_number(struct dump *dump, const char *series)
{
    uint32_t *last = map_get(&dump->last, view_of(series));
    if (last == NULL) {
        last = ARENA_NEW(&dump->arena, uint32_t);
        map_put(&dump->last, view_of(series), last);
    }
    must(series_next(*last, last, NULL), series);
    return *last;
}

static int by_bytes(const void *left, const void *right)
{
    return memcmp(left, right, EVIDENCE_LEN);
}

/* Visit ids; for employers the hash of one stands for the leaf that a ledger would have. */
static struct evidence evidence_of(const struct behind *behind, uint32_t line,
                                   const struct stay *stays, bool employer, struct arena *arena)
{
    size_t count = behind->first[line + 1] - behind->first[line];
    uint8_t(*ids)[EVIDENCE_LEN] = arena_array(arena, count, EVIDENCE_LEN);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *visit = stays[behind->stays[behind->first[line] + i]].visit_id;
        memcpy(ids[i], visit, EVIDENCE_LEN);
        if (employer) {
            uint8_t hash[SHA256_LEN];
            sha256(view_bytes(visit, EVIDENCE_LEN), hash);
            memcpy(ids[i], hash, EVIDENCE_LEN);
        }
    }
    qsort(ids, count, EVIDENCE_LEN, by_bytes);
    return (struct evidence){(const uint8_t(*)[EVIDENCE_LEN])ids, count};
}

static void reference_month(struct dump *dump, const struct close_result *result,
                            const struct roster *roster, const struct stay *stays)
{
    struct behind behind;
    must(behind_run(&behind, roster, &result->rating, stays, result->lines, result->line_count),
         "behind");
    const Passerelle__V1__SettlementDocument *settlement =
        document_of_result(result, roster, &dump->arena);
    struct paper_book book = {dump, find_member, find_employer, find_site, find_carnet};
    struct paper_terms terms = {.issued = day_of(2026, 11, 3), .due_days = PAPER_DUE_DAYS};
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < settlement->n_documents; i++) {
        const Passerelle__V1__Document *document = settlement->documents[i];
        struct paper_member seller;
        struct paper_member buyer;
        struct fault fault = FAULT_NONE;
        bool numbered;
        must(paper_is_numbered(document, &book, terms.issued, &numbered, &fault), fault.text);
        if (!numbered) {
            assert(document->kind ==
                   PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_SUBSIDY_STATEMENT);
            continue;
        }
        bool employer =
            document->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_EMPLOYER_INVOICE;
        bool found = find_member(dump, document->seller_member_id, &seller);
        assert(found);
        struct view buyer_siren = VIEW_NONE;
        if (!employer) {
            found = find_member(dump, document->buyer_id, &buyer);
            assert(found);
            buyer_siren = view_of(buyer.member->siren);
        }
        char series[SERIES_TEXT_MAX + 1];
        char number[SERIES_TEXT_MAX + 1];
        series_name(document->kind, document->credit_note, view_of(seller.member->siren),
                    buyer_siren, terms.issued, series);
        series_number(series, next_number(dump, series), number);
        terms.number = view_of(number);
        struct invoice invoice;
        must(paper_invoice(document, &terms, &book, &arena, &invoice, &fault), fault.text);
        char name[128];
        snprintf(name, sizeof name, "%d-%s-%s", (int)document->kind, document->seller_member_id,
                 document->buyer_id);
        struct evidence *evidence = ARENA_ARRAY(&arena, invoice.line_count, struct evidence);
        for (uint32_t k = 0; k < invoice.line_count; k++) {
            evidence[k] =
                evidence_of(&behind, result->documents[i].line_first + k, stays, employer, &arena);
        }
        write_all(dump, name, employer, i % PAGES_EVERY == 0, &invoice, evidence);
        arena_clear(&arena);
    }
    behind_release(&behind);
    arena_release(&arena);
}

static void read_records(struct dump *dump)
{
    static const struct {
        Passerelle__V1__Table table;
        const char *name;
    } files[] = {{PASSERELLE__V1__TABLE__TABLE_MEMBERS, "members.csv"},
                 {PASSERELLE__V1__TABLE__TABLE_TARIFFS, "tariffs.csv"},
                 {PASSERELLE__V1__TABLE__TABLE_SITES, "sites.csv"},
                 {PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, "employers.csv"},
                 {PASSERELLE__V1__TABLE__TABLE_PLANS, "plans.csv"},
                 {PASSERELLE__V1__TABLE__TABLE_CARNETS, "carnets.csv"}};
    memory_init(&dump->memory, 1);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        size_t len;
        struct fault fault = FAULT_NONE;
        char *csv = reference_file(REFERENCE_DIR, files[i].name, &len);
        must(
            memory_read(&dump->memory, files[i].table, view_bytes(csv, len), refused, NULL, &fault),
            fault.text);
        free(csv);
    }
}

static void reference(struct dump *dump)
{
    struct reference reference;
    struct close_result result = CLOSE_RESULT_INIT;
    struct fault fault = FAULT_NONE;
    struct month month = month_of(day_of(2026, 10, 1));
    reference_load(&reference, REFERENCE_DIR);
    struct close_input input = {.month = month,
                                .stays = reference.stays,
                                .stay_count = reference.stay_count,
                                .carry_minimum = CLOSE_CARRY_MINIMUM};
    must(close_run(&result, &reference.roster, &input, &fault), fault.text);
    read_records(dump);
    reference_month(dump, &result, &reference.roster, reference.stays);
    memory_release(&dump->memory);
    close_result_release(&result);
    reference_release(&reference);
}

int main(int argc, char **argv)
{
    static const char *const forms[] = {"cii", "ubl", "html", "pdf", "json"};
    char path[1024];
    if (argc != 2) {
        fprintf(stderr, "usage: paper-dump OUT_DIR\n");
        return 2;
    }
    struct dump dump = {.dir = argv[1]};
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        snprintf(path, sizeof path, "%s/%s", dump.dir, forms[i]);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            die("cannot make %s", path);
        }
    }
    snprintf(path, sizeof path, "%s/list.tsv", dump.dir);
    dump.list = fopen(path, "wb");
    if (dump.list == NULL) {
        die("cannot write %s", path);
    }
    map_init(&dump.last, 1);
    reference(&dump);
    cases_each(write_case, &dump);
    map_release(&dump.last);
    arena_release(&dump.arena);
    return fclose(dump.list) == 0 ? 0 : 1;
}
