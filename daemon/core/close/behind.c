/* Counted first, then put in place in the order of visit ids: one sort, whatever the lines. */
#include "core/close/behind.h"

#include <assert.h>

#include "core/close/lines.h"

enum { NO_LINE = -1 };

/* The line with the same key; `line_compare` leaves the quantity out. */
static int64_t find(const struct line *lines, uint32_t count, const struct line *key)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = line_compare(&lines[middle], key);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NO_LINE;
}

struct told {
    uint8_t visit_id[16];
    uint32_t stay;
};

static int by_visit(const void *left, const void *right)
{
    const struct told *a = left;
    const struct told *b = right;
    return memcmp(a->visit_id, b->visit_id, sizeof a->visit_id);
}

static struct told *in_order(const struct stay *stays, size_t count)
{
    struct told *told = xcalloc(count + 1, sizeof *told);
    for (size_t i = 0; i < count; i++) {
        memcpy(told[i].visit_id, stays[i].visit_id, sizeof told[i].visit_id);
        told[i].stay = (uint32_t)i;
    }
    qsort(told, count, sizeof *told, by_visit);
    return told;
}

/* Places of the lines of each item, NO_LINE where it has fewer. */
static int64_t *places_of(const struct roster *roster, const struct rating *rating,
                          const struct line *lines, uint32_t line_count)
{
    int64_t *places = xcalloc((size_t)rating->item_count * LINES_OF_ITEM_MAX + 1, sizeof *places);
    for (uint32_t i = 0; i < rating->item_count; i++) {
        struct line keys[LINES_OF_ITEM_MAX];
        size_t count = lines_of_item(roster, rating->month, &rating->items[i], keys);
        for (size_t k = 0; k < LINES_OF_ITEM_MAX; k++) {
            places[i * LINES_OF_ITEM_MAX + k] =
                k < count ? find(lines, line_count, &keys[k]) : NO_LINE;
        }
    }
    return places;
}

int behind_run(struct behind *behind, const struct roster *roster, const struct rating *rating,
               const struct stay *stays, const struct line *lines, uint32_t line_count)
{
    int64_t *places = places_of(roster, rating, lines, line_count);
    uint64_t total = 0;
    *behind = (struct behind){.line_count = line_count};
    behind->first = xcalloc((size_t)line_count + 2, sizeof *behind->first);
    for (size_t i = 0; i < rating->stay_count; i++) {
        const int64_t *own = &places[(size_t)rating->outcomes[i].item * LINES_OF_ITEM_MAX];
        for (size_t k = 0; k < LINES_OF_ITEM_MAX; k++) {
            if (own[k] != NO_LINE) {
                behind->first[own[k] + 2]++;
                total++;
            }
        }
    }
    if (total > UINT32_MAX) {
        free(places);
        return E_LIMIT;
    }
    for (uint32_t i = 0; i < line_count; i++) {
        behind->first[i + 2] += behind->first[i + 1];
    }
    /* first[line + 1] is now where the line begins, and moves to where it ends. */
    behind->stays = xcalloc(total + 1, sizeof *behind->stays);
    struct told *told = in_order(stays, rating->stay_count);
    for (size_t i = 0; i < rating->stay_count; i++) {
        uint32_t stay = told[i].stay;
        const int64_t *own = &places[(size_t)rating->outcomes[stay].item * LINES_OF_ITEM_MAX];
        for (size_t k = 0; k < LINES_OF_ITEM_MAX; k++) {
            if (own[k] != NO_LINE) {
                behind->stays[behind->first[own[k] + 1]++] = stay;
            }
        }
    }
    assert(behind->first[0] == 0);
    assert(behind->first[line_count] == total);
    free(told);
    free(places);
    return E_OK;
}

void behind_release(struct behind *behind)
{
    free(behind->first);
    free(behind->stays);
    *behind = BEHIND_INIT;
}
