/* Data formats: what is read, what is refused in which words, what is skipped. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "dataset_fixture.h"
#include "model/image.h"
#include "model/table.h"
#include "tests/support/support.h"

TestSuite(train_dataset, .init = test_folder_enter, .fini = test_folder_leave);

static const uint8_t idx3[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 51, 255, 102};

Test(train_dataset, idx_pictures_are_pixels_in_the_unit_interval)
{
    struct lat_dataset dataset = opened(put("a-idx3-ubyte", idx3, sizeof(idx3)));
    cr_assert_eq(dataset.n, 2);
    cr_assert_eq(dataset.input.kind, LAT_INPUT_IMAGE);
    cr_assert_eq(dataset.input.height, 1);
    cr_assert_eq(dataset.input.width, 2);
    cr_assert_float_eq(value(&dataset, 0, 1), 0.2F, 1e-7);
    cr_assert_float_eq(value(&dataset, 1, 0), 1, 0);
    lat_dataset_close(&dataset);
}

Test(train_dataset, gzip_is_unpacked_and_a_cut_gzip_refused)
{
    gzFile file = gzopen(test_path("b-idx3-ubyte.gz"), "wb");
    cr_assert_eq(gzwrite(file, idx3, sizeof(idx3)), (int)sizeof(idx3));
    gzclose(file);
    struct lat_dataset dataset = opened(test_path("b-idx3-ubyte.gz"));
    cr_assert_eq(dataset.n, 2);
    lat_dataset_close(&dataset);

    struct lat_buf bytes = {0};
    cr_assert_eq(lat_file_read(test_path("b-idx3-ubyte.gz"), 1000, &bytes, NULL), LAT_OK);
    const struct lat_error err = refused(put("c-idx3-ubyte.gz", bytes.data, bytes.len - 9));
    cr_assert_eq(err.status, LAT_CORRUPT, "%s", err.message);
    lat_buf_release(&bytes);
}

Test(train_dataset, every_cut_of_an_idx_file_is_refused)
{
    for (size_t len = 0; len < sizeof(idx3); len++) {
        struct lat_dataset dataset = {0};
        cr_expect_neq(open_as(put("d-idx3-ubyte", idx3, len), &dataset, NULL), LAT_OK,
                      "%zu bytes were accepted", len);
    }
    uint8_t huge[sizeof(idx3)];
    memcpy(huge, idx3, sizeof(huge));
    memset(huge + 4, 255, 12);
    struct lat_dataset dataset = {0};
    cr_assert_neq(open_as(put("e-idx3-ubyte", huge, sizeof(huge)), &dataset, NULL), LAT_OK);
}

/* An NPY file of version 1. */
Test(train_dataset, csv_columns_are_standardised_and_missing_cells_are_marked)
{
    put_text("a.csv", "x,y,label\n1,10,a\n3,?,b\n\n\"5\",30,c\n");
    struct lat_dataset dataset = opened(object("a.csv", "\"exclude\":[\"label\"]"));
    cr_assert_eq(dataset.n, 3);
    cr_assert_eq(dataset.elements, 2);
    cr_assert_eq(dataset.input.kind, LAT_INPUT_TABLE);
    const struct lat_column *columns = dataset.input.table->columns;
    cr_assert_float_eq(columns[0].mean, 3, 1e-6);
    cr_assert_float_eq(columns[0].std, sqrt(8.0 / 3), 1e-6);
    cr_assert_float_eq(columns[1].mean, 20, 1e-6, "the mean of 10 and 30");
    cr_assert(isnan(value(&dataset, 1, 1)));
    cr_assert_float_eq(value(&dataset, 1, 0), 0, 1e-6);
    cr_assert_float_eq(value(&dataset, 2, 0), 2 / sqrtf(8.0F / 3), 1e-6);
    float row[2];
    const uint32_t item = 1;
    cr_assert_eq(lat_dataset_read_filled(&dataset, &item, 1, row, NULL), LAT_OK);
    cr_assert_float_eq(row[1], 0, 0, "the network gets the mean");
    lat_dataset_close(&dataset);
}

Test(train_dataset, csv_columns_of_words_have_an_element_a_category)
{
    put_text("w.csv", "size,colour\n1,red\n2,blue\n3,\n4,red\n");
    struct lat_dataset dataset = opened(test_path("w.csv"));
    const struct lat_column *colour = &dataset.input.table->columns[1];
    cr_assert_eq(dataset.n, 4);
    cr_assert_eq(dataset.elements, 3);
    cr_assert_eq(colour->type, LAT_COLUMN_CATEGORICAL);
    cr_assert_str_eq(colour->categories.items[0], "blue", "in the order of their bytes");
    cr_assert_float_eq(colour->shares[1], 2 / 3.0F, 1e-6);
    cr_assert_float_eq(value(&dataset, 0, 2), 1, 0);
    cr_assert_float_eq(value(&dataset, 0, 1), 0, 0);
    cr_assert(isnan(value(&dataset, 2, 1)) && isnan(value(&dataset, 2, 2)));
    lat_dataset_close(&dataset);
    dataset = opened(object(
        "w.csv", "\"columns\":[\"colour\",{\"name\":\"size\",\"type\":\"categorical\"}]"));
    cr_assert_eq(dataset.elements, 2 + 4);
    lat_dataset_close(&dataset);
}

