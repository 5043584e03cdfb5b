#include "core/audit/audit.h"

#include "core/audit/known.h"

struct audit *audit_new(const struct audit_options *options)
{
    struct audit *audit = xcalloc(1, sizeof *audit);
    audit->options = *options;
    audit->visits.seed = options->seed;
    map_init(&audit->passes, options->seed);
    map_init(&audit->feeds, options->seed);
    map_init(&audit->ids, options->seed);
    map_init(&audit->series, options->seed);
    facts_init(&audit->facts, options->seed);
    return audit;
}

void audit_free(struct audit *audit)
{
    if (audit != NULL) {
        visit_table_clear(&audit->visits);
        map_release(&audit->passes);
        map_release(&audit->feeds);
        map_release(&audit->ids);
        map_release(&audit->series);
        facts_release(&audit->facts);
        arena_release(&audit->arena);
        free(audit);
    }
}

struct audit_totals audit_totals(const struct audit *audit)
{
    return audit->totals;
}

static int is_wrong(struct audit_wrong *wrong, struct view feed_id, uint64_t seq, const char *what)
{
    *wrong = (struct audit_wrong){.seq = seq};
    snprintf(wrong->feed_id, sizeof wrong->feed_id, "%.*s", VIEW_FMT(feed_id));
    snprintf(wrong->what, sizeof wrong->what, "%s", what);
    return E_CORRUPT;
}

/* Whether a site's own daemon wrote the entry: what is wrong with it stops nothing behind it. */
static bool is_of_site(const struct audit *audit, uint64_t seq)
{
    const struct known_feed *feed = audit->feed;
    return feed != NULL && feed->kept_by_site && seq > feed->kept_from && seq <= feed->kept_to;
}

/* NULL, or why it cannot be read. */
static const char *read_entry(struct audit_entry *entry, struct view bytes, struct canon *envelope,
                              const struct entry_kind **kind, struct canon *payload)
{
    size_t max = entry_home_of_feed(entry->feed_id) == ENTRY_IN_SITE ? ENTRY_SITE_BYTES_MAX
                                                                     : ENTRY_BYTES_MAX;
    if (bytes.len > max) {
        return "it is too long";
    }
    const char *what = canon_read(&passerelle__v1__entry__descriptor, bytes, envelope);
    if (what != NULL) {
        return what;
    }
    if (!view_equal(canon_bytes(envelope, 1), entry->feed_id)) {
        return "it belongs to another feed";
    }
    if (canon_number(envelope, 2) != entry->seq) {
        return "another entry stands in its place";
    }
    entry->type = (Passerelle__V1__EntryType)canon_number(envelope, 4);
    *kind = entry_kind(entry->type);
    if (*kind == NULL) {
        return NULL;
    }
    if ((*kind)->home != entry_home_of_feed(entry->feed_id)) {
        return "its type has no place in this feed";
    }
    return canon_read((*kind)->payload, canon_bytes(envelope, 6), payload);
}

/* NULL, or what is wrong with the entry that stands at entry->seq. entry->at_utc_ms is the time of
 * the one before. */
static const char *check_entry(struct audit *audit, struct audit_entry *entry, struct view bytes)
{
    struct canon envelope;
    struct canon payload;
    const struct entry_kind *kind = NULL;
    bool of_site = is_of_site(audit, entry->seq);
    const char *what = read_entry(entry, bytes, &envelope, &kind, &payload);
    if (what != NULL) {
        return of_site ? NULL : what; /* it never counts, there as here */
    }
    int64_t at_utc_ms = canon_signed(&envelope, 3);
    if (at_utc_ms < entry->at_utc_ms && !of_site) {
        return "its time is before that of the entry before it";
    }
    entry->at_utc_ms = at_utc_ms > entry->at_utc_ms ? at_utc_ms : entry->at_utc_ms;
    if (kind == NULL) {
        return NULL; /* of a newer version: hashed, and no more can be said */
    }
    if (kind->home == ENTRY_IN_SITE) {
        what = visits_take(audit, entry, &payload, of_site);
        return of_site ? NULL : what;
    }
    what = known_take(audit, entry, &payload);
    return what != NULL ? what : facts_take(audit, entry, &payload, canon_bytes(&envelope, 6));
}

/* NULL, or what is wrong with the checkpoint of a feed whose entries make this tree. */
static const char *check_head(struct audit *audit, const struct audit_source *source,
                              const struct tree_frontier *frontier, uint64_t *seq)
{
    struct known_feed *feed = map_get(&audit->feeds, source->feed_id);
    struct checkpoint checkpoint;
    if (feed == NULL) {
        return "net does not know this feed";
    }
    if (feed->checked) {
        return "it is given twice";
    }
    feed->checked = true;
    feed->size = frontier->size;
    if (source->checkpoint.len == 0) { /* whoever took it over has signed nothing yet */
        bool as_taken = feed->taken_over && frontier->size == feed->taken_size;
        return as_taken ? NULL : "no checkpoint of it was signed";
    }
    if (checkpoint_open(source->checkpoint, &feed->key, &checkpoint, NULL, NULL) != E_OK) {
        return "its checkpoint is not signed by the feed's key";
    }
    if (frontier->size < checkpoint.size) {
        *seq = frontier->size + 1;
        return "it is missing, though it was signed";
    }
    if (frontier->size > checkpoint.size) {
        *seq = checkpoint.size + 1;
        return "it stands past the checkpoint";
    }
    struct tree_hash root = tree_frontier_root(frontier);
    return tree_hash_equal(&root, &checkpoint.root) ? NULL
                                                    : "its entries are not those that were signed";
}

