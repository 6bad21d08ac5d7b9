/* Items go into a row store (dataset/store.h) as they come, pictures as bytes and vectors as
 * floats; at the end the dataset takes it over and settles as a dataset of any file does. What
 * is wrong with one item is the item's alone: it is skipped and counted. */
#include "model/train/dataset/collected.h"

#include <math.h>

#include "base/mem.h"
#include "model/image.h"
#include "model/train/dataset/formats.h"

#include "base/banned.h"

enum { MAX_SIDE = 1 << 14 };

static enum lat_status describe(struct lat_dataset *dataset, const struct lat_input_spec *input,
                                struct lat_error *err)
{
    dataset->input = (struct lat_input_spec){.kind = input->kind, .layout = LAT_LAYOUT_FLAT};
    for (size_t i = 0; i < LAT_MAX_CHANNELS; i++)
        dataset->input.std[i] = 1;
    dataset->elements = input->dimension;
    if (input->kind == LAT_INPUT_IMAGE) {
        if (!input->width || !input->height || input->width > MAX_SIDE ||
            input->height > MAX_SIDE)
            return lat_fail(err, LAT_INVALID, "out_of_range",
                            "the pictures are %u x %u; give data.size [height, width]",
                            input->width, input->height);
        dataset->input.width = input->width;
        dataset->input.height = input->height;
        dataset->input.channels = input->channels;
        dataset->elements = (size_t)input->width * input->height * input->channels;
    }
    dataset->input.dimension = dataset->elements;
    return dataset->elements ? LAT_OK
                             : lat_fail(err, LAT_INVALID, "empty", "its items have no numbers");
}

enum lat_status lat_collected_begin(struct lat_collected *collected,
                                    const struct lat_input_spec *input,
                                    const struct lat_data_spec *data, struct lat_error *err)
{
    struct lat_dataset *dataset = &collected->dataset;
    const bool picture = input->kind == LAT_INPUT_IMAGE;
    const size_t mib = data->memory_mib ? data->memory_mib : LAT_DATA_MEMORY_MIB;
    const enum lat_status status = describe(dataset, input, err);
    if (status != LAT_OK)
        return status;
    collected->data = data;
    lat_row_store_init(&collected->store,
                       dataset->elements * (picture ? sizeof(uint8_t) : sizeof(float)),
                       mib << 20);
    collected->begun = true;
    collected->planes = lat_alloc_raw(dataset->elements, sizeof(float));
    collected->bytes = lat_alloc_raw(dataset->elements, 1);
    return collected->planes && collected->bytes ? LAT_OK : lat_fail_memory(err);
}

enum lat_status lat_collected_picture(struct lat_collected *collected, const char *name,
                                      const void *bytes, size_t len, struct lat_error *err)
{
    const struct lat_dataset *dataset = &collected->dataset;
    const struct lat_input_spec *input = &dataset->input;
    struct lat_image image = {0};
    struct lat_error why = LAT_ERROR_INIT;
    if (input->kind != LAT_INPUT_IMAGE) {
        lat_collected_skip(collected, name, "a picture among vectors");
        return LAT_OK;
    }
    enum lat_status status = lat_image_decode(bytes, len, NULL, &image, &why);
    if (status == LAT_OK)
        status = lat_image_to_planes(&image, input->width, input->height, input->channels,
                                     collected->planes, &why);
    lat_image_release(&image);
    if (status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    if (status != LAT_OK) {
        lat_collected_skip(collected, name, why.message);
        return LAT_OK;
    }
    for (size_t i = 0; i < dataset->elements; i++)
        collected->bytes[i] = (uint8_t)(collected->planes[i] * 255.0F + 0.5F);
    return lat_row_store_add(&collected->store, collected->bytes, err);
}

enum lat_status lat_collected_vector(struct lat_collected *collected, const char *name,
                                     const float *values, size_t n, struct lat_error *err)
{
    struct lat_dataset *dataset = &collected->dataset;
    size_t finite = 0;
    while (finite < n && isfinite(values[finite]))
        finite++;
    if (dataset->input.kind != LAT_INPUT_VECTOR)
        lat_collected_skip(collected, name, "a vector among pictures");
    else if (n != dataset->elements)
        lat_dataset_skip(dataset, "'%s': %zu values instead of %zu", name, n,
                         dataset->elements);
    else if (finite < n)
        lat_collected_skip(collected, name, "a value that is not finite");
    else
        return lat_row_store_add(&collected->store, values, err);
    return LAT_OK;
}

void lat_collected_skip(struct lat_collected *collected, const char *name, const char *why)
{
    lat_dataset_skip(&collected->dataset, "'%s': %s", name, why);
}

enum lat_status lat_collected_end(struct lat_collected *collected,
                                  struct lat_dataset *out_dataset, struct lat_error *err)
{
    struct lat_dataset *dataset = &collected->dataset;
    if (!collected->begun || !collected->store.n)
        return lat_fail(err, LAT_INVALID, "empty", "no item can be trained on; %s",
                        dataset->n_skipped ? dataset->first_skipped : "there are none");
    enum lat_status status = lat_row_store_finish(&collected->store, err);
    if (status == LAT_OK)
        status = lat_dataset_adopt(dataset, &collected->store,
                                   dataset->input.kind == LAT_INPUT_IMAGE, err);
    if (status == LAT_OK)
        status = lat_dataset_settle(dataset, collected->data, err);
    if (status != LAT_OK)
        return status;
    *out_dataset = *dataset;
    *dataset = (struct lat_dataset){0};
    return LAT_OK;
}

void lat_collected_release(struct lat_collected *collected)
{
    lat_dataset_close(&collected->dataset);
    if (collected->begun)
        lat_row_store_release(&collected->store);
    lat_free(collected->planes);
    lat_free(collected->bytes);
    *collected = (struct lat_collected){.begun = false};
}
