/* Links as bytes: a head, the level of each row, the links themselves. Offsets and the counts
 * of incoming links follow from those, and are made anew. What is read is not trusted: every
 * number is checked before it is used as a place. */
#include "index/faiss_graph.hpp"

namespace
{

struct GraphHead {
    uint32_t m, ef_construction;
    uint64_t n, links;
    int32_t entry_point, max_level;
};

void check(bool good, const char *words)
{
    if (!good)
        throw lat::Corrupt(words);
}

/* Levels give offsets; both must come out as the head says. */
void place_rows(lat_shim_graph &graph, const std::vector<uint8_t> &levels,
                const GraphHead &head)
{
    faiss::HNSW &hnsw = graph.hnsw;
    const size_t most = hnsw.cum_nneighbor_per_level.size() - 1;
    hnsw.levels.resize(graph.n);
    hnsw.offsets.resize(graph.n + 1);
    size_t at = 0;
    for (size_t i = 0; i < graph.n; i++) {
        check(levels[i] >= 1 && levels[i] <= most && levels[i] <= head.max_level + 1,
              "a row on a level that cannot be");
        hnsw.levels[i] = levels[i];
        hnsw.offsets[i] = at;
        at += size_t(hnsw.cum_nb_neighbors(levels[i]));
    }
    hnsw.offsets[graph.n] = at;
    check(at == head.links, "the number of links does not fit the levels");
}

/* Every link ends at a row that exists on its level. */
void check_links(lat_shim_graph &graph)
{
    graph.incoming.assign(graph.n, 0);
    for (size_t row = 0; row < graph.n; row++) {
        for (int level = 0; level < graph.hnsw.levels[row]; level++) {
            size_t cap;
            const int32_t *links = graph.list(int32_t(row), level, &cap);
            for (size_t i = 0; i < cap; i++) {
                check(links[i] >= -1 && links[i] < int64_t(graph.n), "a link to nowhere");
                if (links[i] < 0)
                    continue;
                check(graph.hnsw.levels[size_t(links[i])] > level, "a link to a missing level");
                if (level == 0)
                    graph.count_link(links[i], 1);
            }
        }
    }
}

} // namespace

extern "C" lat_status lat_shim_graph_write(const lat_shim_graph *graph,
                                           lat_shim_write_fn *write, void *context,
                                           lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        const faiss::HNSW &hnsw = graph->hnsw;
        const GraphHead head = {uint32_t(hnsw.nb_neighbors(1)),
                                uint32_t(hnsw.efConstruction),
                                graph->n,
                                graph->links,
                                graph->n ? hnsw.entry_point : -1,
                                graph->n ? hnsw.max_level : -1};
        std::vector<uint8_t> levels(graph->n);
        for (size_t i = 0; i < graph->n; i++)
            levels[i] = uint8_t(hnsw.levels[i]);
        if (!write(context, &head, sizeof(head)) ||
            !write(context, levels.data(), levels.size()) ||
            !write(context, graph->links ? &hnsw.neighbors[0] : nullptr,
                   graph->links * sizeof(int32_t)))
            throw lat::Interrupted("writing was interrupted");
    });
}

extern "C" lat_status lat_shim_graph_read(lat_distance metric, size_t n, lat_shim_read_fn *read,
                                          void *context, lat_shim_graph **out,
                                          lat_shim_error *error)
{
    lat_shim_graph *graph = nullptr;
    const lat_status status = lat::guard(error, LAT_CORRUPT, [&] {
        GraphHead head;
        if (!read(context, &head, sizeof(head)))
            throw lat::Interrupted("reading was interrupted");
        check(head.m >= 2 && head.m <= 256 && head.n <= n && head.ef_construction >= 1 &&
                  head.ef_construction <= 100000 &&
                  head.links <= head.n * size_t(512 + 64 * 256),
              "a head that cannot be");
        check(head.n == 0 || (head.entry_point >= 0 && uint64_t(head.entry_point) < head.n &&
                              head.max_level >= 0),
              "an entry point that cannot be");
        graph = new lat_shim_graph(metric, head.m);
        graph->hnsw.efConstruction = int(head.ef_construction);
        graph->n = head.n;
        graph->links = head.links;
        std::vector<uint8_t> levels(head.n);
        if (!read(context, levels.data(), levels.size()))
            throw lat::Interrupted("reading was interrupted");
        place_rows(*graph, levels, head);
        graph->hnsw.neighbors.resize(head.links);
        if (head.links &&
            !read(context, &graph->hnsw.neighbors[0], head.links * sizeof(int32_t)))
            throw lat::Interrupted("reading was interrupted");
        check_links(*graph);
        graph->hnsw.entry_point = head.entry_point;
        graph->hnsw.max_level = head.max_level;
        check(head.n == 0 || graph->hnsw.levels[size_t(head.entry_point)] == head.max_level + 1,
              "an entry point on another level");
    });
    if (status == LAT_OK)
        *out = graph;
    else
        delete graph;
    return status;
}
