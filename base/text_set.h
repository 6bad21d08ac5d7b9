/* A set of texts, each with the number it was added under: for finding what came before. */
#ifndef LAT_BASE_TEXT_SET_H
#define LAT_BASE_TEXT_SET_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Starts as zeroes. The texts are borrowed until the set is cleared or released. One thread at
 * a time. */
struct lat_text_set {
    struct lat_text_entry *slots;
    size_t n_slots, n;
    uint64_t seed;
};

/* *out_first is the number under which an equal text is there already, or `number` when this is
 * the first. False when out of memory: nothing has changed. */
bool lat_text_set_add(struct lat_text_set *set, const char *text, size_t number,
                      size_t *out_first) LAT_MUST_USE;
bool lat_text_set_has(const struct lat_text_set *set, const char *text);

/* Empty again, with its memory. */
void lat_text_set_clear(struct lat_text_set *set);
void lat_text_set_release(struct lat_text_set *set);

#endif
