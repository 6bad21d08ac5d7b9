/* A training spec: a choice on independent axes (network x code x likelihood x corruption x
 * penalties x schedule), read from JSON. The keys and defaults are listed in docs/training.md.
 */
#ifndef LAT_MODEL_TRAIN_SPEC_H
#define LAT_MODEL_TRAIN_SPEC_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"
#include "model/package.h"

enum { LAT_MAX_LAYERS = 16, LAT_NOISE_NAME_MAX = 32, LAT_DATA_MEMORY_MIB = 1024 };

enum lat_network_type {
    LAT_NETWORK_DENSE,
    LAT_NETWORK_CONVOLUTIONAL,
    LAT_NETWORK_RECURRENT,
    LAT_NETWORK_TRANSFORM
};
enum lat_cell { LAT_CELL_LSTM, LAT_CELL_GRU };
enum lat_activation {
    LAT_LINEAR,
    LAT_SIGMOID,
    LAT_TANH,
    LAT_RELU,
    LAT_ELU,
    LAT_GELU,
    LAT_SILU
};
enum lat_code_type { LAT_CODE_DETERMINISTIC, LAT_CODE_GAUSSIAN, LAT_CODE_QUANTISED };
enum lat_optimizer_type { LAT_OPTIMIZER_ADAM, LAT_OPTIMIZER_SGD };
enum lat_schedule {
    LAT_SCHEDULE_CONSTANT,
    LAT_SCHEDULE_STEP,
    LAT_SCHEDULE_COSINE,
    LAT_SCHEDULE_PLATEAU
};
enum lat_method { LAT_METHOD_AUTOENCODER, LAT_METHOD_PCA, LAT_METHOD_FACTORS, LAT_METHOD_EASE };

/* One side of the autoencoder. Lists run the way the data runs: the encoder's from the input to
 * the code, the decoder's from the code to the output. A mirrored decoder is filled in, already
 * turned round, so builders need not look at decoder_is_mirror. */
struct lat_network_spec {
    enum lat_network_type type;
    enum lat_activation activation;
    bool tied;          /* dense: decoder weights are the encoder's, transposed */
    enum lat_cell cell; /* recurrent */
    size_t n_hidden; /* dense layers (convolutional: between the maps and the code); recurrent:
                      * layers of cells */
    uint32_t hidden[LAT_MAX_LAYERS];
    size_t n_channels; /* convolutional: maps of each strided layer */
    uint32_t channels[LAT_MAX_LAYERS];
    uint32_t strides[LAT_MAX_LAYERS]; /* one a layer, default 2 */
    uint32_t kernel;                  /* odd; padding kernel/2 */
    uint32_t kernels[LAT_MAX_LAYERS]; /* transform: one a layer */
    bool gdn; /* transform: divisive normalisation in place of the activation */
    bool residual;
};

/* Values in [0,1] read as the probability of a one. */
enum lat_binarise {
    LAT_BINARISE_UNSAID,
    LAT_BINARISE_NONE,
    LAT_BINARISE_STOCHASTIC, /* drawn anew each time they are trained on */
    LAT_BINARISE_FIXED       /* drawn once */
};

struct lat_data_spec {
    char format[32]; /* a row of the dataset table: idx npy csv images ... */
    char path[LAT_PATH_MAX];
    char root[LAT_PATH_MAX]; /* real path of a folder that nothing read may lie outside of; "" =
                              * anywhere. Not in the JSON: whoever runs the training sets it */
    char
        collection[LAT_NAME_MAX]; /* a collection's stored items instead of a path; "" if not */
    bool has_min_weight; /* a collection's interactions: lighter ones are passed over */
    double min_weight;
    double validation; /* share held out, 0 = none */
    uint32_t size[2];  /* images: height, width; 0 = from the first file */
    uint32_t channels; /* images: 1 or 3 */
    enum lat_binarise binarise;
    uint32_t memory_mib; /* of data kept in memory; 0 = LAT_DATA_MEMORY_MIB */
    char *options_json;  /* the whole data object, for what a format reads itself; owned, may be
                          * NULL (no options) */
};

