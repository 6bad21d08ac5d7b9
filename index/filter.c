/* Each comparison becomes a test of the JSON type and of the value, so that different kinds
 * never meet: json_type(...)='text' AND json_extract(...)=?. A comparison is wrapped in
 * ifnull(..., 0), so that a missing field is false and its negation true.
 *
 * A path is handed to SQLite as `$."a"."b"`, a parameter like any value. SQLite knows no
 * escapes inside those quotes, so a key with a quote, a backslash or a control character (or an
 * empty one) is found by going through the members of its parent with json_each instead.
 *
 * AND and OR of many are folded as balanced trees: SQLite limits the depth of an expression. */
#include <stdio.h>

#include "base/mem.h"
#include "index/filter_sql.h"

#include "base/banned.h"

/* Where a JSON value is: the node at `path` inside the JSON text `json`, or, without a path,
 * the row `json` of a json_each. */
struct place {
    char json[40];      /* "i.metadata", "e3.value"; or "e3" */
    unsigned parameter; /* of the path; 0: a row */
};

struct builder {
    struct lat_sql *sql;
    struct lat_buf *text;
    unsigned n_rows; /* json_each aliases given */
    struct lat_error *err;
    enum lat_status status;
};

static unsigned add_value(struct builder *b, struct lat_value value)
{
    struct lat_sql *sql = b->sql;
    if (sql->n_values == LAT_FILTER_VALUES_MAX) {
        b->status = lat_fail(b->err, LAT_TOO_LARGE, "filter_too_large",
                             "a filter may hold at most %d values", LAT_FILTER_VALUES_MAX);
        return sql->first;
    }
    if (sql->n_values == sql->capacity) {
        const size_t capacity = sql->capacity ? sql->capacity * 2 : 16;
        struct lat_value *values = lat_realloc(sql->values, capacity, sizeof(*values));
        if (!values) {
            b->status = lat_fail_memory(b->err);
            return sql->first;
        }
        sql->values = values;
        sql->capacity = capacity;
    }
    sql->values[sql->n_values++] = value;
    return sql->first + (unsigned)sql->n_values - 1;
}

static unsigned add_text(struct builder *b, const char *text)
{
    return add_value(b, (struct lat_value){.kind = LAT_VALUE_TEXT, .text = text});
}

/* ---- pieces about one place ---- */

static void put_type(struct builder *b, const struct place *at)
{
    if (at->parameter)
        lat_buf_printf(b->text, "json_type(%s,?%u)", at->json, at->parameter);
    else
        lat_buf_printf(b->text, "%s.type", at->json);
}

static void put_scalar(struct builder *b, const struct place *at)
{
    if (at->parameter)
        lat_buf_printf(b->text, "json_extract(%s,?%u)", at->json, at->parameter);
    else
        lat_buf_printf(b->text, "%s.atom", at->json);
}

static void put_members(struct builder *b, const struct place *at)
{
    if (at->parameter)
        lat_buf_printf(b->text, "json_each(%s,?%u)", at->json, at->parameter);
    else
        lat_buf_printf(b->text, "json_each(%s.value)", at->json);
}

static const char *types_of(enum lat_value_kind kind)
{
    switch (kind) {
    case LAT_VALUE_INTEGER:
    case LAT_VALUE_NUMBER:
        return " IN ('integer','real')";
    case LAT_VALUE_TEXT:
        return "='text'";
    case LAT_VALUE_NULL:
        return "='null'";
    case LAT_VALUE_BOOL:
        break;
    }
    return " IN ('true','false')";
}

/* The node is of the value's kind and stands to it as `operator` says. */
static void put_comparison(struct builder *b, const struct place *at, const char *operator,
                           const struct lat_value * value)
{
    lat_buf_char(b->text, '(');
    put_type(b, at);
    if (value->kind == LAT_VALUE_BOOL) {
        lat_buf_text(b->text, value->boolean ? "='true'" : "='false'");
    } else {
        lat_buf_text(b->text, types_of(value->kind));
        if (value->kind != LAT_VALUE_NULL) {
            lat_buf_text(b->text, " AND ");
            put_scalar(b, at);
            lat_buf_printf(b->text, "%s?%u", operator, add_value(b, *value));
        }
    }
    lat_buf_char(b->text, ')');
}

