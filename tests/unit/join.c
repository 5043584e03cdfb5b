#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/join/join_code.h"

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static struct join_code sample(void)
{
    struct join_code code = {.network = "lozere",
                             .site = "s042",
                             .host = "hub.lozere.example",
                             .port = 7443,
                             .expires_utc_s = 1793520000};
    for (size_t i = 0; i < sizeof code.secret; i++) {
        code.secret[i] = (uint8_t)(17 * i + 3);
        code.ca_prefix[i] = (uint8_t)(29 * i + 200);
    }
    return code;
}

static struct buf text_of(const struct join_code *code)
{
    struct buf text = BUF_INIT;
    struct fault fault = FAULT_NONE;
    ck_assert_msg(join_code_format(code, &text, &fault) == E_OK, "%s", fault.text);
    return text;
}

/* Without hyphens. */
static struct buf bare_of(const struct join_code *code)
{
    struct buf text = text_of(code);
    struct buf bare = BUF_INIT;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '-') {
            buf_byte(&bare, text.data[i]);
        }
    }
    buf_release(&text);
    return bare;
}

static void must_equal(const struct join_code *a, const struct join_code *b)
{
    ck_assert_str_eq(a->network, b->network);
    ck_assert_str_eq(a->site, b->site);
    ck_assert_str_eq(a->host, b->host);
    ck_assert_uint_eq(a->port, b->port);
    ck_assert_uint_eq(a->expires_utc_s, b->expires_utc_s);
    ck_assert_mem_eq(a->secret, b->secret, sizeof a->secret);
    ck_assert_mem_eq(a->ca_prefix, b->ca_prefix, sizeof a->ca_prefix);
}

static enum join_reason reason_of(struct view text)
{
    struct join_code code;
    struct join_problem problem;
    struct fault fault = FAULT_NONE;
    int err = join_code_parse(text, &code, &problem, &fault);
    ck_assert_int_eq(err, problem.reason == JOIN_GOOD    ? E_OK
                          : problem.reason == JOIN_NEWER ? E_UNSUPPORTED
                                                         : E_INVALID);
    ck_assert((err == E_OK) == (fault.text[0] == '\0'));
    return problem.reason;
}

START_TEST(the_known_code)
{
    struct join_code code = sample();
    struct buf text = text_of(&code);
    ck_assert_str_eq(text.data, "PJ1-390CA-2ADJ7-B1MQN-2WWNP-ZCZR7-H0B4E-A0GZ7-HCQD4-XGSQN-0E921-"
                                "BSXPN-SQHG1-6Q48G-N0C9W-CJ1N9-BQPZ8-TT4MT-SCDB5-WQWJZ-HKGGE-MQ");
    struct join_code back;
    ck_assert_int_eq(join_code_parse(buf_content(&text), &back, NULL, NULL), E_OK);
    must_equal(&back, &code);
    uint8_t fingerprint[SHA256_LEN] = {0};
    memcpy(fingerprint, code.ca_prefix, JOIN_CA_LEN);
    ck_assert(join_code_names_ca(&back, fingerprint));
    fingerprint[JOIN_CA_LEN - 1] ^= 1;
    ck_assert(!join_code_names_ca(&back, fingerprint));
    /* The secret is that of a one-time code. */
    struct one_time_code one;
    struct one_time_code typed;
    one_time_code_fill(&one, back.secret);
    ck_assert_int_eq(one_time_code_parse(view_of(one.text), &typed), E_OK);
    ck_assert_mem_eq(typed.hash, one.hash, sizeof one.hash);
    buf_release(&text);
}
END_TEST

