/* A head is made in one place, make_head; the reader parses what it needs out of a head, makes
 * it again and compares all 512 bytes. So the checksum need not be looked at by itself. */
#include "base/tar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#include "base/banned.h"

enum {
    NAME_SIZE = 100,
    PREFIX_SIZE = 155,
    PAX_MAX = 2 * LAT_TAR_PATH_MAX, /* bytes of a pax header's records */
};

/* What twelve octal digits with their end can say. */
static const uint64_t OCTAL_MAX = UINT64_C(077777777777);
static const char PAX_NAME[] = "pax";

/* The fields of POSIX.1-2001, "ustar Interchange Format", by their offsets. */
struct head {
    char name[NAME_SIZE], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
    char type, link[100], magic[6], version[2], user[32], group[32], device[16];
    char prefix[PREFIX_SIZE], rest[12];
};
_Static_assert(sizeof(struct head) == LAT_TAR_BLOCK, "a head is a block");

static void put_octal(char *field, size_t size, uint64_t value)
{
    char digits[24];
    snprintf(digits, sizeof(digits), "%0*" PRIo64, (int)size - 1, value);
    memcpy(field, digits, size);
}

/* Where the path is cut at a slash into prefix and name; SIZE_MAX: it does not fit. 0: no
 * prefix. */
static size_t cut(const char *path)
{
    const size_t len = strlen(path);
    if (len <= NAME_SIZE)
        return 0;
    for (size_t i = len - NAME_SIZE - 1; i < len - 1 && i <= PREFIX_SIZE; i++)
        if (path[i] == '/' && i)
            return i;
    return SIZE_MAX;
}

/* `path` fits. */
static void make_head(struct head *head, char type, const char *path, uint64_t size,
                      uint64_t mtime_s)
{
    unsigned sum = 0;
    const size_t at = cut(path);
    memset(head, 0, sizeof(*head));
    if (at)
        memcpy(head->prefix, path, at);
    const char *name = at ? path + at + 1 : path;
    memcpy(head->name, name, strlen(name));
    put_octal(head->mode, sizeof(head->mode), 0644);
    put_octal(head->uid, sizeof(head->uid), 0);
    put_octal(head->gid, sizeof(head->gid), 0);
    put_octal(head->size, sizeof(head->size), size);
    put_octal(head->mtime, sizeof(head->mtime), mtime_s);
    head->type = type;
    memcpy(head->magic, "ustar", 6);
    memcpy(head->version, "00", 2);
    memset(head->checksum, ' ', sizeof(head->checksum));
    for (size_t i = 0; i < sizeof(*head); i++)
        sum += ((const unsigned char *)head)[i];
    put_octal(head->checksum, sizeof(head->checksum) - 1, sum);
}

static uint64_t padding_of(uint64_t size)
{
    return (LAT_TAR_BLOCK - size % LAT_TAR_BLOCK) % LAT_TAR_BLOCK;
}

bool lat_tar_path_is_safe(const char *path)
{
    const size_t len = strlen(path);
    if (!len || path[0] == '/' || len >= LAT_TAR_PATH_MAX || !lat_utf8_valid(path, len))
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        const size_t n = strcspn(part, "/");
        if (!n || (n == 1 && part[0] == '.') || (n == 2 && memcmp(part, "..", 2) == 0))
            return false;
    }
    for (const unsigned char *p = (const unsigned char *)path; *p; p++)
        if (*p < 0x20 || *p == 0x7F || *p == '\\')
            return false;
    return true;
}

/* ---- writing ---- */

/* One record "LEN KEY=VALUE\n", its own length included in LEN. */
static size_t put_record(char *out, size_t size, const char *key, const char *value)
{
    const size_t rest = strlen(key) + strlen(value) + 3; /* blank, '=', newline */
    size_t len = rest + 1;
    char digits[24];
    while (rest + (size_t)snprintf(digits, sizeof(digits), "%zu", len) != len)
        len = rest + strlen(digits);
    snprintf(out, size, "%zu %s=%s\n", len, key, value);
    return len;
}

/* The records of a member that its head cannot say; 0 bytes: none. */
static size_t make_records(char *out, size_t size, const char *path, uint64_t bytes)
{
    char digits[24];
    size_t len = 0;
    if (cut(path) == SIZE_MAX)
        len += put_record(out, size, "path", path);
    if (bytes > OCTAL_MAX) {
        snprintf(digits, sizeof(digits), "%" PRIu64, bytes);
        len += put_record(out + len, size - len, "size", digits);
    }
    return len;
}

