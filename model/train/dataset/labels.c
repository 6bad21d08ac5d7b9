/* Labels: a rank-1 array of whole numbers, or lines of text. Text labels are numbered in the
 * order of their bytes; only equality counts. */
#include "model/train/dataset/arrays.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

struct line {
    const char *text; /* borrowed */
    size_t len, item;
};

static enum lat_status from_array(const struct lat_raw_array *array, uint32_t **out_labels,
                                  size_t *out_n, struct lat_error *err)
{
    const size_t n = array->dims[0];
    if (array->rank != 1 || array->kind == 'f')
        return lat_fail(err, LAT_INVALID, "bad_labels", "expected one row of whole numbers");
    if (n == 0 || n > array->len / array->size)
        return lat_fail(err, LAT_CORRUPT, "truncated", "truncated: expected %zu labels", n);
    uint32_t *labels = lat_alloc(n, sizeof(*labels));
    if (!labels)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < array->size && b < sizeof(uint32_t); b++) {
            const size_t byte = array->big_endian ? array->size - 1 - b : b;
            labels[i] |= (uint32_t)array->data[i * array->size + byte] << (8 * b);
        }
    *out_labels = labels;
    *out_n = n;
    return LAT_OK;
}

static int by_text(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    const int order = memcmp(x->text, y->text, x->len < y->len ? x->len : y->len);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static size_t split_lines(const char *text, size_t len, struct line *out_lines)
{
    size_t n = 0;
    for (const char *end = text + len; text < end; n++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const char *next = stop ? stop + 1 : end;
        if (!stop)
            stop = end;
        if (stop > text && stop[-1] == '\r')
            stop--;
        if (out_lines)
            out_lines[n] = (struct line){text, (size_t)(stop - text), n};
        text = next;
    }
    return n;
}

static enum lat_status from_text(const struct lat_buf *file, uint32_t **out_labels,
                                 size_t *out_n, struct lat_error *err)
{
    const size_t n = split_lines(file->data, file->len, NULL);
    if (n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "there are no labels in it");
    struct line *lines = lat_alloc(n, sizeof(*lines));
    uint32_t *labels = lat_alloc(n, sizeof(*labels));
    if (!lines || !labels) {
        lat_free(lines);
        lat_free(labels);
        return lat_fail_memory(err);
    }
    split_lines(file->data, file->len, lines);
    qsort(lines, n, sizeof(*lines), by_text);
    uint32_t number = 0;
    for (size_t i = 0; i < n; i++) {
        number += i > 0 && by_text(&lines[i - 1], &lines[i]) != 0;
        labels[lines[i].item] = number;
    }
    lat_free(lines);
    *out_labels = labels;
    *out_n = n;
    return LAT_OK;
}

enum lat_status lat_labels_read(const char *path, uint32_t **out_labels, size_t *out_n,
                                struct lat_error *err)
{
    struct lat_buf file = {0};
    struct lat_raw_array array;
    enum lat_status status = lat_gzip_read(path, LAT_DATA_MAX_LEN, &file, err);
    if (status == LAT_OK && lat_idx_is(file.data, file.len)) {
        status = lat_idx_parse(file.data, file.len, &array, err);
        if (status == LAT_OK)
            status = from_array(&array, out_labels, out_n, err);
    } else if (status == LAT_OK && lat_npy_is(file.data, file.len)) {
        status = lat_npy_parse(file.data, file.len, &array, err);
        if (status == LAT_OK)
            status = from_array(&array, out_labels, out_n, err);
    } else if (status == LAT_OK) {
        status = from_text(&file, out_labels, out_n, err);
    }
    if (status != LAT_OK)
        lat_error_prefix(err, "labels '%s'", path);
    lat_buf_release(&file);
    return status;
}
