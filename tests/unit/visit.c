/* The order of refusals, opening times, forgotten visits, and what a desk may change. */
#include <check.h>
#include <stdlib.h>

#include "base/text.h"
#include "core/visit/check_in.h"
#include "core/visit/padding.h"
#include "core/visit/stay.h"

/* ---- refusals ---- */

/* How each rule is broken; `rule` is what the answer names. Facts stay those of a phone's pass. */
struct breaker {
    enum refusal code;
    const char *rule;
    void (*breaks)(struct check_in_facts *);
};

#define BREAKS(name, statement)                                                                    \
    static void name(struct check_in_facts *f)                                                     \
    {                                                                                              \
        statement;                                                                                 \
    }
BREAKS(unreadable, f->unreadable = true)
BREAKS(unknown_pass, f->unknown_pass = true)
BREAKS(unknown_key, f->unknown_key = true)
BREAKS(forged, f->forged = true)
BREAKS(too_early, f->valid_from = day_plus(f->today, 1))
BREAKS(too_late, f->valid_until = day_plus(f->today, -1))
BREAKS(revoked, f->revoked = true)
BREAKS(suspended, f->suspended = true)
BREAKS(no_proof, f->proof_given = false)
BREAKS(old_proof, f->proof_age = PROOF_STALE)
BREAKS(early_proof, f->proof_age = PROOF_FUTURE)
BREAKS(other_device, f->proof_signed = false)
BREAKS(proof_again, f->proof_seen = true)
BREAKS(other_zone, f->entitlement_broken = "zones")
BREAKS(closed, f->site_closed = true)
BREAKS(full, f->taken = f->capacity)
BREAKS(is_in, f->already_in = true)
BREAKS(no_unit, f->no_credit = true)
BREAKS(cap, f->cap_reached = "holder_cap")
BREAKS(away, f->offline_limit = "pass_allowance")

static const struct breaker *breaker_of(size_t index, size_t *count)
{
    static const struct breaker all[] = {
        {REFUSAL_BAD_TOKEN, "", unreadable},
        {REFUSAL_BAD_TOKEN, "", unknown_pass},
        {REFUSAL_UNKNOWN_KEY, "", unknown_key},
        {REFUSAL_BAD_SIGNATURE, "", forged},
        {REFUSAL_NOT_YET_VALID, "", too_early},
        {REFUSAL_EXPIRED, "", too_late},
        {REFUSAL_REVOKED, "", revoked},
        {REFUSAL_SUSPENDED, "", suspended},
        {REFUSAL_PROOF_MISSING, "", no_proof},
        {REFUSAL_PROOF_STALE, "age", old_proof},
        {REFUSAL_PROOF_STALE, "future", early_proof},
        {REFUSAL_PROOF_STALE, "device", other_device},
        {REFUSAL_PROOF_REPLAYED, "", proof_again},
        {REFUSAL_NOT_ENTITLED, "zones", other_zone},
        {REFUSAL_SITE_CLOSED, "", closed},
        {REFUSAL_SITE_FULL, "", full},
        {REFUSAL_ALREADY_IN, "", is_in},
        {REFUSAL_NO_CREDIT, "", no_unit},
        {REFUSAL_CAP_REACHED, "holder_cap", cap},
        {REFUSAL_OFFLINE_LIMIT, "pass_allowance", away},
    };
    *count = ARRAY_LEN(all);
    return &all[index];
}
enum { BREAKERS = 20 };

static struct check_in_facts fine(void)
{
    struct check_in_facts facts = CHECK_IN_FACTS_INIT;
    facts.today = day_of(2026, 11, 3);
    facts.valid_from = facts.valid_until = facts.today; /* both inclusive */
    facts.proof_needed = facts.proof_given = true;
    facts.capacity = 1;
    return facts;
}

static void expect(const struct check_in_facts *facts, enum refusal code, const char *rule)
{
    struct check_in_decision decision = check_in_decide(facts);
    ck_assert_int_eq(decision.refusal, code);
    ck_assert_str_eq(decision.rule, rule);
}

START_TEST(nothing_wrong_is_let_in)
{
    struct check_in_facts facts = fine();
    expect(&facts, REFUSAL_NONE, "");
    facts = CHECK_IN_FACTS_INIT; /* a step that knows nothing objects to nothing */
    facts.proof_seen = true;     /* of a card: no proof counts */
    facts.proof_age = PROOF_STALE;
    expect(&facts, REFUSAL_NONE, "");
}
END_TEST

