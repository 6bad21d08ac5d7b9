#include <criterion/criterion.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "base/sync.h"
#include "tests/support/support.h"

static bool has_line(const char *text, const char *line)
{
    const size_t len = strlen(line);
    for (const char *p = text; p; p = strchr(p, '\n')) {
        if (*p == '\n')
            p++;
        if (strncmp(p, line, len) == 0 && p[len] == '\n')
            return true;
    }
    return false;
}

static struct lat_buf written(void)
{
    struct lat_buf text = {0};
    lat_metrics_write(&text);
    cr_assert_eq(lat_buf_check(&text, NULL), LAT_OK);
    return text;
}

Test(metrics, every_family_is_announced_before_its_first_use)
{
    struct lat_buf text = written();
    int helps = 0, types = 0;
    for (const char *p = text.data; (p = strstr(p, "# HELP latentd_")); p++)
        helps++;
    for (const char *p = text.data; (p = strstr(p, "# TYPE latentd_")); p++)
        types++;
    cr_assert_eq(helps, LAT_METRIC_COUNT);
    cr_assert_eq(types, LAT_METRIC_COUNT);
    cr_assert(has_line(text.data, "latentd_queue_length 0"));
    cr_assert(has_line(text.data, "# TYPE latentd_request_seconds histogram"));
    lat_buf_release(&text);
}

Test(metrics, counters_and_gauges_by_label)
{
    lat_metric_add(LAT_METRIC_REQUESTS, "GET /v1/models 200", 1);
    lat_metric_add(LAT_METRIC_REQUESTS, "GET /v1/models 200", 1);
    lat_metric_add(LAT_METRIC_REQUESTS, "GET /v1/models 404", 1);
    lat_metric_set(LAT_METRIC_ITEMS, "shoes", 12.5);
    lat_metric_add(LAT_METRIC_QUEUE_LENGTH, NULL, 3);
    lat_metric_add(LAT_METRIC_QUEUE_LENGTH, NULL, -1);
    cr_assert_eq(lat_metric_value(LAT_METRIC_REQUESTS, "GET /v1/models 200"), 2.0);
    cr_assert_eq(lat_metric_value(LAT_METRIC_REQUESTS, "never"), 0.0);
    cr_assert_eq(lat_metric_value(LAT_METRIC_QUEUE_LENGTH, NULL), 2.0);
    struct lat_buf text = written();
    cr_assert(has_line(text.data,
                       "latentd_requests_total{route=\"GET /v1/models\",status=\"200\"} 2"));
    cr_assert(has_line(text.data,
                       "latentd_requests_total{route=\"GET /v1/models\",status=\"404\"} 1"));
    cr_assert(has_line(text.data, "latentd_items{collection=\"shoes\"} 12.5"));
    cr_assert(has_line(text.data, "latentd_queue_length 2"));
    lat_buf_release(&text);
}

Test(metrics, labels_are_escaped)
{
    lat_metric_set(LAT_METRIC_ITEMS, "a\"b\\c\nd", 1);
    struct lat_buf text = written();
    cr_assert(has_line(text.data, "latentd_items{collection=\"a\\\"b\\\\c\\nd\"} 1"));
    lat_buf_release(&text);
}

Test(metrics, histograms_are_cumulative_and_end_in_inf)
{
    lat_metric_observe(LAT_METRIC_INFER_BATCH, "m@1", 1);
    lat_metric_observe(LAT_METRIC_INFER_BATCH, "m@1", 3);
    lat_metric_observe(LAT_METRIC_INFER_BATCH, "m@1", 4);
    lat_metric_observe(LAT_METRIC_INFER_BATCH, "m@1", 100000);
    lat_metric_observe(LAT_METRIC_INFER_BATCH, "m@1", (double)NAN);
    cr_assert_eq(lat_metric_value(LAT_METRIC_INFER_BATCH, "m@1"), 4.0);
    struct lat_buf text = written();
    static const char *const lines[] = {
        "latentd_infer_batch_items_bucket{model=\"m@1\",le=\"1\"} 1",
        "latentd_infer_batch_items_bucket{model=\"m@1\",le=\"2\"} 1",
        "latentd_infer_batch_items_bucket{model=\"m@1\",le=\"4\"} 3",
        "latentd_infer_batch_items_bucket{model=\"m@1\",le=\"1024\"} 3",
        "latentd_infer_batch_items_bucket{model=\"m@1\",le=\"+Inf\"} 4",
        "latentd_infer_batch_items_sum{model=\"m@1\"} 100008",
        "latentd_infer_batch_items_count{model=\"m@1\"} 4",
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(lines); i++)
        cr_expect(has_line(text.data, lines[i]), "%s", lines[i]);
    lat_buf_release(&text);
}

