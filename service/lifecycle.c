/* The state is an atomic, so that every request may ask; words and waiting are under the mutex.
 */
#include "service/lifecycle.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

struct lat_lifecycle {
    atomic_int state; /* enum lat_app_state */
    struct lat_mutex mutex;
    struct lat_cond changed;
    char reason[256];
    struct lat_error failure; /* status LAT_OK unless loading failed */
};

enum lat_status lat_lifecycle_new(struct lat_lifecycle **out_lifecycle, struct lat_error *err)
{
    struct lat_lifecycle *lifecycle = lat_alloc(1, sizeof(*lifecycle));
    if (!lifecycle)
        return lat_fail_memory(err);
    atomic_init(&lifecycle->state, LAT_APP_LOADING);
    lifecycle->failure = (struct lat_error)LAT_ERROR_INIT;
    snprintf(lifecycle->reason, sizeof(lifecycle->reason), "loading");
    lat_mutex_init(&lifecycle->mutex, LAT_RANK_LEAF, "lifecycle");
    lat_cond_init(&lifecycle->changed);
    *out_lifecycle = lifecycle;
    return LAT_OK;
}

void lat_lifecycle_free(struct lat_lifecycle *lifecycle)
{
    if (!lifecycle)
        return;
    lat_cond_release(&lifecycle->changed);
    lat_mutex_release(&lifecycle->mutex);
    lat_free(lifecycle);
}

void lat_lifecycle_say(struct lat_lifecycle *lifecycle, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    lat_mutex_lock(&lifecycle->mutex);
    if (atomic_load(&lifecycle->state) == LAT_APP_LOADING)
        vsnprintf(lifecycle->reason, sizeof(lifecycle->reason), fmt, args);
    lat_mutex_unlock(&lifecycle->mutex);
    va_end(args);
}

void lat_lifecycle_ready(struct lat_lifecycle *lifecycle)
{
    lat_mutex_lock(&lifecycle->mutex);
    if (atomic_load(&lifecycle->state) == LAT_APP_LOADING) {
        lifecycle->reason[0] = '\0';
        atomic_store(&lifecycle->state, LAT_APP_READY);
        lat_cond_broadcast(&lifecycle->changed);
    }
    lat_mutex_unlock(&lifecycle->mutex);
}

void lat_lifecycle_fail(struct lat_lifecycle *lifecycle, const struct lat_error *err)
{
    lat_mutex_lock(&lifecycle->mutex);
    lifecycle->failure = *err;
    snprintf(lifecycle->reason, sizeof(lifecycle->reason), "%.255s", err->message);
    lat_cond_broadcast(&lifecycle->changed);
    lat_mutex_unlock(&lifecycle->mutex);
}

void lat_lifecycle_drain(struct lat_lifecycle *lifecycle)
{
    lat_mutex_lock(&lifecycle->mutex);
    snprintf(lifecycle->reason, sizeof(lifecycle->reason), "shutting down");
    atomic_store(&lifecycle->state, LAT_APP_DRAINING);
    lat_cond_broadcast(&lifecycle->changed);
    lat_mutex_unlock(&lifecycle->mutex);
}

enum lat_status lat_lifecycle_wait(struct lat_lifecycle *lifecycle, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_mutex_lock(&lifecycle->mutex);
    while (atomic_load(&lifecycle->state) == LAT_APP_LOADING &&
           lifecycle->failure.status == LAT_OK)
        lat_cond_wait(&lifecycle->changed, &lifecycle->mutex);
    if (lifecycle->failure.status != LAT_OK) {
        status = lifecycle->failure.status;
        if (err && err->status == LAT_OK)
            *err = lifecycle->failure;
    } else if (atomic_load(&lifecycle->state) == LAT_APP_DRAINING) {
        status = lat_fail(err, LAT_CANCELLED, NULL, "told to stop while loading");
    }
    lat_mutex_unlock(&lifecycle->mutex);
    return status;
}

enum lat_app_state lat_lifecycle_state(struct lat_lifecycle *lifecycle, char *out_reason,
                                       size_t size)
{
    const enum lat_app_state state = (enum lat_app_state)atomic_load(&lifecycle->state);
    if (!out_reason || !size)
        return state;
    lat_mutex_lock(&lifecycle->mutex);
    snprintf(out_reason, size, "%s", lifecycle->reason);
    lat_mutex_unlock(&lifecycle->mutex);
    return state;
}
