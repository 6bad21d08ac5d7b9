/* The text is valid: a string ends at the next quote without a backslash, an object or list
 * where its brackets are even, anything else at a comma, a bracket or a blank. */
#include "api/json_spans.h"

#include <string.h>

#include "base/banned.h"

static const char *after_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static const char *after_string(const char *at)
{
    for (at++; *at != '"'; at++)
        at += *at == '\\';
    return at + 1;
}

static const char *after_value(const char *at)
{
    size_t depth = 0;
    if (*at == '"')
        return after_string(at);
    if (*at != '{' && *at != '[')
        return at + strcspn(at, ",]} \t\r\n");
    do {
        if (*at == '"') {
            at = after_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (depth);
    return at;
}

struct lat_spans lat_spans_of(const char *text)
{
    return (struct lat_spans){after_blanks(text) + 1};
}

bool lat_spans_next(struct lat_spans *spans, struct lat_span *out_key,
                    struct lat_span *out_value)
{
    const char *at = after_blanks(spans->at);
    at = *at == ',' ? after_blanks(at + 1) : at;
    if (*at == ']' || *at == '}' || *at == '\0')
        return false;
    const char *end = after_value(at);
    const char *behind = after_blanks(end);
    *out_key = (struct lat_span){0};
    if (*behind == ':') {
        *out_key = (struct lat_span){at, (size_t)(end - at)};
        at = after_blanks(behind + 1);
        end = after_value(at);
    }
    *out_value = (struct lat_span){at, (size_t)(end - at)};
    spans->at = end;
    return true;
}

bool lat_spans_find(const char *text, const char *key, struct lat_span *out_value)
{
    struct lat_spans spans = lat_spans_of(text);
    struct lat_span name, value;
    const size_t len = strlen(key);
    while (lat_spans_next(&spans, &name, &value)) {
        if (!name.text || name.len != len + 2 || memcmp(name.text + 1, key, len) != 0)
            continue;
        *out_value = value;
        return true;
    }
    return false;
}
