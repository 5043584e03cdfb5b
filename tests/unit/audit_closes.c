/* Three months in a row, each with late, corrected, voided and disputed stays of the months before;
 * then the last one closed wrongly, in each way that there is. */
#include "audit_closes.h"

#include <stdlib.h>

#include "core/ident/uuid.h"
#include "lib/audited.h"
#include "lib/recorded.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "service/settlement/invoices.h"
#include "wire/pack.h"

static struct principal olive;
static unsigned told_ids;

/* The last two digits of the visit's id. */
static const char *visit_id(struct network *network, unsigned number)
{
    return arena_printf(&network->arena, "01a0f609-b58e-7e4d-8286-6d5370d0be%02x", number);
}

/* A desk stay of the card holder; returns the number of its id. */
static unsigned stay(struct network *network, const char *site, const char *holder, const char *day,
                     const char *in, const char *out, unsigned replaces)
{
    struct recorded_stay one = {
        .visit_id = view_of(visit_id(network, ++told_ids)),
        .site_id = view_of(site),
        .holder_id = view_of(holder),
        .resource = VIEW_LIT("desk"),
        .check_in = view_of(arena_printf(&network->arena, "%sT%s:00.000Z", day, in)),
        .medium = VIEW_LIT("card"),
        .source = VIEW_LIT("paper"),
    };
    if (out[0] != '\0') {
        one.check_out = view_of(arena_printf(&network->arena, "%sT%s:00.000Z", day, out));
    }
    recorded_begin(network);
    recorded_append(network, &one,
                    replaces == 0 ? VIEW_NONE : view_of(visit_id(network, replaces)));
    recorded_commit(network);
    return told_ids;
}

/* Somebody who came in by a card of their own and forgot to leave: the clock closed the visit. */
static void forgotten(struct network *network, const char *site, const char *holder,
                      const char *in, const char *out)
{
    struct uuid id;
    Passerelle__V1__PassIssued pass = PASSERELLE__V1__PASS_ISSUED__INIT;
    Passerelle__V1__VisitOpened opened = PASSERELLE__V1__VISIT_OPENED__INIT;
    Passerelle__V1__VisitClosed closed = PASSERELLE__V1__VISIT_CLOSED__INIT;
    ck_assert_int_eq(uuid_parse(view_of(visit_id(network, ++told_ids)), &id), E_OK);
    ck_assert_int_eq(instant_parse(view_of(in), &opened.in_utc_ms), E_OK);
    ck_assert_int_eq(instant_parse(view_of(out), &closed.out_utc_ms), E_OK);
    pass.pass_id = opened.pass_id = opened.visit_id = closed.visit_id = opened.nonce =
        wire_bytes(view_bytes(id.bytes, sizeof id.bytes));
    pass.holder_id = opened.holder_id = arena_string(&network->arena, view_of(holder));
    pass.medium = opened.medium = PASSERELLE__V1__MEDIUM__MEDIUM_CARD;
    opened.resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    opened.source = PASSERELLE__V1__SOURCE__SOURCE_ONLINE;
    closed.auto_closed = true;
    recorded_begin(network);
    recorded_append_entry(network, "net", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PASS_ISSUED,
                          &pass.base);
    recorded_append_entry(network, site, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED,
                          &opened.base);
    recorded_append_entry(network, site, PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_CLOSED,
                          &closed.base);
    recorded_commit(network);
}

static void cancel(struct network *network, const char *site, unsigned number)
{
    recorded_begin(network);
    recorded_void(network, view_of(site), view_of(visit_id(network, number)));
    recorded_commit(network);
}

