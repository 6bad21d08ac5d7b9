/* Items put and deleted many at a time: answered one by one or all or nothing, in bodies of
 * every kind. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

Test(items, a_batch_answers_item_by_item)
{
    make("{\"dimension\":2}");
    STATUS(200, ask("PUT", coll("/items"),
                    "{\"items\":[{\"id\":\"a\",\"code\":[1,2]},{\"id\":\"b\",\"code\":[3,4],"
                    "\"metadata\":{\"n\":1}}]}"));
    cr_assert_eq(number_of("succeeded"), 2);
    cr_assert_eq(number_of("failed"), 0);
    cr_assert_eq(number_of("results.1.index"), 1);
    cr_assert_str_eq(text_of("results.1.id"), "b");
    cr_assert_eq(number_of("results.1.status"), 201);
    STATUS(207,
           ask("PUT", coll("/items"),
               "{\"items\":[{\"id\":\"a\",\"code\":[5,6]},{\"id\":\"x\",\"code\":[1]},{\"id\":"
               "\"a\",\"code\":[7,8]},{\"code\":[1,2]},{\"id\":\"\",\"code\":[1,2]},7]}"));
    cr_assert_eq(number_of("succeeded"), 1);
    cr_assert_eq(number_of("failed"), 5);
    cr_assert_eq(number_of("results.0.status"), 200);
    cr_assert_str_eq(text_of("results.1.error.code"), "wrong_dimension");
    cr_assert_eq(number_of("results.1.status"), 422);
    cr_assert_str_eq(text_of("results.1.error.errors.0.pointer"), "/items/1/code");
    cr_assert_not_null(strstr(text_of("results.1.error.detail"), "item 1"));
    cr_assert_str_eq(text_of("results.2.error.code"), "duplicate_id");
    cr_assert_str_eq(text_of("results.3.error.code"), "missing_field");
    cr_assert(is_null("results.3.id"));
    cr_assert_str_eq(text_of("results.4.error.code"), "invalid_id");
    cr_assert_str_eq(text_of("results.5.error.code"), "wrong_type");
    STATUS(200, ask("GET", coll("/items/a?include=code"), NULL));
    cr_assert_eq(number_of("code.0"), 5);
    ask("PUT", coll("/items"),
        "{\"items\":[{\"id\":\"y\",\"code\":[1]},{\"id\":\"z\",\"code\":[1,2,3]}]}");
    PROBLEM(422, "wrong_dimension");
    cr_assert_eq(number_of("failed"), 2);
    cr_assert_eq(number_of("succeeded"), 0);
    cr_assert_eq(count_of("results"), 2);
    STATUS(200, ask("PUT", coll("/items"), "{\"items\":[]}"));
    cr_assert_eq(count_of("results"), 0);
}

Test(items, atomic_is_all_or_nothing)
{
    make("{\"dimension\":2}");
    ask("PUT", coll("/items?atomic=true"),
        "{\"items\":[{\"id\":\"a\",\"code\":[1,2]},{\"id\":\"b\",\"code\":[1]},{\"id\":\"c\","
        "\"code\":[1,2]}]}");
    PROBLEM(422, "wrong_dimension");
    cr_assert_eq(number_of("succeeded"), 0);
    cr_assert_eq(number_of("failed"), 3);
    cr_assert_eq(number_of("results.0.status"), 424);
    cr_assert_eq(number_of("results.1.status"), 422);
    POINTER("/items/1/code");
    cr_assert_str_eq(text_of("results.1.error.errors.0.pointer"), "/items/1/code");
    cr_assert_not_null(strstr(text_of("detail"), "item 1: "), "%s", text_of("detail"));
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 0);
    STATUS(200,
           ask("PUT", coll("/items?atomic=true"),
               "{\"items\":[{\"id\":\"a\",\"code\":[1,2]},{\"id\":\"b\",\"code\":[1,3]}]}"));
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 2);
}

Test(items, a_body_that_is_broken_as_a_whole)
{
    make("{\"dimension\":2}");
    ask("PUT", coll("/items"), "{\"items\":[{\"id\":\"a\",\"code\":[1,1e39]}]}");
    PROBLEM(400, "number_out_of_range");
    POINTER("/items/0/code/1");
    ask("PUT", coll("/items"), "{\"item\":[]}");
    PROBLEM(422, "unknown_field");
    ask("PUT", coll("/items"), "{}");
    PROBLEM(422, "missing_field");
    ask("PUT", coll("/items"), "{\"items\":[],\"extra\":1}");
    PROBLEM(422, "unknown_field");
    ask("PUT", coll("/items"), "{\"items\":{}}");
    PROBLEM(422, "wrong_type");
    ask_as("PUT", coll("/items"), "Content-Type: image/png\r\n", "x", 1);
    PROBLEM(415, "unsupported_media_type");
    ask("PUT", coll("/items?wait=maybe"), "{\"items\":[]}");
    PROBLEM(422, "wrong_type");
    struct lat_buf body = {0};
    lat_buf_text(&body, "{\"items\":[{\"id\":\"0\",\"code\":[1,2]}");
    for (int i = 1; i <= 1000; i++)
        lat_buf_printf(&body, ",{\"id\":\"%d\",\"code\":[1,2]}", i);
    lat_buf_text(&body, "]}");
    ask("PUT", coll("/items"), body.data);
    PROBLEM(413, "batch_too_large");
    lat_buf_release(&body);
    ask("PUT", "/v1/collections/never/items", "{\"items\":[]}");
    PROBLEM(404, "collection_not_found");
}

Test(items, a_batch_of_files)
{
    struct lat_buf body = {0};
    make("{\"model\":\"tiny\"}");
    for (unsigned i = 0; i < 3; i++) {
        struct lat_buf png = tiny_png(i * 10, 1);
        lat_buf_printf(&body,
                       "--x\r\nContent-Disposition: form-data; name=\"file\"; "
                       "filename=\"dir/%u.png\"\r\n\r\n",
                       i);
        lat_buf_append(&body, png.data, i == 1 ? 10 : png.len);
        lat_buf_text(&body, "\r\n");
        lat_buf_release(&png);
    }
    lat_buf_text(
        &body,
        "--x\r\nContent-Disposition: form-data; name=\"metadata\"; "
        "filename=\"m.json\"\r\n\r\n{\"dir/2.png\":{\"code\":[5],\"k\":2}}\r\n--x--\r\n");
    STATUS(207,
           ask_as("PUT", coll("/items"), "Content-Type: multipart/form-data; boundary=x\r\n",
                  body.data, body.len));
    cr_assert_eq(number_of("succeeded"), 2);
    cr_assert_str_eq(text_of("results.1.error.code"), "bad_image");
    cr_assert_str_eq(text_of("results.1.id"), "dir/1.png");
    STATUS(200, ask("GET", coll("/items/dir%2F2.png"), NULL));
    cr_assert_eq(number_of("metadata.code.0"), 5);
    STATUS(200, ask("GET", coll("/items/dir%2F0.png"), NULL));
    lat_buf_clear(&body);
    lat_buf_text(&body, "--x\r\nContent-Disposition: form-data; "
                        "name=\"metadata\"\r\n\r\n{\"nobody\":{}}\r\n--x--\r\n");
    ask_as("PUT", coll("/items"), "Content-Type: multipart/form-data; boundary=x\r\n",
           body.data, body.len);
    PROBLEM(422, "unknown_id");
    ask_as("PUT", coll("/items"), "Content-Type: multipart/form-data; boundary=y\r\n",
           body.data, body.len);
    PROBLEM(400, "bad_multipart");
    lat_buf_release(&body);
}

Test(items, codes_as_files)
{
    const float codes[4] = {1, 2, 3, 4};
    struct lat_buf body = {0};
    make("{\"dimension\":2}");
    for (unsigned i = 0; i < 2; i++) {
        lat_buf_printf(
            &body,
            "--x\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%u\"\r\n\r\n",
            i ? "code" : "file", i);
        lat_buf_append(&body, codes + i * 2, 8);
        lat_buf_text(&body, "\r\n");
    }
    lat_buf_text(&body, "--x--\r\n");
    STATUS(200,
           ask_as("PUT", coll("/items"), "Content-Type: multipart/form-data; boundary=x\r\n",
                  body.data, body.len));
    STATUS(200, ask("GET", coll("/items/1?include=code"), NULL));
    cr_assert_eq(number_of("code.1"), 4);
    lat_buf_release(&body);
}

Test(items, a_batch_that_nobody_waits_for)
{
    make("{\"dimension\":2}");
    STATUS(202, ask("PUT", coll("/items?wait=false"),
                    "{\"items\":[{\"id\":\"a\",\"code\":[1,2]}]}"));
    cr_assert(has("id"));
    job_ends(text_of("id"), "done");
    STATUS(200, ask("GET", coll("/items/a"), NULL));
    STATUS(202, ask("PUT", coll("/items?wait=false"),
                    "{\"items\":[{\"id\":\"b\",\"code\":[1,2]},{\"id\":\"c\",\"code\":[1]}]}"));
    job_ends(text_of("id"), "failed");
    cr_assert_str_eq(text_of("error.code"), "wrong_dimension");
    STATUS(200, ask("GET", coll("/items/b"), NULL));
    ask("PUT", coll("/items?wait=false"), "{\"items\":3}");
    PROBLEM(422, "wrong_type");
}

Test(items, deleted_by_ids_and_by_filter)
{
    make("{\"dimension\":2}");
    STATUS(200, ask("PUT", coll("/items"),
                    "{\"items\":[{\"id\":\"a\",\"code\":[1,2],\"metadata\":{\"n\":1}},{\"id\":"
                    "\"b\",\"code\":[1,2],\"metadata\":{\"n\":2}},{\"id\":\"c\",\"code\":[1,2],"
                    "\"metadata\":{\"n\":3}}]}"));
    STATUS(200, ask("POST", coll("/items/delete"),
                    "{\"filter\":{\"n\":{\"$gt\":1}},\"dry_run\":true}"));
    cr_assert_eq(number_of("deleted"), 2);
    STATUS(207,
           ask("POST", coll("/items/delete"), "{\"ids\":[\"a\",\"nobody\"],\"dry_run\":true}"));
    cr_assert_eq(number_of("deleted"), 1);
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 3);
    STATUS(207, ask("POST", coll("/items/delete"), "{\"ids\":[\"a\",\"nobody\",7]}"));
    cr_assert_eq(number_of("results.0.status"), 200);
    cr_assert_eq(number_of("results.1.status"), 404);
    cr_assert_str_eq(text_of("results.1.error.code"), "item_not_found");
    cr_assert_eq(number_of("results.2.status"), 422);
    cr_assert_eq(number_of("deleted"), 1);
    ask("POST", coll("/items/delete?atomic=true"), "{\"ids\":[\"b\",\"nobody\"]}");
    PROBLEM(422, "item_not_found");
    cr_assert_eq(number_of("results.0.status"), 424);
    ask("POST", coll("/items/delete?atomic=true"), "{\"ids\":[\"b\",\"\"]}");
    PROBLEM(422, "invalid_id");
    STATUS(200, ask("GET", coll("/items/b"), NULL));
    STATUS(200, ask("POST", coll("/items/delete"), "{\"filter\":{\"n\":{\"$gt\":1}}}"));
    cr_assert_eq(number_of("deleted"), 2);
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 0);
    ask("POST", coll("/items/delete"), "{\"ids\":[\"a\"]}");
    PROBLEM(422, "item_not_found");
    cr_assert_eq(number_of("failed"), 1);
    ask("POST", coll("/items/delete"), "{}");
    PROBLEM(422, "missing_field");
    ask("POST", coll("/items/delete"), "{\"ids\":[],\"filter\":{}}");
    PROBLEM(422, "two_kinds");
    ask("POST", coll("/items/delete"), "{\"filter\":{\"n\":{\"$gr\":1}}}");
    PROBLEM(422, "bad_filter");
    POINTER("/filter/n/$gr");
}