START_TEST(each_refusal_alone)
{
    size_t count;
    const struct breaker *breaker = breaker_of((size_t)_i, &count);
    ck_assert_uint_eq(count, BREAKERS);
    struct check_in_facts facts = fine();
    breaker->breaks(&facts);
    expect(&facts, breaker->code, breaker->rule);
}
END_TEST

/* Each row breaks its own rule and those of all later codes. */
START_TEST(the_first_refusal_counts)
{
    size_t count;
    const struct breaker *breaker = breaker_of((size_t)_i, &count);
    struct check_in_facts facts = fine();
    breaker->breaks(&facts);
    for (size_t later = 0; later < count; later++) {
        if (breaker_of(later, &count)->code > breaker->code) {
            breaker_of(later, &count)->breaks(&facts);
        }
    }
    expect(&facts, breaker->code, breaker->rule);
}
END_TEST

START_TEST(each_refusal_says_what_to_do)
{
    for (int code = REFUSAL_BAD_TOKEN; code < REFUSAL_COUNT; code++) {
        const struct refusal_text *text = refusal_text((enum refusal)code, "");
        const char *sentences[] = {text->sentence_fr, text->sentence_en, text->next_step_fr,
                                   text->next_step_en};
        for (size_t i = 0; i < ARRAY_LEN(sentences); i++) {
            size_t len = strlen(sentences[i]);
            ck_assert_msg(len > 10 && sentences[i][len - 1] == '.', "%s", text->name);
            ck_assert(text_is_printable(view_of(sentences[i])));
        }
        for (int other = REFUSAL_BAD_TOKEN; other < code; other++) {
            ck_assert_str_ne(refusal_text((enum refusal)other, "")->sentence_fr,
                             text->sentence_fr);
            ck_assert_str_ne(refusal_text((enum refusal)other, "")->name, text->name);
        }
    }
    size_t count;
    for (size_t i = 0; i < BREAKERS; i++) {
        const struct breaker *breaker = breaker_of(i, &count);
        ck_assert_str_eq(refusal_text(breaker->code, breaker->rule)->name,
                         refusal_text(breaker->code, "")->name);
    }
    ck_assert_str_ne(refusal_text(REFUSAL_NOT_ENTITLED, "zones")->sentence_en,
                     refusal_text(REFUSAL_NOT_ENTITLED, "weekdays")->sentence_en);
}
END_TEST

/* ---- sites ---- */

static int64_t at(const char *instant)
{
    int64_t utc_ms;
    ck_assert_int_eq(instant_parse(view_of(instant), &utc_ms), E_OK);
    return utc_ms;
}

static const struct {
    const char *kind; /* fixed, ephemeral, itinerant */
    const char *hours;
    const char *instant; /* Paris is an hour ahead of UTC in November */
    bool open;
} openings[] = {
    {"fixed", "Mo-Fr 08:00-19:00; PH off", "2026-11-03T07:00:00.000Z", true},
    {"fixed", "Mo-Fr 08:00-19:00; PH off", "2026-11-03T06:59:59.999Z", false},
    {"fixed", "Mo-Fr 08:00-19:00; PH off", "2026-11-03T17:59:59.999Z", true},
    {"fixed", "Mo-Fr 08:00-19:00; PH off", "2026-11-03T18:00:00.000Z", false},
    {"fixed", "Mo-Fr 08:00-19:00; PH off", "2026-11-11T10:00:00.000Z", false},
    {"fixed", "", "2026-11-03T10:00:00.000Z", false},
    {"fixed", "24/7", "2026-11-08T02:00:00.000Z", true},
    {"ephemeral", "24/7", "2026-11-01T22:59:59.999Z", false},
    {"ephemeral", "24/7", "2026-11-01T23:00:00.000Z", true},
    {"ephemeral", "24/7", "2026-11-20T22:59:59.999Z", true},
    {"ephemeral", "24/7", "2026-11-20T23:00:00.000Z", false},
    {"itinerant", "", "2026-11-03T08:00:00.000Z", true},
    {"itinerant", "", "2026-11-03T07:59:59.999Z", false},
    {"itinerant", "", "2026-11-03T16:00:00.000Z", false},
    {"itinerant", "", "2026-11-04T10:00:00.000Z", false},
    {"itinerant", "Mo-Fr 09:00-17:00; PH off", "2026-11-10T10:00:00.000Z", true},
    {"itinerant", "Mo-Fr 09:00-17:00; Tu off", "2026-11-10T10:00:00.000Z", false},
};

