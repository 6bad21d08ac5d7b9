/* Arrays of numbers as they lie in IDX and NPY files, turned into a dataset.
 *
 * An item is walked by strides in the order [channel][row][column], whatever order it was
 * stored in; a vector is a picture of one row. */
#include "model/train/dataset/formats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/train/dataset/store.h"

#include "base/banned.h"

enum { MAX_SIDE = 1 << 14, MAX_ELEMENTS = 1 << 27 };

static uint64_t load(const uint8_t *at, size_t size, bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = (bits << 8) | at[big_endian ? i : size - 1 - i];
    return bits;
}

/* The stored element `index` behind `data`. */
static float element(const struct lat_raw_array *array, const uint8_t *data, size_t index)
{
    const uint64_t bits = load(data + index * array->size, array->size, array->big_endian);
    if (array->kind == 'f' && array->size == 4) {
        const uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof(value));
        return value;
    }
    if (array->kind == 'f') {
        double value;
        memcpy(&value, &bits, sizeof(value));
        return (float)value;
    }
    if (array->kind == 'i') {
        const unsigned shift = 64 - 8 * (unsigned)array->size;
        return (float)((int64_t)(bits << shift) >> shift);
    }
    return (float)bits;
}

/* Strides of the stored array. */
static enum lat_status measure(const struct lat_raw_array *array, size_t *out_strides,
                               struct lat_error *err)
{
    size_t total = array->size;
    for (size_t i = 0; i < array->rank; i++) {
        const size_t axis = array->columns_first ? i : array->rank - 1 - i;
        out_strides[axis] = total / array->size;
        if (!lat_mul_size(total, array->dims[axis], &total))
            return lat_fail(err, LAT_INVALID, "bad_shape", "the shape is too large");
    }
    return LAT_OK;
}

static bool is_pictures(const struct lat_raw_array *array)
{
    return array->rank > 2 && !(array->steps && array->rank == 3);
}

/* Which stored axis is which. */
static enum lat_status arrange(const struct lat_raw_array *array, struct lat_array_plan *plan,
                               struct lat_error *err)
{
    size_t strides[8] = {0};
    const size_t *dims = array->dims;
    size_t from[4] = {0, 4, 4, 4}; /* 4: no such axis, length 1 */
    if (array->rank == 2) {
        from[3] = 1;
    } else if (array->rank == 3) {
        from[2] = 1;
        from[3] = 2;
    } else if (array->rank == 4 && (dims[3] == 1 || dims[3] == 3)) {
        memcpy(from, (const size_t[]){0, 3, 1, 2}, sizeof(from));
    } else if (array->rank == 4 && (dims[1] == 1 || dims[1] == 3)) {
        memcpy(from, (const size_t[]){0, 1, 2, 3}, sizeof(from));
    } else {
        return lat_fail(
            err, LAT_INVALID, "bad_shape",
            "expected vectors [n][d] or pictures [n][h][w], with 1 or 3 channels first "
            "or last, not an array of rank %zu",
            array->rank);
    }
    const enum lat_status status = measure(array, strides, err);
    for (size_t i = 0; i < 4; i++) {
        plan->dims[i] = from[i] < 4 ? dims[from[i]] : 1;
        plan->strides[i] = from[i] < 4 ? strides[from[i]] : 0;
    }
    return status;
}

static enum lat_status describe(struct lat_array_plan *plan, struct lat_dataset *dataset,
                                struct lat_error *err)
{
    const size_t *dims = plan->dims;
    const bool pictures = is_pictures(&plan->array);
    struct lat_input_spec *input = &dataset->input;
    if (dims[2] > MAX_SIDE || (pictures && dims[3] > MAX_SIDE))
        return lat_fail(err, LAT_INVALID, "bad_shape", "pictures of %zu x %zu are too large",
                        dims[3], dims[2]);
    plan->elements = dims[1] * dims[2] * dims[3];
    if (dims[0] == 0 || plan->elements == 0)
        return lat_fail(err, LAT_INVALID, "empty", "there are no items in it");
    if (plan->elements > MAX_ELEMENTS)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "items of more than 2^27 numbers");
    dataset->elements = plan->elements;
    *input = (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = plan->elements};
    if (pictures) {
        input->kind = LAT_INPUT_IMAGE;
        input->layout = LAT_LAYOUT_FLAT;
        input->channels = (uint32_t)dims[1];
        input->height = (uint32_t)dims[2];
        input->width = (uint32_t)dims[3];
        for (size_t i = 0; i < LAT_MAX_CHANNELS; i++)
            input->std[i] = 1;
    }
    return LAT_OK;
}