START_TEST(codes_of_all_lengths)
{
    static const char *const hosts[] = {"a",           "10.0.0.1",   "::1", "2001:db8::42",
                                        "hub.example", "0-0.example"};
    for (size_t len = 1; len <= IDENT_SLUG_MAX; len++) {
        for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
            struct join_code code = sample();
            memset(code.network, 'z', len);
            code.network[len] = '\0';
            memset(code.site, '9', IDENT_SLUG_MAX + 1 - len);
            code.site[IDENT_SLUG_MAX + 1 - len] = '\0';
            snprintf(code.host, sizeof code.host, "%s", hosts[i]);
            code.port = (uint16_t)(i == 0 ? 1 : 65535 - len);
            code.expires_utc_s = (uint32_t)(UINT32_MAX - len);
            struct buf text = text_of(&code);
            struct join_code back;
            ck_assert_int_eq(join_code_parse(buf_content(&text), &back, NULL, NULL), E_OK);
            must_equal(&back, &code);
            buf_release(&text);
        }
    }
    struct join_code code = sample();
    memset(code.network, 'n', IDENT_SLUG_MAX);
    memset(code.site, 's', IDENT_SLUG_MAX);
    memset(code.host, 'h', JOIN_HOST_MAX);
    code.network[IDENT_SLUG_MAX] = code.site[IDENT_SLUG_MAX] = code.host[JOIN_HOST_MAX] = '\0';
    code.port = 65535;
    struct buf text = text_of(&code);
    struct join_code back;
    ck_assert_int_eq(join_code_parse(buf_content(&text), &back, NULL, NULL), E_OK);
    must_equal(&back, &code);
    buf_text(&text, "0");
    ck_assert_int_eq(reason_of(buf_content(&text)), JOIN_TOO_LONG);
    while (text.len < 3000) {
        buf_text(&text, "0");
    }
    ck_assert_int_eq(reason_of(buf_content(&text)), JOIN_TOO_LONG);
    buf_release(&text);
}
END_TEST

START_TEST(as_people_type_it)
{
    struct join_code code = sample();
    struct buf bare = bare_of(&code);
    struct buf typed = BUF_INIT;
    for (size_t i = 0; i < bare.len; i++) {
        char c = bare.data[i];
        c = (char)(c == '0' ? 'o' : c == '1' ? (i % 2 == 0 ? 'l' : 'I') : c);
        c = (char)(c >= 'A' && c <= 'Z' && i % 3 != 0 ? c - 'A' + 'a' : c);
        buf_byte(&typed, c);
        buf_text(&typed, i % 4 == 3    ? " - "
                         : i % 7 == 0  ? "\r\n\t"
                         : i % 11 == 0 ? "\xe2\x80\x91\xc2\xa0" /* a no-break hyphen and space */
                                       : "");
    }
    struct join_code back;
    ck_assert_int_eq(join_code_parse(buf_content(&typed), &back, NULL, NULL), E_OK);
    must_equal(&back, &code);
    buf_release(&bare);
    buf_release(&typed);
}
END_TEST

START_TEST(each_wrong_character_is_found)
{
    struct join_code code = sample();
    struct buf bare = bare_of(&code);
    size_t unplaced = 0;
    for (size_t at = 0; at < bare.len; at++) {
        char before = bare.data[at];
        for (int c = 33; c < 127; c++) {
            if (c == '-' || text_crockford_value((char)c) == text_crockford_value(before)) {
                continue;
            }
            bare.data[at] = (char)c;
            struct join_code back;
            struct join_problem problem;
            struct fault fault = FAULT_NONE;
            ck_assert_int_eq(join_code_parse(buf_content(&bare), &back, &problem, &fault),
                             E_INVALID);
            ck_assert_int_eq(problem.reason, JOIN_MISTYPED);
            ck_assert_ptr_nonnull(strstr(fault.text, "mistyped"));
            if (problem.group == 0) { /* the last two may be two exchanged ones as well */
                ck_assert_uint_ge(at, bare.len - 2);
                unplaced++;
                continue;
            }
            ck_assert_uint_eq(problem.group, at < 3 ? 1 : (at - 3) / 5 + 2);
            ck_assert_uint_eq(problem.place, at < 3 ? at + 1 : (at - 3) % 5 + 1);
        }
        bare.data[at] = before;
    }
    ck_assert_uint_lt(unplaced, 94);
    buf_release(&bare);
}
END_TEST

