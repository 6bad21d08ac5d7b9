/* Files: whole reads with a cap, and writes that are there whole or not at all. */
#ifndef LAT_BASE_FILE_H
#define LAT_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

/* Appends the whole file to `out`, NUL-terminated also when it is empty. LAT_NOT_FOUND,
 * LAT_TOO_LARGE over `limit` bytes or the buffer's own cap, LAT_NO_MEMORY, LAT_IO; then `out`
 * holds what it held before. */
enum lat_status lat_file_read(const char *path, size_t limit, struct lat_buf *out,
                              struct lat_error *err) LAT_MUST_USE;

/* Writes to a temporary name beside `path`, syncs, renames, syncs the folder. LAT_DISK_FULL,
 * LAT_IO. On failure the temporary file is gone and the old one untouched (unless it was the
 * sync of the folder that failed: then the new one is there, but may not survive a power cut).
 */
enum lat_status lat_file_write(const char *path, const void *bytes, size_t len,
                               struct lat_error *err) LAT_MUST_USE;

/* For large files: the caller fills `temporary` itself, then this syncs it, renames it to
 * `path`, and syncs the folder. On failure `temporary` is removed. */
enum lat_status lat_file_publish(const char *temporary, const char *path,
                                 struct lat_error *err) LAT_MUST_USE;

/* Writes all bytes to a descriptor, over interruptions; `name` is what it is called in words.
 */
enum lat_status lat_file_write_all(int fd, const char *name, const void *bytes, size_t len,
                                   struct lat_error *err) LAT_MUST_USE;

/* Creates the folder and its parents, mode 0755; fine if it is there. */
enum lat_status lat_file_make_folder(const char *path, struct lat_error *err) LAT_MUST_USE;
/* So that the names in it survive a power cut. */
enum lat_status lat_file_sync_folder(const char *folder, struct lat_error *err) LAT_MUST_USE;
/* Takes a file away, or a folder with all that is in it, links not followed. Best effort;
 * nothing when it is not there. */
void lat_file_remove_tree(const char *path);
bool lat_file_exists(const char *path);
/* Whether `path` is there and, links followed, is `root` or lies below it; `root` is a real
 * path. */
bool lat_file_is_within(const char *root, const char *path);

/* CRC-32C (Castagnoli) of `len` bytes, continuing from `crc` (0 at the start). */
uint32_t lat_crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
