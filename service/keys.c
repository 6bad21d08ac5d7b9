/* A short array of (hash, scope). A key's hash is public knowledge to whoever can read the
 * file, so it must be hard to guess from: keys are random words of the operator's making, at
 * least LAT_KEY_MIN bytes, and a fast hash is enough for those. The check always walks the
 * whole array, whichever entry matches. */
#include "service/keys.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "service/crypto.h"

#include "base/banned.h"

enum { FILE_LIMIT = 1 << 20 };

static const char HASH_PREFIX[] = "blake2b:";

const char *const lat_scope_names[4] = {"none", "read", "write", "admin"};

struct entry {
    uint8_t hash[LAT_HASH_SIZE];
    enum lat_scope scope; /* the highest of its scopes: each includes those below */
};

struct lat_keys {
    struct entry *entries;
    size_t n, capacity;
};

static enum lat_status add(struct lat_keys *keys, enum lat_scope scope, const char *key,
                           struct lat_error *err)
{
    struct entry entry = {.scope = scope};
    const size_t len = strlen(key), prefix = sizeof(HASH_PREFIX) - 1;
    if (strncmp(key, HASH_PREFIX, prefix) == 0) {
        if (!lat_hash_parse(key + prefix, entry.hash))
            return lat_fail(err, LAT_INVALID, NULL,
                            "%s is not followed by %d hexadecimal digits", HASH_PREFIX,
                            2 * LAT_HASH_SIZE);
    } else if (len < LAT_KEY_MIN || len > LAT_KEY_MAX) {
        return lat_fail(err, LAT_INVALID, NULL, "a key has %d to %d bytes, not %zu",
                        (int)LAT_KEY_MIN, (int)LAT_KEY_MAX, len);
    } else {
        lat_hash(key, len, entry.hash);
    }
    if (keys->n == keys->capacity) {
        const size_t capacity = keys->capacity ? keys->capacity * 2 : 8;
        struct entry *grown = lat_realloc(keys->entries, capacity, sizeof(*grown));
        if (!grown)
            return lat_fail_memory(err);
        keys->entries = grown;
        keys->capacity = capacity;
    }
    keys->entries[keys->n++] = entry;
    return LAT_OK;
}

/* "read,write" -> the highest of them. */
static enum lat_status parse_scopes(char *list, enum lat_scope *out_scope,
                                    struct lat_error *err)
{
    enum lat_scope highest = LAT_SCOPE_NONE;
    char *rest = NULL;
    for (char *word = strtok_r(list, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        size_t i = LAT_SCOPE_READ;
        while (i < LAT_ARRAY_LEN(lat_scope_names) && strcmp(lat_scope_names[i], word) != 0)
            i++;
        if (i == LAT_ARRAY_LEN(lat_scope_names))
            return lat_fail(err, LAT_INVALID, NULL,
                            "expected a scope (read, write or admin) before the key");
        if ((enum lat_scope)i > highest)
            highest = (enum lat_scope)i;
    }
    if (highest == LAT_SCOPE_NONE)
        return lat_fail(err, LAT_INVALID, NULL,
                        "expected a scope (read, write or admin) before the key");
    *out_scope = highest;
    return LAT_OK;
}

/* "admin:KEY,read:KEY"; changes `text`. */
static enum lat_status read_inline(struct lat_keys *keys, char *text, struct lat_error *err)
{
    char *rest = NULL;
    int number = 1;
    for (char *part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        enum lat_status status;
        enum lat_scope scope;
        char *colon = strchr(part, ':');
        if (colon)
            *colon = '\0';
        status = colon ? parse_scopes(part, &scope, err)
                       : lat_fail(err, LAT_INVALID, NULL, "expected SCOPE:KEY");
        if (status == LAT_OK)
            status = add(keys, scope, colon + 1, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "api_keys: entry %d", number);
            return status;
        }
        number++;
    }
    return LAT_OK;
}

