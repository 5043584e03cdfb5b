/* The feeds of a network as an export would hold them, for the audit: as they are, or harmed. */
#ifndef TESTS_LIB_AUDITED_H
#define TESTS_LIB_AUDITED_H

#include "core/audit/audit.h"
#include "lib/network.h"

/* A feed, in the network's arena. */
struct told {
    char feed_id[65];
    struct view checkpoint;
    struct view *entries;
    struct tree_hash *leaves;
    size_t count; /* there is room for one more */
    size_t at;
    bool with_leaves; /* give the leaves too */
};
struct told *told_feed(struct network *network, const char *feed_id);
/* All of them: net, books, then the sites'. */
struct told **told_all(struct network *network, size_t *count);

must_check int told_check(struct audit *audit, struct told *told, struct audit_wrong *wrong);

/* Gives the stored settlement documents to the audit. */
void told_documents(struct network *network, struct audit *audit);

/* Audits everything, closes too: ends the test with what is wrong. */
void told_must_be_right(struct network *network);

#endif
