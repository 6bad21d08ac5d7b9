#include "index/faiss_index.h"
#include "base/banned.h"
const char *lat_faiss_version(void)
{
    return "stub";
}
enum lat_status lat_ann_check_factory(const char *f, size_t d, struct lat_error *e)
{
    (void)f;
    (void)d;
    (void)e;
    return LAT_OK;
}
void lat_ann_free(struct lat_ann *a)
{
    (void)a;
}
const char *lat_ann_kind(const struct lat_ann *a)
{
    (void)a;
    return "";
}
bool lat_ann_is_graph(const struct lat_ann *a)
{
    (void)a;
    return false;
}
size_t lat_ann_bytes(const struct lat_ann *a)
{
    (void)a;
    return 0;
}
uint32_t lat_ann_breadth(const struct lat_ann *a)
{
    (void)a;
    return 0;
}
enum lat_status lat_ann_search(const struct lat_ann *ann, const struct lat_vectors *vectors,
                               const float *query, const struct lat_ann_effort *effort,
                               struct lat_top *top, struct lat_error *err)
{
    (void)ann;
    (void)vectors;
    (void)query;
    (void)effort;
    (void)top;
    return lat_fail(err, LAT_INTERNAL, NULL, "no");
}