/* A row of json_each, under a new name. */
static struct place new_row(struct builder *b)
{
    struct place row = {.parameter = 0};
    snprintf(row.json, sizeof(row.json), "e%u", b->n_rows++);
    return row;
}

/* Equal, or an array that contains it. */
static void put_equality(struct builder *b, const struct place *at,
                         const struct lat_value *value)
{
    const struct place member = new_row(b);
    lat_buf_char(b->text, '(');
    put_comparison(b, at, "=", value);
    lat_buf_text(b->text, " OR (");
    put_type(b, at);
    lat_buf_text(b->text, "='array' AND EXISTS(SELECT 1 FROM ");
    put_members(b, at);
    lat_buf_printf(b->text, " %s WHERE ", member.json);
    put_comparison(b, &member, "=", value);
    lat_buf_text(b->text, ")))");
}

static void put_equalities(struct builder *b, const struct place *at,
                           const struct lat_value *values, size_t n)
{
    if (n == 1) {
        put_equality(b, at, values);
        return;
    }
    lat_buf_char(b->text, '(');
    put_equalities(b, at, values, n / 2);
    lat_buf_text(b->text, " OR ");
    put_equalities(b, at, values + n / 2, n - n / 2);
    lat_buf_char(b->text, ')');
}

/* All values are text: one membership test instead of a tree, for long lists. */
static bool all_text(const struct lat_value *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (values[i].kind != LAT_VALUE_TEXT)
            return false;
    return n > 1;
}

static void put_text_list(struct builder *b, const struct lat_value *values, size_t n)
{
    lat_buf_text(b->text, " IN (");
    for (size_t i = 0; i < n && b->status == LAT_OK; i++)
        lat_buf_printf(b->text, "%s?%u", i ? "," : "", add_value(b, values[i]));
    lat_buf_char(b->text, ')');
}

static void put_texts(struct builder *b, const struct place *at, const struct lat_value *values,
                      size_t n)
{
    const struct place member = new_row(b);
    lat_buf_text(b->text, "((");
    put_type(b, at);
    lat_buf_text(b->text, "='text' AND ");
    put_scalar(b, at);
    put_text_list(b, values, n);
    lat_buf_text(b->text, ") OR (");
    put_type(b, at);
    lat_buf_text(b->text, "='array' AND EXISTS(SELECT 1 FROM ");
    put_members(b, at);
    lat_buf_printf(b->text, " %s WHERE %s.type='text' AND %s.atom", member.json, member.json,
                   member.json);
    put_text_list(b, values, n);
    lat_buf_text(b->text, ")))");
}

static void put_prefix(struct builder *b, const struct place *at, const struct lat_value *value)
{
    const unsigned parameter = add_value(b, *value);
    lat_buf_char(b->text, '(');
    put_type(b, at);
    lat_buf_text(b->text, "='text' AND substr(");
    put_scalar(b, at);
    lat_buf_printf(b->text, ",1,length(?%u))=?%u)", parameter, parameter);
}

