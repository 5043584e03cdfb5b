#include "cli/profile.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"

enum { FILE_MAX = 256 * 1024, PROFILES_MAX = 64, NAME_MAX_LEN = 60 };

struct profiles {
    struct profile items[PROFILES_MAX];
    size_t count;
};

static int read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return err_from_errno(errno);
    }
    char block[4096];
    size_t got;
    while ((got = fread(block, 1, sizeof block, file)) > 0) {
        buf_add(out, block, got);
    }
    int err = ferror(file) != 0 ? E_IO : buf_error(out);
    fclose(file);
    return err;
}

static const char **slot(struct profile *profile, struct view key)
{
    struct {
        const char *name;
        const char **value;
    } rows[] = {
        {"url", &profile->url},
        {"ca", &profile->ca},
        {"certificate", &profile->certificate},
        {"key", &profile->key},
        {"api_key_file", &profile->api_key_file},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (view_is(key, rows[i].name)) {
            return rows[i].value;
        }
    }
    return NULL;
}

static int parse_line(struct profiles *profiles, struct view line, struct arena *arena,
                      struct fault *fault)
{
    line = view_trim(line);
    if (line.len == 0 || line.data[0] == '#') {
        return E_OK;
    }
    if (line.data[0] == '[' && line.data[line.len - 1] == ']') {
        if (profiles->count == PROFILES_MAX) {
            return fault_set(fault, E_LIMIT, "more than %d profiles", PROFILES_MAX);
        }
        profiles->items[profiles->count++] =
            (struct profile){.name = arena_string(arena, view_slice(line, 1, line.len - 1))};
        return E_OK;
    }
    size_t equals = view_find(line, '=');
    const char **value =
        equals == line.len || profiles->count == 0
            ? NULL
            : slot(&profiles->items[profiles->count - 1], view_trim(view_slice(line, 0, equals)));
    if (value == NULL) {
        return fault_set(fault, E_INVALID, "'%.*s' is no setting of a profile", VIEW_FMT(line));
    }
    *value = arena_string(arena, view_trim(view_slice(line, equals + 1, line.len)));
    return E_OK;
}

static int load_all(const char *path, struct arena *arena, struct profiles *out,
                    struct fault *fault)
{
    struct buf text = BUF_INIT_MAX(FILE_MAX);
    *out = (struct profiles){0};
    int err = read_file(path, &text);
    if (err == E_NOT_FOUND) {
        buf_release(&text);
        return E_OK;
    }
    if (err != E_OK) {
        buf_release(&text);
        return fault_set(fault, err, "%s cannot be read (%s): name the profiles' file by --config",
                         path, err_text(err));
    }
    struct view rest = buf_content(&text);
    struct view line;
    int number = 0;
    while (err == E_OK && view_cut(&rest, '\n', &line)) {
        number++;
        err = parse_line(out, line, arena, fault);
        if (err != E_OK) {
            fault_prefix(fault, "%s, line %d", path, number);
        }
    }
    buf_release(&text);
    return err;
}

static int read_bearer(struct profile *profile, struct arena *arena, struct fault *fault)
{
    if (profile->api_key_file == NULL) {
        return E_OK;
    }
    struct buf text = BUF_INIT_MAX(1024);
    int err = read_file(profile->api_key_file, &text);
    if (err != E_OK) {
        buf_release(&text);
        return fault_set(fault, err,
                         "profile %s: the API key in %s cannot be read (%s): mend its path",
                         profile->name, profile->api_key_file, err_text(err));
    }
    struct view content = buf_content(&text);
    content = view_slice(content, 0, view_find(content, '\n'));
    profile->bearer = arena_string(arena, content);
    buf_release(&text);
    return E_OK;
}

