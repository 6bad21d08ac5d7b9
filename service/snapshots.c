/* What is there is read from the folder each time it is asked for: there are few, and files may
 * be taken away by hand. Those that are being made are known to the jobs. */
#include "service/snapshots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/train/fields.h"
#include "service/app.h"

#include "base/banned.h"

enum { PATH_SIZE = LAT_PATH_MAX + 96, NOTE_MAX = 4096 };

const char *const lat_snapshot_state_names[3] = {"making", "ready", "failed"};

static void path_of(const char *data, const char *id, const char *end, char out[PATH_SIZE])
{
    snprintf(out, PATH_SIZE, "%s/" LAT_SNAPSHOT_FOLDER "/%s%s", data, id, end);
}

/* 32 lower-case hexadecimal digits, as jobs are called. */
static bool is_id(const char *text, size_t len)
{
    return len == LAT_JOB_ID_SIZE - 1 && strspn(text, "0123456789abcdef") >= len;
}

void lat_snapshots_sweep(const char *data)
{
    char folder[PATH_SIZE], path[PATH_SIZE + 256];
    snprintf(folder, sizeof(folder), "%s/" LAT_SNAPSHOT_FOLDER, data);
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".tmp-"))
            unlink(path);
    }
    if (dir)
        closedir(dir);
}

/* ---- what is said of one ---- */

static enum lat_status write_note(const char *data, const struct lat_snapshot_info *info,
                                  struct lat_error *err)
{
    char path[PATH_SIZE];
    struct lat_buf text = {0};
    lat_buf_printf(&text, "{\"state\":\"%s\",\"created_ms\":%lld,\"bytes\":%llu",
                   lat_snapshot_state_names[info->state], (long long)info->created_ms,
                   (unsigned long long)info->bytes);
    if (info->sha256[0])
        lat_buf_printf(&text, ",\"sha256\":\"%s\"", info->sha256);
    if (info->reason[0]) {
        lat_buf_text(&text, ",\"reason\":");
        lat_buf_json_string(&text, info->reason, strlen(info->reason));
    }
    lat_buf_text(&text, "}\n");
    path_of(data, info->id, ".json", path);
    enum lat_status status = lat_buf_check(&text, err);
    if (status == LAT_OK)
        status = lat_file_write(path, text.data, text.len, err);
    lat_buf_release(&text);
    return status;
}

/* False for anything that is no snapshot, ready or failed. `id` is not in `out`. */
static bool read_note(const char *data, const char *id, struct lat_snapshot_info *out)
{
    char path[PATH_SIZE];
    struct lat_buf text = {0};
    struct lat_document *document = NULL;
    struct lat_fields root;
    struct lat_error err = LAT_ERROR_INIT;
    struct stat st;
    uint64_t created = 0;
    int state = LAT_SNAPSHOT_FAILED;
    static const struct lat_choice states[] = {{"ready", LAT_SNAPSHOT_READY, true},
                                               {"failed", LAT_SNAPSHOT_FAILED, true}};
    *out = (struct lat_snapshot_info){.state = LAT_SNAPSHOT_FAILED};
    path_of(data, id, ".json", path);
    bool good = lat_file_read(path, NOTE_MAX, &text, NULL) == LAT_OK &&
                lat_document_parse(text.data, text.len, &document, NULL) == LAT_OK;
    if (good) {
        lat_fields_root(document, &root, &err);
        lat_fields_choice(&root, "state", states, LAT_ARRAY_LEN(states), &state);
        lat_fields_u64(&root, "created_ms", &created);
        lat_fields_u64(&root, "bytes", &out->bytes);
        lat_fields_text(&root, "sha256", out->sha256, sizeof(out->sha256));
        lat_fields_text(&root, "reason", out->reason, sizeof(out->reason));
        good = lat_document_status(document) == LAT_OK;
    }
    lat_document_free(document);
    lat_buf_release(&text);
    snprintf(out->id, sizeof(out->id), "%s", id);
    out->created_ms = (int64_t)created;
    out->state = (enum lat_snapshot_state)state;
    path_of(data, id, ".tar", path);
    return good && (state == LAT_SNAPSHOT_FAILED ||
                    (stat(path, &st) == 0 && (uint64_t)st.st_size == out->bytes));
}

/* ---- the job ---- */

static bool note_progress(void *context, double done)
{
    return lat_job_progress(context, done);
}

