/* The data formats: one row each in lat_data_formats, one file each. Adding a format is a file
 * here and a line in formats.c. Private to model/train. */
#ifndef LAT_MODEL_TRAIN_DATASET_FORMATS_H
#define LAT_MODEL_TRAIN_DATASET_FORMATS_H

#include "model/train/dataset/dataset.h"
#include "model/train/fields.h"

/* The most a data file may unpack to. */
#define LAT_DATA_MAX_LEN ((size_t)16 << 30)

enum { LAT_PATCH_SIZES_MAX = 8 };

/* What formats read beside format, path and validation. */
struct lat_data_options {
    uint32_t size[2];  /* images: height, width; 0 = of the first picture */
    uint32_t channels; /* images: 1 or 3; 0 = of the first picture */
    uint32_t patches;  /* images: cut from each picture; 0 = the picture resized */
    uint32_t shorter[LAT_PATCH_SIZES_MAX]; /* patches: of the picture's shorter side before */
    size_t n_shorter;
    const char *root;           /* folders: nothing outside of it; NULL = anywhere */
    const char *array;          /* npz: the array's name; NULL = the only one */
    const char *const *columns; /* csv: taken, in this order; NULL = every column */
    const char *const *exclude; /* csv: left out */
    const char *const *missing; /* csv: marks of a missing cell */
    size_t n_columns, n_exclude, n_missing;
    const uint8_t *column_types; /* [n_columns] LAT_TYPE_…; NULL: all to be told */
    int header;                  /* LAT_HEADER_…: whether there is a line of names */
    const char *separator;       /* NULL: to be told */
    const char *user, *item, *weight, *time; /* interactions: columns by name or position */
    bool has_min_weight;
    double min_weight;
    uint32_t length,
        stride;    /* sequences: rows of a window (0: not said), between two windows */
    size_t memory; /* bytes of data kept in memory; more stays in a file */
    const struct lat_input_spec *as; /* read for this input; NULL: find out what it is */
};

enum { LAT_HEADER_TOLD, LAT_HEADER_YES, LAT_HEADER_NO }; /* TOLD: by the first line */
enum { LAT_TYPE_TOLD }; /* by its cells; any other is 1 + an enum lat_column_type */

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
/* The same bit by bit. lat_gzip_fill gives `len` bytes, or fewer at the end. */
struct lat_gzip;
enum lat_status lat_gzip_open(const char *path, struct lat_gzip **out_file,
                              struct lat_error *err) LAT_MUST_USE;
void lat_gzip_close(struct lat_gzip *file); /* NULL is fine */
bool lat_gzip_is_plain(struct lat_gzip *file);
enum lat_status lat_gzip_fill(struct lat_gzip *file, void *out, size_t len, size_t *out_len,
                              struct lat_error *err) LAT_MUST_USE;
/* Unpacks a raw deflate stream of `len` bytes into exactly `out_len` bytes. */
enum lat_status lat_deflate_unpack(const void *bytes, size_t len, void *out, size_t out_len,
                                   struct lat_error *err) LAT_MUST_USE;

/* Range and checksum, once all rows are there; then what data->binarise asks for. */
enum lat_status lat_dataset_settle(struct lat_dataset *dataset,
                                   const struct lat_data_spec *data,
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
    bool steps; /* [n][steps][features] are rows of numbers, not pictures */
};

/* How the items of an array become rows; see lat_array_plan. */
struct lat_array_plan {
    struct lat_raw_array array;
    size_t dims[4], strides[4]; /* [n][c][h][w], strides in stored elements */
    size_t elements;
    bool pixels; /* rows are bytes; else floats */
};

/* What an array's items are. Rank 2, and with `steps` rank 3: numbers, taken as they are. Rank
 * 3 and 4: pictures, [n][h][w], [n][h][w][c] or [n][c][h][w] with c of 1 or 3; bytes are
 * pixels, floats must lie in [0,1]. Fills dataset->input and elements. */
enum lat_status lat_array_plan(const struct lat_raw_array *array,
                               struct lat_array_plan *out_plan, struct lat_dataset *dataset,
                               struct lat_error *err) LAT_MUST_USE;

/* The item whose first stored element is at `data` -> a row of bytes or floats. false with
 * words where a number cannot be used. */
bool lat_array_convert(const struct lat_array_plan *plan, const uint8_t *data, void *out_row,
                       char *out_words, size_t size);

/* A whole array in memory as a dataset. Items that cannot be used are skipped. */
enum lat_status lat_dataset_from_array(const struct lat_raw_array *array,
                                       struct lat_dataset *dataset,
                                       struct lat_error *err) LAT_MUST_USE;

/* A file whose head `parse` understands and whose items follow one after the other, read item
 * by item; what is larger than options->memory stays in a file. With `strict` an item that
 * cannot be used is a failure, else it is skipped. */
typedef enum lat_status lat_array_parse(const void *bytes, size_t len,
                                        struct lat_raw_array *out_array, struct lat_error *err);
enum lat_status lat_array_open(const char *path, lat_array_parse *parse, bool strict,
                               const struct lat_data_options *options,
                               struct lat_dataset *dataset, struct lat_error *err) LAT_MUST_USE;

/* The rows of a finished store become the dataset's: `bytes` or `floats` where they are in
 * memory, else a source that reads them. LAT_INVALID when there are none. The store is empty
 * then. */
struct lat_row_store;
enum lat_status lat_dataset_adopt(struct lat_dataset *dataset, struct lat_row_store *store,
                                  bool bytes, struct lat_error *err) LAT_MUST_USE;

#endif
