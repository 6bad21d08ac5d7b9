/* Windows over rows: which there are, what is in them, what ends a run. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "model/train/dataset/dataset.h"
#include "tests/support/support.h"

TestSuite(train_sequences, .init = test_folder_enter, .fini = test_folder_leave);

enum { MAX_ROW = 64 };

static void put(const char *name, const char *text)
{
    cr_assert_eq(lat_file_write(test_path(name), text, strlen(text), NULL), LAT_OK);
}

/* Opens `path` below the test's folder with further keys of the data object. */
static enum lat_status open_with(const char *path, const char *keys,
                                 const struct lat_input_spec *as, struct lat_dataset *out,
                                 struct lat_error *err)
{
    char text[1024];
    struct lat_data_spec data = {0};
    snprintf(text, sizeof(text), "{\"format\":\"sequences\",\"path\":\"%s\"%s%s}",
             test_path(path), *keys ? "," : "", keys);
    enum lat_status status = lat_data_spec_parse(text, &data, err);
    if (status == LAT_OK)
        status = lat_dataset_open_as(&data, as, out, err);
    lat_data_spec_release(&data);
    return status;
}

static struct lat_dataset opened(const char *path, const char *keys)
{
    struct lat_dataset dataset = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(open_with(path, keys, NULL, &dataset, &err), LAT_OK, "%s", err.message);
    return dataset;
}

/* Step `t`, feature `f` of a window in the data's own units. */
static double value(const struct lat_dataset *dataset, uint32_t window, size_t t, size_t f)
{
    float row[MAX_ROW];
    cr_assert_leq(dataset->elements, MAX_ROW);
    cr_assert_eq(lat_dataset_read(dataset, &window, 1, row, NULL), LAT_OK);
    const struct lat_input_spec *input = &dataset->input;
    return (double)row[t * input->features + f] * (double)input->feature_std[f] +
           (double)input->feature_mean[f];
}

/* Ten rows "i;100+i;x" after a line of names. */
static const char *ten(void)
{
    static char text[512];
    size_t at = (size_t)snprintf(text, sizeof(text), "a;b;word\n");
    for (int i = 0; i < 10; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%d;%d;x\n", i, 100 + i);
    return text;
}

Test(train_sequences, windows_overlap_by_their_stride)
{
    put("t.csv", ten());
    struct lat_dataset dataset = opened("t.csv", "\"exclude\":[\"word\"],\"length\":4");
    cr_assert_eq(dataset.n, 7);
    cr_assert_eq(dataset.input.kind, LAT_INPUT_SEQUENCE);
    cr_assert_eq(dataset.input.length, 4);
    cr_assert_eq(dataset.input.features, 2);
    cr_assert_str_eq(dataset.input.feature_names[1], "b");
    cr_assert_float_eq(value(&dataset, 0, 0, 0), 0, 1e-5);
    cr_assert_float_eq(value(&dataset, 6, 3, 1), 109, 1e-4);
    lat_dataset_close(&dataset);
    dataset = opened("t.csv", "\"columns\":[\"b\"],\"length\":4,\"stride\":3");
    cr_assert_eq(dataset.n, 3);
    cr_assert_float_eq(value(&dataset, 2, 0, 0), 106, 1e-4);
    lat_dataset_close(&dataset);
}

Test(train_sequences, features_are_standardised_over_all_rows)
{
    put("t.csv", ten());
    struct lat_dataset dataset = opened("t.csv", "\"columns\":[\"a\"],\"length\":10");
    float row[MAX_ROW];
    uint32_t first = 0;
    double sum = 0, squares = 0;
    cr_assert_eq(lat_dataset_read(&dataset, &first, 1, row, NULL), LAT_OK);
    for (size_t i = 0; i < 10; i++) {
        sum += (double)row[i];
        squares += (double)row[i] * (double)row[i];
    }
    cr_assert_float_eq(sum, 0, 1e-5);
    cr_assert_float_eq(squares / 10, 1, 1e-5);
    lat_dataset_close(&dataset);
}

Test(train_sequences, no_window_reaches_from_one_file_into_the_next)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_make_folder(test_path("runs"), &err), LAT_OK);
    put("runs/1.csv", "a\n1\n2\n3\n");
    put("runs/2.csv", "a\n4\n5\n6\n7\n");
    put("runs/3.csv", "a\n8\n");
    put("runs/notes.txt", "no table");
    struct lat_dataset dataset = opened("runs", "\"length\":3");
    cr_assert_eq(dataset.n, 3);
    cr_assert_float_eq(value(&dataset, 0, 0, 0), 1, 1e-5);
    cr_assert_float_eq(value(&dataset, 1, 0, 0), 4, 1e-5);
    cr_assert_float_eq(value(&dataset, 2, 2, 0), 7, 1e-5);
    lat_dataset_close(&dataset);
}

Test(train_sequences, one_bad_row_is_named_and_counted_and_no_window_goes_over_it)
{
    put("t.csv", "a,b\n1,1\n2,2\n3,oops\n4,4\n5,5\n6\n7,7\n8,8\n9,9\n");
    struct lat_dataset dataset = opened("t.csv", "\"length\":2");
    cr_assert_eq(dataset.n, 4); /* 1-2, 4-5, 7-8, 8-9 */
    cr_assert_eq(dataset.n_skipped, 2);
    cr_assert_not_null(strstr(dataset.first_skipped, "line 4"), "%s", dataset.first_skipped);
    cr_assert_not_null(strstr(dataset.first_skipped, "'oops'"), "%s", dataset.first_skipped);
    cr_assert_float_eq(value(&dataset, 1, 0, 0), 4, 1e-5);
    cr_assert_float_eq(value(&dataset, 2, 0, 0), 7, 1e-5);
    lat_dataset_close(&dataset);
}

