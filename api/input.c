/* One input is one member of five. Which of them a model takes is for the model to say. */
#include "api/input.h"

#include <stdio.h>
#include <string.h>

#include "api/input_row.h"
#include "api/request.h"
#include "base/mem.h"

#include "base/banned.h"

enum { SPARE_PARTS = 8 }; /* fields beside the files of a batch */

struct lat_input lat_input_image(const void *bytes, size_t len)
{
    return (struct lat_input){.kind = LAT_INPUT_IMAGE, .bytes = bytes, .len = len};
}

struct lat_input lat_input_vector(struct lat_floats floats)
{
    return (struct lat_input){
        .kind = LAT_INPUT_VECTOR, .values = floats.values, .n_values = floats.n};
}

struct lat_input lat_input_sequence(struct lat_floats floats)
{
    return (struct lat_input){
        .kind = LAT_INPUT_SEQUENCE, .values = floats.values, .n_values = floats.n};
}

/* Steps of one width, one after the other. The first says how wide the others are. */
static void read_sequence(struct lat_object *object, struct lat_input *out_input)
{
    struct lat_list steps;
    struct lat_floats step = {0};
    float *values = NULL;
    size_t width = 0, total = 0;
    if (!lat_object_list(object, "sequence", &steps))
        return;
    if (steps.n == 0)
        lat_object_fail(object, "sequence", LAT_INVALID, "wrong_dimension",
                        "expected a list of steps, each a list of numbers, not an empty one");
    for (size_t i = 0; i < steps.n && lat_list_floats(&steps, i, &step); i++) {
        if (i == 0 && step.n > 0 && lat_mul_size(steps.n, step.n, &total)) {
            width = step.n;
            values = lat_arena_alloc_raw(object->json->arena, total, sizeof(*values));
        }
        if (step.n == 0 || step.n != width)
            lat_list_fail(&steps, i, LAT_INVALID, "wrong_dimension",
                          "step %zu has %zu numbers, the first %zu", i, step.n, width);
        else if (!values)
            lat_list_fail(&steps, i, LAT_NO_MEMORY, NULL, "out of memory");
        if (step.n == 0 || step.n != width || !values)
            return;
        memcpy(values + i * width, step.values, width * sizeof(*values));
    }
    *out_input = (struct lat_input){
        .kind = LAT_INPUT_SEQUENCE, .values = values, .n_values = total, .n_steps = steps.n};
}

static void read_image(struct lat_object *object, struct lat_input *out_input)
{
    size_t len;
    const char *text = lat_object_text(object, "image", &len);
    const uint8_t *bytes;
    if (!text)
        return;
    struct lat_error failure = LAT_ERROR_INIT;
    if (lat_data_uri_bytes(object->json->arena, text, len, &bytes, &len, &failure) == LAT_OK)
        *out_input = lat_input_image(bytes, len);
    else
        lat_object_fail(object, "image", failure.status, failure.code, "%s", failure.message);
}

void lat_object_input(struct lat_object *object, struct lat_input *out_input)
{
    static const char *const kinds[] = {"image", "vector", "row", "history", "sequence"};
    size_t n = 0;
    const char *kind = NULL;
    for (size_t i = 0; i < LAT_ARRAY_LEN(kinds); i++)
        if (lat_object_has(object, kinds[i])) {
            kind = kinds[i];
            n++;
        }
    lat_object_end(object);
    struct lat_floats floats;
    *out_input = (struct lat_input){0};
    if (n == 0)
        lat_object_fail(object, NULL, LAT_INVALID, "missing_field",
                        "an input has one of image, vector, row, history, sequence");
    else if (n > 1)
        lat_object_fail(object, NULL, LAT_INVALID, "two_kinds",
                        "an input is of one kind, not %zu", n);
    else if (kind == kinds[0])
        read_image(object, out_input);
    else if (kind == kinds[4])
        read_sequence(object, out_input);
    else if (kind == kinds[2])
        lat_object_row(object, out_input);
    else if (kind == kinds[3])
        lat_object_history(object, out_input);
    else if (lat_object_floats(object, kind, &floats))
        *out_input = lat_input_vector(floats);
}

/* X-Shape "n,d" or "d" against the floats that came; of sequences, which have `features`, d is
 * "steps,features" as well. */