static enum lat_status read_line(struct lat_keys *keys, char *line, struct lat_error *err)
{
    static const char blanks[] = " \t\r";
    line += strspn(line, blanks);
    if (!*line || *line == '#')
        return LAT_OK;
    char *rest = NULL;
    char *scopes = strtok_r(line, blanks, &rest);
    char *key = strtok_r(NULL, blanks, &rest);
    if (!key || strtok_r(NULL, blanks, &rest))
        return lat_fail(err, LAT_INVALID, NULL, "expected 'SCOPE[,SCOPE...] KEY'");
    enum lat_scope scope;
    const enum lat_status status = parse_scopes(scopes, &scope, err);
    return status == LAT_OK ? add(keys, scope, key, err) : status;
}

/* The lines of a NUL-terminated text; changes it. */
static enum lat_status read_lines(struct lat_keys *keys, char *text, const char *path,
                                  struct lat_error *err)
{
    char *rest = text;
    for (int number = 1; rest; number++) {
        char *line = rest, *end = strchr(rest, '\n');
        if (end)
            *end = '\0';
        rest = end ? end + 1 : NULL;
        const enum lat_status status = read_line(keys, line, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "%s:%d", path, number);
            return status;
        }
    }
    return LAT_OK;
}

static enum lat_status read_sources(struct lat_keys *keys, const char *inline_keys,
                                    const char *file, struct lat_error *err)
{
    struct lat_buf text = {0};
    enum lat_status status = LAT_OK;
    if (inline_keys && *inline_keys) {
        lat_buf_text(&text, inline_keys);
        status = lat_buf_check(&text, err);
        if (status == LAT_OK)
            status = read_inline(keys, text.data, err);
    }
    if (text.data)
        lat_wipe(text.data, text.capacity);
    lat_buf_clear(&text);
    if (status == LAT_OK && file && *file) {
        status = lat_file_read(file, FILE_LIMIT, &text, err);
        if (status == LAT_OK)
            status = read_lines(keys, text.data, file, err);
        if (text.data)
            lat_wipe(text.data, text.capacity);
    }
    lat_buf_release(&text);
    return status;
}

enum lat_status lat_keys_new(const char *inline_keys, const char *file,
                             struct lat_keys **out_keys, struct lat_error *err)
{
    struct lat_keys *keys = lat_alloc(1, sizeof(*keys));
    if (!keys)
        return lat_fail_memory(err);
    const enum lat_status status = read_sources(keys, inline_keys, file, err);
    if (status != LAT_OK || keys->n == 0) {
        lat_keys_free(keys);
        keys = NULL;
    }
    if (status == LAT_OK)
        *out_keys = keys;
    return status;
}

void lat_keys_free(struct lat_keys *keys)
{
    if (!keys)
        return;
    lat_free(keys->entries);
    lat_free(keys);
}

enum lat_status lat_keys_check(const struct lat_keys *keys, const char *key,
                               enum lat_scope scope, struct lat_error *err)
{
    if (scope == LAT_SCOPE_NONE)
        return LAT_OK;
    if (!key || !*key)
        return lat_fail(
            err, LAT_UNAUTHORIZED, "key_missing",
            "this server wants a key: Authorization: Bearer KEY, or X-API-Key: KEY");
    uint8_t hash[LAT_HASH_SIZE];
    lat_hash(key, strlen(key), hash);
    bool known = false;
    enum lat_scope granted = LAT_SCOPE_NONE;
    for (size_t i = 0; i < keys->n; i++) {
        const bool same = lat_hash_equal(hash, keys->entries[i].hash);
        known |= same;
        if (same && keys->entries[i].scope > granted)
            granted = keys->entries[i].scope;
    }
    if (!known)
        return lat_fail(err, LAT_UNAUTHORIZED, "key_unknown", "the key is not known here");
    if (granted < scope) {
        lat_fail(err, LAT_FORBIDDEN, "scope_missing", "the key lacks the scope '%s'",
                 lat_scope_names[scope]);
        lat_error_expected(err, lat_scope_names[scope], lat_scope_names[granted]);
        return LAT_FORBIDDEN;
    }
    return LAT_OK;
}
