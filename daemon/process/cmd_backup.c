/* passerelled backup: one file that holds a consistent state of everything, made while the daemon
 * runs. The database is copied before the keys are read: a key is on disk before the commit that
 * needs it. */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/backup.h"
#include "process/command.h"
#include "store/migrate/migrate.h"

static int copy_database(const struct state *state, const char *path, struct fault *fault)
{
    struct db *db = NULL;
    struct db_options options = {.path = state->database, .mode = DB_READ};
    int err = db_open(&db, &options, fault);
    err = err != E_OK ? err : migrate_check(db, fault);
    err = err != E_OK ? err : db_copy_to(db, path, fault);
    db_free(db);
    return err;
}

static int make_backup(struct state *state, const char *file, bool with_keys, size_t *count,
                       struct fault *fault)
{
    struct db *copy = NULL;
    const char *fresh = arena_printf(&state->arena, "%s.new-%ld", file, (long)getpid());
    struct db_options options = {.path = fresh, .mode = DB_WRITE};
    if (state_exists(file)) {
        return fault_set(fault, E_EXISTS, "%s is there already: name another file", file);
    }
    umask(0077);
    int err = copy_database(state, fresh, fault);
    err = err != E_OK ? err : db_open(&copy, &options, fault);
    err = err != E_OK ? err : backup_pack(state, copy, with_keys, count, fault);
    db_free(copy); /* the last connection: all is in the one file */
    if (err == E_OK && rename(fresh, file) != 0) {
        err = fault_set(fault, err_from_errno(errno), "%s cannot be made: %s", file,
                        strerror(errno));
    }
    if (err != E_OK) {
        unlink(fresh);
        unlink(arena_printf(&state->arena, "%s-wal", fresh));
        unlink(arena_printf(&state->arena, "%s-shm", fresh));
    }
    return err;
}

static int run(int argc, char **argv)
{
    const char *words[2];
    bool without_keys = false;
    const struct option_spec specs[] = {{.name = "--without-keys", .flag = &without_keys}};
    struct settings settings;
    struct state state;
    struct fault fault = FAULT_NONE;
    size_t count = 0;
    if (!command_options(&command_backup, argc, argv, specs, ARRAY_LEN(specs), words, 2)) {
        return EXIT_USAGE;
    }
    int err = state_open(&state, &settings, words[0], &fault);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    if (settings.role == SETTING_ROLE_SITE) {
        err = fault_set(&fault, E_UNSUPPORTED,
                        "a site needs no backup: what has its receipt is at the hub, and a new box "
                        "joins with a join code (passerelle site enrol)");
    }
    err = err != E_OK ? err : make_backup(&state, words[1], !without_keys, &count, &fault);
    state_release(&state);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    printf("%s holds the database and %zu files%s. Prove it: passerelled restore %s NEWDIR\n",
           words[1], count,
           without_keys ? "; keys are not among them: keep keys/ yourself"
                        : ", secret keys among them: keep it as safe as them",
           words[1]);
    return EXIT_DONE;
}

const struct command command_backup = {
    .name = "backup",
    .usage = "DIR FILE [--without-keys]",
    .summary = "Copies everything that a restore needs into one file, online.",
    .help = "\n"
            "The daemon may run meanwhile. FILE (mode 0600) holds the database, the settings, the\n"
            "clock of a demonstration, certificates and keys: of the authority, the server, the\n"
            "tokens, the cosigner. Keys of feeds are not copied: a restored hub makes new ones.\n\n"
            "  --without-keys   leave all keys out; restore then needs them put into DIR/keys\n\n"
            "Examples:\n"
            "  passerelled backup /var/lib/passerelle /backup/$(date +%F).passerelle\n",
    .run = run,
};
