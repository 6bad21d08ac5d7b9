/* Windows over rows of numbers in the order of time: a CSV file, or every one of a folder.
 *
 * The rows are kept once, in the order in which they are read; a window is `length` rows of
 * them from its first on, so windows that overlap share their rows. A *run* is rows without a
 * break: it ends with its file, and at a row that cannot be used, and no window reaches out of
 * one. Window i of all is found by its run, binary search over how many came before. A missing
 * cell holds what the row before it holds, and its feature's mean at the beginning of a run.
 * Features are standardised by means and deviations over all rows, or those of the model the
 * data are read for. */
#include "model/train/dataset/arrays.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/train/dataset/store.h"
#include "model/train/dataset/text_table.h"

#include "base/banned.h"

enum { MAX_LENGTH = 65535, SHOWN = 40 };

struct run {
    size_t first, n_rows;
    size_t n_before; /* windows of the runs before it */
};

/* What windows are cut from: the dataset's state. */
struct rows {
    struct lat_row_store store; /* [features] floats a row, NaN: no value */
    struct run *runs;           /* those that hold a window; the last one open while reading */
    size_t n_runs, capacity;
    size_t length, stride, longest;
};

/* One feature while reading. */
struct feature {
    double mean, squares; /* of the values so far, squares around the mean (Welford 1962) */
    size_t n;
};

/* A reading of all files. */
struct reading {
    const struct lat_data_options *options;
    struct lat_dataset *dataset;
    struct lat_input_spec *input; /* the dataset's */
    struct rows *rows;
    struct lat_text_table table; /* of the file being read */
    uint32_t positions[LAT_MAX_FEATURES];
    struct feature features[LAT_MAX_FEATURES];
    bool given;                  /* read for a model: means and deviations are its own */
    float row[LAT_MAX_FEATURES]; /* the last one, or NaN at the beginning of a run */
    struct run run;              /* the one being read */
};

/* ---- windows ---- */

static size_t windows_of(const struct rows *rows, size_t n_rows)
{
    return n_rows < rows->length ? 0 : (n_rows - rows->length) / rows->stride + 1;
}

static size_t first_row(const struct rows *rows, size_t window)
{
    size_t low = 0, high = rows->n_runs - 1;
    while (low < high) {
        const size_t middle = (low + high + 1) / 2;
        if (rows->runs[middle].n_before <= window)
            low = middle;
        else
            high = middle - 1;
    }
    const struct run *run = &rows->runs[low];
    return run->first + (window - run->n_before) * rows->stride;
}

static enum lat_status read_window(const struct lat_dataset *dataset, uint32_t item, float *out,
                                   struct lat_error *err)
{
    const struct rows *rows = dataset->state;
    const struct lat_input_spec *input = &dataset->input;
    const size_t first = first_row(rows, item);
    enum lat_status status = LAT_OK;
    for (size_t t = 0; status == LAT_OK && t < rows->length; t++, out += input->features) {
        status = lat_row_store_read(&rows->store, first + t, out, err);
        for (size_t f = 0; status == LAT_OK && f < input->features; f++)
            out[f] =
                isnan(out[f]) ? 0 : (out[f] - input->feature_mean[f]) / input->feature_std[f];
    }
    return status;
}

static void close_rows(void *state)
{
    struct rows *rows = state;
    lat_row_store_release(&rows->store);
    lat_free(rows->runs);
    lat_free(rows);
}

/* ---- rows ---- */

