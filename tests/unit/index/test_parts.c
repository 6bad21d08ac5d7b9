/* The parts under the store, each by itself: distances, scans, maps, graphs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/rng.h"
#include "base/vector.h"
#include "fixture.h"
#include "index/distance.h"
#include "index/exact.h"
#include "index/faiss_index.h"
#include "index/faiss_shim.h"
#include "index/memory_index.h"
#include "index/slot_map.h"
#include "tests/support/support.h"

TestSuite(parts);

Test(parts, kernels_agree_with_plain_loops_at_every_length)
{
    static float a[300], b[301];
    fixture_noise(1, 300, a);
    for (size_t d = 0; d < 300; d++) {
        for (size_t shift = 0; shift < 2; shift++) { /* any alignment */
            fixture_noise(d + 2, (uint32_t)d, b + shift);
            const double l2 = lat_l2sq_plain(a, b + shift, d);
            const double dot = lat_dot_plain(a, b + shift, d);
            cr_assert_float_eq(lat_vector_l2sq(a, b + shift, d), l2, 1e-5 * (1 + l2));
            cr_assert_float_eq(lat_vector_dot(a, b + shift, d), dot, 1e-4 * (1 + (double)d));
        }
    }
}

Test(parts, a_row_has_no_distance_to_itself_under_cosine)
{
    float code[37], unit[37];
    for (uint64_t i = 0; i < 200; i++) {
        fixture_noise(i, 37, code);
        cr_assert(lat_unit_length(code, unit, 37));
        cr_assert_eq(lat_distance_between(LAT_DISTANCE_COSINE, unit, unit, 37), 0);
        cr_assert_float_eq(lat_dot_plain(unit, unit, 37), 1, 1e-6);
    }
    memset(code, 0, sizeof(code));
    cr_assert(!lat_unit_length(code, unit, 37));
}

Test(parts, the_top_keeps_the_nearest_of_a_random_stream)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 5);
    for (size_t k = 0; k < 40; k += 3) {
        struct lat_top top;
        cr_assert_eq(lat_top_init(&top, k, NULL, NULL), LAT_OK);
        float scores[500];
        for (uint32_t i = 0; i < 500; i++) {
            scores[i] = (float)(lat_rng_next(&rng) % 100);
            lat_top_offer(&top, (struct lat_candidate){scores[i], i});
        }
        lat_top_sort(&top);
        cr_assert_eq(top.n, k);
        for (size_t i = 0; i < k; i++) {
            size_t before = 0;
            for (uint32_t j = 0; j < 500; j++)
                before += scores[j] < top.items[i].score ||
                          (scores[j] <= top.items[i].score && j < top.items[i].position);
            cr_assert_eq(before, i);
        }
        lat_top_release(&top);
    }
}

/* Grows by the published way, as the index does. */
static void grow(struct lat_slot_map *map, size_t more, size_t id_bytes)
{
    struct lat_slot_map grown, old = *map;
    cr_assert_eq(lat_slot_map_grow(map, more, id_bytes, &grown, NULL), LAT_OK);
    *map = grown;
    lat_slot_map_retire(&old, map);
}

Test(parts, a_slot_map_finds_what_is_there_and_nothing_else)
{
    enum { N = 20000 };
    struct lat_slot_map map;
    struct lat_rng rng;
    static uint32_t position_of[N];
    lat_rng_seed(&rng, 9);
    lat_slot_map_init(&map);
    for (size_t i = 0; i < N; i++)
        position_of[i] = LAT_NO_POSITION;
    for (uint64_t step = 1; step <= 60000; step++) {
        const size_t i = lat_rng_below(&rng, N);
        char id[300];
        /* Some ids are as long as ids may be. */
        snprintf(id, sizeof(id), i % 50 ? "%zu" : "%0255zu", i);
        const uint32_t at = lat_slot_map_find(&map, id);
        cr_assert_eq(at, position_of[i]);
        if (at != LAT_NO_POSITION && step % 3) {
            lat_slot_map_kill(&map, at);
            position_of[i] = LAT_NO_POSITION;
        } else if (at == LAT_NO_POSITION) {
            grow(&map, 1, strlen(id));
            position_of[i] = lat_slot_map_stage(&map, step * 3, id);
            cr_assert_eq(lat_slot_map_find(&map, id), LAT_NO_POSITION, "staged is not seen");
            lat_slot_map_publish(&map, false);
            cr_assert_eq(lat_slot_map_find_slot(&map, step * 3), position_of[i]);
            cr_assert_eq(lat_slot_map_find_slot(&map, step * 3 + 1), LAT_NO_POSITION);
        }
    }
    lat_slot_map_release(&map);
}

