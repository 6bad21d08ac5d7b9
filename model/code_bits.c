/* Opinions are added as log-odds, each times its weight; the weights move along the gradient of
 * the bit's code length. All numbers are integers and divisions round towards zero, so every
 * machine comes to the same chance. */
#include "model/code_bits.h"

#include "base/banned.h"

enum {
    WHOLE = 1 << 16,
    LEAST_CHANCE = 12, /* no bit costs less than what this leaves, or more than its inverse */
    ODDS_UNIT = 256,   /* of log-odds */
    ODDS_STEP = 64,    /* between two entries of squashed[] */
    ODDS_STEPS = 44,   /* entries either side of 0 */
    ODDS_MOST = ODDS_STEP * ODDS_STEPS - 1,
    SLOT_MEMORY = 200, /* bits a slot's chance is a mean of, in the long run */
    LEARN = 1 << 17,
    WEIGHT_MOST = 4 * WHOLE
};

/* 65536 / (1 + exp(-i / 4)), i from -44 to 44, rounded. */
static const int32_t squashed[2 * ODDS_STEPS + 1] = {
    1,     1,     2,     2,     3,     4,     5,     6,     8,     10,    13,    17,    22,
    28,    36,    47,    60,    77,    98,    126,   162,   208,   267,   342,   439,   562,
    720,   922,   1179,  1506,  1921,  2446,  3108,  3938,  4971,  6249,  7812,  9702,  11955,
    14595, 17625, 21025, 24743, 28693, 32768, 36843, 40793, 44511, 47911, 50941, 53581, 55834,
    57724, 59287, 60565, 61598, 62428, 63090, 63615, 64030, 64357, 64614, 64816, 64974, 65097,
    65194, 65269, 65328, 65374, 65410, 65438, 65459, 65476, 65489, 65500, 65508, 65514, 65519,
    65523, 65526, 65528, 65530, 65531, 65532, 65533, 65534, 65534, 65535, 65535};

static int32_t squash(int32_t odds)
{
    if (odds > ODDS_MOST)
        odds = ODDS_MOST;
    if (odds < -ODDS_MOST)
        odds = -ODDS_MOST;
    const int32_t from = odds + ODDS_STEP * ODDS_STEPS;
    const int32_t i = from / ODDS_STEP, rest = from % ODDS_STEP;
    return squashed[i] + (squashed[i + 1] - squashed[i]) * rest / ODDS_STEP;
}

/* The log-odds whose squash comes nearest from below, by walking both up together. */
static void fill_stretched(struct lat_bits *bits)
{
    int32_t odds = -ODDS_MOST;
    for (int32_t i = 0; i < 4096; i++) {
        while (odds < ODDS_MOST && squash(odds + 1) <= 16 * i + 8)
            odds++;
        bits->stretched[i] = (int16_t)odds;
    }
}

void lat_bits_write_to(struct lat_bits *bits, struct lat_buf *out)
{
    bits->writes = true;
    lat_range_writer_init(&bits->writer, out);
    fill_stretched(bits);
}

void lat_bits_read_from(struct lat_bits *bits, const void *bytes, size_t len)
{
    bits->writes = false;
    lat_range_reader_init(&bits->reader, bytes, len);
    fill_stretched(bits);
}

void lat_mix_init(struct lat_mix *mixes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < LAT_BITS_MIXED; k++)
            mixes[i].weights[k] = WHOLE / 4;
}

static bool code(struct lat_bits *bits, bool bit, uint32_t chance)
{
    if (!bits->writes)
        return lat_range_read_bit(&bits->reader, chance);
    lat_range_write_bit(&bits->writer, bit, chance);
    return bit;
}

static uint32_t bounded(int32_t chance)
{
    if (chance < LEAST_CHANCE)
        return LEAST_CHANCE;
    return chance > WHOLE - LEAST_CHANCE ? WHOLE - LEAST_CHANCE : (uint32_t)chance;
}

/* A running mean: of all bits so far at first, of the last SLOT_MEMORY or so later. */
static void learn(struct lat_slot *slot, bool bit)
{
    const int32_t target = bit ? WHOLE - 1 : 0;
    const int32_t change = 2 * (target - (int32_t)slot->chance) / (2 * slot->asked + 3);
    slot->chance = (uint16_t)((int32_t)slot->chance + change);
    if (slot->asked < SLOT_MEMORY)
        slot->asked++;
}

bool lat_bits_mixed(struct lat_bits *bits, bool bit, uint32_t prior,
                    struct lat_slot *const slots[LAT_BITS_MIXED - 1], struct lat_mix *mix)
{
    int32_t odds[LAT_BITS_MIXED] = {bits->stretched[prior >> 4]};
    int64_t sum = (int64_t)odds[0] * mix->weights[0];
    for (int i = 1; i < LAT_BITS_MIXED; i++) {
        struct lat_slot *slot = slots[i - 1];
        if (slot->asked == 0)
            slot->chance = (uint16_t)prior;
        odds[i] = bits->stretched[slot->chance >> 4];
        sum += (int64_t)odds[i] * mix->weights[i];
    }
    const int64_t mixed = sum / WHOLE;
    const int32_t chance = squash(mixed > ODDS_MOST    ? ODDS_MOST
                                  : mixed < -ODDS_MOST ? -ODDS_MOST
                                                       : (int32_t)mixed);
    bit = code(bits, bit, bounded(chance));
    const int32_t miss = (bit ? WHOLE : 0) - chance;
    for (int i = 0; i < LAT_BITS_MIXED; i++) {
        const int64_t moved = mix->weights[i] + (int64_t)odds[i] * miss / LEARN;
        mix->weights[i] = moved > WEIGHT_MOST    ? WEIGHT_MOST
                          : moved < -WEIGHT_MOST ? -WEIGHT_MOST
                                                 : (int32_t)moved;
        if (i > 0)
            learn(slots[i - 1], bit);
    }
    return bit;
}

bool lat_bits_adaptive(struct lat_bits *bits, bool bit, struct lat_slot *slot)
{
    if (slot->asked == 0)
        slot->chance = WHOLE / 2;
    bit = code(bits, bit, bounded(slot->chance));
    learn(slot, bit);
    return bit;
}

uint32_t lat_bits_plain(struct lat_bits *bits, uint32_t value, unsigned n)
{
    if (!bits->writes)
        return lat_range_read_bits(&bits->reader, n);
    lat_range_write_bits(&bits->writer, value, n);
    return value;
}
