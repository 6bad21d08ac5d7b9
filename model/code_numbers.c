/* A number's whole part of its prior's range is cut in at most SYMBOLS shares, as many low bits
 * as that takes being told plainly; the first and the last share stand for what lies beyond,
 * followed by how far. Every share has a width of at least one. */
#include "model/code_numbers.h"

#include "model/range_coder.h"

#include "base/banned.h"

enum { SYMBOLS = 4096, FAR_BITS = 26 };

/* How a channel is told at a step. */
struct scale {
    const struct lat_prior_channel *channel;
    int64_t step;
    int64_t low;    /* the least whole number told by a share, a multiple of 1 << plain */
    uint32_t n;     /* shares, the two for what lies beyond included */
    unsigned plain; /* low bits */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((-a + b - 1) / b);
}

static int64_t bounded(int64_t q)
{
    return q > LAT_CODE_MOST ? LAT_CODE_MOST : q < -LAT_CODE_MOST ? -LAT_CODE_MOST : q;
}

static struct scale scale_of(const struct lat_prior *prior, size_t i, uint32_t step)
{
    struct scale scale = {.channel = &prior->channels[i < prior->n ? i : prior->n - 1],
                          .step = step};
    const int64_t low = bounded(floor_div(scale.channel->knots[0], scale.step));
    const int64_t high =
        bounded(floor_div(scale.channel->knots[LAT_PRIOR_KNOTS - 1], scale.step) + 1);
    while (((high - low) >> scale.plain) + 3 > SYMBOLS - 2)
        scale.plain++;
    const int64_t cut = (int64_t)1 << scale.plain;
    scale.low = floor_div(low, cut) * cut;
    scale.n = (uint32_t)((high - scale.low) / cut) + 3;
    return scale;
}

/* Where share `s` begins, of 1 << LAT_RANGE_BITS. Share s > 0 begins at the lower edge of its
 * first number, (2 q - 1) steps of 2^-17. */
static uint32_t begin_of(const struct scale *scale, uint32_t s)
{
    if (s == 0)
        return 0;
    if (s >= scale->n)
        return 1U << LAT_RANGE_BITS;
    const int64_t q = scale->low + ((int64_t)(s - 1) << scale->plain);
    const uint64_t below = lat_prior_below(scale->channel, (2 * q - 1) * scale->step);
    const uint64_t room = (1U << LAT_RANGE_BITS) - scale->n;
    return (uint32_t)(below * room / LAT_PRIOR_WHOLE) + s;
}

/* Elias' gamma code of a distance. */
static void write_far(struct lat_range_writer *writer, uint32_t distance)
{
    const uint32_t value = distance + 1;
    unsigned length = 0;
    while (value >> (length + 1))
        length++;
    for (unsigned i = 0; i < length; i++)
        lat_range_write_bits(writer, 1, 1);
    lat_range_write_bits(writer, 0, 1);
    lat_range_write_bits(writer, value, length);
}

static uint32_t read_far(struct lat_range_reader *reader)
{
    unsigned length = 0;
    while (length < FAR_BITS && lat_range_read_bits(reader, 1))
        length++;
    return ((1U << length) | lat_range_read_bits(reader, length)) - 1;
}

static void write_number(struct lat_range_writer *writer, const struct scale *scale, int64_t q)
{
    const int64_t end = scale->low + ((int64_t)(scale->n - 2) << scale->plain);
    uint32_t s = q < scale->low ? 0 : q >= end ? scale->n - 1 : 0;
    const bool inside = q >= scale->low && q < end;
    if (inside)
        s = (uint32_t)((q - scale->low) >> scale->plain) + 1;
    const uint32_t begin = begin_of(scale, s);
    lat_range_write(writer, begin, begin_of(scale, s + 1) - begin);
    if (inside)
        lat_range_write_bits(writer, (uint32_t)(q - scale->low) & ((1U << scale->plain) - 1),
                             scale->plain);
    else
        write_far(writer, (uint32_t)(q < scale->low ? scale->low - 1 - q : q - end));
}

static int64_t read_number(struct lat_range_reader *reader, const struct scale *scale)
{
    const uint32_t place = lat_range_read_place(reader);
    uint32_t low = 0, high = scale->n; /* begin_of(low) <= place < begin_of(high) */
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (begin_of(scale, middle) <= place)
            low = middle;
        else
            high = middle;
    }
    const uint32_t begin = begin_of(scale, low);
    lat_range_read_share(reader, begin, begin_of(scale, low + 1) - begin);
    const int64_t end = scale->low + ((int64_t)(scale->n - 2) << scale->plain);
    if (low == 0)
        return scale->low - 1 - (int64_t)read_far(reader);
    if (low == scale->n - 1)
        return end + (int64_t)read_far(reader);
    return scale->low + ((int64_t)(low - 1) << scale->plain) +
           (int64_t)lat_range_read_bits(reader, scale->plain);
}

enum lat_status lat_numbers_write(const struct lat_prior *prior, uint32_t step,
                                  const int32_t *q, size_t n, struct lat_buf *out,
                                  struct lat_error *err)
{
    struct lat_range_writer writer;
    lat_range_writer_init(&writer, out);
    for (size_t i = 0; i < n; i++) {
        const struct scale scale = scale_of(prior, i, step);
        write_number(&writer, &scale, q[i]);
    }
    lat_range_writer_finish(&writer);
    return lat_buf_check(out, err);
}

void lat_numbers_read(const struct lat_prior *prior, uint32_t step, const void *bytes,
                      size_t len, size_t n, int32_t *out_q)
{
    struct lat_range_reader reader;
    lat_range_reader_init(&reader, bytes, len);
    for (size_t i = 0; i < n; i++) {
        const struct scale scale = scale_of(prior, i, step);
        out_q[i] = (int32_t)bounded(read_number(&reader, &scale));
    }
}
