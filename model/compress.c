/* A trial is one grid: the code rounded to it, told as bytes, decoded and compared. Rates fall
 * and errors grow with the step, so a goal is found by bisection on a fixed row of steps, 16 an
 * octave, and the one that is kept has itself been tried. */
#include "model/compress.h"

#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "model/code_numbers.h"
#include "model/code_planes.h"
#include "model/compressor.h"
#include "model/preprocess.h"

#include "base/banned.h"

enum { STEPS_AN_OCTAVE = 16, OCTAVES = 22, STEPS = STEPS_AN_OCTAVE * OCTAVES + 1 };

/* 65536 * 2^(i / 16), rounded. */
static const uint64_t octave[STEPS_AN_OCTAVE] = {65536,  68438,  71468,  74632, 77936,  81386,
                                                 84990,  88752,  92682,  96785, 101070, 105545,
                                                 110218, 115098, 120194, 125515};

/* The i-th step in units of 2^-16, from 1 of them to 2^22. */
static uint32_t step_at(int i)
{
    return (uint32_t)(octave[i % STEPS_AN_OCTAVE] << (i / STEPS_AN_OCTAVE) >> 16);
}

/* What is compressed, and the trial under way. */
struct subject {
    const struct lat_model *model;
    const struct lat_prior *prior;
    size_t n, width;        /* channels, numbers in each */
    size_t height, columns; /* pictures: places */
    const float *code;
    int32_t *q;     /* [n][width] */
    float *rounded; /* [n][width] */
    double pixels;  /* what bits are counted on */
    struct lat_code_stream head;
    struct lat_buf payload, bytes;
    const struct lat_image *image; /* pictures */
    uint8_t *shown;                /* pictures: as decoded */
    const float *row;              /* others */
    float *decoded;
    const struct lat_code_runner *runner;
    uint64_t deadline_ns;
    struct lat_compress_facts facts;
};

/* ---- the grid ---- */

static const struct lat_prior_channel *channel_of(const struct lat_prior *prior, size_t c)
{
    return &prior->channels[c < prior->n ? c : prior->n - 1];
}

static int32_t to_whole(float value)
{
    const float most = (float)LAT_CODE_MOST;
    return (int32_t)lrintf(value > most ? most : value < -most ? -most : value);
}

static void round_code(const struct lat_prior *prior, uint32_t step, const float *code,
                       size_t n, size_t width, int32_t *out_q)
{
    for (size_t c = 0; c < n; c++) {
        const struct lat_prior_channel *channel = channel_of(prior, c);
        const float grid = channel->unit * (float)step / LAT_PRIOR_ONE;
        for (size_t i = c * width; i < (c + 1) * width; i++)
            out_q[i] = to_whole((code[i] - channel->center) / grid);
    }
}

static void restore_code(const struct lat_prior *prior, uint32_t step, const int32_t *q,
                         size_t n, size_t width, float *out_code)
{
    for (size_t c = 0; c < n; c++) {
        const struct lat_prior_channel *channel = channel_of(prior, c);
        const float grid = channel->unit * (float)step / LAT_PRIOR_ONE;
        for (size_t i = c * width; i < (c + 1) * width; i++)
            out_code[i] = channel->center + (float)q[i] * grid;
    }
}

/* ---- a trial ---- */

static enum lat_status tell(struct subject *subject, uint32_t step, struct lat_error *err)
{
    enum lat_status status;
    lat_buf_clear(&subject->payload);
    lat_buf_clear(&subject->bytes);
    round_code(subject->prior, step, subject->code, subject->n, subject->width, subject->q);
    status = subject->image
                 ? lat_planes_write(subject->prior, step, subject->q, subject->height,
                                    subject->columns, &subject->payload, err)
                 : lat_numbers_write(subject->prior, step, subject->q, subject->n,
                                     &subject->payload, err);
    if (status != LAT_OK)
        return status;
    subject->head.step = step;
    subject->head.payload = (const uint8_t *)subject->payload.data;
    subject->head.len = subject->payload.len;
    lat_code_stream_write(&subject->head, &subject->bytes);
    subject->facts.step = (double)step / LAT_PRIOR_ONE;
    subject->facts.len = subject->bytes.len;
    subject->facts.bits_per_pixel = 8 * (double)subject->bytes.len / subject->pixels;
    return lat_buf_check(&subject->bytes, err);
}

