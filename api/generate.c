/* generate, interpolate, latent: codes that nobody sent, and what they decode to.
 *
 * generate draws them from the prior, so it is for models with one; interpolate and latent need
 * a decoder alone. The code of an input is its mean. */
#include <stdio.h>
#include <sys/random.h>

#include "api/collection_read.h"
#include "api/example_read.h"
#include "api/handlers.h"
#include "api/input.h"
#include "api/made.h"
#include "base/mem.h"
#include "model/latent.h"
#include "service/latent.h"

#include "base/banned.h"

enum {
    STEPS_DEFAULT = 8,
    STEPS_A_LINE = 16, /* of a sheet of pictures */
    MEMBERS_MAX = 1000 /* of one side of a direction */
};

static const double TEMPERATURE_MAX = 100, SCALE_MAX = 1e6;
static const uint64_t COUNT_MAX = UINT32_MAX; /* the batch limit is checked apart: 413 */

/* What one of these requests is made of. */
struct making {
    struct lat_model *model;
    struct lat_json json;
    struct lat_object root;
    struct lat_made_form form;
    char collection[LAT_COLLECTION_NAME_MAX]; /* "": none was named */
};

static enum lat_status begin(struct lat_call *call, unsigned capability, struct making *making,
                             struct lat_error *err)
{
    struct lat_options options;
    lat_options_begin(&options, call, err);
    lat_options_made(&options, &making->form);
    enum lat_status status = lat_options_end(&options);
    if (status == LAT_OK)
        status = lat_embed_acquire(call, call->params[0], &making->model, err);
    if (status == LAT_OK)
        status = lat_model_require(making->model, capability, err);
    if (status != LAT_OK)
        return status;
    if (call->body_len == 0 &&
        (capability & LAT_CAN_GENERATE)) { /* every member has a default */
        lat_json_begin(&making->json, err);
        making->root = (struct lat_object){.json = &making->json, .at = ""};
        return LAT_OK;
    }
    status = lat_call_json(call, &making->json, err);
    if (status == LAT_OK) {
        lat_json_root(&making->json, &making->root);
        lat_object_encoding(&making->root);
    }
    return status;
}

static void finish(struct making *making)
{
    lat_json_release(&making->json);
    if (making->model)
        lat_model_release(making->model);
}

static float *alloc_codes(struct lat_call *call, const struct lat_model *model, size_t n)
{
    size_t total;
    return lat_mul_size(n, lat_model_manifest(model)->code_dimension, &total)
               ? lat_arena_alloc_raw(&call->arena, total, sizeof(float))
               : NULL;
}

/* `pointer` is where the number was said. */
static enum lat_status check_made(const struct lat_call *call, const struct making *making,
                                  const char *pointer, size_t n, struct lat_error *err)
{
    const enum lat_status status = lat_check_made(call, making->model, n, err);
    if (status != LAT_OK)
        lat_error_at(err, "%s", pointer);
    return status;
}

static enum lat_status resolve(struct lat_call *call, struct making *making,
                               const struct lat_place *places, size_t n, float **out_codes,
                               struct lat_error *err)
{
    const enum lat_status status =
        lat_latent_codes(call, making->model, making->collection[0] ? making->collection : NULL,
                         places, n, out_codes, err);
    if (status == LAT_OK)
        return LAT_OK;
    lat_input_not_raw(err);
    return err->status;
}

/* ---- generate ---- */

/* 53 bits, so that every client's numbers hold it. */
static enum lat_status draw_seed(uint64_t *out_seed, struct lat_error *err)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
        return lat_fail(err, LAT_IO, NULL, "no random numbers to be had");
    *out_seed = seed >> 11;
    return LAT_OK;
}

/* The fewest columns that make the sheet at least as wide as high. */
static size_t square_root_up(size_t n)
{
    size_t columns = 1;
    while (columns * columns < n)
        columns++;
    return columns;
}

static enum lat_status generate(struct lat_call *call, struct making *making,
                                struct lat_error *err)
{
    struct lat_object *root = &making->root;
    uint64_t count = 1, seed = 0;
    double temperature = 1;
    lat_object_count(root, "count", &count, 1, COUNT_MAX);
    const bool seeded = lat_object_has(root, "seed");
    lat_object_count(root, "seed", &seed, 0, INT64_MAX);
    lat_object_number(root, "temperature", &temperature, 0, TEMPERATURE_MAX);
    lat_object_end(root);
    enum lat_status status = lat_json_status(&making->json);
    if (status == LAT_OK)
        status = check_made(call, making, "/count", (size_t)count, err);
    if (status == LAT_OK && !seeded)
        status = draw_seed(&seed, err);
    if (status != LAT_OK)
        return status;
    float *codes = alloc_codes(call, making->model, (size_t)count);
    if (!codes)
        return lat_fail_memory(err);
    lat_latent_draw(seed, temperature, (size_t)count,
                    lat_model_manifest(making->model)->code_dimension, codes);
    const struct lat_made made = {.codes = codes,
                                  .n = (size_t)count,
                                  .columns = square_root_up((size_t)count),
                                  .seed = &seed};
    return lat_reply_made(call, making->model, &made, &making->form, err);
}

enum lat_status lat_api_generate(struct lat_call *call, struct lat_error *err)
{
    struct making making = {0};
    enum lat_status status = begin(call, LAT_CAN_GENERATE | LAT_CAN_DECODE, &making, err);
    if (status == LAT_OK)
        status = generate(call, &making, err);
    finish(&making);
    return status;
}

/* ---- interpolate ---- */

