/* Codes of 4 bits, summed up through tables that fit into a register: the scan behind an
 * inexact inner product (André, Kermarrec and Le Scouarnec 2015, "Cache locality is not enough:
 * high-performance nearest neighbor search with product quantization fast scan").
 *
 * A row has `n_parts` codes of 0 to 15, n_parts even and at most LAT_NIBBLES_PARTS. A table has
 * 16 bytes a part; a row's sum is that of the bytes its codes choose. Rows lie in blocks of 32,
 * a block in n_parts * 16 bytes: for each pair of parts 16 bytes of the first and 16 of the
 * second, byte j with row j in its lower half and row j + 16 in its upper. No state; any
 * thread. */
#ifndef LAT_INDEX_NIBBLES_H
#define LAT_INDEX_NIBBLES_H

#include <stddef.h>
#include <stdint.h>

enum {
    LAT_NIBBLES_ROWS = 32,   /* of a block */
    LAT_NIBBLES_PARTS = 256, /* sums fit into 16 bits */
    LAT_NIBBLES_LEVELS = 16
};

/* Bytes of a block. */
static inline size_t lat_nibbles_block_len(size_t n_parts)
{
    return n_parts * LAT_NIBBLES_ROWS / 2;
}

/* Puts a row's codes [n_parts] into its block, whose bytes of that row are 0. `row` < 32. */
void lat_nibbles_put(uint8_t *block, size_t n_parts, size_t row, const uint8_t *codes);

/* Sums of a block's rows by tables [n_parts][16]: bit i of the result says that the sum of row
 * i is at least `least`. With any bit set all sums are in out_sums [32], else it is untouched.
 */
typedef uint32_t lat_nibbles_scan(const uint8_t *block, size_t n_parts, const uint8_t *tables,
                                  uint16_t least, uint16_t *out_sums);

/* The quickest for this machine; the plain one does without vector instructions. */
lat_nibbles_scan *lat_nibbles_quickest(void);
lat_nibbles_scan lat_nibbles_plain;

#endif
