/* Area-averaged resize: each target pixel is the mean of the source area it covers.
 *
 * The two axes are independent, so a row is first averaged across (once for each source row),
 * then down. On an axis a target pixel is three numbers: the weight of its first source pixel,
 * of those between, of its last; the ones between have equal weight, so they are summed as
 * integers, which is both exact and fast. Enlarging uses the same taps with at most two source
 * pixels, weighted by distance (bilinear).
 *
 * Down, thousands of rows may meet in one pixel, so they are summed in double.
 *
 * Neighbouring target rows share at most two source rows; `cached` keeps the last two averaged
 * rows so that none is computed twice. A picture that has the size asked for takes a path of
 * its own. */
#include <string.h>

#include "base/mem.h"
#include "model/image.h"

#include "base/banned.h"

/* The share of source pixels start … start + n - 1 in one target pixel. */
struct tap {
    uint32_t start, n;
    double first, between, last;
};

/* Exact in integers: source pixel s covers [s * to, (s + 1) * to), target i [i * from, …). */
static struct tap shrink_tap(uint64_t i, uint64_t from, uint64_t to)
{
    const uint64_t low = i * from, high = low + from;
    const uint64_t start = low / to, end = (high + to - 1) / to;
    const double area = (double)from;
    struct tap tap = {.start = (uint32_t)start, .n = (uint32_t)(end - start), .first = 1.0};
    if (tap.n > 1) {
        tap.first = (double)((start + 1) * to - low) / area;
        tap.between = (double)to / area;
        tap.last = (double)(high - (end - 1) * to) / area;
    }
    return tap;
}

static struct tap enlarge_tap(uint32_t i, uint32_t from, uint32_t to)
{
    const double centre = ((double)i + 0.5) * (double)from / (double)to - 0.5;
    if (centre <= 0.0)
        return (struct tap){.start = 0, .n = 1, .first = 1.0};
    const uint32_t start = (uint32_t)centre;
    if (start + 1 >= from)
        return (struct tap){.start = from - 1, .n = 1, .first = 1.0};
    const double share = centre - (double)start;
    return (struct tap){.start = start, .n = 2, .first = 1.0 - share, .last = share};
}

static struct tap tap_of(uint32_t i, uint32_t from, uint32_t to)
{
    return to > from ? enlarge_tap(i, from, to) : shrink_tap(i, from, to);
}

struct resize {
    const struct lat_image *image;
    uint32_t width, height;
    struct tap *across; /* [width] */
    float *rows;        /* [3][image->channels][width]: two cached rows, then the result */
    double *sum;        /* [image->channels][width] */
    size_t row_floats;
    uint32_t cached[2]; /* the source row in each of the first two, UINT32_MAX while empty */
};

static void average_across(const struct resize *resize, uint32_t y, float *out)
{
    const uint32_t channels = resize->image->channels;
    const uint8_t *source = resize->image->pixels + (size_t)y * resize->image->width * channels;
    for (uint32_t c = 0; c < channels; c++)
        for (uint32_t x = 0; x < resize->width; x++) {
            const struct tap tap = resize->across[x];
            const uint8_t *p = source + (size_t)tap.start * channels + c;
            double sum = tap.first * (double)*p;
            if (tap.n > 1) {
                uint64_t between = 0;
                for (uint32_t i = 1; i + 1 < tap.n; i++)
                    between += p[(size_t)i * channels];
                sum += tap.between * (double)between +
                       tap.last * (double)p[(size_t)(tap.n - 1) * channels];
            }
            *out++ = (float)sum;
        }
}

/* Source row y averaged across, from the cache when it is there. */
static const float *row_at(struct resize *resize, uint32_t y)
{
    const uint32_t slot = y & 1;
    float *row = resize->rows + slot * resize->row_floats;
    if (resize->cached[slot] != y) {
        average_across(resize, y, row);
        resize->cached[slot] = y;
    }
    return row;
}

