#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/text.h"
#include "passerelle/v1/desk.pb-c.h"
#include "passerelle/v1/directory.pb-c.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/entries.pb-c.h"
#include "passerelle/v1/ledger.pb-c.h"
#include "passerelle/v1/network.pb-c.h"
#include "passerelle/v1/pass.pb-c.h"
#include "passerelle/v1/settlement.pb-c.h"
#include "passerelle/v1/stats.pb-c.h"
#include "random.h"
#include "wire/envelope.h"
#include "wire/gzip.h"
#include "wire/json.h"
#include "wire/json_lex.h"
#include "wire/pack.h"
#include "wire/reflect.h"
#include "wire/scan.h"
#include "wiretest.pb-c.h"

#define EVERYTHING &wiretest__everything__descriptor

/* Hex with spaces to bytes. */
static struct view from_hex(struct arena *arena, const char *hex)
{
    struct buf digits = BUF_INIT;
    for (; *hex != '\0'; hex++) {
        if (*hex != ' ') {
            buf_byte(&digits, *hex);
        }
    }
    char *bytes = arena_alloc(arena, digits.len / 2);
    ck_assert_int_eq(text_from_hex(buf_content(&digits), bytes, digits.len / 2), E_OK);
    struct view result = {bytes, digits.len / 2};
    buf_release(&digits);
    return result;
}

START_TEST(scan_refuses_by_field)
{
    static const struct {
        const char *hex;
        int err;
        const char *starts; /* of the sentence */
    } rows[] = {
        {"", E_OK, ""},
        {"08 96 01", E_OK, ""},
        {"08 ff ff ff ff ff ff ff ff ff 01", E_OK, ""}, /* int32 -1 */
        {"18 ff ff ff ff 0f", E_OK, ""},
        {"08 80 80 00", E_OK, ""},                      /* not minimal, yet legal */
        {"82 01 02 01 02 80 01 03", E_OK, ""},          /* packed, then not */
        {"70 fd ff ff ff ff ff ff ff ff 01", E_OK, ""}, /* enum -3 */
        {"08", E_INVALID, "an_int32: the bytes are cut short"},
        {"08 80", E_INVALID, "an_int32: the bytes are cut short"},
        {"10 ff ff ff ff ff ff ff ff ff 02", E_INVALID, "an_int64: the bytes"},    /* 65 bits */
        {"10 80 80 80 80 80 80 80 80 80 80 00", E_INVALID, "an_int64: the bytes"}, /* 11 bytes */
        {"80", E_INVALID, "the bytes are cut short"},
        {"88 80 80 80 80 00 01", E_INVALID, "the bytes are cut short"}, /* tag of 6 bytes */
        {"00 01", E_INVALID, "a field has a number"},
        {"80 80 80 80 10 01", E_INVALID, "a field has a number"},              /* 2^29 */
        {"08 80 80 80 80 08", E_INVALID, "an_int32: the number does not fit"}, /* 2^31 */
        {"18 80 80 80 80 10", E_INVALID, "a_uint32: the number does not fit"},
        {"28 80 80 80 80 10", E_INVALID, "a_sint32: the number does not fit"},
        {"58 02", E_INVALID, "a_bool: the number does not fit"},
        {"70 02", E_INVALID, "a_colour: 2 is not a value of wiretest.Colour"},
        {"0a 01 00", E_INVALID, "an_int32: encoded as wire type 2"},
        {"60 01", E_INVALID, "a_string: encoded as wire type 0"},
        {"0b 0c", E_INVALID, "field number 1 is a group"},
        {"0c", E_INVALID, "field number 1 is a group"},
        {"0e", E_INVALID, "field number 1 is a group"},
        {"3d 01 02 03", E_INVALID, "a_fixed32: the bytes"},
        {"41 01 02 03 04 05 06 07", E_INVALID, "a_fixed64: the bytes"},
        {"62 02 61", E_INVALID, "a_string: the bytes"},
        {"62 ff ff ff ff 0f", E_INVALID, "a_string: the bytes"},
        {"62 81 80 80 80 80 00 61", E_INVALID, "a_string: the bytes"}, /* length of 6 bytes */
        {"62 02 c3 28", E_INVALID, "a_string: not UTF-8"},
        {"62 03 ed a0 80", E_INVALID, "a_string: not UTF-8"},
        {"62 03 61 00 62", E_INVALID, "a_string: text holds a NUL"},
        {"6a 03 61 00 62", E_OK, ""}, /* bytes may */
        {"7a 03 0a 01 ff", E_INVALID, "a_leaf.name: not UTF-8"},
        {"7a 02 0a 01", E_INVALID, "a_leaf.name: the bytes"},
        {"82 01 01 80", E_INVALID, "many_int32[0]: the bytes"},
        {"82 01 07 01 80 80 80 80 80 01", E_INVALID, "many_int32[1]: the number does not fit"},
        {"b2 01 03 01 02 03", E_INVALID, "many_fixed32[0]: the bytes"},
        {"08 01 08 02", E_INVALID, "an_int32: given twice"},
        {"7a 00 7a 00", E_INVALID, "a_leaf: given twice"},
        {"c8 02 01 d0 02 01", E_INVALID, "pick_uint64: another member"},
        {"c8 02 01 c8 02 01", E_INVALID, "pick_int32: another member"},
        {"f8 06 01", E_INVALID, "no such field: number 111"},
        {"7a 02 18 01", E_INVALID, "a_leaf: no such field: number 3"},
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        ProtobufCMessage *message = NULL;
        int err = wire_unpack(EVERYTHING, from_hex(&arena, rows[i].hex), &wire_limits_request,
                              &arena, &message, &fault);
        ck_assert_msg(err == rows[i].err && fault.code == err &&
                          view_starts(view_of(fault.text), rows[i].starts),
                      "%s: %d %s", rows[i].hex, err, fault.text);
        ck_assert_int_eq(message != NULL, err == E_OK);
    }
    arena_release(&arena);
}
END_TEST

