/* Disasters, and what operators do about them: a disk that is put back from an older copy, a bit
 * that turned over, a site that is moved to the hub and back, one that lies and must join again, a
 * hub that is restored. What such a disaster may take is exactly what no other node has: the model
 * is cut there, and everything before must be found again. */
#include <stdlib.h>

#include "passerelle/v1/enrol.pb-c.h"
#include "service/journal.h"
#include "service/sync/uplink.h"
#include "sim/work.h"
#include "wire/pack.h"

enum state {
    MEND_NONE,
    MEND_BROKEN,   /* its daemon is down until its disk is seen to */
    MEND_RESTORED, /* it has an old disk, and must get what the hub holds before its desk opens */
    MEND_AHEAD, /* it knows more of `net` than the restored hub: it pushes all, then joins again */
    MEND_JOINING, /* in a new folder */
    MEND_FORKED,  /* it told two stories: an operator lets it join again as it is */
    MEND_LEAVING, /* it pushes all, and the hub takes over */
    MEND_HOSTED
};

struct mending {
    struct work *work;
    int site; /* world.site_count: the hub */
    enum state state;
    bool may_fork;
    bool watched;    /* an event is planned */
    unsigned lies;   /* kinds that the hub has on record */
    int64_t back_ms; /* of a hosted site: when it gets its own daemon again */
    /* The last copy of its folder. */
    struct vfs_copy *copy;
    int64_t copied_ms;
    uint64_t net_size, books_size;
    uint64_t sizes[SIM_SITES_MAX]; /* by site; of a site only its own */
};

static struct mending *of_hub(struct work *work)
{
    return &work->mendings[work->world.site_count];
}

static bool is_hub(const struct mending *m)
{
    return m->site == m->work->world.site_count;
}

static struct sim_node *node_of(const struct mending *m)
{
    return is_hub(m) ? &m->work->hub : &m->work->sites[m->site];
}

static const char *id_of(const struct mending *m)
{
    return m->work->world.sites[m->site].id;
}

bool mend_is_closed(struct work *work, int site)
{
    enum state state = work->mendings[site].state;
    return state != MEND_NONE && state != MEND_HOSTED && state != MEND_FORKED;
}

bool mend_may_fork(struct work *work, int site)
{
    return work->mendings[site].may_fork || work->mendings[site].state == MEND_FORKED;
}

const char *mend_waits(struct work *work)
{
    static const char *const names[] = {
        "",           "is broken",        "is restored", "is ahead of the hub",
        "is to join", "told two stories", "leaves"};
    for (int i = 0; i <= work->world.site_count; i++) {
        const struct mending *m = &work->mendings[i];
        if (m->state != MEND_NONE && m->state != MEND_HOSTED) {
            struct uplink_status status = {.sentence = ""};
            if (!is_hub(m) && node_of(m)->up) {
                uplink_status(node_of(m)->node.uplink, &status);
            }
            return arena_printf(work->sim->arena, "%s %s, %s: %s", node_of(m)->name,
                                names[m->state], uplink_state_name(status.state), status.sentence);
        }
    }
    return NULL;
}

/* ---- copies ---- */

static void copy_now(struct mending *m)
{
    struct work *work = m->work;
    struct sim_node *node = node_of(m);
    vfs_copy_free(m->copy);
    m->copy = vfs_twin_copy(node->disk);
    m->copied_ms = work->sim->now_ms;
    m->net_size = node_feed_size(node, "net");
    m->books_size = is_hub(m) ? node_feed_size(node, "books") : 0;
    for (int site = 0; site < work->world.site_count; site++) {
        if (is_hub(m) || site == m->site) {
            m->sizes[site] = node_feed_size(node, work->world.sites[site].id);
        }
    }
}

/* Operators make a new backup of the hub after each change of who keeps a ledger. */
static void keeper_changed(struct work *work)
{
    struct mending *hub = of_hub(work);
    if (hub->copy != NULL) {
        copy_now(hub);
    }
}

