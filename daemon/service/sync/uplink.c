#include "service/sync/uplink.h"

#include <assert.h>
#include <pthread.h>

#include "core/ident/uuid.h"
#include "core/merkle/subtree.h"
#include "crypt/cert.h"
#include "passerelle/v1/enrol.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "service/sync/push.h"
#include "service/sync/snapshot.h"
#include "service/sync/take.h"
#include "store/feed/feed.h"
#include "wire/pack.h"

enum {
    BACK_OFF_MS = 250,      /* the bound of the first wait; it doubles */
    BACK_OFF_MS_MAX = 4000, /* so that all are back within 5 s */
    AWAY_MS = 10 * 60 * 1000,
    AWAY_MS_MAX = 30 * 1000, /* the bound after that */
    REFUSED_MS = 60 * 1000,  /* an operator must act first */
    ALONE_MS = 5 * 1000,     /* how long a start waits for the hub before it decides alone */
    HEARD_MS = 60 * 1000,    /* how often the last word is written down */
    PUSH_BYTES_MAX = PUSH_REQUEST_BYTES_MAX - 512 * 1024, /* the rest: proofs, and numbers */
    IDLE_PUSHES_MAX = 3, /* answers in a row by which nothing got further */
    BROKEN_MAX = 5,      /* ends of a snapshot's stream in a row, without a part more */
};
#define PROBLEM(name) PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_##name
#define MS_NS ((int64_t)1000 * 1000)
#define FOREVER_NS (INT64_C(3600) * 1000 * MS_NS)
/* How often the hub sees our head though nothing is new: a close waits for it. */
#define SHOW_NS (INT64_C(3600) * 1000 * MS_NS)

/* What a lane waits for. */
enum doing {
    DOING_NOTHING,
    DOING_NOTE,
    DOING_PUSH,
    DOING_RECEIPT,
    DOING_SIGN,
    DOING_RENEW,
    DOING_INSTALL,
    DOING_TAKE,
    DOING_FOLLOW,
    DOING_SNAPSHOT
};

enum snapshot {
    SNAPSHOT_MAYBE, /* if we are far behind */
    SNAPSHOT_WANTED,
    SNAPSHOT_HERE, /* all parts are */
    SNAPSHOT_OVER, /* loaded or given up: we follow until we have caught up */
};

struct lane {
    enum doing doing;
    unsigned failures; /* in a row */
    int64_t away_since_ns;
    int64_t until_ns;
    enum uplink_state state;
    char sentence[512];
};

struct uplink {
    struct node *node;
    int64_t started_ns;
    struct lane lanes[UPLINK_LANES];

    /* up */
    bool asked;          /* the hub told what it holds */
    uint64_t held;       /* entries that it holds */
    uint64_t known_size; /* of the checkpoint that it verified last */
    struct buf note;     /* our checkpoint, until its receipt is here */
    uint64_t note_size;
    unsigned idle_pushes;
    int64_t shown_ns; /* when the hub last answered a push */
    int64_t gather_ns; /* what is new waits until then */
    struct arena arena; /* of the message between two steps */
    const ProtobufCMessage *carried;

    /* down */
    enum take taking;
    enum snapshot snapshot;
    unsigned broken;      /* its streams, in a row */
    uint64_t behind_max;
    _Atomic bool missing; /* the hub holds entries of ours that are not here */
    uint64_t net_size;
    uint64_t own_size;
    uint64_t told_own_size; /* when the hub said that we are caught up */
    int64_t written_ns;     /* when the last word was written down */

    /* certificate */
    _Atomic int64_t not_after_utc_ms; /* both lanes ask */
    _Atomic bool renewable;           /* there are requests to renew it with */
    int64_t renew_after_utc_ms;       /* real time */
    struct buf csr_pem;
    struct buf server_csr_pem;
    struct arena names_arena;
    char **names;
    size_t name_count;

    pthread_mutex_t lock; /* of what follows */
    struct uplink_status status;
};

static const char *const state_names[] = {
    [UPLINK_STARTING] = "starting",       [UPLINK_GOOD] = "good",
    [UPLINK_UNREACHABLE] = "unreachable", [UPLINK_ROLLED_BACK] = "rolled_back",
    [UPLINK_EXPIRED] = "expired",         [UPLINK_REFUSED] = "refused",
    [UPLINK_DIVERGED] = "diverged",
};
_Static_assert(ARRAY_LEN(state_names) == UPLINK_STATES, "each state has a name");

const char *uplink_state_name(enum uplink_state state)
{
    assert((unsigned)state < UPLINK_STATES);
    return state_names[state];
}

static const char rolled_back[] =
    "the hub holds entries of this site that are not here: this box was restored from a backup; "
    "they are fetched, and nothing is written before";
static const char lost[] =
    "the hub holds entries of this site that are not here, and has no signed checkpoint of them: "
    "join again with a join code, which fetches them";

static int64_t now_ns(const struct uplink *uplink)
{
    return env_monotonic_ns(uplink->node->env);
}

