/* NPY, NumPy's format for one array: a magic, a version, the length of a Python dictionary in
 * text with 'descr', 'fortran_order' and 'shape', then the numbers. Format versions 1 to 3
 * differ in the width of the length alone, as far as numbers go. */
#include "model/train/dataset/arrays.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum { MAGIC_LEN = 6, HEADER_MAX = 4096, MAX_RANK = 4 };

bool lat_npy_is(const void *bytes, size_t len)
{
    return len >= MAGIC_LEN + 4 && memcmp(bytes, "\x93NUMPY", MAGIC_LEN) == 0;
}

/* Behind `'key':` and the blanks after it, or NULL. */
static const char *value_of(const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof(quoted), "'%s'", key);
    const char *at = strstr(header, quoted);
    if (!at)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at != ':')
        return NULL;
    return at + 1 + strspn(at + 1, " ");
}

static bool parse_descr(const char *at, struct lat_raw_array *array)
{
    if (!at || (*at != '\'' && *at != '"') || !strchr("<>|=", at[1]) || !strchr("biuf", at[2]))
        return false;
    array->big_endian = at[1] == '>';
    array->kind = at[2] == 'b' ? 'u' : at[2];
    array->size = (size_t)(at[3] - '0');
    const bool known =
        array->size == 1 || array->size == 2 || array->size == 4 || array->size == 8;
    return known && at[4] == at[0] && !(array->kind == 'f' && array->size < 4);
}

static bool parse_shape(const char *at, struct lat_raw_array *array)
{
    if (!at || *at++ != '(')
        return false;
    for (;;) {
        at += strspn(at, " ,");
        if (*at == ')')
            return true;
        if (*at < '0' || *at > '9' || array->rank >= MAX_RANK)
            return false;
        char *end = NULL;
        const unsigned long long length = strtoull(at, &end, 10);
        if (length > SIZE_MAX / 16)
            return false;
        array->dims[array->rank++] = (size_t)length;
        at = end;
    }
}

enum lat_status lat_npy_parse(const void *bytes, size_t len, struct lat_raw_array *out_array,
                              struct lat_error *err)
{
    if (!lat_npy_is(bytes, len))
        return lat_fail(err, LAT_INVALID, "bad_npy", "not an NPY file");
    const uint8_t *head = (const uint8_t *)bytes + MAGIC_LEN;
    const bool wide = head[0] >= 2;
    const size_t start = MAGIC_LEN + (wide ? 6u : 4u);
    size_t header_len = (size_t)head[2] | (size_t)head[3] << 8;
    if (wide && len >= start)
        header_len |= (size_t)head[4] << 16 | (size_t)head[5] << 24;
    if (head[0] < 1 || head[0] > 3 || header_len >= HEADER_MAX || start + header_len > len)
        return lat_fail(err, LAT_INVALID, "bad_npy", "the NPY header is broken");
    char header[HEADER_MAX];
    memcpy(header, (const char *)bytes + start, header_len);
    header[header_len] = '\0';

    struct lat_raw_array array = {.data = (const uint8_t *)bytes + start + header_len,
                                  .len = len - start - header_len};
    const char *order = value_of(header, "fortran_order");
    if (!parse_descr(value_of(header, "descr"), &array))
        return lat_fail(err, LAT_INVALID, "bad_type",
                        "the NPY array is not of numbers (8 to 64 bits): %.60s", header);
    if (!order || !parse_shape(value_of(header, "shape"), &array))
        return lat_fail(err, LAT_INVALID, "bad_npy", "the NPY header is broken: %.60s", header);
    array.columns_first = strncmp(order, "True", 4) == 0;
    *out_array = array;
    return LAT_OK;
}

bool lat_npy_matches(const char *path)
{
    return lat_path_has_suffix(path, ".npy");
}

enum lat_status lat_npy_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err)
{
    return lat_array_open(path, lat_npy_parse, false, options, dataset, err);
}
