#include "tests/support/faults.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

static atomic_uint n_wrong;

void test_wrong(const char *fmt, ...)
{
    char words[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    fprintf(stderr, "%s\n", words); /* one call: lines of threads do not mix */
    atomic_fetch_add(&n_wrong, 1);
}

unsigned test_n_wrong(void)
{
    return atomic_load(&n_wrong);
}
