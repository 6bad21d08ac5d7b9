/* Bare FAISS, the limit of every search: a graph over the same rows with the same parameters.
 */
#ifndef LAT_BENCH_FAISS_RAW_H
#define LAT_BENCH_FAISS_RAW_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct faiss_raw;

/* An HNSW graph with Euclidean distances, built by `threads` threads. Aborts with FAISS's words
 * when it cannot. */
struct faiss_raw *faiss_raw_new(const float *rows, size_t n, size_t d, int m,
                                int ef_construction, int threads);
void faiss_raw_free(struct faiss_raw *raw);

/* One call for all queries, `threads` of FAISS's own. out_rows [n][k], out_distances the same.
 */
void faiss_raw_search(struct faiss_raw *raw, const float *queries, size_t n, size_t k, int ef,
                      int threads, int64_t *out_rows, float *out_distances);

#ifdef __cplusplus
}
#endif

#endif
