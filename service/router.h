/* The router: a path and a method to a row of the route table. */
#ifndef LAT_SERVICE_ROUTER_H
#define LAT_SERVICE_ROUTER_H

#include "service/http.h"

struct lat_router;

/* Prepares the table (borrowed). LAT_INVALID for a row that cannot work: a path that does not
 * begin with '/', too many parameters, two rows that match the same requests. */
enum lat_status lat_router_new(const struct lat_route *rows, size_t n,
                               struct lat_router **out_router,
                               struct lat_error *err) LAT_MUST_USE;
void lat_router_free(struct lat_router *router);

/* Finds the row for `path` (as sent, without the query) and fills call->route, its index in the
 * table into *out_index, and the params, decoded into the call's arena. A row with more literal
 * segments goes before one with parameters. LAT_HEAD finds the GET row. Any thread.
 *
 * LAT_BAD_SYNTAX (bad_path) for bad percent-encoding or UTF-8, LAT_INVALID for a NUL in a
 * parameter, LAT_NOT_FOUND (route_not_found), LAT_NOT_ALLOWED (method_not_allowed) with the
 * header Allow added to the response. */
enum lat_status lat_router_match(const struct lat_router *router, struct lat_call *call,
                                 size_t *out_index, struct lat_error *err) LAT_MUST_USE;

/* One of lat_method_bits, 0 for a method nobody here knows. */
unsigned lat_method_parse(const char *word);
const char *lat_method_name(unsigned method);

/* Percent-decodes `len` bytes into `out` (room for len + 1; terminated). `plus`: '+' is a
 * space. False when a '%' is not followed by two hexadecimal digits. Overlapping from the start
 * is fine. */
bool lat_percent_decode(const char *text, size_t len, bool plus, char *out,
                        size_t *out_len) LAT_MUST_USE;

#endif
