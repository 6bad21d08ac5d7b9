/* A collection moved to another model: a new generation is built beside the one that serves,
 * and takes its name in one step (law 7). A generation is a collection of its own, hidden: its
 * name is no name, so that nobody but who asks here meets it. After the step the former one is
 * kept, hidden, until it is dropped or another is begun: going back is the same as going forth.
 *
 * The caller fills it through lat_store_write under its hidden name, in the order of
 * lat_store_changes of the one that serves, and notes how far it has come. Sequence numbers of
 * a later generation are higher, so that no version of an item ever means two things. */
#ifndef LAT_INDEX_GENERATIONS_H
#define LAT_INDEX_GENERATIONS_H

#include "index/store.h"

struct lat_generation {
    char name[LAT_COLLECTION_NAME_MAX]; /* hidden */
    char model[LAT_MODEL_REF_MAX];
    uint32_t dimension;
    bool former;     /* has served; else it is being built */
    uint64_t synced; /* changes of the serving one up to here are in it */
};

/* The hidden one beside a collection. LAT_NOT_FOUND no_generation. */
enum lat_status lat_store_generation(struct lat_store *store, const char *collection,
                                     struct lat_generation *out,
                                     struct lat_error *err) LAT_MUST_USE;
/* One for the model, of which `spec` says model and dimension, the rest is the collection's:
 * the hidden one that is there if it is of this model, else a new one in its place. Ready to be
 * written to. */
enum lat_status lat_store_generation_begin(struct lat_store *store, const char *collection,
                                           const struct lat_collection_spec *spec,
                                           struct lat_generation *out,
                                           struct lat_error *err) LAT_MUST_USE;
/* Changes of the serving one up to `synced` are in the hidden one; durable on return. */
enum lat_status lat_store_generation_note(struct lat_store *store, const char *collection,
                                          uint64_t synced, struct lat_error *err) LAT_MUST_USE;
/* Deletes from the hidden one what is not in the serving one any more. */
enum lat_status lat_store_generation_prune(struct lat_store *store, const char *collection,
                                           struct lat_error *err) LAT_MUST_USE;
/* While held, writers of the collection wait (at most a few seconds); searches do not. */
void lat_store_generation_hold(struct lat_store *store, bool held);
/* The hidden one serves from now on, if nothing was changed after `synced`: else LAT_BUSY.
 * Searches that have begun end with the generation they began with. */
enum lat_status lat_store_generation_switch(struct lat_store *store, const char *collection,
                                            uint64_t synced,
                                            struct lat_error *err) LAT_MUST_USE;
/* Drops the hidden one. LAT_NOT_FOUND no_generation. */
enum lat_status lat_store_generation_drop(struct lat_store *store, const char *collection,
                                          struct lat_error *err) LAT_MUST_USE;
/* Items whose input was not kept: their number, and the id of the first in `out_id` ("" for
 * none, at least LAT_ID_MAX + 1 bytes). */
enum lat_status lat_store_without_input(struct lat_store *store, const char *collection,
                                        uint64_t *out_n, char *out_id,
                                        struct lat_error *err) LAT_MUST_USE;

#endif