/* Target row y, scaled to [0,1], [image->channels][width]. */
static const float *average_down(struct resize *resize, uint32_t y)
{
    const struct tap tap = tap_of(y, resize->image->height, resize->height);
    float *result = resize->rows + 2 * resize->row_floats;
    memset(resize->sum, 0, resize->row_floats * sizeof(*resize->sum));
    for (uint32_t i = 0; i < tap.n; i++) {
        const double weight = i == 0 ? tap.first : i + 1 == tap.n ? tap.last : tap.between;
        const float *row = row_at(resize, tap.start + i);
        for (size_t x = 0; x < resize->row_floats; x++)
            resize->sum[x] += weight * (double)row[x];
    }
    for (size_t x = 0; x < resize->row_floats; x++)
        result[x] = (float)(resize->sum[x] / 255.0);
    return result;
}

/* ITU-R BT.601, section 2.5.1. */
static float luma(float red, float green, float blue)
{
    return 0.299F * red + 0.587F * green + 0.114F * blue;
}

/* One row of planes [from][width] into row y of out[to][height][width]. */
static void store_row(const float *row, uint32_t from, uint32_t to, uint32_t y,
                      const struct resize *resize, float *out)
{
    const size_t width = resize->width, plane = width * resize->height;
    out += y * width;
    if (from == 3 && to == 1) {
        for (size_t x = 0; x < width; x++)
            out[x] = luma(row[x], row[width + x], row[2 * width + x]);
        return;
    }
    for (uint32_t c = 0; c < to; c++)
        memcpy(out + c * plane, row + (from == 1 ? 0 : c * width), width * sizeof(*out));
}

/* The picture has the size asked for: one pass. */
static void convert_only(const struct lat_image *image, uint32_t channels, float *out)
{
    const size_t n = (size_t)image->width * image->height;
    const uint8_t *p = image->pixels;
    if (image->channels == 3 && channels == 1) {
        for (size_t i = 0; i < n; i++, p += 3)
            out[i] = luma((float)p[0] / 255.0F, (float)p[1] / 255.0F, (float)p[2] / 255.0F);
        return;
    }
    const size_t step = image->channels;
    for (uint32_t c = 0; c < channels; c++, out += n) {
        const uint8_t *source = p + (step == 1 ? 0 : c);
        for (size_t i = 0; i < n; i++)
            out[i] = (float)source[i * step] / 255.0F;
    }
}

enum lat_status lat_image_to_planes(const struct lat_image *image, uint32_t width,
                                    uint32_t height, uint32_t channels, float *out,
                                    struct lat_error *err)
{
    if (width == 0 || height == 0 || (channels != 1 && channels != 3))
        return lat_fail(err, LAT_INVALID, NULL,
                        "a picture cannot become %u x %u pixels of %u channels", width, height,
                        channels);
    if (image->width == width && image->height == height) {
        convert_only(image, channels, out);
        return LAT_OK;
    }
    enum lat_status status = LAT_OK;
    struct resize resize = {.image = image,
                            .width = width,
                            .height = height,
                            .row_floats = (size_t)width * image->channels,
                            .cached = {UINT32_MAX, UINT32_MAX}};
    resize.across = lat_alloc_raw(width, sizeof(*resize.across));
    resize.rows = lat_alloc_raw(3 * resize.row_floats, sizeof(*resize.rows));
    resize.sum = lat_alloc_raw(resize.row_floats, sizeof(*resize.sum));
    if (!resize.across || !resize.rows || !resize.sum) {
        status = lat_fail_memory(err);
        goto out;
    }
    for (uint32_t x = 0; x < width; x++)
        resize.across[x] = tap_of(x, image->width, width);
    for (uint32_t y = 0; y < height; y++)
        store_row(average_down(&resize, y), image->channels, channels, y, &resize, out);
out:
    lat_free(resize.sum);
    lat_free(resize.rows);
    lat_free(resize.across);
    return status;
}
