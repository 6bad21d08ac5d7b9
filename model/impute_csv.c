/* Records are cut at line ends outside of quotes and kept until a block is full; then the cells
 * of the model's columns become rows, the rows go through the model together, and the records
 * are written out again with the bytes of their holes replaced.
 *
 * `scanned` bytes of `text` are known to hold no further end of a record, `quotes` says whether
 * they end inside of quotes. */
#include "model/impute_csv_internal.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum lat_status lat_impute_csv_new(const struct lat_impute_csv_options *options,
                                   struct lat_impute_csv **out_csv, struct lat_error *err)
{
    const size_t columns = options->table->names.n;
    struct lat_impute_csv *csv = lat_alloc(1, sizeof(*csv));
    if (!csv)
        return lat_fail_memory(err);
    csv->options = *options;
    csv->quotes.first = true;
    csv->rows =
        lat_alloc_raw(LAT_IMPUTE_CSV_BLOCK_ROWS * options->table->elements, sizeof(float));
    csv->flags = lat_alloc(columns, sizeof(*csv->flags));
    csv->places = lat_alloc(columns, sizeof(*csv->places));
    if (!csv->rows || !csv->flags || !csv->places) {
        lat_impute_csv_free(csv);
        return lat_fail_memory(err);
    }
    *out_csv = csv;
    return LAT_OK;
}

void lat_impute_csv_free(struct lat_impute_csv *csv)
{
    if (!csv)
        return;
    lat_buf_release(&csv->text);
    lat_buf_release(&csv->out);
    lat_buf_release(&csv->cell);
    lat_arena_release(&csv->arena);
    lat_free(csv->columns);
    lat_free(csv->cells);
    lat_free(csv->taken);
    lat_free(csv->rows);
    lat_free(csv->flags);
    lat_free(csv->places);
    lat_free(csv);
}

void lat_impute_csv_count(const struct lat_impute_csv *csv, uint64_t *out_rows,
                          uint64_t *out_holes, uint64_t *out_filled)
{
    *out_rows = csv->done;
    *out_holes = csv->holes;
    *out_filled = csv->filled;
}

/* ---- cells ---- */

void lat_impute_csv_step(struct lat_impute_csv_quotes *quotes, char c, char separator)
{
    const bool parts = separator ? c == separator : c == ',' || c == ';' || c == '\t';
    if (quotes->quoted) {
        quotes->quoted = c != '"';
        quotes->closed = c == '"';
    } else if (c == '"' && (quotes->first || quotes->closed)) {
        *quotes = (struct lat_impute_csv_quotes){.quoted = true};
    } else {
        quotes->closed = false;
        quotes->first = parts || c == '\n' || (quotes->first && (c == ' ' || c == '\t'));
    }
}

size_t lat_impute_csv_split(const struct lat_impute_csv *csv, struct lat_impute_csv_span whole,
                            struct lat_impute_csv_span *cells, size_t max)
{
    const char *text = csv->text.data + whole.at;
    size_t len = whole.len, n = 0, from = 0;
    struct lat_impute_csv_quotes quotes = {.first = true};
    len -= len && text[len - 1] == '\n';
    len -= len && text[len - 1] == '\r';
    for (size_t i = 0; i <= len; i++) {
        if (i < len)
            lat_impute_csv_step(&quotes, text[i], csv->separator);
        if (i < len && (quotes.quoted || text[i] != csv->separator))
            continue;
        if (cells && n < max)
            cells[n] = (struct lat_impute_csv_span){whole.at + from, i - from};
        n++;
        from = i + 1;
    }
    return n;
}

char *lat_impute_csv_plain(struct lat_impute_csv *csv, struct lat_impute_csv_span cell,
                           size_t *out_len)
{
    const char *text = csv->text.data + cell.at, *end = text + cell.len;
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    char *out = lat_arena_alloc_raw(&csv->arena, (size_t)(end - text) + 1, 1);
    size_t n = 0;
    const bool quoted = end - text >= 2 && *text == '"' && end[-1] == '"';
    text += quoted;
    end -= quoted;
    for (; out && text < end; text++) {
        text += quoted && *text == '"' && text + 1 < end && text[1] == '"';
        out[n++] = *text;
    }
    if (out)
        out[n] = '\0';
    *out_len = n;
    return out;
}

static bool is_missing(const struct lat_impute_csv *csv, const char *text)
{
    const char *own = csv->options.missing;
    return !*text || strcmp(text, "NA") == 0 || strcmp(text, "?") == 0 ||
           (own && strcmp(text, own) == 0);
}

