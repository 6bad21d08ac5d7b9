/* A range coder (Martin 1979): numbers of known chances as few bytes, integers alone, so that
 * what one machine writes every other reads. Writer and reader must be given the same chances
 * in the same order. One thread at a time. */
#ifndef LAT_MODEL_RANGE_CODER_H
#define LAT_MODEL_RANGE_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum { LAT_RANGE_BITS = 16 }; /* chances are shares of 1 << LAT_RANGE_BITS */

/* Appends to `out`, which it borrows; what stands in there before `begin` is left alone. */
struct lat_range_writer {
    uint64_t low, range;
    struct lat_buf *out;
    size_t begin;
};

void lat_range_writer_init(struct lat_range_writer *writer, struct lat_buf *out);
/* The symbol whose share is [start, start + share) of 1 << LAT_RANGE_BITS; share > 0. */
void lat_range_write(struct lat_range_writer *writer, uint32_t start, uint32_t share);
/* A bit that is 1 with `chance` of 1 << LAT_RANGE_BITS, 0 < chance < 1 << LAT_RANGE_BITS. */
void lat_range_write_bit(struct lat_range_writer *writer, bool bit, uint32_t chance);
/* The lowest `n` bits of `value`, all alike likely; n <= 32. */
void lat_range_write_bits(struct lat_range_writer *writer, uint32_t value, unsigned n);
/* As few bytes as tell the rest. The buffer says whether all of them found room. */
void lat_range_writer_finish(struct lat_range_writer *writer);

/* Reads `len` bytes, borrowed; behind their end it reads zeroes, for ever. */
struct lat_range_reader {
    uint64_t code, range;
    const uint8_t *bytes;
    size_t len, at;
};

void lat_range_reader_init(struct lat_range_reader *reader, const void *bytes, size_t len);
/* Where in [0, 1 << LAT_RANGE_BITS) the next symbol lies; then lat_range_read_share with the
 * share of the symbol found there. */
uint32_t lat_range_read_place(const struct lat_range_reader *reader);
void lat_range_read_share(struct lat_range_reader *reader, uint32_t start, uint32_t share);
bool lat_range_read_bit(struct lat_range_reader *reader, uint32_t chance);
uint32_t lat_range_read_bits(struct lat_range_reader *reader, unsigned n);

#endif
