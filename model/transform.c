/* Both ways go through the same tiles: a core of at most CORE pixels a side, its places of the
 * code, and a margin around both, cut off where the picture ends. Margins are whole places, so
 * every tile's grid is the picture's. */
#include "model/transform.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

enum { CORE = 256 }; /* pixels; bounds the memory of a run, whatever the picture's size */

/* Along one side, in places of the code. */
struct span {
    size_t from, to;   /* the core */
    size_t least, end; /* with its margins */
};

size_t lat_transform_places(const struct lat_transform *transform, uint32_t pixels)
{
    const size_t stride = transform->manifest->code_stride;
    return (pixels + stride - 1) / stride;
}

static size_t core_of(const struct lat_manifest *manifest)
{
    const size_t places = CORE / manifest->code_stride;
    return places ? places : 1;
}

static struct span span_at(size_t from, size_t core, size_t margin, size_t places)
{
    struct span span = {.from = from, .to = from + core < places ? from + core : places};
    span.least = from > margin ? from - margin : 0;
    span.end = span.to + margin < places ? span.to + margin : places;
    return span;
}

/* ---- the graphs ---- */

static enum lat_status open_graph(struct lat_engine *engine, const char *folder,
                                  const char *file, int threads,
                                  struct lat_session **out_session, struct lat_error *err)
{
    char path[LAT_PATH_MAX + 256];
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    const struct lat_session_options options = {.threads = threads, .optimize = true};
    const enum lat_status status = lat_session_open(engine, path, &options, out_session, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "%s", file);
    return status;
}

/* One input and one output of four axes each, the second of them `in` and `out` (0: any). */
static enum lat_status check(const struct lat_session *session, const char *file, size_t in,
                             size_t out, int64_t *out_channels, struct lat_error *err)
{
    size_t n_in, n_out;
    const struct lat_tensor_info *input = lat_session_inputs(session, &n_in);
    const struct lat_tensor_info *output = lat_session_outputs(session, &n_out);
    const bool shaped = n_in == 1 && n_out == 1 && input->rank == 4 && output->rank == 4 &&
                        input->dtype == LAT_FLOAT32 && output->dtype == LAT_FLOAT32;
    if (!shaped || (in && input->dims[1] != (int64_t)in) ||
        (out && output->dims[1] != (int64_t)out) || input->dims[1] <= 0 || output->dims[1] <= 0)
        return lat_fail(err, LAT_INVALID, NULL,
                        "%s: expected one input and one output [batch, channels, height, "
                        "width] that lead from the picture to the code and back",
                        file);
    *out_channels = output->dims[1];
    return LAT_OK;
}

enum lat_status lat_transform_open(struct lat_engine *engine, const char *folder,
                                   const struct lat_manifest *manifest, int threads,
                                   struct lat_transform *out_transform, struct lat_error *err)
{
    struct lat_transform transform = {.manifest = manifest};
    int64_t maps = 0, channels = 0;
    const size_t pixels = manifest->input.channels;
    enum lat_status status =
        open_graph(engine, folder, manifest->analysis, threads, &transform.analysis, err);
    if (status == LAT_OK)
        status =
            open_graph(engine, folder, manifest->synthesis, threads, &transform.synthesis, err);
    if (status == LAT_OK)
        status = check(transform.analysis, manifest->analysis, pixels, 0, &maps, err);
    transform.maps = (size_t)maps;
    if (status == LAT_OK)
        status = check(transform.synthesis, manifest->synthesis, transform.maps, pixels,
                       &channels, err);
    if (status == LAT_OK)
        *out_transform = transform;
    else
        lat_transform_close(&transform);
    return status;
}

void lat_transform_close(struct lat_transform *transform)
{
    lat_session_close(transform->synthesis);
    lat_session_close(transform->analysis);
    *transform = (struct lat_transform){0};
}

/* ---- tiles ---- */

/* A picture and its code on the way through a transform. */
struct passage {
    const struct lat_transform *transform;
    uint32_t width, height;
    uint64_t deadline_ns;
    size_t rows, columns; /* places */
    float *tile, *made;   /* what goes in and comes out of a run; owned */
};

