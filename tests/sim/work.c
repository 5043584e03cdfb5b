#include "sim/work.h"

#include <assert.h>
#include <stdlib.h>

#include "core/ident/uuid.h"
#include "core/pass/proof.h"
#include "core/pass/token.h"
#include "crypt/secret.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "service/desk/memory.h"
#include "service/found.h"
#include "service/journal.h"
#include "store/view/visits.h"
#include "wire/pack.h"

#define NEW(snake) wire_new(work->sim->arena, &passerelle__v1__##snake##__descriptor)

enum { RETRY_MS = 4000 };

struct principal work_who(enum role role, const char *party)
{
    struct principal who = {.role = role};
    snprintf(who.party, sizeof who.party, "%s", party);
    if (role != ROLE_ANYONE) {
        snprintf(who.author, sizeof who.author, "%s-%s", role_name(role), party);
    }
    return who;
}

static struct principal the_operator(void)
{
    return work_who(ROLE_OPERATOR, "olive");
}

struct sim_node *work_node(struct work *work, int site)
{
    bool own = site >= 0 && work->sites != NULL && work->world.sites[site].own_daemon;
    return own ? &work->sites[site] : &work->hub;
}

char *work_request_id(struct work *work, uint8_t id[static 16])
{
    uint8_t random[10];
    char text[UUID_TEXT_LEN + 1];
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)dice_draw(&work->sim->dice);
    }
    struct uuid uuid = uuid_v7(sim_utc_ms(work->sim), random);
    memcpy(id, &uuid, 16);
    uuid_format(uuid, text);
    return arena_string(work->sim->arena, view_of(text));
}

/* ---- calls without weather ---- */

struct waiting {
    struct work *work;
    const void *answer;
    bool over;
};

static void must_done(struct node_call *mine)
{
    struct waiting *waiting = mine->context;
    struct arena *arena = waiting->work->sim->arena;
    struct call *call = &mine->call;
    struct fault fault = FAULT_NONE;
    ProtobufCMessage *copy;
    if (call->error.code != CODE_OK) {
        sim_fail(waiting->work->sim, "%s: %s: %s", mine->at->name, call->method->name,
                 call->error.message);
    }
    struct view bytes = arena_copy(arena, wire_pack_arena(call->arena, call->response));
    node_must(mine->at,
              wire_unpack(call->method->output, bytes, &wire_limits_tolerant, arena, &copy, &fault),
              &fault, "answer");
    waiting->answer = copy;
    waiting->over = true;
}

const void *work_must(struct work *work, struct sim_node *node, int site, struct principal who,
                      const char *service, const char *method, const ProtobufCMessage *request)
{
    struct waiting waiting = {.work = work};
    struct view bytes = wire_pack_arena(work->sim->arena, request);
    if (!node_call(node, site, who, node_method(service, method), bytes, must_done, &waiting)) {
        sim_fail(work->sim, "%s is down", node->name);
    }
    node_step(node);
    if (!waiting.over) {
        sim_fail(work->sim, "%s: %s was not answered", node->name, method);
    }
    return waiting.answer;
}

/* ---- the hub begins ---- */

static int found_hub(struct sim_node *node, struct fault *fault)
{
    struct found_options options = {.network_id = "test", .name = "Test", .demo = true};
    return found_network(&node->service, &options, fault);
}

static void import_tables(struct work *work)
{
    static const Passerelle__V1__Table tables[] = {
        PASSERELLE__V1__TABLE__TABLE_MEMBERS,   PASSERELLE__V1__TABLE__TABLE_TARIFFS,
        PASSERELLE__V1__TABLE__TABLE_SITES,     PASSERELLE__V1__TABLE__TABLE_STOPS,
        PASSERELLE__V1__TABLE__TABLE_EMPLOYERS, PASSERELLE__V1__TABLE__TABLE_PLANS,
        PASSERELLE__V1__TABLE__TABLE_CARNETS,   PASSERELLE__V1__TABLE__TABLE_HOLDERS};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        uint8_t id[16];
        Passerelle__V1__ImportTableRequest *request = NEW(import_table_request);
        request->request_id = work_request_id(work, id);
        request->table = tables[i];
        request->csv = wire_bytes(buf_content(&work->world.csv[i]));
        const Passerelle__V1__ImportTableResponse *response = work_must(
            work, &work->hub, -1, the_operator(), "NetworkService", "ImportTable", &request->base);
        if (!response->done) {
            sim_fail(work->sim, "table %zu, line %u: %s", i, response->reports[0]->line,
                     response->reports[0]->problem);
        }
    }
}

static uint64_t net_size(struct work *work)
{
    struct fault fault = FAULT_NONE;
    struct db *db = work->hub.service.db;
    node_must(&work->hub, db_begin_read(db, &fault), &fault, "begin");
    uint64_t size = feed_head(db, journal_feed_no(db, view_of("net"))).size;
    node_must(&work->hub, db_end(db, &fault), &fault, "read");
    return size;
}

static void activate(struct work *work, struct person *person, const char *code_text)
{
    struct one_time_code code;
    uint8_t seed[32], id[16];
    uint8_t *signature = arena_alloc(work->sim->arena, ED25519_SIGNATURE_LEN);
    char message[23 + CODE_BYTES] = "passerelle-activate/v1";
    for (size_t i = 0; i < sizeof seed; i++) {
        seed[i] = (uint8_t)dice_draw(&work->sim->dice);
    }
    ed25519_key_from_seed(&person->device, seed);
    if (one_time_code_parse(view_of(code_text), &code) != E_OK) {
        sim_fail(work->sim, "an activation code cannot be read");
    }
    memcpy(message + 23, code.bytes, CODE_BYTES);
    ed25519_sign(&person->device, view_bytes(message, sizeof message), signature);
    Passerelle__V1__ActivateRequest *request = NEW(activate_request);
    request->request_id = work_request_id(work, id);
    request->activation_code = arena_string(work->sim->arena, view_of(code_text));
    request->device_public_key =
        wire_bytes(view_bytes(person->device.public_key, ED25519_PUBLIC_LEN));
    request->signature = wire_bytes(view_bytes(signature, ED25519_SIGNATURE_LEN));
    const Passerelle__V1__ActivateResponse *response = work_must(
        work, &work->hub, -1, work_who(ROLE_ANYONE, ""), "PassService", "Activate", &request->base);
    person->token = response->token;
}

static void take_pass(struct work *work, struct person *person,
                      const Passerelle__V1__IssuedPass *issued, uint64_t seq)
{
    struct model_pass *pass = &work->model.passes[work->model.pass_count];
    const struct world_holder *holder = &work->world.holders[person->holder];
    const struct world_plan *plan = &work->world.plans[holder->plan];
    const struct world_policy *policy = &work->world.employers[plan->employer].policy;
    *pass = (struct model_pass){
        .holder = person->holder,
        .issued_seq = seq,
        .right = *holder,
        .resources = policy->resources == 0 || policy->warns ? ~0u : policy->resources,
        .offline_rule = plan->offline_rule,
    };
    snprintf(pass->pass_id, sizeof pass->pass_id, "%s", issued->pass->pass_id);
    snprintf(pass->number, sizeof pass->number, "%s", issued->pass->number);
    person->pass = work->model.pass_count++;
    person->token = arena_string(work->sim->arena, view_of(issued->token));
}

