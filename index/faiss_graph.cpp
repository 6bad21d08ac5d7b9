/* FAISS's HNSW links over rows that belong to the memory index.
 *
 * faiss::HNSW is a plain structure: levels, offsets, one long array of links. Its own search
 * allocates a table of visited rows for every query and its own insertion locks every node it
 * touches, so both walks are written here anew over the same structure (Malkov & Yashunin 2016,
 * algorithms 1-5):
 *  - the search keeps its scratch memory per thread, fetches rows ahead, takes its breadth and
 * its selector by query, and keeps only selected rows among the results while it walks over
 * all;
 *  - the insertion is split. prepare() does all the work beside running searches: it only reads
 * what they read, and writes lists of edits. commit() copies those lists into place, link by
 * link while searches read them. One linker means nothing changes between the two.
 *
 * A search beside a commit reads each link whole (load_link), the old one or the new one: rows
 * that exist either way. The new row it does not follow, for it was told how many rows count
 * before it began. Only what changes where a walk starts, or moves the arrays, wants searches
 * kept out.
 *
 * The arrays are longer than what is used: `n` rows count, and neighbours behind offsets[n] are
 * room.
 *
 * Two additions to the paper keep every row reachable: `incoming` counts the links that end at
 * a row on the lowest level; shortening a list never drops the last of them, and a new row
 * nobody kept is put into its nearest neighbour's list. So a stored code finds itself. */
#include <algorithm>
#include <climits>
#include <cstring>
#include <vector>

#include <faiss/Index.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/DistanceComputer.h>
#include <faiss/impl/HNSW.h>

#include "index/distance.h"
#include "index/faiss_guard.hpp"

extern "C" {
#include "index/exact.h"
#include "index/vectors.h"
}

namespace
{

struct Node {
    float score;
    int32_t row;
};

struct Nearer {
    bool operator()(const Node &a, const Node &b) const
    {
        return a.score < b.score;
    }
};

struct Farther {
    bool operator()(const Node &a, const Node &b) const
    {
        return a.score > b.score;
    }
};

/* Rows seen by a walk: marked with the number of the walk, so that nothing is cleared in
 * between. */
struct Seen {
    std::vector<uint8_t> marks;
    uint8_t walk = 0;

    void begin(size_t n)
    {
        if (marks.size() < n)
            marks.resize(n + n / 8 + 1024);
        if (++walk == 0) {
            std::fill(marks.begin(), marks.end(), uint8_t(0));
            walk = 1;
        }
    }
    bool first(int32_t row)
    {
        if (marks[size_t(row)] == walk)
            return false;
        marks[size_t(row)] = walk;
        return true;
    }
};

struct Scratch {
    Seen seen;
    std::vector<Node> candidates, nearest;
    std::vector<int32_t> fresh;
};

thread_local Scratch scratch;

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

} // namespace

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

    std::vector<Edit> edits;
    std::vector<int32_t> pool;

    lat_shim_graph(lat_distance metric_, uint32_t m) : hnsw(int(m)), metric(metric_)
    {
        hnsw.offsets.assign(1, 0);
        next_level = hnsw.random_level();
    }

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
};

