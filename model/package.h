/* A model package: a folder NAME/VERSION with model.json (the manifest), encoder.onnx,
 * decoder.onnx and the files the manifest names. docs/formats.md describes the manifest key by
 * key.
 *
 * Reading a manifest checks everything that can be checked without running the graph: unknown
 * keys, types, ranges; every failure carries the JSON pointer into model.json, what was
 * expected and what came. */
#ifndef LAT_MODEL_PACKAGE_H
#define LAT_MODEL_PACKAGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

enum {
    LAT_NAME_MAX = 64,
    LAT_MAX_CHANNELS = 4,
    LAT_MAX_FEATURES = 128, /* of a sequence's step */
    LAT_FEATURE_NAME_MAX = 48,
    LAT_FILES_MAX = 8, /* of a package, beside encoder and decoder */
    LAT_FILE_NAME_MAX = 256,
    LAT_PATH_MAX = 1024
};

enum lat_input_kind {
    LAT_INPUT_IMAGE,
    LAT_INPUT_VECTOR,
    LAT_INPUT_TABLE,
    LAT_INPUT_INTERACTIONS,
    LAT_INPUT_SEQUENCE
};

enum lat_layout {
    LAT_LAYOUT_NCHW, /* PyTorch: [batch, channels, height, width] */
    LAT_LAYOUT_NHWC, /* Keras:   [batch, height, width, channels] */
    LAT_LAYOUT_FLAT  /* [batch, channels*height*width], channel planes one after the other */
};

enum lat_code_metric { LAT_CODE_L2, LAT_CODE_COSINE, LAT_CODE_IP };

enum lat_likelihood {
    LAT_LIKELIHOOD_GAUSSIAN,
    LAT_LIKELIHOOD_BERNOULLI,
    LAT_LIKELIHOOD_STUDENT_T,
    LAT_LIKELIHOOD_MULTINOMIAL,
    LAT_LIKELIHOOD_MIXED,
    LAT_LIKELIHOOD_CODEAN
};

/* Bits of `capabilities`, in the order in which the API lists them. */
enum lat_capability {
    LAT_CAN_ENCODE = 1 << 0,
    LAT_CAN_DECODE = 1 << 1,
    LAT_CAN_RECONSTRUCT = 1 << 2,
    LAT_CAN_DENOISE = 1 << 3,
    LAT_CAN_SCORE = 1 << 4,
    LAT_CAN_IMPUTE = 1 << 5,
    LAT_CAN_RECOMMEND = 1 << 6,
    LAT_CAN_GENERATE = 1 << 7,
    LAT_CAN_COMPRESS = 1 << 8
};
extern const char *const lat_capability_names[9];
extern const char
    *const lat_input_kind_names[5]; /* "image" "vector" "table" "interactions" "sequence" */
extern const char *const lat_likelihood_names[6];
extern const char *const lat_layout_names[3];      /* "nchw" "nhwc" "flat" */
extern const char *const lat_code_metric_names[3]; /* "l2" "cosine" "ip" */

struct lat_table;
struct lat_words;
struct lat_impute_calibration;

struct lat_input_spec {
    enum lat_input_kind kind;
    uint32_t width, height, channels; /* image */
    enum lat_layout layout;           /* image */
    bool layout_known;                /* the manifest says it; else it is read from the file */
    float mean[LAT_MAX_CHANNELS];     /* image: the network sees (pixel/255 - mean) / std */
    float std[LAT_MAX_CHANNELS];
    uint32_t length, features; /* sequence: a row is [length][features] */
    /* sequence: the network sees (value - feature_mean) / feature_std */
    float feature_mean[LAT_MAX_FEATURES], feature_std[LAT_MAX_FEATURES];
    char feature_names[LAT_MAX_FEATURES][LAT_FEATURE_NAME_MAX]; /* "": not said */
    size_t dimension;              /* vector; all others: elements of a row */
    bool binary;                   /* interactions: every weight counts as 1 */
    double min_weight;             /* interactions: smaller weights are passed over */
    bool ratings;                  /* interactions: weights are ratings, and what is not in a
                                    * history is unknown, not 0 */
    const struct lat_table *table; /* table: its columns; borrowed from the loaded model or the
                                    * dataset, NULL in a manifest by itself */
    const struct lat_words *items; /* interactions: the vocabulary; borrowed alike */
};