START_TEST(scan_lets_newer_versions_through)
{
    static const char *const good[] = {"f8 06 01",
                                       "fa 06 02 ff 00",
                                       "fd 06 01 02 03 04",
                                       "70 63",
                                       "f9 06 01 02 03 04 05 06 07 08",
                                       "7a 02 18 01"};
    static const char *const bad[] = {"fb 06 fc 06", "f8 06", "fa 06 02 00", "fd 06 01",
                                      "f9 06 01"};
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct view bytes = from_hex(&arena, good[i]);
        ck_assert_int_eq(wire_scan(EVERYTHING, bytes, &wire_limits_tolerant, NULL), E_OK);
        ck_assert_int_eq(wire_scan(EVERYTHING, bytes, &wire_limits_request, NULL), E_INVALID);
        ck_assert(wire_is_deterministic(EVERYTHING, bytes));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_int_eq(
            wire_scan(EVERYTHING, from_hex(&arena, bad[i]), &wire_limits_tolerant, NULL),
            E_INVALID);
    }
    arena_release(&arena);
}
END_TEST

/* `depth` trees in one another, as protobuf and as JSON. */
static struct view tree_bytes(struct arena *arena, size_t depth)
{
    Wiretest__Tree *tree = wire_new(arena, &wiretest__tree__descriptor);
    for (size_t i = 1; i < depth; i++) {
        Wiretest__Tree *up = wire_new(arena, &wiretest__tree__descriptor);
        up->child = tree;
        tree = up;
    }
    return wire_pack_arena(arena, &tree->base);
}

static struct view tree_json(struct arena *arena, size_t depth)
{
    struct buf text = BUF_INIT;
    for (size_t i = 1; i < depth; i++) {
        buf_text(&text, "{\"child\":");
    }
    buf_text(&text, "{}");
    for (size_t i = 1; i < depth; i++) {
        buf_text(&text, "}");
    }
    struct view copy = arena_copy(arena, buf_content(&text));
    buf_release(&text);
    return copy;
}

START_TEST(limits_hold)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *out = NULL;
    const ProtobufCMessageDescriptor *tree = &wiretest__tree__descriptor;
    const struct wire_limits *limits = &wire_limits_request;
    ck_assert_int_eq(wire_scan(tree, tree_bytes(&arena, 16), limits, NULL), E_OK);
    ck_assert_int_eq(wire_scan(tree, tree_bytes(&arena, 17), limits, NULL), E_LIMIT);
    ck_assert_int_eq(json_read(tree, tree_json(&arena, 16), limits, &arena, &out, NULL), E_OK);
    ck_assert_int_eq(json_read(tree, tree_json(&arena, 17), limits, &arena, &out, NULL), E_LIMIT);
    /* Within unknown fields only the parser's own limit holds. */
    ck_assert_int_eq(json_read(&wiretest__leaf__descriptor, tree_json(&arena, 64),
                               &wire_limits_tolerant, &arena, &out, NULL),
                     E_OK);
    ck_assert_int_eq(json_read(&wiretest__leaf__descriptor, tree_json(&arena, 100000),
                               &wire_limits_tolerant, &arena, &out, NULL),
                     E_LIMIT);

    static const struct wire_limits three = {.depth_max = 4, .items_max = 3};
    static const struct {
        const char *hex;
        const char *json;
        int err;
    } rows[] = {
        {"82 01 03 01 02 03", "{\"manyInt32\":[1,2,3]}", E_OK},
        {"82 01 04 01 02 03 04", "{\"manyInt32\":[1,2,3,4]}", E_LIMIT},
        {"82 01 02 01 02 8a 01 02 03 04", "{\"manyInt32\":[1,2],\"manyInt64\":[3,4]}", E_LIMIT},
        {"f2 01 00 f2 01 00 f2 01 00 f2 01 00", "{\"manyLeaf\":[{},{},{},{}]}", E_LIMIT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(wire_scan(EVERYTHING, from_hex(&arena, rows[i].hex), &three, NULL),
                         rows[i].err);
        ck_assert_int_eq(json_read(EVERYTHING, view_of(rows[i].json), &three, &arena, &out, NULL),
                         rows[i].err);
    }
    arena_release(&arena);
}
END_TEST

