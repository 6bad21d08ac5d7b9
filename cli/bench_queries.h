/* What `latentd bench` asks: searches made of the items a collection has. */
#ifndef LAT_CLI_BENCH_QUERIES_H
#define LAT_CLI_BENCH_QUERIES_H

#include "base/arena.h"
#include "base/buf.h"
#include "cli/client.h"

/* What a query is, in the order of lat_bench_kind_names. */
enum lat_bench_kind { LAT_BENCH_ID, LAT_BENCH_CODE, LAT_BENCH_INPUT };
extern const char *const lat_bench_kind_names[3]; /* "id" "code" "input" */

/* One POST, ready to be sent; owned by the list. */
struct lat_bench_query {
    struct lat_buf body;
    const char *type; /* media type; static */
};

struct lat_bench_queries {
    char *path; /* of all of them, with their options */
    struct lat_bench_query *list;
    size_t n;
};

struct lat_bench_subject {
    const char *collection;
    enum lat_bench_kind kind;
    size_t n, k;        /* at most so many queries; 1 to 1000 each */
    const char *filter; /* JSON, "" for none */
};

/* Reads the first items of the collection and makes a query of each: its id as JSON, its code
 * as raw float32, or the picture that was stored, as it is. Items that have none are left out;
 * LAT_INVALID when none is left. Released by lat_bench_queries_release, also after a failure.
 */
enum lat_status lat_bench_queries_read(struct lat_client *client,
                                       const struct lat_bench_subject *subject,
                                       struct lat_bench_queries *out_queries,
                                       struct lat_error *err) LAT_MUST_USE;
void lat_bench_queries_release(struct lat_bench_queries *queries);

#endif
