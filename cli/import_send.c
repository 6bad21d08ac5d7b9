/* The producer fills a batch and hands it to a bounded queue; a few threads, a connection each,
 * take batches and send them. Files and codes go as one multipart PUT a batch, lines as one
 * POST to import.
 *
 * Lock: `mutex` guards counts, the first failure and the number of batches under way. */
#include "cli/import_send.h"

#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/rng.h"
#include "cli/client.h"

#include "base/banned.h"

enum { CONNECTIONS_MAX = 32, BOUNDARY_SIZE = 40, QUEUED = 2 };

/* Items of one request. `body` is all of it but what closes it. */
struct batch {
    struct lat_arena arena; /* origins */
    struct lat_buf body, metadata;
    const char **origins;
    size_t n, capacity;
    bool lines;
    char boundary[BOUNDARY_SIZE];
};

struct lat_import_sender {
    struct lat_import_sender_options options;
    char *items_path, *import_path;
    struct batch *batch; /* being filled */
    struct lat_rng rng;
    struct lat_queue queue;
    pthread_t threads[CONNECTIONS_MAX];
    size_t n_threads;
    bool queue_ready;

    struct lat_mutex mutex;
    struct lat_cond room; /* a batch is done */
    size_t under_way;
    uint64_t stored, failed;
    struct lat_error failure; /* the first of a whole request */
};

/* ---- batches ---- */

static void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    lat_buf_release(&batch->body);
    lat_buf_release(&batch->metadata);
    lat_arena_release(&batch->arena);
    lat_free(batch->origins);
    lat_free(batch);
}

static struct batch *batch_new(struct lat_import_sender *sender, bool lines)
{
    struct batch *batch = lat_alloc(1, sizeof(*batch));
    if (!batch)
        return NULL;
    batch->lines = lines;
    snprintf(batch->boundary, sizeof(batch->boundary), "latentd-%016llx%08llx",
             (unsigned long long)lat_rng_next(&sender->rng),
             (unsigned long long)(lat_rng_next(&sender->rng) >> 32));
    return batch;
}

/* A name as curl and browsers quote it would not be exact for every id; filename* is. */
static void write_filename(struct lat_buf *out, const char *id)
{
    if (strpbrk(id, "\"\\%\r\n;")) {
        lat_buf_text(out, "; filename*=UTF-8''");
        lat_client_segment(out, id);
    } else {
        lat_buf_printf(out, "; filename=\"%s\"", id);
    }
}

static void write_part(struct batch *batch, const struct lat_import_item *item,
                       const char *metadata)
{
    struct lat_buf *out = &batch->body;
    lat_buf_printf(out, "--%s\r\nContent-Disposition: form-data; name=\"%s\"", batch->boundary,
                   item->kind == LAT_IMPORT_CODE ? "code" : "file");
    write_filename(out, item->id);
    lat_buf_text(out, "\r\nContent-Type: application/octet-stream\r\n\r\n");
    lat_buf_append(out, item->bytes, item->len);
    lat_buf_text(out, "\r\n");
    if (!metadata)
        return;
    lat_buf_char(&batch->metadata, batch->metadata.len ? ',' : '{');
    lat_buf_json_string(&batch->metadata, item->id, strlen(item->id));
    lat_buf_char(&batch->metadata, ':');
    lat_buf_text(&batch->metadata, metadata);
}

static void close_body(struct batch *batch)
{
    struct lat_buf *out = &batch->body;
    if (batch->lines)
        return;
    if (batch->metadata.len) {
        lat_buf_printf(out,
                       "--%s\r\nContent-Disposition: form-data; name=\"metadata\"\r\n"
                       "Content-Type: application/json\r\n\r\n",
                       batch->boundary);
        lat_buf_append(out, batch->metadata.data, batch->metadata.len);
        lat_buf_text(out, "}\r\n");
    }
    lat_buf_printf(out, "--%s--\r\n", batch->boundary);
}

