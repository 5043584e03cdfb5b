#include "service/sync/doubt.h"

#include <stdlib.h>

#include "core/day/day.h"
#include "core/ident/uuid.h"
#include "core/pass/proof.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/entries.pb-c.h"
#include "service/desk/memory.h"
#include "service/journal.h"
#include "service/sync/problems.h"
#include "service/sync/push.h"
#include "store/view/registry.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define KIND(name) PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_##name
#define TYPE(name) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##name

enum {
    OTHERS_MAX = 32,      /* visits of one holder on a day that are looked at */
    METRES_A_SECOND = 50, /* nobody is faster from door to door */
    METRES_SLACK = 5000,
};

struct looking {
    struct service *service;
    struct arena *arena;
    struct arena *scratch;
    const struct doubt_entry *at;
    Passerelle__V1__LedgerProblem **out;
    size_t count;
};

static void doubt(struct looking *l, Passerelle__V1__LedgerProblemKind kind, struct view visit_id,
                  struct view other, const char *what)
{
    struct view evidence[] = {l->at->bytes, other};
    struct problem problem = {.kind = kind,
                              .feed_id = l->at->site_id,
                              .seq = l->at->seq,
                              .visit_id = visit_id,
                              .evidence = evidence,
                              .evidence_count = other.len > 0 ? 2 : 1};
    if (l->count < DOUBTS_MAX) {
        l->out[l->count++] = problem_note(l->service, l->arena, &problem, "entry %llu of %s: %s",
                                          (unsigned long long)l->at->seq, l->at->site_id, what);
    }
}

static const char *pass_text(struct arena *arena, struct view pass_id)
{
    struct uuid uuid;
    char text[UUID_TEXT_LEN + 1] = "";
    if (pass_id.len == sizeof uuid.bytes) {
        memcpy(uuid.bytes, pass_id.data, sizeof uuid.bytes);
        uuid_format(uuid, text);
    }
    return arena_string(arena, view_of(text));
}

/* ---- times ---- */

/* A desk writes as it decides: the stay begins and ends by then, and begins after all that the hub
 * was shown before. */
static void look_at_time(struct looking *l, ProtobufCBinaryData visit_id, int64_t in_utc_ms,
                         int64_t last_utc_ms)
{
    if (last_utc_ms - PUSH_FUTURE_MS_MAX > l->at->entry->envelope->appended_utc_ms) {
        doubt(l, KIND(TIME), wire_view(visit_id), VIEW_NONE,
              "a stay whose time lay in the future when it was written: ask the site");
    } else if (in_utc_ms < l->at->shown_utc_ms - PUSH_FUTURE_MS_MAX) {
        doubt(l, KIND(TIME), wire_view(visit_id), VIEW_NONE,
              "a stay that began before what the site had shown already: its clock was set back, "
              "or the stay was made up later; ask the site");
    }
}

/* ---- the pass and its proof ---- */

static bool has_proof(const Passerelle__V1__VisitOpened *m)
{
    return m->proof_signature.len == ED25519_SIGNATURE_LEN && m->token_hash.len == SHA256_LEN;
}

static bool proof_is_good(const Passerelle__V1__VisitOpened *m, const uint8_t *device_key)
{
    return proof_check(m->token_hash.data, m->proof_second, m->proof_signature.data, device_key);
}

bool doubt_read_proof(struct service *reader, struct arena *scratch, const struct entry *entry,
                      uint64_t net_size, struct doubt_proof *out)
{
    struct view holder_id, device_key;
    if (entry->kind == NULL || entry->kind->type != TYPE(VISIT_OPENED)) {
        return false;
    }
    const Passerelle__V1__VisitOpened *m = (const void *)entry->payload;
    if (!has_proof(m) ||
        !registry_pass_device(reader->db, scratch, wire_view(m->pass_id), &holder_id,
                              &device_key) ||
        device_key.len != ED25519_PUBLIC_LEN) {
        return false;
    }
    *out = (struct doubt_proof){
        .second = m->proof_second,
        .net_size = net_size,
        .holder_is_right = view_is(holder_id, m->holder_id)};
    memcpy(out->device_key, device_key.data, sizeof out->device_key);
    memcpy(out->token_hash, m->token_hash.data, sizeof out->token_hash);
    memcpy(out->signature, m->proof_signature.data, sizeof out->signature);
    return true;
}

void doubt_check_proof(struct doubt_proof *proof)
{
    proof->good =
        proof_check(proof->token_hash, proof->second, proof->signature, proof->device_key);
    atomic_store(&proof->looked_at, true);
}

static bool is_of_device(const struct doubt_entry *at, const Passerelle__V1__VisitOpened *m,
                         const uint8_t *device_key)
{
    const struct doubt_proof *proof = at->proof;
    return proof != NULL && atomic_load(&proof->looked_at) &&
                   memcmp(proof->device_key, device_key, sizeof proof->device_key) == 0
               ? proof->good
               : proof_is_good(m, device_key);
}

