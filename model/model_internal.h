/* One loaded version, as autoencoder.c runs it, model_load.c makes it and registry.c shares it.
 * Internal to model/. */
#ifndef LAT_MODEL_MODEL_INTERNAL_H
#define LAT_MODEL_MODEL_INTERNAL_H

#include <stdatomic.h>

#include "model/engine.h"
#include "model/package.h"
#include "model/registry.h"
#include "model/signature.h"
#include "model/table.h"

struct lat_series;
struct lat_recommender;
struct lat_portrait;
struct lat_impute_calibration;
struct lat_compressor;

/* Immutable once loaded, but for the count and the running average. */
struct lat_model {
    atomic_uint references;       /* the registry's own, and one a handle */
    struct lat_manifest manifest; /* complete: what the text left open is filled in */
    struct lat_signature signature;
    struct lat_table *table;                        /* manifest.input.table; NULL if none */
    struct lat_words items;                         /* manifest.input.items points here */
    struct lat_session *encoder, *decoder;          /* decoder NULL if none */
    struct lat_portrait *portrait;                  /* NULL: the package has none */
    struct lat_recommender *recommender;            /* NULL: cannot recommend */
    struct lat_impute_calibration *imputation;      /* NULL: the manifest has none */
    struct lat_compressor *compressor;              /* NULL: cannot compress */
    char reference[LAT_NAME_MAX + 12];              /* "name@version" */
    uint64_t stamp;                                 /* lat_package_stamp() before it was read */
    struct lat_series *infer_seconds, *infer_batch; /* NULL during the trial run */
    _Atomic uint64_t row_ns;                        /* see lat_model_row_ns */
};

/* Where a model comes from; all borrowed. */
struct lat_model_source {
    struct lat_engine *engine;
    const char *folder; /* of the package */
    const char *name;   /* what the registry knows it as */
    uint32_t version;
    int threads; /* intra-op threads of a session */
};

/* What came of it. `json` is empty and `manifest` zero where the manifest could not be read. */
struct lat_model_loaded {
    struct lat_manifest manifest;
    struct lat_buf json;
    struct lat_model *model; /* one reference; NULL on failure */
};

/* Reads the package, opens its graphs, holds them against the manifest and runs two rows
 * through, so that what is ready works. A manifest that says another name or version is
 * refused. *out comes zeroed, and holds what could be read also on failure; the caller releases
 * json and model. */
enum lat_status lat_model_open(const struct lat_model_source *source,
                               struct lat_model_loaded *out,
                               struct lat_error *err) LAT_MUST_USE;

/* Reads the manifest alone and settles its name and version. */
enum lat_status lat_model_read_manifest(const char *folder, const char *name, uint32_t version,
                                        struct lat_manifest *out_manifest,
                                        struct lat_buf *out_json,
                                        struct lat_error *err) LAT_MUST_USE;

/* A number that changes when a file of the package is replaced: of inodes, sizes and times. */
uint64_t lat_package_stamp(const char *folder, const struct lat_manifest *manifest);

#endif
