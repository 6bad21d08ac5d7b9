/* PNG through libspng, row by row.
 *
 * The idea: one row buffer serves every kind of PNG. Rows that need no work (8-bit gray or RGB,
 * opaque) are decoded straight into the picture; all others come as RGBA of 8 or 16 bits and
 * are flattened over white. For Adam7 a row holds only the pixels of its pass, so only those
 * columns are taken over. Memory is the picture, one row, and zlib's window, whatever the file
 * claims.
 *
 * The file must be whole to its IEND: a picture cut anywhere is refused. */
#include <spng.h>
#include <string.h>

#include "base/mem.h"
#include "model/image_codecs.h"

#include "base/banned.h"

/* Guards memory: ancillary chunks (profiles, texts) beyond this are no picture's business. */
enum { CHUNK_MAX = 8 << 20, CHUNK_CACHE_MAX = 16 << 20 };

/* libspng reports some failed allocations as broken data, and its allocator hooks take no
 * context: so a thread remembers here that memory ran out while it was in libspng. */
static _Thread_local bool starved;

static void *noted(void *memory)
{
    starved = starved || !memory;
    return memory;
}

static void *spng_alloc_raw(size_t size)
{
    return noted(lat_alloc_raw(1, size));
}

static void *spng_alloc_zero(size_t n, size_t size)
{
    return noted(lat_alloc(n, size));
}

static void *spng_alloc_again(void *old, size_t size)
{
    return noted(lat_realloc(old, 1, size));
}

static void spng_alloc_free(void *memory)
{
    lat_free(memory);
}

static spng_ctx *context_new(int flags)
{
    struct spng_alloc alloc = {spng_alloc_raw, spng_alloc_again, spng_alloc_zero,
                               spng_alloc_free};
    starved = false;
    return spng_ctx_new2(&alloc, flags);
}

static enum lat_status spng_failed(int code, struct lat_error *err)
{
    if (starved)
        return lat_fail_memory(err);
    return lat_image_bad(err,
                         code == SPNG_IO_EOF ? "the file ends too early" : spng_strerror(code));
}

/* What the rows come as, and how they become pixels. */
struct png_plan {
    int format;     /* SPNG_FMT_… */
    size_t row_len; /* bytes of a decoded row */
    uint32_t channels;
    bool direct; /* the row is the picture's row */
};

static struct png_plan plan_of(const struct spng_ihdr *header, bool transparent)
{
    const bool gray = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE ||
                      header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
    const bool alpha = transparent || header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                       header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA;
    struct png_plan plan = {.channels = gray ? 1 : 3};
    plan.direct = !alpha && header->bit_depth <= 8;
    if (plan.direct)
        plan.format = gray ? SPNG_FMT_G8 : SPNG_FMT_RGB8;
    else
        plan.format = header->bit_depth == 16 ? SPNG_FMT_RGBA16 : SPNG_FMT_RGBA8;
    const size_t samples = plan.direct ? plan.channels : header->bit_depth == 16 ? 8 : 4;
    plan.row_len = samples * header->width;
    return plan;
}

/* Columns of an Adam7 pass: every `step` from `start`. */
static const struct columns {
    uint8_t start, step;
} passes[7] = {{0, 8}, {4, 8}, {0, 4}, {2, 4}, {0, 2}, {1, 2}, {0, 1}};
static const struct columns all_columns = {0, 1};

static void flatten8(const uint8_t *rgba, uint32_t width, struct columns columns,
                     uint32_t channels, uint8_t *out)
{
    for (uint32_t x = columns.start; x < width; x += columns.step)
        for (uint32_t c = 0; c < channels; c++)
            out[x * channels + c] = lat_image_over_white(rgba[4 * x + c], rgba[4 * x + 3]);
}

static void flatten16(const uint16_t *rgba, uint32_t width, struct columns columns,
                      uint32_t channels, uint8_t *out)
{
    const uint64_t full = 65535;
    for (uint32_t x = columns.start; x < width; x += columns.step)
        for (uint32_t c = 0; c < channels; c++) {
            const uint64_t alpha = rgba[4 * x + 3];
            const uint64_t sum = rgba[4 * x + c] * alpha + full * (full - alpha);
            out[x * channels + c] = (uint8_t)((sum * 255 + full * full / 2) / (full * full));
        }
}

static int decode_rows(spng_ctx *png, const struct spng_ihdr *header,
                       const struct png_plan *plan, void *row, struct lat_image *image)
{
    const size_t out_len = (size_t)image->width * image->channels;
    int code = spng_decode_image(png, NULL, 0, plan->format,
                                 SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);
    while (code == 0) {
        struct spng_row_info info;
        code = spng_get_row_info(png, &info);
        if (code)
            break;
        uint8_t *out = image->pixels + info.row_num * out_len;
        code = spng_decode_row(png, plan->direct ? out : row, plan->row_len);
        if (plan->direct || (code && code != SPNG_EOI))
            continue;
        const struct columns columns =
            header->interlace_method ? passes[info.pass] : all_columns;
        if (plan->format == SPNG_FMT_RGBA16)
            flatten16(row, image->width, columns, image->channels, out);
        else
            flatten8(row, image->width, columns, image->channels, out);
    }
    return code == SPNG_EOI ? 0 : code;
}

