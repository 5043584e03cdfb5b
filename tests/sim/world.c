#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define CLOSED                                                                                     \
    {                                                                                              \
        {-1, -1},                                                                                  \
        {                                                                                          \
            -1, -1                                                                                 \
        }                                                                                          \
    }
#define SPAN(from, to)                                                                             \
    {                                                                                              \
        {(from)*60, (to)*60},                                                                      \
        {                                                                                          \
            -1, -1                                                                                 \
        }                                                                                          \
    }

const struct world_hours world_hours[] = {
    {"24/7", true, false, {CLOSED}},
    {"Mo-Su 06:00-23:00",
     false,
     false,
     {SPAN(6, 23), SPAN(6, 23), SPAN(6, 23), SPAN(6, 23), SPAN(6, 23), SPAN(6, 23), SPAN(6, 23)}},
    {"Mo-Fr 08:00-19:00; PH off",
     false,
     true,
     {SPAN(8, 19), SPAN(8, 19), SPAN(8, 19), SPAN(8, 19), SPAN(8, 19), CLOSED, CLOSED}},
    {"Mo-Fr 09:00-12:00,13:00-18:00; Sa 09:00-12:00; PH off",
     false,
     true,
     {{{540, 720}, {780, 1080}},
      {{540, 720}, {780, 1080}},
      {{540, 720}, {780, 1080}},
      {{540, 720}, {780, 1080}},
      {{540, 720}, {780, 1080}},
      SPAN(9, 12),
      CLOSED}},
};

/* ---- the reference files ---- */

enum { CELLS_MAX = 24 };

/* The next line of a file of the reference network, cut at its commas. */
static bool next_line(FILE *file, char *line, size_t size, char *cells[static CELLS_MAX])
{
    if (fgets(line, (int)size, file) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    int count = 0;
    bool quoted = false;
    cells[count++] = line;
    for (char *at = line; *at != '\0'; at++) {
        quoted ^= *at == '"';
        if (*at == ',' && !quoted && count < CELLS_MAX) {
            *at = '\0';
            cells[count++] = at + 1;
        }
    }
    while (count < CELLS_MAX) {
        cells[count++] = line + strlen(line);
    }
    return true;
}

static FILE *open_file(const char *name, struct buf *whole)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", REFERENCE_DIR, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        die("%s cannot be read", path);
    }
    char bytes[4096];
    size_t got;
    while (whole != NULL && (got = fread(bytes, 1, sizeof bytes, file)) > 0) {
        buf_add(whole, bytes, got);
    }
    rewind(file);
    return file;
}

static int member_of(const struct world *world, const char *id)
{
    int at = 0;
    while (strcmp(world->members[at].id, id) != 0) {
        at++;
    }
    return at;
}

static void read_members(struct world *world)
{
    char line[1024];
    char *cells[CELLS_MAX];
    FILE *file = open_file("members.csv", &world->csv[0]);
    next_line(file, line, sizeof line, cells);
    while (next_line(file, line, sizeof line, cells)) {
        struct world_member *member = &world->members[world->member_count++];
        snprintf(member->id, sizeof member->id, "%s", cells[0]);
        member->vat_percent = strcmp(cells[6], "standard") == 0 ? 20 : 0;
        member->is_operator = cells[14][0] == '1';
    }
    fclose(file);
}

static int64_t number(const char *text)
{
    return strtoll(text, NULL, 10);
}

/* Those of the reference network, and one more that takes effect on a day of the run: what it costs
 * to stay changes meanwhile, also at sites that are away. */
