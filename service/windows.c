/* A table of rings under one mutex. What a row's features are is worked out before it is taken,
 * on the noting thread's stack. */
#include "service/windows.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"
#include "model/portrait.h"

#include "base/banned.h"

enum { KEY_MAX = 2 * LAT_NAME_MAX + 32, CHUNK_FLOATS = 4096 };

struct ring {
    char key[KEY_MAX]; /* "m@v", or "m@v collection"; "": free */
    size_t features;
    float *values; /* [LAT_WINDOW_ROWS][features] */
    uint64_t served;
    int64_t since_ms, until_ms;
    uint64_t used; /* the table's count when it was noted in last */
};

struct lat_windows {
    struct lat_mutex mutex;
    uint64_t count;
    struct ring rings[LAT_WINDOWS_KEPT];
};

enum lat_status lat_windows_new(struct lat_windows **out_windows, struct lat_error *err)
{
    struct lat_windows *windows = lat_alloc(1, sizeof(*windows));
    if (!windows)
        return lat_fail_memory(err);
    lat_mutex_init(&windows->mutex, LAT_RANK_LEAF, "windows");
    *out_windows = windows;
    return LAT_OK;
}

void lat_windows_free(struct lat_windows *windows)
{
    if (!windows)
        return;
    for (size_t i = 0; i < LAT_WINDOWS_KEPT; i++)
        lat_free(windows->rings[i].values);
    lat_mutex_release(&windows->mutex);
    lat_free(windows);
}

static void make_key(const struct lat_model *model, const char *collection, char key[KEY_MAX])
{
    snprintf(key, KEY_MAX, "%s%s%.63s", lat_model_reference(model), collection ? " " : "",
             collection ? collection : "");
}

static struct ring *find(struct lat_windows *windows, const char *key, size_t features)
{
    for (size_t i = 0; i < LAT_WINDOWS_KEPT; i++)
        if (windows->rings[i].features == features && strcmp(windows->rings[i].key, key) == 0)
            return &windows->rings[i];
    return NULL;
}

/* With the mutex held: the ring of the key, in the place of the one not used for longest if it
 * is new; NULL without memory. */
static struct ring *ring_of(struct lat_windows *windows, const char *key, size_t features)
{
    struct ring *ring = find(windows, key, features);
    if (ring)
        return ring;
    ring = &windows->rings[0];
    for (size_t i = 1; i < LAT_WINDOWS_KEPT; i++)
        if (windows->rings[i].used < ring->used)
            ring = &windows->rings[i];
    float *values = lat_alloc_raw(LAT_WINDOW_ROWS * features, sizeof(*values));
    if (!values)
        return NULL;
    lat_free(ring->values);
    *ring = (struct ring){.features = features, .values = values};
    snprintf(ring->key, sizeof(ring->key), "%s", key);
    return ring;
}

static void add(struct lat_windows *windows, const char *key, const float *values,
                size_t features, size_t n)
{
    struct ring *ring = ring_of(windows, key, features);
    if (!ring)
        return;
    for (size_t i = 0; i < n; i++, ring->served++)
        memcpy(ring->values + ring->served % LAT_WINDOW_ROWS * features, values + i * features,
               features * sizeof(*values));
    ring->used = ++windows->count;
    ring->until_ms = lat_clock_wall_ms();
    if (!ring->since_ms)
        ring->since_ms = ring->until_ms;
}

/* The collection a call is about, NULL for none. */
static const char *collection_of(const struct lat_call *call)
{
    static const char below[] = "/v1/collections/{c}";
    return call->route && strncmp(call->route->path, below, sizeof(below) - 1) == 0
               ? call->params[0]
               : NULL;
}

void lat_windows_note(struct lat_windows *windows, const struct lat_call *call,
                      const struct lat_model *model, const float *rows, size_t n)
{
    if (!windows || !lat_model_portrait(model) || n == 0)
        return;
    const struct lat_input_spec *input = &lat_model_manifest(model)->input;
    const size_t elements = lat_input_elements(input), features = lat_portrait_features(input);
    const char *collection = collection_of(call);
    const size_t chunk = features ? CHUNK_FLOATS / features : 0; /* at least 8 */
    char own[KEY_MAX], shared[KEY_MAX] = "";
    float values[CHUNK_FLOATS];
    make_key(model, NULL, own);
    if (collection)
        make_key(model, collection, shared);
    for (size_t at = n > LAT_WINDOW_ROWS ? n - LAT_WINDOW_ROWS : 0; chunk && at < n;) {
        const size_t m = n - at < chunk ? n - at : chunk;
        for (size_t i = 0; i < m; i++)
            lat_portrait_values(input, rows + (at + i) * elements, values + i * features);
        lat_mutex_lock(&windows->mutex);
        add(windows, own, values, features, m);
        if (collection)
            add(windows, shared, values, features, m);
        lat_mutex_unlock(&windows->mutex);
        at += m;
    }
}

enum lat_status lat_windows_get(struct lat_windows *windows, const char *collection,
                                const struct lat_model *model, struct lat_window *out_window,
                                struct lat_error *err)
{
    const size_t features = lat_portrait_features(&lat_model_manifest(model)->input);
    struct lat_window window = {0};
    char key[KEY_MAX];
    make_key(model, collection, key);
    window.values = lat_alloc_raw(LAT_WINDOW_ROWS * (features ? features : 1), sizeof(float));
    if (!window.values)
        return lat_fail_memory(err);
    lat_mutex_lock(&windows->mutex);
    const struct ring *ring = find(windows, key, features);
    if (ring) {
        window.served = ring->served;
        window.n = ring->served < LAT_WINDOW_ROWS ? (size_t)ring->served : LAT_WINDOW_ROWS;
        window.since_ms = ring->since_ms;
        window.until_ms = ring->until_ms;
        memcpy(window.values, ring->values, window.n * features * sizeof(float));
    }
    lat_mutex_unlock(&windows->mutex);
    *out_window = window;
    return LAT_OK;
}
