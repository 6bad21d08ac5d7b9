/* The links of an index: faiss::HNSW and what is kept beside it. Shared by faiss_graph.cpp
 * (search and insertion) and faiss_graph_file.cpp (bytes), of nobody else's concern: they go
 * through faiss_shim.h. */
#ifndef LAT_INDEX_FAISS_GRAPH_HPP
#define LAT_INDEX_FAISS_GRAPH_HPP

#include <algorithm>
#include <cstdint>
#include <vector>

#include <faiss/impl/HNSW.h>

#include "index/distance.h"
#include "index/faiss_guard.hpp"

extern "C" {
#include "index/exact.h"
#include "index/vectors.h"
}

namespace lat
{

/* A list that is to replace the links of `row` on `level`: pool[begin, begin + n). */
struct Edit {
    int32_t row;
    int level;
    size_t begin, n;
};

/* Distances from one code to rows. */
struct Rows {
    const lat_vectors *vectors;
    lat_distance metric;
    const float *query;

    float operator()(int32_t row) const
    {
        return lat_score(metric, query, lat_vectors_row(vectors, size_t(row)), vectors->d);
    }
    void fetch(int32_t row) const
    {
        const char *at = reinterpret_cast<const char *>(lat_vectors_row(vectors, size_t(row)));
        const size_t bytes = std::min(vectors->d * sizeof(float), size_t(512));
        for (size_t i = 0; i < bytes; i += 64)
            __builtin_prefetch(at + i);
    }
    Rows from(int32_t row) const
    {
        return {vectors, metric, lat_vectors_row(vectors, size_t(row))};
    }
};

} // namespace lat

struct lat_shim_graph {
    faiss::HNSW hnsw;
    lat_distance metric;
    size_t n = 0;                  /* rows linked */
    size_t links = 0;              /* entries of hnsw.neighbors in use: offsets[n] */
    int next_level = 0;            /* of the row to come, from 0 */
    std::vector<uint8_t> incoming; /* by row, on the lowest level; 255: many */

    /* Larger arrays on their way in, or old ones on their way out. */
    decltype(faiss::HNSW::neighbors) other_neighbors;
    std::vector<int> other_levels;
    std::vector<size_t> other_offsets;

    std::vector<lat::Edit> edits;
    std::vector<int32_t> pool;

    lat_shim_graph(lat_distance metric_, uint32_t m) : hnsw(int(m)), metric(metric_)
    {
        hnsw.offsets.assign(1, 0);
        next_level = hnsw.random_level();
    }

    /* The links of a row on a level, and how many there is room for. */
    int32_t *list(int32_t row, int level, size_t *out_cap)
    {
        size_t begin, end;
        hnsw.neighbor_range(row, level, &begin, &end);
        *out_cap = end - begin;
        return &hnsw.neighbors[begin];
    }
    const int32_t *list(int32_t row, int level, size_t *out_cap) const
    {
        size_t begin, end;
        hnsw.neighbor_range(row, level, &begin, &end);
        *out_cap = end - begin;
        return &hnsw.neighbors[begin];
    }

    /* One link more or less ends at `row` on the lowest level. */
    void count_link(int32_t row, int by)
    {
        uint8_t &count = incoming[size_t(row)];
        if (count != UINT8_MAX && !(by < 0 && count == 0))
            count = uint8_t(count + by);
    }
};

#endif
