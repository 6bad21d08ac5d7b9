/* The job that rebuilds a collection's index. Its request is the settings as JSON, or nothing
 * for those it has; it may begin again from the start as often as need be. */
#include <stdio.h>
#include <string.h>

#include "model/train/fields.h"
#include "service/app.h"
#include "service/jobs.h"

#include "base/banned.h"

static void write_spec(const struct lat_index_spec *spec, struct lat_buf *out)
{
    lat_buf_printf(out,
                   "{\"type\":\"%s\",\"m\":%u,\"ef_construction\":%u,\"ef_search\":%u,"
                   "\"nlist\":%u,\"nprobe\":%u",
                   lat_index_type_names[spec->type], spec->m, spec->ef_construction,
                   spec->ef_search, spec->nlist, spec->nprobe);
    if (spec->factory[0]) {
        lat_buf_text(out, ",\"factory\":");
        lat_buf_json_string(out, spec->factory, strlen(spec->factory));
    }
    lat_buf_char(out, '}');
}

static enum lat_status read_spec(const char *json, struct lat_index_spec *spec,
                                 struct lat_error *err)
{
    struct lat_document *document = NULL;
    struct lat_fields fields;
    struct lat_choice types[LAT_ARRAY_LEN(lat_index_type_names)];
    int type = LAT_INDEX_AUTO;
    for (size_t i = 0; i < LAT_ARRAY_LEN(types); i++)
        types[i] = (struct lat_choice){lat_index_type_names[i], (int)i, true};
    enum lat_status status = lat_document_parse(json, strlen(json), &document, err);
    if (status != LAT_OK)
        return status;
    *spec = (struct lat_index_spec){.type = LAT_INDEX_AUTO};
    lat_fields_root(document, &fields, err);
    lat_fields_choice(&fields, "type", types, LAT_ARRAY_LEN(types), &type);
    spec->type = (enum lat_index_type)type;
    lat_fields_text(&fields, "factory", spec->factory, sizeof(spec->factory));
    lat_fields_count(&fields, "m", &spec->m, 0, UINT32_MAX);
    lat_fields_count(&fields, "ef_construction", &spec->ef_construction, 0, UINT32_MAX);
    lat_fields_count(&fields, "ef_search", &spec->ef_search, 0, UINT32_MAX);
    lat_fields_count(&fields, "nlist", &spec->nlist, 0, UINT32_MAX);
    lat_fields_count(&fields, "nprobe", &spec->nprobe, 0, UINT32_MAX);
    status = lat_document_status(document);
    lat_document_free(document);
    return status;
}

static bool report(void *context, double done)
{
    return lat_job_progress(context, done);
}

static enum lat_status work(struct lat_job *job, void *context, struct lat_error *err)
{
    struct lat_job_info info;
    struct lat_index_spec spec;
    struct lat_app *app = lat_job_app(job);
    const char *request = lat_job_request(job);
    (void)context;
    enum lat_status status = lat_jobs_get(app->jobs, lat_job_id(job), &info, err);
    if (status == LAT_OK && *request)
        status = read_spec(request, &spec, err);
    if (status != LAT_OK)
        return status;
    return lat_store_reindex(app->store, info.subject, *request ? &spec : NULL, report, job,
                             err);
}

const struct lat_job_kind lat_job_reindex = {
    .type = "reindex", .lane = LAT_LANE_INDEX, .resumes = true, .work = work};

enum lat_status lat_jobs_reindex(struct lat_app *app, const char *collection,
                                 const struct lat_index_spec *spec,
                                 char out_id[LAT_JOB_ID_SIZE], struct lat_error *err)
{
    struct lat_collection_spec there;
    struct lat_buf request = {0};
    enum lat_status status = lat_store_spec(app->store, collection, &there, err);
    if (status == LAT_OK && spec) {
        write_spec(spec, &request);
        status = lat_buf_check(&request, err);
    }
    if (status == LAT_OK)
        status = lat_jobs_start(app->jobs, &lat_job_reindex, collection, request.data, NULL,
                                out_id, err);
    lat_buf_release(&request);
    return status;
}
