/* IDX, the format of MNIST: two zero bytes, a type, the rank, big-endian 32-bit dimensions,
 * then the numbers, big-endian. */
#include "model/train/dataset/formats.h"
#include "model/train/dataset/arrays.h"

#include <string.h>
#include <strings.h>

#include "base/banned.h"

enum { HEADER_LEN = 4, MAX_RANK = 4 };

static const struct {
    uint8_t code;
    char kind;
    size_t size;
} types[] = {{0x08, 'u', 1}, {0x09, 'i', 1}, {0x0B, 'i', 2},
             {0x0C, 'i', 4}, {0x0D, 'f', 4}, {0x0E, 'f', 8}};

bool lat_idx_is(const void *bytes, size_t len)
{
    const uint8_t *head = bytes;
    return len >= HEADER_LEN && head[0] == 0 && head[1] == 0 && head[2] >= 0x08 &&
           head[2] <= 0x0E && head[3] >= 1 && head[3] <= MAX_RANK;
}

enum lat_status lat_idx_parse(const void *bytes, size_t len, struct lat_raw_array *out_array,
                              struct lat_error *err)
{
    const uint8_t *head = bytes;
    struct lat_raw_array array = {.big_endian = true};
    if (!lat_idx_is(bytes, len))
        return lat_fail(err, LAT_INVALID, "bad_idx", "not an IDX file");
    for (size_t i = 0; i < LAT_ARRAY_LEN(types); i++)
        if (types[i].code == head[2]) {
            array.kind = types[i].kind;
            array.size = types[i].size;
        }
    array.rank = head[3];
    const size_t start = HEADER_LEN + 4 * array.rank;
    if (!array.size)
        return lat_fail(err, LAT_INVALID, "bad_idx", "unknown IDX type 0x%02x", head[2]);
    if (len < start)
        return lat_fail(err, LAT_CORRUPT, "truncated", "truncated in the header");
    for (size_t i = 0; i < array.rank; i++) {
        const uint8_t *p = head + HEADER_LEN + 4 * i;
        array.dims[i] = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    }
    array.data = head + start;
    array.len = len - start;
    *out_array = array;
    return LAT_OK;
}

bool lat_idx_matches(const char *path)
{
    const char *name = strrchr(path, '/');
    name = name ? name + 1 : path;
    return strcasestr(name, "-idx") || strcasestr(name, ".idx") ||
           lat_path_has_suffix(name, "ubyte");
}

enum lat_status lat_idx_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err)
{
    return lat_array_open(path, lat_idx_parse, true, options, dataset, err);
}
