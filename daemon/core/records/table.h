/* A whole CSV table against what is known already: each line is read, checked, looked up and
 * compared, and gets a verdict; what is to be recorded comes out as a list. The import of a network
 * and `passerelle simulate` use this same code with another `struct known`. Pure; any thread. */
#ifndef CORE_RECORDS_TABLE_H
#define CORE_RECORDS_TABLE_H

#include "core/records/records.h"

/* What is known: lookups by id that answer NULL for what is not there. What they return stays good
 * until the reading is over. `holder` brings the person's fields too. */
struct known {
    void *context;
    /* For a computation that records nothing: a line that can be read is taken although a check
     * objects, and keeps the objection as its problem. References must exist all the same. */
    bool only_computes;
    const Passerelle__V1__Member *(*member)(void *context, struct view id);
    const Passerelle__V1__BankAccount *(*account)(void *context, struct view member_id);
    const Passerelle__V1__Site *(*site)(void *context, struct view id);
    const Passerelle__V1__Employer *(*employer)(void *context, struct view id);
    const Passerelle__V1__Plan *(*plan)(void *context, struct view id);
    const Passerelle__V1__Carnet *(*carnet)(void *context, struct view id);
    const Passerelle__V1__Holder *(*holder)(void *context, struct view id);
    const Passerelle__V1__TariffVersion *(*tariff)(void *context, uint32_t version);
    /* Id of the operator; "" when there is none yet. */
    const char *(*operator_id)(void *context);
    /* What only the history can object to; NULL: nothing. `before` is NULL for what is new, both
     * are of the table's type (a version for tariffs, a site for stops, no account for members).
     * Returns 0, or an error with one sentence. */
    int (*object)(void *context, Passerelle__V1__Table table, const ProtobufCMessage *before,
                  const ProtobufCMessage *after, struct fault *fault);
};

struct table_line {
    size_t line;
    Passerelle__V1__LineVerdict verdict;
    const char *subject; /* "" when it could not be read */
    const char *problem; /* refused, or taken all the same: one sentence; "" else */
};

/* What is to be recorded: lines of stops and tariffs are gathered by site and version. */
struct table_put {
    size_t line;                    /* the first that belongs to it */
    const ProtobufCMessage *before; /* NULL: new */
    const ProtobufCMessage *after; /* Member, Site, Employer, Plan, Carnet, Holder, TariffVersion */
    /* Members: the account when it is new or another one; else NULL. */
    const Passerelle__V1__BankAccount *account;
    bool account_changes; /* there was another */
    bool same;            /* members: only the account differs */
};

struct table_reading {
    Passerelle__V1__Table table;
    struct table_line *lines;
    size_t count, added, changed, unchanged, refused;
    struct table_put *puts;
    size_t put_count;
};

/* Reads all lines into `out`, in the arena. An error (E_INVALID, E_LIMIT) is of the whole file: its
 * header, its CSV, or more than `lines_max` lines (0: no limit); refused lines are none. Visits are
 * not read by this. */
must_check int table_read(Passerelle__V1__Table table, struct view csv, const struct known *known,
                          size_t lines_max, struct arena *arena, struct table_reading *out,
                          struct fault *fault);

/* The references of one record to others, and what history objects to, for services that put
 * one: E_INVALID, E_NOT_FOUND, E_CONFLICT with a sentence. The record's own check comes first. */
must_check int record_admit(Passerelle__V1__Table table, const struct known *known,
                            const ProtobufCMessage *before, const ProtobufCMessage *after,
                            struct fault *fault);

/* A stay's site, holder and resource exist. */
must_check int stay_admit(const struct known *known, const struct record_stay *stay,
                          struct fault *fault);

#endif
