/* kill -9 at a random moment: a child works and says through a pipe what it asks for and what
 * was acknowledged; the parent hears all of it, also what was said while it was killed. */
#ifndef LAT_TESTS_SUPPORT_CRASH_H
#define LAT_TESTS_SUPPORT_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

struct crash {
    const char *name; /* of the program, for words */
    size_t line_len;  /* bytes of a line, at most CRASH_LINE_MAX */
    unsigned life_ms; /* at most, from the child's first line on, so that slow machines work */
    /* Never returns; writes whole lines with crash_say. */
    void (*child)(int pipe, uint64_t seed, void *context);
    void (*hear)(const void *line);
    void *context;
};

enum { CRASH_LINE_MAX = 64 };

/* One life and its end; false when the child ended by itself. */
bool crash_once(const struct crash *crash, struct lat_rng *rng);

/* In the child: `n` lines; ends the process when nobody hears. */
void crash_say(int pipe, const void *lines, size_t n, size_t line_len);

/* The whole number in the environment under `name`, or `otherwise`. */
uint64_t crash_number(const char *name, uint64_t otherwise);

#endif
