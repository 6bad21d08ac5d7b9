#include "json_fixture.h"

#include <string.h>

struct lat_arena arena;
struct lat_json json;
struct lat_error err;
struct lat_object root;

void json_enter(void)
{
    arena = (struct lat_arena){0};
    json = (struct lat_json){0};
    err = (struct lat_error)LAT_ERROR_INIT;
}

void json_leave(void)
{
    lat_json_release(&json);
    lat_arena_release(&arena);
}

enum lat_status parse(const char *text)
{
    lat_json_release(&json);
    const enum lat_status status = lat_json_parse(&json, &arena, text, strlen(text), 64, &err);
    if (status == LAT_OK)
        lat_json_root(&json, &root);
    return status;
}
