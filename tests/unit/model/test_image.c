#include <criterion/criterion.h>
#include <string.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "model/image.h"
#include "model/image_codecs.h"
#include "tests/support/support.h"
#include "tests/unit/model/pictures.h"

static enum lat_status decode(const struct lat_buf *bytes, struct lat_image *out,
                              struct lat_error *err)
{
    return lat_image_decode(bytes->data, bytes->len, NULL, out, err);
}

/* JPEG and lossy WebP: the same library may take another path through its arithmetic. */
static int tolerance(const char *name)
{
    return strstr(name, ".jpg") || strstr(name, "lossy") ? 3 : strstr(name, ".webp") ? 1 : 0;
}

static void all_decode_to_their_pixels(const char *ending, int least)
{
    int n = 0;
    for (const char *const *name = picture_names(ending); *name; name++, n++) {
        struct lat_buf bytes = picture_file(*name);
        struct lat_image want = picture_expected(*name), got = {0};
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert(decode(&bytes, &got, &err) == LAT_OK, "%s: %s", *name, err.message);
        const int distance = picture_distance(&want, &got);
        cr_expect(distance <= tolerance(*name), "%s: pixels differ by %d", *name, distance);
        lat_image_release(&got);
        lat_image_release(&want);
        lat_buf_release(&bytes);
    }
    cr_assert(n >= least, "only %d files", n);
}

Test(image, every_kind_of_png_gives_its_pixels)
{
    all_decode_to_their_pixels(".png", 40);
}

Test(image, every_kind_of_jpeg_and_orientation_gives_its_pixels)
{
    all_decode_to_their_pixels(".jpg", 13);
}

Test(image, every_kind_of_webp_gives_its_pixels)
{
    all_decode_to_their_pixels(".webp", 5);
}

Test(image, every_kind_of_gif_gives_its_first_frame)
{
    all_decode_to_their_pixels(".gif", 5);
}

Test(image, a_file_cut_anywhere_is_refused)
{
    for (const char *const *name = picture_names(""); *name; name++) {
        struct lat_buf bytes = picture_file(*name);
        /* Cut in a block of its own size, so that reading past the cut is seen. Nobody reads an
         * animation past its first frame, nor the checksum of a PNG's empty last chunk. */
        const size_t unread = strstr(*name, "animated.gif") ? 1000
                              : strstr(*name, ".png")       ? 4
                                                            : 0;
        const size_t whole = bytes.len - unread;
        for (size_t len = 0; len < whole; len++) {
            char *cut = lat_alloc_raw(len, 1);
            memcpy(cut, bytes.data, len);
            struct lat_image image;
            struct lat_error err = LAT_ERROR_INIT;
            const enum lat_status status = lat_image_decode(cut, len, NULL, &image, &err);
            const bool sniffed = lat_image_sniff(cut, len) != LAT_IMAGE_UNKNOWN;
            cr_expect(status == (sniffed ? LAT_INVALID : LAT_UNSUPPORTED_TYPE),
                      "%s cut at %zu: %s", *name, len, err.message);
            if (status == LAT_OK)
                lat_image_release(&image);
            else if (sniffed)
                cr_expect_str_eq(err.code, "bad_image");
            lat_free(cut);
        }
        lat_buf_release(&bytes);
    }
}

Test(image, any_flipped_byte_is_refused_or_decoded_never_worse)
{
    for (const char *const *name = picture_names(""); *name; name++) {
        struct lat_buf bytes = picture_file(*name);
        for (size_t i = 0; i < bytes.len; i++) {
            struct lat_image image;
            struct lat_error err = LAT_ERROR_INIT;
            const struct lat_image_limits limits = {.max_pixels = 1000000};
            bytes.data[i] = (char)(bytes.data[i] ^ (1 << (i % 8)));
            const enum lat_status status =
                lat_image_decode(bytes.data, bytes.len, &limits, &image, &err);
            bytes.data[i] = (char)(bytes.data[i] ^ (1 << (i % 8)));
            if (status == LAT_OK)
                lat_image_release(&image);
            else
                cr_expect(status == LAT_INVALID || status == LAT_TOO_LARGE ||
                              status == LAT_UNSUPPORTED_TYPE,
                          "%s, byte %zu: %s", *name, i, err.message);
        }
        lat_buf_release(&bytes);
    }
}

