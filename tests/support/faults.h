/* What a test program without Criterion has found wrong: said at once, counted, its exit status
 * at the end. Any thread. */
#ifndef LAT_TESTS_FAULTS_H
#define LAT_TESTS_FAULTS_H

#include "base/status.h"

/* The words, as a line on stderr. */
void test_wrong(const char *fmt, ...) LAT_PRINTF(1, 2);
/* How often that has been said. */
unsigned test_n_wrong(void);

#endif
