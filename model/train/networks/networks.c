/* The registry of networks. */
#include "model/train/parts.h"

#include "base/banned.h"

static const struct lat_network *const networks[] = {
    &lat_network_dense,
    &lat_network_convolutional,
    &lat_network_recurrent,
    &lat_network_transform,
};

const struct lat_network *lat_network_find(enum lat_network_type type)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(networks); i++) {
        if (networks[i]->type == type) {
            return networks[i];
        }
    }
    return NULL;
}

struct lat_shape lat_network_row_shape(const struct lat_network *network,
                                       const struct lat_input_spec *input, int64_t batch)
{
    if (input->kind == LAT_INPUT_SEQUENCE) {
        return (struct lat_shape){3, {batch, (int64_t)input->length, (int64_t)input->features}};
    }
    if (network->spatial && input->kind == LAT_INPUT_IMAGE) {
        return (struct lat_shape){
            4,
            {batch, (int64_t)input->channels, (int64_t)input->height, (int64_t)input->width}};
    }
    return (struct lat_shape){2, {batch, (int64_t)lat_input_elements(input)}};
}