/* What stands in a head whose records say the rest. */
static void make_member_head(struct head *head, const char *path, uint64_t size,
                             uint64_t mtime_s)
{
    make_head(head, '0', cut(path) == SIZE_MAX ? PAX_NAME : path, size > OCTAL_MAX ? 0 : size,
              mtime_s);
}

static enum lat_status pad(struct lat_tar_writer *tar, struct lat_error *err)
{
    static const char zeroes[LAT_TAR_BLOCK];
    const size_t n = (size_t)tar->padding;
    tar->padding = 0;
    return n ? tar->write(tar->context, zeroes, n, err) : LAT_OK;
}

enum lat_status lat_tar_begin(struct lat_tar_writer *tar, const char *path, uint64_t size,
                              uint64_t mtime_s, struct lat_error *err)
{
    char records[PAX_MAX];
    struct head head;
    if (!lat_tar_path_is_safe(path) || mtime_s > OCTAL_MAX)
        return lat_fail(err, LAT_INVALID, NULL, "'%.200s' is no path of an archive", path);
    const size_t n = make_records(records, sizeof(records), path, size);
    enum lat_status status = LAT_OK;
    if (n) {
        make_head(&head, 'x', PAX_NAME, n, mtime_s);
        status = tar->write(tar->context, &head, sizeof(head), err);
        if (status == LAT_OK)
            status = tar->write(tar->context, records, n, err);
        tar->padding = padding_of(n);
        if (status == LAT_OK)
            status = pad(tar, err);
    }
    make_member_head(&head, path, size, mtime_s);
    if (status == LAT_OK)
        status = tar->write(tar->context, &head, sizeof(head), err);
    tar->left = size;
    tar->padding = padding_of(size);
    return status;
}

enum lat_status lat_tar_add(struct lat_tar_writer *tar, const void *bytes, size_t len,
                            struct lat_error *err)
{
    if (len > tar->left)
        return lat_fail(err, LAT_INTERNAL, NULL, "more bytes than were announced");
    tar->left -= len;
    const enum lat_status status = len ? tar->write(tar->context, bytes, len, err) : LAT_OK;
    return status == LAT_OK && !tar->left ? pad(tar, err) : status;
}

enum lat_status lat_tar_finish(struct lat_tar_writer *tar, struct lat_error *err)
{
    static const char zeroes[2 * LAT_TAR_BLOCK];
    return tar->write(tar->context, zeroes, sizeof(zeroes), err);
}

/* ---- reading ---- */

static enum lat_status bad(struct lat_error *err, const char *what)
{
    return lat_fail(err, LAT_CORRUPT, NULL, "%s", what);
}

static enum lat_status read_exactly(struct lat_tar_reader *tar, void *bytes, size_t len,
                                    struct lat_error *err)
{
    size_t n = 0;
    const enum lat_status status = tar->read(tar->context, bytes, len, &n, err);
    return status == LAT_OK && n < len ? bad(err, "it ends in the middle") : status;
}

static bool is_zero(const void *bytes, size_t len)
{
    const unsigned char *p = bytes;
    while (len && !*p) {
        p++;
        len--;
    }
    return !len;
}

static enum lat_status skip_padding(struct lat_tar_reader *tar, struct lat_error *err)
{
    char block[LAT_TAR_BLOCK];
    const size_t n = (size_t)tar->padding;
    tar->padding = 0;
    const enum lat_status status = n ? read_exactly(tar, block, n, err) : LAT_OK;
    return status == LAT_OK && !is_zero(block, n) ? bad(err, "bytes between its members")
                                                  : status;
}

static uint64_t get_octal(const char *field, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i + 1 < size && field[i] >= '0' && field[i] <= '7'; i++)
        value = value * 8 + (uint64_t)(field[i] - '0');
    return value;
}

/* Name and prefix joined again; both may fill their fields without an end. */
static void get_path(const struct head *head, char out[LAT_TAR_PATH_MAX])
{
    const bool has_prefix = head->prefix[0] != '\0';
    snprintf(out, LAT_TAR_PATH_MAX, "%.*s%s%.*s", PREFIX_SIZE, head->prefix,
             has_prefix ? "/" : "", NAME_SIZE, head->name);
}

