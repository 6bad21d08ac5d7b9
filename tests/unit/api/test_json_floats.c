/* Numbers in bodies, which are taken out by a scan of our own: lists, base64, metadata left
 * alone. */
#include <criterion/criterion.h>

#include "json_fixture.h"

TestSuite(api_json_floats, .init = json_enter, .fini = json_leave);

static void check_floats(const char *text, const float *expected, size_t n)
{
    struct lat_floats floats = {0};
    cr_assert_eq(parse(text), LAT_OK, "%s", err.message);
    lat_object_encoding(&root);
    cr_assert(lat_object_floats(&root, "code", &floats), "%s", err.message);
    lat_object_end(&root);
    cr_assert_eq(lat_json_status(&json), LAT_OK, "%s", err.message);
    cr_assert_eq(floats.n, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(floats.values[i], expected[i]);
}

Test(api_json_floats, floats_in_every_form)
{
    const float expected[] = {1, -2.5F, 3e-7F};
    check_floats("{\"code\":[1,-2.5,3e-7]}", expected, 3);
    check_floats("{\"code\" : [ 1 ,\n-2.5\t, 3e-7 ] }", expected, 3);
    check_floats("{\"co\\u0064e\":[1,-2.5,3e-7]}", expected, 3);
    check_floats("{\"code\":[1,-2.5,3e-7],\"encod\\u0069ng\":\"json\"}", expected, 3);
    check_floats("{\"code\":[5]}", (const float[]){5}, 1);
    check_floats("{\"code\":[0]}", (const float[]){0}, 1);
    check_floats("{\"co\\u0064e\":[5]}", (const float[]){5}, 1);
    check_floats("{\"code\":[]}", NULL, 0);
    check_floats("{\"encoding\":\"base64\",\"code\":\"AACAPwAAIMA=\"}", expected, 2);
    check_floats("{\"code\":\"AACAPwAAIMA\",\"encoding\":\"base64\"}", expected, 2);
}

Test(api_json_floats, long_base64_is_taken_out_as_well)
{
    struct lat_buf text = {0};
    float values[100];
    for (size_t i = 0; i < 100; i++)
        values[i] = (float)i / 3;
    lat_buf_text(&text, "{\"encoding\":\"base64\",\"code\":\"");
    lat_base64_encode(&text, values, sizeof(values));
    lat_buf_text(&text, "\"}");
    check_floats(text.data, values, 100);
    cr_assert_eq(json.n_extracts, 1);
    lat_buf_release(&text);
}

Test(api_json_floats, a_million_numbers_cost_no_values)
{
    const size_t n = 1200000;
    struct lat_buf text = {0};
    struct lat_floats floats;
    lat_buf_text(&text, "{\"code\":[0");
    for (size_t i = 1; i < n; i++)
        lat_buf_text(&text, ",1");
    lat_buf_text(&text, "]}");
    cr_assert_eq(parse(text.data), LAT_OK);
    cr_assert(lat_object_floats(&root, "code", &floats));
    cr_assert_eq(floats.n, n);
    lat_buf_release(&text);
}

static void refuse_floats(const char *text, const char *code, const char *at)
{
    struct lat_floats floats;
    cr_assert_eq(parse(text), LAT_OK);
    lat_object_encoding(&root);
    cr_assert_not(lat_object_floats(&root, "code", &floats), "%s", text);
    cr_assert_str_eq(err.code, code, "%s: %s", text, err.code);
    cr_assert_str_eq(err.pointer, at, "%s: %s", text, err.pointer);
}

Test(api_json_floats, what_is_no_list_of_numbers_is_refused_with_its_place)
{
    refuse_floats("{\"code\":[1,\"2\"]}", "wrong_type", "/code/1");
    refuse_floats("{\"code\":[1,null]}", "wrong_type", "/code/1");
    refuse_floats("{\"code\":[[1,2]]}", "wrong_type", "/code/0");
    refuse_floats("{\"code\":3}", "wrong_type", "/code");
    refuse_floats("{\"code\":{}}", "wrong_type", "/code");
    refuse_floats("{\"code\":\"AACAPwAAIMA=\"}", "wrong_type", "/code");
    refuse_floats("{\"code\":\"AACAPw!\",\"encoding\":\"base64\"}", "bad_base64", "/code");
    refuse_floats("{\"code\":\"AACAPwA=\",\"encoding\":\"base64\"}", "bad_floats", "/code");
    refuse_floats("{\"code\":\"AADAfw==\",\"encoding\":\"base64\"}", "not_finite", "/code");
    refuse_floats(
        "{\"code\":\"AACAPwAAIMAAACDAAAAgwAAAIMAAACDAAAAgwAAAIMAAACDAAAAgwAAAIMAAACDA\"}",
        "wrong_type", "/code");
}

Test(api_json_floats, codes_of_a_list)
{
    struct lat_list list;
    struct lat_floats floats;
    cr_assert_eq(parse("{\"codes\":[[1,2],[3],[]]}"), LAT_OK);
    cr_assert(lat_object_list(&root, "codes", &list));
    cr_assert_eq(list.n, 3);
    cr_assert(lat_list_floats(&list, 0, &floats));
    cr_assert_eq(floats.n, 2);
    cr_assert(lat_list_floats(&list, 1, &floats));
    cr_assert_eq(floats.n, 1);
    cr_assert_eq(floats.values[0], 3);
    cr_assert(lat_list_floats(&list, 2, &floats));
    cr_assert_eq(floats.n, 0);
    /* Numbers where lists are wanted. */
    cr_assert_eq(parse("{\"codes\":[1,2,3]}"), LAT_OK);
    cr_assert(lat_object_list(&root, "codes", &list));
    cr_assert_eq(list.n, 3);
    cr_assert_not(lat_list_floats(&list, 1, &floats));
    ASSERT_AT("/codes/1");
}

Test(api_json_floats, metadata_and_other_lists_keep_their_numbers)
{
    struct lat_list list;
    struct lat_object item;
    cr_assert_eq(parse("{\"items\":[{\"code\":[1,2],\"metadata\":{\"code\":[0],\"vector\":[1,2."
                       "50,1e300],\"big\":9007199254740993}}],"
                       "\"exclude_ids\":[0],\"filter\":{\"code\":{\"$in\":[0]}}}"),
                 LAT_OK);
    cr_assert(lat_object_list(&root, "items", &list));
    lat_list_object(&list, 0, &item);
    cr_assert_str_eq(lat_object_json(&item, "metadata"),
                     "{\"code\":[0],\"vector\":[1,2.5,1e+300],\"big\":9007199254740993}");
    cr_assert(lat_object_list(&root, "exclude_ids", &list));
    cr_assert_not(list.numbers);
    cr_assert(lat_list_is_number(&list, 0));
    cr_assert_str_eq(lat_object_json(&root, "filter"), "{\"code\":{\"$in\":[0]}}");
    cr_assert_eq(lat_json_status(&json), LAT_OK);
}

Test(api_json_floats, metadata_with_an_escape_in_a_key_does_not_disturb_extracts)
{
    struct lat_floats floats;
    cr_assert_eq(parse("{\"metadata\":{\"a\\nb\":[1]},\"code\":[7,8]}"), LAT_OK);
    cr_assert(json.extracted);
    cr_assert(lat_object_floats(&root, "code", &floats));
    cr_assert_eq(floats.values[1], 8);
    cr_assert_str_eq(lat_object_json(&root, "metadata"), "{\"a\\nb\":[1]}");
}

Test(api_json_floats, texts_of_watched_keys_short_and_long)
{
    size_t len;
    const char *text;
    cr_assert_eq(parse("{\"image\":\"short\"}"), LAT_OK);
    text = lat_object_text(&root, "image", &len);
    cr_assert_eq(len, 5);
    const char *body =
        "{\"image\":"
        "\"0123456789012345678901234567890123456789012345678901234567890123456789\"}";
    cr_assert_eq(parse(body), LAT_OK);
    text = lat_object_text(&root, "image", &len);
    cr_assert_eq(len, 70);
    cr_assert_eq(text, body + 10);
    cr_assert_eq(
        parse("{\"image\":"
              "\"0123456789012345678901234567890123456789012345678901234567890123\\n\"}"),
        LAT_OK);
    text = lat_object_text(&root, "image", &len);
    cr_assert_eq(len, 65);
}

Test(api_json_floats, a_text_in_place_of_a_list_is_called_a_text)
{
    struct lat_list list;
    cr_assert_eq(parse("{\"sequence\":\"AACAPwAAIMAAACDAAAAgwAAAIMAAACDAAAAgwAAAIMAAACDA"
                       "AAAgwAAAIMAAACDA\",\"encoding\":\"base64\"}"),
                 LAT_OK);
    lat_object_encoding(&root);
    cr_assert_not(lat_object_list(&root, "sequence", &list));
    ASSERT_CODE("wrong_type");
    cr_assert_str_eq(err.expected, "a list");
    cr_assert_str_eq(err.got, "a string");
}
