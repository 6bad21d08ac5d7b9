/* The inputs served lately, as features (model/portrait.h): of each model and of each
 * collection a window of the last LAT_WINDOW_ROWS.
 *
 * In memory and bounded: windows of what was not served for longest are forgotten first, and
 * all when the process ends. Any thread; noting copies a few numbers under a lock that nobody
 * holds for longer. */
#ifndef LAT_SERVICE_WINDOWS_H
#define LAT_SERVICE_WINDOWS_H

#include "model/autoencoder.h"
#include "service/http.h"

enum { LAT_WINDOW_ROWS = 1000, LAT_WINDOWS_KEPT = 128 };

struct lat_windows;

enum lat_status lat_windows_new(struct lat_windows **out_windows,
                                struct lat_error *err) LAT_MUST_USE;
void lat_windows_free(struct lat_windows *windows); /* NULL is fine */

/* rows [n][elements], as the network sees them, served by the model, and where the call's path
 * is one of a collection by that as well. Models without a portrait have no window. Nothing is
 * noted without memory. */
void lat_windows_note(struct lat_windows *windows, const struct lat_call *call,
                      const struct lat_model *model, const float *rows, size_t n);

/* A copy of a window; lat_free(values). */
struct lat_window {
    float *values; /* [n][features] */
    size_t n;
    uint64_t served;            /* since the first; the last n are here */
    int64_t since_ms, until_ms; /* wall, when the first was noted and when the last; 0: never */
};

/* `collection` NULL: the model's own. An empty window where nothing was served. */
enum lat_status lat_windows_get(struct lat_windows *windows, const char *collection,
                                const struct lat_model *model, struct lat_window *out_window,
                                struct lat_error *err) LAT_MUST_USE;

#endif
