/* API keys: who may do what, and how often.
 *
 * A key has scopes; `admin` includes `write`, `write` includes `read`. Keys are hashed as they
 * are read (BLAKE2b, 256 bits) and only the hashes are kept; a check compares with every hash
 * in constant time. Any thread may check, also while another reloads.
 *
 * Two sources. The setting api_keys: "SCOPE:KEY[,SCOPE:KEY…]". The file api_keys_file: a line
 * "SCOPE[,SCOPE…] KEY [name=NAME] [rate=N] [burst=N]" each, where KEY may be "blake2b:" and 64
 * hexadecimal digits (what `b2sum -l 256` prints of the key without a newline); # starts a
 * comment line. `latentd keys` writes such files.
 *
 * rate is requests a second, burst how many may come at once (default: those of one second). A
 * key may be used while its bucket is not empty: the generic cell rate algorithm, the virtual
 * scheduling form of ITU-T I.371, one number a key. */
#ifndef LAT_SERVICE_KEYS_H
#define LAT_SERVICE_KEYS_H

#include "service/http.h"

enum {
    LAT_KEY_MIN = 8, /* bytes of a key in the clear */
    LAT_KEY_MAX = 512,
    LAT_KEY_NAME_SIZE = 64
};

struct lat_keys;

struct lat_keys_options {
    const char *inline_keys; /* the setting api_keys; "" or NULL: none */
    const char *file;        /* api_keys_file; the same */
    double rate, burst;      /* of keys without their own; rate 0: no limit */
};

/* *out_keys is NULL when neither source names a key. LAT_INVALID for a bad line (without
 * showing the key), LAT_NOT_FOUND for a missing file. */
enum lat_status lat_keys_new(const struct lat_keys_options *options, struct lat_keys **out_keys,
                             struct lat_error *err) LAT_MUST_USE;
/* Reads the sources again; keys that stay go on with the buckets they have. On failure, and
 * when no key is left (keys_needed: a server does not open itself), the old ones stay. */
enum lat_status lat_keys_reload(struct lat_keys *keys, const struct lat_keys_options *options,
                                struct lat_error *err) LAT_MUST_USE;
void lat_keys_free(struct lat_keys *keys);

/* `key` NULL: none was sent. LAT_UNAUTHORIZED (codes key_missing, key_unknown); LAT_FORBIDDEN
 * (scope_missing) names the scope wanted; LAT_BUSY (rate_limited) with the seconds until the
 * next request may come in *out_wait_s, which is 0 otherwise. LAT_SCOPE_NONE is always fine.
 * `now_ns` as of lat_clock_ns. */
enum lat_status lat_keys_check(struct lat_keys *keys, const char *key, enum lat_scope scope,
                               uint64_t now_ns, unsigned *out_wait_s,
                               struct lat_error *err) LAT_MUST_USE;

/* "read,write" -> the highest of them. Changes `list`. LAT_INVALID for what is no scope. */
enum lat_status lat_scopes_parse(char *list, enum lat_scope *out_scope,
                                 struct lat_error *err) LAT_MUST_USE;

extern const char *const lat_scope_names[4]; /* "none" "read" "write" "admin" */

#endif
