#include "process/backup.h"

#include <dirent.h>
#include <errno.h>

#include "crypt/keyfile.h"
#include "crypt/secret.h"

DB_SQL(put_file, "INSERT INTO backup_file (name, private, body) VALUES (:name, :private, :body)");
DB_SQL(list_files, "SELECT name, private, body FROM backup_file ORDER BY name");
DB_SQL(empty_files, "DELETE FROM backup_file");

static int pack_file(struct state *state, struct db *copy, const char *name, bool private,
                     struct fault *fault)
{
    const char *path = arena_printf(&state->arena, "%s/%s", state->dir, name);
    struct buf body = BUF_INIT;
    int err = private ? keyfile_read_private(path, &body, fault)
                      : state_read_file(path, &body, fault);
    if (err == E_OK) {
        struct query *query = db_query(copy, &put_file);
        query_bind_text(query, "name", view_of(name));
        query_bind_int(query, "private", private);
        query_bind_blob(query, "body", buf_content(&body));
        query_run(query);
        err = db_error(copy, fault);
    }
    if (private && body.data != NULL) {
        secret_wipe(body.data, body.len);
    }
    buf_release(&body);
    return err;
}

/* The names of keys that a restored hub may go on using. */
static bool is_kept_key(struct view name)
{
    return name.len > 4 && view_is(view_slice(name, name.len - 4, name.len), ".key") &&
           !view_starts(name, "feed-");
}

static int pack_keys(struct state *state, struct db *copy, size_t *count, struct fault *fault)
{
    DIR *dir = opendir(state->keys);
    if (dir == NULL) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be read: %s", state->keys,
                         strerror(errno));
    }
    int err = E_OK;
    const struct dirent *entry;
    while (err == E_OK && (entry = readdir(dir)) != NULL) {
        if (is_kept_key(view_of(entry->d_name))) {
            err = pack_file(state, copy,
                            arena_printf(&state->arena, "keys/%s", entry->d_name), true, fault);
            (*count)++;
        }
    }
    closedir(dir);
    return err;
}

int backup_pack(struct state *state, struct db *copy, bool with_keys, size_t *count,
                struct fault *fault)
{
    static const char *const open_files[] = {"hub.conf", "clock", "ca.crt", "server.crt"};
    *count = 0;
    int err = db_begin(copy, fault);
    if (err != E_OK) {
        return err;
    }
    for (size_t i = 0; err == E_OK && i < ARRAY_LEN(open_files); i++) {
        if (state_exists(arena_printf(&state->arena, "%s/%s", state->dir, open_files[i]))) {
            err = pack_file(state, copy, open_files[i], false, fault);
            (*count)++;
        }
    }
    if (err == E_OK && with_keys) {
        err = pack_keys(state, copy, count, fault);
    }
    int ended = err == E_OK ? db_commit(copy, fault) : db_end(copy, NULL);
    return err != E_OK ? err : ended;
}

/* Only names that pack writes: nothing that could leave the folder. */
static bool is_our_name(struct view name)
{
    struct view rest = view_starts(name, "keys/") ? view_slice(name, 5, name.len) : name;
    return rest.len > 0 && rest.data[0] != '.' && view_find(rest, '/') == rest.len;
}

int backup_unpack(struct state *state, struct db *copy, struct fault *fault)
{
    size_t count = 0;
    int err = db_begin(copy, fault);
    if (err != E_OK) {
        return err;
    }
    struct query *query = db_query(copy, &list_files);
    while (err == E_OK && query_next(query)) {
        struct view name = query_text(query, 0);
        const char *path = arena_printf(&state->arena, "%s/%.*s", state->dir, VIEW_FMT(name));
        count++;
        if (!is_our_name(name)) {
            err = fault_set(fault, E_CORRUPT, "the backup holds a file of a strange name");
        } else if (query_int(query, 1) != 0) {
            err = keyfile_create_private(path, query_blob(query, 2), fault);
        } else {
            err = state_write_file(path, query_blob(query, 2), fault);
        }
    }
    query_end(query);
    if (err == E_OK && db_error(copy, NULL) == E_OK && count == 0) {
        err = fault_set(fault, E_FOREIGN,
                        "%s is a database, but no backup: make one with `passerelled backup`",
                        db_path(copy));
    }
    query_run(db_query(copy, &empty_files));
    int ended = err == E_OK ? db_commit(copy, fault) : db_end(copy, NULL);
    return err != E_OK ? err : ended;
}
