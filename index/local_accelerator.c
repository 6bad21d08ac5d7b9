/* Which accelerator an index gets: a graph, lists, what a factory's text says, or none while
 * there are few rows or the type is flat. Lists need rows to be trained with: they are gathered
 * evenly over the index, so many a list as FAISS wants, and at most so many as it uses. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "index/faiss_index.h"
#include "index/local_store.h"

#include "base/banned.h"

enum {
    IVF_LEAST = 1000, /* rows that are worth lists */
    FACTORY_LEAST = 1000,
    ROWS_PER_LIST = 39,  /* FAISS wants so many to train a list with */
    TRAIN_PER_LIST = 64, /* and gets at most so many */
    TRAIN_LEAST = 20000,
};

static uint32_t lists_for(uint64_t rows)
{
    uint64_t root = 1;
    while (root * root < rows)
        root++;
    uint64_t lists = 4 * root;
    if (lists > rows / ROWS_PER_LIST)
        lists = rows / ROWS_PER_LIST;
    return lists ? (uint32_t)lists : 1;
}

static void factory_of(const struct lat_index_spec *spec, uint64_t rows, char *out, size_t size)
{
    if (spec->type == LAT_INDEX_IVF)
        snprintf(out, size, "IVF%u,Flat", spec->nlist ? spec->nlist : lists_for(rows));
    else
        snprintf(out, size, "%s", spec->factory);
}

bool lat_index_wants_training(const struct lat_index_spec *spec, uint64_t live)
{
    if (spec->type == LAT_INDEX_IVF)
        return live >= IVF_LEAST && live >= (uint64_t)spec->nlist * ROWS_PER_LIST;
    return spec->type == LAT_INDEX_FACTORY && live >= FACTORY_LEAST;
}

/* Rows spread evenly over the index, gathered for training. */
static enum lat_status gather(const struct lat_index *index, struct lat_rwlock *lock,
                              float **out_rows, size_t *out_n, struct lat_error *err)
{
    struct lat_vectors view;
    if (lock)
        lat_rwlock_read(lock);
    const size_t n = index->map.n;
    enum lat_status status = lat_vectors_view(&index->vectors, &view, err);
    if (lock)
        lat_rwlock_unlock(lock);
    if (status != LAT_OK)
        return status;
    size_t most = TRAIN_PER_LIST * (size_t)lists_for(n);
    most = most < TRAIN_LEAST ? TRAIN_LEAST : most;
    const size_t take = n < most ? n : most;
    size_t floats;
    float *rows = lat_mul_size(take ? take : 1, index->d, &floats)
                      ? lat_alloc_raw(floats, sizeof(*rows))
                      : NULL;
    for (size_t i = 0; rows && i < take; i++)
        memcpy(rows + i * index->d, lat_vectors_row(&view, i * n / take),
               index->d * sizeof(*rows));
    lat_vectors_view_end(&view);
    if (!rows)
        return lat_fail_memory(err);
    *out_rows = rows;
    *out_n = take;
    return LAT_OK;
}

static enum lat_status new_trained(const struct lat_index *index, const char *factory,
                                   struct lat_rwlock *lock, unsigned threads,
                                   struct lat_ann **out_ann, struct lat_error *err)
{
    float *rows = NULL;
    size_t n = 0;
    enum lat_status status = gather(index, lock, &rows, &n, err);
    if (status == LAT_OK)
        status = lat_ann_new_factory(index->metric, index->d, factory, rows, n, threads,
                                     out_ann, err);
    lat_free(rows);
    return status;
}

enum lat_status lat_index_new_accelerator(const struct lat_index *index,
                                          const struct lat_index_spec *spec,
                                          struct lat_rwlock *lock, bool may_train,
                                          unsigned threads, struct lat_ann **out_ann,
                                          struct lat_error *err)
{
    char factory[LAT_FACTORY_MAX];
    *out_ann = NULL;
    if (lock)
        lat_rwlock_read(lock);
    const size_t n = index->map.n;
    const uint64_t live = index->live;
    if (lock)
        lat_rwlock_unlock(lock);
    if (spec->type == LAT_INDEX_FLAT || !n ||
        (spec->type == LAT_INDEX_AUTO && n < LAT_AUTO_GRAPH_ITEMS))
        return LAT_OK;
    if (spec->type == LAT_INDEX_AUTO || spec->type == LAT_INDEX_HNSW)
        return lat_ann_new_graph(index->metric, index->d, spec->m, spec->ef_construction,
                                 out_ann, err);
    factory_of(spec, live, factory, sizeof(factory));
    if (may_train && lat_index_wants_training(spec, live)) {
        const enum lat_status trained =
            new_trained(index, factory, lock, threads, out_ann, err);
        if (trained == LAT_OK)
            lat_ann_set_trained(*out_ann, live);
        return trained;
    }
    if (spec->type == LAT_INDEX_IVF)
        return LAT_OK;
    /* Some factory indexes need no training; the others say LAT_INVALID. */
    const enum lat_status status =
        lat_ann_new_factory(index->metric, index->d, factory, NULL, 0, 1, out_ann, NULL);
    return status == LAT_INVALID ? LAT_OK : status;
}
