/* What the integration tests ask with: one server for all of them, started before the first and
 * stopped after the last, a connection and the last reply of the test that runs.
 *
 * Models of that server: `tiny@1` (pictures of 4x4 gray, the code their first 8 pixels),
 * `vec@1` and `vec@2` (6 numbers, the code the first 3 times 1 or 2), `mute@1` (vec without a
 * decoder), `spread@1` (vec with a log-variance), `people@1` (a table: x, y and a/b of four
 * words; the code is x, y and the first word's element), `taste@1` (histories of the items a to
 * f, the code the first three), `broken@1` (no ONNX file). With a calibration of the nine
 * scores 1 to 9: `judge@1` (as vec), `look@1` and `look@2` (as tiny), `cells@1` (as people);
 * `lenient@1` is judge with four times the scores under the same id, `belief@1` spread with a
 * calibration of its bound. */
#ifndef LAT_TESTS_INTEGRATION_CLIENT_H
#define LAT_TESTS_INTEGRATION_CLIENT_H

#include <criterion/criterion.h>

#include "base/buf.h"
#include "tests/support/server.h"
#include "tests/support/wire.h"

/* ---- the server ---- */

uint16_t api_port(void);
const char *api_url(void);
const char *api_models(void); /* its models folder */
/* The test goes on with another server; NULL: the shared one again. */
void api_use(const struct server *server);
/* Writes the models named above. */
void api_write_models(const char *folder);

/* ---- asking ---- */

/* Sends and keeps the reply, parsed if it is JSON. The HTTP status, 0 without a whole reply. */
int ask(const char *method, const char *path, const char *json);
/* `headers` are whole lines ("If-Match: *\r\n") and say the content type; NULL: none. */
int ask_as(const char *method, const char *path, const char *headers, const void *body,
           size_t len);
/* HEAD on a connection of its own; the bytes behind the head of the reply in *out_extra. */
int ask_head(const char *path, size_t *out_extra);
/* The same as ask_as on a fresh connection, bytes as they are. */
int ask_raw(const char *bytes, size_t len);
#define ask_text(bytes) ask_raw(bytes, sizeof(bytes) - 1)

const char *reply(void); /* the last body */
size_t reply_len(void);
const char *header(const char *name); /* "" when it is not there */

/* Members of the last body by their path: "results.0.id". A missing one: "", NAN, 0, false. */
const char *text_of(const char *path);
double number_of(const char *path);
size_t count_of(const char *path); /* elements of a list */
bool has(const char *path);        /* there, and not null */
bool is_null(const char *path);    /* there, and null */
bool flag_of(const char *path);

/* The last reply is a problem in every respect: status, media type, members, the code given and
 * an X-Request-Id that is in the body. */
void problem(int status, const char *code, const char *file, int line);
#define PROBLEM(status, code) problem(status, code, __FILE__, __LINE__)
/* Its first error has that pointer. */
#define POINTER(place) cr_expect_str_eq(text_of("errors.0.pointer"), place, "%s", reply())
#define STATUS(wanted, got)                                                                    \
    do {                                                                                       \
        const int status_got = (got);                                                          \
        cr_assert_eq(status_got, wanted, "%d: %s", status_got, reply());                       \
    } while (0)

/* ---- jobs ---- */

/* Waits until the job has ended and asserts that it ended so; its record is the last reply. */
void job_ends(const char *id, const char *state);

/* ---- collections ---- */

/* The name of this test's own collection, and a path below it ("/items"); four at a time. */
const char *coll(const char *below);
/* Creates it. */
void make(const char *spec);
/* Stores one item given as JSON; asserts that it was. */
void put(const char *id, const char *json);

/* ---- pictures ---- */

/* A PNG of 4x4 gray pixels, base + step * i for the i-th. */
struct lat_buf tiny_png(unsigned base, unsigned step);
/* The same in base64. */
const char *tiny_png64(unsigned base, unsigned step);
/* Of any size, all black. */
struct lat_buf black_png(unsigned width, unsigned height);

#endif
