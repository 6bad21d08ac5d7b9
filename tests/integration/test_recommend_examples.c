/* Recommending from examples, in collections with codes, of pictures, and without codes. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

/* Three groups: east (x), north (y), west (-x). */
static void compass(const char *metric)
{
    char spec[80];
    snprintf(spec, sizeof(spec), "{\"dimension\":2,\"metric\":\"%s\"}", metric);
    make(spec);
    STATUS(200, ask("PUT", coll("/items"),
                    "{\"items\":[{\"id\":\"e0\",\"code\":[4,0],\"metadata\":{\"n\":0}},"
                    "{\"id\":\"e1\",\"code\":[4,0.4],\"metadata\":{\"n\":1}},"
                    "{\"id\":\"e2\",\"code\":[4,0.9],\"metadata\":{\"n\":2}},"
                    "{\"id\":\"n0\",\"code\":[0,4],\"metadata\":{\"n\":0}},"
                    "{\"id\":\"n1\",\"code\":[0.5,4],\"metadata\":{\"n\":1}},"
                    "{\"id\":\"w0\",\"code\":[-4,0],\"metadata\":{\"n\":0}},"
                    "{\"id\":\"w1\",\"code\":[-4,0.5],\"metadata\":{\"n\":1}}]}"));
}

static const char *found(const char *body)
{
    static char joined[1024];
    char member[64];
    STATUS(200, ask("POST", coll("/recommend"), body));
    joined[0] = '\0';
    for (size_t i = 0; i < count_of("results"); i++) {
        snprintf(member, sizeof(member), "results.%zu.id", i);
        strcat(joined, text_of(member));
    }
    return joined;
}

Test(examples, the_mean_of_what_is_liked)
{
    compass("l2");
    cr_assert_str_eq(found("{\"positive\":[\"e0\"],\"k\":2}"), "e1e2");
    cr_assert_str_eq(found("{\"positive\":[\"e0\",[4,1]],\"k\":1}"), "e1");
    cr_assert_str_eq(found("{\"positive\":[{\"code\":[0,4]}],\"k\":2}"), "n0n1");
    cr_assert_eq(number_of("results.0.score"), 1);
    cr_assert_str_eq(
        found("{\"positive\":[\"e1\"],\"negative\":[\"w0\"],\"k\":1,\"exclude_ids\":[\"e0\"]}"),
        "e2");
    cr_assert_str_eq(found("{\"positive\":[\"e0\"],\"k\":9,\"filter\":{\"n\":1}}"), "e1n1w1");
    cr_assert_str_eq(
        found("{\"positive\":[\"e0\"],\"k\":1,\"include\":[\"metadata\",\"code\"]}"), "e1");
    cr_assert_eq(number_of("results.0.metadata.n"), 1);
    cr_assert_eq(count_of("results.0.code"), 2);
    cr_assert_eq(count_of("missing"), 0);
}

Test(examples, several_interests_at_once)
{
    compass("cosine");
    /* Between east and west lies north; near to either of them it does not. */
    cr_assert_str_eq(
        found("{\"positive\":[\"e0\",\"w0\"],\"strategy\":\"best_score\",\"k\":2}"), "e1w1");
    cr_assert_str_eq(found("{\"positive\":[\"e1\",\"w1\"],\"strategy\":\"mean\",\"k\":1}"),
                     "n0");
    cr_assert_str_eq(found("{\"positive\":[\"e0\",\"w0\"],\"negative\":[\"w1\"],\"strategy\":"
                           "\"best-score\",\"k\":2}"),
                     "e1e2");
}

Test(examples, weights_say_how_much)
{
    compass("cosine");
    cr_assert_str_eq(found("{\"positive\":[{\"id\":\"e0\",\"weight\":9},\"n0\"],\"strategy\":"
                           "\"weighted\",\"k\":2}"),
                     "e1e2");
    cr_assert_str_eq(found("{\"positive\":[\"e0\",{\"id\":\"n0\",\"weight\":9}],\"strategy\":"
                           "\"weighted\",\"k\":1}"),
                     "n1");
    cr_assert_str_eq(found("{\"positive\":[\"n0\"],\"negative\":[\"e0\"],\"strategy\":"
                           "\"weighted\",\"k\":1,\"exclude_ids\":[\"n1\"]}"),
                     "w1");
}

