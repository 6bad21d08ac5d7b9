/* Elements are native, which on every machine this runs on is the protocol's little-endian. */
#include "api/tensors.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors travel as they lie");

static const struct {
    const char *name;
    size_t size;
    int64_t lowest, highest; /* of whole numbers; both 0: not one */
} types[LAT_DTYPE_OTHER] = {
    [LAT_FLOAT32] = {"FP32", 4, 0, 0},
    [LAT_FLOAT64] = {"FP64", 8, 0, 0},
    [LAT_INT64] = {"INT64", 8, INT64_MIN, INT64_MAX},
    [LAT_INT32] = {"INT32", 4, INT32_MIN, INT32_MAX},
    [LAT_UINT8] = {"UINT8", 1, 0, UINT8_MAX},
    [LAT_BOOL] = {"BOOL", 1, 0, 1},
};

const char *lat_tensor_type_name(enum lat_dtype dtype)
{
    return dtype < LAT_DTYPE_OTHER ? types[dtype].name : NULL;
}

enum lat_dtype lat_tensor_type_parse(const char *name)
{
    enum lat_dtype dtype = LAT_FLOAT32;
    while (dtype < LAT_DTYPE_OTHER && strcmp(types[dtype].name, name) != 0)
        dtype++;
    return dtype;
}

size_t lat_tensor_type_size(enum lat_dtype dtype)
{
    return dtype < LAT_DTYPE_OTHER ? types[dtype].size : 0;
}

/* ---- reading ---- */

struct reading {
    enum lat_dtype dtype;
    size_t n, at;
    uint8_t *out;
    const char *pointer;
    struct lat_error *err;
};

static enum lat_status refuse(const struct reading *reading, const char *code,
                              const char *expected)
{
    lat_fail(reading->err, LAT_INVALID, code, "element %zu: expected %s", reading->at,
             expected);
    lat_error_at(reading->err, "%s/%zu", reading->pointer, reading->at);
    return LAT_INVALID;
}

static enum lat_status read_real(struct reading *reading, const json_t *value)
{
    if (!json_is_number(value))
        return refuse(reading, "wrong_type", "a number");
    const double number = json_number_value(value);
    const float narrow = (float)number;
    if (reading->dtype == LAT_FLOAT64) {
        memcpy(reading->out + reading->at * sizeof(number), &number, sizeof(number));
        return LAT_OK;
    }
    if (!isfinite(narrow))
        return refuse(reading, "out_of_range", "a number that fits into 32 bits");
    memcpy(reading->out + reading->at * sizeof(narrow), &narrow, sizeof(narrow));
    return LAT_OK;
}

static enum lat_status read_whole(struct reading *reading, const json_t *value)
{
    const bool truth = reading->dtype == LAT_BOOL && json_is_boolean(value);
    if (!truth && !json_is_integer(value))
        return refuse(reading, "wrong_type",
                      reading->dtype == LAT_BOOL ? "true or false" : "a whole number");
    const int64_t number = truth ? json_is_true(value) : json_integer_value(value);
    if (number < types[reading->dtype].lowest || number > types[reading->dtype].highest)
        return refuse(reading, "out_of_range", "a number of the tensor's type");
    const int32_t narrow = (int32_t)number;
    const uint8_t byte = (uint8_t)number;
    const size_t size = types[reading->dtype].size;
    const void *from = size == 8   ? (const void *)&number
                       : size == 4 ? (const void *)&narrow
                                   : (const void *)&byte;
    memcpy(reading->out + reading->at * size, from, size);
    return LAT_OK;
}

/* Depth is bounded by that of the document. */
static enum lat_status read_elements(struct reading *reading, const json_t *list)
{
    enum lat_status status = LAT_OK;
    size_t i;
    const json_t *value;
    json_array_foreach(list, i, value)
    {
        if (json_is_array(value))
            status = read_elements(reading, value);
        else if (reading->at == reading->n)
            status = lat_fail(reading->err, LAT_INVALID, "wrong_length",
                              "more elements than the %zu of its shape", reading->n);
        else if (types[reading->dtype].lowest == types[reading->dtype].highest)
            status = read_real(reading, value);
        else
            status = read_whole(reading, value);
        if (status != LAT_OK)
            break;
        reading->at += !json_is_array(value);
    }
    return status;
}

enum lat_status lat_tensor_read(const struct json_t *value, const char *at,
                                enum lat_dtype dtype, size_t n, void *out,
                                struct lat_error *err)
{
    struct reading reading = {.dtype = dtype, .n = n, .out = out, .pointer = at, .err = err};
    if (!json_is_array(value))
        return refuse(&reading, "wrong_type", "a list");
    const enum lat_status status = read_elements(&reading, value);
    if (status != LAT_OK || reading.at == n)
        return status;
    return lat_fail(err, LAT_INVALID, "wrong_length",
                    "%zu elements instead of the %zu of its shape", reading.at, n);
}

enum lat_status lat_tensor_check(enum lat_dtype dtype, const void *data, size_t n,
                                 struct lat_error *err)
{
    const double *wide = data;
    const uint8_t *bytes = data;
    if (dtype == LAT_FLOAT32)
        return lat_floats_check(data, n, err);
    for (size_t i = 0; dtype == LAT_FLOAT64 && i < n; i++)
        if (!isfinite(wide[i]))
            return lat_fail(err, LAT_INVALID, "not_finite", "element %zu is not finite", i);
    for (size_t i = 0; dtype == LAT_BOOL && i < n; i++)
        if (bytes[i] > 1)
            return lat_fail(err, LAT_INVALID, "out_of_range", "element %zu: expected 0 or 1",
                            i);
    return LAT_OK;
}

/* ---- writing ---- */

static void write_element(struct lat_buf *out, enum lat_dtype dtype, const void *data, size_t i)
{
    switch (dtype) {
    case LAT_FLOAT32:
        lat_buf_json_float(out, ((const float *)data)[i]);
        break;
    case LAT_FLOAT64:
        lat_buf_json_double(out, ((const double *)data)[i]);
        break;
    case LAT_INT64:
        lat_buf_printf(out, "%" PRId64, ((const int64_t *)data)[i]);
        break;
    case LAT_INT32:
        lat_buf_printf(out, "%" PRId32, ((const int32_t *)data)[i]);
        break;
    case LAT_UINT8:
        lat_buf_printf(out, "%u", ((const uint8_t *)data)[i]);
        break;
    case LAT_BOOL:
        lat_buf_text(out, ((const bool *)data)[i] ? "true" : "false");
        break;
    case LAT_DTYPE_OTHER:
        break;
    }
}

void lat_tensor_write(struct lat_buf *out, enum lat_dtype dtype, const void *data, size_t n)
{
    lat_buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_element(out, dtype, data, i);
    }
    lat_buf_char(out, ']');
}
