/* Collections: create, describe, list, delete, reindex. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

Test(collections, created_once_the_same_again_and_not_with_other_settings)
{
    STATUS(201, ask("PUT", coll(""), "{\"dimension\":4,\"metric\":\"cosine\"}"));
    cr_assert_str_eq(header("Location"), coll(""));
    cr_assert_eq(number_of("dimension"), 4);
    cr_assert_str_eq(text_of("metric"), "cosine");
    cr_assert(is_null("model"));
    cr_assert_eq(number_of("items"), 0);
    cr_assert(flag_of("keep_inputs"));
    STATUS(200, ask("PUT", coll(""), "{\"dimension\":4,\"metric\":\"cosine\"}"));
    ask("PUT", coll(""), "{\"dimension\":5,\"metric\":\"cosine\"}");
    PROBLEM(409, "exists");
    ask("PUT", coll(""), "{\"dimension\":4}");
    PROBLEM(409, "exists");
    STATUS(204, ask("DELETE", coll(""), NULL));
    cr_assert_eq(reply_len(), 0);
    ask("GET", coll(""), NULL);
    PROBLEM(404, "collection_not_found");
    ask("DELETE", coll(""), NULL);
    PROBLEM(404, "collection_not_found");
}

Test(collections, of_a_model)
{
    STATUS(201, ask("PUT", coll(""), "{\"model\":\"vec\"}"));
    cr_assert_str_eq(text_of("model"), "vec@2");
    cr_assert_eq(number_of("dimension"), 3);
    cr_assert_str_eq(text_of("metric"), "l2");
    STATUS(200, ask("PUT", coll(""), "{\"model\":\"vec\"}"));
    STATUS(200, ask("PUT", coll(""), "{\"model\":\"vec@2\",\"metric\":null}"));
    ask("PUT", coll(""), "{\"model\":\"vec@1\"}");
    PROBLEM(409, "exists");
    ask("PUT", "/v1/collections/never", "{\"model\":\"nobody\"}");
    PROBLEM(404, "model_not_found");
    POINTER("/model");
    ask("PUT", "/v1/collections/never", "{\"model\":\"broken\"}");
    PROBLEM(503, "model_unavailable");
    ask("PUT", "/v1/collections/never", "{\"model\":\"vec\",\"dimension\":3}");
    PROBLEM(422, "two_kinds");
    ask("GET", "/v1/collections/never", NULL);
    PROBLEM(404, "collection_not_found");
}

Test(collections, without_model_and_dimension)
{
    STATUS(201, ask("PUT", coll(""), "{}"));
    cr_assert_eq(number_of("dimension"), 0);
    STATUS(201, ask("PUT", coll("/items/a"), "{\"metadata\":{\"x\":1}}"));
}

Test(collections, every_kind_of_index)
{
    static const char *const specs[] = {
        "{\"type\":\"flat\"}", "{\"type\":\"hnsw\",\"m\":16,\"ef_construction\":100,\"ef\":50}",
        "{\"type\":\"ivf\",\"nlist\":4,\"nprobe\":2}", "{\"type\":\"auto\"}"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(specs); i++) {
        char body[200];
        snprintf(body, sizeof(body), "{\"dimension\":4,\"index\":%s}", specs[i]);
        STATUS(201, ask("PUT", coll(""), body));
        cr_assert(has("index.type") && has("index.kind") && has("index.state") &&
                  has("bytes") && has("lag"));
        STATUS(200, ask("PUT", coll(""), body));
        STATUS(204, ask("DELETE", coll(""), NULL));
    }
}

Test(collections, names_and_fields_are_checked)
{
    ask("PUT", "/v1/collections/Shoes", "{\"dimension\":4}");
    PROBLEM(422, "invalid_name");
    ask("PUT", "/v1/collections/.a", "{\"dimension\":4}");
    PROBLEM(422, "invalid_name");
    ask("PUT",
        "/v1/collections/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "{}");
    PROBLEM(422, "invalid_name");
    ask("PUT", coll(""), "{\"dimensions\":4}");
    PROBLEM(422, "unknown_field");
    POINTER("/dimensions");
    cr_assert_str_eq(text_of("errors.0.expected"), "dimension");
    ask("PUT", coll(""), "{\"dimension\":0}");
    PROBLEM(422, "out_of_range");
    ask("PUT", coll(""), "{\"dimension\":4.5}");
    PROBLEM(422, "wrong_type");
    ask("PUT", coll(""), "{\"dimension\":\"4\"}");
    PROBLEM(422, "wrong_type");
    ask("PUT", coll(""), "{\"dimension\":4,\"metric\":\"cosin\"}");
    PROBLEM(422, "unknown_value");
    cr_assert_not_null(strstr(text_of("detail"), "'cosine'"));
    ask("PUT", coll(""), "{\"dimension\":4,\"index\":{\"type\":\"tree\"}}");
    PROBLEM(422, "unknown_value");
    POINTER("/index/type");
    ask("PUT", coll(""), "{\"dimension\":4,\"index\":{\"m\":0}}");
    PROBLEM(422, "out_of_range");
    ask("PUT", coll(""), "{\"dimension\":4,\"keep_inputs\":1}");
    PROBLEM(422, "wrong_type");
    ask("PUT", coll(""), "[]");
    PROBLEM(422, "wrong_type");
    ask("PUT", coll(""), "{");
    PROBLEM(400, "bad_json");
    ask_as("PUT", coll(""), "Content-Type: text/plain\r\n", "{}", 2);
    PROBLEM(415, "unsupported_media_type");
    ask("GET", coll(""), NULL);
    PROBLEM(404, "collection_not_found");
}

Test(collections, the_list_in_pages)
{
    char name[64], path[400];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "-page%d", i);
        STATUS(201, ask("PUT", coll(name), "{\"dimension\":4}"));
    }
    size_t found = 0;
    snprintf(path, sizeof(path), "/v1/collections?limit=2");
    for (int page = 0; page < 500; page++) {
        STATUS(200, ask("GET", path, NULL));
        for (size_t i = 0; i < count_of("collections"); i++) {
            snprintf(name, sizeof(name), "collections.%zu.name", i);
            found += !strncmp(text_of(name), coll("-page") + strlen("/v1/collections/"),
                              strlen(coll("-page")) - strlen("/v1/collections/"));
        }
        if (is_null("next_cursor"))
            break;
        snprintf(path, sizeof(path), "/v1/collections?limit=2&cursor=%s",
                 text_of("next_cursor"));
    }
    cr_assert_eq(found, 5);
}

Test(collections, reindex_is_a_job)
{
    make("{\"dimension\":4}");
    put("a", "{\"code\":[1,2,3,4]}");
    STATUS(202, ask("POST", coll("/reindex"), NULL));
    cr_assert_str_eq(text_of("type"), "reindex");
    job_ends(text_of("id"), "done");
    cr_assert_eq(number_of("progress"), 1);
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,2,3,4]}"));
    cr_assert_eq(count_of("results"), 1);
    STATUS(202, ask("POST", coll("/reindex"), "{\"index\":{\"type\":\"flat\"}}"));
    ask("POST", coll("/reindex"), "{\"index\":{\"type\":\"x\"}}");
    PROBLEM(422, "unknown_value");
    ask("POST", "/v1/collections/never/reindex", NULL);
    PROBLEM(404, "collection_not_found");
    ask("GET", "/v1/jobs/nothing", NULL);
    PROBLEM(404, "job_not_found");
}
