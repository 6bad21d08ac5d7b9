/* Rows of one length, in memory up to a limit and in a file beyond it.
 *
 * Rows are added one after the other and read in any order. What does not fit into the limit
 * goes to a temporary file without a name (in TMPDIR, else /var/tmp), and is read from there by
 * position: memory stays bounded, and the system's page cache keeps what fits. Adding is for
 * one thread; reading, once finished, for any number. */
#ifndef LAT_MODEL_TRAIN_DATASET_STORE_H
#define LAT_MODEL_TRAIN_DATASET_STORE_H

#include <stdint.h>

#include "base/status.h"

struct lat_row_store {
    size_t row_len, n; /* bytes a row, rows */
    size_t limit;      /* bytes kept in memory */
    uint8_t *memory;   /* the rows, or those not yet written */
    size_t n_memory, capacity;
    bool in_file;
    int fd;
    uint64_t start; /* of the first row in the file */
};

/* Holds nothing yet; lat_row_store_release in every case. */
void lat_row_store_init(struct lat_row_store *store, size_t row_len, size_t limit);

/* A row more, copied. LAT_NO_MEMORY; LAT_DISK_FULL or LAT_IO of the temporary file;
 * LAT_TOO_LARGE past 2^32 rows. */
enum lat_status lat_row_store_add(struct lat_row_store *store, const void *row,
                                  struct lat_error *err) LAT_MUST_USE;
/* After the last row. */
enum lat_status lat_row_store_finish(struct lat_row_store *store,
                                     struct lat_error *err) LAT_MUST_USE;

/* The `n` rows that lie in a file of their own from byte `start` on. */
enum lat_status lat_row_store_open(struct lat_row_store *store, const char *path,
                                   uint64_t start, size_t n,
                                   struct lat_error *err) LAT_MUST_USE;

/* Row `i` into `out` [row_len]. LAT_CORRUPT when the file has become shorter. */
enum lat_status lat_row_store_read(const struct lat_row_store *store, size_t i, void *out,
                                   struct lat_error *err) LAT_MUST_USE;

/* The rows, to be freed by the caller, of a store that is in memory; the store is empty then.
 */
void *lat_row_store_take(struct lat_row_store *store);

void lat_row_store_release(struct lat_row_store *store);

#endif