static Passerelle__V1__IssuePassesRequest *issue_request(struct work *work, int holder,
                                                         uint8_t id[static 16])
{
    Passerelle__V1__IssuePassesRequest *request = NEW(issue_passes_request);
    request->request_id = work_request_id(work, id);
    request->holder_ids = ARENA_ARRAY(work->sim->arena, 1, char *);
    request->holder_ids[0] = work->world.holders[holder].id;
    request->n_holder_ids = 1;
    return request;
}

/* Most have their pass before the first day; some who have a card get it later. */
static void issue_passes(struct work *work)
{
    for (int i = 0; i < work->world.holder_count; i++) {
        uint8_t id[16];
        struct person *person = &work->persons[work->person_count++];
        *person = (struct person){.holder = i, .pass = -1};
        bool phone = work->world.holders[i].phone;
        if (!phone && dice_below(&work->sim->dice, 4) == 0) {
            continue;
        }
        const Passerelle__V1__IssuePassesResponse *response =
            work_must(work, &work->hub, -1, the_operator(), "PassService", "IssuePasses",
                      &issue_request(work, i, id)->base);
        if (response->n_passes != 1) {
            sim_fail(work->sim, "no pass for %s", work->world.holders[i].id);
        }
        take_pass(work, person, response->passes[0], net_size(work));
        if (phone) {
            activate(work, person, response->passes[0]->activation_code);
            work->model.passes[person->pass].issued_seq = net_size(work);
        }
    }
}

static void ticked(struct sim_node *node, int64_t now_utc_ms)
{
    struct work *work = node->owner;
    if (node->is_hub) {
        terms_ticked(work);
    }
    for (int site = 0; site < work->world.site_count; site++) {
        if (work_node(work, site) == node && model_is_due(&work->model, site, now_utc_ms)) {
            model_tick(&work->model, site, now_utc_ms,
                       node_feed_size(node, work->world.sites[site].id));
        }
    }
}

static void find_methods(struct work *work)
{
    work->check_in = node_method("DeskService", "CheckIn");
    work->check_out = node_method("DeskService", "CheckOut");
    work->undo = node_method("DeskService", "Undo");
    work->void_visit = node_method("DeskService", "VoidVisit");
    work->correct = node_method("DeskService", "CorrectVisit");
    work->paper = node_method("DeskService", "NotePaperStay");
    work->suspend = node_method("PassService", "SuspendPasses");
    work->resume = node_method("PassService", "ResumePasses");
    work->revoke = node_method("PassService", "RevokePasses");
    work->issue = node_method("PassService", "IssuePasses");
    work->tariff = node_method("NetworkService", "PublishTariff");
}

void work_init(struct work *work, struct sim *sim)
{
    *work = (struct work){.sim = sim};
    sim->work = work;
    find_methods(work);
    world_make(&work->world, sim);
    model_init(&work->model, &work->world);
    node_init(&work->hub, sim, 0, "hub");
    work->hub.owner = work;
    work->hub.ticked = ticked;
    work->hub.booted = work_boot;
    node_found(&work->hub, found_hub);
    import_tables(work);
    terms_begin(work);
    issue_passes(work);
    work->sites = xcalloc((size_t)work->world.site_count, sizeof *work->sites);
    for (int site = 0; site < work->world.site_count; site++) {
        if (work->world.sites[site].own_daemon) {
            carrier_join(work, site);
            work->sites[site].ticked = ticked;
            work->sites[site].booted = work_boot;
        }
    }
    mend_init(work);
    carrier_start(work);
}

void work_release(struct work *work)
{
    carrier_release(work);
    mend_release(work);
    for (int site = 0; site < work->sim->params.sites; site++) {
        node_release(&work->sites[site]);
    }
    node_release(&work->hub);
    free(work->sites);
    model_release(&work->model);
    world_release(&work->world);
}

/* ---- what a node knows ---- */

static uint64_t size_of(struct sim_node *node, const char *feed_id)
{
    struct feed *feed = feeds_get(journal_feeds(node->service.journal), view_of(feed_id));
    return feed == NULL ? 0 : feed->size;
}

DB_SQL(select_receipt, "SELECT size FROM receipt ORDER BY size DESC LIMIT 1");

/* Entries of each feed that the node knows of. */
static void feed_sizes(struct work *work, struct sim_node *node, struct node_call *call)
{
    call->sizes = ARENA_ARRAY(&call->arena, (size_t)work->world.site_count, uint64_t);
    for (int site = 0; site < work->world.site_count; site++) {
        call->sizes[site] = work_node(work, site) == node ? UINT64_MAX
                            : node->is_hub ? size_of(node, work->world.sites[site].id)
                                           : 0;
    }
}

void work_sizes(struct work *work, struct sim_node *node, struct node_call *call)
{
    if (strcmp(call->call.method->service, "EmployerService") == 0) {
        feed_sizes(work, node, call);
    }
    if (strcmp(call->call.method->service, "DeskService") != 0) {
        return;
    }
    feed_sizes(work, node, call);
    call->connected = node_is_connected(&node->node);
    call->complete = node->is_hub || node->node.complete;
    const struct op *op = call->context;
    if (call->call.method == work->check_in && op->pass >= 0 && !node->is_hub) {
        const struct model_pass *pass = &work->model.passes[op->pass];
        call->terms = terms_known(work, node, pass->holder, pass, &call->arena);
        desk_refresh(&node->service);
        call->stated = desk_knowledge(&node->service, &call->arena)->worst_case_units;
    }
    struct query *query = db_query(node->service.db, &select_receipt);
    if (query_next(query)) {
        call->receipt = (uint64_t)query_int(query, 0);
        query_end(query);
    }
    call->net_size = node->is_hub ? UINT64_MAX : size_of(node, "net");
}

void work_committed(struct work *work, struct sim_node *node)
{
    carrier_woken(work, node);
}

void work_own_size(struct work *work, struct sim_node *node, struct node_call *call)
{
    bool books = strcmp(call->call.method->service, "EmployerService") == 0;
    call->own_size = size_of(node, call->site >= 0 ? work->world.sites[call->site].id
                                   : books         ? "books"
                                                   : "net");
}

static struct model_knows knows_of(const struct node_call *mine)
{
    return (struct model_knows){
        .now_utc_ms = node_utc_ms(mine->at), .net_size = mine->net_size, .sizes = mine->sizes};
}

/* ---- ops ---- */

static void op_followed(struct work *work, struct op *op);

static void op_heard(struct sim *sim, void *context)
{
    struct op *op = context;
    if (!op->answered) {
        op->answered = true;
        sim->work->open_ops--;
        sim->answers++;
        op_followed(sim->work, op);
    }
}

static int end_of(const struct op *op)
{
    return op->site < 0 ? 0 : op->site + 1;
}

static void op_answer(struct sim_node *node, struct op *op)
{
    sim_send(node->sim, node->no, end_of(op), op_heard, op);
}

