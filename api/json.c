/* Parsing and the bookkeeping of failures; the readers are in json_read.c, writing in
 * json_write.c.
 *
 * The library's allocator is the house's, so that its allocations can be made to fail in tests
 * and are freed by lat_json_release alone. */
#include "api/json.h"

#include <jansson.h>
#include <pthread.h>
#include <string.h>

#include "api/json_scan.h"
#include "base/mem.h"

#include "base/banned.h"

/* Where an allocation fails, the library may blame the text instead. */
static _Thread_local bool out_of_memory;

static void *json_alloc(size_t size)
{
    void *memory = lat_alloc_raw(size, 1);
    out_of_memory |= !memory;
    return memory;
}

static void set_allocator(void)
{
    json_set_alloc_funcs(json_alloc, lat_free);
}

/* Line and column of `position` in the client's own text. */
static void find_place(const char *text, size_t position, size_t *out_line, size_t *out_column)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < position; i++)
        if (text[i] == '\n') {
            line++;
            start = i + 1;
        }
    *out_line = line;
    *out_column = position > start ? position - start : 1;
}

/* The library's words without the piece of text it quotes, which may be cut inside a character.
 */
static enum lat_status fail_parse(const struct lat_scan *scan, const char *text, size_t len,
                                  const json_error_t *failure, struct lat_error *err)
{
    const enum json_error_code code = json_error_code(failure);
    if (out_of_memory)
        return lat_fail_memory(err);
    if (!len)
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_json", "the body is empty, JSON is expected");
    size_t position = failure->position > 0 ? (size_t)failure->position : 0;
    position = lat_json_scan_origin(scan, position);
    size_t line, column;
    find_place(text, position < len ? position : len, &line, &column);
    const char *words = failure->text;
    const char *near = strstr(words, " near '");
    const size_t words_len = near ? (size_t)(near - words) : strlen(words);
    const char *problem = "bad_json";
    if (code == json_error_numeric_overflow)
        problem = "number_out_of_range";
    else if (code == json_error_duplicate_key)
        problem = "duplicate_key";
    else if (code == json_error_stack_overflow)
        problem = "too_deep";
    return lat_fail(err, LAT_BAD_SYNTAX, problem, "line %zu, column %zu: %.*s", line, column,
                    (int)words_len, words);
}

static enum lat_status load(struct lat_json *json, const struct lat_scan *scan,
                            const char *text, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_allocator);

    json_error_t failure;
    out_of_memory = false;
    json->root =
        json_loadb(scan->text, scan->len,
                   JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &failure);
    if (!json->root)
        return fail_parse(scan, text, len, &failure, json->err);
    return LAT_OK;
}

static enum lat_status scan_and_load(struct lat_json *json, const char *text, size_t len,
                                     size_t max_depth, bool extract)
{
    struct lat_scan scan;
    const enum lat_status status =
        lat_json_scan(json->arena, text, len, max_depth, extract, &scan, json->err);
    if (status != LAT_OK)
        return status;
    json->extracts = scan.extracts;
    json->n_extracts = scan.n_extracts;
    json->extracted = scan.extracted;
    return load(json, &scan, text, len);
}

enum lat_status lat_json_parse(struct lat_json *json, struct lat_arena *arena, const char *text,
                               size_t len, size_t max_depth, struct lat_error *err)
{
    *json = (struct lat_json){.arena = arena};
    lat_json_begin(json, err);
    return scan_and_load(json, text, len, max_depth, true);
}

enum lat_status lat_json_parse_whole(struct lat_json *json, struct lat_arena *arena,
                                     const char *text, size_t len, size_t max_depth,
                                     struct lat_error *err)
{
    *json = (struct lat_json){.arena = arena};
    lat_json_begin(json, err);
    if (max_depth)
        return scan_and_load(json, text, len, max_depth, false);
    const struct lat_scan scan = {.text = text, .len = len};
    return load(json, &scan, text, len);
}

void lat_json_release(struct lat_json *json)
{
    json_decref(json->root);
    json->root = NULL;
}

void lat_json_begin(struct lat_json *json, struct lat_error *err)
{
    json->err = err ? err : &json->own;
    lat_error_clear(json->err);
}

enum lat_status lat_json_status(const struct lat_json *json)
{
    return json->err->status;
}
