/* Moving a collection to another model: the new generation (index/generations.h) is filled from
 * the stored inputs in the order of changes, so that what is written meanwhile is simply the
 * end of the same row; a last bit is done while writers wait, then it takes the name.
 *
 * Stored inputs go the way of uploads: they are written as an import would send them and read
 * as such, whatever their kind. The place it has come to is kept in the store, so that a job
 * that begins again after a kill goes on from there. */
#include "api/reencode.h"

#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "api/item_write.h"
#include "api/items_batch.h"
#include "api/reply.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/changes.h"
#include "index/generations.h"
#include "model/train/fields.h"
#include "service/embed.h"

#include "base/banned.h"

enum {
    BATCH_ITEMS = 64,
    BATCH_BYTES = 4 << 20,
    NOTE_EVERY = 16, /* batches between two notes of the place */
    SAMPLE = 200,    /* items whose neighbours are compared */
    NEIGHBOURS = 10,
    SETTLE_MS = 50,
    SETTLE_ROUNDS = 2400, /* two minutes for the new index to take in its rows */
    TRIES = 20            /* to switch before something else is written */
};

/* How much of the bar the filling is. */
static const double FILL_SHARE = 0.9;

struct moving {
    struct lat_job *job;
    struct lat_app *app;
    const char *name; /* of the collection */
    struct lat_collection_spec spec;
    struct lat_generation next;
    size_t features; /* of a step, where the new model takes sequences */
    uint64_t items, done, batches;
    double overlap; /* mean share of neighbours that stay, NaN without any to compare */
    unsigned sampled;
    struct lat_buf body;
};

static bool goes_on(struct moving *m, double done)
{
    return lat_job_progress(m->job, done);
}

static enum lat_status stopped(struct lat_error *err)
{
    return lat_fail(err, LAT_CANCELLED, NULL, "the job was stopped");
}

/* ---- filling ---- */

/* The item as an import would send it; nothing when it has gone meanwhile. */
static enum lat_status write_item(struct moving *m, const char *id, struct lat_error *err)
{
    struct lat_item item = {0};
    struct lat_buf *out = &m->body;
    const enum lat_status status = lat_store_get(
        m->app->store, m->name, id, LAT_ITEM_METADATA | LAT_ITEM_INPUT, &item, err);
    if (status == LAT_NOT_FOUND) {
        lat_error_clear(err);
        return LAT_OK;
    }
    if (status != LAT_OK)
        return status;
    if (!item.input) {
        lat_item_release(&item);
        return lat_fail(err, LAT_INVALID, "inputs_missing", "item '%.100s' has no stored input",
                        id);
    }
    lat_buf_text(out, out->len ? ",{" : "{\"items\":[{");
    lat_write_text(out, "id", item.id);
    lat_write_key(out, "metadata");
    lat_buf_text(out, item.metadata ? item.metadata : "{}");
    lat_write_stored_input(out, &item, m->features, false);
    if (item.hidden)
        lat_write_flag(out, "hidden", true);
    lat_buf_char(out, '}');
    lat_item_release(&item);
    return lat_buf_check(out, err);
}

static enum lat_status first_failure(const struct lat_items *items, struct lat_error *err)
{
    for (size_t i = 0; i < items->n; i++) {
        if (!items->results[i].error)
            continue;
        *err = *items->results[i].error;
        lat_error_prefix(err, "item '%.100s'", items->results[i].id);
        return err->status;
    }
    return LAT_OK;
}

/* Encodes and stores what is in the body. */
static enum lat_status flush(struct moving *m, struct lat_error *err)
{
    struct lat_call *call;
    struct lat_items items = {0};
    size_t bad;
    if (!m->body.len)
        return LAT_OK;
    call = lat_alloc(1, sizeof(*call));
    if (!call)
        return lat_fail_memory(err);
    call->app = m->app;
    call->body = call->path = "";
    call->started_ns = lat_clock_ns();
    call->deadline_ns = UINT64_MAX;
    call->on_worker = true;
    lat_buf_text(&m->body, "]}");
    const struct lat_items_body body = {
        .kind = LAT_BODY_JSON, .bytes = m->body.data, .len = m->body.len};
    enum lat_status status = lat_buf_check(&m->body, err);
    if (status == LAT_OK)
        status = lat_items_read(call, m->next.name, &body, &items, err);
    if (status == LAT_OK)
        status = lat_items_store(call, m->next.name, &items, false, &bad, err);
    if (status == LAT_OK)
        status = first_failure(&items, err);
    lat_items_release(&items);
    lat_arena_release(&call->arena);
    lat_free(call);
    lat_buf_clear(&m->body);
    return status;
}

