/* Scores over HTTP: against a calibration whose every number is known. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

TestSuite(score, .init = test_folder_enter, .fini = test_folder_leave);

static const char judge[] = "/v1/models/judge/score", cells[] = "/v1/models/cells/score";

/* The decoder gives the first three elements back; the error is the mean square of the others.
 */
Test(score, p_values_count_the_calibration_and_the_threshold_is_theirs)
{
    STATUS(200, ask("POST", judge,
                    "{\"inputs\":[{\"vector\":[1,2,3,0,0,0]},{\"vector\":[0,0,0,3,3,3]},"
                    "{\"vector\":[0,0,0,0,0,9]}],\"false_alarm_rate\":0.2}"));
    cr_expect_eq(number_of("results.0.error"), 0);
    cr_expect_eq(number_of("results.0.p_value"), 1);
    cr_expect_eq(number_of("results.0.percentile"), 0);
    cr_expect_not(flag_of("results.0.anomalous"));
    cr_expect_eq(number_of("results.1.error"), 4.5);
    cr_expect_float_eq(number_of("results.1.p_value"), 0.6, 1e-9);
    cr_expect_float_eq(number_of("results.1.percentile"), 400.0 / 9, 1e-6);
    cr_expect_eq(number_of("results.2.error"), 13.5);
    cr_expect_float_eq(number_of("results.2.p_value"), 0.1, 1e-9);
    cr_expect(flag_of("results.2.anomalous"));
    cr_expect_eq(number_of("results.2.threshold"), 8);
    cr_expect_eq(number_of("results.2.score"), 13.5);
    cr_expect_str_eq(text_of("calibration"), "validation-1");
    cr_expect_str_eq(text_of("score"), "error");
    cr_expect_str_eq(text_of("model"), "judge@1");
    cr_expect_str_eq(header("X-Model"), "judge@1");
    cr_expect_eq(number_of("false_alarm_rate"), 0.2);
}

Test(score, a_rate_beyond_the_calibration_says_what_it_holds)
{
    STATUS(200, ask("POST", judge, "{\"inputs\":[{\"vector\":[0,0,0,0,0,9]}]}"));
    cr_expect_float_eq(number_of("false_alarm_rate"), 0.1, 1e-9);
    cr_expect_eq(number_of("results.0.threshold"), 9);
    cr_expect(flag_of("results.0.anomalous"));
}

Test(score, contributions_are_sorted_and_their_shares_are_of_the_whole)
{
    STATUS(200, ask("POST", judge, "{\"inputs\":[{\"vector\":[5,5,5,1,0,2]}]}"));
    cr_assert_eq(count_of("results.0.contributions"), 6);
    cr_expect_str_eq(text_of("results.0.contributions.0.feature"), "5");
    cr_expect_eq(number_of("results.0.contributions.0.observed"), 2);
    cr_expect_eq(number_of("results.0.contributions.0.expected"), 0);
    cr_expect_eq(number_of("results.0.contributions.0.error"), 4);
    cr_expect_float_eq(number_of("results.0.contributions.0.share"), 0.8, 1e-6);
    cr_expect_str_eq(text_of("results.0.contributions.1.feature"), "3");
    STATUS(200,
           ask("POST", judge, "{\"inputs\":[{\"vector\":[5,5,5,1,0,2]}],\"contributions\":1}"));
    cr_expect_eq(count_of("results.0.contributions"), 1);
    cr_expect_float_eq(number_of("results.0.contributions.0.share"), 0.8, 1e-6);
    STATUS(200,
           ask("POST", judge, "{\"inputs\":[{\"vector\":[5,5,5,1,0,2]}],\"contributions\":0}"));
    cr_expect_eq(count_of("results.0.contributions"), 0);
}

Test(score, columns_are_named_and_in_their_own_units)
{
    STATUS(200,
           ask("POST", cells, "{\"inputs\":[{\"row\":{\"x\":14,\"y\":null,\"a/b\":\"no\"}}]}"));
    cr_assert_eq(count_of("results.0.contributions"), 2, "%s", reply());
    cr_expect_str_eq(text_of("results.0.contributions.0.feature"), "a/b");
    cr_expect_str_eq(text_of("results.0.contributions.0.observed"), "no");
    cr_expect_str_eq(text_of("results.0.contributions.0.expected"), "yes");
    cr_expect_float_eq(number_of("results.0.contributions.0.share"), 1, 1e-6);
    cr_expect_str_eq(text_of("results.0.contributions.1.feature"), "x");
    cr_expect_eq(number_of("results.0.contributions.1.observed"), 14);
    cr_expect_eq(number_of("results.0.contributions.1.expected"), 14);
}

