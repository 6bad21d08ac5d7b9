/* The bound is a mean squared difference over pixels in [0,1]. It is held twice: as the service
 * measures errors, and on 8-bit pixels, which is what comes back. Both are measured on what the
 * model is shown; a picture that is scaled or loses its colours on the way there is kept as it
 * came. */
#include "service/kept.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/image.h"
#include "service/app.h"
#include "service/compress.h"

#include "base/banned.h"

static bool is_within(const struct lat_compress_facts *facts, double max_error)
{
    return facts->error <= max_error && !(facts->psnr < -10 * log10(max_error));
}

/* A transform is asked for the coarsest grid within the bound; other codes have their usual
 * one, which is within it or not. */
static struct lat_compress_goal goal_of(const struct lat_model *model, double max_error)
{
    struct lat_compress_goal goal = {0};
    const double psnr = -10 * log10(max_error);
    if (lat_model_has_transform(model) && psnr > 0)
        goal.psnr = psnr;
    return goal;
}

static bool is_gray(const struct lat_image *image)
{
    const size_t n = (size_t)image->width * image->height;
    for (size_t i = 0; image->channels == 3 && i < n; i++) {
        const uint8_t *pixel = image->pixels + 3 * i;
        if (pixel[0] != pixel[1] || pixel[1] != pixel[2])
            return false;
    }
    return true;
}

/* Whether what the model is shown is the whole picture: transforms take any size, other models
 * one; models of grays show no colours. A picture that does not decode is not. */
static bool is_shown_whole(struct lat_call *call, const struct lat_model *model,
                           const struct lat_write *write)
{
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const struct lat_image_limits limits = {.max_pixels =
                                                (uint64_t)call->app->config.max_pixels};
    const bool any_size = lat_model_has_transform(model);
    struct lat_error why = LAT_ERROR_INIT;
    struct lat_image image = {0};
    if (any_size && input->channels == 3)
        return true;
    if (lat_image_decode(write->input, write->input_len, &limits, &image, &why) != LAT_OK)
        return false;
    const bool whole =
        (any_size || (image.width == input->width && image.height == input->height)) &&
        (input->channels == 3 || is_gray(&image));
    lat_image_release(&image);
    return whole;
}

/* Failures that are no fault of this input. */
static bool is_ours(enum lat_status status)
{
    return status == LAT_NO_MEMORY || status == LAT_UNAVAILABLE || status == LAT_BUSY ||
           status == LAT_INTERNAL;
}

enum lat_status lat_kept_compress(struct lat_call *call, const struct lat_collection_spec *spec,
                                  struct lat_model *model, struct lat_write *write,
                                  struct lat_error *err)
{
    const struct lat_compress_goal goal = goal_of(model, spec->max_error);
    struct lat_compress_facts facts = {0};
    struct lat_error why = LAT_ERROR_INIT;
    struct lat_buf bytes = {0};
    if (!write->input || !write->input_type || strncmp(write->input_type, "image/", 6) != 0 ||
        !is_shown_whole(call, model, write))
        return LAT_OK;
    const struct lat_input input = {
        .kind = LAT_INPUT_IMAGE, .bytes = write->input, .len = write->input_len};
    const enum lat_status status =
        lat_compress(call, model, &input, &goal, &bytes, &facts, &why);
    if (status == LAT_OK && is_within(&facts, spec->max_error) &&
        bytes.len < write->input_len) {
        void *kept = lat_arena_alloc_raw(&call->arena, bytes.len, 1);
        if (kept) {
            memcpy(kept, bytes.data, bytes.len);
            write->input = kept;
            write->input_len = bytes.len;
            write->input_type = LAT_CODE_STREAM_TYPE;
        }
    }
    lat_buf_release(&bytes);
    if (!is_ours(status))
        return LAT_OK;
    if (err && err->status == LAT_OK)
        *err = why;
    return status;
}

bool lat_kept_is_compressed(const struct lat_item *item)
{
    return item->input && strcmp(item->input_type, LAT_CODE_STREAM_TYPE) == 0;
}

enum lat_status lat_kept_restore(struct lat_call *call, const struct lat_collection_spec *spec,
                                 const struct lat_item *item, struct lat_buf *out_png,
                                 struct lat_error *err)
{
    struct lat_decompressed decoded = {0};
    struct lat_model *model = NULL;
    enum lat_status status = lat_embed_acquire(call, spec->model, &model, err);
    if (status == LAT_OK)
        status = lat_decompress(call, model, item->input, item->input_len, &decoded, err);
    if (status == LAT_OK)
        status = decoded.row ? lat_model_row_to_png(model, decoded.row, out_png, err)
                             : lat_image_encode_png(decoded.image.pixels, decoded.image.width,
                                                    decoded.image.height,
                                                    decoded.image.channels, out_png, err);
    lat_image_release(&decoded.image);
    if (model)
        lat_model_release(model);
    lat_error_prefix(err, "the compressed input of item '%.100s'", item->id);
    return status;
}