static void expect(struct work *work, const struct op *op, const struct call *call, bool expected)
{
    bool ok = call->error.code == CODE_OK;
    if (ok != expected) {
        sim_fail(work->sim, "%s at %s: the model says %s, the node says %s", op->method->name,
                 op->site < 0 ? "hub" : work->world.sites[op->site].id, expected ? "yes" : "no",
                 ok ? "yes" : call->error.message);
    }
}

/* A site was told of others by now, or not, or of some: it knows something between these. */
struct hearsay {
    struct model_knows knows[3];
    size_t count;
    uint64_t all[SIM_SITES_MAX];
};

static void hearsay_init(struct hearsay *h, const struct work *work, struct model_knows knows,
                         int at)
{
    h->knows[0] = h->knows[1] = h->knows[2] = knows;
    h->count = knows.net_size == UINT64_MAX ? 1 : 3; /* the hub knows all */
    for (int site = 0; site < work->world.site_count; site++) {
        h->all[site] = UINT64_MAX;
    }
    h->knows[1].sizes = h->knows[2].sizes = h->all;
    h->knows[2].late = true;
    h->knows[2].site = at;
}

static void taken_by(const struct work *work, const struct hearsay *h, int site, int resource,
                     uint32_t *least, uint32_t *most)
{
    *least = UINT32_MAX;
    *most = 0;
    for (size_t i = 0; i < h->count; i++) {
        uint32_t taken = model_taken(&work->model, &h->knows[i], site, resource);
        *least = taken < *least ? taken : *least;
        *most = taken > *most ? taken : *most;
    }
}

/* Each answer is right that is by something between. A site that is away, or knows in part, may
 * refuse by what it may spend; and lets in whom it never heard of. */
static bool is_right(struct work *work, const struct model_knows *knows,
                     const struct model_question *question, int expected, int code, bool away)
{
    struct hearsay h;
    uint32_t least, most, places;
    bool same = false, money = false, let_in = false, in = false, comes_so_far = false;
    hearsay_init(&h, work, *knows, question->site);
    for (size_t i = 0; i < h.count; i++) {
        int says = model_check_in(&work->model, &h.knows[i], question);
        same |= says == code;
        money |= says == MODEL_MONEY;
        let_in |= says == 0 || says == MODEL_MONEY;
        comes_so_far |= let_in || says == MODEL_SITE_FULL || says == MODEL_ALREADY_IN;
        in |= comes_so_far && model_is_in(&work->model, &h.knows[i], question);
    }
    if (same || (let_in && code == 0) ||
        (money && (code == MODEL_NO_CREDIT || code == MODEL_CAP_REACHED)) ||
        (away && let_in && code == MODEL_OFFLINE_LIMIT) || (away && expected == MODEL_BAD_TOKEN)) {
        return true;
    }
    if (!comes_so_far || h.count == 1) {
        return false;
    }
    taken_by(work, &h, question->site, question->resource, &least, &most);
    places = world_places_at(&work->world, question->site, knows->net_size)->of[question->resource];
    return (code == MODEL_SITE_FULL && most >= places) ||
           (code == MODEL_ALREADY_IN && least < places && in);
}

/* The places after the decision; those who went on to another site leave room for others, at a site
 * once it was told. */
static void check_places(struct work *work, const struct op *op, const struct node_call *mine,
                         const Passerelle__V1__CheckInResponse *response)
{
    struct hearsay h;
    hearsay_init(&h, work, knows_of(mine), op->site);
    for (size_t i = 0; i < response->n_occupancy; i++) {
        const Passerelle__V1__Occupancy *places = response->occupancy[i];
        uint32_t least, most;
        taken_by(work, &h, op->site, (int)places->resource, &least, &most);
        if (places->taken < least || places->taken > most) {
            sim_fail(work->sim, "%u places of kind %d are taken at %s, the model says %u to %u",
                     places->taken, (int)places->resource, work->world.sites[op->site].id, least,
                     most);
        }
    }
}

/* Whom a site lets in while it is away has not used more since its last receipt than it may; or it
 * uses nothing more than `before`, which an allowance that was higher, or a site in contact, let be
 * used: a day that is spent has room for who comes back. */
static void check_allowance(struct work *work, const struct op *op, const struct node_call *mine,
                            int64_t before)
{
    const struct model_pass *pass = &work->model.passes[op->pass];
    const struct world_rules *rules = world_rules_at(&work->world, mine->net_size);
    int holder = pass->holder;
    int64_t allowance = work->world.holders[holder].phone ? rules->phone_units : rules->card_units;
    int64_t spent = model_spent(&work->model, op->site, holder, mine->receipt);
    if (pass->offline_rule != WORLD_OFFLINE_ALWAYS && spent > allowance && spent > before) {
        sim_fail(work->sim,
                 "%s is away, and let %s use %lld units since its last receipt, %lld before, of "
                 "%lld",
                 work->world.sites[op->site].id, work->world.holders[holder].id, (long long)spent,
                 (long long)before, (long long)allowance);
    }
}

/* Nor more in all than the site said that it can cause, before it did. */
static void check_worst_case(struct work *work, const struct op *op, const struct node_call *mine)
{
    int64_t spent = model_spent_away(&work->model, op->site, mine->receipt);
    int64_t stated = (int64_t)mine->stated;
    if (spent > stated) {
        sim_fail(work->sim,
                 "%s is away, says that it can cause %lld units at worst, and let %lld be used",
                 work->world.sites[op->site].id, (long long)stated, (long long)spent);
    }
}

static void judge_check_in(struct work *work, struct op *op, struct node_call *mine)
{
    const Passerelle__V1__CheckInResponse *response = (const void *)mine->call.response;
    struct model_knows knows = knows_of(mine);
    if (mine->call.error.code != CODE_OK) {
        sim_fail(work->sim, "CheckIn at %s: %s", work->world.sites[op->site].id,
                 mine->call.error.message);
    }
    bool fresh =
        !op->doubt || (response->accepted && response->visit->in_utc_ms == knows.now_utc_ms);
    int code = response->accepted ? 0 : (int)response->refusal->code;
    struct model_question question = {.site = op->site,
                                      .pass = op->pass,
                                      .resource = op->resource,
                                      .phone_proof = op->phone_proof,
                                      .typed = op->typed,
                                      .proof_second = op->proof_second,
                                      .terms = mine->terms};
    struct model_terms now;
    if (mine->terms == NULL && op->pass >= 0) {
        const struct model_pass *pass = &work->model.passes[op->pass];
        now = model_terms_of(&work->world, &work->world.holders[pass->holder]);
        question.terms = &now;
    } else if (op->pass >= 0 && fresh) {
        terms_check(work, mine->at, work->model.passes[op->pass].holder, mine->terms,
                    mine->connected && mine->complete);
    }
    int expected = model_check_in(&work->model, &knows, &question);
    bool away = !mine->connected || !mine->complete;
    bool right = is_right(work, &knows, &question, expected, code, away);
    work->away += away;
    if (fresh && !right) {
        sim_fail(work->sim, "CheckIn of %s at %s: the model says %d, the node %d",
                 op->pass < 0 ? "nobody"
                              : work->world.holders[work->model.passes[op->pass].holder].id,
                 work->world.sites[op->site].id, expected, code);
    }
    *(response->accepted ? &work->accepted : &work->refused) += 1;
    op->accepted = response->accepted;
    if (!response->accepted) {
        if (fresh) {
            check_places(work, op, mine, response);
        }
        return;
    }
    if (fresh && away && work->model.passes[op->pass].offline_rule == WORLD_OFFLINE_NEVER) {
        sim_fail(work->sim, "%s is away, and let %s in whose issuer wants a site in contact",
                 work->world.sites[op->site].id,
                 work->world.holders[work->model.passes[op->pass].holder].id);
    }
    if (fresh && response->visit->in_utc_ms != knows.now_utc_ms) {
        sim_fail(work->sim, "a visit begins at another time than the node's");
    }
    struct model_visit visit = {.site = op->site,
                                .holder = work->model.passes[op->pass].holder,
                                .resource = op->resource,
                                .in_utc_ms = response->visit->in_utc_ms,
                                .state = MODEL_OPEN,
                                .away = away,
                                .begun_seq = mine->own_size};
    memcpy(visit.id, op->id, sizeof visit.id);
    int64_t before = model_spent(&work->model, op->site, visit.holder, mine->receipt);
    model_add(&work->model, &visit);
    if (fresh) {
        check_places(work, op, mine, response);
    }
    if (fresh && away && op->resource == WORLD_DESK) {
        check_allowance(work, op, mine, before);
        check_worst_case(work, op, mine);
    }
    if (op->phone_proof) {
        model_proof_used(&work->model, &(struct model_proof){op->pass, op->proof_second, op->site,
                                                             mine->own_size});
    }
}

