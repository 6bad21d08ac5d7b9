/* Means are taken in one pass, the scale in a second over the means. */
#include "model/train/ratings.h"

#include <math.h>

#include "base/mem.h"

#include "base/banned.h"

/* Ratings of the overall kind that an item and a user are credited with. */
static const double ITEM_DAMPING = 20;
static const float USER_DAMPING = 8;

bool lat_ratings_wanted(const struct lat_spec *spec, const struct lat_input_spec *input)
{
    return spec->method == LAT_METHOD_AUTOENCODER && input->kind == LAT_INPUT_INTERACTIONS &&
           !input->binary && spec->likelihood == LAT_LIKELIHOOD_GAUSSIAN;
}

/* ---- units ---- */

/* What is taken over all ratings. */
struct survey {
    const struct lat_dataset *dataset;
    const uint32_t *indices;
    size_t n;
    float *row;
    double *sums, *counts; /* an item */
    double sum, count, squares;
};

/* Goes through all ratings: sums and counts, or squares of what the means leave. */
static enum lat_status go_through(struct survey *survey, const float *means,
                                  struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t u = 0; status == LAT_OK && u < survey->n; u++) {
        status = lat_dataset_read(survey->dataset, survey->indices + u, 1, survey->row, err);
        for (size_t i = 0; status == LAT_OK && i < survey->dataset->elements; i++) {
            const double rating = (double)survey->row[i];
            if (!(rating > 0))
                continue;
            if (means) {
                const double rest = rating - (double)means[i];
                survey->squares += rest * rest;
                continue;
            }
            survey->sums[i] += rating;
            survey->counts[i]++;
            survey->sum += rating;
            survey->count++;
        }
    }
    return status;
}

static enum lat_status measure(struct survey *survey, float *shift, float *scale,
                               struct lat_error *err)
{
    const size_t elements = survey->dataset->elements;
    enum lat_status status = go_through(survey, NULL, err);
    if (status != LAT_OK || survey->count == 0)
        return status;
    const double overall = survey->sum / survey->count;
    for (size_t i = 0; i < elements; i++)
        shift[i] = (float)((survey->sums[i] + ITEM_DAMPING * overall) /
                           (survey->counts[i] + ITEM_DAMPING));
    status = go_through(survey, shift, err);
    const double std = sqrt(survey->squares / survey->count);
    for (size_t i = 0; i < elements; i++)
        scale[i] = std > 1e-6 ? (float)std : 1;
    return status;
}

static enum lat_status check(const struct lat_spec *spec, struct lat_error *err)
{
    if (spec->encoder.tied)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/network/encoder/tied: expected false: the encoder of ratings sees "
                        "more than the decoder gives");
    if (spec->layerwise)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/pretraining: expected \"none\" for ratings");
    return LAT_OK;
}

enum lat_status lat_ratings_settle(struct lat_dataset *dataset, const struct lat_spec *spec,
                                   const uint32_t *indices, size_t n, struct lat_error *err)
{
    const size_t elements = dataset->elements;
    struct survey survey = {.dataset = dataset, .indices = indices, .n = n};
    enum lat_status status = check(spec, err);
    if (status != LAT_OK)
        return status;
    float *shift = lat_alloc(elements, sizeof(*shift));
    float *scale = lat_alloc(elements, sizeof(*scale));
    survey.row = lat_alloc(elements, sizeof(*survey.row));
    survey.sums = lat_alloc(elements, sizeof(*survey.sums));
    survey.counts = lat_alloc(elements, sizeof(*survey.counts));
    if (!shift || !scale || !survey.row || !survey.sums || !survey.counts)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = measure(&survey, shift, scale, err);
    if (status == LAT_OK) {
        dataset->shift = shift;
        dataset->scale = scale;
        dataset->input.ratings = true;
        shift = scale = NULL;
    }
    lat_free(shift);
    lat_free(scale);
    lat_free(survey.row);
    lat_free(survey.sums);
    lat_free(survey.counts);
    return status;
}

/* ---- the network's side ---- */

struct lat_value *lat_ratings_features(struct lat_build *build, struct lat_value *x,
                                       struct lat_value **out_level)
{
    struct lat_graph *g = build->graph;
    const int64_t axis = 1;
    struct lat_value *rated = lat_graph_mask(g, lat_graph_abs(g, x), lat_graph_scalar(g, 0));
    struct lat_value *n = lat_graph_sum(g, rated, &axis, 1, true);
    struct lat_value *level = lat_graph_div(g, lat_graph_sum(g, x, &axis, 1, true),
                                            lat_graph_shift(g, n, USER_DAMPING));
    struct lat_value *rest = lat_graph_mul(g, rated, lat_graph_sub(g, x, level));
    struct lat_value *root = lat_graph_sqrt(g, lat_graph_shift(g, n, 1));
    struct lat_value *parts[2] = {lat_graph_div(g, rest, root), lat_graph_div(g, rated, root)};
    *out_level = level;
    return parts[0] && parts[1] ? lat_graph_concat(g, parts, 2, 1) : NULL;
}

struct lat_value *lat_ratings_add_level(struct lat_build *build, struct lat_value *code,
                                        struct lat_value *level)
{
    struct lat_graph *g = build->graph;
    const int64_t width = (int64_t)build->spec->code.dimension;
    float *first = lat_arena_alloc(&g->arena, (size_t)width, sizeof(*first));
    if (!first)
        return lat_graph_fail(g, LAT_NO_MEMORY, "out of memory");
    first[0] = 1;
    struct lat_value *place =
        lat_graph_constant(g, NULL, &(struct lat_shape){2, {1, width}}, first);
    return lat_graph_add(g, code, lat_graph_mul(g, level, place));
}

struct lat_value *lat_ratings_lift(struct lat_build *build, struct lat_value *code,
                                   struct lat_value *output)
{
    const int64_t from[2] = {0, 0}, to[2] = {build->batch, 1};
    return lat_graph_add(build->graph, output, lat_graph_slice(build->graph, code, from, to));
}
