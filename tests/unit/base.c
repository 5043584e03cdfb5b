#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/env.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"

START_TEST(numbers_are_strict)
{
    static const struct {
        const char *text;
        int err;
        int64_t value;
    } rows[] = {
        {"0", E_OK, 0},
        {"-1", E_OK, -1},
        {"9223372036854775807", E_OK, INT64_MAX},
        {"-9223372036854775808", E_OK, INT64_MIN},
        {"9223372036854775808", E_OVERFLOW, 0},
        {"-9223372036854775809", E_OVERFLOW, 0},
        {"99999999999999999999999", E_OVERFLOW, 0},
        {"", E_INVALID, 0},
        {"-", E_INVALID, 0},
        {"-0", E_INVALID, 0},
        {"01", E_INVALID, 0},
        {" 1", E_INVALID, 0},
        {"1 ", E_INVALID, 0},
        {"+1", E_INVALID, 0},
        {"1e3", E_INVALID, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t value = 42;
        ck_assert_int_eq(text_i64(view_of(rows[i].text), &value), rows[i].err);
        ck_assert_int_eq(value, rows[i].err == E_OK ? rows[i].value : 42);
    }
}
END_TEST

START_TEST(base64_round_trips_and_refuses)
{
    /* RFC 4648 section 10. */
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct buf out = BUF_INIT;
        text_to_base64(&out, view_of(pairs[i][0]));
        ck_assert(view_is(buf_content(&out), pairs[i][1]));
        buf_clear(&out);
        ck_assert_int_eq(text_from_base64(view_of(pairs[i][1]), &out), E_OK);
        ck_assert(view_is(buf_content(&out), pairs[i][0]));
        buf_clear(&out);
        size_t unpadded = view_find(view_of(pairs[i][1]), '=');
        ck_assert_int_eq(text_from_base64((struct view){pairs[i][1], unpadded}, &out), E_OK);
        ck_assert(view_is(buf_content(&out), pairs[i][0]));
        buf_release(&out);
    }
    static const char *const bad[] = {"Z",    "Zg=",      "Zg===", "Zh==", "Zm9=",     "Zm9v=",
                                      "+-AA", "Zg==Zg==", "Zm 9",  "====", "Zm9vYg= ="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf out = BUF_INIT;
        ck_assert_msg(text_from_base64(view_of(bad[i]), &out) == E_INVALID, "%s", bad[i]);
        ck_assert_uint_eq(out.len, 0);
        buf_release(&out);
    }
}
END_TEST

