/* The thread sweeps: it takes the list of watchers, tells each what is new, and puts those back
 * that remain. No lock is held while it writes, for ending a reply takes the network's lock.
 *
 * A watcher remembers the last epoch and the last change it was told of, so nothing is queued
 * for it: one that reads slowly gets fewer, later events. A sweep follows the one before by
 * SWEEP_NS unless a job has ended; a comment every HEARTBEAT_NS keeps intermediaries from
 * closing the connection, and finds out that a client has gone. */
#include "service/events.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

enum { POINTS_AT_ONCE = 500 };

#define SWEEP_NS     (200 * LAT_NS_PER_MS)
#define HEARTBEAT_NS (15 * LAT_NS_PER_S)

struct watcher {
    struct watcher *next;
    char id[LAT_JOB_ID_SIZE];
    struct lat_stream *stream;
    lat_event_writer *writer;
    double after;     /* the last epoch told */
    uint64_t changes; /* of the job when it was told of last */
    bool greeted;
    uint64_t sent_ns;
};

struct lat_events {
    struct lat_jobs *jobs;
    struct lat_mutex mutex;
    struct lat_cond wake;
    struct watcher *watchers;
    atomic_size_t n; /* watchers, in the list or being told */
    bool poked, urgent, closing;
    pthread_t thread;
};

/* ---- one watcher ---- */

/* Tells what is new; *out_more when points are left for the next sweep. False: it is over. */
static bool tell(struct lat_events *events, struct watcher *watcher, bool *out_more)
{
    struct lat_job_detail detail;
    struct lat_buf text = {0};
    if (lat_jobs_detail(events->jobs, watcher->id, watcher->after, &detail, NULL) != LAT_OK)
        return false;
    const bool more = detail.n_curve > POINTS_AT_ONCE;
    if (more)
        detail.n_curve = POINTS_AT_ONCE;
    const bool over = !more && detail.info.state > LAT_JOB_RUNNING;
    watcher->writer(&text, &detail, more);
    enum lat_sent sent = LAT_SENT_GONE;
    if (text.status == LAT_OK)
        sent = lat_stream_send(watcher->stream, text.data, text.len);
    if (sent == LAT_SENT_ALL) {
        watcher->after =
            detail.n_curve ? detail.curve[detail.n_curve - 1].epoch : watcher->after;
        watcher->changes = more ? watcher->changes : detail.info.changes;
        watcher->greeted = !more;
        watcher->sent_ns = lat_clock_ns();
    }
    *out_more |= more || sent == LAT_SENT_FULL;
    lat_buf_release(&text);
    lat_job_detail_release(&detail);
    return sent == LAT_SENT_FULL || (sent == LAT_SENT_ALL && !over);
}

static bool serve(struct lat_events *events, struct watcher *watcher, bool *out_more)
{
    struct lat_job_info info;
    if (lat_jobs_get(events->jobs, watcher->id, &info, NULL) != LAT_OK)
        return false;
    if (!watcher->greeted || info.changes != watcher->changes)
        return tell(events, watcher, out_more);
    if (lat_clock_ns() - watcher->sent_ns < HEARTBEAT_NS)
        return true;
    watcher->sent_ns = lat_clock_ns();
    return lat_stream_send(watcher->stream, ": still here\n\n", 14) != LAT_SENT_GONE;
}

static void dismiss(struct lat_events *events, struct watcher *watcher)
{
    lat_stream_end(watcher->stream);
    lat_free(watcher);
    atomic_fetch_sub(&events->n, 1);
}

/* ---- the thread ---- */

static bool sweep(struct lat_events *events, struct watcher *list)
{
    struct watcher *kept = NULL, **last = &kept;
    bool more = false;
    while (list) {
        struct watcher *watcher = list;
        list = watcher->next;
        watcher->next = NULL;
        if (serve(events, watcher, &more)) {
            *last = watcher;
            last = &watcher->next;
        } else {
            dismiss(events, watcher);
        }
    }
    lat_mutex_lock(&events->mutex);
    *last = events->watchers;
    events->watchers = kept;
    lat_mutex_unlock(&events->mutex);
    return more;
}

/* Until there is something to tell, but not before `earliest_ns` unless it is urgent. With the
 * mutex held. */
