/* Rows with holes over HTTP: a table trained by the command, imputed by the server. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "tests/integration/client.h"
#include "tests/integration/command.h"
#include "tests/support/support.h"

static const char impute[] = "/v1/models/folk/impute", csv[] = "Content-Type: text/csv\r\n";
static struct server server;

/* 240 people: y is 2 x, the word tells whether x is above 50, born the years before 2020. */
static void put_people(void)
{
    struct lat_buf text = {0};
    lat_buf_text(&text, "x,y,old,colour,born\n");
    for (int i = 0; i < 240; i++) {
        const int x = 10 + (i * 37) % 81;
        if (i % 7 == 0)
            lat_buf_text(&text, ",");
        else
            lat_buf_printf(&text, "%d,", x);
        lat_buf_printf(&text, "%d.5,%s,%s,%d-06-01\n", 2 * x, x > 50 ? "yes" : "no",
                       x > 50 ? (i % 2 ? "red" : "pink") : "blue", 2020 - x);
    }
    lat_buf_char(&text, '\0');
    put_text("people.csv", text.data);
    lat_buf_release(&text);
}

static void enter(void)
{
    char models[512];
    test_folder_enter();
    put_people();
    put_text("spec.json",
             "{\"name\":\"folk\",\"data\":{\"path\":\"people.csv\"},"
             "\"network\":{\"encoder\":{\"hidden\":[32],\"activation\":\"tanh\"}},"
             "\"code\":{\"dimension\":2,\"type\":\"gaussian\",\"samples\":5},"
             "\"likelihood\":{\"type\":\"student_t\",\"spread\":\"learned\"},"
             "\"optimizer\":{\"rate\":0.01,\"batch\":32,\"epochs\":60,\"keep\":\"last\"}}");
    snprintf(models, sizeof(models), "%s", test_path("models"));
    cr_assert_eq(RUN("train", test_path("spec.json"), "--models", models), 0, "%s", output());
    server_start(&server, test_path("data"), models, NULL);
    api_use(&server);
}

static void leave(void)
{
    api_use(NULL);
    cr_assert_eq(server_stop(&server, 30000), 0);
    test_folder_leave();
}

TestSuite(impute, .init = enter, .fini = leave);

Test(impute, columns_are_told_and_holes_filled_in_their_own_words)
{
    STATUS(200, ask("GET", "/v1/models/folk", NULL));
    cr_expect_not_null(strstr(reply(), "\"impute\""));
    static const char *const types[] = {"integer", "numeric", "boolean", "categorical", "date"};
    for (size_t c = 0; c < LAT_ARRAY_LEN(types); c++) {
        char path[64];
        snprintf(path, sizeof(path), "manifest.input.columns.%zu.type", c);
        cr_expect_str_eq(text_of(path), types[c], "%zu", c);
    }
    STATUS(200, ask("POST", impute,
                    "{\"rows\":[{\"x\":8.00e1,\"old\":null,\"born\":null,\"colour\":\"red\"}],"
                    "\"samples\":4000}"));
    cr_expect_not_null(strstr(reply(), "\"row\":{\"x\":8.00e1,\"old\":"), "%s", reply());
    cr_expect_str_eq(text_of("results.0.row.old"), "yes");
    cr_expect_gt(number_of("results.0.row.y"), 100, "%s", reply());
    cr_expect_eq(strncmp(text_of("results.0.row.born"), "19", 2), 0, "%s", reply());
    cr_expect_eq(strlen(text_of("results.0.row.born")), 10);
    cr_expect(flag_of("results.0.mask.y") && flag_of("results.0.mask.old"));
    cr_expect_not(flag_of("results.0.mask.x"));
    cr_expect_not(has("results.0.cells.x"));
    cr_expect(number_of("results.0.cells.y.interval.0") <= number_of("results.0.row.y"));
    cr_expect(number_of("results.0.cells.y.interval.1") >= number_of("results.0.row.y"));
    cr_expect(number_of("results.0.cells.y.std") > 0);
    cr_expect(number_of("results.0.cells.old.probabilities.yes") > 0.5);
    cr_expect(is_null("results.0.cells.old.interval"));
    cr_expect_eq(count_of("results.0.cells.y.flags"), 0);
    cr_expect_str_eq(text_of("method"), "importance");
    cr_expect_str_eq(header("X-Model"), "folk@1");
    cr_expect_not(has("results.0.draws"));
}

