/* A number is told as a row of yes-no decisions: is it 0, its sign, is it more than 1, 2, … 8,
 * then how many bits the rest has and those bits. Each decision is given five opinions
 * (code_bits.h): the prior's, and what was seen before in the same plane; among neighbours as
 * large, in planes as busy; where the planes before are as busy at this place; and where both
 * are so.
 *
 * A plane whose numbers follow their neighbours (brightness does) is told as differences to
 * what they foretell; whether, the writer finds out and says. */
#include "model/code_planes.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/code_bits.h"

#include "base/banned.h"

enum {
    SINGLE = 8,   /* magnitudes told one by one */
    LENGTHS = 26, /* of the rest, in bits */
    D_ZERO = 0,   /* decisions: */
    D_SIGN = 1,
    D_MORE = 2, /* … D_MORE + SINGLE - 2 */
    D_LENGTH = D_MORE + SINGLE - 1,
    D_TOP = D_LENGTH + LENGTHS,
    DECISIONS = D_TOP + LENGTHS,
    CLASSES = 10, /* planes by how often they are 0; the last: those foretold */
    NEARS = 13,   /* classes of what lies beside a number */
    DEEPS = 17,   /* classes of what lies in the planes before */
    EVEN = 1 << 15,
    PLANE_DIRECT = 0,
    PLANE_EDGE = 1, /* foretold by the median of left, above, and their sum less the corner */
    PLANE_MEAN = 2, /* by the mean of left and above */
    PLANE_MODES = 3,
    ENERGY_MOST = 15 /* what one number adds to its place */
};

struct plane_order {
    uint32_t zero; /* the prior's chance of 0, of 1 << 16 */
    uint32_t plane;
};

struct coder {
    struct lat_bits bits;
    const struct lat_prior *prior;
    uint32_t step;
    size_t height, width;
    int32_t *told;    /* [(height + 1)][width + 2]: this plane as told, margins 0 */
    int32_t *whole;   /* the same shape: this plane's numbers, where they are foretold */
    uint32_t *energy; /* [(height + 2)][width + 2]: of the planes before, margins 0 */
    struct lat_slot *by_plane;    /* [DECISIONS], anew for each plane */
    struct lat_slot *by_near;     /* [CLASSES][NEARS][DECISIONS] */
    struct lat_slot *by_deep;     /* [CLASSES][DEEPS][DECISIONS] */
    struct lat_slot *by_both;     /* [NEARS][DEEPS][DECISIONS] */
    struct lat_mix *mixes;        /* [CLASSES][DECISIONS] */
    struct plane_order *order;    /* [planes] */
    uint32_t chances[SINGLE + 1]; /* the prior's of |q| > i, of 1 << 16, for this plane */
    uint32_t class;
    int mode;
};

/* ---- what is known before ---- */

/* Numbers q with edge(q) below them; edges in units of 2^-17. */
static uint32_t below(const struct lat_prior_channel *channel, uint32_t step, int64_t twice_q)
{
    return lat_prior_below(channel, twice_q * (int64_t)step);
}

/* Of 1 << 16, never 0 or all. */
static uint32_t share(uint32_t part, uint32_t of)
{
    const uint64_t scaled = ((uint64_t)part << 16) / ((uint64_t)of + 1);
    const uint32_t least = 8, most = (1U << 16) - least;
    return scaled < least ? least : scaled > most ? most : (uint32_t)scaled;
}

/* The chance of a magnitude above i. */
static uint32_t above(const struct lat_prior_channel *channel, uint32_t step, int i)
{
    return LAT_PRIOR_WHOLE - below(channel, step, 2 * i + 1) +
           below(channel, step, -(2 * i + 1));
}

static void begin_plane(struct coder *coder, size_t plane)
{
    const struct lat_prior_channel *channel = &coder->prior->channels[plane];
    uint32_t before = LAT_PRIOR_WHOLE;
    for (int i = 0; i <= SINGLE; i++) {
        const uint32_t now = above(channel, coder->step, i);
        coder->chances[i] = coder->mode == PLANE_DIRECT ? share(now, before) : EVEN;
        before = now;
    }
    uint32_t class = 0;
    const uint32_t more = above(channel, coder->step, 0);
    while (class + 2 < CLASSES && more < (uint32_t)LAT_PRIOR_WHOLE >> (class + 1))
        class ++;
    coder->class = coder->mode == PLANE_DIRECT ? class : CLASSES - 1;
    memset(coder->by_plane, 0, DECISIONS * sizeof(*coder->by_plane));
}