static enum lat_status make(struct lat_job *job, struct lat_snapshot_info *info,
                            struct lat_error *err)
{
    char folder[PATH_SIZE], path[PATH_SIZE];
    struct lat_app *app = lat_job_app(job);
    struct lat_backup_result result;
    const char *data = app->config.data;
    snprintf(folder, sizeof(folder), "%s/" LAT_SNAPSHOT_FOLDER, data);
    path_of(data, info->id, ".tar", path);
    const struct lat_backup backup = {.data = data,
                                      .models = app->config.models,
                                      .to = path,
                                      .progress = note_progress,
                                      .context = job};
    enum lat_status status = lat_file_make_folder(folder, err);
    if (status == LAT_OK)
        status = lat_backup_write(&backup, &result, err);
    if (status != LAT_OK)
        return status;
    info->state = LAT_SNAPSHOT_READY;
    info->bytes = result.bytes;
    memcpy(info->sha256, result.sha256, sizeof(info->sha256));
    status = write_note(data, info, err);
    /* Deleted meanwhile: by somebody who may have looked before the note was there. */
    if (status == LAT_OK && atomic_load(lat_job_cancelled(job)))
        status = lat_fail(err, LAT_CANCELLED, NULL, "the snapshot was deleted");
    if (status != LAT_OK) {
        unlink(path);
        path_of(data, info->id, ".json", path);
        unlink(path);
    }
    return status;
}

static enum lat_status work(struct lat_job *job, void *context, struct lat_error *err)
{
    struct lat_job_info about;
    struct lat_snapshot_info info;
    struct lat_app *app = lat_job_app(job);
    char text[256];
    (void)context;
    enum lat_status status = lat_jobs_get(app->jobs, lat_job_id(job), &about, err);
    if (status != LAT_OK)
        return status;
    if (!read_note(app->config.data, about.id, &info) || info.state != LAT_SNAPSHOT_READY) {
        info = (struct lat_snapshot_info){.state = LAT_SNAPSHOT_FAILED,
                                          .created_ms = about.created_ms};
        memcpy(info.id, about.id, sizeof(info.id));
        status = make(job, &info, err);
    }
    if (status == LAT_OK) {
        snprintf(text, sizeof(text), "{\"snapshot\":\"%s\",\"bytes\":%llu,\"sha256\":\"%s\"}",
                 info.id, (unsigned long long)info.bytes, info.sha256);
        return lat_job_set_result(job, text, err);
    }
    if (status == LAT_CANCELLED)
        return status;
    struct lat_error why = LAT_ERROR_INIT;
    snprintf(info.reason, sizeof(info.reason), "%.255s", err ? err->message : "");
    if (write_note(app->config.data, &info, &why) != LAT_OK)
        lat_log_error("failed snapshot not noted", &why);
    return status;
}

const struct lat_job_kind lat_job_snapshot = {
    .type = "snapshot", .lane = LAT_LANE_SNAPSHOT, .resumes = true, .work = work};

enum lat_status lat_snapshots_start(struct lat_app *app, char out_id[LAT_JOB_ID_SIZE],
                                    struct lat_error *err)
{
    return lat_jobs_start(app->jobs, &lat_job_snapshot, "", NULL, NULL, out_id, err);
}

/* ---- asking ---- */

struct gathered {
    struct lat_snapshot_info *infos;
    size_t n, capacity;
};

static enum lat_status add(struct gathered *list, const struct lat_snapshot_info *info,
                           struct lat_error *err)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->infos[i].id, info->id) == 0)
            return LAT_OK;
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct lat_snapshot_info *infos = lat_realloc(list->infos, capacity, sizeof(*infos));
        if (!infos)
            return lat_fail_memory(err);
        list->infos = infos;
        list->capacity = capacity;
    }
    list->infos[list->n++] = *info;
    return LAT_OK;
}

static enum lat_status add_files(struct lat_app *app, struct gathered *list,
                                 struct lat_error *err)
{
    char folder[PATH_SIZE], id[LAT_JOB_ID_SIZE];
    struct lat_snapshot_info info;
    enum lat_status status = LAT_OK;
    snprintf(folder, sizeof(folder), "%s/" LAT_SNAPSHOT_FOLDER, app->config.data);
    DIR *dir = opendir(folder);
    if (!dir)
        return errno == ENOENT ? LAT_OK : lat_fail_errno(err, errno, "opening '%s'", folder);
    const struct dirent *entry;
    while (status == LAT_OK && (entry = readdir(dir)) != NULL) {
        const char *dot = strchr(entry->d_name, '.');
        if (!dot || strcmp(dot, ".json") != 0 ||
            !is_id(entry->d_name, (size_t)(dot - entry->d_name)))
            continue;
        memcpy(id, entry->d_name, sizeof(id) - 1);
        id[sizeof(id) - 1] = '\0';
        if (read_note(app->config.data, id, &info))
            status = add(list, &info, err);
    }
    closedir(dir);
    return status;
}

