/* Bodies as JSON: what does not parse, typed readers, merging; held against the library. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_scan.h"
#include "json_fixture.h"
#include "tests/support/support.h"

TestSuite(api_json, .init = json_enter, .fini = json_leave);

/* ---- what does not parse ---- */

Test(api_json, malformed_text_is_bad_syntax)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "{",
                                      "}",
                                      "[",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "[1,]",
                                      "{a:1}",
                                      "nul",
                                      "+1",
                                      "01",
                                      "1.",
                                      ".5",
                                      "{\"code\":[1,2}",
                                      "{\"code\":[1,,2]}",
                                      "{\"code\":[1,2,]}",
                                      "{\"code\":[NaN]}",
                                      "{\"code\":[Infinity]}",
                                      "{\"code\":[1 2]}",
                                      "{\"a\":1} {\"b\":2}",
                                      "\"abc",
                                      "\"\\x\"",
                                      "\"\\u12\"",
                                      "{\"a\":\"\t\"}",
                                      "{\"code\":[0x10]}",
                                      "{\"code\":[1.]}",
                                      "{\"code\":[-]}"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        cr_expect_eq(parse(bad[i]), LAT_BAD_SYNTAX, "%s", bad[i]);
        cr_expect_str_eq(err.code, "bad_json", "%s: %s", bad[i], err.code);
    }
}

Test(api_json, the_place_is_that_of_the_clients_text)
{
    cr_assert_eq(parse("{\"code\":[1.25,2.25,3.25,4.25,5.25,6.25],\n \"k\": ?}"),
                 LAT_BAD_SYNTAX);
    cr_assert_not_null(strstr(err.message, "line 2"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, "column 7"), "%s", err.message);
}

Test(api_json, bad_utf8)
{
    cr_assert_eq(parse("{\"a\":\"\xff\"}"), LAT_BAD_SYNTAX);
    ASSERT_CODE("bad_utf8");
    cr_assert_eq(parse("{\"a\":\"\xed\xa0\x80\"}"), LAT_BAD_SYNTAX);
    ASSERT_CODE("bad_utf8");
}

Test(api_json, numbers_out_of_range)
{
    static const char *const bad[] = {"{\"a\":1e999}", "{\"a\":123456789012345678901234567890}",
                                      "{\"code\":[1,1e999]}"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        cr_expect_eq(parse(bad[i]), LAT_BAD_SYNTAX, "%s", bad[i]);
        cr_expect_str_eq(err.code, "number_out_of_range", "%s", bad[i]);
    }
    /* A double, and no float. */
    struct lat_floats floats;
    cr_assert_eq(parse("{\"code\":[1,1e39]}"), LAT_OK);
    cr_assert_not(lat_object_floats(&root, "code", &floats));
    cr_assert_eq(err.status, LAT_BAD_SYNTAX);
    ASSERT_CODE("number_out_of_range");
    ASSERT_AT("/code/1");
}

static void nest(char *out, size_t levels, const char *open, const char *close,
                 const char *middle)
{
    *out = '\0';
    for (size_t i = 0; i < levels; i++)
        strcat(out, open);
    strcat(out, middle);
    for (size_t i = 0; i < levels; i++)
        strcat(out, close);
}

Test(api_json, depth_64_is_taken_and_65_is_not)
{
    static char text[4096];
    nest(text, 64, "[", "]", "1");
    cr_assert_eq(lat_json_parse(&json, &arena, text, strlen(text), 64, &err), LAT_OK);
    nest(text, 65, "[", "]", "1");
    cr_assert_eq(parse(text), LAT_BAD_SYNTAX);
    ASSERT_CODE("too_deep");
    nest(text, 65, "{\"a\":", "}", "1");
    cr_assert_eq(parse(text), LAT_BAD_SYNTAX);
    ASSERT_CODE("too_deep");
    nest(text, 64, "{\"code\":", "}", "[1,2]");
    cr_assert_eq(parse(text), LAT_BAD_SYNTAX);
    ASSERT_CODE("too_deep");
    nest(text, 1000, "[", "", "");
    cr_assert_eq(parse(text), LAT_BAD_SYNTAX);
    ASSERT_CODE("too_deep");
}

Test(api_json, a_key_twice)
{
    cr_assert_eq(parse("{\"a\":1,\"a\":2}"), LAT_BAD_SYNTAX);
    ASSERT_CODE("duplicate_key");
    cr_assert_eq(parse("{\"code\":[1],\"code\":[2]}"), LAT_BAD_SYNTAX);
    ASSERT_CODE("duplicate_key");
}

