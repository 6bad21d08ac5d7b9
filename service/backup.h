/* A server in one file, and back: docs/formats-snapshot.md has the format.
 *
 * Writing reads a data directory that may be in use, here or in another process: the rows are
 * those of one moment, not before the call, and writers are not held back. Restoring believes
 * nothing: what it unpacks is put in its place only after every byte was checked.
 *
 * Any thread. */
#ifndef LAT_SERVICE_BACKUP_H
#define LAT_SERVICE_BACKUP_H

#include "base/buf.h"
#include "base/status.h"
#include "service/crypto.h"

struct lat_backup {
    const char *data;   /* the data directory */
    const char *models; /* the models' folder; need not be there */
    const char *to; /* the file; until it is whole it and what it is made from are TO.tmp-… */
    bool complete;  /* a model that a collection uses must be in `models` */
    bool (*progress)(void *context, double done); /* may be NULL; false: LAT_CANCELLED */
    void *context;
};

struct lat_backup_result {
    uint64_t bytes;
    char sha256[LAT_SHA256_TEXT]; /* of the file */
};

/* Replaces a file that is there; on failure it stays, and nothing else is left. LAT_NOT_FOUND
 * when there is no store in `data`; model_not_found with `complete`; LAT_DISK_FULL, LAT_IO,
 * LAT_CANCELLED. */
enum lat_status lat_backup_write(const struct lat_backup *backup,
                                 struct lat_backup_result *out_result,
                                 struct lat_error *err) LAT_MUST_USE;

struct lat_restore {
    const char *from;
    const char *data;   /* absent or empty; created */
    const char *models; /* where packages go, created; "": DATA/models */
    bool (*progress)(void *context, double done); /* may be NULL; false: LAT_CANCELLED */
    void *context;
};

struct lat_restore_result {
    uint64_t bytes, files, packages; /* unpacked; packages put into `models`, */
    uint64_t present;                /* and those that were there, byte for byte */
    char sha256[LAT_SHA256_TEXT];    /* of the file */
};

/* All or nothing. LAT_NOT_FOUND: no such file; LAT_CONFLICT (not_empty): something is in
 * `data`, (exists) a package of the same name and version with other bytes is in `models`;
 * LAT_CORRUPT: no snapshot, or a damaged one; LAT_INVALID (newer_data): of a later version. */
enum lat_status lat_restore_run(const struct lat_restore *restore,
                                struct lat_restore_result *out_result,
                                struct lat_error *err) LAT_MUST_USE;

/* The files of a snapshot that are not the data directory's own. */
#define LAT_SNAPSHOT_HEAD "latentd-snapshot.json"
#define LAT_SNAPSHOT_SUMS "SHA256SUMS"
enum { LAT_SNAPSHOT_FORMAT = 1 };

/* Below a data directory: the snapshots made by the server, what it noted about itself. */
#define LAT_SNAPSHOT_FOLDER "snapshots"
#define LAT_SERVER_NOTE     "server.json"

#endif
