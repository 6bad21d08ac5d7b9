/* What a model can do, and words for what it cannot: a client that is refused learns which of
 * the model's facts stands in the way, not only that one does. No state, no locks. */
#include <stdio.h>

#include "model/autoencoder.h"
#include "model/model_internal.h"

#include "base/banned.h"

static void list_capabilities(unsigned capabilities, char *out, size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < LAT_ARRAY_LEN(lat_capability_names) && at < size; i++) {
        if (!(capabilities & (1U << i)))
            continue;
        const int len =
            snprintf(out + at, size - at, "%s%s", at ? ", " : "", lat_capability_names[i]);
        at += len > 0 ? (size_t)len : 0;
    }
}

/* Verbs that need a fact about the training which nobody can supply afterwards. */
static const char *reason(const struct lat_manifest *manifest, unsigned missing)
{
    const unsigned needs_decoder =
        LAT_CAN_DECODE | LAT_CAN_RECONSTRUCT | LAT_CAN_DENOISE | LAT_CAN_GENERATE;
    if ((missing & needs_decoder) && manifest->decoder[0] == '\0')
        return ": it has no decoder";
    if ((missing & LAT_CAN_DENOISE) && !manifest->denoising)
        return ": it was not trained on corrupted inputs";
    if ((missing & LAT_CAN_GENERATE) && manifest->log_variance_tensor[0] == '\0')
        return ": its code is deterministic, so there is no prior to draw codes from";
    if (missing & ~lat_manifest_derive(manifest))
        return "";
    return ": its manifest leaves that out";
}

enum lat_status lat_model_require(const struct lat_model *model, unsigned capability,
                                  struct lat_error *err)
{
    char missing[128], present[128];
    const unsigned can = model->manifest.capabilities;
    if ((can & capability) == capability)
        return LAT_OK;
    list_capabilities(capability & ~can, missing, sizeof(missing));
    list_capabilities(can, present, sizeof(present));
    return lat_fail(err, LAT_CAPABILITY, NULL, "model '%s' cannot %s%s; it can %s",
                    model->reference, missing, reason(&model->manifest, capability & ~can),
                    present);
}
