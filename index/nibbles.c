/* One shuffle looks up 32 codes: 16 rows of one part in the lower half of the register, the
 * same rows of the next part in the upper. Bytes are added up in lanes of 16 bits: what the
 * even bytes add to the odd ones above them is taken away again at the end. */
#include "index/nibbles.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/banned.h"

enum { HALF = LAT_NIBBLES_ROWS / 2 };

void lat_nibbles_put(uint8_t *block, size_t n_parts, size_t row, const uint8_t *codes)
{
    uint8_t *byte = block + row % HALF;
    for (size_t part = 0; part < n_parts; part++, byte += HALF)
        *byte = (uint8_t)(*byte | codes[part] << (row < HALF ? 0 : 4));
}

uint32_t lat_nibbles_plain(const uint8_t *block, size_t n_parts, const uint8_t *tables,
                           uint16_t least, uint16_t *out_sums)
{
    uint16_t sums[LAT_NIBBLES_ROWS] = {0};
    uint32_t reached = 0;
    for (size_t part = 0; part < n_parts; part++, tables += LAT_NIBBLES_LEVELS)
        for (size_t j = 0; j < HALF; j++, block++) {
            sums[j] = (uint16_t)(sums[j] + tables[*block & 15]);
            sums[j + HALF] = (uint16_t)(sums[j + HALF] + tables[*block >> 4]);
        }
    for (size_t i = 0; i < LAT_NIBBLES_ROWS; i++)
        reached |= (uint32_t)(sums[i] >= least) << i;
    if (reached)
        memcpy(out_sums, sums, sizeof(sums));
    return reached;
}

#if defined(__x86_64__)

/* Of 16 rows: lanes that hold even bytes plus 256 times odd ones, and the odd ones. */
struct lanes {
    __m256i both, odd;
};

/* Two parts of the same row stand in the two halves: one sum a row, in the rows' order. */
__attribute__((target("avx2"))) static __m256i join(struct lanes lanes)
{
    const __m256i even = _mm256_sub_epi16(lanes.both, _mm256_slli_epi16(lanes.odd, 8));
    const __m128i e =
        _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    const __m128i o = _mm_add_epi16(_mm256_castsi256_si128(lanes.odd),
                                    _mm256_extracti128_si256(lanes.odd, 1));
    return _mm256_set_m128i(_mm_unpackhi_epi16(e, o), _mm_unpacklo_epi16(e, o));
}

/* A bit a row. */
__attribute__((target("avx2"))) static uint32_t reach(__m256i low, __m256i high, __m256i least)
{
    const __m256i a = _mm256_cmpeq_epi16(_mm256_max_epu16(low, least), low);
    const __m256i b = _mm256_cmpeq_epi16(_mm256_max_epu16(high, least), high);
    /* Packing goes by halves of registers: 0-7, 16-23, 8-15, 24-31. */
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(a, b), 0xD8);
    return (uint32_t)_mm256_movemask_epi8(packed);
}

__attribute__((target("avx2"))) static uint32_t scan_avx2(const uint8_t *block, size_t n_parts,
                                                          const uint8_t *tables, uint16_t least,
                                                          uint16_t *out_sums)
{
    const __m256i lower = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    struct lanes first = {zero, zero}, second = {zero, zero};
    for (size_t part = 0; part < n_parts; part += 2, block += 32, tables += 32) {
        const __m256i codes = _mm256_loadu_si256((const void *)block);
        const __m256i table = _mm256_loadu_si256((const void *)tables);
        const __m256i a = _mm256_shuffle_epi8(table, _mm256_and_si256(codes, lower));
        const __m256i b =
            _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(codes, 4), lower));
        first.both = _mm256_add_epi16(first.both, a);
        first.odd = _mm256_add_epi16(first.odd, _mm256_srli_epi16(a, 8));
        second.both = _mm256_add_epi16(second.both, b);
        second.odd = _mm256_add_epi16(second.odd, _mm256_srli_epi16(b, 8));
    }
    const __m256i low = join(first), high = join(second);
    const uint32_t reached = reach(low, high, _mm256_set1_epi16((short)least));
    if (reached) {
        _mm256_storeu_si256((void *)out_sums, low);
        _mm256_storeu_si256((void *)(out_sums + HALF), high);
    }
    return reached;
}

lat_nibbles_scan *lat_nibbles_quickest(void)
{
    return __builtin_cpu_supports("avx2") ? scan_avx2 : lat_nibbles_plain;
}

#else

lat_nibbles_scan *lat_nibbles_quickest(void)
{
    return lat_nibbles_plain;
}

#endif
