/* What an import asks of the server before it sends anything: the collection, made if need be;
 * what its model takes; how much a request may hold. */
#ifndef LAT_CLI_IMPORT_COLLECTION_H
#define LAT_CLI_IMPORT_COLLECTION_H

#include "base/arena.h"
#include "cli/client.h"
#include "model/package.h"

/* What the collection's model takes. Zero-initialise; lat_import_model_release in every case.
 */
struct lat_import_model {
    struct lat_arena arena;
    bool known; /* false: the collection has no model, or the server does not say */
    enum lat_input_kind kind;
    size_t n;           /* tables: columns; sequences: features of a step */
    const char **names; /* [n]; NULL for features without names */
    bool *numeric;      /* [n], tables: which columns are numbers */
    float *means;       /* [n], sequences: what stands for a missing value */
    size_t length;      /* sequences: steps */
};

/* That the server does not say is no failure. */
enum lat_status lat_import_model_read(struct lat_client *client, const char *collection,
                                      struct lat_import_model *out_model,
                                      struct lat_error *err) LAT_MUST_USE;
void lat_import_model_release(struct lat_import_model *model);

/* Makes the collection, or finds it made like that: with `model`, or of `dimension` where that
 * is
 * "". `metric` may be "". LAT_INVALID with the server's words. */
enum lat_status lat_import_create(struct lat_client *client, const char *collection,
                                  const char *model, uint64_t dimension, const char *metric,
                                  struct lat_error *err) LAT_MUST_USE;

/* Lowers what a request holds to what the server's limits allow; failing to learn them is no
 * failure. */
void lat_import_limits(struct lat_client *client, size_t *inout_items, size_t *inout_bytes);

#endif
