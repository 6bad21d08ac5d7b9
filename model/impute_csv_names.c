/* Which column of a CSV table is which of the model's: by the names in the first line, or where
 * these are places, by their place. */
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "model/impute_csv_internal.h"

#include "base/banned.h"

/* What stands between cells, quoted ones left out. */
static char guess_separator(const char *text, size_t len)
{
    static const char candidates[] = ",;\t";
    struct lat_impute_csv_quotes quotes = {.first = true};
    size_t counts[sizeof(candidates) - 1] = {0}, best = 0;
    for (size_t i = 0; i < len; i++) {
        lat_impute_csv_step(&quotes, text[i], 0);
        for (size_t c = 0; c < LAT_ARRAY_LEN(counts); c++)
            counts[c] += !quotes.quoted && text[i] == candidates[c];
    }
    for (size_t c = 1; c < LAT_ARRAY_LEN(counts); c++)
        best = counts[c] > counts[best] ? c : best;
    return candidates[best];
}

static enum lat_status find_columns(struct lat_impute_csv *csv, size_t *out_found,
                                    struct lat_error *err)
{
    const struct lat_table *table = csv->options.table;
    *out_found = 0;
    for (size_t i = 0; i < csv->width; i++) {
        uint32_t number = 0;
        size_t len;
        const char *name = lat_impute_csv_plain(csv, csv->cells[i], &len);
        csv->columns[i] = -1;
        if (!name)
            return lat_fail_memory(err);
        if (!lat_words_find(&table->names, name, len, &number))
            continue;
        for (size_t j = 0; j < i; j++)
            if (csv->columns[j] == (int)number)
                return lat_fail(err, LAT_INVALID, "duplicate_column",
                                "the column '%.60s' comes twice", name);
        csv->columns[i] = (int)number;
        ++*out_found;
    }
    return LAT_OK;
}

/* The largest place, where the model's columns are called by theirs; else 0. */
static uint64_t largest_place(const struct lat_table *table)
{
    uint64_t most = 0;
    for (size_t c = 0; c < table->names.n; c++) {
        uint64_t place;
        if (!lat_parse_u64(table->names.items[c], LAT_IMPUTE_CSV_CELLS_MAX, &place) ||
            place < 1)
            return 0;
        most = place > most ? place : most;
    }
    return most;
}

/* Whether a line may name columns that are called by their places: different whole numbers,
 * none beyond the last place. Numbers that are not are cells. */
static enum lat_status may_be_places(struct lat_impute_csv *csv, uint64_t most, bool *out_may,
                                     struct lat_error *err)
{
    most = most > csv->width ? most : csv->width;
    bool *seen = lat_arena_alloc(&csv->arena, most + 1, sizeof(*seen));
    *out_may = true;
    if (!seen)
        return lat_fail_memory(err);
    for (size_t i = 0; *out_may && i < csv->width; i++) {
        uint64_t place = 0;
        size_t len;
        const char *name = lat_impute_csv_plain(csv, csv->cells[i], &len);
        if (!name)
            return lat_fail_memory(err);
        *out_may = lat_parse_u64(name, most, &place) && place >= 1 && !seen[place];
        seen[*out_may ? place : 0] = true;
    }
    return LAT_OK;
}

static bool go_by_places(struct lat_impute_csv *csv)
{
    const struct lat_table *table = csv->options.table;
    size_t found = 0;
    for (size_t i = 0; i < csv->width; i++)
        csv->columns[i] = -1;
    for (size_t c = 0; c < table->names.n; c++) {
        uint64_t place;
        if (!lat_parse_u64(table->names.items[c], csv->width, &place))
            continue;
        csv->columns[place - 1] = (int)c;
        found++;
    }
    return found > 0;
}

enum lat_status lat_impute_csv_begin(struct lat_impute_csv *csv,
                                     struct lat_impute_csv_span whole, bool *out_names,
                                     struct lat_error *err)
{
    size_t found = 0;
    if (whole.len >= 3 && memcmp(csv->text.data + whole.at, "\xEF\xBB\xBF", 3) == 0)
        whole = (struct lat_impute_csv_span){whole.at + 3, whole.len - 3};
    csv->separator = guess_separator(csv->text.data + whole.at, whole.len);
    csv->width = lat_impute_csv_split(csv, whole, NULL, 0);
    if (csv->width > LAT_IMPUTE_CSV_CELLS_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than %d columns",
                        LAT_IMPUTE_CSV_CELLS_MAX);
    csv->columns = lat_alloc(csv->width, sizeof(*csv->columns));
    csv->cells = lat_alloc(csv->width, sizeof(*csv->cells));
    csv->taken = lat_alloc(csv->width, sizeof(*csv->taken));
    if (!csv->columns || !csv->cells || !csv->taken)
        return lat_fail_memory(err);
    lat_impute_csv_split(csv, whole, csv->cells, csv->width);
    const uint64_t places = largest_place(csv->options.table);
    bool may_be_names = true;
    enum lat_status status = LAT_OK;
    if (places)
        status = may_be_places(csv, places, &may_be_names, err);
    if (status == LAT_OK && may_be_names)
        status = find_columns(csv, &found, err);
    lat_arena_clear(&csv->arena);
    if (status != LAT_OK)
        return status;
    csv->begun = true;
    *out_names = found > 0;
    if (found || (places && go_by_places(csv)))
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "unknown_column",
                    "no column of the first line is one of the model's, as '%.60s' is",
                    csv->options.table->names.items[0]);
}