static struct mending *any(struct work *work)
{
    int64_t at = dice_below(&work->sim->dice, work->sim->params.sites + 1);
    return at == work->sim->params.sites ? of_hub(work) : &work->mendings[at];
}

static void copy_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct mending *m = any(sim->work);
    if (m->state == MEND_NONE && node_of(m)->up) {
        copy_now(m);
    }
    sim_after(sim, dice_below(&sim->dice, sim->params.restore_every_ms), copy_event, NULL);
}

/* ---- getting well again ---- */

static void watch_event(struct sim *sim, void *context);

static void watch(struct mending *m)
{
    if (!m->watched) {
        m->watched = true;
        sim_after(m->work->sim, dice_between(&m->work->sim->dice, 20 * SECOND_MS, 2 * MINUTES_MS),
                  watch_event, m);
    }
}

static void become(struct mending *m, enum state state)
{
    m->state = state;
    if (state == MEND_NONE) {
        m->may_fork = false;
    } else {
        watch(m);
    }
}

static void power_off(struct mending *m)
{
    node_crash(node_of(m));
    node_of(m)->retired = true;
    if (!is_hub(m)) {
        carrier_forget(m->work, m->site);
    }
}

/* The hub is there and nothing strikes it in the middle. */
static bool hub_is_sound(struct work *work)
{
    return work->hub.up && work->hub.crash_in == 0;
}

/* Only so much is left anywhere of what the site wrote. */
static void cut_model(struct mending *m, int64_t since_ms, uint64_t size)
{
    m->work->lost += model_truncate(&m->work->model, m->site, size);
    work_forget(m->work, m->site + 1, since_ms, size, 0);
}

static bool join(struct mending *m, bool fresh)
{
    struct work *work = m->work;
    node_step(&work->hub); /* what waits there is of its old keeper */
    if (!hub_is_sound(work)) {
        return false;
    }
    power_off(m);
    work->world.sites[m->site].own_daemon = true;
    if (!carrier_rejoin(work, m->site, fresh)) {
        work->world.sites[m->site].own_daemon = m->state != MEND_HOSTED;
        if (m->state != MEND_HOSTED) {
            become(m, MEND_JOINING); /* its box is off: only this tries again */
        }
        return false;
    }
    sim_trace(work->sim, "%s: joined again, %s", id_of(m), fresh ? "from nothing" : "as it is");
    if (fresh) {
        cut_model(m, 0, node_feed_size(node_of(m), id_of(m)));
    }
    become(m, MEND_NONE);
    check_kept(work, node_of(m));
    keeper_changed(work);
    work->moved++;
    return true;
}

static void host_done(struct node_call *mine)
{
    *(bool *)mine->context = mine->call.error.code == CODE_OK;
}

static void host(struct mending *m)
{
    struct work *work = m->work;
    uint8_t id[16];
    bool done = false;
    Passerelle__V1__HostSiteRequest request = PASSERELLE__V1__HOST_SITE_REQUEST__INIT;
    request.request_id = work_request_id(work, id);
    request.site_id = work->world.sites[m->site].id;
    if (node_call_message(&work->hub, -1, work_who(ROLE_OPERATOR, "olive"),
                          node_method("NetworkService", "HostSite"), &request.base, host_done,
                          &done)) {
        node_step(&work->hub);
    }
    if (!done || !work->hub.up) {
        return;
    }
    sim_trace(work->sim, "%s: the hub keeps its ledger", id_of(m));
    power_off(m);
    work->world.sites[m->site].own_daemon = false;
    work_forget(work, m->site + 1, 0, UINT64_MAX, 0);
    m->back_ms = work->sim->now_ms + dice_below(&work->sim->dice, 12 * HOURS_MS);
    become(m, MEND_HOSTED);
    keeper_changed(work);
    work->moved++;
}

