/* A picture is resized once for each size asked for, and its patches of that size are cut from
 * the result. */
#include "model/train/dataset/patches.h"

#include "base/mem.h"

#include "base/banned.h"

/* A picture as planes of floats. */
struct planes {
    float *values; /* [channels][height][width]; owned */
    uint32_t height, width, channels;
};

/* Never larger than it is; 0 as it is. */
static enum lat_status resize(const struct lat_image *image, uint32_t shorter,
                              uint32_t channels, struct planes *out, struct lat_error *err)
{
    const uint32_t side = image->width < image->height ? image->width : image->height;
    size_t n = 0;
    *out =
        (struct planes){.height = image->height, .width = image->width, .channels = channels};
    if (shorter && shorter < side) {
        out->height = (uint32_t)((uint64_t)image->height * shorter / side);
        out->width = (uint32_t)((uint64_t)image->width * shorter / side);
    }
    if (lat_mul_size(out->height, out->width, &n) && lat_mul_size(n, channels, &n))
        out->values = lat_alloc_raw(n, sizeof(*out->values));
    if (!out->values)
        return lat_fail_memory(err);
    return lat_image_to_planes(image, out->width, out->height, channels, out->values, err);
}

static void cut(const struct planes *planes, const struct lat_input_spec *input,
                struct lat_rng *rng, uint8_t *out)
{
    const size_t y = lat_rng_below(rng, planes->height - input->height + 1);
    const size_t x = lat_rng_below(rng, planes->width - input->width + 1);
    const bool mirrored = lat_rng_below(rng, 2) == 1;
    for (size_t c = 0; c < planes->channels; c++)
        for (size_t i = 0; i < input->height; i++)
            for (size_t j = 0; j < input->width; j++) {
                const size_t from = mirrored ? input->width - 1 - j : j;
                const float value =
                    planes->values[(c * planes->height + y + i) * planes->width + x + from];
                *out++ = (uint8_t)(value * 255.0F + 0.5F);
            }
}

/* Every n_shorter-th patch from `first` on. */
static enum lat_status cut_size(const struct lat_image *image,
                                const struct lat_data_options *options,
                                const struct lat_input_spec *input, size_t first,
                                struct lat_rng *rng, struct lat_row_store *store,
                                struct lat_error *err)
{
    const size_t step = options->n_shorter ? options->n_shorter : 1;
    const uint32_t shorter = options->n_shorter ? options->shorter[first] : 0;
    struct planes planes = {0};
    uint8_t *row = lat_alloc_raw(lat_input_elements(input), 1);
    enum lat_status status =
        row ? resize(image, shorter, input->channels, &planes, err) : lat_fail_memory(err);
    if (status == LAT_OK && (planes.height < input->height || planes.width < input->width))
        status = lat_fail(err, LAT_INVALID, "out_of_range", "%u x %u, smaller than a patch",
                          planes.width, planes.height);
    for (size_t i = first; status == LAT_OK && i < options->patches; i += step) {
        cut(&planes, input, rng, row);
        status = lat_row_store_add(store, row, err);
    }
    lat_free(planes.values);
    lat_free(row);
    return status;
}

enum lat_status lat_patches_add(const struct lat_image *image,
                                const struct lat_data_options *options,
                                const struct lat_input_spec *input, struct lat_rng *rng,
                                struct lat_row_store *store, struct lat_error *err)
{
    const size_t sizes = options->n_shorter ? options->n_shorter : 1;
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < sizes; i++)
        status = cut_size(image, options, input, i, rng, store, err);
    return status;
}
