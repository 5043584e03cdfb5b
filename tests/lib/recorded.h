/* Files of the reference's shape as entries, appended straight to the feeds: for tests of what is
 * computed from views, which need not know how files are imported. The files are expected to be
 * right: a surprise ends the test. */
#ifndef TESTS_LIB_RECORDED_H
#define TESTS_LIB_RECORDED_H

#include "lib/network.h"

/* Members, sites (with their feeds), tariffs, employers, plans, carnets and holders. */
void recorded_network(struct network *network, const char *dir);

/* A row of a file of visits; columns that a file lacks are empty. Views point into the text. */
struct recorded_stay {
    struct view visit_id, site_id, holder_id, resource, check_in, check_out, medium, source, status;
};
/* All rows, in the network's arena. */
struct recorded_stay *recorded_stays(struct network *network, const char *path, size_t *count);

/* Appends one as StayRecorded, or as VisitCorrected of `replaces` (empty: StayRecorded). Inside a
 * transaction of the test's. */
void recorded_append(struct network *network, const struct recorded_stay *stay,
                     struct view replaces);
/* Appends VisitVoided. */
void recorded_void(struct network *network, struct view site_id, struct view visit_id);

/* Appends any entry. */
void recorded_append_entry(struct network *network, const char *feed,
                           Passerelle__V1__EntryType type, const ProtobufCMessage *payload);

void recorded_begin(struct network *network);
void recorded_commit(struct network *network);
/* Abandons what was appended since recorded_begin(). */
void recorded_abandon(struct network *network);

#endif
