/* Drawings in SVG, in tenths of a millimetre. Each has a title for who cannot see it, and the
 * figures stand in the table beside it. */
#include "core/statement/chart.h"

#include "core/paper/letters.h"
#include "core/statement/places.h"

enum {
    WIDTH = 1800,
    ROW = 62,
    LABEL = 640,
    BAR = 900,
    LABEL_LETTERS_MAX = 42,
    BARS_MAX = 24,
    COLUMNS_HEIGHT = 420,
};

static void escape(struct buf *out, struct view text)
{
    letters_escape(out, text);
}

static void begin(struct buf *out, int64_t width, int64_t height, const char *title)
{
    buf_printf(out,
               "<svg role=\"img\" viewBox=\"0 0 %lld %lld\" xmlns=\"http://www.w3.org/2000/svg\">"
               "<title>",
               (long long)width, (long long)height);
    escape(out, view_of(title));
    buf_text(out, "</title>\n");
}

static int64_t largest(const struct statement_chart *chart)
{
    int64_t most = 1;
    for (size_t i = 0; i < chart->count; i++) {
        const struct figure *value = &chart->values[i];
        most = !value->none && !value->withheld && value->number > most ? value->number : most;
    }
    return most;
}

/* What part of `length` a value is; amounts may be large. */
static int64_t part_of(const struct figure *value, int64_t most, int64_t length)
{
    if (value->none || value->withheld || value->number <= 0) {
        return 0;
    }
    int64_t step = most / 1000000 + 1;
    return value->number / step * length / (most / step);
}

static void short_label(struct buf *out, struct view text)
{
    size_t letters = 0;
    struct view rest = text;
    while (rest.len > 0 && letters < LABEL_LETTERS_MAX) {
        letters_next(&rest);
        letters++;
    }
    escape(out, view_slice(text, 0, text.len - rest.len));
    buf_text(out, rest.len > 0 ? "…" : "");
}

static void bars(const struct statement_chart *chart, struct arena *arena, struct buf *out)
{
    size_t count = chart->count < BARS_MAX ? chart->count : BARS_MAX;
    int64_t most = largest(chart);
    begin(out, WIDTH, (int64_t)count * ROW + 10, chart->title);
    for (size_t i = 0; i < count; i++) {
        int64_t y = (int64_t)i * ROW;
        int64_t length = part_of(&chart->values[i], most, BAR);
        buf_printf(out, "<text x=\"%d\" y=\"%lld\" text-anchor=\"end\">", LABEL - 16,
                   (long long)(y + 40));
        short_label(out, chart->labels[i]);
        buf_printf(out,
                   "</text><rect class=\"bar\" x=\"%d\" y=\"%lld\" width=\"%lld\" height=\"44\"/>"
                   "<text x=\"%lld\" y=\"%lld\">",
                   LABEL, (long long)(y + 6), (long long)length, (long long)(LABEL + length + 14),
                   (long long)(y + 40));
        escape(out, figure_french(&chart->values[i], arena));
        buf_text(out, "</text>\n");
    }
    buf_text(out, "</svg>\n");
}

static void columns(const struct statement_chart *chart, struct arena *arena, struct buf *out)
{
    int64_t most = largest(chart);
    int64_t step = WIDTH / (int64_t)(chart->count > 0 ? chart->count : 1);
    begin(out, WIDTH, COLUMNS_HEIGHT + 90, chart->title);
    for (size_t i = 0; i < chart->count; i++) {
        int64_t x = (int64_t)i * step;
        int64_t height = part_of(&chart->values[i], most, COLUMNS_HEIGHT);
        int64_t top = 40 + COLUMNS_HEIGHT - height;
        int64_t middle = x + step / 2;
        buf_printf(out,
                   "<rect class=\"bar\" x=\"%lld\" y=\"%lld\" width=\"%lld\" height=\"%lld\"/>",
                   (long long)(x + step / 8), (long long)top, (long long)(step * 3 / 4),
                   (long long)height);
        if (height > 0) {
            buf_printf(out, "<text class=\"s\" x=\"%lld\" y=\"%lld\" text-anchor=\"middle\">",
                       (long long)middle, (long long)(top - 8));
            escape(out, figure_french(&chart->values[i], arena));
            buf_text(out, "</text>");
        }
        buf_printf(out, "<text class=\"s\" x=\"%lld\" y=\"%d\" text-anchor=\"middle\">",
                   (long long)middle, 40 + COLUMNS_HEIGHT + 34);
        escape(out, chart->labels[i]);
        buf_text(out, "</text>\n");
    }
    buf_printf(out, "<path class=\"axis\" d=\"M0 %dH%d\"/></svg>\n", 40 + COLUMNS_HEIGHT, WIDTH);
}

