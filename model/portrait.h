/* What inputs look like, feature by feature, and whether others look the same.
 *
 * Features are what a person would name: the columns of a table, the elements of a vector, mean
 * and spread of each feature over a sequence, brightness and contrast of each channel of a
 * picture and the brightness of its regions (a grid of 4 x 4), length and weights of a history
 * and whether its items are in it. Of more than LAT_PORTRAIT_FEATURES the first count.
 *
 * A portrait is made of the calibration set and kept in the package as portrait.json
 * (docs/formats.md): of a number its quantiles, of a word how often each category was seen. */
#ifndef LAT_MODEL_PORTRAIT_H
#define LAT_MODEL_PORTRAIT_H

#include "base/buf.h"
#include "model/package.h"

enum { LAT_PORTRAIT_FEATURES = 512, LAT_PORTRAIT_QUANTILES = 129 };

/* The file's name in a package. */
#define LAT_PORTRAIT_FILE "portrait.json"

/* ---- features ---- */

size_t lat_portrait_features(const struct lat_input_spec *input);
/* The name of feature `f`, into out [size]. */
void lat_portrait_name(const struct lat_input_spec *input, size_t f, char *out, size_t size);
/* Words that feature `f` can be, 0 for a number. */
size_t lat_portrait_words(const struct lat_input_spec *input, size_t f);
/* A row as the network sees it -> out [features], numbers in the user's own units, words by
 * their number; NaN where there is none. */
void lat_portrait_values(const struct lat_input_spec *input, const float *row, float *out);

/* ---- portraits ---- */

struct lat_sketch {
    size_t n_words;  /* 0: a number */
    size_t n;        /* items that have it */
    size_t n_values; /* words: n_words counts; numbers: ascending quantiles, evenly spaced */
    float *values;   /* owned */
};

struct lat_portrait {
    size_t n; /* items */
    size_t n_features;
    struct lat_sketch *features; /* owned */
};

/* values [n][n_features] (reordered in place) -> a new portrait; lat_portrait_free (NULL is
 * fine). */
enum lat_status lat_portrait_make(const struct lat_input_spec *input, const float *values,
                                  size_t n, struct lat_portrait **out_portrait,
                                  struct lat_error *err) LAT_MUST_USE;
void lat_portrait_free(struct lat_portrait *portrait);

/* As JSON, appended; and FOLDER/portrait.json, atomically. */
void lat_portrait_print(const struct lat_input_spec *input, const struct lat_portrait *portrait,
                        struct lat_buf *out);
enum lat_status lat_portrait_write(const char *folder, const struct lat_input_spec *input,
                                   const struct lat_portrait *portrait,
                                   struct lat_error *err) LAT_MUST_USE;
/* package_portrait.c. *out_portrait is NULL when there is none. LAT_INVALID with the place for
 * one that does not fit the input. */
enum lat_status lat_portrait_read(const char *folder, const struct lat_input_spec *input,
                                  struct lat_portrait **out_portrait,
                                  struct lat_error *err) LAT_MUST_USE;

/* ---- comparing ---- */

/* One feature of a window against its sketch. */
struct lat_drift {
    size_t feature;
    double statistic; /* numbers: Kolmogorov and Smirnov's D; words: chi-squared */
    double p_value;   /* that both are of one distribution; missing ones counted as well */
    double adjusted;  /* the same corrected for the number of features (Holm 1979) */
    double psi;       /* population stability index over tenths, or words */
    double reference, window; /* numbers: medians; words: the share of the most frequent of the
                               * reference; NaN for none */
    double missing_reference, missing_window; /* shares */
};

/* values [n][features] of the window against the portrait, into out [features], those with the
 * smallest p-values first. LAT_NO_MEMORY. */
enum lat_status lat_portrait_compare(const struct lat_portrait *portrait, const float *values,
                                     size_t n, struct lat_drift *out,
                                     struct lat_error *err) LAT_MUST_USE;

#endif