/* Ends the run being read: it is kept when a window fits into it. */
static enum lat_status end_run(struct reading *reading, struct lat_error *err)
{
    struct rows *rows = reading->rows;
    const struct run run = reading->run;
    const size_t n = windows_of(rows, run.n_rows);
    reading->run = (struct run){.first = rows->store.n};
    for (size_t f = 0; f < LAT_MAX_FEATURES; f++)
        reading->row[f] = NAN;
    if (run.n_rows > rows->longest)
        rows->longest = run.n_rows;
    if (n == 0)
        return LAT_OK;
    if (rows->n_runs == rows->capacity) {
        const size_t capacity = rows->capacity ? 2 * rows->capacity : 16;
        struct run *grown = lat_realloc(rows->runs, capacity, sizeof(*grown));
        if (!grown)
            return lat_fail_memory(err);
        rows->runs = grown;
        rows->capacity = capacity;
    }
    rows->runs[rows->n_runs] = run;
    rows->runs[rows->n_runs++].n_before = reading->dataset->n;
    reading->dataset->n += n;
    if (reading->dataset->n > UINT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^32 windows");
    return LAT_OK;
}

static void note(struct feature *feature, double value)
{
    const double from = value - feature->mean;
    feature->n++;
    feature->mean += from / (double)feature->n;
    feature->squares += from * (value - feature->mean);
}

/* The cells of a row into `values`, NaN where one is missing; false (and the row is counted as
 * skipped) when one is no number. */
static bool convert(struct reading *reading, double *values)
{
    const struct lat_text_table *table = &reading->table;
    if (!lat_text_table_check(table, reading->dataset))
        return false;
    for (size_t f = 0; f < reading->input->features; f++) {
        const uint32_t position = reading->positions[f];
        const struct lat_text_cell *cell = &table->cells[position];
        if (lat_text_is_missing(cell, reading->options)) {
            values[f] = NAN;
        } else if (!lat_text_number(cell, &values[f])) {
            const int shown = (int)(cell->len < SHOWN ? cell->len : SHOWN);
            lat_dataset_skip(reading->dataset, "line %zu, column '%.*s': '%.*s' is no number",
                             lat_text_rows_line(table->rows), SHOWN, table->names[position],
                             shown, cell->text);
            return false;
        }
    }
    return true;
}

static enum lat_status add_row(struct reading *reading, struct lat_error *err)
{
    double values[LAT_MAX_FEATURES];
    if (!convert(reading, values))
        return end_run(reading, err);
    const size_t width = reading->input->features;
    for (size_t f = 0; f < width; f++) {
        if (isnan(values[f]))
            continue;
        reading->row[f] = (float)values[f];
        note(&reading->features[f], values[f]);
    }
    reading->dataset->crc =
        lat_crc32c(reading->dataset->crc, reading->row, width * sizeof(float));
    reading->run.n_rows++;
    return lat_row_store_add(&reading->rows->store, reading->row, err);
}

/* ---- columns ---- */

static bool is_excluded(const struct lat_data_options *options, const char *name)
{
    for (size_t i = 0; i < options->n_exclude; i++)
        if (strcmp(options->exclude[i], name) == 0)
            return true;
    return false;
}

static enum lat_status add_feature(struct reading *reading, const char *name,
                                   struct lat_error *err)
{
    struct lat_input_spec *input = reading->input;
    if (input->features == LAT_MAX_FEATURES)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than %d columns", LAT_MAX_FEATURES);
    if (strlen(name) >= LAT_FEATURE_NAME_MAX)
        return lat_fail(err, LAT_INVALID, "bad_name",
                        "the name of column '%.*s...' has more than %d bytes", SHOWN, name,
                        LAT_FEATURE_NAME_MAX - 1);
    snprintf(input->feature_names[input->features++], LAT_FEATURE_NAME_MAX, "%s", name);
    return LAT_OK;
}

/* What the features are called: as the options say, else every column of the first file that is
 * not excluded. */
static enum lat_status name_features(struct reading *reading, struct lat_error *err)
{
    const struct lat_data_options *options = reading->options;
    const struct lat_text_table *table = &reading->table;
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < options->n_columns; i++)
        status = add_feature(reading, options->columns[i], err);
    for (size_t i = 0; status == LAT_OK && !options->columns && i < table->width; i++)
        if (!is_excluded(options, table->names[i]))
            status = add_feature(reading, table->names[i], err);
    if (status == LAT_OK && reading->input->features == 0)
        status = lat_fail(err, LAT_INVALID, "no_columns", "no column is left to read");
    return status;
}

/* Finds the features in the file just opened; the first file that is read names them. */
static enum lat_status find_features(struct reading *reading, struct lat_error *err)
{
    struct lat_input_spec *input = reading->input;
    enum lat_status status = LAT_OK;
    if (input->features == 0 || input->feature_names[0][0] == '\0') {
        const uint32_t expected = input->features;
        input->features = 0;
        status = name_features(reading, err);
        if (status == LAT_OK && expected != 0 && input->features != expected)
            status = lat_fail(err, LAT_INVALID, "wrong_dimension",
                              "the model takes %u features, the data have %u columns", expected,
                              input->features);
    }
    for (size_t f = 0; status == LAT_OK && f < input->features; f++)
        status = lat_text_table_find(&reading->table, input->feature_names[f],
                                     &reading->positions[f], err);
    return status;
}

/* ---- files ---- */

static enum lat_status read_rows(struct reading *reading, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    while (status == LAT_OK) {
        status = lat_text_table_next(&reading->table, err);
        if (status != LAT_OK || reading->table.n == 0)
            break;
        status = add_row(reading, err);
    }
    return status == LAT_OK ? end_run(reading, err) : status;
}

static enum lat_status read_file(struct reading *reading, const char *path,
                                 struct lat_error *err)
{
    struct rows *rows = reading->rows;
    enum lat_status status = lat_text_table_open(&reading->table, path, reading->options, err);
    if (status == LAT_OK)
        status = find_features(reading, err);
    if (status == LAT_OK && rows->store.row_len == 0)
        lat_row_store_init(&rows->store, reading->input->features * sizeof(float),
                           reading->options->memory);
    if (status == LAT_OK)
        status = read_rows(reading, err);
    lat_text_table_close(&reading->table);
    return status;
}

static int is_table(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && lat_csv_matches(entry->d_name);
}

/* A table of a folder; one that links out of the root is passed over. */
static enum lat_status read_entry(struct reading *reading, const char *folder, const char *name,
                                  struct lat_error *err)
{
    char path[LAT_PATH_MAX];
    const char *root = reading->options->root;
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the path of a file is too long");
    if (root && !lat_file_is_within(root, path))
        return LAT_OK;
    const enum lat_status status = read_file(reading, path, err);
    lat_error_prefix(err, "'%s'", name);
    return status;
}

