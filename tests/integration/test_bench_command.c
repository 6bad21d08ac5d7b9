/* latentd bench against the real server. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"
#include "tests/integration/command.h"

TestSuite(bench_command, .init = test_folder_enter, .fini = test_folder_leave);

static const char *name(void)
{
    return coll("") + strlen("/v1/collections/");
}

#define BENCH(...)                                                                             \
    RUN("bench", __VA_ARGS__, "--server", api_url(), "--seconds", "0.1", "--connections", "2", \
        "--json")

Test(bench_command, every_kind_of_search_is_asked_and_counted)
{
    make("{\"model\":\"tiny@1\"}");
    for (unsigned i = 0; i < 3; i++) {
        char id[16], body[1024];
        snprintf(id, sizeof(id), "%u%%2F", i);
        snprintf(body, sizeof(body), "{\"input\":{\"image\":\"%s\"},\"metadata\":{\"n\":%u}}",
                 tiny_png64(10 * i, 5), i);
        put(id, body);
    }
    static const char *const kinds[] = {"id", "code", "input"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(kinds); i++) {
        cr_expect_eq(BENCH(name(), "--by", kinds[i], "--filter", "{\"n\":{\"$gt\":0}}"), 0,
                     "%s", output());
        cr_expect_eq(member("queries"), 3);
        cr_expect_gt(member("searches"), 0);
        cr_expect_eq(member("failed"), 0);
        cr_expect_geq(member("p99_ms"), member("p50_ms"));
    }
}

Test(bench_command, what_fails_is_1_and_what_is_called_wrongly_2)
{
    make("{\"dimension\":2}");
    cr_expect_eq(BENCH(name()), 1);
    cr_expect_not_null(strstr(output(), "no item to search by id"), "%s", output());
    put("a", "{\"code\":[1,2]}");
    cr_expect_eq(BENCH(name(), "--by", "input"), 1);
    cr_expect_not_null(strstr(output(), "its picture"), "%s", output());
    cr_expect_eq(BENCH(name(), "--filter", "{\"n\":{\"$near\":0}}"), 1);
    cr_expect_not_null(strstr(output(), "unknown operator '$near'"), "%s", output());
    cr_expect_eq(BENCH("never"), 1);
    cr_expect_eq(BENCH(name(), "--by", "luck"), 2);
    cr_expect_eq(BENCH(name(), "another"), 2);
    cr_expect_eq(BENCH("No Name"), 2);
    cr_expect_eq(RUN("bench", "--help"), 0);
    cr_expect_not_null(strstr(output(), "--connections N"), "%s", output());
}
