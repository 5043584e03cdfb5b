#include "service/settlement/invoices.h"

#include "core/invoices/numbering.h"
#include "service/journal.h"
#include "store/view/registry.h"
#include "wire/pack.h"

/* ---- terms ---- */

struct views {
    struct db *db;
    struct arena *arena;
};

static const Passerelle__V1__Member *views_member(void *context, const char *id)
{
    struct views *views = context;
    return registry_member(views->db, views->arena, view_of(id));
}

static const Passerelle__V1__BankAccount *views_account(void *context, const char *id)
{
    struct views *views = context;
    return registry_account(views->db, views->arena, view_of(id));
}

static const Passerelle__V1__Employer *views_employer(void *context, const char *id)
{
    struct views *views = context;
    return registry_employer(views->db, views->arena, view_of(id));
}

static const Passerelle__V1__Site *views_site(void *context, const char *id)
{
    struct views *views = context;
    return registry_site(views->db, views->arena, view_of(id));
}

DB_SQL(select_carnets, "SELECT record FROM carnet WHERE plan_id = :plan_id");

static void views_carnets(void *context, const char *plan_id,
                          void (*each)(void *to, const Passerelle__V1__Carnet *carnet), void *to)
{
    struct views *views = context;
    struct query *query = db_query(views->db, &select_carnets);
    query_bind_text(query, "plan_id", view_of(plan_id));
    while (query_next(query)) {
        const Passerelle__V1__Carnet *carnet = wire_unpack_trusted(
            &passerelle__v1__carnet__descriptor, query_blob(query, 0), views->arena);
        if (carnet != NULL) {
            each(to, carnet);
        }
    }
    query_end(query);
}

Passerelle__V1__InvoiceTerms *invoices_terms(struct db *db,
                                             const Passerelle__V1__SettlementDocument *document,
                                             struct arena *arena)
{
    struct views views = {db, arena};
    struct terms_source source = {&views,         views_member, views_account,
                                  views_employer, views_site,   views_carnets};
    return terms_gather(document, &source, arena);
}

/* ---- numbers ---- */

DB_SQL(select_last, "SELECT COALESCE(MAX(sequence), 0) FROM invoice WHERE series = :series");
DB_SQL(select_issued, "SELECT number, issued_on, record, sequence, recorded_number, recorded_on "
                      "FROM invoice WHERE seller_member_id = :seller AND buyer_id = :buyer "
                      "AND kind = :kind AND credit_note = 0 ORDER BY month");

static uint32_t views_last(void *context, const char *series)
{
    struct query *query = db_query(((struct views *)context)->db, &select_last);
    query_bind_text(query, "series", view_of(series));
    uint32_t last = query_next(query) ? (uint32_t)query_int(query, 0) : 0;
    query_end(query);
    return last;
}

static void views_issued(void *context, const Passerelle__V1__Document *document,
                         void (*each)(void *to, const char *number, const char *issued_on,
                                      const Passerelle__V1__NumberedInvoice *invoice),
                         void *to)
{
    struct views *views = context;
    struct query *query = db_query(views->db, &select_issued);
    query_bind_text(query, "seller", view_of(document->seller_member_id));
    query_bind_text(query, "buyer", view_of(document->buyer_id));
    query_bind_int(query, "kind", document->kind);
    while (query_next(query)) {
        bool own = query_int(query, 3) == 0; /* a pro forma: the host's own counts */
        const char *number = arena_string(views->arena, query_text(query, own ? 4 : 0));
        const char *issued_on = arena_string(views->arena, query_text(query, own ? 5 : 1));
        const Passerelle__V1__NumberedInvoice *invoice = wire_unpack_trusted(
            &passerelle__v1__numbered_invoice__descriptor, query_blob(query, 2), views->arena);
        if (invoice != NULL && number[0] != '\0') {
            each(to, number, issued_on, invoice);
        }
    }
    query_end(query);
}

/* The Paris day of the entry that closes the month: now, unless the feed is ahead of the clock. */
static struct day day_of_close(struct service *service)
{
    int64_t now_utc_ms = service_now(service);
    const struct feed *books = feeds_get(journal_feeds(service->journal), VIEW_LIT(FEED_BOOKS));
    bool ahead = books != NULL && books->appended_utc_ms > now_utc_ms;
    return day_of_instant(ahead ? books->appended_utc_ms : now_utc_ms);
}

int invoices_number(struct service *service, struct arena *arena, struct settlement *settlement,
                    struct fault *fault)
{
    struct views views = {service->db, arena};
    struct numbering_source source = {&views, views_last, views_issued};
    uint64_t seed;
    env_random(service->node->env, &seed, sizeof seed);
    int error =
        numbering_run(settlement->document, settlement->terms, day_of_close(service), &source, seed,
                      arena, &settlement->numbered, &settlement->numbered_count, fault);
    return error != 0 ? error : db_error(service->db, fault);
}

DB_SQL(put_terms, "INSERT INTO invoice_terms (month, terms) VALUES (:month, :terms) "
                  "ON CONFLICT (month) DO UPDATE SET terms = excluded.terms");
DB_SQL(put_evidence, "INSERT INTO invoice_evidence (month, place, keys) "
                     "VALUES (:month, :place, :keys) "
                     "ON CONFLICT (month, place) DO UPDATE SET keys = excluded.keys");

void invoices_record(struct service *service, struct call *call,
                     const struct settlement *settlement)
{
    for (size_t i = 0; i < settlement->numbered_count; i++) {
        journal_append(service, view_of(call->who.author), VIEW_LIT(FEED_BOOKS),
                       PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_INVOICES_NUMBERED,
                       &settlement->numbered[i]->base);
    }
    struct query *query = db_query(service->db, &put_terms);
    query_bind_int(query, "month", settlement->month.number);
    query_bind_blob(query, "terms", wire_pack_arena(call->arena, &settlement->terms->base));
    query_run(query);
    for (size_t i = 0; i < settlement->document->n_documents; i++) {
        if (settlement->evidence[i].len > 0) {
            query = db_query(service->db, &put_evidence);
            query_bind_int(query, "month", settlement->month.number);
            query_bind_int(query, "place", (int64_t)i);
            query_bind_blob(query, "keys", settlement->evidence[i]);
            query_run(query);
        }
    }
}