/* The test itself, once the place is known. Negations are made by the caller. */
static void put_test(struct builder *b, const struct lat_filter *filter, const struct place *at)
{
    switch (filter->op) {
    case LAT_FILTER_EQ:
    case LAT_FILTER_NE:
    case LAT_FILTER_IN:
    case LAT_FILTER_NIN:
        if (all_text(filter->values, filter->n_values))
            put_texts(b, at, filter->values, filter->n_values);
        else
            put_equalities(b, at, filter->values, filter->n_values);
        return;
    case LAT_FILTER_GT:
        put_comparison(b, at, ">", filter->values);
        return;
    case LAT_FILTER_GTE:
        put_comparison(b, at, ">=", filter->values);
        return;
    case LAT_FILTER_LT:
        put_comparison(b, at, "<", filter->values);
        return;
    case LAT_FILTER_LTE:
        put_comparison(b, at, "<=", filter->values);
        return;
    case LAT_FILTER_EXISTS:
        put_type(b, at);
        lat_buf_text(b->text, " IS NOT NULL");
        return;
    case LAT_FILTER_PREFIX:
        put_prefix(b, at, filter->values);
        return;
    case LAT_FILTER_AND:
    case LAT_FILTER_OR:
    case LAT_FILTER_NOT:
        break;
    }
    lat_buf_char(b->text, '0');
}

/* ---- paths ---- */

static bool key_is_plain(const char *key)
{
    if (!*key)
        return false;
    for (const unsigned char *p = (const unsigned char *)key; *p; p++)
        if (*p < 0x20 || *p == '"' || *p == '\\')
            return false;
    return true;
}

/* `$."a"."b"` of plain keys; just "$" of none. */
static const char *path_text(struct builder *b, const char *const *keys, size_t n)
{
    struct lat_buf text = {0};
    lat_buf_char(&text, '$');
    for (size_t i = 0; i < n; i++)
        lat_buf_printf(&text, ".\"%s\"", keys[i]);
    const char *copy = NULL;
    if (lat_buf_check(&text, b->err) == LAT_OK)
        copy = lat_arena_strdup(&b->sql->arena, text.data);
    lat_buf_release(&text);
    if (!copy)
        b->status = lat_fail_memory(b->err);
    return copy;
}

/* Goes down the path from the JSON text `json`; each key that is not plain costs a subquery. */
static void put_from(struct builder *b, const struct lat_filter *filter, const char *json,
                     size_t depth)
{
    size_t plain = depth;
    while (plain < filter->n_path && key_is_plain(filter->path[plain]))
        plain++;
    struct place at = {.parameter = 0};
    snprintf(at.json, sizeof(at.json), "%s", json);
    at.parameter = add_text(b, path_text(b, filter->path + depth, plain - depth));
    if (b->status != LAT_OK)
        return;
    if (plain == filter->n_path) {
        put_test(b, filter, &at);
        return;
    }
    const struct place row = new_row(b);
    lat_buf_text(b->text, "EXISTS(SELECT 1 FROM ");
    put_members(b, &at);
    lat_buf_printf(b->text, " %s WHERE typeof(%s.key)='text' AND %s.key=?%u AND ", row.json,
                   row.json, row.json, add_text(b, filter->path[plain]));
    if (plain + 1 == filter->n_path) {
        put_test(b, filter, &row);
    } else {
        char value[48];
        snprintf(value, sizeof(value), "%s.value", row.json);
        lat_buf_printf(b->text, "%s.type='object' AND ", row.json);
        put_from(b, filter, value, plain + 1);
    }
    lat_buf_char(b->text, ')');
}

/* Nothing can pass: an order where there is none. */
static bool is_hopeless(const struct lat_filter *filter)
{
    switch (filter->op) {
    case LAT_FILTER_GT:
    case LAT_FILTER_GTE:
    case LAT_FILTER_LT:
    case LAT_FILTER_LTE:
        return filter->values[0].kind == LAT_VALUE_BOOL ||
               filter->values[0].kind == LAT_VALUE_NULL;
    case LAT_FILTER_AND:
    case LAT_FILTER_OR:
    case LAT_FILTER_NOT:
    case LAT_FILTER_EQ:
    case LAT_FILTER_NE:
    case LAT_FILTER_IN:
    case LAT_FILTER_NIN:
    case LAT_FILTER_EXISTS:
    case LAT_FILTER_PREFIX:
        break;
    }
    return false;
}