/* What the bytes hold, field by field; cut anywhere, they end with something left. */
START_TEST(fields_one_by_one)
{
    struct arena arena = ARENA_INIT;
    struct view bytes = from_hex(&arena, "08 96 01 12 02 61 62 19 01 02 03 04 05 06 07 08 "
                                         "25 01 02 03 04 aa 06 00");
    static const size_t ends[] = {0, 3, 7, 16, 21, 24};
    struct wire_field field;
    for (size_t len = 0; len <= bytes.len; len++) {
        struct view rest = view_slice(bytes, 0, len);
        size_t count = 0;
        while (wire_field_next(&rest, &field)) {
            count++;
            ck_assert_uint_eq(field.number, count == 5 ? 101 : count);
            ck_assert_uint_eq(field.value, count == 1 ? 150 : 0);
            ck_assert_int_eq(view_is(field.bytes, "ab"), count == 2);
        }
        ck_assert_uint_eq(len - rest.len, ends[count]);
        ck_assert_int_eq(rest.len == 0, len == ends[count]);
    }
    struct view group = from_hex(&arena, "0b 0c");
    ck_assert(!wire_field_next(&group, &field) && group.len == 2);
    arena_release(&arena);
}
END_TEST

START_TEST(deterministic_means_as_packed)
{
    static const struct {
        const char *hex;
        bool is;
    } rows[] = {
        {"", true},
        {"08 01 10 02", true},
        {"10 02 08 01", false}, /* order */
        {"08 00", false},       /* a default */
        {"62 00", false},
        {"7a 00", true},    /* a message is present or not */
        {"c8 02 00", true}, /* so is a member of a oneof */
        {"e2 02 00", true},
        {"08 81 00", false}, /* longer than needed */
        {"82 01 02 01 02", true},
        {"80 01 01 80 01 02", false}, /* not packed */
        {"82 01 01 01 82 01 01 02", false},
        {"82 01 00", false}, /* packed nothing */
        {"f8 06 01 08 01", false},
        {"08 80", false},
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_msg(wire_is_deterministic(EVERYTHING, from_hex(&arena, rows[i].hex)) ==
                          rows[i].is,
                      "%s", rows[i].hex);
    }
    arena_release(&arena);
}
END_TEST