/* Mean squared difference of pixels in [0,1]. */
static double pixel_error(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const int difference = (int)a[i] - (int)b[i];
        sum += (uint64_t)(difference * difference);
    }
    return (double)sum / (double)n / (255.0 * 255.0);
}

static double psnr_of(double error)
{
    return error > 0 ? -10 * log10(error) : (double)INFINITY;
}

static enum lat_status compare_picture(struct subject *subject, struct lat_error *err)
{
    const struct lat_image *image = subject->image;
    const enum lat_status status = lat_transform_synthesise(
        &subject->model->compressor->transform, subject->rounded, image->width, image->height,
        subject->deadline_ns, subject->shown, err);
    if (status != LAT_OK)
        return status;
    const size_t n = (size_t)image->width * image->height * image->channels;
    subject->facts.error = pixel_error(image->pixels, subject->shown, n);
    subject->facts.psnr = psnr_of(subject->facts.error);
    return LAT_OK;
}

/* Pictures are compared as people see them, rounded to 8 bits. */
static enum lat_status compare_row(struct subject *subject, struct lat_error *err)
{
    const struct lat_input_spec *input = &subject->model->manifest.input;
    const size_t elements = lat_input_elements(input);
    float error = 0;
    const enum lat_status status = subject->runner->decode(
        subject->runner->context, subject->rounded, subject->decoded, err);
    if (status != LAT_OK)
        return status;
    lat_model_errors(subject->model, subject->row, subject->decoded, 1, &error);
    subject->facts.error = (double)error;
    subject->facts.psnr = (double)NAN;
    if (input->kind != LAT_INPUT_IMAGE)
        return LAT_OK;
    lat_preprocess_to_pixels(input, subject->row, subject->shown);
    lat_preprocess_to_pixels(input, subject->decoded, subject->shown + elements);
    subject->facts.psnr =
        psnr_of(pixel_error(subject->shown, subject->shown + elements, elements));
    return LAT_OK;
}

/* After tell(). */
static enum lat_status compare(struct subject *subject, struct lat_error *err)
{
    restore_code(subject->prior, subject->head.step, subject->q, subject->n, subject->width,
                 subject->rounded);
    return subject->image ? compare_picture(subject, err) : compare_row(subject, err);
}

/* ---- the goal ---- */

/* Whether the grid of step `i` keeps what is asked for. */
static enum lat_status try_step(struct subject *subject, const struct lat_compress_goal *goal,
                                int i, bool *out_kept, struct lat_error *err)
{
    if (subject->deadline_ns && lat_clock_ns() > subject->deadline_ns)
        return lat_fail(err, LAT_UNAVAILABLE, "deadline_exceeded",
                        "no grid was found in the time of a request");
    enum lat_status status = tell(subject, step_at(i), err);
    if (status == LAT_OK && goal->psnr > 0)
        status = compare(subject, err);
    *out_kept = goal->psnr > 0 ? subject->facts.psnr >= goal->psnr
                               : subject->facts.bits_per_pixel <= goal->bits_per_pixel;
    return status;
}

static enum lat_status refuse_goal(const struct subject *subject,
                                   const struct lat_compress_goal *goal, struct lat_error *err)
{
    const bool psnr = goal->psnr > 0;
    const double best = psnr ? subject->facts.psnr : subject->facts.bits_per_pixel;
    char expected[32], got[32];
    snprintf(expected, sizeof(expected), "%g", psnr ? goal->psnr : goal->bits_per_pixel);
    snprintf(got, sizeof(got), "%.4g", best);
    lat_fail(err, LAT_INVALID, "out_of_reach",
             "model '%s' reaches %s %s for this input, not %s", subject->model->reference, got,
             psnr ? "dB" : "bits per pixel", expected);
    lat_error_expected(err, expected, got);
    return LAT_INVALID;
}

/* For a rate the finest, for a quality the coarsest that keeps it. */
static enum lat_status search(struct subject *subject, const struct lat_compress_goal *goal,
                              uint32_t *out_step, struct lat_error *err)
{
    const bool psnr = goal->psnr > 0;
    int keeps = psnr ? 0 : STEPS - 1, fails = psnr ? STEPS : -1;
    bool kept = false;
    enum lat_status status = try_step(subject, goal, keeps, &kept, err);
    if (status == LAT_OK && !kept)
        return refuse_goal(subject, goal, err);
    while (status == LAT_OK && (keeps - fails > 1 || fails - keeps > 1)) {
        const int middle = (keeps + fails) / 2;
        status = try_step(subject, goal, middle, &kept, err);
        *(kept ? &keeps : &fails) = middle;
    }
    *out_step = step_at(keeps);
    return status;
}

