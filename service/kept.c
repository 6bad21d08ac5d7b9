/* The bound is a mean squared difference over pixels in [0,1]. It is held twice: as the service
 * measures errors, and on 8-bit pixels, which is what comes back. */
#include "service/kept.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
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
    if (!write->input || !write->input_type || strncmp(write->input_type, "image/", 6) != 0)
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
