/* A short array of (hash, scope, bucket). A key's hash is public knowledge to whoever can read
 * the file, so it must be hard to guess from: keys are random words of the operator's making,
 * at least LAT_KEY_MIN bytes, and a fast hash is enough for those. The check always walks the
 * whole array, whichever entry matches.
 *
 * Reloading swaps the array. One that was replaced may still be read, so it is kept until the
 * end; that is a few dozen bytes a key for every change an operator makes. */
#include "service/keys.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/text.h"
#include "service/crypto.h"

#include "base/banned.h"

enum { FILE_LIMIT = 1 << 20 };

static const double RATE_MAX = 1e6;
static const char HASH_PREFIX[] = "blake2b:";

const char *const lat_scope_names[4] = {"none", "read", "write", "admin"};

/* When the bucket will be full again (lat_clock_ns); shared by the arrays that have the key. */
struct bucket {
    _Atomic uint64_t full_ns;
    struct bucket *next;
};

struct entry {
    uint8_t hash[LAT_HASH_SIZE];
    enum lat_scope scope; /* the highest of its scopes: each includes those below */
    double rate, burst;   /* rate 0: no limit */
    struct bucket *bucket;
};

struct table {
    struct entry *entries;
    size_t n, capacity;
    struct table *older;
};

struct lat_keys {
    _Atomic(struct table *) current;
    struct lat_mutex mutex; /* one reload at a time */
    struct bucket *buckets;
};

static enum lat_status parse_key(const char *key, uint8_t out_hash[LAT_HASH_SIZE],
                                 struct lat_error *err)
{
    const size_t len = strlen(key), prefix = sizeof(HASH_PREFIX) - 1;
    if (strncmp(key, HASH_PREFIX, prefix) == 0) {
        if (!lat_hash_parse(key + prefix, out_hash))
            return lat_fail(err, LAT_INVALID, NULL,
                            "%s is not followed by %d hexadecimal digits", HASH_PREFIX,
                            2 * LAT_HASH_SIZE);
        return LAT_OK;
    }
    if (len < LAT_KEY_MIN || len > LAT_KEY_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "a key has %d to %d bytes, not %zu",
                        (int)LAT_KEY_MIN, (int)LAT_KEY_MAX, len);
    lat_hash(key, len, out_hash);
    return LAT_OK;
}

static enum lat_status add(struct table *table, const struct entry *entry,
                           struct lat_error *err)
{
    if (table->n == table->capacity) {
        const size_t capacity = table->capacity ? table->capacity * 2 : 8;
        struct entry *grown = lat_realloc(table->entries, capacity, sizeof(*grown));
        if (!grown)
            return lat_fail_memory(err);
        table->entries = grown;
        table->capacity = capacity;
    }
    table->entries[table->n++] = *entry;
    return LAT_OK;
}

enum lat_status lat_scopes_parse(char *list, enum lat_scope *out_scope, struct lat_error *err)
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
static enum lat_status read_inline(struct table *table, const struct lat_keys_options *options,
                                   char *text, struct lat_error *err)
{
    char *rest = NULL;
    int number = 1;
    for (char *part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        enum lat_status status;
        struct entry entry = {.rate = options->rate, .burst = options->burst};
        char *colon = strchr(part, ':');
        if (colon)
            *colon = '\0';
        status = colon ? lat_scopes_parse(part, &entry.scope, err)
                       : lat_fail(err, LAT_INVALID, NULL, "expected SCOPE:KEY");
        if (status == LAT_OK)
            status = parse_key(colon + 1, entry.hash, err);
        if (status == LAT_OK)
            status = add(table, &entry, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "api_keys: entry %d", number);
            return status;
        }
        number++;
    }
    return LAT_OK;
}

static enum lat_status parse_limit(const char *word, const char *value, double least,
                                   double *out_limit, struct lat_error *err)
{
    double limit;
    if (!lat_parse_double(value, &limit) || !(limit >= least) || limit > RATE_MAX)
        return lat_fail(err, LAT_INVALID, NULL,
                        "%s: expected a number from %g to %g, not '%.40s'", word, least,
                        RATE_MAX, value);
    *out_limit = limit;
    return LAT_OK;
}

/* "rate=5": what may follow a key. A name is for people. */
static enum lat_status read_word(struct entry *entry, const char *word, struct lat_error *err)
{
    if (strncmp(word, "rate=", 5) == 0)
        return parse_limit("rate", word + 5, 0, &entry->rate, err);
    if (strncmp(word, "burst=", 6) == 0)
        return parse_limit("burst", word + 6, 1, &entry->burst, err);
    if (strncmp(word, "name=", 5) == 0 && strlen(word + 5) < LAT_KEY_NAME_SIZE)
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, NULL,
                    "expected name=NAME, rate=N or burst=N after the key");
}

