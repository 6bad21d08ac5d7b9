/* The shortest decimal of a float, used by base/buf.c. No state. */
#ifndef LAT_BASE_DECIMAL_H
#define LAT_BASE_DECIMAL_H

#include <stddef.h>

/* Longest text lat_decimal_float writes ("-1.17549435e-38" and its like), without a NUL. */
enum { LAT_DECIMAL_FLOAT_MAX = 16 };

/* Writes a JSON number which reads back as exactly `value`, with as few digits as that takes
 * and of those the nearest to it; "null" for NaN and infinity. `out` takes
 * LAT_DECIMAL_FLOAT_MAX bytes, no NUL is written. Returns the bytes written. Source: R.
 * Giulietti, "The Schubfach way to render doubles" (2021), for 32-bit floats. */
size_t lat_decimal_float(char *out, float value);

#endif
