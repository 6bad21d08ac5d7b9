/* Bits of codes through adaptive chances: what a decision's neighbours say about it, mixed
 * (Mahoney 2005, "Adaptive weighing of context models", section 2: the logistic mix). One
 * traversal writes or reads, by the same steps. Integers alone. One thread at a time. */
#ifndef LAT_MODEL_CODE_BITS_H
#define LAT_MODEL_CODE_BITS_H

#include "model/range_coder.h"

enum { LAT_BITS_MIXED = 5 }; /* opinions mixed to one */

/* What a context has seen: the chance of a 1 of 1 << 16, and how often it was asked. */
struct lat_slot {
    uint16_t chance, asked;
};

/* How much each opinion counts, of 1 << 16. */
struct lat_mix {
    int32_t weights[LAT_BITS_MIXED];
};

/* Either a writer or a reader. */
struct lat_bits {
    bool writes;
    struct lat_range_writer writer;
    struct lat_range_reader reader;
    int16_t stretched[4096]; /* ln(p / (1 - p)) in 1/256, by p / 16 */
};

void lat_bits_write_to(struct lat_bits *bits, struct lat_buf *out);
void lat_bits_read_from(struct lat_bits *bits, const void *bytes, size_t len);
void lat_mix_init(struct lat_mix *mixes, size_t n);

/* One bit: `bit` is written, or ignored and read; returns it. `prior` of 1 << 16 is the first
 * opinion and what a slot starts from; `slots` are the others. All learn from the bit. */
bool lat_bits_mixed(struct lat_bits *bits, bool bit, uint32_t prior,
                    struct lat_slot *const slots[LAT_BITS_MIXED - 1], struct lat_mix *mix);
/* One bit by one slot, which starts even. */
bool lat_bits_adaptive(struct lat_bits *bits, bool bit, struct lat_slot *slot);
/* The lowest `n` bits of `value`, not modelled. */
uint32_t lat_bits_plain(struct lat_bits *bits, uint32_t value, unsigned n);

#endif
