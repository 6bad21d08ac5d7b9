/* The lists of a manifest's input: columns of a table, items of a vocabulary. They are read
 * twice: once with the manifest, to check and count them, and once when the model is opened, to
 * keep them. */
#include "model/package_internal.h"

#include <math.h>
#include <string.h>

#include <jansson.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { NAME_MAX_LEN = 256, ITEMS_MAX = 1 << 24 };

static bool is_word(const json_t *value)
{
    const size_t len = json_string_length(value);
    return json_is_string(value) && len > 0 && len <= NAME_MAX_LEN &&
           strlen(json_string_value(value)) == len;
}

static enum lat_status read_words(const json_t *list, size_t max, struct lat_words *words,
                                  struct lat_error *err)
{
    const size_t n = json_array_size(list);
    if (!json_is_array(list))
        return lat_manifest_refuse(list, "a list of texts", err);
    if (n == 0 || n > max)
        return lat_fail(err, LAT_INVALID, NULL, "expected 1 to %zu texts, not %zu", max, n);
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        const json_t *value = json_array_get(list, i);
        uint32_t number = 0;
        if (!is_word(value))
            status = lat_manifest_refuse(value, "a text of 1 to 256 bytes", err);
        else
            status = lat_words_add(words, json_string_value(value), json_string_length(value),
                                   &number, err);
        if (status == LAT_OK && words->n != i + 1)
            status = lat_fail(err, LAT_INVALID, NULL, "'%.60s' comes twice",
                              json_string_value(value));
        if (status != LAT_OK)
            lat_error_at(err, "/%zu", i);
    }
    return status;
}

/* ---- columns ---- */

static enum lat_status read_number(const json_t *object, const char *key, bool positive,
                                   double *inout_value, struct lat_error *err)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return LAT_OK;
    const double number = json_number_value(value);
    if (json_is_number(value) && isfinite(number) && (!positive || number > 0)) {
        *inout_value = number;
        return LAT_OK;
    }
    lat_manifest_refuse(value, positive ? "a positive number" : "a number", err);
    lat_error_at(err, "/%s", key);
    return LAT_INVALID;
}

static enum lat_status read_shares(const json_t *list, struct lat_column *column,
                                   struct lat_error *err)
{
    if (!list || json_is_null(list))
        return LAT_OK;
    if (!json_is_array(list) || json_array_size(list) != column->categories.n)
        return lat_manifest_refuse(list, "a number of 0 to 1 for each category", err);
    column->shares = lat_alloc(column->categories.n, sizeof(float));
    if (!column->shares)
        return lat_fail_memory(err);
    for (size_t i = 0; i < column->categories.n; i++) {
        const json_t *value = json_array_get(list, i);
        const double share = json_number_value(value);
        if (!json_is_number(value) || !(share >= 0 && share <= 1))
            return lat_manifest_refuse(value, "a number of 0 to 1", err);
        column->shares[i] = (float)share;
    }
    return LAT_OK;
}

static enum lat_status check_keys(const json_t *object, struct lat_error *err)
{
    static const char *const keys[] = {"name",       "type", "mean", "std",
                                       "categories", "min",  "max",  "format"};
    const char *key;
    json_t *value;
    json_t *members = (json_t *)(uintptr_t)object; /* jansson's iterator takes no const */
    json_object_foreach(members, key, value)
    {
        size_t i = 0;
        while (i < LAT_ARRAY_LEN(keys) && strcmp(keys[i], key) != 0)
            i++;
        if (i < LAT_ARRAY_LEN(keys))
            continue;
        const char *near = lat_nearest(key, keys, LAT_ARRAY_LEN(keys));
        lat_fail(err, LAT_INVALID, "unknown_key", "unknown key '%.48s'%s%s%s", key,
                 near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        return LAT_INVALID;
    }
    return LAT_OK;
}

#define TYPES "\"numeric\", \"integer\", \"date\", \"categorical\" or \"boolean\""

static enum lat_status read_type(const json_t *object, enum lat_column_type *out_type,
                                 struct lat_error *err)
{
    const json_t *value = json_object_get(object, "type");
    const char *word = json_string_value(value);
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_column_type_names); i++)
        if (word && strcmp(word, lat_column_type_names[i]) == 0) {
            *out_type = (enum lat_column_type)i;
            return LAT_OK;
        }
    if (value)
        lat_manifest_refuse(value, TYPES, err);
    else
        lat_fail(err, LAT_INVALID, "missing_key", "missing: " TYPES);
    lat_error_at(err, "/type");
    return LAT_INVALID;
}

static enum lat_status read_format(const json_t *object, struct lat_column *column,
                                   struct lat_error *err)
{
    const json_t *value = json_object_get(object, "format");
    const char *word = json_string_value(value);
    if (!value || json_is_null(value))
        return LAT_OK;
    if (column->type != LAT_COLUMN_DATE)
        return lat_fail(err, LAT_INVALID, NULL, "only a column of dates has a 'format'");
    for (size_t i = 0; i < LAT_DATE_FORMATS; i++)
        if (word && strcmp(word, lat_date_format_names[i]) == 0) {
            column->format = (enum lat_date_format)i;
            return LAT_OK;
        }
    lat_manifest_refuse(value, "a format as in \"YYYY-MM-DD\"", err);
    lat_error_at(err, "/format");
    return LAT_INVALID;
}

