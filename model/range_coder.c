/* The interval [low, low + range) of 64-bit numbers narrows with every symbol to its share;
 * whenever it is shorter than 2^48 its top byte goes out and the rest moves up, so a share of
 * 2^-16 always has 2^32 numbers: rounding costs nothing worth counting.
 *
 * A narrowed interval may begin behind a carry out of the top: the bytes already written then
 * count one up, as in an addition by hand (0xff to 0x00 and on to the left). The first byte
 * cannot overflow, since the whole lies below 1. */
#include "model/range_coder.h"

#include "base/banned.h"

static const uint64_t LEAST = UINT64_C(1) << 48;
enum { TOP = 56, REGISTER_BYTES = 8 };

void lat_range_writer_init(struct lat_range_writer *writer, struct lat_buf *out)
{
    *writer = (struct lat_range_writer){.range = UINT64_MAX, .out = out, .begin = out->len};
}

static void carry(struct lat_range_writer *writer)
{
    uint8_t *bytes = (uint8_t *)writer->out->data;
    for (size_t i = writer->out->len; i-- > writer->begin;)
        if (++bytes[i] != 0)
            return;
}

static void advance(struct lat_range_writer *writer, uint64_t by)
{
    writer->low += by;
    if (writer->low < by)
        carry(writer);
}

static void settle(struct lat_range_writer *writer)
{
    while (writer->range < LEAST) {
        lat_buf_char(writer->out, (char)(uint8_t)(writer->low >> TOP));
        writer->low <<= 8;
        writer->range <<= 8;
    }
}

void lat_range_write(struct lat_range_writer *writer, uint32_t start, uint32_t share)
{
    const uint64_t unit = writer->range >> LAT_RANGE_BITS;
    advance(writer, unit * start);
    writer->range = unit * share;
    settle(writer);
}

/* The ones come first in the interval. */
void lat_range_write_bit(struct lat_range_writer *writer, bool bit, uint32_t chance)
{
    const uint64_t ones = (writer->range >> LAT_RANGE_BITS) * chance;
    if (bit) {
        writer->range = ones;
    } else {
        advance(writer, ones);
        writer->range -= ones;
    }
    settle(writer);
}

void lat_range_write_bits(struct lat_range_writer *writer, uint32_t value, unsigned n)
{
    while (n > 0) {
        const unsigned m = n > LAT_RANGE_BITS ? LAT_RANGE_BITS : n;
        n -= m;
        const uint32_t part = (value >> n) & ((1U << m) - 1);
        lat_range_write(writer, part << (LAT_RANGE_BITS - m), 1U << (LAT_RANGE_BITS - m));
    }
}

/* The shortest number that, with zeroes behind it, lies in the interval. */
void lat_range_writer_finish(struct lat_range_writer *writer)
{
    unsigned n = 0;
    uint64_t value = 0;
    for (; n <= REGISTER_BYTES; n++) {
        const uint64_t rest = n == 0                ? UINT64_MAX
                              : n == REGISTER_BYTES ? 0
                                                    : UINT64_MAX >> (8 * n);
        const uint64_t up = writer->low + rest; /* wraps where a carry goes out of the top */
        const bool wraps = up < writer->low;
        value = up & ~rest;
        const uint64_t distance = value - writer->low;
        if (distance < writer->range) {
            if (wraps)
                carry(writer);
            break;
        }
    }
    for (unsigned i = 0; i < n; i++)
        lat_buf_char(writer->out, (char)(uint8_t)(value >> (TOP - 8 * i)));
    while (writer->out->len > writer->begin && writer->out->data[writer->out->len - 1] == 0)
        writer->out->len--; /* a reader finds zeroes behind the end */
}

/* ---- reading ---- */

static uint8_t next(struct lat_range_reader *reader)
{
    const size_t at = reader->at++;
    return at < reader->len ? reader->bytes[at] : 0;
}

void lat_range_reader_init(struct lat_range_reader *reader, const void *bytes, size_t len)
{
    *reader = (struct lat_range_reader){.range = UINT64_MAX, .bytes = bytes, .len = len};
    for (int i = 0; i < REGISTER_BYTES; i++)
        reader->code = reader->code << 8 | next(reader);
}

static void refill(struct lat_range_reader *reader)
{
    while (reader->range < LEAST) {
        reader->code = reader->code << 8 | next(reader);
        reader->range <<= 8;
    }
}

uint32_t lat_range_read_place(const struct lat_range_reader *reader)
{
    const uint64_t place = reader->code / (reader->range >> LAT_RANGE_BITS);
    const uint32_t last = (1U << LAT_RANGE_BITS) - 1;
    return place > last ? last : (uint32_t)place;
}

void lat_range_read_share(struct lat_range_reader *reader, uint32_t start, uint32_t share)
{
    const uint64_t unit = reader->range >> LAT_RANGE_BITS;
    reader->code -= unit * start;
    reader->range = unit * share;
    refill(reader);
}

bool lat_range_read_bit(struct lat_range_reader *reader, uint32_t chance)
{
    const uint64_t ones = (reader->range >> LAT_RANGE_BITS) * chance;
    const bool bit = reader->code < ones;
    if (bit) {
        reader->range = ones;
    } else {
        reader->code -= ones;
        reader->range -= ones;
    }
    refill(reader);
    return bit;
}

uint32_t lat_range_read_bits(struct lat_range_reader *reader, unsigned n)
{
    uint32_t value = 0;
    while (n > 0) {
        const unsigned m = n > LAT_RANGE_BITS ? LAT_RANGE_BITS : n;
        const uint32_t part = lat_range_read_place(reader) >> (LAT_RANGE_BITS - m);
        lat_range_read_share(reader, part << (LAT_RANGE_BITS - m), 1U << (LAT_RANGE_BITS - m));
        value = value << m | part;
        n -= m;
    }
    return value;
}