static int64_t out_of(struct work *work, const struct model_visit *visit)
{
    return visit->out_utc_ms != 0 ? visit->out_utc_ms
                                  : model_closing(&work->world, visit->site, visit->in_utc_ms);
}

static bool in_time(struct work *work, const struct model_visit *visit,
                    const struct node_call *mine)
{
    int64_t hours = world_rules_at(&work->world, mine->net_size)->correction_hours;
    return node_utc_ms(mine->at) <= out_of(work, visit) + hours * HOURS_MS;
}

/* Of a check-out that may have been done before the power went: the time is the node's of then, and
 * the answer's may be that of another check-in that cut the stay. */
static int64_t out_on_disk(struct work *work, struct sim_node *node,
                           const struct model_visit *visit)
{
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    struct visit_row row = {.out_utc_ms = 0};
    struct db *db = node->service.db;
    node_must(node, db_begin_read(db, &fault), &fault, "begin");
    int64_t feed_no = journal_feed_no(db, view_of(work->world.sites[visit->site].id));
    bool found = visits_by_id(db, &arena, feed_no, view_bytes(visit->id, 16), &row);
    node_must(node, db_end(db, &fault), &fault, "read");
    arena_release(&arena);
    if (!found || row.out_utc_ms < visit->in_utc_ms) {
        sim_fail(work->sim, "%s: a check-out left no trace", node->name);
    }
    return row.out_utc_ms;
}

static void judge_check_out(struct work *work, struct op *op, struct node_call *mine)
{
    struct model_visit *visit = model_find(&work->model, op->about);
    int64_t now_utc_ms = node_utc_ms(mine->at);
    if (op->doubt && mine->call.error.code == CODE_OK) {
        model_changes(&work->model, visit, mine->own_size);
        visit->out_utc_ms = out_on_disk(work, mine->at, visit);
    } else {
        expect(work, op, &mine->call, visit->state == MODEL_OPEN);
        if (mine->call.error.code != CODE_OK) {
            return;
        }
        model_changes(&work->model, visit, mine->own_size);
        int64_t midnight = day_start_utc_ms(day_plus(day_of_instant(visit->in_utc_ms), 1));
        int64_t out = now_utc_ms > visit->in_utc_ms ? now_utc_ms : visit->in_utc_ms;
        visit->out_utc_ms = out < midnight ? out : midnight;
    }
    visit->state = MODEL_CLOSED;
    visit->auto_closed = false;
    visit->closed_seq = mine->own_size;
}

static bool is_last_scan(struct work *work, const struct model_visit *visit)
{
    for (size_t i = 0; i < work->model.visit_count; i++) {
        const struct model_visit *other = &work->model.visits[i];
        if (other->site == visit->site && other->state == MODEL_OPEN &&
            other->begun_seq > visit->begun_seq) {
            return false;
        }
    }
    return visit->state == MODEL_OPEN;
}

static void judge_void(struct work *work, struct op *op, struct node_call *mine)
{
    struct model_visit *visit = model_find(&work->model, op->about);
    int64_t undo_ms = world_rules_at(&work->world, mine->net_size)->undo_s * SECOND_MS;
    bool standing = visit->state == MODEL_OPEN || visit->state == MODEL_CLOSED;
    bool may =
        op->kind == OP_UNDO
            ? is_last_scan(work, visit) && node_utc_ms(mine->at) <= visit->in_utc_ms + undo_ms
            : standing && (visit->state == MODEL_OPEN || in_time(work, visit, mine));
    if (!op->doubt) {
        expect(work, op, &mine->call, may);
    }
    if (mine->call.error.code == CODE_OK) {
        model_changes(&work->model, visit, mine->own_size);
        visit->state = MODEL_VOID;
        visit->ended_seq = mine->own_size;
    }
}

static void judge_correct(struct work *work, struct op *op, struct node_call *mine)
{
    struct model_visit *visit = model_find(&work->model, op->about);
    int64_t now_utc_ms = node_utc_ms(mine->at);
    int64_t in = op->in_utc_ms != 0 ? op->in_utc_ms : visit->in_utc_ms;
    int64_t out = op->out_utc_ms != 0 ? op->out_utc_ms : out_of(work, visit);
    bool may = visit->state == MODEL_CLOSED && in_time(work, visit, mine) && out >= in &&
               out <= now_utc_ms &&
               day_compare(day_of_instant(in), day_of_instant(visit->in_utc_ms)) == 0;
    if (!op->doubt) {
        expect(work, op, &mine->call, may);
    }
    if (mine->call.error.code == CODE_OK) {
        struct model_visit after = *visit;
        model_changes(&work->model, visit, mine->own_size);
        visit->state = MODEL_CORRECTED;
        visit->ended_seq = mine->own_size;
        memcpy(after.id, op->id, sizeof after.id);
        after.in_utc_ms = in;
        after.out_utc_ms = out;
        after.state = MODEL_CLOSED;
        after.auto_closed = false;
        after.begun_seq = mine->own_size;
        after.ended_seq = 0;
        model_add(&work->model, &after);
    }
}

static void judge_paper(struct work *work, struct op *op, struct node_call *mine)
{
    int64_t now_utc_ms = node_utc_ms(mine->at);
    bool known = work->model.passes[op->pass].issued_seq <= mine->net_size;
    int64_t hours = world_rules_at(&work->world, mine->net_size)->paper_hours;
    if (!op->doubt) {
        expect(work, op, &mine->call,
               known && op->in_utc_ms <= now_utc_ms && op->out_utc_ms <= now_utc_ms &&
                   op->in_utc_ms >= now_utc_ms - hours * HOURS_MS);
    }
    if (mine->call.error.code == CODE_OK) {
        struct model_visit visit = {.site = op->site,
                                    .holder = work->model.passes[op->pass].holder,
                                    .resource = op->resource,
                                    .in_utc_ms = op->in_utc_ms,
                                    .out_utc_ms = op->out_utc_ms,
                                    .state = MODEL_CLOSED,
                                    .noted = true,
                                    .begun_seq = mine->own_size};
        memcpy(visit.id, op->id, sizeof visit.id);
        model_add(&work->model, &visit);
    }
}

