/* NPY and NPZ files: what is read, what is refused in which words. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "base/file.h"
#include "dataset_fixture.h"
#include "tests/support/support.h"

TestSuite(train_arrays, .init = test_folder_enter, .fini = test_folder_leave);

static size_t make_npy(char *out, size_t size, const char *header, const void *data, size_t len)
{
    memset(out, 0, size);
    memcpy(out, "\x93NUMPY\1\0", 8);
    out[8] = (char)strlen(header);
    memcpy(out + 10, header, strlen(header));
    memcpy(out + 10 + strlen(header), data, len);
    return 10 + strlen(header) + len;
}

Test(train_arrays, npy_vectors_are_taken_as_they_are_in_either_order)
{
    static const double numbers[] = {1, -2, 3.5, 4, 5, 6};
    char file[256];
    size_t len = make_npy(file, sizeof(file),
                          "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }\n",
                          numbers, sizeof(numbers));
    struct lat_dataset dataset = opened(put("a.npy", file, len));
    cr_assert_eq(dataset.input.kind, LAT_INPUT_VECTOR);
    cr_assert_eq(dataset.elements, 3);
    cr_assert_float_eq(value(&dataset, 0, 1), -2, 0);
    cr_assert_float_eq(value(&dataset, 1, 0), 4, 0);
    cr_assert_null(dataset.shift, "npy is not standardised");
    cr_assert_float_eq(dataset.lowest, -2, 0);
    lat_dataset_close(&dataset);

    len = make_npy(file, sizeof(file),
                   "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }\n", numbers,
                   sizeof(numbers));
    dataset = opened(put("b.npy", file, len));
    cr_assert_float_eq(value(&dataset, 0, 1), 3.5, 0);
    cr_assert_float_eq(value(&dataset, 1, 0), -2, 0);
    lat_dataset_close(&dataset);
}

Test(train_arrays, npy_pictures_may_have_their_channels_first_or_last)
{
    uint8_t pixels[24];
    char file[256];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * 10);
    size_t len = make_npy(file, sizeof(file),
                          "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 2, 2, 3)}",
                          pixels, sizeof(pixels));
    struct lat_dataset dataset = opened(put("last.npy", file, len));
    cr_assert_eq(dataset.input.channels, 3);
    cr_assert_float_eq(value(&dataset, 0, 1), 30 / 255.0F, 1e-7, "plane 0, column 1");
    cr_assert_float_eq(value(&dataset, 0, 4), 10 / 255.0F, 1e-7, "plane 1, column 0");
    lat_dataset_close(&dataset);
    len = make_npy(file, sizeof(file),
                   "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 2, 2)}", pixels,
                   sizeof(pixels));
    dataset = opened(put("first.npy", file, len));
    cr_assert_float_eq(value(&dataset, 0, 4), 40 / 255.0F, 1e-7);
    lat_dataset_close(&dataset);
}

Test(train_arrays, npy_refuses_what_is_no_number_or_not_finite)
{
    static const float odd[] = {1, NAN};
    char file[256];
    size_t len =
        make_npy(file, sizeof(file),
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2)}", odd, sizeof(odd));
    cr_assert(strstr(refused(put("nan.npy", file, len)).message, "item 0"));
    len =
        make_npy(file, sizeof(file), "{'descr': '|O', 'fortran_order': False, 'shape': (1, 2)}",
                 odd, sizeof(odd));
    cr_assert_str_eq(refused(put("object.npy", file, len)).code, "bad_type");
    len =
        make_npy(file, sizeof(file),
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (9, 2)}", odd, sizeof(odd));
    cr_assert_eq(refused(put("short.npy", file, len)).status, LAT_CORRUPT);
    len =
        make_npy(file, sizeof(file),
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}",
                 odd, sizeof(odd));
    cr_assert_neq(refused(put("huge.npy", file, len)).status, LAT_OK);
}

static void put_u16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)v;
    at[1] = (uint8_t)(v >> 8);
}

/* A zip of one or two stored copies of `npy`, named a.npy and b.npy. */
static size_t make_npz(uint8_t *out, const char *npy, size_t len, unsigned n)
{
    uint8_t *p = out;
    size_t starts[2] = {0};
    for (unsigned i = 0; i < n; i++) {
        starts[i] = (size_t)(p - out);
        memcpy(p, "PK\3\4", 4);
        put_u16(p + 26, 5);
        p[30] = (uint8_t)('a' + i);
        memcpy(p + 31, ".npy", 4);
        memcpy(p + 35, npy, len);
        p += 35 + len;
    }
    const size_t directory = (size_t)(p - out);
    for (unsigned i = 0; i < n; i++) {
        memcpy(p, "PK\1\2", 4);
        put_u16(p + 20, (unsigned)len);
        put_u16(p + 24, (unsigned)len);
        put_u16(p + 28, 5);
        put_u16(p + 42, (unsigned)starts[i]);
        p[46] = (uint8_t)('a' + i);
        memcpy(p + 47, ".npy", 4);
        p += 51;
    }
    memcpy(p, "PK\5\6", 4);
    put_u16(p + 10, n);
    put_u16(p + 16, (unsigned)directory);
    return (size_t)(p - out) + 22;
}

Test(train_arrays, npz_takes_the_only_array_or_the_one_named)
{
    static const float numbers[] = {1, 2, 3, 4};
    static uint8_t zip[4096];
    char npy[256], json[512];
    const size_t len =
        make_npy(npy, sizeof(npy), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}",
                 numbers, sizeof(numbers));
    size_t zip_len = make_npz(zip, npy, len, 1);
    struct lat_dataset dataset = opened(put("one.npz", zip, zip_len));
    cr_assert_float_eq(value(&dataset, 1, 1), 4, 0);
    lat_dataset_close(&dataset);

    memset(zip, 0, sizeof(zip));
    zip_len = make_npz(zip, npy, len, 2);
    const struct lat_error err = refused(put("two.npz", zip, zip_len));
    cr_assert(strstr(err.message, "a, b"), "%s", err.message);
    snprintf(json, sizeof(json), "{\"path\":\"%s\",\"array\":\"b\"}", test_path("two.npz"));
    dataset = opened(json);
    cr_assert_eq(dataset.n, 2);
    lat_dataset_close(&dataset);
}

Test(train_arrays, a_damaged_npz_never_reads_outside_the_file)
{
    static const float numbers[] = {1, 2, 3, 4};
    static uint8_t zip[4096];
    char npy[256];
    const size_t len =
        make_npy(npy, sizeof(npy), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}",
                 numbers, sizeof(numbers));
    const size_t zip_len = make_npz(zip, npy, len, 1);
    for (size_t i = 0; i < zip_len; i++) {
        struct lat_dataset dataset = {0};
        zip[i] ^= 0xFF;
        if (open_as(put("x.npz", zip, zip_len), &dataset, NULL) == LAT_OK)
            lat_dataset_close(&dataset);
        zip[i] ^= 0xFF;
    }
}

Test(train_arrays, npy_skips_an_item_that_is_not_finite_and_names_it)
{
    static const float odd[] = {1, 2, 3, NAN, 5, 6};
    char file[256];
    const size_t len =
        make_npy(file, sizeof(file),
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}", odd, sizeof(odd));
    struct lat_dataset dataset = opened(put("odd.npy", file, len));
    cr_assert_eq(dataset.n, 2);
    cr_assert_eq(dataset.n_skipped, 1);
    cr_assert(strstr(dataset.first_skipped, "item 1"), "%s", dataset.first_skipped);
    cr_assert_float_eq(value(&dataset, 1, 0), 5, 0);
    lat_dataset_close(&dataset);
}