Test(examples, various_results)
{
    compass("l2");
    cr_assert_str_eq(found("{\"positive\":[[4,0.1]],\"k\":3}"), "e0e1e2");
    const char *various = found("{\"positive\":[[4,0.1]],\"k\":3,\"diversity\":0.9}");
    cr_assert_not_null(strstr(various, "e0"));
    cr_assert_not_null(strstr(various, "w"));
    ask("POST", coll("/recommend"), "{\"positive\":[[4,0]],\"k\":2000,\"diversity\":0.5}");
    PROBLEM(422, "invalid");
}

Test(examples, what_is_missing)
{
    compass("l2");
    ask("POST", coll("/recommend"), "{\"positive\":[\"e0\",\"gone\"]}");
    PROBLEM(404, "item_not_found");
    POINTER("/positive/1");
    cr_assert_str_eq(
        found("{\"positive\":[\"e0\",\"gone\"],\"negative\":[\"lost\"],\"on_missing\":"
              "\"skip\",\"k\":1}"),
        "e1");
    cr_assert_str_eq(text_of("missing.0"), "gone");
    cr_assert_str_eq(text_of("missing.1"), "lost");
    cr_assert_str_eq(found("{\"positive\":[\"gone\"],\"on_missing\":\"skip\"}"), "");
    cr_assert_eq(count_of("missing"), 1);
}

Test(examples, refusals_have_a_place)
{
    static const struct {
        const char *body, *code, *pointer;
    } cases[] = {
        {"{}", "missing_field", "/positive"},
        {"{\"positive\":[]}", "missing_field", "/positive"},
        {"{\"positive\":[\"e0\",7]}", "wrong_type", "/positive/1"},
        {"{\"positive\":[[1,2,3]]}", "wrong_dimension", "/positive/0"},
        {"{\"positive\":[\"e0\"],\"negative\":[\"\"]}", "invalid_id", "/negative/0"},
        {"{\"positive\":[{\"id\":\"e0\",\"code\":[1,2]}]}", "two_kinds", "/positive/0"},
        {"{\"positive\":[{\"id\":\"e0\",\"wait\":1}]}", "unknown_field", "/positive/0/wait"},
        {"{\"positive\":[{\"id\":\"e0\",\"weight\":0}]}", "out_of_range", "/positive/0/weight"},
        {"{\"positive\":[\"e0\"],\"strategy\":\"worst\"}", "unknown_value", "/strategy"},
        {"{\"positive\":[{\"vector\":[1,2]}]}", "no_model", "/positive/0"},
    };
    compass("l2");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ask("POST", coll("/recommend"), cases[i].body);
        PROBLEM(422, cases[i].code);
        POINTER(cases[i].pointer);
    }
}

Test(examples, without_codes_and_recommender_there_is_nothing_to_go_by)
{
    make("{}");
    ask("POST", coll("/recommend"), "{\"positive\":[\"e0\"]}");
    PROBLEM(422, "no_codes");
}

Test(examples, pictures)
{
    char body[2000];
    make("{\"model\":\"tiny\"}");
    for (unsigned i = 0; i < 4; i++) {
        char id[8];
        snprintf(id, sizeof(id), "p%u", i);
        snprintf(body, sizeof(body), "{\"input\":{\"image\":\"%s\"}}", tiny_png64(60 * i, 1));
        put(id, body);
    }
    cr_assert_str_eq(found("{\"positive\":[\"p1\"],\"k\":3}"), "p0p2p3");
    snprintf(body, sizeof(body), "{\"positive\":[{\"image\":\"%s\"}],\"k\":1}",
             tiny_png64(178, 1));
    cr_assert_str_eq(found(body), "p3");
    snprintf(
        body, sizeof(body),
        "{\"positive\":[{\"input\":{\"image\":\"%s\"},\"weight\":2}],\"negative\":[\"p3\"],"
        "\"k\":1}",
        tiny_png64(130, 1));
    cr_assert_str_eq(found(body), "p1");
    ask("POST", coll("/recommend"), "{\"positive\":[{\"image\":\"AAAA\"}]}");
    PROBLEM(422, "bad_image");
    cr_assert_eq(strncmp(text_of("errors.0.pointer"), "/positive/0", 11), 0);
}
