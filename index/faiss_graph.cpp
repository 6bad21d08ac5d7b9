/* FAISS's HNSW links over rows that belong to the memory index.
 *
 * faiss::HNSW is a plain structure: levels, offsets, one long array of links. Its own search
 * allocates a table of visited rows for every query and its own insertion locks every node it
 * touches, so both walks are written here anew over the same structure (Malkov & Yashunin 2016,
 * algorithms 1-5):
 *  - the search keeps its scratch memory per thread, fetches rows ahead, takes its breadth and
 *    its selector by query, and keeps only selected rows among the results while it walks
 *    over all;
 *  - the insertion is split. prepare() does all the work beside running searches: it only
 *    reads what they read, and writes lists of edits. commit() copies those lists into place,
 *    link by link while searches read them. One linker means nothing changes between the two.
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

#include "index/faiss_graph.hpp"

using lat::Rows;

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
            graph.count_link(fresh.row, 1);
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
            graph.count_link(node.row, 1);
        if (level == 0 && node.row != fresh.row && !kept)
            graph.count_link(node.row, -1);
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
            graph.count_link(node.row, 1);
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
           /* `incoming` is as long as the levels, but is the linker's alone to look at. */
           graph->hnsw.levels.size() * (sizeof(int) + sizeof(uint8_t));
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
    for (const lat::Edit &edit : graph->edits) {
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
