/* How many CPUs there are for us: affinity, then the quotas of the cgroup and all its parents
 * (version 2: cpu.max; version 1: cfs_quota_us and cfs_period_us). Whatever cannot be read sets
 * no limit. */
#include "base/sync.h"

#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

static unsigned affinity_cpus(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return (unsigned)CPU_COUNT(&set);
    const long online = sysconf(_SC_NPROCESSORS_ONLN); /* more CPUs than the set has bits */
    return online > 0 ? (unsigned)online : 1;
}

static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const bool got = fgets(line, size, file) != NULL;
    fclose(file);
    return got;
}

/* Whole CPUs of quota / period, at least 1; UINT_MAX without a quota. */
static unsigned cpus_of(int64_t quota, int64_t period)
{
    if (quota <= 0 || period <= 0)
        return UINT_MAX;
    const int64_t cpus = quota / period;
    return cpus < 1 ? 1 : cpus > UINT_MAX ? UINT_MAX : (unsigned)cpus;
}

static unsigned quota_v2(const char *folder)
{
    char path[PATH_MAX + 32], line[64];
    int64_t quota, period;
    snprintf(path, sizeof(path), "%s/cpu.max", folder);
    if (!read_line(path, line, sizeof(line)) ||
        sscanf(line, "%" SCNd64 " %" SCNd64, &quota, &period) != 2)
        return UINT_MAX;
    return cpus_of(quota, period);
}

static unsigned quota_v1(void)
{
    char line[64];
    int64_t quota, period;
    if (!read_line(CGROUP_ROOT "/cpu/cpu.cfs_quota_us", line, sizeof(line)) ||
        sscanf(line, "%" SCNd64, &quota) != 1 ||
        !read_line(CGROUP_ROOT "/cpu/cpu.cfs_period_us", line, sizeof(line)) ||
        sscanf(line, "%" SCNd64, &period) != 1)
        return UINT_MAX;
    return cpus_of(quota, period);
}

static unsigned cgroup_cpus(void)
{
    char line[PATH_MAX], folder[PATH_MAX];
    unsigned cpus = quota_v1();
    if (!read_line("/proc/self/cgroup", line, sizeof(line)) || strncmp(line, "0::/", 4) != 0)
        return cpus;
    line[strcspn(line, "\n")] = '\0';
    if (snprintf(folder, sizeof(folder), CGROUP_ROOT "%s", line + 3) >= (int)sizeof(folder))
        return cpus;
    while (strlen(folder) >= strlen(CGROUP_ROOT)) {
        const unsigned here = quota_v2(folder);
        if (here < cpus)
            cpus = here;
        char *slash = strrchr(folder, '/');
        if (!slash)
            break;
        *slash = '\0';
    }
    return cpus;
}

unsigned lat_cpu_count(void)
{
    const unsigned affinity = affinity_cpus();
    const unsigned quota = cgroup_cpus();
    const unsigned cpus = affinity < quota ? affinity : quota;
    return cpus ? cpus : 1;
}
