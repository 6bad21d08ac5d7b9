#include <criterion/criterion.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "api/multipart.h"
#include "tests/support/support.h"

static struct lat_arena arena;
static struct lat_error err;
static struct lat_multipart parts;

static void enter(void)
{
    arena = (struct lat_arena){0};
    err = (struct lat_error)LAT_ERROR_INIT;
}

static void leave(void)
{
    lat_arena_release(&arena);
}

TestSuite(api_multipart, .init = enter, .fini = leave);

static const char type[] = "multipart/form-data; boundary=xyz";

static enum lat_status parse(const char *body)
{
    lat_error_clear(&err);
    return lat_multipart_parse(&arena, type, body, strlen(body), 10, &parts, &err);
}

#define PART(head, bytes) "--xyz\r\n" head "\r\n\r\n" bytes "\r\n"
#define FILE_HEAD(name)                                                                        \
    "Content-Disposition: form-data; name=\"file\"; filename=\"" name                          \
    "\"\r\nContent-Type: image/png"

Test(api_multipart, parts_with_their_names_and_bytes)
{
    cr_assert_eq(parse(PART(FILE_HEAD("a.png"), "one\r\n--xy\r\n") PART(
                     "content-disposition:form-data;name=metadata", "{}") "--xyz--\r\n"),
                 LAT_OK, "%s", err.message);
    cr_assert_eq(parts.n, 2);
    cr_assert_str_eq(parts.parts[0].name, "file");
    cr_assert_str_eq(parts.parts[0].filename, "a.png");
    cr_assert_str_eq(parts.parts[0].type, "image/png");
    cr_assert_eq(parts.parts[0].len, 11);
    cr_assert_eq(memcmp(parts.parts[0].bytes, "one\r\n--xy\r\n", 11), 0);
    cr_assert_null(parts.parts[1].filename);
    cr_assert_eq(lat_multipart_find(&parts, "metadata"), &parts.parts[1]);
    cr_assert_null(lat_multipart_find(&parts, "nothing"));
}

Test(api_multipart, empty_parts_a_preamble_and_an_epilogue)
{
    cr_assert_eq(parse("hello\r\n" PART(FILE_HEAD("a"), "") "--xyz--\r\nbye"), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(parts.n, 1);
    cr_assert_eq(parts.parts[0].len, 0);
}

Test(api_multipart, file_names_as_browsers_and_curl_write_them)
{
    static const struct {
        const char *sent, *meant;
    } names[] = {{"a%22b.png", "a\"b.png"},
                 {"a\\\"b.png", "a\"b.png"},
                 {"a\\\\b", "a\\b"},
                 {"50%.png", "50%.png"},
                 {"dir/sub/x.png", "dir/sub/x.png"},
                 {"semi;colon", "semi;colon"},
                 {"\xc3\xa4.png", "\xc3\xa4.png"},
                 {"", ""}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++) {
        char body[512];
        snprintf(body, sizeof(body),
                 "--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
                 "filename=\"%s\"\r\n\r\nx\r\n--xyz--",
                 names[i].sent);
        cr_assert_eq(parse(body), LAT_OK, "%s: %s", names[i].sent, err.message);
        cr_expect_str_eq(parts.parts[0].filename, names[i].meant);
    }
}

Test(api_multipart, an_exact_name_counts_before_the_plain_one)
{
    cr_assert_eq(parse("--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
                       "filename=\"x\"; filename*=UTF-8''a%2522%C3%A4%5C\r\n\r\nx\r\n--xyz--"),
                 LAT_OK);
    cr_assert_str_eq(parts.parts[0].filename, "a%22ä\\");
    cr_assert_eq(parse("--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
                       "filename*=UTF-8''a%2\r\n\r\nx\r\n--xyz--"),
                 LAT_BAD_SYNTAX);
    cr_assert_eq(parse("--xyz\r\nContent-Disposition: form-data; name=\"file\"; "
                       "filename*=latin1''a\r\n\r\nx\r\n--xyz--"),
                 LAT_BAD_SYNTAX);
}

Test(api_multipart, a_quoted_boundary)
{
    static const char body[] =
        "--a b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--a b--";
    cr_assert_eq(lat_multipart_parse(&arena,
                                     "multipart/form-data; charset=utf-8; boundary=\"a b\"",
                                     body, sizeof(body) - 1, 10, &parts, &err),
                 LAT_OK);
    cr_assert_eq(parts.n, 1);
}

Test(api_multipart, broken_bodies)
{
    static const char *const bad[] = {
        "",
        "--xyz",
        "--xyz\r\n",
        "nothing here",
        "--xyz\r\nContent-Disposition: form-data; name=x\r\n\r\n1",
        "--xyz\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--xyz",
        "--xyz\r\nContent-Disposition: form-data; name=x\r\n--xyz--",
        "--xyzz\r\n\r\n1\r\n--xyzz--",
        "--xyz\r\n\r\n1\r\n--xyz\r"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        cr_expect_eq(parse(bad[i]), LAT_BAD_SYNTAX, "%s", bad[i]);
        cr_expect_str_eq(err.code, "bad_multipart", "%s", err.code);
    }
}

Test(api_multipart, no_boundary_or_a_long_one)
{
    char long_type[200] = "multipart/form-data; boundary=";
    memset(long_type + strlen(long_type), 'x', 100);
    static const char *const bad[] = {"multipart/form-data", "multipart/form-data; boundary=",
                                      "multipart/form-data; bound=xyz", ""};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        lat_error_clear(&err);
        cr_expect_eq(lat_multipart_parse(&arena, bad[i], "--xyz--", 7, 10, &parts, &err),
                     LAT_BAD_SYNTAX);
    }
    cr_expect_eq(lat_multipart_parse(&arena, long_type, "--xyz--", 7, 10, &parts, NULL),
                 LAT_BAD_SYNTAX);
}

Test(api_multipart, names_must_be_utf8_and_parts_few_enough)
{
    cr_assert_eq(parse(PART(FILE_HEAD("\xff"), "x") "--xyz--"), LAT_BAD_SYNTAX);
    cr_assert_str_eq(err.code, "bad_utf8");
    char *body = malloc(20 * 100);
    body[0] = '\0';
    for (int i = 0; i < 11; i++)
        strcat(body, PART("Content-Disposition: form-data; name=x", "1"));
    strcat(body, "--xyz--");
    cr_assert_eq(parse(body), LAT_TOO_LARGE);
    cr_assert_str_eq(err.code, "batch_too_large");
    free(body);
}

static enum lat_status parse_again(void *context, struct lat_error *failure)
{
    (void)context;
    struct lat_arena own = {0};
    struct lat_multipart out;
    static const char body[] =
        PART(FILE_HEAD("a.png"), "1") PART(FILE_HEAD("b.png"), "2") "--xyz--";
    const enum lat_status status =
        lat_multipart_parse(&own, type, body, sizeof(body) - 1, 10, &out, failure);
    lat_arena_release(&own);
    return status;
}

Test(api_multipart, every_allocation_may_fail)
{
    TEST_TORTURE(parse_again, NULL);
}