Test(train_dataset, csv_without_names_counts_its_columns_and_knows_other_separators)
{
    put_text("b.csv", "1;2;3\n4;5;6\n");
    struct lat_dataset dataset = opened(object("b.csv", "\"columns\":[\"3\",\"1\"]"));
    cr_assert_eq(dataset.n, 2);
    cr_assert_str_eq(dataset.input.table->names.items[0], "3");
    cr_assert_float_eq(value(&dataset, 0, 0), -1, 1e-6);
    cr_assert_float_eq(value(&dataset, 1, 1), 1, 1e-6);
    lat_dataset_close(&dataset);
    const struct lat_error err = refused(object("b.csv", "\"columns\":[\"x\"]"));
    cr_assert(strstr(err.message, "'x'"), "%s", err.message);
}

Test(train_dataset, csv_separators_inside_of_quotes_are_none)
{
    put_text("q.csv", "\"a;b;c;d\",x\n1,2\n3,4\n");
    struct lat_dataset dataset = opened(test_path("q.csv"));
    cr_assert_eq(dataset.n, 2);
    cr_assert_str_eq(dataset.input.table->names.items[0], "a;b;c;d");
    cr_assert_str_eq(dataset.input.table->names.items[1], "x");
    lat_dataset_close(&dataset);
}

Test(train_dataset, csv_skips_bad_rows_counts_them_and_names_the_first)
{
    put_text("c.csv", "x,y\n1,2\n3\n4,five\n6,7\n");
    struct lat_dataset dataset = opened(test_path("c.csv"));
    cr_assert_eq(dataset.n, 2);
    cr_assert_eq(dataset.n_skipped, 2);
    cr_assert(strstr(dataset.first_skipped, "line 3"), "%s", dataset.first_skipped);
    lat_dataset_close(&dataset);
    put_text("d.csv", "x,y\n1,\"a \"\"quoted\"\" word\"\n2,\"and a\nline\"\n?,NA\n");
    dataset = opened(test_path("d.csv"));
    cr_assert_eq(dataset.n, 2);
    cr_assert_str_eq(dataset.input.table->columns[1].categories.items[0], "a \"quoted\" word");
    cr_assert(strstr(dataset.first_skipped, "line 5"), "%s", dataset.first_skipped);
    lat_dataset_close(&dataset);
}