static struct lat_index *new_index(enum lat_distance metric, uint32_t d, size_t n, bool noise)
{
    struct lat_index *index;
    float *code = malloc(d * sizeof(float));
    cr_assert_eq(lat_index_new(metric, d, &index, NULL), LAT_OK);
    for (size_t i = 0; i < n; i++) {
        char id[32];
        fixture_id(i, id);
        if (noise)
            fixture_noise(i, d, code);
        else
            fixture_code(i, d, code);
        cr_assert_eq(lat_index_reserve(index, NULL, 1, strlen(id), NULL), LAT_OK);
        lat_index_stage(index, i + 1, id, code);
        lat_index_publish(index, false);
    }
    free(code);
    return index;
}

static void link_all(struct lat_index *index, uint32_t m)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_ann_new_graph(index->metric, index->d, m, 0, &index->ann, &err), LAT_OK);
    cr_assert_eq(
        lat_ann_link(index->ann, &index->vectors, NULL, index->map.n, &index->linked, &err),
        LAT_OK, "%s", err.message);
    cr_assert_eq(index->linked, index->map.n);
}

/* Rows that a search finds by their own numbers. */
static size_t found_by_self(const struct lat_index *index)
{
    size_t found = 0;
    struct lat_top top;
    enum lat_search_way way;
    cr_assert_eq(lat_top_init(&top, 1, NULL, NULL), LAT_OK);
    for (size_t i = 0; i < index->map.n; i++) {
        const struct lat_index_query query = {
            .code = lat_vectors_row(&index->vectors, i), .k = 1, .ef = 10};
        top.n = 0;
        cr_assert_eq(lat_index_search(index, NULL, &query, &top, &way, NULL), LAT_OK);
        cr_assert_eq(way, LAT_WAY_INDEX);
        found += top.n == 1 && top.items[0].position == i;
    }
    lat_top_release(&top);
    return found;
}

Test(parts, every_row_finds_itself_however_poor_the_graph)
{
    for (int noise = 0; noise < 2; noise++) {
        struct lat_index *index = new_index(LAT_DISTANCE_L2, 16, 2000, noise);
        link_all(index, 4);
        cr_assert_eq(found_by_self(index), 2000);
        lat_index_unref(index);
    }
}

struct bytes {
    struct lat_buf buf;
    size_t at;
};

static bool write_bytes(void *context, const void *bytes, size_t len)
{
    lat_buf_append(&((struct bytes *)context)->buf, bytes, len);
    return true;
}

static bool read_bytes(void *context, void *bytes, size_t len)
{
    struct bytes *from = context;
    if (len > from->buf.len - from->at)
        return false;
    memcpy(bytes, from->buf.data + from->at, len);
    from->at += len;
    return true;
}

static struct lat_shim_graph *make_graph(const struct lat_index *index)
{
    struct lat_shim_error error;
    struct lat_shim_graph *graph;
    cr_assert_eq(lat_shim_graph_new(index->metric, 8, 60, &graph, &error), LAT_OK);
    for (size_t i = 0; i < index->map.n; i++) {
        if (!lat_shim_graph_has_room(graph)) {
            cr_assert_eq(lat_shim_graph_grow(graph, 1, &error), LAT_OK);
            lat_shim_graph_grown(graph);
            lat_shim_graph_trim(graph);
        }
        cr_assert_eq(lat_shim_graph_prepare(graph, &index->vectors, &error), LAT_OK);
        lat_shim_graph_commit(graph);
    }
    return graph;
}

