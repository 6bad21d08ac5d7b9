#include "tests/integration/command.h"

#include <stdio.h>
#include <string.h>

int command_run(const char *const *arguments)
{
    remove(test_path("log"));
    return server_run(arguments, test_path("log"));
}

const char *output(void)
{
    static char text[8192];
    struct lat_buf buf = {0};
    cr_assert_eq(lat_file_read(test_path("log"), sizeof(text) - 1, &buf, NULL), LAT_OK);
    snprintf(text, sizeof(text), "%.*s", (int)buf.len, buf.data ? buf.data : "");
    lat_buf_release(&buf);
    return text;
}

double member(const char *name)
{
    double value = -1;
    const char *at = strstr(output(), name);
    cr_assert(at && sscanf(at + strlen(name), "\":%lf", &value) == 1, "%s: %s", name, output());
    return value;
}

void put_file(const char *name, const void *bytes, size_t len)
{
    cr_assert_eq(lat_file_write(test_path(name), bytes, len, NULL), LAT_OK);
}

void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

void put_halves(const char *pictures, const char *labels, unsigned n, unsigned from)
{
    enum { SIDE = HALVES_SIDE };
    unsigned char bytes[16 + HALVES_MAX * SIDE * SIDE] = {
        0, 0, 8, 3, 0, 0, 0, (unsigned char)n, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
    struct lat_buf lines = {0};
    cr_assert_leq(n, HALVES_MAX);
    for (unsigned i = 0; i < n; i++) {
        const unsigned kind = (i + from) % 2;
        for (unsigned p = 0; p < SIDE * SIDE; p++)
            bytes[16 + i * SIDE * SIDE + p] =
                (unsigned char)((p % SIDE < SIDE / 2) == (kind == 0)
                                    ? 200 + (7 * (i + from) + 5 * p) % 50
                                    : (3 * (i + from) + p) % 20);
        lat_buf_text(&lines, kind ? "right\n" : "left\n");
    }
    put_file(pictures, bytes, 16 + (size_t)n * SIDE * SIDE);
    if (labels)
        put_file(labels, lines.data, lines.len);
    lat_buf_release(&lines);
}
