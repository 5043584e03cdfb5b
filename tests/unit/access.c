/* Who may call what (a matrix written by hand), and what they then get of others: nothing. Every
 * method is tried with ids of another party in every request field that takes one. */
#include <check.h>

#include "lib/network.h"
#include "passerelle/v1/network.pb-c.h"
#include "service/methods.h"
#include "store/view/registry.h"
#include "wire/pack.h"
#include "wire/reflect.h"

/* ---- the matrix ---- */

static bool read_matrix(const char *name, unsigned *roles)
{
    FILE *file = fopen(ACCESS_MATRIX, "r");
    ck_assert_ptr_nonnull(file);
    char text[200];
    bool found = false;
    while (!found && fgets(text, sizeof text, file) != NULL) {
        struct view line = view_of(text);
        struct view word;
        if (!view_cut(&line, ' ', &word) || !view_is(word, name)) {
            continue;
        }
        found = true;
        *roles = 0;
        int role = 0;
        for (size_t i = 0; i < line.len; i++) {
            if (line.data[i] == 'x' || line.data[i] == '-') {
                *roles |= line.data[i] == 'x' ? 1u << role : 0u;
                role++;
            }
        }
        ck_assert_msg(role == ROLE_COUNT, "%s: %d columns", name, role);
    }
    fclose(file);
    return found;
}

START_TEST(test_matrix)
{
    const struct method *method;
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        char name[128];
        unsigned expected = 0;
        snprintf(name, sizeof name, "%s/%s", method->service, method->name);
        ck_assert_msg(read_matrix(name, &expected), "%s has no row in access_matrix.txt", name);
        for (enum role role = ROLE_ANYONE; role < ROLE_COUNT; role++) {
            bool may = (method->roles & ROLE_BIT(role)) != 0;
            ck_assert_msg(may == ((expected & ROLE_BIT(role)) != 0), "%s: %s %s call it", name,
                          role_name(role), may ? "may" : "may not");
        }
    }
}
END_TEST

/* ---- ids of others ---- */

static struct network network;

/* Two of each that have nothing to do with each other. */
struct party {
    char member[64], site[64], employer[64], plan[64], holder[64], carnet[64];
};
static struct party mine, theirs;

static bool find_site(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__Site *site = (const void *)record;
    struct party *party = context;
    if (strcmp(site->member_id, mine.member) == 0) {
        return true;
    }
    snprintf(party->member, sizeof party->member, "%s", site->member_id);
    snprintf(party->site, sizeof party->site, "%s", site->site_id);
    return false;
}

static bool find_employer(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__Employer *employer = (const void *)record;
    struct party *party = context;
    if (strcmp(employer->issuer_member_id, mine.member) == 0 ||
        strcmp(employer->employer_id, mine.employer) == 0 ||
        strcmp(employer->issuer_member_id, theirs.member) == 0) {
        return true;
    }
    snprintf(party->employer, sizeof party->employer, "%s", employer->employer_id);
    return false;
}

static bool find_plan(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__Plan *plan = (const void *)record;
    struct party *party = context;
    if (strcmp(plan->employer_id, party->employer) != 0) {
        return true;
    }
    snprintf(party->plan, sizeof party->plan, "%s", plan->plan_id);
    return false;
}

static bool find_holder(void *context, const ProtobufCMessage *record)
{
    const Passerelle__V1__HolderPut *holder = (const void *)record;
    struct party *party = context;
    if (strcmp(holder->employer_id, party->employer) != 0) {
        return true;
    }
    snprintf(party->holder, sizeof party->holder, "%s", holder->holder_id);
    return false;
}

static void setup(void)
{
    network_init(&network, true, 1);
    network_import(&network, network_reference_dir());
    struct db *db = network.service.db;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(db_begin_read(db, &fault), E_OK);
    registry_walk(db, REGISTRY_SITES, find_site, &mine);
    registry_walk(db, REGISTRY_SITES, find_site, &theirs);
    registry_walk(db, REGISTRY_EMPLOYERS, find_employer, &mine);
    registry_walk(db, REGISTRY_EMPLOYERS, find_employer, &theirs);
    registry_walk(db, REGISTRY_PLANS, find_plan, &theirs);
    registry_walk(db, REGISTRY_HOLDERS, find_holder, &theirs);
    snprintf(theirs.carnet, sizeof theirs.carnet, "%.58s-c1", theirs.plan);
    db_end(db, NULL);
    ck_assert_str_ne(mine.member, theirs.member);
    ck_assert_str_ne(mine.employer, theirs.employer);
    ck_assert(theirs.site[0] != '\0' && theirs.plan[0] != '\0' && theirs.holder[0] != '\0');
}

