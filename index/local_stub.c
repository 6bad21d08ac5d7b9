#include "index/local_store.h"
#include "base/banned.h"
enum lat_status lat_local_check(const char *f, void (*r)(void *, const char *), void *c,
                                uint64_t *o, struct lat_error *e)
{
    (void)f;
    (void)r;
    (void)c;
    (void)o;
    return lat_fail(e, LAT_CAPABILITY, NULL, "not yet");
}
