/* The commands of the program in tests: run, their output read, pictures to train on. */
#ifndef LAT_TESTS_INTEGRATION_COMMAND_H
#define LAT_TESTS_INTEGRATION_COMMAND_H

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/file.h"
#include "tests/support/server.h"
#include "tests/support/support.h"

/* Runs latentd with the arguments; its exit status. */
#define RUN(...) command_run((const char *const[]){__VA_ARGS__, NULL})
int command_run(const char *const *arguments);

/* What the last one said, both streams; valid until the next call. */
const char *output(void);
/* The number behind "NAME": in it; asserts that there is one. `name` may go on inside of the
 * value
 * ("squared_error\":{\"sum"). */
double member(const char *name);

/* Files of the test's folder. */
void put_file(const char *name, const void *bytes, size_t len);
void put_text(const char *name, const char *text);

enum { HALVES_SIDE = 6, HALVES_MAX = 60 };
/* Pictures of two kinds in turn, a bright left or right half, each a little different, as IDX;
 * and their labels, one a line (NULL: none). Pictures `from`, `from` + 1, … of an endless row.
 */
void put_halves(const char *pictures, const char *labels, unsigned n, unsigned from);

#endif
