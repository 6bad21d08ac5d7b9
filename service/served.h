/* What was recommended lately: under each recommendation id the items it has named so far, so
 * that its next page repeats none and feedback on it can be counted.
 *
 * In memory and bounded: the oldest recommendations are forgotten first, and all of them when
 * the process ends. Of an item only a hash of 64 bits is kept. Any thread; nothing here waits.
 */
#ifndef LAT_SERVICE_SERVED_H
#define LAT_SERVICE_SERVED_H

#include <stdint.h>

#include "base/status.h"

enum {
    LAT_SERVED_ID_SIZE = 33,   /* 32 hexadecimal digits and the NUL */
    LAT_SERVED_KEPT = 100000,  /* recommendations */
    LAT_SERVED_ITEMS = 4 << 20 /* items of all of them together */
};

struct lat_served;

enum lat_status lat_served_new(size_t n_kept, size_t n_items, struct lat_served **out_served,
                               struct lat_error *err) LAT_MUST_USE;
void lat_served_free(struct lat_served *served); /* NULL is fine */

/* What stands for an item; and for whom a recommendation is. */
uint64_t lat_served_hash(const struct lat_served *served, const char *item);
uint64_t lat_served_whose(const struct lat_served *served, const char *collection,
                          const char *user);

/* A new recommendation of `n` items from a source (a static word, for counting hits). Without
 * memory the id is made all the same, and is as one that was forgotten. */
void lat_served_begin(struct lat_served *served, uint64_t whose, const char *source,
                      const uint64_t *items, size_t n, char out_id[LAT_SERVED_ID_SIZE]);

/* The first `after` items of a recommendation, copied into out_items [after]. LAT_NOT_FOUND
 * recommendation_expired: forgotten, or never made, or somebody else's, or not as long. */
enum lat_status lat_served_read(struct lat_served *served, const char *id, uint64_t whose,
                                size_t after, uint64_t *out_items,
                                struct lat_error *err) LAT_MUST_USE;

/* The page behind the first `after` items is this. Asked for again it may have changed; then
 * the pages behind it have to be asked for again, too. */
void lat_served_page(struct lat_served *served, const char *id, size_t after,
                     const uint64_t *items, size_t n);

enum lat_feedback {
    LAT_FEEDBACK_HIT,      /* of an item that was in it */
    LAT_FEEDBACK_NEGATIVE, /* the same, with a negative weight */
    LAT_FEEDBACK_OTHER,    /* of an item that was not */
    LAT_FEEDBACK_EXPIRED   /* on a recommendation that is not known (any more) */
};
extern const char *const lat_feedback_names[4];

/* What an interaction says about a recommendation. *out_source is the recommendation's source
 * with its first hit, else NULL. */
enum lat_feedback lat_served_feedback(struct lat_served *served, const char *id, uint64_t whose,
                                      const char *item, bool negative, const char **out_source);

#endif