START_TEST(utf8_is_rfc_3629)
{
    static const char *const good[] = {
        "", "abc", "é", "œ€", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",         "\xc0\xaf",         "\xe0\x80\xaf",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
                                      "\xc3",         "\xe2\x82"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        ck_assert(text_is_utf8(view_of(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert(!text_is_utf8(view_of(bad[i])));
    }
    ck_assert(!text_is_printable(view_of("a\tb")));
    ck_assert(!text_is_printable(view_of("a\xc2\x85z")));
    ck_assert(text_is_printable(view_of("n° 1, l’Étape")));
    ck_assert_uint_eq(text_length(view_of("été")), 3);
}
END_TEST

START_TEST(hex_round_trips)
{
    uint8_t bytes[3] = {0, 0xab, 0xff};
    char hex[7];
    text_to_hex(bytes, 3, hex);
    ck_assert_str_eq(hex, "00abff");
    uint8_t back[3];
    ck_assert_int_eq(text_from_hex(VIEW_LIT("00ABff"), back, 3), E_OK);
    ck_assert_mem_eq(bytes, back, 3);
    ck_assert_int_eq(text_from_hex(VIEW_LIT("00ABf"), back, 3), E_INVALID);
    ck_assert_int_eq(text_from_hex(VIEW_LIT("00ABfg"), back, 3), E_INVALID);
}
END_TEST

START_TEST(buf_keeps_its_first_error)
{
    struct buf buf = BUF_INIT_MAX(8);
    buf_text(&buf, "12345678");
    ck_assert_int_eq(buf_error(&buf), E_OK);
    buf_byte(&buf, '9');
    buf_printf(&buf, "%d", 10);
    ck_assert_int_eq(buf_error(&buf), E_LIMIT);
    ck_assert(view_is(buf_content(&buf), "12345678"));
    buf_consume(&buf, 3);
    ck_assert(view_is(buf_content(&buf), "45678"));
    buf_clear(&buf);
    buf_u32be(&buf, 0x01020304);
    ck_assert_mem_eq(buf.data, "\1\2\3\4", 4);
    buf_release(&buf);
}
END_TEST

START_TEST(arena_is_aligned_and_cleared)
{
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < 1000; i++) {
        char *p = arena_alloc(&arena, i % 300);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        memset(p, 1, i % 300);
    }
    arena_clear(&arena);
    ck_assert_uint_eq(arena.used, 0);
    char *p = arena_alloc(&arena, 1 << 20);
    size_t set = 0;
    for (size_t i = 0; i < 1 << 20; i++) {
        set += p[i] != 0;
    }
    ck_assert_uint_eq(set, 0);
    ck_assert_str_eq(arena_printf(&arena, "%s-%d", "a", 7), "a-7");
    arena_release(&arena);
}
END_TEST

START_TEST(map_holds_what_was_put)
{
    struct map map;
    map_init(&map, 7);
    int values[1000];
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        ck_assert_ptr_null(map_put(&map, view_of(key), &values[i]));
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        ck_assert_ptr_eq(map_get(&map, view_of(key)), &values[i]);
    }
    ck_assert_ptr_null(map_get(&map, VIEW_LIT("k1000")));
    ck_assert_ptr_eq(map_put(&map, VIEW_LIT("k5"), &values[6]), &values[5]);
    size_t at = 0;
    size_t seen = 0;
    while (map_next(&map, &at) != NULL) {
        seen++;
    }
    ck_assert_uint_eq(seen, 1000);
    map_release(&map);
}
END_TEST

START_TEST(views_cut_and_compare)
{
    struct view rest = VIEW_LIT("a||b");
    struct view part;
    ck_assert(view_cut(&rest, '|', &part) && view_is(part, "a"));
    ck_assert(view_cut(&rest, '|', &part) && part.len == 0);
    ck_assert(view_cut(&rest, '|', &part) && view_is(part, "b"));
    ck_assert(!view_cut(&rest, '|', &part));
    ck_assert(view_compare(VIEW_LIT("s1"), VIEW_LIT("s10")) < 0);
    ck_assert(view_compare(VIEW_LIT("s2"), VIEW_LIT("s10")) > 0);
    ck_assert(view_is(view_trim(VIEW_LIT(" \tx ")), "x"));
}
END_TEST

START_TEST(log_quotes_what_needs_it)
{
    struct env env;
    struct env_test test = {.now_utc_ms = 1793689200123};
    env_test_init(&env, &test);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    struct log log = {.env = &env, .fd = ends[1], .level = LOG_INFO};
    log_event(&log, LOG_INFO, "check_in", LOG_S("site", "s001"), LOG_S("text", "a \"b\"\n"),
              LOG_N("ms", -3));
    log_event(&log, LOG_DEBUG, "dropped", LOG_N("n", 1));
    char line[256] = {0};
    ck_assert_int_gt(read(ends[0], line, sizeof line - 1), 0);
    ck_assert_str_eq(line, "ts=2026-11-03T07:00:00.123Z level=info event=check_in site=s001 "
                           "text=\"a \\\"b\\\"\\n\" ms=-3\n");
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(faults_keep_the_cause)
{
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(fault_set(&fault, E_INVALID, "no column %s", "siren"), E_INVALID);
    fault_set(&fault, E_IO, "later");
    fault_prefix(&fault, "line %d", 3);
    ck_assert_str_eq(fault.text, "line 3: no column siren");
    ck_assert_int_eq(fault.code, E_INVALID);
    for (int code = 0; code >= E_INTERNAL; code--) {
        ck_assert_str_ne(err_text(code), "unknown error");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base");
    TCase *cases = tcase_create("base");
    tcase_add_test(cases, numbers_are_strict);
    tcase_add_test(cases, base64_round_trips_and_refuses);
    tcase_add_test(cases, utf8_is_rfc_3629);
    tcase_add_test(cases, hex_round_trips);
    tcase_add_test(cases, buf_keeps_its_first_error);
    tcase_add_test(cases, arena_is_aligned_and_cleared);
    tcase_add_test(cases, map_holds_what_was_put);
    tcase_add_test(cases, views_cut_and_compare);
    tcase_add_test(cases, log_quotes_what_needs_it);
    tcase_add_test(cases, faults_keep_the_cause);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
