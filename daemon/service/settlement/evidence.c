#include "service/settlement/evidence.h"

#include "core/close/behind.h"
#include "service/settlement/compute.h"

/* A visit behind a line, with the times that it was rated by. */
struct told {
    int64_t key, in_utc_ms, out_utc_ms;
};

/* What stands behind the lines of one state of a month. */
struct state {
    struct stays stays;
    int64_t *keys; /* by stay */
    struct rating rating;
    struct behind behind;
};

static int told_compare(const void *left, const void *right)
{
    const struct told *a = left;
    const struct told *b = right;
    int order = a->key < b->key ? -1 : a->key > b->key;
    order = order != 0 ? order : (a->in_utc_ms > b->in_utc_ms) - (a->in_utc_ms < b->in_utc_ms);
    return order != 0 ? order : (a->out_utc_ms > b->out_utc_ms) - (a->out_utc_ms < b->out_utc_ms);
}

static void state_release(struct state *state)
{
    behind_release(&state->behind);
    rating_release(&state->rating);
    stays_release(&state->stays);
    free(state->keys);
}

/* The keys of the list that was loaded last. */
static int64_t *keys_take(struct loaded *loaded)
{
    int64_t *keys = loaded->keys;
    loaded->keys = NULL;
    loaded->keys_alloc = 0;
    return keys;
}

/* What is behind one line, in order; the caller frees it. */
static struct told *told_of(const struct behind *behind, const struct stay *stays,
                            const int64_t *keys, uint32_t line, size_t *count)
{
    *count = behind->first[line + 1] - behind->first[line];
    struct told *told = xcalloc(*count + 1, sizeof *told);
    for (size_t i = 0; i < *count; i++) {
        uint32_t at = behind->stays[behind->first[line] + i];
        told[i] = (struct told){keys[at], stays[at].in_utc_ms, stays[at].out_utc_ms};
    }
    if (*count > 0) {
        qsort(told, *count, sizeof *told, told_compare);
    }
    return told;
}

static void told_write(const struct told *told, size_t count, struct buf *out)
{
    buf_u32be(out, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        buf_u64be(out, (uint64_t)told[i].key);
    }
}

/* ---- earlier months ---- */

static void units_add(uint32_t *spent, const struct carnet_use *uses, size_t count,
                      struct month from, struct month to)
{
    for (size_t i = 0; i < count; i++) {
        if (uses[i].month.number >= from.number && uses[i].month.number < to.number) {
            spent[uses[i].carnet] += uses[i].units;
        }
    }
}

/* Rates an earlier month as it stands now, or as the last close saw it. */
static int state_make(struct loaded *loaded, const struct close_result *result,
                      const struct close_history *history, struct month month, bool now,
                      const struct line *lines, uint32_t line_count, struct state *out,
                      struct fault *fault)
{
    const struct month first = {INT32_MIN};
    const struct month next = {month.number + 1};
    const struct month last = {INT32_MAX};
    uint32_t *spent = xcalloc(loaded->roster.carnet_ids.count + 1u, sizeof *spent);
    int error = now ? loaded_again(loaded, month, &out->stays, fault)
                    : loaded_at_cut(loaded, month, &out->stays, fault);
    out->keys = keys_take(loaded);
    if (now) { /* this close has rated the months before it again already */
        units_add(spent, result->carnet_uses, result->carnet_use_count, first, month);
    } else {
        units_add(spent, history->uses, history->use_count, first, month);
    }
    units_add(spent, history->uses, history->use_count, next, last);
    if (error == 0) {
        error = rating_run(&out->rating, &loaded->roster, month, out->stays.all, out->stays.count,
                           spent, fault);
    }
    if (error == 0 && behind_run(&out->behind, &loaded->roster, &out->rating, out->stays.all, lines,
                                 line_count) != E_OK) {
        error = fault_set(fault, E_LIMIT, "more stays than a close can hold");
    }
    free(spent);
    return error;
}

/* A line of the close under the key that its month's rating gives it. */
struct keyed {
    struct line line;
    uint32_t place; /* in the close */
};

static int keyed_compare(const void *left, const void *right)
{
    const struct keyed *a = left;
    const struct keyed *b = right;
    return line_compare(&a->line, &b->line);
}

/* What is in `one` and not in `other`; both are in order. */
static size_t told_without(struct told *one, size_t count, const struct told *other,
                           size_t other_count)
{
    size_t kept = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < other_count && told_compare(&other[at], &one[i]) < 0) {
            at++;
        }
        if (at == other_count || told_compare(&other[at], &one[i]) != 0) {
            one[kept++] = one[i];
        }
    }
    return kept;
}

