/* Base64 goes four characters at a time through one table; whatever is not in an alphabet maps
 * to a value with the high bit set, so a block is checked by a single OR.
 *
 * float32 on the wire is little-endian; so are the machines this builds for, which makes a body
 * usable where it lies. */
#include "api/floats.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw float32 bodies are used in place: a big-endian machine needs a swap here"
#endif

enum { NOT_BASE64 = 0x80, ENCODED_AT_ONCE = 3072 };

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Standard and URL alphabet together, each digit plus one, so that a stranger is 0. */
static const uint8_t digits[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,
    ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
    ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21,
    ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28,
    ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
    ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42,
    ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49,
    ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63,
    ['/'] = 64, ['-'] = 63, ['_'] = 64};

/* A digit's value; with the high bit set, none. */
static uint8_t digit_of(unsigned char c)
{
    return (uint8_t)(digits[c] - 1);
}

size_t lat_base64_room(size_t len)
{
    return len / 4 * 3 + 3;
}

/* The last one to three characters; false when they cannot end a text. */
static bool decode_tail(const unsigned char *p, size_t n, uint8_t *out, size_t *inout_len)
{
    if (n == 1)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t digit = digit_of(p[i]);
        if (digit & NOT_BASE64)
            return false;
        bits = bits << 6 | digit;
    }
    const unsigned spare = n == 2 ? 4 : 2;
    if (bits & ((1U << spare) - 1))
        return false;
    bits >>= spare;
    if (n == 3)
        out[(*inout_len)++] = (uint8_t)(bits >> 8);
    out[(*inout_len)++] = (uint8_t)bits;
    return true;
}

bool lat_base64_decode(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
    const unsigned char *p = (const unsigned char *)text;
    if (len && len % 4 == 0 && p[len - 1] == '=')
        len -= p[len - 2] == '=' ? 2 : 1;
    const unsigned char *end = p + len;
    size_t n = 0;
    for (; end - p >= 4; p += 4, n += 3) {
        const uint8_t a = digit_of(p[0]), b = digit_of(p[1]), c = digit_of(p[2]),
                      d = digit_of(p[3]);
        if ((a | b | c | d) & NOT_BASE64)
            return false;
        const uint32_t bits = (uint32_t)a << 18 | (uint32_t)b << 12 | (uint32_t)c << 6 | d;
        out[n] = (uint8_t)(bits >> 16);
        out[n + 1] = (uint8_t)(bits >> 8);
        out[n + 2] = (uint8_t)bits;
    }
    if (p < end && !decode_tail(p, (size_t)(end - p), out, &n))
        return false;
    *out_len = n;
    return true;
}

static size_t encode_block(const uint8_t *bytes, size_t len, char *out)
{
    char *p = out;
    for (; len >= 3; len -= 3, bytes += 3) {
        const uint32_t bits =
            (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2];
        *p++ = alphabet[bits >> 18];
        *p++ = alphabet[bits >> 12 & 63];
        *p++ = alphabet[bits >> 6 & 63];
        *p++ = alphabet[bits & 63];
    }
    if (len) {
        const uint32_t bits =
            (uint32_t)bytes[0] << 16 | (len == 2 ? (uint32_t)bytes[1] << 8 : 0);
        *p++ = alphabet[bits >> 18];
        *p++ = alphabet[bits >> 12 & 63];
        *p++ = len == 2 ? alphabet[bits >> 6 & 63] : '=';
        *p++ = '=';
    }
    return (size_t)(p - out);
}

void lat_base64_encode(struct lat_buf *out, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    char text[ENCODED_AT_ONCE / 3 * 4];
    while (len) {
        const size_t step = len < ENCODED_AT_ONCE ? len : ENCODED_AT_ONCE;
        lat_buf_append(out, text, encode_block(p, step, text));
        p += step;
        len -= step;
    }
}

