/* Arrays out of files: the head, then item after item, so that memory is bounded whatever the
 * file's size. A plain file larger than the limit is not copied: its items are converted anew
 * each time they are read. Columns-first order cannot be read item by item and is loaded whole.
 */
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "model/train/dataset/arrays.h"
#include "model/train/dataset/store.h"

#include "base/banned.h"

enum { HEAD_LEN = 1 << 16 };

/* A file being read. */
struct reading {
    const char *path;
    bool strict;
    struct lat_gzip *file;
    uint8_t *head; /* [HEAD_LEN], its first bytes */
    size_t head_len, head_at;
    struct lat_array_plan plan;
    size_t item_len;  /* bytes of a stored item */
    uint8_t *item;    /* [item_len] */
    void *row;        /* [elements] bytes or floats */
    uint32_t *usable; /* numbers of the items that can be used; NULL: not listed */
    size_t n_usable;
};

/* ---- items converted when they are read ---- */

struct direct {
    struct lat_row_store store; /* the stored items */
    struct lat_array_plan plan;
    uint32_t *usable; /* [n] or NULL: all of them */
};

static enum lat_status read_direct(const struct lat_dataset *dataset, uint32_t item, float *out,
                                   struct lat_error *err)
{
    enum { SMALL = 8192 };
    const struct direct *direct = dataset->state;
    uint8_t small[SMALL];
    char words[80];
    const size_t place = direct->usable ? direct->usable[item] : item;
    uint8_t *stored =
        direct->store.row_len <= SMALL ? small : lat_alloc_raw(direct->store.row_len, 1);
    if (!stored)
        return lat_fail_memory(err);
    enum lat_status status = lat_row_store_read(&direct->store, place, stored, err);
    if (status == LAT_OK && direct->plan.pixels) {
        uint8_t *bytes = (uint8_t *)(out + dataset->elements) - dataset->elements;
        (void)lat_array_convert(&direct->plan, stored, bytes, words, sizeof(words));
        for (size_t i = 0; i < dataset->elements; i++)
            out[i] = (float)bytes[i] / 255.0F;
    } else if (status == LAT_OK &&
               !lat_array_convert(&direct->plan, stored, out, words, sizeof(words))) {
        status = lat_fail(err, LAT_CORRUPT, NULL, "item %zu has changed: %s", place, words);
    }
    if (stored != small)
        lat_free(stored);
    return status;
}

static void close_direct(void *state)
{
    struct direct *direct = state;
    lat_row_store_release(&direct->store);
    lat_free(direct->usable);
    lat_free(direct);
}

static enum lat_status open_direct(struct reading *reading, uint64_t start,
                                   struct lat_dataset *dataset, struct lat_error *err)
{
    static const struct lat_row_source source = {read_direct, close_direct};
    struct direct *direct = lat_alloc(1, sizeof(*direct));
    if (!direct)
        return lat_fail_memory(err);
    direct->plan = reading->plan;
    lat_row_store_init(&direct->store, reading->item_len, 0);
    dataset->source = &source;
    dataset->state = direct;
    dataset->n = reading->usable ? reading->n_usable : reading->plan.dims[0];
    direct->usable = reading->usable;
    reading->usable = NULL;
    if (dataset->n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "no item can be used; %s",
                        dataset->first_skipped);
    return lat_row_store_open(&direct->store, reading->path, start, reading->plan.dims[0], err);
}

/* ---- reading ---- */

/* The next item's bytes, those of the head first. */
static enum lat_status next_item(struct reading *reading, size_t i, struct lat_error *err)
{
    const size_t left = reading->head_len - reading->head_at;
    const size_t known = left < reading->item_len ? left : reading->item_len;
    size_t more = 0;
    memcpy(reading->item, reading->head + reading->head_at, known);
    reading->head_at += known;
    const enum lat_status status = lat_gzip_fill(reading->file, reading->item + known,
                                                 reading->item_len - known, &more, err);
    if (status == LAT_OK && known + more < reading->item_len)
        return lat_fail(err, LAT_CORRUPT, "truncated",
                        "truncated: expected %zu items of %zu bytes, found %zu",
                        reading->plan.dims[0], reading->item_len, i);
    return status;
}

/* Item `i` has been converted: it goes to the store, or is noted as usable. */
static enum lat_status keep(struct reading *reading, size_t i, struct lat_row_store *store,
                            struct lat_error *err)
{
    if (store)
        return lat_row_store_add(store, reading->row, err);
    if (reading->usable)
        reading->usable[reading->n_usable++] = (uint32_t)i;
    return LAT_OK;
}

/* From the first item that cannot be used on, the usable ones are listed. */
static enum lat_status skip(struct reading *reading, size_t i, bool listed, const char *words,
                            struct lat_dataset *dataset, struct lat_error *err)
{
    if (reading->strict)
        return lat_fail(err, LAT_INVALID, "not_finite", "item %zu: %s", i, words);
    lat_dataset_skip(dataset, "item %zu: %s", i, words);
    if (!listed || reading->usable)
        return LAT_OK;
    reading->usable = lat_alloc_raw(reading->plan.dims[0], sizeof(*reading->usable));
    if (!reading->usable)
        return lat_fail_memory(err);
    for (size_t j = 0; j < i; j++)
        reading->usable[reading->n_usable++] = (uint32_t)j;
    return LAT_OK;
}