static enum lat_status begin(struct passage *passage, size_t margin, struct lat_error *err)
{
    const struct lat_manifest *manifest = passage->transform->manifest;
    const size_t places = core_of(manifest) + 2 * margin;
    const size_t stride = manifest->code_stride;
    const size_t pixels = places * stride * places * stride * manifest->input.channels;
    const size_t numbers = places * places * passage->transform->maps;
    const size_t most = pixels > numbers ? pixels : numbers;
    passage->rows = lat_transform_places(passage->transform, passage->height);
    passage->columns = lat_transform_places(passage->transform, passage->width);
    passage->tile = lat_alloc_raw(most, sizeof(float));
    passage->made = lat_alloc_raw(most, sizeof(float));
    return passage->tile && passage->made ? LAT_OK : lat_fail_memory(err);
}

static void end(struct passage *passage)
{
    lat_free(passage->tile);
    lat_free(passage->made);
}

static enum lat_status run(struct lat_session *session, struct passage *passage,
                           const int64_t in[3], const int64_t out[3], struct lat_error *err)
{
    size_t n;
    if (passage->deadline_ns && lat_clock_ns() > passage->deadline_ns)
        return lat_fail(err, LAT_UNAVAILABLE, "deadline_exceeded",
                        "the picture was not done in the time of a request");
    const struct lat_tensor input = {.name = lat_session_inputs(session, &n)->name,
                                     .dtype = LAT_FLOAT32,
                                     .rank = 4,
                                     .dims = {1, in[0], in[1], in[2]},
                                     .data = passage->tile};
    const struct lat_tensor output = {.name = lat_session_outputs(session, &n)->name,
                                      .dtype = LAT_FLOAT32,
                                      .rank = 4,
                                      .dims = {1, out[0], out[1], out[2]},
                                      .data = passage->made};
    return lat_session_run(session, &input, 1, &output, 1, err);
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The tile's pixels as planes the network sees. */
static void fill_pixels(const struct passage *passage, const uint8_t *pixels, struct span y,
                        struct span x)
{
    const struct lat_input_spec *input = &passage->transform->manifest->input;
    const size_t stride = passage->transform->manifest->code_stride;
    float *out = passage->tile;
    for (size_t c = 0; c < input->channels; c++)
        for (size_t i = y.least * stride; i < y.end * stride; i++) {
            const size_t row = least_of(i, passage->height - 1) * passage->width;
            for (size_t j = x.least * stride; j < x.end * stride; j++) {
                const size_t at = row + least_of(j, passage->width - 1);
                const float value = (float)pixels[at * input->channels + c] / 255.0F;
                *out++ = (value - input->mean[c]) / input->std[c];
            }
        }
}

static void keep_code(const struct passage *passage, struct span y, struct span x, float *code)
{
    const size_t height = y.end - y.least, width = x.end - x.least;
    for (size_t m = 0; m < passage->transform->maps; m++)
        for (size_t i = y.from; i < y.to; i++)
            memcpy(code + (m * passage->rows + i) * passage->columns + x.from,
                   passage->made + (m * height + i - y.least) * width + x.from - x.least,
                   (x.to - x.from) * sizeof(*code));
}

static enum lat_status analyse_tile(struct passage *passage, const uint8_t *pixels,
                                    struct span y, struct span x, float *code,
                                    struct lat_error *err)
{
    const struct lat_manifest *manifest = passage->transform->manifest;
    const int64_t stride = manifest->code_stride;
    const int64_t height = (int64_t)(y.end - y.least), width = (int64_t)(x.end - x.least);
    fill_pixels(passage, pixels, y, x);
    const enum lat_status status =
        run(passage->transform->analysis, passage,
            (const int64_t[]){manifest->input.channels, height * stride, width * stride},
            (const int64_t[]){(int64_t)passage->transform->maps, height, width}, err);
    if (status == LAT_OK)
        keep_code(passage, y, x, code);
    return status;
}

enum lat_status lat_transform_analyse(const struct lat_transform *transform,
                                      const uint8_t *pixels, uint32_t width, uint32_t height,
                                      uint64_t deadline_ns, float *out_code,
                                      struct lat_error *err)
{
    const struct lat_manifest *manifest = transform->manifest;
    const size_t margin =
        (manifest->analysis_reach + manifest->code_stride - 1) / manifest->code_stride;
    const size_t core = core_of(manifest);
    struct passage passage = {
        .transform = transform, .width = width, .height = height, .deadline_ns = deadline_ns};
    enum lat_status status = begin(&passage, margin, err);
    for (size_t y = 0; status == LAT_OK && y < passage.rows; y += core)
        for (size_t x = 0; status == LAT_OK && x < passage.columns; x += core)
            status = analyse_tile(&passage, pixels, span_at(y, core, margin, passage.rows),
                                  span_at(x, core, margin, passage.columns), out_code, err);
    end(&passage);
    return status;
}

/* ---- and back ---- */

static void fill_code(const struct passage *passage, const float *code, struct span y,
                      struct span x)
{
    float *out = passage->tile;
    const size_t width = x.end - x.least;
    for (size_t m = 0; m < passage->transform->maps; m++)
        for (size_t i = y.least; i < y.end; i++, out += width)
            memcpy(out, code + (m * passage->rows + i) * passage->columns + x.least,
                   width * sizeof(*out));
}

/* The comparison is written so that a NaN fails it. */
static uint8_t to_pixel(float value)
{
    if (!(value > 0.0F))
        return 0;
    return value >= 1.0F ? 255 : (uint8_t)(value * 255.0F + 0.5F);
}

static void keep_pixels(const struct passage *passage, struct span y, struct span x,
                        uint8_t *pixels)
{
    const struct lat_input_spec *input = &passage->transform->manifest->input;
    const size_t stride = passage->transform->manifest->code_stride;
    const size_t height = (y.end - y.least) * stride, width = (x.end - x.least) * stride;
    const size_t bottom = least_of(y.to * stride, passage->height);
    const size_t right = least_of(x.to * stride, passage->width);
    for (size_t c = 0; c < input->channels; c++)
        for (size_t i = y.from * stride; i < bottom; i++) {
            const float *from = passage->made + (c * height + i - y.least * stride) * width;
            for (size_t j = x.from * stride; j < right; j++)
                pixels[(i * passage->width + j) * input->channels + c] =
                    to_pixel(from[j - x.least * stride] * input->std[c] + input->mean[c]);
        }
}

static enum lat_status synthesise_tile(struct passage *passage, const float *code,
                                       struct span y, struct span x, uint8_t *pixels,
                                       struct lat_error *err)
{
    const struct lat_manifest *manifest = passage->transform->manifest;
    const int64_t stride = manifest->code_stride;
    const int64_t height = (int64_t)(y.end - y.least), width = (int64_t)(x.end - x.least);
    fill_code(passage, code, y, x);
    const enum lat_status status =
        run(passage->transform->synthesis, passage,
            (const int64_t[]){(int64_t)passage->transform->maps, height, width},
            (const int64_t[]){manifest->input.channels, height * stride, width * stride}, err);
    if (status == LAT_OK)
        keep_pixels(passage, y, x, pixels);
    return status;
}

enum lat_status lat_transform_synthesise(const struct lat_transform *transform,
                                         const float *code, uint32_t width, uint32_t height,
                                         uint64_t deadline_ns, uint8_t *out_pixels,
                                         struct lat_error *err)
{
    const size_t margin = transform->manifest->synthesis_reach;
    const size_t core = core_of(transform->manifest);
    struct passage passage = {
        .transform = transform, .width = width, .height = height, .deadline_ns = deadline_ns};
    enum lat_status status = begin(&passage, margin, err);
    for (size_t y = 0; status == LAT_OK && y < passage.rows; y += core)
        for (size_t x = 0; status == LAT_OK && x < passage.columns; x += core)
            status =
                synthesise_tile(&passage, code, span_at(y, core, margin, passage.rows),
                                span_at(x, core, margin, passage.columns), out_pixels, err);
    end(&passage);
    return status;
}
