/* Tables as text, columns of numbers and of words.
 *
 * The file is read twice, a row at a time: once to tell what each column is (csv_columns.c) and
 * once to keep its cells, a float a cell: the number itself, the category's number, NaN where
 * it is missing. Rows are standardised and spread over their elements when they are read
 * (model/table.h). A row with the wrong number of cells, a word in a numeric column or a word a
 * given table does not know is skipped and counted.
 *
 * For a model of vectors the numbers are taken as they are, a missing one as its column's mean.
 */
#include "model/train/dataset/csv.h"

#include <math.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/arrays.h"
#include "model/train/dataset/store.h"

#include "base/banned.h"

enum { SHOWN_MAX = 40 };

/* ---- rows of a table ---- */

struct cells {
    struct lat_row_store store; /* [n][columns] floats */
};

static enum lat_status read_cells(const struct lat_dataset *dataset, uint32_t item, float *out,
                                  struct lat_error *err)
{
    enum { SMALL = 256 };
    const struct cells *cells = dataset->state;
    const struct lat_table *table = dataset->input.table;
    float small[SMALL];
    float *values =
        table->names.n <= SMALL ? small : lat_alloc_raw(table->names.n, sizeof(*values));
    if (!values)
        return lat_fail_memory(err);
    const enum lat_status status = lat_row_store_read(&cells->store, item, values, err);
    for (size_t i = 0; status == LAT_OK && i < table->names.n; i++)
        lat_table_put(&table->columns[i], (double)values[i], out);
    if (values != small)
        lat_free(values);
    return status;
}

static void close_cells(void *state)
{
    struct cells *cells = state;
    lat_row_store_release(&cells->store);
    lat_free(cells);
}

/* ---- keeping cells ---- */

static void skip_cell(const struct lat_csv *csv, size_t i, const struct lat_text_cell *cell,
                      const char *words, struct lat_dataset *dataset)
{
    const int shown = (int)(cell->len < SHOWN_MAX ? cell->len : SHOWN_MAX);
    lat_dataset_skip(dataset, "line %zu, column '%.60s': '%.*s' %s",
                     lat_text_rows_line(csv->text.rows), csv->columns[i].name, shown,
                     lat_utf8_valid(cell->text, (size_t)shown) ? cell->text : "?", words);
}

/* One cell as a float; false (and the row is counted) when it cannot be used. */
static bool convert(struct lat_csv *csv, size_t i, float *out, struct lat_dataset *dataset)
{
    struct lat_csv_column *column = &csv->columns[i];
    const struct lat_text_cell *cell = &csv->text.cells[column->position];
    double number;
    uint32_t category = 0;
    if (lat_text_is_missing(cell, csv->options)) {
        *out = NAN;
        return true;
    }
    const bool words = lat_csv_has_words(column);
    const bool date = column->type == 1 + LAT_COLUMN_DATE;
    if (!words && (date ? lat_date_parse(column->format, cell->text, cell->len, &number)
                        : lat_text_number(cell, &number))) {
        *out = (float)number;
        return true;
    }
    if (words && lat_words_find(column->categories, cell->text, cell->len, &category)) {
        *out = (float)category;
        return true;
    }
    skip_cell(csv, i, cell,
              words  ? "is no category of it"
              : date ? "is no date as the others are"
                     : "is no number",
              dataset);
    return false;
}

/* Welford's running mean and squares, of numbers; counts, of categories. */
static void note(struct lat_csv_column *column, float value)
{
    if (isnan(value))
        return;
    column->n_seen++;
    if (lat_csv_has_words(column)) {
        column->counts[(size_t)value]++;
        return;
    }
    column->least = column->n_seen == 1 ? (double)value : fmin(column->least, (double)value);
    column->most = column->n_seen == 1 ? (double)value : fmax(column->most, (double)value);
    const double off = (double)value - column->mean;
    column->mean += off / (double)column->n_seen;
    column->squares += off * ((double)value - column->mean);
}

static bool convert_row(struct lat_csv *csv, float *out, struct lat_dataset *dataset)
{
    bool some = false;
    for (size_t i = 0; i < csv->n; i++) {
        if (!convert(csv, i, &out[i], dataset))
            return false;
        some = some || !isnan(out[i]);
    }
    if (!some)
        lat_dataset_skip(dataset, "line %zu: every cell is missing",
                         lat_text_rows_line(csv->text.rows));
    return some;
}

static enum lat_status keep_rows(struct lat_csv *csv, struct lat_row_store *store,
                                 struct lat_dataset *dataset, struct lat_error *err)
{
    float *row = lat_alloc_raw(csv->n, sizeof(*row));
    enum lat_status status = row ? LAT_OK : lat_fail_memory(err);
    while (status == LAT_OK) {
        status = lat_text_table_next(&csv->text, err);
        if (status != LAT_OK || csv->text.n == 0)
            break;
        const bool usable =
            lat_text_table_check(&csv->text, dataset) && convert_row(csv, row, dataset);
        dataset->n_met++;
        if (!usable)
            continue;
        for (size_t i = 0; i < csv->n; i++)
            note(&csv->columns[i], row[i]);
        status = lat_row_store_add(store, row, err);
    }
    lat_free(row);
    if (status == LAT_OK)
        status = lat_row_store_finish(store, err);
    if (status == LAT_OK && store->n == 0)
        status =
            lat_fail(err, LAT_INVALID, "empty", "no row can be used; %s%s",
                     dataset->n_skipped ? dataset->first_skipped : "there are none",
                     dataset->n_skipped ? " (a column may be left out by \"exclude\")" : "");
    return status;
}

