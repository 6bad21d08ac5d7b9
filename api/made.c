/* What was made is decoded once, whatever the form of the reply: a sheet of pictures, raw
 * numbers or a document. Limits are checked before anything is made, on the numbers that come
 * out. */
#include "api/made.h"

#include <inttypes.h>

#include "api/input.h"
#include "api/outputs.h"
#include "api/reply.h"
#include "base/mem.h"
#include "model/sheet.h"

#include "base/banned.h"

enum { COLUMNS_MAX = 1000 };

void lat_options_made(struct lat_options *options, struct lat_made_form *out_form)
{
    *out_form = (struct lat_made_form){.base64 = lat_option_base64(options)};
    lat_option_count(options, "columns", &out_form->columns, 1, COLUMNS_MAX);
}

enum lat_status lat_check_made(const struct lat_call *call, const struct lat_model *model,
                               size_t n, struct lat_error *err)
{
    const size_t elements = lat_input_elements(&lat_model_manifest(model)->input);
    const size_t limit = (size_t)call->app->config.max_pixels;
    const enum lat_status status = lat_check_batch(call, n, err);
    size_t total;
    if (status != LAT_OK || (lat_mul_size(n, elements, &total) && total <= limit))
        return status;
    return lat_fail(err, LAT_TOO_LARGE, "batch_too_large",
                    "%zu outputs of %zu numbers are over the limit of %zu numbers", n, elements,
                    limit);
}

static void write_seed_header(struct lat_call *call, const struct lat_made *made)
{
    if (made->seed)
        lat_call_respond_header(call, "X-Seed", "%" PRIu64, *made->seed);
}

static enum lat_status reply_sheet(struct lat_call *call, const struct lat_model *model,
                                   const float *rows, const struct lat_made *made,
                                   size_t columns, struct lat_error *err)
{
    if (columns > made->n)
        columns = made->n;
    const enum lat_status status =
        lat_sheet_png(&lat_model_manifest(model)->input, rows, made->n, columns,
                      (uint64_t)call->app->config.max_pixels, &call->response.body, err);
    if (status != LAT_OK)
        return status;
    call->response.content_type = "image/png";
    lat_call_respond_header(call, "X-Grid", "%zu,%zu", columns,
                            (made->n + columns - 1) / columns);
    write_seed_header(call, made);
    return lat_reply_json(call, 200, err);
}

static enum lat_status reply_document(struct lat_call *call, const struct lat_model *model,
                                      const float *rows, const struct lat_made *made,
                                      bool base64, struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    lat_buf_text(out, "{\"codes\":");
    lat_write_vectors(out, made->codes, made->n, lat_model_manifest(model)->code_dimension,
                      base64);
    lat_write_key(out, "outputs");
    const enum lat_status status = lat_write_outputs(out, model, rows, made->n, base64, err);
    if (status != LAT_OK)
        return status;
    if (made->seed)
        lat_write_count(out, "seed", *made->seed);
    lat_write_text(out, "model", lat_model_reference(model));
    lat_buf_char(out, '}');
    return lat_reply_json(call, 200, err);
}

enum lat_status lat_reply_made(struct lat_call *call, struct lat_model *model,
                               const struct lat_made *made, const struct lat_made_form *form,
                               struct lat_error *err)
{
    float *rows = NULL;
    enum lat_status status = lat_embed_decode(call, model, made->codes, made->n, &rows, err);
    if (status == LAT_OK)
        status = lat_check_outputs(model, rows, made->n, err);
    if (status != LAT_OK)
        return status;
    const bool pictures = lat_model_manifest(model)->input.kind == LAT_INPUT_IMAGE;
    if (pictures && lat_call_accepts(call, "image/png"))
        return reply_sheet(call, model, rows, made,
                           form->columns ? (size_t)form->columns : made->columns, err);
    if (lat_output_is_array(model) && lat_call_accepts(call, "application/octet-stream")) {
        write_seed_header(call, made);
        return lat_reply_outputs(call, model, rows, NULL, made->n, form->base64, err);
    }
    return reply_document(call, model, rows, made, form->base64, err);
}
