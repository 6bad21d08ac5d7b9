/* text/csv through impute: worked on while it comes in, and sent when the upload has ended, so
 * the result goes to a spool. */
#include "api/impute_options.h"
#include "base/mem.h"
#include "model/impute_csv.h"

#include "base/banned.h"

enum { READ_AT_ONCE = 64 << 10, SPOOL_MEMORY = 1 << 20 };

struct streaming {
    struct lat_call *call;
    struct lat_model *model;
    const struct lat_impute_asked *asked;
    struct lat_spool *spool;
};

static enum lat_status impute(void *context, const float *rows, size_t n,
                              struct lat_imputed *out, struct lat_error *err)
{
    const struct streaming *streaming = context;
    return lat_impute_run(streaming->call, streaming->model, rows, n,
                          &streaming->asked->request, out, err);
}

static enum lat_status keep(void *context, const char *bytes, size_t len, struct lat_error *err)
{
    const struct streaming *streaming = context;
    return lat_spool_write(streaming->spool, bytes, len, err);
}

static enum lat_status pass_through(struct streaming *streaming, struct lat_impute_csv *csv,
                                    struct lat_error *err)
{
    struct lat_call *call = streaming->call;
    char *bytes = lat_alloc_raw(READ_AT_ONCE, 1);
    enum lat_status status = bytes ? LAT_OK : lat_fail_memory(err);
    for (size_t n = 1; status == LAT_OK && n && call->body_pipe;) {
        status =
            lat_pipe_read(call->body_pipe, bytes, READ_AT_ONCE, call->deadline_ns, &n, err);
        if (status == LAT_OK && n)
            status = lat_impute_csv_feed(csv, bytes, n, err);
    }
    lat_free(bytes);
    return status == LAT_OK ? lat_impute_csv_end(csv, err) : status;
}

enum lat_status lat_impute_csv_reply(struct lat_call *call, struct lat_model *model,
                                     const struct lat_impute_asked *asked,
                                     struct lat_error *err)
{
    struct streaming streaming = {.call = call, .model = model, .asked = asked};
    const struct lat_impute_csv_options options = {.table =
                                                       lat_model_manifest(model)->input.table,
                                                   .policy = asked->policy,
                                                   .missing = asked->missing,
                                                   .min_confidence = asked->min_confidence,
                                                   .impute = impute,
                                                   .write = keep,
                                                   .context = &streaming};
    struct lat_impute_csv *csv = NULL;
    enum lat_status status =
        lat_spool_new(call->app->config.data, SPOOL_MEMORY, &streaming.spool, err);
    if (status == LAT_OK)
        status = lat_impute_csv_new(&options, &csv, err);
    if (status == LAT_OK)
        status = pass_through(&streaming, csv, err);
    lat_impute_csv_free(csv);
    if (status != LAT_OK) {
        lat_spool_free(streaming.spool);
        return status;
    }
    call->response.status = 200;
    call->response.content_type = "text/csv; charset=utf-8";
    call->response.spool = streaming.spool;
    return LAT_OK;
}
