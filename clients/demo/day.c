/* The day: desks get their certificates, phones and cards arrive, everyone who is turned away is
 * turned away for a reason of their own, and part of the visitors leave. A few people and plans are
 * added beside the imported ones, so that each refusal has somebody whom it meets. They begin in
 * November: the month to close is not touched. */
#include "demo/day.h"

#include <unistd.h>

#include "core/day/day.h"
#include "core/pass/token.h"
#include "crypt/cert.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "wire/pack.h"

enum { DESKS = 16, STALE_TRIES = 20 };

struct desk_link {
    char site_id[41];
    uint32_t capacity;
    uint32_t admitted;
    char certificate[512];
    char key[512];
    struct peer *peer;
};

/* Somebody who is in, and where. */
struct stay_here {
    struct desk_link *desk;
    const char *visit_id;
};

struct day_story {
    struct demo *demo;
    struct demo_passes *passes;
    struct desk_link desks[DESKS];
    size_t desk_count;
    char closed_site[41]; /* does not open today */
    size_t accepted;
    size_t refused;
    size_t left;
};

/* ---- the cast ---- */

static const char extra_holders[] =
    "holder_id,employer_id,plan_id,given_name,family_name,email,cost_centre,medium,active_from,"
    "active_to\n"
    "demo-future,demo,demo-usage,Ava,Demain,ava@example.org,D1,phone,2026-12-01,\n"
    "demo-revoked,demo,demo-usage,Rose,Perdue,rose@example.org,D1,phone,2026-11-01,\n"
    "demo-suspended,demo,demo-usage,Sami,Pause,sami@example.org,D1,phone,2026-11-01,\n"
    "demo-rules,strict,demo-strict,Zoe,Cadre,zoe@example.org,D2,phone,2026-11-01,\n"
    "demo-credit,demo,demo-units,Nora,Sou,nora@example.org,D1,phone,2026-11-01,\n"
    "demo-cap,demo,demo-capped,Paul,Fond,paul@example.org,D1,phone,2026-11-01,\n";

static void put_employer(struct day_story *story, const char *id, const char *name,
                         const char *issuer)
{
    struct demo *demo = story->demo;
    Passerelle__V1__PutEmployerRequest *request =
        demo_new(demo, &passerelle__v1__put_employer_request__descriptor);
    Passerelle__V1__Employer *employer = demo_new(demo, &passerelle__v1__employer__descriptor);
    request->request_id = demo_request_id(demo);
    request->employer = employer;
    employer->employer_id = wire_string(&demo->arena, view_of(id));
    employer->issuer_member_id = wire_string(&demo->arena, view_of(issuer));
    employer->legal_name = wire_string(&demo->arena, view_of(name));
    employer->sector = PASSERELLE__V1__SECTOR__SECTOR_PRIVATE;
    employer->siren = wire_string(&demo->arena, VIEW_LIT("990447757"));
    employer->siret = wire_string(&demo->arena, VIEW_LIT("99044775700016"));
    employer->vat_id = wire_string(&demo->arena, VIEW_LIT("FR95990447757"));
    employer->address = wire_string(&demo->arena, VIEW_LIT("1 place du Capitole"));
    employer->postcode = wire_string(&demo->arena, VIEW_LIT("31000"));
    employer->city = wire_string(&demo->arena, VIEW_LIT("Toulouse"));
    employer->country = wire_string(&demo->arena, VIEW_LIT("FR"));
    demo_call(demo, demo->operator, "EmployerService", "PutEmployer", &request->base,
              &passerelle__v1__put_employer_response__descriptor);
}

static void put_plan(struct day_story *story, const char *id, const char *employer,
                     Passerelle__V1__PlanType type, uint32_t units, int64_t cap_cents)
{
    struct demo *demo = story->demo;
    Passerelle__V1__PutPlanRequest *request =
        demo_new(demo, &passerelle__v1__put_plan_request__descriptor);
    Passerelle__V1__Plan *plan = demo_new(demo, &passerelle__v1__plan__descriptor);
    request->request_id = demo_request_id(demo);
    request->plan = plan;
    plan->plan_id = wire_string(&demo->arena, view_of(id));
    plan->employer_id = wire_string(&demo->arena, view_of(employer));
    plan->type = type;
    plan->holder_cap_cents = cap_cents;
    if (type == PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION) {
        plan->monthly_fee_cents = 1500;
        plan->included_units = units;
        plan->overage = PASSERELLE__V1__OVERAGE__OVERAGE_REFUSE;
    }
    demo_call(demo, demo->operator, "EmployerService", "PutPlan", &request->base,
              &passerelle__v1__put_plan_response__descriptor);
}

