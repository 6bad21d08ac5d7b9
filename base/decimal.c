/* Schubfach: of the decimals with a fixed exponent k, chosen so that at least one and at most a
 * few lie in the interval which rounds to the float, two candidates and their tenfold-coarser
 * twins are enough to look at. Interval ends and value are scaled by a 64-bit power of ten; 96
 * bits of product with a sticky last bit decide every comparison exactly for 24-bit
 * significands.
 *
 * The table is exact arithmetic written down: entry k holds floor(10^k / 2^r) + 1 with r such
 * that the result has 64 bits. Tests compare all of it with the C library's reader. */
#include "base/decimal.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

enum {
    MANTISSA_BITS = 23,
    EXPONENT_BIAS = 127 + MANTISSA_BITS,
    EXPONENT_SPECIAL = 255,
    SMALLEST_POWER = -31,
    /* Numbers whose first digit stands between these powers of ten are written without
       exponent. */
    PLAIN_LOWEST = -5,
    PLAIN_HIGHEST = 9,
};

/* clang-format off */
static const uint64_t powers_of_ten[] = {
    0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f,
    0xfd87b5f28300ca0e, 0x9e74d1b791e07e49, 0xc612062576589ddb,
    0xf79687aed3eec552, 0x9abe14cd44753b53, 0xc16d9a0095928a28,
    0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
    0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a,
    0xe69594bec44de15c, 0x901d7cf73ab0acda, 0xb424dc35095cd810,
    0xe12e13424bb40e14, 0x8cbccc096f5088cc, 0xafebff0bcb24aaff,
    0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
    0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424,
    0xd1b71758e219652c, 0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b,
    0xcccccccccccccccd, 0x8000000000000001, 0xa000000000000001,
    0xc800000000000001, 0xfa00000000000001, 0x9c40000000000001,
    0xc350000000000001, 0xf424000000000001, 0x9896800000000001,
    0xbebc200000000001, 0xee6b280000000001, 0x9502f90000000001,
    0xba43b74000000001, 0xe8d4a51000000001, 0x9184e72a00000001,
    0xb5e620f480000001, 0xe35fa931a0000001, 0x8e1bc9bf04000001,
    0xb1a2bc2ec5000001, 0xde0b6b3a76400001, 0x8ac7230489e80001,
    0xad78ebc5ac620001, 0xd8d726b7177a8001, 0x878678326eac9001,
    0xa968163f0a57b401, 0xd3c21bcecceda101, 0x84595161401484a1,
    0xa56fa5b99019a5c9, 0xcecb8f27f4200f3b, 0x813f3978f8940985,
    0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297,
    0x9dc5ada82b70b59e, 0xc5371912364ce306, 0xf684df56c3e01bc7,
    0x9a130b963a6c115d, 0xc097ce7bc90715b4, 0xf0bdc21abb48db21,
    0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
    0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a,
    0x8f7e32ce7bea5c70, 0xb35dbf821ae4f38c,
};
/* clang-format on */

/* digits * 10^exponent */
struct decimal {
    uint32_t digits;
    int exponent;
};

/* floor(log10(2^q)), or of 3/4 * 2^q, and floor(log2(10^k)): exact over the range of a float.
 */