Test(train_dataset, csv_for_a_given_table_has_its_columns_means_and_words)
{
    put_text("e.csv", "x,y\n0,no\n2,yes\n4,no\n");
    put_text("f.csv", "y,extra,x\nyes,1,6\nmaybe,2,7\n");
    struct lat_dataset train = opened(test_path("e.csv")), dataset = {0};
    struct lat_data_spec data = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_data_spec_parse(test_path("f.csv"), &data, NULL), LAT_OK);
    cr_assert_eq(lat_dataset_open_as(&data, &train.input, &dataset, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(dataset.n, 1);
    cr_assert(strstr(dataset.first_skipped, "'maybe'"), "%s", dataset.first_skipped);
    cr_assert_float_eq(value(&dataset, 0, 0), 4 / sqrtf(8.0F / 3), 1e-5);
    cr_assert_float_eq(value(&dataset, 0, 2), 1, 0);
    lat_dataset_close(&dataset);
    const struct lat_input_spec vectors = {.kind = LAT_INPUT_VECTOR};
    put_text("g.csv", "x,y\n1,?\n3,5\n");
    cr_assert_eq(lat_data_spec_parse(test_path("g.csv"), &data, NULL), LAT_OK);
    cr_assert_eq(lat_dataset_open_as(&data, &vectors, &dataset, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(dataset.input.kind, LAT_INPUT_VECTOR);
    cr_assert_float_eq(value(&dataset, 0, 0), 1, 0, "as they are");
    cr_assert_float_eq(value(&dataset, 0, 1), 5, 0, "the mean of its column");
    lat_dataset_close(&dataset);
    lat_dataset_close(&train);
}

Test(train_dataset, interactions_are_histories_over_a_vocabulary)
{
    put_text("u.data", "7\tA\t5\t10\n8\tB\t2\t11\n7\tB\t4\t12\n7\tA\t1\t13\n8\tC\tx\t1\n");
    struct lat_dataset dataset = opened(
        object("u.data", "\"format\":\"interactions\",\"user\":1,\"item\":\"2\",\"weight\":3,"
                         "\"time\":4"));
    cr_assert_eq(dataset.n, 2, "two users");
    cr_assert_eq(dataset.elements, 2, "two items");
    cr_assert_eq(dataset.n_skipped, 1);
    cr_assert(strstr(dataset.first_skipped, "line 5"), "%s", dataset.first_skipped);
    cr_assert_float_eq(value(&dataset, 0, 0), 1, 0, "the later counts");
    cr_assert_float_eq(value(&dataset, 0, 1), 4, 0);
    cr_assert_float_eq(value(&dataset, 1, 0), 0, 0);
    cr_assert_not(dataset.input.binary);
    lat_dataset_close(&dataset);
    dataset = opened(object("u.data", "\"format\":\"interactions\",\"weight\":\"3\","
                                      "\"min_weight\":4"));
    cr_assert_eq(dataset.n, 1, "8 liked nothing");
    cr_assert(dataset.input.binary);
    cr_assert_float_eq(value(&dataset, 0, 1), 1, 0);
    lat_dataset_close(&dataset);
}

Test(train_dataset, a_folder_of_pictures_is_read_in_order_resized_and_one_bad_file_skipped)
{
    const uint8_t red[12] = {255, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0},
                  gray[4] = {0, 0, 255, 255};
    struct lat_buf png = {0};
    cr_assert_eq(lat_file_make_folder(test_path("p/sub"), NULL), LAT_OK);
    cr_assert_eq(lat_image_encode_png(red, 2, 2, 3, &png, NULL), LAT_OK);
    put("p/b.png", png.data, png.len);
    lat_buf_clear(&png);
    cr_assert_eq(lat_image_encode_png(gray, 2, 2, 1, &png, NULL), LAT_OK);
    put("p/sub/c.PNG", png.data, png.len);
    put("p/a.png", png.data, png.len / 2);
    put_text("p/readme.txt", "no picture");
    struct lat_dataset dataset = opened(object("p", "\"size\":[1,1],\"channels\":3"));
    cr_assert_eq(dataset.n, 2);
    cr_assert_eq(dataset.n_skipped, 1);
    cr_assert(strstr(dataset.first_skipped, "a.png"), "%s", dataset.first_skipped);
    cr_assert_eq(dataset.elements, 3);
    cr_assert_float_eq(value(&dataset, 0, 0), 1, 1e-6);
    cr_assert_float_eq(value(&dataset, 0, 1), 0, 1e-6);
    cr_assert_float_eq(value(&dataset, 1, 2), 128 / 255.0F, 1e-6);
    lat_dataset_close(&dataset);
    lat_buf_release(&png);
}

Test(train_dataset, a_split_depends_on_the_seed_alone_and_loses_nothing)
{
    const struct lat_dataset hundred = {.n = 100}, one = {.n = 1};
    uint32_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    bool seen[100] = {false};
    cr_assert_eq(lat_dataset_hold_out(&hundred, 0.25, 7, &a, &n_a, NULL), LAT_OK);
    cr_assert_eq(lat_dataset_hold_out(&hundred, 0.25, 7, &b, &n_b, NULL), LAT_OK);
    cr_assert_eq(n_a, 25);
    cr_assert_arr_eq(a, b, 100 * sizeof(*a));
    for (size_t i = 0; i < 100; i++)
        seen[a[i]] = true;
    for (size_t i = 0; i < 100; i++)
        cr_assert(seen[i]);
    lat_free(b);
    cr_assert_eq(lat_dataset_hold_out(&hundred, 0.25, 8, &b, &n_b, NULL), LAT_OK);
    cr_assert_arr_neq(a, b, 100 * sizeof(*a));
    lat_free(a);
    lat_free(b);
    cr_assert_eq(lat_dataset_hold_out(&one, 0.5, 1, &a, &n_a, NULL), LAT_OK);
    cr_assert_eq(n_a, 0, "one item cannot be held out");
    lat_free(a);
}

Test(train_dataset, labels_come_as_idx_or_as_lines)
{
    static const uint8_t idx1[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 9, 7};
    uint32_t *labels = NULL;
    size_t n = 0;
    cr_assert_eq(lat_labels_read(put("l-idx1-ubyte", idx1, sizeof(idx1)), &labels, &n, NULL),
                 LAT_OK);
    cr_assert_eq(n, 3);
    cr_assert(labels[0] == labels[2] && labels[0] != labels[1]);
    lat_free(labels);
    cr_assert_eq(lat_labels_read(put_text("l.txt", "cat\r\ndog\ncat"), &labels, &n, NULL),
                 LAT_OK);
    cr_assert_eq(n, 3);
    cr_assert(labels[0] == labels[2] && labels[0] != labels[1]);
    lat_free(labels);
    uint32_t *others = NULL;
    cr_assert_eq(lat_labels_read(put_text("l.txt", "cat\ndog"), &labels, &n, NULL), LAT_OK);
    cr_assert_eq(lat_labels_read(put_text("m.txt", "bird\ndog\n"), &others, &n, NULL), LAT_OK);
    cr_assert(labels[1] == others[1] && labels[0] != others[0], "files are comparable");
    lat_free(labels);
    lat_free(others);
    cr_assert_neq(lat_labels_read(put("e-idx1-ubyte", idx1, 9), &labels, &n, NULL), LAT_OK);
    cr_assert_neq(lat_labels_read(put("empty.txt", "", 0), &labels, &n, NULL), LAT_OK);
}

static const uint8_t grays[] = {0, 0, 8, 3, 0, 0,   0,  2,   0, 0,   0,  2,
                                0, 0, 0, 2, 0, 255, 64, 191, 0, 255, 64, 191};

Test(train_dataset, binarised_pictures_are_zeroes_and_ones_as_often_as_their_pixels_say)
{
    put("g-idx3-ubyte", grays, sizeof(grays));
    struct lat_dataset dataset = opened(object("g-idx3-ubyte", "\"binarise\":\"stochastic\""));
    const uint32_t items[2] = {0, 1};
    double ones[4] = {0};
    struct lat_rng rng;
    float rows[8];
    lat_rng_seed(&rng, 5);
    const size_t n = 4000;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(lat_dataset_read_anew(&dataset, items, 2, &rng, rows, NULL), LAT_OK);
        for (size_t j = 0; j < 8; j++) {
            cr_assert(rows[j] == 0 || rows[j] == 1);
            ones[j % 4] += (double)rows[j] / (2 * (double)n);
        }
    }
    for (size_t j = 0; j < 4; j++)
        cr_assert_float_eq(ones[j], grays[16 + j] / 255.0, 0.02);
    lat_dataset_close(&dataset);
}

Test(train_dataset, a_binarised_item_reads_the_same_again_in_whatever_company)
{
    put("g-idx3-ubyte", grays, sizeof(grays));
    struct lat_dataset a = opened(object("g-idx3-ubyte", "\"binarise\":\"stochastic\"")),
                       b = opened(object("g-idx3-ubyte", "\"binarise\":\"fixed\""));
    const uint32_t both[2] = {0, 1};
    float pair[8], single[4], trained[8];
    struct lat_rng rng, untouched;
    lat_rng_seed(&rng, 5);
    untouched = rng;
    cr_assert_eq(lat_dataset_read(&a, both, 2, pair, NULL), LAT_OK);
    cr_assert_eq(lat_dataset_read(&b, both + 1, 1, single, NULL), LAT_OK);
    cr_assert_eq(lat_dataset_read_anew(&b, both, 2, &rng, trained, NULL), LAT_OK);
    cr_assert_eq(memcmp(pair + 4, single, sizeof(single)), 0);
    cr_assert_eq(memcmp(pair, trained, sizeof(pair)), 0, "fixed is fixed in training too");
    cr_assert_eq(memcmp(&rng, &untouched, sizeof(rng)), 0);
    lat_dataset_close(&a);
    lat_dataset_close(&b);
}

Test(train_dataset, only_probabilities_are_binarised)
{
    put_text("t.csv", "x,y\n1,0\n0,1\n");
    struct lat_error err = refused(object("t.csv", "\"binarise\":\"fixed\""));
    cr_assert_not_null(strstr(err.message, "/data/binarise"), "%s", err.message);
    err = refused(object("t.csv", "\"binarise\":\"sometimes\""));
    cr_assert_not_null(strstr(err.message, "stochastic"), "%s", err.message);
}

Test(train_dataset, what_is_not_there_is_said_by_name)
{
    cr_assert_eq(refused(test_path("none-idx3-ubyte")).status, LAT_NOT_FOUND);
    cr_assert_str_eq(refused(test_path("none.xyz")).code, "unknown_format");
    cr_assert_eq(refused(object("none", "\"format\":\"images\"")).status, LAT_NOT_FOUND);
}

static enum lat_status open_and_close(void *context, struct lat_error *err)
{
    struct lat_dataset dataset = {0};
    const enum lat_status status = open_as(context, &dataset, err);
    lat_dataset_close(&dataset);
    return status;
}

Test(train_dataset, running_out_of_memory_anywhere_leaks_nothing)
{
    put_text("t.csv", "x,y\n1,2\n3,4\n");
    char json[1024];
    snprintf(json, sizeof(json), "%s", object("t.csv", "\"exclude\":[\"y\"]"));
    TEST_TORTURE(open_and_close, json);
}
