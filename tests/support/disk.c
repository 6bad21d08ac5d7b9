#include "tests/support/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/support.h"

enum { SKIPPED = 77 };

static bool write_text(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool fine = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return fine;
}

/* A namespace where mounting is allowed: as root, or as root of a user namespace. */
static bool enter_namespace(void)
{
    char map[64];
    const unsigned uid = (unsigned)getuid(), gid = (unsigned)getgid();
    if (unshare(CLONE_NEWNS) == 0)
        return true;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
        return false;
    (void)write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", gid);
    (void)write_text("/proc/self/gid_map", map);
    snprintf(map, sizeof(map), "0 %u 1", uid);
    return write_text("/proc/self/uid_map", map);
}

bool test_disk_mount(const char *path, int mib)
{
    char options[32];
    snprintf(options, sizeof(options), "size=%dm", mib);
    return enter_namespace() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mkdir(path, 0755) == 0 && mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

void test_disk_unmount(const char *path)
{
    if (umount2(path, MNT_DETACH) != 0)
        perror("unmounting");
}

int test_disk_main(int mib, bool (*run)(const char *disk))
{
    char disk[512];
    int status = SKIPPED;
    test_folder_enter();
    snprintf(disk, sizeof(disk), "%s", test_path("disk"));
    if (test_disk_mount(disk, mib)) {
        status = run(disk) ? 0 : 1;
        test_disk_unmount(disk);
    } else {
        fprintf(stderr, "\n*** SKIPPED: no small disk may be mounted here (%s) ***\n\n",
                strerror(errno));
    }
    test_folder_leave();
    return status;
}