static void import_holders(struct day_story *story)
{
    struct demo *demo = story->demo;
    Passerelle__V1__ImportTableRequest *request =
        demo_new(demo, &passerelle__v1__import_table_request__descriptor);
    request->request_id = demo_request_id(demo);
    request->table = PASSERELLE__V1__TABLE__TABLE_HOLDERS;
    request->csv = wire_bytes(VIEW_LIT(extra_holders));
    const Passerelle__V1__ImportTableResponse *response =
        demo_call(demo, demo->operator, "NetworkService", "ImportTable", &request->base,
                  &passerelle__v1__import_table_response__descriptor);
    if (!response->done) {
        demo_give_up("the day's own people were refused: line %u: %s", response->reports[0]->line,
                     response->reports[0]->problem);
    }
}

/* The strict employer lets its staff into booths only. */
static void set_strict_policy(struct day_story *story)
{
    struct demo *demo = story->demo;
    static Passerelle__V1__Resource booth[] = {PASSERELLE__V1__RESOURCE__RESOURCE_BOOTH};
    Passerelle__V1__SetEmployerPolicyRequest *request =
        demo_new(demo, &passerelle__v1__set_employer_policy_request__descriptor);
    Passerelle__V1__EmployerPolicy *policy =
        demo_new(demo, &passerelle__v1__employer_policy__descriptor);
    Passerelle__V1__PolicyRule *rule = demo_new(demo, &passerelle__v1__policy_rule__descriptor);
    Passerelle__V1__PolicyRule **rules = ARENA_NEW(&demo->arena, Passerelle__V1__PolicyRule *);
    rules[0] = rule;
    rule->kind = PASSERELLE__V1__POLICY_RULE_KIND__POLICY_RULE_KIND_RESOURCES;
    rule->enforcement = PASSERELLE__V1__ENFORCEMENT__ENFORCEMENT_BLOCK;
    rule->resources = booth;
    rule->n_resources = 1;
    policy->employer_id = wire_string(&demo->arena, VIEW_LIT("strict"));
    policy->rules = rules;
    policy->n_rules = 1;
    request->request_id = demo_request_id(demo);
    request->policy = policy;
    demo_call(demo, demo->operator, "EmployerService", "SetEmployerPolicy", &request->base,
              &passerelle__v1__set_employer_policy_response__descriptor);
}

static void cast(struct day_story *story)
{
    put_employer(story, "demo", "Demonstration SAS", "op");
    put_employer(story, "strict", "Strict SAS", "op");
    put_plan(story, "demo-usage", "demo", PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE, 0, 0);
    put_plan(story, "demo-units", "demo", PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_SUBSCRIPTION, 1, 0);
    put_plan(story, "demo-capped", "demo", PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE, 0, 100);
    put_plan(story, "demo-strict", "strict", PASSERELLE__V1__PLAN_TYPE__PLAN_TYPE_USAGE, 0, 0);
    import_holders(story);
    set_strict_policy(story);
    demo_passes_issue(story->demo, story->passes);
}

/* ---- desks ---- */

static void write_file(const char *path, struct view content)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fwrite(content.data, 1, content.len, file) != content.len ||
        fclose(file) != 0) {
        demo_give_up("cannot write %s", path);
    }
}

