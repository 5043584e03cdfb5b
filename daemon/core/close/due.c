#include "core/close/due.h"

void stays_add(struct stays *stays, const struct stay *stay)
{
    if (stays->count == stays->alloc) {
        stays->alloc = stays->alloc == 0 ? 4096 : stays->alloc * 2;
        stays->all = xrealloc(stays->all, stays->alloc, sizeof *stays->all);
    }
    stays->all[stays->count++] = *stay;
}

void stays_release(struct stays *stays)
{
    free(stays->all);
    *stays = STAYS_INIT;
}

static int rulings_compare(const void *left, const void *right)
{
    const struct ruling *a = left;
    const struct ruling *b = right;
    int order = a->visit_key < b->visit_key ? -1 : a->visit_key > b->visit_key;
    return order != 0 ? order : (a->order > b->order) - (a->order < b->order);
}

void due_ruling_put(struct due *due, struct ruling ruling)
{
    ruling.order = due->rulings_put++;
    due->rulings[due->ruling_count++] = ruling;
}

void due_rulings_sort(struct due *due)
{
    size_t kept = 0;
    if (due->ruling_count > 0) {
        qsort(due->rulings, due->ruling_count, sizeof *due->rulings, rulings_compare);
    }
    for (size_t i = 0; i < due->ruling_count; i++) {
        struct ruling ruling = due->rulings[i];
        if (kept > 0 && due->rulings[kept - 1].visit_key == ruling.visit_key) {
            kept--;
            ruling.late = ruling.late || due->rulings[kept].late;
        }
        due->rulings[kept++] = ruling;
    }
    due->ruling_count = kept;
}

static int ruling_find(const void *key, const void *ruling)
{
    int64_t visit_key = *(const int64_t *)key;
    int64_t of = ((const struct ruling *)ruling)->visit_key;
    return visit_key < of ? -1 : visit_key > of;
}

static const struct ruling *ruling_of(const struct due *due, int64_t visit_key)
{
    return due->ruling_count == 0 ? NULL
                                  : bsearch(&visit_key, due->rulings, due->ruling_count,
                                            sizeof *due->rulings, ruling_find);
}

void due_touch(struct due *due, struct month month)
{
    for (size_t i = 0; i < due->closed_count; i++) {
        due->touched[i] = due->touched[i] || due->closed[i].number == month.number;
    }
}

void due_touch_rulings(struct due *due)
{
    for (size_t i = 0; i < due->ruling_count; i++) {
        if (due->rulings[i].late) {
            due_touch(due, due->rulings[i].month);
        }
    }
}

struct days {
    struct day first;
    struct day last; /* before `first`: none */
};

static struct days days_within(const Passerelle__V1__HolderPut *right, struct month month)
{
    struct days days = {month_first(month), month_last(month)};
    struct day day;
    if (day_parse(view_of(right->active_from), &day) == E_OK && day_compare(day, days.first) > 0) {
        days.first = day;
    }
    if (day_parse(view_of(right->active_to), &day) == E_OK && day_compare(day, days.last) < 0) {
        days.last = day;
    }
    return days;
}

static bool days_none(struct days days)
{
    return day_compare(days.first, days.last) > 0;
}

static bool has_monthly_fee(const struct roster *roster, const Passerelle__V1__HolderPut *right)
{
    uint32_t plan;
    return names_find(&roster->plan_ids, view_of(right->plan_id), &plan) &&
           roster->plans[plan].type == PLAN_SUBSCRIPTION;
}

void due_touch_right(struct due *due, const struct roster *roster,
                     const Passerelle__V1__HolderPut *before,
                     const Passerelle__V1__HolderPut *after)
{
    if (before == NULL && !has_monthly_fee(roster, after)) {
        return;
    }
    for (size_t i = 0; i < due->closed_count; i++) {
        struct days now = days_within(after, due->closed[i]);
        struct days then =
            before == NULL ? (struct days){month_last(due->closed[i]), month_first(due->closed[i])}
                           : days_within(before, due->closed[i]);
        bool none = days_none(now) && days_none(then);
        bool same = before != NULL && strcmp(before->plan_id, after->plan_id) == 0 &&
                    day_compare(now.first, then.first) == 0 &&
                    day_compare(now.last, then.last) == 0;
        due->touched[i] = due->touched[i] || !(none || same);
    }
}

