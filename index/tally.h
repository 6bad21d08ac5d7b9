/* What is known in memory of the items of one collection's interactions: their numbers, their
 * names, and how many users like each. Items are numbered 0, 1, 2, ... in the order in which
 * they came; a row of `interactions` says the number, the tally gives the name.
 *
 * Numbers are given before their transaction commits, so a reader of rows knows every number it
 * can meet. An item whose transaction failed, or whose last interaction was deleted, keeps its
 * number and name with no rows, and its number again when it comes again.
 *
 * Compact: per item 16 bytes, its name, and 8 bytes of hash table on average.
 *
 * Threads: the owner's lock. Readers share it; lat_tally_add, _restore and _apply want it
 * alone. The one writer may look up without it. Names stay where they are as long as the tally
 * lives, which may be no longer than the lock is held: it goes from one owner to another. */
#ifndef LAT_INDEX_TALLY_H
#define LAT_INDEX_TALLY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

#define LAT_NO_NUMBER UINT32_MAX

struct lat_tally_item {
    const char *name; /* in the arena; NULL: a number nobody has */
    uint32_t rows;    /* interactions; the item is in the database when there are any */
    uint32_t fans;    /* users with one that is not negative */
};

struct lat_tally {
    struct lat_tally_item *items; /* [n] by number */
    uint32_t *table;              /* [table_size] number + 1 by the hash of the name, 0: free */
    size_t n, capacity, n_named, table_size;
    uint64_t seed;
    struct lat_arena names;
    bool ready; /* counts are those of the rows */
};

void lat_tally_init(struct lat_tally *tally);
void lat_tally_release(struct lat_tally *tally);

/* LAT_NO_NUMBER when nobody has the name. */
uint32_t lat_tally_find(const struct lat_tally *tally, const char *name);

/* Gives `name`, which nobody has, the next number. LAT_TOO_LARGE when all are given. */
enum lat_status lat_tally_add(struct lat_tally *tally, const char *name, uint32_t *out_number,
                              struct lat_error *err) LAT_MUST_USE;
/* The same with the number it has in the database, for loading: LAT_CORRUPT when the number or
 * the name is taken. */
enum lat_status lat_tally_restore(struct lat_tally *tally, uint32_t number, const char *name,
                                  struct lat_error *err) LAT_MUST_USE;

/* A change of the counts of one item. */
struct lat_tally_change {
    uint32_t number;
    int32_t rows, fans;
};
void lat_tally_apply(struct lat_tally *tally, const struct lat_tally_change *changes, size_t n);

/* The m items with the highest scores, score descending, then name by its bytes; those of score
 * 0 are not among them. `scores` [n_scores] by number, NULL: the fans. `excluded` says whether
 * a name is to be left out; NULL: none. out_best[m]; returns how many there are. */
struct lat_tally_best {
    const char *name;
    uint32_t score;
};
size_t lat_tally_best(const struct lat_tally *tally, const uint32_t *scores, size_t n_scores,
                      bool (*excluded)(const void *context, const char *name),
                      const void *context, struct lat_tally_best *out_best, size_t m);

#endif