/* Where nobody had shown it: a pass has its time of issue in its id, and a phone's proof is as old
 * as the network ever lets one be. What a site once saw would else serve it again and again. */
static bool could_be_seen(const Passerelle__V1__VisitOpened *m)
{
    struct uuid id;
    int64_t issued_utc_ms;
    if (m->pass_id.len != sizeof id.bytes) {
        return true; /* nobody issued that */
    }
    memcpy(id.bytes, m->pass_id.data, sizeof id.bytes);
    return uuid_time_ms(id, &issued_utc_ms) != E_OK ||
           m->in_utc_ms >= issued_utc_ms - PUSH_FUTURE_MS_MAX;
}

static bool proof_is_of_its_time(const Passerelle__V1__VisitOpened *m)
{
    return !has_proof(m) ||
           proof_age(m->proof_second, m->in_utc_ms, PROOF_WINDOW_S_MAX, 0) == PROOF_FRESH;
}

/* All else that look_at_pass() would ask was found right on a snapshot, and nothing has changed. */
static bool was_right(const struct looking *l)
{
    const struct doubt_proof *proof = l->at->proof;
    const struct feed *net = feeds_get(journal_feeds(l->service->journal), VIEW_LIT(FEED_NET));
    return proof != NULL && atomic_load(&proof->looked_at) && proof->good &&
           proof->holder_is_right &&
           net != NULL && net->size == proof->net_size;
}

static void look_at_pass(struct looking *l, const Passerelle__V1__VisitOpened *m)
{
    struct registry_pass pass;
    struct view visit_id = wire_view(m->visit_id);
    bool seen = could_be_seen(m);
    bool of_its_time = proof_is_of_its_time(m);
    if (seen && of_its_time && was_right(l)) {
        return;
    }
    if (!registry_pass(l->service->db, l->scratch, wire_view(m->pass_id), &pass)) {
        doubt(l, KIND(UNKNOWN_PASS), visit_id, VIEW_NONE,
              "a visit for a pass that was never issued: ask the site who came");
        return;
    }
    if (!seen) {
        doubt(l, KIND(UNKNOWN_PASS), visit_id, VIEW_NONE,
              "a visit that began before its pass was issued: its clock was set back, or the stay "
              "was made up later; ask the site who came");
    } else if (m->holder_id[0] != '\0' && strcmp(m->holder_id, pass.issued->holder_id) != 0) {
        doubt(l, KIND(UNKNOWN_PASS), visit_id, VIEW_NONE,
              "a visit that names another holder than its pass: ask the site who came");
    }
    if (pass.issued->medium != PASSERELLE__V1__MEDIUM__MEDIUM_PHONE) {
        return;
    }
    if (!has_proof(m)) {
        doubt(l, KIND(BAD_PROOF), visit_id, VIEW_NONE,
              "a phone's visit without proof: ask the holder whether they came");
    } else if (pass.device_public_key.len != ED25519_PUBLIC_LEN ||
               !is_of_device(l->at, m, (const uint8_t *)pass.device_public_key.data)) {
        doubt(l, KIND(BAD_PROOF), visit_id, VIEW_NONE,
              "a phone's visit whose proof is not of the device that the pass has now: ask the "
              "holder whether they came, or got another phone since");
    } else if (!of_its_time) {
        doubt(l, KIND(BAD_PROOF), visit_id, VIEW_NONE,
              "a phone's visit whose proof was made at another time: it was used again, or the "
              "stay was made up; ask the holder when they came");
    }
}

static void look_at_tariff(struct looking *l, const Passerelle__V1__VisitOpened *m)
{
    desk_refresh(l->service);
    uint32_t version = desk_tariff(l->service->desk, day_of_instant(m->in_utc_ms));
    if (m->tariff_version != 0 && m->tariff_version != version) {
        doubt(l, KIND(TARIFF), wire_view(m->visit_id), VIEW_NONE,
              "the desk showed another tariff version than the one of that day, which counts: see "
              "that the site hears the network");
    }
}

/* ---- the holder's other visits ---- */

struct others {
    struct looking *looking;
    struct view visit_id; /* itself */
    struct visit_row rows[OTHERS_MAX]; /* the first `count` are set */
    size_t count;
};

static bool keep(void *context, const struct visit_row *row)
{
    struct others *o = context;
    bool by_hand = row->pass_id.len == 0; /* a stay that was recorded */
    bool stands = row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_OPEN ||
                  row->state == PASSERELLE__V1__VISIT_STATE__VISIT_STATE_CLOSED;
    if (stands && !by_hand && row->feed_no != o->looking->at->feed_no &&
        !view_equal(row->visit_id, o->visit_id)) {
        o->rows[o->count] = *row;
        o->rows[o->count].visit_id = arena_copy(o->looking->scratch, row->visit_id);
        o->count++;
    }
    return o->count < OTHERS_MAX;
}