struct lat_penalties {
    double l2; /* weight decay: l2/2 * sum of squared weights (biases are left out) */
    double l1; /* l1 * sum |code| over the code, averaged over the batch */
    double kl_sparsity_target, kl_sparsity_weight;
    uint32_t k_sparse;
    double contractive;
    double beta;          /* weight of a gaussian code's divergence from the prior */
    uint32_t beta_warmup; /* epochs over which it grows from 0, linearly; 0: none */
    double rate;          /* weight of a quantised code's length in nats */
};

struct lat_optimizer_spec {
    enum lat_optimizer_type type;
    double rate, momentum, clip;
    bool nesterov;
    uint32_t batch, epochs, early_stopping;
    bool keep_last; /* the weights of the last epoch, not of the best by validation */
    enum lat_schedule schedule;
};

struct lat_spec {
    char name[LAT_NAME_MAX];
    enum lat_method method;
    double ridge; /* of ease */
    struct lat_data_spec data;
    struct lat_network_spec encoder, decoder;
    bool decoder_is_mirror;
    struct {
        size_t dimension;
        enum lat_code_type type;
        bool activation_given;
        enum lat_activation activation; /* of a deterministic code */
        uint32_t samples;               /* gaussian: codes drawn an item at a step */
    } code;
    bool likelihood_given;
    enum lat_likelihood likelihood;
    bool learned_spread; /* the decoder says of each element how far it may lie off, too */
    char corruption[LAT_NOISE_NAME_MAX]; /* "" (none) or a row of the corruption table */
    double corruption_level;
    char augmentation[LAT_NOISE_NAME_MAX]; /* "" or a row of that table that moves pictures */
    double augmentation_level;
    struct lat_penalties penalties;
    struct lat_optimizer_spec optimizer;
    bool layerwise;
    uint32_t pretraining_epochs;           /* of each layer */
    enum lat_activation output_activation; /* behind the decoder; of layerwise stages alone */
    uint64_t seed;
    char *json; /* the spec as given (after --set), canonical; owned; kept in the record */
};

/* The data object alone (`eval --data`), JSON text or the path of a file or folder whose format
 * is told from its name. Released by lat_data_spec_release. */
enum lat_status lat_data_spec_parse(const char *text, struct lat_data_spec *out_data,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_data_spec_release(struct lat_data_spec *data);

/* Settles what the spec leaves to the data: the likelihood by the kind of input. LAT_INVALID
 * where spec and data do not fit (convolutions over vectors, a bernoulli likelihood for values
 * outside `lowest`..`highest` of [0,1]), with the JSON pointer. */
enum lat_status lat_spec_settle(struct lat_spec *spec, const struct lat_input_spec *input,
                                float lowest, float highest,
                                struct lat_error *err) LAT_MUST_USE;

/* Fills *out_spec from JSON text. LAT_INVALID with the JSON pointer, the nearest known key,
 * expected and got. Axis values that are known but not trainable in this build are refused by
 * name. */
enum lat_status lat_spec_parse(const char *json, size_t len, struct lat_spec *out_spec,
                               struct lat_error *err) LAT_MUST_USE;

/* For a spec that came over the network: says where a data path leads, or refuses it. */
struct lat_spec_paths {
    enum lat_status (*resolve)(void *context, const char *path, char out_path[LAT_PATH_MAX],
                               struct lat_error *err);
    void *context;
};

/* lat_spec_parse with the data path, if there is one, resolved before anything looks at it
 * (also in spec->json); the resolver's failure gets the pointer "/data/path". */
enum lat_status lat_spec_parse_sent(const char *json, size_t len,
                                    const struct lat_spec_paths *paths,
                                    struct lat_spec *out_spec,
                                    struct lat_error *err) LAT_MUST_USE;

/* The same from a file, after applying `--set path=value` overrides ("optimizer.rate=0.01"). A
 * relative data path is relative to the spec's folder, one given by an override to the working
 * folder. */
enum lat_status lat_spec_read(const char *path, const char *const *overrides,
                              size_t n_overrides, struct lat_spec *out_spec,
                              struct lat_error *err) LAT_MUST_USE;
void lat_spec_release(struct lat_spec *spec);

#endif
