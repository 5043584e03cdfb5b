/* The commands of `passerelle`: one row each. Most are a method of the services, described by the
 * row alone and run by generic.c, which knows the fields from the contract; those that do more have
 * a function in a file of their own. */
#ifndef CLIENTS_CLI_COMMAND_H
#define CLIENTS_CLI_COMMAND_H

#include "base/env.h"
#include "transport/peer/peer.h"

/* Exit status, the same for every command and part of --help. */
enum cli_status {
    CLI_OK = 0,
    CLI_FAILED = 1,      /* the answer is no: the sentence says why */
    CLI_USAGE = 2,       /* the command line cannot be used */
    CLI_UNREACHABLE = 3, /* the hub could not be reached, or is too busy */
    CLI_DENIED = 4,      /* this credential may not, or there is none */
    CLI_WAITS = 5,       /* done as far as one operator can: a second one must send the same */
    CLI_REFUSED = 6,     /* lines of a file were refused; or a file does not verify */
};

enum { CLI_PATIENCE_MS = 30000 }; /* with a hub that is busy */

struct cli {
    struct arena arena;
    const char *config;  /* file of profiles */
    const char *profile; /* NULL: the only one, or "default" */
    bool json;
    bool quiet;        /* no progress */
    struct peer *peer; /* made when first needed */
    const char *url;
};

struct command;
typedef int command_run(struct cli *cli, const struct command *command, int argc, char **argv);

struct command {
    const char *name;      /* "visit list": one or two words */
    const char *arguments; /* "SITE [--day DAY]" */
    const char *summary;   /* one line */
    const char *example;   /* a whole line without `passerelle`; NULL: none */
    command_run *run;      /* NULL: generic */

    /* For generic rows. */
    const char *service; /* "DeskService" */
    const char *method;
    const ProtobufCMessageDescriptor *input;
    const ProtobufCMessageDescriptor *output;
    /* Fields of the request that stand without a name, in order: "site_id visit_id"; "[party_id"
     * may be left out, and a last one that ends in "..." takes the rest. */
    const char *positional;
    /* The field of the request whose message the options fill, for commands that put a whole
     * record: "member"; `reads` then gives the present one to start from. */
    const char *record;
    /* Columns of the table, of the response's first repeated message: "visit_id in_utc_ms"; NULL:
     * all fields of the response, one a line. */
    const char *columns;
    /* Where a record is read from before it is changed: a List method with the same id field. */
    const char *reads_method;
    const ProtobufCMessageDescriptor *reads_input;
    const ProtobufCMessageDescriptor *reads_output;
};

/* All commands, in the order of --help. */
extern const struct command commands[];
extern const size_t command_count;

/* generic.c */
int command_run_generic(struct cli *cli, const struct command *command, int argc, char **argv);

/* ---- for commands with a function of their own ---- */

/* Says what is wrong with the command line, and how to get help; returns CLI_USAGE. */
int cli_usage(const struct command *command, const char *fmt, ...) printf_like(2, 3);
/* Prints the sentence on stderr and returns the status. */
int cli_fail(int status, const char *fmt, ...) printf_like(2, 3);
/* Takes `--name VALUE` (or `--name` alone when value is NULL) out of argv; true when it was there.
 */
bool cli_option(int *argc, char **argv, const char *name, const char **value);
/* Whatever is left beginning with "--" is not known: CLI_USAGE; CLI_OK otherwise. */
int cli_options_end(const struct command *command, int argc, char **argv);

/* The connection of the profile. NULL after it said why, with the status in *status. */
struct peer *cli_peer(struct cli *cli, int *status);
/* Calls; prints the error and sets *status when it fails (NULL then). Asks again while the hub is
 * busy. */
const void *cli_call(struct cli *cli, const char *service, const char *method,
                     const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
                     int *status);
/* Prints the error of a call and returns its status. */
int cli_call_failed(const char *what, enum code code, const struct peer_error *error);
/* A fresh request id, in the arena. */
char *cli_request_id(struct cli *cli);
/* Reads a whole file (at most `max` bytes) into the arena; false after it said why. */
bool cli_read_file(struct cli *cli, const char *path, size_t max, struct view *out);
/* Adds the content of a file to a buffer. */
bool cli_add_file(const char *path, size_t max, struct buf *out);
/* Writes a file whole, or leaves what was there, and says how long it is; path NULL: on stdout, and
 * says nothing. Returns a status. */
int cli_write_file(const char *path, struct view bytes);
/* Prints the message as JSON on stdout. */
void cli_print_json(const ProtobufCMessage *message);
/* The same in one line, for answers of several parts. */
void cli_print_json_line(const ProtobufCMessage *message);
/* Redraws one line on stderr when it is a terminal. total 0: unknown. */
void cli_progress(const struct cli *cli, const char *what, uint64_t done, uint64_t total);
void cli_progress_end(const struct cli *cli);

#endif
