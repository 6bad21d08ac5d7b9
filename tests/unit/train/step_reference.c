#include "step_reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static size_t inputs_of(const struct reference_layer *l)
{
    return l->kind == REFERENCE_DENSE ? l->in : l->in * l->in_h * l->in_w;
}

static size_t outputs_of(const struct reference_layer *l)
{
    return l->kind == REFERENCE_DENSE ? l->out : l->out * l->out_h * l->out_w;
}

static size_t weights_of(const struct reference_layer *l)
{
    return l->kind == REFERENCE_DENSE ? l->in * l->out : l->in * l->out * l->k * l->k;
}

void reference_init(struct reference *r)
{
    r->n_parameters = 0;
    r->n_steps = 0;
    for (size_t i = 0; i < r->n_layers; i++) {
        struct reference_layer *l = &r->layers[i];
        l->weight = calloc(weights_of(l), sizeof(double));
        l->d_weight = calloc(weights_of(l), sizeof(double));
        l->bias = calloc(l->out, sizeof(double));
        l->d_bias = calloc(l->out, sizeof(double));
        l->x = calloc(r->batch * inputs_of(l), sizeof(double));
        l->y = calloc(r->batch * outputs_of(l), sizeof(double));
        r->n_parameters += weights_of(l) + l->out;
    }
    r->moments[0] = calloc(r->n_parameters, sizeof(double));
    r->moments[1] = calloc(r->n_parameters, sizeof(double));
}

void reference_release(struct reference *r)
{
    for (size_t i = 0; i < r->n_layers; i++) {
        struct reference_layer *l = &r->layers[i];
        free(l->weight);
        free(l->d_weight);
        free(l->bias);
        free(l->d_bias);
        free(l->x);
        free(l->y);
    }
    free(r->moments[0]);
    free(r->moments[1]);
}

double *reference_parameter(struct reference *r, size_t i, size_t *out_n)
{
    struct reference_layer *l = &r->layers[i / 2];
    *out_n = i % 2 == 0 ? weights_of(l) : l->out;
    return i % 2 == 0 ? l->weight : l->bias;
}

double *reference_gradient(struct reference *r, size_t i, size_t *out_n)
{
    struct reference_layer *l = &r->layers[i / 2];
    *out_n = i % 2 == 0 ? weights_of(l) : l->out;
    return i % 2 == 0 ? l->d_weight : l->d_bias;
}

/* What one pair of positions of a convolution connects: small (the strided side) and big. */
struct tap {
    size_t small, big, weight; /* indices into one item's maps, into the kernel */
};

/* Calls `use` for every triple of the bilinear form of a layer, for one item. */
static void each_tap(const struct reference_layer *l,
                     void (*use)(const struct tap *tap, void *context), void *context)
{
    int down = l->kind == REFERENCE_CONV;
    size_t sh = down ? l->out_h : l->in_h;
    size_t sw = down ? l->out_w : l->in_w;
    size_t bh = down ? l->in_h : l->out_h;
    size_t bw = down ? l->in_w : l->out_w;
    size_t sc = down ? l->out : l->in;
    size_t bc = down ? l->in : l->out;
    for (size_t s = 0; s < sc; s++)
        for (size_t b = 0; b < bc; b++)
            for (size_t i = 0; i < sh; i++)
                for (size_t j = 0; j < sw; j++)
                    for (size_t p = 0; p < l->k; p++)
                        for (size_t q = 0; q < l->k; q++) {
                            size_t y = i * l->stride + p;
                            size_t x = j * l->stride + q;
                            size_t pad = l->k / 2;
                            if (y < pad || x < pad || y - pad >= bh || x - pad >= bw)
                                continue;
                            struct tap tap = {(s * sh + i) * sw + j,
                                              (b * bh + y - pad) * bw + x - pad,
                                              ((s * bc + b) * l->k + p) * l->k + q};
                            use(&tap, context);
                        }
}

struct item {
    struct reference_layer *l;
    double *in, *out, *d_in, *d_out;
};

static void tap_forward(const struct tap *t, void *context)
{
    struct item *c = context;
    int down = c->l->kind == REFERENCE_CONV;
    c->out[down ? t->small : t->big] +=
        c->in[down ? t->big : t->small] * c->l->weight[t->weight];
}

static void tap_back(const struct tap *t, void *context)
{
    struct item *c = context;
    int down = c->l->kind == REFERENCE_CONV;
    size_t in = down ? t->big : t->small;
    size_t out = down ? t->small : t->big;
    c->l->d_weight[t->weight] += c->in[in] * c->d_out[out];
    c->d_in[in] += c->l->weight[t->weight] * c->d_out[out];
}