START_TEST(no_two_changes_pass)
{
    struct join_code code = sample();
    struct buf bare = bare_of(&code);
    /* Any two exchanged, neighbours among them. */
    for (size_t a = 0; a < bare.len; a++) {
        for (size_t b = a + 1; b < bare.len; b++) {
            char first = bare.data[a];
            char second = bare.data[b];
            if (first == second) {
                continue;
            }
            bare.data[a] = second;
            bare.data[b] = first;
            enum join_reason reason = reason_of(buf_content(&bare));
            ck_assert_int_ne(reason, JOIN_GOOD);
            ck_assert(a < 5 || reason == JOIN_MISTYPED);
            bare.data[a] = first;
            bare.data[b] = second;
        }
    }
    /* Any two wrong: each pair of places, with a few values. */
    for (size_t a = 0; a < bare.len; a++) {
        for (size_t b = a + 1; b < bare.len; b++) {
            char first = bare.data[a];
            char second = bare.data[b];
            for (size_t k = 1; k < 32; k += 5) {
                bare.data[a] = digits[((size_t)text_crockford_value(first) + k) % 32];
                bare.data[b] = digits[((size_t)text_crockford_value(second) + 7 * k) % 32];
                ck_assert_int_ne(reason_of(buf_content(&bare)), JOIN_GOOD);
            }
            bare.data[a] = first;
            bare.data[b] = second;
        }
    }
    buf_release(&bare);
}
END_TEST

START_TEST(cut_short_or_too_long)
{
    struct join_code code = sample();
    struct buf bare = bare_of(&code);
    for (size_t len = 0; len < bare.len; len++) {
        enum join_reason reason = reason_of(view_slice(buf_content(&bare), 0, len));
        ck_assert_msg(reason == (len < 2 ? JOIN_NOT_A_CODE : JOIN_CUT_SHORT), "%zu: %d", len,
                      (int)reason);
    }
    for (size_t at = 5; at < bare.len; at++) {
        struct buf other = BUF_INIT;
        buf_view(&other, view_slice(buf_content(&bare), 0, at));
        buf_view(&other, view_slice(buf_content(&bare), at + 1, bare.len));
        ck_assert_int_eq(reason_of(buf_content(&other)), JOIN_CUT_SHORT);
        buf_clear(&other);
        buf_view(&other, view_slice(buf_content(&bare), 0, at));
        buf_byte(&other, 'Q');
        buf_view(&other, view_slice(buf_content(&bare), at, bare.len));
        ck_assert_int_eq(reason_of(buf_content(&other)), JOIN_TOO_LONG);
        buf_release(&other);
    }
    struct fault fault = FAULT_NONE;
    struct join_code back;
    ck_assert_int_eq(join_code_parse(view_slice(buf_content(&bare), 0, 50), &back, NULL, &fault),
                     E_INVALID);
    ck_assert_ptr_nonnull(strstr(fault.text, "50 of its 105 characters"));
    buf_release(&bare);
}
END_TEST

START_TEST(other_texts)
{
    static const char *const others[] = {"",
                                         " - ",
                                         "P",
                                         "hello world",
                                         "https://hub.example/",
                                         "PT1:6BF",
                                         "0123456789ABCDEFGHJKMNPQRS$",
                                         "QJ1",
                                         "XJ1-000",
                                         "\xc3\xa9",
                                         "PX1-00000-00000"};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        ck_assert_msg(reason_of(view_of(others[i])) == JOIN_NOT_A_CODE, "%s", others[i]);
    }
    ck_assert_int_eq(reason_of(VIEW_LIT("PJ2-12345-ABCDE")), JOIN_NEWER);
    ck_assert_int_eq(reason_of(VIEW_LIT("PJ")), JOIN_CUT_SHORT);
    ck_assert_int_eq(reason_of(VIEW_LIT("PJ1-0700")), JOIN_MISTYPED);
    ck_assert_int_eq(reason_of(VIEW_LIT("PJ1-00000-00000-00000")), JOIN_MISTYPED);
}
END_TEST

/* A code around any data, made from the description alone. */
static struct buf seal(struct view bytes, bool dirty)
{
    unsigned values[1024] = {22, 18, 1};
    size_t count = 5;
    size_t chars = (bytes.len * 8 + 4) / 5;
    for (size_t i = 0; i < chars; i++) {
        for (size_t bit = i * 5; bit < i * 5 + 5; bit++) {
            bool one = bit / 8 < bytes.len
                           ? ((uint8_t)bytes.data[bit / 8] >> (7 - bit % 8) & 1) != 0
                           : dirty;
            values[count] = values[count] * 2 + one;
        }
        count++;
    }
    values[3] = (unsigned)(count + 4) / 32;
    values[4] = (unsigned)(count + 4) % 32;
    unsigned sums[2] = {0, 0};
    for (unsigned i = 0; i < count; i++) {
        sums[0] = (sums[0] + values[i]) % 1021;
        sums[1] = (sums[1] + values[i] * (i + 1)) % 1021;
    }
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        buf_byte(&text, digits[values[i]]);
    }
    for (size_t i = 0; i < 4; i++) {
        buf_byte(&text, digits[i % 2 == 0 ? sums[i / 2] / 32 : sums[i / 2] % 32]);
    }
    return text;
}

