/* Good inputs become rows one after the other, go through the batcher together, and their
 * results are spread back to the places of their inputs; a bad input costs the others nothing.
 * Where there are more rows than a part may have, part after part goes that way, through the
 * same memory. */
#include "service/embed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/urgency.h"
#include "model/score.h"
#include "service/app.h"
#include "service/gather.h"
#include "service/windows.h"

#include "base/banned.h"

enum {
    BRIEF_NS = 300000, /* a model that encodes a row within this may run on a network thread */
    BRIEF_BYTES = 65536, /* of a picture decoded there */
    BRIEF_PIXELS = 128 * 128,
    PART_FLOATS = 16 << 20 /* of rows at once, 64 MiB, where nobody asks for them later */
};

enum lat_status lat_embed_acquire(struct lat_call *call, const char *reference,
                                  struct lat_model **out_model, struct lat_error *err)
{
    struct lat_model *model = NULL;
    const enum lat_status status =
        lat_registry_acquire(call->app->registry, reference, &model, err);
    if (status != LAT_OK)
        return status;
    snprintf(call->model, sizeof(call->model), "%s", lat_model_reference(model));
    *out_model = model;
    return LAT_OK;
}

static enum lat_status prepare_row(const struct lat_call *call, const struct lat_model *model,
                                   const struct lat_input *input, float *out_row,
                                   struct lat_error *err)
{
    if (input->kind == LAT_INPUT_VECTOR)
        return lat_model_row_from_vector(model, input->values, input->n_values, out_row, err);
    if (input->kind == LAT_INPUT_SEQUENCE)
        return lat_model_row_from_sequence(
            model, input->values, input->n_steps,
            input->n_values / (input->n_steps ? input->n_steps : 1), out_row, err);
    if (input->kind == LAT_INPUT_TABLE)
        return lat_model_row_from_cells(model, input->cells, input->n_cells, out_row, err);
    if (input->kind == LAT_INPUT_INTERACTIONS)
        return lat_model_row_from_history(model, input->events, input->n_events, out_row, err);
    const uint64_t most = (uint64_t)call->app->config.max_pixels;
    const bool brief = lat_call_must_be_brief(call) && most > BRIEF_PIXELS;
    const struct lat_image_limits limits = {.max_pixels = brief ? BRIEF_PIXELS : most};
    return lat_model_row_from_image(model, input->bytes, input->len, &limits, out_row, err);
}

static enum lat_status defer(struct lat_call *call, struct lat_error *err)
{
    call->defer = true;
    return lat_fail(err, LAT_BUSY, NULL, "this takes a worker");
}

static bool is_brief(const struct lat_call *call, const struct lat_model *model,
                     const struct lat_input *inputs, size_t n, unsigned wants)
{
    const uint64_t row_ns = lat_model_row_ns(model);
    return n == 1 && wants == LAT_EMBED_CODES && row_ns > 0 && row_ns <= BRIEF_NS &&
           (inputs->kind != LAT_INPUT_IMAGE || inputs->len <= BRIEF_BYTES) &&
           lat_batcher_has_slot(call->app->batcher);
}

/* Rows of the good inputs, packed; the errors of the others in out->bad. */
static enum lat_status prepare_rows(struct lat_call *call, const struct lat_model *model,
                                    const struct lat_input *inputs, struct lat_embedding *out,
                                    struct lat_error *err)
{
    const size_t elements = lat_input_elements(&lat_model_manifest(model)->input);
    const uint64_t begin = lat_clock_ns();
    size_t n_good = 0;
    for (size_t i = 0; i < out->n; i++) {
        struct lat_error why = LAT_ERROR_INIT;
        if (i)
            lat_urgency_pause();
        const enum lat_status status =
            prepare_row(call, model, &inputs[i], out->rows + n_good * elements, &why);
        if (status == LAT_OK) {
            n_good++;
            continue;
        }
        if (status == LAT_TOO_LARGE && lat_call_must_be_brief(call))
            return defer(call, err);
        struct lat_error *kept = lat_arena_alloc_raw(&call->arena, 1, sizeof(*kept));
        if (status == LAT_NO_MEMORY || !kept)
            return lat_fail_memory(err);
        *kept = why;
        out->bad[i] = kept;
        out->n_bad++;
    }
    call->timing_ns[LAT_TIMING_DECODE] += lat_clock_ns() - begin;
    return LAT_OK;
}

/* Moves packed entries to the places of their inputs, from the end so that none is overwritten.
 */
