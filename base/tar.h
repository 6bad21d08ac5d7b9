/* Files in one file: the interchange format of POSIX.1-2001 (ustar; a pax header before a
 * member whose path or size does not fit). Regular files only, each with the owner 0 and the
 * mode 0644.
 *
 * Writing is deterministic: the same paths, sizes, times and bytes give the same archive. The
 * reader takes exactly what the writer makes, so that no changed byte of a head, of a padding
 * or of the end goes unnoticed; it is not for the archives of others.
 *
 * A plain value each, no memory. One thread at a time. */
#ifndef LAT_BASE_TAR_H
#define LAT_BASE_TAR_H

#include <stdint.h>

#include "base/status.h"

enum { LAT_TAR_BLOCK = 512, LAT_TAR_PATH_MAX = 1024 };

struct lat_tar_writer {
    /* Where the archive goes: all of the bytes, or a failure. */
    enum lat_status (*write)(void *context, const void *bytes, size_t len,
                             struct lat_error *err);
    void *context;
    uint64_t left, padding; /* bytes the member still wants */
};

/* The next member; the one before it is whole. `path` is relative, UTF-8, shorter than
 * LAT_TAR_PATH_MAX; `mtime_s` seconds since 1970. */
enum lat_status lat_tar_begin(struct lat_tar_writer *tar, const char *path, uint64_t size,
                              uint64_t mtime_s, struct lat_error *err) LAT_MUST_USE;
/* Some of its bytes, in all exactly `size`; with the last one the member ends. */
enum lat_status lat_tar_add(struct lat_tar_writer *tar, const void *bytes, size_t len,
                            struct lat_error *err) LAT_MUST_USE;
/* The two blocks of zeroes that end an archive. */
enum lat_status lat_tar_finish(struct lat_tar_writer *tar, struct lat_error *err) LAT_MUST_USE;

struct lat_tar_reader {
    /* Where it comes from: *out_n is less than `len` at the end only. */
    enum lat_status (*read)(void *context, void *bytes, size_t len, size_t *out_n,
                            struct lat_error *err);
    void *context;
    uint64_t left, padding;
};

/* One member as its head says it. */
struct lat_tar_member {
    char path[LAT_TAR_PATH_MAX];
    uint64_t size, mtime_s;
};

/* The next head; the bytes of the member before were read. *out_end: there is none, and nothing
 * follows. LAT_CORRUPT for anything a writer does not write. */
enum lat_status lat_tar_next(struct lat_tar_reader *tar, struct lat_tar_member *out_member,
                             bool *out_end, struct lat_error *err) LAT_MUST_USE;
/* The next bytes of the member, at most `capacity`; *out_n is 0 at its end. */
enum lat_status lat_tar_take(struct lat_tar_reader *tar, void *bytes, size_t capacity,
                             size_t *out_n, struct lat_error *err) LAT_MUST_USE;

/* Whether a path stays below where it is unpacked: relative, without empty parts, "." and "..",
 * no backslash or control character. */
bool lat_tar_path_is_safe(const char *path) LAT_MUST_USE;

#endif