struct uplink *uplink_new(struct node *node)
{
    struct uplink *uplink = xcalloc(1, sizeof *uplink);
    uplink->node = node;
    uplink->started_ns = now_ns(uplink);
    uplink->behind_max = UPLINK_BEHIND_MAX;
    pthread_mutex_init(&uplink->lock, NULL);
    return uplink;
}

void uplink_free(struct uplink *uplink)
{
    if (uplink == NULL) {
        return;
    }
    buf_release(&uplink->note);
    buf_release(&uplink->csr_pem);
    buf_release(&uplink->server_csr_pem);
    arena_release(&uplink->arena);
    arena_release(&uplink->names_arena);
    pthread_mutex_destroy(&uplink->lock);
    free(uplink);
}

void uplink_set_behind_max(struct uplink *uplink, uint64_t entries)
{
    uplink->behind_max = entries;
}

/* ---- how it stands ---- */

void uplink_status(struct uplink *uplink, struct uplink_status *out)
{
    pthread_mutex_lock(&uplink->lock);
    *out = uplink->status;
    pthread_mutex_unlock(&uplink->lock);
}

/* There are, or not, entries that the hub has given no receipt for. */
static void set_waiting(struct uplink *uplink, bool waits)
{
    int64_t since_ns = atomic_load(&uplink->node->untaken_ns);
    if (since_ns != HUB_REFUSES && waits != (since_ns != 0)) {
        atomic_store(&uplink->node->untaken_ns, waits ? now_ns(uplink) : 0);
    }
}

/* What a push met: the hub will not, or it may again. */
static void set_refused(struct uplink *uplink, bool refused)
{
    if (refused) {
        atomic_store(&uplink->node->untaken_ns, HUB_REFUSES);
    } else if (atomic_load(&uplink->node->untaken_ns) == HUB_REFUSES) {
        atomic_store(&uplink->node->untaken_ns, now_ns(uplink));
    }
}

/* The worse of the two lanes is told. */
static void set_state(struct uplink *uplink, enum uplink_lane at, enum uplink_state state,
                      const char *sentence)
{
    struct lane *lane = &uplink->lanes[at];
    bool refused = state == UPLINK_REFUSED || state == UPLINK_DIVERGED;
    if (at == UPLINK_UP && (refused || state == UPLINK_GOOD)) {
        set_refused(uplink, refused);
    }
    pthread_mutex_lock(&uplink->lock);
    lane->state = state;
    snprintf(lane->sentence, sizeof lane->sentence, "%s", sentence);
    const struct lane *worse = &uplink->lanes[UPLINK_UP];
    if (uplink->lanes[UPLINK_DOWN].state > worse->state) {
        worse = &uplink->lanes[UPLINK_DOWN];
    }
    uplink->status.state = worse->state;
    memcpy(uplink->status.sentence, worse->sentence, sizeof worse->sentence);
    pthread_mutex_unlock(&uplink->lock);
}

static void went_well(struct uplink *uplink, enum uplink_lane at)
{
    struct lane *lane = &uplink->lanes[at];
    lane->failures = 0;
    lane->away_since_ns = 0;
    if (lane->state != UPLINK_GOOD && lane->state != UPLINK_ROLLED_BACK &&
        lane->state != UPLINK_DIVERGED) {
        set_state(uplink, at, UPLINK_GOOD, "");
    }
}

static void heard(struct uplink *uplink)
{
    atomic_store(&uplink->node->heard_utc_ms, env_now_utc_ms(uplink->node->env));
    atomic_store(&uplink->node->heard_ns, now_ns(uplink));
}

/* ---- waiting ---- */

/* Anything between nothing and the bound, each as likely: sites that lost their hub at the same
 * moment come back apart. */
static int64_t jitter_ns(const struct uplink *uplink, int64_t bound_ms)
{
    uint64_t draw;
    env_random(uplink->node->env, &draw, sizeof draw);
    return (int64_t)(draw % ((uint64_t)(bound_ms * MS_NS) + 1));
}

static void back_off(struct uplink *uplink, struct lane *lane, int64_t retry_after_s)
{
    int64_t now = now_ns(uplink);
    int64_t bound_ms = BACK_OFF_MS;
    if (lane->failures++ == 0) {
        lane->away_since_ns = now;
    }
    int64_t max_ms = now - lane->away_since_ns > AWAY_MS * MS_NS ? AWAY_MS_MAX : BACK_OFF_MS_MAX;
    for (unsigned i = 1; i < lane->failures && bound_ms < max_ms; i++) {
        bound_ms *= 2;
    }
    bound_ms = bound_ms < max_ms ? bound_ms : max_ms;
    lane->until_ns = now + retry_after_s * 1000 * MS_NS + jitter_ns(uplink, bound_ms);
}

static void wait_for_operator(struct uplink *uplink, struct lane *lane)
{
    lane->until_ns = now_ns(uplink) + REFUSED_MS / 2 * MS_NS + jitter_ns(uplink, REFUSED_MS / 2);
}