/* What an item's score is: its reconstruction error, or, where the code is a distribution, the
 * negative evidence lower bound in nats (model/score.h). */
enum lat_score_kind { LAT_SCORE_ERROR, LAT_SCORE_BOUND };
extern const char *const lat_score_kind_names[2]; /* "error" "elbo" */

enum { LAT_QUANTILES_MAX = 4097 };

struct lat_calibration {
    bool present;
    char id[40];              /* names this calibration in replies */
    enum lat_score_kind kind; /* what `quantiles` are of */
    size_t n;                 /* items of the calibration set */
    size_t n_quantiles;
    float quantiles[LAT_QUANTILES_MAX]; /* of the score, ascending, evenly spaced from 0 to 1;
                                         * of a set that is no larger all of them */
};

struct lat_manifest {
    char name[LAT_NAME_MAX];
    uint32_t version;
    struct lat_input_spec input;
    size_t code_dimension;
    enum lat_code_metric metric;
    char encoder[256],
        decoder[256]; /* file names below the package folder; decoder "" if none */
    char files[LAT_FILES_MAX][LAT_FILE_NAME_MAX]; /* what these two need beside them (weights
                                                   * kept outside of the ONNX file) */
    size_t n_files;
    char prior[256]; /* of the code, for compression; "" if none */
    /* a transform, for pictures of any size; "" and 0 if none (model/transform.h) */
    char analysis[256], synthesis[256];
    uint32_t code_stride;                     /* pixels a place of its code, along a side */
    uint32_t analysis_reach, synthesis_reach; /* what it sees on each side: pixels, places */
    char input_tensor[128], code_tensor[128],
        log_variance_tensor[128]; /* "" = read from the file */
    char decoder_input_tensor[128], output_tensor[128];
    char spread_tensor[128]; /* of the decoder: how far each element may lie off; "" if none */
    enum lat_likelihood likelihood;
    bool output_is_logit;  /* the decoder's output goes through a sigmoid to become pixels */
    bool denoising;        /* trained on corrupted inputs */
    unsigned capabilities; /* enum lat_capability bits */
    struct lat_calibration calibration;
    const struct lat_impute_calibration *imputation; /* written, never read: the loaded model
                                                      * has its own; borrowed, or NULL */
};

/* What nobody said: zeroes, but std of 1 and the usual file name of the encoder. */
void lat_manifest_init(struct lat_manifest *manifest);

/* Reads and checks FOLDER/model.json, and that the files it names are there and below the
 * folder (symbolic links followed). A decoder.onnx that is there need not be named. What the
 * manifest may leave to the ONNX files (sizes, layout, tensor names) stays zero or "", name and
 * version too if not said. *out_json (may be NULL) gets the manifest's text as it is in the
 * file, for GET. LAT_NOT_FOUND without a model.json. */
enum lat_status lat_manifest_read(const char *folder, struct lat_manifest *out_manifest,
                                  struct lat_buf *out_json, struct lat_error *err) LAT_MUST_USE;

/* The same from text, for uploads. */
enum lat_status lat_manifest_parse(const char *json, size_t len,
                                   struct lat_manifest *out_manifest,
                                   struct lat_error *err) LAT_MUST_USE;

/* The bits this manifest can have: what its files, kind and calibration allow. */
unsigned lat_manifest_derive(const struct lat_manifest *manifest);

/* Writes a manifest with an optional training record (`record_json`: an object's text, or NULL)
 * as FOLDER/model.json, atomically. */
enum lat_status lat_manifest_write(const char *folder, const struct lat_manifest *manifest,
                                   const char *record_json, struct lat_error *err) LAT_MUST_USE;

/* package_recalibrate.c: puts a calibration into FOLDER/model.json, atomically; whatever else
 * is in it stays. */
enum lat_status lat_manifest_set_calibration(const char *folder,
                                             const struct lat_calibration *calibration,
                                             struct lat_error *err) LAT_MUST_USE;

/* A row may have elements that are not known, NaN: missing cells of a table, items without a
 * rating. */
bool lat_input_has_gaps(const struct lat_input_spec *input);

/* floats of one input row as the network sees it. */
size_t lat_input_elements(const struct lat_input_spec *input);

#endif