static void judge_operator(struct work *work, struct op *op, struct node_call *mine)
{
    struct model_pass *pass = op->pass < 0 ? NULL : &work->model.passes[op->pass];
    if (mine->call.error.code != CODE_OK) {
        return;
    }
    if (op->kind == OP_TARIFF) {
        work->tariff_seq[work->world.tariff_count] = mine->own_size;
        work->world.tariffs[work->world.tariff_count++] = op->tariff;
    } else if (op->kind == OP_ISSUE) {
        const Passerelle__V1__IssuePassesResponse *response = (const void *)mine->call.response;
        struct person *person = &work->persons[op->holder];
        if (person->pass < 0 && response->n_passes == 1) {
            take_pass(work, person, response->passes[0], mine->own_size);
        }
    } else if (pass->state_count < (int)ARRAY_LEN(pass->states)) {
        int before = pass->state_count == 0 ? 1 : pass->states[pass->state_count - 1].state;
        int after = op->kind == OP_SUSPEND ? 2 : op->kind == OP_RESUME ? 1 : 3;
        if (before != 3 && before != after) {
            pass->states[pass->state_count].seq = mine->own_size;
            pass->states[pass->state_count++].state = after;
        }
    }
}

/* The visit was lost with a disk: nobody knows it, and the desk is told so. */
static bool is_about_nothing(struct work *work, const struct op *op, struct node_call *mine)
{
    bool about = op->kind == OP_CHECK_OUT || op->kind == OP_UNDO || op->kind == OP_VOID ||
                 op->kind == OP_CORRECT;
    if (!about || model_find(&work->model, op->about) != NULL) {
        return false;
    }
    if (mine->call.error.code != CODE_NOT_FOUND) {
        sim_fail(work->sim, "%s at %s about a visit that was lost: %s", op->method->name,
                 mine->at->name,
                 mine->call.error.code == CODE_OK ? "done" : mine->call.error.message);
    }
    return true;
}

/* What was done before, and whose answer is lost: nothing is done twice. */
static void judge_again(struct work *work, struct op *op, struct node_call *mine)
{
    const struct model_visit *visit = model_find(&work->model, op->id);
    if (mine->call.error.code != CODE_OK || op->kind != OP_CHECK_IN || visit == NULL) {
        return;
    }
    const Passerelle__V1__CheckInResponse *response = (const void *)mine->call.response;
    if (response->accepted && response->visit->in_utc_ms != visit->in_utc_ms) {
        sim_fail(work->sim, "%s at %s: one request let %s in twice", op->method->name,
                 mine->at->name, work->world.holders[visit->holder].id);
    }
}

static void judge(struct work *work, struct op *op, struct node_call *mine)
{
    if (is_about_nothing(work, op, mine)) {
        return;
    }
    switch (op->kind) {
    case OP_CHECK_IN:
        judge_check_in(work, op, mine);
        break;
    case OP_CHECK_OUT:
        judge_check_out(work, op, mine);
        break;
    case OP_UNDO:
    case OP_VOID:
        judge_void(work, op, mine);
        break;
    case OP_CORRECT:
        judge_correct(work, op, mine);
        break;
    case OP_PAPER:
        judge_paper(work, op, mine);
        break;
    case OP_TERMS:
        terms_judge(work, op, mine);
        break;
    default:
        judge_operator(work, op, mine);
        break;
    }
}

static bool failed_by_the_machine(const struct call *call)
{
    return call->error.code == CODE_UNAVAILABLE || call->error.code == CODE_DATA_LOSS ||
           call->error.code == CODE_INTERNAL || call->error.code == CODE_RESOURCE_EXHAUSTED;
}

/* Without the name, which is told on the day only and stands in no stored answer. */
static struct view answer_of(const struct op *op, struct call *call)
{
    static char nobody[1];
    Passerelle__V1__Visit *visit = NULL;
    if (call->error.code != CODE_OK || op->kind == OP_ISSUE) {
        return VIEW_NONE; /* secrets of passes are shown once */
    }
    if (op->kind == OP_CHECK_IN) {
        visit = ((Passerelle__V1__CheckInResponse *)call->response)->visit;
    } else if (op->kind == OP_CHECK_OUT) {
        visit = ((Passerelle__V1__CheckOutResponse *)call->response)->visit;
    }
    if (visit != NULL) {
        visit->display_name = nobody;
    }
    return wire_pack_arena(call->arena, call->response);
}

static void op_done(struct node_call *mine)
{
    struct op *op = mine->context;
    struct work *work = mine->at->owner;
    struct call *call = &mine->call;
    bool struck = vfs_twin_struck(mine->at->disk);
    if (failed_by_the_machine(call) || (struck && op->doubt)) {
        /* With the power gone, nobody knows whether it was done: see work_boot(). */
        if (struck && !op->listed && !op->done) {
            op->doubt = op->listed = true;
            op->next_doubt = work->doubts[mine->at->no];
            work->doubts[mine->at->no] = op;
        }
        return;
    }
    if (op->done && op->forgotten) {
        judge_again(work, op, mine);
    } else if (op->done) {
        struct view again = answer_of(op, call);
        if (call->error.code != CODE_OK || !view_equal(again, op->answer)) {
            sim_fail(work->sim, "%s at %s: the same request has another answer: %s",
                     op->method->name, mine->at->name,
                     call->error.code == CODE_OK ? "other bytes" : call->error.message);
        }
    } else {
        judge(work, op, mine);
        op->doubt = false;
        if (call->error.code == CODE_OK) {
            op->done = true;
            op->done_ms = work->sim->now_ms;
            op->seq = mine->own_size;
            op->answer = arena_copy(work->sim->arena, answer_of(op, call));
        }
        sim_trace(work->sim, "%s %s at %s: %s", mine->at->name, op->method->name,
                  op->site < 0 ? "-" : work->world.sites[op->site].id,
                  call->error.code != CODE_OK ? call->error.message
                  : op->kind != OP_CHECK_IN   ? "done"
                  : op->accepted              ? "in"
                                              : "refused");
    }
    op_answer(mine->at, op);
}

static void op_arrived(struct sim *sim, void *context)
{
    struct op *op = context;
    struct sim_node *node = work_node(sim->work, op->site);
    if (node->node.catching_up || (op->site >= 0 && mend_is_closed(sim->work, op->site))) {
        return; /* the gateway says: unavailable; or the desk is closed */
    }
    node_call(node, op->site, op->who, op->method, op->request, op_done, op);
}

