/* The certificate the server shows. Read from two PEM files at the start; when they change on
 * disk, connections that come later get the new one: they are looked at while handshakes come
 * in, at most every LAT_TLS_LOOK_S seconds, and by lat_tls_reload.
 *
 * tls.c is the only file that knows GnuTLS. libmicrohttpd asks for the certificate through a
 * function without a context, so a process has one: the last that was made. Any thread. */
#ifndef LAT_SERVICE_TLS_H
#define LAT_SERVICE_TLS_H

#include <stddef.h>

#include "base/status.h"

enum { LAT_TLS_LOOK_S = 10 };

struct lat_tls;

/* `certificate`: the server's own first, then those that lead to the authority; `key`: its
 * private key, without a password. Paths are copied. LAT_INVALID, LAT_NOT_FOUND, … name the
 * file; key and certificate must belong together. */
enum lat_status lat_tls_new(const char *certificate, const char *key, struct lat_tls **out_tls,
                            struct lat_error *err) LAT_MUST_USE;
/* After the network has stopped. NULL is fine. */
void lat_tls_free(struct lat_tls *tls);

/* Reads the files now. On failure the old certificate stays. */
enum lat_status lat_tls_reload(struct lat_tls *tls, struct lat_error *err) LAT_MUST_USE;

/* A gnutls_certificate_retrieve_function2, for libmicrohttpd. */
typedef void lat_tls_function(void);
extern lat_tls_function *const lat_tls_retriever;

/* Sends through a session (gnutls_session_t) what fits, without waiting. Best effort. */
void lat_tls_send(void *session, const void *bytes, size_t len);

/* "3.7.9" */
const char *lat_tls_version(void);

#endif