static void teardown(void)
{
    network_check(&network);
    network_release(&network);
}

static const char *their_id(const char *field)
{
    const struct {
        const char *field;
        const char *id;
    } ids[] = {
        {"site_id", theirs.site},     {"member_id", theirs.member},
        {"holder_id", theirs.holder}, {"employer_id", theirs.employer},
        {"plan_id", theirs.plan},     {"carnet_id", theirs.carnet},
        {"feed_id", theirs.site},     {"issuer_member_id", theirs.member},
        {"visit_id", "01900000-0000-7000-8000-000000000001"},
        {"pass_id", "01900000-0000-7000-8000-000000000002"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        if (strcmp(field, ids[i].field) == 0) {
            return ids[i].id;
        }
    }
    return "b0001"; /* an id of another kind of thing */
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), tail = strlen(end);
    return len >= tail && strcmp(text + len - tail, end) == 0;
}

/* Fills every id of the message, and of those within it, with one of theirs; true if there was
 * one. */
static bool fill(ProtobufCMessage *message, int depth)
{
    bool any = false;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        void *member = field_member(message, field);
        bool id = ends_with(field->name, "_id") || strcmp(field->name, "party") == 0;
        if (field_is_oneof(field) || strcmp(field->name, "request_id") == 0) {
            continue;
        }
        if (field->type == PROTOBUF_C_TYPE_STRING && id &&
            field->label != PROTOBUF_C_LABEL_REPEATED) {
            *(char **)member = arena_string(&network.arena, view_of(their_id(field->name)));
            any = true;
        } else if (field->type == PROTOBUF_C_TYPE_STRING && ends_with(field->name, "_ids")) {
            char one[64];
            snprintf(one, sizeof one, "%.*s", (int)strlen(field->name) - 1, field->name);
            char **list = ARENA_NEW(&network.arena, char *);
            list[0] = arena_string(&network.arena, view_of(their_id(one)));
            *(char ***)member = list;
            *(size_t *)(void *)((char *)message + field->quantifier_offset) = 1;
            any = true;
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE && depth < 2 &&
                   field->label != PROTOBUF_C_LABEL_REPEATED) {
            ProtobufCMessage *inner = wire_new(&network.arena, field->descriptor);
            if (fill(inner, depth + 1)) {
                *(ProtobufCMessage **)member = inner;
                any = true;
            }
        }
    }
    return any;
}

static void set_text(ProtobufCMessage *message, const char *name, const char *value)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
    if (field != NULL && field->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)field_member(message, field) = arena_string(&network.arena, view_of(value));
    }
}

/* Nothing in it but plain values: no list has an element, no message is there. */
static bool holds_nothing(const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if ((field->label == PROTOBUF_C_LABEL_REPEATED || field->type == PROTOBUF_C_TYPE_MESSAGE) &&
            field_is_set(message, field)) {
            return false;
        }
    }
    return true;
}