static void dispute(struct network *network, const char *site, unsigned number)
{
    Passerelle__V1__OpenDisputeRequest *open =
        network_new(network, &passerelle__v1__open_dispute_request__descriptor);
    open->request_id = network_request_id(network);
    open->feed_id = arena_string(&network->arena, view_of(site));
    open->visit_id = arena_string(&network->arena, view_of(visit_id(network, number)));
    open->reason = arena_string(&network->arena, VIEW_LIT("never there"));
    const Passerelle__V1__OpenDisputeResponse *opened =
        network_must(network, olive, "SettlementService", "OpenDispute", &open->base);
    Passerelle__V1__ResolveDisputeRequest *resolve =
        network_new(network, &passerelle__v1__resolve_dispute_request__descriptor);
    resolve->request_id = network_request_id(network);
    resolve->dispute_id = opened->dispute_id;
    resolve->outcome = PASSERELLE__V1__DISPUTE_OUTCOME__DISPUTE_OUTCOME_VOIDED;
    network_must(network, olive, "SettlementService", "ResolveDispute", &resolve->base);
}

static void month_end(struct network *network, const char *text)
{
    struct month month;
    ck_assert_int_eq(month_parse(view_of(text), &month), E_OK);
    network->clock.now_utc_ms = day_start_utc_ms(month_first((struct month){month.number + 1}));
}

static void month_close(struct network *network, const char *text)
{
    Passerelle__V1__ClosePeriodRequest *request =
        network_new(network, &passerelle__v1__close_period_request__descriptor);
    month_end(network, text);
    request->request_id = network_request_id(network);
    request->month = arena_string(&network->arena, view_of(text));
    network_must(network, olive, "SettlementService", "ClosePeriod", &request->base);
}

/* All but the close of December, whose months before are touched by a ruling alone and by a void
 * alone. */
static void three_months(struct network *network)
{
    olive = network_who(ROLE_OPERATOR, "olive");
    told_ids = 0;
    network_init(network, true, 21);
    recorded_network(network, REFERENCE_DIR);
    unsigned a = stay(network, "s001", "h00001", "2026-10-05", "08:00", "10:00", 0);
    unsigned b = stay(network, "s002", "h00001", "2026-10-06", "07:00", "15:00", 0);
    unsigned c = stay(network, "s003", "h00002", "2026-10-06", "08:00", "11:00", 0);
    stay(network, "s004", "h00300", "2026-10-07", "08:00", "", 0);
    forgotten(network, "s002", "h00301", "2026-10-08T08:00:00.000Z", "2026-10-08T17:00:00.000Z");
    month_close(network, "2026-10");
    stay(network, "s010", "h00400", "2026-10-20", "08:00", "17:00", 0); /* late */
    stay(network, "s001", "h00001", "2026-10-05", "08:00", "16:00", a); /* corrected */
    cancel(network, "s003", c);
    unsigned d = stay(network, "s020", "h00500", "2026-11-03", "08:00", "10:00", 0);
    unsigned e = stay(network, "s020", "h00501", "2026-11-04", "08:00", "10:00", 0);
    stay(network, "s020", "h00501", "2026-11-04", "09:00", "10:00", e);
    stay(network, "s021", "h00600", "2026-11-04", "08:00", "18:00", 0);
    month_close(network, "2026-11");
    dispute(network, "s002", b);
    cancel(network, "s020", d);
    stay(network, "s030", "h00700", "2026-12-02", "08:00", "10:00", 0);
    month_end(network, "2026-12");
}

enum harm {
    NO_HARM,
    WRONG_AMOUNT,   /* a host paid more, the document whole and its hash right */
    WRONG_POSITION, /* positions that do not follow from the documents */
    WRONG_HASH,     /* of a right document */
    CUT_TOO_SHORT,  /* fewer entries than the root is of */
    CUT_TOO_LONG,   /* more entries than there are */
    CUT_WRONG_ROOT,
    CUT_WITHOUT_FEED,
    WRONG_SUM_PAID,
    GAP_IN_SERIES,    /* a number that is not the next */
    INVOICE_LEFT_OUT, /* the last of the close has no number */
    WRONG_XML,        /* the hash of another XML */
};