static enum lat_status read_line(struct table *table, const struct lat_keys_options *options,
                                 char *line, struct lat_error *err)
{
    static const char blanks[] = " \t\r";
    struct entry entry = {.rate = options->rate, .burst = options->burst};
    line += strspn(line, blanks);
    if (!*line || *line == '#')
        return LAT_OK;
    char *rest = NULL;
    char *scopes = strtok_r(line, blanks, &rest);
    char *key = strtok_r(NULL, blanks, &rest);
    if (!key)
        return lat_fail(err, LAT_INVALID, NULL, "expected 'SCOPE[,SCOPE...] KEY'");
    enum lat_status status = lat_scopes_parse(scopes, &entry.scope, err);
    if (status == LAT_OK)
        status = parse_key(key, entry.hash, err);
    for (char *word; status == LAT_OK && (word = strtok_r(NULL, blanks, &rest));)
        status = read_word(&entry, word, err);
    return status == LAT_OK ? add(table, &entry, err) : status;
}

/* The lines of a NUL-terminated text; changes it. */
static enum lat_status read_lines(struct table *table, const struct lat_keys_options *options,
                                  char *text, struct lat_error *err)
{
    char *rest = text;
    for (int number = 1; rest; number++) {
        char *line = rest, *end = strchr(rest, '\n');
        if (end)
            *end = '\0';
        rest = end ? end + 1 : NULL;
        const enum lat_status status = read_line(table, options, line, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "%s:%d", options->file, number);
            return status;
        }
    }
    return LAT_OK;
}

static enum lat_status read_sources(struct table *table, const struct lat_keys_options *options,
                                    struct lat_error *err)
{
    struct lat_buf text = {0};
    enum lat_status status = LAT_OK;
    if (options->inline_keys && *options->inline_keys) {
        lat_buf_text(&text, options->inline_keys);
        status = lat_buf_check(&text, err);
        if (status == LAT_OK)
            status = read_inline(table, options, text.data, err);
    }
    if (text.data)
        lat_wipe(text.data, text.capacity);
    lat_buf_clear(&text);
    if (status == LAT_OK && options->file && *options->file) {
        status = lat_file_read(options->file, FILE_LIMIT, &text, err);
        if (status == LAT_OK)
            status = read_lines(table, options, text.data, err);
        if (text.data)
            lat_wipe(text.data, text.capacity);
    }
    lat_buf_release(&text);
    return status;
}

static void free_table(struct table *table)
{
    if (table)
        lat_free(table->entries);
    lat_free(table);
}

/* Every entry with a limit gets the bucket its key has had before, or a new one. */
static enum lat_status give_buckets(struct lat_keys *keys, struct table *table,
                                    struct lat_error *err)
{
    const struct table *before = atomic_load(&keys->current);
    for (size_t i = 0; i < table->n; i++) {
        struct entry *entry = &table->entries[i];
        if (entry->burst <= 0)
            entry->burst = fmax(1, entry->rate);
        for (size_t j = 0; before && j < before->n && !entry->bucket; j++)
            if (memcmp(before->entries[j].hash, entry->hash, LAT_HASH_SIZE) == 0)
                entry->bucket = before->entries[j].bucket;
        if (entry->bucket)
            continue;
        entry->bucket = lat_alloc(1, sizeof(*entry->bucket));
        if (!entry->bucket)
            return lat_fail_memory(err);
        entry->bucket->next = keys->buckets;
        keys->buckets = entry->bucket;
    }
    return LAT_OK;
}

static bool is_same(const struct table *a, const struct table *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct entry *x = &a->entries[i], *y = &b->entries[i];
        if (memcmp(x->hash, y->hash, LAT_HASH_SIZE) != 0 || x->scope != y->scope ||
            x->rate < y->rate || x->rate > y->rate || x->burst < y->burst ||
            x->burst > y->burst)
            return false;
    }
    return true;
}

