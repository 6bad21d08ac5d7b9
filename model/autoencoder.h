/* What a loaded model does: uploads to input rows, rows to codes, codes back to rows, errors.
 *
 * A *row* is one item as the network sees it: lat_input_elements() floats, in the order of the
 * model's own layout, preprocessed (pixels in [0,1] less mean over std). Batches are rows one
 * after the other. In a row of a table the elements of a missing cell are NaN; the engine gets
 * the column's mean for them. In a row of ratings NaN is an item without one. All functions may
 * run at the same time on one model. */
#ifndef LAT_MODEL_AUTOENCODER_H
#define LAT_MODEL_AUTOENCODER_H

#include "model/history.h"
#include "model/image.h"
#include "model/package.h"
#include "model/registry.h"
#include "model/table.h"

const struct lat_manifest *lat_model_manifest(const struct lat_model *model); /* borrowed */

/* What the calibration set looked like; NULL where the package does not say. Borrowed. */
struct lat_portrait;
const struct lat_portrait *lat_model_portrait(const struct lat_model *model);

/* "name@version", borrowed. */
const char *lat_model_reference(const struct lat_model *model);

/* LAT_CAPABILITY naming the model, what it can do and what was asked. */
enum lat_status lat_model_require(const struct lat_model *model, unsigned capability,
                                  struct lat_error *err) LAT_MUST_USE;

/* Bytes of a picture -> one row of `out_row`. LAT_INVALID (code wrong_input_kind) for a model
 * that takes no images; LAT_TOO_LARGE image_too_large; LAT_INVALID bad_image. */
enum lat_status lat_model_row_from_image(const struct lat_model *model, const void *bytes,
                                         size_t len, const struct lat_image_limits *limits,
                                         float *out_row, struct lat_error *err) LAT_MUST_USE;

/* `n` floats -> one row; for vector models the values themselves, for image models refused.
 * LAT_INVALID wrong_dimension names the model, expected and got; not_finite. */
enum lat_status lat_model_row_from_vector(const struct lat_model *model, const float *values,
                                          size_t n, float *out_row,
                                          struct lat_error *err) LAT_MUST_USE;

/* values [n_steps][n_features], in the data's own units -> one row: each feature less its mean
 * over its std. n_steps 0: n_features floats that are a whole sequence, step by step.
 * LAT_INVALID wrong_dimension with expected and got; not_finite. */
enum lat_status lat_model_row_from_sequence(const struct lat_model *model, const float *values,
                                            size_t n_steps, size_t n_features, float *out_row,
                                            struct lat_error *err) LAT_MUST_USE;
/* The cells of a table's row, or the events of a history -> one row; see lat_table_row and
 * lat_history_row for what is refused. */
enum lat_status lat_model_row_from_cells(const struct lat_model *model,
                                         const struct lat_table_cell *cells, size_t n,
                                         float *out_row, struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_model_row_from_history(const struct lat_model *model,
                                           const struct lat_event *events, size_t n,
                                           float *out_row, struct lat_error *err) LAT_MUST_USE;

/* rows [n][elements] -> codes [n][code_dimension]; variances the same shape, or NULL
 * (LAT_CAPABILITY when wanted from a deterministic model). Runs the engine once. */
enum lat_status lat_model_encode(struct lat_model *model, const float *rows, size_t n,
                                 float *out_codes, float *out_variances,
                                 struct lat_error *err) LAT_MUST_USE;

/* How long encoding a single row has lately taken, in nanoseconds; 0 before the first run. */
uint64_t lat_model_row_ns(const struct lat_model *model);

/* codes [n][code_dimension] -> rows [n][elements], in the space the network sees (after the
 * sigmoid where the likelihood has one). */
enum lat_status lat_model_decode(struct lat_model *model, const float *codes, size_t n,
                                 float *out_rows, struct lat_error *err) LAT_MUST_USE;

/* Whether the decoder says how far each element may lie off. */
bool lat_model_has_spread(const struct lat_model *model);

/* lat_model_decode, and in out_spreads [n][elements] the spread of each element: the deviation
 * of a gaussian, the scale of a Student-t, in the units of the row. NULL, or 1 everywhere for a
 * model that does not say it. */
enum lat_status lat_model_decode_spread(struct lat_model *model, const float *codes, size_t n,
                                        float *out_rows, float *out_spreads,
                                        struct lat_error *err) LAT_MUST_USE;

/* A row as a network gives it -> [length][features] in the data's own units. */
void lat_model_row_to_sequence(const struct lat_model *model, const float *row,
                               float *out_values);

/* errors[i]: mean over elements of the squared difference, at most the largest float
 * (lat_score_limit); for images in pixels of [0,1], before mean and std, nothing cut or
 * rounded; for sequences in units of each feature's std; for tables over the elements of the
 * cells that are there, standardised numbers and one element a category; for histories over the
 * whole vocabulary, or the items that are rated. */
void lat_model_errors(const struct lat_model *model, const float *rows, const float *decoded,
                      size_t n, float *out_errors);

/* A decoded row as a PNG (values cut to [0,1], rounded to 8 bits), appended to `out`. */
enum lat_status lat_model_row_to_png(const struct lat_model *model, const float *row,
                                     struct lat_buf *out, struct lat_error *err) LAT_MUST_USE;

/* Share of the calibration set with an error at least this large, in (0,1]:
 * (1 + #{e >= error}) / (1 + n), from the stored quantiles. NaN without calibration. */
double lat_model_p_value(const struct lat_model *model, float error);

#endif
