/* One pass over the text with a stack of one byte a level: whether the level is an object,
 * whether a key comes next, whether the values here are watched (they are, or are below, the
 * value of a key of `watched`), whether they are quiet (below "metadata" or "filter", whose
 * numbers are the client's own and keep their exact form).
 *
 * Nothing is copied until the first extract; then the text between extracts is copied in runs.
 * The scan is no validator: where the text is not JSON it may read it in any way, because the
 * library sees every byte that was not taken out and refuses it. What is taken out is checked
 * whole. */
#include "api/json_scan.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum {
    LEVEL_OBJECT = 1,
    LEVEL_KEY_NEXT = 2,
    LEVEL_WATCHED = 4,
    LEVEL_QUIET = 8,       /* the level itself */
    LEVEL_VALUE_QUIET = 16 /* the value of the current key */
};

enum {
    TEXT_MIN = 48,        /* shorter strings are left to the library */
    POOL_MIN = 1024,      /* floats of the first block */
    VALUES_MAX = 1000000, /* values left in the reduced text: bounds the library's memory */
    PLACEHOLDER_MAX = 24  /* "[18446744073709551615]" */
};

struct scanner {
    struct lat_arena *arena;
    const char *start, *p, *end;
    const char *copied; /* everything before it is in `out` or in an extract */
    char *out;
    size_t out_len, out_capacity;
    struct lat_extract *extracts;
    size_t n_extracts, extract_capacity;
    float *pool; /* unused floats of the newest block */
    size_t pool_left;
    uint8_t *levels;
    size_t depth, max_depth;
    size_t n_values;
    bool whole; /* an escape in a key: take nothing out any more */
};

static const char *const watched[] = {"code",  "codes", "vector", "sequence",
                                      "image", "input", "inputs"};
static const char *const quiet[] = {"metadata", "filter"};

static bool is_one_of(const char *word, size_t len, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(words[i]) == len && !memcmp(word, words[i], len))
            return true;
    return false;
}