START_TEST(well_typed_nonsense)
{
    static const char *const names[] = {
        "a b c:1", /* the only good one */
        "",         "a",           "a b",       "a b c",      "a b :1",    "a b c:",    "a b c:0",
        "a b c:01", "a b c:65536", "a b -c:1",  "a b .c:1",   "a b c:1 d", "a  c:1",    " a b c:1",
        "-a b c:1", "a.b c d:1",   "a b:c d:1", "a b c:1   ", "a b c-:1",  "a b c d:1",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf bytes = BUF_INIT;
        for (int k = 0; k < 36; k++) {
            buf_byte(&bytes, (char)k);
        }
        size_t len = strlen(names[i]);
        for (size_t k = 0; k < len; k += 3) {
            unsigned group = 0;
            for (size_t j = k; j < k + 3; j++) {
                static const char order[] = " abcdefghijklmnopqrstuvwxyz0123456789-.:";
                group = group * 40 + (j < len ? (unsigned)(strchr(order, names[i][j]) - order) : 0);
            }
            buf_u16be(&bytes, (uint16_t)group);
        }
        struct buf text = seal(buf_content(&bytes), false);
        ck_assert_msg(reason_of(buf_content(&text)) == (i == 0 ? JOIN_GOOD : JOIN_NONSENSE), "%s",
                      names[i]);
        buf_release(&text);
        if (i == 0) {
            text = seal(buf_content(&bytes), true); /* unused bits that are set */
            ck_assert_int_eq(reason_of(buf_content(&text)), JOIN_NONSENSE);
            buf_release(&text);
            buf_byte(&bytes, '\0');
            text = seal(buf_content(&bytes), false); /* half a group */
            ck_assert_int_eq(reason_of(buf_content(&text)), JOIN_NONSENSE);
            buf_release(&text);
            buf_truncate(&bytes, bytes.len - 1);
            bytes.data[36] = bytes.data[37] = '\xff'; /* past 40 * 40 * 40 */
            text = seal(buf_content(&bytes), false);
            ck_assert_int_eq(reason_of(buf_content(&text)), JOIN_NONSENSE);
            buf_release(&text);
        }
        buf_release(&bytes);
    }
}
END_TEST

START_TEST(what_no_code_holds)
{
    static const struct {
        const char *network, *site, *host;
        uint16_t port;
    } rows[] = {
        {"", "s", "h", 1},          {"N", "s", "h", 1},   {"n", "", "h", 1},
        {"n", "S", "h", 1},         {"n", "s", "", 1},    {"n", "s", "h", 0},
        {"n", "s", "hub_a", 1},     {"n", "s", "Hub", 1}, {"n", "s", "h b", 1},
        {"n", "s", "[::1]", 1},     {"n", "s", "-h", 1},  {"n", "s", "h-", 1},
        {"n", "s", "h\xc3\xa9", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct join_code code = {.port = rows[i].port};
        snprintf(code.network, sizeof code.network, "%s", rows[i].network);
        snprintf(code.site, sizeof code.site, "%s", rows[i].site);
        snprintf(code.host, sizeof code.host, "%s", rows[i].host);
        struct buf text = BUF_INIT;
        struct fault fault = FAULT_NONE;
        ck_assert_msg(join_code_format(&code, &text, &fault) == E_INVALID, "row %zu", i);
        ck_assert(text.len == 0 && fault.text[0] != '\0');
        buf_release(&text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("join");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, the_known_code);
    tcase_add_test(cases, codes_of_all_lengths);
    tcase_add_test(cases, as_people_type_it);
    tcase_add_test(cases, each_wrong_character_is_found);
    tcase_add_test(cases, no_two_changes_pass);
    tcase_add_test(cases, cut_short_or_too_long);
    tcase_add_test(cases, other_texts);
    tcase_add_test(cases, well_typed_nonsense);
    tcase_add_test(cases, what_no_code_holds);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
