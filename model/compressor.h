/* What a loaded model compresses with. Internal to model/. */
#ifndef LAT_MODEL_COMPRESSOR_H
#define LAT_MODEL_COMPRESSOR_H

#include "model/code_prior.h"
#include "model/model_internal.h"
#include "model/transform.h"

struct lat_compressor {
    struct lat_prior prior;         /* of no channels: the package has none */
    struct lat_transform transform; /* analysis NULL: none */
    uint32_t digest; /* of the decoder's file, or the synthesis', and the prior */
};

/* Opens what the manifest names. LAT_INVALID where prior, transform and code do not fit. */
enum lat_status lat_compressor_open(const struct lat_model_source *source,
                                    const struct lat_manifest *manifest,
                                    struct lat_compressor **out_compressor,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_compressor_close(struct lat_compressor *compressor); /* NULL is fine */

#endif
