#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/floats.h"

static struct lat_arena arena;

static void enter(void)
{
    arena = (struct lat_arena){0};
}

static void leave(void)
{
    lat_arena_release(&arena);
}

TestSuite(api_floats, .init = enter, .fini = leave);

static const char *encoded(const void *bytes, size_t len)
{
    static char text[128];
    struct lat_buf out = {0};
    lat_base64_encode(&out, bytes, len);
    snprintf(text, sizeof(text), "%s", out.data ? out.data : "");
    lat_buf_release(&out);
    return text;
}

/* RFC 4648, section 10. */
static const char *const vectors[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"}};

Test(api_floats, base64_of_the_rfc_both_ways)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(vectors); i++) {
        uint8_t out[32];
        size_t n = 99;
        cr_assert_str_eq(encoded(vectors[i][0], strlen(vectors[i][0])), vectors[i][1]);
        cr_assert(lat_base64_decode(vectors[i][1], strlen(vectors[i][1]), out, &n));
        cr_assert_eq(n, strlen(vectors[i][0]));
        cr_assert_eq(memcmp(out, vectors[i][0], n), 0);
    }
}

Test(api_floats, base64_without_padding_and_of_the_url_alphabet)
{
    uint8_t out[32];
    size_t n;
    cr_assert(lat_base64_decode("Zm9vYg", 6, out, &n));
    cr_assert_eq(n, 4);
    cr_assert(lat_base64_decode("-_-_", 4, out, &n));
    cr_assert_eq(memcmp(out, "\xfb\xff\xbf", 3), 0);
}

Test(api_floats, what_is_not_base64_is_refused)
{
    static const char *const bad[] = {"Z",      "Zg=",  "Z===", "Zg==Zg==", "Zm9v Zg",
                                      "Zm9v\n", "Zh==", "Zm9=", "====",     "Zm\xc3\xb6v"};
    uint8_t out[32];
    size_t n;
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++)
        cr_expect_not(lat_base64_decode(bad[i], strlen(bad[i]), out, &n), "%s", bad[i]);
}

Test(api_floats, long_texts_go_both_ways)
{
    uint8_t bytes[10000], back[10003];
    struct lat_buf text = {0};
    size_t n;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 131 + i / 256);
    lat_base64_encode(&text, bytes, sizeof(bytes));
    cr_assert(lat_base64_decode(text.data, text.len, back, &n));
    cr_assert_eq(n, sizeof(bytes));
    cr_assert_eq(memcmp(bytes, back, n), 0);
    lat_buf_release(&text);
}

Test(api_floats, a_data_uri_gives_its_bytes)
{
    const uint8_t *bytes;
    size_t n;
    struct lat_error err = LAT_ERROR_INIT;
    const char *uri = "data:image/png;base64,Zm9v";
    cr_assert_eq(lat_data_uri_bytes(&arena, uri, strlen(uri), &bytes, &n, &err), LAT_OK);
    cr_assert_eq(memcmp(bytes, "foo", 3), 0);
    uri = "data:text/plain,foo";
    cr_assert_eq(lat_data_uri_bytes(&arena, uri, strlen(uri), &bytes, &n, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "bad_data_uri");
    lat_error_clear(&err);
    cr_assert_eq(lat_data_uri_bytes(&arena, "data:", 5, &bytes, &n, &err), LAT_INVALID);
}

Test(api_floats, raw_floats_are_checked_and_copied_only_when_they_must)
{
    const float values[] = {1.0F, -2.5F, 0.0F};
    struct lat_floats floats;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_floats_from_bytes(&arena, values, sizeof(values), &floats, &err), LAT_OK);
    cr_assert_eq(floats.values, values);
    cr_assert_eq(floats.n, 3);

    _Alignas(float) char shifted[sizeof(values) + 1];
    char *odd = shifted + 1;
    memcpy(odd, values, sizeof(values));
    cr_assert_eq(lat_floats_from_bytes(&arena, odd, 8, &floats, &err), LAT_OK);
    cr_assert_eq((uintptr_t)floats.values % 4, 0);
    cr_assert_eq(floats.values[1], -2.5F);

    cr_assert_eq(lat_floats_from_bytes(&arena, values, 7, &floats, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "bad_floats");
}

Test(api_floats, nan_and_infinity_are_refused_with_their_place)
{
    const float values[] = {1.0F, NAN, INFINITY};
    struct lat_floats floats;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_floats_from_bytes(&arena, values, sizeof(values), &floats, &err),
                 LAT_INVALID);
    cr_assert_str_eq(err.code, "not_finite");
    cr_assert_not_null(strstr(err.message, "value 1"));
}

Test(api_floats, shapes)
{
    size_t dims[LAT_SHAPE_MAX_RANK], rank;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_shape_parse("3,128", dims, &rank, &err), LAT_OK);
    cr_assert_eq(rank, 2);
    cr_assert_eq(dims[0], 3);
    cr_assert_eq(dims[1], 128);
    cr_assert_eq(lat_shape_parse("3, 128", dims, &rank, &err), LAT_OK);
    static const char *const bad[] = {"",   ",",         "3,",  "a",
                                      "-1", "1,2,3,4,5", "3x4", "99999999999999999999"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        lat_error_clear(&err);
        cr_expect_eq(lat_shape_parse(bad[i], dims, &rank, &err), LAT_INVALID, "%s", bad[i]);
    }
}