/* The tablet makes its key and asks; the operator's answer is its certificate. */
static void open_desk(struct day_story *story, const Passerelle__V1__Site *site)
{
    struct demo *demo = story->demo;
    struct desk_link *desk = &story->desks[story->desk_count++];
    snprintf(desk->site_id, sizeof desk->site_id, "%s", site->site_id);
    snprintf(desk->certificate, sizeof desk->certificate, "%s/desk-%s.crt", demo->dir,
             site->site_id);
    snprintf(desk->key, sizeof desk->key, "%s/desk-%s.key", demo->dir, site->site_id);
    desk->capacity = site->desks;
    struct cert_pem pem = CERT_PEM_INIT;
    struct fault fault = FAULT_NONE;
    if (cert_make_request(&pem, &fault) != E_OK) {
        demo_give_up("%s", fault.text);
    }
    Passerelle__V1__IssueCertificateRequest *request =
        demo_new(demo, &passerelle__v1__issue_certificate_request__descriptor);
    request->request_id = demo_request_id(demo);
    request->csr_pem = wire_string(&demo->arena, buf_content(&pem.certificate));
    request->role = wire_string(&demo->arena, VIEW_LIT("desk"));
    request->party = wire_string(&demo->arena, view_of(site->site_id));
    request->label = wire_string(&demo->arena, VIEW_LIT("tablet"));
    const Passerelle__V1__IssueCertificateResponse *response =
        demo_call(demo, demo->operator, "NetworkService", "IssueCertificate", &request->base,
                  &passerelle__v1__issue_certificate_response__descriptor);
    write_file(desk->certificate, view_of(response->certificate_pem));
    write_file(desk->key, buf_content(&pem.key));
    cert_pem_release(&pem);
    struct demo_link link = {.url = demo->link.url,
                             .ca = demo->link.ca,
                             .certificate = desk->certificate,
                             .key = desk->key};
    desk->peer = demo_connect(&link);
}

static void open_desks(struct day_story *story)
{
    struct demo *demo = story->demo;
    Passerelle__V1__ListSitesRequest *request =
        demo_new(demo, &passerelle__v1__list_sites_request__descriptor);
    request->open_at_utc_ms = demo_now_utc_ms(demo);
    const Passerelle__V1__ListSitesResponse *open =
        demo_call(demo, demo->anyone, "DirectoryService", "ListSites", &request->base,
                  &passerelle__v1__list_sites_response__descriptor);
    size_t smallest = 0;
    for (size_t i = 0; i < open->n_sites; i++) {
        smallest = open->sites[i]->desks < open->sites[smallest]->desks ? i : smallest;
    }
    if (open->n_sites < DESKS) {
        demo_give_up("only %zu sites are open at this hour: start over with --fresh",
                     open->n_sites);
    }
    /* The smallest first: it will be full. */
    open_desk(story, open->sites[smallest]);
    for (size_t i = 0; story->desk_count < DESKS - 1 && i < open->n_sites; i++) {
        if (i != smallest && open->sites[i]->desks >= 6) {
            open_desk(story, open->sites[i]);
        }
    }
    /* The last one is a site that is closed all day today. */
    request->open_at_utc_ms = 0;
    const Passerelle__V1__ListSitesResponse *all =
        demo_call(demo, demo->anyone, "DirectoryService", "ListSites", &request->base,
                  &passerelle__v1__list_sites_response__descriptor);
    for (size_t i = 0; i < all->n_sites; i++) {
        if (view_starts(view_of(all->sites[i]->opening_hours), "Mo,We,Fr")) {
            snprintf(story->closed_site, sizeof story->closed_site, "%s", all->sites[i]->site_id);
            open_desk(story, all->sites[i]);
            return;
        }
    }
    demo_give_up("no site of this network is closed on a Tuesday");
}

/* ---- at the desk ---- */

static const char *refusal_name(Passerelle__V1__RefusalCode code)
{
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value(&passerelle__v1__refusal_code__descriptor, (int)code);
    return value == NULL ? "?" : value->name + strlen("REFUSAL_CODE_");
}

static const Passerelle__V1__CheckInResponse *scan_at(struct day_story *story,
                                                      struct desk_link *desk, const char *scan)
{
    struct demo *demo = story->demo;
    Passerelle__V1__CheckInRequest *request =
        demo_new(demo, &passerelle__v1__check_in_request__descriptor);
    request->request_id = demo_request_id(demo);
    request->site_id = wire_string(&demo->arena, view_of(desk->site_id));
    request->credential_case = PASSERELLE__V1__CHECK_IN_REQUEST__CREDENTIAL_SCAN;
    request->scan = wire_string(&demo->arena, view_of(scan));
    request->resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    return demo_call(demo, desk->peer, "DeskService", "CheckIn", &request->base,
                     &passerelle__v1__check_in_response__descriptor);
}

