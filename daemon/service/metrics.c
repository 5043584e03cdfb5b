#include "service/metrics.h"

#include <assert.h>

void metric_add(metric *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void metric_set(metric *gauge, uint64_t value)
{
    atomic_store_explicit(gauge, value, memory_order_relaxed);
}

uint64_t metric_get(const metric *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    unsigned bucket = value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);
    if (bucket >= HISTOGRAM_BUCKETS) {
        bucket = HISTOGRAM_BUCKETS - 1;
    }
    metric_add(&histogram->bucket[bucket], 1);
    metric_add(&histogram->sum, value);
}

uint64_t histogram_count(const struct histogram *histogram)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        count += metric_get(&histogram->bucket[i]);
    }
    return count;
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent)
{
    assert(percent <= 100);
    uint64_t count = histogram_count(histogram);
    uint64_t wanted = (count * percent + 99) / 100;
    uint64_t seen = 0;
    for (unsigned i = 0; count > 0 && i < HISTOGRAM_BUCKETS; i++) {
        seen += metric_get(&histogram->bucket[i]);
        if (seen >= wanted) {
            return (uint64_t)1 << i;
        }
    }
    return 0;
}

static void format_header(struct buf *out, const char *name, const char *help, const char *type)
{
    if (help != NULL) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    }
}

void metric_format(struct buf *out, const char *name, const char *help, const char *type,
                   const char *labels, uint64_t value)
{
    format_header(out, name, help, type);
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";
    buf_printf(out, "%s%s%s%s %llu\n", name, open, labels, close, (unsigned long long)value);
}

/* A number of units of 10^-decimals, in decimal notation. */
static void format_scaled(struct buf *out, uint64_t value, unsigned decimals)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < decimals; i++) {
        unit *= 10;
    }
    buf_printf(out, "%llu", (unsigned long long)(value / unit));
    if (decimals > 0) {
        buf_printf(out, ".%0*llu", (int)decimals, (unsigned long long)(value % unit));
    }
}

void histogram_format(struct buf *out, const char *name, const char *help, const char *labels,
                      const struct histogram *histogram, unsigned decimals)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";
    uint64_t seen = 0;

    assert(decimals <= 18);
    format_header(out, name, help, "histogram");
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += metric_get(&histogram->bucket[i]);
        buf_printf(out, "%s_bucket{%s%sle=\"", name, labels, comma);
        if (i == HISTOGRAM_BUCKETS - 1) {
            buf_text(out, "+Inf");
        } else {
            format_scaled(out, (uint64_t)1 << i, decimals);
        }
        buf_printf(out, "\"} %llu\n", (unsigned long long)seen);
    }
    buf_printf(out, "%s_sum%s%s%s ", name, open, labels, close);
    format_scaled(out, metric_get(&histogram->sum), decimals);
    buf_printf(out, "\n%s_count%s%s%s %llu\n", name, open, labels, close, (unsigned long long)seen);
}
