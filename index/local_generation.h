/* Generations of the local store (generations.h): what the files that make, fill and switch
 * them share, and what writes and searches ask before they begin. */
#ifndef LAT_INDEX_LOCAL_GENERATION_H
#define LAT_INDEX_LOCAL_GENERATION_H

#include "index/generations.h"
#include "index/local_store.h"

/* A collection and the hidden one beside it, a reference each. */
struct lat_generation_pair {
    struct lat_collection *serving, *hidden;
};

/* Both by the collection's name; release them. LAT_NOT_FOUND, of a collection that has no other
 * generation no_generation. */
enum lat_status lat_generation_find(struct lat_local *store, const char *name,
                                    struct lat_generation_pair *out_pair,
                                    struct lat_error *err);
void lat_generation_release(struct lat_generation_pair *pair);

/* What the hidden one beside the collection of this key is called. */
void lat_generation_name(int64_t key, char out[LAT_COLLECTION_NAME_MAX]);
/* Where sequence numbers of a generation begin that comes after change `sequence` of another:
 * at the next whole 2^32. */
uint64_t lat_generation_first(uint64_t sequence);

/* ---- generations.h, of this store ---- */

enum lat_status lat_local_generation(struct lat_store *base, const char *name,
                                     struct lat_generation *out, struct lat_error *err);
enum lat_status lat_local_generation_begin(struct lat_store *base, const char *name,
                                           const struct lat_collection_spec *spec,
                                           struct lat_generation *out, struct lat_error *err);
enum lat_status lat_local_generation_note(struct lat_store *base, const char *name,
                                          uint64_t synced, struct lat_error *err);
enum lat_status lat_local_generation_prune(struct lat_store *base, const char *name,
                                           struct lat_error *err);
void lat_local_generation_hold(struct lat_store *base, bool held);
/* local_switch.c */
enum lat_status lat_local_generation_switch(struct lat_store *base, const char *name,
                                            uint64_t synced, struct lat_error *err);
enum lat_status lat_local_generation_drop(struct lat_store *base, const char *name,
                                          struct lat_error *err);
enum lat_status lat_local_without_input(struct lat_store *base, const char *name,
                                        uint64_t *out_n, char *out_id, struct lat_error *err);
/* Before a write to the collection of this name. */
void lat_generation_wait(struct lat_local *store, const char *name);
/* Whether such a write failed because the collection it had found gave its name to another
 * generation meanwhile: then it is made once more. */
bool lat_generation_moved(struct lat_local *store, const char *name, enum lat_status status,
                          const struct lat_error *err);
/* Of writes and searches: the collection is of the model their codes are of (NULL: whichever).
 * LAT_CONFLICT generation_changed. */
enum lat_status lat_generation_check(const struct lat_collection *collection, const char *model,
                                     struct lat_error *err);

#endif
