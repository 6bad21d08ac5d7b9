/* Recommending, for graphs of every make: the tables a model builds from its files against the
 * files run as they are. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "model/autoencoder.h"
#include "model/graph/build.h"
#include "model/graph/onnx_file.h"
#include "model/graph/ops.h"
#include "model/recommender_internal.h"
#include "tests/support/support.h"

enum { ITEMS = 23, HIDDEN = 7, CODE = 5 };

static struct lat_engine *engine;
static struct lat_registry *registry;
static float weights[4][ITEMS * ITEMS];

static void enter(void)
{
    struct lat_rng rng;
    test_folder_enter();
    cr_assert_eq(lat_engine_new(&engine, NULL), LAT_OK);
    lat_rng_seed(&rng, 7);
    for (int w = 0; w < 4; w++)
        for (int i = 0; i < ITEMS * ITEMS; i++)
            weights[w][i] = (float)lat_rng_normal(&rng) / 2;
}

static void leave(void)
{
    lat_registry_close(registry);
    lat_engine_free(engine);
    registry = NULL;
    test_folder_leave();
}

TestSuite(recommender, .init = enter, .fini = leave);

/* ---- packages ---- */

enum make {
    MULT,    /* unit length -> hidden -> tanh -> code; code -> hidden -> tanh -> softmax */
    SHALLOW, /* unit length -> tanh(code); code -> softmax */
    TURNED, /* raw rows, weights stored the other way round, sigmoid; sums as shift and scale */
    MATMULS,  /* MatMul and Add instead of Gemm */
    OTHER,    /* rows over their sum, relu behind the last layer */
    ONE_LAYER /* the code is the row, the scores one product */
};

static struct lat_value *constant(struct lat_graph *g, int w, int64_t rows, int64_t columns)
{
    const struct lat_shape matrix = {2, {rows, columns}}, row = {1, {columns}};
    return lat_graph_constant(g, NULL, rows ? &matrix : &row, weights[w]);
}

static struct lat_value *dense(struct lat_graph *g, enum make make, struct lat_value *x, int w,
                               int64_t in, int64_t out)
{
    struct lat_value *bias = constant(g, 3 - w, 0, out);
    if (make == MATMULS)
        return lat_graph_add(g, bias, lat_graph_matmul(g, x, constant(g, w, in, out)));
    if (make == TURNED)
        return lat_graph_gemm(g, x, false, constant(g, w, out, in), true, bias);
    return lat_graph_gemm(g, x, false, constant(g, w, in, out), false, bias);
}

static struct lat_value *encoder(struct lat_graph *g, enum make make, struct lat_value *x)
{
    const int64_t axis = 1;
    if (make == ONE_LAYER)
        return lat_graph_node(g, &lat_op_identity, &x, 1, NULL);
    if (make == MULT || make == SHALLOW) {
        struct lat_value *squares = lat_graph_sum(g, lat_graph_square(g, x), &axis, 1, true);
        x = lat_graph_div(g, x, lat_graph_sqrt(g, lat_graph_shift(g, squares, 1e-9F)));
    } else if (make == OTHER) {
        x = lat_graph_div(g, x, lat_graph_shift(g, lat_graph_sum(g, x, &axis, 1, true), 1e-9F));
    }
    if (make == SHALLOW)
        return lat_graph_tanh(g, dense(g, make, x, 0, ITEMS, CODE));
    return dense(g, make, lat_graph_tanh(g, dense(g, make, x, 0, ITEMS, HIDDEN)), 1, HIDDEN,
                 CODE);
}

static struct lat_value *decoder(struct lat_graph *g, enum make make, struct lat_value *x)
{
    if (make == ONE_LAYER)
        return lat_graph_matmul(g, x, constant(g, 0, ITEMS, ITEMS));
    if (make == SHALLOW)
        return lat_graph_softmax(g, dense(g, make, x, 2, CODE, ITEMS));
    x = lat_graph_tanh(g, dense(g, make, x, 2, CODE, HIDDEN));
    x = dense(g, make, x, 3, HIDDEN, ITEMS);
    if (make == MULT)
        return lat_graph_softmax(g, x);
    if (make == MATMULS)
        return x;
    if (make == OTHER)
        return lat_graph_relu(g, x);
    x = lat_graph_mul(g, x, constant(g, 0, 0, ITEMS));
    return lat_graph_sigmoid(g, lat_graph_shift(g, lat_graph_scale(g, x, 3), 2));
}

