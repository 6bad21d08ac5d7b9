/* Open addressing over numbers; the table is at most half full. */
#include "model/words.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { FIRST_SLOTS = 64, NEAREST_MAX = 100000 };

/* FNV-1a, 64 bits, high half folded in (Fowler, Noll, Vo). */
static size_t hash(const char *text, size_t len)
{
    uint64_t h = UINT64_C(1469598103934665603);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ (h >> 29));
}

static bool is_word(const struct lat_words *words, uint32_t slot, const char *text, size_t len)
{
    const char *word = words->items[slot - 1];
    return strncmp(word, text, len) == 0 && word[len] == '\0';
}

/* Where the word is, or would be. */
static size_t place(const struct lat_words *words, const char *text, size_t len)
{
    size_t at = hash(text, len) & (words->n_slots - 1);
    while (words->slots[at] && !is_word(words, words->slots[at], text, len))
        at = (at + 1) & (words->n_slots - 1);
    return at;
}

bool lat_words_find(const struct lat_words *words, const char *text, size_t len,
                    uint32_t *out_number)
{
    if (!words->n_slots || memchr(text, '\0', len))
        return false;
    const uint32_t slot = words->slots[place(words, text, len)];
    if (slot)
        *out_number = slot - 1;
    return slot != 0;
}

static enum lat_status grow(struct lat_words *words, struct lat_error *err)
{
    if (words->n == words->capacity) {
        const size_t capacity = words->capacity ? 2 * words->capacity : FIRST_SLOTS / 2;
        const char **items =
            lat_realloc((void *)(uintptr_t)words->items, capacity, sizeof(*items));
        if (!items)
            return lat_fail_memory(err);
        words->items = items;
        words->capacity = capacity;
    }
    if (2 * (words->n + 1) <= words->n_slots)
        return LAT_OK;
    const size_t n_slots = words->n_slots ? 2 * words->n_slots : FIRST_SLOTS;
    uint32_t *slots = lat_alloc(n_slots, sizeof(*slots));
    if (!slots)
        return lat_fail_memory(err);
    lat_free(words->slots);
    words->slots = slots;
    words->n_slots = n_slots;
    for (size_t i = 0; i < words->n; i++)
        slots[place(words, words->items[i], strlen(words->items[i]))] = (uint32_t)i + 1;
    return LAT_OK;
}

enum lat_status lat_words_add(struct lat_words *words, const char *text, size_t len,
                              uint32_t *out_number, struct lat_error *err)
{
    if (lat_words_find(words, text, len, out_number))
        return LAT_OK;
    if (words->n >= INT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^31 words");
    const enum lat_status status = grow(words, err);
    if (status != LAT_OK)
        return status;
    const char *kept = lat_arena_strndup(&words->arena, text, len);
    if (!kept)
        return lat_fail_memory(err);
    words->items[words->n] = kept;
    words->slots[place(words, text, len)] = (uint32_t)words->n + 1;
    *out_number = (uint32_t)words->n++;
    return LAT_OK;
}

const char *lat_words_nearest(const struct lat_words *words, const char *text)
{
    return lat_nearest(text, words->items, words->n < NEAREST_MAX ? words->n : NEAREST_MAX);
}

void lat_words_release(struct lat_words *words)
{
    lat_arena_release(&words->arena);
    lat_free((void *)(uintptr_t)words->items);
    lat_free(words->slots);
    *words = (struct lat_words){0};
}