/* A line of the import route: id, input and metadata. */
static void write_row(struct lat_buf *out, const struct lat_import_item *item,
                      const char *metadata)
{
    lat_buf_text(out, "{\"id\":");
    lat_buf_json_string(out, item->id, strlen(item->id));
    lat_buf_text(out, ",\"input\":");
    lat_buf_append(out, item->bytes, item->len);
    if (metadata) {
        lat_buf_text(out, ",\"metadata\":");
        lat_buf_text(out, metadata);
    }
    lat_buf_text(out, "}\n");
}

static enum lat_status add_item(struct batch *batch, const struct lat_import_item *item,
                                const char *metadata, struct lat_error *err)
{
    if (batch->n == batch->capacity) {
        const size_t capacity = batch->capacity ? batch->capacity * 2 : 64;
        const char **origins = lat_realloc(batch->origins, capacity, sizeof(*origins));
        if (!origins)
            return lat_fail_memory(err);
        batch->origins = origins;
        batch->capacity = capacity;
    }
    batch->origins[batch->n] = lat_arena_strdup(&batch->arena, item->origin);
    if (!batch->origins[batch->n])
        return lat_fail_memory(err);
    batch->n++;
    if (item->kind == LAT_IMPORT_ROW) {
        write_row(&batch->body, item, metadata);
    } else if (batch->lines) {
        lat_buf_append(&batch->body, item->bytes, item->len);
        lat_buf_char(&batch->body, '\n');
    } else {
        write_part(batch, item, metadata);
    }
    const enum lat_status status = lat_buf_check(&batch->metadata, err);
    return status == LAT_OK ? lat_buf_check(&batch->body, err) : status;
}

/* ---- answers ---- */

struct outcome {
    uint64_t stored, failed;
};

/* The server counts within its batch, of which the person knows nothing: "item 5: why" is why.
 */
static const char *without_place(const char *detail, uint64_t index, size_t *inout_len)
{
    char place[48];
    const int n = snprintf(place, sizeof(place), "item %llu: ", (unsigned long long)index);
    if (n < 0 || *inout_len <= (size_t)n || strncmp(detail, place, (size_t)n) != 0)
        return detail;
    *inout_len -= (size_t)n;
    return detail + n;
}

/* One {index,id,status,error?}. */
static void read_result(struct lat_import_sender *sender, const struct batch *batch,
                        struct lat_object *result, struct outcome *outcome)
{
    struct lat_object error;
    uint64_t index = 0;
    size_t len = 0;
    lat_object_count(result, "index", &index, 0, UINT32_MAX);
    if (!lat_object_child(result, "error", &error)) {
        outcome->stored++;
        return;
    }
    const char *detail = lat_object_text(&error, "detail", &len);
    char words[512];
    if (detail)
        detail = without_place(detail, index, &len);
    snprintf(words, sizeof(words), "%.*s", detail ? (int)len : 10,
             detail ? detail : "not stored");
    outcome->failed++;
    lat_mutex_lock(&sender->mutex);
    sender->options.failed(sender->options.context,
                           index < batch->n ? batch->origins[index] : "?", words);
    lat_mutex_unlock(&sender->mutex);
}

static void read_batch_reply(struct lat_import_sender *sender, const struct batch *batch,
                             const struct lat_buf *reply, struct outcome *outcome)
{
    struct lat_arena arena = {0};
    struct lat_json json = {0};
    struct lat_object root, result;
    struct lat_list list;
    if (lat_json_parse_whole(&json, &arena, reply->data, reply->len, 0, NULL) == LAT_OK) {
        lat_json_root(&json, &root);
        if (lat_object_list(&root, "results", &list))
            for (size_t i = 0; i < list.n; i++) {
                lat_json_begin(&json, NULL);
                lat_list_object(&list, i, &result);
                read_result(sender, batch, &result, outcome);
            }
    }
    lat_json_release(&json);
    lat_arena_release(&arena);
}

