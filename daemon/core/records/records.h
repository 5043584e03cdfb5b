/* The records of a network: what a line of each CSV table (RULES "Files") says, as the message that
 * entries and services carry, and what makes such a record acceptable. One table of columns serves
 * reading, writing and checking, so that what is accepted from a message can be exported, and what
 * was imported is exported byte for byte. Pure; any thread.
 *
 * A check looks at one record alone; what it owes to other records (a site's member must exist) is
 * table.h's. Each objection is one sentence that begins with the column or field. */
#ifndef CORE_RECORDS_RECORDS_H
#define CORE_RECORDS_RECORDS_H

#include "base/arena.h"
#include "core/csv/csv.h"
#include "passerelle/v1/employer.pb-c.h"
#include "passerelle/v1/network.pb-c.h"

enum {
    RECORD_TEXT_MAX = 200,     /* code points of a name, an address, a text */
    RECORD_HOURS_MAX = 255,    /* bytes of opening hours, as in OpenStreetMap */
    RECORD_PLACES_MAX = 10000, /* desks of a site; rooms and booths have fewer */
    RECORD_ROOMS_MAX = 1000,
    RECORD_STOPS_MAX = 100,       /* weekly stops of an itinerant site */
    RECORD_UNITS_MAX = 1000000,   /* of a carnet, or included a month */
    RECORD_MONTHS_MAX = 120,      /* that a carnet is valid */
    RECORD_TARIFF_ROWS_MAX = 600, /* what fits into one entry */
};
/* Of any single amount: a hundred million euros, so that sums of a million fit. */
#define RECORD_CENTS_MAX INT64_C(10000000000)

/* ---- what a line of each table is read into ---- */

struct record_member { /* members.csv */
    Passerelle__V1__Member member;
    Passerelle__V1__BankAccount account; /* iban empty: the line names none */
};
/* sites.csv: Passerelle__V1__Site, without its stops */
struct record_stop { /* stops.csv */
    char *site_id;
    Passerelle__V1__Stop stop;
};
struct record_employer {               /* employers.csv */
    Passerelle__V1__Employer employer; /* its mandate points at the one below, or is NULL */
    Passerelle__V1__SepaMandate mandate;
};
/* plans.csv, carnets.csv, holders.csv: Passerelle__V1__Plan, _Carnet, _Holder */
struct record_tariff { /* tariffs.csv */
    uint32_t version;
    char *valid_from;
    Passerelle__V1__TariffRow row;
};
struct record_stay { /* visits-YYYY-MM.csv */
    char *visit_id;  /* a UUID, lower case */
    char *site_id;
    char *holder_id;
    Passerelle__V1__Resource resource;
    int64_t in_utc_ms;
    int64_t out_utc_ms; /* 0: nobody told */
    Passerelle__V1__Medium medium;
    Passerelle__V1__Source source;
};

/* ---- lines ---- */

struct record_column;

/* One row per table: how its lines are read, written and checked. */
struct record_table {
    Passerelle__V1__Table table;
    const char *name; /* "members": the file is <name>.csv */
    const char *noun; /* "member": for sentences */
    const struct record_column *columns;
    size_t count;
    size_t size; /* of the record */
    void (*init)(void *record);
    /* What the columns alone do not say; NULL: nothing. */
    int (*check)(const void *record, struct fault *fault);
};

/* NULL for a number that is no table. */
const struct record_table *record_table(Passerelle__V1__Table table);

/* Matches a header line; `map` has room for CSV_FIELDS_MAX. */
must_check int record_header(const struct record_table *table, const struct csv_row *header,
                             size_t *map, struct fault *fault);
/* Reads and checks one line. The record is filled also when it is refused, as far as it could be
 * read; its first string is then the subject, or "". Texts are copies in the arena. */
must_check int record_read(const struct record_table *table, const struct csv_row *row,
                           const size_t *map, struct arena *arena, void *record,
                           struct fault *fault);
/* The same without the checks: only what cannot be read is refused. */
must_check int record_parse(const struct record_table *table, const struct csv_row *row,
                            const size_t *map, struct arena *arena, void *record,
                            struct fault *fault);
/* Appends the header line; a line. */
void record_write_header(const struct record_table *table, struct buf *out);
void record_write(const struct record_table *table, const void *record, struct buf *out);

/* ---- checks of messages, as requests bring them ---- */

must_check int member_check(const Passerelle__V1__Member *member, struct fault *fault);
must_check int account_check(const Passerelle__V1__BankAccount *account, struct fault *fault);
/* With its stops. */
must_check int site_check(const Passerelle__V1__Site *site, struct fault *fault);
must_check int employer_check(const Passerelle__V1__Employer *employer, struct fault *fault);
must_check int plan_check(const Passerelle__V1__Plan *plan, struct fault *fault);
must_check int carnet_check(const Passerelle__V1__Carnet *carnet, struct fault *fault);
must_check int holder_check(const Passerelle__V1__Holder *holder, struct fault *fault);
/* A whole version: its rows, and that none is there twice. */
must_check int tariff_check(const Passerelle__V1__TariffVersion *tariff, struct fault *fault);
must_check int stay_check(const struct record_stay *stay, struct fault *fault);

/* The records of messages; everything is borrowed. */
struct record_member record_of_member(const Passerelle__V1__Member *member,
                                      const Passerelle__V1__BankAccount *account);
void record_of_employer(const Passerelle__V1__Employer *employer, struct record_employer *out);

/* Words of the files: "meeting_room", "half_day", ...; "" for a number without a word. */
const char *record_resource_word(Passerelle__V1__Resource resource);
const char *record_zone_word(Passerelle__V1__Zone zone);
const char *record_unit_word(Passerelle__V1__Unit unit);

#endif
