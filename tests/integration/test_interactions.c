/* Interactions in, histories out. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

static const char lines_type[] = "Content-Type: application/x-ndjson\r\n";

static int post(const char *json)
{
    return ask("POST", coll("/interactions"), json);
}

static int post_lines(const char *lines)
{
    return ask_as("POST", coll("/interactions"), lines_type, lines, strlen(lines));
}

/* "item:weight:type " for each, newest first. */
static const char *history(const char *user)
{
    static char words[4096];
    char path[64], member[64];
    snprintf(path, sizeof(path), "/users/%s/history", user);
    STATUS(200, ask("GET", coll(path), NULL));
    words[0] = '\0';
    for (size_t i = 0; i < count_of("interactions"); i++) {
        snprintf(member, sizeof(member), "interactions.%zu.item", i);
        strcat(words, text_of(member));
        snprintf(member, sizeof(member), "interactions.%zu.weight", i);
        snprintf(words + strlen(words), 32, ":%g:", number_of(member));
        snprintf(member, sizeof(member), "interactions.%zu.type", i);
        strcat(words, text_of(member));
        strcat(words, " ");
    }
    return words;
}

Test(interactions, a_list_is_answered_with_a_result_an_element)
{
    make("{}");
    STATUS(200, post("[{\"user\":\"u\",\"item\":\"a\"},{\"user\":\"v\",\"item\":\"b\","
                     "\"weight\":null,\"type\":null,\"at\":null}]"));
    cr_assert_eq(number_of("succeeded"), 2);
    cr_assert_eq(number_of("failed"), 0);
    cr_assert_str_eq(text_of("results.1.id"), "b");
    cr_assert_eq(number_of("results.1.status"), 200);
    STATUS(207,
           post("[{\"user\":\"u\",\"item\":\"c\"},{\"user\":\"u\"},{\"user\":\"u\",\"item\":"
                "\"d\",\"wieght\":2},7]"));
    cr_assert_eq(number_of("succeeded"), 1);
    cr_assert_str_eq(text_of("results.1.error.code"), "missing_field");
    cr_assert_str_eq(text_of("results.1.error.errors.0.pointer"), "/1/item");
    cr_assert_str_eq(text_of("results.2.error.code"), "unknown_field");
    cr_assert_not_null(strstr(text_of("results.2.error.detail"), "'weight'"));
    cr_assert_str_eq(text_of("results.3.error.code"), "wrong_type");
    post("[{\"user\":\"\",\"item\":\"c\"}]");
    PROBLEM(422, "invalid_id");
    POINTER("/0/user");
    STATUS(200, post("[]"));
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("users"), 2);
    cr_assert_eq(number_of("interactions"), 3);
    cr_assert(is_null("recommender"));
}

Test(interactions, what_is_wrong_is_said)
{
    static const struct {
        const char *json, *code, *pointer;
    } cases[] = {
        {"[{\"user\":\"u\",\"item\":\"a\",\"weight\":\"4\"}]", "wrong_type", "/0/weight"},
        {"[{\"user\":\"u\",\"item\":\"a\",\"weight\":1e40}]", "out_of_range", "/0/weight"},
        {"[{\"user\":\"u\",\"item\":\"a\",\"at\":\"yesterday\"}]", "invalid_time", "/0/at"},
        {"[{\"user\":\"u\",\"item\":\"a\",\"at\":\"2025-02-29T00:00:00Z\"}]", "invalid_time",
         "/0/at"},
        {"[{\"user\":\"u\\u0000\",\"item\":\"a\"}]", "invalid_id", "/0/user"},
        {"[{\"user\":\"u\",\"item\":7}]", "wrong_type", "/0/item"},
        {"\"u\"", "wrong_type", ""},
    };
    make("{}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        post(cases[i].json);
        PROBLEM(422, cases[i].code);
        POINTER(cases[i].pointer);
    }
    post("[{\"user\":\"u\",");
    PROBLEM(400, "bad_json");
    ask("POST", "/v1/collections/nobody-is-here/interactions", "[]");
    PROBLEM(404, "collection_not_found");
    ask_as("POST", coll("/interactions"), "Content-Type: text/csv\r\n", "u,a", 3);
    PROBLEM(415, "unsupported_media_type");
}

Test(interactions, atomic_is_all_or_nothing)
{
    make("{}");
    ask("POST", coll("/interactions?atomic=true"),
        "[{\"user\":\"u\",\"item\":\"a\"},{\"user\":\"u\"}]");
    PROBLEM(422, "missing_field");
    cr_assert_eq(number_of("results.0.status"), 424);
    ask("GET", coll("/users/u/history"), NULL);
    PROBLEM(404, "unknown_user");
}

