/* JPEG files that no ordinary encoder writes: YCCK, CMYK without Adobe's marker, thousands of
 * scans, made here with libjpeg itself. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>

#include "model/image.h"
#include "tests/unit/model/pictures.h"

enum { SIDE = 16 };

/* One flat picture of four inks as stored in the file. */
static struct lat_buf flat_inks(J_COLOR_SPACE stored, bool adobe, const uint8_t inks[4])
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    uint8_t row[SIDE * 4];
    struct lat_buf out = {0};
    for (size_t i = 0; i < sizeof(row); i++)
        row[i] = inks[i % 4];
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &len);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, stored);
    jpeg.write_Adobe_marker = adobe;
    jpeg_set_quality(&jpeg, 98, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < SIDE)
        jpeg_write_scanlines(&jpeg, (JSAMPROW[1]){row}, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    lat_buf_append(&out, bytes, len);
    free(bytes);
    return out;
}

static void expect_color(struct lat_buf bytes, int red, int green, int blue)
{
    struct lat_image image;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert(lat_image_decode(bytes.data, bytes.len, NULL, &image, &err) == LAT_OK, "%s",
              err.message);
    const int want[3] = {red, green, blue};
    cr_assert_eq(image.channels, 3u);
    for (int c = 0; c < 3; c++)
        cr_expect(abs((int)image.pixels[c] - want[c]) <= 3, "channel %d is %d, not %d", c,
                  image.pixels[c], want[c]);
    lat_image_release(&image);
    lat_buf_release(&bytes);
}

Test(image_jpeg, ycck_of_adobe_is_inverted_ink)
{
    /* 255 is no ink: cyan 55, magenta 155, yellow 205 of paper left, black none. */
    expect_color(flat_inks(JCS_YCCK, true, (const uint8_t[4]){55, 155, 205, 255}), 55, 155,
                 205);
    expect_color(flat_inks(JCS_YCCK, true, (const uint8_t[4]){200, 200, 200, 51}), 40, 40, 40);
}

Test(image_jpeg, cmyk_without_adobes_marker_is_plain_ink)
{
    expect_color(flat_inks(JCS_CMYK, false, (const uint8_t[4]){200, 100, 50, 0}), 55, 155, 205);
    expect_color(flat_inks(JCS_CMYK, true, (const uint8_t[4]){55, 155, 205, 255}), 55, 155,
                 205);
}

/* A progressive gray file whose first AC scan is sent again and again. */
static struct lat_buf many_scans(int n_scans)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *bytes = NULL;
    unsigned long len = 0;
    uint8_t row[SIDE];
    struct lat_buf out = {0};
    static const jpeg_scan_info scans[2] = {{1, {0}, 0, 0, 0, 0}, {1, {0}, 1, 63, 0, 0}};
    for (size_t i = 0; i < sizeof(row); i++)
        row[i] = (uint8_t)(i * 16);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &len);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = 1;
    jpeg.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg.scan_info = scans;
    jpeg.num_scans = 2;
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < SIDE)
        jpeg_write_scanlines(&jpeg, (JSAMPROW[1]){row}, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    size_t last = 0;
    for (size_t i = 0; i + 1 < len; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == 0xda)
            last = i;
    lat_buf_append(&out, bytes, len - 2);
    for (int i = 2; i < n_scans; i++)
        lat_buf_append(&out, bytes + last, len - 2 - last);
    lat_buf_append(&out, "\xff\xd9", 2);
    free(bytes);
    return out;
}

Test(image_jpeg, scans_without_end_are_refused)
{
    struct lat_image image;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf few = many_scans(2), many = many_scans(5000);
    cr_assert(lat_image_decode(few.data, few.len, NULL, &image, &err) == LAT_OK, "%s",
              err.message);
    lat_image_release(&image);
    cr_assert_eq(lat_image_decode(many.data, many.len, NULL, &image, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "bad_image");
    lat_buf_release(&many);
    lat_buf_release(&few);
}
