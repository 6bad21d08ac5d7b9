/* Data beyond data.memory stay in a file: the same items, little memory. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "dataset_fixture.h"
#include "model/table.h"
#include "tests/support/support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false /* sanitizers keep what was freed */
#else
#define MEASURED true
#endif

TestSuite(train_dataset_large, .init = test_folder_enter, .fini = test_folder_leave);

enum { LARGE_ITEMS = 60000, LARGE_WIDTH = 300 };

/* The most this process has had in memory, in KiB. */
static long peak_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %ld", &kib) == 1)
            break;
    if (file)
        fclose(file);
    return kib;
}

static float large_value(size_t item, size_t element)
{
    return (float)((item * 31 + element * 7) % 1000) / 8;
}

/* 72 MB of floats, item 5 broken. */
static void put_large_npy(const char *name)
{
    static float row[LARGE_WIDTH];
    char head[128];
    memset(head, ' ', sizeof(head));
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int len = snprintf(head + 10, 118,
                             "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
                             LARGE_ITEMS, LARGE_WIDTH);
    head[10 + len] = ' ';
    head[127] = '\n';
    FILE *file = fopen(test_path(name), "wb");
    cr_assert_not_null(file);
    fwrite(head, 1, sizeof(head), file);
    for (size_t i = 0; i < LARGE_ITEMS; i++) {
        for (size_t j = 0; j < LARGE_WIDTH; j++)
            row[j] = large_value(i, j);
        if (i == 5)
            row[0] = INFINITY;
        fwrite(row, sizeof(float), LARGE_WIDTH, file);
    }
    cr_assert_eq(fclose(file), 0);
}

static void read_here_and_there(const struct lat_dataset *dataset, size_t skipped)
{
    float row[LARGE_WIDTH];
    for (size_t i = 0; i < dataset->n; i += 97) {
        const uint32_t item = (uint32_t)((i * 7919) % dataset->n);
        const size_t from = item >= skipped ? item + 1 : item;
        cr_assert_eq(lat_dataset_read(dataset, &item, 1, row, NULL), LAT_OK);
        cr_assert_float_eq(row[11], large_value(from, 11), 1e-6, "item %u", item);
    }
}

Test(train_dataset_large, an_array_larger_than_the_limit_stays_in_its_file)
{
    put_large_npy("large.npy");
    const long before = peak_kib();
    struct lat_dataset dataset = opened(object("large.npy", "\"memory\":4"));
    cr_assert_eq(dataset.n, LARGE_ITEMS - 1);
    cr_assert(strstr(dataset.first_skipped, "item 5"), "%s", dataset.first_skipped);
    cr_assert_null(dataset.floats);
    read_here_and_there(&dataset, 5);
    cr_assert(!MEASURED || peak_kib() - before < 12 << 10,
              "72 MB of data, %ld KiB more in memory", peak_kib() - before);
    const uint32_t crc = dataset.crc;
    lat_dataset_close(&dataset);
    dataset = opened(test_path("large.npy"));
    cr_assert_not_null(dataset.floats, "within the usual limit it is in memory");
    cr_assert_eq(dataset.crc, crc, "the same data");
    lat_dataset_close(&dataset);
}

Test(train_dataset_large, a_packed_table_beyond_the_limit_waits_in_a_file)
{
    static char line[40 * 12];
    gzFile packed = gzopen(test_path("large.csv.gz"), "wb1");
    for (size_t i = 0; i < LARGE_ITEMS; i++) {
        size_t len = 0;
        for (size_t j = 0; j < 40; j++)
            len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%.3f", j ? "," : "",
                                    (double)large_value(i, j));
        line[len++] = '\n';
        cr_assert_eq(gzwrite(packed, line, (unsigned)len), (int)len);
    }
    gzclose(packed);
    const long before = peak_kib();
    struct lat_dataset dataset = opened(object("large.csv.gz", "\"memory\":1"));
    const struct lat_column *column = &dataset.input.table->columns[11];
    float row[40];
    cr_assert_eq(dataset.n, LARGE_ITEMS);
    for (uint32_t i = 0; i < dataset.n; i += 997) {
        cr_assert_eq(lat_dataset_read(&dataset, &i, 1, row, NULL), LAT_OK);
        cr_assert_float_eq((double)row[11] * column->std + column->mean,
                           (double)large_value(i, 11), 1e-3);
    }
    cr_assert(!MEASURED || peak_kib() - before < 8 << 10,
              "9.6 MB of cells, %ld KiB more in memory", peak_kib() - before);
    lat_dataset_close(&dataset);
}
