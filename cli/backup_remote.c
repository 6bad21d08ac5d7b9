/* The file comes into a temporary name beside the wanted one, its sum computed as it comes, and
 * takes the name when the sum is the server's: a fetch that breaks off leaves what was there.
 * The server's copy is deleted either way, once there is one. */
#include "cli/backup_remote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/client.h"
#include "model/train/fields.h"

#include "base/banned.h"

enum { EVERY_MS = 200, ID_SIZE = 40 };

/* Half of the bar is the server's work, half the way here. */
static const double MADE_SHARE = 0.5;

struct fetch {
    struct lat_client *client;
    struct lat_bar *bar;
    char id[ID_SIZE];
    uint64_t bytes, expected;
    char sha256[LAT_SHA256_TEXT]; /* as the server says */
    struct lat_sha256 sha;
    int fd;
    const char *file;         /* what it is to be called */
    struct lat_error failure; /* of writing it */
};

static enum lat_status ask(struct fetch *fetch, const char *method, const char *path,
                           long wanted, struct lat_buf *reply, struct lat_error *err)
{
    long http = 0;
    char words[256];
    enum lat_status status =
        lat_client_send(fetch->client, method, path, NULL, NULL, reply, &http, err);
    if (status == LAT_OK && http != wanted) {
        lat_client_words(reply, http, words, sizeof(words));
        status = lat_fail(err, LAT_IO, NULL, "%s", words);
    }
    return status;
}

/* Where the job stands; what is missing stays as it is. */
static enum lat_status read_job(struct fetch *fetch, const struct lat_buf *reply,
                                char state[16], struct lat_error *err)
{
    struct lat_document *document = NULL;
    struct lat_fields root, result, error;
    double done = 0;
    char words[256] = "";
    enum lat_status status =
        lat_document_parse(reply->data ? reply->data : "", reply->len, &document, err);
    if (status != LAT_OK)
        return status;
    lat_fields_root(document, &root, err);
    lat_fields_text(&root, "id", fetch->id, sizeof(fetch->id));
    lat_fields_text(&root, "state", state, 16);
    lat_fields_real(&root, "progress", &done, 0, 1);
    if (lat_fields_object(&root, "result", &result)) {
        lat_fields_u64(&result, "bytes", &fetch->expected);
        lat_fields_text(&result, "sha256", fetch->sha256, sizeof(fetch->sha256));
    }
    if (lat_fields_object(&root, "error", &error))
        lat_fields_text(&error, "detail", words, sizeof(words));
    status = lat_document_status(document);
    lat_document_free(document);
    lat_bar_draw(fetch->bar, done * MADE_SHARE);
    if (status == LAT_OK && words[0])
        status = lat_fail(err, LAT_IO, NULL, "%s", words);
    return status;
}

static enum lat_status await(struct fetch *fetch, struct lat_error *err)
{
    struct lat_buf reply = {0};
    char path[64], state[16] = "";
    enum lat_status status = ask(fetch, "POST", "/v1/snapshots", 202, &reply, err);
    if (status == LAT_OK)
        status = read_job(fetch, &reply, state, err);
    snprintf(path, sizeof(path), "/v1/jobs/%s", fetch->id);
    while (status == LAT_OK && strcmp(state, "done") != 0) {
        poll(NULL, 0, EVERY_MS);
        status = ask(fetch, "GET", path, 200, &reply, err);
        if (status == LAT_OK)
            status = read_job(fetch, &reply, state, err);
        if (status == LAT_OK && strcmp(state, "cancelled") == 0)
            status = lat_fail(err, LAT_CANCELLED, NULL, "somebody cancelled it");
    }
    lat_buf_release(&reply);
    return status;
}

static bool take(void *context, const void *bytes, size_t len)
{
    struct fetch *fetch = context;
    lat_sha256_add(&fetch->sha, bytes, len);
    fetch->bytes += len;
    if (lat_file_write_all(fetch->fd, fetch->file, bytes, len, &fetch->failure) != LAT_OK)
        return false;
    const double share = (double)fetch->bytes / (double)(fetch->expected + 1);
    return lat_bar_draw(fetch->bar, MADE_SHARE + (1 - MADE_SHARE) * share);
}

static enum lat_status fetch_file(struct fetch *fetch, struct lat_error *err)
{
    struct lat_buf problem = {0};
    struct lat_error why = LAT_ERROR_INIT;
    char path[80], words[256], sum[LAT_SHA256_TEXT];
    long http = 0;
    snprintf(path, sizeof(path), "/v1/snapshots/%s", fetch->id);
    lat_sha256_begin(&fetch->sha);
    enum lat_status status =
        lat_client_fetch(fetch->client, path, take, fetch, &problem, &http, &why);
    lat_sha256_end(&fetch->sha, sum);
    if (fetch->failure.status != LAT_OK) {
        status = lat_fail(err, fetch->failure.status, fetch->failure.code, "%s",
                          fetch->failure.message);
    } else if (status != LAT_OK) {
        status = lat_fail(err, status, NULL, "%s", why.message);
    } else if (http != 200) {
        lat_client_words(&problem, http, words, sizeof(words));
        status = lat_fail(err, LAT_IO, NULL, "%s", words);
    } else if (strcmp(sum, fetch->sha256) != 0) {
        status = lat_fail(err, LAT_CORRUPT, NULL, "what came is not what the server made");
    }
    lat_buf_release(&problem);
    return status;
}

/* The server's copy has done its work, whole or not. */
static void drop(struct fetch *fetch)
{
    struct lat_buf reply = {0};
    struct lat_error ignored = LAT_ERROR_INIT;
    char path[80];
    snprintf(path, sizeof(path), "/v1/snapshots/%s", fetch->id);
    if (fetch->id[0] && ask(fetch, "DELETE", path, 204, &reply, &ignored) != LAT_OK)
        fprintf(stderr, "latentd: backup: snapshot %s stays on the server: %s\n", fetch->id,
                ignored.message);
    lat_buf_release(&reply);
}

static enum lat_status fetch_to(struct fetch *fetch, const char *file, struct lat_error *err)
{
    char temporary[4096];
    const int len = snprintf(temporary, sizeof(temporary), "%s.tmp-%ld", file, (long)getpid());
    if (len < 0 || (size_t)len >= sizeof(temporary))
        return lat_fail(err, LAT_INVALID, NULL, "'%s' is too long", file);
    fetch->fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fetch->fd < 0)
        return lat_fail_errno(err, errno, "creating '%s'", file);
    enum lat_status status = await(fetch, err);
    if (status == LAT_OK)
        status = fetch_file(fetch, err);
    if (close(fetch->fd) != 0 && status == LAT_OK)
        status = lat_fail_errno(err, errno, "writing '%s'", file);
    if (status == LAT_OK)
        status = lat_file_publish(temporary, file, err);
    else
        unlink(temporary);
    if (fetch->sha256[0])
        drop(fetch);
    return status;
}

enum lat_status lat_backup_fetch(const char *server, const char *key, const char *file,
                                 struct lat_bar *bar, struct lat_backup_result *out_result,
                                 struct lat_error *err)
{
    struct fetch fetch = {.bar = bar, .fd = -1, .file = file, .failure = LAT_ERROR_INIT};
    enum lat_status status = lat_client_new(server, key, &fetch.client, err);
    if (status == LAT_OK)
        status = fetch_to(&fetch, file, err);
    lat_client_free(fetch.client);
    if (status != LAT_OK)
        return status;
    out_result->bytes = fetch.bytes;
    memcpy(out_result->sha256, fetch.sha256, sizeof(fetch.sha256));
    return LAT_OK;
}
