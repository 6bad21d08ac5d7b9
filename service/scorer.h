/* Scores of stored items that were stored without: pictures, for which decoding what was
 * encoded would halve the pace of an import.
 *
 * One thread, idle until somebody asks for a collection's scores: then it goes through the
 * items without one whose inputs were kept and writes the scores into their rows. What it has
 * been through it does not look at again. Any thread may ask. */
#ifndef LAT_SERVICE_SCORER_H
#define LAT_SERVICE_SCORER_H

#include <stdint.h>

#include "base/status.h"

struct lat_app;
struct lat_scorer;

/* `app` is borrowed; its store, registry and batcher must outlive the scorer. */
enum lat_status lat_scorer_new(struct lat_app *app, struct lat_scorer **out_scorer,
                               struct lat_error *err) LAT_MUST_USE;
/* Stops after the batch under way and waits for it. NULL is fine. */
void lat_scorer_free(struct lat_scorer *scorer);

/* Waits until every item stored so far has been gone through, at most until `deadline_ns`
 * (lat_clock_ns). False: there are some left; it goes on. */
bool lat_scorer_settle(struct lat_scorer *scorer, const char *collection, uint64_t deadline_ns);

#endif
