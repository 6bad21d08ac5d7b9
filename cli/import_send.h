/* The sending side of an import: items become batches, several of which are under way at once.
 */
#ifndef LAT_CLI_IMPORT_SEND_H
#define LAT_CLI_IMPORT_SEND_H

#include <stdint.h>

#include "cli/import_source.h"

struct lat_import_sender;

struct lat_import_sender_options {
    const char *server, *key, *collection;
    unsigned connections;
    size_t batch_items, batch_bytes;
    /* One item that failed, with its reason; from any sending thread, one at a time. */
    void (*failed)(void *context, const char *origin, const char *why);
    void *context;
};

/* Copies nothing of `options`: its texts must stay. */
enum lat_status lat_import_sender_new(const struct lat_import_sender_options *options,
                                      struct lat_import_sender **out_sender,
                                      struct lat_error *err) LAT_MUST_USE;
/* Copies the item; sends a batch when one is full, waiting while too many are under way. Fails
 * once a request has failed as a whole (no server, no such collection, no space). `metadata` is
 * a JSON object's text or NULL. */
enum lat_status lat_import_sender_give(struct lat_import_sender *sender,
                                       const struct lat_import_item *item, const char *metadata,
                                       struct lat_error *err) LAT_MUST_USE;
/* Sends what is left and waits for all answers. */
enum lat_status lat_import_sender_finish(struct lat_import_sender *sender,
                                         struct lat_error *err) LAT_MUST_USE;
void lat_import_sender_free(struct lat_import_sender *sender);

/* Items answered so far. */
void lat_import_sender_counts(struct lat_import_sender *sender, uint64_t *out_stored,
                              uint64_t *out_failed);

#endif
