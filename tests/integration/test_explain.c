/* explain: the query and its hits as the model sees them, side by side. */
#include <stdio.h>
#include <string.h>

#include "api/floats.h"
#include "model/image.h"
#include "tests/integration/client.h"

Test(explain, vectors_differ_number_by_number)
{
    make("{\"model\":\"vec@1\"}");
    put("near", "{\"code\":[1,0,0]}");
    put("far", "{\"code\":[3,0,1]}");
    STATUS(200, ask("POST", coll("/search"),
                    "{\"input\":{\"vector\":[1,0,0,0,0,6]},\"explain\":true}"));
    cr_assert_eq(number_of("query.error"), 6, "what explain was before it still is");
    cr_assert_eq(number_of("query.output.vector.0"), 1);
    cr_assert_eq(number_of("query.output.vector.5"), 0);
    cr_assert_str_eq(text_of("results.1.id"), "far");
    cr_assert_eq(number_of("results.0.explain.error"), 0);
    cr_assert_eq(number_of("results.1.explain.output.vector.0"), 3);
    cr_assert_eq(number_of("results.1.explain.difference.vector.0"), 2);
    cr_assert_eq(number_of("results.1.explain.difference.vector.2"), 1);
    cr_assert_float_eq(number_of("results.1.explain.error"), 5 / 6.0, 1e-6);
    cr_assert_not(has("results.1.code"), "not asked for: %s", reply());
    STATUS(200, ask("POST", coll("/search"), "{\"id\":\"far\",\"k\":1,\"explain\":true}"));
    cr_assert_eq(number_of("query.output.vector.2"), 1);
    cr_assert_eq(number_of("results.0.explain.difference.vector.0"), 0);
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[0,5,0],\"explain\":true}"));
    cr_assert_eq(number_of("results.0.explain.difference.vector.1"), -5);
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[0,5,0]}"));
    cr_assert_not(has("results.0.explain"));
    cr_assert_not(has("query.output"));
}

Test(explain, pictures_have_a_map_of_their_difference)
{
    struct lat_buf body = {0};
    struct lat_image map = {0};
    uint8_t bytes[4096];
    size_t len;
    make("{\"model\":\"tiny\"}");
    put("dark", "{\"code\":[0,0,0,0,0,0,0,0]}");
    lat_buf_printf(&body, "{\"input\":{\"image\":\"%s\"},\"explain\":true}", tiny_png64(51, 0));
    STATUS(200, ask("POST", coll("/search"), body.data));
    cr_assert(has("query.output.image"));
    cr_assert(has("results.0.explain.output.image"));
    cr_assert_float_eq(number_of("results.0.explain.difference.max"), 0.2, 1e-6);
    cr_assert_float_eq(number_of("results.0.explain.difference.mean"), 0.1, 1e-6);
    cr_assert_float_eq(number_of("results.0.explain.error"), 0.02, 1e-6);
    const char *png = text_of("results.0.explain.difference.image");
    cr_assert(strlen(png) < sizeof(bytes));
    cr_assert(lat_base64_decode(png, strlen(png), bytes, &len));
    cr_assert_eq(lat_image_decode(bytes, len, NULL, &map, NULL), LAT_OK);
    cr_assert_eq(map.width, 4);
    cr_assert_eq(map.channels, 1);
    cr_assert_eq(map.pixels[7], 51, "the upper half differs");
    cr_assert_eq(map.pixels[8], 0, "the code has nothing of the lower one");
    lat_image_release(&map);
    lat_buf_release(&body);
    struct lat_buf raw = tiny_png(51, 0);
    STATUS(200, ask_as("POST", coll("/search?explain=true"), "Content-Type: image/png\r\n",
                       raw.data, raw.len));
    cr_assert(has("results.0.explain.difference.image"));
    lat_buf_release(&raw);
}

Test(explain, columns_have_their_names_and_the_largest_share_comes_first)
{
    make("{\"model\":\"people\"}");
    put("p", "{\"code\":[1,0,1]}");
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,2,1],\"explain\":true}"));
    cr_assert_str_eq(text_of("results.0.explain.difference.columns.0.feature"), "y", "%s",
                     reply());
    cr_assert_eq(number_of("results.0.explain.difference.columns.0.share"), 1);
    cr_assert(has("results.0.explain.difference.columns.0.query"));
    cr_assert_neq(number_of("results.0.explain.difference.columns.0.difference"), 0);
    cr_assert_eq(number_of("results.0.explain.difference.columns.1.share"), 0);
    cr_assert(has("query.output.row.x"));
    put("p", "{\"code\":[1,0.1,1]}");
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[1,0.3,1],\"explain\":true}"));
    cr_assert_not_null(strstr(reply(), "\"difference\":-0.2,"), "of floats: %s", reply());
}

Test(explain, histories_have_the_items_that_differ_most)
{
    make("{\"model\":\"taste\"}");
    put("h", "{\"code\":[1,0,0]}");
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[0.5,0,-1],\"explain\":true}"));
    cr_assert_str_eq(text_of("results.0.explain.difference.items.0.item"), "c", "%s", reply());
    cr_assert_eq(number_of("results.0.explain.difference.items.0.difference"), 1);
    cr_assert_eq(number_of("results.0.explain.difference.items.1.difference"), 0.5);
}

Test(explain, in_batches_for_those_who_ask)
{
    make("{\"model\":\"vec@1\"}");
    put("a", "{\"code\":[1,0,0]}");
    STATUS(200, ask("POST", coll("/search/batch"),
                    "{\"queries\":[{\"code\":[0,0,0]},{\"code\":[2,0,0],\"explain\":true}]}"));
    cr_assert_not(has("results.0.results.0.explain"));
    cr_assert_eq(number_of("results.1.results.0.explain.difference.vector.0"), -1);
}

Test(explain, nothing_where_the_model_has_no_decoder)
{
    make("{\"model\":\"mute\"}");
    put("a", "{\"code\":[1,0,0]}");
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[0,0,0],\"explain\":true}"));
    cr_assert_not(has("results.0.explain"));
}

Test(explain, the_first_hundred_results_and_no_more)
{
    struct lat_buf body = {0};
    make("{\"model\":\"vec@1\"}");
    lat_buf_text(&body, "{\"items\":[");
    for (int i = 0; i < 120; i++)
        lat_buf_printf(&body, "%s{\"id\":\"i%03d\",\"code\":[%d,0,0]}", i ? "," : "", i, i);
    lat_buf_text(&body, "]}");
    STATUS(200, ask("PUT", coll("/items"), body.data));
    STATUS(200, ask("POST", coll("/search"), "{\"code\":[0,0,0],\"k\":110,\"explain\":true}"));
    cr_assert_eq(count_of("results"), 110);
    cr_assert_eq(number_of("results.99.explain.difference.vector.0"), 99);
    cr_assert_not(has("results.100.explain"));
    lat_buf_release(&body);
}
