#include "core/entry/entry.h"

#include <assert.h>

#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/payment.pb-c.h"
#include "wire/pack.h"

#define KIND(upper, text, where, message)                                                          \
    {                                                                                              \
        PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_##upper, text, where,                               \
            &passerelle__v1__##message##__descriptor                                               \
    }

static const struct entry_kind kinds[] = {
    KIND(NETWORK_CREATED, "network_created", ENTRY_IN_NET, network_created),
    KIND(KEY_PUBLISHED, "key_published", ENTRY_IN_NET, key_published),
    KIND(KEY_RETIRED, "key_retired", ENTRY_IN_NET, key_retired),
    KIND(FEED_OPENED, "feed_opened", ENTRY_IN_NET, feed_opened),
    KIND(POLICY_SET, "policy_set", ENTRY_IN_NET, network_policy),
    KIND(MEMBER_PUT, "member_put", ENTRY_IN_NET, member),
    KIND(CHARTER_PUBLISHED, "charter_published", ENTRY_IN_NET, charter),
    KIND(CHARTER_ACCEPTED, "charter_accepted", ENTRY_IN_NET, charter_accepted),
    KIND(SITE_PUT, "site_put", ENTRY_IN_NET, site),
    KIND(SITE_STATE_SET, "site_state_set", ENTRY_IN_NET, site_state_set),
    KIND(TARIFF_PUBLISHED, "tariff_published", ENTRY_IN_NET, tariff_version),
    KIND(PASS_ISSUED, "pass_issued", ENTRY_IN_NET, pass_issued),
    KIND(PASS_DEVICE_SET, "pass_device_set", ENTRY_IN_NET, pass_device_set),
    KIND(PASS_STATE_SET, "pass_state_set", ENTRY_IN_NET, pass_state_set),
    KIND(PERIOD_MARKED, "period_marked", ENTRY_IN_NET, period_marked),
    KIND(BANK_ACCOUNT_PUT, "bank_account_put", ENTRY_IN_BOOKS, bank_account),
    KIND(EMPLOYER_PUT, "employer_put", ENTRY_IN_BOOKS, employer),
    KIND(EMPLOYER_POLICY_SET, "employer_policy_set", ENTRY_IN_BOOKS, employer_policy),
    KIND(PLAN_PUT, "plan_put", ENTRY_IN_BOOKS, plan),
    KIND(HOLDER_PUT, "holder_put", ENTRY_IN_BOOKS, holder_put),
    KIND(CARNET_SOLD, "carnet_sold", ENTRY_IN_BOOKS, carnet),
    KIND(PERIOD_CUT, "period_cut", ENTRY_IN_BOOKS, period_cut),
    KIND(PERIOD_CLOSED, "period_closed", ENTRY_IN_BOOKS, period_closed),
    KIND(DISPUTE_OPENED, "dispute_opened", ENTRY_IN_BOOKS, dispute_opened),
    KIND(DISPUTE_RESOLVED, "dispute_resolved", ENTRY_IN_BOOKS, dispute_resolved),
    KIND(INVOICES_NUMBERED, "invoices_numbered", ENTRY_IN_BOOKS, invoices_numbered),
    KIND(INVOICE_RECORDED, "invoice_recorded", ENTRY_IN_BOOKS, invoice_recorded),
    KIND(CHART_PUT, "chart_put", ENTRY_IN_BOOKS, chart),
    KIND(PAYMENTS_SENT, "payments_sent", ENTRY_IN_BOOKS, payments_sent),
    KIND(PAYMENTS_BOOKED, "payments_booked", ENTRY_IN_BOOKS, payments_booked),
    KIND(BOOKING_UNDONE, "booking_undone", ENTRY_IN_BOOKS, booking_undone),
    KIND(PERIOD_PAID, "period_paid", ENTRY_IN_BOOKS, period_paid),
    KIND(REMINDER_SENT, "reminder_sent", ENTRY_IN_BOOKS, reminder_sent),
    KIND(EXPOSURE_LIMIT_SET, "exposure_limit_set", ENTRY_IN_BOOKS, exposure_limit_set),
    KIND(ISSUER_EXPOSED, "issuer_exposed", ENTRY_IN_BOOKS, issuer_exposed),
    KIND(EMPLOYER_SUSPENDED, "employer_suspended", ENTRY_IN_BOOKS, employer_suspended),
    KIND(VISIT_OPENED, "visit_opened", ENTRY_IN_SITE, visit_opened),
    KIND(VISIT_CLOSED, "visit_closed", ENTRY_IN_SITE, visit_closed),
    KIND(VISIT_VOIDED, "visit_voided", ENTRY_IN_SITE, visit_voided),
    KIND(VISIT_CORRECTED, "visit_corrected", ENTRY_IN_SITE, visit_corrected),
    KIND(STAY_RECORDED, "stay_recorded", ENTRY_IN_SITE, stay_recorded),
    KIND(HUB_CHECKPOINT_SEEN, "hub_checkpoint_seen", ENTRY_IN_SITE, hub_checkpoint_seen),
};

const struct entry_kind *entry_kinds(size_t *count)
{
    *count = ARRAY_LEN(kinds);
    return kinds;
}

const struct entry_kind *entry_kind(Passerelle__V1__EntryType type)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].type == type) {
            return &kinds[i];
        }
    }
    return NULL;
}

