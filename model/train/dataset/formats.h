/* The data formats: one row each in lat_data_formats, one file each. Adding a format is a file
 * here and a line in formats.c. Private to model/train. */
#ifndef LAT_MODEL_TRAIN_DATASET_FORMATS_H
#define LAT_MODEL_TRAIN_DATASET_FORMATS_H

#include "model/train/dataset/dataset.h"
#include "model/train/fields.h"

/* The most a data file may unpack to. */
#define LAT_DATA_MAX_LEN ((size_t)16 << 30)

/* What formats read beside format, path and validation. */
struct lat_data_options {
    uint32_t size[2];           /* images: height, width; 0 = of the first picture */
    uint32_t channels;          /* images: 1 or 3; 0 = of the first picture */
    const char *array;          /* npz: the array's name; NULL = the only one */
    const char *const *columns; /* csv: taken, in this order; NULL = every column */
    const char *const *exclude; /* csv: left out */
    const char *const *missing; /* csv: marks of a missing cell */
    size_t n_columns, n_exclude, n_missing;
};

struct lat_data_format {
    const char *name;
    /* Whether a path looks like one, by its name. NULL: never told from a name. */
    bool (*matches)(const char *path);
    /* Reads the format's own keys of the data object. NULL: it has none. */
    void (*options)(struct lat_fields *data, struct lat_arena *arena,
                    struct lat_data_options *out_options);
    /* Fills an empty dataset. NULL: a format of the grammar that this version cannot read. */
    enum lat_status (*open)(const char *path, const struct lat_data_options *options,
                            struct lat_dataset *dataset, struct lat_error *err);
};

extern const struct lat_data_format lat_data_formats[];
extern const size_t lat_n_data_formats;

const struct lat_data_format *lat_data_format_find(const char *name);
/* By the path's name, then by the file's first bytes; NULL when nothing fits. */
const struct lat_data_format *lat_data_format_guess(const char *path);

/* Reads a data object: the common keys, then the format's own. `out_data` starts empty;
 * failures go to the document of `fields`. */
void lat_data_spec_read(struct lat_fields *fields, struct lat_data_spec *out_data);

/* Whether `path` ends in `suffix`, a closing ".gz" aside, whatever the case. */
bool lat_path_has_suffix(const char *path, const char *suffix);

/* ---- helpers of the formats ---- */

/* The whole file, unpacked when it is gzip, at most `limit` bytes. */
enum lat_status lat_gzip_read(const char *path, size_t limit, struct lat_buf *out,
                              struct lat_error *err) LAT_MUST_USE;
/* Unpacks a raw deflate stream of `len` bytes into exactly `out_len` bytes. */
enum lat_status lat_deflate_unpack(const void *bytes, size_t len, void *out, size_t out_len,
                                   struct lat_error *err) LAT_MUST_USE;

/* Makes room for dataset->n rows of dataset->elements as bytes or floats. LAT_INVALID when
 * there are none. */
enum lat_status lat_dataset_reserve(struct lat_dataset *dataset, bool bytes,
                                    struct lat_error *err) LAT_MUST_USE;
/* Counts an item that could not be used, and keeps the words of the first. */
void lat_dataset_skip(struct lat_dataset *dataset, const char *fmt, ...) LAT_PRINTF(2, 3);

/* What an array of numbers on disk looks like, for lat_dataset_from_array. */
struct lat_raw_array {
    const uint8_t *data;
    size_t len;  /* bytes at `data` */
    char kind;   /* 'u' unsigned, 'i' signed, 'f' floating, 'b' bool */
    size_t size; /* bytes an element: 1, 2, 4, 8 */
    bool big_endian;
    bool columns_first; /* Fortran order */
    size_t rank;
    size_t dims[8];
};

/* One array as a dataset. Rank 2: vectors, taken as they are. Rank 3 and 4: pictures,
 * [n][h][w], [n][h][w][c] or [n][c][h][w] with c of 1 or 3; bytes are pixels, floats must lie
 * in [0,1]. */
enum lat_status lat_dataset_from_array(const struct lat_raw_array *array,
                                       struct lat_dataset *dataset,
                                       struct lat_error *err) LAT_MUST_USE;

#endif
