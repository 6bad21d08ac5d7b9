#include <criterion/criterion.h>
#include <string.h>

#include "service/router.h"
#include "tests/support/support.h"

static const struct lat_route rows[] = {
    {LAT_GET, "/", NULL, 0, 0, ""},
    {LAT_GET, "/v1/models", NULL, 0, 0, ""},
    {LAT_GET, "/v1/models/{m}", NULL, 0, 0, ""},
    {LAT_POST, "/v1/models/{m}/load", NULL, 0, 0, ""},
    {LAT_PUT, "/v1/collections/{c}/items/{id}", NULL, 0, 0, ""},
    {LAT_GET, "/v1/collections/{c}/items/{id}", NULL, 0, 0, ""},
    {LAT_POST, "/v1/collections/{c}/items/delete", NULL, 0, 0, ""},
    {LAT_GET, "/v1/collections/{c}/items/special", NULL, 0, 0, ""},
    {LAT_GET, "/v2", NULL, 0, LAT_ROUTE_SLASH, ""},
};
static struct lat_router *router;
static struct lat_call call;
static struct lat_error err;

static void enter(void)
{
    cr_assert_eq(lat_router_new(rows, LAT_ARRAY_LEN(rows), &router, NULL), LAT_OK);
}

static void leave(void)
{
    lat_arena_release(&call.arena);
    lat_router_free(router);
}

TestSuite(router, .init = enter, .fini = leave);

static enum lat_status match(unsigned method, const char *path)
{
    lat_arena_release(&call.arena);
    call = (struct lat_call){.method = method, .path = path};
    err = (struct lat_error)LAT_ERROR_INIT;
    size_t index = 99;
    const enum lat_status status = lat_router_match(router, &call, &index, &err);
    if (status == LAT_OK)
        cr_assert_eq(call.route, &rows[index]);
    return status;
}

Test(router, a_literal_path_is_found)
{
    cr_assert_eq(match(LAT_GET, "/"), LAT_OK);
    cr_assert_eq(call.route, &rows[0]);
    cr_assert_eq(match(LAT_GET, "/v1/models"), LAT_OK);
    cr_assert_eq(call.route, &rows[1]);
    cr_assert_eq(call.n_params, 0u);
}

Test(router, parameters_are_decoded_in_order)
{
    cr_assert_eq(match(LAT_PUT, "/v1/collections/shoes/items/a%2Fb%20%C3%A9"), LAT_OK);
    cr_assert_eq(call.route, &rows[4]);
    cr_assert_eq(call.n_params, 2u);
    cr_assert_str_eq(call.params[0], "shoes");
    cr_assert_str_eq(call.params[1], "a/b \xC3\xA9");
    cr_assert_eq(call.param_lens[1], 6u);
}

Test(router, a_plus_in_a_path_is_a_plus)
{
    cr_assert_eq(match(LAT_GET, "/v1/models/a+b"), LAT_OK);
    cr_assert_str_eq(call.params[0], "a+b");
}

Test(router, an_encoded_literal_is_the_same_path)
{
    cr_assert_eq(match(LAT_GET, "/v1/%6Dodels"), LAT_OK);
    cr_assert_eq(call.route, &rows[1]);
}

Test(router, head_finds_the_get_row)
{
    cr_assert_eq(match(LAT_HEAD, "/v1/models/m"), LAT_OK);
    cr_assert_eq(call.route, &rows[2]);
    cr_assert_eq(call.method, (unsigned)LAT_HEAD);
}

Test(router, a_literal_segment_goes_before_a_parameter)
{
    cr_assert_eq(match(LAT_GET, "/v1/collections/c/items/special"), LAT_OK);
    cr_assert_eq(call.route, &rows[7]);
    cr_assert_eq(match(LAT_PUT, "/v1/collections/c/items/special"), LAT_OK);
    cr_assert_eq(call.route, &rows[4], "another method falls through to the parameter");
    cr_assert_str_eq(call.params[1], "special");
}

