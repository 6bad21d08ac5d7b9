/* Those who watch jobs: one thread writes to all of their replies (server-sent events), so that
 * a watcher costs a connection and some memory, but no worker. What they are told is put
 * together a few times a second at most, however often a job reports. Any thread. */
#ifndef LAT_SERVICE_EVENTS_H
#define LAT_SERVICE_EVENTS_H

#include "base/buf.h"
#include "service/http.h"
#include "service/jobs.h"

struct lat_events;

/* Appends events about a job: its points, then, unless `more` points follow, how it stands. */
typedef void lat_event_writer(struct lat_buf *out, const struct lat_job_detail *detail,
                              bool more);

/* `jobs` is borrowed and outlives this. */
enum lat_status lat_events_new(struct lat_jobs *jobs, struct lat_events **out_events,
                               struct lat_error *err) LAT_MUST_USE;
/* Ends every reply and takes no new ones: from here on the network may be stopped. */
void lat_events_close(struct lat_events *events);
/* After the network has stopped. NULL is fine. */
void lat_events_free(struct lat_events *events);

/* Some job has changed; `urgent`: it is worth telling at once. Cheap while nobody watches; may
 * be called under any lock but a leaf. */
void lat_events_poke(struct lat_events *events, bool urgent);

/* From a stream handler, as its last step: the reply of `call` begins, and is fed until the job
 * has ended. Points up to epoch `after` are left out. */
enum lat_status lat_events_watch(struct lat_events *events, struct lat_call *call,
                                 const char *id, double after, lat_event_writer *writer,
                                 struct lat_error *err) LAT_MUST_USE;

#endif