static void document_harm(Passerelle__V1__SettlementDocument *document, enum harm harm)
{
    for (size_t i = 0; harm == WRONG_AMOUNT && i < document->n_documents; i++) {
        Passerelle__V1__Document *one = document->documents[i];
        if (one->kind == PASSERELLE__V1__DOCUMENT_KIND__DOCUMENT_KIND_HOST_INVOICE &&
            !one->credit_note) {
            int64_t price = one->lines[0]->price_cents;
            one->lines[0]->quantity++;
            one->net_cents += price;
            one->vat_cents = (one->net_cents * one->vat_basis_points + 5000) / 10000;
            one->gross_cents = one->net_cents + one->vat_cents;
            return;
        }
    }
    if (harm == WRONG_POSITION) {
        document->positions[1]->cents += 700;
    }
    ck_assert(harm != WRONG_AMOUNT);
}

static void cut_harm(Passerelle__V1__PeriodCut *cut, enum harm harm)
{
    size_t at = 0;
    while (strcmp(cut->feeds[at]->feed_id, "s001") != 0) {
        at++;
    }
    if (harm == CUT_TOO_SHORT) {
        cut->feeds[at]->size--;
    } else if (harm == CUT_TOO_LONG) {
        cut->feeds[at]->size += 10;
    } else if (harm == CUT_WRONG_ROOT) {
        cut->feeds[at]->root.data[7] ^= 1;
    } else if (harm == CUT_WITHOUT_FEED) {
        memmove(cut->feeds + at, cut->feeds + at + 1,
                (cut->n_feeds - at - 1) * sizeof(cut->feeds[0]));
        cut->n_feeds--;
    }
}

DB_SQL(put_document, "INSERT INTO settlement (month, document) VALUES (:month, :document)");

/* Closes December as no hub would. */
static void december_close(struct network *network, enum harm harm)
{
    struct fault fault = FAULT_NONE;
    struct settlement settlement;
    struct month month;
    char text[] = "2026-12";
    ck_assert_int_eq(month_parse(VIEW_LIT("2026-12"), &month), E_OK);
    recorded_begin(network);
    ck_assert_msg(settlement_prepare(network->service.db, 3, month, &network->arena, &settlement,
                                     &fault) == E_OK &&
                      invoices_number(&network->service, &network->arena, &settlement, &fault) ==
                          E_OK,
                  "%s", fault.text);
    Passerelle__V1__InvoicesNumbered *numbered = settlement.numbered[0];
    char *sequence = strrchr(numbered->invoices[0]->number, '-') + 1;
    sequence[5] = harm == GAP_IN_SERIES ? '9' : sequence[5];
    numbered->n_invoices -= harm == INVOICE_LEFT_OUT;
    if (harm == WRONG_XML) {
        numbered->invoices[1]->cii_sha256.data[0] ^= 1;
    }
    document_harm(settlement.document, harm);
    struct view bytes = wire_pack_arena(&network->arena, &settlement.document->base);
    uint8_t hash[SHA256_LEN];
    sha256(bytes, hash);
    hash[3] ^= harm == WRONG_HASH;
    Passerelle__V1__PeriodCut cut = PASSERELLE__V1__PERIOD_CUT__INIT;
    cut.month = text;
    cut.feeds = settlement.cut;
    cut.n_feeds = settlement.cut_count;
    cut_harm(&cut, harm);
    recorded_append_entry(network, "books", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PERIOD_CUT,
                          &cut.base);
    Passerelle__V1__PeriodClosed closed = PASSERELLE__V1__PERIOD_CLOSED__INIT;
    closed.month = text;
    closed.document_sha256 = (ProtobufCBinaryData){sizeof hash, hash};
    closed.netting = settlement.document->netting;
    closed.paid_cents = settlement.document->paid_cents + (harm == WRONG_SUM_PAID);
    recorded_append_entry(network, "books", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_PERIOD_CLOSED,
                          &closed.base);
    for (size_t i = 0; i < settlement.numbered_count; i++) {
        recorded_append_entry(network, "books",
                              PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_INVOICES_NUMBERED,
                              &settlement.numbered[i]->base);
    }
    struct query *query = db_query(network->service.db, &put_document);
    query_bind_int(query, "month", month.number);
    query_bind_blob(query, "document", bytes);
    query_run(query);
    recorded_commit(network);
}

