/* A set of words, each with its number: the items of a vocabulary, the categories of a column.
 * Numbers go up from 0 in the order of adding. Reading is safe from any number of threads once
 * nothing is added any more. */
#ifndef LAT_MODEL_WORDS_H
#define LAT_MODEL_WORDS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

/* Zero-initialise and use; lat_words_release in every case. */
struct lat_words {
    struct lat_arena arena; /* the texts */
    const char **items;     /* [n], NUL-terminated */
    uint32_t *slots;        /* number + 1 by hash, 0 = free */
    size_t n, capacity, n_slots;
};

/* The number of a word, which is added when it is new (copied). LAT_NO_MEMORY; LAT_TOO_LARGE
 * past 2^31 words. */
enum lat_status lat_words_add(struct lat_words *words, const char *text, size_t len,
                              uint32_t *out_number, struct lat_error *err) LAT_MUST_USE;

/* false: not among them. */
bool lat_words_find(const struct lat_words *words, const char *text, size_t len,
                    uint32_t *out_number);

/* The word nearest to `text`, or NULL when none is near. */
const char *lat_words_nearest(const struct lat_words *words, const char *text);

void lat_words_release(struct lat_words *words);

#endif
