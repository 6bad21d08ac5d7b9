/* The file: a header of 32 bytes (magic, version, CRC-32C of the rest, length of the rest),
 * then the fixed part as it is in memory, then curve, state, best weights, weights below and
 * spec one after the other. Numbers are little-endian, as all machines are that this is built
 * for; another byte order breaks the version and is refused. Nothing of the file is believed
 * before the checksum. */
#include "model/train/checkpoint.h"

#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

enum { CHECKPOINT_VERSION = 2 };

static const char MAGIC[8] = "LATCKPT";

struct header {
    char magic[8];
    uint32_t version, crc;
    uint64_t len, reserved;
};

struct fixed {
    uint32_t epoch, best_epoch, data_crc, stage;
    double best_loss;
    uint64_t step;
    struct lat_rng rng;
    struct lat_schedule_state schedule;
    uint64_t state_len, n_best, n_base, spec_len;
};

enum lat_status lat_checkpoint_write(const char *path, const struct lat_checkpoint *checkpoint,
                                     struct lat_error *err)
{
    const struct lat_checkpoint *c = checkpoint;
    const struct fixed fixed = {.epoch = c->epoch,
                                .best_epoch = c->best_epoch,
                                .data_crc = c->data_crc,
                                .stage = c->stage,
                                .best_loss = c->best_loss,
                                .step = c->step,
                                .rng = c->rng,
                                .schedule = c->schedule,
                                .state_len = c->state_len,
                                .n_best = c->best ? c->n_best : 0,
                                .n_base = c->base ? c->n_base : 0,
                                .spec_len = strlen(c->spec_json)};
    struct header header = {.version = CHECKPOINT_VERSION};
    struct lat_buf file = {0};
    memcpy(header.magic, MAGIC, sizeof(MAGIC));
    lat_buf_append(&file, &header, sizeof(header));
    lat_buf_append(&file, &fixed, sizeof(fixed));
    lat_buf_append(&file, c->curve, c->epoch * sizeof(*c->curve));
    lat_buf_append(&file, c->state, c->state_len);
    if (c->best)
        lat_buf_append(&file, c->best, c->n_best * sizeof(float));
    if (c->base)
        lat_buf_append(&file, c->base, c->n_base * sizeof(float));
    lat_buf_append(&file, c->spec_json, (size_t)fixed.spec_len);
    enum lat_status status = lat_buf_check(&file, err);
    if (status == LAT_OK) {
        header.len = file.len - sizeof(header);
        header.crc = lat_crc32c(0, file.data + sizeof(header), (size_t)header.len);
        memcpy(file.data, &header, sizeof(header));
        status = lat_file_write(path, file.data, file.len, err);
    }
    if (status != LAT_OK)
        lat_error_prefix(err, "checkpoint '%s'", path);
    lat_buf_release(&file);
    return status;
}

/* The next `len` bytes as a copy with a NUL behind it; NULL and a status when they are not
 * there. */
static void *take(const struct lat_buf *file, size_t *inout_at, uint64_t n, size_t size,
                  enum lat_status *inout_status, struct lat_error *err)
{
    size_t len;
    if (*inout_status != LAT_OK)
        return NULL;
    if (n > file->len || !lat_mul_size((size_t)n, size, &len) || len > file->len - *inout_at) {
        *inout_status =
            lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "its parts do not fit into it");
        return NULL;
    }
    char *copy = lat_alloc_raw(len + 1, 1);
    if (!copy) {
        *inout_status = lat_fail_memory(err);
        return NULL;
    }
    memcpy(copy, file->data + *inout_at, len);
    copy[len] = '\0';
    *inout_at += len;
    return copy;
}

static enum lat_status check_header(const struct lat_buf *file, struct lat_error *err)
{
    struct header header;
    if (file->len < sizeof(header) + sizeof(struct fixed))
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "truncated");
    memcpy(&header, file->data, sizeof(header));
    if (memcmp(header.magic, MAGIC, sizeof(MAGIC)) != 0)
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "not a checkpoint");
    if (header.version != CHECKPOINT_VERSION)
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "of version %u, this reads %d",
                        header.version, CHECKPOINT_VERSION);
    if (header.len != file->len - sizeof(header))
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "truncated");
    if (header.crc != lat_crc32c(0, file->data + sizeof(header), (size_t)header.len))
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "its checksum is wrong");
    return LAT_OK;
}

static enum lat_status parse(const struct lat_buf *file, struct lat_checkpoint *c,
                             struct lat_error *err)
{
    enum lat_status status = check_header(file, err);
    if (status != LAT_OK)
        return status;
    struct fixed fixed;
    size_t at = sizeof(struct header) + sizeof(fixed);
    memcpy(&fixed, file->data + sizeof(struct header), sizeof(fixed));
    *c = (struct lat_checkpoint){.epoch = fixed.epoch,
                                 .best_epoch = fixed.best_epoch,
                                 .best_loss = fixed.best_loss,
                                 .step = fixed.step,
                                 .rng = fixed.rng,
                                 .schedule = fixed.schedule,
                                 .state_len = (size_t)fixed.state_len,
                                 .n_best = (size_t)fixed.n_best,
                                 .stage = fixed.stage,
                                 .n_base = (size_t)fixed.n_base,
                                 .data_crc = fixed.data_crc};
    c->curve = take(file, &at, fixed.epoch, sizeof(*c->curve), &status, err);
    c->state = take(file, &at, fixed.state_len, 1, &status, err);
    if (fixed.n_best)
        c->best = take(file, &at, fixed.n_best, sizeof(float), &status, err);
    if (fixed.n_base)
        c->base = take(file, &at, fixed.n_base, sizeof(float), &status, err);
    c->spec_json = take(file, &at, fixed.spec_len, 1, &status, err);
    if (status == LAT_OK && at != file->len)
        status = lat_fail(err, LAT_CORRUPT, "bad_checkpoint", "its parts do not fill it");
    return status;
}

enum lat_status lat_checkpoint_read(const char *path, struct lat_checkpoint *out_checkpoint,
                                    struct lat_error *err)
{
    struct lat_buf file = {0};
    struct lat_checkpoint checkpoint = {0};
    enum lat_status status = lat_file_read(path, (size_t)1 << 40, &file, err);
    if (status == LAT_OK)
        status = parse(&file, &checkpoint, err);
    if (status == LAT_OK) {
        *out_checkpoint = checkpoint;
    } else {
        lat_checkpoint_release(&checkpoint);
        lat_error_prefix(err, "checkpoint '%s'", path);
    }
    lat_buf_release(&file);
    return status;
}

void lat_checkpoint_release(struct lat_checkpoint *checkpoint)
{
    lat_free(checkpoint->curve);
    lat_free(checkpoint->state);
    lat_free(checkpoint->best);
    lat_free(checkpoint->base);
    lat_free(checkpoint->spec_json);
    *checkpoint = (struct lat_checkpoint){0};
}