struct findings {
    struct audit_difference all[64];
    size_t count;
};

static void keep(void *context, const struct audit_difference *difference)
{
    struct findings *findings = context;
    if (findings->count < ARRAY_LEN(findings->all)) {
        findings->all[findings->count++] = *difference;
    }
}

/* Everything that the audit finds about the closes; `without` is a feed that is left out. */
static void closes_audit(struct network *network, struct told **all, size_t count,
                         const char *without, bool documents, struct findings *findings)
{
    struct audit_options options = {.seed = 7};
    struct audit *audit = audit_new(&options);
    struct audit_wrong wrong;
    findings->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (without == NULL || strcmp(all[i]->feed_id, without) != 0) {
            ck_assert_msg(told_check(audit, all[i], &wrong) == E_OK, "%s, entry %llu: %s",
                          wrong.feed_id, (unsigned long long)wrong.seq, wrong.what);
        }
    }
    audit_missing(audit, keep, findings);
    if (documents) {
        told_documents(network, audit);
    }
    for (size_t i = 0; i < audit_closes(audit); i++) {
        audit_close_check(audit, i, keep, findings);
    }
    audit_free(audit);
}

START_TEST(three_months_are_equal)
{
    static struct network network;
    static struct findings findings;
    three_months(&network);
    december_close(&network, NO_HARM);
    network_check(&network);
    size_t count;
    struct told **all = told_all(&network, &count);
    closes_audit(&network, all, count, NULL, false, &findings); /* the hash alone is enough */
    ck_assert_uint_eq(findings.count, 0);
    network_release(&network);
}
END_TEST

/* A holder's right from now on, at the plan p2 of e003: a subscription. */
static void subscriber(struct network *network, const char *holder, const char *from,
                       const char *to)
{
    Passerelle__V1__HolderPut right = PASSERELLE__V1__HOLDER_PUT__INIT;
    right.holder_id = arena_string(&network->arena, view_of(holder));
    right.employer_id = arena_string(&network->arena, VIEW_LIT("e003"));
    right.plan_id = arena_string(&network->arena, VIEW_LIT("e003-p2"));
    right.medium = PASSERELLE__V1__MEDIUM__MEDIUM_PHONE;
    right.active_from = arena_string(&network->arena, view_of(from));
    right.active_to = arena_string(&network->arena, view_of(to));
    recorded_begin(network);
    recorded_append_entry(network, "books", PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_HOLDER_PUT,
                          &right.base);
    recorded_commit(network);
}

/* What the close of `month` bills e003 of the fees of `of`; negative ones are credit notes. */
static int64_t fees(struct network *network, const char *month, const char *of, bool credit)
{
    struct month closed;
    int64_t quantity = 0;
    ck_assert_int_eq(month_parse(view_of(month), &closed), E_OK);
    recorded_begin(network);
    const Passerelle__V1__SettlementDocument *document =
        settlement_stored(network->service.db, closed, &network->arena);
    recorded_commit(network);
    for (size_t i = 0; i < document->n_documents; i++) {
        const Passerelle__V1__Document *one = document->documents[i];
        bool wanted = strcmp(one->buyer_id, "e003") == 0 && one->credit_note == credit;
        for (size_t k = 0; wanted && k < one->n_lines; k++) {
            const Passerelle__V1__DocumentLine *line = one->lines[k];
            if (line->kind == PASSERELLE__V1__LINE_KIND__LINE_KIND_SUBSCRIPTION &&
                strcmp(line->month, of) == 0) {
                quantity += line->quantity;
            }
        }
    }
    return quantity;
}

