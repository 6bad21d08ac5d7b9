/* The quick scan of a line agrees with the reader of all JSON wherever it takes one. */
#include <criterion/criterion.h>
#include <string.h>

#include "api/interaction_read.h"
#include "base/arena.h"

enum { NOW = 1234567 };

static bool scan(const char *line, char *buffer, struct lat_interaction_input *out)
{
    strcpy(buffer, line);
    return lat_interaction_scan(buffer, strlen(line), NOW, out);
}

static enum lat_status slow(struct lat_arena *arena, const char *line,
                            struct lat_interaction_input *out)
{
    struct lat_json json = {0};
    struct lat_object root;
    struct lat_error err = LAT_ERROR_INIT;
    enum lat_status status = lat_json_parse(&json, arena, line, strlen(line), 64, &err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        lat_object_interaction(&root, NOW, out);
        status = lat_json_status(&json);
    }
    lat_json_release(&json);
    return status;
}

Test(api_interaction, plain_lines_are_scanned_as_they_are_read)
{
    static const char *const lines[] = {
        "{\"user\":\"u\",\"item\":\"i\"}",
        "{\"item\":\"i\",\"user\":\"u\",\"weight\":-0.125,\"type\":\"view\"}",
        "{\"user\":\"\xc3\xa4\",\"item\":\"i\",\"weight\":123456789.25}",
        "{\"user\":\"u\",\"item\":\"i\",\"at\":\"2026-01-02T03:04:05.6Z\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"at\":1700000000}",
        "{\"user\":\"u\",\"item\":\"i\",\"at\":1700000000123}",
        "{\"user\":\"u\",\"item\":\"i\",\"at\":-0.5,\"recommendation_id\":\"abc\"}",
        " { \"user\" :\t\"u\" , \"item\" : \"i\" , \"weight\" : 0 } ",
    };
    struct lat_arena arena = {0};
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        char buffer[200];
        struct lat_interaction_input quick, read;
        cr_assert(scan(lines[i], buffer, &quick), "%s", lines[i]);
        cr_assert_eq(slow(&arena, lines[i], &read), LAT_OK, "%s", lines[i]);
        cr_assert_str_eq(quick.what.user, read.what.user);
        cr_assert_str_eq(quick.what.item, read.what.item);
        cr_assert_str_eq(quick.what.type, read.what.type);
        cr_assert_eq(quick.what.weight, read.what.weight, "%s", lines[i]);
        cr_assert_eq(quick.what.at_ms, read.what.at_ms, "%s", lines[i]);
        cr_assert_str_eq(quick.recommendation ? quick.recommendation : "",
                         read.recommendation ? read.recommendation : "");
    }
    lat_arena_release(&arena);
}

Test(api_interaction, what_is_not_plain_is_left_as_it_was)
{
    static const char *const lines[] = {
        "",
        "{}",
        "{\"user\":\"u\"}",
        "{\"user\":\"u\",\"item\":\"i\"",
        "{\"user\":\"u\",\"item\":\"i\"}x",
        "{\"user\":\"u\",\"item\":\"i\",}",
        "{\"user\":\"u\",\"user\":\"v\",\"item\":\"i\"}",
        "{\"user\":\"u\",\"item\":\"\\u0069\"}",
        "{\"user\":\"u\",\"item\":7}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":\"4\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":1e3}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":01}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":1.}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":1.2.3}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":-}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":null}",
        "{\"user\":\"u\",\"item\":\"i\",\"weight\":12345678901234567}",
        "{\"user\":\"u\",\"item\":\"i\",\"at\":\"soon\"}",
        "{\"user\":\"u\",\"item\":\"i\",\"other\":1}",
        "{\"user\":\"u\n\",\"item\":\"i\"}",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        char buffer[200];
        struct lat_interaction_input input;
        cr_expect_not(scan(lines[i], buffer, &input), "%s", lines[i]);
        cr_expect_str_eq(buffer, lines[i]);
    }
}
