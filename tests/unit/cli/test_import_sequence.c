/* Series in CSV files as sequences: windows, groups, what is missing, what is bad. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/import_collection.h"
#include "cli/import_sequence.h"
#include "sink.h"
#include "tests/support/support.h"

TestSuite(cli_sequence, .init = test_folder_enter, .fini = test_folder_leave);

static struct sink sink;

/* A model of 3 steps of the features `a` and `b`, whose means are 10 and 20. */
static enum lat_status read_file(const char *path, const char *group, size_t stride, bool named,
                                 struct lat_error *err)
{
    static const char *names[] = {"a", "b"};
    static float means[] = {10, 20};
    const char *exclude[] = {"t"};
    const struct lat_import_model model = {.known = true,
                                           .kind = LAT_INPUT_SEQUENCE,
                                           .n = 2,
                                           .length = 3,
                                           .means = means,
                                           .names = named ? names : NULL};
    const struct lat_import_sink functions = sink_open(&sink);
    const struct lat_import_source source = {.path = path,
                                             .format = "",
                                             .prefix = "p/",
                                             .model = &model,
                                             .exclude = exclude,
                                             .n_exclude = 1,
                                             .group = group,
                                             .stride = stride};
    return lat_import_sequence_read(&source, &functions, err);
}

static enum lat_status read_as(const char *text, const char *group, size_t stride, bool named,
                               struct lat_error *err)
{
    const char *path = test_path("series.csv");
    cr_assert_eq(lat_file_write(path, text, strlen(text), NULL), LAT_OK);
    return read_file(path, group, stride, named, err);
}

static void read_windows(const char *text, size_t stride)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(read_as(text, "", stride, true, &err), LAT_OK, "%s", err.message);
}

static void read_groups(const char *text)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(read_as(text, "run", 0, true, &err), LAT_OK, "%s", err.message);
}

static const char seven[] =
    "b,t,a\n0,x,100\n1,x,101\n2,x,102\n3,x,103\n4,x,104\n5,x,105\n6,x,106\n";

Test(cli_sequence, windows_lie_one_behind_the_other_and_are_named_by_their_first_row)
{
    static const float second[] = {103, 3, 104, 4, 105, 5};
    read_windows(seven, 0);
    cr_assert_eq(sink.n, 2, "a row is left over");
    cr_assert_eq(sink.expected, 2);
    cr_assert_str_eq(sink.ids[0], "p/000000");
    cr_assert_str_eq(sink.ids[1], "p/000003");
    cr_assert_eq(sink.lens[1], sizeof(second));
    cr_assert_eq(memcmp(sink.values[1], second, sizeof(second)), 0, "columns by their names");
    cr_assert_not_null(strstr(sink.origins[1], "row 3"), "%s", sink.origins[1]);
}

Test(cli_sequence, windows_may_overlap_or_leave_rows_out)
{
    read_windows(seven, 1);
    cr_assert_eq(sink.n, 5);
    cr_assert_eq(sink.expected, 5);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_float_eq(sink.values[i][1], (double)i, 0);
        cr_assert_float_eq(sink.values[i][5], (double)i + 2, 0);
    }
    cr_assert_str_eq(sink.ids[4], "p/000004");
    read_windows(seven, 4);
    cr_assert_eq(sink.n, 2);
    cr_assert_eq(sink.expected, 2);
    cr_assert_str_eq(sink.ids[1], "p/000004");
    cr_assert_float_eq(sink.values[1][1], 4, 0);
}

Test(cli_sequence, no_window_reaches_over_a_row_that_cannot_be_read)
{
    read_windows("a,b\n1,1\n2,2\nthree,3\n4,4\n5,5\n6,6\n7\n8,8\n", 0);
    cr_assert_eq(sink.n, 1);
    cr_assert_str_eq(sink.ids[0], "p/000003");
    cr_assert_eq(sink.n_bad, 2);
    cr_assert_not_null(strstr(sink.bad[0], "line 4: column 'a': 'three' is no number"), "%s",
                       sink.bad[0]);
    cr_assert_not_null(strstr(sink.bad[1], "line 8: expected 2 cells, found 1"), "%s",
                       sink.bad[1]);
}

