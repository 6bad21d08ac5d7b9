/* Bare ONNX Runtime: one session of an encoder, as its own C interface gives it. */
#ifndef LAT_BENCH_ORT_RAW_H
#define LAT_BENCH_ORT_RAW_H

#include <stddef.h>
#include <stdint.h>

struct ort_raw;

/* Opens an ONNX file whose only input is the batch; everything but the number of threads of a
 * run at the runtime's own defaults. Aborts with the runtime's words. */
struct ort_raw *ort_raw_open(const char *path, int threads);
void ort_raw_close(struct ort_raw *raw);

/* rows [n][elements] -> out_codes [n][d], from the output named `code` ("" = the first). Any
 * number of threads at once. */
void ort_raw_run(const struct ort_raw *raw, const char *code, const float *rows, size_t n,
                 float *out_codes, size_t d);

#endif
