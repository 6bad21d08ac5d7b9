/* The few primitives needed from libsodium; crypto.c is the only file that knows it. Any
 * thread. */
#ifndef LAT_SERVICE_CRYPTO_H
#define LAT_SERVICE_CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { LAT_HASH_SIZE = 32, LAT_RANDOM_ID_SIZE = 33 };

/* BLAKE2b-256 without a key, what `b2sum -l 256` prints. */
void lat_hash(const void *bytes, size_t len, uint8_t out_hash[LAT_HASH_SIZE]);

/* 64 hexadecimal digits in either case, the whole of `text`; false otherwise. */
bool lat_hash_parse(const char *text, uint8_t out_hash[LAT_HASH_SIZE]) LAT_MUST_USE;

/* In a time that does not depend on the bytes. */
bool lat_hash_equal(const uint8_t a[LAT_HASH_SIZE],
                    const uint8_t b[LAT_HASH_SIZE]) LAT_MUST_USE;

/* SHA-256 of a stream, what `sha256sum` prints: begin, add any number of times, end. A plain
 * value. */
enum { LAT_SHA256_TEXT = 2 * LAT_HASH_SIZE + 1 };
struct lat_sha256 {
    _Alignas(16) unsigned char state[128];
};
void lat_sha256_begin(struct lat_sha256 *sha);
void lat_sha256_add(struct lat_sha256 *sha, const void *bytes, size_t len);
/* 64 lower-case hexadecimal digits and a NUL. */
void lat_sha256_end(struct lat_sha256 *sha, char out_text[LAT_SHA256_TEXT]);

/* Zeroes that the compiler does not drop. */
void lat_wipe(void *bytes, size_t len);

/* 128 random bits as 32 lower-case hexadecimal digits and a NUL. */
void lat_random_id(char out_id[LAT_RANDOM_ID_SIZE]);

/* "1.0.18" */
const char *lat_crypto_version(void);

#endif
