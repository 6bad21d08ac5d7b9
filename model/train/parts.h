/* The parts an autoencoder is put together from, one plug table an axis: networks, codes,
 * likelihoods, penalties, corruptions. Adding a part is a row in the file of its axis
 * (networks: a file in networks/ and a line in networks.c).
 *
 * Parts write graph nodes. Their builders follow the graph's sticky error: NULL in, NULL out.
 */
#ifndef LAT_MODEL_TRAIN_PARTS_H
#define LAT_MODEL_TRAIN_PARTS_H

#include "base/rng.h"
#include "model/graph/build.h"
#include "model/train/spec.h"

enum { LAT_LAYER_NAME_MAX = 40, LAT_PARAMETER_NAME_MAX = 48 };

/* One trained tensor. */
struct lat_parameter {
    char name[LAT_PARAMETER_NAME_MAX];
    struct lat_shape shape;
    double limit; /* starts uniform in [-limit, limit]; 0: zeros */
    bool decays;  /* a weight, not a bias: l2 counts it */
};

/* All of them, in the order of first mention, which is the order of checkpoints. */
struct lat_parameters {
    struct lat_parameter *rows; /* owned */
    size_t n, capacity;
};

/* One graph being built. The same builders make the training graphs, where a parameter is an
 * input, and the exported ones, where it is a constant. */
struct lat_build {
    struct lat_graph *graph;            /* borrowed */
    const struct lat_spec *spec;        /* borrowed */
    const struct lat_input_spec *input; /* borrowed */
    int64_t batch;
    struct lat_parameters *parameters; /* borrowed; new names are added */
    const float *const *weights;       /* one a parameter: constants; NULL: inputs */
    struct lat_value *log_spread;      /* of each element decoded last, or of those of it that
                                        * a likelihood looks at; NULL: all are 1 */
    struct lat_value **values;         /* one a parameter, those of this graph; owned */
    size_t n_values;
    struct lat_value *measured; /* the rows whose lengths count, see lat_build_rows; NULL: those
                                 * that are encoded */
};

void lat_build_release(struct lat_build *build);
void lat_parameters_release(struct lat_parameters *parameters);

/* The parameter of that name in this graph: the one mentioned before (of the same shape), or a
 * new one that starts uniform in [-limit, limit]. */
struct lat_value *lat_build_parameter(struct lat_build *build, const char *name,
                                      const struct lat_shape *shape, double limit, bool decays);

/* Fills `out` with the parameter's starting values. */
void lat_parameter_start(const struct lat_parameter *parameter, struct lat_rng *rng,
                         float *out);

/* The uniform limit for a layer in front of `activation`: He et al. 2015 (fan in) for the
 * rectified kind, Glorot & Bengio 2010 for tanh and linear layers, four times that for the
 * sigmoid, whose slope at 0 is a quarter. */
double lat_start_limit(enum lat_activation activation, double fan_in, double fan_out);

struct lat_value *lat_build_activation(struct lat_build *build, enum lat_activation activation,
                                       struct lat_value *x);

/* x [batch, in] -> [batch, out], parameters NAME.weight [in, out] and NAME.bias. `before` is
 * what the result goes into. */
struct lat_value *lat_build_dense(struct lat_build *build, const char *name,
                                  struct lat_value *x, size_t out, enum lat_activation before);

/* Rows of any shape -> [batch, elements]. */
struct lat_value *lat_build_flat(struct lat_build *build, struct lat_value *x);

/* The dense layers `widths`, each with its activation, named SIDE.0, SIDE.1, ... */
struct lat_value *lat_build_hidden(struct lat_build *build, const char *side,
                                   const struct lat_network_spec *net, struct lat_value *x);

/* ---- networks ---- */

struct lat_network {
    const char *name;
    enum lat_network_type type;
    bool
        spatial; /* rows of images are [batch, channels, height, width]; else [batch, elements].
                  * Rows of sequences are [batch, length, features] for every network. */
    /* What cannot be built for these data, in words. */
    enum lat_status (*validate)(const struct lat_network_spec *net,
                                const struct lat_input_spec *input, struct lat_error *err);
    /* rows -> features [batch, any], in front of the code layer. */
    struct lat_value *(*encode)(struct lat_build *build, struct lat_value *x);
    /* code [batch, dimension] -> rows as the likelihood wants them (linear). */
    struct lat_value *(*decode)(struct lat_build *build, struct lat_value *code);
};

extern const struct lat_network lat_network_dense, lat_network_convolutional,
    lat_network_recurrent, lat_network_transform;

/* NULL when this build cannot train it. */
const struct lat_network *lat_network_find(enum lat_network_type type);