Test(metrics, seconds_reach_from_microseconds_to_ten)
{
    lat_metric_observe(LAT_METRIC_SEARCH_SECONDS, "c", 0.00005);
    lat_metric_observe(LAT_METRIC_SEARCH_SECONDS, "c", 11);
    struct lat_buf text = written();
    cr_assert(
        has_line(text.data, "latentd_search_seconds_bucket{collection=\"c\",le=\"5e-05\"} 1"));
    cr_assert(
        has_line(text.data, "latentd_search_seconds_bucket{collection=\"c\",le=\"10\"} 1"));
    cr_assert(
        has_line(text.data, "latentd_search_seconds_bucket{collection=\"c\",le=\"+Inf\"} 2"));
    lat_buf_release(&text);
}

Test(metrics, a_series_is_the_same_each_time)
{
    struct lat_series *series = lat_metric_series(LAT_METRIC_SEARCHES, "index");
    cr_assert_eq(series, lat_metric_series(LAT_METRIC_SEARCHES, "index"));
    cr_assert_neq(series, lat_metric_series(LAT_METRIC_SEARCHES, "exact"));
    lat_series_add(series, 2);
    cr_assert_eq(lat_metric_value(LAT_METRIC_SEARCHES, "index"), 2.0);
}

Test(metrics, too_many_labels_are_counted_under_other)
{
    char label[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(label, sizeof(label), "c%d", i);
        lat_metric_add(LAT_METRIC_REBUILDS, label, 1);
        lat_metric_observe(LAT_METRIC_SEARCH_SECONDS, label, 0.5);
    }
    const double other = lat_metric_value(LAT_METRIC_REBUILDS, "other");
    cr_assert(other > 0 && other < 2000);
    cr_assert_eq(lat_metric_value(LAT_METRIC_REBUILDS, "c0"), 1.0);
    cr_assert_eq(lat_metric_value(LAT_METRIC_REBUILDS, "c1999"), 0.0);
    struct lat_buf text = written();
    char line[96];
    snprintf(line, sizeof(line), "latentd_index_rebuilds_total{collection=\"other\"} %g",
             other);
    cr_assert(has_line(text.data, line));
    snprintf(line, sizeof(line), "latentd_search_seconds_count{collection=\"other\"} %g",
             other);
    cr_assert(has_line(text.data, line));
    lat_buf_release(&text);
}

Test(metrics, without_memory_new_labels_are_counted_under_other)
{
    lat_metric_add(LAT_METRIC_REBUILDS, "old", 1);
    lat_mem_fail_after(1);
    lat_metric_add(LAT_METRIC_REBUILDS, "old", 1);
    lat_metric_add(LAT_METRIC_REBUILDS, "new", 1);
    cr_assert(lat_mem_fail_reached());
    lat_mem_fail_never();
    cr_assert_eq(lat_metric_value(LAT_METRIC_REBUILDS, "old"), 2.0);
    cr_assert_eq(lat_metric_value(LAT_METRIC_REBUILDS, "other"), 1.0);
    lat_metric_add(LAT_METRIC_REBUILDS, "new", 1);
    cr_assert_eq(lat_metric_value(LAT_METRIC_REBUILDS, "new"), 1.0);
}

static enum lat_status write_all(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_buf text = {0};
    lat_metrics_write(&text);
    const enum lat_status status = lat_buf_check(&text, err);
    lat_buf_release(&text);
    return status;
}

Test(metrics, writing_survives_every_failing_allocation)
{
    lat_metric_set(LAT_METRIC_ITEMS, "shoes", 1);
    TEST_TORTURE(write_all, NULL);
}

static void *count_often(void *argument)
{
    char label[16];
    (void)argument;
    for (int i = 0; i < 20000; i++) {
        snprintf(label, sizeof(label), "c%d", i % 50);
        lat_metric_add(LAT_METRIC_ITEMS, label, 1);
        lat_metric_observe(LAT_METRIC_INFER_BATCH, "m", 2);
    }
    return NULL;
}

Test(metrics, no_count_of_several_threads_is_lost)
{
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lat_thread_start(&threads[i], "count", count_often, NULL, NULL), LAT_OK);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    double sum = 0;
    for (int i = 0; i < 50; i++) {
        char label[16];
        snprintf(label, sizeof(label), "c%d", i);
        cr_assert_eq(lat_metric_value(LAT_METRIC_ITEMS, label), 1200.0);
        sum += lat_metric_value(LAT_METRIC_ITEMS, label);
    }
    cr_assert_eq(sum, 60000.0);
    cr_assert_eq(lat_metric_value(LAT_METRIC_INFER_BATCH, "m"), 60000.0);
    struct lat_buf text = written();
    cr_assert(has_line(text.data, "latentd_infer_batch_items_sum{model=\"m\"} 120000"));
    lat_buf_release(&text);
}