Test(score, a_distribution_is_scored_by_its_bound)
{
    STATUS(200, ask("POST", "/v1/models/belief/score",
                    "{\"inputs\":[{\"vector\":[0,0,0,0,0,0]},{\"vector\":[0,0,0,0,0,4]}]}"));
    cr_expect_str_eq(text_of("score"), "elbo");
    const double least = number_of("results.0.error");
    cr_expect_gt(least, 0, "what is drawn is not the mean: %s", reply());
    cr_expect_float_eq(number_of("results.1.error") - least, 8, 1e-4,
                       "half the square of what is not decoded");
    STATUS(200,
           ask("POST", "/v1/models/belief/score", "{\"inputs\":[{\"vector\":[0,0,0,0,0,0]}]}"));
    cr_expect_eq(number_of("results.0.error"), least, "the same draws for everyone");
}

/* 1e30 squared is beyond a float; of belief the code's log-variance is 200, its variance too.
 */
Test(score, what_is_too_strange_for_a_number_is_anomalous)
{
    STATUS(200, ask("POST", judge, "{\"inputs\":[{\"vector\":[0,0,0,0,1e30,9]}]}"));
    cr_expect(flag_of("results.0.anomalous"), "%s", reply());
    cr_expect_gt(number_of("results.0.error"), 3e38);
    cr_expect_str_eq(text_of("results.0.contributions.0.feature"), "4");
    cr_expect_float_eq(number_of("results.0.contributions.0.share"), 1, 1e-6);
    STATUS(200, ask("POST", "/v1/models/belief/score",
                    "{\"inputs\":[{\"vector\":[200,0,0,0,0,0]}]}"));
    cr_expect(flag_of("results.0.anomalous"), "%s", reply());
    cr_expect_gt(number_of("results.0.error"), 3e38);
    cr_expect_gt(number_of("results.0.score"), 3e38);
}

Test(score, pictures_have_a_map_of_their_errors)
{
    struct lat_buf png = tiny_png(0, 16);
    STATUS(200, ask_as("POST", "/v1/models/look/score?map=true&false_alarm_rate=0.5",
                       "Content-Type: image/png\r\n", png.data, png.len));
    cr_expect_eq(count_of("results.0.contributions"), 16);
    cr_expect_str_eq(text_of("results.0.contributions.0.feature"), "3,3", "%s", reply());
    cr_expect(strncmp(text_of("results.0.map.image"), "iVBORw0KGgo", 11) == 0);
    STATUS(200, ask_as("POST", "/v1/models/look/score",
                       "Content-Type: image/png\r\nAccept: image/png\r\n", png.data, png.len));
    cr_expect_str_eq(header("Content-Type"), "image/png");
    cr_expect(memcmp(reply(), "\x89PNG", 4) == 0);
    cr_expect_str_eq(header("X-P-Value"), "1");
    STATUS(422, ask("POST", judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"map\":true}"));
    POINTER("/map");
    lat_buf_release(&png);
}

/* Twelve codes, of whole numbers from 0,0 to 3,2. */
static void put_codes(void)
{
    for (int i = 0; i < 12; i++) {
        char id[16], item[64];
        snprintf(id, sizeof(id), "%d", i);
        snprintf(item, sizeof(item), "{\"code\":[%d,%d,0]}", i % 4, i / 4);
        put(id, item);
    }
}

Test(score, a_collection_adds_the_distance_to_its_items)
{
    make("{\"model\":\"judge@1\"}");
    for (int i = 0; i < 12; i++) {
        char id[16], item[128];
        snprintf(id, sizeof(id), "%d", i);
        snprintf(item, sizeof(item), "{\"input\":{\"vector\":[%d,%d,0,1,0,1]}}", i % 4, i / 4);
        put(id, item);
    }
    char body[256];
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[1,1,0,1,0,1]},{\"vector\":[40,0,0,1,0,1]}],"
             "\"collection\":\"%s\",\"neighbours\":3,\"false_alarm_rate\":0.2}",
             strrchr(coll(""), '/') + 1);
    STATUS(200, ask("POST", judge, body));
    cr_expect_eq(number_of("neighbours"), 3);
    cr_expect_eq(number_of("reference_items"), 12);
    cr_expect_float_eq(number_of("results.0.distance"), 2.0 / 3, 1e-5, "%s", reply());
    cr_expect_gt(number_of("results.1.distance"), 36);
    cr_expect_eq(number_of("results.0.error"), number_of("results.1.error"));
    cr_expect_gt(number_of("results.1.score"), number_of("results.0.score"));
    cr_expect(flag_of("results.1.anomalous"));
    cr_expect_not(flag_of("results.0.anomalous"));
    cr_expect_float_eq(number_of("results.1.p_value"), 1.0 / 13, 1e-9);
    cr_expect_float_eq(number_of("results.1.distance_p_value"), 1.0 / 13, 1e-9);
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[1,1,0,1,0,1]}],\"collection\":\"%s\","
             "\"neighbours\":0.5}",
             strrchr(coll(""), '/') + 1);
    STATUS(200, ask("POST", judge, body));
    cr_expect_eq(number_of("neighbours"), 6, "half of twelve");
}

