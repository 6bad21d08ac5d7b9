/* Items: one and many, in every wrapping, with versions. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

static const char json_type[] = "Content-Type: application/json\r\n";

/* ---- one ---- */

Test(items, put_get_replace_delete)
{
    make("{\"dimension\":2}");
    STATUS(201,
           ask("PUT", coll("/items/a"), "{\"code\":[1,2],\"metadata\":{\"n\":1,\"s\":\"ä\"}}"));
    cr_assert_str_eq(header("Location"), coll("/items/a"));
    char first[64];
    snprintf(first, sizeof(first), "%s", header("ETag"));
    cr_assert_eq(first[0], '"');
    STATUS(200, ask("GET", coll("/items/a?include=metadata,code"), NULL));
    cr_assert_str_eq(text_of("id"), "a");
    cr_assert_eq(number_of("metadata.n"), 1);
    cr_assert_str_eq(text_of("metadata.s"), "ä");
    cr_assert_eq(number_of("code.1"), 2);
    cr_assert_str_eq(header("ETag"), first);
    cr_assert(has("created") && has("updated") && !flag_of("hidden"));
    STATUS(200, ask("PUT", coll("/items/a"), "{\"code\":[3,4]}"));
    cr_assert_str_neq(header("ETag"), first);
    STATUS(200, ask("GET", coll("/items/a?include=code"), NULL));
    cr_assert_not(has("metadata"));
    cr_assert_eq(number_of("code.0"), 3);
    STATUS(200, ask("GET", coll("/items/a?include=code&encoding=base64"), NULL));
    cr_assert_str_eq(text_of("code"), "AABAQAAAgEA=");
    size_t extra;
    cr_assert_eq(ask_head(coll("/items/a"), &extra), 200);
    cr_assert_eq(extra, 0);
    STATUS(204, ask("DELETE", coll("/items/a"), NULL));
    ask("GET", coll("/items/a"), NULL);
    PROBLEM(404, "item_not_found");
    cr_assert_eq(ask_head(coll("/items/a"), &extra), 404);
    ask("DELETE", coll("/items/a"), NULL);
    PROBLEM(404, "item_not_found");
    ask("GET", "/v1/collections/never/items/a", NULL);
    PROBLEM(404, "collection_not_found");
}

Test(items, ids_are_any_utf8)
{
    static const char *const ids[] = {"a%2Fb", "%C3%A4", "a%20b",  "%F0%9F%98%80",
                                      "a+b",   "%2e%2e", "delete", "%22%5C"};
    static const char *const meant[] = {"a/b", "ä", "a b", "😀", "a+b", "..", "delete", "\"\\"};
    make("{\"dimension\":2}");
    for (size_t i = 0; i < LAT_ARRAY_LEN(ids); i++) {
        char below[64];
        put(ids[i], "{\"code\":[1,2]}");
        snprintf(below, sizeof(below), "/items/%s", ids[i]);
        STATUS(200, ask("GET", coll(below), NULL));
        cr_assert_str_eq(text_of("id"), meant[i]);
    }
    char longest[300] = "/items/";
    memset(longest + 7, 'x', 256);
    STATUS(201, ask("PUT", coll(longest), "{\"code\":[1,2]}"));
    strcat(longest, "x");
    ask("PUT", coll(longest), "{\"code\":[1,2]}");
    PROBLEM(422, "invalid_id");
}