/* The data lack an x here and there and nothing else. */
Test(impute, rows_with_other_holes_than_were_learned_from_are_understood)
{
    STATUS(200, ask("POST", impute,
                    "{\"rows\":[{\"x\":80,\"old\":\"yes\"},{\"x\":20},{\"y\":40.5}]}"));
    cr_expect_gt(number_of("results.0.row.y"), 130, "160.5: %s", reply());
    cr_expect_lt(number_of("results.1.row.y"), 70, "40.5: %s", reply());
    cr_expect_str_eq(text_of("results.1.row.old"), "no");
    cr_expect_lt(number_of("results.2.row.x"), 35, "20: %s", reply());
}

Test(impute, draws_are_repeatable_and_differ)
{
    static const char body[] = "{\"rows\":[{\"x\":30},{}],\"draws\":3,\"seed\":4}";
    char first[4096];
    STATUS(200, ask("POST", impute, body));
    snprintf(first, sizeof(first), "%s", reply());
    cr_expect_eq(count_of("results.0.draws"), 3);
    cr_expect_eq(number_of("results.0.draws.2.x"), 30);
    cr_expect_neq(number_of("results.0.draws.0.y"), number_of("results.0.draws.1.y"));
    STATUS(200, ask("POST", impute, body));
    cr_expect_str_eq(reply(), first);
    STATUS(200, ask("POST", impute, "{\"rows\":[{\"x\":30},{}],\"draws\":3,\"seed\":5}"));
    cr_expect_str_neq(reply(), first);
}

/* A body of `n` rows of holes, asked for in the words of `options`. */
static void ask_for_many(const char *options, int n)
{
    struct lat_buf body = {0};
    lat_buf_printf(&body, "{%s,\"rows\":[{}", options);
    for (int i = 1; i < n; i++)
        lat_buf_text(&body, ",{}");
    lat_buf_text(&body, "]}");
    ask("POST", impute, body.data);
    lat_buf_release(&body);
}

Test(impute, what_would_fill_the_memory_or_take_too_long_is_refused)
{
    static const char *const options[] = {"--max-pixels", "200000", "--timeout-ms", "300",
                                          NULL};
    struct server small;
    server_start(&small, test_path("small"), test_path("models"), options);
    api_use(&small);
    ask_for_many("\"draws\":100", 1000);
    PROBLEM(413, "batch_too_large");
    POINTER("/draws");
    ask_for_many("\"draws\":1,\"samples\":20000", 1000);
    PROBLEM(503, "deadline_exceeded");
    ask_for_many("\"draws\":1", 2);
    cr_expect_eq(number_of("succeeded"), 2, "%s", reply());
    api_use(&server);
    cr_assert_eq(server_stop(&small, 20000), 0);
}

