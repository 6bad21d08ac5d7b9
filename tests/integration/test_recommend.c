/* Recommendations over two tastes: people of the one dealt with a1, a2, a3, those of the other
 * with b1, b2, b3; by their codes the items of a taste lie together. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

static const char *ids(void)
{
    static char joined[2048];
    char member[64];
    joined[0] = '\0';
    for (size_t i = 0; i < count_of("results"); i++) {
        snprintf(member, sizeof(member), "results.%zu.id", i);
        strcat(joined, i ? " " : "");
        strcat(joined, text_of(member));
    }
    return joined;
}

static void like(const char *user, const char *item, int weight)
{
    char body[200];
    snprintf(body, sizeof(body), "[{\"user\":\"%s\",\"item\":\"%s\",\"weight\":%d}]", user,
             item, weight);
    STATUS(200, ask("POST", coll("/interactions"), body));
}

static void tastes(const char *spec)
{
    char body[200];
    make(spec);
    for (int u = 0; u < 12; u++)
        for (int i = 1; i <= 3; i++) {
            /* Nobody but the first of each has dealt with the third. */
            if (i == 3 && u % 6 > 2)
                continue;
            snprintf(body, sizeof(body), "[{\"user\":\"p%d\",\"item\":\"%c%d\"}]", u,
                     u < 6 ? 'a' : 'b', i);
            STATUS(200, ask("POST", coll("/interactions"), body));
        }
}

static void shelves(void)
{
    STATUS(200, ask("PUT", coll("/items"),
                    "{\"items\":[{\"id\":\"a1\",\"code\":[1,0.1],\"metadata\":{\"n\":1}},"
                    "{\"id\":\"a2\",\"code\":[1,0.2],\"metadata\":{\"n\":2}},"
                    "{\"id\":\"a3\",\"code\":[1,0.3],\"metadata\":{\"n\":3}},"
                    "{\"id\":\"b1\",\"code\":[0.1,1],\"metadata\":{\"n\":1}},"
                    "{\"id\":\"b2\",\"code\":[0.2,1],\"metadata\":{\"n\":2}},"
                    "{\"id\":\"b3\",\"code\":[0.3,1],\"metadata\":{\"n\":3}}]}"));
}

/* EASE on what this test's collection stores, as its recommender. */
static const char *train(const char *name)
{
    static char reference[80];
    char body[400];
    snprintf(body, sizeof(body),
             "{\"type\":\"train\",\"spec\":{\"name\":\"%s\",\"method\":\"ease\",\"ridge\":1,"
             "\"data\":{\"collection\":\"%s\",\"format\":\"interactions\",\"validation\":0}}}",
             name, strrchr(coll(""), '/') + 1);
    STATUS(202, ask("POST", "/v1/jobs", body));
    job_ends(text_of("id"), "done");
    snprintf(reference, sizeof(reference), "%s", text_of("result.model"));
    return reference;
}

static void serve(const char *model)
{
    char body[120];
    snprintf(body, sizeof(body), "{\"model\":\"%s\"}", model);
    STATUS(200, ask("PUT", coll("/recommender"), body));
    cr_assert_str_eq(text_of("model"), model);
}

static const char *recommended(const char *user, const char *options)
{
    char path[600];
    snprintf(path, sizeof(path), "/users/%s/recommendations%s", user, options);
    STATUS(200, ask("GET", coll(path), NULL));
    cr_assert_eq(strlen(text_of("recommendation_id")), 32);
    return ids();
}

#define SOURCE(word) cr_assert_str_eq(text_of("source"), word, "%s", reply())

/* ---- tests ---- */

Test(recommend, without_a_model_codes_and_popularity_answer)
{
    tastes("{\"dimension\":2,\"metric\":\"cosine\"}");
    shelves();
    cr_assert_str_eq(recommended("nobody", "?k=2"), "a1 a2");
    SOURCE("popular");
    cr_assert_eq(number_of("results.0.score"), 6);
    cr_assert_eq(count_of("results.0.because"), 0);
    like("ann", "b3", 1);
    cr_assert_str_eq(recommended("ann", "?k=3"), "b2 b1 a3");
    SOURCE("similar");
    cr_assert_str_eq(text_of("results.0.because.0.id"), "b3");
    cr_assert(number_of("results.0.score") > number_of("results.1.score"));
    like("ann", "b1", 1);
    cr_assert_str_eq(recommended("ann", "?k=1&because=0"), "b2");
    cr_assert_not(has("results.0.because"));
    cr_assert_str_eq(recommended("ann", "?k=2&because=1&exclude_seen=false"), "b2 b1");
    /* Nobody has heard of the only item of ben's history. */
    like("ben", "unheard", 1);
    cr_assert_str_eq(recommended("ben", "?k=1"), "b1");
    SOURCE("popular");
}

