/* The reference twin: FAISS's own search over the same links, for tests. */
#include <cmath>
#include <vector>

#include <faiss/Index.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>

#include "index/faiss_graph.hpp"

using lat::Rows;

namespace
{

struct RowDistances : faiss::DistanceComputer {
    Rows rows;

    explicit RowDistances(const Rows &rows_) : rows(rows_)
    {
    }
    void set_query(const float *x) override
    {
        rows.query = x;
    }
    float operator()(int64_t i) override
    {
        return rows(int32_t(i));
    }
    float symmetric_dis(int64_t i, int64_t j) override
    {
        return rows.from(int32_t(i))(int32_t(j));
    }
};

} // namespace

extern "C" lat_status lat_shim_graph_search_faiss(const lat_shim_graph *graph,
                                                  const lat_vectors *vectors,
                                                  const float *query, uint32_t ef, lat_top *top,
                                                  lat_shim_error *error)
{
#if FAISS_VERSION_MAJOR == 1 && FAISS_VERSION_MINOR <= 7
    return lat::guard(error, LAT_INTERNAL, [&] {
        if (!graph->n)
            return;
        RowDistances distances({vectors, graph->metric, query});
        faiss::VisitedTable visited(int(graph->n));
        faiss::SearchParametersHNSW parameters;
        parameters.efSearch = int(ef);
        std::vector<int64_t> labels(top->k, -1);
        std::vector<float> scores(top->k, HUGE_VALF);
        faiss::maxheap_heapify(top->k, scores.data(), labels.data());
        graph->hnsw.search(distances, int(top->k), labels.data(), scores.data(), visited,
                           &parameters);
        for (size_t i = 0; i < top->k; i++)
            if (labels[i] >= 0)
                lat_top_offer(top, {scores[i], uint32_t(labels[i])});
    });
#else
    const lat_shim_select all = {nullptr, nullptr, 0};
    return lat_shim_graph_search(graph, graph->n, vectors, query, ef, &all, top, error);
#endif
}