static enum lat_status read_folder(struct reading *reading, const char *folder,
                                   struct lat_error *err)
{
    struct dirent **names = NULL;
    const int n = scandir(folder, &names, is_table, alphasort);
    enum lat_status status = LAT_OK;
    if (n < 0)
        return lat_fail_errno(err, errno, "reading the folder '%s'", folder);
    if (n == 0)
        status = lat_fail(err, LAT_INVALID, "empty", "there are no CSV files in it");
    for (int i = 0; i < n; i++) {
        if (status == LAT_OK)
            status = read_entry(reading, folder, names[i]->d_name, err);
        lat_free(names[i]);
    }
    lat_free(names);
    return status;
}

/* ---- the format ---- */

void lat_sequences_options(struct lat_fields *data, struct lat_arena *arena,
                           struct lat_data_options *out_options)
{
    lat_fields_texts(data, "columns", arena, &out_options->columns, &out_options->n_columns);
    lat_fields_texts(data, "exclude", arena, &out_options->exclude, &out_options->n_exclude);
    lat_text_options(data, arena, out_options);
    lat_fields_count(data, "length", &out_options->length, 1, MAX_LENGTH);
    out_options->stride = 1;
    lat_fields_count(data, "stride", &out_options->stride, 1, MAX_LENGTH);
}

/* Length and features: those of the model the data are for, else the options'. */
static enum lat_status begin(struct reading *reading, struct lat_error *err)
{
    const struct lat_data_options *options = reading->options;
    const struct lat_input_spec *as = options->as;
    const bool given = as && as->kind == LAT_INPUT_SEQUENCE;
    const uint32_t length = given ? as->length : options->length;
    if (length == 0)
        return lat_fail(err, LAT_INVALID, "missing_field",
                        "/data/length: expected the number of rows of a window");
    if (given && options->length && options->length != length)
        return lat_fail(err, LAT_INVALID, "wrong_dimension",
                        "windows of %u rows, the model takes %u", options->length, length);
    reading->given = given;
    if (given)
        *reading->input = *as;
    reading->input->kind = LAT_INPUT_SEQUENCE;
    reading->input->length = length;
    reading->rows->length = length;
    reading->rows->stride = options->stride ? options->stride : 1;
    for (size_t f = 0; f < LAT_MAX_FEATURES; f++)
        reading->row[f] = NAN;
    return LAT_OK;
}

static void standardise(struct reading *reading)
{
    struct lat_input_spec *input = reading->input;
    for (size_t f = 0; f < LAT_MAX_FEATURES; f++) {
        const struct feature *feature = &reading->features[f];
        const double std = feature->n ? sqrt(feature->squares / (double)feature->n) : 0;
        input->feature_mean[f] = (float)feature->mean;
        input->feature_std[f] = std > 1e-12 * (1 + fabs(feature->mean)) ? (float)std : 1;
    }
}

static enum lat_status finish(struct reading *reading, struct lat_error *err)
{
    struct lat_dataset *dataset = reading->dataset;
    struct rows *rows = reading->rows;
    const uint32_t cut[2] = {(uint32_t)rows->length, (uint32_t)rows->stride};
    if (dataset->n == 0)
        return lat_fail(err, LAT_INVALID, "empty",
                        "no window of %zu rows: the longest run of rows has %zu%s%s",
                        rows->length, rows->longest, dataset->n_skipped ? "; " : "",
                        dataset->first_skipped);
    if (!reading->given)
        standardise(reading);
    dataset->elements = rows->length * reading->input->features;
    reading->input->dimension = dataset->elements;
    dataset->crc = lat_crc32c(dataset->crc, cut, sizeof(cut));
    dataset->lowest = -INFINITY; /* new rows may lie anywhere */
    dataset->highest = INFINITY;
    dataset->surveyed = true;
    dataset->ordered = true;
    return lat_row_store_finish(&rows->store, err);
}

enum lat_status lat_sequences_open(const char *path, const struct lat_data_options *options,
                                   struct lat_dataset *dataset, struct lat_error *err)
{
    static const struct lat_row_source source = {read_window, close_rows};
    struct stat st;
    struct reading *reading = lat_alloc(1, sizeof(*reading));
    struct rows *rows = lat_alloc(1, sizeof(*rows));
    enum lat_status status = reading && rows ? LAT_OK : lat_fail_memory(err);
    if (rows) {
        lat_row_store_init(&rows->store, 0, options->memory);
        dataset->source = &source; /* from here on the dataset's to close */
        dataset->state = rows;
    }
    if (status == LAT_OK) {
        *reading = (struct reading){
            .options = options, .dataset = dataset, .input = &dataset->input, .rows = rows};
        status = begin(reading, err);
    }
    if (status == LAT_OK && stat(path, &st) != 0)
        status = lat_fail_errno(err, errno, "opening it");
    if (status == LAT_OK)
        status = S_ISDIR(st.st_mode) ? read_folder(reading, path, err)
                                     : read_file(reading, path, err);
    if (status == LAT_OK)
        status = finish(reading, err);
    lat_free(reading);
    return status;
}