static enum lat_status fill_numbers(const json_t *object, struct lat_column *column,
                                    struct lat_error *err)
{
    if (json_object_get(object, "categories"))
        return lat_fail(err, LAT_INVALID, NULL, "a %s column has no 'categories'",
                        lat_column_type_names[column->type]);
    const bool ranged = json_is_number(json_object_get(object, "min")) &&
                        json_is_number(json_object_get(object, "max"));
    enum lat_status status = read_number(object, "mean", false, &column->mean, err);
    if (status == LAT_OK)
        status = read_number(object, "std", true, &column->std, err);
    if (status == LAT_OK && ranged)
        status = read_number(object, "min", false, &column->least, err);
    if (status == LAT_OK && ranged)
        status = read_number(object, "max", false, &column->most, err);
    return status == LAT_OK ? read_format(object, column, err) : status;
}

static enum lat_status fill_column(const json_t *object, struct lat_column *column,
                                   struct lat_error *err)
{
    enum lat_status status = read_type(object, &column->type, err);
    if (status != LAT_OK)
        return status;
    if (!lat_column_has_words(column))
        return fill_numbers(object, column, err);
    const json_t *categories = json_object_get(object, "categories");
    if (!categories)
        status = lat_fail(err, LAT_INVALID, "missing_key", "missing: a list of texts");
    else
        status = read_words(categories, LAT_CATEGORIES_MAX, &column->categories, err);
    if (status == LAT_OK && column->type == LAT_COLUMN_BOOLEAN && column->categories.n != 2)
        status = lat_manifest_refuse(categories, "two texts, as the column is boolean", err);
    if (status != LAT_OK) {
        lat_error_at(err, "/categories");
        return status;
    }
    status = read_shares(json_object_get(object, "mean"), column, err);
    if (status != LAT_OK)
        lat_error_at(err, "/mean");
    return status;
}

static enum lat_status read_column(const json_t *object, struct lat_table *table,
                                   struct lat_error *err)
{
    struct lat_column *column = NULL;
    if (!json_is_object(object))
        return lat_manifest_refuse(object, "an object", err);
    enum lat_status status = check_keys(object, err);
    const json_t *name = json_object_get(object, "name");
    if (status == LAT_OK && !is_word(name)) {
        status = name ? lat_manifest_refuse(name, "a text of 1 to 256 bytes", err)
                      : lat_fail(err, LAT_INVALID, "missing_key", "missing: a text");
        lat_error_at(err, "/name");
    }
    if (status == LAT_OK)
        status = lat_table_add(table, json_string_value(name), &column, err);
    return status == LAT_OK ? fill_column(object, column, err) : status;
}

static enum lat_status read_table(const json_t *value, struct lat_table **out_table,
                                  struct lat_error *err)
{
    if (!json_is_array(value) || json_array_size(value) == 0)
        return lat_manifest_refuse(value, "a list of columns", err);
    struct lat_table *table = lat_table_new();
    enum lat_status status = table ? LAT_OK : lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < json_array_size(value); i++) {
        status = read_column(json_array_get(value, i), table, err);
        if (status != LAT_OK)
            lat_error_at(err, "/%zu", i);
    }
    if (status == LAT_OK)
        status = lat_table_settle(table, err);
    if (status == LAT_OK)
        *out_table = table;
    else
        lat_table_free(table);
    return status;
}

/* ---- rows of the manifest ---- */

enum lat_status lat_schema_read_columns(const struct json_t *value,
                                        struct lat_manifest *manifest, struct lat_error *err)
{
    struct lat_table *table = NULL;
    const enum lat_status status = read_table(value, &table, err);
    if (status == LAT_OK)
        manifest->input.dimension = table->elements;
    lat_table_free(table);
    return status;
}

enum lat_status lat_schema_read_items(const struct json_t *value, struct lat_manifest *manifest,
                                      struct lat_error *err)
{
    struct lat_words items = {0};
    const enum lat_status status = read_words(value, ITEMS_MAX, &items, err);
    if (status == LAT_OK)
        manifest->input.dimension = items.n;
    lat_words_release(&items);
    return status;
}

enum lat_status lat_schema_read_min_weight(const struct json_t *value,
                                           struct lat_manifest *manifest, struct lat_error *err)
{
    if (!json_is_number(value) || !isfinite(json_number_value(value)))
        return lat_manifest_refuse(value, "a number", err);
    manifest->input.min_weight = json_number_value(value);
    return LAT_OK;
}

/* ---- both, out of a manifest's text ---- */

enum lat_status lat_manifest_schema(const char *json, size_t len, struct lat_table **out_table,
                                    struct lat_words *out_items, struct lat_error *err)
{
    json_t *root = json_loadb(json, len, 0, NULL);
    const json_t *input = json_object_get(root, "input");
    const json_t *columns = json_object_get(input, "columns");
    const json_t *items = json_object_get(input, "items");
    enum lat_status status = root ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK && columns)
        status = read_table(columns, out_table, err);
    if (status == LAT_OK && items)
        status = read_words(items, ITEMS_MAX, out_items, err);
    json_decref(root);
    lat_error_prefix(err, "model.json: /input");
    return status;
}