/* A phone that was too slow shows its next code, as a person would hold it up again: this machine
 * may be busy while the business clock runs fast. */
static const Passerelle__V1__CheckInResponse *
show_at(struct day_story *story, struct desk_link *desk, const struct demo_pass *pass)
{
    for (int i = 0;; i++) {
        char *scan = demo_show(story->demo, pass, demo_now_utc_ms(story->demo) / 1000);
        const Passerelle__V1__CheckInResponse *response = scan_at(story, desk, scan);
        if (response->accepted || i == STALE_TRIES ||
            (response->refusal->code != PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_PROOF_STALE &&
             response->refusal->code !=
                 PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_PROOF_REPLAYED)) {
            return response;
        }
        demo_look_at_clock(story->demo);
    }
}

static void expect(struct day_story *story, const Passerelle__V1__CheckInResponse *response,
                   Passerelle__V1__RefusalCode code)
{
    if (response->accepted || response->refusal->code != code) {
        demo_give_up("expected %s, got %s", refusal_name(code),
                     response->accepted ? "ADMITTED" : refusal_name(response->refusal->code));
    }
    story->refused++;
    printf("  %-15s %s\n", refusal_name(code), response->refusal->sentence_fr);
}

static struct demo_pass *person(struct day_story *story, const char *holder_id)
{
    struct demo_pass *pass = demo_pass_of(story->passes, holder_id);
    if (pass == NULL) {
        demo_give_up("%s has no pass", holder_id);
    }
    if (pass->is_phone && pass->token[0] == '\0') {
        demo_phone_activate(story->demo, pass);
    }
    return pass;
}

/* ---- everybody who is turned away ---- */

static void pass_state(struct day_story *story, const char *holder_id, bool revoke)
{
    struct demo *demo = story->demo;
    struct demo_pass *pass = person(story, holder_id);
    char **ids = ARENA_NEW(&demo->arena, char *);
    ids[0] = wire_string(&demo->arena, view_of(pass->pass_id));
    if (revoke) {
        Passerelle__V1__RevokePassesRequest *request =
            demo_new(demo, &passerelle__v1__revoke_passes_request__descriptor);
        request->request_id = demo_request_id(demo);
        request->pass_ids = ids;
        request->n_pass_ids = 1;
        request->reason = wire_string(&demo->arena, VIEW_LIT("phone lost"));
        demo_call(demo, demo->operator, "PassService", "RevokePasses", &request->base,
                  &passerelle__v1__revoke_passes_response__descriptor);
    } else {
        Passerelle__V1__SuspendPassesRequest *request =
            demo_new(demo, &passerelle__v1__suspend_passes_request__descriptor);
        request->request_id = demo_request_id(demo);
        request->pass_ids = ids;
        request->n_pass_ids = 1;
        request->reason = wire_string(&demo->arena, VIEW_LIT("on leave"));
        demo_call(demo, demo->operator, "PassService", "SuspendPasses", &request->base,
                  &passerelle__v1__suspend_passes_response__descriptor);
    }
}

/* The same token, signed by a key that the network never published (`foreign`), or with a signature
 * that is not that key's. */
static char *forge(struct day_story *story, const struct demo_pass *pass, bool foreign)
{
    struct demo *demo = story->demo;
    struct token_scan scan = TOKEN_SCAN_INIT;
    struct buf forged = BUF_INIT;
    if (token_scan_parse(view_of(pass->token), &scan) != TOKEN_VALID) {
        demo_give_up("a token is damaged");
    }
    if (foreign) {
        struct token token;
        struct ed25519_key key;
        ed25519_key_make(&key, &demo->env);
        if (token_decode(scan.token, view_of(demo->network_id), &token) != TOKEN_VALID ||
            token_sign(&token, view_of(demo->network_id), &key, &forged) != E_OK) {
            demo_give_up("a token cannot be signed again");
        }
    } else {
        buf_view(&forged, scan.token);
        forged.data[forged.len - 1] ^= 1;
    }
    struct buf text = BUF_INIT;
    token_text(buf_content(&forged), &text);
    char *shown = wire_string(&demo->arena, buf_content(&text));
    buf_release(&text);
    buf_release(&forged);
    token_scan_release(&scan);
    return shown;
}