int profile_load(const char *path, const char *name, struct arena *arena, struct profile *out,
                 struct fault *fault)
{
    struct profiles profiles;
    int err = load_all(path, arena, &profiles, fault);
    if (err != E_OK) {
        return err;
    }
    if (profiles.count == 0) {
        return fault_set(fault, E_NOT_FOUND,
                         "%s has no profile: add one with passerelle profile add", path);
    }
    const char *wanted = name == NULL ? "default" : name;
    struct profile *found = name == NULL && profiles.count == 1 ? &profiles.items[0] : NULL;
    for (size_t i = 0; i < profiles.count && found == NULL; i++) {
        found = strcmp(profiles.items[i].name, wanted) == 0 ? &profiles.items[i] : NULL;
    }
    if (found == NULL) {
        return fault_set(fault, E_NOT_FOUND, "%s has no profile '%s': see passerelle profile list",
                         path, wanted);
    }
    if (found->url == NULL) {
        return fault_set(fault, E_INVALID, "profile %s in %s has no url", found->name, path);
    }
    err = read_bearer(found, arena, fault);
    if (err == E_OK) {
        *out = *found;
    }
    return err;
}

int profile_each(const char *path, struct arena *arena,
                 void (*each)(void *context, const struct profile *profile), void *context,
                 struct fault *fault)
{
    struct profiles profiles;
    int err = load_all(path, arena, &profiles, fault);
    for (size_t i = 0; err == E_OK && i < profiles.count; i++) {
        each(context, &profiles.items[i]);
    }
    return err;
}

/* The folder of the file, when that is all that is missing. */
static void make_folder(const char *path)
{
    char *copy = xstrdup(path);
    int ignored = mkdir(dirname(copy), 0700);
    (void)ignored; /* it exists, or open() says why not */
    free(copy);
}

/* What would be read back as something else. */
static int refuse_unwritable(const struct profile *profile, struct fault *fault)
{
    struct view name = view_of(profile->name);
    if (name.len == 0 || name.len > NAME_MAX_LEN || !text_is_printable(name) ||
        view_find(name, '[') < name.len || view_find(name, ']') < name.len) {
        return fault_set(fault, E_INVALID,
                         "a profile's name has 1 to %d printable characters, without [ and ]",
                         NAME_MAX_LEN);
    }
    if (!view_starts(view_of(profile->url), "https://")) {
        return fault_set(fault, E_INVALID, "the address of a hub is written https://host:port");
    }
    const char *values[] = {profile->url, profile->ca, profile->certificate, profile->key,
                            profile->api_key_file};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        if (values[i] != NULL && !text_is_printable(view_of(values[i]))) {
            return fault_set(fault, E_INVALID,
                             "an address or path of one printable line is needed");
        }
    }
    return E_OK;
}

int profile_add(const char *path, const struct profile *profile, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct profiles profiles = {.count = 0};
    int err = refuse_unwritable(profile, fault);
    err = err != E_OK ? err : load_all(path, &arena, &profiles, fault);
    for (size_t i = 0; err == E_OK && i < profiles.count; i++) {
        if (strcmp(profiles.items[i].name, profile->name) == 0) {
            err = fault_set(fault, E_EXISTS, "%s has a profile '%s' already: edit the file", path,
                            profile->name);
        }
    }
    if (err == E_OK) {
        make_folder(path);
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
        FILE *file = fd < 0 ? NULL : fdopen(fd, "a");
        if (file == NULL) {
            err = fault_set(fault, err_from_errno(errno), "%s cannot be written: %s", path,
                            strerror(errno));
        } else {
            struct profile copy = *profile;
            static const char *const keys[] = {"url", "ca", "certificate", "key", "api_key_file"};
            fprintf(file, "[%s]\n", profile->name);
            for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                const char **value = slot(&copy, view_of(keys[i]));
                if (value != NULL && *value != NULL) {
                    fprintf(file, "%s = %s\n", keys[i], *value);
                }
            }
            if (fclose(file) != 0) {
                err = fault_set(fault, E_IO, "%s cannot be written", path);
            }
        }
    }
    arena_release(&arena);
    return err;
}
