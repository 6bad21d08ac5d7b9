/* Batches of items to store: read from a JSON or multipart body, written, answered. */
#ifndef LAT_API_ITEMS_BATCH_H
#define LAT_API_ITEMS_BATCH_H

#include "api/batch.h"
#include "api/item_read.h"
#include "api/request.h"

/* Everything of one batch; arrays in the call's arena. Zero-initialise; lat_items_release. */
struct lat_items {
    struct lat_ingest_item *items;
    struct lat_batch_result *results; /* ids and statuses, in the items' order */
    size_t n;
    struct lat_json json; /* what the items borrow from */
    bool report;          /* results say what the new items are like */
    bool pointers;        /* the items stand at /items/… of a JSON body */
};

/* A body as it came, for reading it outside of its own call, too. */
struct lat_items_body {
    enum lat_body_kind kind;  /* JSON or MULTIPART */
    const char *content_type; /* multipart: with the boundary */
    const char *bytes;
    size_t len;
};

/* Reads a batch. A bad item is `refused` with its error; the call fails for a body that is
 * broken as a whole. */
enum lat_status lat_items_read(struct lat_call *call, const char *collection,
                               const struct lat_items_body *body, struct lat_items *out_items,
                               struct lat_error *err) LAT_MUST_USE;

/* Stores them and fills in the results. Failure: of the whole; with `atomic` and one bad item
 * *out_bad is its index, else SIZE_MAX. */
enum lat_status lat_items_store(struct lat_call *call, const char *collection,
                                struct lat_items *items, bool atomic, size_t *out_bad,
                                struct lat_error *err) LAT_MUST_USE;

/* The results of an ingest as results of a batch. `pointer` is where item `i` stands in the
 * body
 * ("/items/", "" for nowhere); the words name the index, too. NULL: a single item, whose index
 * says nothing. */
enum lat_status lat_ingest_answer(struct lat_call *call, const struct lat_ingest_result *stored,
                                  size_t n, const char *pointer,
                                  struct lat_batch_result *out_results,
                                  struct lat_error *err) LAT_MUST_USE;

void lat_items_release(struct lat_items *items);

#endif