namespace
{

/* A link beside a commit; -1 ends the list. */
int32_t load_link(const int32_t *link)
{
    return __atomic_load_n(link, __ATOMIC_RELAXED);
}

/* The links of `row` that end at one of the first n rows. */
void read_links(const lat_shim_graph &graph, size_t n, int32_t row, int level,
                std::vector<int32_t> &out)
{
    size_t cap;
    const int32_t *links = graph.list(row, level, &cap);
    out.clear();
    for (size_t i = 0; i < cap; i++) {
        const int32_t link = load_link(links + i);
        if (link < 0)
            break;
        if (size_t(link) < n)
            out.push_back(link);
    }
}

/* The nearest row on a level to walk down from. */
Node descend(const lat_shim_graph &graph, size_t n, const Rows &rows, Node at, int level)
{
    std::vector<int32_t> &links = scratch.fresh;
    for (bool moved = true; moved;) {
        moved = false;
        read_links(graph, n, at.row, level, links);
        for (const int32_t link : links)
            rows.fetch(link);
        for (const int32_t link : links) {
            const float score = rows(link);
            if (score < at.score) {
                at = {score, link};
                moved = true;
            }
        }
    }
    return at;
}

/* Algorithm 2: the ef nearest of those `keep` accepts, into s.nearest (a heap, farthest on
 * top). */
template <class Keep>
void walk(const lat_shim_graph &graph, size_t n, const Rows &rows, Node entry, int level,
          size_t ef, Scratch &s, Keep keep)
{
    s.seen.begin(n);
    s.seen.first(entry.row);
    s.candidates.assign(1, entry);
    s.nearest.clear();
    if (keep(entry.row))
        s.nearest.push_back(entry);
    while (!s.candidates.empty()) {
        const Node at = s.candidates.front();
        if (s.nearest.size() == ef && at.score > s.nearest.front().score)
            break;
        std::pop_heap(s.candidates.begin(), s.candidates.end(), Farther());
        s.candidates.pop_back();
        size_t cap;
        const int32_t *links = graph.list(at.row, level, &cap);
        s.fresh.clear();
        for (size_t i = 0; i < cap; i++) {
            const int32_t link = load_link(links + i);
            if (link < 0)
                break;
            if (size_t(link) >= n || !s.seen.first(link))
                continue;
            rows.fetch(link);
            s.fresh.push_back(link);
        }
        for (const int32_t row : s.fresh) {
            const Node node = {rows(row), row};
            if (s.nearest.size() == ef && !(node.score < s.nearest.front().score))
                continue;
            s.candidates.push_back(node);
            std::push_heap(s.candidates.begin(), s.candidates.end(), Farther());
            if (!keep(row))
                continue;
            if (s.nearest.size() == ef) {
                std::pop_heap(s.nearest.begin(), s.nearest.end(), Nearer());
                s.nearest.back() = node;
            } else {
                s.nearest.push_back(node);
            }
            std::push_heap(s.nearest.begin(), s.nearest.end(), Nearer());
        }
    }
}

/* Algorithm 4: of `from` (nearest first) those that are nearer to the centre than to any chosen
 * before, at most cap. */
void choose(const Rows &rows, const std::vector<Node> &from, size_t cap, std::vector<Node> &out)
{
    out.clear();
    for (const Node &node : from) {
        const Rows here = rows.from(node.row);
        bool good = true;
        for (const Node &other : out) {
            if (here(other.row) < node.score) {
                good = false;
                break;
            }
        }
        if (good)
            out.push_back(node);
        if (out.size() == cap)
            return;
    }
}

bool holds(const std::vector<Node> &nodes, int32_t row)
{
    return std::any_of(nodes.begin(), nodes.end(),
                       [row](const Node &node) { return node.row == row; });
}

void count_link(lat_shim_graph &graph, int32_t row, int by)
{
    uint8_t &count = graph.incoming[size_t(row)];
    if (count != UINT8_MAX && !(by < 0 && count == 0))
        count = uint8_t(count + by);
}

/* Puts `row` back into a list it was chosen out of: in free room, or for the farthest that
 * others link to as well. */
void put_back(const lat_shim_graph &graph, Node node, size_t cap, std::vector<Node> &chosen)
{
    if (chosen.size() < cap) {
        chosen.push_back(node);
        return;
    }
    for (size_t i = chosen.size(); i-- > 0;) {
        if (graph.incoming[size_t(chosen[i].row)] > 1) {
            chosen[i] = node;
            return;
        }
    }
}

void record(lat_shim_graph &graph, int32_t row, int level, const std::vector<Node> &list)
{
    graph.edits.push_back({row, level, graph.pool.size(), list.size()});
    for (const Node &node : list)
        graph.pool.push_back(node.row);
}

/* The list of `row` with the new one in it; shortened when it is full. */
void link_back(lat_shim_graph &graph, const Rows &rows, int32_t row, int level, Node fresh,
               bool must_keep)
{
    static thread_local std::vector<Node> all, chosen;
    const Rows here = rows.from(row);
    size_t cap;
    const int32_t *links = graph.list(row, level, &cap);
    all.assign(1, fresh);
    for (size_t i = 0; i < cap && links[i] >= 0; i++)
        all.push_back({here(links[i]), links[i]});
    if (all.size() <= cap) {
        if (level == 0)
            count_link(graph, fresh.row, 1);
        record(graph, row, level, all);
        return;
    }
    std::sort(all.begin(), all.end(), Nearer());
    choose(here, all, cap, chosen);
    for (const Node &node : all) {
        const bool last = node.row == fresh.row
                              ? must_keep
                              : level == 0 && graph.incoming[size_t(node.row)] <= 1;
        if (last && !holds(chosen, node.row))
            put_back(graph, node, cap, chosen);
    }
    for (const Node &node : all) {
        const bool kept = holds(chosen, node.row);
        if (level == 0 && node.row == fresh.row && kept)
            count_link(graph, node.row, 1);
        if (level == 0 && node.row != fresh.row && !kept)
            count_link(graph, node.row, -1);
    }
    record(graph, row, level, chosen);
}

/* Links of the new row on one level, and back. Returns where to go on one level down. */
Node link_level(lat_shim_graph &graph, const Rows &rows, int32_t row, int level, Node entry)
{
    static thread_local std::vector<Node> sorted, chosen;
    walk(graph, graph.n, rows, entry, level, size_t(graph.hnsw.efConstruction), scratch,
         [](int32_t) { return true; });
    sorted = scratch.nearest;
    std::sort(sorted.begin(), sorted.end(), Nearer());
    choose(rows, sorted, size_t(graph.hnsw.nb_neighbors(level)), chosen);
    record(graph, row, level, chosen);
    for (const Node &node : chosen) {
        if (level == 0)
            count_link(graph, node.row, 1);
        /* The nearest one must keep the new row, so that somebody does. */
        link_back(graph, rows, node.row, level, {node.score, row},
                  node.row == chosen.front().row);
    }
    return sorted.front();
}

template <class T> void grow_copy(const T &old, size_t used, T &larger, size_t size)
{
    T fresh;
    fresh.resize(size);
    if (used)
        std::memcpy(&fresh[0], &old[0], used * sizeof(old[0]));
    std::swap(larger, fresh);
}

} // namespace