DB_SQL(select_feed_name, "SELECT name FROM feed WHERE feed_no = :feed_no");

static const char *site_of_feed(struct looking *l, int64_t feed_no)
{
    const char *name = "";
    struct query *query = db_query(l->service->db, &select_feed_name);
    query_bind_int(query, "feed_no", feed_no);
    if (query_next(query)) {
        name = arena_string(l->scratch, query_text(query, 0));
        query_end(query);
    }
    return name;
}

/* The entry that let the other in; NULL when it was another kind of entry. */
static const Passerelle__V1__VisitOpened *opened_of(struct looking *l, const struct visit_row *row,
                                                    const char *site_id, struct view *bytes)
{
    struct feed_entry raw;
    struct entry entry;
    const Passerelle__V1__VisitOpened *opened = NULL;
    uint64_t seq = (uint64_t)row->visit_key & FEED_SEQ_MAX;
    struct query *read = feed_read(l->service->db, row->feed_no, seq, seq);
    if (feed_read_next(read, &raw)) {
        *bytes = arena_copy(l->scratch, raw.bytes);
        if (entry_decode(view_of(site_id), *bytes, l->scratch, &entry, NULL) == E_OK &&
            entry.kind != NULL && entry.kind->type == TYPE(VISIT_OPENED)) {
            opened = (const void *)entry.payload;
        }
    }
    query_end(read);
    return opened;
}

/* Metres between two places, never too many: a degree of longitude counts as at the north of the
 * network, where it is shortest. Squared. */
static int64_t distance_squared(const Passerelle__V1__Site *a, const Passerelle__V1__Site *b)
{
    int64_t dy = llabs((int64_t)a->lat_e5 - b->lat_e5) * 111 / 100;
    int64_t dx = llabs((int64_t)a->lon_e5 - b->lon_e5) * 111 / 100 * 5 / 8;
    return dx * dx + dy * dy;
}

static bool is_too_far(struct looking *l, const char *other_site, int64_t gap_ms)
{
    const Passerelle__V1__Site *here =
        registry_site(l->service->db, l->scratch, view_of(l->at->site_id));
    const Passerelle__V1__Site *there =
        registry_site(l->service->db, l->scratch, view_of(other_site));
    if (here == NULL || there == NULL ||
        here->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT ||
        there->kind == PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT) {
        return false;
    }
    int64_t reach = llabs(gap_ms) / 1000 * METRES_A_SECOND + METRES_SLACK;
    return distance_squared(here, there) > reach * reach;
}

static void open_dispute(struct looking *l, const char *feed_id, struct view visit_id)
{
    uint8_t random[10];
    env_random(l->service->node->env, random, sizeof random);
    struct uuid id = uuid_v7(service_now(l->service), random);
    Passerelle__V1__DisputeOpened opened = PASSERELLE__V1__DISPUTE_OPENED__INIT;
    opened.dispute_id = wire_bytes(view_bytes(id.bytes, sizeof id.bytes));
    opened.feed_id = (char *)(uintptr_t)feed_id;
    opened.visit_id = wire_bytes(visit_id);
    journal_append(l->service, VIEW_LIT("hub"), VIEW_LIT(FEED_BOOKS), TYPE(DISPUTE_OPENED),
                   &opened.base);
}

/* Where the policy says so: a token that was copied lets nobody in any more. */
static void suspend_pass(struct looking *l, struct view pass_id, const char *other_site)
{
    struct registry_pass pass;
    if (!registry_policy(l->service->db, l->scratch)->suspend_proof_twice ||
        !registry_pass(l->service->db, l->scratch, pass_id, &pass) ||
        pass.state != PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE) {
        return;
    }
    Passerelle__V1__PassStateSet set = PASSERELLE__V1__PASS_STATE_SET__INIT;
    set.pass_id = wire_bytes(pass_id);
    set.state = PASSERELLE__V1__PASS_STATE__PASS_STATE_SUSPENDED;
    set.reason_hash = wire_bytes(journal_reason_of(
        l->service, l->scratch, VIEW_LIT("hub"),
        arena_printf(l->scratch, "one proof was seen at %s and at %s", l->at->site_id,
                     other_site)));
    journal_append(l->service, VIEW_LIT("hub"), VIEW_LIT(FEED_NET), TYPE(PASS_STATE_SET),
                   &set.base);
}

