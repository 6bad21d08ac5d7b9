/* Names, UTF-8, nearest words. Numbers are in base/scan.c. */
#include "base/text.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

enum {
    NAME_MAX_LEN = 63,
    ID_MAX_LEN = 256,
    WORD_MAX_LEN = 63, /* longer words are never near anything */
};

/* Bytes of the well-formed sequence at `p` (at least one byte is left before `end`), 0 if it is
 * none. Table 3-7: only the second byte's range depends on the first. */
static size_t sequence_len(const unsigned char *p, const unsigned char *end)
{
    const unsigned char first = p[0];
    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    const size_t len = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if ((size_t)(end - p) < len)
        return 0;
    const unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

bool lat_utf8_valid(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    const unsigned char *end = p + len;
    while (p < end) {
        uint64_t eight;
        while ((size_t)(end - p) >= sizeof(eight)) {
            memcpy(&eight, p, sizeof(eight));
            if (eight & UINT64_C(0x8080808080808080))
                break;
            p += sizeof(eight);
        }
        if (p == end)
            break;
        const size_t n = sequence_len(p, end);
        if (!n)
            return false;
        p += n;
    }
    return true;
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool lat_name_valid(const char *name)
{
    if (!is_alphanumeric(name[0]))
        return false;
    size_t len = 1;
    for (; name[len]; len++) {
        const char c = name[len];
        if (len >= NAME_MAX_LEN || !(is_alphanumeric(c) || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

bool lat_id_valid(const char *id, size_t len)
{
    return len >= 1 && len <= ID_MAX_LEN && !memchr(id, '\0', len) && lat_utf8_valid(id, len);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein's distance with a swap of neighbours as one edit (optimal string alignment),
 * three rows at a time. Both words are at most WORD_MAX_LEN long. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX_LEN + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            const size_t replaced = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, least(row[j - 1], above[j]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], second[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

/* The first of the least distance below `bound`. */
static const char *nearest_below(const char *word, const char *const *words, size_t n,
                                 size_t bound)
{
    const size_t len = strlen(word);
    const char *nearest = NULL;
    for (size_t i = 0; i < n && len <= WORD_MAX_LEN; i++) {
        const size_t other = strlen(words[i]);
        if (other > WORD_MAX_LEN)
            continue;
        const size_t distance = edit_distance(word, len, words[i], other);
        if (distance < bound) {
            bound = distance;
            nearest = words[i];
        }
    }
    return nearest;
}

const char *lat_nearest(const char *word, const char *const *words, size_t n)
{
    const size_t len = strlen(word);
    return nearest_below(word, words, n, len == 2 ? 2 : len / 3 + 1);
}

const char *lat_nearest_any(const char *word, const char *const *words, size_t n)
{
    const size_t len = strlen(word);
    const char *nearest = lat_nearest(word, words, n);
    for (size_t i = 0; i < n && !nearest && len; i++)
        nearest = strncmp(word, words[i], len) == 0 ? words[i] : NULL;
    return nearest ? nearest : nearest_below(word, words, n, SIZE_MAX);
}

void lat_format_bytes(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
    if (bytes < 1000) {
        snprintf(out, size, "%u B", (unsigned)bytes);
        return;
    }
    double value = (double)bytes / 1000;
    size_t unit = 0;
    /* From 999.95 on, %.1f would write four digits before the point. */
    while (value >= 999.95 && unit + 1 < LAT_ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    snprintf(out, size, "%.1f %s", value, units[unit]);
}