/* That net's own key is the one that was told by another way. */
static const char *check_anchor(const struct audit *audit)
{
    const struct known_feed *net = map_get(&audit->feeds, VIEW_LIT(FEED_NET));
    struct note_key told;
    if (audit->options.net_verifier == NULL || net == NULL) {
        return NULL;
    }
    bool same = note_key_parse(view_of(audit->options.net_verifier), &told) == E_OK &&
                strcmp(told.name, net->key.name) == 0 &&
                memcmp(told.public_key, net->key.public_key, sizeof told.public_key) == 0;
    return same ? NULL : "it has another key than the one that you trust: another network";
}

/* Fills in the roots that were told for this many entries; returns the next size that was. */
static uint64_t roots_fill(struct known_feed *feed, const struct tree_frontier *frontier)
{
    uint64_t next = UINT64_MAX;
    for (struct known_root *root = feed->roots; root != NULL; root = root->next) {
        if (root->size == frontier->size) {
            root->found = tree_frontier_root(frontier);
            root->reached = true;
        } else if (root->size > frontier->size && root->size < next) {
            next = root->size;
        }
    }
    return next;
}

static const char *check_epochs(const struct known_feed *feed)
{
    const struct known_root *root = feed == NULL ? NULL : feed->epoch;
    bool same = root == NULL || (root->reached && tree_hash_equal(&root->told, &root->found));
    return same ? NULL : "it does not go on from the entries that its hub was restored with";
}

/* What the rest of the audit needs to know of the feed before its entries. */
static void feed_begin(struct audit *audit, struct view feed_id)
{
    visit_table_clear(&audit->visits);
    audit->feed = map_get(&audit->feeds, feed_id);
    audit->cut_max = 0;
    for (size_t i = 0; i < audit->facts.close_count; i++) {
        const struct fact_close *close = &audit->facts.closes[i];
        for (size_t k = 0; k < close->cut_count; k++) {
            const struct fact_cut *cut = &close->cuts[k];
            if (cut->feed != NULL && cut->feed == audit->feed && cut->root->size > audit->cut_max) {
                audit->cut_max = cut->root->size;
            }
        }
    }
}

int audit_feed(struct audit *audit, const struct audit_source *source, struct audit_wrong *wrong)
{
    struct tree_frontier frontier = {0};
    struct audit_entry entry = {.feed_id = source->feed_id};
    enum entry_home home = entry_home_of_feed(source->feed_id);
    struct fact_list *list = home == ENTRY_IN_NET     ? &audit->facts.net
                             : home == ENTRY_IN_BOOKS ? &audit->facts.books
                                                      : NULL;
    struct audit_record record;
    struct fault fault = FAULT_NONE;
    uint64_t differs = 0; /* the first entry whose hash is not what the source says */
    int more;

    feed_begin(audit, source->feed_id);
    uint64_t told = list == NULL && audit->feed != NULL ? roots_fill(audit->feed, &frontier) : 0;
    while ((more = source->next(source->context, &record, &fault)) > 0) {
        entry.seq = frontier.size + 1;
        struct tree_hash leaf = tree_leaf(record.bytes);
        if (differs == 0 && record.leaf != NULL && !tree_hash_equal(&leaf, record.leaf)) {
            differs = entry.seq;
        }
        tree_frontier_append(&frontier, &leaf, NULL);
        if (frontier.size == told) {
            told = roots_fill(audit->feed, &frontier);
        }
        if (list != NULL) {
            facts_leaf_add(list, &leaf);
        }
        const char *what = check_entry(audit, &entry, record.bytes);
        if (what != NULL) {
            return is_wrong(wrong, source->feed_id, differs != 0 ? differs : entry.seq,
                            differs != 0 ? "its bytes are not those that were signed" : what);
        }
    }
    if (more < 0) {
        return is_wrong(wrong, source->feed_id, frontier.size + 1, fault.text);
    }
    uint64_t seq = differs;
    const char *what = check_head(audit, source, &frontier, &seq);
    if (what == NULL && differs != 0) {
        what = "the hash that stands beside it is wrong";
    }
    if (what == NULL && view_is(source->feed_id, FEED_NET)) {
        what = check_anchor(audit);
    }
    if (what == NULL) {
        if (list != NULL) {
            facts_roots_find(audit);
        }
        what = check_epochs(map_get(&audit->feeds, source->feed_id));
    }
    if (what != NULL) {
        return is_wrong(wrong, source->feed_id, seq, what);
    }
    facts_feed_end(audit);
    audit->totals.feeds++;
    audit->totals.entries += frontier.size;
    return E_OK;
}
