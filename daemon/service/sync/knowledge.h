/* What the hub tells sites outside feeds, kept in the table `knowledge`: the newest piece of each
 * kind and key, numbered in the order of change. Terms of plans, policies and holders; standings,
 * where some check-in asks; names of today's visitors, visits that ended elsewhere and desks, each
 * for its site.
 *
 * The writer's tick reads the entries that came since its cursors and renews what they touch, so
 * that a check-in costs nothing more; a sweep in the background compares all with the tables, after
 * a start and after changes that stand in no feed. Nothing is done while no site has a daemon of
 * its own. Versions only grow. Writer thread, but for what reads. */
#ifndef SERVICE_SYNC_KNOWLEDGE_H
#define SERVICE_SYNC_KNOWLEDGE_H

#include "passerelle/v1/sync.pb-c.h"
#include "service/service.h"

/* In a transaction of the writer; less at once with `beside`: somebody waits. True: there is more
 * to do now. */
bool knowledge_tick(struct service *service, int64_t now_utc_ms, bool beside);

/* A daemon takes the site's feed over: it is to be told of today's visitors, whoever let them in.
 * By the writer, in its transaction. */
void knowledge_tell_today(struct service *service, struct view site_id);

/* ---- reading, any thread ---- */

/* The last version given out; 0: none. */
uint64_t knowledge_last_version(struct db *db);
/* All terms and standings were looked at once: a site that has all there is knows all. */
bool knowledge_is_complete(struct db *db);
/* Entries of the site's feed that all standings count. */
uint64_t knowledge_counted(struct db *db, struct view site_id);
/* Says in a standing up to which entry of the receiver's feed it counts. */
void knowledge_stamp(Passerelle__V1__KnowledgeItem *item, uint64_t own_seq);

#endif
