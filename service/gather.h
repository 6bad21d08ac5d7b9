/* Joins the encodes of small requests that reach one network thread in the same round of its
 * event loop.
 *
 * A handler on a network thread cannot wait for others. What it can do is to stop after the
 * picture is decoded and be called again when the thread has gone through all connections that
 * were ready (call->again). By then the others of the round have come as far, and the first one
 * that is called again runs them all as one batch. Nobody waits for anything but work that the
 * thread had to do anyway.
 *
 * All of it belongs to one network thread: there is no lock. */
#ifndef LAT_SERVICE_GATHER_H
#define LAT_SERVICE_GATHER_H

#include "service/batcher.h"

struct lat_gathered;

/* A network thread's, zeroed at first. */
struct lat_gathering {
    struct lat_gathered *first; /* newest first */
    size_t n;
};

/* Adds a row [elements] of `model` to what the thread gathers: call->gathered. Borrows the row
 * (the call's arena); takes a reference on the model. */
enum lat_status lat_gather_add(struct lat_call *call, struct lat_model *model, const float *row,
                               struct lat_error *err) LAT_MUST_USE;

/* The code [code_dimension] of call->gathered, borrowed from the call's arena; runs what has
 * been gathered for its model if nobody has. A failure (LAT_BUSY with call->defer among them)
 * is this call's alone: the next one tries again. call->gathered is NULL afterwards. */
enum lat_status lat_gather_take(struct lat_call *call, struct lat_batcher *batcher,
                                float *out_code, struct lat_error *err) LAT_MUST_USE;

/* Whether call->gathered is of this very model. */
bool lat_gather_is_of(const struct lat_call *call, const struct lat_model *model);

/* Forgets call->gathered, if there is one: the client has gone, or the model has changed. */
void lat_gather_drop(struct lat_call *call);

#endif
