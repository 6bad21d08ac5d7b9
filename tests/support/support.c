/* The temporary folder is process-wide: Criterion runs every test in a process of its own. */
#include "tests/support/support.h"

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#include "base/banned.h"

enum { PATHS_KEPT = 4, TORTURE_ROUNDS = 100000, FILES_OPEN = 16 };

static char folder[PATH_MAX];

static const char *join(const char *front, const char *back)
{
    static char paths[PATHS_KEPT][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % PATHS_KEPT];
    if (snprintf(path, PATH_MAX, "%s/%s", front, back) >= PATH_MAX) {
        fprintf(stderr, "path too long: %s/%s\n", front, back);
        abort();
    }
    return path;
}

const char *test_data_path(const char *relative)
{
    const char *data = getenv("LATENTD_TEST_DATA");
    return join(data && *data ? data : LAT_SOURCE_DIR "/../shared/data", relative);
}

bool test_data_there(const char *relative)
{
    const char *path = test_data_path(relative);
    if (access(path, R_OK) == 0)
        return true;
    fprintf(stderr, "\n*** SKIPPED: no '%s'; set LATENTD_TEST_DATA to the test data ***\n\n",
            path);
    return false;
}

void test_folder_enter(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/latentd-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        perror(folder);
        abort();
    }
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

void test_folder_leave(void)
{
    if (!folder[0])
        return;
    if (nftw(folder, remove_entry, FILES_OPEN, FTW_DEPTH | FTW_PHYS) != 0)
        perror(folder);
    folder[0] = '\0';
}

const char *test_folder(void)
{
    if (!folder[0]) {
        fprintf(stderr, "test_folder() outside test_folder_enter and test_folder_leave\n");
        abort();
    }
    return folder;
}

const char *test_path(const char *name)
{
    return join(test_folder(), name);
}

int test_folder_count(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir)
        return -1;
    int n = 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n;
}

const char *test_torture(enum lat_status (*body)(void *context, struct lat_error *err),
                         void *context, bool may_degrade)
{
    static char words[768];
    for (long n = 1; n <= TORTURE_ROUNDS; n++) {
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        const enum lat_status status = body(context, &err);
        const bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        const bool fine = reached ? status == LAT_NO_MEMORY || (may_degrade && status == LAT_OK)
                                  : status == LAT_OK;
        if (!fine) {
            snprintf(words, sizeof(words), "allocation %ld %s, but the status is %s (%s)", n,
                     reached ? "failed" : "was not reached", lat_status_code(status),
                     err.message);
            return words;
        }
        if (!reached)
            return NULL;
    }
    snprintf(words, sizeof(words), "no end after %d failing allocations", TORTURE_ROUNDS);
    return words;
}
