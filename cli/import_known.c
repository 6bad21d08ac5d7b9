/* The ids a collection has, read page by page. */
#include "cli/import_known.h"

#include <stdio.h>

#include "api/json.h"
#include "base/mem.h"
#include "base/text_set.h"

#include "base/banned.h"

enum { PAGE_ITEMS = 1000 };

struct lat_import_known {
    struct lat_arena arena;
    struct lat_text_set ids; /* in the arena */
};

static bool add(struct lat_import_known *known, const char *id, size_t len)
{
    const char *copy = lat_arena_strndup(&known->arena, id, len);
    size_t first;
    return copy && lat_text_set_add(&known->ids, copy, 0, &first);
}

/* Adds a page's ids; *out_cursor is in `arena`, NULL at the end. */
static enum lat_status read_page(struct lat_import_known *known, struct lat_arena *arena,
                                 const struct lat_buf *reply, const char **out_cursor,
                                 struct lat_error *err)
{
    struct lat_json json = {0};
    struct lat_object root, item;
    struct lat_list list;
    size_t len;
    enum lat_status status =
        lat_json_parse_whole(&json, arena, reply->data ? reply->data : "", reply->len, 0, err);
    if (status == LAT_OK) {
        lat_json_root(&json, &root);
        if (lat_object_list(&root, "items", &list))
            for (size_t i = 0; i < list.n && status == LAT_OK; i++) {
                lat_list_object(&list, i, &item);
                const char *id = lat_object_text(&item, "id", &len);
                if (id && !add(known, id, len))
                    status = lat_fail_memory(err);
            }
        const char *cursor = lat_object_text(&root, "next_cursor", &len);
        *out_cursor = cursor ? lat_arena_strndup(arena, cursor, len) : NULL;
        if (status == LAT_OK)
            status = lat_json_status(&json);
    }
    lat_json_release(&json);
    return status;
}

static enum lat_status read_pages(struct lat_import_known *known, struct lat_client *client,
                                  const char *collection, struct lat_error *err)
{
    struct lat_arena arena = {0};
    struct lat_buf path = {0}, reply = {0};
    const char *cursor = NULL;
    enum lat_status status;
    do {
        long http;
        lat_buf_clear(&path);
        lat_buf_text(&path, "/v1/collections/");
        lat_client_segment(&path, collection);
        lat_buf_printf(&path, "/items?include=&limit=%d", PAGE_ITEMS);
        if (cursor) {
            lat_buf_text(&path, "&cursor=");
            lat_client_segment(&path, cursor);
        }
        lat_arena_clear(&arena);
        cursor = NULL;
        status = lat_buf_check(&path, err);
        if (status == LAT_OK)
            status = lat_client_send(client, "GET", path.data, NULL, NULL, &reply, &http, err);
        if (status == LAT_OK && http != 200) {
            char words[400];
            lat_client_words(&reply, http, words, sizeof(words));
            status = lat_fail(err, LAT_INTERNAL, NULL, "%s", words);
        }
        if (status == LAT_OK)
            status = read_page(known, &arena, &reply, &cursor, err);
    } while (status == LAT_OK && cursor);
    lat_buf_release(&path);
    lat_buf_release(&reply);
    lat_arena_release(&arena);
    return status;
}

enum lat_status lat_import_known_read(struct lat_client *client, const char *collection,
                                      struct lat_import_known **out_known,
                                      struct lat_error *err)
{
    struct lat_import_known *known = lat_alloc(1, sizeof(*known));
    if (!known)
        return lat_fail_memory(err);
    const enum lat_status status = read_pages(known, client, collection, err);
    if (status == LAT_OK)
        *out_known = known;
    else
        lat_import_known_free(known);
    return status;
}

void lat_import_known_free(struct lat_import_known *known)
{
    if (!known)
        return;
    lat_text_set_release(&known->ids);
    lat_arena_release(&known->arena);
    lat_free(known);
}

bool lat_import_known_has(const struct lat_import_known *known, const char *id)
{
    return known && lat_text_set_has(&known->ids, id);
}