/* The next changes; *out_n is their number, 0 when it has caught up. */
static enum lat_status fill_some(struct moving *m, size_t *out_n, struct lat_error *err)
{
    struct lat_changes changes = {0};
    size_t most = (size_t)m->app->config.max_batch, n = 0;
    most = most < BATCH_ITEMS ? most : BATCH_ITEMS;
    enum lat_status status =
        lat_store_changes(m->app->store, m->name, m->next.synced, most, &changes, err);
    while (status == LAT_OK && n < changes.n && m->body.len < BATCH_BYTES)
        status = write_item(m, changes.rows[n++].id, err);
    if (status == LAT_OK)
        status = flush(m, err);
    if (status == LAT_OK && n) {
        m->next.synced = changes.rows[n - 1].version;
        if (++m->batches % NOTE_EVERY == 0)
            status = lat_store_generation_note(m->app->store, m->name, m->next.synced, err);
    }
    lat_buf_clear(&m->body);
    lat_changes_release(&changes);
    *out_n = n;
    return status;
}

static enum lat_status fill(struct moving *m, struct lat_error *err)
{
    size_t n = 1;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && n) {
        status = fill_some(m, &n, err);
        m->done += n;
        const double share = m->items ? (double)m->done / (double)m->items : 1;
        if (status == LAT_OK && !goes_on(m, FILL_SHARE * (share < 1 ? share : 1)))
            status = stopped(err);
    }
    return status == LAT_OK
               ? lat_store_generation_note(m->app->store, m->name, m->next.synced, err)
               : status;
}

/* Searches in the new generation are as fast as they will be once its index has all rows. */
static enum lat_status settle(struct moving *m, struct lat_error *err)
{
    struct lat_collection_info *info = lat_alloc(1, sizeof(*info));
    if (!info)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    for (int i = 0; i < SETTLE_ROUNDS && status == LAT_OK; i++) {
        status = lat_store_describe(m->app->store, m->next.name, info, err);
        if (status != LAT_OK || !info->waiting)
            break;
        if (!goes_on(m, FILL_SHARE))
            status = stopped(err);
        poll(NULL, 0, SETTLE_MS);
    }
    lat_free(info);
    return status;
}

/* ---- what it changes ---- */

static enum lat_status neighbours(struct moving *m, const char *name, const char *id,
                                  struct lat_search_result *out, struct lat_error *err)
{
    const struct lat_query query = {
        .id = id, .k = NEIGHBOURS, .max_distance = (float)INFINITY, .exclude_self = true};
    return lat_store_search(m->app->store, name, &query, out, err);
}

static enum lat_status compare_one(struct moving *m, const char *id, struct lat_error *err)
{
    struct lat_search_result before = {0}, after = {0};
    struct lat_error why = LAT_ERROR_INIT;
    size_t same = 0;
    enum lat_status status = neighbours(m, m->name, id, &before, &why);
    if (status == LAT_OK)
        status = neighbours(m, m->next.name, id, &after, &why);
    for (size_t i = 0; status == LAT_OK && i < before.n; i++)
        for (size_t j = 0; j < after.n; j++)
            same += strcmp(before.hits[i].id, after.hits[j].id) == 0;
    if (status == LAT_OK && before.n) {
        m->overlap += (double)same / (double)before.n;
        m->sampled++;
    }
    lat_search_result_release(&before);
    lat_search_result_release(&after);
    if (status == LAT_NOT_FOUND) /* deleted meanwhile */
        return LAT_OK;
    return status == LAT_OK ? LAT_OK : lat_fail(err, status, why.code, "%s", why.message);
}

/* Items spread evenly over the changes, so over the time they were written. */
static enum lat_status compare(struct moving *m, struct lat_error *err)
{
    struct lat_changes one = {0};
    enum lat_status status = lat_store_changes(m->app->store, m->name, 0, 1, &one, err);
    if (status != LAT_OK)
        return status;
    const uint64_t first = one.n ? one.rows[0].version : m->next.synced;
    const uint64_t span = m->next.synced - first + 1;
    const uint64_t n = span < SAMPLE ? span : SAMPLE;
    uint64_t last = 0;
    lat_changes_release(&one);
    for (uint64_t i = 0; i < n && status == LAT_OK; i++) {
        status =
            lat_store_changes(m->app->store, m->name, first - 1 + i * span / n, 1, &one, err);
        if (status == LAT_OK && one.n && one.rows[0].version != last) {
            last = one.rows[0].version;
            status = compare_one(m, one.rows[0].id, err);
        }
        lat_changes_release(&one);
        if (status == LAT_OK && !goes_on(m, FILL_SHARE))
            status = stopped(err);
    }
    m->overlap = m->sampled ? m->overlap / m->sampled : (double)NAN;
    return status;
}

/* ---- the switch ---- */

/* The rest, and the switch, while writers wait. A write that had begun before shows as
 * LAT_BUSY: once more. */
static enum lat_status switch_over(struct moving *m, struct lat_error *err)
{
    enum lat_status status = LAT_BUSY;
    lat_store_generation_hold(m->app->store, true);
    for (int i = 0; i < TRIES && status == LAT_BUSY; i++) {
        struct lat_collection_info info;
        size_t n = 1;
        lat_error_clear(err);
        status = LAT_OK;
        while (status == LAT_OK && n)
            status = fill_some(m, &n, err);
        if (status == LAT_OK)
            status = lat_store_describe(m->app->store, m->name, &info, err);
        if (status == LAT_OK)
            status = lat_store_generation_prune(m->app->store, m->name, err);
        if (status == LAT_OK) /* deletions have numbers, too */
            status = lat_store_generation_switch(m->app->store, m->name, info.sequence, err);
    }
    lat_store_generation_hold(m->app->store, false);
    return status;
}