/* ---- certificate ---- */

/* At two thirds of its life. */
static int64_t renewal_due(int64_t from_utc_ms, int64_t to_utc_ms)
{
    return from_utc_ms + (to_utc_ms - from_utc_ms) / 3 * 2;
}

void uplink_set_certificate(struct uplink *uplink, int64_t not_before_utc_ms,
                            int64_t not_after_utc_ms, struct view csr_pem,
                            struct view server_csr_pem, char *const *server_names,
                            size_t server_name_count)
{
    atomic_store(&uplink->not_after_utc_ms, not_after_utc_ms);
    atomic_store(&uplink->renewable, csr_pem.len > 0);
    uplink->renew_after_utc_ms = renewal_due(not_before_utc_ms, not_after_utc_ms);
    buf_clear(&uplink->csr_pem);
    buf_view(&uplink->csr_pem, csr_pem);
    buf_clear(&uplink->server_csr_pem);
    buf_view(&uplink->server_csr_pem, server_csr_pem);
    arena_clear(&uplink->names_arena);
    uplink->names = ARENA_ARRAY(&uplink->names_arena, server_name_count + 1, char *);
    uplink->name_count = server_name_count;
    for (size_t i = 0; i < server_name_count; i++) {
        uplink->names[i] = arena_string(&uplink->names_arena, view_of(server_names[i]));
    }
    pthread_mutex_lock(&uplink->lock);
    uplink->status.certificate_ends_utc_ms = not_after_utc_ms;
    pthread_mutex_unlock(&uplink->lock);
}

static bool has_expired(const struct uplink *uplink)
{
    return env_real_utc_ms(uplink->node->env) >= atomic_load(&uplink->not_after_utc_ms);
}

static bool renews_now(const struct uplink *uplink)
{
    return atomic_load(&uplink->renewable) &&
           env_real_utc_ms(uplink->node->env) >= uplink->renew_after_utc_ms;
}

/* A renewal that failed is tried again an hour later, when there is so long left; else with the
 * lane's own waits. The other work goes on meanwhile, while the certificate is in force. */
static void renewal_failed(struct uplink *uplink)
{
    static const int64_t hour_ms = (int64_t)3600 * 1000;
    int64_t now = env_real_utc_ms(uplink->node->env);
    if (atomic_load(&uplink->not_after_utc_ms) - now > 2 * hour_ms) {
        uplink->renew_after_utc_ms = now + hour_ms;
    }
}

static void ask_signature(struct uplink *uplink, struct arena *arena, struct uplink_step *step)
{
    Passerelle__V1__RenewSiteRequest *request =
        wire_new(arena, &passerelle__v1__renew_site_request__descriptor);
    uint8_t random[10];
    char id[UUID_TEXT_LEN + 1];
    env_random(uplink->node->env, random, sizeof random);
    uuid_format(uuid_v7(env_real_utc_ms(uplink->node->env), random), id);
    request->request_id = wire_string(arena, view_of(id));
    request->site_id = wire_string(arena, view_of(uplink->node->site_id));
    request->csr_pem = wire_string(arena, buf_content(&uplink->csr_pem));
    request->server_csr_pem = wire_string(arena, buf_content(&uplink->server_csr_pem));
    request->server_names = uplink->names;
    request->n_server_names = uplink->name_count;
    uplink->lanes[UPLINK_UP].doing = DOING_SIGN;
    *step = (struct uplink_step){
        .act = UPLINK_LOCAL, .method = take_method(TAKE_RENEWAL), .request = &request->base};
}

/* ---- up ---- */

static void carry(struct uplink *uplink, const ProtobufCMessage *message)
{
    arena_clear(&uplink->arena);
    uplink->carried = wire_clone(&uplink->arena, message);
}

static void drop_note(struct uplink *uplink)
{
    buf_clear(&uplink->note);
    uplink->note_size = 0;
    uplink->idle_pushes = 0;
}

static ProtobufCBinaryData *copy_hashes(struct arena *arena, const struct tree_proof *proof)
{
    ProtobufCBinaryData *all = ARENA_ARRAY(arena, proof->count + 1, ProtobufCBinaryData);
    for (unsigned i = 0; i < proof->count; i++) {
        all[i] = wire_bytes(arena_copy(arena, view_bytes(proof->hash[i].bytes, SHA256_LEN)));
    }
    return all;
}

static size_t fill_package(struct service *reader, struct arena *arena, int64_t feed_no,
                           const struct package *shape, uint64_t size,
                           Passerelle__V1__Package *package)
{
    struct tree_proof proof;
    struct feed_tree tree;
    size_t bytes = 0;
    feed_tree_init(&tree, reader->db, feed_no);
    if (subtree_prove(&tree.reader, shape->base, shape->end, size, &proof) != E_OK) {
        return 0;
    }
    package->first_seq = shape->start + 1;
    package->proof = copy_hashes(arena, &proof);
    package->n_proof = proof.count;
    package->entries = ARENA_ARRAY(arena, PACKAGE_WIDTH, ProtobufCBinaryData);
    struct query *read = feed_read(reader->db, feed_no, shape->start + 1, shape->end);
    struct feed_entry entry;
    while (feed_read_next(read, &entry)) {
        package->entries[package->n_entries++] = wire_bytes(arena_copy(arena, entry.bytes));
        bytes += entry.bytes.len + 4;
    }
    return bytes;
}