/* All that it wrote is at the hub, with a receipt. */
static bool is_whole(const struct mending *m, const struct uplink_status *status)
{
    uint64_t size = node_feed_size(node_of(m), id_of(m));
    return !node_of(m)->node.catching_up && status->receipt_size == size &&
           node_feed_size(&m->work->hub, id_of(m)) == size;
}

static void look_at_uplink(struct mending *m)
{
    struct uplink_status status;
    uplink_status(node_of(m)->node.uplink, &status);
    bool stuck = status.state == UPLINK_REFUSED || status.state == UPLINK_DIVERGED;
    bool whole = is_whole(m, &status);
    switch (m->state) {
    case MEND_RESTORED:
        if (stuck) {
            join(m, true);
        } else if (whole && status.state == UPLINK_GOOD) {
            sim_trace(m->work->sim, "%s: has all that it had", id_of(m));
            become(m, MEND_NONE);
            check_kept(m->work, node_of(m));
        }
        break;
    case MEND_AHEAD:
        if (whole || status.state == UPLINK_DIVERGED) {
            join(m, true);
        }
        break;
    case MEND_FORKED:
        if (stuck) {
            join(m, false);
        }
        break;
    case MEND_LEAVING:
        if (stuck) {
            join(m, true);
        } else if (whole && status.state == UPLINK_GOOD) {
            host(m);
        }
        break;
    default:
        break;
    }
}

static void watch_event(struct sim *sim, void *context)
{
    struct mending *m = context;
    m->watched = false;
    if (m->state == MEND_NONE || m->state == MEND_BROKEN) {
        return;
    }
    if (hub_is_sound(m->work)) {
        if (m->state == MEND_JOINING) {
            join(m, true);
        } else if (m->state == MEND_HOSTED) {
            if (!sim->calm && sim->now_ms >= m->back_ms) {
                join(m, true);
            }
        } else if (node_of(m)->up) {
            look_at_uplink(m);
        }
    }
    if (m->state != MEND_NONE && !(m->state == MEND_HOSTED && sim->calm)) {
        watch(m);
    }
}

/* ---- an older disk ---- */

/* The site has its first `size` entries; the rest is what the hub holds of them. */
static void go_on_from(struct mending *m, int64_t since_ms, uint64_t size)
{
    struct work *work = m->work;
    uint64_t held = node_feed_size(&work->hub, id_of(m));
    sim_trace(work->sim, "%s: restored to %llu entries, the hub has %llu", id_of(m),
              (unsigned long long)size, (unsigned long long)held);
    cut_model(m, since_ms, held > size ? held : size);
    work->restored++;
    m->may_fork = true;
    become(m, MEND_RESTORED);
    node_of(m)->retired = false;
    node_boot(node_of(m));
}

static void put_back(struct mending *m)
{
    vfs_twin_put(node_of(m)->disk, m->copy);
    go_on_from(m, m->copied_ms, m->sizes[m->site]);
}

static int begin_epochs(struct sim_node *node, struct fault *fault)
{
    size_t feeds = 0;
    return journal_begin_epochs(&node->service, &feeds, fault);
}

/* As `passerelled restore` does. What the hub alone had since is gone. */
static void put_back_hub(struct mending *hub)
{
    struct work *work = hub->work;
    sim_trace(work->sim, "hub: restored to %llu entries of net", (unsigned long long)hub->net_size);
    for (int site = 0; site < work->sim->params.sites; site++) {
        node_boot(&work->sites[site]);
        node_step(&work->sites[site]); /* what waits there knows what it knew */
    }
    vfs_twin_put(work->hub.disk, hub->copy);
    work_forget(work, 0, hub->copied_ms, hub->net_size, hub->books_size);
    work_operators_lost(work, hub->net_size, hub->books_size);
    for (int site = 0; site < work->world.site_count; site++) {
        struct mending *m = &work->mendings[site];
        m->lies = 0;
        if (work_node(work, site) == &work->hub) {
            cut_model(m, hub->copied_ms, hub->sizes[site]);
        } else if (work->sites[site].up) {
            carrier_reset(work, site);
        }
    }
    become(hub, MEND_NONE);
    node_boot_with(&work->hub, begin_epochs);
    carrier_booted(work, &work->hub);
    for (int site = 0; site < work->sim->params.sites; site++) {
        struct mending *m = &work->mendings[site];
        if (work->sites[site].up && node_feed_size(&work->sites[site], "net") > hub->net_size) {
            become(m, MEND_AHEAD);
        }
    }
    check_kept(work, &work->hub);
    copy_now(hub);
    work->hub_restored++;
}

