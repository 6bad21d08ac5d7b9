/* Lines are the same however the bytes of a body fall into pieces. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "api/lines.h"

static struct lat_lines lines;
static char got[512];

static void note(const struct lat_line *line)
{
    const size_t at = strlen(got);
    if (line->too_long)
        snprintf(got + at, sizeof(got) - at, "too long|");
    else
        snprintf(got + at, sizeof(got) - at, "%.*s|", (int)line->len,
                 lines.text.data + line->offset);
}

/* `body` in pieces of `piece` bytes, packed after each when `pack`. */
static const char *cut(const char *body, size_t piece, size_t max_line, bool pack)
{
    struct lat_line line;
    const size_t len = strlen(body);
    got[0] = '\0';
    lines = (struct lat_lines){.max_line = max_line};
    for (size_t at = 0; at < len; at += piece) {
        lat_buf_append(&lines.text, body + at, len - at < piece ? len - at : piece);
        while (lat_lines_next(&lines, &line))
            note(&line);
        if (pack)
            lat_lines_pack(&lines);
    }
    if (lat_lines_last(&lines, &line))
        note(&line);
    lat_buf_release(&lines.text);
    return got;
}

Test(api_lines, every_way_of_cutting_gives_the_same_lines)
{
    static const char body[] = "{\"a\":1}\n\n  \r\n{}\r\nlast";
    for (size_t piece = 1; piece <= sizeof(body); piece++) {
        cr_assert_str_eq(cut(body, piece, 100, false), "{\"a\":1}|{}\r|last|", "%zu", piece);
        cr_assert_str_eq(cut(body, piece, 100, true), "{\"a\":1}|{}\r|last|", "%zu", piece);
    }
}

Test(api_lines, the_last_line_may_have_an_end_or_none)
{
    cr_assert_str_eq(cut("a\nb", 8, 100, true), "a|b|");
    cr_assert_str_eq(cut("a\nb\n", 8, 100, true), "a|b|");
    cr_assert_str_eq(cut("", 8, 100, true), "");
    cr_assert_str_eq(cut("\n \n\t", 8, 100, true), "");
}

Test(api_lines, one_that_is_too_long_is_told_once_and_costs_no_other)
{
    cr_assert_str_eq(cut("ab\n0123456789\ncd\n", 3, 5, true), "ab|too long|cd|");
    cr_assert_str_eq(cut("0123456789", 3, 5, true), "too long|");
    cr_assert_str_eq(cut("0123456789\n\nx", 4, 5, false), "too long|x|");
}

Test(api_lines, no_more_is_kept_of_it_than_a_line_may_have)
{
    struct lat_line line;
    lines = (struct lat_lines){.max_line = 8};
    for (int i = 0; i < 1000; i++) {
        lat_buf_append(&lines.text, "0123", 4);
        cr_assert_not(lat_lines_next(&lines, &line));
        cr_assert_leq(lines.text.len, 8 + 4);
    }
    lat_buf_release(&lines.text);
}