/* What the hub does not hold yet of our checkpoint, as much as a request takes. */
static void build_push(struct uplink *uplink, struct service *reader, struct arena *arena,
                       int64_t feed_no, struct uplink_step *step)
{
    Passerelle__V1__PushEntriesRequest *request =
        wire_new(arena, &passerelle__v1__push_entries_request__descriptor);
    struct tree_proof proof;
    size_t bytes = 0;
    request->feed_id = wire_string(arena, view_of(uplink->node->site_id));
    request->checkpoint = wire_string(arena, buf_content(&uplink->note));
    request->net_checkpoint = take_net_head(reader->db, arena);
    request->known_size = uplink->known_size;
    if (uplink->known_size <= uplink->note_size &&
        feed_consistency(reader->db, feed_no, uplink->known_size, uplink->note_size, &proof) ==
            E_OK) {
        request->consistency = copy_hashes(arena, &proof);
        request->n_consistency = proof.count;
    }
    request->packages = ARENA_ARRAY(arena, PUSH_PACKAGES_MAX, Passerelle__V1__Package *);
    for (uint64_t at = uplink->held; uplink->asked && at < uplink->note_size;) {
        struct package shape = package_at(at, uplink->note_size, PACKAGE_WIDTH);
        Passerelle__V1__Package *package = wire_new(arena, &passerelle__v1__package__descriptor);
        size_t more = fill_package(reader, arena, feed_no, &shape, uplink->note_size, package);
        if (request->n_packages == PUSH_PACKAGES_MAX ||
            (request->n_packages > 0 && bytes + more > PUSH_BYTES_MAX)) {
            break;
        }
        request->packages[request->n_packages++] = package;
        bytes += more;
        at = shape.end;
    }
    uplink->lanes[UPLINK_UP].doing = DOING_PUSH;
    *step = (struct uplink_step){.act = UPLINK_CALL,
                                 .service = "LedgerService",
                                 .name = "PushEntries",
                                 .output = &passerelle__v1__push_entries_response__descriptor,
                                 .request = &request->base};
}

DB_SQL(select_later, "SELECT entry_key FROM feed_epoch WHERE feed_id = :feed_id AND entry_key > "
                     "(SELECT MAX(entry_key) FROM feed_epoch WHERE feed_id = :feed_id AND "
                     "origin = :origin) LIMIT 1");

/* Whether `net` says that our feed went on under another key, here or at the hub. What came before
 * our own epoch, and a `net` that does not reach it yet, say nothing. */
static bool was_moved(struct service *reader, const struct feed_id *own)
{
    struct query *query = db_query(reader->db, &select_later);
    query_bind_text(query, "feed_id", view_of(own->name));
    query_bind_text(query, "origin", view_of(own->origin));
    bool moved = query_next(query);
    query_end(query);
    return moved;
}

static void wait_step(const struct uplink *uplink, const struct lane *lane,
                      struct uplink_step *step)
{
    int64_t now = now_ns(uplink);
    *step = (struct uplink_step){
        .act = UPLINK_WAIT, .until_ns = lane->until_ns > now ? lane->until_ns : now + FOREVER_NS};
}

/* Nothing to push: until something is committed. A hub that says nothing stops no desk for long. */
static void rest(struct uplink *uplink, struct uplink_step *step)
{
    int64_t now = now_ns(uplink);
    int64_t alone_ns = uplink->started_ns + ALONE_MS * MS_NS;
    *step = (struct uplink_step){.act = UPLINK_WAIT, .until_ns = now + FOREVER_NS};
    if (!atomic_load(&uplink->node->catching_up) || atomic_load(&uplink->missing)) {
        return;
    }
    step->until_ns = alone_ns > now ? alone_ns : now;
    if (alone_ns <= now) {
        atomic_store(&uplink->node->catching_up, false);
    }
}