static enum lat_status wrong_option(const char *words, struct lat_error *err)
{
    return lat_fail(err, LAT_INVALID, "wrong_option", "%s", words);
}

static enum lat_status choose_step(struct subject *subject,
                                   const struct lat_compress_goal *goal, uint32_t *out_step,
                                   struct lat_error *err)
{
    const bool picture = subject->image != NULL;
    if ((goal->bits > 0) + (goal->step > 0) + (goal->bits_per_pixel > 0) + (goal->psnr > 0) > 1)
        return wrong_option("one of bits, step, bits_per_pixel and psnr, not several", err);
    if (picture && goal->bits)
        return wrong_option("this model's code is a picture: it has a step, not bits", err);
    if (!picture && goal->step > 0)
        return wrong_option("this model's code has bits, not a step", err);
    if (goal->psnr > 0 && subject->model->manifest.input.kind != LAT_INPUT_IMAGE)
        return wrong_option("a PSNR is of pictures; this model takes none", err);
    if (goal->bits_per_pixel > 0 || goal->psnr > 0)
        return search(subject, goal, out_step, err);
    if (goal->step > 0)
        *out_step = (uint32_t)lrint(goal->step * LAT_PRIOR_ONE);
    else if (picture)
        *out_step = LAT_PRIOR_ONE;
    else
        *out_step = LAT_PRIOR_ONE >> (goal->bits ? goal->bits : LAT_COMPRESS_BITS);
    return *out_step ? LAT_OK : wrong_option("the step is too small", err);
}

static enum lat_status compress(struct subject *subject, const struct lat_compress_goal *goal,
                                struct lat_buf *out, struct lat_compress_facts *out_facts,
                                struct lat_error *err)
{
    uint32_t step = 0;
    subject->head.digest = subject->model->compressor->digest;
    snprintf(subject->head.reference, sizeof(subject->head.reference), "%s",
             subject->model->reference);
    enum lat_status status = choose_step(subject, goal, &step, err);
    if (status == LAT_OK)
        status = tell(subject, step, err);
    if (status == LAT_OK)
        status = compare(subject, err);
    if (status != LAT_OK)
        return status;
    lat_buf_append(out, subject->bytes.data, subject->bytes.len);
    *out_facts = subject->facts;
    return lat_buf_check(out, err);
}

static void release(struct subject *subject)
{
    lat_free(subject->q);
    lat_free(subject->rounded);
    lat_free(subject->shown);
    lat_free(subject->decoded);
    lat_buf_release(&subject->payload);
    lat_buf_release(&subject->bytes);
}

/* ---- rows ---- */

/* The prior of the package, or one made for this code. */
static enum lat_status prior_of(const struct lat_model *model, const float *code, size_t n,
                                struct lat_prior *plain, struct subject *subject,
                                struct lat_error *err)
{
    float unit = 0;
    subject->prior = &model->compressor->prior;
    subject->head.kind = LAT_STREAM_NUMBERS;
    if (subject->prior->n > 0)
        return LAT_OK;
    for (size_t i = 0; i < n; i++)
        unit = fabsf(code[i]) > unit ? fabsf(code[i]) : unit;
    subject->head.kind = LAT_STREAM_PLAIN;
    subject->head.unit = unit > 0 ? 2 * unit : 1; /* so that `bits` cut [-unit, unit] */
    subject->prior = plain;
    return lat_prior_plain(subject->head.unit, plain, err);
}

