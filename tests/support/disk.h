/* A small disk of a test's own: a tmpfs in a mount namespace of this process, so that nothing
 * stays behind. Needs no Criterion. */
#ifndef LAT_TESTS_DISK_H
#define LAT_TESTS_DISK_H

#include <stdbool.h>

/* Makes the folder and mounts a disk of so many MiB there; false (errno) where that is not
 * allowed: then the test says so and is skipped. Once a process, before it has threads. */
bool test_disk_mount(const char *path, int mib);
void test_disk_unmount(const char *path);

/* The main() of a program that needs a small disk: a temporary folder (support.h) with the disk
 * in it, `run` with the disk's path, everything cleared away again. The program's exit status:
 * 0 when `run` finds nothing wrong, else 1; 77, which ctest takes for skipped, where no disk
 * may be mounted, and says so loudly. */
int test_disk_main(int mib, bool (*run)(const char *disk));

#endif
