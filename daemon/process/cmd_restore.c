/* For nftw(). */
#define _XOPEN_SOURCE 700
/* passerelled restore: a new state folder from a backup, accepted only when every page, feed and
 * signed root in it verifies.
 *
 * The hub that made the backup may have gone on after it and signed checkpoints that the backup
 * does not know. Signing another entry under such a number would be a fork of our own making
 * (DESIGN 7). Nothing in a backup can prove that this did not happen, so every feed begins a new
 * epoch: a new origin and a new key, and an entry in `net` that names the old origin, size and
 * root. Whoever holds a newer checkpoint of the old origin can show what was lost.
 *
 * With --entries the feeds get, before that, what an exported folder has behind the backup's end:
 * then less is lost, or nothing. The new epochs begin all the same, since nothing proves that the
 * folder is the last word either. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process/backup.h"
#include "process/command.h"
#include "process/entries.h"
#include "process/progress.h"
#include "process/verify.h"
#include "service/journal.h"
#include "service/keyring.h"
#include "store/migrate/migrate.h"
#include "store/view/registry.h"

static int copy_file(const char *from, const char *to, struct fault *fault)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be read: %s", from,
                         strerror(errno));
    }
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int err = out < 0 ? err_from_errno(errno) : E_OK;
    char piece[65536];
    ssize_t got = 0;
    while (err == E_OK && (got = read(in, piece, sizeof piece)) > 0) {
        for (ssize_t put, at = 0; at < got && err == E_OK; at += put) {
            put = write(out, piece + at, (size_t)(got - at));
            if (put < 0) {
                err = err_from_errno(errno);
            }
        }
    }
    err = err == E_OK && got < 0 ? err_from_errno(errno) : err;
    err = err == E_OK && fsync(out) != 0 ? err_from_errno(errno) : err;
    close(in);
    if (out >= 0) {
        close(out);
    }
    return err == E_OK ? E_OK
                       : fault_set(fault, err, "%s cannot be copied to %s: %s", from, to,
                                   err_text(err));
}

static void step(void *context, size_t done, size_t of)
{
    progress_step(context, done, of);
}

static int verify(struct state *state, struct db *db, struct fault *fault)
{
    struct progress bar;
    struct verify_progress progress = {.step = step, .context = &bar};
    size_t damaged;
    int err = db_check_pages(db, fault);
    if (err == E_OK) {
        progress_begin(&bar, &state->env, "Verifying feeds");
        err = verify_all(db, &progress, &damaged, fault);
        progress_end(&bar);
    }
    if (err != E_OK) {
        fault_prefix(fault, "the backup is not accepted");
    }
    return err;
}

static int begin_epochs(struct state *state, struct db *db, size_t *feeds, struct fault *fault)
{
    struct arena arena = ARENA_INIT;
    struct node node = {.env = &state->env, .state_dir = state->dir,
                        .keys = keyring_new(state->keys, &state->env)};
    struct service service = {.node = &node, .db = db};
    service.journal = journal_new(&node, db);
    int err = db_begin(db, fault);
    if (err == E_OK) {
        struct registry_network network = registry_network(db, &arena);
        if (network.network_id == NULL) {
            err = fault_set(fault, E_CORRUPT, "the backup holds no network");
        } else {
            snprintf(node.network_id, sizeof node.network_id, "%s", network.network_id);
            err = journal_begin_epochs(&service, feeds, fault);
        }
        int ended = err == E_OK ? db_commit(db, fault) : db_end(db, NULL);
        err = err != E_OK ? err : ended;
    }
    journal_free(service.journal);
    keyring_free(node.keys);
    arena_release(&arena);
    return err;
}

/* Checkpoints of others' logs that were cosigned after the backup are not in it: cosigning again
 * under the same key could vouch for two histories. The next key is made when it is needed. */
static int forget_witness(struct state *state, struct fault *fault)
{
    const char *path = arena_printf(&state->arena, "%s/witness.key", state->keys);
    return unlink(path) == 0 || errno == ENOENT
               ? E_OK
               : fault_set(fault, err_from_errno(errno), "%s cannot be removed: %s", path,
                           strerror(errno));
}

/* The folder may be another one now, and the database stands in it: lines that name either go. */
static int settle_settings(struct state *state, struct fault *fault)
{
    const char *path = arena_printf(&state->arena, "%s/hub.conf", state->dir);
    struct buf text = BUF_INIT, kept = BUF_INIT;
    int err = state_read_file(path, &text, fault);
    struct view rest = buf_content(&text);
    struct view line;
    while (err == E_OK && view_cut(&rest, '\n', &line)) {
        struct view name = view_trim(view_slice(line, 0, view_find(line, '=')));
        if (!view_is(name, "database") && !view_is(name, "state_folder")) {
            buf_printf(&kept, "%.*s\n", VIEW_FMT(line));
        }
    }
    err = err != E_OK ? err : state_write_file(path, buf_content(&kept), fault);
    buf_release(&text);
    buf_release(&kept);
    return err;
}

