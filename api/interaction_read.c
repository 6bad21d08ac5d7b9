/* The scan remembers where strings end and only ends them once the whole line was plain. */
#include "api/interaction_read.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

/* From here on a number is milliseconds: as seconds it would lie beyond the year 5000. */
static const double milliseconds_from = 1e11;
static const double latest_ms = 253402300799999; /* the end of the year 9999 */

enum { DIGITS_MAX = 15 /* of a number that a double holds exactly */ };

static bool time_of(double number, int64_t *out_ms)
{
    const double ms = fabs(number) < milliseconds_from ? number * 1000 : number;
    if (!(fabs(ms) <= latest_ms))
        return false;
    *out_ms = (int64_t)floor(ms);
    return true;
}

/* ---- the scan ---- */

enum member { USER, ITEM, TYPE, AT, RECOMMENDATION, WEIGHT, MEMBERS };

static const struct {
    const char *name;
    size_t len;
} members[MEMBERS] = {
    {"user", 4}, {"item", 4}, {"type", 4}, {"at", 2}, {"recommendation_id", 17}, {"weight", 6}};

struct scan {
    char *at, *end;
    char *texts[MEMBERS], *ends[MEMBERS];
    double numbers[MEMBERS];
    bool there[MEMBERS];
};

static void skip_blanks(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\r'))
        scan->at++;
}

static bool take(struct scan *scan, char c)
{
    skip_blanks(scan);
    if (scan->at == scan->end || *scan->at != c)
        return false;
    scan->at++;
    return true;
}

/* Between quotes, without escapes and control characters. */
static bool take_string(struct scan *scan, char **out_text, char **out_end)
{
    if (!take(scan, '"'))
        return false;
    char *p = scan->at;
    while (p < scan->end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20)
        p++;
    if (p == scan->end || *p != '"')
        return false;
    *out_text = scan->at;
    *out_end = p;
    scan->at = p + 1;
    return true;
}

/* -?digits(.digits)?, few enough to be exact. */
static bool take_number(struct scan *scan, double *out)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    skip_blanks(scan);
    char *p = scan->at;
    const bool negative = p < scan->end && *p == '-';
    p += negative;
    const char *first = p;
    int n = 0, after = 0;
    int64_t value = 0;
    bool point = false;
    for (; p < scan->end && n <= DIGITS_MAX; p++) {
        if (*p == '.' && !point && n) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9')
            break;
        value = value * 10 + (*p - '0');
        n++;
        after += point;
    }
    const bool leading_zero = first[0] == '0' && n - after > 1;
    if (!n || n > DIGITS_MAX || leading_zero || (point && !after) ||
        (p < scan->end && (*p == 'e' || *p == 'E' || *p == '.')))
        return false;
    *out = (double)value / powers[after];
    if (negative)
        *out = -*out;
    scan->at = p;
    return true;
}

static bool take_member(struct scan *scan)
{
    char *key, *key_end;
    if (!take_string(scan, &key, &key_end) || !take(scan, ':'))
        return false;
    size_t m = 0;
    while (m < MEMBERS && ((size_t)(key_end - key) != members[m].len ||
                           memcmp(key, members[m].name, members[m].len) != 0))
        m++;
    if (m == MEMBERS || scan->there[m])
        return false;
    scan->there[m] = true;
    skip_blanks(scan);
    const bool text = scan->at < scan->end && *scan->at == '"';
    if (text != (m < AT || m == RECOMMENDATION) && m != AT)
        return false;
    return text ? take_string(scan, &scan->texts[m], &scan->ends[m])
                : take_number(scan, &scan->numbers[m]);
}

static bool take_object(struct scan *scan)
{
    if (!take(scan, '{') || !take_member(scan))
        return false;
    while (take(scan, ','))
        if (!take_member(scan))
            return false;
    const bool closed = take(scan, '}');
    skip_blanks(scan);
    return closed && scan->at == scan->end && scan->there[USER] && scan->there[ITEM];
}

bool lat_interaction_scan(char *text, size_t len, int64_t now_ms,
                          struct lat_interaction_input *out_input)
{
    struct scan scan = {.at = text, .end = text + len};
    int64_t at_ms = now_ms;
    if (!take_object(&scan))
        return false;
    bool ok = true;
    if (scan.texts[AT])
        ok = lat_clock_parse(scan.texts[AT], (size_t)(scan.ends[AT] - scan.texts[AT]), &at_ms);
    else if (scan.there[AT])
        ok = time_of(scan.numbers[AT], &at_ms);
    const float weight = scan.there[WEIGHT] ? (float)scan.numbers[WEIGHT] : 1.0F;
    if (!ok)
        return false;
    for (size_t m = 0; m < MEMBERS; m++)
        if (scan.texts[m])
            *scan.ends[m] = '\0';
    *out_input = (struct lat_interaction_input){
        .what = {.user = scan.texts[USER],
                 .item = scan.texts[ITEM],
                 .type = scan.texts[TYPE] ? scan.texts[TYPE] : "",
                 .weight = weight,
                 .at_ms = at_ms},
        .recommendation = scan.texts[RECOMMENDATION]};
    return true;
}

/* ---- the reader ---- */

/* NULL: absent, or refused. */
static const char *read_text(struct lat_object *object, const char *key, const char *code)
{
    size_t len;
    const char *text = lat_object_text(object, key, &len);
    if (!text)
        return NULL;
    if (memchr(text, '\0', len)) {
        lat_object_fail(object, key, LAT_INVALID, code, "'%s' holds a NUL", key);
        return NULL;
    }
    text = lat_arena_strndup(object->json->arena, text, len);
    if (!text)
        lat_object_fail(object, NULL, LAT_NO_MEMORY, NULL, "out of memory");
    return text;
}

static void read_time(struct lat_object *object, int64_t *inout_ms)
{
    size_t len = 0;
    double number = 0;
    bool ok = true;
    if (lat_object_is_text(object, "at")) {
        const char *text = lat_object_text(object, "at", &len);
        ok = !text || lat_clock_parse(text, len, inout_ms);
    } else if (lat_object_has(object, "at")) {
        lat_object_number(object, "at", &number, -HUGE_VAL, HUGE_VAL);
        ok = time_of(number, inout_ms);
    }
    if (!ok)
        lat_object_fail(object, "at", LAT_INVALID, "invalid_time",
                        "'at' is a time as in RFC 3339 (\"2026-01-02T03:04:05Z\"), or seconds "
                        "or milliseconds since 1970");
}

void lat_object_interaction(struct lat_object *object, int64_t now_ms,
                            struct lat_interaction_input *out_input)
{
    struct lat_interaction_input input = {.what = {.type = "", .at_ms = now_ms}};
    struct lat_error *err = object->json->err;
    double weight = 1;
    input.what.user = read_text(object, "user", "invalid_id");
    if (!input.what.user && err->status == LAT_OK)
        lat_object_missing(object, "user");
    input.what.item = read_text(object, "item", "invalid_id");
    if (!input.what.item && err->status == LAT_OK)
        lat_object_missing(object, "item");
    lat_object_number(object, "weight", &weight, -1e30, 1e30);
    const char *type = read_text(object, "type", "invalid_type");
    read_time(object, &input.what.at_ms);
    input.recommendation = read_text(object, "recommendation_id", "invalid");
    lat_object_end(object);
    if (err->status != LAT_OK)
        return;
    input.what.weight = (float)weight;
    input.what.type = type ? type : "";
    if (lat_interaction_check(&input.what, err) != LAT_OK)
        lat_error_at(err, "%s", object->at);
    else
        *out_input = input;
}
