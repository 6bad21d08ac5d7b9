/* Every row of the op table against finite differences, first and second derivatives.
 *
 * For a case with inputs x the test builds f = sum(u * op(x)) and its gradient g = df/dx, then
 * q = sum(r * g) and its gradient s = dq/dx, with random u and r, all in one graph. g is
 * compared with five-point differences of f, and s with those of q. Sums are made here in
 * double. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "run.h"

enum { MAX_ELEMENTS = 128 };
static const double step = 0.02;
static const double tolerance = 1e-3; /* of the largest derivative; float32 leaves about 1e-4 */

struct check {
    const struct lat_op *op;
    const struct lat_op_case *row;
    struct lat_rng rng;
    struct lat_graph graph;
    struct lat_session *session;
    struct lat_value *inputs[LAT_CASE_MAX_INPUTS];
    struct lat_value *y, *g[LAT_CASE_MAX_INPUTS], *s[LAT_CASE_MAX_INPUTS];
    struct lat_value *wrt[LAT_CASE_MAX_INPUTS];
    size_t n_wrt;
    size_t wrt_input[LAT_CASE_MAX_INPUTS];
    float u[MAX_ELEMENTS], r[LAT_CASE_MAX_INPUTS][MAX_ELEMENTS];
    float x[LAT_CASE_MAX_INPUTS][MAX_ELEMENTS];
    bool mask[MAX_ELEMENTS];
    float out_y[MAX_ELEMENTS], out_g[LAT_CASE_MAX_INPUTS][MAX_ELEMENTS];
    float out_s[LAT_CASE_MAX_INPUTS][MAX_ELEMENTS];
};

static bool is_mask(const struct check *c, size_t i)
{
    return c->row->first_is_mask && i == 0;
}

static void draw(struct check *c, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)(2 * lat_rng_uniform(&c->rng) - 1);
    }
}

/* Distinct values, evenly spread: no kink (of Abs, Relu, Max) within reach of a step. */
static void draw_inputs(struct check *c)
{
    uint32_t order[LAT_CASE_MAX_INPUTS * MAX_ELEMENTS];
    size_t total = 0;
    for (size_t i = 0; i < c->row->n_inputs; i++) {
        total += lat_shape_elements(&c->row->shapes[i]);
    }
    for (size_t i = 0; i < total; i++) {
        order[i] = (uint32_t)i;
    }
    lat_rng_shuffle(&c->rng, order, total);
    size_t at = 0;
    for (size_t i = 0; i < c->row->n_inputs; i++) {
        for (size_t k = 0; k < lat_shape_elements(&c->row->shapes[i]); k++, at++) {
            double share = (order[at] + 0.5) / (double)total;
            c->x[i][k] = (float)(c->row->low + share * (c->row->high - c->row->low));
            if (is_mask(c, i)) {
                c->mask[k] = order[at] % 2 == 0;
            }
        }
    }
}

static struct lat_value *weighted(struct lat_graph *graph, struct lat_value *value,
                                  const float *weights)
{
    struct lat_value *u = lat_graph_constant(graph, NULL, &value->shape, weights);
    return lat_graph_sum(graph, lat_graph_mul(graph, value, u), NULL, 0, false);
}

static void build(struct check *c)
{
    static const char *const x_names[] = {"x0", "x1", "x2"};
    static const char *const g_names[] = {"g0", "g1", "g2"};
    static const char *const s_names[] = {"s0", "s1", "s2"};
    struct lat_graph *graph = &c->graph;
    lat_graph_init(graph);
    for (size_t i = 0; i < c->row->n_inputs; i++) {
        enum lat_dtype dtype = is_mask(c, i) ? LAT_BOOL : LAT_FLOAT32;
        c->inputs[i] = lat_graph_input(graph, x_names[i], dtype, &c->row->shapes[i]);
        if (!is_mask(c, i)) {
            c->wrt_input[c->n_wrt] = i;
            c->wrt[c->n_wrt++] = c->inputs[i];
        }
    }
    c->y = lat_graph_node(graph, c->op, c->inputs, c->row->n_inputs, &c->row->attributes);
    cr_assert_not_null(c->y, "%s, %s: %s", c->op->name, c->row->what, graph->error.message);
    if (c->y->dtype != LAT_FLOAT32) {
        c->y = lat_graph_cast(graph, c->y, LAT_FLOAT32);
    }
    lat_graph_gradient(graph, weighted(graph, c->y, c->u), c->wrt, c->n_wrt, c->g);
    struct lat_value *q = lat_graph_scalar(graph, 0);
    for (size_t k = 0; k < c->n_wrt; k++) {
        cr_assert_not_null(c->g[k], "%s, %s: %s", c->op->name, c->row->what,
                           graph->error.message);
        q = lat_graph_add(graph, q, weighted(graph, c->g[k], c->r[k]));
    }
    lat_graph_gradient(graph, q, c->wrt, c->n_wrt, c->s);
    lat_graph_output(graph, c->y, "y");
    for (size_t k = 0; k < c->n_wrt; k++) {
        cr_assert(lat_shape_equal(&c->g[k]->shape, &c->wrt[k]->shape));
        lat_graph_output(graph, c->g[k], g_names[k]);
        lat_graph_output(graph, c->s[k], s_names[k]);
    }
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_graph_check(graph, &err), LAT_OK, "%s, %s: %s", c->op->name, c->row->what,
                 err.message);
}