static void forward_item(struct reference_layer *l, double *in, double *out)
{
    struct item item = {l, in, out, NULL, NULL};
    size_t area = l->kind == REFERENCE_DENSE ? 1 : l->out_h * l->out_w;
    for (size_t o = 0; o < outputs_of(l); o++)
        out[o] = l->bias[o / area];
    if (l->kind != REFERENCE_DENSE) {
        each_tap(l, tap_forward, &item);
    } else {
        for (size_t i = 0; i < l->in; i++)
            for (size_t o = 0; o < l->out; o++)
                out[o] += in[i] * l->weight[i * l->out + o];
    }
    for (size_t o = 0; o < outputs_of(l); o++) {
        if (l->activation == REFERENCE_SIGMOID)
            out[o] = 1 / (1 + exp(-out[o]));
        else if (l->activation == REFERENCE_TANH)
            out[o] = tanh(out[o]);
        else if (l->activation == REFERENCE_ELU)
            out[o] = out[o] > 0 ? out[o] : exp(out[o]) - 1;
    }
}

static double slope(enum reference_activation activation, double y)
{
    switch (activation) {
    case REFERENCE_SIGMOID:
        return y * (1 - y);
    case REFERENCE_TANH:
        return 1 - y * y;
    case REFERENCE_ELU:
        return y > 0 ? 1 : y + 1;
    case REFERENCE_LINEAR:
    default:
        return 1;
    }
}

/* d_out is overwritten by the derivative before the activation. */
static void back_item(struct reference_layer *l, double *in, double *out, double *d_in,
                      double *d_out)
{
    struct item item = {l, in, out, d_in, d_out};
    size_t area = l->kind == REFERENCE_DENSE ? 1 : l->out_h * l->out_w;
    for (size_t o = 0; o < outputs_of(l); o++) {
        d_out[o] *= slope(l->activation, out[o]);
        l->d_bias[o / area] += d_out[o];
    }
    memset(d_in, 0, inputs_of(l) * sizeof(double));
    if (l->kind != REFERENCE_DENSE) {
        each_tap(l, tap_back, &item);
        return;
    }
    for (size_t i = 0; i < l->in; i++)
        for (size_t o = 0; o < l->out; o++) {
            l->d_weight[i * l->out + o] += in[i] * d_out[o];
            d_in[i] += l->weight[i * l->out + o] * d_out[o];
        }
}

static double forward(struct reference *r, const float *input)
{
    struct reference_layer *last = &r->layers[r->n_layers - 1];
    double loss = 0;
    for (size_t i = 0; i < r->batch * inputs_of(&r->layers[0]); i++)
        r->layers[0].x[i] = (double)input[i];
    for (size_t k = 0; k < r->n_layers; k++) {
        struct reference_layer *l = &r->layers[k];
        for (size_t b = 0; b < r->batch; b++)
            forward_item(l, l->x + b * inputs_of(l), l->y + b * outputs_of(l));
        if (k + 1 < r->n_layers)
            memcpy(r->layers[k + 1].x, l->y, r->batch * outputs_of(l) * sizeof(double));
    }
    for (size_t i = 0; i < r->batch * outputs_of(last); i++) {
        double y = last->y[i];
        double t = (double)input[i];
        loss += r->bernoulli ? -t * log(1 / (1 + exp(-y))) - (1 - t) * log(1 / (1 + exp(y)))
                             : (y - t) * (y - t) / 2;
    }
    return loss / (double)r->batch;
}

double reference_backprop(struct reference *r, const float *input)
{
    struct reference_layer *last = &r->layers[r->n_layers - 1];
    size_t n = r->batch * outputs_of(last);
    double loss = forward(r, input);
    double *d_out = calloc(n, sizeof(double));
    for (size_t i = 0; i < n; i++) {
        double mean = r->bernoulli ? 1 / (1 + exp(-last->y[i])) : last->y[i];
        d_out[i] = (mean - (double)input[i]) / (double)r->batch;
    }
    for (size_t k = r->n_layers; k-- > 0;) {
        struct reference_layer *l = &r->layers[k];
        double *d_in = calloc(r->batch * inputs_of(l), sizeof(double));
        memset(l->d_weight, 0, weights_of(l) * sizeof(double));
        memset(l->d_bias, 0, l->out * sizeof(double));
        for (size_t b = 0; b < r->batch; b++)
            back_item(l, l->x + b * inputs_of(l), l->y + b * outputs_of(l),
                      d_in + b * inputs_of(l), d_out + b * outputs_of(l));
        free(d_out);
        d_out = d_in;
    }
    free(d_out);
    return loss;
}

void reference_adam(struct reference *r, double rate)
{
    size_t at = 0;
    r->n_steps++;
    for (size_t i = 0; i < 2 * r->n_layers; i++) {
        size_t n = 0;
        double *w = reference_parameter(r, i, &n);
        const double *g = reference_gradient(r, i, &n);
        for (size_t k = 0; k < n; k++, at++) {
            double *m = &r->moments[0][at];
            double *v = &r->moments[1][at];
            *m = 0.9 * *m + 0.1 * g[k];
            *v = 0.999 * *v + 0.001 * g[k] * g[k];
            double m_hat = *m / (1 - pow(0.9, (double)r->n_steps));
            double v_hat = *v / (1 - pow(0.999, (double)r->n_steps));
            w[k] -= rate * m_hat / (sqrt(v_hat) + 1e-8);
        }
    }
}
