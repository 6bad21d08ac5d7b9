/* The scan goes a bitmap word (64 positions) at a time; a full word is a plain loop over rows.
 */
#include "index/exact.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "index/distance.h"

#include "base/banned.h"

enum { WORD = 64 };

enum lat_status lat_top_init(struct lat_top *top, size_t k, const struct lat_slot_map *ids,
                             struct lat_error *err)
{
    struct lat_candidate *items = lat_alloc_raw(k ? k : 1, sizeof(*items));
    if (!items)
        return lat_fail_memory(err);
    *top = (struct lat_top){.items = items, .k = k, .ids = ids};
    return LAT_OK;
}

void lat_top_release(struct lat_top *top)
{
    lat_free(top->items);
    *top = (struct lat_top){0};
}

/* Whether a is to stand behind b. */
static bool worse(const struct lat_top *top, struct lat_candidate a, struct lat_candidate b)
{
    if (a.score > b.score || a.score < b.score)
        return a.score > b.score;
    if (!top->ids)
        return a.position > b.position;
    return strcmp(lat_slot_map_id(top->ids, a.position),
                  lat_slot_map_id(top->ids, b.position)) > 0;
}

static void sink(struct lat_top *top, size_t n, size_t at)
{
    struct lat_candidate *items = top->items;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            return;
        if (child + 1 < n && worse(top, items[child + 1], items[child]))
            child++;
        if (!worse(top, items[child], items[at]))
            return;
        const struct lat_candidate swap = items[at];
        items[at] = items[child];
        items[child] = swap;
        at = child;
    }
}

static void rise(struct lat_top *top, size_t at)
{
    struct lat_candidate *items = top->items;
    while (at) {
        const size_t parent = (at - 1) / 2;
        if (!worse(top, items[at], items[parent]))
            return;
        const struct lat_candidate swap = items[at];
        items[at] = items[parent];
        items[parent] = swap;
        at = parent;
    }
}

void lat_top_offer(struct lat_top *top, struct lat_candidate candidate)
{
    if (top->n < top->k) {
        top->items[top->n] = candidate;
        rise(top, top->n++);
    } else if (top->k && worse(top, top->items[0], candidate)) {
        top->items[0] = candidate;
        sink(top, top->n, 0);
    }
}

void lat_top_sort(struct lat_top *top)
{
    for (size_t n = top->n; n > 1; n--) {
        const struct lat_candidate worst = top->items[0];
        top->items[0] = top->items[n - 1];
        top->items[n - 1] = worst;
        sink(top, n - 1, 0);
    }
}

float lat_top_bound(const struct lat_top *top)
{
    return top->n < top->k ? INFINITY : top->k ? top->items[0].score : -INFINITY;
}

static void look(const struct lat_vectors *vectors, size_t position,
                 const struct lat_scan *scan, struct lat_top *top, float *bound)
{
    const float *row = lat_vectors_row(vectors, position);
    const float score = lat_score(scan->metric, scan->query, row, vectors->d);
    if (score > *bound)
        return;
    lat_top_offer(top, (struct lat_candidate){score, (uint32_t)position});
    *bound = lat_top_bound(top);
}

/* The positions of word w that are within [from, to) and seen by the scan. */
static uint64_t visible(size_t w, size_t from, size_t to, const struct lat_scan *scan)
{
    uint64_t bits = ~UINT64_C(0);
    if (w == from / WORD)
        bits &= ~UINT64_C(0) << (from % WORD);
    if (w == to / WORD)
        bits &= ~(~UINT64_C(0) << (to % WORD));
    if (scan->shown)
        bits &= scan->shown[w];
    if (scan->passed)
        bits &= w < scan->n_passed_words ? scan->passed[w] : 0;
    return bits;
}

void lat_scan_range(const struct lat_vectors *vectors, size_t from, size_t to,
                    const struct lat_scan *scan, struct lat_top *top)
{
    float bound = lat_top_bound(top);
    if (from >= to)
        return;
    for (size_t w = from / WORD; w <= (to - 1) / WORD; w++) {
        uint64_t bits = visible(w, from, to, scan);
        if (bits == ~UINT64_C(0)) {
            for (size_t i = 0; i < WORD; i++)
                look(vectors, w * WORD + i, scan, top, &bound);
            continue;
        }
        for (; bits; bits &= bits - 1)
            look(vectors, w * WORD + (size_t)__builtin_ctzll(bits), scan, top, &bound);
    }
}