/* The database is put where the settings of a fresh folder say, whatever those of the backup do. */
static int restore_into(struct state *state, const char *backup, const char *entries,
                        size_t *feeds, uint64_t *taken, struct fault *fault)
{
    uint64_t seed;
    env_random(&state->env, &seed, sizeof seed);
    struct db *db = NULL;
    struct db_options options = {.path = state->database, .mode = DB_WRITE};
    if (mkdir(state->dir, 0700) != 0 || mkdir(state->keys, 0700) != 0) {
        return fault_set(fault, err_from_errno(errno), "%s cannot be made: %s", state->dir,
                         strerror(errno));
    }
    struct fault opening = FAULT_NONE;
    int err = copy_file(backup, state->database, fault);
    if (err == E_OK && (err = db_open(&db, &options, &opening)) == E_OK) {
        err = migrate_run(db, &opening);
    }
    if (opening.code != E_OK && err != E_FOREIGN) {
        fault_set(fault, err, "%s", opening.text);
    } else if (err == E_FOREIGN) {
        fault_set(fault, err, "%s is not a backup by this version or an older one: name the file "
                              "that `passerelled backup` wrote", backup);
    }
    err = err != E_OK ? err : verify(state, db, fault);
    err = err != E_OK ? err : backup_unpack(state, db, fault);
    err = err != E_OK ? err : forget_witness(state, fault);
    err = err != E_OK ? err : settle_settings(state, fault);
    if (err == E_OK && entries != NULL) {
        err = entries_take(db, entries, seed, taken, fault);
    }
    err = err != E_OK ? err : begin_epochs(state, db, feeds, fault);
    db_free(db);
    return err;
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int run(int argc, char **argv)
{
    const char *words[2];
    const char *entries = NULL;
    const struct option_spec specs[] = {{.name = "--entries", .value = &entries}};
    struct settings settings;
    struct state state;
    struct arena arena = ARENA_INIT;
    struct fault fault = FAULT_NONE;
    size_t feeds = 0;
    uint64_t taken = 0;
    if (!command_options(&command_restore, argc, argv, specs, ARRAY_LEN(specs), words, 2)) {
        return EXIT_USAGE;
    }
    settings_defaults(&settings);
    const char *beside = arena_printf(&arena, "%s.new-%ld", words[1], (long)getpid());
    state_init(&state, beside, &settings);
    int err = restore_into(&state, words[0], entries, &feeds, &taken, &fault);
    if (err == E_OK && rename(beside, words[1]) != 0) {
        err = fault_set(&fault, errno == ENOTEMPTY || errno == EEXIST ? E_EXISTS : E_IO,
                        "%s is not an empty folder: restore into a new one, look at it, then put "
                        "it in the place of the old",
                        words[1]);
    }
    if (err != E_OK) {
        nftw(beside, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    state_release(&state);
    arena_release(&arena);
    if (err != E_OK) {
        return command_fail(&fault);
    }
    if (entries != NULL) {
        printf("%llu entries made after the backup were taken from %s.\n",
               (unsigned long long)taken, entries);
    }
    printf("%s is restored to %s. All of it verifies. %zu feeds begin a new epoch: new keys and\n"
           "origins, since the old ones may have signed more than this backup knows.\n"
           "Never start the old state again. Next: passerelled run %s\n",
           words[0], words[1], feeds, words[1]);
    return EXIT_DONE;
}

const struct command command_restore = {
    .name = "restore",
    .usage = "FILE DIR [--entries FOLDER]",
    .summary = "Makes a state folder from a backup, if all of it verifies.",
    .help = "\n"
            "DIR must not be there yet, or be empty; FILE is left as it is. Every feed goes on\n"
            "under a new origin and key, so that no size is ever signed twice. Entries made after\n"
            "the backup are not in it: what sites, members and auditors hold shows which.\n\n"
            "  --entries FOLDER   takes these entries from an export (passerelle ledger export):\n"
            "                     every entry and signature in it must verify, and it must begin\n"
            "                     as the backup does; names and reasons are in no export\n\n"
            "Examples:\n"
            "  passerelled restore /backup/2026-11-03.passerelle /var/lib/passerelle\n"
            "  passerelled restore /backup/2026-11-03.passerelle /var/lib/passerelle \\\n"
            "      --entries /audit/feeds\n",
    .run = run,
};