static enum lat_status read_items(struct reading *reading, struct lat_row_store *store,
                                  struct lat_dataset *dataset, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    char words[80];
    for (size_t i = 0; status == LAT_OK && i < reading->plan.dims[0]; i++) {
        status = next_item(reading, i, err);
        if (status != LAT_OK)
            break;
        if (lat_array_convert(&reading->plan, reading->item, reading->row, words,
                              sizeof(words)))
            status = keep(reading, i, store, err);
        else
            status = skip(reading, i, !store, words, dataset, err);
        dataset->n_met++;
    }
    return status;
}

static enum lat_status read_into_store(struct reading *reading, size_t row_len, size_t memory,
                                       struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_row_store store;
    lat_row_store_init(&store, row_len, memory);
    enum lat_status status = read_items(reading, &store, dataset, err);
    if (status == LAT_OK)
        status = lat_row_store_finish(&store, err);
    if (status == LAT_OK)
        status = lat_dataset_adopt(dataset, &store, reading->plan.pixels, err);
    lat_row_store_release(&store);
    return status;
}

static enum lat_status read_whole(const char *path, lat_array_parse *parse, bool steps,
                                  struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_buf file = {0};
    struct lat_raw_array array;
    enum lat_status status = lat_gzip_read(path, LAT_DATA_MAX_LEN, &file, err);
    if (status == LAT_OK)
        status = parse(file.data ? file.data : "", file.len, &array, err);
    array.steps = steps;
    if (status == LAT_OK)
        status = lat_dataset_from_array(&array, dataset, err);
    lat_buf_release(&file);
    return status;
}

/* A plain file says at once whether it is long enough. */
static enum lat_status check_plain(const struct reading *reading, uint64_t start,
                                   struct lat_error *err)
{
    struct stat info;
    size_t total;
    if (stat(reading->path, &info) != 0 || !S_ISREG(info.st_mode))
        return LAT_OK;
    const uint64_t there = (uint64_t)info.st_size > start ? (uint64_t)info.st_size - start : 0;
    if (!lat_mul_size(reading->item_len, reading->plan.dims[0], &total) || total > there)
        return lat_fail(err, LAT_CORRUPT, "truncated",
                        "truncated: expected %zu items of %zu bytes, found %llu bytes",
                        reading->plan.dims[0], reading->item_len, (unsigned long long)there);
    return LAT_OK;
}

static enum lat_status read_rest(struct reading *reading, size_t memory,
                                 struct lat_dataset *dataset, struct lat_error *err)
{
    const struct lat_array_plan *plan = &reading->plan;
    const size_t row_len = plan->elements * (plan->pixels ? 1 : sizeof(float));
    const uint64_t start = (uint64_t)(plan->array.data - reading->head);
    const bool plain = lat_gzip_is_plain(reading->file);
    size_t total;
    reading->item_len = plan->elements * plan->array.size;
    reading->head_at = (size_t)start;
    enum lat_status status = plain ? check_plain(reading, start, err) : LAT_OK;
    if (status != LAT_OK)
        return status;
    if (plan->dims[0] > UINT32_MAX)
        return lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^32 items");
    reading->item = lat_alloc_raw(reading->item_len, 1);
    reading->row = lat_alloc_raw(row_len, 1);
    if (!reading->item || !reading->row)
        return lat_fail_memory(err);
    const bool large = !lat_mul_size(row_len, plan->dims[0], &total) || total > memory;
    if (!plain || !large)
        return read_into_store(reading, row_len, memory, dataset, err);
    status = read_items(reading, NULL, dataset, err);
    return status == LAT_OK ? open_direct(reading, start, dataset, err) : status;
}

enum lat_status lat_array_open(const char *path, lat_array_parse *parse, bool strict,
                               const struct lat_data_options *options,
                               struct lat_dataset *dataset, struct lat_error *err)
{
    struct reading reading = {.path = path, .strict = strict};
    struct lat_raw_array array;
    enum lat_status status = lat_gzip_open(path, &reading.file, err);
    if (status != LAT_OK)
        return status;
    reading.head = lat_alloc_raw(HEAD_LEN, 1);
    status = reading.head ? LAT_OK : lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_gzip_fill(reading.file, reading.head, HEAD_LEN, &reading.head_len, err);
    if (status == LAT_OK)
        status = parse(reading.head, reading.head_len, &array, err);
    array.steps = lat_takes_steps(options);
    if (status == LAT_OK && array.columns_first) {
        status = read_whole(path, parse, array.steps, dataset, err);
    } else if (status == LAT_OK) {
        status = lat_array_plan(&array, &reading.plan, dataset, err);
        if (status == LAT_OK)
            status = read_rest(&reading, options->memory, dataset, err);
    }
    lat_gzip_close(reading.file);
    lat_free(reading.head);
    lat_free(reading.item);
    lat_free(reading.row);
    lat_free(reading.usable);
    return status;
}