Test(api_json, too_many_values)
{
    const size_t len = 4000000;
    char *text = malloc(len + 1);
    memset(text, ',', len);
    text[0] = '[';
    text[len] = '\0';
    cr_assert_eq(lat_json_parse(&json, &arena, text, len, 64, &err), LAT_TOO_LARGE);
    ASSERT_CODE("too_many_values");
    free(text);
}

Test(api_json, the_top_must_be_an_object)
{
    cr_assert_eq(parse("[1]"), LAT_OK);
    cr_assert_eq(lat_json_status(&json), LAT_INVALID);
    ASSERT_CODE("wrong_type");
    cr_assert_str_eq(err.got, "a list");
    cr_assert_eq(parse("null"), LAT_OK);
    cr_assert_eq(lat_json_status(&json), LAT_INVALID);
}

/* ---- readers ---- */

Test(api_json, readers_of_every_type)
{
    uint64_t count = 7;
    double number = 0;
    bool flag = false;
    int choice = -1;
    size_t len;
    char copy[8];
    static const char *const words[] = {"red", "green"};
    cr_assert_eq(parse("{\"n\":3,\"x\":2.5,\"f\":true,\"t\":\"abc\",\"c\":\"green\",\"m\":{"
                       "\"a\":[1,2.0,\"x\"]}}"),
                 LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    lat_object_number(&root, "x", &number, 0, 3);
    lat_object_flag(&root, "f", &flag);
    lat_object_choice(&root, "c", words, 2, &choice);
    cr_assert(lat_object_copy(&root, "t", copy, sizeof(copy)));
    cr_assert_str_eq(lat_object_text(&root, "t", &len), "abc");
    cr_assert_str_eq(lat_object_json(&root, "m"), "{\"a\":[1,2.0,\"x\"]}");
    lat_object_end(&root);
    cr_assert_eq(lat_json_status(&json), LAT_OK, "%s", err.message);
    cr_assert_eq(count, 3);
    cr_assert_eq(number, 2.5);
    cr_assert(flag);
    cr_assert_eq(choice, 1);
    cr_assert_str_eq(copy, "abc");
}

Test(api_json, null_is_the_field_left_out)
{
    uint64_t count = 7;
    cr_assert_eq(parse("{\"n\":null,\"stranger\":null}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    cr_assert_not(lat_object_has(&root, "n"));
    lat_object_end(&root);
    cr_assert_eq(lat_json_status(&json), LAT_OK);
    cr_assert_eq(count, 7);
}

Test(api_json, wrong_types_name_both_and_the_place)
{
    uint64_t count = 7;
    cr_assert_eq(parse("{\"n\":\"3\"}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    cr_assert_eq(lat_json_status(&json), LAT_INVALID);
    ASSERT_CODE("wrong_type");
    ASSERT_AT("/n");
    cr_assert_str_eq(err.expected, "a whole number");
    cr_assert_str_eq(err.got, "a string");
    cr_assert_eq(count, 7);
    cr_assert_eq(parse("{\"n\":2.5}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    ASSERT_CODE("wrong_type");
    cr_assert_str_eq(err.got, "2.5");
    cr_assert_eq(parse("{\"n\":1e300}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    ASSERT_CODE("wrong_type");
    cr_assert_eq(parse("{\"n\":3.0}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    cr_assert_eq(lat_json_status(&json), LAT_OK, "a whole number in other words");
    cr_assert_eq(count, 3);
    cr_assert_eq(parse("{\"n\":11}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    ASSERT_CODE("out_of_range");
    cr_assert_str_eq(err.expected, "1 to 10");
    cr_assert_str_eq(err.got, "11");
    cr_assert_eq(parse("{\"n\":-1}"), LAT_OK);
    lat_object_count(&root, "n", &count, 0, 10);
    ASSERT_CODE("out_of_range");
}

Test(api_json, the_first_failure_is_kept)
{
    uint64_t count = 7;
    bool flag;
    cr_assert_eq(parse("{\"n\":\"3\",\"f\":1}"), LAT_OK);
    lat_object_count(&root, "n", &count, 1, 10);
    lat_object_flag(&root, "f", &flag);
    ASSERT_AT("/n");
}

Test(api_json, an_unknown_field_names_the_nearest)
{
    uint64_t count;
    cr_assert_eq(parse("{\"max_distanse\":3}"), LAT_OK);
    lat_object_count(&root, "max_distance", &count, 1, 10);
    lat_object_count(&root, "k", &count, 1, 10);
    lat_object_end(&root);
    ASSERT_CODE("unknown_field");
    ASSERT_AT("/max_distanse");
    cr_assert_not_null(strstr(err.message, "'max_distance'"));
    cr_assert_str_eq(err.expected, "max_distance");
}

Test(api_json, a_pointer_escapes_slash_and_tilde)
{
    cr_assert_eq(parse("{\"a/b~c\":3}"), LAT_OK);
    lat_object_end(&root);
    ASSERT_AT("/a~1b~0c");
}

Test(api_json, a_list_of_objects_has_pointers_of_its_own)
{
    struct lat_list list;
    struct lat_object object, child;
    uint64_t count;
    cr_assert_eq(parse("{\"items\":[{\"n\":1},{\"m\":{\"n\":\"x\"}}]}"), LAT_OK);
    cr_assert(lat_object_list(&root, "items", &list));
    cr_assert_eq(list.n, 2);
    lat_list_object(&list, 1, &object);
    cr_assert(lat_object_child(&object, "m", &child));
    lat_object_count(&child, "n", &count, 0, 9);
    ASSERT_AT("/items/1/m/n");
}

/* ---- against the library ---- */

/* Every prefix and many damaged copies of a text: the scan and the library agree on what is
 * JSON. */
Test(api_json, the_scan_accepts_what_the_library_accepts)
{
    static const char text[] =
        "{\"items\":[{\"id\":\"a\",\"code\":[1,-2.5,3e7, 4 "
        "],\"metadata\":{\"x\":[1,{\"y\":null}],\"s\":\"\\u00e9\\\\\"}},"
        "{\"id\":\"b\",\"input\":{\"image\":"
        "\"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJz\"}}],\"k\":10}";
    static const char bytes[] = "{}[]\",:\\x1.e-+ tn";
    char damaged[sizeof(text)];
    size_t refused = 0;
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        for (size_t b = 0; b < sizeof(bytes); b++) {
            memcpy(damaged, text, sizeof(text));
            size_t len = sizeof(text) - 1;
            if (b == sizeof(bytes) - 1)
                len = i;
            else
                damaged[i] = bytes[b];
            json_error_t failure;
            json_t *whole =
                json_loadb(damaged, len,
                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &failure);
            lat_error_clear(&err);
            lat_json_release(&json);
            const enum lat_status status =
                lat_json_parse(&json, &arena, damaged, len, 64, &err);
            cr_expect_eq(status == LAT_OK, whole != NULL, "%.*s", (int)len, damaged);
            refused += status != LAT_OK;
            json_decref(whole);
            lat_arena_clear(&arena);
        }
    cr_assert_gt(refused, 1000);
}

/* ---- writing, merging ---- */

Test(api_json, values_are_written_as_short_as_they_read_back)
{
    cr_assert_eq(
        parse("{\"m\":{\"a\":0.1,\"b\":1.0,\"c\":-0.0,\"d\":1e21,\"e\":123456789012345678,"
              "\"f\":\"\\u0001\\u20ac\\\"\",\"g\":[],\"h\":{},\"i\":null}}"),
        LAT_OK);
    cr_assert_str_eq(
        lat_object_json(&root, "m"),
        "{\"a\":0.1,\"b\":1.0,\"c\":-0.0,\"d\":1e+21,\"e\":123456789012345678,\"f\":"
        "\"\\u0001€\\\"\",\"g\":[],\"h\":{},\"i\":null}");
}

/* RFC 7396, appendix A, its cases with objects on both sides. */
static const char *const merges[][3] = {
    {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
    {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
    {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
    {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
    {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
    {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
    {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
    {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
    {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    {"{\"code\":[1,2]}", "{\"vector\":[3]}", "{\"code\":[1,2],\"vector\":[3]}"},
};

Test(api_json, merge_patches_of_the_rfc)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(merges); i++) {
        const char *out = NULL;
        cr_assert_eq(lat_json_merge(&arena, merges[i][0], merges[i][1], &out, &err), LAT_OK);
        cr_expect_str_eq(out, merges[i][2], "case %zu: %s", i, out);
    }
}

/* ---- torture ---- */

static enum lat_status read_all(void *context, struct lat_error *failure)
{
    struct lat_arena own = {0};
    struct lat_json document = {0};
    struct lat_object object, item;
    struct lat_list list;
    struct lat_floats floats;
    const char *text = context;
    enum lat_status status = lat_json_parse(&document, &own, text, strlen(text), 64, failure);
    if (status == LAT_OK) {
        lat_json_root(&document, &object);
        if (lat_object_list(&object, "items", &list)) {
            lat_list_object(&list, 0, &item);
            lat_object_floats(&item, "code", &floats);
            (void)lat_object_json(&item, "metadata");
            lat_object_end(&item);
        }
        lat_object_end(&object);
        status = lat_json_status(&document);
    }
    lat_json_release(&document);
    lat_arena_release(&own);
    return status;
}

Test(api_json, every_allocation_may_fail)
{
    static char text[] =
        "{\"items\":[{\"code\":[1,2,3],\"metadata\":{\"a\":[1,2,{\"b\":\"c\"}]}}]}";
    TEST_TORTURE(read_all, text);
}
