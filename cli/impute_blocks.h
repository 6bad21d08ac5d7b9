/* A CSV file through a server, block by block: each goes with the line of names, whole rows at
 * a time, so that neither side holds the file and a bar can move. */
#ifndef LAT_CLI_IMPUTE_BLOCKS_H
#define LAT_CLI_IMPUTE_BLOCKS_H

#include "cli/client.h"

/* Zero-initialise but for the first four; release. */
struct lat_impute_blocks {
    struct lat_client *client; /* borrowed */
    const char *path;          /* the server's, with its query; borrowed */
    /* Takes what came back: n_rows rows, with the line of names the first time. */
    enum lat_status (*write)(void *context, const char *bytes, size_t len, size_t n_rows,
                             struct lat_error *err);
    void *context;
    struct lat_buf text, names, body, reply;
    size_t scanned, whole; /* bytes of `text` looked at; those that are whole rows */
    size_t n_rows;         /* of them */
    bool quoted, begun;
};

/* The next bytes of the file; `context` is the struct. LAT_INVALID with the server's words when
 * it refuses a block. */
enum lat_status lat_impute_blocks_feed(void *context, const char *bytes, size_t len,
                                       struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_impute_blocks_end(struct lat_impute_blocks *blocks,
                                      struct lat_error *err) LAT_MUST_USE;
void lat_impute_blocks_release(struct lat_impute_blocks *blocks);

#endif