static bool is_negation(const struct lat_filter *filter)
{
    return filter->op == LAT_FILTER_NE || filter->op == LAT_FILTER_NIN ||
           (filter->op == LAT_FILTER_EXISTS && !filter->values[0].boolean);
}

/* ---- the tree ---- */

static void put_filter(struct builder *b, const struct lat_filter *filter);

static void put_children(struct builder *b, const struct lat_filter *const *children, size_t n,
                         const char *joint, const char *none)
{
    if (n == 0) {
        lat_buf_text(b->text, none);
        return;
    }
    if (n == 1) {
        put_filter(b, children[0]);
        return;
    }
    lat_buf_char(b->text, '(');
    put_children(b, children, n / 2, joint, none);
    lat_buf_text(b->text, joint);
    put_children(b, children + n / 2, n - n / 2, joint, none);
    lat_buf_char(b->text, ')');
}

static bool values_fit(const struct lat_filter *filter)
{
    switch (filter->op) {
    case LAT_FILTER_AND:
    case LAT_FILTER_OR:
        return true;
    case LAT_FILTER_NOT:
        return filter->n_children == 1;
    case LAT_FILTER_IN:
    case LAT_FILTER_NIN:
        return filter->n_path > 0;
    case LAT_FILTER_EXISTS:
        return filter->n_path && filter->n_values == 1 &&
               filter->values[0].kind == LAT_VALUE_BOOL;
    case LAT_FILTER_PREFIX:
        return filter->n_path && filter->n_values == 1 &&
               filter->values[0].kind == LAT_VALUE_TEXT;
    case LAT_FILTER_GT:
    case LAT_FILTER_GTE:
    case LAT_FILTER_LT:
    case LAT_FILTER_LTE:
    case LAT_FILTER_EQ:
    case LAT_FILTER_NE:
        return filter->n_path && filter->n_values == 1;
    }
    return false;
}

static void put_filter(struct builder *b, const struct lat_filter *filter)
{
    if (b->status != LAT_OK)
        return;
    if (!values_fit(filter)) {
        b->status = lat_fail(b->err, LAT_INVALID, "bad_filter",
                             "a filter's operator and values do not fit together");
        return;
    }
    if (filter->op == LAT_FILTER_AND) {
        put_children(b, filter->children, filter->n_children, " AND ", "1");
    } else if (filter->op == LAT_FILTER_OR) {
        put_children(b, filter->children, filter->n_children, " OR ", "0");
    } else if (filter->op == LAT_FILTER_NOT) {
        lat_buf_text(b->text, "NOT ");
        put_filter(b, filter->children[0]);
    } else if (filter->op == LAT_FILTER_IN && filter->n_values == 0) {
        lat_buf_char(b->text, '0');
    } else if (filter->op == LAT_FILTER_NIN && filter->n_values == 0) {
        lat_buf_char(b->text, '1');
    } else {
        lat_buf_text(b->text, is_negation(filter) ? "NOT ifnull(" : "ifnull(");
        if (is_hopeless(filter))
            lat_buf_char(b->text, '0');
        else
            put_from(b, filter, "i.metadata", 0);
        lat_buf_text(b->text, ",0)");
    }
}

enum lat_status lat_filter_sql(const struct lat_filter *filter, unsigned first,
                               struct lat_sql *out_sql, struct lat_error *err)
{
    struct lat_sql sql = {.first = first};
    struct builder b = {.sql = &sql, .text = &sql.text, .err = err};
    /* A damaged row passes no filter, and does not take the answer away from the others. */
    lat_buf_text(&sql.text, "(CASE WHEN json_valid(i.metadata) THEN ");
    put_filter(&b, filter);
    lat_buf_text(&sql.text, " ELSE 0 END)");
    if (b.status == LAT_OK)
        b.status = lat_buf_check(&sql.text, err);
    if (b.status != LAT_OK) {
        lat_sql_release(&sql);
        return b.status;
    }
    *out_sql = sql;
    return LAT_OK;
}