Test(recommend, a_model_on_stored_histories_answers_with_reasons)
{
    tastes("{}");
    train("tastes-reasons");
    serve("tastes-reasons");
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_str_eq(text_of("recommender"), "tastes-reasons");
    /* The next request knows what was answered. */
    like("ann", "b1", 1);
    cr_assert_str_eq(recommended("ann", "?k=2"), "b2 b3");
    SOURCE("model");
    cr_assert_str_eq(header("X-Model"), "tastes-reasons@1");
    cr_assert_eq(count_of("results.0.because"), 1);
    cr_assert_str_eq(text_of("results.0.because.0.id"), "b1");
    cr_assert_float_eq(number_of("results.0.because.0.contribution"),
                       number_of("results.0.score"), 1e-5);
    like("ann", "a1", 1);
    cr_assert_str_eq(recommended("ann", "?k=9"), "a2 b2 a3 b3");
    cr_assert_str_eq(text_of("results.0.because.0.id"), "a1");
    cr_assert_str_eq(recommended("ann", "?k=9&exclude=a2,b3"), "b2 a3");
    /* The stored item counts twice a time in the model, once in the list. */
    like("ann", "b1", 1);
    cr_assert_str_eq(recommended("ann", "?k=9"), "a2 b2 a3 b3");
    cr_assert_str_eq(recommended("nobody", "?k=1"), "a1");
    SOURCE("popular");
    cr_assert_str_eq(header("X-Model"), "");
    STATUS(204, ask("DELETE", coll("/recommender"), NULL));
    recommended("ann", "?k=1");
    SOURCE("popular");
}

Test(recommend, what_must_not_be_seen_is_gone_at_once)
{
    tastes("{\"dimension\":2}");
    shelves();
    train("tastes-hidden");
    serve("tastes-hidden");
    like("ann", "a1", 1);
    cr_assert_str_eq(recommended("ann", "?k=2"), "a2 a3");
    like("ann", "a2", -1);
    cr_assert_str_eq(recommended("ann", "?k=1"), "a3");
    cr_assert_str_eq(recommended("ann", "?k=1&exclude_seen=false"), "a3");
    STATUS(200, ask("PATCH", coll("/items/a3"), "{\"hidden\":true}"));
    cr_assert_null(strstr(recommended("ann", ""), "a"));
    STATUS(200, ask("PATCH", coll("/items/a3"), "{\"hidden\":false}"));
    cr_assert_str_eq(recommended("ann", "?k=1"), "a3");
    cr_assert_str_eq(recommended("ann", "?filter=%7B%22n%22%3A2%7D"), "b2");
    cr_assert_str_eq(recommended("nobody", "?filter=%7B%22n%22%3A2%7D"), "a2 b2");
    ask("GET", coll("/users/ann/recommendations?filter=%7B%22n%22%3A%7B%22$x%22:1%7D%7D"),
        NULL);
    PROBLEM(422, "bad_filter");
    like("ann", "a2", 1);
    cr_assert_str_eq(recommended("ann", "?k=1&exclude_seen=false&exclude=a1,a3"), "a2");
}

Test(recommend, an_item_nobody_touched_is_recommended_through_its_code)
{
    tastes("{\"dimension\":2}");
    shelves();
    train("tastes-cold");
    serve("tastes-cold");
    like("ann", "a1", 1);
    cr_assert_str_eq(recommended("ann", "?k=2"), "a2 a3");
    put("like-a", "{\"code\":[1,0.1],\"metadata\":{\"n\":9}}");
    put("like-b", "{\"code\":[0.1,1]}");
    cr_assert_str_eq(recommended("ann", "?k=3"), "a2 like-a a3");
    SOURCE("model");
    put("like-a", "{\"code\":[1,0.2]}"); /* moved */
    put("twin-of-b2", "{\"code\":[0.2,1]}");
    recommended("ann", "");
    cr_assert_not_null(strstr(reply(), "twin-of-b2"));
    /* Its reasons are its neighbours'. */
    cr_assert_str_eq(recommended("ann", "?k=1&exclude=a2,a3"), "like-a");
    cr_assert_str_eq(text_of("results.0.because.0.id"), "a1");
    STATUS(204, ask("DELETE", coll("/items/like-a"), NULL));
    cr_assert_null(strstr(recommended("ann", ""), "like-a"));
    STATUS(200, ask("PATCH", coll("/items/like-b"), "{\"hidden\":true}"));
    cr_assert_null(strstr(recommended("ann", ""), "like-b"));
    /* Once seen it is gone like any other, and the next version knows it. */
    like("ann", "twin-of-b2", 1);
    cr_assert_null(strstr(recommended("ann", ""), "twin-of-b2"));
    like("ben", "twin-of-b2", 1);
    recommended("ben", "");
    SOURCE("similar");
    cr_assert_str_eq(train("tastes-cold"), "tastes-cold@2");
    recommended("ben", "");
    SOURCE("model");
    cr_assert_str_eq(header("X-Model"), "tastes-cold@2");
}