/* The value of the record `key`, if the next one is it. */
static bool get_record(const char **cursor, const char *key, char *out, size_t size)
{
    const char *blank = strchr(*cursor, ' ');
    const size_t n = strlen(key);
    if (!blank || strncmp(blank + 1, key, n) != 0 || blank[1 + n] != '=')
        return false;
    const char *value = blank + n + 2;
    const size_t len = strcspn(value, "\n");
    if (len >= size)
        return false;
    memcpy(out, value, len);
    out[len] = '\0';
    *cursor = value + len + (value[len] == '\n');
    return true;
}

/* Reads the records behind a pax head and the head of the member they are about; the caller
 * compares. */
static enum lat_status read_records(struct lat_tar_reader *tar, size_t n, char *records,
                                    struct head *head, struct lat_error *err)
{
    enum lat_status status = read_exactly(tar, records, n, err);
    records[n] = '\0';
    tar->padding = padding_of(n);
    if (status == LAT_OK)
        status = skip_padding(tar, err);
    return status == LAT_OK ? read_exactly(tar, head, sizeof(*head), err) : status;
}

/* Whether a writer would have written these records and this head for the member. */
static bool is_ours(const struct lat_tar_member *member, const char *records, size_t n,
                    const struct head *head)
{
    char again[PAX_MAX];
    struct head expected;
    if (!lat_tar_path_is_safe(member->path) ||
        make_records(again, sizeof(again), member->path, member->size) != n ||
        memcmp(again, records, n) != 0)
        return false;
    make_member_head(&expected, member->path, member->size, member->mtime_s);
    return memcmp(&expected, head, sizeof(expected)) == 0;
}

static enum lat_status read_end(struct lat_tar_reader *tar, struct lat_error *err)
{
    char block[LAT_TAR_BLOCK];
    size_t n = 0;
    enum lat_status status = read_exactly(tar, block, sizeof(block), err);
    if (status == LAT_OK && !is_zero(block, sizeof(block)))
        return bad(err, "an end that is none");
    if (status == LAT_OK)
        status = tar->read(tar->context, block, 1, &n, err);
    return status == LAT_OK && n ? bad(err, "bytes behind its end") : status;
}

enum lat_status lat_tar_next(struct lat_tar_reader *tar, struct lat_tar_member *out_member,
                             bool *out_end, struct lat_error *err)
{
    struct head head, pax;
    char records[PAX_MAX + 1] = "", digits[24];
    const char *cursor = records;
    size_t n = 0;
    enum lat_status status = skip_padding(tar, err);
    if (status == LAT_OK)
        status = read_exactly(tar, &head, sizeof(head), err);
    if (status != LAT_OK)
        return status;
    *out_end = is_zero(&head, sizeof(head));
    if (*out_end)
        return read_end(tar, err);
    if (head.type == 'x') {
        pax = head;
        n = (size_t)get_octal(pax.size, sizeof(pax.size));
        if (!n || n > PAX_MAX)
            return bad(err, "a head that is none");
        status = read_records(tar, n, records, &head, err);
        if (status != LAT_OK)
            return status;
    }
    out_member->size = get_octal(head.size, sizeof(head.size));
    out_member->mtime_s = get_octal(head.mtime, sizeof(head.mtime));
    get_path(&head, out_member->path);
    get_record(&cursor, "path", out_member->path, sizeof(out_member->path));
    if (get_record(&cursor, "size", digits, sizeof(digits)) &&
        !lat_parse_u64(digits, UINT64_MAX, &out_member->size))
        return bad(err, "a head that is none");
    if (n) {
        struct head expected;
        make_head(&expected, 'x', PAX_NAME, n, out_member->mtime_s);
        if (memcmp(&expected, &pax, sizeof(pax)) != 0)
            return bad(err, "a head that is none");
    }
    if (!is_ours(out_member, records, n, &head))
        return bad(err, "a head that is none");
    tar->left = out_member->size;
    tar->padding = padding_of(out_member->size);
    return LAT_OK;
}

enum lat_status lat_tar_take(struct lat_tar_reader *tar, void *bytes, size_t capacity,
                             size_t *out_n, struct lat_error *err)
{
    const size_t want = tar->left < capacity ? (size_t)tar->left : capacity;
    const enum lat_status status = want ? read_exactly(tar, bytes, want, err) : LAT_OK;
    if (status != LAT_OK)
        return status;
    tar->left -= want;
    *out_n = want;
    return LAT_OK;
}
