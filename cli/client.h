/* A client of a running server: the only file that knows libcurl. One thread at a time a
 * client. */
#ifndef LAT_CLI_CLIENT_H
#define LAT_CLI_CLIENT_H

#include "base/buf.h"
#include "base/status.h"

struct lat_client;

/* Whether `server` is an http or https address with a host; LAT_INVALID names --server. */
enum lat_status lat_client_check(const char *server, struct lat_error *err) LAT_MUST_USE;

/* `server` is "http://host:port" (a path behind it is kept), `key` may be "". Both copied. */
enum lat_status lat_client_new(const char *server, const char *key,
                               struct lat_client **out_client,
                               struct lat_error *err) LAT_MUST_USE;
void lat_client_free(struct lat_client *client);

/* One request. `path` begins with a slash, is percent-encoded; `body` NULL for none. The
 * reply's bytes replace those of `reply`. LAT_IO when there is no reply; any HTTP status is
 * LAT_OK. Waits and tries again, a few times, when the server cannot be reached or says 429 or
 * 503. */
enum lat_status lat_client_send(struct lat_client *client, const char *method, const char *path,
                                const char *content_type, const struct lat_buf *body,
                                struct lat_buf *reply, long *out_http,
                                struct lat_error *err) LAT_MUST_USE;

/* A GET whose body goes to `take` as it comes (false: stop, the disk is full) when the server
 * answers 200, else into `problem`. No second try. LAT_IO also when `take` said stop. */
enum lat_status lat_client_fetch(struct lat_client *client, const char *path,
                                 bool (*take)(void *context, const void *bytes, size_t len),
                                 void *context, struct lat_buf *problem, long *out_http,
                                 struct lat_error *err) LAT_MUST_USE;

/* One GET of `server` + `path` without a key, tried once, for at most `timeout_ms`: whether a
 * server of one's own is well. Its certificate is not checked. LAT_IO says why there is no
 * reply. */
enum lat_status lat_client_probe(const char *server, const char *path, long timeout_ms,
                                 struct lat_buf *reply, long *out_http,
                                 struct lat_error *err) LAT_MUST_USE;

/* The words of a reply that says no: its `detail` if it is a problem, else the status. */
void lat_client_words(const struct lat_buf *reply, long http, char *out, size_t size);

/* Appends `text` percent-encoded as one segment of a path. */
void lat_client_segment(struct lat_buf *out, const char *text);

#endif