static void rest(struct lat_events *events, uint64_t earliest_ns)
{
    const uint64_t heartbeat_ns = lat_clock_ns() + HEARTBEAT_NS;
    while (!events->closing && !events->urgent && lat_clock_ns() < earliest_ns)
        lat_cond_wait_until(&events->wake, &events->mutex, earliest_ns);
    bool in_time = true;
    while (!events->closing && !events->poked && in_time) {
        if (events->watchers)
            in_time = lat_cond_wait_until(&events->wake, &events->mutex, heartbeat_ns);
        else
            lat_cond_wait(&events->wake, &events->mutex);
    }
}

static void *run(void *argument)
{
    struct lat_events *events = argument;
    uint64_t earliest_ns = 0;
    lat_mutex_lock(&events->mutex);
    while (!events->closing) {
        rest(events, earliest_ns);
        struct watcher *list = events->watchers;
        events->watchers = NULL;
        events->poked = events->urgent = false;
        lat_mutex_unlock(&events->mutex);
        const bool more = sweep(events, list);
        earliest_ns = lat_clock_ns() + SWEEP_NS;
        lat_mutex_lock(&events->mutex);
        events->poked |= more;
    }
    lat_mutex_unlock(&events->mutex);
    return NULL;
}

enum lat_status lat_events_new(struct lat_jobs *jobs, struct lat_events **out_events,
                               struct lat_error *err)
{
    struct lat_events *events = lat_alloc(1, sizeof(*events));
    if (!events)
        return lat_fail_memory(err);
    events->jobs = jobs;
    lat_mutex_init(&events->mutex, LAT_RANK_LEAF, "events");
    lat_cond_init(&events->wake);
    const enum lat_status status =
        lat_thread_start(&events->thread, "events", run, events, err);
    if (status != LAT_OK) {
        lat_cond_release(&events->wake);
        lat_mutex_release(&events->mutex);
        lat_free(events);
        return status;
    }
    *out_events = events;
    return LAT_OK;
}

void lat_events_close(struct lat_events *events)
{
    lat_mutex_lock(&events->mutex);
    const bool first = !events->closing;
    events->closing = true;
    lat_cond_broadcast(&events->wake);
    lat_mutex_unlock(&events->mutex);
    if (!first)
        return;
    pthread_join(events->thread, NULL);
    while (events->watchers) { /* nobody else adds any more, see watch */
        struct watcher *watcher = events->watchers;
        events->watchers = watcher->next;
        dismiss(events, watcher);
    }
}

void lat_events_free(struct lat_events *events)
{
    if (!events)
        return;
    lat_events_close(events);
    lat_cond_release(&events->wake);
    lat_mutex_release(&events->mutex);
    lat_free(events);
}

void lat_events_poke(struct lat_events *events, bool urgent)
{
    if (!atomic_load_explicit(&events->n, memory_order_relaxed))
        return;
    lat_mutex_lock(&events->mutex);
    const bool news = !events->poked || (urgent && !events->urgent);
    events->poked = true;
    events->urgent |= urgent;
    if (news)
        lat_cond_broadcast(&events->wake);
    lat_mutex_unlock(&events->mutex);
}

static bool add(struct lat_events *events, struct watcher *watcher)
{
    lat_mutex_lock(&events->mutex);
    const bool open = !events->closing;
    if (open) {
        atomic_fetch_add(&events->n, 1);
        watcher->next = events->watchers;
        events->watchers = watcher;
        events->poked = events->urgent = true;
        lat_cond_broadcast(&events->wake);
    }
    lat_mutex_unlock(&events->mutex);
    return open;
}

enum lat_status lat_events_watch(struct lat_events *events, struct lat_call *call,
                                 const char *id, double after, lat_event_writer *writer,
                                 struct lat_error *err)
{
    struct lat_job_info info;
    enum lat_status status = lat_jobs_get(events->jobs, id, &info, err);
    if (status != LAT_OK)
        return status;
    struct watcher *watcher = lat_alloc(1, sizeof(*watcher));
    if (!watcher)
        return lat_fail_memory(err);
    snprintf(watcher->id, sizeof(watcher->id), "%s", id);
    watcher->writer = writer;
    watcher->after = after;
    status = lat_call_detach(call, &watcher->stream, err);
    if (status == LAT_OK && !add(events, watcher)) {
        lat_stream_end(watcher->stream);
        lat_free(watcher);
    } else if (status != LAT_OK) {
        lat_free(watcher);
    }
    return status;
}