static void op_try(struct sim *sim, void *context)
{
    struct op *op = context;
    if (op->answered) {
        return;
    }
    op->attempts++;
    sim_send(sim, end_of(op), work_node(sim->work, op->site)->no, op_arrived, op);
    int64_t wait_ms = RETRY_MS << (op->attempts < 6 ? op->attempts : 6);
    sim_after(sim, sim->calm ? 2 * RETRY_MS : wait_ms + dice_below(&sim->dice, RETRY_MS), op_try,
              op);
}

void work_op_begin(struct work *work, struct op *op, const ProtobufCMessage *request)
{
    op->request = wire_pack_arena(work->sim->arena, request);
    work->open_ops++;
    op_try(work->sim, op);
}

struct op *work_op_new(struct work *work, enum op_kind kind, int site, const struct method *method)
{
    struct op *op = ARENA_NEW(work->sim->arena, struct op);
    op->kind = kind;
    op->site = site;
    op->pass = -1;
    op->method = method;
    op->who = site < 0 ? the_operator() : work_who(ROLE_DESK, work->world.sites[site].id);
    op->next = work->ops[site + 1];
    work->ops[site + 1] = op;
    return op;
}

/* ---- disasters ---- */

/* A tablet that is not sure sends what it had sent. */
static void again_event(struct sim *sim, void *context)
{
    struct op *op = context;
    sim_send(sim, end_of(op), work_node(sim->work, op->site)->no, op_arrived, op);
}

void work_forget(struct work *work, int end, int64_t since_ms, uint64_t size, uint64_t books_size)
{
    work->doubts[end] = NULL;
    for (struct op *op = work->ops[end]; op != NULL; op = op->next) {
        op->doubt &= !op->listed;
        op->listed = false;
        if (!op->done || op->done_ms < since_ms) {
            continue;
        }
        bool stands = op->seq <= (op->in_books ? books_size : size) &&
                      (op->kind != OP_CHECK_IN || op->accepted);
        /* Who keeps the feed next may remember a refusal, or not. */
        op->doubt = !stands && op->kind == OP_CHECK_IN && !op->accepted;
        op->done = stands;
        op->forgotten = stands;
        op->accepted &= stands;
        if (stands && end > 0 && dice_below(&work->sim->dice, 4) == 0) {
            sim_after(work->sim, dice_below(&work->sim->dice, 3 * HOURS_MS), again_event, op);
        }
    }
}

void work_operators_lost(struct work *work, uint64_t net_size, uint64_t books_size)
{
    struct model *model = &work->model;
    for (int i = 0; i < model->pass_count; i++) {
        struct model_pass *pass = &model->passes[i];
        pass->gone |= pass->issued_seq > net_size;
        while (pass->state_count > 0 && pass->states[pass->state_count - 1].seq > net_size) {
            pass->state_count--;
        }
    }
    for (int i = 0; i < work->person_count; i++) {
        struct person *person = &work->persons[i];
        person->pass = person->pass >= 0 && model->passes[person->pass].gone ? -1 : person->pass;
    }
    while (work->world.tariff_count > 0 &&
           work->tariff_seq[work->world.tariff_count - 1] > net_size) {
        work->world.tariff_count--;
    }
    terms_lost(work, net_size, books_size);
}

/* ---- power ---- */

static void boot_event(struct sim *sim, void *context)
{
    (void)sim;
    node_boot(context);
}

void work_down(struct work *work, struct sim_node *node)
{
    sim_after(work->sim, dice_between(&work->sim->dice, SECOND_MS, 20 * MINUTES_MS), boot_event,
              node);
}

void work_boot(struct sim_node *node)
{
    struct work *work = node->owner;
    while (node->up && work->doubts[node->no] != NULL) {
        struct op *op = work->doubts[node->no];
        work->doubts[node->no] = op->next_doubt;
        op->listed = false;
        node_call(node, op->site, op->who, op->method, op->request, op_done, op);
        node_step(node);
    }
    if (node->up) {
        if (node->is_hub || !mend_is_closed(work, node->no - 1)) {
            check_kept(work, node);
        }
        carrier_booted(work, node);
    }
}

static struct sim_node *any_node(struct work *work)
{
    int64_t at = dice_below(&work->sim->dice, 1 + work->sim->params.sites);
    return at == 0 ? &work->hub : &work->sites[at - 1];
}

static void crash_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct sim_node *node = any_node(sim->work);
    if (node->up) {
        uint64_t operation = (uint64_t)dice_below(&sim->dice, 60);
        node_plan_crash(node, operation);
        if (operation == 0) {
            work_down(sim->work, node);
        }
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.crash_every_ms), crash_event, NULL);
}

static void room_event(struct sim *sim, void *context)
{
    (void)sim;
    vfs_twin_set_capacity(((struct sim_node *)context)->disk, 0);
}

static void full_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct sim_node *node = any_node(sim->work);
    if (node->up) {
        sim_trace(sim, "%s: the disk is full", node->name);
        vfs_twin_set_capacity(node->disk, vfs_twin_used(node->disk) +
                                              (size_t)dice_below(&sim->dice, 20000) + 1);
        sim_after(sim, dice_below(&sim->dice, HOURS_MS), room_event, node);
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.full_every_ms), full_event, NULL);
}

static int64_t around(struct dice *dice, int64_t most)
{
    return most == 0 ? 0 : dice_between(dice, -most, most);
}

static void set_clock(struct sim *sim, struct sim_node *node, int64_t off_ms)
{
    node_set_clock(node, around(&sim->dice, off_ms), around(&sim->dice, sim->params.clock_ppm));
}

/* Somebody has seen that it was hours wrong. */
static void clock_back_event(struct sim *sim, void *context)
{
    if (!sim->calm) {
        set_clock(sim, context, sim->params.clock_off_ms);
    }
}

static void clock_event(struct sim *sim, void *context)
{
    (void)context;
    if (sim->calm) {
        return;
    }
    struct sim_node *node = any_node(sim->work);
    if (node->up) {
        bool far = sim->params.clock_far_ms > 0 && dice_below(&sim->dice, 3) == 0;
        set_clock(sim, node, far ? sim->params.clock_far_ms : sim->params.clock_off_ms);
        if (far) {
            sim_after(sim, dice_below(&sim->dice, HOURS_MS), clock_back_event, node);
        }
        sim_trace(sim, "%s: its clock is off by %lld ms", node->name,
                  (long long)node->clock_off_ms);
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.clock_jump_every_ms), clock_event, NULL);
}

/* ---- visitors ---- */

static const char *shown(struct work *work, const struct person *person, int64_t second)
{
    struct token_scan scan = TOKEN_SCAN_INIT;
    uint8_t hash[SHA256_LEN], signature[ED25519_SIGNATURE_LEN];
    struct buf out = BUF_INIT;
    if (token_scan_parse(view_of(person->token), &scan) != TOKEN_VALID) {
        sim_fail(work->sim, "a token cannot be read");
    }
    token_hash(scan.token, hash);
    proof_sign(&person->device, hash, (uint64_t)second, signature);
    token_proof_text(scan.token, (uint64_t)second, signature, &out);
    char *text = arena_string(work->sim->arena, buf_content(&out));
    buf_release(&out);
    token_scan_release(&scan);
    return text;
}

