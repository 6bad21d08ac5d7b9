/* Writing beside a running collection: the state is fixed by one look under the lock (count,
 * sequence, bitmaps), the rest is copied out in chunks. Slots, ids and rows below that count
 * never change, and the accelerator only changes on the thread that calls here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "index/faiss_index.h"
#include "index/index_file.h"

#include "base/banned.h"

enum { CHUNK = 8192 /* positions copied in one hold of the lock */ };

struct output {
    FILE *file;
    const char *path;
    uint32_t crc;
    uint64_t len;
};

static enum lat_status put(void *context, const void *bytes, size_t len, struct lat_error *err)
{
    struct output *out = context;
    if (len && fwrite(bytes, 1, len, out->file) != len)
        return lat_fail_errno(err, errno, "writing '%s'", out->path);
    out->crc = lat_crc32c(out->crc, bytes, len);
    out->len += len;
    return LAT_OK;
}

/* What is fixed at the start. */
struct still {
    const struct lat_index *index;
    struct lat_rwlock *lock;
    size_t n;
    struct lat_vectors rows; /* a view */
    uint64_t *bits;          /* gone, then shown */
    size_t n_words;
};

static enum lat_status hold_still(struct still *still, struct lat_index_head *head,
                                  struct lat_error *err)
{
    const struct lat_index *index = still->index;
    enum lat_status status = LAT_OK;
    lat_index_hold(still->lock);
    still->n = index->map.n;
    still->n_words = (still->n + 63) / 64;
    still->bits = lat_alloc(2 * still->n_words + 1, sizeof(*still->bits));
    if (!still->bits)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_vectors_view(&index->vectors, &still->rows, err);
    if (status == LAT_OK && still->n) {
        memcpy(still->bits, index->map.gone, still->n_words * sizeof(*still->bits));
        memcpy(still->bits + still->n_words, index->map.shown,
               still->n_words * sizeof(*still->bits));
    }
    head->n = still->n;
    head->sequence = index->sequence;
    head->last_slot = index->last_slot;
    head->live = index->live;
    head->hidden = index->hidden;
    head->corrupt = index->corrupt;
    lat_index_let_go(still->lock);
    return status;
}

static enum lat_status put_slots(struct still *still, struct output *out, struct lat_error *err)
{
    uint64_t slots[1024];
    enum lat_status status = LAT_OK;
    for (size_t at = 0; at < still->n && status == LAT_OK; at += LAT_ARRAY_LEN(slots)) {
        size_t n = still->n - at;
        n = n < LAT_ARRAY_LEN(slots) ? n : LAT_ARRAY_LEN(slots);
        lat_index_hold(still->lock);
        memcpy(slots, still->index->map.slots + at, n * sizeof(*slots));
        lat_index_let_go(still->lock);
        status = put(out, slots, n * sizeof(*slots), err);
    }
    return status;
}

static enum lat_status put_ids(struct still *still, struct output *out, struct lat_error *err)
{
    struct lat_buf ids = {0};
    enum lat_status status = LAT_OK;
    for (size_t at = 0; at < still->n && status == LAT_OK; at += CHUNK) {
        const size_t end = still->n - at < CHUNK ? still->n : at + CHUNK;
        lat_buf_clear(&ids);
        lat_index_hold(still->lock);
        for (size_t i = at; i < end; i++) {
            const char *id = lat_slot_map_id(&still->index->map, (uint32_t)i);
            lat_buf_append(&ids, id, strlen(id) + 1);
        }
        lat_index_let_go(still->lock);
        status = lat_buf_check(&ids, err);
        if (status == LAT_OK)
            status = put(out, ids.data, ids.len, err);
    }
    lat_buf_release(&ids);
    return status;
}

static enum lat_status put_rows(struct still *still, struct output *out, struct lat_error *err)
{
    const size_t rows = (size_t)1 << still->rows.shift;
    enum lat_status status = LAT_OK;
    for (size_t at = 0; at < still->n && status == LAT_OK; at += rows) {
        const size_t n = still->n - at < rows ? still->n - at : rows;
        status =
            put(out, lat_vectors_row(&still->rows, at), n * still->rows.d * sizeof(float), err);
    }
    return status;
}

static enum lat_status put_section(struct still *still, enum lat_index_section section,
                                   struct output *out, struct lat_error *err)
{
    const size_t bits_len = still->n_words * sizeof(*still->bits);
    switch (section) {
    case LAT_SECTION_SLOTS:
        return put_slots(still, out, err);
    case LAT_SECTION_IDS:
        return put_ids(still, out, err);
    case LAT_SECTION_GONE:
        return put(out, still->bits, bits_len, err);
    case LAT_SECTION_SHOWN:
        return put(out, still->bits + still->n_words, bits_len, err);
    case LAT_SECTION_VECTORS:
        return put_rows(still, out, err);
    case LAT_SECTION_ANN:
        /* What it has beyond n is not in this file: then it is left out. */
        if (still->index->ann && lat_ann_count(still->index->ann) <= still->n)
            return lat_ann_save(still->index->ann, put, out, err);
        return LAT_OK;
    case LAT_SECTION_COUNT:
        break;
    }
    return LAT_OK;
}

static enum lat_status put_all(struct still *still, struct output *out,
                               struct lat_index_head *head, struct lat_error *err)
{
    enum lat_status status = put(out, head, sizeof(*head), err); /* its place */
    for (int i = 0; i < LAT_SECTION_COUNT && status == LAT_OK; i++) {
        out->crc = 0;
        out->len = 0;
        status = put_section(still, (enum lat_index_section)i, out, err);
        head->section_len[i] = out->len;
        head->section_crc[i] = out->crc;
    }
    if (status != LAT_OK)
        return status;
    head->crc = lat_crc32c(0, head, offsetof(struct lat_index_head, crc));
    if (fflush(out->file) != 0 || fseek(out->file, 0, SEEK_SET) != 0 ||
        fwrite(head, sizeof(*head), 1, out->file) != 1 || fflush(out->file) != 0)
        return lat_fail_errno(err, errno, "writing '%s'", out->path);
    return LAT_OK;
}

enum lat_status lat_index_file_write(const char *path, const struct lat_index *index,
                                     struct lat_rwlock *lock, struct lat_index_head *head,
                                     struct lat_error *err)
{
    char temporary[4200];
    struct still still = {.index = index, .lock = lock};
    snprintf(temporary, sizeof(temporary), "%s.tmp-%ld", path, (long)getpid());
    memcpy(head->magic, LAT_INDEX_MAGIC, sizeof(head->magic));
    head->format = LAT_INDEX_FORMAT;
    head->byte_order = LAT_INDEX_BYTE_ORDER;
    head->dimension = (uint32_t)index->d;
    head->metric = (uint32_t)index->metric;
    head->reserved = 0;
    enum lat_status status = hold_still(&still, head, err);
    struct output out = {.path = temporary};
    if (status == LAT_OK) {
        out.file = fopen(temporary, "wbe");
        if (!out.file)
            status = lat_fail_errno(err, errno, "creating '%s'", temporary);
    }
    if (status == LAT_OK) {
        status = put_all(&still, &out, head, err);
        if (fclose(out.file) != 0 && status == LAT_OK)
            status = lat_fail_errno(err, errno, "writing '%s'", temporary);
        if (status == LAT_OK)
            status = lat_file_publish(temporary, path, err);
        else
            unlink(temporary);
    }
    lat_vectors_view_end(&still.rows);
    lat_free(still.bits);
    return status;
}