START_TEST(sites_open_and_close)
{
    Passerelle__V1__Stop stop = PASSERELLE__V1__STOP__INIT; /* Tuesdays, 09:00 to 17:00 */
    stop.weekday = PASSERELLE__V1__WEEKDAY__WEEKDAY_TUESDAY;
    stop.open_minute = 9 * 60;
    stop.close_minute = 17 * 60;
    Passerelle__V1__Stop *stops[] = {&stop};
    char first[] = "2026-11-02", last[] = "2026-11-20", hours_text[64];
    Passerelle__V1__Site site = PASSERELLE__V1__SITE__INIT;
    snprintf(hours_text, sizeof hours_text, "%s", openings[_i].hours);
    site.opening_hours = hours_text;
    site.state = PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE;
    site.kind = openings[_i].kind[0] == 'f'   ? PASSERELLE__V1__SITE_KIND__SITE_KIND_FIXED
                : openings[_i].kind[0] == 'e' ? PASSERELLE__V1__SITE_KIND__SITE_KIND_EPHEMERAL
                                              : PASSERELLE__V1__SITE_KIND__SITE_KIND_ITINERANT;
    site.first_day = first;
    site.last_day = last;
    site.stops = stops;
    site.n_stops = 1;
    struct opening_hours hours = {0};
    if (hours_text[0] != '\0') {
        ck_assert_int_eq(opening_hours_parse(view_of(hours_text), &hours, NULL), E_OK);
    }
    ck_assert_int_eq(site_is_open(&site, &hours, at(openings[_i].instant)), openings[_i].open);
    for (int state = PASSERELLE__V1__SITE_STATE__SITE_STATE_UNSPECIFIED;
         state <= PASSERELLE__V1__SITE_STATE__SITE_STATE_CLOSED; state++) {
        site.state = (Passerelle__V1__SiteState)state;
        bool open = site_is_open(&site, &hours, at(openings[_i].instant));
        ck_assert(!open || state == PASSERELLE__V1__SITE_STATE__SITE_STATE_ACTIVE);
    }
}
END_TEST

static const struct {
    const char *hours;
    const char *in;
    const char *out;
} closings[] = {
    {"Mo-Fr 08:00-12:00,13:00-19:00", "2026-11-03T08:00:00.000Z", "2026-11-03T18:00:00.000Z"},
    {"Mo-Fr 08:00-19:00", "2026-11-03T18:00:00.000Z", "2026-11-03T22:30:00.000Z"},
    {"Mo-Fr 08:00-19:00", "2026-11-07T09:00:00.000Z", "2026-11-07T13:30:00.000Z"},
    {"Mo-Fr 08:00-19:00", "2026-11-07T20:00:00.000Z", "2026-11-07T23:00:00.000Z"},
    {"24/7", "2026-11-03T09:00:00.000Z", "2026-11-03T23:00:00.000Z"},
    {"24/7", "2026-10-25T00:30:00.000Z", "2026-10-25T23:00:00.000Z"}, /* a day of 25 hours */
    {"Mo-Fr 08:00-19:00; PH off", "2026-11-11T09:00:00.000Z", "2026-11-11T13:30:00.000Z"},
};

START_TEST(forgotten_visits_end)
{
    struct opening_hours hours;
    ck_assert_int_eq(opening_hours_parse(view_of(closings[_i].hours), &hours, NULL), E_OK);
    ck_assert_int_eq(stay_closing_utc_ms(&hours, at(closings[_i].in)), at(closings[_i].out));
}
END_TEST

/* ---- what a desk may change ---- */

