/* RFC 9110, 8.8.3 and 13.1: lists of quoted tags with commas; If-Match compares strongly, so a
 * weak tag ("W/…") never matches there, If-None-Match weakly. */
#include "api/etag.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

void lat_respond_etag(struct lat_call *call, uint64_t version)
{
    lat_call_respond_header(call, "ETag", "\"%llu\"", (unsigned long long)version);
}

/* The next tag of a list, its version in *out_version (0 for a foreign one); false at the end.
 */
static bool next_tag(const char **inout_text, bool *out_weak, uint64_t *out_version)
{
    const char *p = *inout_text + strspn(*inout_text, " \t,");
    if (!*p)
        return false;
    *out_weak = !strncmp(p, "W/", 2);
    if (*out_weak)
        p += 2;
    const char *tag = p;
    size_t len;
    if (*p == '"') {
        tag = ++p;
        len = strcspn(p, "\"");
        p += len + (p[len] == '"');
    } else {
        len = strcspn(p, ",");
        p += len;
    }
    char number[24];
    *out_version = 0;
    if (len < sizeof(number)) {
        snprintf(number, sizeof(number), "%.*s", (int)len, tag);
        if (!lat_parse_u64(number, UINT64_MAX - 1, out_version))
            *out_version = 0;
    }
    *inout_text = p;
    return true;
}

static bool is_any(const char *text)
{
    text += strspn(text, " \t");
    return text[0] == '*' && text[1 + strspn(text + 1, " \t")] == '\0';
}

static bool is_list(const struct lat_call *call, const char *header)
{
    const char *text = lat_call_header(call, header);
    return text && strchr(text, ',');
}

bool lat_call_names_versions(const struct lat_call *call)
{
    return is_list(call, "If-Match") || is_list(call, "If-None-Match");
}

enum lat_status lat_call_if_match(struct lat_call *call, uint64_t current,
                                  uint64_t *out_if_match, struct lat_error *err)
{
    const char *text = lat_call_header(call, "If-Match");
    uint64_t version, found = 0;
    bool weak;
    *out_if_match = 0;
    if (!text)
        return LAT_OK;
    if (is_any(text)) {
        *out_if_match = UINT64_MAX;
        return LAT_OK;
    }
    while (next_tag(&text, &weak, &version))
        if (!weak && version && (!found || version == current))
            found = version;
    if (!found)
        return lat_fail(err, LAT_PRECONDITION, NULL, "If-Match names no version of this item");
    *out_if_match = found;
    return LAT_OK;
}

uint64_t lat_call_if_none_match(struct lat_call *call, uint64_t current)
{
    const char *text = lat_call_header(call, "If-None-Match");
    uint64_t version, found = 0;
    bool weak;
    if (text && is_any(text))
        return UINT64_MAX;
    while (text && next_tag(&text, &weak, &version))
        if (!found || version == current)
            found = version;
    return found;
}

bool lat_call_has_version(const struct lat_call *call, uint64_t current)
{
    const char *text = lat_call_header(call, "If-None-Match");
    uint64_t version;
    bool weak;
    if (!text)
        return false;
    if (is_any(text))
        return true;
    while (next_tag(&text, &weak, &version))
        if (version == current)
            return true;
    return false;
}

void lat_respond_etag_code(struct lat_call *call, uint64_t version)
{
    lat_call_respond_header(call, "ETag", "\"%llu-code\"", (unsigned long long)version);
}

bool lat_call_has_code(const struct lat_call *call, uint64_t version)
{
    const char *text = lat_call_header(call, "If-None-Match");
    char tag[40];
    snprintf(tag, sizeof(tag), "\"%llu-code\"", (unsigned long long)version);
    return text && (is_any(text) || strstr(text, tag));
}