START_TEST(test_ids_of_others)
{
    const struct {
        enum role role;
        const char *party;
    } callers[] = {{ROLE_MEMBER, mine.member},
                   {ROLE_SITE, mine.site},
                   {ROLE_DESK, mine.site},
                   {ROLE_EMPLOYER, mine.employer}};
    size_t tried = 0, denied = 0;
    const struct method *method;
    for (size_t i = 0; (method = methods_at(i)) != NULL; i++) {
        for (size_t k = 0; k < ARRAY_LEN(callers); k++) {
            ProtobufCMessage *request = network_new(&network, method->input);
            if ((method->roles & ROLE_BIT(callers[k].role)) == 0 ||
                (method->roles & ROLE_BIT(ROLE_ANYONE)) != 0 || !fill(request, 0)) {
                continue;
            }
            set_text(request, "request_id", network_request_id(&network));
            set_text(request, "role", callers[k].role == ROLE_EMPLOYER ? "employer" : "member");
            set_text(request, "reason", "because");
            set_text(request, "month", "2026-10");
            const struct call *call =
                network_call(&network, network_who(callers[k].role, callers[k].party),
                             method->service, method->name, request);
            tried++;
            denied += call->error.code == CODE_PERMISSION_DENIED ||
                      call->error.code == CODE_NOT_FOUND;
            if (call->error.code == CODE_OK) {
                ck_assert_msg(method->apply == NULL && call->response != NULL &&
                                  holds_nothing(call->response),
                              "%s/%s by %s %s takes ids of others", method->service, method->name,
                              role_name(callers[k].role), callers[k].party);
                denied++;
            }
        }
    }
    printf("%zu requests with ids of others, %zu of them refused for it or empty\n", tried, denied);
    ck_assert_uint_gt(tried, 5);
    ck_assert_uint_ge(denied * 10, tried * 6); /* the rest stumbled over other fields before */
}
END_TEST

/* ---- who may make which key ---- */

START_TEST(test_keys)
{
    const struct {
        enum role caller;
        const char *party;
        const char *role;
        const char *for_party;
        enum code code;
    } rows[] = {
        {ROLE_OPERATOR, "olive", "member", theirs.member, CODE_OK},
        {ROLE_OPERATOR, "olive", "member", "nobody", CODE_NOT_FOUND},
        {ROLE_OPERATOR, "olive", "region", "occitanie", CODE_OK},
        {ROLE_OPERATOR, "olive", "desk", theirs.site, CODE_INVALID_ARGUMENT}, /* certificates only */
        {ROLE_OPERATOR, "olive", "anyone", "x", CODE_INVALID_ARGUMENT},
        {ROLE_MEMBER, mine.member, "member", mine.member, CODE_OK},
        {ROLE_MEMBER, mine.member, "site", mine.site, CODE_OK},
        {ROLE_MEMBER, mine.member, "member", theirs.member, CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, mine.member, "site", theirs.site, CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, mine.member, "site", "nobody", CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, mine.member, "operator", "olive", CODE_PERMISSION_DENIED},
        {ROLE_MEMBER, mine.member, "auditor", "anna", CODE_PERMISSION_DENIED},
        {ROLE_EMPLOYER, mine.employer, "employer", mine.employer, CODE_OK},
        {ROLE_EMPLOYER, mine.employer, "employer", theirs.employer, CODE_PERMISSION_DENIED},
        {ROLE_EMPLOYER, mine.employer, "member", mine.member, CODE_PERMISSION_DENIED},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        Passerelle__V1__CreateApiKeyRequest *request =
            network_new(&network, &passerelle__v1__create_api_key_request__descriptor);
        request->request_id = network_request_id(&network);
        set_text(&request->base, "role", rows[i].role);
        set_text(&request->base, "party", rows[i].for_party);
        const struct call *call =
            network_call(&network, network_who(rows[i].caller, rows[i].party), "NetworkService",
                         "CreateApiKey", &request->base);
        ck_assert_msg(call->error.code == rows[i].code, "row %zu: %s: %s", i,
                      code_name(call->error.code),
                      call->error.message == NULL ? "" : call->error.message);
    }
    Passerelle__V1__ListCredentialsRequest *request =
        network_new(&network, &passerelle__v1__list_credentials_request__descriptor);
    const Passerelle__V1__ListCredentialsResponse *listed =
        network_must(&network, network_who(ROLE_MEMBER, mine.member), "NetworkService",
                     "ListCredentials", &request->base);
    ck_assert_uint_eq(listed->n_credentials, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *matrix = tcase_create("matrix");
    tcase_add_test(matrix, test_matrix);
    suite_add_tcase(suite, matrix);
    TCase *scope = tcase_create("scope");
    tcase_set_timeout(scope, 60);
    tcase_add_checked_fixture(scope, setup, teardown);
    tcase_add_test(scope, test_ids_of_others);
    tcase_add_test(scope, test_keys);
    suite_add_tcase(suite, scope);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