START_TEST(changes_have_their_time)
{
    Passerelle__V1__NetworkPolicy policy = PASSERELLE__V1__NETWORK_POLICY__INIT;
    policy.undo_s = 60;
    policy.correction_hours = 72;
    policy.paper_hours = 72;
    int64_t in = at("2026-11-03T08:00:00.000Z");
    struct change_facts open = {
        .now_utc_ms = in + 60000, .in_utc_ms = in, .is_last_scan = true, .policy = &policy};
    ck_assert_ptr_null(undo_objection(&open));
    ck_assert_ptr_null(void_objection(&open));
    ck_assert_ptr_nonnull(correct_objection(&open, in, in + 1));
    struct change_facts late = open;
    late.now_utc_ms++;
    ck_assert_ptr_nonnull(undo_objection(&late));
    struct change_facts not_last = open;
    not_last.is_last_scan = false;
    ck_assert_ptr_nonnull(undo_objection(&not_last));

    struct change_facts closed = open;
    closed.out_utc_ms = in + HOUR_MS;
    closed.now_utc_ms = closed.out_utc_ms + 72 * HOUR_MS;
    ck_assert_ptr_nonnull(undo_objection(&closed));
    ck_assert_ptr_null(void_objection(&closed));
    ck_assert_ptr_null(correct_objection(&closed, in, in + 2 * HOUR_MS));
    ck_assert(correct_lengthens(&closed, in, in + 2 * HOUR_MS));
    ck_assert(!correct_lengthens(&closed, in + HOUR_MS, in + 2 * HOUR_MS));
    ck_assert_ptr_nonnull(correct_objection(&closed, in, in - 1));
    ck_assert_ptr_nonnull(correct_objection(&closed, in, closed.now_utc_ms + 1));
    ck_assert_ptr_nonnull(correct_objection(&closed, in + 24 * HOUR_MS, in + 25 * HOUR_MS));
    closed.now_utc_ms++;
    ck_assert_ptr_nonnull(void_objection(&closed));
    ck_assert_ptr_nonnull(correct_objection(&closed, in, in + 1));
    struct change_facts gone = open;
    gone.is_void = true;
    ck_assert_ptr_nonnull(undo_objection(&gone));
    ck_assert_ptr_nonnull(void_objection(&gone));
    gone.is_void = false;
    gone.is_corrected = true;
    ck_assert_ptr_nonnull(void_objection(&gone));

    int64_t now = in + 72 * HOUR_MS;
    ck_assert_ptr_null(paper_objection(&policy, now, in, 0));
    ck_assert_ptr_null(paper_objection(&policy, now, in, now));
    ck_assert_ptr_nonnull(paper_objection(&policy, now, in - 1, 0));
    ck_assert_ptr_nonnull(paper_objection(&policy, now, now + 1, 0));
    ck_assert_ptr_nonnull(paper_objection(&policy, now, in, now + 1));
    ck_assert_ptr_nonnull(paper_objection(&policy, now, in, in - 1));
}
END_TEST

/* ---- stays that look padded ---- */

static unsigned signs_of(const char *hours_text, int in_minute, int out_minute)
{
    struct opening_hours hours;
    struct fault fault = FAULT_NONE;
    struct day day = day_of(2026, 11, 3); /* a Tuesday */
    Passerelle__V1__Site site = PASSERELLE__V1__SITE__INIT;
    struct padding_stay stay = {.in_utc_ms = day_minute_utc_ms(day, in_minute), .desk = true};
    stay.out_utc_ms = out_minute == 0 ? 0 : day_minute_utc_ms(day, out_minute);
    site.opening_hours = (char *)(uintptr_t)hours_text;
    ck_assert_int_eq(opening_hours_parse(view_of(hours_text), &hours, &fault), E_OK);
    unsigned signs = padding_signs(&stay, &site, &hours);
    ck_assert_int_gt(stay.out_utc_ms, stay.in_utc_ms);
    return signs;
}

START_TEST(a_stay_has_signs_of_its_own)
{
    const unsigned late = 1u << PADDING_OUT_OF_HOURS;
    const unsigned clock = 1u << PADDING_AUTO_CLOSED;
    ck_assert_uint_eq(signs_of("Mo-Fr 09:00-17:00", 9 * 60, 17 * 60), 0);
    ck_assert_uint_eq(signs_of("Mo-Fr 09:00-17:00", 8 * 60 + 30, 17 * 60 + 30), 0);
    ck_assert_uint_eq(signs_of("Mo-Fr 09:00-17:00", 8 * 60 + 29, 12 * 60), late);
    ck_assert_uint_eq(signs_of("Mo-Fr 09:00-17:00", 9 * 60, 17 * 60 + 31), late);
    ck_assert_uint_eq(signs_of("Mo-Fr 09:00-17:00", 10 * 60, 0), clock);
    ck_assert_uint_eq(signs_of("Sa 09:00-17:00", 10 * 60, 12 * 60), late);
    ck_assert_uint_eq(signs_of("24/7", 1, 23 * 60), 0);
}
END_TEST