/* Fills out_y, out_g and out_s from x. */
static void evaluate(struct check *c)
{
    struct lat_tensor in[LAT_CASE_MAX_INPUTS];
    struct lat_tensor out[1 + 2 * LAT_CASE_MAX_INPUTS];
    struct lat_error err = LAT_ERROR_INIT;
    size_t n_in = 0;
    size_t n_out = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->row->n_inputs; i++) {
        void *data = is_mask(c, i) ? (void *)c->mask : (void *)c->x[i];
        in[n_in++] = test_tensor(c->inputs[i]->name, c->inputs[i], data);
    }
    out[n_out++] = test_tensor("y", c->y, c->out_y);
    for (size_t k = 0; k < c->n_wrt; k++) {
        out[n_out] = test_tensor(c->graph.results[n_out].name, c->g[k], c->out_g[k]);
        n_out++;
        out[n_out] = test_tensor(c->graph.results[n_out].name, c->s[k], c->out_s[k]);
        n_out++;
    }
    /* An input that the results do not depend on (of a mask, a sign) is not in the file. */
    (void)lat_session_inputs(c->session, &n);
    if (n < n_in) {
        const struct lat_tensor_info *infos = lat_session_inputs(c->session, &n);
        size_t kept = 0;
        for (size_t i = 0; i < n_in; i++) {
            for (size_t k = 0; k < n; k++) {
                if (strcmp(infos[k].name, in[i].name) == 0) {
                    in[kept++] = in[i];
                }
            }
        }
        n_in = kept;
    }
    cr_assert_eq(lat_session_run(c->session, in, n_in, out, n_out, &err), LAT_OK, "%s, %s: %s",
                 c->op->name, c->row->what, err.message);
}

/* f in [0], q in [1] at the current x. */
static void functions(struct check *c, double out[2])
{
    evaluate(c);
    out[0] = 0;
    out[1] = 0;
    for (size_t i = 0; i < lat_shape_elements(&c->y->shape); i++) {
        out[0] += (double)c->u[i] * (double)c->out_y[i];
    }
    for (size_t k = 0; k < c->n_wrt; k++) {
        for (size_t i = 0; i < lat_shape_elements(&c->g[k]->shape); i++) {
            out[1] += (double)c->r[k][i] * (double)c->out_g[k][i];
        }
    }
}

/* Five-point differences of f and q by one element (Fornberg 1988, table 1, order 4). */
static void differences(struct check *c, float *element, double out[2])
{
    static const double weights[] = {1.0 / 12, -8.0 / 12, 8.0 / 12, -1.0 / 12};
    static const int at[] = {-2, -1, 1, 2};
    float kept = *element;
    out[0] = 0;
    out[1] = 0;
    for (size_t i = 0; i < 4; i++) {
        double values[2];
        *element = (float)((double)kept + at[i] * step);
        functions(c, values);
        out[0] += weights[i] * values[0] / step;
        out[1] += weights[i] * values[1] / step;
    }
    *element = kept;
}

static double largest(const float *values, size_t n)
{
    double most = 1;
    for (size_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)values[i]));
    }
    return most;
}