Test(parts, our_walk_of_a_graph_finds_what_that_of_faiss_finds)
{
    enum { D = 16, N = 3000, K = 10, QUERIES = 100, EF = 40 };
    const struct lat_shim_select all = {0};
    struct lat_shim_error error;
    for (int metric = 0; metric < 3; metric += 2) {
        struct lat_index *index = new_index((enum lat_distance)metric, D, N, false);
        struct lat_shim_graph *graph = make_graph(index);
        struct lat_top ours, theirs, exact;
        size_t our_share = 0, their_share = 0;
        cr_assert_eq(lat_top_init(&ours, K, NULL, NULL), LAT_OK);
        cr_assert_eq(lat_top_init(&theirs, K, NULL, NULL), LAT_OK);
        cr_assert_eq(lat_top_init(&exact, K, NULL, NULL), LAT_OK);
        for (uint64_t q = 0; q < QUERIES; q++) {
            float query[D];
            fixture_code(100000 + q, D, query);
            const struct lat_scan scan = {.metric = index->metric, .query = query};
            ours.n = theirs.n = exact.n = 0;
            lat_scan_range(&index->vectors, 0, N, &scan, &exact);
            cr_assert_eq(lat_shim_graph_search(graph, lat_shim_graph_count(graph),
                                               &index->vectors, query, EF, &all, &ours, &error),
                         LAT_OK);
            cr_assert_eq(
                lat_shim_graph_search_faiss(graph, &index->vectors, query, EF, &theirs, &error),
                LAT_OK);
            for (size_t i = 0; i < K; i++) {
                our_share += ours.items[i].score <= exact.items[0].score;
                their_share += theirs.items[i].score <= exact.items[0].score;
            }
        }
        cr_log_info("of %d: ours %zu, FAISS's %zu", QUERIES * K, our_share, their_share);
        cr_expect(our_share > QUERIES * K * 9 / 10, "%zu", our_share);
        cr_expect(our_share + QUERIES * K / 100 >= their_share, "%zu against %zu", our_share,
                  their_share);
        lat_top_release(&ours);
        lat_top_release(&theirs);
        lat_top_release(&exact);
        lat_shim_graph_free(graph);
        lat_index_unref(index);
    }
}

Test(parts, a_graph_reads_back_what_it_wrote_and_no_nonsense)
{
    enum { D = 8, N = 500 };
    struct lat_index *index = new_index(LAT_DISTANCE_L2, D, N, false);
    struct lat_shim_graph *graph = make_graph(index), *copy;
    struct lat_shim_error error;
    struct bytes bytes = {0};
    cr_assert_eq(lat_shim_graph_write(graph, write_bytes, &bytes, &error), LAT_OK);
    cr_assert_eq(lat_shim_graph_read(LAT_DISTANCE_L2, N, read_bytes, &bytes, &copy, &error),
                 LAT_OK);
    cr_assert_eq(lat_shim_graph_count(copy), N);
    struct bytes again = {0};
    cr_assert_eq(lat_shim_graph_write(copy, write_bytes, &again, &error), LAT_OK);
    cr_assert_eq(again.buf.len, bytes.buf.len);
    cr_assert_arr_eq(again.buf.data, bytes.buf.data, bytes.buf.len);
    lat_shim_graph_free(copy);
    struct lat_rng rng;
    lat_rng_seed(&rng, 77);
    for (int round = 0; round < 400; round++) {
        /* Anything may be read, but nothing that makes a search leave its memory. */
        const size_t at = lat_rng_below(&rng, round % 2 ? 40 : bytes.buf.len);
        const char before = bytes.buf.data[at];
        bytes.buf.data[at] = (char)lat_rng_next(&rng);
        bytes.at = 0;
        if (lat_shim_graph_read(LAT_DISTANCE_L2, N, read_bytes, &bytes, &copy, &error) ==
            LAT_OK) {
            const struct lat_shim_select all = {0};
            struct lat_top top;
            cr_assert_eq(lat_top_init(&top, 5, NULL, NULL), LAT_OK);
            cr_assert_eq(lat_shim_graph_search(
                             copy, lat_shim_graph_count(copy), &index->vectors,
                             lat_vectors_row(&index->vectors, 3), 50, &all, &top, &error),
                         LAT_OK);
            lat_top_release(&top);
            lat_shim_graph_free(copy);
        }
        bytes.buf.data[at] = before;
    }
    lat_buf_release(&bytes.buf);
    lat_buf_release(&again.buf);
    lat_shim_graph_free(graph);
    lat_index_unref(index);
}

Test(parts, an_unknown_factory_is_refused_in_words_of_faiss)
{
    static const char *const bad[] = {"", "Nonsense", "IVF10", "IDMap,Flat", "PQ7"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_ann_check_factory(bad[i], 16, &err), LAT_INVALID, "%s", bad[i]);
        cr_assert_str_eq(err.code, "invalid_factory");
    }
    static const char *const good[] = {"Flat",           "IVF64,Flat",    "HNSW16,SQ8",
                                       "PCA8,IVF16,SQ8", "IVF32,PQ4x4fs", "PQ4",
                                       "OPQ4,IVF8,PQ4"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(good); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_ann_check_factory(good[i], 16, &err), LAT_OK, "%s: %s", good[i],
                     err.message);
    }
}
