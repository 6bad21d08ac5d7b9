/* Any bytes as a compressed input, and as the payload of one: whatever is read lies within its
 * bounds, what is refused says why, and a prior's file that is accepted can be used. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/code_numbers.h"
#include "model/code_planes.h"
#include "model/code_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { SIDE = 9, N = SIDE * SIDE };

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check_bounds(const int32_t *q, size_t n)
{
    for (size_t i = 0; i < n; i++)
        require(q[i] >= -LAT_CODE_MOST && q[i] <= LAT_CODE_MOST);
}

/* Reads a payload, and writes what came out so that it reads the same again. */
static void use_payload(const struct lat_prior *prior, uint32_t step, const uint8_t *data,
                        size_t len)
{
    int32_t q[2 * N], again[2 * N];
    struct lat_buf out = {0};
    lat_numbers_read(prior, step, data, len, N, q);
    check_bounds(q, N);
    require(lat_numbers_write(prior, step, q, N, &out, NULL) == LAT_OK);
    lat_numbers_read(prior, step, out.data ? out.data : "", out.len, N, again);
    require(memcmp(q, again, N * sizeof(*q)) == 0);
    lat_buf_clear(&out);
    if (prior->n <= 2) {
        const size_t n = prior->n * N;
        require(lat_planes_read(prior, step, data, len, SIDE, SIDE, q, NULL) == LAT_OK);
        check_bounds(q, n);
        require(lat_planes_write(prior, step, q, SIDE, SIDE, &out, NULL) == LAT_OK);
        require(lat_planes_read(prior, step, out.data ? out.data : "", out.len, SIDE, SIDE,
                                again, NULL) == LAT_OK);
        require(memcmp(q, again, n * sizeof(*q)) == 0);
    }
    lat_buf_release(&out);
}

static void use_stream(const uint8_t *data, size_t len)
{
    struct lat_code_stream stream;
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_code_stream_read(data, len, &stream, &err) != LAT_OK) {
        require(err.status == LAT_INVALID && err.code[0] != '\0' && err.message[0] != '\0');
        return;
    }
    struct lat_buf out = {0};
    require(stream.step > 0 && stream.len <= len && stream.payload >= data);
    lat_code_stream_write(&stream, &out);
    require(out.len <= len); /* counts may have been written longer than they need be */
    lat_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct lat_prior prior = {0};
    use_stream(data, len);
    if (lat_prior_read(data, len, &prior, NULL) == LAT_OK) {
        use_payload(&prior, LAT_PRIOR_ONE >> 4, data, len);
        lat_prior_release(&prior);
    }
    if (len < 2)
        return 0;
    require(lat_prior_plain(1, &prior, NULL) == LAT_OK);
    use_payload(&prior, 1U << (data[0] % 23), data + 1, len - 1);
    lat_prior_release(&prior);
    return 0;
}