bool lat_json_scan_watches(const char *key)
{
    return is_one_of(key, strlen(key), watched, LAT_ARRAY_LEN(watched));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

/* Room for `n` items of `size` in a growing arena array; false when there is no memory. */
static bool grow(struct lat_arena *arena, void **inout_items, size_t used, size_t need,
                 size_t size, size_t *inout_capacity)
{
    if (need <= *inout_capacity)
        return true;
    size_t capacity = *inout_capacity * 2;
    if (capacity < need)
        capacity = need;
    void *items = lat_arena_alloc_raw(arena, capacity, size);
    if (!items)
        return false;
    if (used)
        memcpy(items, *inout_items, used * size);
    *inout_items = items;
    *inout_capacity = capacity;
    return true;
}

static bool copy_out(struct scanner *scanner, const char *bytes, size_t len)
{
    void *out = scanner->out;
    if (!grow(scanner->arena, &out, scanner->out_len, scanner->out_len + len + 1, 1,
              &scanner->out_capacity))
        return false;
    scanner->out = out;
    memcpy(scanner->out + scanner->out_len, bytes, len);
    scanner->out_len += len;
    return true;
}

/* "[index]" for the text from `from` to `to`, and the extract itself in the table. */
static enum lat_status take_out(struct scanner *scanner, const char *from, const char *to,
                                struct lat_extract extract, struct lat_error *err)
{
    if (!scanner->out) {
        scanner->out_capacity = (size_t)(from - scanner->start) + 512;
        scanner->out = lat_arena_alloc_raw(scanner->arena, scanner->out_capacity, 1);
        if (!scanner->out)
            return lat_fail_memory(err);
    }
    char placeholder[PLACEHOLDER_MAX];
    size_t len = sizeof(placeholder);
    size_t index = scanner->n_extracts;
    placeholder[--len] = ']';
    do {
        placeholder[--len] = (char)('0' + index % 10);
        index /= 10;
    } while (index);
    placeholder[--len] = '[';
    const size_t placeholder_len = sizeof(placeholder) - len;

    extract.offset = (size_t)(from - scanner->start);
    extract.saved = (to - from) - (ptrdiff_t)placeholder_len;
    void *extracts = scanner->extracts;
    if (!copy_out(scanner, scanner->copied, (size_t)(from - scanner->copied)) ||
        !copy_out(scanner, placeholder + len, placeholder_len) ||
        !grow(scanner->arena, &extracts, scanner->n_extracts, scanner->n_extracts + 1,
              sizeof(extract), &scanner->extract_capacity))
        return lat_fail_memory(err);
    scanner->extracts = extracts;
    scanner->extracts[scanner->n_extracts++] = extract;
    scanner->copied = scanner->p = to;
    return LAT_OK;
}

/* Makes room for one more float behind the `n` that lie at the front of the pool. */
static bool pool_reserve(struct scanner *scanner, size_t n)
{
    if (n < scanner->pool_left)
        return true;
    size_t capacity = n * 2;
    if (capacity < POOL_MIN)
        capacity = POOL_MIN;
    float *pool = lat_arena_alloc_raw(scanner->arena, capacity, sizeof(*pool));
    if (!pool)
        return false;
    if (n)
        memcpy(pool, scanner->pool, n * sizeof(*pool));
    scanner->pool = pool;
    scanner->pool_left = capacity;
    return true;
}

/* An array of numbers alone at `p`: takes it out and sets *out_taken. Anything else is left. */
static enum lat_status take_numbers(struct scanner *scanner, bool *out_taken,
                                    struct lat_error *err)
{
    *out_taken = false;
    const char *p = skip_space(scanner->p + 1, scanner->end);
    size_t n = 0;
    for (;;) {
        if (!pool_reserve(scanner, n))
            return lat_fail_memory(err);
        if (!lat_scan_float(&p, scanner->end, &scanner->pool[n]))
            return LAT_OK;
        n++;
        p = skip_space(p, scanner->end);
        if (p == scanner->end || (*p != ',' && *p != ']'))
            return LAT_OK;
        if (*p++ == ']')
            break;
        p = skip_space(p, scanner->end);
    }
    const struct lat_extract extract = {
        .kind = LAT_EXTRACT_FLOATS, .values = scanner->pool, .n = n};
    const enum lat_status status = take_out(scanner, scanner->p, p, extract, err);
    if (status != LAT_OK)
        return status;
    scanner->pool += n;
    scanner->pool_left -= n;
    *out_taken = true;
    return LAT_OK;
}

/* Behind the closing quote of the string at `p`, or the end of the text; whether it is free of
 * escapes and control characters. */
static const char *string_end(const char *p, const char *end, bool *out_plain)
{
    *out_plain = true;
    for (p++; p < end; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '"')
            return p + 1;
        if (c == '\\') {
            *out_plain = false;
            if (++p == end)
                break;
        } else if (c < 0x20) {
            *out_plain = false;
        }
    }
    *out_plain = false;
    return end;
}

static uint8_t *level_of(struct scanner *scanner)
{
    return &scanner->levels[scanner->depth];
}

static void read_key(struct scanner *scanner, const char *behind, bool plain)
{
    uint8_t *level = level_of(scanner);
    *level &= (uint8_t) ~(LEVEL_WATCHED | LEVEL_VALUE_QUIET | LEVEL_KEY_NEXT);
    if (*level & LEVEL_QUIET) {
        *level |= LEVEL_VALUE_QUIET;
        return;
    }
    if (!plain) {
        scanner->whole = true;
        return;
    }
    const char *key = scanner->p + 1;
    const size_t len = (size_t)(behind - scanner->p) - 2;
    if (is_one_of(key, len, watched, LAT_ARRAY_LEN(watched)))
        *level |= LEVEL_WATCHED;
    else if (is_one_of(key, len, quiet, LAT_ARRAY_LEN(quiet)))
        *level |= LEVEL_VALUE_QUIET;
}

static enum lat_status scan_string(struct scanner *scanner, struct lat_error *err)
{
    bool plain;
    const char *behind = string_end(scanner->p, scanner->end, &plain);
    const uint8_t level = *level_of(scanner);
    if ((level & LEVEL_OBJECT) && (level & LEVEL_KEY_NEXT)) {
        read_key(scanner, behind, plain);
    } else if ((level & LEVEL_WATCHED) && plain && !scanner->whole &&
               behind - scanner->p >= TEXT_MIN) {
        const struct lat_extract extract = {.kind = LAT_EXTRACT_TEXT,
                                            .text = scanner->p + 1,
                                            .n = (size_t)(behind - scanner->p) - 2};
        return take_out(scanner, scanner->p, behind, extract, err);
    }
    scanner->p = behind;
    return LAT_OK;
}