static void read_tariffs(struct world *world, struct sim *sim)
{
    static const char *const zones[] = {"urban", "periurban", "rural"};
    char line[1024];
    char *cells[CELLS_MAX];
    char from[11];
    struct buf more = BUF_INIT;
    struct world_tariff next = {
        .from = day_plus(day_of_instant(sim->start_utc_ms),
                         (int)dice_between(&sim->dice, 0, sim->params.days)),
    };
    day_format(next.from, from);
    FILE *file = open_file("tariffs.csv", &world->csv[1]);
    next_line(file, line, sizeof line, cells);
    while (next_line(file, line, sizeof line, cells)) {
        int version = (int)number(cells[0]) - 1;
        int zone = 0;
        struct world_tariff *tariff = &world->tariffs[version];
        world->tariff_count = version + 1 > world->tariff_count ? version + 1 : world->tariff_count;
        (void)!day_parse(view_of(cells[1]), &tariff->from);
        while (strcmp(zones[zone], cells[3]) != 0) {
            zone++;
        }
        int slot = strcmp(cells[4], "desk") == 0
                       ? strcmp(cells[5], "day") == 0 ? WORLD_DAY : WORLD_HALF_DAY
                   : strcmp(cells[4], "booth") == 0 ? WORLD_BOOTH_HOUR
                                                    : WORLD_ROOM_HOUR;
        if (strcmp(cells[2], "standard") == 0) {
            tariff->prices[zone][slot] = (struct world_price){number(cells[6]), number(cells[7]),
                                                              number(cells[8]), number(cells[9])};
        }
        if (version == 1) { /* that in force */
            int64_t p = number(cells[6]) + dice_below(&sim->dice, 50);
            buf_printf(&more, "3,%s,%s,%s,%s,%s,%lld,%s,%s,%s\n", from, cells[2], cells[3],
                       cells[4], cells[5], (long long)p, cells[7], cells[8], cells[9]);
            if (strcmp(cells[2], "standard") == 0) {
                next.prices[zone][slot] = tariff->prices[zone][slot];
                next.prices[zone][slot].p = p;
            }
        }
    }
    fclose(file);
    buf_view(&world->csv[1], buf_content(&more));
    buf_release(&more);
    world->tariffs[world->tariff_count++] = next;
}

static void read_employers(struct world *world, struct sim *sim)
{
    char line[1024];
    char copy[1024];
    char *cells[CELLS_MAX];
    int want = (int)dice_between(&sim->dice, 2, 4);
    FILE *file = open_file("employers.csv", NULL);
    while (world->employer_count <= want && fgets(copy, sizeof copy, file) != NULL) {
        buf_text(&world->csv[4], copy);
        FILE *again = fmemopen(copy, strlen(copy), "r");
        next_line(again, line, sizeof line, cells);
        fclose(again);
        if (strcmp(cells[0], "employer_id") != 0) {
            struct world_employer *employer = &world->employers[world->employer_count];
            snprintf(employer->id, sizeof employer->id, "%s", cells[0]);
            employer->issuer = member_of(world, cells[1]);
            world->employer_count++;
        }
    }
    fclose(file);
}

/* ---- what is drawn ---- */

static void draw_sites(struct world *world, struct sim *sim)
{
    static const char *const zones[] = {"urban", "periurban", "rural"};
    buf_text(&world->csv[2], "site_id,member_id,name,kind,insee,lat,lon,zone,category,services,"
                             "security_level,accessible,opening_hours,desks,meeting_rooms,booths,"
                             "hosted,first_day,last_day\n");
    buf_text(&world->csv[3], "site_id,weekday,insee,lat,lon,open,close\n");
    int count = (int)(sim->params.sites + sim->params.hosted);
    for (int i = 0; i < count; i++) {
        struct world_site *site = &world->sites[world->site_count++];
        snprintf(site->id, sizeof site->id, "s%03d", i + 1);
        site->own_daemon = i < sim->params.sites;
        /* Half of the sites belong to an issuer: no H for its own visitors. */
        site->member = dice_below(&sim->dice, 2) == 0
                           ? world->employers[dice_below(&sim->dice, world->employer_count)].issuer
                           : (int)dice_below(&sim->dice, world->member_count);
        site->zone = (int)dice_below(&sim->dice, 3);
        site->hours = (int)dice_below(&sim->dice, 4);
        site->places.of[WORLD_DESK] = (uint32_t)dice_between(&sim->dice, 1, 8);
        site->places.of[WORLD_ROOM] = (uint32_t)dice_between(&sim->dice, 1, 2);
        site->places.of[WORLD_BOOTH] = (uint32_t)dice_between(&sim->dice, 1, 2);
        buf_printf(&world->csv[2],
                   "%s,%s,Site %d,fixed,31145,43.31386,1.53146,%s,standard,wifi|printer|coffee|"
                   "locker|phone_booth|fablab|visio,2,0,\"%s\",%u,%u,%u,%d,,\n",
                   site->id, world->members[site->member].id, i + 1, zones[site->zone],
                   world_hours[site->hours].text, site->places.of[1], site->places.of[2],
                   site->places.of[3], site->own_daemon ? 0 : 1);
    }
}

