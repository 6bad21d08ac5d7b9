/* Any bytes as a training spec. What is accepted must be within its bounds; what is refused
 * must say why, in words that fit. */
#include <stdint.h>
#include <stdlib.h>

#include "base/text.h"
#include "model/train/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void require(int truth)
{
    if (!truth)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct lat_spec spec = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const enum lat_status status = lat_spec_parse((const char *)data, len, &spec, &err);
    if (status != LAT_OK) {
        require(err.status == status && err.code[0] != '\0' && err.message[0] != '\0');
        require(status == LAT_INVALID || status == LAT_BAD_SYNTAX || status == LAT_NO_MEMORY);
        return 0;
    }
    require(lat_name_valid(spec.name));
    require(spec.code.dimension >= 1 && spec.optimizer.batch >= 1 &&
            spec.optimizer.epochs >= 1);
    require(spec.optimizer.rate > 0 && spec.data.validation >= 0 && spec.data.validation < 1);
    require(spec.encoder.n_hidden <= LAT_MAX_LAYERS &&
            spec.encoder.n_channels <= LAT_MAX_LAYERS);
    require(spec.json != NULL && spec.data.options_json != NULL);
    lat_spec_release(&spec);
    return 0;
}