/* `count` sites of a zone, which differ a little. */
static size_t add_sites(struct padding_site *sites, Passerelle__V1__Zone *zones, size_t at,
                        size_t count, Passerelle__V1__Zone zone, uint32_t cards)
{
    for (size_t i = at; i < at + count; i++) {
        sites[i] = (struct padding_site){.stays = 100, .desk_stays = 100};
        sites[i].with[PADDING_CARD] = cards + (uint32_t)(i % 5);
        sites[i].lengths[12 + i % 2] = 100;
        zones[i] = zone;
    }
    return at + count;
}

START_TEST(a_figure_stands_out_beside_its_peers)
{
    const Passerelle__V1__Zone urban = PASSERELLE__V1__ZONE__ZONE_URBAN;
    const Passerelle__V1__Zone rural = PASSERELLE__V1__ZONE__ZONE_RURAL;
    struct padding_site sites[40];
    struct padding_finding found[40];
    Passerelle__V1__Zone zones[40];
    Passerelle__V1__NetworkPolicy policy = PASSERELLE__V1__NETWORK_POLICY__INIT;
    policy.padded_stays_min = 20;
    policy.padded_deviations = 4;
    policy.padded_per_thousand = 200;
    policy.padded_minutes = 60;
    size_t count = add_sites(sites, zones, 0, 10, urban, 10);
    count = add_sites(sites, zones, count, 10, rural, 60); /* more cards than in towns */
    padding_look(sites, zones, count, &policy, found);
    for (size_t i = 0; i < count; i++) {
        ck_assert(!found[i].stands_out);
        ck_assert_uint_eq(found[i].peers, 9);
    }
    sites[3].with[PADDING_CARD] = 32; /* above the median, 120, by no more than 200 */
    padding_look(sites, zones, count, &policy, found);
    ck_assert(!found[3].stands_out);
    sites[3].with[PADDING_CARD] = 33;
    sites[13].lengths[60] = 10; /* one in ten stays for five hours */
    padding_look(sites, zones, count, &policy, found);
    ck_assert(found[3].figures[PADDING_CARD].stands_out);
    ck_assert_int_eq(found[3].figures[PADDING_CARD].value, 330);
    ck_assert(found[13].figures[PADDING_LONG_STAYS].stands_out);
    ck_assert_int_eq(found[13].figures[PADDING_LONG_STAYS].value, 300);
    ck_assert(!found[13].figures[PADDING_CARD].stands_out);
    policy.padded_deviations = 30; /* of 10 each */
    padding_look(sites, zones, count, &policy, found);
    ck_assert(!found[3].stands_out);
    policy.padded_deviations = 4;
    sites[3].stays = 19; /* too few of its own */
    padding_look(sites, zones, count, &policy, found);
    ck_assert(!found[3].stands_out);
    ck_assert_uint_eq(found[3].peers, 0);
    sites[4] = (struct padding_site){.stays = 100, .with = {[PADDING_CARD] = 12}}; /* rooms only */
    padding_look(sites, zones, count, &policy, found);
    ck_assert_int_eq(found[4].figures[PADDING_LONG_STAYS].value, 0);
    ck_assert(!found[4].stands_out);
    /* A zone with few sites is compared with all; with fewer than eight in all, with nobody. */
    padding_look(sites + 5, zones + 5, 8, &policy, found);
    ck_assert_uint_eq(found[0].peers, 7);
    padding_look(sites + 5, zones + 5, 7, &policy, found);
    ck_assert_uint_eq(found[0].peers, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("visit");
    tcase_add_test(cases, a_stay_has_signs_of_its_own);
    tcase_add_test(cases, a_figure_stands_out_beside_its_peers);
    tcase_add_test(cases, nothing_wrong_is_let_in);
    tcase_add_loop_test(cases, each_refusal_alone, 0, BREAKERS);
    tcase_add_loop_test(cases, the_first_refusal_counts, 0, BREAKERS);
    tcase_add_test(cases, each_refusal_says_what_to_do);
    tcase_add_loop_test(cases, sites_open_and_close, 0, (int)ARRAY_LEN(openings));
    tcase_add_loop_test(cases, forgotten_visits_end, 0, (int)ARRAY_LEN(closings));
    tcase_add_test(cases, changes_have_their_time);
    Suite *suite = suite_create("visit");
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
