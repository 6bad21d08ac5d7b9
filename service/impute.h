/* Filling in rows: the use case behind impute. */
#ifndef LAT_SERVICE_IMPUTE_H
#define LAT_SERVICE_IMPUTE_H

#include "model/impute.h"
#include "service/http.h"

enum { LAT_IMPUTE_NEIGHBOURS_USUAL = 20, LAT_IMPUTE_NEIGHBOURS_MAX = 1000 };

struct lat_impute_request {
    struct lat_impute_options options;
    const char *collection; /* neighbours: where they are looked for; else NULL */
    size_t k;               /* neighbours: how many */
};

/* rows [n][elements], NaN in the holes. Runs go through the server's batch queue; adds to the
 * call's timing. LAT_INVALID wrong_model for a collection of another model, no_neighbours for
 * an empty one; else as lat_impute. Zero-initialise *out; lat_imputed_release in every case. */
enum lat_status lat_impute_run(struct lat_call *call, struct lat_model *model,
                               const float *rows, size_t n,
                               const struct lat_impute_request *request,
                               struct lat_imputed *out, struct lat_error *err) LAT_MUST_USE;

#endif
