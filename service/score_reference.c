/* A table of references, one mutex; a reference is made outside it and is immutable once it is
 * in. Two callers may make the same at the same time: the later one's stays. */
#include "service/score_reference.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/sync.h"
#include "model/calibration.h"
#include "model/score.h"

#include "base/banned.h"

enum {
    KEPT = 64,          /* references */
    SAMPLE = 2000,      /* items of one */
    SAMPLE_LEAST = 200, /* however long it takes */
    STALE_SHARE = 10    /* made anew when one in so many items has changed */
};
#define PATIENCE_NS (2 * LAT_NS_PER_S)

struct lat_score_reference {
    atomic_uint users;
    char collection[LAT_COLLECTION_NAME_MAX];
    char model[LAT_MODEL_REF_MAX];
    char calibration[40]; /* of the model: it may get another one */
    double wanted;        /* neighbours, as asked for, */
    size_t neighbours;    /* and how many that is */
    int64_t created_ms;   /* of the collection: a new one may have an old one's name */
    uint64_t sequence, items;
    double typical_error, typical_distance; /* medians; 1 where they are 0 */
    struct lat_calibration distances, scores;
};

struct lat_score_references {
    struct lat_mutex mutex;
    struct lat_score_reference *kept[KEPT];
    size_t next; /* the place that is taken next once all are */
};

enum lat_status lat_score_references_new(struct lat_score_references **out_references,
                                         struct lat_error *err)
{
    struct lat_score_references *references = lat_alloc(1, sizeof(*references));
    if (!references)
        return lat_fail_memory(err);
    lat_mutex_init(&references->mutex, LAT_RANK_LEAF, "score references");
    *out_references = references;
    return LAT_OK;
}

void lat_score_reference_put(struct lat_score_reference *reference)
{
    if (reference && atomic_fetch_sub(&reference->users, 1) == 1)
        lat_free(reference);
}

void lat_score_references_free(struct lat_score_references *references)
{
    if (!references)
        return;
    for (size_t i = 0; i < KEPT; i++)
        lat_score_reference_put(references->kept[i]);
    lat_mutex_release(&references->mutex);
    lat_free(references);
}

const struct lat_calibration *
lat_score_reference_distances(const struct lat_score_reference *reference)
{
    return &reference->distances;
}

const struct lat_calibration *
lat_score_reference_scores(const struct lat_score_reference *reference)
{
    return &reference->scores;
}

size_t lat_score_reference_neighbours(const struct lat_score_reference *reference)
{
    return reference->neighbours;
}

/* `wanted`, or below 1 that share of the items; 1 … max. */
static size_t neighbours_meant(double wanted, uint64_t items, size_t max)
{
    const double n = wanted < 1 ? ceil(wanted * (double)items) : wanted;
    return n < 1 ? 1 : n > (double)max ? max : (size_t)n;
}

enum lat_status lat_mean_distance(struct lat_store *store, const char *collection,
                                  const struct lat_query *query, float *out_distance,
                                  struct lat_error *err)
{
    struct lat_search_result result;
    const enum lat_status status = lat_store_search(store, collection, query, &result, err);
    if (status != LAT_OK)
        return status;
    double sum = 0;
    for (size_t i = 0; i < result.n; i++)
        sum += fmax((double)result.hits[i].distance, 0);
    *out_distance = result.n ? (float)(sum / (double)result.n) : NAN;
    lat_search_result_release(&result);
    return LAT_OK;
}

float lat_score_combined(const struct lat_score_reference *reference, float error,
                         float distance)
{
    const double across = sqrt(fmax((double)error, 0) / reference->typical_error);
    if (isnan(distance))
        return lat_score_limit(across);
    return lat_score_limit(across * (double)distance / reference->typical_distance);
}

/* ---- making one ---- */

/* An item of the sample, by its rank an error read off the calibration. */
struct sampled {
    float stored, error, distance;
};

static int by_stored(const void *left, const void *right)
{
    const float a = ((const struct sampled *)left)->stored,
                b = ((const struct sampled *)right)->stored;
    return (a > b) - (a < b);
}

