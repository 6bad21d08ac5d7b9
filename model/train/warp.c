/* Pictures moved by chance. As a corruption it makes a code that does not tell how a thing is
 * placed and slanted from what it is, since the decoder is to give the unmoved picture; as an
 * augmentation it stands for pictures that the set might have held as well (Simard, Steinkraus
 * & Platt 2003).
 *
 * A picture's map takes a pixel of the result, counted from the centre, to the place in the
 * clean picture where its value is read: p -> (1 + level A) p + level t side / 4, with the
 * elements of the 2 x 2 matrix A and of t drawn from the normal distribution. At the level 0.1
 * lengths change by a tenth, lines turn by about six degrees and a picture of 28 pixels moves
 * by 0.7, as standard deviations. Values between pixels are bilinear; beyond the border the
 * nearest pixel of the border goes on. */
#include "model/train/parts.h"

#include "base/banned.h"

enum { SHIFT_DIVISOR = 4 };

struct map {
    float xx, xy, yx, yy; /* source = matrix * (target - centre) + centre + shift */
    float x, y;           /* the source of the target's first pixel */
};

static struct map draw_map(const struct lat_noise *noise, float width, float height)
{
    float r[6];
    for (size_t i = 0; i < LAT_ARRAY_LEN(r); i++) {
        r[i] = (float)(noise->level * lat_rng_normal(noise->rng));
    }
    struct map map = {.xx = 1 + r[0], .xy = r[1], .yx = r[2], .yy = 1 + r[3]};
    float cx = (width - 1) / 2;
    float cy = (height - 1) / 2;
    map.x = cx - map.xx * cx - map.xy * cy + r[4] * width / SHIFT_DIVISOR;
    map.y = cy - map.yx * cx - map.yy * cy + r[5] * height / SHIFT_DIVISOR;
    return map;
}

static float clamp(float x, float highest)
{
    return x < 0 ? 0 : x > highest ? highest : x;
}

/* One plane of values. */
static void warp(const struct map *map, size_t width, size_t height, const float *clean,
                 float *out)
{
    for (size_t row = 0; row < height; row++) {
        for (size_t column = 0; column < width; column++) {
            float x = clamp(map->x + map->xx * (float)column + map->xy * (float)row,
                            (float)(width - 1));
            float y = clamp(map->y + map->yx * (float)column + map->yy * (float)row,
                            (float)(height - 1));
            size_t left = (size_t)x;
            size_t top = (size_t)y;
            size_t right = left + 1 < width ? left + 1 : left;
            const float *upper = clean + top * width;
            const float *lower = clean + (top + 1 < height ? top + 1 : top) * width;
            float fx = x - (float)left;
            float fy = y - (float)top;
            float above = upper[left] + fx * (upper[right] - upper[left]);
            float below = lower[left] + fx * (lower[right] - lower[left]);
            out[row * width + column] = above + fy * (below - above);
        }
    }
}

void lat_warp_affine(const struct lat_noise *noise, const float *clean, float *out, size_t n)
{
    size_t width = noise->input->width;
    size_t height = noise->input->height;
    size_t plane = width * height;
    size_t item = plane * noise->input->channels;
    for (size_t at = 0; item > 0 && at + item <= n; at += item) {
        struct map map = draw_map(noise, (float)width, (float)height);
        for (size_t c = 0; c < noise->input->channels; c++) {
            warp(&map, width, height, clean + at + c * plane, out + at + c * plane);
        }
    }
}
