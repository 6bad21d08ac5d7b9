/* A folder of pictures, its subfolders included, in the order of their paths' bytes: each
 * decoded once, resized by area to one size, or cut in patches of it (patches.c), and kept as
 * bytes, in memory or in a file. A
 * picture that cannot be decoded is skipped and counted. Hidden files and folders are passed
 * over. */
#include "model/train/dataset/arrays.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/image.h"
#include "model/train/dataset/patches.h"
#include "model/train/dataset/store.h"

#include "base/banned.h"

enum { MAX_DEPTH = 32, FILE_MAX_LEN = 256 << 20, MAX_SIDE = 1 << 14, PATCH_STREAM = 0x7061 };

/* Paths found, in one growing list. */
struct list {
    struct lat_arena arena;
    char **paths;
    size_t n, capacity;
    const char *root; /* of lat_data_options */
};

static bool is_picture(const char *name)
{
    static const char *const suffixes[] = {".png", ".jpg", ".jpeg", ".webp", ".gif"};
    bool found = false;
    for (size_t i = 0; i < LAT_ARRAY_LEN(suffixes); i++)
        found = found || lat_path_has_suffix(name, suffixes[i]);
    return found && !lat_path_has_suffix(name, ".gz");
}

static enum lat_status add_path(struct list *list, char *path, struct lat_error *err)
{
    if (list->n == list->capacity) {
        const size_t capacity = list->capacity ? 2 * list->capacity : 256;
        char **grown = lat_realloc(list->paths, capacity, sizeof(*grown));
        if (!grown)
            return lat_fail_memory(err);
        list->paths = grown;
        list->capacity = capacity;
    }
    list->paths[list->n++] = path;
    return LAT_OK;
}

static enum lat_status walk(struct list *list, const char *folder, int depth,
                            struct lat_error *err);

static enum lat_status visit(struct list *list, const char *folder, const char *name, int depth,
                             struct lat_error *err)
{
    struct stat st;
    char *path = lat_arena_printf(&list->arena, "%s/%s", folder, name);
    if (!path)
        return lat_fail_memory(err);
    if (stat(path, &st) != 0 || (list->root && !lat_file_is_within(list->root, path)))
        return LAT_OK;
    if (S_ISDIR(st.st_mode))
        return walk(list, path, depth + 1, err);
    return S_ISREG(st.st_mode) && is_picture(name) ? add_path(list, path, err) : LAT_OK;
}

