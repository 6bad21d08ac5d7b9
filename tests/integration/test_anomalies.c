/* Scores of stored items over HTTP: with the upload, or when somebody asks. */
#include <math.h>
#include <stdio.h>

#include "tests/integration/client.h"
#include "tests/support/support.h"

TestSuite(anomalies, .init = test_folder_enter, .fini = test_folder_leave);

/* Items "0" … of judge@1 whose scores are 0.5 i². */
static void put_vectors(int n)
{
    make("{\"model\":\"judge@1\"}");
    for (int i = 0; i < n; i++) {
        char id[16], item[128];
        snprintf(id, sizeof(id), "%d", i);
        snprintf(item, sizeof(item), "{\"input\":{\"vector\":[1,%d,0,%d,%d,%d]}}", i, i, i, i);
        put(id, item);
    }
}

Test(anomalies, the_worst_come_first_page_by_page)
{
    put_vectors(7);
    STATUS(200, ask("GET", coll("/anomalies?limit=3"), NULL));
    cr_assert_eq(count_of("results"), 3);
    cr_expect(flag_of("complete"));
    cr_expect_str_eq(text_of("results.0.id"), "6");
    cr_expect_eq(number_of("results.0.error"), 18);
    cr_expect_float_eq(number_of("results.0.p_value"), 0.1, 1e-9);
    cr_expect_eq(number_of("results.0.percentile"), 100);
    cr_expect_str_eq(text_of("results.2.id"), "4");
    char path[256];
    snprintf(path, sizeof(path), "/anomalies?limit=3&cursor=%s", text_of("next_cursor"));
    STATUS(200, ask("GET", coll(path), NULL));
    cr_expect_str_eq(text_of("results.0.id"), "3");
    cr_expect_eq(number_of("results.0.error"), 4.5);
    cr_expect_float_eq(number_of("results.0.p_value"), 0.6, 1e-9);
    snprintf(path, sizeof(path), "/anomalies?limit=3&cursor=%s", text_of("next_cursor"));
    STATUS(200, ask("GET", coll(path), NULL));
    cr_assert_eq(count_of("results"), 1);
    cr_expect_str_eq(text_of("results.0.id"), "0");
    cr_expect(is_null("next_cursor"));
    STATUS(422, ask("GET", coll("/anomalies?cursor=00ff"), NULL));
}

Test(anomalies, equal_scores_come_by_id_and_hidden_items_not_at_all)
{
    make("{\"model\":\"judge@1\"}");
    put("b", "{\"input\":{\"vector\":[1,0,0,1,0,0]}}");
    put("a", "{\"input\":{\"vector\":[2,0,0,1,0,0]}}");
    put("c", "{\"input\":{\"vector\":[3,0,0,0,1,0]}}");
    put("d", "{\"input\":{\"vector\":[3,0,0,9,0,0]},\"hidden\":true}");
    put("e", "{\"code\":[1,2,3]}");
    STATUS(200, ask("GET", coll("/anomalies?limit=2"), NULL));
    cr_expect_str_eq(text_of("results.0.id"), "a");
    cr_expect_str_eq(text_of("results.1.id"), "b");
    char path[256];
    snprintf(path, sizeof(path), "/anomalies?cursor=%s", text_of("next_cursor"));
    STATUS(200, ask("GET", coll(path), NULL));
    cr_assert_eq(count_of("results"), 1, "%s", reply());
    cr_expect_str_eq(text_of("results.0.id"), "c");
}

Test(anomalies, pictures_get_their_scores_when_somebody_asks)
{
    make("{\"model\":\"look@1\"}");
    for (int i = 0; i < 5; i++) {
        struct lat_buf png = tiny_png((unsigned)(10 * i), 0);
        char path[32];
        snprintf(path, sizeof(path), "/items/p%d", i);
        STATUS(201,
               ask_as("PUT", coll(path), "Content-Type: image/png\r\n", png.data, png.len));
        lat_buf_release(&png);
    }
    STATUS(200, ask("GET", coll("/anomalies"), NULL));
    cr_expect(flag_of("complete"));
    cr_assert_eq(count_of("results"), 5, "%s", reply());
    cr_expect_str_eq(text_of("results.0.id"), "p4");
    cr_expect_float_eq(number_of("results.0.error"), 0.5 * pow(40.0 / 255, 2), 1e-6);
    struct lat_buf png = tiny_png(200, 0);
    STATUS(200,
           ask_as("PUT", coll("/items/p0"), "Content-Type: image/png\r\n", png.data, png.len));
    STATUS(200, ask("GET", coll("/anomalies"), NULL));
    cr_expect_str_eq(text_of("results.0.id"), "p0", "what was replaced is looked at again");
    cr_assert_eq(count_of("results"), 5);
    lat_buf_release(&png);
}

