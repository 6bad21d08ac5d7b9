#include "dataset_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/support.h"

const char *put(const char *name, const void *bytes, size_t len)
{
    struct lat_error err = LAT_ERROR_INIT;
    const char *path = test_path(name);
    cr_assert_eq(lat_file_write(path, bytes, len, &err), LAT_OK, "%s", err.message);
    return path;
}

const char *put_text(const char *name, const char *text)
{
    return put(name, text, strlen(text));
}

const char *object(const char *name, const char *members)
{
    static char json[1024];
    snprintf(json, sizeof(json), "{\"path\":\"%s\",%s}", test_path(name), members);
    return json;
}

enum lat_status open_as(const char *text, struct lat_dataset *out, struct lat_error *err)
{
    struct lat_data_spec data = {0};
    enum lat_status status = lat_data_spec_parse(text, &data, err);
    if (status == LAT_OK)
        status = lat_dataset_open(&data, out, err);
    lat_data_spec_release(&data);
    return status;
}

struct lat_dataset opened(const char *text)
{
    struct lat_dataset dataset = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(open_as(text, &dataset, &err), LAT_OK, "%s", err.message);
    return dataset;
}

struct lat_error refused(const char *text)
{
    struct lat_dataset dataset = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_neq(open_as(text, &dataset, &err), LAT_OK, "accepted: %s", text);
    return err;
}

float value(const struct lat_dataset *dataset, uint32_t item, size_t element)
{
    float row[64];
    cr_assert_leq(dataset->elements, LAT_ARRAY_LEN(row));
    cr_assert_eq(lat_dataset_read(dataset, &item, 1, row, NULL), LAT_OK);
    return row[element];
}
