/* What impute.c shares with the files of its methods. Internal to model/. */
#ifndef LAT_MODEL_IMPUTE_INTERNAL_H
#define LAT_MODEL_IMPUTE_INTERNAL_H

#include "base/rng.h"
#include "model/impute.h"
#include "model/model_internal.h"

/* One call of lat_impute under way. */
struct lat_imputation {
    const struct lat_model *model;
    const struct lat_table *table;
    const struct lat_impute_engine *engine; /* borrowed */
    const struct lat_impute_options *options;
    const float *rows; /* [n][elements], NaN in the holes */
    size_t n, elements, width;
    struct lat_imputed *out;
};

/* impute_importance.c, impute_settle.c: fill imputation->out. */
enum lat_status lat_impute_by_importance(struct lat_imputation *imputation,
                                         struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_impute_by_settling(struct lat_imputation *imputation,
                                       struct lat_error *err) LAT_MUST_USE;

/* Interval of a number's element from its value and spread, both in place. */
void lat_impute_interval(const struct lat_model *model,
                         const struct lat_impute_options *options, size_t column, size_t at,
                         struct lat_imputed *inout);

/* The draws of row `i`, seeded by the options' seed and the row's number. */
void lat_impute_seed(const struct lat_impute_options *options, size_t i, struct lat_rng *rng);

/* What a decoder gave for a column of words, as probabilities: not negative, of sum 1. */
void lat_impute_normalise(const struct lat_column *column, float *values);

/* A category by its probability: 1 for it, 0 for the others. */
void lat_impute_draw_word(const struct lat_column *column, const float *probabilities,
                          struct lat_rng *rng, float *out);

#endif