void due_take(const struct due *due, int64_t visit_key, bool late_rulings, struct stay stay,
              struct stays *out)
{
    const struct ruling *ruling = ruling_of(due, visit_key);
    if (ruling != NULL && (late_rulings || !ruling->late)) {
        if (ruling->voided) {
            return;
        }
        stay.in_utc_ms = ruling->in_utc_ms != 0 ? ruling->in_utc_ms : stay.in_utc_ms;
        stay.auto_closed = stay.auto_closed && ruling->out_utc_ms == 0;
        stay.out_utc_ms = ruling->out_utc_ms != 0 ? ruling->out_utc_ms : stay.out_utc_ms;
    }
    stays_add(out, &stay);
}

/* The months to be rated again, with their stays. */
struct revision {
    struct month *months;
    struct stays *stays;
    struct close_correction *corrections;
    size_t count;
};

static int revision_load(struct revision *revision, const struct due *due, struct month month,
                         const struct due_source *source, struct fault *fault)
{
    int error = 0;
    revision->months = xcalloc(due->closed_count + 1, sizeof *revision->months);
    revision->stays = xcalloc(due->closed_count + 1, sizeof *revision->stays);
    revision->corrections = xcalloc(due->closed_count + 1, sizeof *revision->corrections);
    for (size_t i = 0; i < due->closed_count && error == 0; i++) {
        if (due->touched[i] && due->closed[i].number < month.number) {
            size_t at = revision->count++;
            struct stays *stays = &revision->stays[at];
            revision->months[at] = due->closed[i];
            error = source->again(source->context, due->closed[i], stays, fault);
            revision->corrections[at] = (struct close_correction){
                .month = due->closed[i], .stays = stays->all, .stay_count = stays->count};
        }
    }
    return error;
}

static void revision_release(struct revision *revision)
{
    for (size_t i = 0; i < revision->count; i++) {
        stays_release(&revision->stays[i]);
    }
    free(revision->months);
    free(revision->stays);
    free(revision->corrections);
}

int due_close(const struct due *due, const struct roster *roster, struct month month,
              const struct stays *stays, const struct due_source *source,
              const Passerelle__V1__NetworkPolicy *policy, struct close_result *result,
              struct fault *fault)
{
    struct revision revision = {0};
    struct close_history history = CLOSE_HISTORY_INIT;
    int error = revision_load(&revision, due, month, source, fault);
    if (error == 0) {
        history.wanted = revision.months;
        history.wanted_count = revision.count;
        error = source->history(source->context, &history, fault);
    }
    for (size_t i = 0; i < revision.count && error == 0; i++) {
        struct close_correction *correction = &revision.corrections[i];
        correction->billed =
            close_history_billed(&history, correction->month, &correction->billed_count);
    }
    if (error == 0) {
        bool direct =
            policy != NULL && policy->netting == PASSERELLE__V1__NETTING_MODE__NETTING_MODE_DIRECT;
        struct close_input input = {
            .month = month,
            .late_only = stays == NULL,
            .stays = stays == NULL ? NULL : stays->all,
            .stay_count = stays == NULL ? 0 : stays->count,
            .corrections = revision.corrections,
            .correction_count = revision.count,
            .carnet_uses = history.uses,
            .carnet_use_count = history.use_count,
            .carried_in = history.carried,
            .mode = direct ? NETTING_DIRECT : NETTING_OPERATOR,
            .carry_minimum =
                policy == NULL ? CLOSE_CARRY_MINIMUM : CENTS(policy->carry_under_cents),
        };
        error = close_run(result, roster, &input, fault);
    }
    close_history_release(&history);
    revision_release(&revision);
    return error;
}