extern "C" lat_status lat_shim_graph_new(lat_distance metric, uint32_t m,
                                         uint32_t ef_construction, lat_shim_graph **out,
                                         lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        lat_shim_graph *graph = new lat_shim_graph(metric, m);
        graph->hnsw.efConstruction = int(ef_construction);
        *out = graph;
    });
}

extern "C" void lat_shim_graph_free(lat_shim_graph *graph)
{
    delete graph;
}

extern "C" size_t lat_shim_graph_bytes(const lat_shim_graph *graph)
{
    return graph->hnsw.neighbors.size() * sizeof(int32_t) +
           graph->hnsw.offsets.size() * sizeof(size_t) +
           graph->hnsw.levels.size() * sizeof(int) + graph->incoming.capacity();
}

extern "C" size_t lat_shim_graph_count(const lat_shim_graph *graph)
{
    return graph->n;
}

extern "C" bool lat_shim_graph_has_room(const lat_shim_graph *graph)
{
    const size_t need = size_t(graph->hnsw.cum_nb_neighbors(graph->next_level + 1));
    return graph->n < graph->hnsw.levels.size() && graph->n + 1 < graph->hnsw.offsets.size() &&
           graph->links + need <= graph->hnsw.neighbors.size();
}

extern "C" lat_status lat_shim_graph_grow(lat_shim_graph *graph, size_t n_more,
                                          lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        const faiss::HNSW &hnsw = graph->hnsw;
        const size_t rows = graph->n + std::max(n_more, graph->n / 8 + 256);
        /* On average a row has one list more per M on the upper levels: the room of one list.
         */
        const size_t per_row = size_t(hnsw.cum_nb_neighbors(1)) + 2;
        const size_t links = graph->links + (rows - graph->n) * per_row +
                             size_t(hnsw.cum_nb_neighbors(graph->next_level + 1));
        graph->incoming.resize(rows);
        grow_copy(hnsw.levels, graph->n, graph->other_levels, rows);
        grow_copy(hnsw.offsets, graph->n + 1, graph->other_offsets, rows + 1);
        grow_copy(hnsw.neighbors, graph->links, graph->other_neighbors, links);
    });
}

