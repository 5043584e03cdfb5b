#include "core/entry/entry.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/pack.h"

static struct arena arena;
static struct fault fault;

static void setup(void)
{
    arena_init(&arena);
    fault = FAULT_NONE;
}

static void teardown(void)
{
    arena_release(&arena);
}

static const char *feed_of_home(enum entry_home home)
{
    return home == ENTRY_IN_NET ? FEED_NET : home == ENTRY_IN_BOOKS ? FEED_BOOKS : "s042";
}

static Passerelle__V1__VisitOpened *visit(void)
{
    static uint8_t id[16] = {1, 2, 3};
    Passerelle__V1__VisitOpened *opened =
        wire_new(&arena, &passerelle__v1__visit_opened__descriptor);
    opened->visit_id = (ProtobufCBinaryData){sizeof id, id};
    opened->resource = PASSERELLE__V1__RESOURCE__RESOURCE_DESK;
    opened->in_utc_ms = 1793689200000;
    opened->holder_id = wire_string(&arena, VIEW_LIT("h0001"));
    return opened;
}

static struct view encoded(const ProtobufCMessage *payload, Passerelle__V1__EntryType type)
{
    struct view bytes;
    struct entry out;
    struct entry_draft draft = {.feed_id = view_of(feed_of_home(entry_kind(type)->home)),
                                .seq = 7,
                                .appended_utc_ms = 1793689200001,
                                .type = type,
                                .author = VIEW_LIT("hub"),
                                .payload = payload};
    ck_assert_msg(entry_encode(&draft, &arena, &bytes, &out, &fault) == E_OK, "%s", fault.text);
    return bytes;
}

/* The bytes are the leaf of a tree: the same from the same, and what is read back writes them. */
START_TEST(every_kind_comes_back)
{
    size_t count;
    const struct entry_kind *kinds = entry_kinds(&count);
    ck_assert_uint_gt(count, 20);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessage *payload = wire_new(&arena, kinds[i].payload);
        if (kinds[i].type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED) {
            payload = &visit()->base;
        }
        struct view bytes = encoded(payload, kinds[i].type);
        ck_assert(view_equal(bytes, encoded(payload, kinds[i].type)));
        struct entry entry;
        int err = entry_decode(view_of(feed_of_home(kinds[i].home)), bytes, &arena, &entry, &fault);
        if (err != E_OK) { /* an empty visit cannot be: said, not applied */
            ck_assert_int_eq(kinds[i].home, ENTRY_IN_SITE);
            ck_assert_int_gt((int)strlen(fault.text), 10);
            continue;
        }
        ck_assert_ptr_eq(entry.kind, &kinds[i]);
        ck_assert_uint_eq(entry.envelope->seq, 7);
        bool visited = kinds[i].type == PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED;
        ck_assert(view_equal(entry_visit_id(&entry),
                             visited ? wire_view(visit()->visit_id) : VIEW_NONE));
        ck_assert(view_equal(encoded(entry.payload, kinds[i].type), bytes));
    }
}
END_TEST

START_TEST(a_kind_has_one_row_and_one_name)
{
    size_t count;
    const struct entry_kind *kinds = entry_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_eq(entry_kind(kinds[i].type), &kinds[i]);
        for (size_t k = 0; k < i; k++) {
            ck_assert_str_ne(kinds[i].name, kinds[k].name);
        }
    }
    ck_assert_ptr_null(entry_kind((Passerelle__V1__EntryType)9999));
}
END_TEST

static void refused(const char *feed_id, struct view bytes, const char *says)
{
    struct entry entry;
    fault = FAULT_NONE;
    ck_assert_int_eq(entry_decode(view_of(feed_id), bytes, &arena, &entry, &fault), E_INVALID);
    ck_assert_msg(strstr(fault.text, says) != NULL, "%s", fault.text);
}

START_TEST(what_cannot_be_is_refused)
{
    const Passerelle__V1__EntryType opened = PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED;
    Passerelle__V1__VisitOpened *sound = visit();
    struct view bytes = encoded(&sound->base, opened);
    refused("s043", bytes, "it names the feed s042");
    refused("s042", view_bytes(bytes.data, bytes.len - 1), "");
    refused("s042",
            view_bytes(arena_alloc(&arena, ENTRY_SITE_BYTES_MAX + 1), ENTRY_SITE_BYTES_MAX + 1),
            "at most 4096");
    sound->resource = (Passerelle__V1__Resource)9;
    refused("s042", encoded(&sound->base, opened), "no resource");
    sound = visit();
    sound->visit_id.len = 15;
    refused("s042", encoded(&sound->base, opened), "16 bytes");
    sound = visit();
    sound->in_utc_ms = INT64_MAX;
    refused("s042", encoded(&sound->base, opened), "calendar");
}
END_TEST

/* A site may send anything: what belongs to the hub's feeds has no place in its own. */
START_TEST(a_site_cannot_speak_for_the_hub)
{
    size_t count;
    const struct entry_kind *kinds = entry_kinds(&count);
    for (size_t i = 0; i < count; i++) {
        if (kinds[i].home != ENTRY_IN_SITE) {
            Passerelle__V1__Entry *forged = wire_new(&arena, &passerelle__v1__entry__descriptor);
            forged->feed_id = wire_string(&arena, VIEW_LIT("s042"));
            forged->type = kinds[i].type;
            refused("s042", wire_pack_arena(&arena, &forged->base), "no place in this feed");
        }
    }
}
END_TEST

/* A newer version's entry keeps its place in the tree and is applied by who knows it. */
START_TEST(a_newer_kind_is_kept)
{
    Passerelle__V1__Entry *newer = wire_new(&arena, &passerelle__v1__entry__descriptor);
    struct entry entry;
    newer->feed_id = wire_string(&arena, VIEW_LIT(FEED_NET));
    newer->type = (Passerelle__V1__EntryType)9999;
    struct view bytes = wire_pack_arena(&arena, &newer->base);
    ck_assert_int_eq(entry_decode(VIEW_LIT(FEED_NET), bytes, &arena, &entry, &fault), E_OK);
    ck_assert_ptr_null(entry.kind);
    ck_assert_ptr_null(entry.payload);
}
END_TEST

START_TEST(too_long_says_how_much_is_allowed)
{
    char *long_name = memset(arena_alloc(&arena, 5000), 'a', 4999);
    long_name[4999] = '\0';
    Passerelle__V1__VisitOpened *opened = visit();
    opened->holder_id = long_name;
    struct view bytes;
    struct entry out;
    struct entry_draft draft = {.feed_id = VIEW_LIT("s042"),
                                .type = PASSERELLE__V1__ENTRY_TYPE__ENTRY_TYPE_VISIT_OPENED,
                                .payload = &opened->base};
    ck_assert_int_eq(entry_encode(&draft, &arena, &bytes, &out, &fault), E_LIMIT);
    ck_assert_ptr_nonnull(strstr(fault.text, "at most 4096"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entry");
    TCase *cases = tcase_create("entry");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, every_kind_comes_back);
    tcase_add_test(cases, a_kind_has_one_row_and_one_name);
    tcase_add_test(cases, what_cannot_be_is_refused);
    tcase_add_test(cases, a_site_cannot_speak_for_the_hub);
    tcase_add_test(cases, a_newer_kind_is_kept);
    tcase_add_test(cases, too_long_says_how_much_is_allowed);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
