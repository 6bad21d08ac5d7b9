#include "faiss_raw.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <omp.h>

#include <faiss/IndexHNSW.h>

struct faiss_raw {
    faiss::IndexHNSWFlat index;
    faiss_raw(int d, int m) : index(d, m)
    {
    }
};

struct faiss_raw *faiss_raw_new(const float *rows, size_t n, size_t d, int m,
                                int ef_construction, int threads)
{
    try {
        faiss_raw *raw = new faiss_raw(static_cast<int>(d), m);
        raw->index.hnsw.efConstruction = ef_construction;
        omp_set_num_threads(threads);
        raw->index.add(static_cast<faiss::Index::idx_t>(n), rows);
        return raw;
    } catch (const std::exception &e) {
        std::fprintf(stderr, "FAISS: %s\n", e.what());
        std::abort();
    }
}

void faiss_raw_free(struct faiss_raw *raw)
{
    delete raw;
}

void faiss_raw_search(struct faiss_raw *raw, const float *queries, size_t n, size_t k, int ef,
                      int threads, int64_t *out_rows, float *out_distances)
{
    try {
        /* Not by SearchParametersHNSW: version 1.7.3 takes its efSearch for nothing. */
        raw->index.hnsw.efSearch = ef;
        omp_set_num_threads(threads);
        raw->index.search(static_cast<faiss::Index::idx_t>(n), queries,
                          static_cast<faiss::Index::idx_t>(k), out_distances, out_rows);
    } catch (const std::exception &e) {
        std::fprintf(stderr, "FAISS: %s\n", e.what());
        std::abort();
    }
}