START_TEST(json_reads_what_the_mapping_allows)
{
    static const struct {
        const char *json;
        const char *hex; /* of the message; NULL: refused */
        const char *starts;
    } rows[] = {
        {"{}", "", ""},
        {" {\t\"anInt32\" :\r\n 150 } ", "08 96 01", ""},
        {"{\"an_int32\":\"150\"}", "08 96 01", ""},
        {"{\"anInt32\":1.5e2,\"anInt64\":1500e-1}", "08 96 01 10 96 01", ""},
        {"{\"anInt32\":150.00,\"aUint32\":\"1.5E+2\"}", "08 96 01 18 96 01", ""},
        {"{\"anInt32\":-0,\"aUint32\":-0.0e9}", "", ""},
        {"{\"anInt32\":0e999999999999999999999}", "", ""},
        {"{\"anInt32\":-2147483648}", "08 80 80 80 80 f8 ff ff ff ff 01", ""},
        {"{\"anInt32\":2147483648}", NULL, "an_int32: the number is out of range"},
        {"{\"anInt32\":1e-1}", NULL, "an_int32: expected a whole number"},
        {"{\"anInt32\":0.5}", NULL, "an_int32: expected a whole number"},
        {"{\"anInt32\":1e999999999999999999999}", NULL, "an_int32: the number is out of range"},
        {"{\"anInt32\":\"\"}", NULL, "an_int32: expected a whole"},
        {"{\"anInt32\":\" 1\"}", NULL, "an_int32: expected a whole"},
        {"{\"anInt32\":\"01\"}", NULL, "an_int32: expected a whole"},
        {"{\"anInt32\":true}", NULL, "an_int32: expected a whole"},
        {"{\"anInt32\":[1]}", NULL, "an_int32: expected a whole"},
        {"{\"anInt32\":null}", "", ""},
        {"{\"anInt64\":\"9223372036854775807\"}", "10 ff ff ff ff ff ff ff ff 7f", ""},
        {"{\"anInt64\":9223372036854775807}", "10 ff ff ff ff ff ff ff ff 7f", ""},
        {"{\"anInt64\":9223372036854775808}", NULL, "an_int64: the number is out of range"},
        {"{\"aUint64\":\"1.8446744073709551615e19\"}", "20 ff ff ff ff ff ff ff ff ff 01", ""},
        {"{\"aUint64\":18446744073709551616}", NULL, "a_uint64: the number is out"},
        {"{\"aUint64\":-1}", NULL, "a_uint64: the number is out"},
        {"{\"aUint32\":4294967296}", NULL, "a_uint32: the number is out"},
        {"{\"aBool\":true}", "58 01", ""},
        {"{\"aBool\":\"true\"}", NULL, "a_bool: expected true or false"},
        {"{\"aBool\":1}", NULL, "a_bool: expected"},
        {"{\"aColour\":\"COLOUR_GREEN\"}", "70 07", ""},
        {"{\"aColour\":7}", "70 07", ""},
        {"{\"aColour\":\"COLOUR_BLUE\"}", NULL, "a_colour: no such value of wiretest.Colour"},
        {"{\"aColour\":\"7\"}", NULL, "a_colour: no such value"},
        {"{\"aColour\":6}", NULL, "a_colour: no such value"},
        {"{\"aBytes\":\"+/8=\"}", "6a 02 fb ff", ""},
        {"{\"aBytes\":\"-_8\"}", "6a 02 fb ff", ""},
        {"{\"aBytes\":\"+/9\"}", NULL, "a_bytes: expected bytes in base64"},
        {"{\"aBytes\":3}", NULL, "a_bytes: expected"},
        {"{\"aString\":\"\\u00e9\\ud83d\\ude00\\/\\n\"}", "62 08 c3a9 f09f9880 2f 0a", ""},
        {"{\"aString\":\"\\ud83d\"}", NULL, "JSON: at byte 13: half of a surrogate pair"},
        {"{\"aString\":\"\\ude00\\ud83d\"}", NULL, "JSON: at byte 13: half"},
        {"{\"aString\":\"\\ud83d\\u0041\"}", NULL, "JSON: at byte 13: half"},
        {"{\"aString\":\"\\u12g4\"}", NULL, "JSON: at byte 13: \\u needs"},
        {"{\"aString\":\"\\x\"}", NULL, "JSON: at byte 13: no such escape"},
        {"{\"aString\":\"\\u0000\"}", NULL, "a_string: text holds a NUL"},
        {"{\"aString\":\"\n\"}", NULL, "JSON: at byte 13: a control character"},
        {"{\"aString\":\"\xff\"}", NULL, "JSON: the text is not UTF-8"},
        {"{\"aString\":\"abc}", NULL, "JSON: at byte 13: the string has no end"},
        {"{\"aString\":\"\\\"}", NULL, "JSON: at byte 13: the string has no end"},
        {"{\"aString\":5}", NULL, "a_string: expected text"},
        {"{\"aLeaf\":{}}", "7a 00", ""},
        {"{\"aLeaf\":null}", "", ""},
        {"{\"aLeaf\":[]}", NULL, "a_leaf: expected an object"},
        {"{\"aLeaf\":{\"foo\":1}}", NULL, "a_leaf.foo: no such field"},
        {"{\"manyLeaf\":[{},{\"amountCents\":\"x\"}]}", NULL,
         "many_leaf[1].amount_cents: expected"},
        {"{\"manyInt32\":[]}", "", ""},
        {"{\"manyInt32\":null}", "", ""},
        {"{\"manyInt32\":[1,\"2\"]}", "82 01 02 01 02", ""},
        {"{\"manyInt32\":[1,null]}", NULL, "many_int32[1]: null cannot"},
        {"{\"manyInt32\":[1,[2]]}", NULL, "many_int32[1]: expected a whole"},
        {"{\"manyInt32\":1}", NULL, "many_int32: expected an array"},
        {"{\"anInt32\":1,\"anInt32\":1}", NULL, "an_int32: given twice"},
        {"{\"anInt32\":1,\"an_int32\":1}", NULL, "an_int32: given twice"},
        {"{\"anInt32\":null,\"an_int32\":1}", NULL, "an_int32: given twice"},
        {"{\"pickInt32\":0}", "c8 02 00", ""},
        {"{\"pickString\":\"\"}", "e2 02 00", ""},
        {"{\"pickInt32\":null,\"pickBool\":false}", "d8 02 00", ""},
        {"{\"pickInt32\":1,\"pickBool\":false}", NULL, "pick_bool: another member"},
        {"{\"latE5\":1,\"xY\":2,\"line2b\":3,\"alreadyCamel\":4,\"far\":5}",
         "e0 03 01 e8 03 02 f0 03 03 f8 03 04 f8 ff ff ff 0f 05", ""},
        {"{\"x__y_\":2}", "e8 03 02", ""},
        {"{\"anINT32\":1}", NULL, "anINT32: no such field"},
        {"{\"an_Int32\":1}", NULL, "an_Int32: no such field"},
        {"{\"\":1}", NULL, "(unreadable name): no such field"},
        {"{\"a\\u0000b\":1}", NULL, "(unreadable name): no such field"},
        {"", NULL, "JSON: at byte 1: expected a value"},
        {"1", NULL, "expected an object"},
        {"null", NULL, "expected an object"},
        {"{} {}", NULL, "JSON: at byte 4: something follows"},
        {"{\"anInt32\":1,}", NULL, "JSON: at byte 14: expected a name"},
        {"{,}", NULL, "JSON: at byte 2: expected a name"},
        {"{\"anInt32\" 1}", NULL, "JSON: at byte 12: expected ':'"},
        {"{anInt32:1}", NULL, "JSON: at byte 2: expected a name"},
        {"{\"anInt32\":1]", NULL, "JSON: at byte 13: expected ',' or '}'"},
        {"{\"manyInt32\":[1,]}", NULL, "JSON: at byte 17: expected a value"},
        {"{\"manyInt32\":[1}", NULL, "JSON: at byte 16: expected ',' or ']'"},
        {"{\"anInt32\":01}", NULL, "JSON: at byte 12: expected a value"},
        {"{\"anInt32\":+1}", NULL, "JSON: at byte 12: expected a value"},
        {"{\"anInt32\":1.}", NULL, "JSON: at byte 12: expected a value"},
        {"{\"anInt32\":.5}", NULL, "JSON: at byte 12: expected a value"},
        {"{\"anInt32\":1e}", NULL, "JSON: at byte 12: expected a value"},
        {"{\"anInt32\":NaN}", NULL, "JSON: at byte 12: expected a value"},
        {"{\"aBool\":True}", NULL, "JSON: at byte 10: expected a value"},
        {"{'anInt32':1}", NULL, "JSON: at byte 2: expected a name"},
        {"\xef\xbb\xbf{}", NULL, "JSON: at byte 1: expected a value"},
        {"{} // comment", NULL, "JSON: at byte 4: something follows"},
        {"{\"anInt32\":1", NULL, "JSON: at byte 13: expected ',' or '}'"},
    };
    struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fault fault = FAULT_NONE;
        ProtobufCMessage *message = NULL;
        int err = json_read(EVERYTHING, view_of(rows[i].json), &wire_limits_request, &arena,
                            &message, &fault);
        if (rows[i].hex == NULL) {
            ck_assert_msg(err < 0 && err == fault.code && message == NULL &&
                              view_starts(view_of(fault.text), rows[i].starts),
                          "%s: %d %s", rows[i].json, err, fault.text);
            continue;
        }
        ck_assert_msg(err == E_OK, "%s: %s", rows[i].json, fault.text);
        ck_assert_msg(view_equal(wire_pack_arena(&arena, message), from_hex(&arena, rows[i].hex)),
                      "%s", rows[i].json);
    }
    /* A raw NUL ends nothing. */
    struct view nul = {"{\"aString\":\"a\0b\"}", 17};
    ProtobufCMessage *out = NULL;
    ck_assert_int_eq(json_read(EVERYTHING, nul, &wire_limits_request, &arena, &out, NULL),
                     E_INVALID);
    /* From a newer version. */
    ck_assert_int_eq(json_read(EVERYTHING, view_of("{\"new\":{\"a\":[1,{}]},\"aColour\":6}"),
                               &wire_limits_tolerant, &arena, &out, NULL),
                     E_OK);
    ck_assert_int_eq(((Wiretest__Everything *)out)->a_colour, 6);
    arena_release(&arena);
}
END_TEST