static bool is_same_proof(const Passerelle__V1__VisitOpened *a,
                          const Passerelle__V1__VisitOpened *b)
{
    return a->proof_signature.len > 0 && a->proof_second == b->proof_second &&
           a->token_hash.len == SHA256_LEN &&
           view_equal(wire_view(a->token_hash), wire_view(b->token_hash));
}

static void look_at_other(struct looking *l, const Passerelle__V1__VisitOpened *m,
                          const struct visit_row *other)
{
    struct view bytes = VIEW_NONE;
    const char *site_id = site_of_feed(l, other->feed_no);
    const Passerelle__V1__VisitOpened *opened = opened_of(l, other, site_id, &bytes);
    if (opened == NULL) {
        return;
    }
    if (is_same_proof(m, opened)) {
        bool later = m->in_utc_ms != other->in_utc_ms ? m->in_utc_ms > other->in_utc_ms
                                                      : strcmp(l->at->site_id, site_id) > 0;
        doubt(l, KIND(PROOF_TWICE), wire_view(m->visit_id), bytes,
              arena_printf(l->scratch,
                           "one proof of the pass %s let somebody in here and at %s; the later "
                           "visit is disputed: ask the holder, then `passerelle dispute resolve`",
                           pass_text(l->scratch, wire_view(m->pass_id)), site_id));
        open_dispute(l, later ? l->at->site_id : site_id,
                     later ? wire_view(m->visit_id) : other->visit_id);
        suspend_pass(l, wire_view(m->pass_id), site_id);
    } else if (is_too_far(l, site_id, m->in_utc_ms - other->in_utc_ms)) {
        doubt(l, KIND(IMPOSSIBLE_STAY), wire_view(m->visit_id), bytes,
              arena_printf(l->scratch,
                           "nobody comes from %s so fast: ask the holder where they were",
                           site_id));
    }
}

static void look_at_others(struct looking *l, const Passerelle__V1__VisitOpened *m)
{
    struct visit_row row = {.holder_id = view_of(m->holder_id),
                            .day = day_of_instant(m->in_utc_ms)};
    struct others others;
    others.looking = l;
    others.visit_id = wire_view(m->visit_id);
    others.count = 0;
    if (row.holder_id.len == 0 && /* that of the pass, if it is known by now */
        (!visits_by_id(l->service->db, l->scratch, l->at->feed_no, others.visit_id, &row) ||
         row.holder_id.len == 0)) {
        return;
    }
    visits_of_holder(l->service->db, row.holder_id, day_plus(row.day, -1), day_plus(row.day, 1),
                     keep, &others);
    for (size_t i = 0; i < others.count; i++) {
        look_at_other(l, m, &others.rows[i]);
    }
}

/* ---- the rest ---- */

static void look_at_correction(struct looking *l, const Passerelle__V1__VisitCorrected *m)
{
    struct visit_row row;
    if (visits_by_id(l->service->db, l->scratch, l->at->feed_no, wire_view(m->replaces_visit_id),
                     &row) &&
        row.out_utc_ms != 0 && m->out_utc_ms - m->in_utc_ms > row.out_utc_ms - row.in_utc_ms) {
        doubt(l, KIND(LENGTHENED), wire_view(m->visit_id), VIEW_NONE,
              "a correction made a stay longer: ask the site for its reason");
    }
}

size_t doubt_look(struct service *service, struct arena *arena, struct arena *scratch,
                  const struct doubt_entry *at, Passerelle__V1__LedgerProblem *out[DOUBTS_MAX])
{
    struct looking l = {
        .service = service, .arena = arena, .scratch = scratch, .at = at, .out = out};
    if (at->entry->kind == NULL) {
        return 0;
    }
    if (at->entry->kind->type == TYPE(VISIT_OPENED)) {
        const Passerelle__V1__VisitOpened *m = (const void *)at->entry->payload;
        look_at_time(&l, m->visit_id, m->in_utc_ms, m->in_utc_ms);
        look_at_pass(&l, m);
        look_at_tariff(&l, m);
        look_at_others(&l, m);
    } else if (at->entry->kind->type == TYPE(VISIT_CLOSED)) {
        const Passerelle__V1__VisitClosed *m = (const void *)at->entry->payload;
        look_at_time(&l, m->visit_id, INT64_MAX, m->out_utc_ms);
    } else if (at->entry->kind->type == TYPE(VISIT_CORRECTED)) {
        look_at_correction(&l, (const void *)at->entry->payload);
    } else if (at->entry->kind->type == TYPE(STAY_RECORDED)) {
        const Passerelle__V1__StayRecorded *m = (const void *)at->entry->payload;
        if (registry_holder(service->db, scratch, view_of(m->holder_id)) == NULL) {
            doubt(&l, KIND(UNKNOWN_PASS), wire_view(m->visit_id), VIEW_NONE,
                  "a stay of a holder whom nobody knows: it is billed to nobody");
        }
    }
    return l.count;
}
