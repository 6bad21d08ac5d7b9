/* What the tests of interactions share: one collection "c" without codes, short ways to write
 * and to ask. Everything asserts on failure. */
#ifndef LAT_TESTS_INDEX_INTERACTIONS_FIXTURE_H
#define LAT_TESTS_INDEX_INTERACTIONS_FIXTURE_H

#include "index/interactions.h"

/* A store with collection "c" of `d` dimensions; 0: interactions only. */
struct lat_store *people_open(uint32_t d);

/* user item weight at, of type "". */
void people_say(struct lat_store *store, const char *user, const char *item, float weight,
                int64_t at_ms);
void people_say_type(struct lat_store *store, const char *user, const char *item,
                     const char *type, float weight, int64_t at_ms);

/* "item:type:weight@at ..." of the whole history, newest first; "" for an unknown user. Static
 * storage. */
const char *people_history(struct lat_store *store, const char *user);

/* "item:score ..." of lat_store_popular. Static storage. */
const char *people_popular(struct lat_store *store, const struct lat_popular_query *query);
/* The k most popular of all time. */
const char *people_top(struct lat_store *store, size_t k);

struct lat_collection_info people_info(struct lat_store *store);

/* Stores item `id` without a code. */
void people_put_item(struct lat_store *store, const char *id, const char *metadata,
                     bool hidden);

/* Closes, and the check finds nothing. */
void people_close(struct lat_store *store);

#endif
