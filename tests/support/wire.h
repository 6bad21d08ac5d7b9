/* A small blocking HTTP/1.1 client over one keep-alive connection, for tests that must not lean
 * on a client library's kindness: what it sends is what was asked for, byte by byte.
 *
 * One thread at a time has a wire. Needs no Criterion. */
#ifndef LAT_TESTS_WIRE_H
#define LAT_TESTS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct wire {
    int fd;              /* -1 while not connected */
    uint16_t port;       /* on 127.0.0.1 */
    unsigned timeout_ms; /* of one read or write; 0 = 30 s */
    struct lat_buf in;   /* the last reply, head and body */
    int status;          /* of it; 0 when there was none */
    size_t head_len;     /* bytes of `in` before the body */
    const char *body;    /* NUL-terminated, valid until the next call */
    size_t body_len;
};

/* `struct wire w = {.fd = -1, .port = port}`; connects on first use. */
bool wire_connect(struct wire *wire);
/* Raw bytes, no reply awaited. False when the peer is gone. */
bool wire_send(struct wire *wire, const void *bytes, size_t len);
/* Reads one reply with Content-Length or chunks. Its status, or 0 when the connection ended or
 * the time was up before it was whole. */
int wire_receive(struct wire *wire);

/* A whole request and its reply; connects (again) when needed, never repeats a request. `type`
 * may be NULL (application/json), `body` NULL: none. Returns the status, 0 without a whole
 * reply. */
int wire_request(struct wire *wire, const char *method, const char *path, const char *type,
                 const void *body, size_t len);
/* The same with a text for a body, NULL for none. */
int wire_json(struct wire *wire, const char *method, const char *path, const char *json);

/* The value of a header of the last reply, copied into out; "" when it is not there. */
void wire_header(const struct wire *wire, const char *name, char *out, size_t size);

/* Half closed for writing; the reply can still be read. */
void wire_shut(struct wire *wire);
void wire_close(struct wire *wire);
/* Closed, memory given back. */
void wire_release(struct wire *wire);

#endif