static void put_back_event(struct sim *sim, void *context)
{
    struct mending *m = context;
    if (is_hub(m)) {
        put_back_hub(m);
    } else if (hub_is_sound(m->work)) {
        put_back(m);
    } else {
        sim_after(sim, MINUTES_MS, put_back_event, m);
    }
}

static void break_it(struct mending *m, sim_event *then)
{
    power_off(m);
    become(m, MEND_BROKEN);
    sim_after(m->work->sim, dice_between(&m->work->sim->dice, SECOND_MS, 20 * MINUTES_MS), then, m);
}

static bool may_break(const struct mending *m)
{
    return m->state == MEND_NONE && of_hub(m->work)->state == MEND_NONE;
}

static void restore_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct mending *m = any(sim->work);
    if (may_break(m) && m->copy != NULL && (!is_hub(m) || mend_waits(sim->work) == NULL)) {
        sim_trace(sim, "%s: its disk breaks", node_of(m)->name);
        break_it(m, put_back_event);
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.restore_every_ms), restore_event, NULL);
}

/* ---- a bit turns over ---- */

static void look_at_kept(struct sim_node *node)
{
    check_kept(node->owner, node);
}

/* Where the check sees it, the disk is thrown away. Where it does not, nothing that counts may be
 * another; what lies outside feeds and projections is put right then, since nothing says what it
 * was. In the log of writes a bit ends what can be read of it: the past is back. */
static void flip(struct mending *m)
{
    struct work *work = m->work;
    struct dice *dice = &work->sim->dice;
    struct sim_node *node = node_of(m);
    struct vfs_copy *right = vfs_twin_copy(node->disk);
    bool in_log =
        !is_hub(m) && vfs_twin_size(node->disk, "node.db-wal") > 0 && dice_below(dice, 3) == 0;
    const char *file = in_log ? "node.db-wal" : "node.db";
    size_t offset = (size_t)dice_below(dice, (int64_t)vfs_twin_size(node->disk, file));
    struct fault fault = FAULT_NONE;
    uint64_t size = 0;
    vfs_twin_flip(node->disk, file, offset);
    struct vfs_copy *wrong = vfs_twin_copy(node->disk);
    int err = node_check(node, in_log ? NULL : look_at_kept, &size, &fault);
    work->flipped++;
    work->flips_found += err != E_OK;
    sim_trace(work->sim, "%s: a byte of %s turned over: %s", node->name, file,
              err != E_OK ? fault.text : "nothing sees it");
    if (err == E_OK && in_log) {
        vfs_twin_put(node->disk, wrong);
        go_on_from(m, 0, size);
    } else if (err != E_OK && !is_hub(m) && m->copy != NULL) {
        put_back(m);
    } else if (err != E_OK && !is_hub(m)) {
        cut_model(m, 0, node_feed_size(&work->hub, id_of(m)));
        become(m, MEND_JOINING);
    } else {
        vfs_twin_put(node->disk, right);
        become(m, MEND_NONE);
        node->retired = false;
        node_boot(node);
    }
    vfs_copy_free(right);
    vfs_copy_free(wrong);
}

static void flip_now_event(struct sim *sim, void *context)
{
    struct mending *m = context;
    if (is_hub(m) || hub_is_sound(m->work)) {
        flip(m);
    } else {
        sim_after(sim, MINUTES_MS, flip_now_event, m);
    }
}