Test(items, what_is_wrong_with_one)
{
    make("{\"dimension\":2}");
    ask("PUT", coll("/items/a"), "{\"code\":[1,2,3]}");
    PROBLEM(422, "wrong_dimension");
    POINTER("/code");
    cr_assert_eq(number_of("errors.0.expected"), 2);
    cr_assert_eq(number_of("errors.0.got"), 3);
    cr_assert_not_null(strstr(text_of("detail"), coll("") + strlen("/v1/collections/")));
    ask("PUT", coll("/items/a"), "{}");
    PROBLEM(422, "missing_field");
    ask("PUT", coll("/items/a"), "{\"input\":{\"vector\":[1,2]}}");
    PROBLEM(422, "no_model");
    POINTER("/input");
    ask("PUT", coll("/items/a"), "{\"code\":[1,2],\"input\":{\"vector\":[1,2]}}");
    PROBLEM(422, "two_kinds");
    ask("PUT", coll("/items/a"), "{\"code\":[1,2],\"metadata\":[1]}");
    PROBLEM(422, "wrong_type");
    POINTER("/metadata");
    ask("PUT", coll("/items/a"), "{\"code\":[1,2],\"hidden\":\"yes\"}");
    PROBLEM(422, "wrong_type");
    ask("PUT", coll("/items/a"), "{\"code\":[1,2],\"ident\":\"a\"}");
    PROBLEM(422, "unknown_field");
    ask("PUT", coll("/items/a"), "{\"code\":[1,1e39]}");
    PROBLEM(400, "number_out_of_range");
    ask("PUT", coll("/items/a"), "{\"code\":\"AAA=\"}");
    PROBLEM(422, "wrong_type");
    ask("PUT", coll("/items/a"), "{\"code\":\"AADAf\",\"encoding\":\"base64\"}");
    PROBLEM(422, "bad_base64");
    ask("GET", coll("/items/a"), NULL);
    PROBLEM(404, "item_not_found");
    ask("GET", coll("/items/a?include=everything"), NULL);
    PROBLEM(422, "unknown_value");
}

Test(items, codes_in_every_form)
{
    const float code[2] = {1.5F, -2};
    make("{\"dimension\":2}");
    put("json", "{\"code\":[1.5,-2]}");
    put("base64", "{\"encoding\":\"base64\",\"code\":\"AADAPwAAAMA=\"}");
    STATUS(201, ask_as("PUT", coll("/items/raw?metadata=%7B%22n%22%3A1%7D"),
                       "Content-Type: application/octet-stream\r\n", code, sizeof(code)));
    STATUS(200, ask("GET", coll("/items/raw"), NULL));
    cr_assert_eq(number_of("metadata.n"), 1);
    static const char *const ids[] = {"json", "base64", "raw"};
    for (size_t i = 0; i < 3; i++) {
        char below[64];
        snprintf(below, sizeof(below), "/items/%s?include=code", ids[i]);
        STATUS(200,
               ask_as("GET", coll(below), "Accept: application/octet-stream\r\n", NULL, 0));
        cr_assert_str_eq(header("X-Shape"), "2");
        cr_assert_eq(reply_len(), sizeof(code));
        cr_assert_eq(memcmp(reply(), code, sizeof(code)), 0);
    }
    ask_as("PUT", coll("/items/raw?metadata=nonsense"),
           "Content-Type: application/octet-stream\r\n", code, sizeof(code));
    PROBLEM(400, "bad_json");
    const float bad[2] = {1, NAN};
    ask_as("PUT", coll("/items/raw"), "Content-Type: application/octet-stream\r\n", bad,
           sizeof(bad));
    PROBLEM(422, "not_finite");
}

Test(items, pictures_in_every_wrapping_and_back)
{
    struct lat_buf png = tiny_png(10, 5), body = {0};
    make("{\"model\":\"tiny\"}");
    STATUS(201,
           ask_as("PUT", coll("/items/raw"), "Content-Type: image/png\r\n", png.data, png.len));
    cr_assert_str_eq(header("X-Model"), "tiny@1");
    lat_buf_printf(&body, "{\"input\":{\"image\":\"%s\"},\"metadata\":{\"a\":1}}",
                   tiny_png64(10, 5));
    put("json", body.data);
    lat_buf_clear(&body);
    lat_buf_text(&body, "--x\r\nContent-Disposition: form-data; name=\"file\"; "
                        "filename=\"x.png\"\r\nContent-Type: image/png\r\n\r\n");
    lat_buf_append(&body, png.data, png.len);
    lat_buf_text(&body, "\r\n--x\r\nContent-Disposition: form-data; "
                        "name=\"metadata\"\r\n\r\n{\"a\":2}\r\n--x--\r\n");
    STATUS(201,
           ask_as("PUT", coll("/items/form"),
                  "Content-Type: multipart/form-data; boundary=x\r\n", body.data, body.len));
    static const char *const ids[] = {"raw", "json", "form"};
    for (size_t i = 0; i < 3; i++) {
        char below[64];
        snprintf(below, sizeof(below), "/items/%s/input", ids[i]);
        STATUS(200, ask("GET", coll(below), NULL));
        cr_assert_str_eq(header("Content-Type"), "image/png");
        cr_assert_eq(reply_len(), png.len);
        cr_assert_eq(memcmp(reply(), png.data, png.len), 0);
        snprintf(below, sizeof(below), "/items/%s/reconstruction", ids[i]);
        STATUS(200, ask("GET", coll(below), NULL));
        cr_assert_str_eq(header("Content-Type"), "image/png");
        STATUS(200, ask_as("GET", coll(below), "Accept: application/json\r\n", NULL, 0));
        cr_assert_eq(strncmp(text_of("output.image"), "iVBOR", 5), 0);
        snprintf(below, sizeof(below), "/items/%s?include=code", ids[i]);
        STATUS(200, ask("GET", coll(below), NULL));
        cr_assert_float_eq(number_of("code.2"), 20 / 255.0, 1e-6);
        cr_assert_str_eq(text_of("input_type"), "image/png");
    }
    ask_as("PUT", coll("/items/bad"), "Content-Type: image/png\r\n", "no picture", 10);
    PROBLEM(415, "unsupported_media_type");
    ask_as("PUT", coll("/items/bad"), "Content-Type: image/png\r\n", png.data, png.len - 20);
    PROBLEM(422, "bad_image");
    ask("PUT", coll("/items/bad"), "{\"input\":{\"image\":\"AAAAAAAA\"}}");
    PROBLEM(422, "bad_image");
    ask_as("PUT", coll("/items/bad"), "Content-Type: text/html\r\n", "x", 1);
    PROBLEM(415, "unsupported_media_type");
    lat_buf_release(&body);
    lat_buf_release(&png);
}