/* ---- what the dataset is then ---- */

static enum lat_status adopt_cells(struct lat_row_store *store, struct lat_dataset *dataset,
                                   struct lat_error *err)
{
    static const struct lat_row_source source = {read_cells, close_cells};
    struct cells *cells = lat_alloc(1, sizeof(*cells));
    if (!cells)
        return lat_fail_memory(err);
    dataset->n = store->n;
    cells->store = *store;
    *store = (struct lat_row_store){.fd = -1};
    dataset->source = &source;
    dataset->state = cells;
    return LAT_OK;
}

static enum lat_status finish_table(struct lat_csv *csv, struct lat_row_store *store,
                                    struct lat_dataset *dataset, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    const struct lat_table *table = csv->options->as ? csv->options->as->table : NULL;
    if (!table) {
        status = lat_csv_make_table(csv, &dataset->table, err);
        table = dataset->table;
    }
    if (status != LAT_OK)
        return status;
    dataset->elements = table->elements;
    dataset->input = (struct lat_input_spec){
        .kind = LAT_INPUT_TABLE, .dimension = table->elements, .table = table};
    return adopt_cells(store, dataset, err);
}

/* Vectors: missing numbers become their column's mean. */
static enum lat_status finish_vectors(struct lat_csv *csv, struct lat_row_store *store,
                                      struct lat_dataset *dataset, struct lat_error *err)
{
    if (store->in_file)
        return lat_fail(err, LAT_TOO_LARGE, NULL,
                        "as vectors a table must fit into data.memory");
    dataset->elements = csv->n;
    dataset->input =
        (struct lat_input_spec){.kind = LAT_INPUT_VECTOR, .dimension = dataset->elements};
    const enum lat_status status = lat_dataset_adopt(dataset, store, false, err);
    for (size_t i = 0; status == LAT_OK && i < dataset->n * csv->n; i++)
        if (isnan(dataset->floats[i]))
            dataset->floats[i] = (float)csv->columns[i % csv->n].mean;
    return status;
}

/* ---- the format ---- */

bool lat_csv_matches(const char *path)
{
    return lat_path_has_suffix(path, ".csv") || lat_path_has_suffix(path, ".tsv");
}

/* An element of "columns": a name, or {"name":…,"type":…}. */
static void read_column(struct lat_fields *data, size_t i, struct lat_arena *arena,
                        const char **out_name, uint8_t *out_type)
{
    struct lat_choice types[LAT_COLUMN_TYPES];
    for (int t = 0; t < LAT_COLUMN_TYPES; t++)
        types[t] = (struct lat_choice){lat_column_type_names[t], 1 + t, true};
    struct lat_fields child;
    int type = LAT_TYPE_TOLD;
    lat_fields_element(data, "columns", i, arena, out_name, &child);
    if (*out_name)
        return;
    lat_fields_position(&child, "name", arena, out_name);
    lat_fields_choice(&child, "type", types, LAT_ARRAY_LEN(types), &type);
    lat_fields_end(&child);
    *out_type = (uint8_t)type;
    if (!*out_name)
        lat_fields_fail(&child, "name", "missing_field", "expected the column's name");
}

static void read_columns(struct lat_fields *data, struct lat_arena *arena,
                         struct lat_data_options *out_options)
{
    const size_t n = lat_fields_list(data, "columns");
    if (n == 0)
        return;
    const char **names = lat_arena_alloc(arena, n, sizeof(*names));
    uint8_t *types = lat_arena_alloc(arena, n, sizeof(*types));
    if (!names || !types) {
        lat_fields_fail_memory(data);
        return;
    }
    for (size_t i = 0; i < n; i++)
        read_column(data, i, arena, &names[i], &types[i]);
    out_options->columns = names;
    out_options->column_types = types;
    out_options->n_columns = n;
}

void lat_csv_options(struct lat_fields *data, struct lat_arena *arena,
                     struct lat_data_options *out_options)
{
    read_columns(data, arena, out_options);
    lat_fields_texts(data, "exclude", arena, &out_options->exclude, &out_options->n_exclude);
    lat_text_options(data, arena, out_options);
}

enum lat_status lat_csv_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_csv csv = {.options = options, .path = path};
    struct lat_row_store store;
    const bool vectors = options->as && options->as->kind != LAT_INPUT_TABLE;
    lat_row_store_init(&store, 1, options->memory);
    enum lat_status status = lat_csv_begin(&csv, err);
    if (status == LAT_OK) {
        lat_row_store_init(&store, csv.n * sizeof(float),
                           vectors ? SIZE_MAX / 2 : options->memory);
        status = keep_rows(&csv, &store, dataset, err);
    }
    if (status == LAT_OK)
        status = vectors ? finish_vectors(&csv, &store, dataset, err)
                         : finish_table(&csv, &store, dataset, err);
    lat_row_store_release(&store);
    lat_csv_end(&csv);
    return status;
}
