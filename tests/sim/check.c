#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "core/merkle/cosignature.h"
#include "crypt/sha256.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/journal.h"
#include "store/feed/feed.h"
#include "store/view/apply.h"
#include "store/view/visits.h"
#include "sim/work.h"
#include "wire/pack.h"

static void begin(struct sim_node *node)
{
    struct fault fault = FAULT_NONE;
    node_must(node, db_begin_read(node->service.db, &fault), &fault, "begin");
}

static void end(struct sim_node *node)
{
    struct fault fault = FAULT_NONE;
    node_must(node, db_end(node->service.db, &fault), &fault, "read");
}

/* A site lets in a pass that it has not heard of, and learns later whose it is. */
static bool may_be_nameless(const struct work *work, const struct sim_node *node,
                            const struct visit_row *row)
{
    return row->holder_id.len == 0 && !node->is_hub && (!node->node.complete || !work->sim->calm);
}

static void compare_visit(struct work *work, struct sim_node *node, const struct model_visit *visit)
{
    static const char *const states[] = {"open", "closed", "void", "corrected"};
    struct arena arena = ARENA_INIT;
    struct visit_row row;
    const char *feed_id = work->world.sites[visit->site].id;
    int64_t feed_no = journal_feed_no(node->service.db, view_of(feed_id));
    if (!visits_by_id(node->service.db, &arena, feed_no, view_bytes(visit->id, 16), &row)) {
        sim_fail(work->sim, "%s lost an acknowledged visit of %s at %s", node->name,
                 work->world.holders[visit->holder].id, feed_id);
    }
    enum model_state state = (enum model_state)((int)row.state - 1);
    if ((state == MODEL_OPEN && visit->state == MODEL_CLOSED && visit->auto_closed) ||
        (state == MODEL_CLOSED && visit->state == MODEL_OPEN && row.auto_closed)) {
        arena_release(&arena); /* the clock's work was not acknowledged: it is done again */
        return;
    }
    if (state != visit->state || row.in_utc_ms != visit->in_utc_ms ||
        row.out_utc_ms != visit->out_utc_ms || (int)row.resource != visit->resource ||
        row.auto_closed != visit->auto_closed ||
        !(view_is(row.holder_id, work->world.holders[visit->holder].id) ||
          may_be_nameless(work, node, &row))) {
        sim_fail(work->sim,
                 "%s has a visit of %s at %s as %s %lld..%lld, acknowledged was %s %lld..%lld",
                 node->name, work->world.holders[visit->holder].id, feed_id, states[state],
                 (long long)row.in_utc_ms, (long long)row.out_utc_ms, states[visit->state],
                 (long long)visit->in_utc_ms, (long long)visit->out_utc_ms);
    }
    arena_release(&arena);
}

void check_kept(struct work *work, struct sim_node *node)
{
    begin(node);
    for (size_t i = 0; i < work->model.visit_count; i++) {
        const struct model_visit *visit = &work->model.visits[i];
        if (work_node(work, visit->site) == node && visit->state != MODEL_LOST) {
            compare_visit(work, node, visit);
        }
    }
    end(node);
}

DB_SQL(last_receipt, "SELECT note FROM receipt ORDER BY size DESC LIMIT 1");

struct receipt_seen {
    uint8_t hash[SHA256_LEN];
    struct checkpoint checkpoint;
};

static bool receipt_holds(struct sim_node *node, struct view text, struct receipt_seen *seen)
{
    struct note note;
    uint64_t signers = 0;
    uint8_t hash[SHA256_LEN];
    sha256(text, hash);
    if (memcmp(hash, seen->hash, sizeof hash) == 0) {
        return true; /* its signatures are good */
    }
    memcpy(seen->hash, hash, sizeof hash);
    return note_parse(text, &note) == E_OK &&
           cosignatures_verify(&note, node->node.cosigner, 1, &signers, NULL) == E_OK &&
           signers == 1 && checkpoint_parse(note.text, &seen->checkpoint) == E_OK;
}

/* The newest receipt of a site: cosigned by the hub, of its own feed, and for no more than the hub
 * holds (unless that was restored since). */
static void check_receipt(struct work *work, struct sim_node *node, int64_t feed_no, uint64_t held)
{
    struct tree_hash root;
    struct arena arena = ARENA_INIT;
    struct query *query = db_query(node->service.db, &last_receipt);
    if (work->receipts_seen == NULL) {
        work->receipts_seen = ARENA_ARRAY(work->sim->arena, SIM_SITES_MAX, struct receipt_seen);
    }
    if (query_next(query)) {
        struct receipt_seen *seen = &work->receipts_seen[node->no - 1];
        struct view text = arena_copy(&arena, query_text(query, 0));
        query_end(query);
        if (!receipt_holds(node, text, seen) ||
            feed_root(node->service.db, feed_no, seen->checkpoint.size, &root) != E_OK ||
            !tree_hash_equal(&root, &seen->checkpoint.root)) {
            sim_fail(work->sim, "%s: a receipt that does not hold", node->name);
        }
        if (seen->checkpoint.size > held && work->hub_restored == 0) {
            sim_fail(work->sim, "%s: a receipt for entries that the hub does not hold", node->name);
        }
        work->receipts++;
    }
    arena_release(&arena);
}

