/* What the measuring programs share: sizes, a folder of their own, a server, rows of results.
 *
 * A program prints one JSON object. A member that is an object with "ratio" and "limit" is a
 * row of the table of scripts/bench. BENCH_QUICK=1 makes everything small: a check that the
 * programs work, not a measurement. */
#ifndef LAT_BENCH_BENCH_H
#define LAT_BENCH_BENCH_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "tests/bench/load.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

/* `full`, or `quick` with BENCH_QUICK=1. */
size_t bench_size(size_t full, size_t quick);
double bench_seconds(double full, double quick);

/* One line on stderr saying what goes on. */
void bench_say(const char *fmt, ...) LAT_PRINTF(1, 2);
/* Words on stderr, folder and server gone, exit status 1. */
_Noreturn void bench_die(const char *fmt, ...) LAT_PRINTF(1, 2);

/* The temporary folder (test_folder) and the server in it: started by the first, stopped and
 * removed by the second. `models` may be NULL: none. */
void bench_begin(struct server *server, const char *models, const char *const *options);
void bench_end(struct server *server);

/* A request that must answer `want`; dies with the reply otherwise. */
void bench_ask(struct wire *wire, const char *method, const char *path, const char *type,
               const void *body, size_t len, int want);
/* GET, as JSON (decref). */
json_t *bench_get(struct wire *wire, const char *path);

/* Creates a collection from the JSON text of its settings. */
void bench_collection(struct wire *wire, const char *name, const char *settings);
/* PUTs rows as items "000000000" + first, first + 1, … in batches, base64. */
void bench_put_codes(struct wire *wire, const char *collection, const float *rows, size_t n,
                     size_t d, size_t first);
/* Starts the job of a training (a whole body of /v1/jobs) and waits for its end; dies when it
 * fails. */
void bench_train(struct wire *wire, const char *body);
/* Dies with the words of a failure. */
void bench_must(enum lat_status status, const struct lat_error *err);
/* Waits until the index is whole: nothing left to be linked, no rebuild or saving under way. */
void bench_settle(const struct server *server, struct wire *wire, const char *collection);

/* The middle of n values, which are sorted. */
double bench_median(double *values, size_t n);

/* {"ratio": measured / reference, "limit": …, "at_most": …}, to which members can be added. */
json_t *bench_row(double ratio, double limit, bool at_most);
void bench_set(json_t *object, const char *name, double value);

/* Prints the object to stdout and frees it. */
void bench_print(json_t *results);

#endif