static void read_lines_reply(struct lat_import_sender *sender, const struct batch *batch,
                             const struct lat_buf *reply, struct outcome *outcome)
{
    struct lat_arena arena = {0};
    const char *p = reply->data, *end = p + reply->len;
    while (p < end) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const size_t len = newline ? (size_t)(newline - p) : (size_t)(end - p);
        struct lat_json json = {0};
        struct lat_object root;
        if (lat_json_parse_whole(&json, &arena, p, len, 0, NULL) == LAT_OK) {
            lat_json_root(&json, &root);
            read_result(sender, batch, &root, outcome);
        }
        lat_json_release(&json);
        lat_arena_clear(&arena);
        p += len + 1;
    }
    lat_arena_release(&arena);
}

/* ---- sending ---- */

static enum lat_status send(struct lat_import_sender *sender, struct lat_client *client,
                            struct batch *batch, struct outcome *outcome, struct lat_error *err)
{
    char type[100];
    long http = 0;
    struct lat_buf reply = {0};
    close_body(batch);
    snprintf(type, sizeof(type), batch->lines ? "%s" : "multipart/form-data; boundary=%s",
             batch->lines ? "application/x-ndjson" : batch->boundary);
    enum lat_status status = lat_buf_check(&batch->body, err);
    if (status == LAT_OK)
        status = lat_client_send(client, batch->lines ? "POST" : "PUT",
                                 batch->lines ? sender->import_path : sender->items_path, type,
                                 &batch->body, &reply, &http, err);
    if (status == LAT_OK && reply.len) {
        if (batch->lines && http == 200)
            read_lines_reply(sender, batch, &reply, outcome);
        else if (http == 200 || http == 207 || http == 422)
            read_batch_reply(sender, batch, &reply, outcome);
    }
    if (status == LAT_OK && outcome->stored + outcome->failed != batch->n) {
        char words[400];
        lat_client_words(&reply, http, words, sizeof(words));
        status = lat_fail(err, LAT_INTERNAL, NULL, "%s", words);
    }
    lat_buf_release(&reply);
    return status;
}

static void *run_sender(void *context)
{
    struct lat_import_sender *sender = context;
    struct lat_client *client = NULL;
    struct lat_error failure = LAT_ERROR_INIT;
    enum lat_status ready =
        lat_client_new(sender->options.server, sender->options.key, &client, &failure);
    for (struct batch *batch; (batch = lat_queue_pop(&sender->queue));) {
        struct outcome outcome = {0};
        lat_mutex_lock(&sender->mutex);
        bool broken = sender->failure.status != LAT_OK;
        lat_mutex_unlock(&sender->mutex);
        if (!broken && ready == LAT_OK)
            broken = send(sender, client, batch, &outcome, &failure) != LAT_OK;
        lat_mutex_lock(&sender->mutex);
        if (failure.status != LAT_OK && sender->failure.status == LAT_OK)
            sender->failure = failure;
        sender->stored += outcome.stored;
        sender->failed += outcome.failed;
        sender->under_way--;
        lat_cond_broadcast(&sender->room);
        lat_mutex_unlock(&sender->mutex);
        batch_free(batch);
    }
    lat_client_free(client);
    return NULL;
}

/* Hands the batch over, waiting for room. Takes it. */
static enum lat_status hand_over(struct lat_import_sender *sender, struct lat_error *err)
{
    struct batch *batch = sender->batch;
    const size_t most = sender->n_threads + QUEUED;
    enum lat_status status = LAT_OK;
    sender->batch = NULL;
    lat_mutex_lock(&sender->mutex);
    while (sender->under_way >= most && sender->failure.status == LAT_OK)
        lat_cond_wait(&sender->room, &sender->mutex);
    if (sender->failure.status != LAT_OK) {
        *err = sender->failure;
        status = err->status;
    } else {
        sender->under_way++;
    }
    lat_mutex_unlock(&sender->mutex);
    if (status == LAT_OK && !lat_queue_try_push(&sender->queue, batch))
        status = lat_fail(err, LAT_INTERNAL, NULL, "the queue of batches is full");
    if (status != LAT_OK)
        batch_free(batch);
    return status;
}