static enum lat_status walk(struct list *list, const char *folder, int depth,
                            struct lat_error *err)
{
    if (depth > MAX_DEPTH)
        return lat_fail(err, LAT_INVALID, "too_deep", "'%s' is nested too deeply", folder);
    DIR *dir = opendir(folder);
    if (!dir && errno == ENOENT)
        return lat_fail(err, LAT_NOT_FOUND, NULL, "no folder '%s'", folder);
    if (!dir)
        return lat_fail_errno(err, errno, "opening '%s'", folder);
    enum lat_status status = LAT_OK;
    const struct dirent *entry;
    while (status == LAT_OK && (entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            status = visit(list, folder, entry->d_name, depth, err);
    closedir(dir);
    return status;
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum lat_status decode(const char *path, struct lat_image *out_image,
                              struct lat_error *err)
{
    struct lat_buf file = {0};
    enum lat_status status = lat_file_read(path, FILE_MAX_LEN, &file, err);
    if (status == LAT_OK)
        status = lat_image_decode(file.data ? file.data : "", file.len, NULL, out_image, err);
    lat_buf_release(&file);
    return status;
}

/* Size and channels, where the options leave them open, from the first picture that decodes. */
static enum lat_status settle(const struct list *list, const struct lat_data_options *options,
                              struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_image first = {0};
    const bool open = !options->size[0] || !options->channels;
    for (size_t i = 0; open && !first.pixels && i < list->n; i++)
        if (decode(list->paths[i], &first, NULL) != LAT_OK)
            first = (struct lat_image){0};
    if (open && !first.pixels)
        return lat_fail(err, LAT_INVALID, "empty", "there is no picture that can be decoded");
    struct lat_input_spec *input = &dataset->input;
    *input = (struct lat_input_spec){.kind = LAT_INPUT_IMAGE, .layout = LAT_LAYOUT_FLAT};
    input->height = options->size[0] ? options->size[0] : first.height;
    input->width = options->size[0] ? options->size[1] : first.width;
    input->channels = options->channels ? options->channels : first.channels;
    for (size_t i = 0; i < LAT_MAX_CHANNELS; i++)
        input->std[i] = 1;
    lat_image_release(&first);
    if (input->width > MAX_SIDE || input->height > MAX_SIDE)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "the first picture is %u x %u; give data.size [height, width]",
                        input->width, input->height);
    dataset->elements = (size_t)input->width * input->height * input->channels;
    input->dimension = dataset->elements;
    return LAT_OK;
}

static enum lat_status add_picture(const char *path, struct lat_dataset *dataset, float *planes,
                                   uint8_t *out, struct lat_error *err)
{
    struct lat_image image = {0};
    const struct lat_input_spec *input = &dataset->input;
    enum lat_status status = decode(path, &image, err);
    if (status == LAT_OK)
        status = lat_image_to_planes(&image, input->width, input->height, input->channels,
                                     planes, err);
    for (size_t i = 0; status == LAT_OK && i < dataset->elements; i++)
        out[i] = (uint8_t)(planes[i] * 255.0F + 0.5F);
    lat_image_release(&image);
    return status;
}

/* Patches of a picture that is smaller than one are none. */
static enum lat_status add_patches(const char *path, const struct lat_data_options *options,
                                   struct lat_rng *rng, struct lat_row_store *store,
                                   const struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_image image = {0};
    enum lat_status status = decode(path, &image, err);
    if (status == LAT_OK)
        status = lat_patches_add(&image, options, &dataset->input, rng, store, err);
    lat_image_release(&image);
    return status;
}

static enum lat_status decode_all(const struct list *list,
                                  const struct lat_data_options *options,
                                  struct lat_row_store *store, struct lat_dataset *dataset,
                                  struct lat_error *err)
{
    float *planes = lat_alloc_raw(dataset->elements, sizeof(float));
    uint8_t *row = lat_alloc_raw(dataset->elements, 1);
    enum lat_status status = planes && row ? LAT_OK : lat_fail_memory(err);
    struct lat_rng rng;
    lat_rng_seed(&rng, PATCH_STREAM);
    for (size_t i = 0; status == LAT_OK && i < list->n; i++) {
        struct lat_error failure = LAT_ERROR_INIT;
        const enum lat_status decoded =
            options->patches
                ? add_patches(list->paths[i], options, &rng, store, dataset, &failure)
                : add_picture(list->paths[i], dataset, planes, row, &failure);
        if (decoded == LAT_NO_MEMORY)
            status = lat_fail_memory(err);
        else if (decoded != LAT_OK)
            lat_dataset_skip(dataset, "'%s': %s", list->paths[i], failure.message);
        else if (!options->patches)
            status = lat_row_store_add(store, row, err);
    }
    lat_free(planes);
    lat_free(row);
    return status;
}

/* Decoded once; what is larger than the limit waits in a file. */
static enum lat_status read_pictures(const struct list *list,
                                     const struct lat_data_options *options,
                                     struct lat_dataset *dataset, struct lat_error *err)
{
    struct lat_row_store store;
    lat_row_store_init(&store, dataset->elements, options->memory);
    enum lat_status status = decode_all(list, options, &store, dataset, err);
    if (status == LAT_OK)
        status = lat_row_store_finish(&store, err);
    if (status == LAT_OK)
        status = lat_dataset_adopt(dataset, &store, true, err);
    lat_row_store_release(&store);
    return status;
}

bool lat_images_matches(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void lat_images_options(struct lat_fields *data, struct lat_arena *arena,
                        struct lat_data_options *out_options)
{
    (void)arena;
    size_t n = 2;
    if (lat_fields_counts(data, "size", out_options->size, 2, &n, 1, MAX_SIDE) && n != 2)
        lat_fields_fail(data, "size", "wrong_length", "expected [height, width]");
    if (lat_fields_has(data, "channels"))
        out_options->channels = 3;
    lat_fields_count(data, "channels", &out_options->channels, 1, 3);
    if (out_options->channels == 2)
        lat_fields_fail(data, "channels", "out_of_range", "expected 1 or 3, not 2");
    lat_fields_count(data, "patches", &out_options->patches, 1, 1 << 20);
    lat_fields_counts(data, "shorter", out_options->shorter, LAT_PATCH_SIZES_MAX,
                      &out_options->n_shorter, 1, MAX_SIDE);
    if (out_options->n_shorter && !out_options->patches)
        lat_fields_fail(data, "shorter", "out_of_range", "is for pictures cut in patches");
    if (out_options->patches && !out_options->size[0])
        lat_fields_fail(data, "patches", "missing_field",
                        "want data.size, [height, width] of one");
}

enum lat_status lat_images_open(const char *path, const struct lat_data_options *options,
                                struct lat_dataset *dataset, struct lat_error *err)
{
    struct list list = {.root = options->root};
    enum lat_status status = walk(&list, path, 0, err);
    if (status == LAT_OK && list.n == 0)
        status = lat_fail(err, LAT_INVALID, "empty", "there are no pictures in it");
    if (status == LAT_OK) {
        qsort(list.paths, list.n, sizeof(*list.paths), by_bytes);
        status = settle(&list, options, dataset, err);
    }
    if (status == LAT_OK)
        status = read_pictures(&list, options, dataset, err);
    lat_free(list.paths);
    lat_arena_release(&list.arena);
    return status;
}
