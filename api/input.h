/* Inputs out of requests: {"image":…}, {"vector":…}, {"sequence":…}, raw bodies, multipart
 * parts. */
#ifndef LAT_API_INPUT_H
#define LAT_API_INPUT_H

#include "api/json.h"
#include "api/multipart.h"
#include "service/embed.h"

/* One input as the members of `object`. Failures are recorded in the document: two kinds or
 * none, a kind no model here takes. Borrowed from document and arena. */
void lat_object_input(struct lat_object *object, struct lat_input *out_input);

/* A picture's bytes, or raw float32, as an input. */
struct lat_input lat_input_image(const void *bytes, size_t len);
struct lat_input lat_input_vector(struct lat_floats floats);
/* The floats of a whole sequence, step by step. */
struct lat_input lat_input_sequence(struct lat_floats floats);

/* What a request asks a model to take: `n` inputs in the call's arena, in order. */
struct lat_inputs {
    struct lat_input *items;
    size_t n;
    bool raw; /* the body is one picture as it is: an unknown kind of it is 415 */
    bool one; /* it came as "input", not in a list */
};

/* inputs_read.c: the inputs of a JSON body, "inputs" a list or "input" one of them, and those
 * of a body that is not JSON: one picture, files in multipart, raw float32 rows of a model that
 * takes vectors. LAT_TOO_LARGE batch_too_large; bodies of other types are refused. The first
 * ends `root` (lat_object_end): whatever else it may have is read before. */
enum lat_status lat_inputs_object(struct lat_call *call, struct lat_object *root,
                                  struct lat_inputs *out_inputs,
                                  struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_inputs_body(struct lat_call *call, const struct lat_model *model,
                                struct lat_inputs *out_inputs,
                                struct lat_error *err) LAT_MUST_USE;
/* A failure of lat_embed_all over them, with where input `bad` is (SIZE_MAX: it is of no single
 * one). Returns its status. */
enum lat_status lat_inputs_blame(const struct lat_call *call, const struct lat_inputs *inputs,
                                 size_t bad, struct lat_error *err);

/* Raw float32 in the body, `columns` each row unless X-Shape says otherwise.
 * LAT_INVALID wrong_dimension, bad_shape, bad_floats, not_finite. *out_rows is 0 for an X-Shape
 * of one dimension, and for a row without one: the floats are one row. No floats are refused.
 */
enum lat_status lat_body_floats(struct lat_call *call, size_t columns, const char *of,
                                struct lat_floats *out_floats, size_t *out_rows,
                                struct lat_error *err) LAT_MUST_USE;

/* The same for inputs of a model of vectors or sequences, each a row; X-Shape may tell steps
 * and features of sequences apart: "steps,features" or "rows,steps,features". */
enum lat_status lat_body_inputs(struct lat_call *call, const struct lat_model *model,
                                struct lat_floats *out_floats, size_t *out_rows,
                                struct lat_error *err) LAT_MUST_USE;

/* Checks a batch against the configured limit: LAT_TOO_LARGE batch_too_large. */
enum lat_status lat_check_batch(const struct lat_call *call, size_t n,
                                struct lat_error *err) LAT_MUST_USE;

/* Parts of a multipart body, at most the batch limit and a few for fields. */
enum lat_status lat_call_multipart(struct lat_call *call, struct lat_multipart *out_multipart,
                                   struct lat_error *err) LAT_MUST_USE;

/* Bytes of no known kind are 415 only where they are the whole body; inside anything else the
 * picture is bad. Turns such a failure into LAT_INVALID bad_image. */
void lat_input_not_raw(struct lat_error *err);

#endif
