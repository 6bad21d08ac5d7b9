/* Ids of imported rows are different; lines come out of packed files too. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "cli/import_lines.h"
#include "cli/import_pictures.h"
#include "cli/import_prefix.h"
#include "model/image.h"
#include "sink.h"
#include "tests/support/support.h"

TestSuite(cli_import, .init = test_folder_enter, .fini = test_folder_leave);

static const char *prefix(const char *asked, char *const *paths, size_t n, size_t i)
{
    static char text[LAT_IMPORT_PREFIX_SIZE];
    lat_import_prefix(asked, paths, n, i, "", text);
    return text;
}

Test(cli_import, several_arrays_have_their_first_words_before_their_rows)
{
    char *paths[] = {"a/train-images-idx3-ubyte.gz", "a/t10k-images-idx3-ubyte.gz"};
    cr_assert_str_eq(prefix("", paths, 1, 0), "");
    cr_assert_str_eq(prefix("mine-", paths, 1, 0), "mine-");
    cr_assert_str_eq(prefix("", paths, 2, 0), "train/");
    cr_assert_str_eq(prefix("", paths, 2, 1), "test/");
}

Test(cli_import, files_that_begin_alike_do_not_overwrite_one_another)
{
    char *names[] = {"a/data-2020.csv", "a/data-2021.csv"};
    char *paths[] = {"a/data.csv", "b/data.csv", "notes.ndjson"};
    char *mixed[] = {"data.csv", "more.ndjson"};
    cr_assert_str_eq(prefix("", names, 2, 0), "data-2020.csv/");
    cr_assert_str_eq(prefix("", names, 2, 1), "data-2021.csv/");
    cr_assert_str_eq(prefix("mine-", names, 2, 1), "mine-data-2021.csv/");
    cr_assert_str_eq(prefix("", paths, 3, 0), "a/data.csv/");
    cr_assert_str_eq(prefix("", paths, 3, 1), "b/data.csv/");
    cr_assert_str_eq(prefix("", paths, 3, 2), "", "its lines have ids of their own");
    cr_assert_str_eq(prefix("mine-", mixed, 2, 0), "mine-");
}

Test(cli_import, lines_are_read_from_packed_files_and_over_the_ends_of_blocks)
{
    static struct sink sink;
    const struct lat_import_sink functions = sink_open(&sink);
    char line[20000];
    struct lat_error err = LAT_ERROR_INIT;
    const char *path = test_path("items.ndjson.gz");
    gzFile file = gzopen(path, "wb");
    for (int i = 0; i < 9; i++) {
        const int len = snprintf(line, sizeof(line), "{\"id\":\"%d\",\"x\":\"%*d\"}", i,
                                 9000 + 1000 * i, i);
        cr_assert_eq(gzwrite(file, line, (unsigned)len), len);
        gzputs(file, i == 3 ? "  \r\n\n" : i == 8 ? "" : "\n");
    }
    gzclose(file);
    const struct lat_import_source source = {.path = path, .format = "", .prefix = ""};
    cr_assert_eq(lat_import_lines_read(&source, &functions, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(sink.n, 9);
    for (size_t i = 0; i < 9; i++) {
        cr_assert_eq(sink.lens[i], 9000 + 1000 * i + 17, "line %zu", i);
        cr_assert_eq(sink.ids[i][0], (char)('0' + i));
    }
    cr_assert_not_null(strstr(sink.origins[4], "line 6"), "empty lines count: %s",
                       sink.origins[4]);
}

Test(cli_import, a_line_without_end_at_the_end_of_a_file_counts)
{
    static struct sink sink;
    const struct lat_import_sink functions = sink_open(&sink);
    const char *path = test_path("items.ndjson");
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("\n{\"id\":\"a\"}", file);
    fclose(file);
    const struct lat_import_source source = {.path = path, .format = "", .prefix = ""};
    cr_assert_eq(lat_import_lines_read(&source, &functions, NULL), LAT_OK);
    cr_assert_eq(sink.n, 1);
    cr_assert_str_eq(sink.ids[0], "a");
}

Test(cli_import, a_link_back_to_a_folder_on_the_way_is_not_followed)
{
    static struct sink sink;
    const struct lat_import_sink functions = sink_open(&sink);
    const unsigned char gray = 7;
    struct lat_buf png = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_make_folder(test_path("p/sub"), NULL), LAT_OK);
    cr_assert_eq(lat_image_encode_png(&gray, 1, 1, 1, &png, NULL), LAT_OK);
    cr_assert_eq(lat_file_write(test_path("p/sub/a.png"), png.data, png.len, NULL), LAT_OK);
    cr_assert_eq(symlink("..", test_path("p/sub/up")), 0);
    cr_assert_eq(symlink("sub", test_path("p/twice")), 0);
    cr_assert_eq(lat_import_folder(test_path("p"), &functions, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(sink.n, 2, "each way to it once");
    cr_assert_str_eq(sink.ids[0], "sub/a.png");
    cr_assert_str_eq(sink.ids[1], "twice/a.png");
    lat_buf_release(&png);
}
