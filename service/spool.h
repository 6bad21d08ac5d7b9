/* A spool: bytes written first and read later, in memory while they are few, then in a
 * temporary file without a name (it is gone when the process is). For replies that cannot be
 * sent while they are made. One thread at a time; written, then read from the start, once. */
#ifndef LAT_SERVICE_SPOOL_H
#define LAT_SERVICE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct lat_spool;

/* `folder`: where the file is made once more than `memory_limit` bytes are in (copied). */
enum lat_status lat_spool_new(const char *folder, size_t memory_limit,
                              struct lat_spool **out_spool, struct lat_error *err) LAT_MUST_USE;
/* `n` bytes of a file from `from` on, to be read only. Takes `fd` over, also on failure. */
enum lat_status lat_spool_file(int fd, uint64_t from, uint64_t n, struct lat_spool **out_spool,
                               struct lat_error *err) LAT_MUST_USE;
void lat_spool_free(struct lat_spool *spool);

/* LAT_DISK_FULL, LAT_IO, LAT_NO_MEMORY; what was written before stays readable. */
enum lat_status lat_spool_write(struct lat_spool *spool, const void *bytes, size_t len,
                                struct lat_error *err) LAT_MUST_USE;
/* Bytes written. */
uint64_t lat_spool_size(const struct lat_spool *spool);

/* The next bytes, at most `capacity`; *out_n is 0 at the end. */
enum lat_status lat_spool_read(struct lat_spool *spool, void *bytes, size_t capacity,
                               size_t *out_n, struct lat_error *err) LAT_MUST_USE;

#endif
