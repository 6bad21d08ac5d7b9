/* Failures on the wire: problem bodies (RFC 9457) and the `error` member of a batch's results.
 */
#ifndef LAT_API_PROBLEM_H
#define LAT_API_PROBLEM_H

#include "service/http.h"

/* The HTTP status of a failure. */
int lat_problem_status(const struct lat_error *err);

/* The lat_problem_writer of the house: replaces whatever the response holds, logs what is the
 * server's own fault. */
void lat_problem_write(struct lat_call *call, const struct lat_error *err);

/* Empties the response, sets status and headers, and begins the body: all members but the
 * closing brace, so that a batch can add its own. */
void lat_problem_open(struct lat_call *call, int status, const struct lat_error *err);

/* Appends {"code":…,"detail":…,"errors":[…]}: what is wrong with one item of a batch. The
 * pointer is the item's own, relative to the body. */
void lat_problem_item(struct lat_buf *out, const struct lat_error *err);

/* Every code that problems of this service carry, for the documents (problem_codes.c). */
struct lat_problem_code {
    const char *code, *meaning;
    int status;
    const char *remedy; /* what the one who gets it can do */
};
extern const struct lat_problem_code lat_problem_codes[];
extern const size_t lat_n_problem_codes;

#endif
