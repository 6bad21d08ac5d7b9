/* Arrays of numbers as they lie in IDX and NPY files, turned into a dataset.
 *
 * An array is walked by strides in the order [item][channel][row][column], whatever order it
 * was stored in; a vector is a picture of one row. Single bytes of plain C order are copied
 * whole. */
#include "model/train/dataset/formats.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum { MAX_SIDE = 1 << 14 };

/* The four axes [n][c][h][w] of an array: lengths, and strides in elements. */
struct axes {
    size_t dims[4], strides[4];
};

static uint64_t load(const uint8_t *at, size_t size, bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = (bits << 8) | at[big_endian ? i : size - 1 - i];
    return bits;
}

static float element(const struct lat_raw_array *array, size_t index)
{
    const uint64_t bits =
        load(array->data + index * array->size, array->size, array->big_endian);
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

/* Strides of the stored array, and the check that its bytes are all there. */
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
    if (total > array->len)
        return lat_fail(err, LAT_CORRUPT, "truncated",
                        "truncated: expected %zu bytes, found %zu", total, array->len);
    return LAT_OK;
}

/* Which stored axis is which. */
static enum lat_status arrange(const struct lat_raw_array *array, struct axes *out_axes,
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
        out_axes->dims[i] = from[i] < 4 ? dims[from[i]] : 1;
        out_axes->strides[i] = from[i] < 4 ? strides[from[i]] : 0;
    }
    return status;
}

static enum lat_status describe(const struct lat_raw_array *array, const struct axes *axes,
                                struct lat_dataset *dataset, struct lat_error *err)
{
    const size_t *dims = axes->dims;
    struct lat_input_spec *input = &dataset->input;
    if (dims[2] > MAX_SIDE || (array->rank > 2 && dims[3] > MAX_SIDE))
        return lat_fail(err, LAT_INVALID, "bad_shape", "pictures of %zu x %zu are too large",
                        dims[3], dims[2]);
    dataset->n = dims[0];
    dataset->elements = dims[1] * dims[2] * dims[3];
    *input = (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = dataset->elements};
    if (array->rank > 2) {
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

static void copy_bytes(const struct lat_raw_array *array, const struct axes *axes,
                       struct lat_dataset *dataset)
{
    const size_t *dims = axes->dims, *strides = axes->strides;
    uint8_t *out = dataset->bytes;
    for (size_t n = 0; n < dims[0]; n++)
        for (size_t c = 0; c < dims[1]; c++)
            for (size_t y = 0; y < dims[2]; y++) {
                const uint8_t *row =
                    array->data + n * strides[0] + c * strides[1] + y * strides[2];
                for (size_t x = 0; x < dims[3]; x++)
                    *out++ = row[x * strides[3]];
            }
}

static enum lat_status copy_floats(const struct lat_raw_array *array, const struct axes *axes,
                                   struct lat_dataset *dataset, struct lat_error *err)
{
    const size_t *dims = axes->dims, *strides = axes->strides;
    float *out = dataset->floats;
    for (size_t n = 0; n < dims[0]; n++)
        for (size_t c = 0; c < dims[1]; c++)
            for (size_t y = 0; y < dims[2]; y++)
                for (size_t x = 0; x < dims[3]; x++) {
                    const float value = element(array, n * strides[0] + c * strides[1] +
                                                           y * strides[2] + x * strides[3]);
                    if (!isfinite(value))
                        return lat_fail(err, LAT_INVALID, "not_finite",
                                        "item %zu holds a number that is not finite", n);
                    if (array->rank > 2 && (value < 0 || value > 1))
                        return lat_fail(err, LAT_INVALID, "out_of_range",
                                        "item %zu: pixels must lie in [0,1], not %g", n,
                                        (double)value);
                    *out++ = value;
                }
    return LAT_OK;
}

enum lat_status lat_dataset_from_array(const struct lat_raw_array *array,
                                       struct lat_dataset *dataset, struct lat_error *err)
{
    struct axes axes;
    const bool pixels = array->rank > 2 && array->kind == 'u' && array->size == 1;
    enum lat_status status = arrange(array, &axes, err);
    if (status == LAT_OK && array->rank > 2 && array->kind != 'f' && !pixels)
        status = lat_fail(err, LAT_INVALID, "bad_type",
                          "pictures must be bytes of 0 to 255 or floats in [0,1]");
    if (status == LAT_OK)
        status = describe(array, &axes, dataset, err);
    if (status == LAT_OK)
        status = lat_dataset_reserve(dataset, pixels, err);
    if (status != LAT_OK)
        return status;
    if (!pixels)
        return copy_floats(array, &axes, dataset, err);
    copy_bytes(array, &axes, dataset);
    return LAT_OK;
}