static enum lat_status report(struct moving *m, const char *from, const char *to,
                              struct lat_error *err)
{
    struct lat_buf out = {0};
    lat_buf_char(&out, '{');
    lat_write_text(&out, "collection", m->name);
    lat_write_text(&out, "from", from);
    lat_write_text(&out, "model", to);
    lat_write_count(&out, "encoded", m->done);
    lat_write_double(&out, "overlap_at_10", m->overlap);
    lat_write_count(&out, "sample", m->sampled);
    lat_buf_char(&out, '}');
    enum lat_status status = lat_buf_check(&out, err);
    if (status == LAT_OK)
        status = lat_job_set_result(m->job, out.data, err);
    lat_buf_release(&out);
    return status;
}

/* ---- the job ---- */

static enum lat_status read_request(struct lat_job *job, char to[LAT_MODEL_REF_MAX],
                                    char from[LAT_MODEL_REF_MAX], struct lat_error *err)
{
    const char *text = lat_job_request(job);
    struct lat_document *document = NULL;
    struct lat_fields root;
    enum lat_status status = lat_document_parse(text, strlen(text), &document, err);
    if (status != LAT_OK)
        return status;
    lat_fields_root(document, &root, err);
    lat_fields_text(&root, "to", to, LAT_MODEL_REF_MAX);
    lat_fields_text(&root, "from", from, LAT_MODEL_REF_MAX);
    status = lat_document_status(document);
    lat_document_free(document);
    return status;
}

static enum lat_status begin(struct moving *m, const char *to, struct lat_error *err)
{
    struct lat_collection_info info;
    struct lat_collection_spec wanted = m->spec;
    struct lat_model *model = NULL;
    enum lat_status status = lat_registry_acquire(m->app->registry, to, &model, err);
    if (status != LAT_OK)
        return status;
    const struct lat_manifest *manifest = lat_model_manifest(model);
    snprintf(wanted.model, sizeof(wanted.model), "%s", to);
    wanted.dimension = (uint32_t)manifest->code_dimension;
    if (manifest->input.kind == LAT_INPUT_SEQUENCE)
        m->features = manifest->input.features;
    lat_model_release(model);
    status = lat_store_generation_begin(m->app->store, m->name, &wanted, &m->next, err);
    if (status == LAT_OK)
        status = lat_store_describe(m->app->store, m->name, &info, err);
    if (status == LAT_OK)
        m->items = info.items;
    return status;
}

static enum lat_status work(struct lat_job *job, void *context, struct lat_error *err)
{
    char to[LAT_MODEL_REF_MAX] = "", from[LAT_MODEL_REF_MAX] = "";
    struct lat_job_info info;
    struct moving m = {.job = job, .app = lat_job_app(job), .overlap = 0};
    (void)context;
    enum lat_status status = lat_jobs_get(m.app->jobs, lat_job_id(job), &info, err);
    if (status == LAT_OK)
        status = read_request(job, to, from, err);
    m.name = info.subject;
    if (status == LAT_OK)
        status = lat_store_spec(m.app->store, m.name, &m.spec, err);
    if (status == LAT_OK && strcmp(m.spec.model, to) == 0) {
        m.overlap = (double)NAN; /* switched just before the process ended */
        return report(&m, from, to, err);
    }
    if (status == LAT_OK)
        status = begin(&m, to, err);
    if (status == LAT_OK)
        status = fill(&m, err);
    if (status == LAT_OK)
        status = settle(&m, err);
    if (status == LAT_OK)
        status = compare(&m, err);
    if (status == LAT_OK)
        status = report(&m, from, to, err);
    if (status == LAT_OK)
        status = switch_over(&m, err);
    lat_buf_release(&m.body);
    if (status == LAT_OK)
        lat_log(LAT_LOG_INFO, "collection moved",
                "\"collection\":\"%s\",\"from\":\"%s\",\"model\":\"%s\"", m.name, from, to);
    return status;
}

/* What a job that failed or was cancelled had begun goes; a former generation stays. */
static void forget(struct lat_app *app, const char *id, enum lat_job_state state)
{
    struct lat_job_info info;
    struct lat_generation next;
    struct lat_error err = LAT_ERROR_INIT;
    if (!app || !app->jobs || state == LAT_JOB_DONE ||
        lat_jobs_get(app->jobs, id, &info, &err) != LAT_OK ||
        lat_store_generation(app->store, info.subject, &next, &err) != LAT_OK || next.former)
        return;
    if (lat_store_generation_drop(app->store, info.subject, &err) != LAT_OK)
        lat_log_error("generation not dropped", &err);
}

const struct lat_job_kind lat_job_reencode = {.type = "reencode",
                                              .lane = LAT_LANE_INDEX,
                                              .resumes = true,
                                              .work = work,
                                              .forget = forget};
