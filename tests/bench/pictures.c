#include "pictures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/image.h"
#include "tests/support/support.h"

#include "base/banned.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE, IDX_HEAD = 16, BLOBS = 6 };

static void give_up(const char *words)
{
    fprintf(stderr, "pictures: %s\n", words);
    abort();
}

/* A few soft blobs of one shade on black, which compress about as clothes do. */
static void draw(struct lat_rng *rng, uint8_t *pixels)
{
    memset(pixels, 0, PIXELS);
    for (int blob = 0; blob < BLOBS; blob++) {
        const double x = 4 + 20 * lat_rng_uniform(rng), y = 4 + 20 * lat_rng_uniform(rng);
        const double r = 3 + 6 * lat_rng_uniform(rng), shade = 60 + 180 * lat_rng_uniform(rng);
        for (int i = 0; i < PIXELS; i++) {
            const double dx = i % SIDE - x, dy = i / SIDE - y;
            if (dx * dx + dy * dy < r * r)
                pixels[i] = (uint8_t)(shade + 12 * lat_rng_uniform(rng));
        }
    }
}

static gzFile open_idx(void)
{
    const char *paths[] = {
        "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
        test_data_path("fashion-mnist/train-images-idx3-ubyte.gz"),
    };
    unsigned char head[IDX_HEAD];
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        gzFile file = gzopen(paths[i], "rb");
        if (file && gzread(file, head, IDX_HEAD) == IDX_HEAD)
            return file;
        if (file)
            gzclose(file);
    }
    return NULL;
}

void pictures_make(size_t n, struct pictures *out_pictures)
{
    uint8_t pixels[PIXELS];
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    gzFile idx = open_idx();
    lat_rng_seed(&rng, 1);
    *out_pictures = (struct pictures){.n = n,
                                      .files = lat_alloc(n, sizeof(struct lat_buf)),
                                      .source = idx ? "Fashion-MNIST" : "drawn"};
    if (!out_pictures->files)
        give_up("out of memory");
    for (size_t i = 0; i < n; i++) {
        if (!idx)
            draw(&rng, pixels);
        else if (gzread(idx, pixels, PIXELS) != PIXELS)
            give_up("the IDX file is too short");
        if (lat_image_encode_png(pixels, SIDE, SIDE, 1, &out_pictures->files[i], &err) !=
            LAT_OK)
            give_up(err.message);
    }
    if (idx)
        gzclose(idx);
}

void pictures_release(struct pictures *pictures)
{
    for (size_t i = 0; i < pictures->n; i++)
        lat_buf_release(&pictures->files[i]);
    lat_free(pictures->files);
}

void pictures_write(const struct pictures *pictures, size_t from, size_t to, const char *folder)
{
    char path[1024];
    if (mkdir(folder, 0755) != 0)
        give_up("no folder");
    for (size_t i = from; i < to; i++) {
        const struct lat_buf *bytes = &pictures->files[i];
        snprintf(path, sizeof(path), "%s/%06zu.png", folder, i);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(bytes->data, 1, bytes->len, file) != bytes->len ||
            fclose(file) != 0)
            give_up("cannot write");
    }
}
