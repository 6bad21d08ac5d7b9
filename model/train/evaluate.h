/* How good a package is on given data, beside PCA of the same width and as a search. */
#ifndef LAT_MODEL_TRAIN_EVALUATE_H
#define LAT_MODEL_TRAIN_EVALUATE_H

#include "model/registry.h"
#include "model/train/retrieval.h"
#include "model/train/spec.h"

/* Which part of the data: for the very data a model was trained on, those it learned from or
 * those held out. */
enum lat_eval_split { LAT_SPLIT_ALL, LAT_SPLIT_TRAIN, LAT_SPLIT_VALIDATION };
extern const char *const lat_eval_split_names[3]; /* "all" "train" "validation" */

struct lat_eval_options {
    const char *model;           /* "name" or "name@version" */
    const char *data;            /* a data object in JSON, or a path */
    const char *errors;          /* file to write each item's error to, or NULL */
    const char *labels;          /* file, or NULL: no retrieval */
    const char *database;        /* what is searched, like `data`, or NULL: all other items */
    const char *database_labels; /* file; with `database` */
    size_t n_queries;            /* only the first so many items are searched for; 0: all */
    const char *train_data; /* what PCA is fitted on; NULL: what the package's record names */
    const char *codes;      /* file to write the codes of all items to (NPY), or NULL */
    const char *corruption; /* noise on what the model is given, or NULL: none */
    double corruption_level;
    uint64_t seed; /* of the noise */
    enum lat_eval_split split;
    bool pca;
    size_t pca_width; /* 0: as wide as the code */
    size_t n_items;   /* at most so many, evenly spread; 0: all */
    uint32_t samples; /* of a gaussian code: the likelihood by importance sampling; 0: not */
    int threads;      /* for that; the registry should then give a model one thread */
    void (*progress)(void *context, size_t done, size_t n); /* of that; may be NULL */
    void *context;
};

/* How far something is from the clean pictures. */
struct lat_likeness {
    double squared_error; /* summed over an item's elements, averaged */
    double psnr;          /* 10 log10(1 / the squared error an element), dB */
};

struct lat_evaluation {
    char reference[96]; /* name@version */
    size_t n;           /* items */
    size_t n_skipped;
    char first_skipped[256];
    bool decoded; /* false: the model has no decoder, the errors are not there */
    double squared_error_sum, squared_error_mean;
    double negative_log_likelihood; /* NaN where there is no formula; of what the code's mean is
                                     * decoded to, with `samples` of the model */
    uint32_t samples;               /* 0: not sampled */
    double elbo;                    /* where sampled */
    enum lat_binarise binarised;    /* what the items were made into */
    bool has_pca;
    size_t pca_width;
    double pca_squared_error; /* sum over an item's elements, averaged */
    bool has_denoising;       /* then all errors are of items that were given with noise */
    struct lat_likeness noisy, denoised, pca_denoised;
    bool has_retrieval;
    struct lat_retrieval retrieval;
};

/* Pictures of other sizes are resized to what the model takes. A split is LAT_INVALID for data
 * other than those trained on. PCA is fitted on all the training data; for a split on the part
 * learned from, so that both see the same; and so is the database of a search that part. */
enum lat_status lat_evaluate(struct lat_registry *registry,
                             const struct lat_eval_options *options,
                             struct lat_evaluation *out_evaluation,
                             struct lat_error *err) LAT_MUST_USE;

#endif