static enum lat_status apply_shape(const char *text, size_t features, size_t n,
                                   size_t *out_rows, size_t *inout_columns,
                                   struct lat_error *err)
{
    size_t dims[LAT_SHAPE_MAX_RANK], rank, product = 1;
    const enum lat_status status = lat_shape_parse(text, dims, &rank, err);
    if (status != LAT_OK)
        return status;
    if (features && rank >= 2 && dims[rank - 1] == features &&
        dims[rank - 2] == *inout_columns / features) {
        rank--;
        dims[rank - 1] = *inout_columns;
    }
    bool fits = rank <= 2;
    for (size_t i = 0; i < rank && fits; i++)
        fits = lat_mul_size(product, dims[i], &product);
    if (!fits || product != n)
        return lat_fail(err, LAT_INVALID, "bad_shape", "X-Shape %.60s does not hold %zu floats",
                        text, n);
    *out_rows = rank == 2 ? dims[0] : 0;
    *inout_columns = dims[rank - 1];
    return LAT_OK;
}

/* What the rows of a body are: `columns` numbers, of sequences `features` a step. */
struct width {
    size_t columns, features;
    const char *of;
};

static enum lat_status read_floats(struct lat_call *call, const struct width *wanted,
                                   struct lat_floats *out_floats, size_t *out_rows,
                                   struct lat_error *err)
{
    const size_t columns = wanted->columns;
    struct lat_floats floats;
    enum lat_status status =
        lat_floats_from_bytes(&call->arena, call->body, call->body_len, &floats, err);
    if (status != LAT_OK)
        return status;
    const char *shape = lat_call_header(call, "X-Shape");
    size_t width = columns, rows = 0;
    if (shape) {
        status = apply_shape(shape, wanted->features, floats.n, &rows, &width, err);
        if (status != LAT_OK)
            return status;
    } else if (columns && floats.n != columns) {
        rows = floats.n / columns;
        width = floats.n % columns ? floats.n : columns;
    }
    if (!floats.n)
        width = 0; /* no rows are not one row */
    if (width != columns || !columns) {
        char expected[24], got[24];
        snprintf(expected, sizeof(expected), "%zu", columns);
        snprintf(got, sizeof(got), "%zu", width);
        lat_fail(err, LAT_INVALID, "wrong_dimension", "%s: expected %zu dimensions, not %zu",
                 wanted->of, columns, width);
        lat_error_expected(err, expected, got);
        return LAT_INVALID;
    }
    *out_floats = floats;
    *out_rows = rows;
    return LAT_OK;
}

enum lat_status lat_body_floats(struct lat_call *call, size_t columns, const char *of,
                                struct lat_floats *out_floats, size_t *out_rows,
                                struct lat_error *err)
{
    const struct width wanted = {.columns = columns, .of = of};
    return read_floats(call, &wanted, out_floats, out_rows, err);
}

enum lat_status lat_body_inputs(struct lat_call *call, const struct lat_model *model,
                                struct lat_floats *out_floats, size_t *out_rows,
                                struct lat_error *err)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const struct width wanted = {.columns = lat_input_elements(input),
                                 .features =
                                     input->kind == LAT_INPUT_SEQUENCE ? input->features : 0,
                                 .of = lat_model_reference(model)};
    return read_floats(call, &wanted, out_floats, out_rows, err);
}

enum lat_status lat_check_batch(const struct lat_call *call, size_t n, struct lat_error *err)
{
    const size_t limit = (size_t)call->app->config.max_batch;
    if (n <= limit)
        return LAT_OK;
    char expected[24], got[24];
    snprintf(expected, sizeof(expected), "%zu", limit);
    snprintf(got, sizeof(got), "%zu", n);
    lat_fail(err, LAT_TOO_LARGE, "batch_too_large", "a batch may have %zu elements, not %zu",
             limit, n);
    lat_error_expected(err, expected, got);
    return LAT_TOO_LARGE;
}

enum lat_status lat_call_multipart(struct lat_call *call, struct lat_multipart *out_multipart,
                                   struct lat_error *err)
{
    const uint64_t start = lat_clock_ns();
    const char *type = lat_call_header(call, "Content-Type");
    const enum lat_status status = lat_multipart_parse(
        &call->arena, type ? type : "", call->body, call->body_len,
        (size_t)call->app->config.max_batch + SPARE_PARTS, out_multipart, err);
    call->timing_ns[LAT_TIMING_PARSE] += lat_clock_ns() - start;
    return status;
}

void lat_input_not_raw(struct lat_error *err)
{
    if (err && err->status == LAT_UNSUPPORTED_TYPE) {
        err->status = LAT_INVALID;
        err->code = "bad_image";
    }
}
