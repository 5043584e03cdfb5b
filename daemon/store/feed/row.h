/* Shared by the files of this room only. */
#ifndef STORE_FEED_ROW_H
#define STORE_FEED_ROW_H

#include "store/feed/feed.h"

#define FEED_NO_MAX ((int64_t)1 << 22)

int64_t feed_entry_id(int64_t feed_no, uint64_t seq);
/* Makes the damage of an entry the transaction's error. */
int feed_damaged(struct db *db, uint64_t entry_id);

#endif
