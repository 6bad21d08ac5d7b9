/* Rows of tables and histories over HTTP: in and out in the user's own words and units. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tests/integration/client.h"
#include "tests/support/support.h"

TestSuite(tables, .init = test_folder_enter, .fini = test_folder_leave);

static const char encode[] = "/v1/models/people/encode",
                  reconstruct[] = "/v1/models/people/reconstruct";

Test(tables, cells_are_standardised_and_words_have_an_element)
{
    STATUS(200, ask("POST", encode,
                    "{\"inputs\":[{\"row\":{\"x\":14,\"y\":-1,\"a/b\":\"yes\"}},{\"row\":{\"a/"
                    "b\":\"no\",\"x\":8,\"y\":2}}]}"));
    cr_assert_eq(number_of("codes.0.0"), 2);
    cr_assert_eq(number_of("codes.0.1"), 0);
    cr_assert_eq(number_of("codes.0.2"), 1);
    cr_assert_eq(number_of("codes.1.0"), -1);
    cr_assert_eq(number_of("codes.1.1"), 3);
    cr_assert_eq(number_of("codes.1.2"), 0);
}

Test(tables, a_missing_cell_is_the_mean_for_the_network_and_out_of_the_error)
{
    STATUS(200,
           ask("POST", reconstruct,
               "{\"inputs\":[{\"row\":{\"x\":14,\"y\":null,\"a/b\":null}},{\"row\":{\"a/b\":"
               "\"no\"}}]}"));
    cr_assert_eq(number_of("outputs.0.row.x"), 14);
    cr_assert_eq(number_of("outputs.0.row.y"), -1);
    cr_assert_str_eq(text_of("outputs.0.row.a/b"), "yes", "half of the shares");
    cr_assert_eq(number_of("errors.0"), 0, "x alone is there, and comes back");
    cr_assert_eq(number_of("errors.1"), 0.25, "of four categories one is not decoded");
}

Test(tables, numbers_and_booleans_find_the_category_that_reads_alike)
{
    STATUS(200, ask("POST", encode,
                    "{\"inputs\":[{\"row\":{\"a/b\":1}},{\"row\":{\"a/b\":true}}]}"));
    STATUS(422, ask("POST", encode, "{\"inputs\":[{\"row\":{\"a/b\":2}}]}"));
    cr_assert_str_eq(text_of("code"), "unknown_category");
}

Test(tables, what_is_unknown_is_refused_with_its_pointer_and_the_nearest)
{
    static const struct {
        const char *row, *code, *pointer, *expected;
    } cases[] = {
        {"{\"xx\":1,\"y\":2}", "unknown_column", "/inputs/0/row/xx", NULL},
        {"{\"a/c\":\"yes\"}", "unknown_column", "/inputs/0/row/a~1c", "a/b"},
        {"{\"a/b\":\"yess\"}", "unknown_category", "/inputs/0/row/a~1b", "yes"},
        {"{\"x\":\"7\"}", "wrong_type", "/inputs/0/row/x", "a number or null"},
        {"{\"x\":[7]}", "wrong_type", "/inputs/0/row/x", NULL},
        {"{\"x\":1e300}", "out_of_range", "/inputs/0/row/x", NULL},
        {"{\"x\":null}", "empty_row", "/inputs/0/row", NULL},
        {"{}", "empty_row", "/inputs/0/row", NULL},
        {"[1]", "wrong_type", "/inputs/0/row", "an object"},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        char body[256];
        snprintf(body, sizeof(body), "{\"inputs\":[{\"row\":%s}]}", cases[i].row);
        STATUS(422, ask("POST", encode, body));
        cr_expect_str_eq(text_of("code"), cases[i].code, "%s: %s", cases[i].row,
                         text_of("detail"));
        cr_expect_str_eq(text_of("errors.0.pointer"), cases[i].pointer, "%s", cases[i].row);
        if (cases[i].expected)
            cr_expect_str_eq(text_of("errors.0.expected"), cases[i].expected, "%s",
                             cases[i].row);
    }
    STATUS(422, ask("POST", encode, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}"));
    cr_assert_str_eq(text_of("code"), "wrong_input_kind");
}

/* Long texts are taken out of a body before it is parsed, and [0] is what stands for the first
 * of them. */
Test(tables, a_list_in_a_cell_is_not_another_text_of_the_body)
{
    STATUS(422,
           ask("POST", encode,
               "{\"inputs\":[{\"row\":{\"a/b\":[0],\"image\":\"0123456789012345678901234567"
               "8901234567890123456789012345678901234567890123456789\"}}]}"));
    cr_assert_str_eq(text_of("code"), "wrong_type");
    cr_assert_str_eq(text_of("errors.0.pointer"), "/inputs/0/row/a~1b");
}