static int by_order(const void *a, const void *b)
{
    const struct plane_order *x = a, *y = b;
    if (x->zero != y->zero)
        return x->zero < y->zero ? -1 : 1;
    return (x->plane > y->plane) - (x->plane < y->plane);
}

static void order_planes(struct coder *coder)
{
    for (size_t i = 0; i < coder->prior->n; i++)
        coder->order[i] = (struct plane_order){
            .zero = LAT_PRIOR_WHOLE - above(&coder->prior->channels[i], coder->step, 0),
            .plane = (uint32_t)i};
    qsort(coder->order, coder->prior->n, sizeof(*coder->order), by_order);
}

/* ---- one number ---- */

static uint32_t magnitude(int32_t q)
{
    return (uint32_t)(q < 0 ? -q : q);
}

/* 0, 1, 2, 3, then two classes an octave. */
static uint32_t class_of(uint32_t value, uint32_t n)
{
    uint32_t class = value, octave = 0;
    if (value > 3) {
        while (value >> (octave + 1) > 1)
            octave++; /* value is of octave + 1 … */
        class = 2 * octave + ((value >> octave) & 1) + 2;
    }
    return class < n ? class : n - 1;
}

struct place {
    uint32_t near, deep;
    int32_t left, up, corner, right; /* as told */
};

static size_t at_told(const struct coder *coder, size_t y, size_t x)
{
    return (y + 1) * (coder->width + 2) + x + 1;
}

static struct place look(const struct coder *coder, size_t y, size_t x)
{
    const size_t line = coder->width + 2, at = at_told(coder, y, x);
    const int32_t *told = coder->told + at;
    const uint32_t *energy = coder->energy + at;
    struct place place = {.left = told[-1],
                          .up = *(told - line),
                          .corner = *(told - line - 1),
                          .right = *(told - line + 1)};
    const uint64_t beside = 2 * ((uint64_t)magnitude(place.left) + magnitude(place.up)) +
                            magnitude(place.corner) + magnitude(place.right);
    const uint32_t around = *(energy - line) + energy[line] + energy[-1] + energy[1];
    place.near = class_of(beside > UINT32_MAX ? UINT32_MAX : (uint32_t)beside, NEARS);
    place.deep = class_of((4 * energy[0] + around) / 2, DEEPS);
    return place;
}

static bool decide(struct coder *coder, const struct place *place, int decision, uint32_t prior,
                   bool bit)
{
    const size_t near = place->near, deep = place->deep, class = coder->class;
    struct lat_slot *const slots[LAT_BITS_MIXED - 1] = {
        coder->by_plane + decision,
        coder->by_near + (class * NEARS + near) * DECISIONS + decision,
        coder->by_deep + (class * DEEPS + deep) * DECISIONS + decision,
        coder->by_both + (near * DEEPS + deep) * DECISIONS + decision};
    return lat_bits_mixed(&coder->bits, bit, prior, slots,
                          &coder->mixes[class * DECISIONS + decision]);
}

/* What lies beyond SINGLE: its length in bits one by one, its second bit, the others plain. */
static uint32_t rest_of(struct coder *coder, const struct place *place, uint32_t rest)
{
    const uint32_t value = rest + 1;
    unsigned length = 0;
    while (length + 1 < LENGTHS &&
           decide(coder, place, D_LENGTH + (int)length, EVEN, value >> (length + 1) != 0))
        length++;
    if (length == 0)
        return 0;
    const bool top =
        decide(coder, place, D_TOP + (int)length, EVEN, (value >> (length - 1) & 1) != 0);
    const uint32_t low =
        lat_bits_plain(&coder->bits, value & ((1U << (length - 1)) - 1), length - 1);
    return (1U << length | (uint32_t)top << (length - 1) | low) - 1;
}

static int32_t code_number(struct coder *coder, const struct place *place, int32_t q)
{
    const uint32_t size = magnitude(q);
    if (!decide(coder, place, D_ZERO, coder->chances[0], size != 0))
        return 0;
    uint32_t m = 1;
    while (m < SINGLE && decide(coder, place, D_MORE + (int)m - 1, coder->chances[m], size > m))
        m++;
    if (m == SINGLE)
        m += rest_of(coder, place, size - SINGLE);
    /* Neighbours of one sign foretell it, more surely the larger they are. */
    const int32_t lean =
        (place->left > 0) - (place->left < 0) + (place->up > 0) - (place->up < 0);
    const struct place side = {.near = (uint32_t)(lean + 2), .deep = m < 3 ? m : 3};
    const bool minus = decide(coder, &side, D_SIGN, EVEN, q < 0);
    if (m > 2 * LAT_CODE_MOST) /* a difference of two */
        m = 2 * LAT_CODE_MOST;
    return minus ? -(int32_t)m : (int32_t)m;
}