static void next_up(struct uplink *uplink, struct service *reader, struct arena *arena,
                    struct uplink_step *step)
{
    struct lane *lane = &uplink->lanes[UPLINK_UP];
    struct feed_id own;
    struct take_memory memory;
    if (renews_now(uplink)) {
        if (has_expired(uplink)) {
            set_state(
                uplink, UPLINK_UP, UPLINK_EXPIRED,
                "this site's certificate has expired: it is renewed by the feed's key as soon "
                "as the hub answers");
        }
        ask_signature(uplink, arena, step);
        return;
    }
    if (feed_find(reader->db, view_of(uplink->node->site_id), &own) != E_OK) {
        rest(uplink, step);
        return;
    }
    if (was_moved(reader, &own)) {
        set_state(uplink, UPLINK_UP, UPLINK_REFUSED,
                  "another box, or the hub, keeps this site's ledger now: nothing is pushed from "
                  "here; join again with a join code to go on");
        wait_for_operator(uplink, lane);
        wait_step(uplink, lane, step);
        return;
    }
    uint64_t size = feed_head(reader->db, own.no).size;
    take_memory(reader->db, &memory);
    set_waiting(uplink, memory.receipt_size < size);
    if (!uplink->asked && uplink->held == 0) {
        uplink->held = memory.receipt_size;
        uplink->known_size = memory.receipt_size;
    }
    pthread_mutex_lock(&uplink->lock);
    uplink->status.own_size = size;
    uplink->status.receipt_size = memory.receipt_size;
    pthread_mutex_unlock(&uplink->lock);
    if (uplink->note.len > 0) {
        build_push(uplink, reader, arena, own.no, step);
    } else if (size > 0 &&
               (!uplink->asked || uplink->held < size || memory.receipt_size < size ||
                now_ns(uplink) - uplink->shown_ns >= SHOW_NS) &&
               !atomic_load(&uplink->node->catching_up)) {
        if (uplink->gather_ns > now_ns(uplink)) {
            *step = (struct uplink_step){.act = UPLINK_WAIT, .until_ns = uplink->gather_ns};
            return;
        }
        uplink->gather_ns = now_ns(uplink) + UPLINK_GATHER_MS * MS_NS;
        Passerelle__V1__GetCheckpointRequest *request =
            wire_new(arena, &passerelle__v1__get_checkpoint_request__descriptor);
        request->feed_id = wire_string(arena, view_of(uplink->node->site_id));
        lane->doing = DOING_NOTE;
        *step = (struct uplink_step){.act = UPLINK_LOCAL,
                                     .service = "LedgerService",
                                     .name = "GetCheckpoint",
                                     .request = &request->base};
    } else {
        rest(uplink, step); /* or until it is time to show our head */
        int64_t show_ns = uplink->shown_ns + SHOW_NS;
        if (size > 0 && show_ns > now_ns(uplink) && show_ns < step->until_ns) {
            step->until_ns = show_ns;
        }
    }
}

static void took_note(struct uplink *uplink, const ProtobufCMessage *response)
{
    const Passerelle__V1__GetCheckpointResponse *answer = (const void *)response;
    struct checkpoint checkpoint;
    struct note note;
    if (note_parse(view_of(answer->checkpoint), &note) != E_OK ||
        checkpoint_parse(note.text, &checkpoint) != E_OK) {
        return;
    }
    drop_note(uplink);
    buf_text(&uplink->note, answer->checkpoint);
    uplink->note_size = checkpoint.size;
}

static void pushed(struct uplink *uplink, const ProtobufCMessage *response)
{
    struct lane *lane = &uplink->lanes[UPLINK_UP];
    const Passerelle__V1__PushEntriesResponse *answer = (const void *)response;
    bool further = !uplink->asked || answer->size > uplink->held ||
                   answer->checkpoint_size != uplink->known_size;
    heard(uplink);
    if (answer->size > uplink->held) {
        set_waiting(uplink, false); /* it takes more: what is left waits from now on */
    }
    uplink->asked = true;
    uplink->shown_ns = now_ns(uplink);
    uplink->held = answer->size;
    uplink->known_size = answer->checkpoint_size;
    pthread_mutex_lock(&uplink->lock);
    uplink->status.pushes++;
    uplink->status.problems += answer->n_problems;
    pthread_mutex_unlock(&uplink->lock);
    if (answer->size > uplink->note_size) {
        set_state(uplink, UPLINK_UP, UPLINK_ROLLED_BACK, rolled_back);
        drop_note(uplink);
        back_off(uplink, lane, 0);
        return;
    }
    if (lane->state == UPLINK_ROLLED_BACK) {
        set_state(uplink, UPLINK_UP, UPLINK_GOOD, "");
    }
    if (answer->receipt[0] != '\0') {
        if (lane->state == UPLINK_DIVERGED) {
            set_state(uplink, UPLINK_UP, UPLINK_GOOD, "");
        }
        carry(uplink, response);
        return;
    }
    uplink->idle_pushes = further ? 0 : uplink->idle_pushes + 1;
    for (size_t i = 0; i < answer->n_problems; i++) {
        if (answer->problems[i]->kind == PROBLEM(FORK) ||
            answer->problems[i]->kind == PROBLEM(BAD_PUSH)) {
            set_state(uplink, UPLINK_UP, UPLINK_DIVERGED, answer->problems[i]->sentence);
            wait_for_operator(uplink, lane);
            return;
        }
    }
    if (uplink->idle_pushes >= IDLE_PUSHES_MAX) {
        uplink->asked = false; /* it says what it holds, and takes nothing: begin anew */
        drop_note(uplink);
        back_off(uplink, lane, 0);
    }
}

