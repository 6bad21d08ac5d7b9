/* Pictures to feed in: PNG files of 28 x 28 gray pixels. */
#ifndef LAT_BENCH_PICTURES_H
#define LAT_BENCH_PICTURES_H

#include "base/buf.h"

struct pictures {
    size_t n;
    struct lat_buf *files; /* [n], each a PNG file */
    const char *source;    /* "Fashion-MNIST", or "drawn" */
};

/* n pictures of Fashion-MNIST's training half (at most its 60,000; the Debian package's or the
 * test data's), or else drawn ones of about the same weight. Aborts without memory. */
void pictures_make(size_t n, struct pictures *out_pictures);
void pictures_release(struct pictures *pictures);

/* FOLDER/000000.png, …: [from, to). Aborts when they cannot be written. */
void pictures_write(const struct pictures *pictures, size_t from, size_t to,
                    const char *folder);

#endif