static void read_end(struct lat_object *root, const char *key, const char *at,
                     struct lat_place *out_place)
{
    out_place->at = at;
    if (!lat_object_example(root, key, &out_place->what))
        lat_object_missing(root, key);
}

static enum lat_status interpolate(struct lat_call *call, struct making *making,
                                   struct lat_error *err)
{
    struct lat_object *root = &making->root;
    struct lat_place ends[2];
    uint64_t steps = STEPS_DEFAULT;
    int path = LAT_PATH_LINEAR;
    float *codes = NULL;
    read_end(root, "from", "/from", &ends[0]);
    read_end(root, "to", "/to", &ends[1]);
    lat_object_count(root, "steps", &steps, 2, COUNT_MAX);
    lat_object_choice(root, "path", lat_path_names, LAT_ARRAY_LEN(lat_path_names), &path);
    lat_object_collection(call, root, making->collection);
    lat_object_end(root);
    enum lat_status status = lat_json_status(&making->json);
    if (status == LAT_OK)
        status = check_made(call, making, "/steps", (size_t)steps, err);
    if (status == LAT_OK)
        status = resolve(call, making, ends, 2, &codes, err);
    if (status != LAT_OK)
        return status;
    const size_t dimension = lat_model_manifest(making->model)->code_dimension;
    float *walked = alloc_codes(call, making->model, (size_t)steps);
    if (!walked)
        return lat_fail_memory(err);
    lat_latent_walk(codes, codes + dimension, dimension, (size_t)steps, (enum lat_path)path,
                    walked);
    const struct lat_made made = {.codes = walked,
                                  .n = (size_t)steps,
                                  .columns =
                                      steps < STEPS_A_LINE ? (size_t)steps : STEPS_A_LINE};
    return lat_reply_made(call, making->model, &made, &making->form, err);
}

enum lat_status lat_api_interpolate(struct lat_call *call, struct lat_error *err)
{
    struct making making = {0};
    enum lat_status status = begin(call, LAT_CAN_DECODE, &making, err);
    if (status == LAT_OK)
        status = interpolate(call, &making, err);
    finish(&making);
    return status;
}

/* ---- latent ---- */

static void expect_count(struct lat_object *root, int most, size_t n)
{
    char expected[24], got[24];
    snprintf(expected, sizeof(expected), "%d", most);
    snprintf(got, sizeof(got), "%zu", n);
    lat_error_expected(root->json->err, expected, got);
}

/* One side of a direction: its members behind those that `places` has already. */
static void read_side(struct lat_object *root, const char *key, struct lat_place *places,
                      size_t *inout_n)
{
    struct lat_list list;
    if (!lat_object_list(root, key, &list))
        return;
    if (list.n > MEMBERS_MAX) {
        lat_object_fail(root, key, LAT_TOO_LARGE, "batch_too_large",
                        "'%s' takes %d members, not %zu", key, MEMBERS_MAX, list.n);
        expect_count(root, MEMBERS_MAX, list.n);
        return;
    }
    for (size_t i = 0; i < list.n && lat_json_status(root->json) == LAT_OK; i++) {
        struct lat_place *place = &places[(*inout_n)++];
        lat_list_example(&list, i, false, &place->what);
        place->at = lat_arena_printf(root->json->arena, "/%s/%zu", key, i);
        if (!place->at)
            lat_object_fail(root, NULL, LAT_NO_MEMORY, NULL, "out of memory");
    }
}

static enum lat_status move(struct lat_call *call, struct making *making, struct lat_error *err)
{
    struct lat_object *root = &making->root;
    struct lat_place *places =
        lat_arena_alloc_raw(&call->arena, 1 + 2 * MEMBERS_MAX, sizeof(*places));
    float *codes = NULL, *moved = alloc_codes(call, making->model, 1);
    double scale = 1;
    size_t n = 1;
    if (!places || !moved)
        return lat_fail_memory(err);
    read_end(root, "to", "/to", &places[0]);
    read_side(root, "add", places, &n);
    const size_t n_add = n - 1;
    read_side(root, "subtract", places, &n);
    const bool scaled = lat_object_has(root, "scale");
    lat_object_number(root, "scale", &scale, -SCALE_MAX, SCALE_MAX);
    lat_object_collection(call, root, making->collection);
    lat_object_end(root);
    if (n == 1 && lat_json_status(&making->json) == LAT_OK)
        lat_object_fail(root, "add", LAT_INVALID, "missing_field",
                        "a direction has members in 'add', in 'subtract' or in both");
    enum lat_status status = lat_json_status(&making->json);
    if (status == LAT_OK)
        status = resolve(call, making, places, n, &codes, err);
    if (status != LAT_OK)
        return status;
    const size_t dimension = lat_model_manifest(making->model)->code_dimension;
    const struct lat_direction direction = {.add = codes + dimension,
                                            .n_add = n_add,
                                            .subtract = codes + (1 + n_add) * dimension,
                                            .n_subtract = n - 1 - n_add,
                                            .scale = scale};
    lat_latent_move(codes, &direction, dimension, moved);
    status = lat_floats_check(moved, dimension, err);
    if (status != LAT_OK) {
        lat_error_prefix(err, "the moved code");
        lat_error_at(err, scaled ? "/scale" : "/to");
        return status;
    }
    const struct lat_made made = {.codes = moved, .n = 1, .columns = 1};
    return lat_reply_made(call, making->model, &made, &making->form, err);
}

enum lat_status lat_api_latent(struct lat_call *call, struct lat_error *err)
{
    struct making making = {0};
    enum lat_status status = begin(call, LAT_CAN_DECODE, &making, err);
    if (status == LAT_OK)
        status = move(call, &making, err);
    finish(&making);
    return status;
}
