/* A small disk of a test's own: a tmpfs in a mount namespace of this process, so that nothing
 * stays behind. Needs no Criterion. */
#ifndef LAT_TESTS_DISK_H
#define LAT_TESTS_DISK_H

#include <stdbool.h>

/* Makes the folder and mounts a disk of so many MiB there; false (errno) where that is not
 * allowed: then the test says so and is skipped. Once a process, before it has threads. */
bool test_disk_mount(const char *path, int mib);
void test_disk_unmount(const char *path);

#endif
