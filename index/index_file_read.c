/* Reading: the file is mapped, every checksum is tested before a byte is believed, then the
 * parts are copied into a memory index. Numbers that survive the checksums are still checked
 * where memory depends on them: a file may be whole and yet nonsense. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "index/faiss_index.h"
#include "index/index_file.h"

#include "base/banned.h"

struct input {
    const char *path;
    const unsigned char *bytes; /* the mapping */
    size_t len;
    struct lat_index_head head;
    const unsigned char *section[LAT_SECTION_COUNT];
};

static enum lat_status broken(const struct input *in, const char *why, struct lat_error *err)
{
    return lat_fail(err, LAT_CORRUPT, "corrupt_index", "index file '%s': %s", in->path, why);
}

/* *out_gone: there is no such file. */
static enum lat_status map_file(struct input *in, struct lat_error *err)
{
    struct stat st;
    const int fd = open(in->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return lat_fail(err, LAT_NOT_FOUND, NULL, "no index file '%s'", in->path);
    if (fd < 0)
        return lat_fail_errno(err, errno, "opening '%s'", in->path);
    enum lat_status status = LAT_OK;
    if (fstat(fd, &st) != 0)
        status = lat_fail_errno(err, errno, "reading '%s'", in->path);
    else if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(in->head))
        status = broken(in, "it is too short", err);
    if (status == LAT_OK) {
        in->len = (size_t)st.st_size;
        void *map = mmap(NULL, in->len, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED) {
            in->len = 0;
            status = lat_fail_errno(err, errno, "mapping '%s'", in->path);
        } else {
            in->bytes = map;
            madvise(map, in->len, MADV_SEQUENTIAL);
        }
    }
    close(fd);
    return status;
}

static void unmap(struct input *in)
{
    if (in->len) {
        union {
            const unsigned char *given;
            void *taken;
        } map = {.given = in->bytes};
        munmap(map.taken, in->len);
    }
}

static enum lat_status check_head(struct input *in, struct lat_error *err)
{
    memcpy(&in->head, in->bytes, sizeof(in->head));
    const struct lat_index_head *head = &in->head;
    if (memcmp(head->magic, LAT_INDEX_MAGIC, sizeof(head->magic)) != 0)
        return broken(in, "it is no index file", err);
    if (head->format != LAT_INDEX_FORMAT || head->byte_order != LAT_INDEX_BYTE_ORDER)
        return broken(in, "it is of another version or machine", err);
    if (head->crc != lat_crc32c(0, head, offsetof(struct lat_index_head, crc)))
        return broken(in, "the checksum of its head is wrong", err);
    if (head->n >= LAT_NO_POSITION || head->metric > LAT_DISTANCE_IP || !head->dimension ||
        head->dimension > 65536 || head->live > head->n || head->hidden > head->live)
        return broken(in, "its head makes no sense", err);
    size_t at = sizeof(*head);
    for (int i = 0; i < LAT_SECTION_COUNT; i++) {
        if (head->section_len[i] > in->len - at)
            return broken(in, "it is cut short", err);
        in->section[i] = in->bytes + at;
        at += head->section_len[i];
    }
    return at == in->len ? LAT_OK : broken(in, "it is longer than it says", err);
}

static enum lat_status check_sections(const struct input *in, struct lat_error *err)
{
    const struct lat_index_head *head = &in->head;
    const uint64_t words = (head->n + 63) / 64;
    const uint64_t *len = head->section_len;
    for (int i = 0; i < LAT_SECTION_COUNT; i++)
        if (lat_crc32c(0, in->section[i], len[i]) != head->section_crc[i])
            return broken(in, "the checksum of a section is wrong", err);
    if (len[LAT_SECTION_SLOTS] != head->n * sizeof(uint64_t) ||
        len[LAT_SECTION_GONE] != words * sizeof(uint64_t) ||
        len[LAT_SECTION_SHOWN] != words * sizeof(uint64_t) ||
        len[LAT_SECTION_VECTORS] != head->n * head->dimension * sizeof(float))
        return broken(in, "a section has the wrong length", err);
    return LAT_OK;
}

static bool bit_of(const unsigned char *bits, size_t i)
{
    return bits[i / 8] >> (i % 8) & 1;
}