/* The middle of rank `i` of `n` in a calibration. */
static float quantile(const struct lat_calibration *calibration, size_t i, size_t n)
{
    const double at = ((double)i + 0.5) / (double)n * (double)(calibration->n_quantiles - 1);
    const size_t low = (size_t)at;
    const size_t high = low + 1 < calibration->n_quantiles ? low + 1 : low;
    const double share = at - (double)low;
    return (float)((1 - share) * (double)calibration->quantiles[low] +
                   share * (double)calibration->quantiles[high]);
}

/* Unknown scores are drawn among the known ones, or from nowhere: any order will do. */
static void settle_errors(const struct lat_calibration *calibration, struct sampled *items,
                          size_t n)
{
    struct lat_rng rng;
    size_t known = 0;
    lat_rng_seed(&rng, n);
    for (size_t i = 0; i < n; i++)
        if (!isnan(items[i].stored))
            items[known++].error = items[i].stored;
    for (size_t i = 0; i < n; i++)
        if (isnan(items[i].stored))
            items[i].stored =
                known ? items[lat_rng_below(&rng, known)].error : (float)lat_rng_uniform(&rng);
    qsort(items, n, sizeof(*items), by_stored);
    for (size_t i = 0; i < n; i++)
        items[i].error = quantile(calibration, i, n);
}

static double positive(double value)
{
    return value > 0 && isfinite(value) ? value : 1;
}

static double middle(const struct lat_calibration *calibration)
{
    return calibration->n_quantiles
               ? positive((double)calibration->quantiles[calibration->n_quantiles / 2])
               : 1;
}

static enum lat_status fit(const struct lat_calibration *calibration, struct sampled *items,
                           size_t n, struct lat_score_reference *reference,
                           struct lat_error *err)
{
    float *values = lat_alloc_raw(n ? n : 1, sizeof(*values));
    enum lat_status status = values ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK && n > 0) {
        for (size_t i = 0; i < n; i++)
            values[i] = items[i].distance;
        status = lat_calibration_fit(values, n, LAT_SCORE_ERROR, "distances",
                                     &reference->distances, err);
    }
    if (status == LAT_OK && n > 0) {
        reference->typical_distance = middle(&reference->distances);
        settle_errors(calibration, items, n);
        for (size_t i = 0; i < n; i++)
            values[i] = lat_score_combined(reference, items[i].error, items[i].distance);
        status = lat_calibration_fit(values, n, LAT_SCORE_ERROR, "combined", &reference->scores,
                                     err);
    }
    lat_free(values);
    return status;
}

/* Distances of the sampled items to the others; what has been deleted meanwhile is left out. */
static enum lat_status measure(struct lat_store *store, const char *collection,
                               size_t neighbours, const struct lat_item_list *list,
                               struct sampled *out_items, size_t *out_n, struct lat_error *err)
{
    const uint64_t begin = lat_clock_ns();
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        const struct lat_query query = {.id = list->items[i].id,
                                        .k = neighbours,
                                        .max_distance = INFINITY,
                                        .exclude_self = true};
        struct lat_error why = LAT_ERROR_INIT;
        struct sampled *item = &out_items[n];
        *item = (struct sampled){.stored = list->items[i].error};
        const enum lat_status status =
            lat_mean_distance(store, collection, &query, &item->distance, &why);
        if (status == LAT_OK && isfinite(item->distance))
            n++;
        else if (status != LAT_OK && status != LAT_NOT_FOUND) {
            *err = why;
            return status;
        }
        if (n >= SAMPLE_LEAST && lat_clock_ns() - begin > PATIENCE_NS)
            break;
    }
    *out_n = n;
    return LAT_OK;
}

