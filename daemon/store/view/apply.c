#include "store/view/apply.h"

#include "store/view/appliers.h"

void view_apply(struct db *db, struct view_position at, const struct entry *entry)
{
    static const struct applier *const tables[] = {appliers_net, appliers_books, appliers_visits};
    if (entry->kind == NULL) {
        return;
    }
    struct application a = {.db = db, .at = at, .envelope = entry->envelope};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct applier *row = tables[i]; row->apply != NULL; row++) {
            if (row->type == entry->kind->type) {
                row->apply(&a, entry->payload);
                return;
            }
        }
    }
    die("no projection for the entry type %s", entry->kind->name);
}