/* RULES 10 and 19: a fee is owed for each month that a right touches, no matter when that is told
 * and whether a late stay has the month rated again. */
START_TEST(a_late_right_is_billed_and_credited)
{
    static struct network network;
    static struct findings findings;
    olive = network_who(ROLE_OPERATOR, "olive");
    told_ids = 0;
    network_init(&network, true, 22);
    recorded_network(&network, REFERENCE_DIR);
    month_close(&network, "2026-10");
    month_close(&network, "2026-11");
    ck_assert_int_eq(fees(&network, "2026-11", "2026-10", false), 0);
    int64_t of_november = fees(&network, "2026-11", "2026-11", false);
    subscriber(&network, "h09001", "2026-10-31", "2026-11-20");
    subscriber(&network, "h09002", "", "");                     /* open: all closed months */
    subscriber(&network, "h09003", "2026-12-01", "");           /* none of them */
    subscriber(&network, "h00069", "2026-01-22", "2026-09-30"); /* was open */
    subscriber(&network, "h00070", "2026-07-24", "2026-10-31");
    month_close(&network, "2026-12");
    ck_assert_int_eq(fees(&network, "2026-12", "2026-10", false), 1);
    ck_assert_int_eq(fees(&network, "2026-12", "2026-10", true), 0);
    ck_assert_int_eq(fees(&network, "2026-12", "2026-11", false), 0);
    ck_assert_int_eq(fees(&network, "2026-12", "2026-11", true), 0);
    ck_assert_int_eq(fees(&network, "2026-12", "2026-12", false), of_november);
    subscriber(&network, "h09001", "2026-12-01", "2026-12-31");
    month_close(&network, "2027-01");
    ck_assert_int_eq(fees(&network, "2027-01", "2026-10", true), -1);
    ck_assert_int_eq(fees(&network, "2027-01", "2026-11", true), -1);
    ck_assert_int_eq(fees(&network, "2027-01", "2026-12", false), 1);
    network_check(&network);
    size_t count;
    struct told **all = told_all(&network, &count);
    closes_audit(&network, all, count, NULL, true, &findings);
    ck_assert_uint_eq(findings.count, 0);
    network_release(&network);
}
END_TEST

static void first_is(const struct findings *findings, const char *operation, const char *month,
                     const char *party)
{
    ck_assert_uint_gt(findings->count, 0);
    const struct audit_difference *first = &findings->all[0];
    ck_assert_msg(strcmp(first->operation, operation) == 0 && strcmp(first->month, month) == 0 &&
                      (party == NULL || strcmp(first->party, party) == 0),
                  "%s %s %s (%s): %s, expected %s of %s", first->month, first->operation,
                  first->position, first->party, first->what, operation,
                  party == NULL ? "anyone" : party);
}