void check_prefix(struct work *work, int site)
{
    struct sim_node *node = work_node(work, site);
    struct feed_id here, there;
    struct tree_hash ours, theirs;
    const char *name = work->world.sites[site].id;
    if (node->is_hub || !node->up || !work->hub.up || mend_is_closed(work, site)) {
        return;
    }
    begin(node);
    begin(&work->hub);
    struct fault fault = FAULT_NONE;
    node_must(node, feed_find(node->service.db, view_of(name), &here), &fault, name);
    node_must(&work->hub, feed_find(work->hub.service.db, view_of(name), &there), &fault, name);
    uint64_t size = feed_head(work->hub.service.db, there.no).size;
    if (size > feed_head(node->service.db, here.no).size) {
        sim_fail(work->sim, "the hub has more of %s than its site", name);
    }
    node_must(node, feed_root(node->service.db, here.no, size, &ours), &fault, name);
    node_must(&work->hub, feed_root(work->hub.service.db, there.no, size, &theirs), &fault, name);
    if (!tree_hash_equal(&ours, &theirs)) {
        sim_fail(work->sim, "the hub's copy of %s is not its site's", name);
    }
    check_receipt(work, node, here.no, size);
    end(&work->hub);
    end(node);
}

void check_replay(struct work *work, struct sim_node *node)
{
    struct fault fault = FAULT_NONE;
    if (node_replay(node, node->service.db, &fault) != E_OK) {
        sim_fail(work->sim, "%s: %s", node->name, fault.text);
    }
}

/* ---- after calm ---- */

static const char *const tables[] = {"network", "signing_key", "network_policy", "member",
                                     "site",    "tariff",      "pass",           "feed_epoch"};

static void digest_table(struct work *work, struct sim_node *node, struct sqlite3 *db,
                         const char *table, uint8_t out[static SHA256_LEN])
{
    struct sqlite3_stmt *rows = NULL;
    struct buf text = BUF_INIT;
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1, 2", table);
    if (sqlite3_prepare_v2(db, sql, -1, &rows, NULL) != SQLITE_OK) {
        sim_fail(work->sim, "%s: %s", node->name, sqlite3_errmsg(db));
    }
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            int len = sqlite3_column_bytes(rows, i);
            buf_u32be(&text, (uint32_t)len);
            buf_add(&text, sqlite3_column_blob(rows, i), (size_t)len);
        }
    }
    sqlite3_finalize(rows);
    sha256(buf_content(&text), out);
    buf_release(&text);
}

static void digest_tables(struct work *work, struct sim_node *node,
                          uint8_t out[static ARRAY_LEN(tables)][SHA256_LEN])
{
    struct sqlite3 *db = NULL;
    if (sqlite3_open_v2("node.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, node->vfs) !=
        SQLITE_OK) {
        sim_fail(work->sim, "%s: %s", node->name, sqlite3_errmsg(db));
    }
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        digest_table(work, node, db, tables[i], out[i]);
    }
    sqlite3_close(db);
}

DB_SQL(count_visits, "SELECT COUNT(*) FROM visit WHERE feed_no = :feed_no");

static void check_count(struct work *work, struct sim_node *node, int site)
{
    struct query *query;
    int64_t count = 0, wanted = 0;
    begin(node);
    query = db_query(node->service.db, &count_visits);
    query_bind_int(query, "feed_no",
                   journal_feed_no(node->service.db, view_of(work->world.sites[site].id)));
    if (query_next(query)) {
        count = query_int(query, 0);
        query_end(query);
    }
    end(node);
    for (size_t i = 0; i < work->model.visit_count; i++) {
        wanted += work->model.visits[i].site == site && work->model.visits[i].state != MODEL_LOST;
    }
    if (count != wanted) {
        sim_fail(work->sim, "%s has %lld visits at %s, the model %lld", node->name,
                 (long long)count, work->world.sites[site].id, (long long)wanted);
    }
}

void check_equal(struct work *work)
{
    uint8_t here[ARRAY_LEN(tables)][SHA256_LEN], there[ARRAY_LEN(tables)][SHA256_LEN];
    digest_tables(work, &work->hub, there);
    for (int site = 0; site < work->world.site_count; site++) {
        struct sim_node *node = work_node(work, site);
        check_count(work, node, site);
        check_count(work, &work->hub, site);
        check_prefix(work, site);
        if (!node->is_hub) {
            digest_tables(work, node, here);
            for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
                if (memcmp(here[i], there[i], SHA256_LEN) != 0) {
                    sim_fail(work->sim, "%s and the hub differ in %s", node->name, tables[i]);
                }
            }
            check_kept(work, node);
            terms_check_all(work, node);
            check_replay(work, node);
        }
    }
    begin(&work->hub); /* and the hub has every visit of every site */
    for (size_t i = 0; i < work->model.visit_count; i++) {
        if (work->model.visits[i].state != MODEL_LOST) {
            compare_visit(work, &work->hub, &work->model.visits[i]);
        }
    }
    end(&work->hub);
    check_replay(work, &work->hub);
}

