/* Replies of batches: {"results":[{index,id,status,error?}],"succeeded":n,"failed":m}. */
#ifndef LAT_API_BATCH_H
#define LAT_API_BATCH_H

#include "service/http.h"

/* What became of one element. Borrowed. */
struct lat_batch_result {
    const char *id;                /* NULL: it had none */
    int http;                      /* 200, 201, …; with an error its own */
    const struct lat_error *error; /* NULL: it succeeded */
    const char *members;           /* ",\"key\":…", added as they are; NULL: none */
};

/* 200 when all succeeded, 207 when some did, 422 with a problem body when none did. `members`
 * ("\"deleted\":3", NULL for none) are added as they are. */
enum lat_status lat_reply_batch(struct lat_call *call, const struct lat_batch_result *results,
                                size_t n, const char *members,
                                struct lat_error *err) LAT_MUST_USE;

/* Nothing was done because of results[bad]: a problem with its code and words and the results,
 * every other element with status 424. 422 like any batch of which none succeeded, but for what
 * is the server's (429, 5xx). */
enum lat_status lat_reply_atomic(struct lat_call *call, struct lat_batch_result *results,
                                 size_t n, size_t bad, struct lat_error *err) LAT_MUST_USE;

/* {"index":…,"id":…,"status":…,"error":…?}, appended. */
void lat_write_result(struct lat_buf *out, uint64_t index,
                      const struct lat_batch_result *result);

#endif
