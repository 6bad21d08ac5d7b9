/* The model's matrix stands in for the blocks of a lat_vectors: the graph reads its rows where
 * they are.
 *
 * Calibration: histories of a few random items give queries, a scan gives their true hundred
 * best, and the smallest breadth that finds enough of them is taken. Where none does there is
 * no index: item vectors without structure are better scanned than missed. */
#include "service/retrieval.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "index/faiss_index.h"
#include "model/autoencoder.h"

#include "base/banned.h"

#define RECALL_WANTED 0.99
#define RECALL_LEAST  0.98 /* below it a scan answers */

enum {
    BLOCK_SHIFT = 14,
    LINK_AT_ONCE = 1024,
    NEAREST = 100,
    QUERIES = 32,
    HISTORY = 8, /* items of a random history */
    EF_CONSTRUCTION = 200
};

static const uint32_t ladder[] = {64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096};

struct lat_retrieval {
    struct lat_model *model; /* one reference */
    struct lat_vectors vectors;
    size_t n;
    struct lat_ann *ann;
    atomic_size_t linked;
};

const struct lat_model *lat_retrieval_model(const struct lat_retrieval *retrieval)
{
    return retrieval->model;
}

void lat_retrieval_free(struct lat_retrieval *retrieval)
{
    if (!retrieval)
        return;
    lat_ann_free(retrieval->ann);
    lat_free(retrieval->vectors.blocks);
    lat_model_release(retrieval->model);
    lat_free(retrieval);
}

/* Block pointers into the matrix, which nobody writes to. */
static enum lat_status borrow_vectors(struct lat_retrieval *retrieval, struct lat_error *err)
{
    const float *matrix;
    size_t d;
    const enum lat_status status = lat_model_item_vectors(retrieval->model, &matrix, &d, err);
    if (status != LAT_OK)
        return status;
    struct lat_vectors *vectors = &retrieval->vectors;
    vectors->d = d;
    vectors->shift = BLOCK_SHIFT;
    vectors->n_blocks = vectors->capacity = (retrieval->n >> BLOCK_SHIFT) + 1;
    vectors->blocks = lat_alloc(vectors->n_blocks, sizeof(*vectors->blocks));
    if (!vectors->blocks)
        return lat_fail_memory(err);
    for (size_t i = 0; i < vectors->n_blocks; i++)
        vectors->blocks[i] = (float *)(uintptr_t)(matrix + (i << BLOCK_SHIFT) * d);
    return LAT_OK;
}

static enum lat_status link_all(struct lat_retrieval *retrieval, const atomic_bool *stop,
                                struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t i = 0; i < retrieval->n && status == LAT_OK; i += LINK_AT_ONCE) {
        const size_t left = retrieval->n - i;
        if (atomic_load(stop))
            return lat_fail(err, LAT_CANCELLED, NULL, "stopped while its index was built");
        status =
            lat_ann_link(retrieval->ann, &retrieval->vectors, NULL,
                         left < LINK_AT_ONCE ? left : LINK_AT_ONCE, &retrieval->linked, err);
    }
    return status;
}

/* ---- how broadly to look ---- */

static enum lat_status random_query(struct lat_retrieval *retrieval, struct lat_rng *rng,
                                    float *out_query, struct lat_error *err)
{
    struct lat_event events[HISTORY];
    for (size_t i = 0; i < HISTORY; i++) {
        const char *name =
            lat_model_item_name(retrieval->model, (uint32_t)lat_rng_below(rng, retrieval->n));
        events[i] = (struct lat_event){.item = name, .len = strlen(name), .weight = NAN};
    }
    return lat_model_query_vector(retrieval->model, events, HISTORY, out_query, err);
}

/* bounds[q]: the score of the last of the true best. */
static enum lat_status scan(struct lat_retrieval *retrieval, const float *query,
                            float *out_bound, struct lat_error *err)
{
    struct lat_top top;
    const struct lat_scan what = {.metric = LAT_DISTANCE_IP, .query = query};
    const enum lat_status status = lat_top_init(&top, NEAREST, NULL, err);
    if (status != LAT_OK)
        return status;
    lat_scan_range(&retrieval->vectors, 0, retrieval->n, &what, &top);
    *out_bound = lat_top_bound(&top);
    lat_top_release(&top);
    return LAT_OK;
}