START_TEST(json_writes_the_mapping)
{
    static const struct {
        const char *hex;
        const char *json;
    } rows[] = {
        {"", "{}"},
        {"08 96 01 10 96 01 18 96 01 20 96 01",
         "{\"anInt32\":150,\"anInt64\":\"150\",\"aUint32\":150,\"aUint64\":\"150\"}"},
        {"10 80 80 80 80 80 80 80 80 80 01", "{\"anInt64\":\"-9223372036854775808\"}"},
        {"28 01 3d ff ff ff ff 4d ff ff ff ff",
         "{\"aSint32\":-1,\"aFixed32\":4294967295,\"aSfixed32\":-1}"},
        {"62 0b 22 5c 2f 08 0c 0a 0d 09 01 c3a9",
         "{\"aString\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001é\"}"},
        {"6a 02 fb ff 70 07 7a 00",
         "{\"aBytes\":\"+/8=\",\"aColour\":\"COLOUR_GREEN\",\"aLeaf\":{}}"},
        {"70 06", "{\"aColour\":6}"},
        {"82 01 02 01 02 f2 01 03 0a 01 61",
         "{\"manyInt32\":[1,2],\"manyLeaf\":[{\"name\":\"a\"}]}"},
        {"c8 02 00", "{\"pickInt32\":0}"},
        {"e2 02 00", "{\"pickString\":\"\"}"},
        {"e0 03 01 e8 03 02 f0 03 03 f8 03 04 f8 ff ff ff 0f 05",
         "{\"latE5\":1,\"xY\":2,\"line2b\":3,\"alreadyCamel\":4,\"far\":5}"},
        {"f8 06 01", "{}"}, /* unknown fields have no name */
    };
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        ck_assert_int_eq(wire_unpack(EVERYTHING, from_hex(&arena, rows[i].hex),
                                     &wire_limits_tolerant, &arena, &message, NULL),
                         E_OK);
        ck_assert_int_eq(json_write(&out, message, 0), E_OK);
        ck_assert_str_eq(out.data, rows[i].json);
    }
    buf_clear(&out);
    ck_assert_int_eq(json_read(EVERYTHING,
                               view_of("{\"anInt32\":1,\"aLeaf\":{},\"manyInt32\":[1,2]}"),
                               &wire_limits_request, &arena, &message, NULL),
                     E_OK);
    ck_assert_int_eq(json_write(&out, message, JSON_PRETTY), E_OK);
    ck_assert_str_eq(
        out.data,
        "{\n  \"anInt32\": 1,\n  \"aLeaf\": {},\n  \"manyInt32\": [\n    1,\n    2\n  ]\n}");
    Wiretest__Leaf leaf = WIRETEST__LEAF__INIT;
    leaf.name = (char[]){"\xff"};
    ck_assert_int_eq(json_write(&out, &leaf.base, 0), E_CORRUPT);
    struct buf small = BUF_INIT_MAX(10);
    ck_assert_int_eq(json_write(&small, message, 0), E_LIMIT);
    buf_release(&small);
    buf_release(&out);
    arena_release(&arena);
}
END_TEST

