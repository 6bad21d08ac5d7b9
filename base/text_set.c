/* Open addressing with linear probing, a power of two of slots, at most two thirds full. */
#include "base/text_set.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"

#include "base/banned.h"

enum { FIRST_SLOTS = 64 };

struct lat_text_entry {
    const char *text; /* NULL: free */
    size_t number;
};

/* The slot of `text`, or the free one where it belongs. */
static struct lat_text_entry *slot_of(const struct lat_text_set *set, const char *text)
{
    const size_t mask = set->n_slots - 1;
    size_t at = (size_t)lat_hash_bytes(set->seed, text, strlen(text)) & mask;
    while (set->slots[at].text && strcmp(set->slots[at].text, text) != 0)
        at = (at + 1) & mask;
    return &set->slots[at];
}

static bool grow(struct lat_text_set *set)
{
    struct lat_text_set grown = {.n_slots = set->n_slots ? set->n_slots * 2 : FIRST_SLOTS,
                                 .n = set->n,
                                 .seed =
                                     set->seed ? set->seed : lat_clock_ns() ^ (uintptr_t)set};
    grown.slots = lat_alloc(grown.n_slots, sizeof(*grown.slots));
    if (!grown.slots)
        return false;
    for (size_t i = 0; i < set->n_slots; i++)
        if (set->slots[i].text)
            *slot_of(&grown, set->slots[i].text) = set->slots[i];
    lat_free(set->slots);
    *set = grown;
    return true;
}

bool lat_text_set_add(struct lat_text_set *set, const char *text, size_t number,
                      size_t *out_first)
{
    if ((set->n + 1) * 3 > set->n_slots * 2 && !grow(set))
        return false;
    struct lat_text_entry *slot = slot_of(set, text);
    if (!slot->text) {
        *slot = (struct lat_text_entry){text, number};
        set->n++;
    }
    *out_first = slot->number;
    return true;
}

bool lat_text_set_has(const struct lat_text_set *set, const char *text)
{
    return set->n && slot_of(set, text)->text;
}

void lat_text_set_clear(struct lat_text_set *set)
{
    if (set->n)
        memset(set->slots, 0, set->n_slots * sizeof(*set->slots));
    set->n = 0;
}

void lat_text_set_release(struct lat_text_set *set)
{
    lat_free(set->slots);
    *set = (struct lat_text_set){0};
}
