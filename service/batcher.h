/* The batcher: waiting encodes (and decodes) of one model become one run of the engine.
 *
 * Leader and followers. At most `slots` runs are under way at once, whatever the number of
 * callers. A caller that finds a free slot leads: it takes what waits for its model, up to
 * `max_batch` rows, runs the engine without holding a lock, and wakes those whose rows it took.
 * A caller that finds none waits; when a slot comes free the longest-waiting call leads next,
 * runs before those who want to hold a slot.
 * So a lone call starts at once, there is no timer, and batches grow by themselves under load.
 *
 * Threads: any. The caller's rows are read, and its results written, by the leader's thread
 * while the caller waits. */
#ifndef LAT_SERVICE_BATCHER_H
#define LAT_SERVICE_BATCHER_H

#include "model/autoencoder.h"
#include "service/http.h"

struct lat_batcher;

/* `slots`: runs at once, the CPUs of the process; `max_batch`: rows of one run. */
enum lat_status lat_batcher_new(unsigned slots, size_t max_batch,
                                struct lat_batcher **out_batcher,
                                struct lat_error *err) LAT_MUST_USE;
/* Nobody may be waiting any more. */
void lat_batcher_free(struct lat_batcher *batcher);

/* Whether a call would lead at once, at this moment. Cheap, without the lock: a hint. */
bool lat_batcher_has_slot(struct lat_batcher *batcher);

/* rows [n][elements] -> out_codes [n][code_dimension]; out_variances the same shape, or NULL.
 * More than `max_batch` rows are run in parts. Adds to the call's LAT_TIMING_QUEUE and
 * LAT_TIMING_INFER, and gives up with LAT_UNAVAILABLE (code deadline_exceeded) when the call's
 * deadline passes before a run has begun; on a network thread it does not wait, but sets
 * call->defer and fails with LAT_BUSY. `call` may be NULL: no deadline, no timing. The
 * model's own failures are every joined caller's failure. */
enum lat_status lat_batcher_encode(struct lat_batcher *batcher, struct lat_model *model,
                                   const float *rows, size_t n, float *out_codes,
                                   float *out_variances, struct lat_call *call,
                                   struct lat_error *err) LAT_MUST_USE;

/* codes [n][code_dimension] -> out_rows [n][elements], joined in the same way. */
enum lat_status lat_batcher_decode(struct lat_batcher *batcher, struct lat_model *model,
                                   const float *codes, size_t n, float *out_rows,
                                   struct lat_call *call, struct lat_error *err) LAT_MUST_USE;

/* A slot for work of the caller's own with the engine, waited for like a run and under the same
 * deadline; lat_batcher_let_go after it, in every case where it was given. */
enum lat_status lat_batcher_hold(struct lat_batcher *batcher, struct lat_call *call,
                                 struct lat_error *err) LAT_MUST_USE;
void lat_batcher_let_go(struct lat_batcher *batcher);

/* Whether somebody waits for a run, at this moment; who waits to hold a slot does not count.
 * Cheap, without the lock: a hint for those who hold one. */
bool lat_batcher_is_wanted(struct lat_batcher *batcher);

#endif
