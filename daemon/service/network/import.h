/* A whole CSV table, judged line by line and recorded, or nothing of it: for every method that
 * takes a file. */
#ifndef SERVICE_NETWORK_IMPORT_H
#define SERVICE_NETWORK_IMPORT_H

#include "core/records/table.h"
#include "service/service.h"

struct import {
    struct table_reading reading;
    bool *becomes_active; /* sites: by put */
};

/* Decide: reads and judges; fills the report. Of holders, with an employer: lines of others, and
 * ids that are taken by others, are refused. NULL after it failed the call: the file as a whole
 * cannot be used. */
struct import *import_read(struct service *service, struct call *call, Passerelle__V1__Table table,
                           struct view csv, struct view employer_id,
                           Passerelle__V1__ImportTableResponse *response);
/* Apply: records all that is new or other. */
void import_record(struct service *service, struct call *call, const struct import *import);

#endif
