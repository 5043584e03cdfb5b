/* The entries of a site's feed. */
#include "core/audit/known.h"

#include "core/pass/proof.h"
#include "passerelle/v1/pass.pb-c.h"

#define T(upper) PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper

enum { SLOTS_FIRST = 1024, ID_LEN = 16 };

static struct visit_slot *find_slot(struct visit_slot *slots, size_t capacity, uint64_t seed,
                                    const uint8_t key[ID_LEN])
{
    uint64_t halves[2];
    memcpy(halves, key, sizeof halves);
    uint64_t hash = (halves[0] ^ seed) * UINT64_C(0x9e3779b97f4a7c15);
    hash = ((hash ^ hash >> 32) + halves[1]) * UINT64_C(0xd6e8feb86659fd93);
    size_t at = (size_t)(hash ^ hash >> 32) & (capacity - 1);
    while (slots[at].state != VISIT_NONE && memcmp(slots[at].key, key, ID_LEN) != 0) {
        at = (at + 1) & (capacity - 1);
    }
    return &slots[at];
}

/* The slot of this key; its state is VISIT_NONE when it is new. Good until the next call. */
static struct visit_slot *table_slot(struct visit_table *table, const void *key)
{
    if (table->count * 2 >= table->capacity) {
        size_t capacity = table->capacity == 0 ? SLOTS_FIRST : table->capacity * 2;
        struct visit_slot *slots = xcalloc(capacity, sizeof *slots);
        for (size_t i = 0; i < table->capacity; i++) {
            if (table->slots[i].state != VISIT_NONE) {
                *find_slot(slots, capacity, table->seed, table->slots[i].key) = table->slots[i];
            }
        }
        free(table->slots);
        table->slots = slots;
        table->capacity = capacity;
    }
    return find_slot(table->slots, table->capacity, table->seed, key);
}

void visit_table_clear(struct visit_table *table)
{
    free(table->slots);
    *table = (struct visit_table){.seed = table->seed};
}

uint32_t visit_fact(struct audit *audit, struct view visit_id)
{
    if (visit_id.len != ID_LEN) {
        return FACT_NONE;
    }
    const struct visit_slot *slot = table_slot(&audit->visits, visit_id.data);
    return slot->state == VISIT_NONE || slot->state == VISIT_PROOF ? FACT_NONE : slot->fact;
}

/* Whether it is a time of this calendar: 1970 to 9999. */
static bool is_instant(int64_t utc_ms)
{
    return utc_ms >= 0 && utc_ms < INT64_C(253402300800000);
}

/* `told` lacks what the entry says of itself. */
static const char *add_visit(struct audit *audit, const struct audit_entry *entry, struct view id,
                             enum visit_state state, struct view holder_id,
                             const struct fact_visit *told)
{
    if (id.len != ID_LEN) {
        return "a visit id has 16 bytes";
    }
    if (told->resource >= RESOURCE_COUNT) {
        return "it names no resource";
    }
    if (!is_instant(told->in_utc_ms) || !is_instant(told->out_utc_ms)) {
        return "its time is none of this calendar";
    }
    if (told->out_utc_ms != 0 && told->out_utc_ms < told->in_utc_ms) {
        return "the visitor left before coming";
    }
    struct visit_slot *slot = table_slot(&audit->visits, id.data);
    if (slot->state != VISIT_NONE) {
        return "a visit with this id was recorded before";
    }
    memcpy(slot->key, id.data, ID_LEN);
    slot->state = (uint32_t)state;
    slot->in_utc_ms = told->in_utc_ms;
    slot->fact = FACT_NONE;
    audit->visits.count++;
    audit->totals.visits++;
    if (entry->seq <= audit->cut_max) {
        struct fact_visit fact = *told;
        memcpy(fact.visit_id, id.data, ID_LEN);
        fact.closed_seq = state == VISIT_CLOSED ? entry->seq : 0;
        slot->fact = facts_visit_add(audit, entry->seq, &fact, holder_id);
    }
    return NULL;
}

