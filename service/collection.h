/* Collections as the service sees them: created for a model, filled with inputs or codes. */
#ifndef LAT_SERVICE_COLLECTION_H
#define LAT_SERVICE_COLLECTION_H

#include "index/store.h"
#include "service/embed.h"

/* Fills what a request for a new collection left open and checks the rest. `spec->model` may be
 * "name" (becomes "name@version", the newest ready one) or "name@version" or "". With a model,
 * dimension 0 becomes the model's and another number is refused (LAT_INVALID wrong_dimension);
 * without `has_metric` the metric is the model's own, or l2 without a model. LAT_NOT_FOUND for
 * an unknown model, LAT_UNAVAILABLE for one that cannot serve. */
enum lat_status lat_collection_complete(struct lat_call *call, struct lat_collection_spec *spec,
                                        bool has_metric, struct lat_error *err) LAT_MUST_USE;

/* Completes, then creates: see lat_store_create. A `name` without a version also matches a
 * collection that exists with any version of that model. */
enum lat_status lat_collection_create(struct lat_call *call, struct lat_collection_spec *spec,
                                      bool has_metric, bool *out_created,
                                      struct lat_error *err) LAT_MUST_USE;

/* One item to store. Everything is borrowed for the call. */
struct lat_ingest_item {
    const char *id;                  /* NULL only together with `refused` */
    const struct lat_error *refused; /* found bad by the caller already: only reported */
    const struct lat_input *input; /* this or `code`; NULL both for collections without codes */
    const float *code;
    size_t n_code;
    const char *metadata; /* JSON object text, or NULL */
    /* What GET …/input gives back. NULL: the picture's own bytes with their sniffed type, or
     * the vector as little-endian float32 (application/octet-stream). */
    const void *original;
    size_t original_len;
    const char *original_type;
    bool score;                       /* its score is wanted, whatever it is (below) */
    int hidden;                       /* 0, 1, -1 = unchanged (new items: 0) */
    uint64_t if_match, if_none_match; /* as in struct lat_write */
};

struct lat_ingest_result {
    const struct lat_error *error; /* NULL when stored; in the call's arena */
    bool created;
    uint64_t version;
    const float *code; /* what was stored, [dimension]; NULL if nothing was */
    float score;       /* what was stored; NaN: not known, or not yet */
};

/* Encodes what needs it, writes everything in one go, and returns when it is durable and
 * searchable. One result an item, in order; an id that appeared earlier in the same call fails
 * with duplicate_id. Inputs are scored with the same run, for a model that can; but pictures
 * that are kept only where that is wanted: they get theirs later (service/scorer.h). With
 * `atomic` the first failure fails all and *out_bad (may be NULL) is its index; nothing was
 * written then. The call fails as a whole for an unknown collection, a model that is not there,
 * a full disk, and the like. */
enum lat_status lat_collection_ingest(struct lat_call *call, const char *collection,
                                      const struct lat_ingest_item *items, size_t n,
                                      bool atomic, struct lat_ingest_result *out_results,
                                      size_t *out_bad, struct lat_error *err) LAT_MUST_USE;

/* The checks of a code on its way in: dimension (naming the collection, both numbers) and
 * finite values. */
enum lat_status lat_collection_check_code(const struct lat_collection_spec *spec,
                                          const float *code, size_t n,
                                          struct lat_error *err) LAT_MUST_USE;

#endif
