/* The scores of the last few windows of popular items that were asked for. Counting one takes a
 * pass over the rows; while nothing is written, asking for the same again costs a copy.
 *
 * Scores belong to the changes their reader could see. They are remembered under the number of
 * changes published before that reader began, and count only while it is still the same: a
 * commit that the reader saw and that is published later makes them useless, which is right. */
#include <string.h>

#include "base/mem.h"
#include "index/local_interactions.h"

#include "base/banned.h"

uint64_t lat_windows_changes(struct lat_collection *collection)
{
    lat_rwlock_read(&collection->tally_lock);
    const uint64_t changes = collection->changes;
    lat_rwlock_unlock(&collection->tally_lock);
    return changes;
}

static uint32_t *copy_scores(const uint32_t *scores, size_t n)
{
    uint32_t *copy = lat_alloc_raw(n ? n : 1, sizeof(*copy));
    if (copy && n)
        memcpy(copy, scores, n * sizeof(*copy));
    return copy;
}

bool lat_windows_recall(struct lat_collection *collection, int64_t since_ms,
                        uint32_t **out_scores, size_t *out_n)
{
    bool found = false;
    lat_rwlock_read(&collection->tally_lock);
    for (size_t i = 0; i < LAT_WINDOWS && !found; i++) {
        const struct lat_window *window = &collection->windows[i];
        if (!window->scores || window->since_ms != since_ms ||
            window->changes != collection->changes)
            continue;
        uint32_t *copy = copy_scores(window->scores, window->n);
        found = copy != NULL;
        if (found) {
            *out_scores = copy;
            *out_n = window->n;
        }
    }
    lat_rwlock_unlock(&collection->tally_lock);
    return found;
}

void lat_windows_remember(struct lat_collection *collection, int64_t since_ms, uint64_t changes,
                          const uint32_t *scores, size_t n)
{
    uint32_t *copy = copy_scores(scores, n), *old = NULL;
    if (!copy)
        return; /* no memory: it is counted again */
    lat_rwlock_write(&collection->tally_lock);
    struct lat_window *window = &collection->windows[collection->next_window];
    for (size_t i = 0; i < LAT_WINDOWS; i++)
        if (collection->windows[i].since_ms == since_ms && collection->windows[i].scores)
            window = &collection->windows[i];
    if (window == &collection->windows[collection->next_window])
        collection->next_window = (collection->next_window + 1) % LAT_WINDOWS;
    old = window->scores;
    *window =
        (struct lat_window){.since_ms = since_ms, .changes = changes, .scores = copy, .n = n};
    lat_rwlock_unlock(&collection->tally_lock);
    lat_free(old);
}

void lat_windows_forget(struct lat_collection *collection)
{
    for (size_t i = 0; i < LAT_WINDOWS; i++) {
        lat_free(collection->windows[i].scores);
        collection->windows[i] = (struct lat_window){0};
    }
}
