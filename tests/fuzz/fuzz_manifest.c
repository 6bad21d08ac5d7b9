/* Any bytes as model.json. What is accepted must be within its bounds; what is refused must say
 * why, in words that fit. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "model/package.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int truth)
{
    if (!truth)
        abort();
}

static void check_refusal(enum lat_status status, const struct lat_error *err)
{
    require(err->status == status && err->code[0] != '\0' && err->message[0] != '\0');
    require(status == LAT_INVALID || status == LAT_BAD_SYNTAX || status == LAT_NO_MEMORY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct lat_manifest manifest;
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = lat_manifest_parse((const char *)data, len, &manifest, &err);
    if (status != LAT_OK) {
        check_refusal(status, &err);
        return 0;
    }
    require(manifest.name[0] == '\0' || lat_name_valid(manifest.name));
    require(manifest.input.kind == LAT_INPUT_IMAGE || manifest.input.kind == LAT_INPUT_VECTOR);
    require(manifest.input.width <= 65535 && manifest.input.height <= 65535);
    require(manifest.encoder[0] != '\0' && manifest.encoder[0] != '/');
    require(strncmp(manifest.encoder, "../", 3) != 0 && !strstr(manifest.encoder, "/../"));
    for (size_t c = 0; c < LAT_MAX_CHANNELS; c++)
        require(isfinite(manifest.input.mean[c]) && manifest.input.std[c] > 0.0F);
    require((manifest.capabilities & ~lat_manifest_derive(&manifest)) == 0);
    for (size_t i = 1; i < manifest.calibration.n_quantiles; i++)
        require(manifest.calibration.quantiles[i] >= manifest.calibration.quantiles[i - 1]);
    return 0;
}