enum lat_status lat_array_plan(const struct lat_raw_array *array,
                               struct lat_array_plan *out_plan, struct lat_dataset *dataset,
                               struct lat_error *err)
{
    struct lat_array_plan plan = {.array = *array};
    const bool pictures = is_pictures(array);
    plan.pixels = pictures && array->kind == 'u' && array->size == 1;
    enum lat_status status = arrange(array, &plan, err);
    if (status == LAT_OK && pictures && array->kind != 'f' && !plan.pixels)
        status = lat_fail(err, LAT_INVALID, "bad_type",
                          "pictures must be bytes of 0 to 255 or floats in [0,1]");
    if (status == LAT_OK)
        status = describe(&plan, dataset, err);
    if (status == LAT_OK)
        *out_plan = plan;
    return status;
}

/* ---- items ---- */

static void copy_pixels(const struct lat_array_plan *plan, const uint8_t *data, uint8_t *out)
{
    const size_t *dims = plan->dims, *strides = plan->strides;
    for (size_t c = 0; c < dims[1]; c++)
        for (size_t y = 0; y < dims[2]; y++)
            for (size_t x = 0; x < dims[3]; x++)
                *out++ = data[c * strides[1] + y * strides[2] + x * strides[3]];
}

static void copy_floats(const struct lat_array_plan *plan, const uint8_t *data, float *out)
{
    const size_t *dims = plan->dims, *strides = plan->strides;
    for (size_t c = 0; c < dims[1]; c++)
        for (size_t y = 0; y < dims[2]; y++)
            for (size_t x = 0; x < dims[3]; x++)
                *out++ = element(&plan->array, data,
                                 c * strides[1] + y * strides[2] + x * strides[3]);
}

bool lat_array_convert(const struct lat_array_plan *plan, const uint8_t *data, void *out_row,
                       char *out_words, size_t size)
{
    const bool picture = is_pictures(&plan->array);
    if (plan->pixels) {
        copy_pixels(plan, data, out_row);
        return true;
    }
    const float *row = out_row;
    copy_floats(plan, data, out_row);
    for (size_t i = 0; i < plan->elements; i++) {
        if (!isfinite(row[i]))
            snprintf(out_words, size, "it holds a number that is not finite");
        else if (picture && (row[i] < 0 || row[i] > 1))
            snprintf(out_words, size, "pixels must lie in [0,1], not %g", (double)row[i]);
        else
            continue;
        return false;
    }
    return true;
}

/* All bytes of the array are there. */
static enum lat_status check_len(const struct lat_array_plan *plan, struct lat_error *err)
{
    size_t total;
    if (!lat_mul_size(plan->elements * plan->array.size, plan->dims[0], &total))
        return lat_fail(err, LAT_INVALID, "bad_shape", "the shape is too large");
    if (total > plan->array.len)
        return lat_fail(err, LAT_CORRUPT, "truncated",
                        "truncated: expected %zu bytes, found %zu", total, plan->array.len);
    return LAT_OK;
}

static enum lat_status add_items(const struct lat_array_plan *plan, struct lat_row_store *store,
                                 struct lat_dataset *dataset, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    char words[80];
    void *row = lat_alloc_raw(store->row_len, 1);
    if (!row)
        return lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < plan->dims[0]; i++) {
        const uint8_t *data = plan->array.data + i * plan->strides[0] * plan->array.size;
        if (lat_array_convert(plan, data, row, words, sizeof(words)))
            status = lat_row_store_add(store, row, err);
        else
            lat_dataset_skip(dataset, "item %zu: %s", i, words);
        dataset->n_met++;
    }
    lat_free(row);
    return status;
}

enum lat_status lat_dataset_from_array(const struct lat_raw_array *array,
                                       struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_array_plan plan;
    struct lat_row_store store;
    enum lat_status status = lat_array_plan(array, &plan, dataset, err);
    if (status == LAT_OK)
        status = check_len(&plan, err);
    if (status != LAT_OK)
        return status;
    lat_row_store_init(&store, plan.elements * (plan.pixels ? 1 : sizeof(float)), SIZE_MAX / 2);
    status = add_items(&plan, &store, dataset, err);
    if (status == LAT_OK)
        status = lat_dataset_adopt(dataset, &store, plan.pixels, err);
    lat_row_store_release(&store);
    return status;
}