static void answered_up(struct uplink *uplink, enum doing done, const ProtobufCMessage *response)
{
    switch (done) {
    case DOING_NOTE:
        took_note(uplink, response);
        return;
    case DOING_PUSH:
        went_well(uplink, UPLINK_UP);
        pushed(uplink, response);
        return;
    case DOING_RECEIPT:
        set_waiting(uplink, false);
        drop_note(uplink);
        return;
    case DOING_SIGN:
    case DOING_RENEW:
        carry(uplink, response);
        return;
    case DOING_INSTALL:
        went_well(uplink, UPLINK_UP);
        return;
    default:
        return;
    }
}

/* What follows from the message that is carried; false: nothing is. */
static bool go_on(struct uplink *uplink, struct uplink_step *step)
{
    struct lane *lane = &uplink->lanes[UPLINK_UP];
    if (uplink->carried == NULL) {
        return false;
    }
    const ProtobufCMessage *message = uplink->carried;
    uplink->carried = NULL;
    *step = (struct uplink_step){.request = message};
    if (message->descriptor == &passerelle__v1__push_entries_response__descriptor) {
        lane->doing = DOING_RECEIPT;
        step->act = UPLINK_LOCAL;
        step->method = take_method(TAKE_RECEIPT);
    } else if (message->descriptor == &passerelle__v1__renew_site_request__descriptor) {
        lane->doing = DOING_RENEW;
        step->act = UPLINK_CALL;
        step->service = "NetworkService";
        step->name = "RenewSite";
        step->output = &passerelle__v1__renew_site_response__descriptor;
        step->without_certificate = has_expired(uplink);
    } else {
        assert(message->descriptor == &passerelle__v1__renew_site_response__descriptor);
        lane->doing = DOING_INSTALL;
        step->act = UPLINK_INSTALL;
    }
    return true;
}

/* ---- down ---- */

static uint64_t size_of(struct db *db, const char *feed_id)
{
    struct feed_id id;
    return feed_find(db, view_of(feed_id), &id) == E_OK ? feed_head(db, id.no).size : 0;
}

static void ask_snapshot(struct uplink *uplink, struct service *reader, struct arena *arena,
                         struct uplink_step *step)
{
    Passerelle__V1__GetSnapshotRequest *request =
        wire_new(arena, &passerelle__v1__get_snapshot_request__descriptor);
    struct snapshot_pending pending;
    snapshot_pending(reader->db, &pending);
    request->net_size = size_of(reader->db, FEED_NET);
    if (pending.old_size == request->net_size) {
        request->size = pending.size;
        request->parts = pending.parts;
    }
    uplink->lanes[UPLINK_DOWN].doing = DOING_SNAPSHOT;
    *step = (struct uplink_step){.act = UPLINK_FOLLOW,
                                 .service = "LedgerService",
                                 .name = "GetSnapshot",
                                 .output = &passerelle__v1__get_snapshot_response__descriptor,
                                 .request = &request->base};
}

static void take(struct uplink *uplink, enum take which, const ProtobufCMessage *message,
                 struct uplink_step *step)
{
    uplink->lanes[UPLINK_DOWN].doing = DOING_TAKE;
    uplink->taking = which;
    uplink->written_ns = now_ns(uplink);
    *step =
        (struct uplink_step){.act = UPLINK_LOCAL, .method = take_method(which), .request = message};
}

static void next_down(struct uplink *uplink, struct service *reader, struct arena *arena,
                      struct uplink_step *step)
{
    Passerelle__V1__FollowRequest *request =
        wire_new(arena, &passerelle__v1__follow_request__descriptor);
    struct take_memory memory;
    if (has_expired(uplink) && atomic_load(&uplink->renewable)) {
        back_off(uplink, &uplink->lanes[UPLINK_DOWN], 0); /* the other lane renews */
        wait_step(uplink, &uplink->lanes[UPLINK_DOWN], step);
        return;
    }
    if (uplink->snapshot == SNAPSHOT_WANTED) {
        ask_snapshot(uplink, reader, arena, step);
        return;
    }
    if (uplink->snapshot == SNAPSHOT_HERE) {
        take(uplink, TAKE_SNAPSHOT, wire_new(arena, &passerelle__v1__caught_up__descriptor), step);
        return;
    }
    take_memory(reader->db, &memory);
    if (atomic_load(&uplink->node->heard_utc_ms) == 0) {
        atomic_store(&uplink->node->heard_utc_ms, memory.heard_utc_ms);
        atomic_store(&uplink->node->complete, memory.complete);
    }
    request->net_size = size_of(reader->db, FEED_NET);
    request->own_size = size_of(reader->db, uplink->node->site_id);
    request->knowledge_version = memory.knowledge_version;
    uplink->net_size = request->net_size;
    uplink->own_size = request->own_size;
    pthread_mutex_lock(&uplink->lock);
    uplink->status.net_size = request->net_size;
    uplink->status.own_size = request->own_size;
    pthread_mutex_unlock(&uplink->lock);
    uplink->lanes[UPLINK_DOWN].doing = DOING_FOLLOW;
    *step = (struct uplink_step){.act = UPLINK_FOLLOW,
                                 .service = "LedgerService",
                                 .name = "Follow",
                                 .output = &passerelle__v1__follow_response__descriptor,
                                 .request = &request->base};
}