/* The cell of one of the model's columns, as it would have come in JSON. */
static enum lat_status take_cell(struct lat_impute_csv *csv, size_t i,
                                 struct lat_table_cell *out, struct lat_error *err)
{
    const struct lat_table *table = csv->options.table;
    const struct lat_column *column = &table->columns[csv->columns[i]];
    char *text = lat_impute_csv_plain(csv, csv->cells[i], &out->len);
    if (!text)
        return lat_fail_memory(err);
    out->name = table->names.items[csv->columns[i]];
    out->text = text;
    out->type = is_missing(csv, text) ? LAT_TABLE_NULL : LAT_TABLE_TEXT;
    const bool number = !lat_column_has_words(column) && column->type != LAT_COLUMN_DATE;
    if (out->type == LAT_TABLE_TEXT && number && lat_parse_double(text, &out->number))
        out->type = LAT_TABLE_NUMBER;
    return LAT_OK;
}

/* ---- rows ---- */

static enum lat_status read_record(struct lat_impute_csv *csv,
                                   struct lat_impute_csv_record *record, struct lat_error *err)
{
    const struct lat_table *table = csv->options.table;
    const uint64_t index = csv->done + (uint64_t)(record - csv->records);
    const size_t n = lat_impute_csv_split(csv, record->whole, csv->cells, csv->width);
    float *row = csv->rows + csv->n_rows * table->elements;
    size_t n_taken = 0;
    enum lat_status status = LAT_OK;
    record->row = SIZE_MAX;
    if (n != csv->width) {
        if (csv->options.policy == LAT_IMPUTE_FLAG)
            return LAT_OK;
        lat_fail(err, LAT_INVALID, "wrong_columns", "row %llu: expected %zu cells, not %zu",
                 (unsigned long long)index, csv->width, n);
        lat_error_at(err, "/rows/%llu", (unsigned long long)index);
        return LAT_INVALID;
    }
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        if (csv->columns[i] >= 0)
            status = take_cell(csv, i, &csv->taken[n_taken++], err);
    if (status == LAT_OK) {
        status = lat_impute_take_row(table, csv->taken, n_taken, csv->options.policy, row,
                                     csv->places, csv->flags, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "row %llu", (unsigned long long)index);
            lat_error_at(err, "/rows/%llu", (unsigned long long)index);
        }
    }
    for (size_t j = 0; j < n_taken; j++)
        csv->holes += csv->taken[j].type == LAT_TABLE_NULL;
    if (status == LAT_OK)
        record->row = csv->n_rows++;
    lat_arena_clear(&csv->arena);
    return status;
}

static void write_quoted(const struct lat_impute_csv *csv, const char *word,
                         struct lat_buf *out)
{
    const bool quoted = strpbrk(word, "\"\r\n") || strchr(word, csv->separator);
    if (!quoted) {
        lat_buf_text(out, word);
        return;
    }
    lat_buf_char(out, '"');
    for (; *word; word++) {
        if (*word == '"')
            lat_buf_char(out, '"');
        lat_buf_char(out, *word);
    }
    lat_buf_char(out, '"');
}

static size_t likeliest(const struct lat_column *column, const float *values)
{
    size_t best = 0;
    for (size_t k = 1; k < column->width; k++)
        best = values[column->start + k] > values[column->start + best] ? k : best;
    return best;
}

static void write_value(const struct lat_impute_csv *csv, const struct lat_column *column,
                        const float *values, struct lat_buf *out)
{
    const double value = (double)values[column->start] * column->std + column->mean;
    char date[LAT_DATE_TEXT_MAX];
    if (lat_column_has_words(column)) {
        write_quoted(csv, column->categories.items[likeliest(column, values)], out);
    } else if (column->type == LAT_COLUMN_DATE) {
        lat_date_write(column->format, value, date);
        write_quoted(csv, date, out);
    } else {
        lat_table_write_number(column, value, out);
    }
}

/* One record with its holes filled. */
static enum lat_status write_record(struct lat_impute_csv *csv,
                                    const struct lat_impute_csv_record *record,
                                    const struct lat_imputed *imputed, struct lat_error *err)
{
    const struct lat_table *table = csv->options.table;
    struct lat_buf *out = &csv->out;
    const float *values = imputed->values + record->row * table->elements;
    const float *spreads = imputed->spreads + record->row * table->elements;
    size_t end = record->whole.at;
    lat_impute_csv_split(csv, record->whole, csv->cells, csv->width);
    for (size_t i = 0; i < csv->width; i++) {
        const struct lat_impute_csv_span cell = csv->cells[i];
        size_t len;
        lat_buf_append(out, csv->text.data + end, cell.at - end); /* the separator */
        end = cell.at + cell.len;
        const char *text = csv->columns[i] >= 0 ? lat_impute_csv_plain(csv, cell, &len) : "-";
        if (!text)
            return lat_fail_memory(err);
        const struct lat_column *column =
            csv->columns[i] >= 0 ? &table->columns[csv->columns[i]] : NULL;
        if (column && is_missing(csv, text) &&
            lat_impute_confidence(column, values, spreads) >= csv->options.min_confidence) {
            write_value(csv, column, values, out);
            csv->filled++;
        } else {
            lat_buf_append(out, csv->text.data + cell.at, cell.len);
        }
    }
    lat_buf_append(out, csv->text.data + end, record->whole.at + record->whole.len - end);
    lat_arena_clear(&csv->arena);
    return LAT_OK;
}

