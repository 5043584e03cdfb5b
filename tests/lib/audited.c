#include "lib/audited.h"

#include <check.h>

#include "service/journal.h"
#include "store/feed/feed.h"

static int next(void *context, struct audit_record *out, struct fault *fault)
{
    struct told *told = context;
    (void)fault;
    if (told->at == told->count) {
        return 0;
    }
    *out = (struct audit_record){
        .bytes = told->entries[told->at],
        .leaf = told->with_leaves ? &told->leaves[told->at] : NULL,
    };
    told->at++;
    return 1;
}

static struct told *feed_tell(struct network *network, const struct feed_id *id)
{
    struct arena *arena = &network->arena;
    struct told *told = ARENA_NEW(arena, struct told);
    struct fault fault = FAULT_NONE;
    struct db *db = network->service.db;
    struct buf note = BUF_INIT;
    uint64_t size = feed_head(db, id->no).size;
    snprintf(told->feed_id, sizeof told->feed_id, "%s", id->name);
    ck_assert_int_eq(journal_publish(&network->service, view_of(id->name), &note, &fault), E_OK);
    told->checkpoint = arena_copy(arena, buf_content(&note));
    buf_release(&note);
    told->entries = ARENA_ARRAY(arena, size + 1, struct view);
    told->leaves = ARENA_ARRAY(arena, size + 1, struct tree_hash);
    struct query *read = feed_read(db, id->no, 1, size);
    struct feed_entry entry;
    while (feed_read_next(read, &entry)) {
        told->leaves[told->count] = entry.leaf;
        told->entries[told->count++] = arena_copy(arena, entry.bytes);
    }
    ck_assert_uint_eq(told->count, size);
    return told;
}

static void begin(struct network *network)
{
    struct fault fault = FAULT_NONE;
    ck_assert_msg(db_begin(network->service.db, &fault) == E_OK, "%s", fault.text);
}

static void commit(struct network *network)
{
    struct fault fault = FAULT_NONE;
    ck_assert_msg(db_commit(network->service.db, &fault) == E_OK, "%s", fault.text);
    journal_committed(network->service.journal);
}

struct told *told_feed(struct network *network, const char *feed_id)
{
    struct feed_id id;
    begin(network);
    ck_assert_int_eq(feed_find(network->service.db, view_of(feed_id), &id), E_OK);
    struct told *told = feed_tell(network, &id);
    commit(network);
    return told;
}

static int rank(const struct told *told)
{
    return strcmp(told->feed_id, FEED_NET) == 0     ? 0
           : strcmp(told->feed_id, FEED_BOOKS) == 0 ? 1
                                                    : 2;
}

static int by_rank(const void *left, const void *right)
{
    const struct told *const *a = left;
    const struct told *const *b = right;
    return rank(*a) != rank(*b) ? rank(*a) - rank(*b) : strcmp((*a)->feed_id, (*b)->feed_id);
}

struct told **told_all(struct network *network, size_t *count)
{
    enum { FEEDS_MAX = 4096 };
    struct told **all = ARENA_ARRAY(&network->arena, FEEDS_MAX, struct told *);
    struct feed_id *ids = xcalloc(FEEDS_MAX, sizeof *ids);
    begin(network);
    struct query *list = feed_list(network->service.db);
    *count = 0;
    while (feed_list_next(list, &ids[*count])) {
        (*count)++;
        ck_assert_uint_lt(*count, FEEDS_MAX);
    }
    for (size_t i = 0; i < *count; i++) {
        all[i] = feed_tell(network, &ids[i]);
    }
    commit(network);
    free(ids);
    qsort(all, *count, sizeof *all, by_rank);
    return all;
}

int told_check(struct audit *audit, struct told *told, struct audit_wrong *wrong)
{
    struct audit_source source = {
        .feed_id = view_of(told->feed_id),
        .checkpoint = told->checkpoint,
        .next = next,
        .context = told,
    };
    told->at = 0;
    *wrong = (struct audit_wrong){0};
    return audit_feed(audit, &source, wrong);
}

DB_SQL(select_documents, "SELECT document FROM settlement ORDER BY month");

void told_documents(struct network *network, struct audit *audit)
{
    struct fault fault = FAULT_NONE;
    begin(network);
    struct query *query = db_query(network->service.db, &select_documents);
    while (query_next(query)) {
        ck_assert_msg(audit_document(audit, query_blob(query, 0), &fault) == E_OK, "%s",
                      fault.text);
    }
    query_end(query);
    commit(network);
}

static void must_not_differ(void *context, const struct audit_difference *difference)
{
    (void)context;
    ck_abort_msg("audit: %s %s %s (%s): %s", difference->month, difference->operation,
                 difference->position, difference->party, difference->what);
}

void told_must_be_right(struct network *network)
{
    struct audit_options options = {.seed = 7};
    struct audit *audit = audit_new(&options);
    struct audit_wrong wrong;
    size_t count;
    struct told **all = told_all(network, &count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(told_check(audit, all[i], &wrong) == E_OK, "audit: %s, entry %llu: %s",
                      wrong.feed_id, (unsigned long long)wrong.seq, wrong.what);
    }
    ck_assert_uint_eq(audit_missing(audit, must_not_differ, NULL), 0);
    told_documents(network, audit);
    for (size_t i = 0; i < audit_closes(audit); i++) {
        struct audit_close close = audit_close_check(audit, i, must_not_differ, NULL);
        ck_assert(close.computed && close.differences == 0);
    }
    audit_free(audit);
}