/* One position after the other, as if they were written anew. */
static enum lat_status add_positions(const struct input *in, struct lat_index *index,
                                     struct lat_error *err)
{
    const struct lat_index_head *head = &in->head;
    const char *id = (const char *)in->section[LAT_SECTION_IDS];
    const char *const end = id + head->section_len[LAT_SECTION_IDS];
    uint64_t slot, before = 0;
    for (size_t i = 0; i < head->n; i++) {
        const size_t left = (size_t)(end - id), len = strnlen(id, left);
        memcpy(&slot, in->section[LAT_SECTION_SLOTS] + i * sizeof(slot), sizeof(slot));
        if (len == left || len == 0 || len > LAT_ID_MAX)
            return broken(in, "an id is damaged", err);
        if (slot <= before)
            return broken(in, "slots do not ascend", err);
        const bool gone = bit_of(in->section[LAT_SECTION_GONE], i);
        const bool shown = bit_of(in->section[LAT_SECTION_SHOWN], i);
        if (gone && shown)
            return broken(in, "a dead slot is shown", err);
        lat_index_stage_id(index, slot, id, gone, !shown);
        before = slot;
        id += len + 1;
    }
    return id == end ? LAT_OK : broken(in, "there are more ids than slots", err);
}

static void copy_rows(const struct input *in, struct lat_index *index)
{
    const size_t rows = (size_t)1 << index->vectors.shift, row = index->d * sizeof(float);
    for (size_t at = 0; at < in->head.n; at += rows) {
        const size_t n = in->head.n - at < rows ? in->head.n - at : rows;
        memcpy(lat_vectors_row(&index->vectors, at),
               in->section[LAT_SECTION_VECTORS] + at * row, n * row);
    }
}

struct cursor {
    const unsigned char *at, *end;
};

static enum lat_status read_bytes(void *context, void *bytes, size_t len, struct lat_error *err)
{
    struct cursor *cursor = context;
    if (len > (size_t)(cursor->end - cursor->at))
        return lat_fail(err, LAT_CORRUPT, "corrupt_index", "an accelerator is cut short");
    memcpy(bytes, cursor->at, len);
    cursor->at += len;
    return LAT_OK;
}

static enum lat_status read_ann(const struct input *in, struct lat_index *index,
                                struct lat_error *err)
{
    struct cursor cursor = {.at = in->section[LAT_SECTION_ANN]};
    cursor.end = cursor.at + in->head.section_len[LAT_SECTION_ANN];
    if (cursor.at == cursor.end)
        return LAT_OK;
    const enum lat_status status = lat_ann_load(index->metric, index->d, in->head.n, read_bytes,
                                                &cursor, &index->ann, err);
    if (status != LAT_OK)
        return status;
    index->linked = lat_ann_count(index->ann);
    return cursor.at == cursor.end ? LAT_OK : broken(in, "its accelerator is too long", err);
}

static enum lat_status build(const struct input *in, struct lat_index **out_index,
                             struct lat_error *err)
{
    const struct lat_index_head *head = &in->head;
    struct lat_index *index;
    enum lat_status status =
        lat_index_new((enum lat_distance)head->metric, head->dimension, &index, err);
    if (status != LAT_OK)
        return status;
    status = lat_index_reserve(index, NULL, head->n, head->section_len[LAT_SECTION_IDS], err);
    if (status == LAT_OK) {
        copy_rows(in, index);
        status = add_positions(in, index, err);
    }
    if (status == LAT_OK)
        status = read_ann(in, index, err);
    if (status == LAT_OK && (index->live != head->live || index->hidden != head->hidden ||
                             head->last_slot < index->last_slot))
        status = broken(in, "its counts do not agree", err);
    if (status != LAT_OK) {
        lat_index_unref(index);
        return status;
    }
    index->sequence = head->sequence;
    index->last_slot = head->last_slot;
    index->corrupt = head->corrupt;
    *out_index = index;
    return LAT_OK;
}

enum lat_status lat_index_file_read(const char *path, struct lat_index_head *out_head,
                                    struct lat_index **out_index, struct lat_error *err)
{
    struct input in = {.path = path};
    enum lat_status status = map_file(&in, err);
    if (status == LAT_OK)
        status = check_head(&in, err);
    if (status == LAT_OK)
        status = check_sections(&in, err);
    if (status == LAT_OK)
        status = build(&in, out_index, err);
    unmap(&in);
    if (status == LAT_OK)
        *out_head = in.head;
    return status;
}
