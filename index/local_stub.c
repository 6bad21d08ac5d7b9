#include "index/local_store.h"
#include "base/banned.h"
enum lat_status lat_keeper_start(struct lat_local *s, struct lat_error *e)
{
    (void)s;
    (void)e;
    return LAT_OK;
}
void lat_keeper_stop(struct lat_local *s)
{
    (void)s;
}
void lat_keeper_wake(struct lat_local *s)
{
    (void)s;
}
void lat_keeper_throttle(struct lat_local *s, struct lat_collection *c, size_t n)
{
    (void)s;
    (void)c;
    (void)n;
}
enum lat_status lat_index_save(struct lat_local *s, struct lat_collection *c,
                               struct lat_error *e)
{
    (void)s;
    (void)c;
    (void)e;
    return LAT_OK;
}
enum lat_status lat_index_load_file(const struct lat_local *s, const struct lat_collection *c,
                                    struct lat_index **o, struct lat_error *e)
{
    (void)s;
    (void)c;
    (void)o;
    return lat_fail(e, LAT_NOT_FOUND, NULL, "no index file");
}
enum lat_status lat_local_reindex(struct lat_store *b, const char *n,
                                  const struct lat_index_spec *s, bool (*p)(void *, double),
                                  void *c, struct lat_error *e)
{
    (void)b;
    (void)n;
    (void)s;
    (void)p;
    (void)c;
    return lat_fail(e, LAT_CAPABILITY, NULL, "not yet");
}
enum lat_status lat_local_check(const char *f, void (*r)(void *, const char *), void *c,
                                uint64_t *o, struct lat_error *e)
{
    (void)f;
    (void)r;
    (void)c;
    (void)o;
    return lat_fail(e, LAT_CAPABILITY, NULL, "not yet");
}