Test(impute, bad_rows_cost_the_others_nothing_and_have_pointers)
{
    STATUS(207, ask("POST", impute,
                    "{\"rows\":[{\"x\":30},{\"colour\":\"rad\"},{\"x\":4e4},{\"x\":\"3\"},"
                    "{\"born\":\"June\"},{\"z\":1},7]}"));
    static const char *const faults[][2] = {{"unknown_category", "/rows/1/colour"},
                                            {"out_of_range", "/rows/2/x"},
                                            {"wrong_type", "/rows/3/x"},
                                            {"wrong_type", "/rows/4/born"},
                                            {"unknown_column", "/rows/5/z"},
                                            {"wrong_type", "/rows/6"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(faults); i++) {
        char path[80];
        snprintf(path, sizeof(path), "results.%zu.error.errors.0.code", i + 1);
        cr_expect_str_eq(text_of(path), faults[i][0], "%s", reply());
        snprintf(path, sizeof(path), "results.%zu.error.errors.0.pointer", i + 1);
        cr_expect_str_eq(text_of(path), faults[i][1]);
    }
    cr_expect_eq(number_of("succeeded"), 1);
    cr_expect_eq(number_of("failed"), 6);
    ask("POST", impute, "{\"rows\":[{\"colour\":\"rad\"}]}");
    PROBLEM(422, "unknown_category");
    POINTER("/rows/0/colour");
    ask("POST", "/v1/models/folk/impute?atomic=true", "{\"rows\":[{\"x\":3},{\"z\":1}]}");
    PROBLEM(422, "unknown_column");
}

Test(impute, by_policy_a_bad_cell_is_a_hole_with_a_flag)
{
    STATUS(200, ask("POST", impute,
                    "{\"rows\":[{\"x\":30,\"colour\":\"rad\",\"born\":[1, 2]}],"
                    "\"on_invalid\":\"flag\"}"));
    cr_expect_str_eq(text_of("results.0.row.colour"), "rad");
    cr_expect_not_null(strstr(reply(), "\"born\":[1, 2]"), "%s", reply());
    cr_expect_str_eq(text_of("results.0.cells.colour.value"), "blue");
    cr_expect_str_eq(text_of("results.0.cells.colour.flags.0"), "unknown_category");
    cr_expect_str_eq(text_of("results.0.cells.born.flags.0"), "wrong_type");
    cr_expect_not(flag_of("results.0.mask.colour"));
}

Test(impute, what_is_not_sure_enough_stays_a_hole)
{
    STATUS(200, ask("POST", impute, "{\"rows\":[{\"x\":70}],\"min_confidence\":1}"));
    cr_expect(is_null("results.0.row.colour"), "%s", reply());
    cr_expect(is_null("results.0.cells.colour.value"));
    cr_expect_str_eq(text_of("results.0.cells.colour.flags.0"), "low_confidence");
    cr_expect(number_of("results.0.cells.colour.confidence") < 1);
}

Test(impute, neighbours_come_from_a_collection_of_the_same_model)
{
    make("{\"model\":\"folk@1\"}");
    ask("POST", impute, "{\"rows\":[{\"x\":70}],\"method\":\"neighbours\"}");
    PROBLEM(422, "missing_field");
    char body[512];
    const char *name = strrchr(coll(""), '/') + 1;
    snprintf(body, sizeof(body),
             "{\"rows\":[{\"x\":70}],\"method\":\"neighbours\",\"collection\":\"%s\"}", name);
    ask("POST", impute, body);
    PROBLEM(422, "no_neighbours");
    put("a", "{\"input\":{\"row\":{\"x\":70,\"y\":140,\"old\":\"yes\",\"colour\":\"red\"}}}");
    put("b", "{\"input\":{\"row\":{\"x\":72,\"y\":145,\"old\":\"yes\",\"colour\":\"red\"}}}");
    STATUS(200, ask("POST", impute, body));
    cr_expect_str_eq(text_of("results.0.row.old"), "yes");
    cr_expect_float_eq(number_of("results.0.row.y"), 142, 40, "%s", reply());
    const double y = number_of("results.0.row.y"), off = number_of("results.0.cells.y.std");
    STATUS(200, ask("POST", impute, "{\"rows\":[{\"x\":70}],\"method\":\"reconstruction\"}"));
    cr_expect_geq(off, 0.999 * number_of("results.0.cells.y.std"),
                  "two that agree are no more certain than what is decoded: %g, %s", off,
                  reply());
    snprintf(body, sizeof(body), "{\"collection\":\"%s\"}", name);
    STATUS(201, ask("PUT", "/v1/aliases/folks", body));
    STATUS(200,
           ask("POST", impute,
               "{\"rows\":[{\"x\":70}],\"method\":\"neighbours\",\"collection\":\"folks\"}"));
    cr_expect_eq(number_of("results.0.row.y"), y, "by an alias: %s", reply());
    /* A row with holes searches the collection, too. */
    STATUS(200, ask("POST", coll("/search"), "{\"input\":{\"row\":{\"y\":140.5}},\"k\":1}"));
    cr_expect_eq(count_of("results"), 1);
    ask("POST", impute,
        "{\"rows\":[{\"x\":70}],\"method\":\"neighbours\",\"collection\":\"nobody\"}");
    PROBLEM(404, "collection_not_found");
}

Test(impute, what_a_method_has_no_use_for_is_refused)
{
    static const char *const cases[][2] = {
        {"\"k\":3", "/k"},
        {"\"method\":\"reconstruction\",\"samples\":9", "/samples"},
        {"\"method\":\"neighbours\",\"collection\":\"c\",\"samples\":9", "/samples"},
        {"\"collection\":\"c\"", "/collection"}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        char body[160];
        snprintf(body, sizeof(body), "{\"rows\":[{\"x\":70}],%s}", cases[i][0]);
        ask("POST", impute, body);
        PROBLEM(422, "two_kinds");
        POINTER(cases[i][1]);
    }
    ask_as("POST", "/v1/models/folk/impute?k=3", "Content-Type: text/csv\r\n", "x\n1\n", 4);
    PROBLEM(422, "two_kinds");
    ask("POST", impute, "{\"rows\":[{}],\"seed\":-1}");
    PROBLEM(422, "out_of_range");
    cr_expect_str_eq(text_of("errors.0.expected"), "0 to 9007199254740992", "%s", reply());
    ask("POST", impute, "{\"rows\":[{}],\"seed\":9223372036854775807}");
    PROBLEM(422, "out_of_range");
    cr_expect_str_eq(text_of("errors.0.got"), "9223372036854775807", "%s", reply());
}

Test(impute, models_that_cannot_say_why)
{
    static const char body[] = "{\"rows\":[{\"x\":1}]}";
    ask("POST", "/v1/models/nobody/impute", body);
    PROBLEM(404, "model_not_found");
    api_use(NULL);
    ask("POST", "/v1/models/vec/impute", body);
    PROBLEM(422, "capability_missing");
    ask("POST", "/v1/models/people/impute", "{\"rows\":[{\"x\":1}],\"method\":\"importance\"}");
    PROBLEM(422, "capability_missing");
    STATUS(200, ask("POST", "/v1/models/people/impute", body));
    cr_expect_str_eq(text_of("method"), "reconstruction");
    api_use(&server);
    ask("POST", impute, "{\"rows\":[{}],\"method\":\"importence\"}");
    cr_expect_eq(number_of("status"), 422);
    POINTER("/method");
    ask("POST", impute, "{\"rows\":{}}");
    cr_expect_eq(number_of("status"), 422);
    ask("POST", impute, "{}");
    PROBLEM(422, "missing_field");
    ask("POST", impute, "{\"rows\":[");
    PROBLEM(400, "bad_json");
    ask_as("POST", impute, "Content-Type: image/png\r\n", "x", 1);
    PROBLEM(415, "unsupported_media_type");
}

Test(impute, the_command_fills_a_file_here_and_through_a_server)
{
    char models[512], in[512], out[2][512];
    struct lat_buf text[2] = {{0}, {0}};
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(in, sizeof(in), "%s", test_path("people.csv"));
    snprintf(out[0], sizeof(out[0]), "%s", test_path("here.csv"));
    snprintf(out[1], sizeof(out[1]), "%s", test_path("there.csv"));
    cr_assert_eq(
        RUN("impute", in, "--model", "folk", "--models", models, "--out", out[0], "--json"), 0,
        "%s", output());
    cr_expect_eq(member("rows"), 240);
    cr_expect_eq(member("holes"), 35);
    cr_expect_eq(member("filled"), 35);
    cr_assert_eq(
        RUN("impute", in, "--model", "folk", "--server", server.url, "--out", out[1], "--json"),
        0, "%s", output());
    cr_expect_eq(member("rows"), 240);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(lat_file_read(out[i], 1 << 20, &text[i], NULL), LAT_OK);
    cr_expect_eq(text[0].len, text[1].len);
    cr_expect_eq(memcmp(text[0].data, text[1].data, text[0].len), 0, "the same either way");
    cr_expect_null(strstr(text[0].data, "\n,"), "no hole is left");
    put_text("bad.csv", "x,colour\n3,blue\n4,rad\n");
    snprintf(in, sizeof(in), "%s", test_path("bad.csv"));
    cr_expect_eq(RUN("impute", in, "--model", "folk", "--models", models), 1);
    cr_expect_not_null(strstr(output(), "rad"), "%s", output());
    cr_expect_eq(
        RUN("impute", in, "--model", "folk", "--models", models, "--on-invalid", "flag"), 0);
    cr_expect_eq(RUN("impute", in), 2);
    cr_expect_eq(RUN("impute", in, "--model", "folk", "--method", "magic"), 2);
    cr_expect_eq(
        RUN("impute", in, "--model", "folk", "--method", "reconstruction", "--samples", "9"),
        2);
    cr_expect_eq(RUN("impute", "--help"), 0);
    lat_buf_release(&text[0]);
    lat_buf_release(&text[1]);
}

Test(impute, csv_comes_back_as_csv_with_its_holes_filled)
{
    static const char body[] = "id,x,y,old,colour,born\r\n"
                               "\"a, b\",30.0,NA,,blue,1990-06-01\r\n"
                               "2,,141.50,\"yes\",?,1950-06-01\r\n";
    STATUS(200, ask_as("POST", impute, csv, body, sizeof(body) - 1));
    cr_expect_str_eq(header("Content-Type"), "text/csv; charset=utf-8");
    cr_expect_eq(strstr(reply(), "id,x,y,old,colour,born\r\n\"a, b\",30.0,"), reply(), "%s",
                 reply());
    cr_expect_not_null(strstr(reply(), ",no,blue,1990-06-01\r\n2,"), "%s", reply());
    cr_expect_not_null(strstr(reply(), ",141.50,\"yes\","), "%s", reply());
    static const char bad[] = "x,colour\n3,blue\n4,rad\n";
    ask_as("POST", impute, csv, bad, sizeof(bad) - 1);
    PROBLEM(422, "unknown_category");
    POINTER("/rows/1/colour");
    STATUS(200,
           ask_as("POST", "/v1/models/folk/impute?on_invalid=flag", csv, bad, sizeof(bad) - 1));
    cr_expect_str_eq(reply(), bad);
    static const char none[] = "p,q\n1,2\n";
    ask_as("POST", impute, csv, none, sizeof(none) - 1);
    PROBLEM(422, "unknown_column");
}