/* Under the mutex. */
static enum lat_status read_table(struct lat_keys *keys, const struct lat_keys_options *options,
                                  struct lat_error *err)
{
    struct table *before = atomic_load(&keys->current);
    struct table *table = lat_alloc(1, sizeof(*table));
    if (!table)
        return lat_fail_memory(err);
    enum lat_status status = read_sources(table, options, err);
    if (status == LAT_OK && table->n == 0 && before)
        status = lat_fail(err, LAT_INVALID, "keys_needed",
                          "api_keys, api_keys_file: no key is left; the old ones stay");
    if (status == LAT_OK)
        status = give_buckets(keys, table, err);
    if (status != LAT_OK || (before && is_same(before, table))) {
        free_table(table);
        return status;
    }
    table->older = before;
    atomic_store(&keys->current, table);
    return LAT_OK;
}

enum lat_status lat_keys_reload(struct lat_keys *keys, const struct lat_keys_options *options,
                                struct lat_error *err)
{
    lat_mutex_lock(&keys->mutex);
    const enum lat_status status = read_table(keys, options, err);
    lat_mutex_unlock(&keys->mutex);
    return status;
}

enum lat_status lat_keys_new(const struct lat_keys_options *options, struct lat_keys **out_keys,
                             struct lat_error *err)
{
    struct lat_keys *keys = lat_alloc(1, sizeof(*keys));
    if (!keys)
        return lat_fail_memory(err);
    lat_mutex_init(&keys->mutex, LAT_RANK_LEAF, "keys");
    const enum lat_status status = lat_keys_reload(keys, options, err);
    if (status != LAT_OK || atomic_load(&keys->current)->n == 0) {
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
    for (struct table *table = atomic_load(&keys->current); table;) {
        struct table *older = table->older;
        free_table(table);
        table = older;
    }
    for (struct bucket *bucket = keys->buckets; bucket;) {
        struct bucket *next = bucket->next;
        lat_free(bucket);
        bucket = next;
    }
    lat_mutex_release(&keys->mutex);
    lat_free(keys);
}

/* ---- asking ---- */

/* Takes one from the bucket, or says how long until there is one. */
static bool take(const struct entry *entry, uint64_t now_ns, uint64_t *out_wait_ns)
{
    const uint64_t interval_ns = (uint64_t)((double)LAT_NS_PER_S / entry->rate);
    const uint64_t allowed_ns = (uint64_t)((entry->burst - 1) * (double)interval_ns);
    uint64_t full_ns = atomic_load(&entry->bucket->full_ns);
    for (;;) {
        const uint64_t from_ns = full_ns > now_ns ? full_ns : now_ns;
        if (from_ns - now_ns > allowed_ns) {
            *out_wait_ns = from_ns - now_ns - allowed_ns;
            return false;
        }
        if (atomic_compare_exchange_weak(&entry->bucket->full_ns, &full_ns,
                                         from_ns + interval_ns))
            return true;
    }
}

static const struct entry *find(const struct table *table, const char *key)
{
    const struct entry *found = NULL;
    uint8_t hash[LAT_HASH_SIZE];
    lat_hash(key, strlen(key), hash);
    for (size_t i = 0; i < table->n; i++) {
        const struct entry *entry = &table->entries[i];
        if (lat_hash_equal(hash, entry->hash) && (!found || entry->scope > found->scope))
            found = entry;
    }
    return found;
}

enum lat_status lat_keys_check(struct lat_keys *keys, const char *key, enum lat_scope scope,
                               uint64_t now_ns, unsigned *out_wait_s, struct lat_error *err)
{
    uint64_t wait_ns = 0;
    *out_wait_s = 0;
    if (scope == LAT_SCOPE_NONE)
        return LAT_OK;
    if (!key || !*key)
        return lat_fail(
            err, LAT_UNAUTHORIZED, "key_missing",
            "this server wants a key: Authorization: Bearer KEY, or X-API-Key: KEY");
    const struct entry *entry = find(atomic_load(&keys->current), key);
    if (!entry)
        return lat_fail(err, LAT_UNAUTHORIZED, "key_unknown", "the key is not known here");
    if (entry->scope < scope) {
        lat_fail(err, LAT_FORBIDDEN, "scope_missing", "the key lacks the scope '%s'",
                 lat_scope_names[scope]);
        lat_error_expected(err, lat_scope_names[scope], lat_scope_names[entry->scope]);
        return LAT_FORBIDDEN;
    }
    if (entry->rate <= 0 || take(entry, now_ns, &wait_ns))
        return LAT_OK;
    *out_wait_s = (unsigned)((wait_ns + LAT_NS_PER_S - 1) / LAT_NS_PER_S);
    return lat_fail(err, LAT_BUSY, "rate_limited",
                    "the key may be used %g times a second; wait %.3f s", entry->rate,
                    (double)wait_ns / (double)LAT_NS_PER_S);
}