static enum lat_status measure(const struct lat_retrieval *retrieval, const float *queries,
                               const float *bounds, uint32_t ef, double *out_recall,
                               struct lat_error *err)
{
    struct lat_top top;
    size_t found = 0;
    const struct lat_ann_effort effort = {.n = retrieval->n, .k = NEAREST, .ef = ef};
    enum lat_status status = lat_top_init(&top, NEAREST, NULL, err);
    if (status != LAT_OK)
        return status;
    for (size_t q = 0; q < QUERIES && status == LAT_OK; q++) {
        top.n = 0;
        status = lat_ann_search(retrieval->ann, &retrieval->vectors,
                                queries + q * retrieval->vectors.d, &effort, &top, err);
        for (size_t i = 0; i < top.n; i++)
            found += top.items[i].score <= bounds[q];
    }
    lat_top_release(&top);
    *out_recall = (double)found / (QUERIES * NEAREST);
    return status;
}

static enum lat_status calibrate(struct lat_retrieval *retrieval, const atomic_bool *stop,
                                 struct lat_error *err)
{
    const size_t d = retrieval->vectors.d;
    struct lat_rng rng;
    double recall = 0;
    float bounds[QUERIES];
    float *queries = lat_alloc_raw(QUERIES * d, sizeof(*queries));
    enum lat_status status = queries ? LAT_OK : lat_fail_memory(err);
    lat_rng_seed(&rng, 1);
    for (size_t q = 0; q < QUERIES && status == LAT_OK; q++) {
        status = random_query(retrieval, &rng, queries + q * d, err);
        if (status == LAT_OK)
            status = scan(retrieval, queries + q * d, &bounds[q], err);
        if (status == LAT_OK && atomic_load(stop))
            status = lat_fail(err, LAT_CANCELLED, NULL, "stopped while it was calibrated");
    }
    for (size_t i = 0; i < LAT_ARRAY_LEN(ladder) && status == LAT_OK; i++) {
        status = measure(retrieval, queries, bounds, ladder[i], &recall, err);
        lat_ann_set_breadth(retrieval->ann, ladder[i]);
        if (recall >= RECALL_WANTED)
            break;
    }
    lat_free(queries);
    if (status == LAT_OK && recall < RECALL_LEAST)
        status = lat_fail(err, LAT_CAPABILITY, "not_indexable",
                          "an index over the items of '%s' finds %.3f of the best hundred",
                          lat_model_reference(retrieval->model), recall);
    if (status == LAT_OK)
        lat_log(LAT_LOG_INFO, "items indexed",
                "\"model\":\"%s\",\"items\":%zu,\"breadth\":%u,\"recall\":%.3f",
                lat_model_reference(retrieval->model), retrieval->n,
                lat_ann_breadth(retrieval->ann), recall);
    return status;
}

enum lat_status lat_retrieval_build(struct lat_model *model, const atomic_bool *stop,
                                    struct lat_retrieval **out_retrieval, struct lat_error *err)
{
    struct lat_retrieval *retrieval = lat_alloc(1, sizeof(*retrieval));
    if (!retrieval)
        return lat_fail_memory(err);
    retrieval->model = lat_model_reuse(model);
    retrieval->n = lat_model_n_items(model);
    enum lat_status status = borrow_vectors(retrieval, err);
    if (status == LAT_OK)
        status = lat_ann_new_graph(LAT_DISTANCE_IP, retrieval->vectors.d, 0, EF_CONSTRUCTION,
                                   &retrieval->ann, err);
    if (status == LAT_OK)
        status = link_all(retrieval, stop, err);
    if (status == LAT_OK)
        status = calibrate(retrieval, stop, err);
    if (status == LAT_OK)
        *out_retrieval = retrieval;
    else
        lat_retrieval_free(retrieval);
    return status;
}

enum lat_status lat_retrieval_search(const struct lat_retrieval *retrieval, const float *query,
                                     const uint64_t *passed, size_t k,
                                     struct lat_ranked *out_items, size_t *out_n,
                                     struct lat_error *err)
{
    struct lat_top top;
    const size_t more = k > NEAREST ? k - NEAREST : 0;
    const struct lat_ann_effort effort = {.n = retrieval->n,
                                          .k = k,
                                          .ef = lat_ann_breadth(retrieval->ann) +
                                                (uint32_t)(2 * more),
                                          .passed = passed,
                                          .n_passed_words = (retrieval->n + 63) / 64};
    enum lat_status status = lat_top_init(&top, k, NULL, err);
    if (status != LAT_OK)
        return status;
    status = lat_ann_search(retrieval->ann, &retrieval->vectors, query, &effort, &top, err);
    lat_top_sort(&top);
    for (size_t i = 0; i < top.n; i++)
        out_items[i] = (struct lat_ranked){top.items[i].position, -top.items[i].score};
    *out_n = top.n;
    lat_top_release(&top);
    return status;
}