/* Fills in what is behind the close's lines of one earlier month. */
static int month_gather(struct loaded *loaded, const struct close_result *result,
                        const struct close_history *history, struct month month,
                        struct view *behind_line, struct arena *arena, struct fault *fault)
{
    struct state now = {0};
    struct state before = {0};
    struct buf out = BUF_INIT;
    uint32_t count = 0;
    struct keyed *keyed = xcalloc(result->line_count + 1u, sizeof *keyed);
    struct line *lines = xcalloc(result->line_count + 1u, sizeof *lines);
    for (uint32_t i = 0; i < result->line_count; i++) {
        if (result->lines[i].month.number == month.number) {
            keyed[count] = (struct keyed){result->lines[i], i};
            keyed[count++].line.credit = false;
        }
    }
    if (count > 0) {
        qsort(keyed, count, sizeof *keyed, keyed_compare);
    }
    for (uint32_t i = 0; i < count; i++) {
        lines[i] = keyed[i].line;
    }
    int error = state_make(loaded, result, history, month, true, lines, count, &now, fault);
    if (error == 0) {
        error = state_make(loaded, result, history, month, false, lines, count, &before, fault);
    }
    for (uint32_t i = 0; i < count && error == 0; i++) {
        bool credit = result->lines[keyed[i].place].credit;
        size_t has, had;
        struct told *new_ones = told_of(&now.behind, now.stays.all, now.keys, i, &has);
        struct told *old_ones = told_of(&before.behind, before.stays.all, before.keys, i, &had);
        size_t kept = credit ? told_without(old_ones, had, new_ones, has)
                             : told_without(new_ones, has, old_ones, had);
        buf_clear(&out);
        told_write(credit ? old_ones : new_ones, kept, &out);
        behind_line[keyed[i].place] = arena_copy(arena, buf_content(&out));
        free(new_ones);
        free(old_ones);
    }
    state_release(&now);
    state_release(&before);
    buf_release(&out);
    free(keyed);
    free(lines);
    return error;
}

static int earlier_gather(struct loaded *loaded, const struct close_result *result,
                          struct view *behind_line, struct arena *arena, struct fault *fault)
{
    struct close_history history = CLOSE_HISTORY_INIT;
    int error =
        result->revised_count > 0 ? settlement_history(loaded, result->month, &history, fault) : 0;
    for (uint32_t i = 0; i < result->revised_count && error == 0; i++) {
        error =
            month_gather(loaded, result, &history, result->revised[i], behind_line, arena, fault);
    }
    close_history_release(&history);
    return error;
}

/* ---- all ---- */

int evidence_gather(struct loaded *loaded, const struct close_result *result,
                    const struct stays *stays, struct arena *arena, struct view **documents,
                    struct fault *fault)
{
    struct behind behind = BEHIND_INIT;
    struct buf out = BUF_INIT;
    struct view *evidence = ARENA_ARRAY(arena, result->document_count, struct view);
    struct view *behind_line = xcalloc(result->line_count + 1u, sizeof *behind_line);
    int64_t *keys = keys_take(loaded);
    loaded->keeps_keys = true;
    int error = behind_run(&behind, &loaded->roster, &result->rating, stays->all, result->lines,
                           result->line_count);
    error = error != 0 ? fault_set(fault, error, "more stays than a close can hold")
                       : earlier_gather(loaded, result, behind_line, arena, fault);
    for (uint32_t i = 0; i < result->document_count && error == 0; i++) {
        const struct document *document = &result->documents[i];
        if (document->kind == DOCUMENT_SUBSIDY) {
            continue;
        }
        buf_clear(&out);
        for (uint32_t k = 0; k < document->line_count; k++) {
            uint32_t line = document->line_first + k;
            if (behind_line[line].len > 0) {
                buf_view(&out, behind_line[line]);
                continue;
            }
            buf_u32be(&out, behind.first[line + 1] - behind.first[line]);
            for (uint32_t at = behind.first[line]; at < behind.first[line + 1]; at++) {
                buf_u64be(&out, (uint64_t)keys[behind.stays[at]]);
            }
        }
        evidence[i] = arena_copy(arena, buf_content(&out));
    }
    free(keys);
    free(behind_line);
    buf_release(&out);
    behind_release(&behind);
    *documents = evidence;
    return error;
}