void chart_svg(const struct statement_chart *chart, struct arena *arena, struct buf *out)
{
    if (chart->upright) {
        columns(chart, arena, out);
    } else {
        bars(chart, arena, out);
    }
}

/* ---- map ---- */

static const struct statement_region *region_of(const struct statement_map *map, const char *code)
{
    for (size_t i = 0; i < map->region_count; i++) {
        if (view_is(map->regions[i].departement, code)) {
            return &map->regions[i];
        }
    }
    return NULL;
}

static void thousandths(struct buf *out, int64_t value)
{
    buf_printf(out, "%lld.%03lld", (long long)(value / 1000), (long long)(value % 1000));
}

void map_svg(const struct statement_map *map, struct arena *arena, struct buf *out)
{
    buf_printf(out,
               "<svg role=\"img\" class=\"map\" viewBox=\"%d.%d %d.%d %d.%d %d.%d\" "
               "xmlns=\"http://www.w3.org/2000/svg\"><title>",
               place_box[0] / 10, place_box[0] % 10, place_box[1] / 10, place_box[1] % 10,
               place_box[2] / 10, place_box[2] % 10, place_box[3] / 10, place_box[3] % 10);
    escape(out, view_of(map->title));
    buf_text(out, "</title>\n<defs><pattern id=\"hatch\" width=\"2\" height=\"2\" "
                  "patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect "
                  "width=\"2\" height=\"2\" fill=\"#fff\"/><path d=\"M0 0V2\" stroke=\"#8a98a1\" "
                  "stroke-width=\".8\"/></pattern></defs>\n");
    for (size_t i = 0; i < place_departement_count; i++) {
        const struct place_departement *place = &place_departements[i];
        const struct statement_region *region = region_of(map, place->code);
        buf_printf(out, "<path class=\"dep q%lld\" d=\"%s\"><title>",
                   region == NULL      ? 0LL
                   : region->shade < 0 ? 9LL
                                       : (long long)region->shade,
                   place->path);
        escape(out, view_of(place->name));
        buf_text(out, "\xc2\xa0: ");
        escape(out,
               region == NULL ? VIEW_LIT("aucune visite") : figure_french(&region->value, arena));
        buf_text(out, "</title></path>\n");
    }
    for (size_t i = 0; i < map->dot_count; i++) {
        int64_t x, y;
        place_point(map->dots[i].lat_e5, map->dots[i].lon_e5, &x, &y);
        if (x < 0 || y < 0) {
            continue;
        }
        buf_text(out, "<circle class=\"dot\" r=\".9\" cx=\"");
        thousandths(out, x);
        buf_text(out, "\" cy=\"");
        thousandths(out, y);
        buf_text(out, "\"><title>");
        escape(out, map->dots[i].name);
        buf_text(out, "</title></circle>\n");
    }
    for (size_t i = 0; i < place_departement_count; i++) {
        const struct place_departement *place = &place_departements[i];
        buf_printf(out, "<text x=\"%d.%d\" y=\"%d.%d\">%s</text>\n", place->x / 10, place->x % 10,
                   place->y / 10, place->y % 10, place->code);
    }
    buf_text(out, "</svg>\n");
}
