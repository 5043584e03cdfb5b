#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/profile.h"
#include "core/ident/uuid.h"
#include "wire/json.h"
#include "wire/pack.h"

int cli_usage(const struct command *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "passerelle %s: ", command->name);
    vfprintf(stderr, fmt, args);
    fprintf(stderr, ": see passerelle %s --help\n", command->name);
    va_end(args);
    return CLI_USAGE;
}

int cli_fail(int status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("passerelle: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return status;
}

bool cli_option(int *argc, char **argv, const char *name, const char **value)
{
    for (int i = 0; i < *argc; i++) {
        if (strcmp(argv[i], name) != 0) {
            continue;
        }
        int taken = value == NULL ? 1 : 2;
        if (i + taken > *argc) {
            return false;
        }
        if (value != NULL) {
            *value = argv[i + 1];
        }
        memmove(&argv[i], &argv[i + taken], (size_t)(*argc - i - taken) * sizeof *argv);
        *argc -= taken;
        return true;
    }
    return false;
}

int cli_options_end(const struct command *command, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) == 0) {
            return cli_usage(command, "cannot use %s", argv[i]);
        }
    }
    return CLI_OK;
}

/* Where compressing takes longer than sending. */
static bool is_this_machine(struct view url)
{
    return view_starts(url, "https://localhost:") || view_starts(url, "https://127.") ||
           view_starts(url, "https://[::1]");
}

struct peer *cli_peer(struct cli *cli, int *status)
{
    if (cli->peer != NULL) {
        return cli->peer;
    }
    struct profile profile;
    struct fault fault = FAULT_NONE;
    if (profile_load(cli->config, cli->profile, &cli->arena, &profile, &fault) != E_OK) {
        *status = cli_fail(CLI_USAGE, "%s", fault.text);
        return NULL;
    }
    struct peer_config config = {
        .url = profile.url,
        .ca = profile.ca,
        .certificate = profile.certificate,
        .key = profile.key,
        .bearer = profile.bearer,
        .timeout_ms = 300000,
        .plain = is_this_machine(view_of(profile.url)),
    };
    if (peer_new(&config, &cli->peer, &fault) != E_OK) {
        *status = cli_fail(CLI_USAGE, "profile %s: %s", profile.name, fault.text);
        return NULL;
    }
    cli->url = profile.url;
    return cli->peer;
}

int cli_call_failed(const char *what, enum code code, const struct peer_error *error)
{
    if (!error->reached) {
        return cli_fail(CLI_UNREACHABLE, "%s", error->message);
    }
    fprintf(stderr, "passerelle: %s: %s (%s)\n", what, error->message, code_name(code));
    switch (code) {
    case CODE_UNAVAILABLE:
    case CODE_RESOURCE_EXHAUSTED:
        return CLI_UNREACHABLE;
    case CODE_PERMISSION_DENIED:
    case CODE_UNAUTHENTICATED:
        return CLI_DENIED;
    default:
        return CLI_FAILED;
    }
}

const void *cli_call(struct cli *cli, const char *service, const char *method,
                     const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                     int *status)
{
    struct peer *peer = cli_peer(cli, status);
    if (peer == NULL) {
        return NULL;
    }
    char full[96];
    snprintf(full, sizeof full, "passerelle.v1.%s", service);
    ProtobufCMessage *response;
    struct peer_error error = {0};
    enum code code = peer_call_patiently(peer, full, method, request, output, &cli->arena,
                                         &response, &error, CLI_PATIENCE_MS);
    if (code != CODE_OK) {
        *status = cli_call_failed(method, code, &error);
        return NULL;
    }
    return response;
}

char *cli_request_id(struct cli *cli)
{
    uint8_t random[10];
    env_random(&env_system, random, sizeof random);
    char text[UUID_TEXT_LEN + 1];
    uuid_format(uuid_v7(env_real_utc_ms(&env_system), random), text);
    return wire_string(&cli->arena, view_of(text));
}

