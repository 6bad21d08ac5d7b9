/* JPEG through libjpeg-turbo: gray, YCbCr, RGB, CMYK and YCCK, baseline and progressive.
 *
 * libjpeg reports errors by a callback that may not return, so every call into it runs inside
 * `guarded`, whose setjmp is the only one: the job's state lives in a struct behind a pointer,
 * never in locals that the jump could clobber. Damage that libjpeg would paint over (a cut
 * file, a bad code) is an error here; harmless oddities (stray bytes between markers) are not.
 *
 * A progressive file may hold thousands of scans, each a few bytes long and costing a pass over
 * the whole picture: SCANS_MAX and scanned_max bound the work. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "base/mem.h"
#include "model/image_codecs.h"

#include "base/banned.h"

enum {
    SCANS_MAX = 100, /* a real encoder writes about ten */
    EXIF_HEADER = 6  /* "Exif\0\0" before the TIFF header */
};

/* Pixels passed over in all scans: a picture of the largest size may still have 40. */
static const uint64_t scanned_max = UINT64_C(2000000000);

struct jpeg_job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    const uint8_t *bytes;
    size_t len;
    uint64_t max_pixels;
    struct lat_image *image;
    uint8_t *row;           /* one row of CMYK samples, NULL for others */
    unsigned orientation;   /* read early: finishing forgets the markers */
    enum lat_status status; /* of our own checks, when no jump was made */
    struct lat_error *err;
};

static _Noreturn void give_up(j_common_ptr jpeg)
{
    struct jpeg_job *job = jpeg->client_data;
    char words[JMSG_LENGTH_MAX];
    const int code = jpeg->err->msg_code;
    if (code == JERR_OUT_OF_MEMORY) {
        job->status = lat_fail_memory(job->err);
    } else if (code == JERR_IMAGE_TOO_BIG &&
               lat_image_check_size(job->jpeg.image_width, job->jpeg.image_height,
                                    job->max_pixels, job->err) == LAT_TOO_LARGE) {
        job->status = LAT_TOO_LARGE;
    } else {
        jpeg->err->format_message(jpeg, words);
        job->status = lat_image_bad(job->err, words);
    }
    longjmp(job->jump, 1);
}

static void warn(j_common_ptr jpeg, int level)
{
    if (level >= 0)
        return;
    switch (jpeg->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
        return;
    default:
        give_up(jpeg);
    }
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void count_scans(j_common_ptr common)
{
    struct jpeg_job *job = common->client_data;
    const uint64_t pixels = (uint64_t)job->jpeg.image_width * job->jpeg.image_height;
    const uint64_t scans = (uint64_t)job->jpeg.input_scan_number;
    if (scans <= SCANS_MAX && scans * pixels <= scanned_max)
        return;
    job->status = lat_image_bad(job->err, "more scans than any picture needs");
    longjmp(job->jump, 1);
}

/* Runs `step`; false when libjpeg gave up in it. job->status says how it went in both cases. */
static bool guarded(struct jpeg_job *job, void (*step)(struct jpeg_job *))
{
    if (setjmp(job->jump))
        return false;
    step(job);
    return job->status == LAT_OK;
}

static unsigned orientation_of(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > EXIF_HEADER &&
            memcmp(m->data, "Exif\0", EXIF_HEADER) == 0)
            return lat_exif_orientation(m->data + EXIF_HEADER, m->data_length - EXIF_HEADER);
    return 1;
}

static void read_header(struct jpeg_job *job)
{
    jpeg_create_decompress(&job->jpeg);
    job->progress.progress_monitor = count_scans;
    job->jpeg.progress = &job->progress;
    jpeg_mem_src(&job->jpeg, job->bytes, job->len);
    jpeg_save_markers(&job->jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&job->jpeg, TRUE);
    job->orientation = orientation_of(&job->jpeg);
    job->status = lat_image_check_size(job->jpeg.image_width, job->jpeg.image_height,
                                       job->max_pixels, job->err);
}

/* What libjpeg is asked for, and how many channels become of it. */
static uint32_t choose_colors(struct jpeg_decompress_struct *jpeg)
{
    const J_COLOR_SPACE stored = jpeg->jpeg_color_space;
    if (stored == JCS_GRAYSCALE) {
        jpeg->out_color_space = JCS_GRAYSCALE;
        return 1;
    }
    if (stored == JCS_CMYK || stored == JCS_YCCK)
        jpeg->out_color_space = JCS_CMYK;
    else if (stored == JCS_RGB || stored == JCS_YCbCr)
        jpeg->out_color_space = JCS_RGB;
    else
        return 0;
    return 3;
}

/* Adobe stores CMYK inverted (255 = no ink), the standard the other way round. */
static void cmyk_to_rgb(const uint8_t *cmyk, uint32_t width, bool inverted, uint8_t *rgb)
{
    const unsigned flip = inverted ? 0 : 255;
    for (uint32_t x = 0; x < width; x++)
        for (int c = 0; c < 3; c++)
            rgb[3 * x + c] = lat_image_scale8(cmyk[4 * x + c] ^ flip, cmyk[4 * x + 3] ^ flip);
}

static void read_rows(struct jpeg_job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    const size_t row_len = (size_t)job->image->width * job->image->channels;
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *out = job->image->pixels + jpeg->output_scanline * row_len;
        JSAMPROW rows[1] = {job->row ? job->row : out};
        if (jpeg_read_scanlines(jpeg, rows, 1) == 1 && job->row)
            cmyk_to_rgb(job->row, job->image->width, jpeg->saw_Adobe_marker, out);
    }
}

static void read_pixels(struct jpeg_job *job)
{
    struct jpeg_decompress_struct *jpeg = &job->jpeg;
    const uint32_t channels = choose_colors(jpeg);
    if (channels == 0) {
        job->status = lat_image_bad(job->err, "unknown colour space");
        return;
    }
    job->status = lat_image_allocate(job->image, jpeg->image_width, jpeg->image_height,
                                     channels, job->max_pixels, job->err);
    if (job->status != LAT_OK)
        return;
    if (jpeg->out_color_space == JCS_CMYK &&
        !(job->row = lat_alloc_raw(jpeg->image_width, 4))) {
        job->status = lat_fail_memory(job->err);
        return;
    }
    jpeg_start_decompress(jpeg);
    read_rows(job);
    jpeg_finish_decompress(jpeg);
}

static enum lat_status decode(const uint8_t *bytes, size_t len, uint64_t max_pixels,
                              struct lat_image *image, struct lat_error *err)
{
    struct jpeg_job job = {
        .bytes = bytes, .len = len, .max_pixels = max_pixels, .image = image, .err = err};
    job.jpeg.err = jpeg_std_error(&job.errors);
    job.jpeg.client_data = &job;
    job.errors.error_exit = give_up;
    job.errors.emit_message = warn;
    job.errors.output_message = say_nothing;
    if (guarded(&job, read_header) && guarded(&job, read_pixels))
        job.status = lat_image_orient(image, job.orientation, err);
    jpeg_destroy_decompress(&job.jpeg);
    lat_free(job.row);
    return job.status;
}

static bool matches(const uint8_t *bytes, size_t len)
{
    return len >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

const struct lat_image_codec lat_image_codec_jpeg = {LAT_IMAGE_JPEG, "JPEG", "image/jpeg",
                                                     matches, decode};