static void own_is_whole(struct uplink *uplink)
{
    atomic_store(&uplink->missing, false);
    atomic_store(&uplink->node->catching_up, false);
    if (uplink->lanes[UPLINK_DOWN].state == UPLINK_ROLLED_BACK) {
        set_state(uplink, UPLINK_DOWN, UPLINK_GOOD, "");
    }
}

/* By the checkpoint of a package. What we hold would come once more with a snapshot: it is worth it
 * when that is the smaller part. */
static bool is_far_behind(const struct uplink *uplink, const Passerelle__V1__FeedPackage *package)
{
    struct checkpoint head;
    struct note note;
    return uplink->snapshot == SNAPSHOT_MAYBE && uplink->behind_max > 0 &&
           note_parse(view_of(package->checkpoint), &note) == E_OK &&
           checkpoint_parse(note.text, &head) == E_OK && head.size > uplink->net_size &&
           head.size - uplink->net_size > uplink->behind_max &&
           head.size - uplink->net_size > uplink->net_size;
}

static bool heard_followed(struct uplink *uplink, const Passerelle__V1__FollowResponse *message,
                           struct uplink_step *step)
{
    if (message->event_case != PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_OWN) {
        own_is_whole(uplink); /* what we lost comes first */
    }
    switch (message->event_case) {
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_HEARTBEAT:
        if (now_ns(uplink) - uplink->written_ns >= HEARD_MS * MS_NS) {
            take(uplink, TAKE_HEARD, &message->heartbeat->base, step);
        }
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_NET:
        if (is_far_behind(uplink, message->net)) {
            uplink->snapshot = SNAPSHOT_WANTED;
            return false;
        }
        take(uplink, TAKE_NET, &message->net->base, step);
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_OWN:
        atomic_store(&uplink->missing, true);
        atomic_store(&uplink->node->catching_up, true);
        set_state(uplink, UPLINK_DOWN, UPLINK_ROLLED_BACK, rolled_back);
        take(uplink, TAKE_OWN, &message->own->base, step);
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_KNOWING:
        take(uplink, TAKE_KNOWLEDGE, &message->knowing->base, step);
        return true;
    case PASSERELLE__V1__FOLLOW_RESPONSE__EVENT_CAUGHT_UP:
        uplink->told_own_size = message->caught_up->own_size;
        take(uplink, TAKE_CAUGHT_UP, &message->caught_up->base, step);
        return true;
    default: /* of a newer hub */
        return true;
    }
}

bool uplink_heard(struct uplink *uplink, const ProtobufCMessage *message, struct arena *arena,
                  struct uplink_step *step)
{
    (void)arena;
    heard(uplink);
    went_well(uplink, UPLINK_DOWN);
    *step = (struct uplink_step){.act = UPLINK_WAIT};
    if (message->descriptor == &passerelle__v1__follow_response__descriptor) {
        return heard_followed(uplink, (const void *)message, step);
    }
    if (((const Passerelle__V1__GetSnapshotResponse *)(const void *)message)->part_case !=
        PASSERELLE__V1__GET_SNAPSHOT_RESPONSE__PART_HEARTBEAT) {
        take(uplink, TAKE_PART, message, step);
    }
    return true;
}

static void took(struct uplink *uplink, const ProtobufCMessage *response)
{
    const Passerelle__V1__CaughtUp *here = (const void *)response;
    pthread_mutex_lock(&uplink->lock);
    if (uplink->taking == TAKE_OWN && here->own_size > uplink->own_size) {
        uplink->status.recovered += here->own_size - uplink->own_size;
    }
    if (uplink->taking == TAKE_SNAPSHOT && here->net_size > uplink->net_size) {
        uplink->status.snapshots++;
    }
    uplink->net_size = here->net_size;
    uplink->own_size = here->own_size;
    uplink->status.net_size = here->net_size;
    uplink->status.own_size = here->own_size;
    pthread_mutex_unlock(&uplink->lock);
    if (uplink->lanes[UPLINK_DOWN].state == UPLINK_DIVERGED) {
        set_state(uplink, UPLINK_DOWN, UPLINK_GOOD, "");
    }
    if (uplink->taking == TAKE_PART) {
        uplink->broken = 0;
    } else if (uplink->taking == TAKE_SNAPSHOT) {
        uplink->snapshot = SNAPSHOT_OVER;
    } else if (uplink->taking == TAKE_CAUGHT_UP) {
        uplink->snapshot = SNAPSHOT_MAYBE;
        atomic_store(&uplink->node->complete, true);
        if (uplink->told_own_size > here->own_size) {
            atomic_store(&uplink->missing, true);
            atomic_store(&uplink->node->catching_up, true);
            set_state(uplink, UPLINK_DOWN, UPLINK_DIVERGED, lost);
        }
    }
}

