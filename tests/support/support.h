/* What several test programs need: the data folder, a temporary folder, allocation torture.
 * Not for two threads at once. Needs no Criterion; the macros that do use it say so. */
#ifndef LAT_TESTS_SUPPORT_H
#define LAT_TESTS_SUPPORT_H

#include <stddef.h>

#include "base/status.h"

/* The path of `relative` in the folder with the public data sets: $LATENTD_TEST_DATA or,
 * without it,
 * ../shared/data beside the repository. Static storage, valid until the fourth call from now.
 */
const char *test_data_path(const char *relative);

/* True if that file or folder is there; else says so on stderr, loudly. */
bool test_data_there(const char *relative);

/* Criterion: skips the test when `relative` is not among the data. */
#define TEST_NEEDS_DATA(relative)                                                              \
    do {                                                                                       \
        if (!test_data_there(relative))                                                        \
            cr_skip("no test data '%s'", relative);                                            \
    } while (0)

/* A fresh temporary folder and its removal with everything in it. Made to be a suite's frame:
 *
 *     TestSuite(store, .init = test_folder_enter, .fini = test_folder_leave);
 *
 * Aborts when the folder cannot be made. */
void test_folder_enter(void);
void test_folder_leave(void);

/* The folder itself, and a path inside it (storage as above). Outside the frame: aborts. */
const char *test_folder(void);
const char *test_path(const char *name);

/* The number of entries in a folder, without "." and ".."; -1 when it cannot be read. */
int test_folder_count(const char *path);

/* Runs `body` over and over, with its first allocation failing, its second, … until it gets
 * through without reaching the fault. The body must give back all it took and return
 * LAT_NO_MEMORY whenever the fault was reached and LAT_OK otherwise; with `may_degrade` LAT_OK
 * is fine in both cases. Returns NULL, or words (static) about the first run that did
 * otherwise. */
const char *test_torture(enum lat_status (*body)(void *context, struct lat_error *err),
                         void *context, bool may_degrade);

/* Criterion: asserts that test_torture finds nothing. */
#define TEST_TORTURE(body, context)                                                            \
    do {                                                                                       \
        const char *torture_words = test_torture(body, context, false);                        \
        cr_assert(torture_words == NULL, "%s", torture_words);                                 \
    } while (0)

#endif
