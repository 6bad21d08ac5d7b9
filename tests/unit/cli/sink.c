#include "sink.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void expect(void *context, uint64_t n)
{
    struct sink *sink = context;
    sink->expected += n;
}

static bool wants(void *context, const char *id)
{
    (void)context;
    return strcmp(id, "p/there already") != 0;
}

static enum lat_status give(void *context, const struct lat_import_item *item,
                            struct lat_error *err)
{
    struct sink *sink = context;
    (void)err;
    cr_assert_lt(sink->n, SINK_MAX);
    snprintf(sink->ids[sink->n], sizeof(sink->ids[0]), "%s", item->id);
    snprintf(sink->origins[sink->n], sizeof(sink->origins[0]), "%s", item->origin);
    sink->lens[sink->n] = item->len;
    memcpy(sink->values[sink->n], item->bytes,
           item->len < sizeof(sink->values[0]) ? item->len : sizeof(sink->values[0]));
    sink->n++;
    return LAT_OK;
}

static void bad(void *context, const char *origin, const char *why)
{
    struct sink *sink = context;
    cr_assert_lt(sink->n_bad, SINK_MAX);
    snprintf(sink->bad[sink->n_bad++], sizeof(sink->bad[0]), "%s: %s", origin, why);
}

struct lat_import_sink sink_open(struct sink *sink)
{
    memset(sink, 0, sizeof(*sink));
    return (struct lat_import_sink){
        .context = sink, .expect = expect, .wants = wants, .give = give, .bad = bad};
}