static struct demo_pass *expired_card(struct day_story *story)
{
    for (size_t i = 0; i < story->passes->count; i++) {
        struct demo_pass *pass = &story->passes->items[i];
        if (!pass->is_phone && pass->is_expired && pass->token[0] != '\0') {
            return pass;
        }
    }
    demo_give_up("nobody has a card that expired");
}

#define REFUSED(name) PASSERELLE__V1__REFUSAL_CODE__REFUSAL_CODE_##name

static void turn_away(struct day_story *story, struct demo_pass *inside)
{
    struct demo *demo = story->demo;
    struct desk_link *desk = &story->desks[1];
    struct demo_pass *anyone = person(story, "demo-credit");
    printf("Each refusal, as the desk reads it:\n");
    expect(story, scan_at(story, desk, "PT1:HELLO"), REFUSED(BAD_TOKEN));
    expect(story, scan_at(story, desk, forge(story, anyone, true)), REFUSED(UNKNOWN_KEY));
    expect(story, scan_at(story, desk, forge(story, anyone, false)), REFUSED(BAD_SIGNATURE));
    expect(story, show_at(story, desk, person(story, "demo-future")), REFUSED(NOT_YET_VALID));
    expect(story, show_at(story, desk, expired_card(story)), REFUSED(EXPIRED));
    struct demo_pass *lost = person(story, "demo-revoked");
    pass_state(story, "demo-revoked", true);
    expect(story, show_at(story, desk, lost), REFUSED(REVOKED));
    struct demo_pass *paused = person(story, "demo-suspended");
    pass_state(story, "demo-suspended", false);
    expect(story, show_at(story, desk, paused), REFUSED(SUSPENDED));
    expect(story, scan_at(story, desk, anyone->token), REFUSED(PROOF_MISSING));
    int64_t now_s = demo_now_utc_ms(demo) / 1000;
    expect(story, scan_at(story, desk, demo_show(demo, anyone, now_s - 600)), REFUSED(PROOF_STALE));
    expect(story, show_at(story, desk, person(story, "demo-rules")), REFUSED(NOT_ENTITLED));
    expect(story, show_at(story, &story->desks[DESKS - 1], anyone), REFUSED(SITE_CLOSED));
    expect(story, show_at(story, &story->desks[0], anyone), REFUSED(SITE_FULL));
    expect(story, show_at(story, desk, inside), REFUSED(ALREADY_IN));
    expect(story, show_at(story, desk, person(story, "demo-cap")), REFUSED(CAP_REACHED));
    if (!show_at(story, desk, anyone)->accepted) {
        demo_give_up("a holder with one unit left was refused");
    }
    story->accepted++;
    /* Coming in elsewhere cuts the first stay; past five minutes it has used the unit (RULES 5). */
    demo_wait_business_s(demo, 400);
    expect(story, show_at(story, &story->desks[2], anyone), REFUSED(NO_CREDIT));
}

/* The same code twice: the second time within its minute, by a card-sharper's screenshot. */
static void replay(struct day_story *story, struct demo_pass *pass)
{
    struct demo *demo = story->demo;
    for (int i = 0; i < STALE_TRIES; i++) {
        char *scan = demo_show(demo, pass, demo_now_utc_ms(demo) / 1000);
        const Passerelle__V1__CheckInResponse *first = scan_at(story, &story->desks[3], scan);
        const Passerelle__V1__CheckInResponse *second = scan_at(story, &story->desks[4], scan);
        story->accepted += first->accepted != 0;
        if (!second->accepted && second->refusal->code == REFUSED(PROOF_REPLAYED)) {
            expect(story, second, REFUSED(PROOF_REPLAYED));
            return;
        }
        demo_look_at_clock(demo);
    }
    demo_give_up("a proof shown twice was never noticed");
}

/* ---- coming and going ---- */

static struct desk_link *desk_with_room(struct day_story *story, size_t i)
{
    for (size_t k = 0; k < story->desk_count - 2; k++) {
        struct desk_link *desk = &story->desks[1 + (i + k) % (story->desk_count - 2)];
        /* Three places stay free for those who come later in the story. */
        if (desk->admitted + 3 < desk->capacity) {
            return desk;
        }
    }
    return NULL;
}