Test(score, models_that_share_a_collection_have_a_reference_each)
{
    make("{\"dimension\":3}");
    put_codes();
    char body[160];
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[9,1,0,1,0,1]}],\"collection\":\"%s\"}",
             strrchr(coll(""), '/') + 1);
    STATUS(200, ask("POST", judge, body));
    const double score = number_of("results.0.score");
    cr_assert_gt(score, 0);
    STATUS(200, ask("POST", "/v1/models/lenient/score", body));
    cr_expect_float_eq(number_of("results.0.score"), score / 2, 1e-5 * score,
                       "the same code and error, of which half is four times as much: %s",
                       reply());
}

Test(score, in_an_empty_collection_the_error_decides_alone)
{
    char body[192];
    make("{\"model\":\"judge@1\"}");
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[0,0,0,9,9,9]}],\"false_alarm_rate\":0.2,"
             "\"collection\":\"%s\"}",
             strrchr(coll(""), '/') + 1);
    STATUS(200, ask("POST", judge, body));
    cr_expect(flag_of("results.0.anomalous"), "%s", reply());
    cr_expect(is_null("results.0.distance"));
    cr_expect_eq(number_of("results.0.p_value"), number_of("results.0.error_p_value"));
    cr_expect_eq(number_of("results.0.score"), number_of("results.0.error"));
    cr_expect_eq(number_of("reference_items"), 9);
}

Test(score, a_collection_may_be_named_by_an_alias)
{
    char body[256];
    make("{\"model\":\"judge@1\"}");
    put_codes();
    snprintf(body, sizeof(body), "{\"collection\":\"%s\"}", strrchr(coll(""), '/') + 1);
    STATUS(201, ask("PUT", "/v1/aliases/scored", body));
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[4,1,0,1,0,1]}],\"collection\":\"%s\"}",
             strrchr(coll(""), '/') + 1);
    STATUS(200, ask("POST", judge, body));
    const double score = number_of("results.0.score");
    STATUS(200, ask("POST", judge,
                    "{\"inputs\":[{\"vector\":[4,1,0,1,0,1]}],\"collection\":\"scored\"}"));
    cr_expect_eq(number_of("results.0.score"), score, "%s", reply());
    cr_expect_str_eq(text_of("collection"), strrchr(coll(""), '/') + 1, "its own name");
    STATUS(204, ask("DELETE", "/v1/aliases/scored", NULL));
    ask("POST", judge, "{\"inputs\":[{\"vector\":[4,1,0,1,0,1]}],\"collection\":\"scored\"}");
    PROBLEM(404, "collection_not_found");
    POINTER("/collection");
}

/* n zeros n_inputs times, and the options behind them. */
static int ask_for_zeros(const char *path, size_t n_inputs, size_t n, const char *options)
{
    struct lat_buf body = {0};
    for (size_t i = 0; i < n_inputs; i++) {
        lat_buf_text(&body, i ? "},{\"vector\":[0" : "{\"inputs\":[{\"vector\":[0");
        for (size_t k = 1; k < n; k++)
            lat_buf_text(&body, ",0");
        lat_buf_char(&body, ']');
    }
    lat_buf_printf(&body, "}]%s}", options);
    const int status = ask("POST", path, body.data);
    lat_buf_release(&body);
    return status;
}

Test(score, contributions_of_a_reply_have_a_limit)
{
    enum { WIDTH = 2500, INPUTS = 400, ALL = 1000000 };
    static const struct tiny_model wide = {.rank = 2, .dims = {-1, WIDTH}, .code = 3};
    static const char path[] = "/v1/models/wide/score";
    tiny_package(api_models(), "wide", 1, &wide,
                 "{\"name\":\"wide\",\"version\":1,\"input\":{\"kind\":\"vector\","
                 "\"dimension\":2500},\"calibration\":{\"id\":\"w\",\"n\":2,"
                 "\"quantiles\":[1,2]}}");
    STATUS(200, ask("POST", "/v1/models/wide/load", NULL));
    cr_assert_eq(INPUTS * WIDTH, ALL);
    STATUS(413, ask_for_zeros(path, INPUTS + 1, WIDTH, ",\"contributions\":2500"));
    PROBLEM(413, "batch_too_large");
    POINTER("/contributions");
    STATUS(200, ask_for_zeros(path, INPUTS, WIDTH, ",\"contributions\":2500"));
    cr_expect_eq(count_of("results.399.contributions"), WIDTH);
    STATUS(200, ask_for_zeros(path, INPUTS + 1, WIDTH, ""));
    cr_expect_eq(count_of("results.400.contributions"), 100, "of whoever asks for none");
}

