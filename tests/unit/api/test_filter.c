/* Filters out of JSON: their trees, and what breaks the grammar, with its place. */
#include <criterion/criterion.h>
#include <string.h>

#include "api/filter_json.h"
#include "base/buf.h"
#include "json_fixture.h"

TestSuite(api_filter, .init = json_enter, .fini = json_leave);

static const struct lat_filter *filter_of(const char *text)
{
    const struct lat_filter *filter = NULL;
    lat_json_release(&json);
    lat_error_clear(&err);
    return lat_filter_parse(&arena, text, 64, &json, &filter, &err) == LAT_OK ? filter : NULL;
}

/* The tree as text: operator(path values | children). */
static void print(struct lat_buf *out, const struct lat_filter *filter)
{
    static const char *const names[] = {"and", "or",  "not", "eq",  "ne",     "gt",    "gte",
                                        "lt",  "lte", "in",  "nin", "exists", "prefix"};
    lat_buf_printf(out, "%s(", names[filter->op]);
    for (size_t i = 0; i < filter->n_path; i++)
        lat_buf_printf(out, "%s%s", i ? "|" : "", filter->path[i]);
    for (size_t i = 0; i < filter->n_values; i++) {
        const struct lat_value *value = &filter->values[i];
        switch (value->kind) {
        case LAT_VALUE_NULL:
            lat_buf_text(out, " null");
            break;
        case LAT_VALUE_BOOL:
            lat_buf_text(out, value->boolean ? " true" : " false");
            break;
        case LAT_VALUE_INTEGER:
            lat_buf_printf(out, " i%lld", value->integer);
            break;
        case LAT_VALUE_NUMBER:
            lat_buf_printf(out, " n%g", value->number);
            break;
        case LAT_VALUE_TEXT:
            lat_buf_printf(out, " '%s'", value->text);
            break;
        }
    }
    for (size_t i = 0; i < filter->n_children; i++) {
        lat_buf_text(out, i ? "," : "");
        print(out, filter->children[i]);
    }
    lat_buf_char(out, ')');
}

static const char *const trees[][2] = {
    {"{\"a\":1}", "eq(a i1)"},
    {"{\"a\":1.5,\"b\":\"x\"}", "and(eq(a n1.5),eq(b 'x'))"},
    {"{\"a\":{\"$gt\":1,\"$lte\":5}}", "and(gt(a i1),lte(a i5))"},
    {"{\"a.b\\\\.c.d\":true}", "eq(a|b.c|d true)"},
    {"{\"a\":null}", "eq(a null)"},
    {"{\"a\":{\"$in\":[1,\"x\",null]}}", "in(a i1 'x' null)"},
    {"{\"a\":{\"$in\":[]}}", "in(a)"},
    {"{\"$or\":[{\"a\":1},{\"b\":2,\"c\":3}]}", "or(eq(a i1),and(eq(b i2),eq(c i3)))"},
    {"{\"$not\":{\"a\":{\"$exists\":false}}}", "not(exists(a false))"},
    {"{\"$and\":[{\"a\":{\"$prefix\":\"x\"}}],\"b\":{\"$nin\":[1]}}",
     "and(and(prefix(a 'x')),nin(b i1))"},
    {"{\"$and\":[]}", "and()"},
    {"{\"$and\":[{}]}", "and(and())"},
};

Test(api_filter, trees)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(trees); i++) {
        const struct lat_filter *filter = filter_of(trees[i][0]);
        cr_assert_not_null(filter, "%s: %s", trees[i][0], err.message);
        struct lat_buf text = {0};
        print(&text, filter);
        cr_expect_str_eq(text.data, trees[i][1], "%s", trees[i][0]);
        lat_buf_release(&text);
    }
}

Test(api_filter, an_empty_filter_is_none)
{
    cr_assert_null(filter_of("{}"));
    cr_assert_eq(err.status, LAT_OK);
}

static const char *const bad[][2] = {
    {"[]", ""},
    {"{\"a\":[1]}", "/a"},
    {"{\"a\":{}}", "/a"},
    {"{\"a\":{\"b\":1}}", "/a/b"},
    {"{\"a\":{\"$gte\":true}}", "/a/$gte"},
    {"{\"a\":{\"$in\":1}}", "/a/$in"},
    {"{\"a\":{\"$in\":[[1]]}}", "/a/$in"},
    {"{\"a\":{\"$exists\":1}}", "/a/$exists"},
    {"{\"a\":{\"$prefix\":1}}", "/a/$prefix"},
    {"{\"$or\":{\"a\":1}}", "/$or"},
    {"{\"$or\":[1]}", "/$or"},
    {"{\"$not\":[{\"a\":1}]}", "/$not"},
    {"{\"$nand\":[]}", "/$nand"},
    {"{\"a..b\":1}", "/a..b"},
    {"{\"\":1}", "/"},
    {"{\"a\":\"x\\u0000y\"}", "/a"},
};

Test(api_filter, what_breaks_the_grammar_is_named_with_its_place)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        cr_expect_null(filter_of(bad[i][0]), "%s", bad[i][0]);
        cr_expect_str_eq(err.code, "bad_filter", "%s: %s", bad[i][0], err.code);
        cr_expect_str_eq(err.pointer, bad[i][1], "%s", bad[i][0]);
    }
}

Test(api_filter, an_unknown_operator_names_the_nearest)
{
    cr_assert_null(filter_of("{\"a\":{\"$prefxi\":\"x\"}}"));
    cr_assert_not_null(strstr(err.message, "$prefix"), "%s", err.message);
}

Test(api_filter, malformed_json_and_depth)
{
    cr_assert_null(filter_of("{\"a\":"));
    cr_assert_eq(err.status, LAT_BAD_SYNTAX);
    struct lat_buf text = {0};
    for (int i = 0; i < 70; i++)
        lat_buf_text(&text, "{\"$not\":");
    lat_buf_text(&text, "{}");
    for (int i = 0; i < 70; i++)
        lat_buf_char(&text, '}');
    cr_assert_null(filter_of(text.data));
    cr_assert_str_eq(err.code, "too_deep");
    lat_buf_release(&text);
}

Test(api_filter, size_is_bounded)
{
    struct lat_buf text = {0};
    lat_buf_text(&text, "{\"$or\":[{\"a\":0}");
    for (int i = 1; i <= LAT_FILTER_NODES_MAX; i++)
        lat_buf_printf(&text, ",{\"a\":%d}", i);
    lat_buf_text(&text, "]}");
    cr_assert_null(filter_of(text.data));
    cr_assert_str_eq(err.code, "bad_filter");
    lat_buf_release(&text);
}

Test(api_filter, in_a_body_under_its_key)
{
    static const char body[] = "{\"k\":3,\"filter\":{\"a\":{\"$gt\":\"x\"}}}";
    cr_assert_eq(lat_json_parse(&json, &arena, body, sizeof(body) - 1, 64, &err), LAT_OK);
    lat_json_root(&json, &root);
    const struct lat_filter *filter = lat_object_filter(&root, "filter");
    cr_assert_not_null(filter);
    cr_assert_eq(filter->op, LAT_FILTER_GT);
    cr_assert_null(lat_object_filter(&root, "other"));
}