enum lat_status lat_compress_row(const struct lat_model *model, const float *row,
                                 const float *code, const struct lat_compress_goal *goal,
                                 const struct lat_code_runner *runner, struct lat_buf *out,
                                 struct lat_compress_facts *out_facts, struct lat_error *err)
{
    const struct lat_input_spec *input = &model->manifest.input;
    const size_t elements = lat_input_elements(input), n = model->manifest.code_dimension;
    struct lat_prior plain = {0};
    struct subject subject = {.model = model,
                              .n = n,
                              .width = 1,
                              .code = code,
                              .row = row,
                              .runner = runner,
                              .head.n = (uint32_t)n};
    subject.pixels = input->kind == LAT_INPUT_IMAGE ? (double)input->width * input->height
                                                    : (double)elements;
    subject.q = lat_alloc_raw(n, sizeof(*subject.q));
    subject.rounded = lat_alloc_raw(n, sizeof(*subject.rounded));
    subject.decoded = lat_alloc_raw(elements, sizeof(*subject.decoded));
    subject.shown = lat_alloc_raw(elements, 2);
    enum lat_status status = LAT_OK;
    if (!subject.q || !subject.rounded || !subject.decoded || !subject.shown)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = prior_of(model, code, n, &plain, &subject, err);
    if (status == LAT_OK)
        status = compress(&subject, goal, out, out_facts, err);
    release(&subject);
    lat_prior_release(&plain);
    return status;
}

/* ---- pictures ---- */

bool lat_model_has_transform(const struct lat_model *model)
{
    return model->compressor && model->compressor->transform.analysis;
}

/* `image` with the channels the model has: itself, or a new one. */
static enum lat_status with_channels(const struct lat_image *image, uint32_t channels,
                                     struct lat_image *scratch, struct lat_error *err)
{
    const size_t n = (size_t)image->width * image->height;
    float *planes = lat_alloc_raw(n * channels, sizeof(*planes));
    uint8_t *pixels = lat_alloc_raw(n * channels, 1);
    enum lat_status status =
        planes && pixels
            ? lat_image_to_planes(image, image->width, image->height, channels, planes, err)
            : lat_fail_memory(err);
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        for (size_t c = 0; c < channels; c++)
            pixels[i * channels + c] = (uint8_t)(planes[c * n + i] * 255.0F + 0.5F);
    lat_free(planes);
    if (status == LAT_OK)
        *scratch = (struct lat_image){image->width, image->height, channels, pixels};
    else
        lat_free(pixels);
    return status;
}

static enum lat_status
compress_channels(const struct lat_model *model, const struct lat_image *image,
                  const struct lat_compress_goal *goal, struct lat_buf *out,
                  struct lat_compress_facts *out_facts, struct lat_error *err)
{
    const struct lat_transform *transform = &model->compressor->transform;
    const size_t rows = lat_transform_places(transform, image->height);
    const size_t columns = lat_transform_places(transform, image->width);
    const size_t n = transform->maps * rows * columns;
    struct subject subject = {.model = model,
                              .prior = &model->compressor->prior,
                              .n = transform->maps,
                              .width = rows * columns,
                              .height = rows,
                              .columns = columns,
                              .image = image,
                              .pixels = (double)image->width * image->height,
                              .deadline_ns = goal->deadline_ns};
    subject.head = (struct lat_code_stream){
        .kind = LAT_STREAM_PICTURE, .width = image->width, .height = image->height};
    float *code = lat_alloc_raw(n, sizeof(*code));
    subject.code = code;
    subject.q = lat_alloc_raw(n, sizeof(*subject.q));
    subject.rounded = lat_alloc_raw(n, sizeof(*subject.rounded));
    subject.shown = lat_alloc_raw((size_t)image->width * image->height, image->channels);
    enum lat_status status = LAT_OK;
    if (!code || !subject.q || !subject.rounded || !subject.shown)
        status = lat_fail_memory(err);
    if (status == LAT_OK)
        status = lat_transform_analyse(transform, image->pixels, image->width, image->height,
                                       goal->deadline_ns, code, err);
    if (status == LAT_OK)
        status = compress(&subject, goal, out, out_facts, err);
    release(&subject);
    lat_free(code);
    return status;
}

enum lat_status lat_compress_picture(const struct lat_model *model,
                                     const struct lat_image *image,
                                     const struct lat_compress_goal *goal, struct lat_buf *out,
                                     struct lat_compress_facts *out_facts,
                                     struct lat_error *err)
{
    struct lat_image scratch = {0};
    const uint32_t channels = model->manifest.input.channels;
    enum lat_status status = LAT_OK;
    if (image->channels != channels)
        status = with_channels(image, channels, &scratch, err);
    if (status == LAT_OK)
        status = compress_channels(model, scratch.pixels ? &scratch : image, goal, out,
                                   out_facts, err);
    lat_image_release(&scratch);
    return status;
}
