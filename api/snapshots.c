/* Snapshots: make, list, fetch, delete. */
#include <stdio.h>
#include <string.h>

#include "api/floats.h"
#include "api/handlers.h"
#include "api/jobs.h"
#include "api/reply.h"
#include "api/request.h"
#include "base/mem.h"
#include "service/snapshots.h"

#include "base/banned.h"

enum lat_status lat_api_snapshot_make(struct lat_call *call, struct lat_error *err)
{
    struct lat_json json = {0};
    struct lat_object root;
    char id[LAT_JOB_ID_SIZE];
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK && call->body_len) { /* an object without members is fine */
        status = lat_call_json(call, &json, err);
        if (status == LAT_OK) {
            lat_json_root(&json, &root);
            lat_object_end(&root);
            status = lat_json_status(&json);
        }
        lat_json_release(&json);
    }
    if (status == LAT_OK)
        status = lat_snapshots_start(call->app, id, err);
    return status == LAT_OK ? lat_reply_job(call, id, err) : status;
}

static void write_snapshot(struct lat_buf *out, const struct lat_snapshot_info *info)
{
    lat_buf_char(out, '{');
    lat_write_text(out, "id", info->id);
    lat_write_text(out, "state", lat_snapshot_state_names[info->state]);
    lat_write_time(out, "created", info->created_ms);
    lat_write_count(out, "bytes", info->bytes);
    lat_write_text(out, "sha256", info->sha256[0] ? info->sha256 : NULL);
    if (info->state == LAT_SNAPSHOT_FAILED)
        lat_write_text(out, "reason", info->reason);
    lat_buf_char(out, '}');
}

/* The cursor is the id of the last one shown. */
enum lat_status lat_api_snapshots(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_snapshot_info *infos = NULL;
    uint64_t limit;
    const char *cursor;
    size_t n = 0, from = 0;
    lat_options_begin(&options, call, err);
    lat_options_page(&options, &limit, &cursor);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_snapshots_list(call->app, &infos, &n, err);
    if (status != LAT_OK)
        return status;
    while (cursor && from < n && strcmp(infos[from].id, cursor) != 0)
        from++;
    if (cursor && from == n) {
        lat_free(infos);
        return lat_fail(err, LAT_INVALID, "bad_cursor", "this cursor is not one of this list");
    }
    from += cursor != NULL;
    struct lat_buf *out = &call->response.body;
    const size_t shown = n - from > limit ? (size_t)limit : n - from;
    lat_buf_text(out, "{\"snapshots\":[");
    for (size_t i = 0; i < shown; i++) {
        if (i)
            lat_buf_char(out, ',');
        write_snapshot(out, &infos[from + i]);
    }
    lat_buf_char(out, ']');
    lat_write_cursor(out, shown && n - from > shown ? infos[from + shown - 1].id : NULL);
    lat_buf_char(out, '}');
    lat_free(infos);
    return lat_reply_json(call, 200, err);
}

/* `bytes=A-B`, `bytes=A-`, `bytes=-N` (RFC 9110, 14.1.2): one range. False: none that is
 * understood, so that the whole is the answer. *out_from == size: it cannot be satisfied. */
static bool read_range(const char *text, uint64_t size, uint64_t *out_from, uint64_t *out_n)
{
    unsigned long long from = 0, to = 0;
    int end = 0;
    if (sscanf(text, "bytes=%llu-%llu%n", &from, &to, &end) == 2 && end > 0 && !text[end]) {
        if (to < from)
            return false;
        to = to >= size ? size - 1 : to;
    } else if (end = 0,
               sscanf(text, "bytes=%llu-%n", &from, &end) == 1 && end > 0 && !text[end]) {
        to = size - 1;
    } else if (end = 0,
               sscanf(text, "bytes=-%llu%n", &to, &end) == 1 && end > 0 && !text[end]) {
        from = to >= size ? 0 : size - to;
        to = size - 1;
    } else {
        return false;
    }
    *out_from = from < size ? from : size;
    *out_n = from < size ? to - from + 1 : 0;
    return true;
}

static void write_digest(struct lat_call *call, const char *sha256)
{
    uint8_t hash[LAT_HASH_SIZE];
    struct lat_buf text = {0};
    if (!lat_hash_parse(sha256, hash))
        return;
    lat_base64_encode(&text, hash, sizeof(hash));
    if (text.data) { /* RFC 9530, and the older RFC 3230 */
        lat_call_respond_header(call, "Repr-Digest", "sha-256=:%s:", text.data);
        lat_call_respond_header(call, "Digest", "sha-256=%s", text.data);
    }
    lat_buf_release(&text);
}

static enum lat_status send_file(struct lat_call *call, const struct lat_snapshot_info *info,
                                 int fd, struct lat_error *err)
{
    uint64_t from = 0, n = info->bytes;
    char tag[LAT_SHA256_TEXT + 2];
    snprintf(tag, sizeof(tag), "\"%s\"", info->sha256);
    const char *range = lat_call_header(call, "Range"),
               *only = lat_call_header(call, "If-Range");
    const bool part = range && call->method == LAT_GET && (!only || strcmp(only, tag) == 0) &&
                      read_range(range, info->bytes, &from, &n);
    lat_call_respond_header(call, "ETag", "%s", tag);
    lat_call_respond_header(call, "Accept-Ranges", "bytes");
    if (part && !n) {
        lat_call_respond_header(call, "Content-Range", "bytes */%llu",
                                (unsigned long long)info->bytes);
        return lat_fail(err, LAT_INVALID, "bad_range", "the snapshot has %llu bytes",
                        (unsigned long long)info->bytes);
    }
    enum lat_status status = lat_spool_file(fd, from, n, &call->response.spool, err);
    if (status != LAT_OK)
        return status;
    if (part)
        lat_call_respond_header(call, "Content-Range", "bytes %llu-%llu/%llu",
                                (unsigned long long)from, (unsigned long long)(from + n - 1),
                                (unsigned long long)info->bytes);
    write_digest(call, info->sha256);
    lat_call_respond_header(call, "Content-Disposition",
                            "attachment; filename=\"latentd-%.12s.tar\"", info->id);
    call->response.content_type = "application/x-tar";
    call->response.status = part ? 206 : 200;
    return LAT_OK;
}

enum lat_status lat_api_snapshot(struct lat_call *call, struct lat_error *err)
{
    struct lat_snapshot_info info;
    int fd = -1;
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_snapshots_open(call->app, call->params[0], &info, &fd, err);
    return status == LAT_OK ? send_file(call, &info, fd, err) : status;
}

enum lat_status lat_api_snapshot_delete(struct lat_call *call, struct lat_error *err)
{
    enum lat_status status = lat_options_none(call, err);
    if (status == LAT_OK)
        status = lat_snapshots_delete(call->app, call->params[0], err);
    return status == LAT_OK ? lat_reply_nothing(call) : status;
}
