/* Each row becomes pixels in one cell that is used again and again, and is copied into the
 * sheet line by line. Sizes are checked before anything is allocated. */
#include "model/sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/image.h"
#include "model/preprocess.h"

#include "base/banned.h"

static enum lat_status check_size(uint64_t width, uint64_t height, uint64_t max_pixels,
                                  struct lat_error *err)
{
    char expected[32], got[32];
    if (width <= UINT32_MAX && height <= UINT32_MAX && width * height <= max_pixels)
        return LAT_OK;
    snprintf(expected, sizeof(expected), "%" PRIu64, max_pixels);
    snprintf(got, sizeof(got), "%" PRIu64 " x %" PRIu64, width, height);
    lat_fail(err, LAT_TOO_LARGE, "image_too_large",
             "a sheet of %s pixels is over the limit of %s: ask for fewer pictures", got,
             expected);
    lat_error_expected(err, expected, got);
    return LAT_TOO_LARGE;
}

/* One picture's lines into their places. */
static void paste(const struct lat_input_spec *input, const uint8_t *cell, uint8_t *sheet,
                  size_t stride)
{
    const size_t line = (size_t)input->width * input->channels;
    for (uint32_t y = 0; y < input->height; y++)
        memcpy(sheet + y * stride, cell + y * line, line);
}

enum lat_status lat_sheet_png(const struct lat_input_spec *input, const float *rows, size_t n,
                              size_t columns, uint64_t max_pixels, struct lat_buf *out,
                              struct lat_error *err)
{
    const size_t lines = (n + columns - 1) / columns, elements = lat_input_elements(input);
    const uint64_t width = (uint64_t)input->width * columns,
                   height = (uint64_t)input->height * lines;
    enum lat_status status = check_size(width, height, max_pixels, err);
    if (status != LAT_OK)
        return status;
    const size_t stride = (size_t)width * input->channels;
    uint8_t *sheet = lat_alloc(stride, (size_t)height);
    uint8_t *cell = lat_alloc_raw(elements, 1);
    if (!sheet || !cell)
        status = lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        lat_preprocess_to_pixels(input, rows + i * elements, cell);
        uint8_t *corner = sheet + (i / columns) * input->height * stride +
                          (i % columns) * input->width * input->channels;
        paste(input, cell, corner, stride);
    }
    if (status == LAT_OK)
        status = lat_image_encode_png(sheet, (uint32_t)width, (uint32_t)height, input->channels,
                                      out, err);
    lat_free(cell);
    lat_free(sheet);
    return status;
}
