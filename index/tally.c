/* An array by number, and a table of open addressing over the names, at most two thirds full.
 * Nothing is ever taken out of either: numbers must not be given twice while somebody may hold
 * a row that says them.
 *
 * The best m are kept in a heap whose root is the worst of them, so that a name is looked at
 * only when its score would bring it in. */
#include "index/tally.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#include "base/banned.h"

enum { FIRST_ITEMS = 64, FIRST_TABLE = 128, NUMBER_MAX = 1 << 28 };

void lat_tally_init(struct lat_tally *tally)
{
    *tally = (struct lat_tally){.seed = lat_clock_ns() ^ (uintptr_t)tally};
}

void lat_tally_release(struct lat_tally *tally)
{
    lat_free(tally->items);
    lat_free(tally->table);
    lat_arena_release(&tally->names);
    *tally = (struct lat_tally){0};
}

/* ---- names ---- */

/* Where the name is, or belongs. The table is never full. */
static size_t place_of(const struct lat_tally *tally, const char *name)
{
    const size_t mask = tally->table_size - 1;
    size_t at = (size_t)lat_hash_bytes(tally->seed, name, strlen(name)) & mask;
    while (tally->table[at] && strcmp(tally->items[tally->table[at] - 1].name, name) != 0)
        at = (at + 1) & mask;
    return at;
}

uint32_t lat_tally_find(const struct lat_tally *tally, const char *name)
{
    if (!tally->n_named)
        return LAT_NO_NUMBER;
    const uint32_t entry = tally->table[place_of(tally, name)];
    return entry ? entry - 1 : LAT_NO_NUMBER;
}

static bool grow_table(struct lat_tally *tally)
{
    struct lat_tally grown = *tally;
    grown.table_size = tally->table_size ? tally->table_size * 2 : FIRST_TABLE;
    grown.table = lat_alloc(grown.table_size, sizeof(*grown.table));
    if (!grown.table)
        return false;
    for (size_t i = 0; i < tally->table_size; i++)
        if (tally->table[i])
            grown.table[place_of(&grown, tally->items[tally->table[i] - 1].name)] =
                tally->table[i];
    lat_free(tally->table);
    *tally = grown;
    return true;
}

/* Room for numbers below n. */
static bool grow_items(struct lat_tally *tally, size_t n)
{
    size_t capacity = tally->capacity ? tally->capacity : FIRST_ITEMS;
    while (capacity < n)
        capacity *= 2;
    if (capacity == tally->capacity)
        return true;
    struct lat_tally_item *items = lat_realloc(tally->items, capacity, sizeof(*items));
    if (!items)
        return false;
    tally->items = items;
    tally->capacity = capacity;
    return true;
}

/* The number is not taken, nor is the name. */
static enum lat_status enter(struct lat_tally *tally, uint32_t number, const char *name,
                             struct lat_error *err)
{
    if ((tally->n_named + 1) * 3 > tally->table_size * 2 && !grow_table(tally))
        return lat_fail_memory(err);
    if (!grow_items(tally, (size_t)number + 1))
        return lat_fail_memory(err);
    char *copy = lat_arena_strdup(&tally->names, name);
    if (!copy)
        return lat_fail_memory(err);
    while (tally->n <= number)
        tally->items[tally->n++] = (struct lat_tally_item){0};
    const size_t at = place_of(tally, name);
    tally->items[number].name = copy;
    tally->table[at] = number + 1;
    tally->n_named++;
    return LAT_OK;
}

enum lat_status lat_tally_add(struct lat_tally *tally, const char *name, uint32_t *out_number,
                              struct lat_error *err)
{
    const uint32_t number = (uint32_t)tally->n;
    if (tally->n >= NUMBER_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than %d items have interactions",
                        NUMBER_MAX);
    const enum lat_status status = enter(tally, number, name, err);
    if (status == LAT_OK)
        *out_number = number;
    return status;
}

enum lat_status lat_tally_restore(struct lat_tally *tally, uint32_t number, const char *name,
                                  struct lat_error *err)
{
    if (number >= NUMBER_MAX || (number < tally->n && tally->items[number].name) ||
        lat_tally_find(tally, name) != LAT_NO_NUMBER)
        return lat_fail(err, LAT_CORRUPT, "corrupt_interactions",
                        "item '%s' of interactions: its number or its name is there twice",
                        name);
    return enter(tally, number, name, err);
}

/* ---- counts ---- */

void lat_tally_apply(struct lat_tally *tally, const struct lat_tally_change *changes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct lat_tally_item *item = &tally->items[changes[i].number];
        item->rows += (uint32_t)changes[i].rows;
        item->fans += (uint32_t)changes[i].fans;
    }
}

static bool is_worse(const struct lat_tally_best *a, const struct lat_tally_best *b)
{
    return a->score != b->score ? a->score < b->score : strcmp(a->name, b->name) > 0;
}

/* Puts `one` at the root of heap[n] and lets it sink. */
static void sink(struct lat_tally_best *heap, size_t n, struct lat_tally_best one)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && is_worse(&heap[child + 1], &heap[child]))
            child++;
        if (!is_worse(&heap[child], &one))
            break;
        heap[at] = heap[child];
    }
    heap[at] = one;
}

/* Puts `one` at the end, heap[n], and lets it rise. */
static void rise(struct lat_tally_best *heap, size_t n, struct lat_tally_best one)
{
    size_t at = n;
    while (at && is_worse(&one, &heap[(at - 1) / 2])) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = one;
}

size_t lat_tally_best(const struct lat_tally *tally, const uint32_t *scores, size_t n_scores,
                      bool (*excluded)(const void *context, const char *name),
                      const void *context, struct lat_tally_best *out_best, size_t m)
{
    const size_t n_items = scores && n_scores < tally->n ? n_scores : tally->n;
    size_t n = 0;
    for (size_t i = 0; i < n_items && m; i++) {
        const struct lat_tally_best one = {tally->items[i].name,
                                           scores ? scores[i] : tally->items[i].fans};
        if (!one.score || !one.name || (n == m && !is_worse(&out_best[0], &one)) ||
            (excluded && excluded(context, one.name)))
            continue;
        if (n < m)
            rise(out_best, n++, one);
        else
            sink(out_best, n, one);
    }
    for (size_t last = n; last > 1; last--) { /* the worst to the end, again and again */
        const struct lat_tally_best worst = out_best[0];
        sink(out_best, last - 1, out_best[last - 1]);
        out_best[last - 1] = worst;
    }
    return n;
}