/* ---- the close ---- */

static void same(struct work *work, const char *what, int64_t told, int64_t expected)
{
    if (told != expected) {
        sim_fail(work->sim, "the close says %s %lld, the model %lld", what, (long long)told,
                 (long long)expected);
    }
}

static void compare_document(struct work *work, const Passerelle__V1__Document *document,
                             struct model_close *close)
{
    for (size_t i = 0; i < close->document_count; i++) {
        struct model_document *one = &close->documents[i];
        if (one->kind == (int)document->kind &&
            strcmp(one->seller, document->seller_member_id) == 0 &&
            strcmp(one->buyer, document->buyer_id) == 0) {
            char what[96];
            snprintf(what, sizeof what, "document %d of %s to %s", one->kind, one->seller,
                     one->buyer);
            same(work, what, document->net_cents, one->net_cents);
            same(work, what, document->vat_cents, one->vat_cents);
            same(work, what, document->gross_cents, one->gross_cents);
            one->kind = 0;
            return;
        }
    }
    sim_fail(work->sim, "the close has a document %d of %s to %s, the model has none",
             (int)document->kind, document->seller_member_id, document->buyer_id);
}

static void compare_close(struct work *work, const Passerelle__V1__SettlementDocument *document,
                          struct model_close *close)
{
    same(work, "stays", document->stays, close->stays);
    same(work, "auto_closed", document->auto_closed, close->auto_closed);
    same(work, "cut_short", document->cut_short, close->cut_short);
    same(work, "grace", document->grace, close->grace);
    same(work, "visit_days", document->visit_days, close->visit_days);
    same(work, "half_days", document->half_days, close->half_days);
    same(work, "days", document->days, close->days);
    same(work, "room_hours", document->room_hours, close->room_hours);
    same(work, "units_used", document->units_used, close->units_used);
    same(work, "outside_validity", document->outside_validity, close->outside_validity);
    same(work, "overdraft", document->overdraft, close->overdraft);
    for (size_t i = 0; i < document->n_documents; i++) {
        compare_document(work, document->documents[i], close);
    }
    for (size_t i = 0; i < close->document_count; i++) {
        const struct model_document *one = &close->documents[i];
        if (one->kind != 0 && one->net_cents != 0) {
            sim_fail(work->sim, "the close has no document %d of %s to %s", one->kind, one->seller,
                     one->buyer);
        }
    }
    int64_t sum = 0;
    for (int m = 0; m < work->world.member_count; m++) {
        int64_t told = 0;
        for (size_t i = 0; i < document->n_positions; i++) {
            if (strcmp(document->positions[i]->member_id, work->world.members[m].id) == 0) {
                told = document->positions[i]->cents;
            }
        }
        same(work, work->world.members[m].id, told, close->positions[m]);
        sum += told;
    }
    same(work, "sum of positions", sum, 0);
}

void check_close(struct work *work)
{
    static char text[8];
    struct arena *arena = work->sim->arena;
    struct month month = month_of(day_of_instant(work->sim->start_utc_ms));
    struct principal who = work_who(ROLE_OPERATOR, "olive");
    uint8_t id[16];
    month_format(month, text);
    Passerelle__V1__ClosePeriodRequest *request =
        wire_new(arena, &passerelle__v1__close_period_request__descriptor);
    request->request_id = work_request_id(work, id);
    request->month = text;
    work_must(work, &work->hub, -1, who, "SettlementService", "ClosePeriod", &request->base);
    Passerelle__V1__GetPeriodRequest *ask =
        wire_new(arena, &passerelle__v1__get_period_request__descriptor);
    ask->month = text;
    const Passerelle__V1__GetPeriodResponse *period =
        work_must(work, &work->hub, -1, who, "SettlementService", "GetPeriod", &ask->base);
    struct model_close *close = xcalloc(1, sizeof *close);
    model_close(&work->model, month, close);
    compare_close(work, period->document, close);
    free(close);
    Passerelle__V1__GetTrialBalanceRequest *balance =
        wire_new(arena, &passerelle__v1__get_trial_balance_request__descriptor);
    balance->month = text;
    const Passerelle__V1__GetTrialBalanceResponse *accounts = work_must(
        work, &work->hub, -1, who, "SettlementService", "GetTrialBalance", &balance->base);
    int64_t sum = 0;
    for (size_t i = 0; i < accounts->n_accounts; i++) {
        sum += accounts->accounts[i]->debit_cents - accounts->accounts[i]->credit_cents;
    }
    same(work, "sum of postings", sum, 0);
}
