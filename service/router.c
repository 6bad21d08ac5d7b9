/* Every row is cut into segments once. A request's path is cut and decoded once, and compared
 * with the rows that have as many segments: a few dozen rows of which the first literal rejects
 * nearly all, which costs less than what a tree would save.
 *
 * Of the rows that match, the one whose first differing segment is literal wins; a row of
 * another method only adds to Allow. */
#include "service/router.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

enum { SEGMENTS_MAX = 12 };

struct segment {
    const char *text; /* NULL for a parameter */
    size_t len;
};

struct row {
    const struct lat_route *route;
    size_t index;
    size_t n_segments, n_params;
    unsigned literals; /* bit i from the top: segment i is literal; larger is more exact */
    struct segment segments[SEGMENTS_MAX];
};

struct lat_router {
    struct row *rows;
    size_t n;
};

static const struct {
    unsigned bit;
    const char *name;
} methods[] = {
    {LAT_GET, "GET"},   {LAT_HEAD, "HEAD"},   {LAT_PUT, "PUT"},
    {LAT_POST, "POST"}, {LAT_PATCH, "PATCH"}, {LAT_DELETE, "DELETE"},
};

unsigned lat_method_parse(const char *word)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, word) == 0)
            return methods[i].bit;
    return 0;
}

const char *lat_method_name(unsigned method)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(methods); i++)
        if (methods[i].bit == method)
            return methods[i].name;
    return "?";
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool lat_percent_decode(const char *text, size_t len, bool plus, char *out, size_t *out_len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '%') {
            const int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
            const int low = len - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            out[n++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[n++] = plus && text[i] == '+' ? ' ' : text[i];
        }
    }
    out[n] = '\0';
    *out_len = n;
    return true;
}

/* Cuts "/a/b" into a and b; "/" into one empty segment. Returns their number, SEGMENTS_MAX + 1
 * when there are more than fit. */
static size_t cut(const char *path, struct segment segments[SEGMENTS_MAX])
{
    size_t n = 0;
    const char *from = path + 1;
    for (;;) {
        const size_t len = strcspn(from, "/");
        if (n == SEGMENTS_MAX)
            return SEGMENTS_MAX + 1;
        segments[n++] = (struct segment){from, len};
        if (from[len] == '\0')
            return n;
        from += len + 1;
    }
}

static enum lat_status prepare(const struct lat_route *route, size_t index, struct row *row,
                               struct lat_error *err)
{
    *row = (struct row){.route = route, .index = index};
    if (route->path[0] != '/')
        return lat_fail(err, LAT_INVALID, NULL, "route '%s' does not begin with '/'",
                        route->path);
    row->n_segments = cut(route->path, row->segments);
    if (row->n_segments > SEGMENTS_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "route '%s' has too many segments",
                        route->path);
    for (size_t i = 0; i < row->n_segments; i++) {
        struct segment *segment = &row->segments[i];
        if (segment->text[0] == '{') {
            segment->text = NULL;
            row->n_params++;
        } else {
            row->literals |= 1U << (SEGMENTS_MAX - i);
        }
    }
    if (row->n_params > LAT_PARAMS_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "route '%s' has more than %d parameters",
                        route->path, (int)LAT_PARAMS_MAX);
    return LAT_OK;
}

static bool same_pattern(const struct row *a, const struct row *b)
{
    if (a->n_segments != b->n_segments || a->literals != b->literals ||
        a->route->method != b->route->method)
        return false;
    for (size_t i = 0; i < a->n_segments; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        if (x->text && (x->len != y->len || memcmp(x->text, y->text, x->len) != 0))
            return false;
    }
    return true;
}

enum lat_status lat_router_new(const struct lat_route *rows, size_t n,
                               struct lat_router **out_router, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    struct lat_router *router = lat_alloc(1, sizeof(*router));
    if (router)
        router->rows = lat_alloc(n, sizeof(*router->rows));
    if (!router || !router->rows) {
        status = lat_fail_memory(err);
        goto out;
    }
    for (; router->n < n; router->n++) {
        status = prepare(&rows[router->n], router->n, &router->rows[router->n], err);
        if (status != LAT_OK)
            goto out;
        for (size_t i = 0; i < router->n; i++)
            if (same_pattern(&router->rows[i], &router->rows[router->n])) {
                status = lat_fail(err, LAT_INVALID, NULL, "route %s %s is there twice",
                                  lat_method_name(rows[i].method), rows[i].path);
                goto out;
            }
    }
    *out_router = router;
    router = NULL;
out:
    lat_router_free(router);
    return status;
}