bool cli_add_file(const char *path, size_t max, struct buf *out)
{
    enum { BLOCK = 65536 };
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        cli_fail(CLI_FAILED, "%s cannot be read: %s", path, strerror(errno));
        return false;
    }
    size_t before = out->len;
    size_t got = 1;
    char *room;
    while (got > 0 && out->len - before <= max && (room = buf_reserve(out, BLOCK)) != NULL) {
        got = fread(room, 1, BLOCK, file);
        buf_wrote(out, got);
    }
    const char *why = ferror(file) != 0 ? strerror(errno) : NULL;
    bool large = buf_error(out) != E_OK || out->len - before > max;
    fclose(file);
    if (why != NULL) {
        cli_fail(CLI_FAILED, "%s cannot be read: %s", path, why);
    } else if (large) {
        cli_fail(CLI_FAILED,
                 "%s is not what is asked for, or too large: at most %zu KiB are read; a table can "
                 "be cut into several files",
                 path, max >> 10);
    }
    return why == NULL && !large;
}

bool cli_read_file(struct cli *cli, const char *path, size_t max, struct view *out)
{
    struct buf content = BUF_INIT;
    bool good = cli_add_file(path, max, &content);
    if (good) {
        *out = arena_copy(&cli->arena, buf_content(&content));
    }
    buf_release(&content);
    return good;
}

/* Anything but a file (a terminal, /dev/null) is written as it is. */
static bool is_file(const char *path)
{
    struct stat about;
    return path != NULL && (stat(path, &about) != 0 || S_ISREG(about.st_mode));
}

int cli_write_file(const char *path, struct view bytes)
{
    bool apart = is_file(path);
    char *part = NULL;
    if (apart) {
        struct buf name = BUF_INIT;
        buf_printf(&name, "%s.part", path);
        part = buf_detach(&name);
    }
    FILE *file = path == NULL ? stdout : fopen(apart ? part : path, "wb");
    int why = file == NULL ? errno : 0;
    if (file != NULL && fwrite(bytes.data, 1, bytes.len, file) != bytes.len) {
        why = errno;
    }
    if (file != NULL && fflush(file) != 0 && why == 0) {
        why = errno;
    }
    if (file != NULL && apart && fsync(fileno(file)) != 0 && why == 0) {
        why = errno;
    }
    if (file != NULL && path != NULL && fclose(file) != 0 && why == 0) {
        why = errno;
    }
    if (apart && why == 0 && rename(part, path) != 0) {
        why = errno;
    }
    if (apart && why != 0) {
        unlink(part);
    }
    free(part);
    if (why == 0 && path != NULL) {
        printf("%s: %zu bytes\n", path, bytes.len);
    }
    return why == 0 ? CLI_OK
                    : cli_fail(CLI_FAILED, "%s cannot be written: %s",
                               path == NULL ? "standard output" : path, strerror(why));
}

void cli_print_json(const ProtobufCMessage *message)
{
    struct buf text = BUF_INIT;
    if (json_write(&text, message, JSON_PRETTY) == E_OK) {
        buf_byte(&text, '\n');
        fwrite(text.data, 1, text.len, stdout);
    }
    buf_release(&text);
}

void cli_print_json_line(const ProtobufCMessage *message)
{
    struct buf line = BUF_INIT;
    if (json_write(&line, message, 0) == E_OK) {
        printf("%.*s\n", VIEW_FMT(buf_content(&line)));
    }
    buf_release(&line);
}

void cli_progress(const struct cli *cli, const char *what, uint64_t done, uint64_t total)
{
    if (cli->quiet || isatty(STDERR_FILENO) == 0) {
        return;
    }
    if (total == 0) {
        fprintf(stderr, "\r\033[K%s: %llu", what, (unsigned long long)done);
        return;
    }
    char bar[33];
    size_t filled = (size_t)(done * 32 / total);
    for (size_t i = 0; i < 32; i++) {
        bar[i] = i < filled ? '#' : '.';
    }
    bar[32] = '\0';
    fprintf(stderr, "\r\033[K[%s] %s", bar, what);
}

void cli_progress_end(const struct cli *cli)
{
    if (!cli->quiet && isatty(STDERR_FILENO) != 0) {
        fputs("\r\033[K", stderr);
    }
}
