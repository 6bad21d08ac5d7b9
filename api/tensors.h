/* Tensors of the Open Inference Protocol, version 2, in JSON and as bytes: its names of types,
 * its data in rows, its binary extension. */
#ifndef LAT_API_TENSORS_H
#define LAT_API_TENSORS_H

#include "api/json.h"
#include "model/engine.h"

/* "FP32"; NULL for a type the protocol has no word for here. */
const char *lat_tensor_type_name(enum lat_dtype dtype);
/* LAT_DTYPE_OTHER for a word that is none of them. */
enum lat_dtype lat_tensor_type_parse(const char *name);
size_t lat_tensor_type_size(enum lat_dtype dtype);

/* `value`, a list of numbers (or booleans), nested or flat, row by row -> n elements at `out`.
 * LAT_INVALID with the place below `at` for another count, or what does not fit the type. */
enum lat_status lat_tensor_read(const struct json_t *value, const char *at,
                                enum lat_dtype dtype, size_t n, void *out,
                                struct lat_error *err) LAT_MUST_USE;
/* The same elements as they lie in a binary body, which are checked: no NaN, no infinity. */
enum lat_status lat_tensor_check(enum lat_dtype dtype, const void *data, size_t n,
                                 struct lat_error *err) LAT_MUST_USE;
/* [1,2,3]: flat. */
void lat_tensor_write(struct lat_buf *out, enum lat_dtype dtype, const void *data, size_t n);

#endif
