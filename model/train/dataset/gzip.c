/* Files that may be gzip, and the raw deflate streams of zip archives; the only file that knows
 * zlib. gzread hands plain files through, so callers need not know which they have. */
#include "model/train/dataset/formats.h"

#include <errno.h>
#include <zlib.h>

#include "base/mem.h"

#include "base/banned.h"

enum { READ_STEP = 1 << 18 };

/* What gzread's answer means; 0 bytes without a failure are the end. */
static enum lat_status check_read(gzFile file, const char *path, int n, struct lat_error *err)
{
    int code = Z_OK;
    if (n > 0)
        return LAT_OK;
    const char *words = gzerror(file, &code);
    if (n < 0 && code == Z_ERRNO)
        return lat_fail_errno(err, errno, "reading '%s'", path);
    if (n < 0 || (code != Z_OK && code != Z_STREAM_END))
        return lat_fail(err, LAT_CORRUPT, "bad_gzip", "'%s': %s", path, words);
    return LAT_OK;
}

static enum lat_status open_file(const char *path, gzFile *out_file, struct lat_error *err)
{
    errno = 0;
    gzFile file = gzopen(path, "rbe");
    if (!file && errno == ENOENT)
        return lat_fail(err, LAT_NOT_FOUND, NULL, "no file '%s'", path);
    if (!file)
        return lat_fail_errno(err, errno ? errno : ENOMEM, "opening '%s'", path);
    (void)gzbuffer(file, 1 << 17);
    *out_file = file;
    return LAT_OK;
}

static enum lat_status read_all(gzFile file, const char *path, size_t limit,
                                struct lat_buf *out, struct lat_error *err)
{
    for (;;) {
        if (!lat_buf_reserve(out, READ_STEP))
            return lat_buf_check(out, err);
        const int n = gzread(file, out->data + out->len, READ_STEP);
        const enum lat_status status = check_read(file, path, n, err);
        if (status != LAT_OK || n == 0)
            return status;
        out->len += (size_t)n;
        if (out->len > limit)
            return lat_fail(err, LAT_TOO_LARGE, NULL, "'%s' unpacks to more than %zu bytes",
                            path, limit);
    }
}

enum lat_status lat_gzip_read(const char *path, size_t limit, struct lat_buf *out,
                              struct lat_error *err)
{
    gzFile file = NULL;
    enum lat_status status = open_file(path, &file, err);
    if (status != LAT_OK)
        return status;
    status = read_all(file, path, limit, out, err);
    (void)gzclose_r(file);
    return status;
}

/* ---- bit by bit ---- */

struct lat_gzip {
    gzFile file;
    char *path;
};

enum lat_status lat_gzip_open(const char *path, struct lat_gzip **out_file,
                              struct lat_error *err)
{
    struct lat_gzip *gzip = lat_alloc(1, sizeof(*gzip));
    if (!gzip)
        return lat_fail_memory(err);
    gzip->path = lat_strdup(path);
    enum lat_status status =
        gzip->path ? open_file(path, &gzip->file, err) : lat_fail_memory(err);
    if (status == LAT_OK)
        *out_file = gzip;
    else
        lat_gzip_close(gzip);
    return status;
}

void lat_gzip_close(struct lat_gzip *file)
{
    if (!file)
        return;
    if (file->file)
        (void)gzclose_r(file->file);
    lat_free(file->path);
    lat_free(file);
}

bool lat_gzip_is_plain(struct lat_gzip *file)
{
    return gzdirect(file->file) == 1;
}

enum lat_status lat_gzip_fill(struct lat_gzip *file, void *out, size_t len, size_t *out_len,
                              struct lat_error *err)
{
    size_t done = 0;
    while (done < len) {
        const size_t step = len - done < READ_STEP ? len - done : READ_STEP;
        const int n = gzread(file->file, (char *)out + done, (unsigned)step);
        const enum lat_status status = check_read(file->file, file->path, n, err);
        if (status != LAT_OK)
            return status;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *out_len = done;
    return LAT_OK;
}

enum lat_status lat_deflate_unpack(const void *bytes, size_t len, void *out, size_t out_len,
                                   struct lat_error *err)
{
    z_stream stream = {0};
    if (len > UINT32_MAX || out_len > UINT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "an entry of more than 4 GiB");
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return lat_fail_memory(err);
    stream.next_in = (Bytef *)(uintptr_t)bytes;
    stream.avail_in = (uInt)len;
    stream.next_out = out;
    stream.avail_out = (uInt)out_len;
    const int code = inflate(&stream, Z_FINISH);
    const bool whole = code == Z_STREAM_END && stream.avail_out == 0;
    (void)inflateEnd(&stream);
    return whole ? LAT_OK
                 : lat_fail(err, LAT_CORRUPT, "bad_zip",
                            "an entry does not unpack to %zu bytes", out_len);
}