static void put_graph(const char *path, enum make make, bool is_encoder)
{
    const struct lat_onnx_options options = {.name = "g", .dynamic_batch = true};
    const int64_t width = is_encoder || make == ONE_LAYER ? ITEMS : CODE;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_graph g;
    struct lat_buf bytes = {0};
    lat_graph_init(&g);
    struct lat_value *x = lat_graph_input(&g, is_encoder ? "input" : "code", LAT_FLOAT32,
                                          &(struct lat_shape){2, {1, width}});
    lat_graph_output(&g, (is_encoder ? encoder : decoder)(&g, make, x),
                     is_encoder ? "code" : "output");
    cr_assert_eq(lat_onnx_write(&g, &options, &bytes, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_file_write(path, bytes.data, bytes.len, NULL), LAT_OK);
    lat_buf_release(&bytes);
    lat_graph_release(&g);
}

static struct lat_model *load(enum make make)
{
    struct lat_model *model = NULL;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf json = {0};
    lat_buf_text(&json, "{\"input\":{\"kind\":\"interactions\",\"items\":[");
    for (int i = 0; i < ITEMS; i++)
        lat_buf_printf(&json, "%s\"i%d\"", i ? "," : "", i);
    lat_buf_text(&json, "]}}");
    cr_assert_eq(lat_file_make_folder(test_path("models/taste/1"), NULL), LAT_OK);
    cr_assert_eq(
        lat_file_write(test_path("models/taste/1/model.json"), json.data, json.len, NULL),
        LAT_OK);
    put_graph(test_path("models/taste/1/encoder.onnx"), make, true);
    put_graph(test_path("models/taste/1/decoder.onnx"), make, false);
    const struct lat_registry_options options = {.folder = test_path("models"), .threads = 1};
    cr_assert_eq(lat_registry_open(engine, &options, &registry, NULL), LAT_OK);
    lat_registry_load_all(registry);
    cr_assert(lat_registry_acquire(registry, "taste", &model, &err) == LAT_OK, "%s",
              err.message);
    lat_buf_release(&json);
    return model;
}

/* ---- histories ---- */

#define EVENT(name, w)                                                                         \
    {                                                                                          \
        .item = name, .len = sizeof(name) - 1, .weight = w                                     \
    }

static const struct lat_event history[] = {EVENT("i3", NAN), EVENT("i22", 2), EVENT("new", 1),
                                           EVENT("i0", 1.5), EVENT("i9", -1), EVENT("i3", 4)};
enum { EVENTS = LAT_ARRAY_LEN(history) };

/* What the graphs as they are make of a row. */
static void decoded(struct lat_model *model, const float *row, float *out)
{
    float code[ITEMS];
    cr_assert_eq(lat_model_encode(model, row, 1, code, NULL, NULL), LAT_OK);
    cr_assert_eq(lat_model_decode(model, code, 1, out, NULL), LAT_OK);
}

/* What lies behind the last layer, put on the scores. */
static void finish(enum make make, float *scores)
{
    double sum = 0;
    for (int i = 0; i < ITEMS; i++)
        sum += exp((double)scores[i]);
    for (int i = 0; i < ITEMS; i++)
        if (make == MULT || make == SHALLOW)
            scores[i] = (float)(exp((double)scores[i]) / sum);
        else if (make == TURNED)
            scores[i] = 1 / (1 + expf(-scores[i]));
}

static void assert_near(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        cr_assert_float_eq(a[i], b[i], 2e-5 * (1 + fabs((double)b[i])), "%s %zu: %g and %g",
                           what, i, (double)a[i], (double)b[i]);
}

static void assert_scores(enum make make, bool tables, bool first)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_model *model = load(make);
    float row[ITEMS] = {0}, scores[ITEMS], expected[ITEMS];
    row[3] = 4;
    row[22] = 2;
    row[0] = 1.5F;
    decoded(model, row, expected);
    cr_assert_eq(lat_model_recommend(model, history, EVENTS, scores, &err), LAT_OK, "%s",
                 err.message);
    finish(make, scores);
    assert_near(scores, expected, ITEMS, "score");
    cr_assert_eq(model->recommender->vectors || model->recommender->sums, tables);
    cr_assert_eq(model->recommender->first != NULL, first);
    lat_model_release(model);
}

