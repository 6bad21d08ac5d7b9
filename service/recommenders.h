/* What recommending keeps between requests, made when it is first wanted: for each collection
 * the items its model does not know (service/cold.h), for each large model the index over its
 * items (service/retrieval.h), and what was served (service/served.h). All of it can be made
 * again: nothing is stored. Two threads of its own, started on first use, do what takes longer
 * than a request. Any thread may ask. */
#ifndef LAT_SERVICE_RECOMMENDERS_H
#define LAT_SERVICE_RECOMMENDERS_H

#include "index/store.h"
#include "service/cold.h"
#include "service/retrieval.h"
#include "service/served.h"

struct lat_recommenders;

/* `store` is borrowed and must outlive it. */
enum lat_status lat_recommenders_new(struct lat_store *store,
                                     struct lat_recommenders **out_recommenders,
                                     struct lat_error *err) LAT_MUST_USE;
/* Stops the threads; before registry and store are closed. NULL is fine. */
void lat_recommenders_free(struct lat_recommenders *recommenders);

struct lat_served *lat_recommenders_served(const struct lat_recommenders *recommenders);

/* The items of a collection that the model does not know, up to date but for what a bulk upload
 * left to the background. A reference (lat_cold_unref), or NULL: the collection has no codes,
 * or it could not be made, which is logged and costs those items their place only. */
struct lat_cold *lat_recommenders_cold(struct lat_recommenders *recommenders,
                                       struct lat_model *model,
                                       const struct lat_collection_info *info);

/* The index over the items of a large model: a reference (lat_recommenders_give_back), or NULL
 * while it is being built, and for a model that has or needs none: then a scan answers. */
struct lat_retrieval *lat_recommenders_retrieval(struct lat_recommenders *recommenders,
                                                 struct lat_model *model);
void lat_recommenders_give_back(struct lat_recommenders *recommenders,
                                struct lat_retrieval *retrieval); /* NULL is fine */

/* Lets go of the models of that name (`name` or `name@version`): they were unloaded. What is in
 * use goes with its last user, what is being built soon, unfinished. */
void lat_recommenders_forget(struct lat_recommenders *recommenders, const char *reference);

#endif