extern "C" void lat_shim_graph_grown(lat_shim_graph *graph)
{
    std::swap(graph->hnsw.levels, graph->other_levels);
    std::swap(graph->hnsw.offsets, graph->other_offsets);
    std::swap(graph->hnsw.neighbors, graph->other_neighbors);
}

extern "C" void lat_shim_graph_trim(lat_shim_graph *graph)
{
    graph->other_levels = {};
    graph->other_offsets = {};
    graph->other_neighbors = {};
}

extern "C" lat_status lat_shim_graph_prepare(lat_shim_graph *graph, const lat_vectors *vectors,
                                             lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        if (graph->n >= size_t(INT_MAX))
            throw std::runtime_error("a graph holds at most 2147483647 rows");
        faiss::HNSW &hnsw = graph->hnsw;
        const int32_t row = int32_t(graph->n);
        const int top = graph->next_level;
        const size_t end = graph->links + size_t(hnsw.cum_nb_neighbors(top + 1));
        graph->edits.clear();
        graph->pool.clear();
        /* Nobody reads the new row's own room yet. */
        hnsw.levels[graph->n] = top + 1;
        hnsw.offsets[graph->n + 1] = end;
        graph->incoming[graph->n] = 0;
        for (size_t i = graph->links; i < end; i++)
            hnsw.neighbors[i] = -1;
        if (!graph->n)
            return;
        const Rows rows = {vectors, graph->metric, lat_vectors_row(vectors, graph->n)};
        Node at = {rows(hnsw.entry_point), hnsw.entry_point};
        for (int level = hnsw.max_level; level > top; level--)
            at = descend(*graph, graph->n, rows, at, level);
        for (int level = std::min(top, hnsw.max_level); level >= 0; level--)
            at = link_level(*graph, rows, row, level, at);
    });
}

extern "C" bool lat_shim_graph_may_commit_beside(const lat_shim_graph *graph)
{
    return graph->n && graph->next_level <= graph->hnsw.max_level;
}

extern "C" void lat_shim_graph_commit(lat_shim_graph *graph)
{
    faiss::HNSW &hnsw = graph->hnsw;
    for (const Edit &edit : graph->edits) {
        size_t cap;
        int32_t *links = graph->list(edit.row, edit.level, &cap);
        for (size_t i = 0; i < cap; i++)
            __atomic_store_n(links + i, i < edit.n ? graph->pool[edit.begin + i] : -1,
                             __ATOMIC_RELAXED);
    }
    if (!graph->n || graph->next_level > hnsw.max_level) {
        hnsw.max_level = graph->next_level;
        hnsw.entry_point = int32_t(graph->n);
    }
    graph->n++;
    graph->links = hnsw.offsets[graph->n];
    graph->next_level = hnsw.random_level();
}

extern "C" lat_status lat_shim_graph_search(const lat_shim_graph *graph, size_t n,
                                            const lat_vectors *vectors, const float *query,
                                            uint32_t ef, const lat_shim_select *select,
                                            lat_top *top, lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        if (!n)
            return;
        const faiss::HNSW &hnsw = graph->hnsw;
        const Rows rows = {vectors, graph->metric, query};
        Node at = {rows(hnsw.entry_point), hnsw.entry_point};
        for (int level = hnsw.max_level; level > 0; level--)
            at = descend(*graph, n, rows, at, level);
        walk(*graph, n, rows, at, 0, ef, scratch,
             [select](int32_t row) { return lat::selected(select, size_t(row)); });
        for (const Node &node : scratch.nearest)
            lat_top_offer(top, {node.score, uint32_t(node.row)});
    });
}

/* ---- the reference twin ---- */

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

/* ---- bytes ---- */

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
                    count_link(graph, links[i], 1);
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
