/* A family is a row of `families` and a table of its series, open addressing by the label's
 * hash. A slot goes from NULL to a series once, under `creating`, and never changes again;
 * readers walk the slots with acquire loads and take no lock. Series live as long as the
 * process.
 *
 * Every family has one series in static storage: the only one of a family without a label,
 * "other" of one with. It takes what comes when the table is full or memory has run out, so
 * counting never fails. Values are doubles in atomics, added to by compare and exchange. */
#include "base/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum {
    METRIC_SERIES = 384, /* label values a family keeps apart */
    METRIC_SLOTS = 1024, /* power of two, so the walk stays short */
    BUCKETS_MAX = 24,
};

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct bounds {
    const double *upper;
    size_t n;
};

struct family {
    const char *name;
    const char *help;
    enum kind kind;
    const char *label;  /* NULL: a family without one */
    const char *label2; /* takes the last word of the label's value, NULL for none */
    const struct bounds *bounds;
};

struct lat_series {
    const char *label;
    const struct bounds *bounds; /* NULL unless a histogram */
    atomic_bool used;
    _Atomic double value; /* of a histogram: the sum */
    atomic_uint_fast64_t buckets[BUCKETS_MAX + 1];
};

struct table {
    struct lat_series fixed;
    _Atomic(struct lat_series *) slots[METRIC_SLOTS];
    size_t n_series; /* guarded by `creating` */
};

static const double seconds_upper[] = {5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2,
                                       5e-2, 0.1,  0.2,  0.5,  1.0,  2.0,  5.0,  10.0};