static int log10_of_power2(int q, bool three_quarters)
{
    return (q * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

static int log2_of_power10(int k)
{
    return (k * 1741647) >> 19;
}

/* The upper 32 of 96 bits, the last bit set if anything of weight is below ("round to odd"). */
static uint32_t scale(uint64_t power, uint32_t x)
{
    const uint64_t low = (power & UINT32_MAX) * x;
    const uint64_t high = (power >> 32) * x + (low >> 32);
    return (uint32_t)(high >> 32) | ((uint32_t)high > 1);
}

/* significand * 2^q, `lopsided` when the float below is only half as far away as the one above.
 */
static struct decimal shortest(uint32_t significand, int q, bool lopsided)
{
    const int k = log10_of_power2(q, lopsided);
    const int shift = q + log2_of_power10(-k) + 1;
    const uint64_t power = powers_of_ten[-k - SMALLEST_POWER];
    /* Four times the value and its interval; the ends themselves round here when it is even. */
    const uint32_t open = significand & 1;
    const uint32_t middle = scale(power, (4 * significand) << shift);
    const uint32_t lower = scale(power, (4 * significand - (lopsided ? 1 : 2)) << shift) + open;
    const uint32_t upper = scale(power, (4 * significand + 2) << shift) - open;

    const uint32_t s = middle / 4;
    const uint32_t coarse = s / 10;
    if (s >= 10) {
        const bool down = lower <= 40 * coarse;
        const bool up = 40 * coarse + 40 <= upper;
        if (down != up)
            return (struct decimal){coarse + up, k + 1};
    }
    const bool down = lower <= 4 * s;
    const bool up = 4 * s + 4 <= upper;
    if (down != up)
        return (struct decimal){s + up, k};
    const uint32_t half = 4 * s + 2;
    const bool nearer_up = middle > half || (middle == half && (s & 1));
    return (struct decimal){s + nearer_up, k};
}

static int write_digits(char *digits, uint32_t value)
{
    char reversed[10];
    int n = 0;
    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (int i = 0; i < n; i++)
        digits[i] = reversed[n - 1 - i];
    return n;
}

static char *put(char *out, const char *bytes, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = bytes[i];
    return out + n;
}

static char *put_zeroes(char *out, int n)
{
    for (int i = 0; i < n; i++)
        out[i] = '0';
    return out + n;
}

/* 12.5, 0.00125 or 1200: `point` digits stand before the decimal point. */
static char *layout_plain(char *out, const char *digits, int n, int point)
{
    if (point <= 0) {
        out = put(out, "0.", 2);
        out = put_zeroes(out, -point);
        return put(out, digits, n);
    }
    if (point >= n) {
        out = put(out, digits, n);
        return put_zeroes(out, point - n);
    }
    out = put(out, digits, point);
    *out++ = '.';
    return put(out, digits + point, n - point);
}

static char *layout_scientific(char *out, const char *digits, int n, int exponent)
{
    *out++ = digits[0];
    if (n > 1) {
        *out++ = '.';
        out = put(out, digits + 1, n - 1);
    }
    *out++ = 'e';
    if (exponent < 0)
        *out++ = '-';
    const unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
    return out + write_digits(out, magnitude);
}

static char *layout(char *out, struct decimal decimal)
{
    while (decimal.digits % 10 == 0) {
        decimal.digits /= 10;
        decimal.exponent++;
    }
    char digits[10];
    const int n = write_digits(digits, decimal.digits);
    const int first = decimal.exponent + n - 1;
    if (first >= PLAIN_LOWEST && first <= PLAIN_HIGHEST)
        return layout_plain(out, digits, n, first + 1);
    return layout_scientific(out, digits, n, first);
}

size_t lat_decimal_float(char *out, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const uint32_t fraction = bits & ((UINT32_C(1) << MANTISSA_BITS) - 1);
    const int exponent = (int)(bits >> MANTISSA_BITS) & EXPONENT_SPECIAL;
    char *end = out;
    if (exponent == EXPONENT_SPECIAL)
        return (size_t)(put(out, "null", 4) - out);
    if (bits >> 31)
        *end++ = '-';
    if (!exponent && !fraction) {
        /* "-0" would be read as the integer 0, which has no sign. */
        end = bits >> 31 ? put(end, "0.0", 3) : put(end, "0", 1);
        return (size_t)(end - out);
    }
    struct decimal decimal;
    if (exponent)
        decimal = shortest(fraction | UINT32_C(1) << MANTISSA_BITS, exponent - EXPONENT_BIAS,
                           fraction == 0 && exponent > 1);
    else
        decimal = shortest(fraction, 1 - EXPONENT_BIAS, false);
    return (size_t)(layout(end, decimal) - out);
}