/* Each input is a search of its own, and ten thousand neighbours take a while. */
Test(score, what_takes_longer_than_a_request_may_is_given_up)
{
    enum { ITEMS = 20000, PART = 500, INPUTS = 1000 };
    static const char *const options[] = {"--timeout-ms", "300", NULL};
    struct server hasty;
    server_start(&hasty, test_path("hasty"), api_models(), options);
    api_use(&hasty);
    STATUS(201, ask("PUT", "/v1/collections/many",
                    "{\"model\":\"judge@1\",\"index\":{\"type\":\"flat\"}}"));
    for (int from = 0; from < ITEMS; from += PART) {
        struct lat_buf body = {0};
        for (int i = from; i < from + PART; i++)
            lat_buf_printf(&body, "%s{\"id\":\"%d\",\"code\":[%d,%d,0]}",
                           i > from ? "," : "{\"items\":[", i, i % 100, i / 100);
        lat_buf_text(&body, "]}");
        STATUS(200, ask("PUT", "/v1/collections/many/items", body.data));
        lat_buf_release(&body);
    }
    ask_for_zeros(judge, INPUTS, 6, ",\"collection\":\"many\",\"neighbours\":10000");
    PROBLEM(503, "deadline_exceeded");
    STATUS(200, ask_for_zeros(judge, 1, 6, ",\"collection\":\"many\",\"neighbours\":10000"));
    api_use(NULL);
    cr_assert_eq(server_stop(&hasty, 20000), 0);
}

Test(score, what_cannot_be_is_refused)
{
    static const struct {
        const char *path, *body, *code, *pointer;
        int status;
    } cases[] = {
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"false_alarm_rate\":0}",
         "out_of_range", "/false_alarm_rate", 422},
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"false_alarm_rate\":1.5}",
         "out_of_range", "/false_alarm_rate", 422},
        {judge, "{\"inputs\":[{\"vector\":[1,2]}]}", "wrong_dimension", "/inputs/0", 422},
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"collection\":\"nobody\"}",
         "collection_not_found", "/collection", 404},
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"collection\":\"A B\"}",
         "invalid_name", "/collection", 422},
        {judge,
         "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"neighbours\":1.5,\"collection\":\"c\"}",
         "out_of_range", "/neighbours", 422},
        {judge,
         "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"neighbours\":0,\"collection\":\"c\"}",
         "out_of_range", "/neighbours", 422},
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"neighbours\":2}", "missing_field",
         "/collection", 422},
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"exclude_ids\":[\"a\"]}",
         "missing_field", "/collection", 422},
        {judge, "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"rate\":1}", "unknown_field",
         "/rate", 422},
        {"/v1/models/vec/score", "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}",
         "capability_missing", NULL, 422},
        {"/v1/models/none/score", "{\"inputs\":[]}", "model_not_found", NULL, 404},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        STATUS(cases[i].status, ask("POST", cases[i].path, cases[i].body));
        PROBLEM(cases[i].status, cases[i].code);
        if (cases[i].pointer)
            POINTER(cases[i].pointer);
    }
    make("{\"model\":\"vec@1\"}");
    char body[192];
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"collection\":\"%s\"}",
             strrchr(coll(""), '/') + 1);
    STATUS(422, ask("POST", judge, body));
    PROBLEM(422, "wrong_model");
}

Test(score, what_an_option_has_wrong_is_told_by_its_name_and_not_placed_in_the_body)
{
    const char *body = "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}]}";
    char path[96];
    snprintf(path, sizeof(path), "%s?false_alarm_rate=0", judge);
    STATUS(422, ask("POST", path, body));
    POINTER("");
    cr_expect(strstr(text_of("detail"), "'false_alarm_rate'"), "%s", reply());
    snprintf(path, sizeof(path), "%s?neighbours=1.5&collection=c", judge);
    STATUS(422, ask("POST", path, body));
    POINTER("");
    cr_expect(strstr(text_of("detail"), "'neighbours'"), "%s", reply());
    cr_expect_eq(number_of("errors.0.got"), 1.5);
}

Test(score, a_collection_of_another_model_is_what_was_got)
{
    char body[192];
    make("{\"model\":\"vec@1\"}");
    snprintf(body, sizeof(body),
             "{\"inputs\":[{\"vector\":[1,2,3,4,5,6]}],\"collection\":\"%s\"}",
             strrchr(coll(""), '/') + 1);
    STATUS(422, ask("POST", judge, body));
    PROBLEM(422, "wrong_model");
    cr_expect_str_eq(text_of("errors.0.expected"), "judge@1", "%s", reply());
    cr_expect_str_eq(text_of("errors.0.got"), "vec@1", "%s", reply());
}
