#include <check.h>
#include <stdlib.h>

#include "core/csv/csv.h"

/* Reads all rows into one line of text: fields as [..], rows as line number and fields. */
static int read_all(struct view text, struct buf *out, struct fault *fault)
{
    struct arena arena;
    struct csv csv;
    struct csv_row row;
    arena_init(&arena);
    csv_init(&csv, text, &arena);
    int got = csv_next(&csv, &row, fault);
    for (; got == 1; got = csv_next(&csv, &row, fault)) {
        buf_printf(out, "%zu", row.line);
        for (size_t i = 0; i < row.count; i++) {
            buf_byte(out, '[');
            buf_view(out, row.fields[i]);
            buf_byte(out, ']');
        }
    }
    if (csv_next(&csv, &row, NULL) != got) {
        ck_abort_msg("the end is not the end");
    }
    arena_release(&arena);
    return got;
}

START_TEST(rows_are_read)
{
    static const char *const rows[][2] = {
        {"", ""},
        {"\xef\xbb\xbf", ""},
        {"a", "1[a]"},
        {"a\n", "1[a]"},
        {"\xef\xbb\xbf" "a,b\r\nc,d\r\n", "1[a][b]2[c][d]"},
        {"a,b\nc,d", "1[a][b]2[c][d]"},
        {"a,b\nc,d\r\n", "1[a][b]2[c][d]"},
        {",\n,", "1[][]2[][]"},
        {"\n\n", "1[]2[]"},
        {" a , b ", "1[ a ][ b ]"},
        {"\"a\",\"\"\n\"b,c\",\"d\"", "1[a][]2[b,c][d]"},
        {"\"say \"\"yes\"\"\"", "1[say \"yes\"]"},
        {"\"\"\"\"", "1[\"]"},
        {"\"\"\"\"\"\",x", "1[\"\"][x]"},
        {"\"a\nb\r\n\",1\n2,3\n", "1[a\nb\r\n][1]4[2][3]"},
        {"é,œ\nà,\xf0\x9f\x98\x80\n", "1[é][œ]2[à][\xf0\x9f\x98\x80]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT;
        struct fault fault = FAULT_NONE;
        ck_assert_msg(read_all(view_of(rows[i][0]), &out, &fault) == 0, "%s: %s", rows[i][0],
                      fault.text);
        ck_assert_msg(view_is(buf_content(&out), rows[i][1]), "%.*s, not %s",
                      VIEW_FMT(buf_content(&out)), rows[i][1]);
        buf_release(&out);
    }
}
END_TEST

START_TEST(errors_name_their_line)
{
    const struct {
        struct view text;
        const char *sentence;
    } rows[] = {
        {VIEW_LIT("a,b\nc,d\"e\n"), "line 2: a quote inside"},
        {VIEW_LIT("a,b\n\"c\"d,e\n"), "line 2: text behind the closing quote"},
        {VIEW_LIT("a,b\n\"c\" ,e\n"), "line 2: text behind the closing quote"},
        {VIEW_LIT("a,b\n\"c\"\r,e\n"), "line 2: text behind the closing quote"},
        {VIEW_LIT("a\n\n\"b\nc\nd"), "line 3: a quoted field that begins here is never closed"},
        {VIEW_LIT("a\n\""), "line 2: a quoted field that begins here is never closed"},
        {VIEW_LIT("a\n\"x\"\""), "line 2: a quoted field that begins here is never closed"},
        {VIEW_LIT("a,b\rc,d\r"), "line 1: a carriage return"},
        {VIEW_LIT("a,b\nc\0,d"), "line 2: a NUL byte"},
        {VIEW_LIT("a,b\n\"c\n\0\",d"), "line 3: a NUL byte"},
        {VIEW_LIT("a\0b\0"), "line 1: a NUL byte: the file is no text, or UTF-16"},
        {VIEW_LIT("a,b\n\"\nx\",H\xe9lo\xefse\n"), "line 3: the file seems to be in Latin-1"},
        {VIEW_LIT("a\nqualit\xe9"), "line 2: the file seems to be in Latin-1"},
        {VIEW_LIT("a\n\xc3\xa9\xc3\xa0 \xe9t\xe9"), "line 2: the file seems to be in Latin-1"},
        {VIEW_LIT("a\n\xed\xa0\x80"), "line 2: not UTF-8 (byte 0xed)"},
        {VIEW_LIT("a\n\xff\xfe\xfd"), "line 2: not UTF-8 (byte 0xff)"},
        {VIEW_LIT("a,b\nc\n"), "line 2: 1 fields where 2 are expected"},
        {VIEW_LIT("a,b\nc,d,e\n"), "line 2: 3 fields where 2 are expected"},
        {VIEW_LIT("a,b\n\"c\n\",d\ne\n"), "line 4: 1 fields where 2 are expected"},
        {VIEW_LIT("a,b\nc,d\n\n"), "line 3: the line is empty"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT;
        struct fault fault = FAULT_NONE;
        ck_assert_msg(read_all(rows[i].text, &out, &fault) == E_INVALID, "%s", rows[i].sentence);
        ck_assert_msg(view_starts(view_of(fault.text), rows[i].sentence), "%s, not %s", fault.text,
                      rows[i].sentence);
        buf_release(&out);
    }
}
END_TEST

static void fill(struct buf *text, char byte, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_byte(text, byte);
    }
}

static void check_limit(struct buf *text, int expected, const char *sentence)
{
    struct buf out = BUF_INIT;
    struct fault fault = FAULT_NONE;
    ck_assert_int_eq(read_all(buf_content(text), &out, &fault), expected);
    ck_assert_msg(view_starts(view_of(fault.text), sentence), "%s, not %s", fault.text, sentence);
    buf_release(&out);
    buf_release(text);
}

START_TEST(limits_hold_to_the_byte)
{
    struct buf text = BUF_INIT;
    buf_text(&text, "a\n");
    fill(&text, 'x', CSV_FIELD_BYTES_MAX);
    check_limit(&text, 0, "");
    buf_text(&text, "a\n");
    fill(&text, 'x', CSV_FIELD_BYTES_MAX + 1);
    check_limit(&text, E_LIMIT, "line 2: field 1 is longer than 4096 bytes");
    buf_text(&text, "a\n\"");
    fill(&text, '\n', CSV_FIELD_BYTES_MAX);
    buf_byte(&text, '"');
    check_limit(&text, E_LIMIT, "line 2: field 1 is longer than 4096 bytes");
    buf_byte(&text, '"');
    fill(&text, 'x', CSV_ROW_BYTES_MAX + 100);
    buf_text(&text, "\"\n");
    check_limit(&text, E_INVALID, "line 1: a quoted field that begins here is never closed");
    fill(&text, ',', CSV_FIELDS_MAX - 1);
    check_limit(&text, 0, "");
    fill(&text, ',', CSV_FIELDS_MAX);
    check_limit(&text, E_LIMIT, "line 1: more than 64 fields");
    /* 16 fields of 4,095 and their commas are a row of 65,535 bytes. */
    for (int i = 0; i < 16; i++) {
        fill(&text, i == 0 ? 'y' : ',', 1);
        fill(&text, 'x', CSV_FIELD_BYTES_MAX - 1);
    }
    buf_text(&text, "\n");
    check_limit(&text, 0, "");
    for (int i = 0; i < 17; i++) {
        fill(&text, i == 0 ? 'y' : ',', 1);
        fill(&text, 'x', CSV_FIELD_BYTES_MAX - 1);
    }
    check_limit(&text, E_LIMIT, "line 1: the row is longer than 65536 bytes");
}
END_TEST

START_TEST(headers_match_in_any_order)
{
    static const struct csv_column columns[] = {{"id", false}, {"name", false}, {"note", true}};
    static const struct {
        const char *header;
        size_t map[3];
        const char *sentence; /* NULL: matches */
    } rows[] = {
        {"id,name,note", {0, 1, 2}, NULL},
        {"note,name,id", {2, 1, 0}, NULL},
        {"name,id", {1, 0, CSV_ABSENT}, NULL},
        {"\"id\",name\r\n", {0, 1, CSV_ABSENT}, NULL},
        {"id,note", {0}, "line 1: the column \"name\" is missing"},
        {"id,nom", {0}, "line 1: the column \"name\" is missing, and \"nom\" is unknown"},
        {"id,name,extra,more", {0}, "line 1: the column \"extra\" is unknown: remove it"},
        {"id,name,\"\n\"", {0}, "line 1: the column \"...\" is unknown: remove it"},
        {"id,name,id", {0}, "line 1: the column \"id\" is there twice"},
        {"ID,name", {0}, "line 1: the column \"id\" is missing, and \"ID\" is unknown"},
        {"id;name;note", {0}, "line 1: the columns are separated by semicolons"},
        {"\xef\xbb\xbf\xef\xbb\xbfid,name", {0}, "line 1: the column \"id\" is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena arena;
        struct csv csv;
        struct csv_row row;
        struct fault fault = FAULT_NONE;
        size_t map[3];
        arena_init(&arena);
        csv_init(&csv, view_of(rows[i].header), &arena);
        ck_assert_int_eq(csv_next(&csv, &row, &fault), 1);
        int err = csv_header_match(&row, columns, 3, map, &fault);
        if (rows[i].sentence == NULL) {
            ck_assert_msg(err == E_OK, "%s: %s", rows[i].header, fault.text);
            ck_assert_mem_eq(map, rows[i].map, sizeof(map));
            ck_assert(view_is(csv_field(&row, map[0]), "id"));
            ck_assert(map[2] != CSV_ABSENT || csv_field(&row, map[2]).len == 0);
        } else {
            ck_assert_int_eq(err, E_INVALID);
            ck_assert_msg(view_starts(view_of(fault.text), rows[i].sentence), "%s", fault.text);
        }
        arena_release(&arena);
    }
}
END_TEST

START_TEST(fields_are_quoted_when_they_must)
{
    static const char *const rows[][2] = {
        {"", ""},           {"a b", "a b"},         {"a;b", "a;b"},     {"a,b", "\"a,b\""},
        {"\"", "\"\"\"\""}, {"a\"b", "\"a\"\"b\""}, {"\n", "\"\n\""},   {"a\r", "\"a\r\""},
        {"é", "é"},         {"\"\"", "\"\"\"\"\"\""}, {" a ", " a "},   {"'", "'"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = BUF_INIT;
        csv_write_field(&out, view_of(rows[i][0]));
        ck_assert(view_is(buf_content(&out), rows[i][1]));
        buf_release(&out);
    }
    struct buf out = BUF_INIT;
    csv_write_row(&out, (const struct view[]){VIEW_LIT("a"), VIEW_NONE, VIEW_LIT("b,c")}, 3);
    ck_assert_str_eq(out.data, "a,,\"b,c\"\n");
    buf_release(&out);
}
END_TEST

static uint64_t dice_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* What is written is read back, in one piece and in chunks of every size. */
START_TEST(written_rows_are_read_back)
{
    static const char *const pieces[] = {"a", "\"", ",", "\n", "\r\n", "é", " ", ";", "\"\"", "\r"};
    const uint64_t seed = 20261123;
    uint64_t dice = seed;
    for (int round = 0; round < 300; round++) {
        struct buf text = BUF_INIT;
        struct buf expected = BUF_INIT;
        size_t rows = dice_next(&dice) % 6;
        size_t count = 2 + dice_next(&dice) % 3;
        size_t line = 1;
        for (size_t r = 0; r < rows; r++) {
            char values[4][64];
            struct view fields[4];
            buf_printf(&expected, "%zu", line);
            for (size_t f = 0; f < count; f++) {
                int len = 0;
                for (size_t p = dice_next(&dice) % 6; p > 0; p--) {
                    const char *piece = pieces[dice_next(&dice) % ARRAY_LEN(pieces)];
                    len += snprintf(values[f] + len, 64 - (size_t)len, "%s", piece);
                    line += piece[strlen(piece) - 1] == '\n';
                }
                fields[f] = view_bytes(values[f], (size_t)len);
                buf_printf(&expected, "[%.*s]", VIEW_FMT(fields[f]));
            }
            csv_write_row(&text, fields, count);
            line++;
        }
        struct buf out = BUF_INIT;
        struct fault fault = FAULT_NONE;
        struct view whole = buf_content(&text);
        if (read_all(whole, &out, &fault) != 0 ||
            !view_equal(buf_content(&out), buf_content(&expected))) {
            ck_abort_msg("seed %llu, round %d: %s", (unsigned long long)seed, round, fault.text);
        }
        for (size_t max = 0; max <= whole.len; max++) {
            struct view head = csv_split(whole, max);
            struct view tail = view_slice(whole, head.len, whole.len);
            struct arena arena;
            struct csv csv;
            struct csv_row row;
            arena_init(&arena);
            csv_init(&csv, head, &arena);
            size_t seen = 0;
            while (csv_next(&csv, &row, NULL) == 1) {
                seen++;
            }
            int ended = csv.error;
            size_t next_line = csv.line;
            csv_init(&csv, tail, &arena);
            csv.line = next_line;
            csv.fields = count;
            while (csv_next(&csv, &row, NULL) == 1) {
                seen++;
            }
            if (head.len > max || ended != E_OK || csv.error != E_OK || seen != rows ||
                csv.line != line) {
                ck_abort_msg("seed %llu, round %d, max %zu", (unsigned long long)seed, round, max);
            }
            arena_release(&arena);
        }
        buf_release(&text);
        buf_release(&expected);
        buf_release(&out);
    }
    ck_assert_uint_eq(csv_split(VIEW_LIT("a,b\nc,d\n"), 7).len, 4);
    ck_assert_uint_eq(csv_split(VIEW_LIT("a,b\nc,d\n"), 4).len, 4);
    ck_assert_uint_eq(csv_split(VIEW_LIT("a,b\nc,d\n"), 3).len, 0);
    ck_assert_uint_eq(csv_split(VIEW_LIT("a,b\nc,d"), 7).len, 7);
    ck_assert_uint_eq(csv_split(VIEW_LIT("a\n\"x\ny\"\nb\n"), 9).len, 8);
    ck_assert_uint_eq(csv_split(VIEW_LIT("a\n\"x\ny\"\nb\n"), 7).len, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("csv");
    TCase *cases = tcase_create("csv");
    tcase_add_test(cases, rows_are_read);
    tcase_add_test(cases, errors_name_their_line);
    tcase_add_test(cases, limits_hold_to_the_byte);
    tcase_add_test(cases, headers_match_in_any_order);
    tcase_add_test(cases, fields_are_quoted_when_they_must);
    tcase_add_test(cases, written_rows_are_read_back);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