Test(recommend, pages_repeat_nothing_and_can_be_asked_for_again)
{
    char first[200], second[200], next[600], id[64];
    tastes("{}");
    train("tastes-pages");
    serve("tastes-pages");
    like("ann", "a1", 1);
    snprintf(first, sizeof(first), "%s", recommended("ann", "?k=2&exclude=b3&because=0"));
    cr_assert_str_eq(first, "a2 a3");
    snprintf(id, sizeof(id), "%s", text_of("recommendation_id"));
    snprintf(next, sizeof(next), "%s", text_of("next"));
    cr_assert_not_null(strstr(next, "exclude=b3&because=0"));
    STATUS(200, ask("GET", next, NULL));
    snprintf(second, sizeof(second), "%s", ids());
    cr_assert_str_eq(second, "b1 b2");
    cr_assert_str_eq(text_of("recommendation_id"), id);
    cr_assert(is_null("next"));
    STATUS(200, ask("GET", next, NULL));
    cr_assert_str_eq(ids(), second);
    /* Between two pages the history has changed. */
    like("ann", "b1", 1);
    STATUS(200, ask("GET", next, NULL));
    cr_assert_str_eq(ids(), "b2");
    ask("GET", coll("/users/ann/recommendations?recommendation_id=0123456789abcdef"), NULL);
    PROBLEM(404, "recommendation_expired");
    char other[700];
    snprintf(other, sizeof(other), "/users/ben/recommendations%s", strchr(next, '?'));
    ask("GET", coll(other), NULL);
    PROBLEM(404, "recommendation_expired");
    ask("GET", coll("/users/ann/recommendations?after=2"), NULL);
    PROBLEM(422, "missing_field");
}

/* The value of one line of /metrics; 0 when it is not there. */
static double metric(const char *line)
{
    double value = 0;
    STATUS(200, ask("GET", "/metrics", NULL));
    const char *at = strstr(reply(), line);
    if (at)
        sscanf(at + strlen(line), " %lf", &value);
    return value;
}

static void feed_back(const char *item, int weight, const char *id)
{
    char body[300];
    snprintf(body, sizeof(body),
             "[{\"user\":\"fay\",\"item\":\"%s\",\"weight\":%d,\"recommendation_id\":\"%s\"}]",
             item, weight, id);
    STATUS(200, ask("POST", coll("/interactions"), body));
}

Test(recommend, feedback_is_counted)
{
    static const char total[] = "latentd_recommendations_total{source=\"popular\"}",
                      hits[] = "latentd_recommendation_hits_total{source=\"popular\"}",
                      hit[] = "latentd_recommendation_feedback_total{kind=\"hit\"}",
                      negative[] = "latentd_recommendation_feedback_total{kind=\"negative\"}",
                      other[] = "latentd_recommendation_feedback_total{kind=\"other\"}",
                      expired[] = "latentd_recommendation_feedback_total{kind=\"expired\"}";
    char id[64];
    tastes("{}");
    const double before = metric(total), hits_before = metric(hits), hit_before = metric(hit);
    const double negative_before = metric(negative), other_before = metric(other);
    const double expired_before = metric(expired);
    recommended("fay", "?k=2");
    snprintf(id, sizeof(id), "%s", text_of("recommendation_id"));
    STATUS(200, ask("GET", text_of("next"), NULL));
    cr_assert_eq(metric(total), before + 1);
    feed_back("a1", 1, id);
    feed_back("a2", 1, id);
    feed_back("b1", -1, id);
    feed_back("unheard", 1, id);
    feed_back("a1", 1, "who knows");
    cr_assert_eq(metric(hits), hits_before + 1);
    cr_assert_eq(metric(hit), hit_before + 2);
    cr_assert_eq(metric(negative), negative_before + 1);
    cr_assert_eq(metric(other), other_before + 1);
    cr_assert_eq(metric(expired), expired_before + 1);
}

