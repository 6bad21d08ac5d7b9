/* Labels: a rank-1 array of whole numbers, or lines of text. Only equality
 * counts, within a file and between files. */
#include "model/train/dataset/arrays.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

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

/* Fills out_labels (NULL: only counts) and gives the number of lines. A label is its line's
 * checksum, so that those of two files can be compared. */
static size_t read_lines(const char *text, size_t len, uint32_t *out_labels)
{
    size_t n = 0;
    for (const char *end = text + len; text < end; n++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const char *next = stop ? stop + 1 : end;
        if (!stop)
            stop = end;
        if (stop > text && stop[-1] == '\r')
            stop--;
        if (out_labels)
            out_labels[n] = lat_crc32c(0, text, (size_t)(stop - text));
        text = next;
    }
    return n;
}

static enum lat_status from_text(const struct lat_buf *file, uint32_t **out_labels,
                                 size_t *out_n, struct lat_error *err)
{
    const size_t n = read_lines(file->data, file->len, NULL);
    if (n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "there are no labels in it");
    uint32_t *labels = lat_alloc(n, sizeof(*labels));
    if (!labels)
        return lat_fail_memory(err);
    read_lines(file->data, file->len, labels);
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