Test(items, an_input_that_was_not_kept_is_not_there)
{
    STATUS(201, ask("PUT", coll(""), "{\"model\":\"vec@1\",\"keep_inputs\":false}"));
    put("a", "{\"input\":{\"vector\":[1,2,3,4,5,6]}}");
    ask("GET", coll("/items/a/input"), NULL);
    PROBLEM(404, "input_not_kept");
    STATUS(200, ask("GET", coll("/items/a/reconstruction"), NULL));
    cr_assert_eq(number_of("output.vector.2"), 3);
    cr_assert_eq(number_of("output.vector.5"), 0);
}

Test(items, vectors_come_back_as_they_were)
{
    const float vector[6] = {1, 2, 3, 4, 5, 6.5F};
    make("{\"model\":\"vec@1\"}");
    put("a", "{\"input\":{\"vector\":[1,2,3,4,5,6.5]}}");
    STATUS(200, ask("GET", coll("/items/a/input"), NULL));
    cr_assert_eq(reply_len(), sizeof(vector));
    cr_assert_eq(memcmp(reply(), vector, sizeof(vector)), 0);
    STATUS(201, ask_as("PUT", coll("/items/b"), "Content-Type: application/octet-stream\r\n",
                       vector, sizeof(vector)));
    STATUS(200, ask("GET", coll("/items/b?include=code"), NULL));
    cr_assert_eq(number_of("code.2"), 3);
}

Test(items, reconstruction_needs_a_model)
{
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    ask("GET", coll("/items/a/reconstruction"), NULL);
    PROBLEM(422, "capability_missing");
}

Test(items, patch_merges_metadata_and_hides)
{
    make("{\"dimension\":2}");
    put("a",
        "{\"code\":[1,2],\"metadata\":{\"x\":1,\"deep\":{\"y\":2,\"z\":3},\"gone\":true}}");
    STATUS(200,
           ask("PATCH", coll("/items/a"),
               "{\"metadata\":{\"x\":5,\"deep\":{\"z\":null},\"gone\":null,\"new\":[1]}}"));
    cr_assert_eq(number_of("metadata.x"), 5);
    cr_assert_eq(number_of("metadata.deep.y"), 2);
    cr_assert_not(has("metadata.deep.z") || has("metadata.gone"));
    cr_assert_eq(number_of("metadata.new.0"), 1);
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,2]}"));
    cr_assert_eq(count_of("results"), 1);
    STATUS(200, ask("PATCH", coll("/items/a"), "{\"hidden\":true}"));
    cr_assert(flag_of("hidden"));
    cr_assert_eq(number_of("metadata.x"), 5);
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,2]}"));
    cr_assert_eq(count_of("results"), 0);
    STATUS(200, ask("PATCH", coll("/items/a"), "{\"hidden\":false,\"metadata\":null}"));
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,2]}"));
    cr_assert_eq(count_of("results"), 1);
    ask("PATCH", coll("/items/a"), "{\"code\":[1,2]}");
    PROBLEM(422, "unknown_field");
    ask("PATCH", coll("/items/nobody"), "{\"hidden\":true}");
    PROBLEM(404, "item_not_found");
}