Test(router, a_slash_at_the_end_is_minded_but_where_a_row_says_otherwise)
{
    cr_assert_eq(match(LAT_GET, "/v2"), LAT_OK);
    cr_assert_eq(match(LAT_GET, "/v2/"), LAT_OK);
    cr_assert_eq(match(LAT_GET, "/v2//"), LAT_NOT_FOUND);
    cr_assert_eq(match(LAT_PUT, "/v2/"), LAT_NOT_ALLOWED);
    cr_assert_eq(match(LAT_GET, "/v1/models/"), LAT_NOT_FOUND);
}

Test(router, unknown_paths_are_not_found)
{
    static const char *const paths[] = {
        "/v1",         "/v1/",
        "/v1/models/", "/v1/models/m/unload",
        "//v1/models", "/v1//models/",
        "*",           "",
        "v1/models",   "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q",
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(paths); i++)
        cr_assert_eq(match(LAT_GET, paths[i]), LAT_NOT_FOUND, "%s", paths[i]);
}

Test(router, a_wrong_method_names_the_right_ones)
{
    cr_assert_eq(match(LAT_DELETE, "/v1/collections/c/items/x"), LAT_NOT_ALLOWED);
    cr_assert_eq(call.response.n_headers, 1u);
    cr_assert_str_eq(call.response.headers[0].name, "Allow");
    cr_assert_str_eq(call.response.headers[0].value, "GET, HEAD, PUT");
    cr_assert_eq(match(0, "/v1/models/m/load"), LAT_NOT_ALLOWED, "a method nobody knows");
    cr_assert_str_eq(call.response.headers[0].value, "POST");
}

Test(router, bad_encoding_is_bad_syntax)
{
    static const char *const paths[] = {
        "/v1/models/%",    "/v1/models/%4", "/v1/models/%zz",      "/v1/models/%ff",
        "/v1/models/\xff", "/%C0%80",       "/v1/models/%ED%A0%80"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(paths); i++)
        cr_assert_eq(match(LAT_GET, paths[i]), LAT_BAD_SYNTAX, "%s", paths[i]);
    cr_assert_eq(match(LAT_GET, "/v1/models/a%00b"), LAT_INVALID);
}

Test(router, a_table_that_cannot_work_is_refused)
{
    struct lat_router *other = NULL;
    const struct lat_route twice[] = {{LAT_GET, "/a/{x}", NULL, 0, 0, ""},
                                      {LAT_GET, "/a/{y}", NULL, 0, 0, ""}};
    const struct lat_route many[] = {{LAT_GET, "/{a}/{b}/{c}/{d}/{e}", NULL, 0, 0, ""}};
    const struct lat_route bare[] = {{LAT_GET, "a", NULL, 0, 0, ""}};
    cr_assert_eq(lat_router_new(twice, 2, &other, NULL), LAT_INVALID);
    cr_assert_eq(lat_router_new(many, 1, &other, NULL), LAT_INVALID);
    cr_assert_eq(lat_router_new(bare, 1, &other, NULL), LAT_INVALID);
    cr_assert_null(other);
}

Test(router, percent_decoding_works_in_place)
{
    char text[] = "a%20b+c";
    size_t len = 0;
    cr_assert(lat_percent_decode(text, strlen(text), true, text, &len));
    cr_assert_str_eq(text, "a b c");
    cr_assert_eq(len, 5u);
}

static enum lat_status build_and_match(void *context, struct lat_error *error)
{
    (void)context;
    struct lat_router *made = NULL;
    struct lat_call a_call = {.method = LAT_GET, .path = "/v1/collections/%63/items/%41b"};
    size_t index;
    enum lat_status status = lat_router_new(rows, LAT_ARRAY_LEN(rows), &made, error);
    if (status == LAT_OK)
        status = lat_router_match(made, &a_call, &index, error);
    lat_arena_release(&a_call.arena);
    lat_router_free(made);
    return status;
}

Test(router, survives_every_failed_allocation)
{
    TEST_TORTURE(build_and_match, NULL);
}