START_TEST(each_wrong_close_is_named)
{
    static const struct {
        const char *operation;
        const char *party;
    } expected[] = {
        [WRONG_AMOUNT] = {"line", NULL},           [WRONG_POSITION] = {"position", NULL},
        [WRONG_HASH] = {"document_hash", ""},      [CUT_TOO_SHORT] = {"cut_root", "s001"},
        [CUT_TOO_LONG] = {"cut_size", "s001"},     [CUT_WRONG_ROOT] = {"cut_root", "s001"},
        [CUT_WITHOUT_FEED] = {"cut_feed", "s001"}, [WRONG_SUM_PAID] = {"total", ""},
        [GAP_IN_SERIES] = {"invoice", ""},         [INVOICE_LEFT_OUT] = {"invoice", ""},
        [WRONG_XML] = {"invoice", ""},
    };
    static struct network network;
    static struct findings findings;
    enum harm harm = (enum harm)_i;
    three_months(&network);
    december_close(&network, harm);
    size_t count;
    struct told **all = told_all(&network, &count);
    closes_audit(&network, all, count, NULL, true, &findings);
    first_is(&findings, expected[harm].operation, "2026-12", expected[harm].party);
    for (size_t i = 0; i < findings.count; i++) { /* the months before are right */
        ck_assert_str_eq(findings.all[i].month, "2026-12");
    }
    if (harm == WRONG_AMOUNT) {
        const struct audit_difference *line = &findings.all[0];
        ck_assert(line->cents && line->hub > line->auditor);
        ck_assert_str_eq(line->profitable, line->party); /* the host gains */
        ck_assert(view_starts(view_of(line->position), "host_invoice from"));
    } else if (harm == WRONG_POSITION) {
        ck_assert_int_eq(findings.all[0].hub - findings.all[0].auditor, 700);
        ck_assert_str_eq(findings.all[0].profitable, findings.all[0].party);
        ck_assert_str_eq(findings.all[1].operation, "postings"); /* they do not add up */
        ck_assert_int_eq(findings.all[1].hub, 700);
    }
    /* Without the document, the close is still found out, by its hash. */
    closes_audit(&network, all, count, NULL, false, &findings);
    ck_assert_uint_gt(findings.count, 0);
    if (harm == WRONG_AMOUNT || harm == WRONG_POSITION) {
        first_is(&findings, "document_hash", "2026-12", "");
    }
    network_release(&network);
}
END_TEST

DB_SQL(set_document, "UPDATE settlement SET document = :document WHERE month = :month");

START_TEST(a_document_that_was_not_signed_is_named)
{
    static struct network network;
    static struct findings findings;
    struct month month;
    three_months(&network);
    december_close(&network, NO_HARM);
    ck_assert_int_eq(month_parse(VIEW_LIT("2026-11"), &month), E_OK);
    recorded_begin(&network);
    Passerelle__V1__SettlementDocument *document =
        settlement_stored(network.service.db, month, &network.arena);
    document_harm(document, WRONG_AMOUNT);
    struct query *query = db_query(network.service.db, &set_document);
    query_bind_int(query, "month", month.number);
    query_bind_blob(query, "document", wire_pack_arena(&network.arena, &document->base));
    query_run(query);
    recorded_commit(&network);
    size_t count;
    struct told **all = told_all(&network, &count);
    closes_audit(&network, all, count, NULL, true, &findings);
    first_is(&findings, "line", "2026-11", NULL);
    ck_assert_str_eq(findings.all[findings.count - 1].operation, "document_hash");
    network_release(&network);
}
END_TEST

START_TEST(a_feed_that_is_left_out_is_named)
{
    static struct network network;
    static struct findings findings;
    three_months(&network);
    december_close(&network, NO_HARM);
    size_t count;
    struct told **all = told_all(&network, &count);
    closes_audit(&network, all, count, "s002", true, &findings);
    first_is(&findings, "missing_feed", "", "s002");
    network_release(&network);
}
END_TEST

static struct told *told_of(struct told **all, size_t count, const char *feed_id)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->feed_id, feed_id) == 0) {
            return all[i];
        }
    }
    ck_abort_msg("no feed %s", feed_id);
}