Test(train_sequences, a_missing_cell_holds_what_the_row_before_holds)
{
    put("t.csv", "a,b\n1,\n2,20\nNA,40\n4,60\n");
    struct lat_dataset dataset = opened("t.csv", "\"length\":4");
    cr_assert_eq(dataset.n, 1);
    cr_assert_eq(dataset.n_skipped, 0);
    cr_assert_float_eq(value(&dataset, 0, 2, 0), 2, 1e-5);
    cr_assert_float_eq(value(&dataset, 0, 0, 1), 40, 1e-4, "the mean of what is there");
    lat_dataset_close(&dataset);
}

Test(train_sequences, data_for_a_model_have_its_columns_and_its_units)
{
    static struct lat_input_spec as = {.kind = LAT_INPUT_SEQUENCE,
                                       .length = 2,
                                       .features = 2,
                                       .feature_names = {"b", "a"},
                                       .feature_mean = {100, 5},
                                       .feature_std = {2, 1}};
    struct lat_dataset dataset = {0};
    struct lat_error err = LAT_ERROR_INIT;
    float row[4];
    uint32_t first = 0;
    put("t.csv", ten());
    cr_assert_eq(open_with("t.csv", "", &as, &dataset, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(dataset.n, 9);
    cr_assert_eq(lat_dataset_read(&dataset, &first, 1, row, NULL), LAT_OK);
    cr_assert_float_eq(row[0], 0, 1e-6);
    cr_assert_float_eq(row[1], -5, 1e-6);
    cr_assert_float_eq(row[2], 0.5F, 1e-6);
    lat_dataset_close(&dataset);
}

Test(train_sequences, rows_beyond_the_memory_given_are_read_from_a_file)
{
    struct lat_buf text = {0};
    struct lat_error err = LAT_ERROR_INIT;
    lat_buf_text(&text, "a,b,c,d\n");
    for (unsigned i = 0; i < 100000; i++) /* 1.6 MB of floats, 1 MiB allowed */
        lat_buf_printf(&text, "%u,%u,%u,%u\n", i, i % 7, i % 11, i % 13);
    cr_assert_eq(lat_file_write(test_path("t.csv"), text.data, text.len, &err), LAT_OK);
    lat_buf_release(&text);
    struct lat_dataset dataset = opened("t.csv", "\"length\":8,\"memory\":1");
    cr_assert_eq(dataset.n, 99993);
    cr_assert_float_eq(value(&dataset, 99992, 7, 0), 99999, 0.1);
    cr_assert_float_eq(value(&dataset, 50000, 3, 1), 50003 % 7, 1e-4);
    lat_dataset_close(&dataset);
}

Test(train_sequences, what_cannot_be_read_is_refused_with_the_reason)
{
    static const struct {
        const char *keys, *words;
    } rows[] = {
        {"", "/data/length"},
        {"\"length\":11,\"columns\":[\"a\"]", "the longest run of rows has 10"},
        {"\"length\":2,\"columns\":[\"c\"]", "no column 'c'"},
        {"\"length\":2", "'x' is no number"},
        {"\"length\":0", "length"},
        {"\"length\":2,\"strid\":1", "'stride'"},
    };
    put("t.csv", ten());
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        struct lat_dataset dataset = {0};
        struct lat_error err = LAT_ERROR_INIT;
        cr_expect_neq(open_with("t.csv", rows[i].keys, NULL, &dataset, &err), LAT_OK,
                      "accepted: %s", rows[i].keys);
        cr_expect_not_null(strstr(err.message, rows[i].words), "%s: %s", rows[i].keys,
                           err.message);
    }
}

Test(train_sequences, reading_survives_every_failing_allocation)
{
    put("t.csv", ten());
    for (long n = 1; n < 1000; n++) {
        struct lat_dataset dataset = {0};
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        enum lat_status status =
            open_with("t.csv", "\"exclude\":[\"word\"],\"length\":4", NULL, &dataset, &err);
        bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        if (status == LAT_OK)
            lat_dataset_close(&dataset);
        else
            cr_assert_eq(status, LAT_NO_MEMORY, "allocation %ld: %s", n, err.message);
        if (!reached)
            return;
    }
    cr_assert_fail("never got through");
}

Test(train_sequences, a_folder_gives_no_file_that_links_out_of_the_root)
{
    char root[4096];
    struct lat_dataset dataset = {0};
    struct lat_data_spec data = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_make_folder(test_path("root/set"), NULL), LAT_OK);
    cr_assert_eq(lat_file_make_folder(test_path("root/other"), NULL), LAT_OK);
    put("root/set/a.csv", "x\n1\n2\n3\n");
    put("root/other/b.csv", "x\n4\n5\n");
    put("secret.csv", "x\n100\n200\n300\n");
    cr_assert_eq(symlink("../other/b.csv", test_path("root/set/b.csv")), 0);
    cr_assert_eq(symlink("../../secret.csv", test_path("root/set/c.csv")), 0);
    cr_assert_not_null(realpath(test_path("root"), root));
    snprintf(data.format, sizeof(data.format), "sequences");
    cr_assert_lt(snprintf(data.path, sizeof(data.path), "%s/set", root), sizeof(data.path));
    cr_assert_lt(snprintf(data.root, sizeof(data.root), "%s", root), sizeof(data.root));
    data.options_json = lat_strdup("{\"length\":1}");
    cr_assert_eq(lat_dataset_open(&data, &dataset, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(dataset.n, 5, "a.csv and what b.csv links to, not the secret");
    lat_dataset_close(&dataset);
    data.root[0] = '\0';
    cr_assert_eq(lat_dataset_open(&data, &dataset, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(dataset.n, 8, "without a root anything");
    lat_dataset_close(&dataset);
    lat_data_spec_release(&data);
}
