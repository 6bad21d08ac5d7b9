/* A handful of connections for reading, handed out one thread at a time. They are opened with
 * the store, so that a full disk or a lack of file handles later cannot stop reads. */
#include "index/local_store.h"

#include "base/mem.h"

#include "base/banned.h"

enum lat_status lat_pool_open(struct lat_pool *pool, const char *path, unsigned n,
                              struct lat_error *err)
{
    pool->idle = lat_alloc(n, sizeof(struct lat_db *));
    if (!pool->idle)
        return lat_fail_memory(err);
    while (pool->n < n) {
        const enum lat_status status =
            lat_db_open(path, LAT_DB_READ, &pool->idle[pool->n_idle], err);
        if (status != LAT_OK)
            return status;
        pool->n++;
        pool->n_idle++;
    }
    return LAT_OK;
}

void lat_pool_close(struct lat_pool *pool)
{
    for (unsigned i = 0; i < pool->n_idle; i++)
        lat_db_close(pool->idle[i]);
    lat_free(pool->idle);
    lat_cond_release(&pool->returned);
    lat_mutex_release(&pool->mutex);
}

struct lat_db *lat_pool_take(struct lat_pool *pool)
{
    lat_mutex_lock(&pool->mutex);
    while (!pool->n_idle)
        lat_cond_wait(&pool->returned, &pool->mutex);
    struct lat_db *db = pool->idle[--pool->n_idle];
    lat_mutex_unlock(&pool->mutex);
    return db;
}

struct lat_db *lat_pool_try(struct lat_pool *pool)
{
    lat_mutex_lock(&pool->mutex);
    struct lat_db *db = pool->n_idle ? pool->idle[--pool->n_idle] : NULL;
    lat_mutex_unlock(&pool->mutex);
    return db;
}

void lat_pool_give(struct lat_pool *pool, struct lat_db *db)
{
    lat_mutex_lock(&pool->mutex);
    pool->idle[pool->n_idle++] = db;
    lat_cond_signal(&pool->returned);
    lat_mutex_unlock(&pool->mutex);
}
