/* Where the application is in its life: loading -> ready -> draining, or loading -> failed.
 * Internal to service/app.c; everybody else asks lat_app_state. Any thread. */
#ifndef LAT_SERVICE_LIFECYCLE_H
#define LAT_SERVICE_LIFECYCLE_H

#include "service/app.h"

struct lat_lifecycle;

enum lat_status lat_lifecycle_new(struct lat_lifecycle **out_lifecycle,
                                  struct lat_error *err) LAT_MUST_USE;
void lat_lifecycle_free(struct lat_lifecycle *lifecycle);

/* What is being waited for while loading. */
void lat_lifecycle_say(struct lat_lifecycle *lifecycle, const char *fmt, ...) LAT_PRINTF(2, 3);
/* From loading to ready; nothing when it drains already. */
void lat_lifecycle_ready(struct lat_lifecycle *lifecycle);
/* Loading has failed: it never becomes ready. */
void lat_lifecycle_fail(struct lat_lifecycle *lifecycle, const struct lat_error *err);
void lat_lifecycle_drain(struct lat_lifecycle *lifecycle);

/* Blocks while loading: LAT_OK when ready, the failure, or LAT_CANCELLED when draining. */
enum lat_status lat_lifecycle_wait(struct lat_lifecycle *lifecycle,
                                   struct lat_error *err) LAT_MUST_USE;
/* `out_reason` (may be NULL) is "" when ready. Without it, one atomic load. */
enum lat_app_state lat_lifecycle_state(struct lat_lifecycle *lifecycle, char *out_reason,
                                       size_t size);

#endif
