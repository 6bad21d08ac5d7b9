/* A memory index as a file: what it holds, where, and how it is known to be whole.
 *
 * Layout (docs/formats-store.md): a head of fixed size, then six sections in the order of
 * enum lat_index_section. The head carries length and CRC-32C of each section and its own CRC
 * at its end. Everything is little-endian, as the machine is; a file of another kind of machine
 * fails the test of `byte_order`. */
#ifndef LAT_INDEX_INDEX_FILE_H
#define LAT_INDEX_INDEX_FILE_H

#include "index/memory_index.h"

#define LAT_INDEX_MAGIC "LATINDEX"

enum { LAT_INDEX_FORMAT = 1, LAT_INDEX_BYTE_ORDER = 0x01020304 };

enum lat_index_section {
    LAT_SECTION_SLOTS,   /* uint64_t [n] */
    LAT_SECTION_IDS,     /* n texts, each with its NUL */
    LAT_SECTION_GONE,    /* bitmap of n bits in uint64_t */
    LAT_SECTION_SHOWN,   /* the same */
    LAT_SECTION_VECTORS, /* float [n][d] */
    LAT_SECTION_ANN,     /* lat_ann_save, or empty */
    LAT_SECTION_COUNT
};

struct lat_index_head {
    char magic[8];
    uint32_t format, byte_order;
    unsigned char uuid[16]; /* of the store */
    int64_t collection;     /* its key */
    uint32_t dimension, metric;
    uint64_t n, sequence, last_slot, live, hidden, corrupt;
    uint64_t section_len[LAT_SECTION_COUNT];
    uint32_t section_crc[LAT_SECTION_COUNT];
    uint32_t reserved;
    uint32_t crc; /* of all before it */
};

/* Writes `index` as it is now to `path`, whole or not at all. `head` comes with uuid,
 * collection; the rest is filled in. Linker's thread; `lock` as in memory_index.h, held for a
 * chunk at a time. */
enum lat_status lat_index_file_write(const char *path, const struct lat_index *index,
                                     struct lat_rwlock *lock, struct lat_index_head *head,
                                     struct lat_error *err) LAT_MUST_USE;

/* Reads it all. LAT_CORRUPT for anything that does not add up. */
enum lat_status lat_index_file_read(const char *path, struct lat_index_head *out_head,
                                    struct lat_index **out_index,
                                    struct lat_error *err) LAT_MUST_USE;

#endif