enum lat_status lat_base64_bytes(struct lat_arena *arena, const char *text, size_t len,
                                 const uint8_t **out_bytes, size_t *out_len,
                                 struct lat_error *err)
{
    uint8_t *bytes = lat_arena_alloc_raw(arena, lat_base64_room(len), 1);
    if (!bytes)
        return lat_fail_memory(err);
    if (!lat_base64_decode(text, len, bytes, out_len))
        return lat_fail(err, LAT_INVALID, "bad_base64", "not base64");
    *out_bytes = bytes;
    return LAT_OK;
}

enum lat_status lat_data_uri_bytes(struct lat_arena *arena, const char *text, size_t len,
                                   const uint8_t **out_bytes, size_t *out_len,
                                   struct lat_error *err)
{
    static const char scheme[] = "data:", marker[] = ";base64";
    const size_t scheme_len = sizeof(scheme) - 1, marker_len = sizeof(marker) - 1;
    if (len >= scheme_len && !memcmp(text, scheme, scheme_len)) {
        const char *comma = memchr(text, ',', len);
        const size_t head = comma ? (size_t)(comma - text) : 0;
        if (head < scheme_len + marker_len ||
            memcmp(comma - marker_len, marker, marker_len) != 0)
            return lat_fail(err, LAT_INVALID, "bad_data_uri",
                            "a data URI here is data:<type>;base64,<bytes>");
        text += head + 1;
        len -= head + 1;
    }
    return lat_base64_bytes(arena, text, len, out_bytes, out_len, err);
}

enum lat_status lat_floats_check(const float *values, size_t n, struct lat_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(values[i]))
            return lat_fail(err, LAT_INVALID, "not_finite", "value %zu is %s", i,
                            isnan(values[i]) ? "not a number" : "infinite");
    return LAT_OK;
}

enum lat_status lat_floats_from_bytes(struct lat_arena *arena, const void *bytes, size_t len,
                                      struct lat_floats *out_floats, struct lat_error *err)
{
    if (len % sizeof(float))
        return lat_fail(err, LAT_INVALID, "bad_floats",
                        "%zu bytes are no whole number of float32", len);
    const float *values = bytes;
    if ((uintptr_t)bytes % _Alignof(float)) {
        float *copy = lat_arena_alloc_raw(arena, len, 1);
        if (!copy)
            return lat_fail_memory(err);
        memcpy(copy, bytes, len);
        values = copy;
    }
    const size_t n = len / sizeof(float);
    const enum lat_status status = lat_floats_check(values, n, err);
    if (status != LAT_OK)
        return status;
    *out_floats = (struct lat_floats){values, n};
    return LAT_OK;
}

enum lat_status lat_floats_from_base64(struct lat_arena *arena, const char *text, size_t len,
                                       struct lat_floats *out_floats, struct lat_error *err)
{
    const uint8_t *bytes;
    size_t n;
    const enum lat_status status = lat_base64_bytes(arena, text, len, &bytes, &n, err);
    if (status != LAT_OK)
        return status;
    return lat_floats_from_bytes(arena, bytes, n, out_floats, err);
}

enum lat_status lat_shape_parse(const char *text, size_t *out_dims, size_t *out_rank,
                                struct lat_error *err)
{
    size_t dims[LAT_SHAPE_MAX_RANK], rank = 0;
    const char *p = text;
    for (;;) {
        char number[24];
        const size_t len = strcspn(p, ",");
        uint64_t dim = 0;
        snprintf(number, sizeof(number), "%.*s", len < 20 ? (int)len : 20, p);
        if (rank == LAT_SHAPE_MAX_RANK || !lat_parse_u64(number, UINT32_MAX, &dim))
            return lat_fail(err, LAT_INVALID, "bad_shape",
                            "a shape is 1 to %d whole numbers with commas: \"3,128\"",
                            LAT_SHAPE_MAX_RANK);
        dims[rank++] = (size_t)dim;
        p += len;
        if (!*p)
            break;
        p++;
        while (*p == ' ')
            p++;
    }
    memcpy(out_dims, dims, rank * sizeof(*dims));
    *out_rank = rank;
    return LAT_OK;
}
