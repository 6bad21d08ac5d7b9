/* Sums of codes of 4 bits: by any way the same, and those of a plain loop. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/rng.h"
#include "index/nibbles.h"

enum { ROWS = LAT_NIBBLES_ROWS, PARTS = LAT_NIBBLES_PARTS, LEVELS = LAT_NIBBLES_LEVELS };

static struct {
    uint8_t codes[ROWS][PARTS], tables[PARTS * LEVELS];
    uint8_t block[PARTS * ROWS / 2];
    uint16_t sums[ROWS];
} made;

/* Random codes and tables of `n_parts`; with `full` every table holds nothing but 255. */
static void make(size_t n_parts, bool full)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, n_parts);
    memset(&made, 0, sizeof(made));
    for (size_t i = 0; i < n_parts * LEVELS; i++)
        made.tables[i] = full ? 255 : (uint8_t)lat_rng_below(&rng, 256);
    for (size_t row = 0; row < ROWS; row++) {
        for (size_t p = 0; p < n_parts; p++) {
            made.codes[row][p] = (uint8_t)lat_rng_below(&rng, LEVELS);
            made.sums[row] =
                (uint16_t)(made.sums[row] + made.tables[p * LEVELS + made.codes[row][p]]);
        }
        lat_nibbles_put(made.block, n_parts, row, made.codes[row]);
    }
}

static void check(lat_nibbles_scan *scan, size_t n_parts, uint16_t least)
{
    uint16_t sums[ROWS] = {0};
    uint32_t want = 0;
    const uint32_t reached = scan(made.block, n_parts, made.tables, least, sums);
    for (size_t row = 0; row < ROWS; row++)
        want |= (uint32_t)(made.sums[row] >= least) << row;
    cr_assert_eq(reached, want, "%zu parts, at least %u", n_parts, least);
    if (reached)
        cr_assert(memcmp(sums, made.sums, sizeof(sums)) == 0, "%zu parts", n_parts);
}

Test(index_nibbles, every_way_sums_up_alike)
{
    for (size_t n_parts = 2; n_parts <= PARTS; n_parts += n_parts < 8 ? 2 : 62) {
        make(n_parts, false);
        for (uint32_t least = 0; least <= UINT16_MAX; least += 97) {
            check(lat_nibbles_plain, n_parts, (uint16_t)least);
            check(lat_nibbles_quickest(), n_parts, (uint16_t)least);
        }
        for (size_t row = 0; row < ROWS; row++)
            for (int more = -1; more <= 1; more++)
                check(lat_nibbles_quickest(), n_parts, (uint16_t)(made.sums[row] + more));
    }
}

Test(index_nibbles, the_largest_sums_fit)
{
    make(PARTS, true);
    cr_assert_eq(made.sums[0], 65280);
    check(lat_nibbles_plain, PARTS, 65280);
    check(lat_nibbles_quickest(), PARTS, 65280);
    check(lat_nibbles_quickest(), PARTS, 65281);
}