Test(image, formats_are_known_by_their_first_bytes)
{
    static const struct {
        const char *name, *mime;
        enum lat_image_format format;
    } cases[] = {{"rgb8.png", "image/png", LAT_IMAGE_PNG},
                 {"rgb444.jpg", "image/jpeg", LAT_IMAGE_JPEG},
                 {"rgb.webp", "image/webp", LAT_IMAGE_WEBP},
                 {"plain.gif", "image/gif", LAT_IMAGE_GIF}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_buf bytes = picture_file(cases[i].name);
        cr_assert_eq(lat_image_sniff(bytes.data, bytes.len), cases[i].format);
        cr_assert_str_eq(lat_image_mime(cases[i].format), cases[i].mime);
        lat_buf_release(&bytes);
    }
    cr_assert_eq(lat_image_sniff("BM", 2), LAT_IMAGE_UNKNOWN);
    cr_assert_eq(lat_image_sniff("", 0), LAT_IMAGE_UNKNOWN);
    cr_assert_str_eq(lat_image_mime(LAT_IMAGE_UNKNOWN), "application/octet-stream");
}

Test(image, what_is_no_picture_is_of_an_unsupported_type)
{
    struct lat_image image;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_image_decode("%PDF-1.7 hello", 14, NULL, &image, &err),
                 LAT_UNSUPPORTED_TYPE);
    cr_assert_eq(lat_image_decode("", 0, NULL, &image, NULL), LAT_UNSUPPORTED_TYPE);
}

static long peak_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

Test(image, a_bomb_is_refused_by_its_header_without_memory)
{
    struct lat_buf png = picture_png_claiming(100000, 100000);
    /* Frame header of 65500 x 65500, three components. */
    static const char jpeg[] =
        "\xff\xd8\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\x03\x01\x11\0\x02\x11\0"
        "\x03\x11\0\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0";
    static const char larger[] =
        "\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03\x01\x11\0\x02\x11\0"
        "\x03\x11\0\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0";
    static const char gif[] = "GIF89a\xff\xff\xff\xff\x80\0\0\1\2\3\4\5\6,\0\0\0\0\1\0\1\0\0\2";
    /* Lossless, 16383 x 16383. */
    static const char webp[] = "RIFF\x12\0\0\0WEBPVP8L\6\0\0\0\x2f\xff\xbf\xff\x0f\0";
    const struct {
        const char *bytes;
        size_t len;
    } bombs[] = {{png.data, png.len},
                 {jpeg, sizeof(jpeg) - 1},
                 {larger, sizeof(larger) - 1},
                 {gif, sizeof(gif) - 1},
                 {webp, sizeof(webp) - 1}};
    const long before = peak_kb();
    for (size_t i = 0; i < LAT_ARRAY_LEN(bombs); i++) {
        struct lat_image image;
        struct lat_error err = LAT_ERROR_INIT;
        const enum lat_status status =
            lat_image_decode(bombs[i].bytes, bombs[i].len, NULL, &image, &err);
        cr_assert(status == LAT_TOO_LARGE, "bomb %zu: %s", i, err.message);
        cr_assert_str_eq(err.code, "image_too_large");
        cr_assert_str_eq(err.expected, "at most 50000000 pixels");
        cr_assert(strlen(err.got) > 0);
    }
    cr_assert_lt(peak_kb() - before, 4096, "refusing took %ld kB", peak_kb() - before);
    lat_buf_release(&png);
}

Test(image, the_limit_counts_pixels_and_is_inclusive)
{
    struct lat_buf bytes = picture_file("rgb8.png"); /* 11 x 7 */
    struct lat_image image;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_image_limits limits = {.max_pixels = 77};
    cr_assert_eq(lat_image_decode(bytes.data, bytes.len, &limits, &image, NULL), LAT_OK);
    lat_image_release(&image);
    limits.max_pixels = 76;
    cr_assert_eq(lat_image_decode(bytes.data, bytes.len, &limits, &image, &err), LAT_TOO_LARGE);
    cr_assert_str_eq(err.got, "11 x 7");
    lat_buf_release(&bytes);
}

