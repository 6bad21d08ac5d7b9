/* The key `imputation` of a manifest: what model/impute_calibration.h fits, read back. */
#include <jansson.h>
#include <math.h>

#include "base/mem.h"
#include "model/impute_calibration.h"
#include "model/package_internal.h"

#include "base/banned.h"

/* A list of exactly `n` finite numbers, ascending or positive. */
static enum lat_status read_numbers(const json_t *object, const char *key, size_t n,
                                    bool ascending, float *out, struct lat_error *err)
{
    const json_t *list = json_object_get(object, key);
    const char *expected = ascending ? "101 ascending numbers" : "a positive number a column";
    bool good = json_is_array(list) && json_array_size(list) == n;
    for (size_t i = 0; good && i < n; i++) {
        const json_t *item = json_array_get(list, i);
        out[i] = (float)json_number_value(item);
        good = json_is_number(item) && isfinite(out[i]) &&
               (ascending ? i == 0 || out[i] >= out[i - 1] : out[i] > 0);
    }
    if (good)
        return LAT_OK;
    if (list)
        lat_manifest_refuse(list, expected, err);
    else
        lat_fail(err, LAT_INVALID, "missing_key", "missing: %s", expected);
    lat_error_at(err, "/%s", key);
    return LAT_INVALID;
}

static enum lat_status read_method(const json_t *object, size_t n_columns,
                                   struct lat_impute_method_calibration *out,
                                   struct lat_error *err)
{
    const json_int_t cells = json_integer_value(json_object_get(object, "cells"));
    if (cells < 1)
        return lat_fail(err, LAT_INVALID, "missing_key", "'cells' is a whole number from 1");
    out->scales = lat_alloc(n_columns, sizeof(float));
    if (!out->scales)
        return lat_fail_memory(err);
    enum lat_status status = read_numbers(object, "scales", n_columns, false, out->scales, err);
    if (status == LAT_OK)
        status =
            read_numbers(object, "quantiles", LAT_IMPUTE_QUANTILES, true, out->quantiles, err);
    if (status == LAT_OK)
        out->n = (size_t)cells;
    return status;
}

static enum lat_status read_rounds(const json_t *value, uint32_t *out_rounds,
                                   struct lat_error *err)
{
    const json_int_t rounds = json_integer_value(value);
    if (!value)
        return LAT_OK;
    if (!json_is_integer(value) || rounds < 1 || rounds > LAT_IMPUTE_ROUNDS_MAX) {
        lat_manifest_refuse(value, "a whole number from 1 to 50", err);
        lat_error_at(err, "/rounds");
        return LAT_INVALID;
    }
    *out_rounds = (uint32_t)rounds;
    return LAT_OK;
}

enum lat_status lat_manifest_imputation(const char *json, size_t len,
                                        const struct lat_table *table,
                                        struct lat_impute_calibration **out_calibration,
                                        struct lat_error *err)
{
    struct lat_impute_calibration *calibration = NULL;
    json_t *root = json_loadb(json, len, 0, NULL);
    const json_t *object = json_object_get(root, "imputation");
    enum lat_status status = root ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK && object) {
        calibration = lat_alloc(1, sizeof(*calibration));
        status = calibration ? LAT_OK : lat_fail_memory(err);
    }
    if (calibration)
        calibration->n_columns = table->names.n;
    for (int m = 0; calibration && status == LAT_OK && m < LAT_IMPUTE_METHODS; m++) {
        const json_t *method = json_object_get(object, lat_impute_method_names[m]);
        if (!method)
            continue;
        status = read_method(method, table->names.n, &calibration->methods[m], err);
        if (status == LAT_OK && m == LAT_IMPUTE_RECONSTRUCTION)
            status = read_rounds(json_object_get(method, "rounds"), &calibration->rounds, err);
        if (status != LAT_OK)
            lat_error_at(err, "/imputation/%s", lat_impute_method_names[m]);
    }
    json_decref(root);
    if (status == LAT_OK)
        *out_calibration = calibration;
    else
        lat_impute_calibration_free(calibration);
    lat_error_prefix(err, "model.json: /imputation");
    return status;
}