Test(recommender, scores_are_those_of_the_graphs_two_layers_a_side)
{
    assert_scores(MULT, true, true);
}

Test(recommender, scores_are_those_of_the_graphs_one_layer_a_side)
{
    assert_scores(SHALLOW, true, true);
}

Test(recommender, scores_are_those_of_the_graphs_weights_turned)
{
    assert_scores(TURNED, true, true);
}

Test(recommender, scores_are_those_of_the_graphs_products_and_sums)
{
    assert_scores(MATMULS, true, true);
}

Test(recommender, scores_are_those_of_the_graphs_nothing_known_of_them)
{
    assert_scores(OTHER, false, false);
}

Test(recommender, scores_are_those_of_the_graphs_sums_of_a_table)
{
    assert_scores(ONE_LAYER, true, false);
}

/* ---- retrieval ---- */

static void assert_products(enum make make)
{
    struct lat_model *model = load(make);
    const float *vectors = NULL;
    size_t d = 0;
    float scores[ITEMS], products[ITEMS] = {0}, query[ITEMS];
    cr_assert_eq(lat_model_item_vectors(model, &vectors, &d, NULL), LAT_OK);
    cr_assert_eq(d, (make == SHALLOW ? CODE : HIDDEN) + 1);
    cr_assert_eq(lat_model_query_vector(model, history, EVENTS, query, NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, history, EVENTS, scores, NULL), LAT_OK);
    for (size_t i = 0; i < ITEMS; i++)
        for (size_t k = 0; k < d; k++)
            products[i] += vectors[i * d + k] * query[k];
    cr_assert_float_eq(query[d - 1], 1, 0);
    assert_near(products, scores, ITEMS, "product");
    lat_model_release(model);
}

Test(recommender, a_score_is_the_product_of_two_vectors)
{
    assert_products(MULT);
}

Test(recommender, a_score_is_the_product_of_two_vectors_scaled_and_shifted)
{
    assert_products(TURNED);
}

Test(recommender, a_model_without_item_vectors_says_so)
{
    struct lat_model *model = load(ONE_LAYER);
    const float *vectors = NULL;
    size_t d = 0;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_model_item_vectors(model, &vectors, &d, &err), LAT_CAPABILITY);
    cr_assert_str_eq(err.code, "no_item_vectors");
    lat_model_release(model);
}

/* ---- why ---- */

static void assert_drops(enum make make)
{
    static const uint32_t targets[] = {1, 9, 22};
    struct lat_model *model = load(make);
    float drops[3][EVENTS], whole[ITEMS], without[ITEMS];
    cr_assert_eq(lat_model_because(model, history, EVENTS, targets, 3, drops[0], NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, history, EVENTS, whole, NULL), LAT_OK);
    for (size_t e = 0; e < EVENTS; e++) {
        struct lat_event left[EVENTS];
        memcpy(left, history, sizeof(left));
        for (size_t i = 0; i < EVENTS; i++) /* an item goes with all its events */
            if (strcmp(left[i].item, history[e].item) == 0)
                left[i] = (struct lat_event)EVENT("gone", 1);
        cr_assert_eq(lat_model_recommend(model, left, EVENTS, without, NULL), LAT_OK);
        const bool counts = e == 1 || e == 3 || e == 5;
        for (size_t t = 0; t < 3; t++)
            cr_assert_float_eq(drops[t][e],
                               counts ? whole[targets[t]] - without[targets[t]] : 0, 2e-5,
                               "target %zu, event %zu", t, e);
    }
    lat_model_release(model);
}

Test(recommender, the_reason_is_the_drop_of_the_score_two_layers_a_side)
{
    assert_drops(MULT);
}

Test(recommender, the_reason_is_the_drop_of_the_score_nothing_known)
{
    assert_drops(OTHER);
}

Test(recommender, the_reason_is_the_drop_of_the_score_sums_of_a_table)
{
    assert_drops(ONE_LAYER);
}

