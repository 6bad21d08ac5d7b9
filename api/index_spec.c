/* The settings of an index out of a request. */
#include "api/index_spec.h"

#include "base/banned.h"

enum { INDEX_NUMBER_MAX = 65536 };

static void read_number(struct lat_object *object, const char *key, uint32_t *inout_value)
{
    uint64_t value = *inout_value;
    lat_object_count(object, key, &value, 1, INDEX_NUMBER_MAX);
    *inout_value = (uint32_t)value;
}

/* A factory string decides; `type` beside it says no more than what it is called. */
void lat_object_index(struct lat_object *root, struct lat_index_spec *inout_spec)
{
    struct lat_index_spec *spec = inout_spec;
    struct lat_object object;
    if (!lat_object_child(root, "index", &object))
        return;
    int type = spec->type;
    lat_object_choice(&object, "type", lat_index_type_names,
                      LAT_ARRAY_LEN(lat_index_type_names), &type);
    spec->type = (enum lat_index_type)type;
    const bool factory =
        lat_object_copy(&object, "factory", spec->factory, sizeof(spec->factory));
    if (factory && !spec->factory[0])
        lat_object_fail(&object, "factory", LAT_INVALID, "invalid", "'factory' is empty");
    if (factory)
        spec->type = LAT_INDEX_FACTORY;
    else if (spec->type == LAT_INDEX_FACTORY)
        lat_object_fail(&object, "factory", LAT_INVALID, "missing_field",
                        "type 'factory' wants 'factory'");
    read_number(&object, "m", &spec->m);
    read_number(&object, "ef_construction", &spec->ef_construction);
    read_number(&object, "ef", &spec->ef_search);
    read_number(&object, "ef_search", &spec->ef_search);
    read_number(&object, "nlist", &spec->nlist);
    read_number(&object, "nprobe", &spec->nprobe);
    lat_object_end(&object);
}
