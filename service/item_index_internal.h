/* The index over items between its two files: item_index_build.c makes it, item_index.c
 * searches it. Internal to service/. */
#ifndef LAT_SERVICE_ITEM_INDEX_INTERNAL_H
#define LAT_SERVICE_ITEM_INDEX_INTERNAL_H

#include "index/nibbles.h"
#include "service/item_index.h"

enum {
    LAT_ITEM_AXES = 128,    /* coordinates kept, at most */
    LAT_ITEM_PARTS = 64,    /* codes a row, at most; even */
    LAT_ITEM_NEAREST = 100, /* what recall is about */
    LAT_ITEM_DEEP = 1000,   /* and what it is about beyond that */
    LAT_ITEM_TRIED = 64     /* of the source's queries, the last: the effort is tried on them */
};

/* Items around one centre: whole blocks, the last of them filled up. */
struct lat_item_cluster {
    size_t first; /* block */
    uint32_t n;   /* items */
};

/* Coordinates of a part: axes[first] to axes[first + n - 1] of the index. */
struct lat_item_part {
    uint32_t first, n;
    size_t levels_at; /* of its levels [16][n] in `levels` */
};

/* Immutable once it is built. */
struct lat_item_index {
    const float *rows; /* [n][d], borrowed */
    size_t n, d;
    size_t n_axes; /* of the coordinates */
    float *items;  /* [n_axes][d]: from a row to its coordinates */
    float *turn;   /* [n_axes][d]: from a query to its own */
    size_t n_parts;
    struct lat_item_part parts[LAT_ITEM_PARTS];
    uint32_t axes[LAT_ITEM_AXES]; /* which coordinates belong to which part */
    float *levels;
    size_t n_lists;
    float *centres; /* [n_lists][n_axes] */
    struct lat_item_cluster *lists;
    uint8_t *blocks;   /* of nibbles.h */
    uint32_t *numbers; /* [blocks * 32]: the item of each row of the blocks */
    lat_nibbles_scan *scan;
    struct lat_item_effort effort, deep;
};

/* A search that spends so much. `effort.lists` is at most n_lists. */
enum lat_status lat_item_index_spend(const struct lat_item_index *index,
                                     const struct lat_item_query *query,
                                     struct lat_item_effort effort,
                                     struct lat_ranked *out_items, size_t *out_n,
                                     struct lat_error *err) LAT_MUST_USE;

/* Finds out what a search has to spend; errors of lat_item_index_build. */
enum lat_status lat_item_index_try(struct lat_item_index *index,
                                   const struct lat_item_source *source,
                                   const atomic_bool *stop, struct lat_error *err) LAT_MUST_USE;

#endif
