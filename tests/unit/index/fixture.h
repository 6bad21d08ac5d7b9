/* What the tests of the store share: a store in a temporary folder, items made from seeds, and
 * the exact answer to compare with. */
#ifndef LAT_TESTS_INDEX_FIXTURE_H
#define LAT_TESTS_INDEX_FIXTURE_H

#include "index/store.h"

/* Opens and loads the store in test_path("data"); asserts on failure. */
struct lat_store *fixture_open(void);
struct lat_store *fixture_reopen(struct lat_store *store);
/* Opens it, with items [0, n) in a new collection "c". */
struct lat_store *fixture_open_with(uint32_t d, enum lat_distance metric,
                                    enum lat_index_type type, uint64_t n);

struct lat_collection_spec fixture_spec(const char *name, uint32_t d, enum lat_distance metric,
                                        enum lat_index_type type);
void fixture_create(struct lat_store *store, const struct lat_collection_spec *spec);

/* The code of item i, the same each time: numbers around 64 centres, as encoders give them;
 * with `flat` gaussian noise without structure, the hardest there is. */
void fixture_code(uint64_t i, uint32_t d, float *out);
void fixture_noise(uint64_t i, uint32_t d, float *out);

/* Puts items [from, to) in batches: id "item-%06llu", code fixture_code(i), metadata
 * {"n":i,"mod":i%1000,"label":"even"|"odd","tags":["t<i%3>","all"]}. */
void fixture_put(struct lat_store *store, const char *name, uint32_t d, uint64_t from,
                 uint64_t to);
void fixture_put_one(struct lat_store *store, const char *name, const char *id,
                     const float *code);
enum lat_status fixture_delete(struct lat_store *store, const char *name, const char *id);
void fixture_id(uint64_t i, char out[32]);

/* The share of the exact k nearest that `query` finds, over n_queries queries drawn beside the
 * items (fixture_code of numbers past a million); exact answers come from the same store. */
double fixture_recall(struct lat_store *store, const char *name, uint32_t d, size_t n_queries,
                      size_t k, const struct lat_filter *filter);

struct lat_query fixture_query(const float *code, size_t k);
struct lat_query fixture_query_by_id(const char *id, size_t k);
/* In collection "c"; assert that the call succeeds. What is found is the caller's to release.
 */
struct lat_search_result fixture_search(struct lat_store *store, const struct lat_query *query);
struct lat_write_result fixture_write(struct lat_store *store, const struct lat_write *write);

/* Whether a search with item i's own code has item i as its first hit; `parts` (LAT_ITEM_…) are
 * read with it. */
bool fixture_finds(struct lat_store *store, const char *name, uint32_t d, uint64_t i,
                   unsigned parts);

/* Waits until the index has taken in every row and no rebuild is due. */
void fixture_settle(struct lat_store *store, const char *name);

#endif