/* As core/rating counts them; RESOURCE_COUNT when it is none. */
static uint8_t resource_of(const struct canon *p, unsigned field)
{
    uint64_t told = canon_number(p, field);
    return told < 1 || told > RESOURCE_COUNT ? RESOURCE_COUNT : (uint8_t)(told - 1);
}

/* The device key that counted at that time; NULL: none. */
static const uint8_t *device_key_at(const struct known_pass *pass, int64_t at_utc_ms)
{
    for (const struct pass_event *e = pass->last; e != NULL; e = e->before) {
        if (e->state == 0 && e->at_utc_ms <= at_utc_ms) {
            return e->device_key;
        }
    }
    return NULL;
}

static uint64_t state_at(const struct known_pass *pass, int64_t at_utc_ms)
{
    for (const struct pass_event *e = pass->last; e != NULL; e = e->before) {
        if (e->state != 0 && e->at_utc_ms <= at_utc_ms) {
            return e->state;
        }
    }
    return PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE;
}

static const char *check_proof(struct audit *audit, const struct audit_entry *entry,
                               const struct known_pass *pass, const struct canon *p)
{
    struct view token = canon_bytes(p, 8);
    struct view signature = canon_bytes(p, 10);
    uint64_t second = canon_number(p, 9);
    if (token.len != SHA256_LEN || signature.len != ED25519_SIGNATURE_LEN || second == 0) {
        return "a phone was let in without its proof";
    }
    /* In the key space of random ids: a clash with a visit's id is out of reach. */
    uint8_t used[ID_LEN];
    memcpy(used, token.data, 8);
    memcpy(used + 8, &second, 8);
    struct visit_slot *slot = table_slot(&audit->visits, used);
    if (slot->state != VISIT_NONE) {
        return "the phone's proof was used before";
    }
    memcpy(slot->key, used, ID_LEN);
    slot->state = VISIT_PROOF;
    audit->visits.count++;
    if (!audit->options.proofs) {
        return NULL;
    }
    const uint8_t *key = device_key_at(pass, entry->at_utc_ms);
    if (key == NULL) {
        return "the pass had no phone at that time";
    }
    audit->totals.proofs++;
    return proof_check((const uint8_t *)token.data, second, (const uint8_t *)signature.data, key)
               ? NULL
               : "the phone's signature is wrong";
}

static const char *visit_opened(struct audit *audit, const struct audit_entry *entry,
                                const struct canon *p)
{
    const struct known_pass *pass = map_get(&audit->passes, canon_bytes(p, 2));
    if (pass == NULL) {
        return "its pass was never issued";
    }
    /* A site that had not heard of the pass names no holder. */
    struct view holder_id = canon_bytes(p, 3).len == 0 ? pass->holder_id : canon_bytes(p, 3);
    if (!view_equal(pass->holder_id, holder_id)) {
        return "its holder is not that of the pass";
    }
    if (pass->issued_utc_ms > entry->at_utc_ms + AUDIT_HEARD_MS) {
        return "its pass was issued later";
    }
    if (canon_number(p, 7) == PASSERELLE__V1__SOURCE__SOURCE_ONLINE &&
        state_at(pass, entry->at_utc_ms - AUDIT_HEARD_MS) !=
            PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE &&
        state_at(pass, entry->at_utc_ms) != PASSERELLE__V1__PASS_STATE__PASS_STATE_ACTIVE) {
        return "its pass was suspended or revoked";
    }
    if (canon_number(p, 6) == PASSERELLE__V1__MEDIUM__MEDIUM_PHONE) {
        const char *wrong = check_proof(audit, entry, pass, p);
        if (wrong != NULL) {
            return wrong;
        }
    }
    return add_visit(
        audit, entry, canon_bytes(p, 1), VISIT_OPEN, holder_id,
        &(struct fact_visit){.resource = resource_of(p, 4), .in_utc_ms = canon_signed(p, 5)});
}

/* The visit that an entry speaks of; NULL when the feed does not have it, or no longer. */
static struct visit_slot *standing(struct audit *audit, struct view id)
{
    if (id.len != ID_LEN) {
        return NULL;
    }
    struct visit_slot *slot = table_slot(&audit->visits, id.data);
    return slot->state == VISIT_OPEN || slot->state == VISIT_CLOSED ? slot : NULL;
}

