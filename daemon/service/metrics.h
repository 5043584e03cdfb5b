/* What is counted and shown under /metrics: counters and histograms that any thread may add to and
 * any other read, without a lock. */
#ifndef SERVICE_METRICS_H
#define SERVICE_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"

typedef _Atomic uint64_t metric;

/* Bucket i counts values of at most 2^i, the last one everything above. */
enum { HISTOGRAM_BUCKETS = 32 };
struct histogram {
    metric bucket[HISTOGRAM_BUCKETS];
    metric sum;
};

void metric_add(metric *counter, uint64_t n);
void metric_set(metric *gauge, uint64_t value);
uint64_t metric_get(const metric *counter);

void histogram_add(struct histogram *histogram, uint64_t value);
uint64_t histogram_count(const struct histogram *histogram);
/* The upper end of the bucket that holds the `percent`th of 100 values; 0 when there is none. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent);

/* Prometheus text format 0.0.4. `labels` is "" or `code="ok",method="CheckIn"`. Values are counted
 * in units of 10^-decimals: 9 for nanoseconds that are shown as seconds, 0 for plain numbers.
 * `help` may be NULL: then no header is written, as for the second and further label sets of a
 * name. */
void metric_format(struct buf *out, const char *name, const char *help, const char *type,
                   const char *labels, uint64_t value);
void histogram_format(struct buf *out, const char *name, const char *help, const char *labels,
                      const struct histogram *histogram, unsigned decimals);

#endif