static enum lat_status decode_pixels(spng_ctx *png, const struct spng_ihdr *header,
                                     uint64_t max_pixels, struct lat_image *image,
                                     struct lat_error *err)
{
    struct spng_trns trns;
    const struct png_plan plan = plan_of(header, spng_get_trns(png, &trns) == 0);
    const enum lat_status status = lat_image_allocate(image, header->width, header->height,
                                                      plan.channels, max_pixels, err);
    if (status != LAT_OK)
        return status;
    void *row = NULL;
    if (!plan.direct && !(row = lat_alloc_raw(1, plan.row_len)))
        return lat_fail_memory(err);
    int code = decode_rows(png, header, &plan, row, image);
    lat_free(row);
    if (code == 0)
        code = spng_decode_chunks(png);
    return code ? spng_failed(code, err) : LAT_OK;
}

/* The size as the file claims it, where it stands in every PNG: the library calls one whose
 * rows overflow broken before it tells how large it is. */
static enum lat_status check_claim(const uint8_t *bytes, size_t len, uint64_t max_pixels,
                                   struct lat_error *err)
{
    enum { SIZE_AT = 16 }; /* signature, length and type of the first chunk */
    uint32_t sides[2] = {0, 0};
    if (len < SIZE_AT + sizeof(sides) || memcmp(bytes + SIZE_AT - 4, "IHDR", 4) != 0)
        return LAT_OK;
    for (size_t i = 0; i < sizeof(sides); i++)
        sides[i / 4] = sides[i / 4] << 8 | bytes[SIZE_AT + i];
    return sides[0] && sides[1] ? lat_image_check_size(sides[0], sides[1], max_pixels, err)
                                : LAT_OK;
}

static enum lat_status decode(const uint8_t *bytes, size_t len, uint64_t max_pixels,
                              struct lat_image *image, struct lat_error *err)
{
    const enum lat_status claim = check_claim(bytes, len, max_pixels, err);
    if (claim != LAT_OK)
        return claim;
    spng_ctx *png = context_new(0);
    if (!png)
        return lat_fail_memory(err);
    spng_set_chunk_limits(png, CHUNK_MAX, CHUNK_CACHE_MAX);
    struct spng_ihdr header;
    int code = spng_set_png_buffer(png, bytes, len);
    if (code == 0)
        code = spng_get_ihdr(png, &header);
    enum lat_status status = code ? spng_failed(code, err) : LAT_OK;
    if (status == LAT_OK)
        status = lat_image_check_size(header.width, header.height, max_pixels, err);
    if (status == LAT_OK)
        status = decode_pixels(png, &header, max_pixels, image, err);
    struct spng_exif exif;
    if (status == LAT_OK && spng_get_exif(png, &exif) == 0)
        status = lat_image_orient(
            image, lat_exif_orientation((const uint8_t *)exif.data, exif.length), err);
    spng_ctx_free(png);
    return status;
}

static bool matches(const uint8_t *bytes, size_t len)
{
    return len >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0;
}

const struct lat_image_codec lat_image_codec_png = {LAT_IMAGE_PNG, "PNG", "image/png", matches,
                                                    decode};

/* Stored: no filters, no compression. */
static int set_stored(spng_ctx *png)
{
    int code = spng_set_option(png, SPNG_IMG_COMPRESSION_LEVEL, 0);
    if (code == 0)
        code = spng_set_option(png, SPNG_FILTER_CHOICE, SPNG_DISABLE_FILTERING);
    if (code == 0)
        code = spng_set_option(png, SPNG_IMG_WINDOW_BITS, 9);
    return code ? code : spng_set_option(png, SPNG_IMG_MEM_LEVEL, 1);
}

static enum lat_status write_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                 uint32_t channels, bool stored, struct lat_buf *out,
                                 struct lat_error *err)
{
    size_t len = 0;
    char *bytes = NULL;
    if (channels != 1 && channels != 3)
        return lat_fail(err, LAT_INVALID, NULL, "a PNG has 1 or 3 channels here, not %u",
                        channels);
    spng_ctx *png = context_new(SPNG_CTX_ENCODER);
    if (!png)
        return lat_fail_memory(err);
    struct spng_ihdr header = {
        .width = width,
        .height = height,
        .bit_depth = 8,
        .color_type = channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR,
    };
    int code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    if (code == 0 && stored)
        code = set_stored(png);
    if (code == 0)
        code = spng_set_ihdr(png, &header);
    if (code == 0)
        code = spng_encode_image(png, pixels, (size_t)width * height * channels, SPNG_FMT_PNG,
                                 SPNG_ENCODE_FINALIZE);
    if (code == 0)
        bytes = spng_get_png_buffer(png, &len, &code);
    if (bytes)
        lat_buf_append(out, bytes, len);
    lat_free(bytes);
    spng_ctx_free(png);
    if (starved)
        return lat_fail_memory(err);
    if (code || !bytes)
        return lat_fail(err, LAT_INTERNAL, NULL, "writing a PNG: %s", spng_strerror(code));
    return lat_buf_check(out, err);
}

enum lat_status lat_image_encode_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                     uint32_t channels, struct lat_buf *out,
                                     struct lat_error *err)
{
    return write_png(pixels, width, height, channels, false, out, err);
}

enum lat_status lat_image_store_png(const uint8_t *pixels, uint32_t width, uint32_t height,
                                    uint32_t channels, struct lat_buf *out,
                                    struct lat_error *err)
{
    return write_png(pixels, width, height, channels, true, out, err);
}