static enum lat_status flush(struct lat_impute_csv *csv, struct lat_error *err)
{
    struct lat_imputed imputed = {0};
    enum lat_status status = LAT_OK;
    csv->n_rows = 0;
    for (size_t i = 0; status == LAT_OK && i < csv->n_records; i++)
        status = read_record(csv, &csv->records[i], err);
    if (status == LAT_OK && csv->n_rows)
        status =
            csv->options.impute(csv->options.context, csv->rows, csv->n_rows, &imputed, err);
    for (size_t i = 0; status == LAT_OK && i < csv->n_records; i++) {
        const struct lat_impute_csv_record *record = &csv->records[i];
        if (record->row == SIZE_MAX)
            lat_buf_append(&csv->out, csv->text.data + record->whole.at, record->whole.len);
        else
            status = write_record(csv, record, &imputed, err);
        lat_buf_append(&csv->out, csv->text.data + record->whole.at + record->whole.len,
                       record->blank);
    }
    lat_imputed_release(&imputed);
    if (status == LAT_OK)
        status = lat_buf_check(&csv->out, err);
    if (status == LAT_OK && csv->out.len)
        status = csv->options.write(csv->options.context, csv->out.data, csv->out.len, err);
    lat_buf_clear(&csv->out);
    csv->done += csv->n_records;
    csv->n_records = 0;
    return status;
}

/* An empty line is no row. One of tabs is, where they are between cells. */
static bool is_blank(const struct lat_impute_csv *csv, struct lat_impute_csv_span whole)
{
    const char *text = csv->text.data + whole.at;
    const size_t len = whole.len && text[whole.len - 1] == '\n' ? whole.len - 1 : whole.len;
    return strspn(text, csv->separator == '\t' ? " \r" : " \t\r") >= len;
}

/* The record up to `end` is whole. */
static enum lat_status end_record(struct lat_impute_csv *csv, size_t end, struct lat_error *err)
{
    const struct lat_impute_csv_span whole = {csv->start, end - csv->start};
    bool goes_by = whole.len == 0 || is_blank(csv, whole);
    csv->start = end;
    if (!goes_by && !csv->begun) {
        const enum lat_status status = lat_impute_csv_begin(csv, whole, &goes_by, err);
        if (status != LAT_OK)
            return status;
    }
    if (!goes_by)
        csv->records[csv->n_records++] = (struct lat_impute_csv_record){.whole = whole};
    else if (csv->n_records)
        csv->records[csv->n_records - 1].blank += whole.len;
    else
        lat_buf_append(&csv->out, csv->text.data + whole.at, whole.len);
    const size_t pending = csv->n_records ? end - csv->records[0].whole.at : csv->out.len;
    return csv->n_records == LAT_IMPUTE_CSV_BLOCK_ROWS || pending > LAT_IMPUTE_CSV_BLOCK_BYTES
               ? flush(csv, err)
               : LAT_OK;
}

/* What has been written again goes; the records of the block under way stay. */
static void drop_done(struct lat_impute_csv *csv)
{
    const size_t done = csv->n_records ? csv->records[0].whole.at : csv->start;
    if (!done)
        return;
    memmove(csv->text.data, csv->text.data + done, csv->text.len - done);
    csv->text.len -= done;
    csv->scanned -= done;
    csv->start -= done;
    for (size_t i = 0; i < csv->n_records; i++)
        csv->records[i].whole.at -= done;
}

enum lat_status lat_impute_csv_feed(struct lat_impute_csv *csv, const char *bytes, size_t len,
                                    struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    drop_done(csv);
    lat_buf_append(&csv->text, bytes, len);
    status = lat_buf_check(&csv->text, err);
    while (status == LAT_OK && csv->scanned < csv->text.len) {
        const char c = csv->text.data[csv->scanned++];
        lat_impute_csv_step(&csv->quotes, c, csv->separator);
        if (csv->scanned == 3 && !csv->begun && memcmp(csv->text.data, "\xEF\xBB\xBF", 3) == 0)
            csv->quotes.first = true;
        if (c == '\n' && !csv->quotes.quoted)
            status = end_record(csv, csv->scanned, err);
    }
    if (status == LAT_OK && csv->text.len - csv->start > LAT_IMPUTE_CSV_RECORD_MAX)
        status = lat_fail(err, LAT_TOO_LARGE, NULL,
                          "row %llu: more than 16 MiB (a quote that is not closed?)",
                          (unsigned long long)csv->done + csv->n_records);
    return status;
}

enum lat_status lat_impute_csv_end(struct lat_impute_csv *csv, struct lat_error *err)
{
    enum lat_status status = end_record(csv, csv->text.len, err);
    if (status == LAT_OK && !csv->begun)
        return lat_fail(err, LAT_INVALID, "empty", "the table has no line of names");
    return status == LAT_OK ? flush(csv, err) : status;
}