enum lat_status lat_import_sender_give(struct lat_import_sender *sender,
                                       const struct lat_import_item *item, const char *metadata,
                                       struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    const bool lines = item->kind == LAT_IMPORT_LINE || item->kind == LAT_IMPORT_ROW;
    const struct batch *open = sender->batch;
    if (open && (open->lines != lines || open->n == sender->options.batch_items ||
                 open->body.len + item->len > sender->options.batch_bytes))
        status = hand_over(sender, err);
    if (status == LAT_OK && !sender->batch) {
        sender->batch = batch_new(sender, lines);
        if (!sender->batch)
            status = lat_fail_memory(err);
    }
    return status == LAT_OK ? add_item(sender->batch, item, metadata, err) : status;
}

enum lat_status lat_import_sender_finish(struct lat_import_sender *sender,
                                         struct lat_error *err)
{
    enum lat_status status = sender->batch ? hand_over(sender, err) : LAT_OK;
    lat_mutex_lock(&sender->mutex);
    while (sender->under_way && sender->failure.status == LAT_OK)
        lat_cond_wait(&sender->room, &sender->mutex);
    if (status == LAT_OK && sender->failure.status != LAT_OK) {
        *err = sender->failure;
        status = err->status;
    }
    lat_mutex_unlock(&sender->mutex);
    return status;
}

/* ---- life ---- */

static char *make_path(const char *collection, const char *tail)
{
    struct lat_buf path = {0};
    lat_buf_text(&path, "/v1/collections/");
    lat_client_segment(&path, collection);
    lat_buf_text(&path, tail);
    return lat_buf_take(&path, NULL);
}

enum lat_status lat_import_sender_new(const struct lat_import_sender_options *options,
                                      struct lat_import_sender **out_sender,
                                      struct lat_error *err)
{
    struct lat_import_sender *sender = lat_alloc(1, sizeof(*sender));
    if (!sender)
        return lat_fail_memory(err);
    sender->options = *options;
    if (sender->options.connections > CONNECTIONS_MAX)
        sender->options.connections = CONNECTIONS_MAX;
    lat_mutex_init(&sender->mutex, LAT_RANK_JOBS, "import");
    lat_cond_init(&sender->room);
    lat_rng_seed(&sender->rng, lat_clock_ns());
    sender->items_path = make_path(options->collection, "/items");
    sender->import_path = make_path(options->collection, "/import");
    enum lat_status status =
        sender->items_path && sender->import_path ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_queue_init(&sender->queue, sender->options.connections + QUEUED + 1, err);
    sender->queue_ready = status == LAT_OK;
    while (status == LAT_OK && sender->n_threads < sender->options.connections) {
        status = lat_thread_start(&sender->threads[sender->n_threads], "send", run_sender,
                                  sender, err);
        sender->n_threads += status == LAT_OK;
    }
    if (status != LAT_OK) {
        lat_import_sender_free(sender);
        return status;
    }
    *out_sender = sender;
    return LAT_OK;
}

void lat_import_sender_free(struct lat_import_sender *sender)
{
    if (!sender)
        return;
    if (sender->queue_ready)
        lat_queue_close(&sender->queue);
    for (size_t i = 0; i < sender->n_threads; i++)
        pthread_join(sender->threads[i], NULL);
    if (sender->queue_ready)
        lat_queue_release(&sender->queue);
    batch_free(sender->batch);
    lat_cond_release(&sender->room);
    lat_mutex_release(&sender->mutex);
    lat_free(sender->items_path);
    lat_free(sender->import_path);
    lat_free(sender);
}

void lat_import_sender_counts(struct lat_import_sender *sender, uint64_t *out_stored,
                              uint64_t *out_failed)
{
    lat_mutex_lock(&sender->mutex);
    *out_stored = sender->stored;
    *out_failed = sender->failed;
    lat_mutex_unlock(&sender->mutex);
}