Test(cli_sequence, a_missing_cell_is_the_one_before_or_the_mean)
{
    static const float expected[] = {10, 1, 5, 1, 5, 3};
    read_windows("a,b\n,1\n5,?\nNA,3\n", 0);
    cr_assert_eq(sink.n, 1);
    cr_assert_eq(memcmp(sink.values[0], expected, sizeof(expected)), 0);
}

Test(cli_sequence, rows_that_share_a_cell_are_a_sequence_named_by_it)
{
    read_groups("run,a,b\nx,1,1\nx,2,2\nx,3,3\ny,4,4\ny,5,5\nz,,6\nz,7,7\nz,8,8\nthere "
                "already,1,1\nthere already,1,1\nthere already,1,1\n");
    cr_assert_eq(sink.n, 2, "what is there already is not sent");
    cr_assert_str_eq(sink.ids[0], "p/x");
    cr_assert_str_eq(sink.ids[1], "p/z");
    cr_assert_eq(sink.values[1][0], 10, "the mean, not what the group before held");
    cr_assert_eq(sink.n_bad, 1);
    cr_assert_not_null(strstr(sink.bad[0], "line 5: group 'y' has 2 rows, the model takes 3"),
                       "%s", sink.bad[0]);
    cr_assert_eq(sink.expected, 4);
}

Test(cli_sequence, a_group_that_comes_again_replaces_nothing)
{
    read_groups("run,a,b\nx,1,1\nx,2,2\nx,3,3\ny,4,4\ny,5,no\ny,6,6\nx,7,7\nx,8,8\nx,9,9\n");
    cr_assert_eq(sink.n, 1);
    cr_assert_eq(sink.values[0][0], 1);
    cr_assert_eq(sink.n_bad, 2);
    cr_assert_not_null(strstr(sink.bad[0], "line 6: column 'b': 'no'"), "%s", sink.bad[0]);
    cr_assert_not_null(strstr(sink.bad[1], "line 8: the rows of group 'x'"), "%s", sink.bad[1]);
}

Test(cli_sequence, features_without_names_are_the_columns_that_are_left)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(read_as(seven, "", 0, false, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(sink.n, 2);
    cr_assert_eq(sink.values[0][1], 100, "the file's own order");
    cr_assert_eq(read_as("a,b,c\n1,2,3\n1,2,3\n1,2,3\n", "", 0, false, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "takes 2 features, 3 columns are left"), "%s",
                       err.message);
}

Test(cli_sequence, what_the_file_lacks_is_said)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(read_as("a,c\n1,1\n1,1\n1,1\n", "", 0, true, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "series.csv: there is no column 'b'"), "%s",
                       err.message);
    lat_error_clear(&err);
    cr_assert_eq(read_as("a,b\n1,1\n1,1\n1,1\n", "run", 0, true, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "'run'"), "%s", err.message);
    lat_error_clear(&err);
    cr_assert_eq(read_as("a,b\n1,1\n1,1\n", "", 0, true, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "2 rows, a sequence of the model has 3"), "%s",
                       err.message);
}

static enum lat_status torture(void *context, struct lat_error *err)
{
    return read_file(context, "run", 0, true, err);
}

Test(cli_sequence, running_out_of_memory_anywhere_leaks_nothing)
{
    static const char text[] = "run,a,b\nx,1,1\nx,2,2\nx,3,3\n";
    char path[512];
    snprintf(path, sizeof(path), "%s", test_path("series.csv"));
    cr_assert_eq(lat_file_write(path, text, strlen(text), NULL), LAT_OK);
    TEST_TORTURE(torture, path);
}