static const char *visit_closed(struct audit *audit, const struct audit_entry *entry,
                                const struct canon *p)
{
    struct visit_slot *slot = standing(audit, canon_bytes(p, 1));
    if (slot == NULL || slot->state != VISIT_OPEN) {
        return "it closes a visit that is not open";
    }
    if (canon_signed(p, 2) < slot->in_utc_ms) {
        return "the visitor left before coming";
    }
    if (!is_instant(canon_signed(p, 2))) {
        return "its time is none of this calendar";
    }
    slot->state = VISIT_CLOSED;
    if (slot->fact != FACT_NONE) {
        audit->facts.visits[slot->fact].out_utc_ms = canon_signed(p, 2);
        audit->facts.visits[slot->fact].closed_seq = entry->seq;
        audit->facts.visits[slot->fact].auto_closed = canon_number(p, 3) != 0;
    }
    return NULL;
}

static void undo(struct audit *audit, const struct audit_entry *entry, struct visit_slot *slot)
{
    slot->state = VISIT_GONE;
    if (slot->fact != FACT_NONE) {
        audit->facts.visits[slot->fact].undone_seq = entry->seq;
    }
}

static const char *visit_voided(struct audit *audit, const struct audit_entry *entry,
                                const struct canon *p)
{
    struct visit_slot *slot = standing(audit, canon_bytes(p, 1));
    if (slot == NULL) {
        return "it voids a visit that does not stand";
    }
    undo(audit, entry, slot);
    return NULL;
}

static const char *visit_corrected(struct audit *audit, const struct audit_entry *entry,
                                   const struct canon *p)
{
    struct visit_slot *slot = standing(audit, canon_bytes(p, 2));
    if (slot == NULL) {
        return "it corrects a visit that does not stand";
    }
    undo(audit, entry, slot);
    uint32_t old = slot->fact; /* the table may move */
    struct facts *facts = &audit->facts;
    struct view holder_id =
        old == FACT_NONE ? VIEW_NONE : facts->holders.ids[facts->visits[old].holder];
    const char *wrong = add_visit(audit, entry, canon_bytes(p, 1), VISIT_CLOSED, holder_id,
                                  &(struct fact_visit){.resource = resource_of(p, 3),
                                                       .in_utc_ms = canon_signed(p, 4),
                                                       .out_utc_ms = canon_signed(p, 5)});
    if (wrong == NULL && old != FACT_NONE) {
        facts->visits[old].replaced_by = visit_fact(audit, canon_bytes(p, 1));
    }
    return wrong;
}

/* As it is told. */
static const char *visit_told(struct audit *audit, const struct audit_entry *entry,
                              const struct canon *p)
{
    const struct known_pass *pass = map_get(&audit->passes, canon_bytes(p, 2));
    bool nameless = canon_bytes(p, 3).len == 0 && pass != NULL;
    return add_visit(
        audit, entry, canon_bytes(p, 1), VISIT_OPEN, nameless ? pass->holder_id : canon_bytes(p, 3),
        &(struct fact_visit){.resource = resource_of(p, 4), .in_utc_ms = canon_signed(p, 5)});
}

const char *visits_take(struct audit *audit, const struct audit_entry *entry, const struct canon *p,
                        bool of_site)
{
    switch (entry->type) {
    case T(VISIT_OPENED):
        return of_site ? visit_told(audit, entry, p) : visit_opened(audit, entry, p);
    case T(VISIT_CLOSED):
        return visit_closed(audit, entry, p);
    case T(VISIT_VOIDED):
        return visit_voided(audit, entry, p);
    case T(VISIT_CORRECTED):
        return visit_corrected(audit, entry, p);
    case T(STAY_RECORDED):
        return add_visit(audit, entry, canon_bytes(p, 1), VISIT_CLOSED, canon_bytes(p, 2),
                         &(struct fact_visit){.resource = resource_of(p, 3),
                                              .in_utc_ms = canon_signed(p, 4),
                                              .out_utc_ms = canon_signed(p, 5)});
    default:
        return NULL;
    }
}
