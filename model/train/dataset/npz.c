/* NPZ: a zip archive of NPY files, stored or deflated. Only the central directory is believed;
 * every offset and length in it is checked against the file. Entries of 4 GiB and more are
 * refused. */
#include "model/train/dataset/arrays.h"

#include <string.h>

#include "base/mem.h"

#include "base/banned.h"

enum {
    END_LEN = 22,
    ENTRY_LEN = 46,
    LOCAL_LEN = 30,
    COMMENT_MAX = 65535,
    STORED = 0,
    DEFLATED = 8,
    NAME_LIST_MAX = 200,
    DEFLATE_RATIO_MAX = 1032 /* no deflate stream unpacks to more than this times its length */
};

struct entry {
    const char *name;
    size_t name_len; /* without the closing ".npy" */
    uint32_t method, packed, unpacked, offset;
};

static uint32_t little(const uint8_t *p, size_t n)
{
    uint32_t value = 0;
    for (size_t i = n; i-- > 0;)
        value = value << 8 | p[i];
    return value;
}

/* The end record, searched from behind; NULL if there is none. */
static const uint8_t *find_end(const uint8_t *file, size_t len)
{
    if (len < END_LEN)
        return NULL;
    const size_t furthest = len - END_LEN > COMMENT_MAX ? len - END_LEN - COMMENT_MAX : 0;
    for (size_t at = len - END_LEN + 1; at-- > furthest;)
        if (memcmp(file + at, "PK\5\6", 4) == 0)
            return file + at;
    return NULL;
}

/* The entry at *inout_at of the directory; false at its end or when it is broken. */
static bool next_entry(const uint8_t *file, size_t len, size_t *inout_at,
                       struct entry *out_entry)
{
    const size_t at = *inout_at;
    if (len < ENTRY_LEN || at > len - ENTRY_LEN || memcmp(file + at, "PK\1\2", 4) != 0)
        return false;
    const uint8_t *p = file + at;
    const size_t name_len = little(p + 28, 2);
    const size_t all = ENTRY_LEN + name_len + little(p + 30, 2) + little(p + 32, 2);
    if (all > len - at)
        return false;
    *out_entry = (struct entry){.name = (const char *)p + ENTRY_LEN,
                                .name_len = name_len,
                                .method = little(p + 10, 2),
                                .packed = little(p + 20, 4),
                                .unpacked = little(p + 24, 4),
                                .offset = little(p + 42, 4)};
    if (name_len > 4 && memcmp(out_entry->name + name_len - 4, ".npy", 4) == 0)
        out_entry->name_len -= 4;
    *inout_at = at + all;
    return true;
}

/* The array of that name, or the only one; a failure lists the names. */
static enum lat_status choose(const struct lat_buf *file, const char *wanted,
                              struct entry *out_entry, struct lat_error *err)
{
    const uint8_t *bytes = (const uint8_t *)file->data;
    const uint8_t *end = find_end(bytes, file->len);
    if (!end)
        return lat_fail(err, LAT_INVALID, "bad_zip", "not a zip archive");
    struct lat_buf names;
    lat_buf_init(&names, NAME_LIST_MAX);
    struct entry entry;
    size_t at = little(end + 16, 4), n = 0;
    bool found = false;
    for (; next_entry(bytes, file->len, &at, &entry); n++) {
        const bool same = wanted && strlen(wanted) == entry.name_len &&
                          memcmp(wanted, entry.name, entry.name_len) == 0;
        if (same || (!wanted && n == 0)) {
            *out_entry = entry;
            found = true;
        }
        lat_buf_printf(&names, "%s%.*s", n ? ", " : "", (int)entry.name_len, entry.name);
    }
    enum lat_status status = LAT_OK;
    if (!found || (!wanted && n > 1))
        status = lat_fail(err, LAT_INVALID, "unknown_array",
                          "/data/array: expected the name of one array of: %s",
                          names.data ? names.data : "(none)");
    lat_buf_release(&names);
    return status;
}

/* The entry's bytes: borrowed from the file when stored, in *out_owned when deflated. */
static enum lat_status unpack(const struct lat_buf *file, const struct entry *entry,
                              const uint8_t **out_bytes, uint8_t **out_owned,
                              struct lat_error *err)
{
    const uint8_t *bytes = (const uint8_t *)file->data;
    size_t start = entry->offset;
    if (entry->unpacked == UINT32_MAX || entry->packed == UINT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "an array of 4 GiB or more: save it as .npy");
    if (file->len < LOCAL_LEN || start > file->len - LOCAL_LEN)
        return lat_fail(err, LAT_CORRUPT, "bad_zip", "an entry lies outside the file");
    start += LOCAL_LEN + little(bytes + start + 26, 2) + little(bytes + start + 28, 2);
    if (start > file->len || entry->packed > file->len - start)
        return lat_fail(err, LAT_CORRUPT, "bad_zip", "an entry lies outside the file");
    if (entry->method == STORED && entry->packed == entry->unpacked) {
        *out_bytes = bytes + start;
        return LAT_OK;
    }
    if (entry->method != DEFLATED)
        return lat_fail(err, LAT_INVALID, "bad_zip", "unknown zip method %u", entry->method);
    if (entry->unpacked / DEFLATE_RATIO_MAX > entry->packed)
        return lat_fail(err, LAT_CORRUPT, "bad_zip",
                        "an entry of %u bytes claims to unpack to %u", entry->packed,
                        entry->unpacked);
    uint8_t *owned = lat_alloc_raw(entry->unpacked, 1);
    if (!owned)
        return lat_fail_memory(err);
    *out_owned = owned;
    *out_bytes = owned;
    return lat_deflate_unpack(bytes + start, entry->packed, owned, entry->unpacked, err);
}

bool lat_npz_matches(const char *path)
{
    return lat_path_has_suffix(path, ".npz");
}

void lat_npz_options(struct lat_fields *data, struct lat_arena *arena,
                     struct lat_data_options *out_options)
{
    char name[128] = "";
    lat_fields_text(data, "array", name, sizeof(name));
    out_options->array = name[0] ? lat_arena_strdup(arena, name) : NULL;
}

enum lat_status lat_npz_open(const char *path, const struct lat_data_options *options,
                             struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_buf file = {0};
    struct entry entry = {0};
    struct lat_raw_array array;
    const uint8_t *bytes = NULL;
    uint8_t *owned = NULL;
    enum lat_status status = lat_gzip_read(path, LAT_DATA_MAX_LEN, &file, err);
    if (status == LAT_OK)
        status = choose(&file, options->array, &entry, err);
    if (status == LAT_OK)
        status = unpack(&file, &entry, &bytes, &owned, err);
    if (status == LAT_OK)
        status = lat_npy_parse(bytes, entry.unpacked, &array, err);
    array.steps = lat_takes_steps(options);
    if (status == LAT_OK)
        status = lat_dataset_from_array(&array, dataset, err);
    lat_free(owned);
    lat_buf_release(&file);
    return status;
}