static void spread(const struct lat_embedding *embedding, float *values, size_t width)
{
    if (!values || embedding->n_bad == 0)
        return;
    size_t packed = embedding->n - embedding->n_bad;
    for (size_t i = embedding->n; i-- > 0 && packed > 0;) {
        if (embedding->bad[i])
            continue;
        packed--;
        if (packed != i)
            memmove(values + i * width, values + packed * width, width * sizeof(float));
    }
}

static float *floats(struct lat_call *call, size_t n, size_t width)
{
    size_t count;
    return lat_mul_size(n, width, &count)
               ? lat_arena_alloc_raw(&call->arena, count ? count : 1, sizeof(float))
               : NULL;
}

/* What is wanted, and what it takes to get it. */
static unsigned complete_wants(const struct lat_model *model, unsigned wants)
{
    if (!(wants & LAT_EMBED_SCORES))
        return wants;
    return wants |
           (lat_score_kind(model) == LAT_SCORE_BOUND ? LAT_EMBED_VARIANCES : LAT_EMBED_ERRORS);
}

/* How many rows go through at once: all, if they are kept. */
static size_t part_of(size_t n, size_t elements, unsigned wants)
{
    const size_t most = elements && elements < PART_FLOATS ? PART_FLOATS / elements : 1;
    return (wants & LAT_EMBED_DECODED) || n < most ? n : most;
}

/* What is kept with its decoded rows has a bound of its own. */
static enum lat_status check_size(const struct lat_call *call, size_t n, size_t elements,
                                  unsigned wants, struct lat_error *err)
{
    const size_t limit = (size_t)call->app->config.max_pixels;
    size_t total;
    if (!(wants & LAT_EMBED_DECODED) || n <= 1 ||
        (lat_mul_size(n, elements, &total) && total <= limit))
        return LAT_OK;
    return lat_fail(err, LAT_TOO_LARGE, "batch_too_large",
                    "%zu inputs of %zu numbers are over the limit of %zu numbers", n, elements,
                    limit);
}

static enum lat_status allocate(struct lat_call *call, const struct lat_manifest *manifest,
                                unsigned wants, size_t part, struct lat_embedding *out,
                                struct lat_error *err)
{
    const size_t elements = lat_input_elements(&manifest->input);
    const size_t dimension = manifest->code_dimension;
    const bool decodes = wants & (LAT_EMBED_DECODED | LAT_EMBED_ERRORS);
    out->bad = lat_arena_alloc(&call->arena, out->n ? out->n : 1, sizeof(*out->bad));
    out->rows = floats(call, part, elements);
    out->codes = floats(call, out->n, dimension);
    if (wants & LAT_EMBED_VARIANCES)
        out->variances = floats(call, out->n, dimension);
    if (decodes)
        out->decoded = floats(call, part, elements);
    if (wants & LAT_EMBED_ERRORS)
        out->errors = floats(call, out->n, 1);
    if (wants & LAT_EMBED_SCORES)
        out->scores = floats(call, out->n, 1);
    if (!out->bad || !out->rows || !out->codes || (decodes && !out->decoded) ||
        ((wants & LAT_EMBED_VARIANCES) && !out->variances) ||
        ((wants & LAT_EMBED_ERRORS) && !out->errors) ||
        ((wants & LAT_EMBED_SCORES) && !out->scores))
        return lat_fail_memory(err);
    return LAT_OK;
}

/* The bound, each draw of all rows decoded at once. */
static enum lat_status score_bound(struct lat_call *call, struct lat_model *model,
                                   const struct lat_embedding *out, size_t n,
                                   struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    float *sampled = lat_alloc_raw(n * manifest->code_dimension, sizeof(*sampled));
    float *decoded = lat_alloc_raw(n * lat_input_elements(&manifest->input), sizeof(*decoded));
    enum lat_status status = sampled && decoded ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        lat_score_divergence(model, out->codes, out->variances, n, out->scores);
    for (unsigned draw = 0; status == LAT_OK && draw < LAT_SCORE_DRAWS; draw++) {
        status = lat_score_sample(model, out->codes, out->variances, n, draw, sampled, err);
        if (status == LAT_OK)
            status =
                lat_batcher_decode(call->app->batcher, model, sampled, n, decoded, call, err);
        if (status == LAT_OK)
            lat_score_add(model, out->rows, decoded, n, out->scores);
    }
    lat_free(sampled);
    lat_free(decoded);
    return status;
}