Test(items, a_body_may_repeat_the_id_of_its_path_and_no_other)
{
    make("{\"dimension\":2}");
    STATUS(201, ask("PUT", coll("/items/a%2Fb"), "{\"id\":\"a/b\",\"code\":[1,2]}"));
    ask("PUT", coll("/items/a"), "{\"id\":\"b\",\"code\":[1,2]}");
    PROBLEM(422, "invalid");
    POINTER("/id");
    ask("GET", coll("/items/a"), NULL);
    PROBLEM(404, "item_not_found");
}

Test(items, a_merge_patch_is_json_and_a_packed_body_is_not)
{
    static const char patch[] = "{\"metadata\":{\"x\":1}}";
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    STATUS(200,
           ask_as("PATCH", coll("/items/a"), "Content-Type: application/merge-patch+json\r\n",
                  patch, sizeof(patch) - 1));
    cr_assert_eq(number_of("metadata.x"), 1);
    ask_as("PATCH", coll("/items/a"),
           "Content-Type: application/json\r\nContent-Encoding: gzip\r\n", "\x1f\x8b", 2);
    PROBLEM(415, "unsupported_media_type");
    cr_assert_not_null(strstr(text_of("detail"), "gzip"), "%s", reply());
}

Test(items, a_collection_of_interactions_says_that_it_has_no_codes)
{
    make("{}");
    ask("POST", coll("/search"), "{\"code\":[1,2]}");
    PROBLEM(422, "no_codes");
    POINTER("/code");
    ask("PUT", coll("/items/a"), "{\"code\":[1,2]}");
    PROBLEM(422, "no_codes");
    STATUS(201, ask("PUT", coll("/items/a"), "{\"metadata\":{\"x\":1}}"));
}

Test(items, if_match_guards_writes)
{
    char tag[64], line[200];
    make("{\"dimension\":2}");
    ask_as("PUT", coll("/items/a"), "Content-Type: application/json\r\nIf-Match: *\r\n",
           "{\"code\":[1,2]}", 14);
    PROBLEM(412, "precondition_failed");
    put("a", "{\"code\":[1,2]}");
    snprintf(tag, sizeof(tag), "%s", header("ETag"));
    snprintf(line, sizeof(line), "%sIf-Match: %s\r\n", json_type, tag);
    STATUS(200, ask_as("PUT", coll("/items/a"), line, "{\"code\":[1,3]}", 14));
    ask_as("PUT", coll("/items/a"), line, "{\"code\":[1,4]}", 14);
    PROBLEM(412, "precondition_failed");
    ask_as("PATCH", coll("/items/a"), line, "{\"hidden\":true}", 15);
    PROBLEM(412, "precondition_failed");
    ask_as("DELETE", coll("/items/a"), line, NULL, 0);
    PROBLEM(412, "precondition_failed");
    STATUS(200, ask("GET", coll("/items/a?include=code"), NULL));
    cr_assert_eq(number_of("code.1"), 3);
    snprintf(tag, sizeof(tag), "%s", header("ETag"));
    snprintf(line, sizeof(line), "If-None-Match: %s\r\n", tag);
    STATUS(304, ask_as("GET", coll("/items/a"), line, NULL, 0));
    snprintf(line, sizeof(line), "%sIf-Match: \"nonsense\", W/%s\r\n", json_type, tag);
    ask_as("PATCH", coll("/items/a"), line, "{\"hidden\":true}", 15);
    PROBLEM(412, "precondition_failed");
    snprintf(line, sizeof(line), "%sIf-Match: \"999999\", %s\r\n", json_type, tag);
    STATUS(200, ask_as("PATCH", coll("/items/a"), line, "{\"hidden\":true}", 15));
    STATUS(204, ask_as("DELETE", coll("/items/a"), "If-Match: *\r\n", NULL, 0));
}