START_TEST(random_messages_survive)
{
    uint64_t seed = getenv("SEED") != NULL ? strtoull(getenv("SEED"), NULL, 10)
                                           : (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
    printf("wire: SEED=%" PRIu64 "\n", seed);
    struct env env;
    struct env_test dice = {.seed = seed};
    env_test_init(&env, &dice);
    struct arena arena = ARENA_INIT;
    struct buf json = BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        struct fault fault = FAULT_NONE;
        ProtobufCMessage *unpacked = NULL;
        ProtobufCMessage *read = NULL;
        ProtobufCMessage *message = random_message(&env, &arena, EVERYTHING);
        struct view bytes = wire_pack_arena(&arena, message);
        ck_assert_msg(
            wire_unpack(EVERYTHING, bytes, &wire_limits_request, &arena, &unpacked, &fault) == E_OK,
            "%s", fault.text);
        ck_assert(wire_is_deterministic(EVERYTHING, bytes));
        ck_assert(wire_equal(message, wire_clone(&arena, unpacked)));
        for (unsigned flags = 0; flags <= JSON_PRETTY; flags++) {
            buf_clear(&json);
            ck_assert_int_eq(json_write(&json, unpacked, flags), E_OK);
            ck_assert_msg(json_read(EVERYTHING, buf_content(&json), &wire_limits_request, &arena,
                                    &read, &fault) == E_OK,
                          "%s: %s", fault.text, json.data);
            ck_assert(view_equal(wire_pack_arena(&arena, read), bytes));
        }
        /* Any one bit may turn: the scan either refuses, or protobuf-c unpacks. */
        if (bytes.len > 0) {
            char *turned = arena_string(&arena, bytes);
            uint64_t bit;
            env_random(&env, &bit, sizeof bit);
            turned[bit / 8 % bytes.len] ^= (char)(1 << bit % 8);
            int err = wire_unpack(EVERYTHING, (struct view){turned, bytes.len},
                                  &wire_limits_tolerant, &arena, &unpacked, NULL);
            ck_assert(err == E_OK || err == E_INVALID || err == E_LIMIT);
        }
        arena_clear(&arena);
    }
    buf_release(&json);
    arena_release(&arena);
}
END_TEST