static void draw_plans(struct world *world, struct sim *sim)
{
    static const char *const types[] = {"usage", "carnet", "subscription"};
    struct dice *dice = &sim->dice;
    buf_text(&world->csv[5], "plan_id,employer_id,type,monthly_fee_cents,included_units,overage,"
                             "holder_cap_cents,contract_cap_cents\n");
    buf_text(&world->csv[6], "carnet_id,plan_id,units,price_cents,bought_on,valid_months\n");
    for (int e = 0; e < world->employer_count; e++) {
        for (int64_t k = dice_between(dice, 1, 3); k > 0; k--) {
            struct world_plan *plan = &world->plans[world->plan_count];
            char fee[24] = "", units[24] = "", cap[24] = "";
            snprintf(plan->id, sizeof plan->id, "e%03d-p%d", e + 1, world->plan_count);
            plan->employer = e;
            plan->offline_rule = WORLD_OFFLINE_ALLOWANCE;
            plan->type = (int)dice_below(dice, 3);
            plan->refuses = plan->type != WORLD_USAGE && dice_below(dice, 3) == 0;
            if (plan->type == WORLD_SUBSCRIPTION) {
                plan->fee_cents = dice_between(dice, 3000, 9000);
                plan->units = dice_between(dice, 1, 6);
                snprintf(fee, sizeof fee, "%lld", (long long)plan->fee_cents);
                snprintf(units, sizeof units, "%lld", (long long)plan->units);
            }
            if (plan->type == WORLD_USAGE && dice_below(dice, 4) == 0) {
                plan->holder_cap_cents = dice_between(dice, 2000, 20000);
                snprintf(cap, sizeof cap, "%lld", (long long)plan->holder_cap_cents);
            }
            buf_printf(&world->csv[5], "%s,%s,%s,%s,%s,%s,%s,\n", plan->id, world->employers[e].id,
                       types[plan->type], fee, units,
                       plan->type == WORLD_USAGE ? ""
                       : plan->refuses           ? "refuse"
                                                 : "charge",
                       cap);
            struct day today = day_of_instant(sim->start_utc_ms);
            for (int64_t c = plan->type == WORLD_CARNET ? dice_between(dice, 0, 3) : 0; c > 0;
                 c--) {
                struct world_carnet *carnet = &world->carnets[world->carnet_count];
                char day[11];
                snprintf(carnet->id, sizeof carnet->id, "e%03d-p%d-c%02d", e + 1, world->plan_count,
                         world->carnet_count);
                carnet->plan = world->plan_count;
                carnet->units = dice_between(dice, 1, 12);
                carnet->price_cents = carnet->units * 820;
                carnet->bought_on =
                    day_plus(month_first(month_of(today)), (int)dice_below(dice, 14));
                carnet->months = (int)dice_between(dice, 1, 12);
                day_format(carnet->bought_on, day);
                buf_printf(&world->csv[6], "%s,%s,%lld,%lld,%s,%d\n", carnet->id, plan->id,
                           (long long)carnet->units, (long long)carnet->price_cents, day,
                           carnet->months);
                world->carnet_count++;
            }
            world->plan_count++;
        }
    }
}

const char world_holder_header[] = "holder_id,employer_id,plan_id,given_name,family_name,email,"
                                   "cost_centre,medium,active_from,active_to\n";

void world_holder_line(const struct world *world, int holder, const struct world_holder *as,
                       struct buf *out)
{
    char from[11] = "", to[11] = "";
    if (as->from.number != 0) {
        day_format(as->from, from);
    }
    if (as->to.number != 0) {
        day_format(as->to, to);
    }
    buf_printf(out, "%s,%s,%s,Given%d,Name,%s@example.org,CC1,%s,%s,%s\n", as->id,
               world->employers[world->plans[as->plan].employer].id, world->plans[as->plan].id,
               holder, as->id, as->phone ? "phone" : "card", from, to);
}