static void flip_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct mending *m = any(sim->work);
    if (may_break(m)) {
        break_it(m, flip_now_event);
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.flip_every_ms), flip_event, NULL);
}

/* ---- moves and lies ---- */

static struct mending *any_site(struct work *work)
{
    struct mending *m = &work->mendings[dice_below(&work->sim->dice, work->sim->params.sites)];
    return m->state == MEND_NONE && node_of(m)->up ? m : NULL;
}

static void move_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct mending *m = any_site(sim->work);
    if (m != NULL) {
        become(m, MEND_LEAVING);
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.move_every_ms), move_event, NULL);
}

static void lie_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct mending *m = any_site(sim->work);
    if (m != NULL) {
        carrier_lie(sim->work, m->site, (enum lie)dice_between(&sim->dice, LIE_CHANGE, LIE_FORK));
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.lie_every_ms), lie_event, NULL);
}

void mend_lie_found(struct work *work, int site, enum lie lie)
{
    struct mending *m = &work->mendings[site];
    sim_trace(work->sim, "%s: its lie %d is found", id_of(m), (int)lie);
    work->lies++;
    if (lie != LIE_GAP) {
        m->lies |= 1u << lie;
    }
    if (lie == LIE_FORK && m->state == MEND_NONE) {
        become(m, MEND_FORKED);
    } else if (lie == LIE_FORK) {
        m->may_fork = true;
    }
}

void mend_check(struct work *work)
{
    for (int site = 0; site < work->world.site_count; site++) {
        const struct mending *m = &work->mendings[site];
        Passerelle__V1__ListProblemsRequest *request =
            wire_new(work->sim->arena, &passerelle__v1__list_problems_request__descriptor);
        bool fork = false, bad = false;
        request->feed_id = work->world.sites[site].id;
        const Passerelle__V1__ListProblemsResponse *response =
            work_must(work, &work->hub, -1, work_who(ROLE_OPERATOR, "olive"), "LedgerService",
                      "ListProblems", &request->base);
        for (size_t i = 0; m->lies != 0 && i < response->n_problems; i++) {
            const Passerelle__V1__LedgerProblem *problem = response->problems[i];
            bool proven = problem->n_evidence > 0 && problem->evidence[0].len > 0;
            fork |= proven &&
                    problem->kind == PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_FORK;
            bad |= proven && problem->kind ==
                                 PASSERELLE__V1__LEDGER_PROBLEM_KIND__LEDGER_PROBLEM_KIND_BAD_PUSH;
        }
        if ((m->lies & 1u << LIE_FORK && !fork) || (m->lies & 1u << LIE_CHANGE && !bad)) {
            sim_fail(work->sim, "%s lied, and nothing proves it any more", id_of(m));
        }
    }
}

/* ---- life ---- */

void mend_init(struct work *work)
{
    work->mendings = xcalloc((size_t)work->world.site_count + 1, sizeof *work->mendings);
    for (int i = 0; i <= work->world.site_count; i++) {
        work->mendings[i].work = work;
        work->mendings[i].site = i;
    }
}

void mend_release(struct work *work)
{
    for (int i = 0; i <= work->world.site_count; i++) {
        vfs_copy_free(work->mendings[i].copy);
    }
    free(work->mendings);
}

static void plan(struct sim *sim, int64_t every_ms, sim_event *event)
{
    if (every_ms > 0) {
        sim_after(sim, dice_below(&sim->dice, 2 * every_ms), event, NULL);
    }
}

void mend_plan(struct work *work)
{
    struct sim *sim = work->sim;
    plan(sim, sim->params.restore_every_ms / 2, copy_event);
    plan(sim, sim->params.restore_every_ms, restore_event);
    plan(sim, sim->params.flip_every_ms, flip_event);
    plan(sim, sim->params.move_every_ms, move_event);
    plan(sim, sim->params.lie_every_ms, lie_event);
}