/* ---- planes ---- */

static int32_t foretold(const int32_t *whole, size_t line, int mode)
{
    const int32_t left = whole[-1], up = *(whole - line), corner = *(whole - line - 1);
    if (mode == PLANE_MEAN)
        return (left + up) / 2;
    const int32_t low = left < up ? left : up, high = left < up ? up : left;
    const int32_t sum = left + up - corner;
    return sum < low ? low : sum > high ? high : sum;
}

static int32_t clamp(int64_t value)
{
    return value > LAT_CODE_MOST    ? LAT_CODE_MOST
           : value < -LAT_CODE_MOST ? -LAT_CODE_MOST
                                    : (int32_t)value;
}

/* Margins of `whole` repeat its border, so that the first row and column are foretold too. */
static void keep_whole(struct coder *coder, size_t y, size_t x, int32_t value)
{
    int32_t *at = coder->whole + at_told(coder, y, x);
    const size_t line = coder->width + 2;
    *at = value;
    if (x == 0) {
        at[-1] = y == 0 ? value : *(at - line); /* of this row; the next looks above itself */
        at[line - 1] = value;
    }
}

static void code_plane(struct coder *coder, int32_t *plane)
{
    const size_t line = coder->width + 2;
    for (size_t y = 0; y < coder->height; y++)
        for (size_t x = 0; x < coder->width; x++) {
            int32_t *q = plane + y * coder->width + x;
            const size_t at = at_told(coder, y, x);
            const struct place place = look(coder, y, x);
            const int32_t guess = coder->mode == PLANE_DIRECT
                                      ? 0
                                      : foretold(coder->whole + at, line, coder->mode);
            const int32_t told =
                code_number(coder, &place, coder->bits.writes ? *q - guess : 0);
            coder->told[at] = told;
            if (!coder->bits.writes)
                *q = clamp((int64_t)told + guess);
            if (coder->mode != PLANE_DIRECT)
                keep_whole(coder, y, x, *q);
        }
}

/* Lengths of numbers in bits, summed: what a mode would about cost. */
static uint64_t cost_of(struct coder *coder, const int32_t *plane, int mode)
{
    const size_t line = coder->width + 2;
    uint64_t cost = 0;
    for (size_t y = 0; y < coder->height; y++)
        for (size_t x = 0; x < coder->width; x++) {
            const int32_t q = plane[y * coder->width + x];
            const size_t at = at_told(coder, y, x);
            const int32_t guess =
                mode == PLANE_DIRECT ? 0 : foretold(coder->whole + at, line, mode);
            for (uint32_t rest = magnitude(q - guess); rest; rest >>= 1)
                cost += 2;
            keep_whole(coder, y, x, q);
        }
    return cost;
}

static void clear_plane(struct coder *coder)
{
    const size_t n = (coder->height + 2) * (coder->width + 2);
    memset(coder->told, 0, n * sizeof(*coder->told));
    memset(coder->whole, 0, n * sizeof(*coder->whole));
}

/* A plane is foretold only where that clearly pays: the prior then says nothing. */
static int choose_mode(struct coder *coder, const int32_t *plane)
{
    uint64_t best = 0;
    int chosen = PLANE_DIRECT;
    for (int mode = 0; mode < PLANE_MODES; mode++) {
        clear_plane(coder);
        uint64_t cost = cost_of(coder, plane, mode);
        cost += mode == PLANE_DIRECT ? 0 : cost / 8 + 64;
        if (mode == 0 || cost < best) {
            best = cost;
            chosen = mode;
        }
    }
    return chosen;
}

static void add_energy(struct coder *coder)
{
    for (size_t y = 0; y < coder->height; y++)
        for (size_t x = 0; x < coder->width; x++) {
            const size_t at = at_told(coder, y, x);
            const uint32_t size = magnitude(coder->told[at]);
            coder->energy[at] += size < ENERGY_MOST ? size : ENERGY_MOST;
        }
}