START_TEST(the_contract_is_supported)
{
    static const ProtobufCServiceDescriptor *const services[] = {
        &passerelle__v1__desk_service__descriptor,
        &passerelle__v1__pass_service__descriptor,
        &passerelle__v1__employer_service__descriptor,
        &passerelle__v1__directory_service__descriptor,
        &passerelle__v1__network_service__descriptor,
        &passerelle__v1__ledger_service__descriptor,
        &passerelle__v1__settlement_service__descriptor,
        &passerelle__v1__stats_service__descriptor,
    };
    for (size_t i = 0; i < ARRAY_LEN(services); i++) {
        for (unsigned m = 0; m < services[i]->n_methods; m++) {
            ck_assert_msg(wire_is_supported(services[i]->methods[m].input),
                          "%s.%s takes what wire/ "
                          "cannot",
                          services[i]->name, services[i]->methods[m].name);
            ck_assert_msg(wire_is_supported(services[i]->methods[m].output),
                          "%s.%s gives what wire/ "
                          "cannot",
                          services[i]->name, services[i]->methods[m].name);
        }
    }
    ck_assert(wire_is_supported(&passerelle__v1__entry__descriptor));
}
END_TEST

START_TEST(gzip_refuses_bombs_and_garbage)
{
    struct gzip gzip = GZIP_INIT;
    struct buf plain = BUF_INIT;
    struct buf packed = BUF_INIT;
    struct buf out = BUF_INIT;
    for (size_t len = 0; len <= 100000; len = len * 3 + 1) {
        buf_clear(&plain);
        buf_clear(&packed);
        buf_clear(&out);
        while (plain.len < len) {
            buf_byte(&plain, (char)(plain.len * plain.len >> 7));
        }
        buf_text(&out, "before");
        ck_assert_int_eq(gzip_compress(&gzip, buf_content(&plain), &packed), E_OK);
        ck_assert_int_eq(gzip_decompress(&gzip, buf_content(&packed), len, &out, NULL), E_OK);
        ck_assert(view_equal(view_slice(buf_content(&out), 6, out.len), buf_content(&plain)));
        struct buf bounded = BUF_INIT_MAX(len + 6);
        buf_text(&bounded, "before");
        ck_assert_int_eq(gzip_decompress(&gzip, buf_content(&packed), len + 9, &bounded, NULL),
                         E_OK);
        ck_assert_uint_eq(bounded.len, len + 6);
        buf_release(&bounded);
        buf_clear(&out);
        buf_text(&out, "before");
        if (len > 0) {
            ck_assert_int_eq(gzip_decompress(&gzip, buf_content(&packed), len - 1, &out, NULL),
                             E_LIMIT);
        }
        for (size_t cut = 1; cut < packed.len; cut += 1 + packed.len / 16) {
            struct view part = view_slice(buf_content(&packed), 0, packed.len - cut);
            if (part.len > 0) {
                ck_assert_int_eq(gzip_decompress(&gzip, part, len, &out, NULL), E_INVALID);
            }
        }
        buf_byte(&packed, 'x');
        ck_assert_int_eq(gzip_decompress(&gzip, buf_content(&packed), len, &out, NULL), E_INVALID);
        ck_assert(view_is(buf_content(&out), "before"));
    }
    /* 64 MiB of zeros in 64 KiB. */
    buf_clear(&plain);
    buf_clear(&packed);
    buf_clear(&out);
    char *zeros = buf_reserve(&plain, 64 << 20);
    memset(zeros, 0, 64 << 20);
    buf_wrote(&plain, 64 << 20);
    ck_assert_int_eq(gzip_compress(&gzip, buf_content(&plain), &packed), E_OK);
    ck_assert_int_eq(gzip_decompress(&gzip, buf_content(&packed), 1 << 20, &out, NULL), E_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_uint_lt(out.alloc, 4 << 20);
    packed.data[20] ^= 1;
    ck_assert_int_eq(gzip_decompress(&gzip, buf_content(&packed), 1 << 27, &out, NULL), E_INVALID);
    ck_assert_int_eq(gzip_decompress(&gzip, VIEW_LIT("not gzip at all"), 100, &out, NULL),
                     E_INVALID);
    ck_assert_int_eq(gzip_decompress(&gzip, VIEW_NONE, 100, &out, NULL), E_OK);
    buf_release(&out);
    buf_release(&packed);
    buf_release(&plain);
    gzip_release(&gzip);
}
END_TEST

START_TEST(envelopes_arrive_in_any_pieces)
{
    struct buf stream = BUF_INIT;
    envelope_write(&stream, 0, VIEW_LIT("hello"));
    envelope_write(&stream, ENVELOPE_COMPRESSED, VIEW_NONE);
    size_t at = envelope_begin(&stream, ENVELOPE_END);
    buf_text(&stream, "{}");
    envelope_end(&stream, at);
    ck_assert(view_equal(buf_content(&stream),
                         (struct view){"\0\0\0\0\5hello\1\0\0\0\0\2\0\0\0\2{}", 22}));
    static const struct {
        uint8_t flags;
        const char *message;
    } expected[] = {{0, "hello"}, {ENVELOPE_COMPRESSED, ""}, {ENVELOPE_END, "{}"}};
    for (size_t piece = 1; piece <= stream.len; piece++) {
        struct envelope_reader reader;
        envelope_reader_init(&reader, 5, ENVELOPE_COMPRESSED | ENVELOPE_END);
        size_t found = 0;
        for (size_t from = 0; from < stream.len; from += piece) {
            struct view in = view_slice(buf_content(&stream), from, from + piece);
            bool complete = true;
            while (complete) {
                struct envelope envelope;
                ck_assert_int_eq(envelope_read(&reader, &in, &envelope, &complete, NULL), E_OK);
                if (complete) {
                    ck_assert_uint_lt(found, ARRAY_LEN(expected));
                    ck_assert_uint_eq(envelope.flags, expected[found].flags);
                    ck_assert(view_is(envelope.message, expected[found].message));
                    found++;
                }
            }
            ck_assert_uint_eq(in.len, 0);
        }
        ck_assert_uint_eq(found, ARRAY_LEN(expected));
        ck_assert_int_eq(envelope_finish(&reader, NULL), E_OK);
        struct view more = VIEW_LIT("x");
        struct envelope envelope;
        bool complete;
        ck_assert_int_eq(envelope_read(&reader, &more, &envelope, &complete, NULL), E_INVALID);
        envelope_reader_release(&reader);
    }
    buf_release(&stream);

    static const struct {
        const char *bytes;
        size_t len;
        int read;
        int finish;
    } rows[] = {
        {"", 0, E_OK, E_OK},
        {"\0\0\0\0", 4, E_OK, E_INVALID},
        {"\0\0\0\0\3ab", 7, E_OK, E_INVALID},
        {"\0\0\0\0\6", 5, E_LIMIT, E_OK},
        {"\0\xff\xff\xff\xff", 5, E_LIMIT, E_OK},
        {"\2\0\0\0\0", 5, E_INVALID, E_OK},
        {"\x80\0\0\0\0", 5, E_INVALID, E_OK},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct envelope_reader reader;
        struct envelope envelope;
        bool complete;
        struct view in = {rows[i].bytes, rows[i].len};
        envelope_reader_init(&reader, 5, ENVELOPE_COMPRESSED);
        ck_assert_int_eq(envelope_read(&reader, &in, &envelope, &complete, NULL), rows[i].read);
        if (rows[i].read == E_OK) {
            ck_assert_int_eq(envelope_finish(&reader, NULL), rows[i].finish);
        }
        envelope_reader_release(&reader);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *all = tcase_create("wire");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, scan_refuses_by_field);
    tcase_add_test(all, scan_lets_newer_versions_through);
    tcase_add_test(all, limits_hold);
    tcase_add_test(all, fields_one_by_one);
    tcase_add_test(all, deterministic_means_as_packed);
    tcase_add_test(all, json_reads_what_the_mapping_allows);
    tcase_add_test(all, json_writes_the_mapping);
    tcase_add_test(all, random_messages_survive);
    tcase_add_test(all, the_contract_is_supported);
    tcase_add_test(all, gzip_refuses_bombs_and_garbage);
    tcase_add_test(all, envelopes_arrive_in_any_pieces);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
