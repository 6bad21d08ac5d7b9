/* Codes in a file, for what else reads them: NPY, version 1.0, float32, C order. */
#ifndef LAT_MODEL_TRAIN_CODES_FILE_H
#define LAT_MODEL_TRAIN_CODES_FILE_H

#include <stddef.h>

#include "base/status.h"

/* codes: [n][width]. Written to a temporary file, synced, renamed. */
enum lat_status lat_codes_write(const char *path, const float *codes, size_t n, size_t width,
                                struct lat_error *err) LAT_MUST_USE;

#endif