static const double batch_upper[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
static const struct bounds seconds = {seconds_upper, LAT_ARRAY_LEN(seconds_upper)};
static const struct bounds batch = {batch_upper, LAT_ARRAY_LEN(batch_upper)};

_Static_assert(LAT_ARRAY_LEN(seconds_upper) <= BUCKETS_MAX, "raise BUCKETS_MAX");
_Static_assert(LAT_ARRAY_LEN(batch_upper) <= BUCKETS_MAX, "raise BUCKETS_MAX");

static const struct family families[LAT_METRIC_COUNT] = {
    [LAT_METRIC_REQUESTS] = {"latentd_requests_total", "Answered requests by route and status.",
                             COUNTER, "route", "status", NULL},
    [LAT_METRIC_REQUEST_SECONDS] = {"latentd_request_seconds",
                                    "Time from the first line of a request to its answer.",
                                    HISTOGRAM, "route", NULL, &seconds},
    [LAT_METRIC_REQUESTS_ACTIVE] = {"latentd_requests_active", "Requests being worked on.",
                                    GAUGE, NULL, NULL, NULL},
    [LAT_METRIC_QUEUE_LENGTH] = {"latentd_queue_length", "Requests waiting for a worker.",
                                 GAUGE, NULL, NULL, NULL},
    [LAT_METRIC_QUEUE_REJECTED] = {"latentd_queue_rejected_total",
                                   "Requests answered 429 because the queue was full.", COUNTER,
                                   NULL, NULL, NULL},
    [LAT_METRIC_RATE_LIMITED] = {"latentd_rate_limited_total",
                                 "Requests answered 429 because their key was used too often.",
                                 COUNTER, NULL, NULL, NULL},
    [LAT_METRIC_INFER_SECONDS] = {"latentd_infer_seconds", "Time of one run of the engine.",
                                  HISTOGRAM, "model", NULL, &seconds},
    [LAT_METRIC_INFER_BATCH] = {"latentd_infer_batch_items", "Items in one run of the engine.",
                                HISTOGRAM, "model", NULL, &batch},
    [LAT_METRIC_COMMITS] = {"latentd_commits_total", "Durable commits, one fsync each.",
                            COUNTER, NULL, NULL, NULL},
    [LAT_METRIC_WRITES] = {"latentd_item_writes_total", "Acknowledged writes of items.",
                           COUNTER, NULL, NULL, NULL},
    [LAT_METRIC_SEARCH_SECONDS] = {"latentd_search_seconds",
                                   "Time of one search inside a collection.", HISTOGRAM,
                                   "collection", NULL, &seconds},
    [LAT_METRIC_SEARCHES] = {"latentd_searches_total",
                             "Searches by the way taken: index, exact or filtered.", COUNTER,
                             "how", NULL, NULL},
    [LAT_METRIC_ITEMS] = {"latentd_items", "Items in a collection.", GAUGE, "collection", NULL,
                          NULL},
    [LAT_METRIC_INDEX_DEAD] = {"latentd_index_dead_slots",
                               "Index slots of deleted items, waiting for a rebuild.", GAUGE,
                               "collection", NULL, NULL},
    [LAT_METRIC_REBUILDS] = {"latentd_index_rebuilds_total", "Finished rebuilds of an index.",
                             COUNTER, "collection", NULL, NULL},
    [LAT_METRIC_MODELS] = {"latentd_models", "Model versions by state.", GAUGE, "state", NULL,
                           NULL},
    [LAT_METRIC_JOBS] = {"latentd_jobs", "Background jobs remembered, by state.", GAUGE,
                         "state", NULL, NULL},
    [LAT_METRIC_RECOMMENDATIONS] = {"latentd_recommendations_total",
                                    "Recommendations made for users, by their source.", COUNTER,
                                    "source", NULL, NULL},
    [LAT_METRIC_RECOMMENDATION_HITS] = {"latentd_recommendation_hits_total",
                                        "Recommendations of which at least one item was taken.",
                                        COUNTER, "source", NULL, NULL},
    [LAT_METRIC_CERTIFICATE_END] = {"latentd_tls_certificate_expiry_timestamp_seconds",
                                    "When the certificate shown now ends.", GAUGE, NULL, NULL,
                                    NULL},
    [LAT_METRIC_FEEDBACK] = {"latentd_recommendation_feedback_total",
                             "Interactions that name a recommendation: hit, negative, other "
                             "(of an item not in it), expired.",
                             COUNTER, "kind", NULL, NULL},
};

static struct table tables[LAT_METRIC_COUNT];

/* Plain, not a lat_mutex: a metric may be counted under any lock, also under a leaf. Nothing is
 * taken below it. */
static pthread_mutex_t creating = PTHREAD_MUTEX_INITIALIZER;

/* FNV-1a. */
static size_t hash(const char *label)
{
    uint32_t h = UINT32_C(2166136261);
    for (; *label; label++)
        h = (h ^ (unsigned char)*label) * UINT32_C(16777619);
    return h ^ (h >> 15);
}

/* The slot of that label, or the free one where it belongs. The table is never full. */
static _Atomic(struct lat_series *) *find(struct table *table, const char *label)
{
    for (size_t i = hash(label);; i++) {
        _Atomic(struct lat_series *) *slot = &table->slots[i & (METRIC_SLOTS - 1)];
        const struct lat_series *series = atomic_load_explicit(slot, memory_order_acquire);
        if (!series || strcmp(series->label, label) == 0)
            return slot;
    }
}

/* Series and label in one allocation; NULL when there is no memory. */
static struct lat_series *new_series(const struct family *family, const char *label)
{
    const size_t len = strlen(label) + 1;
    struct lat_series *series = lat_alloc(1, sizeof(*series) + len);
    if (!series)
        return NULL;
    char *copy = (char *)(series + 1);
    memcpy(copy, label, len);
    series->label = copy;
    series->bounds = family->bounds;
    return series;
}

static struct lat_series *create(struct table *table, const struct family *family,
                                 const char *label)
{
    pthread_mutex_lock(&creating);
    _Atomic(struct lat_series *) *slot = find(table, label);
    struct lat_series *series = atomic_load_explicit(slot, memory_order_relaxed);
    if (!series && table->n_series < METRIC_SERIES) {
        series = new_series(family, label);
        if (series) {
            table->n_series++;
            atomic_store_explicit(slot, series, memory_order_release);
        }
    }
    pthread_mutex_unlock(&creating);
    return series;
}

struct lat_series *lat_metric_series(enum lat_metric metric, const char *label)
{
    const struct family *family = &families[metric];
    struct table *table = &tables[metric];
    struct lat_series *series = NULL;
    if (family->label && label) {
        series = atomic_load_explicit(find(table, label), memory_order_acquire);
        if (!series)
            series = create(table, family, label);
    }
    return series ? series : &table->fixed;
}

/* The row says what the fixed series of a histogram is; its own field is never written, so that
 * no thread has to be the first. */
static const struct bounds *bounds_of(const struct lat_series *series)
{
    if (series->bounds)
        return series->bounds;
    for (size_t i = 0; i < LAT_METRIC_COUNT; i++)
        if (series == &tables[i].fixed)
            return families[i].bounds;
    return NULL;
}

static void mark_used(struct lat_series *series)
{
    if (!atomic_load_explicit(&series->used, memory_order_relaxed))
        atomic_store_explicit(&series->used, true, memory_order_relaxed);
}

static void add(_Atomic double *value, double amount)
{
    double old = atomic_load_explicit(value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(value, &old, old + amount,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

void lat_series_add(struct lat_series *series, double amount)
{
    mark_used(series);
    add(&series->value, amount);
}

void lat_series_observe(struct lat_series *series, double value)
{
    const struct bounds *bounds = bounds_of(series);
    if (!bounds || isnan(value))
        return;
    size_t i = 0;
    while (i < bounds->n && value > bounds->upper[i])
        i++;
    mark_used(series);
    atomic_fetch_add_explicit(&series->buckets[i], 1, memory_order_relaxed);
    add(&series->value, value);
}

void lat_metric_add(enum lat_metric metric, const char *label, double amount)
{
    lat_series_add(lat_metric_series(metric, label), amount);
}

void lat_metric_set(enum lat_metric metric, const char *label, double value)
{
    struct lat_series *series = lat_metric_series(metric, label);
    mark_used(series);
    atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void lat_metric_observe(enum lat_metric metric, const char *label, double value)
{
    lat_series_observe(lat_metric_series(metric, label), value);
}

static uint64_t count_of(const struct lat_series *series)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= BUCKETS_MAX; i++)
        count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
    return count;
}

double lat_metric_value(enum lat_metric metric, const char *label)
{
    struct table *table = &tables[metric];
    const struct lat_series *series = &table->fixed;
    if (families[metric].label && label && strcmp(label, "other") != 0)
        series = atomic_load_explicit(find(table, label), memory_order_acquire);
    if (!series)
        return 0;
    if (families[metric].kind == HISTOGRAM)
        return (double)count_of(series);
    return atomic_load_explicit(&series->value, memory_order_relaxed);
}

static void write_number(struct lat_buf *out, double value)
{
    if (isnan(value))
        lat_buf_text(out, "NaN");
    else if (isinf(value))
        lat_buf_text(out, value > 0 ? "+Inf" : "-Inf");
    else
        lat_buf_json_double(out, value);
}

/* name="value", with backslash, quote and line feed escaped as the format says. */
static void write_label(struct lat_buf *out, const char *name, const char *value, size_t len)
{
    lat_buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < len; i++) {
        if (value[i] == '\n') {
            lat_buf_text(out, "\\n");
            continue;
        }
        if (value[i] == '\\' || value[i] == '"')
            lat_buf_char(out, '\\');
        lat_buf_char(out, value[i]);
    }
    lat_buf_char(out, '"');
}

/* `{route="…",status="…",le="…"}` with those members that there are; `le` may be NULL. */
static void write_labels(struct lat_buf *out, const struct family *family, const char *value,
                         const char *le)
{
    if (!family->label && !le)
        return;
    lat_buf_char(out, '{');
    if (family->label) {
        const char *space = family->label2 ? strrchr(value, ' ') : NULL;
        const size_t len = space ? (size_t)(space - value) : strlen(value);
        write_label(out, family->label, value, len);
        if (family->label2) {
            lat_buf_char(out, ',');
            const char *last = space ? space + 1 : "";
            write_label(out, family->label2, last, strlen(last));
        }
    }
    if (le)
        lat_buf_printf(out, "%sle=\"%s\"", family->label ? "," : "", le);
    lat_buf_char(out, '}');
}

/* The count is the sum of the buckets read here, so that the two agree while others observe. */
static void write_histogram(struct lat_buf *out, const struct family *family,
                            const struct lat_series *series, const char *label)
{
    uint64_t below = 0;
    for (size_t i = 0; i <= family->bounds->n; i++) {
        char le[32] = "+Inf";
        if (i < family->bounds->n)
            snprintf(le, sizeof(le), "%g", family->bounds->upper[i]);
        below += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
        lat_buf_printf(out, "%s_bucket", family->name);
        write_labels(out, family, label, le);
        lat_buf_printf(out, " %llu\n", (unsigned long long)below);
    }
    lat_buf_printf(out, "%s_sum", family->name);
    write_labels(out, family, label, NULL);
    lat_buf_char(out, ' ');
    write_number(out, atomic_load_explicit(&series->value, memory_order_relaxed));
    lat_buf_printf(out, "\n%s_count", family->name);
    write_labels(out, family, label, NULL);
    lat_buf_printf(out, " %llu\n", (unsigned long long)below);
}

static void write_series(struct lat_buf *out, const struct family *family,
                         const struct lat_series *series, const char *label)
{
    if (family->kind == HISTOGRAM) {
        write_histogram(out, family, series, label);
        return;
    }
    lat_buf_text(out, family->name);
    write_labels(out, family, label, NULL);
    lat_buf_char(out, ' ');
    write_number(out, atomic_load_explicit(&series->value, memory_order_relaxed));
    lat_buf_char(out, '\n');
}

static const char *const kinds[] = {"counter", "gauge", "histogram"};

struct lat_metric_row lat_metric_row(enum lat_metric metric)
{
    const struct family *family = &families[metric];
    const struct bounds *bounds = family->bounds;
    return (struct lat_metric_row){.name = family->name,
                                   .help = family->help,
                                   .kind = kinds[family->kind],
                                   .label = family->label,
                                   .label2 = family->label2,
                                   .upper = bounds ? bounds->upper : NULL,
                                   .n_upper = bounds ? bounds->n : 0};
}

void lat_metrics_write(struct lat_buf *out)
{
    for (size_t i = 0; i < LAT_METRIC_COUNT; i++) {
        const struct family *family = &families[i];
        lat_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
                       family->name, kinds[family->kind]);
        const struct lat_series *fixed = &tables[i].fixed;
        if (!family->label || atomic_load_explicit(&fixed->used, memory_order_relaxed))
            write_series(out, family, fixed, "other");
        for (size_t j = 0; j < METRIC_SLOTS; j++) {
            const struct lat_series *series =
                atomic_load_explicit(&tables[i].slots[j], memory_order_acquire);
            if (series)
                write_series(out, family, series, series->label);
        }
    }
}