Test(tables, items_are_rows_and_come_back_as_they_were_sent)
{
    make("{\"model\":\"people@1\"}");
    STATUS(207,
           ask("PUT", coll("/items"),
               "{\"items\":[{\"id\":\"p\",\"input\":{\"row\":{\"x\":14,\"a/b\":\"no\"}}},{"
               "\"id\":\"q\",\"input\":{\"row\":{\"x\":2,\"y\":-1}}},{\"id\":\"r\",\"input\":{"
               "\"row\":{\"z\":1}}}]}"));
    cr_assert_str_eq(text_of("results.2.error.errors.0.pointer"), "/items/2/input/row/z");
    STATUS(200, ask("GET", coll("/items/p/input"), NULL));
    cr_assert_str_eq(header("Content-Type"), "application/json");
    cr_assert_eq(number_of("row.x"), 14);
    cr_assert_str_eq(text_of("row.a/b"), "no");
    STATUS(200, ask("GET", coll("/items/p/reconstruction"), NULL));
    cr_assert_eq(number_of("output.row.x"), 14);
    STATUS(200, ask_as("GET", coll("/items/p/reconstruction"),
                       "Accept: application/octet-stream\r\n", NULL, 0));
    cr_assert_eq(number_of("output.row.x"), 14, "words do not become numbers: %s", reply());
    STATUS(200,
           ask("POST", coll("/search"), "{\"input\":{\"row\":{\"x\":3,\"y\":-1}},\"k\":1}"));
    cr_assert_str_eq(text_of("results.0.id"), "q");
    STATUS(422, ask("POST", coll("/search"), "{\"input\":{\"row\":{\"w\":3}}}"));
    cr_assert_str_eq(text_of("errors.0.pointer"), "/input/row/w");
}

Test(tables, histories_become_scores_and_unknown_items_are_passed_over)
{
    STATUS(200,
           ask("POST", "/v1/models/taste/encode",
               "{\"inputs\":[{\"history\":[\"a\",{\"item\":\"b\",\"weight\":5},{\"item\":\"c\","
               "\"weight\":2},\"nobody\"]}]}"));
    cr_assert_eq(number_of("codes.0.0"), 1);
    cr_assert_eq(number_of("codes.0.1"), 1, "binary");
    cr_assert_eq(number_of("codes.0.2"), 0, "below the least weight");
    STATUS(200,
           ask("POST", "/v1/models/taste/reconstruct", "{\"inputs\":[{\"history\":[\"b\"]}]}"));
    cr_assert_eq(number_of("outputs.0.scores.b"), 1);
    cr_assert_eq(number_of("outputs.0.scores.f"), 0);
    STATUS(422, ask("POST", "/v1/models/taste/encode", "{\"inputs\":[{\"history\":[\"x\"]}]}"));
    cr_assert_str_eq(text_of("code"), "unknown_items");
    cr_assert_str_eq(text_of("errors.0.pointer"), "/inputs/0/history");
    STATUS(422,
           ask("POST", "/v1/models/taste/encode", "{\"inputs\":[{\"history\":[\"a\",7]}]}"));
    STATUS(422, ask("POST", "/v1/models/taste/encode",
                    "{\"inputs\":[{\"history\":[{\"item\":\"a\",\"wieght\":1}]}]}"));
    cr_assert_str_eq(text_of("code"), "unknown_field");
}

Test(tables, import_of_csv_sends_rows)
{
    static const char text[] =
        "x,a/b,note\n14,yes,first\n12,,second\nwrong,no,third\n10,purple,x\n";
    char url[128];
    const char *argv[] = {"import",
                          coll("") + strlen("/v1/collections/"),
                          test_path("p.csv"),
                          "--server",
                          url,
                          "--exclude",
                          "note",
                          NULL};
    snprintf(url, sizeof(url), "%s", api_url());
    make("{\"model\":\"people@1\"}");
    cr_assert_eq(lat_file_write(test_path("p.csv"), text, sizeof(text) - 1, NULL), LAT_OK);
    cr_assert_eq(server_run(argv, test_path("log")), 1, "two rows are bad");
    struct lat_buf log = {0};
    cr_assert_eq(lat_file_read(test_path("log"), 1 << 16, &log, NULL), LAT_OK);
    cr_assert(strstr(log.data, "p.csv line 4") && strstr(log.data, "'wrong'"), "%s", log.data);
    cr_assert(strstr(log.data, "'purple'"), "%s", log.data);
    lat_buf_release(&log);
    STATUS(200, ask("GET", coll("/items/000001/input"), NULL));
    cr_assert_eq(number_of("row.x"), 12);
    cr_assert_not(has("row.a/b"));
    STATUS(404, ask("GET", coll("/items/000002"), NULL));
}
