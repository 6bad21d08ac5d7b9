/* The hash of every table in memory, and of users' names in the store's rows: another function
 * would need a step of the schema. Not for secrets. `seed` is the table's own, of the moment,
 * so that nobody can prepare keys that collide. */
#ifndef LAT_BASE_HASH_H
#define LAT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Eight bytes a round; the finaliser is that of MurmurHash3 (Appleby, public domain). */
static inline uint64_t lat_hash_bytes(uint64_t seed, const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    uint64_t h = seed ^ len * UINT64_C(0x9E3779B97F4A7C15);
    while (len) {
        uint64_t word = 0;
        const size_t take = len < 8 ? len : 8;
        memcpy(&word, p, take);
        h = (h ^ word) * UINT64_C(0xFF51AFD7ED558CCD);
        h ^= h >> 32;
        p += take;
        len -= take;
    }
    h ^= h >> 33;
    h *= UINT64_C(0xC4CEB9FE1A85EC53);
    return h ^ h >> 33;
}

#endif
