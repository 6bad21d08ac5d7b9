/* libsodium wants sodium_init before anything else; it may be called any number of times from
 * any thread, and is a single load once it has run. That it fails means that the machine has no
 * source of randomness: nothing sensible can go on, so the process aborts. */
#include "service/crypto.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/banned.h"

_Static_assert(LAT_HASH_SIZE == crypto_generichash_BYTES, "BLAKE2b-256");
_Static_assert(LAT_HASH_SIZE == crypto_hash_sha256_BYTES, "SHA-256");

static void ready(void)
{
    if (sodium_init() >= 0)
        return;
    fprintf(stderr, "latentd: no source of random numbers\n");
    abort();
}

void lat_hash(const void *bytes, size_t len, uint8_t out_hash[LAT_HASH_SIZE])
{
    ready();
    crypto_generichash(out_hash, LAT_HASH_SIZE, bytes, len, NULL, 0);
}

bool lat_hash_parse(const char *text, uint8_t out_hash[LAT_HASH_SIZE])
{
    uint8_t hash[LAT_HASH_SIZE];
    size_t len = 0;
    const char *end = NULL;
    const size_t digits = 2 * LAT_HASH_SIZE;
    for (size_t i = 0; i <= digits; i++)
        if ((text[i] == '\0') != (i == digits))
            return false;
    if (sodium_hex2bin(hash, sizeof(hash), text, digits, NULL, &len, &end) != 0 ||
        len != sizeof(hash))
        return false;
    for (size_t i = 0; i < sizeof(hash); i++)
        out_hash[i] = hash[i];
    return true;
}

bool lat_hash_equal(const uint8_t a[LAT_HASH_SIZE], const uint8_t b[LAT_HASH_SIZE])
{
    return sodium_memcmp(a, b, LAT_HASH_SIZE) == 0;
}

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct lat_sha256), "room for it");

void lat_sha256_begin(struct lat_sha256 *sha)
{
    ready();
    crypto_hash_sha256_init((crypto_hash_sha256_state *)(void *)sha->state);
}

void lat_sha256_add(struct lat_sha256 *sha, const void *bytes, size_t len)
{
    crypto_hash_sha256_update((crypto_hash_sha256_state *)(void *)sha->state, bytes, len);
}

void lat_sha256_end(struct lat_sha256 *sha, char out_text[LAT_SHA256_TEXT])
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final((crypto_hash_sha256_state *)(void *)sha->state, hash);
    sodium_bin2hex(out_text, LAT_SHA256_TEXT, hash, sizeof(hash));
}

void lat_wipe(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}

void lat_random_id(char out_id[LAT_RANDOM_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bits[(LAT_RANDOM_ID_SIZE - 1) / 2];
    ready();
    randombytes_buf(bits, sizeof(bits));
    for (size_t i = 0; i < sizeof(bits); i++) {
        out_id[2 * i] = digits[bits[i] >> 4];
        out_id[2 * i + 1] = digits[bits[i] & 15];
    }
    out_id[LAT_RANDOM_ID_SIZE - 1] = '\0';
}

const char *lat_crypto_version(void)
{
    return sodium_version_string();
}