static enum lat_status add_making(struct lat_app *app, struct gathered *list,
                                  struct lat_error *err)
{
    struct lat_job_info *jobs = NULL;
    size_t n = 0;
    enum lat_status status = lat_jobs_list(app->jobs, "", LAT_JOBS_KEPT, &jobs, &n, err);
    for (size_t i = 0; i < n && status == LAT_OK; i++) {
        struct lat_snapshot_info info = {.state = LAT_SNAPSHOT_MAKING,
                                         .created_ms = jobs[i].created_ms};
        const bool making = jobs[i].state == LAT_JOB_QUEUED || jobs[i].state == LAT_JOB_RUNNING;
        memcpy(info.id, jobs[i].id, sizeof(info.id));
        if (making && strcmp(jobs[i].type, lat_job_snapshot.type) == 0)
            status = add(list, &info, err);
    }
    lat_free(jobs);
    return status;
}

static int newest_first(const void *left, const void *right)
{
    const struct lat_snapshot_info *a = left, *b = right;
    const int order = (a->created_ms < b->created_ms) - (a->created_ms > b->created_ms);
    return order ? order : strcmp(a->id, b->id);
}

/* Jobs before files: one that ends in between is then in one of the two lists at least. */
enum lat_status lat_snapshots_list(struct lat_app *app, struct lat_snapshot_info **out_infos,
                                   size_t *out_n, struct lat_error *err)
{
    struct gathered list = {0}, making = {0};
    enum lat_status status = add_making(app, &making, err);
    if (status == LAT_OK)
        status = add_files(app, &list, err);
    for (size_t i = 0; i < making.n && status == LAT_OK; i++)
        status = add(&list, &making.infos[i], err);
    lat_free(making.infos);
    if (status != LAT_OK) {
        lat_free(list.infos);
        return status;
    }
    if (list.n > 1)
        qsort(list.infos, list.n, sizeof(*list.infos), newest_first);
    *out_infos = list.infos;
    *out_n = list.n;
    return LAT_OK;
}

static enum lat_status find(struct lat_app *app, const char *id,
                            struct lat_snapshot_info *out_info, struct lat_error *err)
{
    struct lat_snapshot_info *infos = NULL;
    size_t n = 0;
    enum lat_status status = lat_snapshots_list(app, &infos, &n, err);
    if (status != LAT_OK)
        return status;
    status = LAT_NOT_FOUND;
    for (size_t i = 0; i < n && status != LAT_OK; i++) {
        if (strcmp(infos[i].id, id) != 0)
            continue;
        *out_info = infos[i];
        status = LAT_OK;
    }
    lat_free(infos);
    return status == LAT_OK
               ? status
               : lat_fail(err, LAT_NOT_FOUND, "snapshot_not_found", "no snapshot '%.64s'", id);
}

enum lat_status lat_snapshots_open(struct lat_app *app, const char *id,
                                   struct lat_snapshot_info *out_info, int *out_fd,
                                   struct lat_error *err)
{
    char path[PATH_SIZE];
    struct lat_snapshot_info info;
    enum lat_status status = find(app, id, &info, err);
    if (status != LAT_OK)
        return status;
    if (info.state == LAT_SNAPSHOT_MAKING)
        return lat_fail(err, LAT_CONFLICT, "snapshot_not_ready",
                        "snapshot '%s' is still being made: see /v1/jobs/%s", id, id);
    if (info.state == LAT_SNAPSHOT_FAILED)
        return lat_fail(err, LAT_CONFLICT, "snapshot_failed", "snapshot '%s' failed: %s", id,
                        info.reason);
    path_of(app->config.data, info.id, ".tar", path);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? lat_fail(err, LAT_NOT_FOUND, "snapshot_not_found",
                                          "no snapshot '%.64s'", id)
                               : lat_fail_errno(err, errno, "opening snapshot '%s'", id);
    *out_info = info;
    *out_fd = fd;
    return LAT_OK;
}

enum lat_status lat_snapshots_delete(struct lat_app *app, const char *id, struct lat_error *err)
{
    char path[PATH_SIZE];
    struct lat_snapshot_info info;
    enum lat_status status = find(app, id, &info, err);
    if (status != LAT_OK)
        return status;
    if (info.state == LAT_SNAPSHOT_MAKING)
        status = lat_jobs_cancel(app->jobs, info.id, false, err);
    static const char *const ends[] = {".tar", ".json"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(ends) && status == LAT_OK; i++) {
        path_of(app->config.data, info.id, ends[i], path);
        if (unlink(path) != 0 && errno != ENOENT)
            status = lat_fail_errno(err, errno, "deleting snapshot '%s'", id);
    }
    return status;
}