static void check_in(struct work *work, const struct person *person, int site, int resource)
{
    struct op *op = work_op_new(work, OP_CHECK_IN, site, work->check_in);
    Passerelle__V1__CheckInRequest *request = NEW(check_in_request);
    const struct world_holder *holder = &work->world.holders[person->holder];
    request->request_id = work_request_id(work, op->id);
    request->site_id = work->world.sites[site].id;
    request->resource = (Passerelle__V1__Resource)resource;
    op->resource = resource;
    op->pass = person->pass;
    op->holder = person->holder;
    if (person->pass < 0) {
        request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
        request->card_number = arena_string(work->sim->arena, view_of("1234567897"));
        op->typed = true;
    } else if (holder->phone) {
        /* The phone's clock is right; a code lives for up to 15 s before it is scanned. */
        op->proof_second = sim_utc_ms(work->sim) / 1000 - dice_below(&work->sim->dice, 15);
        op->phone_proof = true;
        request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN;
        request->scan = (char *)(uintptr_t)shown(work, person, op->proof_second);
    } else if (dice_below(&work->sim->dice, 2) == 0) {
        request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN;
        request->scan = person->token;
    } else {
        request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_CARD_NUMBER;
        request->card_number = work->model.passes[person->pass].number;
        op->typed = true;
    }
    work_op_begin(work, op, &request->base);
}

static const struct person *anybody(struct work *work)
{
    return &work->persons[dice_below(&work->sim->dice, work->person_count)];
}

void work_visit(struct work *work, int site, bool by_card)
{
    const struct person *person = anybody(work);
    for (int i = 0; by_card && work->world.holders[person->holder].phone && i < 8; i++) {
        person = anybody(work);
    }
    check_in(work, person, site, WORLD_DESK);
}

static void visitor_event(struct sim *sim, void *context)
{
    (void)context;
    struct work *work = sim->work;
    const struct person *person = anybody(work);
    /* Each has a favourite; many come back to where they were. */
    int site = dice_below(&sim->dice, 3) > 0 ? person->holder % work->world.site_count
                                             : (int)dice_below(&sim->dice, work->world.site_count);
    int resource = dice_below(&sim->dice, 5) > 0 ? WORLD_DESK : (int)dice_between(&sim->dice, 2, 3);
    check_in(work, person, site, resource);
    if (dice_below(&sim->dice, 20) == 0) { /* the same code at two places */
        check_in(work, person, (int)dice_below(&sim->dice, work->world.site_count), resource);
    }
}

struct later {
    struct op *op;
    enum op_kind kind;
};

static char *id_text(struct work *work, const uint8_t id[static 16])
{
    char text[UUID_TEXT_LEN + 1];
    struct uuid uuid;
    memcpy(&uuid, id, 16);
    uuid_format(uuid, text);
    return arena_string(work->sim->arena, view_of(text));
}

static void correct(struct work *work, struct op *op, struct dice *dice)
{
    static char reason[] = "wrong time";
    const struct model_visit *visit = model_find(&work->model, op->about);
    Passerelle__V1__CorrectVisitRequest *request = NEW(correct_visit_request);
    request->request_id = work_request_id(work, op->id);
    request->site_id = work->world.sites[op->site].id;
    request->visit_id = id_text(work, op->about);
    request->reason = reason;
    int64_t begun_utc_ms = visit != NULL ? visit->in_utc_ms : sim_utc_ms(work->sim);
    op->in_utc_ms =
        dice_below(dice, 2) == 0 ? 0 : begun_utc_ms + dice_between(dice, -HOURS_MS, HOURS_MS);
    op->out_utc_ms =
        dice_below(dice, 3) == 0 ? 0 : begun_utc_ms + dice_between(dice, 0, 9 * HOURS_MS);
    request->in_utc_ms = op->in_utc_ms;
    request->out_utc_ms = op->out_utc_ms;
    work_op_begin(work, op, &request->base);
}

static void later_event(struct sim *sim, void *context)
{
    static char reason[] = "a mistake";
    const struct later *later = context;
    struct work *work = sim->work;
    struct op *op = NULL;
    const ProtobufCMessage *message = NULL;
    int site = later->op->site;
    work->laters--;
    if (later->kind == OP_CHECK_OUT) {
        Passerelle__V1__CheckOutRequest *request = NEW(check_out_request);
        op = work_op_new(work, OP_CHECK_OUT, site, work->check_out);
        request->request_id = work_request_id(work, op->id);
        request->site_id = work->world.sites[site].id;
        request->who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_VISIT_ID;
        request->visit_id = id_text(work, later->op->id);
        message = &request->base;
    } else if (later->kind == OP_UNDO) {
        Passerelle__V1__UndoRequest *request = NEW(undo_request);
        op = work_op_new(work, OP_UNDO, site, work->undo);
        request->request_id = work_request_id(work, op->id);
        request->site_id = work->world.sites[site].id;
        request->visit_id = id_text(work, later->op->id);
        message = &request->base;
    } else if (later->kind == OP_VOID) {
        Passerelle__V1__VoidVisitRequest *request = NEW(void_visit_request);
        op = work_op_new(work, OP_VOID, site, work->void_visit);
        request->request_id = work_request_id(work, op->id);
        request->site_id = work->world.sites[site].id;
        request->visit_id = id_text(work, later->op->id);
        request->reason = reason;
        message = &request->base;
    } else {
        op = work_op_new(work, OP_CORRECT, site, work->correct);
    }
    memcpy(op->about, later->op->id, sizeof op->about);
    if (message == NULL) {
        correct(work, op, &sim->dice);
    } else {
        work_op_begin(work, op, message);
    }
}

static void plan_later(struct work *work, struct op *op, enum op_kind kind, int64_t ms)
{
    struct later *later = ARENA_NEW(work->sim->arena, struct later);
    *later = (struct later){op, kind};
    work->laters++;
    sim_after(work->sim, ms, later_event, later);
}

/* Who was let in leaves some time, or forgets; a few were mistakes. */
static void op_followed(struct work *work, struct op *op)
{
    struct dice *dice = &work->sim->dice;
    if (op->kind != OP_CHECK_IN || !op->accepted || work->sim->calm) {
        return;
    }
    int64_t stay_ms = dice_below(dice, 5) == 0 ? dice_below(dice, 10 * MINUTES_MS)
                                               : dice_below(dice, 9 * HOURS_MS);
    enum world_cheat cheat = work->world.sites[op->site].cheat;
    if (cheat == WORLD_STAYS_LONG) {
        stay_ms = 9 * HOURS_MS;
    }
    if (dice_below(dice, 8) > 0 && cheat != WORLD_FORGETS) {
        plan_later(work, op, OP_CHECK_OUT, stay_ms);
    }
    if (dice_below(dice, 12) == 0) {
        plan_later(work, op, OP_UNDO, dice_below(dice, 80 * SECOND_MS));
    }
    if (dice_below(dice, 15) == 0) {
        plan_later(work, op, OP_VOID, dice_below(dice, 30 * HOURS_MS));
    }
    if (dice_below(dice, 8) == 0) {
        plan_later(work, op, OP_CORRECT, dice_below(dice, 20 * HOURS_MS));
    }
}

