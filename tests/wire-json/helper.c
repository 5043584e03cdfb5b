/* The other side of check.mjs: commands on standard input, one a line, one answer a line.
 *   gen SEED    -> a random message in hex
 *   json HEX    -> its JSON
 *   proto JSON  -> the message in hex, or "refused: ..." */
#include <inttypes.h>
#include <sys/types.h>

#include "base/env.h"
#include "base/text.h"
#include "random.h"
#include "wire/json.h"
#include "wire/pack.h"
#include "wiretest.pb-c.h"

static const ProtobufCMessageDescriptor *const type = &wiretest__everything__descriptor;

static void print_hex(struct arena *arena, const ProtobufCMessage *message)
{
    struct view bytes = wire_pack_arena(arena, message);
    char *hex = arena_alloc(arena, 2 * bytes.len + 1);
    text_to_hex(bytes.data, bytes.len, hex);
    puts(hex);
}

static int generate(struct arena *arena, struct view word)
{
    struct env env;
    struct env_test dice = {0};
    int err = text_u64(word, &dice.seed);
    if (err == E_OK) {
        env_test_init(&env, &dice);
        print_hex(arena, random_message(&env, arena, type));
    }
    return err;
}

static int to_json(struct arena *arena, struct view hex, struct fault *fault)
{
    ProtobufCMessage *message;
    struct buf json = BUF_INIT;
    char *bytes = arena_alloc(arena, hex.len / 2);
    int err = text_from_hex(hex, bytes, hex.len / 2);
    if (err == E_OK) {
        err = wire_unpack(type, (struct view){bytes, hex.len / 2}, &wire_limits_request, arena,
                          &message, fault);
    }
    if (err == E_OK) {
        err = json_write(&json, message, 0);
    }
    if (err == E_OK) {
        puts(json.data);
    }
    buf_release(&json);
    return err;
}

static int to_proto(struct arena *arena, struct view json, struct fault *fault)
{
    ProtobufCMessage *message;
    int err = json_read(type, json, &wire_limits_request, arena, &message, fault);
    if (err == E_OK) {
        print_hex(arena, message);
    }
    return err;
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    struct arena arena = ARENA_INIT;
    while ((len = getline(&line, &room, stdin)) > 0) {
        struct fault fault = FAULT_NONE;
        struct view rest = {line, (size_t)len - 1};
        struct view word = VIEW_NONE;
        bool some = view_cut(&rest, ' ', &word);
        int err = !some                   ? E_INVALID
                  : view_is(word, "gen")  ? generate(&arena, rest)
                  : view_is(word, "json") ? to_json(&arena, rest, &fault)
                                          : to_proto(&arena, rest, &fault);
        if (err != E_OK) {
            printf("refused: %s\n", fault.code != E_OK ? fault.text : err_text(err));
        }
        fflush(stdout);
        arena_clear(&arena);
    }
    arena_release(&arena);
    free(line);
    return 0;
}