Test(recommender, without_its_only_event_a_history_is_the_empty_row)
{
    static const struct lat_event one[] = {EVENT("i4", 1)};
    static const uint32_t target = 11;
    struct lat_model *model = load(MATMULS);
    float row[ITEMS] = {0}, whole[ITEMS], empty[ITEMS], drop = 0;
    decoded(model, row, empty);
    row[4] = 1;
    decoded(model, row, whole);
    cr_assert_eq(lat_model_because(model, one, 1, &target, 1, &drop, NULL), LAT_OK);
    cr_assert_float_eq(drop, whole[11] - empty[11], 2e-5);
    lat_model_release(model);
}

Test(recommender, more_variants_than_a_batch_holds)
{
    enum { MANY = 3 * LAT_VARIANTS };
    static char names[MANY][8];
    static struct lat_event events[MANY];
    static float drops[MANY];
    static const uint32_t target = 5;
    struct lat_model *model = load(MULT);
    float whole[ITEMS], without[ITEMS];
    for (int i = 0; i < MANY; i++) { /* every item again and again: the last counts */
        const int len = snprintf(names[i], sizeof(names[i]), "i%d", i % ITEMS);
        events[i] = (struct lat_event){names[i], (size_t)len, 1 + i % 5};
    }
    cr_assert_eq(lat_model_because(model, events, MANY, &target, 1, drops, NULL), LAT_OK);
    cr_assert_eq(lat_model_recommend(model, events, MANY, whole, NULL), LAT_OK);
    for (int i = 0; i + ITEMS < MANY; i++)
        cr_assert_float_eq(drops[i], 0, 0);
    events[MANY - 1].weight = -1;
    cr_assert_eq(lat_model_recommend(model, events, MANY, without, NULL), LAT_OK);
    cr_assert_float_eq(drops[MANY - 1], whole[5] - without[5], 2e-5);
    lat_model_release(model);
}

/* ---- what is refused ---- */

Test(recommender, a_history_of_nothing_known_names_its_first_item)
{
    static const struct lat_event unknown[] = {EVENT("x", 1), EVENT("y", 1)};
    static const struct lat_event disliked[] = {EVENT("i1", -1), EVENT("y", 1)};
    struct lat_model *model = load(SHALLOW);
    struct lat_error err = LAT_ERROR_INIT;
    float scores[ITEMS];
    cr_assert_eq(lat_model_recommend(model, unknown, 2, scores, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "unknown_items");
    cr_assert(strstr(err.message, "'x'"), "%s", err.message);
    cr_assert_str_eq(err.pointer, "/history");
    lat_error_clear(&err);
    cr_assert_eq(lat_model_recommend(model, disliked, 2, scores, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "empty_history");
    lat_error_clear(&err);
    cr_assert_eq(lat_model_recommend(model, disliked, 0, scores, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "empty_history");
    lat_model_release(model);
}

Test(recommender, items_have_numbers_and_names)
{
    struct lat_model *model = load(SHALLOW);
    uint32_t item = 0;
    cr_assert_eq(lat_model_n_items(model), ITEMS);
    cr_assert(lat_model_item_index(model, "i17", 3, &item));
    cr_assert_eq(item, 17);
    cr_assert_not(lat_model_item_index(model, "i23", 3, &item));
    cr_assert_str_eq(lat_model_item_name(model, 17), "i17");
    cr_assert(lat_model_manifest(model)->capabilities & LAT_CAN_RECOMMEND);
    cr_assert_not(lat_model_is_explicit(model));
    lat_model_release(model);
}

/* ---- memory ---- */

static enum lat_status recommend_once(void *context, struct lat_error *err)
{
    static const uint32_t targets[] = {1, 2};
    struct lat_model *model = context;
    float scores[ITEMS], drops[2 * EVENTS];
    const enum lat_status status = lat_model_recommend(model, history, EVENTS, scores, err);
    return status == LAT_OK ? lat_model_because(model, history, EVENTS, targets, 2, drops, err)
                            : status;
}

Test(recommender, allocations_that_fail_are_reported)
{
    struct lat_model *model = load(MULT);
    TEST_TORTURE(recommend_once, model);
    lat_model_release(model);
}