static bool is_empty(const int32_t *plane, size_t n)
{
    size_t i = 0;
    while (i < n && plane[i] == 0)
        i++;
    return i == n;
}

static void code_all(struct coder *coder, int32_t *q)
{
    const size_t n = coder->height * coder->width;
    struct lat_slot empty = {0}, modes[PLANE_MODES] = {{0}};
    order_planes(coder);
    for (size_t i = 0; i < coder->prior->n; i++) {
        int32_t *plane = q + coder->order[i].plane * n;
        const bool writes = coder->bits.writes;
        if (lat_bits_adaptive(&coder->bits, writes && is_empty(plane, n), &empty)) {
            memset(plane, 0, n * sizeof(*plane));
            continue;
        }
        const int mode = writes ? choose_mode(coder, plane) : 0;
        coder->mode = PLANE_DIRECT;
        if (lat_bits_adaptive(&coder->bits, mode != PLANE_DIRECT, &modes[0]))
            coder->mode = lat_bits_adaptive(&coder->bits, mode == PLANE_MEAN, &modes[1])
                              ? PLANE_MEAN
                              : PLANE_EDGE;
        clear_plane(coder);
        begin_plane(coder, coder->order[i].plane);
        code_plane(coder, plane);
        add_energy(coder);
    }
}

/* ---- the interface ---- */

static void release(struct coder *coder)
{
    if (!coder)
        return;
    lat_free(coder->told);
    lat_free(coder->whole);
    lat_free(coder->energy);
    lat_free(coder->by_plane);
    lat_free(coder->mixes);
    lat_free(coder->order);
    lat_free(coder);
}

static enum lat_status make(const struct lat_prior *prior, uint32_t step, size_t height,
                            size_t width, struct coder **out_coder, struct lat_error *err)
{
    const size_t slots = DECISIONS * (1 + (size_t)CLASSES * (NEARS + DEEPS) + NEARS * DEEPS);
    const size_t n = (height + 2) * (width + 2);
    struct coder *coder = lat_alloc(1, sizeof(*coder));
    if (!coder)
        return lat_fail_memory(err);
    coder->prior = prior;
    coder->step = step;
    coder->height = height;
    coder->width = width;
    coder->told = lat_alloc_raw(n, sizeof(*coder->told));
    coder->whole = lat_alloc_raw(n, sizeof(*coder->whole));
    coder->energy = lat_alloc(n, sizeof(*coder->energy));
    coder->by_plane = lat_alloc(slots, sizeof(*coder->by_plane));
    coder->mixes = lat_alloc((size_t)CLASSES * DECISIONS, sizeof(*coder->mixes));
    coder->order = lat_alloc_raw(prior->n, sizeof(*coder->order));
    if (!coder->told || !coder->whole || !coder->energy || !coder->by_plane || !coder->mixes ||
        !coder->order) {
        release(coder);
        return lat_fail_memory(err);
    }
    coder->by_near = coder->by_plane + DECISIONS;
    coder->by_deep = coder->by_near + (size_t)CLASSES * NEARS * DECISIONS;
    coder->by_both = coder->by_deep + (size_t)CLASSES * DEEPS * DECISIONS;
    lat_mix_init(coder->mixes, (size_t)CLASSES * DECISIONS);
    *out_coder = coder;
    return LAT_OK;
}

enum lat_status lat_planes_write(const struct lat_prior *prior, uint32_t step, const int32_t *q,
                                 size_t height, size_t width, struct lat_buf *out,
                                 struct lat_error *err)
{
    struct coder *coder = NULL;
    const enum lat_status status = make(prior, step, height, width, &coder, err);
    if (status != LAT_OK)
        return status;
    lat_bits_write_to(&coder->bits, out);
    code_all(coder,
             (int32_t *)(uintptr_t)q); /* a writer changes nothing but zeroes to zeroes */
    lat_range_writer_finish(&coder->bits.writer);
    release(coder);
    return lat_buf_check(out, err);
}

enum lat_status lat_planes_read(const struct lat_prior *prior, uint32_t step, const void *bytes,
                                size_t len, size_t height, size_t width, int32_t *out_q,
                                struct lat_error *err)
{
    struct coder *coder = NULL;
    const enum lat_status status = make(prior, step, height, width, &coder, err);
    if (status != LAT_OK)
        return status;
    lat_bits_read_from(&coder->bits, bytes, len);
    code_all(coder, out_q);
    release(coder);
    return LAT_OK;
}
