/* A distribution is kept as where its cumulative sum reaches 47 fixed shares: every 32nd, and
 * in the tails 2^-6 … 2^-12. Between two of them it is a straight line, so the chance of any
 * interval is a difference of two integers, for every step. The outermost knots lie beyond what
 * was seen; what lies beyond them too is escaped by whoever codes. */
#include "model/code_prior.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

enum {
    TAIL = 7, /* knots outside 1/32 … 31/32 on each side, the end among them */
    CHANNELS_MAX = 1 << 20,
    HEAD_LEN = 16,
    CHANNEL_LEN = 8 + 4 * LAT_PRIOR_KNOTS,
    KNOT_MOST = 1 << 30
};

static const char MAGIC[8] = "LATPRIO1";

/* Share of LAT_PRIOR_WHOLE below knot `i`. */
static uint32_t share_of(int i)
{
    if (i <= 0)
        return 0;
    if (i >= LAT_PRIOR_KNOTS - 1)
        return LAT_PRIOR_WHOLE;
    if (i <= TAIL)
        return (uint32_t)LAT_PRIOR_WHOLE >> (13 - i);
    if (i >= LAT_PRIOR_KNOTS - 1 - TAIL)
        return LAT_PRIOR_WHOLE - share_of(LAT_PRIOR_KNOTS - 1 - i);
    return (uint32_t)(i - TAIL) * (LAT_PRIOR_WHOLE / 32);
}

uint32_t lat_prior_below(const struct lat_prior_channel *channel, int64_t edge)
{
    int low = -1, high = LAT_PRIOR_KNOTS; /* knot low <= edge < knot high */
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        if (2 * (int64_t)channel->knots[middle] <= edge)
            low = middle;
        else
            high = middle;
    }
    if (low < 0 || high == LAT_PRIOR_KNOTS)
        return low < 0 ? 0 : LAT_PRIOR_WHOLE;
    const int64_t from = 2 * (int64_t)channel->knots[low];
    const int64_t to = 2 * (int64_t)channel->knots[high];
    const uint64_t part = (uint64_t)(share_of(high) - share_of(low)) * (uint64_t)(edge - from);
    return share_of(low) + (uint32_t)(part / (uint64_t)(to - from));
}

void lat_prior_release(struct lat_prior *prior)
{
    lat_free(prior->channels);
    *prior = (struct lat_prior){0};
}

static enum lat_status allocate(size_t n, struct lat_prior *prior, struct lat_error *err)
{
    prior->n = n;
    prior->channels = lat_alloc(n, sizeof(*prior->channels));
    return prior->channels ? LAT_OK : lat_fail_memory(err);
}

/* ---- counting ---- */

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The value a share of the ascending `values` lies below, between two of them where it falls.
 */
static double quantile(const float *values, size_t n, double share)
{
    const double at = share * (double)(n - 1);
    const size_t i = (size_t)at;
    const double rest = at - (double)i;
    const double next = (double)values[i + 1 < n ? i + 1 : i];
    return (double)values[i] + rest * (next - (double)values[i]);
}

static int32_t to_knot(double z)
{
    const double scaled = z * LAT_PRIOR_ONE;
    if (scaled > KNOT_MOST)
        return KNOT_MOST;
    return scaled < -KNOT_MOST ? -KNOT_MOST : (int32_t)lrint(scaled);
}

/* `values` [n], sorted here. */
static void fit_channel(float *values, size_t n, float unit, struct lat_prior_channel *channel)
{
    qsort(values, n, sizeof(*values), by_value);
    const double least = (double)values[0], most = (double)values[n - 1];
    double width = quantile(values, n, 0.9995) - quantile(values, n, 0.0005);
    if (!(width > 1e-12))
        width = most - least > 1e-12 ? most - least : 1;
    channel->center = unit > 0 ? 0 : (float)quantile(values, n, 0.5);
    channel->unit = unit > 0 ? unit : (float)width;
    const double margin = (most - least) / 4 + (double)channel->unit / 64;
    for (int i = 0; i < LAT_PRIOR_KNOTS; i++) {
        double y = quantile(values, n, (double)share_of(i) / LAT_PRIOR_WHOLE);
        if (i == 0)
            y = least - margin;
        if (i == LAT_PRIOR_KNOTS - 1)
            y = most + margin;
        channel->knots[i] = to_knot((y - (double)channel->center) / (double)channel->unit);
    }
}

