/* Small text helpers: UTF-8, names, numbers, the nearest known word. No state. */
#ifndef LAT_BASE_TEXT_H
#define LAT_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Well-formed UTF-8 without surrogates or overlong forms (Unicode 15, table 3-7). */
bool lat_utf8_valid(const char *text, size_t len);

/* Model and collection names: [a-z0-9][a-z0-9._-]{0,62}. */
bool lat_name_valid(const char *name);

/* Item and user ids: UTF-8, 1 to 256 bytes, no NUL. */
bool lat_id_valid(const char *id, size_t len);

/* Decimal digits only, whole string, at most `max`; false otherwise. */
bool lat_parse_u64(const char *text, uint64_t max, uint64_t *out_value) LAT_MUST_USE;

/* A finite decimal number, whole string, locale-independent. */
bool lat_parse_double(const char *text, double *out_value) LAT_MUST_USE;

/* Scans one JSON number at `*cursor` (not past `end`) into a finite float and moves the cursor
 * behind it. Hand-made because number arrays are the hot path. false on anything else (also on
 * values outside the range of a float). */
bool lat_scan_float(const char **cursor, const char *end, float *out_value) LAT_MUST_USE;

/* The word of `words` with the least edit distance to `word`, or NULL when none is near (more
 * than a third of its letters away; of two letters one). */
const char *lat_nearest(const char *word, const char *const *words, size_t n);
/* The same however far it is: one that begins with `word` before others. NULL when there are no
 * words, or `word` is longer than any. */
const char *lat_nearest_any(const char *word, const char *const *words, size_t n);

/* "12.3 MB" into out (at least 16 bytes). */
void lat_format_bytes(uint64_t bytes, char *out, size_t size);

#endif