void work_note(struct work *work, int site, int64_t in_utc_ms, int64_t out_utc_ms)
{
    static char reason[] = "the tablet was broken";
    const struct person *person = anybody(work);
    if (person->pass < 0) {
        return;
    }
    struct op *op = work_op_new(work, OP_PAPER, site, work->paper);
    Passerelle__V1__NotePaperStayRequest *request = NEW(note_paper_stay_request);
    op->pass = person->pass;
    op->resource = dice_below(&work->sim->dice, 4) > 0 ? WORLD_DESK : WORLD_ROOM;
    op->in_utc_ms = in_utc_ms;
    op->out_utc_ms = out_utc_ms;
    request->request_id = work_request_id(work, op->id);
    request->site_id = work->world.sites[site].id;
    request->pass_number = work->model.passes[person->pass].number;
    request->resource = (Passerelle__V1__Resource)op->resource;
    request->in_utc_ms = op->in_utc_ms;
    request->out_utc_ms = op->out_utc_ms;
    request->reason = reason;
    work_op_begin(work, op, &request->base);
}

static void paper_event(struct sim *sim, void *context)
{
    (void)context;
    struct dice *dice = &sim->dice;
    int64_t now = sim_utc_ms(sim);
    int64_t in = now - dice_below(dice, 9 * HOURS_MS) - HOURS_MS;
    int64_t out = dice_below(dice, 4) == 0 ? 0 : in + dice_below(dice, now - in);
    work_note(sim->work, (int)dice_below(dice, sim->work->world.site_count), in, out);
}

/* ---- operators ---- */

static void publish_tariff(struct work *work)
{
    struct sim *sim = work->sim;
    if (work->world.tariff_count == (int)ARRAY_LEN(work->world.tariffs)) {
        return;
    }
    struct op *op = work_op_new(work, OP_TARIFF, -1, work->tariff);
    Passerelle__V1__PublishTariffRequest *request = NEW(publish_tariff_request);
    Passerelle__V1__TariffVersion *version = NEW(tariff_version);
    char day[11];
    op->tariff = work->world.tariffs[work->world.tariff_count - 1];
    op->tariff.from =
        day_plus(day_of_instant(sim_utc_ms(sim)), (int)dice_between(&sim->dice, 8, 12));
    day_format(op->tariff.from, day);
    version->version = (uint32_t)work->world.tariff_count + 1;
    version->valid_from = arena_string(sim->arena, view_of(day));
    version->rows = ARENA_ARRAY(sim->arena, 3 * WORLD_SLOTS, Passerelle__V1__TariffRow *);
    for (int i = 0; i < 3 * WORLD_SLOTS; i++) {
        static char standard[] = "standard";
        Passerelle__V1__TariffRow *row = NEW(tariff_row);
        struct world_price *price = &op->tariff.prices[i / WORLD_SLOTS][i % WORLD_SLOTS];
        int slot = i % WORLD_SLOTS;
        price->p += dice_below(&sim->dice, 50);
        row->category = standard;
        row->zone = (Passerelle__V1__Zone)(i / WORLD_SLOTS + 1);
        row->resource = (Passerelle__V1__Resource)(slot <= WORLD_DAY ? 1 : slot);
        row->unit = (Passerelle__V1__Unit)(slot <= WORLD_DAY ? slot + 1 : 3);
        row->p_cents = price->p;
        row->h_cents = price->h;
        row->f_cents = price->f;
        row->s_cents = price->s;
        version->rows[version->n_rows++] = row;
    }
    request->request_id = work_request_id(work, op->id);
    request->tariff = version;
    work_op_begin(work, op, &request->base);
}

static void issue_later(struct work *work)
{
    for (int i = 0; i < work->person_count; i++) {
        if (work->persons[i].pass < 0) {
            struct op *op = work_op_new(work, OP_ISSUE, -1, work->issue);
            op->holder = i;
            work_op_begin(work, op, &issue_request(work, i, op->id)->base);
            return;
        }
    }
}

static void operator_event(struct sim *sim, void *context)
{
    (void)context;
    struct work *work = sim->work;
    if (sim->calm) {
        return;
    }
    sim_after(sim, dice_below(&sim->dice, 2 * sim->params.operator_every_ms), operator_event, NULL);
    int64_t what = dice_below(&sim->dice, 10);
    const struct person *person = &work->persons[dice_below(&sim->dice, work->person_count)];
    if (what == 0) {
        publish_tariff(work);
    } else if (what == 1) {
        issue_later(work);
    } else if (person->pass >= 0) {
        static char reason[] = "the employer asks";
        enum op_kind kind = what < 5 ? OP_SUSPEND : what < 9 ? OP_RESUME : OP_REVOKE;
        /* The three messages are alike. */
        Passerelle__V1__SuspendPassesRequest *request = wire_new(
            sim->arena, kind == OP_SUSPEND  ? &passerelle__v1__suspend_passes_request__descriptor
                        : kind == OP_RESUME ? &passerelle__v1__resume_passes_request__descriptor
                                            : &passerelle__v1__revoke_passes_request__descriptor);
        struct op *op = work_op_new(work, kind, -1,
                                    kind == OP_SUSPEND  ? work->suspend
                                    : kind == OP_RESUME ? work->resume
                                                        : work->revoke);
        op->pass = person->pass;
        request->request_id = work_request_id(work, op->id);
        request->pass_ids = ARENA_ARRAY(sim->arena, 1, char *);
        request->pass_ids[0] = work->model.passes[person->pass].pass_id;
        request->n_pass_ids = 1;
        request->reason = reason;
        work_op_begin(work, op, &request->base);
    }
}

/* ---- the plan ---- */

static void tick_event(struct sim *sim, void *context)
{
    (void)context;
    struct work *work = sim->work;
    node_step(&work->hub);
    for (int site = 0; site < sim->params.sites; site++) {
        node_step(&work->sites[site]);
    }
    sim_after(sim, 5 * MINUTES_MS, tick_event, NULL);
}

static void maybe_after(struct sim *sim, int64_t every_ms, sim_event *event)
{
    if (every_ms > 0) {
        sim_after(sim, dice_below(&sim->dice, 2 * every_ms), event, NULL);
    }
}

void work_plan(struct work *work)
{
    struct sim *sim = work->sim;
    for (int64_t day = 0; day < sim->params.days; day++) {
        for (int64_t i = 0; i < sim->params.visits; i++) {
            int64_t at_ms = day * DAYS_MS + dice_below(&sim->dice, 15 * HOURS_MS);
            sim_after(sim, at_ms, dice_below(&sim->dice, 15) == 0 ? paper_event : visitor_event,
                      NULL);
        }
    }
    set_clock(sim, &work->hub, sim->params.clock_off_ms);
    for (int site = 0; site < sim->params.sites; site++) {
        set_clock(sim, &work->sites[site], sim->params.clock_off_ms);
    }
    sim_weather(sim);
    mend_plan(work);
    terms_plan(work);
    padding_plan(work);
    sim_after(sim, MINUTES_MS, tick_event, NULL);
    maybe_after(sim, sim->params.crash_every_ms, crash_event);
    maybe_after(sim, sim->params.full_every_ms, full_event);
    maybe_after(sim, sim->params.clock_jump_every_ms, clock_event);
    maybe_after(sim, sim->params.operator_every_ms, operator_event);
}
