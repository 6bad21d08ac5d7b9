/* Metrics as rows: one static table of families, series made on first use of a label value.
 *
 * Process-wide, thread-safe, lock-free once a series exists. A family has at most one label;
 * the number of its values is bounded (METRIC_SERIES), later values are counted under "other",
 * as are new ones while there is no memory. Nothing here fails and nothing is freed. */
#ifndef LAT_BASE_METRICS_H
#define LAT_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

enum lat_metric {
    LAT_METRIC_REQUESTS,            /* counter, label route+status "GET /v1/models 200" */
    LAT_METRIC_REQUEST_SECONDS,     /* histogram, label route */
    LAT_METRIC_REQUESTS_ACTIVE,     /* gauge */
    LAT_METRIC_QUEUE_LENGTH,        /* gauge: requests waiting for a worker */
    LAT_METRIC_QUEUE_REJECTED,      /* counter: 429 because the queue was full */
    LAT_METRIC_RATE_LIMITED,        /* counter: 429 because a key was used too often */
    LAT_METRIC_INFER_SECONDS,       /* histogram, label model: one engine run */
    LAT_METRIC_INFER_BATCH,         /* histogram, label model: items a run */
    LAT_METRIC_COMMITS,             /* counter: durable commits (one fsync each) */
    LAT_METRIC_WRITES,              /* counter: acknowledged item writes */
    LAT_METRIC_SEARCH_SECONDS,      /* histogram, label collection */
    LAT_METRIC_SEARCHES,            /* counter, label how: index, exact, filtered */
    LAT_METRIC_ITEMS,               /* gauge, label collection */
    LAT_METRIC_INDEX_DEAD,          /* gauge, label collection: slots waiting for a rebuild */
    LAT_METRIC_REBUILDS,            /* counter, label collection */
    LAT_METRIC_MODELS,              /* gauge, label state */
    LAT_METRIC_JOBS,                /* gauge, label state */
    LAT_METRIC_RECOMMENDATIONS,     /* counter, label source: recommendation ids given out */
    LAT_METRIC_RECOMMENDATION_HITS, /* counter, label source: of them, with a hit */
    LAT_METRIC_FEEDBACK, /* counter, label kind: interactions that name a recommendation */
    LAT_METRIC_CERTIFICATE_END, /* gauge: seconds since 1970 */
    LAT_METRIC_COUNT
};

/* `label` is NULL for families without one; it is copied on first use. */
void lat_metric_add(enum lat_metric metric, const char *label,
                    double amount); /* counter, gauge */
void lat_metric_set(enum lat_metric metric, const char *label, double value); /* gauge */
void lat_metric_observe(enum lat_metric metric, const char *label,
                        double value); /* histogram */

/* A pointer to the series for hot paths that must not look the label up each time. */
struct lat_series;
struct lat_series *lat_metric_series(enum lat_metric metric, const char *label);
void lat_series_add(struct lat_series *series, double amount);
void lat_series_observe(struct lat_series *series, double value);

/* The current value of a counter or gauge, the count of a histogram; 0 when it was never used.
 */
double lat_metric_value(enum lat_metric metric, const char *label);

/* A family as its row says, for the documents. Static storage. */
struct lat_metric_row {
    const char *name, *help;
    const char *kind;           /* "counter", "gauge" or "histogram" */
    const char *label, *label2; /* NULL for none */
    const double *upper;        /* [n_upper]: bounds of a histogram's buckets; else NULL */
    size_t n_upper;
};
struct lat_metric_row lat_metric_row(enum lat_metric metric);

/* Prometheus text format 0.0.4, all families, also those without series. */
void lat_metrics_write(struct lat_buf *out);

#endif