static void check_out(struct day_story *story, struct desk_link *desk, const char *visit_id)
{
    struct demo *demo = story->demo;
    Passerelle__V1__CheckOutRequest *request =
        demo_new(demo, &passerelle__v1__check_out_request__descriptor);
    request->request_id = demo_request_id(demo);
    request->site_id = wire_string(&demo->arena, view_of(desk->site_id));
    request->who_case = PASSERELLE__V1__CHECK_OUT_REQUEST__WHO_VISIT_ID;
    request->visit_id = wire_string(&demo->arena, view_of(visit_id));
    demo_call(demo, desk->peer, "DeskService", "CheckOut", &request->base,
              &passerelle__v1__check_out_response__descriptor);
    desk->admitted--;
    story->left++;
}

void demo_day_play(struct demo *demo, struct demo_passes *passes, size_t phones)
{
    struct day_story *story = ARENA_NEW(&demo->arena, struct day_story);
    story->demo = demo;
    story->passes = passes;
    demo_passes_issue(demo, passes);
    printf("%zu passes are issued; employers send the codes, the cards are printed.\n",
           passes->count);
    cast(story);
    open_desks(story);
    printf("%zu desks have their certificates.\n", story->desk_count);
    fflush(stdout);

    size_t activated = 0;
    for (size_t i = 0; i < passes->count && activated < phones; i++) {
        if (passes->items[i].is_phone && !passes->items[i].is_expired &&
            view_starts(view_of(passes->items[i].holder_id), "h")) {
            person(story, passes->items[i].holder_id);
            activated++;
        }
    }
    demo_passes_save(demo, passes);
    printf("%zu phones are activated with keys of their own.\n", activated);
    fflush(stdout);

    struct demo_pass *inside = NULL;
    struct stay_here *stays = ARENA_ARRAY(&demo->arena, passes->count, struct stay_here);
    size_t first = 0;
    size_t last = 0;
    size_t phones_in = 0;
    size_t cards_in = 0;
    for (size_t i = 0; i < passes->count; i++) {
        struct demo_pass *pass = &passes->items[i];
        bool comes = view_starts(view_of(pass->holder_id), "h") && pass->token[0] != '\0' &&
                     !pass->is_expired && (pass->is_phone || cards_in < 40);
        if (!comes) {
            continue;
        }
        /* The first ones fill the smallest site, so that somebody finds it full. */
        struct desk_link *desk = story->desks[0].admitted < story->desks[0].capacity
                                     ? &story->desks[0]
                                     : desk_with_room(story, i);
        if (desk == NULL) {
            desk = stays[first].desk; /* who came first leaves, which makes room */
            check_out(story, desk, stays[first++].visit_id);
        }
        const Passerelle__V1__CheckInResponse *response = show_at(story, desk, pass);
        if (!response->accepted) {
            story->refused++;
            continue;
        }
        story->accepted++;
        desk->admitted++;
        phones_in += pass->is_phone;
        cards_in += !pass->is_phone;
        if (desk == &story->desks[0]) {
            continue;
        }
        if (inside == NULL && desk == &story->desks[1] && pass->is_phone) {
            inside = pass;
        } else {
            stays[last++] = (struct stay_here){.desk = desk, .visit_id = response->visit->visit_id};
        }
    }
    if (inside == NULL || phones_in < 200 * phones / 250) {
        demo_give_up("only %zu phones were let in", phones_in);
    }
    /* Every other one leaves before lunch. */
    for (size_t i = first; i < last; i += 2) {
        check_out(story, stays[i].desk, stays[i].visit_id);
    }
    printf("%zu phones and %zu cards came in; %zu visitors left again.\n", phones_in, cards_in,
           story->left);
    replay(story, person(story, "demo-revoked"));
    turn_away(story, inside);
    printf("%zu admitted, %zu turned away. Who forgets to check out is let out by the clock.\n",
           story->accepted, story->refused);
    for (size_t i = 0; i < story->desk_count; i++) {
        peer_free(story->desks[i].peer);
    }
}
