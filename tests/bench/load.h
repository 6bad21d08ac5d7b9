/* A load generator: many keep-alive connections, one thread, epoll. Each connection sends a
 * request, waits for its reply, sends the next (closed loop). The parsing is as little as HTTP
 * allows: the status, Content-Length, that many bytes. */
#ifndef LAT_BENCH_LOAD_H
#define LAT_BENCH_LOAD_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Requests ready to be sent, in one buffer. */
struct load_requests {
    struct lat_buf bytes;
    size_t *starts; /* [n + 1] offsets */
    size_t n, capacity;
};

/* Appends one; `type` and `body` may be NULL. */
void load_add(struct load_requests *requests, const char *method, const char *path,
              const char *type, const void *body, size_t len);
void load_release(struct load_requests *requests);

enum { LOAD_BUCKETS = 1024 };

/* Latencies in buckets 2^(1/32) wide, from a microsecond on. */
struct load_histogram {
    uint64_t counts[LOAD_BUCKETS];
    uint64_t n;
};

struct load_options {
    uint16_t port;
    unsigned connections; /* 0 = 16 */
    double seconds;       /* stops after that, unless 0 */
    uint64_t limit;       /* stops after so many requests, unless 0 */
    double warmup;        /* seconds before counting begins */
    /* Replies other than 2xx are counted and their connection goes on. */
    const atomic_bool *stop; /* ends the run, too; may be NULL */
};

struct load_result {
    uint64_t n;      /* whole replies */
    uint64_t failed; /* of them not 2xx */
    uint64_t broken; /* connections that ended within a reply, or could not be made */
    double seconds;
    double rate; /* replies a second */
    double p50_us, p99_us, max_us;
    int first_status; /* of the first failure */
};

/* Runs the requests round and round. Aborts only for want of memory. */
void load_run(const struct load_requests *requests, const struct load_options *options,
              struct load_result *out_result);

#endif