static void put_picture(const char *id, unsigned shade)
{
    struct lat_buf png = tiny_png(shade, 0);
    char path[32];
    snprintf(path, sizeof(path), "/items/%s", id);
    STATUS(201, ask_as("PUT", coll(path), "Content-Type: image/png\r\n", png.data, png.len));
    lat_buf_release(&png);
}

/* Waits for the end of a job that moves the collection: `how` is the rest of its request. */
static void move(const char *how)
{
    char body[160], path[128];
    snprintf(body, sizeof(body), "{\"type\":\"reencode\",\"collection\":\"%s\",%s}",
             strrchr(coll(""), '/') + 1, how);
    STATUS(202, ask("POST", "/v1/jobs", body));
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", text_of("id"));
    STATUS(200, ask("GET", path, NULL));
}

Test(anomalies, a_collection_that_went_back_to_its_former_model_is_scored_in_full)
{
    make("{\"model\":\"look@1\"}");
    put_picture("a", 10);
    put_picture("b", 20);
    move("\"to\":\"look@2\"");
    STATUS(200, ask("GET", coll("/anomalies"), NULL));
    cr_expect_str_eq(text_of("model"), "look@2");
    cr_assert_eq(count_of("results"), 2, "%s", reply());
    move("\"back\":true");
    STATUS(200, ask("GET", coll("/anomalies"), NULL));
    cr_expect_str_eq(text_of("model"), "look@1");
    cr_assert_eq(count_of("results"), 2, "its items have lower slots: %s", reply());
}

Test(anomalies, a_report_is_of_the_score_that_was_stored)
{
    make("{\"model\":\"look@1\"}");
    struct lat_buf png = tiny_png(100, 0);
    STATUS(201, ask_as("PUT", coll("/items/one?report=true"), "Content-Type: image/png\r\n",
                       png.data, png.len));
    const double error = number_of("score.error");
    cr_expect_float_eq(error, 0.5 * pow(100.0 / 255, 2), 1e-6, "%s", reply());
    cr_expect_eq(number_of("score.p_value"), 1);
    STATUS(201, ask_as("PUT", coll("/items/two?report=true"), "Content-Type: image/png\r\n",
                       png.data, png.len));
    cr_expect_str_eq(text_of("duplicate_of"), "one");
    lat_buf_release(&png);
    STATUS(200, ask("GET", coll("/anomalies?limit=1"), NULL));
    cr_expect_float_eq(number_of("results.0.error"), error, 1e-9);
}

Test(anomalies, a_batch_reports_item_by_item)
{
    make("{\"model\":\"judge@1\"}");
    STATUS(207, ask("PUT", coll("/items?report=true"),
                    "{\"items\":[{\"id\":\"a\",\"input\":{\"vector\":[1,2,3,0,0,3]}},{\"id\":"
                    "\"b\",\"input\":{\"vector\":[1,2,3,3,0,0]}},{\"id\":\"c\",\"input\":{"
                    "\"vector\":[1]}},{\"id\":\"d\",\"code\":[9,9,9]}]}"));
    cr_expect_eq(number_of("results.0.score.error"), 1.5);
    cr_expect_float_eq(number_of("results.0.score.p_value"), 0.9, 1e-9);
    cr_expect_str_eq(text_of("results.0.nearest.id"), "b");
    cr_expect_str_eq(text_of("results.1.duplicate_of"), "a");
    cr_expect_not(has("results.2.nearest"));
    cr_expect(is_null("results.3.score"));
    cr_expect(is_null("results.3.duplicate_of"));
    STATUS(422, ask("PUT", coll("/items?report=true&wait=false"), "{\"items\":[]}"));
}

Test(anomalies, what_has_no_scores_says_so)
{
    make("{\"dimension\":2}");
    STATUS(422, ask("GET", coll("/anomalies"), NULL));
    PROBLEM(422, "capability_missing");
    STATUS(404, ask("GET", "/v1/collections/nobody/anomalies", NULL));
    PROBLEM(404, "collection_not_found");
}