Test(recommend, by_a_model_from_a_history_that_is_sent)
{
    tastes("{\"dimension\":2}");
    shelves();
    train("tastes-sent");
    static const char path[] = "/v1/models/tastes-sent/recommend";
    STATUS(200, ask("POST", path, "{\"history\":[\"a1\",{\"item\":\"who\"}],\"k\":2}"));
    cr_assert_str_eq(ids(), "a2 a3");
    cr_assert_str_eq(text_of("results.0.because.0.id"), "a1");
    cr_assert_str_eq(text_of("model"), "tastes-sent@1");
    STATUS(200, ask("POST", path,
                    "{\"history\":[\"a1\"],\"exclude_seen\":false,\"exclude_ids\":[\"a2\"],"
                    "\"because\":0}"));
    cr_assert_eq(count_of("results"), 5);
    STATUS(200, ask("POST", path,
                    "{\"history\":[\"a1\",{\"item\":\"a2\",\"weight\":-1}],\"exclude_seen\":"
                    "false,\"k\":1}"));
    cr_assert_str_eq(ids(), "a3");
    ask("POST", path, "{\"history\":[\"who\",\"whom\"]}");
    PROBLEM(422, "unknown_items");
    ask("POST", path, "{\"history\":[]}");
    PROBLEM(422, "empty_history");
    ask("POST", path, "{\"k\":1}");
    PROBLEM(422, "missing_field");
    ask("POST", path, "{\"history\":[\"a1\"],\"filter\":{\"n\":3}}");
    PROBLEM(422, "missing_field");
    POINTER("/collection");
    serve("tastes-sent");
    STATUS(200, ask("POST", path, "{\"history\":[\"a1\"],\"filter\":{\"n\":3}}"));
    cr_assert_str_eq(ids(), "a3 b3");
    ask("POST", path, "{\"history\":[\"a1\"],\"collection\":\"nobody-is-here\"}");
    PROBLEM(404, "collection_not_found");
    ask("POST", "/v1/models/tiny/recommend", "{\"history\":[\"a1\"]}");
    PROBLEM(422, "capability_missing");
    ask("PUT", coll("/recommender"), "{\"model\":\"tiny\"}");
    PROBLEM(422, "capability_missing");
    ask("PUT", coll("/recommender"), "{\"model\":\"nobody\"}");
    PROBLEM(404, "model_not_found");
}

Test(recommend, like_one_item_by_its_code)
{
    make("{\"dimension\":2}");
    shelves();
    STATUS(200, ask("GET", coll("/items/a2/similar?k=2"), NULL));
    cr_assert_str_eq(ids(), "a1 a3");
    cr_assert_float_eq(number_of("results.0.distance"), 0.1, 1e-6);
    STATUS(200, ask("GET", coll("/items/a2/similar?k=1&include=metadata&exclude=a1"), NULL));
    cr_assert_eq(number_of("results.0.metadata.n"), 3);
    ask("GET", coll("/items/nobody/similar"), NULL);
    PROBLEM(404, "item_not_found");
}

Test(recommend, like_one_item_by_the_model)
{
    tastes("{}");
    ask("GET", coll("/items/a1/similar"), NULL);
    PROBLEM(422, "no_codes");
    train("tastes-like");
    serve("tastes-like");
    STATUS(200, ask("GET", coll("/items/b1/similar?k=2"), NULL));
    cr_assert_str_eq(ids(), "b2 b3");
    cr_assert(number_of("results.0.distance") < number_of("results.1.distance"));
}

Test(recommend, from_examples_where_there_are_no_codes)
{
    tastes("{}");
    train("tastes-examples");
    serve("tastes-examples");
    STATUS(200, ask("POST", coll("/recommend"),
                    "{\"positive\":[\"a1\",\"gone\"],\"negative\":[\"a2\"],\"k\":1,"
                    "\"on_missing\":\"skip\"}"));
    cr_assert_str_eq(ids(), "a3");
    cr_assert_str_eq(text_of("missing.0"), "gone");
    ask("POST", coll("/recommend"), "{\"positive\":[\"a1\",\"gone\"]}");
    PROBLEM(404, "item_not_found");
    POINTER("/positive/1");
}

Test(recommend, a_history_of_ten_thousand)
{
    enum { ITEMS = 10000 };
    struct lat_buf text = {0};
    make("{}");
    for (int i = 0; i < ITEMS; i++)
        lat_buf_printf(&text,
                       "{\"user\":\"much\",\"item\":\"i%d\"}\n{\"user\":\"u%d\",\"item\":"
                       "\"i%d\"}\n{\"user\":\"u%d\",\"item\":\"i%d\"}\n",
                       i, i % 50, i % 400, i % 60, i % 300 + 200);
    STATUS(200, ask_as("POST", coll("/interactions"), "Content-Type: application/x-ndjson\r\n",
                       text.data, text.len));
    lat_buf_release(&text);
    recommended("much", "");
    SOURCE("popular");
    cr_assert_eq(count_of("results"), 0);
    cr_assert(is_null("next"));
    cr_assert_eq(strlen(recommended("much", "?k=3&exclude_seen=false")) > 0, true);
}