static enum lat_status score(struct lat_call *call, struct lat_model *model,
                             const struct lat_embedding *out, size_t n, struct lat_error *err)
{
    if (lat_score_kind(model) == LAT_SCORE_BOUND)
        return score_bound(call, model, out, n, err);
    memcpy(out->scores, out->errors, n * sizeof(*out->scores));
    return LAT_OK;
}

static enum lat_status run_rows(struct lat_call *call, struct lat_model *model,
                                struct lat_embedding *out, struct lat_error *err)
{
    struct lat_batcher *batcher = call->app->batcher;
    const size_t n = out->n - out->n_bad;
    enum lat_status status =
        lat_batcher_encode(batcher, model, out->rows, n, out->codes, out->variances, call, err);
    if (status == LAT_OK && out->decoded)
        status = lat_batcher_decode(batcher, model, out->codes, n, out->decoded, call, err);
    if (status == LAT_OK && out->errors)
        lat_model_errors(model, out->rows, out->decoded, n, out->errors);
    if (status == LAT_OK && out->scores)
        status = score(call, model, out, n, err);
    return status;
}

/* One raw picture among other connections: what can be read again at no cost when the handler
 * runs once more. */
static bool may_gather(const struct lat_call *call, const struct lat_input *inputs,
                       unsigned wants)
{
    return call->gathered ||
           (call->gathering && lat_call_must_be_brief(call) && wants == LAT_EMBED_CODES &&
            inputs->kind == LAT_INPUT_IMAGE && inputs->bytes == call->body);
}

static enum lat_status gather(struct lat_call *call, struct lat_model *model,
                              struct lat_embedding *out, struct lat_error *err)
{
    if (call->gathered)
        return lat_gather_take(call, call->app->batcher, out->codes, err);
    const enum lat_status status = lat_gather_add(call, model, out->rows, err);
    if (status != LAT_OK)
        return status;
    call->again = true;
    return lat_fail(err, LAT_BUSY, NULL, "others of this round come first");
}

/* A network can overflow on inputs that are fine by themselves; such a code is nobody's
 * neighbour. */
static enum lat_status refuse_not_finite(struct lat_call *call, const struct lat_model *model,
                                         struct lat_embedding *out, struct lat_error *err)
{
    const size_t dimension = lat_model_manifest(model)->code_dimension;
    for (size_t i = 0; i < out->n; i++) {
        size_t finite = 0;
        while (!out->bad[i] && finite < dimension &&
               isfinite(out->codes[i * dimension + finite]))
            finite++;
        if (out->bad[i] || finite == dimension)
            continue;
        struct lat_error *why = lat_arena_alloc_raw(&call->arena, 1, sizeof(*why));
        if (!why)
            return lat_fail_memory(err);
        *why = (struct lat_error)LAT_ERROR_INIT;
        lat_fail(
            why, LAT_INVALID, "not_finite",
            "model '%s' makes a code of this input whose element %zu is not a finite number",
            lat_model_reference(model), finite);
        out->bad[i] = why;
        out->n_bad++;
    }
    return LAT_OK;
}

/* The entries of `out` from `at` on, its rows from their start. */
static struct lat_embedding slice_of(const struct lat_embedding *out, size_t at, size_t n,
                                     size_t dimension)
{
    return (struct lat_embedding){.n = n,
                                  .rows = out->rows,
                                  .codes = out->codes + at * dimension,
                                  .variances =
                                      out->variances ? out->variances + at * dimension : NULL,
                                  .decoded = out->decoded,
                                  .errors = out->errors ? out->errors + at : NULL,
                                  .scores = out->scores ? out->scores + at : NULL,
                                  .bad = out->bad + at};
}

/* One part, of out->n inputs. */
static enum lat_status embed_part(struct lat_call *call, struct lat_model *model,
                                  const struct lat_input *inputs, unsigned wants,
                                  struct lat_embedding *out, struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    const size_t elements = lat_input_elements(&manifest->input);
    const bool prepares = !call->gathered;
    enum lat_status status = prepares ? prepare_rows(call, model, inputs, out, err) : LAT_OK;
    if (status == LAT_OK && out->n_bad < out->n)
        status = may_gather(call, inputs, wants) ? gather(call, model, out, err)
                                                 : run_rows(call, model, out, err);
    if (prepares && (status == LAT_OK || call->again)) /* not where it is made once more */
        lat_windows_note(call->app->windows, call, model, out->rows, out->n - out->n_bad);
    if (status != LAT_OK)
        return status;
    spread(out, out->rows, elements);
    spread(out, out->codes, manifest->code_dimension);
    spread(out, out->variances, manifest->code_dimension);
    spread(out, out->decoded, elements);
    spread(out, out->errors, 1);
    spread(out, out->scores, 1);
    return refuse_not_finite(call, model, out, err);
}