Test(items, if_none_match_star_only_creates)
{
    char tag[64], line[200];
    make("{\"dimension\":2}");
    snprintf(line, sizeof(line), "%sIf-None-Match: *\r\n", json_type);
    STATUS(201, ask_as("PUT", coll("/items/a"), line, "{\"code\":[1,2]}", 14));
    snprintf(tag, sizeof(tag), "%s", header("ETag"));
    ask_as("PUT", coll("/items/a"), line, "{\"code\":[1,3]}", 14);
    PROBLEM(412, "precondition_failed");
    cr_assert_not_null(strstr(text_of("detail"), "there already"), "%s", reply());
    snprintf(line, sizeof(line), "%sIf-None-Match: \"nonsense\", %s\r\n", json_type, tag);
    ask_as("PUT", coll("/items/a"), line, "{\"code\":[1,3]}", 14);
    PROBLEM(412, "precondition_failed");
    STATUS(200, ask("GET", coll("/items/a?include=code"), NULL));
    cr_assert_eq(number_of("code.1"), 2);
    snprintf(line, sizeof(line), "%sIf-None-Match: \"999999\"\r\n", json_type);
    STATUS(200, ask_as("PUT", coll("/items/a"), line, "{\"code\":[1,3]}", 14));
}

Test(items, a_report_says_what_the_new_item_is_like)
{
    make("{\"model\":\"vec@1\"}");
    STATUS(201,
           ask("PUT", coll("/items/a?report=true"), "{\"input\":{\"vector\":[1,2,3,0,0,3]}}"));
    cr_assert_eq(number_of("score.error"), 1.5);
    cr_assert(is_null("nearest") && is_null("duplicate_of"));
    STATUS(201,
           ask("PUT", coll("/items/b?report=true"), "{\"input\":{\"vector\":[1,2,3,9,9,9]}}"));
    cr_assert_str_eq(text_of("duplicate_of"), "a");
    cr_assert_str_eq(text_of("nearest.id"), "a");
    STATUS(201,
           ask("PUT", coll("/items/c?report=true"), "{\"input\":{\"vector\":[1,2,5,0,0,0]}}"));
    cr_assert(is_null("duplicate_of"));
    cr_assert_eq(number_of("nearest.distance"), 2);
}

/* ---- the list ---- */

Test(items, listed_by_the_bytes_of_their_ids_in_pages)
{
    static const char *const order[] = {"B", "a", "aa", "b", "z", "ä", "😀"};
    make("{\"dimension\":2}");
    STATUS(
        200,
        ask("PUT", coll("/items"),
            "{\"items\":[{\"id\":\"ä\",\"code\":[1,2]},{\"id\":\"b\",\"code\":[1,2],\"hidden\":"
            "true},{\"id\":\"aa\",\"code\":[1,2]},{\"id\":\"😀\",\"code\":[1,2]},{\"id\":\"a\","
            "\"code\":[1,2]},{\"id\":\"z\",\"code\":[1,2]},{\"id\":\"B\",\"code\":[1,2]}]}"));
    char path[600];
    size_t n = 0;
    snprintf(path, sizeof(path), "%s", coll("/items?limit=3"));
    for (int page = 0; page < 5; page++) {
        STATUS(200, ask("GET", path, NULL));
        for (size_t i = 0; i < count_of("items"); i++, n++) {
            char member[64];
            snprintf(member, sizeof(member), "items.%zu.id", i);
            cr_assert_lt(n, LAT_ARRAY_LEN(order));
            cr_assert_str_eq(text_of(member), order[n]);
            snprintf(member, sizeof(member), "items.%zu.hidden", i);
            cr_assert_eq(flag_of(member), n == 3);
        }
        if (is_null("next_cursor"))
            break;
        snprintf(path, sizeof(path), "%s&cursor=%s", coll("/items?limit=3"),
                 text_of("next_cursor"));
    }
    cr_assert_eq(n, LAT_ARRAY_LEN(order));
    ask("GET", coll("/items?cursor=nonsense"), NULL);
    PROBLEM(422, "bad_cursor");
    ask("GET", coll("/items?limit=1001"), NULL);
    PROBLEM(422, "out_of_range");
    ask("GET", coll("/items?filter=%7B"), NULL);
    PROBLEM(400, "bad_json");
    ask("GET", coll("/items?filter=%7B%22a%22%3A%7B%7D%7D"), NULL);
    PROBLEM(422, "bad_filter");
    STATUS(200, ask("GET", coll("/items?filter=%7B%22a%22%3A1%7D"), NULL));
    cr_assert_eq(count_of("items"), 0);
}
