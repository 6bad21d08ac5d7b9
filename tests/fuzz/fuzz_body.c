/* Bodies of requests. The first byte says what the rest is: 'j' JSON as a batch of items, a
 * search and codes; 'f' a filter; 'm' multipart (boundary "x"); 'b' base64; 'r' raw floats; 's'
 * a shape.
 *
 * Beyond not crashing: the JSON reader takes a text exactly if the library takes it whole, but
 * for the bounds it adds. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/filter_json.h"
#include "api/floats.h"
#include "api/multipart.h"
#include "base/text.h"

#define REQUIRE(claim)                                                                         \
    do {                                                                                       \
        if (!(claim))                                                                          \
            abort();                                                                           \
    } while (0)

enum { DEPTH = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void read_item(struct lat_object *object)
{
    struct lat_floats floats;
    struct lat_object input;
    size_t len;
    (void)lat_object_text(object, "id", &len);
    (void)lat_object_floats(object, "code", &floats);
    (void)lat_object_json(object, "metadata");
    if (lat_object_child(object, "input", &input)) {
        (void)lat_object_text(&input, "image", &len);
        (void)lat_object_floats(&input, "vector", &floats);
        lat_object_end(&input);
    }
    lat_object_end(object);
}

static void read_body(struct lat_json *json)
{
    struct lat_object root, object;
    struct lat_list list;
    struct lat_floats floats;
    struct lat_error err = LAT_ERROR_INIT;
    uint64_t count = 0;
    static const char *const lists[] = {"items", "inputs", "codes", "input", "ids"};
    lat_json_begin(json, &err);
    lat_json_root(json, &root);
    lat_object_encoding(&root);
    lat_object_count(&root, "k", &count, 1, 10);
    (void)lat_object_filter(&root, "filter");
    for (size_t i = 0; i < LAT_ARRAY_LEN(lists); i++) {
        lat_json_begin(json, &err);
        if (!lat_object_list(&root, lists[i], &list))
            continue;
        for (size_t e = 0; e < list.n && e < 100; e++) {
            size_t len;
            lat_json_begin(json, &err);
            if (lat_list_is_object(&list, e)) {
                lat_list_object(&list, e, &object);
                read_item(&object);
            } else if (lat_list_is_text(&list, e)) {
                REQUIRE(lat_list_text(&list, e, &len));
            } else {
                (void)lat_list_floats(&list, e, &floats);
            }
        }
    }
    lat_json_begin(json, &err);
    read_item(&root);
}

static void fuzz_json(struct lat_arena *arena, const char *text, size_t len)
{
    struct lat_json json = {0};
    struct lat_error err = LAT_ERROR_INIT;
    json_error_t failure;
    const enum lat_status status = lat_json_parse(&json, arena, text, len, DEPTH, &err);
    json_t *whole = json_loadb(
        text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &failure);
    const bool bound =
        status == LAT_TOO_LARGE || (status != LAT_OK && strcmp(err.code, "too_deep") == 0);
    REQUIRE(bound || (status == LAT_OK) == (whole != NULL));
    REQUIRE(lat_utf8_valid(text, len) || status != LAT_OK);
    json_decref(whole);
    if (status == LAT_OK)
        read_body(&json);
    lat_json_release(&json);
}

static void fuzz_filter(struct lat_arena *arena, const char *text, size_t len)
{
    struct lat_json json = {0};
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_filter *filter = NULL;
    char *copy = lat_arena_strndup(arena, text, len);
    REQUIRE(copy);
    (void)!lat_filter_parse(arena, copy, DEPTH, &json, &filter, &err);
    lat_json_release(&json);
}

static void fuzz_multipart(struct lat_arena *arena, const char *text, size_t len)
{
    struct lat_multipart parts;
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_multipart_parse(arena, "multipart/form-data; boundary=x", text, len, 100, &parts,
                            &err) != LAT_OK)
        return;
    for (size_t i = 0; i < parts.n; i++) {
        REQUIRE(parts.parts[i].bytes >= text &&
                parts.parts[i].bytes + parts.parts[i].len <= text + len);
        REQUIRE(lat_utf8_valid(parts.parts[i].name, strlen(parts.parts[i].name)));
    }
}

static void fuzz_floats(struct lat_arena *arena, char kind, const char *text, size_t len)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_floats floats;
    const uint8_t *bytes;
    size_t n, dims[LAT_SHAPE_MAX_RANK];
    struct lat_buf again = {0};
    if (kind == 'r') {
        (void)!lat_floats_from_bytes(arena, text, len, &floats, &err);
    } else if (kind == 's') {
        char *copy = lat_arena_strndup(arena, text, len);
        REQUIRE(copy);
        (void)!lat_shape_parse(copy, dims, &n, &err);
    } else if (lat_base64_bytes(arena, text, len, &bytes, &n, &err) == LAT_OK) {
        uint8_t *back = lat_arena_alloc_raw(arena, lat_base64_room(n * 2 + 4), 1);
        size_t n_back = 0;
        lat_base64_encode(&again, bytes, n);
        REQUIRE(back &&
                lat_base64_decode(again.data ? again.data : "", again.len, back, &n_back));
        REQUIRE(n_back == n && !memcmp(back, bytes, n));
        lat_buf_release(&again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct lat_arena arena = {0};
    if (!len)
        return 0;
    const char *text = (const char *)data + 1;
    switch (data[0]) {
    case 'j':
        fuzz_json(&arena, text, len - 1);
        break;
    case 'f':
        fuzz_filter(&arena, text, len - 1);
        break;
    case 'm':
        fuzz_multipart(&arena, text, len - 1);
        break;
    default:
        fuzz_floats(&arena, (char)data[0], text, len - 1);
    }
    lat_arena_release(&arena);
    return 0;
}
