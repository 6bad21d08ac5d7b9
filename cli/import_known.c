/* A set of strings: open addressing over pointers into an arena, at most two thirds full. */
#include "cli/import_known.h"

#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/mem.h"

#include "base/banned.h"

enum { FIRST_SLOTS = 1024, PAGE_ITEMS = 1000 };

struct lat_import_known {
    struct lat_arena arena;
    const char **slots;
    size_t n_slots, n;
};

static size_t hash_of(const char *id)
{
    uint64_t hash = UINT64_C(1469598103934665603);
    for (const unsigned char *p = (const unsigned char *)id; *p; p++)
        hash = (hash ^ *p) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of `id`, or the empty one where it belongs. */
static const char **slot_of(const char **slots, size_t n_slots, const char *id)
{
    size_t i = hash_of(id) % n_slots;
    while (slots[i] && strcmp(slots[i], id) != 0)
        i = (i + 1) % n_slots;
    return &slots[i];
}

static bool grow(struct lat_import_known *known)
{
    const size_t n_slots = known->n_slots ? known->n_slots * 2 : FIRST_SLOTS;
    const char **slots = lat_alloc(n_slots, sizeof(*slots));
    if (!slots)
        return false;
    for (size_t i = 0; i < known->n_slots; i++)
        if (known->slots[i])
            *slot_of(slots, n_slots, known->slots[i]) = known->slots[i];
    lat_free(known->slots);
    known->slots = slots;
    known->n_slots = n_slots;
    return true;
}

static bool add(struct lat_import_known *known, const char *id, size_t len)
{
    if ((known->n + 1) * 3 > known->n_slots * 2 && !grow(known))
        return false;
    const char *copy = lat_arena_strndup(&known->arena, id, len);
    if (!copy)
        return false;
    const char **slot = slot_of(known->slots, known->n_slots, copy);
    known->n += !*slot;
    *slot = copy;
    return true;
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
    lat_free(known->slots);
    lat_arena_release(&known->arena);
    lat_free(known);
}

bool lat_import_known_has(const struct lat_import_known *known, const char *id)
{
    return known && known->n && *slot_of(known->slots, known->n_slots, id);
}

uint64_t lat_import_known_count(const struct lat_import_known *known)
{
    return known ? known->n : 0;
}