/* The shape of a row for a network, `batch` first. */
struct lat_shape lat_network_row_shape(const struct lat_network *network,
                                       const struct lat_input_spec *input, int64_t batch);

/* ---- the other axes ---- */

/* What the encoder makes of rows. A code that is a distribution has a diagonal one. */
struct lat_code {
    struct lat_value *mean;         /* [batch, dimension]; a deterministic code itself */
    struct lat_value *log_variance; /* the same shape, or NULL: deterministic */
};

struct lat_bottleneck {
    const char *name;
    enum lat_code_type type;
    bool samples; /* a distribution: what is decoded is drawn from it (variational.h) */
    bool rounds;  /* to whole numbers: what is decoded has the noise of that on it (rate.c) */
    struct lat_code (*code)(struct lat_build *build, struct lat_value *features);
};
const struct lat_bottleneck *lat_bottleneck_find(enum lat_code_type type);

/* encode.c: rows as they were given -> as the encoder takes them (histories to length 1, or by
 * the length of the same rows of build->measured), and all the way to the code. */
struct lat_value *lat_build_rows(struct lat_build *build, struct lat_value *x);
struct lat_code lat_build_encode(struct lat_build *build, struct lat_value *x);

/* rate.c: a quantised code as it is decoded in training, and its length in nats, [batch]. */
struct lat_value *lat_build_rounded(struct lat_build *build, struct lat_value *code);
struct lat_value *lat_build_code_length(struct lat_build *build, struct lat_value *rounded);

/* transform.c: the shape a transform's code has, [channels, height, width]. LAT_INVALID where
 * the picture is not a multiple of the strides. */
enum lat_status lat_transform_code_shape(const struct lat_network_spec *encoder,
                                         const struct lat_input_spec *input,
                                         struct lat_shape *out_shape,
                                         struct lat_error *err) LAT_MUST_USE;

#define LAT_LOG_SPREAD_MOST 4.0F /* of a learned spread, either way: 0.018 to 55 */

struct lat_likelihood_part {
    enum lat_likelihood id;
    /* Negative log-likelihood of each element, [items, ...]: what is summed over all axes but
     * the first. `output` is the decoder's, linear; it has the target's shape. Those with a
     * scale take it from build->log_spread. */
    struct lat_value *(*nll)(struct lat_build *build, struct lat_value *output,
                             struct lat_value *target);
    /* The decoder's linear output -> what an exported decoder gives (the distribution's mean).
     */
    struct lat_value *(*mean)(struct lat_build *build, struct lat_value *output);
};
const struct lat_likelihood_part *lat_likelihood_find(enum lat_likelihood id);

struct lat_penalty {
    const char *name;
    double (*weight)(const struct lat_penalties *penalties); /* 0: off */
    /* One number, already weighted. `input`: the rows that were encoded, noise included;
     * `code` [batch, dimension] */
    struct lat_value *(*build)(struct lat_build *build, struct lat_value *input,
                               struct lat_value *code, double weight);
};
/* The sum of all that are on, or NULL when none is. */
struct lat_value *lat_build_penalties(struct lat_build *build, struct lat_value *input,
                                      struct lat_value *code);
/* LAT_INVALID naming a penalty that is on and does not go with the spec's code. */
enum lat_status lat_penalties_check(const struct lat_spec *spec,
                                    struct lat_error *err) LAT_MUST_USE;

/* contractive.c: exact up to this width of the code, beyond it an estimate by "probe", an input
 * [batch, dimension] of signs (1 or -1) that are new at every step. */
enum { LAT_CONTRACTIVE_EXACT = 32 };
bool lat_contractive_probes(const struct lat_spec *spec);
struct lat_value *lat_build_contractive(struct lat_build *build, struct lat_value *input,
                                        struct lat_value *code, double weight);

/* Where noise comes from and how much of it. */
struct lat_noise {
    struct lat_rng *rng; /* borrowed */
    double level;
    const struct lat_input_spec *input; /* borrowed */
};

struct lat_corruption {
    const char *name;
    bool pictures; /* works on pictures only */
    bool scales; /* what is left stands for what is gone: histories keep the length they had */
    double most; /* the highest level */
    /* clean -> out, whole items of `n` elements in all; they do not overlap. */
    void (*apply)(const struct lat_noise *noise, const float *clean, float *out, size_t n);
};
/* Moves, turns, scales and shears each picture by chance (warp.c). */
void lat_warp_affine(const struct lat_noise *noise, const float *clean, float *out, size_t n);
extern const struct lat_corruption lat_corruptions[];
extern const size_t lat_n_corruptions;
/* NULL for an unknown name. */
const struct lat_corruption *lat_corruption_find(const char *name);
/* The names with commas between, for messages. */
void lat_corruption_list(char *out, size_t size);

#endif