/* A host that writes its history again, signed with its own key: the first stay lasted an hour. */
static void history_change(struct network *network, struct told *site)
{
    struct fault fault = FAULT_NONE;
    struct entry entry;
    struct view id = view_of(site->feed_id);
    ck_assert_int_eq(entry_decode(id, site->entries[0], &network->arena, &entry, &fault), E_OK);
    Passerelle__V1__StayRecorded *changed = (void *)(uintptr_t)entry.payload;
    changed->out_utc_ms = changed->in_utc_ms + 3600000;
    struct entry_draft draft = {
        .feed_id = id,
        .seq = 1,
        .appended_utc_ms = entry.envelope->appended_utc_ms,
        .type = entry.envelope->type,
        .author = view_of(entry.envelope->author),
        .payload = &changed->base,
    };
    struct entry again;
    ck_assert_int_eq(entry_encode(&draft, &network->arena, &site->entries[0], &again, &fault),
                     E_OK);
    struct checkpoint head = {.size = site->count};
    struct note_key key;
    struct tree_frontier frontier = {0};
    const struct ed25519_key *secret;
    for (size_t i = 0; i < site->count; i++) {
        struct tree_hash leaf = tree_leaf(site->entries[i]);
        tree_frontier_append(&frontier, &leaf, NULL);
    }
    head.root = tree_frontier_root(&frontier);
    struct view origin = view_slice(site->checkpoint, 0, view_find(site->checkpoint, '\n'));
    snprintf(head.origin, sizeof head.origin, "%.*s", VIEW_FMT(origin));
    ck_assert_int_eq(keyring_feed(network->node.keys, id, origin, &secret, &fault), E_OK);
    ck_assert_int_eq(note_key_init(&key, origin, NOTE_ED25519, secret->public_key), E_OK);
    struct buf note = BUF_INIT;
    ck_assert_int_eq(checkpoint_sign(&head, &key, secret, &note), E_OK);
    site->checkpoint = arena_copy(&network->arena, buf_content(&note));
    buf_release(&note);
}

START_TEST(a_visit_that_was_changed_is_named)
{
    static struct network network;
    static struct findings findings;
    three_months(&network);
    december_close(&network, NO_HARM);
    size_t count;
    struct told **all = told_all(&network, &count);
    history_change(&network, told_of(all, count, "s021")); /* it was ten hours */
    closes_audit(&network, all, count, NULL, true, &findings);
    first_is(&findings, "cut_root", "2026-11", "s021");
    bool named = false; /* and what it costs, line by line */
    for (size_t i = 0; i < findings.count; i++) {
        named = named || (strcmp(findings.all[i].operation, "line") == 0 &&
                          strstr(findings.all[i].position, "s021") != NULL);
    }
    ck_assert(named);
    network_release(&network);
}
END_TEST

/* All feeds go on under new keys, from the entries that the backup held. */
START_TEST(a_restored_hub_is_followed)
{
    static struct network network;
    struct fault fault = FAULT_NONE;
    size_t count;
    three_months(&network);
    recorded_begin(&network);
    ck_assert_msg(journal_begin_epochs(&network.service, &count, &fault) == E_OK, "%s", fault.text);
    recorded_commit(&network);
    network_reopen(&network);
    month_close(&network, "2026-12");
    network_check(&network);
    struct told **all = told_all(&network, &count);
    struct told *site = told_of(all, count, "s021");
    history_change(&network, site);
    struct audit_options options = {.seed = 7};
    struct audit *audit = audit_new(&options);
    struct audit_wrong wrong;
    ck_assert_int_eq(told_check(audit, all[0], &wrong), E_OK);
    ck_assert_int_eq(told_check(audit, site, &wrong), E_CORRUPT);
    ck_assert_str_eq(wrong.feed_id, "s021");
    ck_assert_ptr_nonnull(strstr(wrong.what, "restored"));
    audit_free(audit);
    network_release(&network);
}
END_TEST

TCase *audit_closes_cases(void)
{
    TCase *cases = tcase_create("closes");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, three_months_are_equal);
    tcase_add_test(cases, a_late_right_is_billed_and_credited);
    tcase_add_loop_test(cases, each_wrong_close_is_named, WRONG_AMOUNT, WRONG_XML + 1);
    tcase_add_test(cases, a_document_that_was_not_signed_is_named);
    tcase_add_test(cases, a_feed_that_is_left_out_is_named);
    tcase_add_test(cases, a_visit_that_was_changed_is_named);
    tcase_add_test(cases, a_restored_hub_is_followed);
    return cases;
}