enum lat_status lat_prior_fit(const float *codes, size_t n_codes, size_t n_channels,
                              size_t width, float unit, struct lat_prior *out_prior,
                              struct lat_error *err)
{
    struct lat_prior prior = {0};
    size_t n;
    if (!lat_mul_size(n_codes, width, &n) || n == 0 || n_channels == 0 ||
        n_channels > CHANNELS_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "no codes to count");
    float *values = lat_alloc_raw(n, sizeof(*values));
    enum lat_status status = values ? allocate(n_channels, &prior, err) : lat_fail_memory(err);
    for (size_t c = 0; status == LAT_OK && c < n_channels; c++) {
        for (size_t i = 0; i < n_codes; i++)
            memcpy(values + i * width, codes + (i * n_channels + c) * width,
                   width * sizeof(*values));
        for (size_t i = 0; i < n; i++)
            values[i] = isfinite(values[i]) ? values[i] : 0;
        fit_channel(values, n, unit, &prior.channels[c]);
    }
    lat_free(values);
    if (status == LAT_OK)
        *out_prior = prior;
    else
        lat_prior_release(&prior);
    return status;
}

/* Evenly spread over [-1, 1]. */
enum lat_status lat_prior_plain(float unit, struct lat_prior *out_prior, struct lat_error *err)
{
    struct lat_prior prior = {0};
    const enum lat_status status = allocate(1, &prior, err);
    if (status != LAT_OK)
        return status;
    prior.channels->unit = unit;
    for (int i = 0; i < LAT_PRIOR_KNOTS; i++)
        prior.channels->knots[i] =
            (int32_t)((int64_t)share_of(i) * (2 * LAT_PRIOR_ONE) / LAT_PRIOR_WHOLE) -
            LAT_PRIOR_ONE;
    *out_prior = prior;
    return LAT_OK;
}

/* ---- the file ---- */

static void put_u32(struct lat_buf *out, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)};
    lat_buf_append(out, bytes, sizeof(bytes));
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void put_float(struct lat_buf *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_u32(out, bits);
}

static float get_float(const uint8_t *bytes)
{
    const uint32_t bits = get_u32(bytes);
    float value;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

void lat_prior_write(const struct lat_prior *prior, struct lat_buf *out)
{
    struct lat_buf body = {0};
    for (size_t c = 0; c < prior->n; c++) {
        put_float(&body, prior->channels[c].center);
        put_float(&body, prior->channels[c].unit);
        for (int i = 0; i < LAT_PRIOR_KNOTS; i++)
            put_u32(&body, (uint32_t)prior->channels[c].knots[i]);
    }
    lat_buf_append(out, MAGIC, sizeof(MAGIC));
    put_u32(out, (uint32_t)prior->n);
    put_u32(out, lat_crc32c(0, body.data, body.len));
    lat_buf_append(out, body.data, body.len);
    if (body.status != LAT_OK)
        out->status = body.status;
    lat_buf_release(&body);
}

static bool read_channel(const uint8_t *bytes, struct lat_prior_channel *channel)
{
    channel->center = get_float(bytes);
    channel->unit = get_float(bytes + 4);
    bool sound = isfinite(channel->center) && isfinite(channel->unit) && channel->unit > 0;
    for (int i = 0; i < LAT_PRIOR_KNOTS; i++) {
        channel->knots[i] = (int32_t)get_u32(bytes + 8 + 4 * i);
        sound = sound && channel->knots[i] >= -KNOT_MOST && channel->knots[i] <= KNOT_MOST &&
                (i == 0 || channel->knots[i] >= channel->knots[i - 1]);
    }
    return sound && channel->knots[LAT_PRIOR_KNOTS - 1] > channel->knots[0];
}

enum lat_status lat_prior_read(const void *bytes, size_t len, struct lat_prior *out_prior,
                               struct lat_error *err)
{
    const uint8_t *at = bytes;
    struct lat_prior prior = {0};
    if (len < HEAD_LEN || memcmp(at, MAGIC, sizeof(MAGIC)) != 0)
        return lat_fail(err, LAT_CORRUPT, NULL, "not a prior of codes");
    const size_t n = get_u32(at + 8);
    if (n == 0 || n > CHANNELS_MAX || len != HEAD_LEN + n * CHANNEL_LEN)
        return lat_fail(err, LAT_CORRUPT, NULL, "a prior of %zu channels in %zu bytes", n, len);
    if (lat_crc32c(0, at + HEAD_LEN, len - HEAD_LEN) != get_u32(at + 12))
        return lat_fail(err, LAT_CORRUPT, NULL, "the prior's checksum is another");
    enum lat_status status = allocate(n, &prior, err);
    for (size_t c = 0; status == LAT_OK && c < n; c++)
        if (!read_channel(at + HEAD_LEN + c * CHANNEL_LEN, &prior.channels[c]))
            status =
                lat_fail(err, LAT_CORRUPT, NULL, "channel %zu of the prior is not sound", c);
    if (status != LAT_OK) {
        lat_prior_release(&prior);
        return status;
    }
    prior.crc = lat_crc32c(0, bytes, len);
    *out_prior = prior;
    return LAT_OK;
}
