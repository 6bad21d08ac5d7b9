/* Pictures for the tests: files of tests/data/images with the pixels they must decode to, and
 * small ones made on the spot. */
#ifndef LAT_TESTS_MODEL_PICTURES_H
#define LAT_TESTS_MODEL_PICTURES_H

#include "base/buf.h"
#include "model/image.h"

/* A file of tests/data/images; aborts when it cannot be read. Release it. */
struct lat_buf picture_file(const char *name);

/* The files there with that ending ("" for all that are pictures), sorted; NULL-terminated,
 * static. */
const char *const *picture_names(const char *ending);

/* The expected pixels of a file (its .ppm or .pgm); pixels are released by lat_image_release.
 */
struct lat_image picture_expected(const char *name);

/* The largest difference between two pictures, 256 when their shapes differ. */
int picture_distance(const struct lat_image *a, const struct lat_image *b);

/* A PNG's header claiming that size, then nothing worth reading. */
struct lat_buf picture_png_claiming(uint32_t width, uint32_t height);

#endif