static enum lat_status make(struct lat_store *store, const struct lat_model *model,
                            const struct lat_collection_info *info, double wanted,
                            size_t max_neighbours, struct lat_score_reference **out_reference,
                            struct lat_error *err)
{
    const struct lat_calibration *calibration = &lat_model_manifest(model)->calibration;
    struct lat_item_list list = {0};
    struct lat_score_reference *reference = lat_alloc(1, sizeof(*reference));
    struct sampled *items = lat_alloc_raw(SAMPLE, sizeof(*items));
    enum lat_status status = reference && items ? LAT_OK : lat_fail_memory(err);
    size_t n = 0;
    if (status == LAT_OK) {
        atomic_init(&reference->users, 1);
        snprintf(reference->collection, sizeof(reference->collection), "%s", info->spec.name);
        snprintf(reference->model, sizeof(reference->model), "%s", lat_model_reference(model));
        snprintf(reference->calibration, sizeof(reference->calibration), "%s", calibration->id);
        reference->wanted = wanted;
        reference->neighbours = neighbours_meant(wanted, info->items, max_neighbours);
        reference->created_ms = info->created_ms;
        reference->sequence = info->sequence;
        reference->items = info->items;
        reference->typical_error = middle(calibration);
        reference->typical_distance = 1;
        status = lat_store_sample(store, info->spec.name, SAMPLE, &list, err);
    }
    if (status == LAT_OK)
        status = measure(store, info->spec.name, reference->neighbours, &list, items, &n, err);
    if (status == LAT_OK)
        status = fit(calibration, items, n, reference, err);
    lat_item_list_release(&list);
    lat_free(items);
    if (status == LAT_OK)
        *out_reference = reference;
    else
        lat_free(reference);
    return status;
}

/* ---- the table ---- */

static bool is_of(const struct lat_score_reference *reference, const struct lat_model *model,
                  const struct lat_collection_info *info, double wanted)
{
    return reference && reference->wanted == wanted &&
           reference->created_ms == info->created_ms &&
           strcmp(reference->collection, info->spec.name) == 0 &&
           strcmp(reference->model, lat_model_reference(model)) == 0 &&
           strcmp(reference->calibration, lat_model_manifest(model)->calibration.id) == 0;
}

static bool is_stale(const struct lat_score_reference *reference,
                     const struct lat_collection_info *info)
{
    return info->sequence - reference->sequence > reference->items / STALE_SHARE;
}

/* With the mutex held: the place of that reference, or one for it. */
static size_t place_of(struct lat_score_references *references, const struct lat_model *model,
                       const struct lat_collection_info *info, double wanted)
{
    for (size_t i = 0; i < KEPT; i++)
        if (is_of(references->kept[i], model, info, wanted))
            return i;
    for (size_t i = 0; i < KEPT; i++)
        if (!references->kept[i])
            return i;
    return references->next++ % KEPT;
}

static struct lat_score_reference *find(struct lat_score_references *references,
                                        const struct lat_model *model,
                                        const struct lat_collection_info *info, double wanted)
{
    struct lat_score_reference *found = NULL;
    lat_mutex_lock(&references->mutex);
    for (size_t i = 0; i < KEPT && !found; i++)
        if (is_of(references->kept[i], model, info, wanted) &&
            !is_stale(references->kept[i], info))
            found = references->kept[i];
    if (found)
        atomic_fetch_add(&found->users, 1);
    lat_mutex_unlock(&references->mutex);
    return found;
}

enum lat_status lat_score_reference_get(struct lat_score_references *references,
                                        struct lat_store *store, const struct lat_model *model,
                                        const struct lat_collection_info *info, double wanted,
                                        size_t max_neighbours,
                                        struct lat_score_reference **out_reference,
                                        struct lat_error *err)
{
    struct lat_score_reference *reference = find(references, model, info, wanted);
    if (reference) {
        *out_reference = reference;
        return LAT_OK;
    }
    const enum lat_status status =
        make(store, model, info, wanted, max_neighbours, &reference, err);
    if (status != LAT_OK)
        return status;
    atomic_fetch_add(&reference->users, 1); /* the table's, and the caller's */
    lat_mutex_lock(&references->mutex);
    const size_t place = place_of(references, model, info, wanted);
    struct lat_score_reference *before = references->kept[place];
    references->kept[place] = reference;
    lat_mutex_unlock(&references->mutex);
    lat_score_reference_put(before);
    *out_reference = reference;
    return LAT_OK;
}
