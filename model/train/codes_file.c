/* The header is padded with spaces so that the numbers begin at a multiple of 64 bytes, as the
 * format asks (NEP 1). */
#include "model/train/codes_file.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

enum { PREFIX = 10, HEADER = 128 };

enum lat_status lat_codes_write(const char *path, const float *codes, size_t n, size_t width,
                                struct lat_error *err)
{
    char header[HEADER + 1];
    char words[HEADER - PREFIX];
    struct lat_buf file = {0};
    size_t len;
    (void)snprintf(words, sizeof(words),
                   "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", n, width);
    (void)snprintf(header, sizeof(header), "\x93NUMPY\x01%c%c%c%-117s\n", 0, 0, 0, words);
    header[7] = 0;
    header[8] = (char)(HEADER - PREFIX);
    if (!lat_mul_size(n, width, &len) || !lat_mul_size(len, sizeof(float), &len))
        return lat_fail_memory(err);
    lat_buf_append(&file, header, HEADER);
    lat_buf_append(&file, codes, len);
    enum lat_status status = lat_buf_check(&file, err);
    if (status == LAT_OK)
        status = lat_file_write(path, file.data, file.len, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "codes '%s'", path);
    lat_buf_release(&file);
    return status;
}