enum entry_home entry_home_of_feed(struct view feed_id)
{
    if (view_is(feed_id, FEED_NET)) {
        return ENTRY_IN_NET;
    }
    return view_is(feed_id, FEED_BOOKS) ? ENTRY_IN_BOOKS : ENTRY_IN_SITE;
}

static size_t bytes_max(struct view feed_id)
{
    return entry_home_of_feed(feed_id) == ENTRY_IN_SITE ? ENTRY_SITE_BYTES_MAX : ENTRY_BYTES_MAX;
}

int entry_encode(const struct entry_draft *draft, struct arena *arena, struct view *bytes,
                 struct entry *out, struct fault *fault)
{
    const struct entry_kind *kind = entry_kind(draft->type);
    assert(kind != NULL && kind->payload == draft->payload->descriptor);
    assert(kind->home == entry_home_of_feed(draft->feed_id));
    Passerelle__V1__Entry *envelope = ARENA_NEW(arena, Passerelle__V1__Entry);
    passerelle__v1__entry__init(envelope);
    envelope->feed_id = arena_string(arena, draft->feed_id);
    envelope->seq = draft->seq;
    envelope->appended_utc_ms = draft->appended_utc_ms;
    envelope->type = draft->type;
    envelope->author = arena_string(arena, draft->author);
    envelope->payload = wire_bytes(wire_pack_arena(arena, draft->payload));
    struct view packed = wire_pack_arena(arena, &envelope->base);
    if (packed.len > bytes_max(draft->feed_id)) {
        return fault_set(fault, E_LIMIT,
                         "this %s would take %zu bytes; an entry of the feed %.*s has at most %zu: "
                         "send less at once",
                         kind->name, packed.len, VIEW_FMT(draft->feed_id),
                         bytes_max(draft->feed_id));
    }
    *bytes = packed;
    *out = (struct entry){.envelope = envelope, .kind = kind, .payload = draft->payload};
    return E_OK;
}

static const void *field_of(const ProtobufCMessage *payload, const char *name, int type)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(payload->descriptor, name);
    return field == NULL || (int)field->type != type ? NULL : (const char *)payload + field->offset;
}

static bool is_instant(const int64_t *utc_ms)
{
    return utc_ms == NULL || (*utc_ms >= 0 && *utc_ms <= INT64_C(253402300799999));
}

/* What no visit can be: sums and days rely on it. A site's daemon may send anything. */
static int check_visit(const ProtobufCMessage *payload, struct fault *fault)
{
    const int64_t *in = field_of(payload, "in_utc_ms", PROTOBUF_C_TYPE_INT64);
    const int64_t *out = field_of(payload, "out_utc_ms", PROTOBUF_C_TYPE_INT64);
    const ProtobufCBinaryData *id = field_of(payload, "visit_id", PROTOBUF_C_TYPE_BYTES);
    const int *resource = field_of(payload, "resource", PROTOBUF_C_TYPE_ENUM);
    if (!is_instant(in) || !is_instant(out)) {
        return fault_set(fault, E_INVALID, "its time is none of this calendar");
    }
    if (in != NULL && out != NULL && *out != 0 && *out < *in) {
        return fault_set(fault, E_INVALID, "the visitor left before coming");
    }
    if (id != NULL && id->len != 16) {
        return fault_set(fault, E_INVALID, "a visit id has 16 bytes");
    }
    if (resource != NULL && (*resource < 1 || *resource > 3)) {
        return fault_set(fault, E_INVALID, "it names no resource");
    }
    return E_OK;
}

int entry_decode(struct view feed_id, struct view bytes, struct arena *arena, struct entry *out,
                 struct fault *fault)
{
    if (bytes.len > bytes_max(feed_id)) {
        return fault_set(fault, E_INVALID, "an entry of %zu bytes; at most %zu are allowed",
                         bytes.len, bytes_max(feed_id));
    }
    ProtobufCMessage *envelope;
    int err = wire_unpack(&passerelle__v1__entry__descriptor, bytes, &wire_limits_tolerant, arena,
                          &envelope, fault);
    if (err != E_OK) {
        return err;
    }
    const Passerelle__V1__Entry *entry = (const Passerelle__V1__Entry *)envelope;
    if (!view_equal(view_of(entry->feed_id), feed_id)) {
        return fault_set(fault, E_INVALID, "it names the feed %s", entry->feed_id);
    }
    const struct entry_kind *kind = entry_kind(entry->type);
    ProtobufCMessage *payload = NULL;
    if (kind != NULL) {
        if (kind->home != entry_home_of_feed(feed_id)) {
            return fault_set(fault, E_INVALID, "a %s has no place in this feed", kind->name);
        }
        err = wire_unpack(kind->payload, wire_view(entry->payload), &wire_limits_tolerant, arena,
                          &payload, fault);
        err = err == E_OK && kind->home == ENTRY_IN_SITE ? check_visit(payload, fault) : err;
        if (err != E_OK) {
            return err;
        }
    }
    *out = (struct entry){.envelope = entry, .kind = kind, .payload = payload};
    return E_OK;
}

struct view entry_visit_id(const struct entry *entry)
{
    if (entry->kind == NULL || entry->kind->home != ENTRY_IN_SITE) {
        return VIEW_NONE;
    }
    const ProtobufCBinaryData *id = field_of(entry->payload, "visit_id", PROTOBUF_C_TYPE_BYTES);
    return id == NULL ? VIEW_NONE : wire_view(*id);
}