static void compare(struct check *c)
{
    float g[LAT_CASE_MAX_INPUTS][MAX_ELEMENTS];
    float s[LAT_CASE_MAX_INPUTS][MAX_ELEMENTS];
    evaluate(c);
    memcpy(g, c->out_g, sizeof(g));
    memcpy(s, c->out_s, sizeof(s));
    for (size_t k = 0; k < c->n_wrt; k++) {
        size_t n = lat_shape_elements(&c->wrt[k]->shape);
        for (size_t i = 0; i < n; i++) {
            double d[2];
            differences(c, &c->x[c->wrt_input[k]][i], d);
            cr_assert_float_eq(g[k][i], d[0], tolerance * largest(g[k], n),
                               "%s, %s: d/dx%zu[%zu] is %g, finite differences say %g",
                               c->op->name, c->row->what, c->wrt_input[k], i, (double)g[k][i],
                               d[0]);
            cr_assert_float_eq(s[k][i], d[1], tolerance * largest(s[k], n),
                               "%s, %s: second d/dx%zu[%zu] is %g, finite differences say %g",
                               c->op->name, c->row->what, c->wrt_input[k], i, (double)s[k][i],
                               d[1]);
        }
    }
}

static void check_case(const struct lat_op *op, const struct lat_op_case *row)
{
    struct check c = {.op = op, .row = row};
    lat_rng_seed(&c.rng, 7);
    draw(&c, c.u, MAX_ELEMENTS);
    for (size_t i = 0; i < LAT_CASE_MAX_INPUTS; i++) {
        draw(&c, c.r[i], MAX_ELEMENTS);
    }
    draw_inputs(&c);
    build(&c);
    c.session = test_open(&c.graph, false);
    compare(&c);
    lat_session_close(c.session);
    lat_graph_release(&c.graph);
}

Test(graph, every_op_has_the_derivatives_that_finite_differences_say)
{
    for (size_t i = 0; i < lat_n_ops; i++) {
        for (size_t k = 0; k < lat_ops[i]->n_cases; k++) {
            check_case(lat_ops[i], &lat_ops[i]->cases[k]);
        }
    }
}

Test(graph, every_op_has_a_finite_difference_case)
{
    for (size_t i = 0; i < lat_n_ops; i++) {
        cr_assert_gt(lat_ops[i]->n_cases, 0, "%s has none", lat_ops[i]->name);
    }
}

/* Compositions of build.h, through the same check: a row that is not in the table. */
static struct lat_value *composed(struct lat_graph *g, size_t which, struct lat_value *x)
{
    static const int64_t axes[] = {1};
    switch (which) {
    case 0:
        return lat_graph_gelu(g, x);
    case 1:
        return lat_graph_silu(g, x);
    case 2:
        return lat_graph_clip(g, x, -1.01F, 0.52F);
    case 3:
        return lat_graph_mean(g, lat_graph_square(g, x), axes, 1, false);
    default:
        return NULL;
    }
}

Test(graph, compositions_have_the_right_derivatives)
{
    for (size_t which = 0; which < 4; which++) {
        struct lat_graph graph;
        struct lat_error err = LAT_ERROR_INIT;
        struct lat_value *gradient = NULL;
        float x[12];
        float y[12] = {0};
        float d[12];
        lat_graph_init(&graph);
        struct lat_value *in =
            lat_graph_input(&graph, "x", LAT_FLOAT32, &(struct lat_shape){2, {3, 4}});
        struct lat_value *out = composed(&graph, which, in);
        struct lat_value *loss = lat_graph_sum(&graph, out, NULL, 0, false);
        lat_graph_gradient(&graph, loss, &in, 1, &gradient);
        lat_graph_output(&graph, out, "y");
        lat_graph_output(&graph, gradient, "d");
        cr_assert_eq(lat_graph_check(&graph, &err), LAT_OK, "%s", err.message);
        struct lat_session *session = test_open(&graph, false);
        for (size_t i = 0; i < 12; i++) {
            x[i] = (float)i / 3 - 1.83F;
        }
        struct lat_tensor inputs[] = {test_tensor("x", in, x)};
        struct lat_tensor outputs[] = {test_tensor("d", gradient, d), test_tensor("y", out, y)};
        cr_assert_eq(lat_session_run(session, inputs, 1, outputs, 2, &err), LAT_OK, "%s",
                     err.message);
        float kept[12];
        memcpy(kept, d, sizeof(kept));
        for (size_t i = 0; i < 12; i++) {
            double sums[2] = {0, 0};
            float at = x[i];
            for (int side = 0; side < 2; side++) {
                x[i] = at + (side == 0 ? -0.01F : 0.01F);
                cr_assert_eq(lat_session_run(session, inputs, 1, outputs, 2, &err), LAT_OK);
                for (size_t k = 0; k < lat_shape_elements(&out->shape); k++) {
                    sums[side] += (double)y[k];
                }
            }
            x[i] = at;
            cr_assert_float_eq(kept[i], (sums[1] - sums[0]) / 0.02, 2e-3, "%zu: %zu", which, i);
        }
        lat_session_close(session);
        lat_graph_release(&graph);
    }
}
