#include "api/collection_read.h"

#include <string.h>

#include "base/text.h"
#include "index/aliases.h"

#include "base/banned.h"

#define RULE "'collection' is no name: [a-z0-9][a-z0-9._-]{0,62}"

static void take(const struct lat_call *call, const char *name,
                 char out[LAT_COLLECTION_NAME_MAX])
{
    if (!lat_store_alias_resolve(call->app->store, name, out))
        memcpy(out, name, strlen(name) + 1);
}

bool lat_object_collection(struct lat_call *call, struct lat_object *object,
                           char out[LAT_COLLECTION_NAME_MAX])
{
    char name[LAT_COLLECTION_NAME_MAX];
    if (!lat_object_copy(object, "collection", name, sizeof(name)))
        return false;
    if (lat_name_valid(name))
        take(call, name, out);
    else
        lat_object_fail(object, "collection", LAT_INVALID, "invalid_name", RULE);
    return lat_json_status(object->json) == LAT_OK;
}

bool lat_option_collection(struct lat_options *options, char out[LAT_COLLECTION_NAME_MAX])
{
    const char *name = lat_option_text(options, "collection");
    if (!name)
        return false;
    if (lat_name_valid(name))
        take(options->call, name, out);
    else
        lat_fail(options->err, LAT_INVALID, "invalid_name", "option " RULE);
    return options->err->status == LAT_OK;
}
