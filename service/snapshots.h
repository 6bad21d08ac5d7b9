/* Snapshots that the server makes of itself: files in DATA/snapshots, made by jobs, known by
 * the ids of those.
 *
 * ID.tar is a snapshot (service/backup.h), ID.json what is said of it; the latter is written
 * first, and a snapshot is ready when both are there and the size is right. What a process that
 * died left is taken away at the next start; its job begins again.
 *
 * Any thread. */
#ifndef LAT_SERVICE_SNAPSHOTS_H
#define LAT_SERVICE_SNAPSHOTS_H

#include "service/backup.h"
#include "service/jobs.h"

enum lat_snapshot_state { LAT_SNAPSHOT_MAKING, LAT_SNAPSHOT_READY, LAT_SNAPSHOT_FAILED };
extern const char *const lat_snapshot_state_names[3];

struct lat_snapshot_info {
    char id[LAT_JOB_ID_SIZE];
    enum lat_snapshot_state state;
    int64_t created_ms;           /* when it was asked for */
    uint64_t bytes;               /* 0 until ready */
    char sha256[LAT_SHA256_TEXT]; /* "" until ready */
    char reason[256];             /* when failed */
};

extern const struct lat_job_kind lat_job_snapshot;

/* Takes away what a process that died left half made. Before jobs run. */
void lat_snapshots_sweep(const char *data);

/* Queues one; its id is the job's. */
enum lat_status lat_snapshots_start(struct lat_app *app, char out_id[LAT_JOB_ID_SIZE],
                                    struct lat_error *err) LAT_MUST_USE;
/* All, the newest first; *out_infos is lat_free'd. */
enum lat_status lat_snapshots_list(struct lat_app *app, struct lat_snapshot_info **out_infos,
                                   size_t *out_n, struct lat_error *err) LAT_MUST_USE;
/* A descriptor of the file, the caller's to close; it stays readable when the snapshot is
 * deleted. LAT_NOT_FOUND snapshot_not_found, LAT_CONFLICT snapshot_not_ready, snapshot_failed.
 */
enum lat_status lat_snapshots_open(struct lat_app *app, const char *id,
                                   struct lat_snapshot_info *out_info, int *out_fd,
                                   struct lat_error *err) LAT_MUST_USE;
/* Takes it away; one that is being made is stopped. */
enum lat_status lat_snapshots_delete(struct lat_app *app, const char *id,
                                     struct lat_error *err) LAT_MUST_USE;

#endif
