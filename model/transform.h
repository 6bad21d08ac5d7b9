/* A transform: the two halves of a convolutional autoencoder for pictures of any size, run tile
 * by tile. A tile is read with as much around it as the network can see, so what comes out is
 * what the whole picture at once would give: there are no seams. Beyond the picture's right and
 * lower border, up to a multiple of the stride, its last column and row are repeated.
 *
 * Immutable once open: any number of threads may run one. */
#ifndef LAT_MODEL_TRANSFORM_H
#define LAT_MODEL_TRANSFORM_H

#include "model/engine.h"
#include "model/package.h"

struct lat_transform {
    struct lat_session *analysis, *synthesis; /* owned */
    const struct lat_manifest *manifest;      /* borrowed */
    size_t maps;                              /* channels of a code */
};

/* Opens the two graphs of the package in `folder` and holds their shapes against the manifest.
 */
enum lat_status lat_transform_open(struct lat_engine *engine, const char *folder,
                                   const struct lat_manifest *manifest, int threads,
                                   struct lat_transform *out_transform,
                                   struct lat_error *err) LAT_MUST_USE;
void lat_transform_close(struct lat_transform *transform);

/* Places of a code along a side of so many pixels. */
size_t lat_transform_places(const struct lat_transform *transform, uint32_t pixels);

/* pixels [height][width][channels] -> out_code [maps][places(height)][places(width)]. No tile
 * is begun after `deadline_ns` (lat_clock_ns; 0: never mind): LAT_UNAVAILABLE
 * deadline_exceeded. */
enum lat_status lat_transform_analyse(const struct lat_transform *transform,
                                      const uint8_t *pixels, uint32_t width, uint32_t height,
                                      uint64_t deadline_ns, float *out_code,
                                      struct lat_error *err) LAT_MUST_USE;
/* The reverse; values cut to [0,1] and rounded to 8 bits. */
enum lat_status lat_transform_synthesise(const struct lat_transform *transform,
                                         const float *code, uint32_t width, uint32_t height,
                                         uint64_t deadline_ns, uint8_t *out_pixels,
                                         struct lat_error *err) LAT_MUST_USE;

#endif
