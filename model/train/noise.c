/* Peak signal-to-noise ratios are of pictures, whose values lie in [0,1]. */
#include "model/train/noise.h"

#include <math.h>

#include "base/banned.h"

enum lat_status lat_noise_find(const struct lat_eval_options *options,
                               const struct lat_manifest *manifest,
                               struct lat_measure_noise *noise, struct lat_error *err)
{
    if (!options->corruption)
        return LAT_OK;
    noise->corruption = lat_corruption_find(options->corruption);
    if (!noise->corruption) {
        char names[256];
        lat_corruption_list(names, sizeof(names));
        return lat_fail(err, LAT_INVALID, NULL, "the corruption: expected one of %s, not '%s'",
                        names, options->corruption);
    }
    if (manifest->input.kind != LAT_INPUT_IMAGE)
        return lat_fail(
            err, LAT_INVALID, "wrong_input_kind",
            "noise is measured on pictures, the model '%s' takes inputs of the kind "
            "'%s'",
            manifest->name, lat_input_kind_names[manifest->input.kind]);
    if (!(manifest->capabilities & LAT_CAN_RECONSTRUCT))
        return lat_fail(err, LAT_INVALID, "capability_missing",
                        "the model '%s' has no decoder: nothing is denoised", manifest->name);
    return LAT_OK;
}

static struct lat_likeness likeness(double squared_error, size_t elements)
{
    return (struct lat_likeness){.squared_error = squared_error,
                                 .psnr = -10 * log10(squared_error / (double)elements)};
}

void lat_noise_tell(const struct lat_measure *measured, size_t elements,
                    struct lat_evaluation *evaluation)
{
    evaluation->has_denoising = true;
    evaluation->noisy = likeness(measured->noise_squared_error_sum, elements);
    evaluation->denoised = likeness(measured->squared_error_sum, elements);
    evaluation->pca_denoised = likeness(evaluation->pca_squared_error, elements);
}