static enum lat_status embed_parts(struct lat_call *call, struct lat_model *model,
                                   const struct lat_input *inputs, unsigned wants, size_t part,
                                   struct lat_embedding *out, struct lat_error *err)
{
    const size_t dimension = lat_model_manifest(model)->code_dimension;
    enum lat_status status = LAT_OK;
    for (size_t at = 0; status == LAT_OK && at < out->n; at += part) {
        const size_t left = out->n - at;
        struct lat_embedding slice = slice_of(out, at, left < part ? left : part, dimension);
        status = embed_part(call, model, inputs + at, wants, &slice, err);
        out->n_bad += slice.n_bad;
    }
    if (part < out->n)
        out->rows = out->decoded = NULL; /* of the last part alone */
    return status;
}

enum lat_status lat_embed(struct lat_call *call, struct lat_model *model,
                          const struct lat_input *inputs, size_t n, unsigned wants,
                          struct lat_embedding *out_embedding, struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    const size_t elements = lat_input_elements(&manifest->input);
    struct lat_embedding out = {.n = n};
    wants = complete_wants(model, wants);
    const size_t part = part_of(n, elements, wants);
    enum lat_status status = lat_model_require(model, LAT_CAN_ENCODE, err);
    if (status == LAT_OK && (wants & (LAT_EMBED_DECODED | LAT_EMBED_ERRORS | LAT_EMBED_SCORES)))
        status = lat_model_require(model, LAT_CAN_RECONSTRUCT, err);
    if (status == LAT_OK && lat_call_must_be_brief(call) && !call->gathered &&
        !is_brief(call, model, inputs, n, wants))
        status = defer(call, err);
    if (status == LAT_OK)
        status = check_size(call, n, elements, wants, err);
    if (status == LAT_OK)
        status = allocate(call, manifest, wants, part, &out, err);
    if (call->gathered && !lat_gather_is_of(call, model))
        lat_gather_drop(call); /* another version serves now */
    if (status == LAT_OK)
        status = embed_parts(call, model, inputs, wants, part, &out, err);
    if (status == LAT_OK)
        *out_embedding = out;
    return status;
}

enum lat_status lat_embed_all(struct lat_call *call, struct lat_model *model,
                              const struct lat_input *inputs, size_t n, unsigned wants,
                              struct lat_embedding *out_embedding, size_t *out_bad,
                              struct lat_error *err)
{
    struct lat_embedding out;
    const enum lat_status status = lat_embed(call, model, inputs, n, wants, &out, err);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < n; i++) {
        if (!out.bad[i])
            continue;
        if (out_bad)
            *out_bad = i;
        if (err && err->status == LAT_OK)
            *err = *out.bad[i];
        return out.bad[i]->status;
    }
    *out_embedding = out;
    return LAT_OK;
}

enum lat_status lat_embed_decode(struct lat_call *call, struct lat_model *model,
                                 const float *codes, size_t n, float **out_rows,
                                 struct lat_error *err)
{
    enum lat_status status = lat_model_require(model, LAT_CAN_DECODE, err);
    if (status != LAT_OK)
        return status;
    float *rows = floats(call, n, lat_input_elements(&lat_model_manifest(model)->input));
    if (!rows)
        return lat_fail_memory(err);
    status = lat_batcher_decode(call->app->batcher, model, codes, n, rows, call, err);
    if (status == LAT_OK)
        *out_rows = rows;
    return status;
}

enum lat_status lat_embed_again(struct lat_call *call, struct lat_model *model,
                                const float *code, const float **out_code,
                                struct lat_error *err)
{
    const size_t dimension = lat_model_manifest(model)->code_dimension;
    float *row = NULL, *again = floats(call, 1, dimension);
    if (!again)
        return lat_fail_memory(err);
    enum lat_status status = lat_embed_decode(call, model, code, 1, &row, err);
    if (status == LAT_OK)
        status = lat_batcher_encode(call->app->batcher, model, row, 1, again, NULL, call, err);
    for (size_t i = 0; status == LAT_OK && i < dimension; i++)
        if (!isfinite(again[i]))
            status = lat_fail(err, LAT_INVALID, "not_finite",
                              "model '%s' makes no finite code of what this decodes to",
                              lat_model_reference(model));
    if (status == LAT_OK)
        *out_code = again;
    return status;
}
