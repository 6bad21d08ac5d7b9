/* Two levels of folders, read without a lock. What is not NAME/VERSION is nobody's package:
 * hidden and temporary folders of a training that is being written are passed over by their
 * names. */
#include "model/registry_scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/text.h"

#include "base/banned.h"

struct found_list {
    struct lat_found_package *items;
    size_t n, capacity;
};

bool lat_version_parse(const char *text, uint32_t *out_version)
{
    uint64_t value;
    if (text[0] == '0' || !lat_parse_u64(text, UINT32_MAX, &value))
        return false;
    *out_version = (uint32_t)value;
    return true;
}

static enum lat_status add(struct found_list *list, const char *name, uint32_t version,
                           struct lat_error *err)
{
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct lat_found_package *items = lat_realloc(list->items, capacity, sizeof(*items));
        if (!items)
            return lat_fail_memory(err);
        list->items = items;
        list->capacity = capacity;
    }
    struct lat_found_package *item = &list->items[list->n++];
    *item = (struct lat_found_package){.version = version};
    snprintf(item->name, sizeof(item->name), "%s", name);
    return LAT_OK;
}

static bool is_folder(DIR *dir, const char *name)
{
    struct stat info;
    return fstatat(dirfd(dir), name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static enum lat_status scan_versions(const char *folder, const char *name,
                                     struct found_list *list, struct lat_error *err)
{
    char path[LAT_PATH_MAX];
    enum lat_status status = LAT_OK;
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    DIR *dir = len > 0 && (size_t)len < sizeof(path) ? opendir(path) : NULL;
    if (!dir) /* gone in between, or not ours to read: nothing found */
        return LAT_OK;
    for (struct dirent *entry; status == LAT_OK && (entry = readdir(dir));) {
        uint32_t version;
        if (lat_version_parse(entry->d_name, &version) && is_folder(dir, entry->d_name))
            status = add(list, name, version, err);
    }
    closedir(dir);
    return status;
}

static int by_name_and_version(const void *left, const void *right)
{
    const struct lat_found_package *a = left, *b = right;
    const int order = strcmp(a->name, b->name);
    return order ? order : (a->version > b->version) - (a->version < b->version);
}

enum lat_status lat_registry_scan(const char *folder, struct lat_found_package **out_found,
                                  size_t *out_n, struct lat_error *err)
{
    struct found_list list = {0};
    enum lat_status status = LAT_OK;
    DIR *dir = opendir(folder);
    if (!dir)
        return lat_fail_errno(err, errno, "models folder '%s'", folder);
    for (struct dirent *entry; status == LAT_OK && (entry = readdir(dir));)
        if (lat_name_valid(entry->d_name) && is_folder(dir, entry->d_name))
            status = scan_versions(folder, entry->d_name, &list, err);
    closedir(dir);
    if (status != LAT_OK) {
        lat_free(list.items);
        return status;
    }
    if (list.n > 1)
        qsort(list.items, list.n, sizeof(*list.items), by_name_and_version);
    *out_found = list.items;
    *out_n = list.n;
    return LAT_OK;
}
