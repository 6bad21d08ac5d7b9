/* Parting rows into clusters around centres: Lloyd's k-means (1957, "Least squares quantization
 * in PCM"). */
#ifndef LAT_SERVICE_CLUSTERS_H
#define LAT_SERVICE_CLUSTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/status.h"

/* Rows [n][d], centres [k][d]. */
struct lat_clusters {
    size_t d, k;
    float *centres; /* the caller's */
};

/* Begins with rows chosen by `rng` and takes that many rounds; a centre without rows is put on
 * a row. k is at least 1, and at most n, else rows stand in several times. Once *stop is true
 * it ends with LAT_CANCELLED; LAT_NO_MEMORY. */
enum lat_status lat_clusters_find(const struct lat_clusters *clusters, const float *rows,
                                  size_t n, unsigned rounds, struct lat_rng *rng,
                                  const atomic_bool *stop, struct lat_error *err) LAT_MUST_USE;

/* The nearest centre of each row into out_nearest [n]. */
enum lat_status lat_clusters_assign(const struct lat_clusters *clusters, const float *rows,
                                    size_t n, uint32_t *out_nearest,
                                    struct lat_error *err) LAT_MUST_USE;

#endif