Test(interactions, lines_of_any_form)
{
    make("{}");
    STATUS(207,
           post_lines("{\"user\":\"u\",\"item\":\"plain\"}\r\n"
                      "\n"
                      " { \"item\" : \"blanks\" , \"user\" : \"u\" , \"weight\" : -2.5 } \n"
                      "{\"user\":\"u\",\"item\":\"esc\\u0061ped\",\"type\":\"v\"}\n"
                      "no line\n"
                      "{\"user\":\"u\",\"item\":\"a\",\"weight\":01}\n"
                      "{\"user\":\"u\",\"item\":\"a\",\"user\":\"w\"}\n"
                      "{\"user\":\"u\",\"item\":\"exponent\",\"weight\":1e-1}\n"
                      "{\"user\":\"u\",\"item\":\"last\",\"at\":0}"));
    cr_assert_eq(number_of("succeeded"), 5);
    cr_assert_eq(number_of("failed"), 3);
    cr_assert_eq(count_of("results"), 3);
    cr_assert_eq(number_of("results.0.index"), 3);
    cr_assert_str_eq(text_of("results.0.error.code"), "bad_json");
    cr_assert_str_eq(text_of("results.2.error.code"), "duplicate_key");
    cr_assert_str_eq(history("u"), "blanks:-2.5: escaped:1:v exponent:0.1: plain:1: last:1: ");
    cr_assert_str_eq(text_of("interactions.4.at"), "1970-01-01T00:00:00.000Z");
    post_lines("{\"user\":\"u\"}\nx\n");
    PROBLEM(422, "batch_failed");
    cr_assert_eq(count_of("results"), 2);
    STATUS(200, post_lines(""));
    cr_assert_eq(number_of("succeeded"), 0);
    /* One object is one line. */
    STATUS(200, post("{\"user\":\"one\",\"item\":\"a\"}"));
    cr_assert_eq(number_of("succeeded"), 1);
}

Test(interactions, more_lines_than_a_block_has)
{
    enum { LINES = 60000 };
    struct lat_buf text = {0};
    make("{}");
    for (int i = 0; i < LINES; i++)
        lat_buf_printf(&text, "{\"user\":\"u%d\",\"item\":\"i%d\",\"at\":%d}\n", i % 1000,
                       i / 1000, i);
    STATUS(200, ask_as("POST", coll("/interactions"), lines_type, text.data, text.len));
    cr_assert_eq(number_of("succeeded"), LINES);
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("users"), 1000);
    cr_assert_eq(number_of("interactions"), LINES);
    STATUS(200, ask("GET", coll("/users/u7/history?limit=2"), NULL));
    cr_assert_str_eq(text_of("interactions.0.item"), "i59");
    lat_buf_release(&text);
}

Test(interactions, order_and_repetition_do_no_harm)
{
    make("{}");
    static const char later[] = "[{\"user\":\"u\",\"item\":\"a\",\"weight\":5,\"at\":"
                                "\"2026-01-02T03:04:05+01:00\"}]",
                      earlier[] = "[{\"user\":\"u\",\"item\":\"a\",\"weight\":1,\"at\":1000}]";
    STATUS(200, post(later));
    STATUS(200, post(earlier));
    STATUS(200, post(later));
    cr_assert_str_eq(history("u"), "a:5: ");
    cr_assert_str_eq(text_of("interactions.0.at"), "2026-01-02T02:04:05.000Z");
    /* Seconds and milliseconds; types stand beside each other. */
    STATUS(200, post("[{\"user\":\"u\",\"item\":\"a\",\"type\":\"view\",\"at\":1800000000},"
                     "{\"user\":\"u\",\"item\":\"b\",\"at\":1800000000001}]"));
    cr_assert_str_eq(history("u"), "b:1: a:1:view a:5: ");
}

Test(interactions, a_history_in_pages_and_its_end)
{
    char path[400];
    make("{}");
    STATUS(200,
           post("[{\"user\":\"u/1\",\"item\":\"a\",\"at\":3},{\"user\":\"u/1\",\"item\":\"b\","
                "\"at\":2},{\"user\":\"u/1\",\"item\":\"c\",\"at\":1}]"));
    STATUS(200, ask("GET", coll("/users/u%2F1/history?limit=2"), NULL));
    cr_assert_eq(count_of("interactions"), 2);
    snprintf(path, sizeof(path), "/users/u%%2F1/history?limit=2&cursor=%s",
             text_of("next_cursor"));
    STATUS(200, ask("GET", coll(path), NULL));
    cr_assert_eq(count_of("interactions"), 1);
    cr_assert_str_eq(text_of("interactions.0.item"), "c");
    cr_assert(is_null("next_cursor"));
    ask("GET", coll("/users/u%2F1/history?cursor=abc"), NULL);
    PROBLEM(422, "bad_cursor");
    STATUS(204, ask("DELETE", coll("/users/u%2F1"), NULL));
    ask("GET", coll("/users/u%2F1/history"), NULL);
    PROBLEM(404, "unknown_user");
    ask("DELETE", coll("/users/u%2F1"), NULL);
    PROBLEM(404, "unknown_user");
}

Test(interactions, popular_is_counted_by_users)
{
    make("{}");
    STATUS(200,
           post("[{\"user\":\"u\",\"item\":\"a\",\"at\":5},{\"user\":\"v\",\"item\":\"a\"},"
                "{\"user\":\"v\",\"item\":\"a\",\"type\":\"view\"},{\"user\":\"w\",\"item\":"
                "\"b\"},{\"user\":\"w\",\"item\":\"c\"},{\"user\":\"x\",\"item\":\"c\","
                "\"weight\":-1}]"));
    STATUS(200, ask("GET", coll("/popular"), NULL));
    cr_assert_eq(count_of("results"), 3);
    cr_assert_str_eq(text_of("results.0.id"), "a");
    cr_assert_eq(number_of("results.0.score"), 2);
    cr_assert_str_eq(text_of("results.1.id"), "b");
    STATUS(200, ask("GET", coll("/popular?window=7d&k=1&exclude=b"), NULL));
    cr_assert_eq(count_of("results"), 1);
    cr_assert_str_eq(text_of("results.0.id"), "a");
    cr_assert_eq(number_of("results.0.score"), 1);
    ask("GET", coll("/popular?window=soon"), NULL);
    PROBLEM(422, "out_of_range");
    ask("GET", coll("/popular?because=3"), NULL);
    PROBLEM(422, "unknown_parameter");
}
