/* Measured as a training measures what it held out. */
#include "model/train/calibrate.h"

#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/calibration.h"
#include "model/portrait.h"
#include "model/train/measure.h"

#include "base/banned.h"

enum { ITEMS_MAX = 10000 };

/* At most ITEMS_MAX of `n`, evenly spaced. */
static uint32_t *choose(size_t n, size_t *out_n)
{
    const size_t m = n < ITEMS_MAX ? n : ITEMS_MAX;
    uint32_t *indices = lat_alloc_raw(m ? m : 1, sizeof(*indices));
    for (size_t i = 0; indices && i < m; i++)
        indices[i] = (uint32_t)((uint64_t)i * n / m);
    *out_n = m;
    return indices;
}

static enum lat_status write_package(const char *folder, const struct lat_model *model,
                                     struct lat_measure *measured, size_t n,
                                     struct lat_calibration *calibration, struct lat_error *err)
{
    const struct lat_manifest *manifest = lat_model_manifest(model);
    struct lat_portrait *portrait = NULL;
    char id[40];
    snprintf(id, sizeof(id), "calibrate-%08x",
             lat_crc32c(0, measured->scores, n * sizeof(float)));
    enum lat_status status =
        lat_portrait_make(&manifest->input, measured->features, n, &portrait, err);
    if (status == LAT_OK)
        status = lat_calibration_fit(measured->scores, n, measured->score_kind, id, calibration,
                                     err);
    if (status == LAT_OK)
        status = lat_portrait_write(folder, &manifest->input, portrait, err);
    if (status == LAT_OK)
        status = lat_manifest_set_calibration(folder, calibration, err);
    lat_portrait_free(portrait);
    return status;
}

enum lat_status lat_calibrate(struct lat_model *model, const struct lat_dataset *dataset,
                              const char *folder, struct lat_calibration *out_calibration,
                              struct lat_error *err)
{
    const struct lat_measure_options options = {
        .decode = true, .keep_scores = true, .keep_features = true};
    struct lat_measure measured = {0};
    size_t n = 0;
    uint32_t *indices = choose(dataset->n, &n);
    enum lat_status status = indices ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_measure_model(model, dataset, indices, n, &options, &measured, err);
    if (status == LAT_OK)
        status = write_package(folder, model, &measured, n, out_calibration, err);
    lat_measure_release(&measured);
    lat_free(indices);
    return status;
}