void lat_router_free(struct lat_router *router)
{
    if (!router)
        return;
    lat_free(router->rows);
    lat_free(router);
}

/* Decodes the segments that need it into the arena; the others stay where they are. */
static enum lat_status decode(struct lat_call *call, struct segment *segments, size_t n,
                              struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        struct segment *segment = &segments[i];
        if (memchr(segment->text, '%', segment->len)) {
            char *decoded = lat_arena_alloc_raw(&call->arena, segment->len + 1, 1);
            if (!decoded)
                return lat_fail_memory(err);
            if (!lat_percent_decode(segment->text, segment->len, false, decoded, &segment->len))
                return lat_fail(err, LAT_BAD_SYNTAX, "bad_path",
                                "the path has a '%%' without two hexadecimal digits");
            segment->text = decoded;
        }
        if (!lat_utf8_valid(segment->text, segment->len))
            return lat_fail(err, LAT_BAD_SYNTAX, "bad_path", "the path is not UTF-8");
    }
    return LAT_OK;
}

static bool has_segments(const struct row *row, const struct segment *segments, size_t n)
{
    const bool slash = row->route->flags & LAT_ROUTE_SLASH && n <= SEGMENTS_MAX && n > 1 &&
                       segments[n - 1].len == 0;
    return row->n_segments == n - slash;
}

static bool matches(const struct row *row, const struct segment *segments)
{
    for (size_t i = 0; i < row->n_segments; i++) {
        const struct segment *want = &row->segments[i], *have = &segments[i];
        if (want->text
                ? want->len != have->len || memcmp(want->text, have->text, have->len) != 0
                : have->len == 0)
            return false;
    }
    return true;
}

static enum lat_status take_params(struct lat_call *call, const struct row *row,
                                   const struct segment *segments, struct lat_error *err)
{
    for (size_t i = 0; i < row->n_segments; i++) {
        if (row->segments[i].text)
            continue;
        if (memchr(segments[i].text, '\0', segments[i].len))
            return lat_fail(err, LAT_INVALID, "invalid_path", "the path contains a NUL byte");
        char *text = lat_arena_strndup(&call->arena, segments[i].text, segments[i].len);
        if (!text)
            return lat_fail_memory(err);
        call->params[call->n_params] = text;
        call->param_lens[call->n_params++] = segments[i].len;
    }
    return LAT_OK;
}

static enum lat_status refuse_method(struct lat_call *call, unsigned allowed,
                                     struct lat_error *err)
{
    char list[64] = "";
    if (allowed & LAT_GET)
        allowed |= LAT_HEAD;
    size_t len = 0;
    for (size_t i = 0; i < LAT_ARRAY_LEN(methods); i++) {
        if (!(allowed & methods[i].bit))
            continue;
        const int n =
            snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "", methods[i].name);
        len += n > 0 ? (size_t)n : 0;
    }
    lat_call_respond_header(call, "Allow", "%s", list);
    lat_fail(err, LAT_NOT_ALLOWED, NULL, "this path answers %s", list);
    lat_error_expected(err, list, NULL);
    return LAT_NOT_ALLOWED;
}

enum lat_status lat_router_match(const struct lat_router *router, struct lat_call *call,
                                 size_t *out_index, struct lat_error *err)
{
    const unsigned method = call->method == LAT_HEAD ? LAT_GET : call->method;
    struct segment segments[SEGMENTS_MAX];
    const size_t n = call->path[0] == '/' ? cut(call->path, segments) : SEGMENTS_MAX + 1;
    if (n <= SEGMENTS_MAX) {
        const enum lat_status status = decode(call, segments, n, err);
        if (status != LAT_OK)
            return status;
    }
    const struct row *best = NULL;
    unsigned allowed = 0;
    for (size_t i = 0; i < router->n; i++) {
        const struct row *row = &router->rows[i];
        if (!has_segments(row, segments, n) || !matches(row, segments))
            continue;
        allowed |= row->route->method;
        if (row->route->method == method && (!best || row->literals > best->literals))
            best = row;
    }
    if (!best && allowed)
        return refuse_method(call, allowed, err);
    if (!best)
        return lat_fail(err, LAT_NOT_FOUND, "route_not_found", "nothing answers this path");
    const enum lat_status status = take_params(call, best, segments, err);
    if (status != LAT_OK)
        return status;
    call->route = best->route;
    *out_index = best->index;
    return LAT_OK;
}
