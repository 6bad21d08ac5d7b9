/* The listening socket, and the address it has. */
#ifndef LAT_SERVICE_SOCKET_H
#define LAT_SERVICE_SOCKET_H

#include <stddef.h>

#include "base/status.h"

enum { LAT_ADDRESS_SIZE = 80 };

/* "127.0.0.1:8080", "[::1]:0", "localhost:80", "0.0.0.0:8080"; ":8080" and "*:8080" are every
 * address. Binds and listens, non-blocking. *out_fd is the caller's to close; out_address
 * becomes what it is really bound to. LAT_INVALID for text that is no address, LAT_CONFLICT
 * (address_in_use), LAT_IO. */
enum lat_status lat_socket_listen(const char *text, int *out_fd,
                                  char out_address[LAT_ADDRESS_SIZE],
                                  struct lat_error *err) LAT_MUST_USE;

/* Whether `text` has the shape of an address, without asking what it stands for. */
enum lat_status lat_socket_check(const char *text, struct lat_error *err) LAT_MUST_USE;

/* Whether `text` names this machine's loopback only. LAT_INVALID as above. */
enum lat_status lat_socket_is_loopback(const char *text, bool *out_loopback,
                                       struct lat_error *err) LAT_MUST_USE;

#endif
