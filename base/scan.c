/* Numbers out of JSON text, the hot path of every request with codes.
 *
 * The digits go into a 64-bit integer and the number is that times a power of ten, in double.
 * Such a double is off by at most a few units in its last place, so it rounds to the right
 * float whenever it is not within ERROR_ULPS of the middle between two floats. The one number
 * in some 30 million for which that does not hold, and those outside the plain range, go to the
 * C library's exact reader, on a bounded copy. */
#include "base/text.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/banned.h"

enum {
    MAX_DIGITS = 19,        /* what 64 bits hold for sure */
    EXACT_POWER = 22,       /* 10^22 is the last power of ten a double holds exactly */
    EXPONENT_CAP = 1000000, /* far beyond any float; keeps the sums in range */
    /* Each rounding adds at most one unit, the cut-off digits less than one: three are
       possible. */
    ERROR_ULPS = 8,
    /* No middle between two floats has more digits; what follows is told by one more digit. */
    EXACT_DIGITS = 120,
};

/* digits * 10^exponent, `cut` when digits after the 19th were left off. */
struct number {
    uint64_t digits;
    int64_t exponent;
    bool negative;
    bool cut;
};

static const double exact_powers[EXACT_POWER + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static bool is_digit(const char *p, const char *end)
{
    return p < end && (unsigned char)(*p - '0') <= 9;
}

/* Digits from `p` on into `number`; the first 19 significant ones are kept. */
static const char *scan_digits(const char *p, const char *end, struct number *number,
                               bool fraction)
{
    /* Below this one more digit fits for sure. */
    const uint64_t full = UINT64_C(1000000000000000000);
    for (; is_digit(p, end); p++) {
        if (number->digits < full) {
            number->digits = number->digits * 10 + (uint64_t)(*p - '0');
            number->exponent -= fraction;
        } else {
            number->cut |= *p != '0';
            number->exponent += !fraction;
        }
    }
    return p;
}

/* The exponent after 'e', or NULL when there is none. */
static const char *scan_exponent(const char *p, const char *end, struct number *number)
{
    bool negative = false;
    if (p < end && (*p == '-' || *p == '+'))
        negative = *p++ == '-';
    if (!is_digit(p, end))
        return NULL;
    int64_t exponent = 0;
    for (; is_digit(p, end); p++)
        if (exponent < EXPONENT_CAP)
            exponent = exponent * 10 + (*p - '0');
    number->exponent += negative ? -exponent : exponent;
    return p;
}

/* One JSON number; the place behind it, or NULL when the text is none. */
static const char *scan_number(const char *p, const char *end, struct number *number)
{
    if (p < end && *p == '-') {
        number->negative = true;
        p++;
    }
    if (!is_digit(p, end) || (*p == '0' && is_digit(p + 1, end)))
        return NULL;
    p = scan_digits(p, end, number, false);
    if (p < end && *p == '.') {
        if (!is_digit(p + 1, end))
            return NULL;
        p = scan_digits(p + 1, end, number, true);
    }
    if (p < end && (*p == 'e' || *p == 'E'))
        p = scan_exponent(p + 1, end, number);
    return p;
}

/* True when `value`, wrong by less than ERROR_ULPS, rounds to a normal float for sure. */
static bool rounds_surely(double value)
{
    if (!(value >= (double)FLT_MIN * 2 && value <= (double)FLT_MAX))
        return false;
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const uint32_t below = (uint32_t)bits & ((UINT32_C(1) << 29) - 1);
    const uint32_t middle = UINT32_C(1) << 28;
    return below < middle - ERROR_ULPS || below > middle + ERROR_ULPS;
}

static bool convert_fast(const struct number *number, float *out_value)
{
    if (!number->digits) {
        *out_value = 0.0F;
        return true;
    }
    if (number->exponent < -2 * EXACT_POWER || number->exponent > 2 * EXACT_POWER)
        return false;
    double value = (double)number->digits;
    int left = (int)(number->exponent < 0 ? -number->exponent : number->exponent);
    while (left > 0) {
        const int step = left < EXACT_POWER ? left : EXACT_POWER;
        if (number->exponent < 0)
            value /= exact_powers[step];
        else
            value *= exact_powers[step];
        left -= step;
    }
    if (!rounds_surely(value))
        return false;
    *out_value = (float)value;
    return true;
}

/* Reads text whose form was checked, whatever the process's locale. */
static double read_exact(const char *text, bool single)
{
    const locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* static in the C library */
    if (c == (locale_t)0)
        return (double)NAN;
    const double value = single ? (double)strtof_l(text, NULL, c) : strtod_l(text, NULL, c);
    freelocale(c);
    return value;
}

/* The same digits as an integer of bounded length and an exponent. `text` is a number that
 * scan_number accepted and that is not zero. */
static float convert_exact(const char *text, const char *end)
{
    char copy[EXACT_DIGITS + 32];
    size_t n = 0;
    bool point = false, more = false;
    struct number tail = {0};
    for (; text < end && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            point = true;
            continue;
        }
        if (*text == '-')
            continue;
        if (n < EXACT_DIGITS && (n || *text != '0')) {
            copy[n++] = *text;
            tail.exponent -= point;
        } else {
            /* A leading zero has no weight of its own; a digit too many has an exponent's. */
            more |= *text != '0';
            tail.exponent += n ? !point : -(int)point;
        }
    }
    if (text < end && !scan_exponent(text + 1, end, &tail))
        return NAN;
    if (more) {
        copy[n++] = '1';
        tail.exponent--;
    }
    snprintf(copy + n, sizeof(copy) - n, "e%lld", (long long)tail.exponent);
    return (float)read_exact(copy, true);
}

bool lat_scan_float(const char **cursor, const char *end, float *out_value)
{
    struct number number = {0};
    const char *behind = scan_number(*cursor, end, &number);
    if (!behind)
        return false;
    float value;
    if (!convert_fast(&number, &value))
        value = convert_exact(*cursor, behind);
    if (!isfinite(value))
        return false;
    *out_value = number.negative ? -value : value;
    *cursor = behind;
    return true;
}

bool lat_parse_u64(const char *text, uint64_t max, uint64_t *out_value)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
            return false;
    if (p == text || *p || value > max)
        return false;
    *out_value = value;
    return true;
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent. */
static bool is_decimal(const char *p)
{
    const char *end = p + strlen(p);
    struct number unused = {0};
    if (*p == '-' || *p == '+')
        p++;
    const char *whole = scan_digits(p, end, &unused, false);
    size_t n = (size_t)(whole - p);
    p = whole;
    if (*p == '.') {
        const char *behind = scan_digits(p + 1, end, &unused, true);
        n += (size_t)(behind - p - 1);
        p = behind;
    }
    if (!n)
        return false;
    if (*p == 'e' || *p == 'E')
        p = scan_exponent(p + 1, end, &unused);
    return p == end;
}

bool lat_parse_double(const char *text, double *out_value)
{
    if (!is_decimal(text))
        return false;
    const double value = read_exact(text, false);
    if (!isfinite(value))
        return false;
    *out_value = value;
    return true;
}
