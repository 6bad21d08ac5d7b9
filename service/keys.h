/* API keys: who may do what.
 *
 * A key has scopes; `admin` includes `write`, `write` includes `read`. Keys are hashed as they
 * are read (BLAKE2b, 256 bits) and only the hashes are kept; a check compares with every hash
 * in constant time. Immutable after lat_keys_new, so any thread may check.
 *
 * Two sources. The setting api_keys: "SCOPE:KEY[,SCOPE:KEY…]". The file api_keys_file: a line
 * "SCOPE[,SCOPE…] KEY" each, where KEY may be "blake2b:" and 64 hexadecimal digits (what `b2sum
 * -l 256` prints of the key without a newline); # starts a comment line. */
#ifndef LAT_SERVICE_KEYS_H
#define LAT_SERVICE_KEYS_H

#include "service/http.h"

enum { LAT_KEY_MIN = 8, LAT_KEY_MAX = 512 }; /* bytes of a key in the clear */

struct lat_keys;

/* `inline_keys` and `file` may be "" or NULL. *out_keys is NULL when neither names a key.
 * LAT_INVALID for a bad line (without showing the key), LAT_NOT_FOUND for a missing file. */
enum lat_status lat_keys_new(const char *inline_keys, const char *file,
                             struct lat_keys **out_keys, struct lat_error *err) LAT_MUST_USE;
void lat_keys_free(struct lat_keys *keys);

/* `key` NULL: none was sent. LAT_UNAUTHORIZED (codes key_missing, key_unknown); LAT_FORBIDDEN
 * (scope_missing) names the scope wanted. LAT_SCOPE_NONE is always fine. */
enum lat_status lat_keys_check(const struct lat_keys *keys, const char *key,
                               enum lat_scope scope, struct lat_error *err) LAT_MUST_USE;

extern const char *const lat_scope_names[4]; /* "none" "read" "write" "admin" */

#endif