/* ---- the surface ---- */

void uplink_next(struct uplink *uplink, enum uplink_lane at, struct service *reader,
                 struct arena *arena, struct uplink_step *step)
{
    struct lane *lane = &uplink->lanes[at];
    if (at == UPLINK_UP && go_on(uplink, step)) {
        return;
    }
    if (lane->until_ns > now_ns(uplink)) {
        wait_step(uplink, lane, step);
    } else if (at == UPLINK_UP) {
        next_up(uplink, reader, arena, step);
    } else {
        next_down(uplink, reader, arena, step);
    }
}

void uplink_answered(struct uplink *uplink, enum uplink_lane at, const ProtobufCMessage *response)
{
    struct lane *lane = &uplink->lanes[at];
    enum doing done = lane->doing;
    lane->doing = DOING_NOTHING;
    lane->until_ns = 0;
    if (at == UPLINK_UP) {
        answered_up(uplink, done, response);
    } else if (done == DOING_TAKE) {
        lane->doing = uplink->taking == TAKE_PART       ? DOING_SNAPSHOT
                      : uplink->taking == TAKE_SNAPSHOT ? DOING_NOTHING
                                                        : DOING_FOLLOW;
        took(uplink, response);
    }
}

static bool is_refusal(const struct uplink_failure *failure)
{
    return failure->reached &&
           (failure->code == CODE_UNAUTHENTICATED || failure->code == CODE_PERMISSION_DENIED ||
            failure->code == CODE_FAILED_PRECONDITION);
}

static void give_up_snapshot(struct uplink *uplink, const char *reason)
{
    uplink->snapshot = SNAPSHOT_OVER;
    uplink->broken = 0;
    log_event(uplink->node->log, LOG_WARNING, "snapshot_given_up", LOG_S("reason", reason));
}

/* The end of what has to do with a snapshot; false: it is answered as any other failure is. */
static bool ended_snapshot(struct uplink *uplink, enum doing done,
                           const struct uplink_failure *failure)
{
    bool taking = done == DOING_TAKE &&
                  (uplink->taking == TAKE_PART || uplink->taking == TAKE_SNAPSHOT);
    if (failure->code == CODE_OK && uplink->snapshot == SNAPSHOT_WANTED) {
        uplink->snapshot = done == DOING_SNAPSHOT ? SNAPSHOT_HERE : SNAPSHOT_WANTED;
        return true;
    }
    if ((done != DOING_SNAPSHOT && !taking) || (!taking && is_refusal(failure))) {
        return false;
    }
    bool passes = !failure->reached || failure->code == CODE_UNAVAILABLE ||
                  failure->code == CODE_RESOURCE_EXHAUSTED || failure->code == CODE_ABORTED;
    uplink->snapshot = SNAPSHOT_MAYBE; /* Follow says whether the hub can be reached at all */
    if (!passes || ++uplink->broken >= BROKEN_MAX) {
        give_up_snapshot(uplink, failure->message);
    }
    return !passes;
}

void uplink_failed(struct uplink *uplink, enum uplink_lane at, const struct uplink_failure *failure)
{
    struct lane *lane = &uplink->lanes[at];
    enum doing done = lane->doing;
    bool local = done == DOING_NOTE || done == DOING_RECEIPT || done == DOING_SIGN ||
                 done == DOING_INSTALL || done == DOING_TAKE;
    lane->doing = DOING_NOTHING;
    if (at == UPLINK_DOWN && ended_snapshot(uplink, done, failure)) {
        lane->until_ns = 0;
        return;
    }
    if (at == UPLINK_UP) {
        uplink->carried = NULL;
        drop_note(uplink);
        uplink->asked = false;
    }
    pthread_mutex_lock(&uplink->lock);
    uplink->status.failures++;
    pthread_mutex_unlock(&uplink->lock);
    if (done == DOING_RENEW || done == DOING_SIGN || done == DOING_INSTALL) {
        renewal_failed(uplink);
    }
    if (local && (failure->code == CODE_DATA_LOSS || failure->code == CODE_PERMISSION_DENIED)) {
        set_state(uplink, at, UPLINK_DIVERGED, failure->message);
        wait_for_operator(uplink, lane);
    } else if (!local && is_refusal(failure)) {
        set_state(uplink, at, UPLINK_REFUSED, failure->message);
        wait_for_operator(uplink, lane);
        atomic_store(&uplink->node->catching_up, false); /* we go on alone, and say so */
    } else {
        if (failure->code != CODE_OK) {
            set_state(uplink, at, UPLINK_UNREACHABLE, failure->message);
            if (!failure->reached) {
                atomic_store(&uplink->node->catching_up, false);
            }
        }
        /* A hub that says so needs a moment, such as the next second's signature of its head. */
        int64_t least_s = done == DOING_SNAPSHOT && failure->reached ? 1 : 0;
        back_off(uplink, lane,
                 failure->retry_after_s > least_s ? failure->retry_after_s : least_s);
    }
}