Test(image, a_lying_size_without_the_data_for_it_costs_no_memory)
{
    struct lat_buf png = picture_png_claiming(7000, 7000); /* 49 of 50 megapixels */
    struct lat_image image;
    struct lat_error err = LAT_ERROR_INIT;
    const long before = peak_kb();
    cr_assert_eq(decode(&png, &image, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "bad_image");
    cr_assert_lt(peak_kb() - before, 32768);
    lat_buf_release(&png);
}

Test(image, a_gif_frame_outside_its_canvas_is_refused)
{
    struct lat_buf gif = picture_file("offset.gif");
    struct lat_image image;
    struct lat_error err = LAT_ERROR_INIT;
    gif.data[6] = 2; /* the canvas: 2 pixels wide, the frame ends at 3 */
    cr_assert_eq(decode(&gif, &image, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "outside its canvas"));
    lat_buf_release(&gif);
}

Test(image, exif_data_is_read_within_its_bounds)
{
    static const uint8_t little[] = "II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0";
    static const uint8_t big[] = "MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x08\0\0\0\0\0\0";
    uint8_t changed[sizeof(little)];
    cr_assert_eq(lat_exif_orientation(little, sizeof(little)), 6u);
    cr_assert_eq(lat_exif_orientation(big, sizeof(big)), 8u);
    for (size_t len = 0; len < 22; len++)
        cr_assert_eq(lat_exif_orientation(little, len), 1u);
    for (size_t at = 0; at < sizeof(little); at++)
        for (int value = 0; value < 256; value++) {
            memcpy(changed, little, sizeof(little));
            changed[at] = (uint8_t)value;
            const unsigned orientation = lat_exif_orientation(changed, sizeof(changed));
            cr_assert(orientation >= 1 && orientation <= 8);
        }
}

Test(image, eight_orientations_of_a_two_by_three_picture)
{
    /* What is upright is "abcdef" in rows of two; stored as each orientation says. */
    static const char *const stored[9] = {NULL,     "abcdef", "badcfe", "fedcba", "efcdab",
                                          "acebdf", "bdface", "fdbeca", "ecafdb"};
    for (unsigned orientation = 1; orientation <= 8; orientation++) {
        struct lat_image image = {.width = orientation < 5 ? 2 : 3,
                                  .height = orientation < 5 ? 3 : 2,
                                  .channels = 1,
                                  .pixels = lat_alloc(6, 1)};
        memcpy(image.pixels, stored[orientation], 6);
        cr_assert_eq(lat_image_orient(&image, orientation, NULL), LAT_OK);
        cr_assert_eq(image.width, 2u);
        cr_assert(memcmp(image.pixels, "abcdef", 6) == 0, "orientation %u gives %.6s",
                  orientation, (const char *)image.pixels);
        lat_image_release(&image);
    }
}

Test(image, png_written_is_png_read)
{
    for (uint32_t channels = 1; channels <= 3; channels += 2) {
        uint8_t pixels[5 * 4 * 3];
        struct lat_buf out = {0};
        for (size_t i = 0; i < sizeof(pixels); i++)
            pixels[i] = (uint8_t)(i * 41);
        cr_assert_eq(lat_image_encode_png(pixels, 5, 4, channels, &out, NULL), LAT_OK);
        struct lat_image want = {5, 4, channels, pixels}, got = {0};
        cr_assert_eq(decode(&out, &got, NULL), LAT_OK);
        cr_assert_eq(picture_distance(&want, &got), 0);
        lat_image_release(&got);
        lat_buf_release(&out);
    }
    struct lat_buf none = {0};
    cr_assert_eq(lat_image_encode_png((const uint8_t *)"", 1, 1, 2, &none, NULL), LAT_INVALID);
}

static enum lat_status decode_once(void *context, struct lat_error *err)
{
    struct lat_image image = {0};
    const enum lat_status status = decode(context, &image, err);
    lat_image_release(&image);
    return status;
}

Test(image, every_allocation_of_decoding_may_fail)
{
    static const char *const names[] = {"rgb8.png",         "palette8_alpha.png", "rgba16.png",
                                        "orientation6.jpg", "cmyk.jpg",           "rgba.webp",
                                        "animated.webp",    "transparent.gif"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++) {
        struct lat_buf bytes = picture_file(names[i]);
        TEST_TORTURE(decode_once, &bytes);
        lat_buf_release(&bytes);
    }
}

static enum lat_status encode_once(void *context, struct lat_error *err)
{
    struct lat_buf out = {0};
    const enum lat_status status = lat_image_encode_png(context, 16, 16, 3, &out, err);
    lat_buf_release(&out);
    return status;
}

Test(image, every_allocation_of_encoding_may_fail)
{
    uint8_t pixels[16 * 16 * 3] = {0};
    TEST_TORTURE(encode_once, pixels);
}
