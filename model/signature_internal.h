/* What signature.c and signature_input.c share: numbers said twice, and their refusals.
 * Internal to the two. */
#ifndef LAT_MODEL_SIGNATURE_INTERNAL_H
#define LAT_MODEL_SIGNATURE_INTERNAL_H

#include "model/signature.h"

/* Guards the product of sides and every buffer made from it: floats of one row. */
enum { LAT_SIGNATURE_ELEMENTS_MAX = 1 << 27 };

/* LAT_INVALID: the manifest says one number at `pointer`, the file has another. */
enum lat_status lat_signature_mismatch(const char *pointer, int64_t said, const char *file,
                                       const struct lat_tensor_info *info, int64_t has,
                                       struct lat_error *err);
/* LAT_INVALID: neither says it. */
enum lat_status lat_signature_unsaid(const char *pointer, const char *file,
                                     const struct lat_tensor_info *info, struct lat_error *err);
/* LAT_INVALID: the file has a shape no input or output of this kind can have. */
enum lat_status lat_signature_unfit(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info, const char *wanted,
                                    struct lat_error *err);
/* *inout_said is the manifest's number (0: not said), `dim` the file's (-1: open). */
enum lat_status lat_signature_settle(const char *pointer, const struct lat_graph_face *face,
                                     const struct lat_tensor_info *info, int64_t dim,
                                     int64_t *inout_said, struct lat_error *err) LAT_MUST_USE;

/* Settles sizes and layout of `input` with the tensor that takes it. */
enum lat_status lat_signature_input(const struct lat_graph_face *face,
                                    const struct lat_tensor_info *info,
                                    struct lat_input_spec *input,
                                    struct lat_error *err) LAT_MUST_USE;
/* A port with its open axes filled: the row of `input` in a tensor of that rank. False where an
 * axis of the file says something else. */
bool lat_signature_row(struct lat_port *port, const struct lat_input_spec *input);

#endif