static enum lat_status open_level(struct scanner *scanner, struct lat_error *err)
{
    const uint8_t above = *level_of(scanner);
    const bool array = *scanner->p == '[';
    if (array && (above & LEVEL_WATCHED) && !scanner->whole &&
        scanner->depth < scanner->max_depth) {
        bool taken;
        const enum lat_status status = take_numbers(scanner, &taken, err);
        if (status != LAT_OK || taken)
            return status;
    }
    if (scanner->depth == scanner->max_depth)
        return lat_fail(err, LAT_BAD_SYNTAX, "too_deep",
                        "the JSON is nested deeper than %zu levels", scanner->max_depth);
    uint8_t level = above & LEVEL_VALUE_QUIET ? LEVEL_QUIET | LEVEL_VALUE_QUIET : 0;
    if (array)
        level |= above & LEVEL_WATCHED;
    else
        level |= LEVEL_OBJECT | LEVEL_KEY_NEXT;
    scanner->levels[++scanner->depth] = level;
    scanner->n_values++;
    scanner->p++;
    return LAT_OK;
}

static enum lat_status scan_all(struct scanner *scanner, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && scanner->p < scanner->end) {
        switch (*scanner->p) {
        case '{':
        case '[':
            status = open_level(scanner, err);
            break;
        case '"':
            status = scan_string(scanner, err);
            break;
        case '}':
        case ']':
            scanner->depth -= scanner->depth > 0;
            scanner->p++;
            break;
        case ',':
            if (*level_of(scanner) & LEVEL_OBJECT)
                *level_of(scanner) |= LEVEL_KEY_NEXT;
            scanner->n_values++;
            scanner->p++;
            break;
        default:
            scanner->p++;
        }
        if (scanner->n_values > VALUES_MAX)
            return lat_fail(err, LAT_TOO_LARGE, "too_many_values",
                            "the JSON has more than %d values", VALUES_MAX);
    }
    return status;
}

enum lat_status lat_json_scan(struct lat_arena *arena, const char *text, size_t len,
                              size_t max_depth, bool extract, struct lat_scan *out_scan,
                              struct lat_error *err)
{
    if (!lat_utf8_valid(text, len))
        return lat_fail(err, LAT_BAD_SYNTAX, "bad_utf8", "the JSON is not UTF-8");
    struct scanner scanner = {.arena = arena,
                              .start = text,
                              .p = text,
                              .copied = text,
                              .end = text + len,
                              .max_depth = max_depth,
                              .whole = !extract,
                              .levels = lat_arena_alloc(arena, max_depth + 1, 1)};
    if (!scanner.levels)
        return lat_fail_memory(err);
    const enum lat_status status = scan_all(&scanner, err);
    if (status != LAT_OK)
        return status;
    *out_scan = (struct lat_scan){.text = text, .len = len};
    if (scanner.whole || !scanner.n_extracts) {
        out_scan->extracted = !scanner.whole;
        return LAT_OK;
    }
    if (!copy_out(&scanner, scanner.copied, (size_t)(scanner.end - scanner.copied)))
        return lat_fail_memory(err);
    scanner.out[scanner.out_len] = '\0';
    *out_scan = (struct lat_scan){.text = scanner.out,
                                  .len = scanner.out_len,
                                  .extracts = scanner.extracts,
                                  .n_extracts = scanner.n_extracts,
                                  .extracted = true};
    return LAT_OK;
}

size_t lat_json_scan_origin(const struct lat_scan *scan, size_t position)
{
    ptrdiff_t saved = 0;
    for (size_t i = 0; i < scan->n_extracts; i++) {
        const struct lat_extract *extract = &scan->extracts[i];
        if ((ptrdiff_t)extract->offset - saved >= (ptrdiff_t)position)
            break;
        saved += extract->saved;
    }
    return (size_t)((ptrdiff_t)position + saved);
}