static void draw_holders(struct world *world, struct sim *sim)
{
    struct dice *dice = &sim->dice;
    buf_text(&world->csv[7], world_holder_header);
    for (int i = 0; i < sim->params.holders; i++) {
        struct world_holder *holder = &world->holders[world->holder_count++];
        struct day today = day_of_instant(sim->start_utc_ms);
        snprintf(holder->id, sizeof holder->id, "h%05d", i + 1);
        holder->plan = (int)dice_below(dice, world->plan_count);
        holder->phone = dice_below(dice, 2) == 0;
        if (dice_below(dice, 6) == 0) {
            holder->from = day_plus(today, (int)dice_between(dice, -2, 2));
        }
        if (dice_below(dice, 6) == 0) {
            holder->to = day_plus(today, (int)dice_between(dice, 0, 3));
        }
        if (holder->from.number != 0 && holder->to.number != 0 &&
            day_compare(holder->to, holder->from) < 0) {
            holder->to = holder->from;
        }
        world_holder_line(world, i, holder, &world->csv[7]);
    }
}

/* ---- what changes ---- */

static void put_in_place(struct world *world, const struct world_version *version)
{
    switch (version->kind) {
    case WORLD_PLAN:
        world->plans[version->index] = version->plan;
        break;
    case WORLD_HOLDER:
        world->holders[version->index] = version->holder;
        break;
    case WORLD_POLICY:
        world->employers[version->index].policy = version->policy;
        break;
    case WORLD_RULES:
        world->rules = version->rules;
        break;
    case WORLD_PLACES:
        world->sites[version->index].places = version->places;
        break;
    }
}

void world_change(struct world *world, const struct world_version *version)
{
    if (world->version_count == world->version_max) {
        world->version_max = world->version_max == 0 ? 256 : world->version_max * 2;
        world->versions = xrealloc(world->versions, world->version_max, sizeof *version);
    }
    world->versions[world->version_count++] = *version;
    put_in_place(world, version);
}

static bool is_in_net(const struct world_version *version)
{
    return version->kind == WORLD_RULES || version->kind == WORLD_PLACES;
}

void world_forget(struct world *world, uint64_t net_size, uint64_t books_size)
{
    for (size_t i = 0; i < world->version_count; i++) {
        struct world_version *version = &world->versions[i];
        version->lost |= version->seq > (is_in_net(version) ? net_size : books_size);
        if (!version->lost) {
            put_in_place(world, version);
        }
    }
}

static const struct world_version *version_at(const struct world *world, enum world_kind kind,
                                              int index, uint64_t seq)
{
    for (size_t i = world->version_count; i-- > 0;) {
        const struct world_version *version = &world->versions[i];
        if (version->kind == kind && version->index == index && !version->lost &&
            version->seq <= seq) {
            return version;
        }
    }
    die("the world has nothing of kind %d, %d", (int)kind, index);
}

const struct world_rules *world_rules_at(const struct world *world, uint64_t net_size)
{
    return &version_at(world, WORLD_RULES, 0, net_size)->rules;
}

const struct world_places *world_places_at(const struct world *world, int site, uint64_t net_size)
{
    return &version_at(world, WORLD_PLACES, site, net_size)->places;
}

/* What stands there before anybody changes anything. */
static void first_versions(struct world *world)
{
    static const struct world_rules rules = {60, 60, 72, 72, 4, 2, 20, 4, 200, 60};
    world_change(world, &(struct world_version){.kind = WORLD_RULES, .rules = rules});
    for (int i = 0; i < world->plan_count; i++) {
        struct world_version plan = {.kind = WORLD_PLAN, .index = i, .plan = world->plans[i]};
        world_change(world, &plan);
    }
    for (int i = 0; i < world->holder_count; i++) {
        struct world_version holder = {
            .kind = WORLD_HOLDER, .index = i, .holder = world->holders[i]};
        world_change(world, &holder);
    }
    for (int i = 0; i < world->employer_count; i++) {
        world_change(world, &(struct world_version){.kind = WORLD_POLICY, .index = i});
    }
    for (int i = 0; i < world->site_count; i++) {
        struct world_version places = {
            .kind = WORLD_PLACES, .index = i, .places = world->sites[i].places};
        world_change(world, &places);
    }
}

void world_make(struct world *world, struct sim *sim)
{
    *world = (struct world){0};
    read_members(world);
    read_tariffs(world, sim);
    read_employers(world, sim);
    draw_sites(world, sim);
    draw_plans(world, sim);
    draw_holders(world, sim);
    first_versions(world);
}

void world_release(struct world *world)
{
    for (size_t i = 0; i < ARRAY_LEN(world->csv); i++) {
        buf_release(&world->csv[i]);
    }
    free(world->versions);
}
