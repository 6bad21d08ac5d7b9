/* Codes to bytes and back: the range coder, priors, numbers, planes and the bytes around them.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/code_numbers.h"
#include "model/code_planes.h"
#include "model/code_stream.h"
#include "model/range_coder.h"

enum { N = 20000, CHANNELS = 6, SIDE = 24, PLACES = SIDE * SIDE };

/* ---- the range coder ---- */

static uint32_t chance_of(struct lat_rng *rng)
{
    static const uint32_t kinds[] = {1, 12, 700, 32768, 65000, 65535};
    return kinds[lat_rng_below(rng, 6)];
}

Test(model, bits_of_any_chance_come_back)
{
    struct lat_buf out = {0};
    struct lat_range_writer writer;
    struct lat_range_reader reader;
    struct lat_rng rng;
    lat_buf_text(&out, "head");
    lat_range_writer_init(&writer, &out);
    lat_rng_seed(&rng, 1);
    for (int i = 0; i < N; i++) {
        const uint32_t chance = chance_of(&rng);
        lat_range_write_bit(&writer, lat_rng_below(&rng, 65536) < chance, chance);
        lat_range_write_bits(&writer, (uint32_t)lat_rng_next(&rng), (unsigned)i % 33);
    }
    lat_range_writer_finish(&writer);
    cr_assert_eq(memcmp(out.data, "head", 4), 0);
    lat_range_reader_init(&reader, out.data + 4, out.len - 4);
    lat_rng_seed(&rng, 1);
    for (int i = 0; i < N; i++) {
        const uint32_t chance = chance_of(&rng);
        const bool bit = lat_rng_below(&rng, 65536) < chance;
        const unsigned n = (unsigned)i % 33;
        const uint32_t value = (uint32_t)lat_rng_next(&rng);
        cr_assert_eq(lat_range_read_bit(&reader, chance), bit, "bit %d", i);
        cr_assert_eq(lat_range_read_bits(&reader, n), n == 32 ? value : value & ((1U << n) - 1),
                     "bits %d", i);
    }
    lat_buf_release(&out);
}

Test(model, a_carry_runs_through_bytes_already_written)
{
    /* A share at the very end of the interval, again and again, leaves 0xff behind; the last
     * one then runs over. */
    for (int length = 1; length < 60; length++) {
        struct lat_buf out = {0};
        struct lat_range_writer writer;
        struct lat_range_reader reader;
        lat_range_writer_init(&writer, &out);
        for (int i = 0; i < length; i++)
            lat_range_write(&writer, 65535, 1);
        lat_range_write(&writer, 65534, 2);
        lat_range_writer_finish(&writer);
        lat_range_reader_init(&reader, out.data, out.len);
        for (int i = 0; i < length; i++) {
            cr_assert_eq(lat_range_read_place(&reader), 65535);
            lat_range_read_share(&reader, 65535, 1);
        }
        cr_assert_geq(lat_range_read_place(&reader), 65534);
        lat_buf_release(&out);
    }
}

Test(model, a_likely_bit_costs_what_its_chance_says)
{
    struct lat_buf out = {0};
    struct lat_range_writer writer;
    lat_range_writer_init(&writer, &out);
    for (int i = 0; i < 100000; i++)
        lat_range_write_bit(&writer, i % 64 == 0, 1024);
    lat_range_writer_finish(&writer);
    const double p = 1024.0 / 65536;
    const double entropy = -100000.0 / 64 * log2(p) - 100000.0 * 63 / 64 * log2(1 - p);
    cr_assert_float_eq(8.0 * (double)out.len, entropy, 0.001 * entropy + 16);
    lat_buf_release(&out);
}

/* ---- priors ---- */

/* Channel c normal, of deviation 1 + c around c. */
static struct lat_prior normal_prior(size_t channels, float unit)
{
    struct lat_prior prior = {0};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    float *codes = lat_alloc_raw(4000 * channels, sizeof(*codes));
    lat_rng_seed(&rng, 5);
    for (size_t i = 0; i < 4000; i++)
        for (size_t c = 0; c < channels; c++)
            codes[i * channels + c] =
                (float)((double)c + (1.0 + (double)c) * lat_rng_normal(&rng));
    cr_assert_eq(lat_prior_fit(codes, 4000, channels, 1, unit, &prior, &err), LAT_OK, "%s",
                 err.message);
    lat_free(codes);
    return prior;
}

Test(model, a_prior_knows_what_it_counted)
{
    struct lat_prior prior = normal_prior(2, 1);
    const double at[] = {-2, -1, 0, 0.5, 1, 3};
    for (size_t i = 0; i < LAT_ARRAY_LEN(at); i++) {
        const double expected = 0.5 * erfc(-at[i] / sqrt(2.0));
        const int64_t edge = (int64_t)(at[i] * 2 * LAT_PRIOR_ONE);
        const double got =
            (double)lat_prior_below(&prior.channels[0], edge) / (double)LAT_PRIOR_WHOLE;
        cr_expect_float_eq(got, expected, 0.02, "below %g: %g, not %g", at[i], got, expected);
    }
    cr_assert_eq(lat_prior_below(&prior.channels[0], INT64_MIN / 4), 0);
    cr_assert_eq(lat_prior_below(&prior.channels[0], INT64_MAX / 4), LAT_PRIOR_WHOLE);
    uint32_t last = 0;
    for (int64_t edge = -20 * LAT_PRIOR_ONE; edge < 20 * LAT_PRIOR_ONE; edge += 999) {
        const uint32_t now = lat_prior_below(&prior.channels[1], edge);
        cr_assert_geq(now, last);
        last = now;
    }
    lat_prior_release(&prior);
}

Test(model, a_prior_survives_its_file_and_refuses_a_damaged_one)
{
    struct lat_prior prior = normal_prior(3, 0), again = {0};
    struct lat_buf file = {0};
    struct lat_error err = LAT_ERROR_INIT;
    lat_prior_write(&prior, &file);
    cr_assert_eq(lat_prior_read(file.data, file.len, &again, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(again.n, 3);
    cr_assert_eq(memcmp(again.channels, prior.channels, 3 * sizeof(*again.channels)), 0);
    lat_prior_release(&again);
    for (size_t i = 0; i < file.len; i += 7) {
        file.data[i] = (char)(file.data[i] ^ 16);
        cr_assert_eq(lat_prior_read(file.data, file.len, &again, NULL), LAT_CORRUPT);
        file.data[i] = (char)(file.data[i] ^ 16);
        cr_assert_eq(lat_prior_read(file.data, i, &again, NULL), LAT_CORRUPT);
    }
    lat_buf_release(&file);
    lat_prior_release(&prior);
}

Test(model, a_code_that_never_changes_has_a_prior_too)
{
    const float codes[] = {2, 2, 2, 2};
    struct lat_prior prior = {0};
    struct lat_buf out = {0};
    int32_t q[2] = {0, 7}, got[2];
    cr_assert_eq(lat_prior_fit(codes, 2, 2, 1, 0, &prior, NULL), LAT_OK);
    cr_assert(prior.channels[0].unit > 0);
    cr_assert_eq(lat_numbers_write(&prior, LAT_PRIOR_ONE >> 8, q, 2, &out, NULL), LAT_OK);
    lat_numbers_read(&prior, LAT_PRIOR_ONE >> 8, out.data, out.len, 2, got);
    cr_assert_eq(memcmp(q, got, sizeof(q)), 0);
    lat_buf_release(&out);
    lat_prior_release(&prior);
}

/* ---- numbers ---- */

static void check_numbers(const struct lat_prior *prior, uint32_t step, const int32_t *q,
                          size_t n)
{
    struct lat_buf out = {0};
    int32_t got[64];
    cr_assert_leq(n, 64);
    cr_assert_eq(lat_numbers_write(prior, step, q, n, &out, NULL), LAT_OK);
    lat_numbers_read(prior, step, out.data ? out.data : "", out.len, n, got);
    cr_assert_eq(memcmp(q, got, n * sizeof(*q)), 0, "step %u", step);
    lat_buf_release(&out);
}

Test(model, numbers_come_back_at_every_step_and_however_far_out)
{
    struct lat_prior prior = normal_prior(4, 0);
    const int32_t far[] = {0, 1, -1, 300, -LAT_CODE_MOST, LAT_CODE_MOST, 65536, -4097};
    for (uint32_t step = 1; step < (1U << 22); step = step * 3 + 1)
        for (int turn = 0; turn < 8; turn++) {
            int32_t q[4];
            for (int i = 0; i < 4; i++)
                q[i] = far[(turn + 3 * i) % 8];
            check_numbers(&prior, step, q, 4);
        }
    lat_prior_release(&prior);
}

Test(model, numbers_cost_their_entropy)
{
    struct lat_prior prior = normal_prior(1, 1);
    struct lat_buf out = {0};
    struct lat_rng rng;
    static int32_t q[N], got[N];
    lat_rng_seed(&rng, 11);
    for (int i = 0; i < N; i++)
        q[i] = (int32_t)lrint(lat_rng_normal(&rng) * 16);
    cr_assert_eq(lat_numbers_write(&prior, LAT_PRIOR_ONE / 16, q, N, &out, NULL), LAT_OK);
    lat_numbers_read(&prior, LAT_PRIOR_ONE / 16, out.data, out.len, N, got);
    cr_assert_eq(memcmp(q, got, sizeof(q)), 0);
    const double entropy = 0.5 * log2(2 * 3.14159265 * 2.71828183 * 256);
    cr_assert_float_eq(8.0 * (double)out.len / N, entropy, 0.05);
    lat_buf_release(&out);
    lat_prior_release(&prior);
}

/* ---- planes ---- */

/* Plane 0 a slope, plane 1 empty, the others busy in one corner. */
static void fill_planes(int32_t *q)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (int c = 0; c < CHANNELS; c++)
        for (int y = 0; y < SIDE; y++)
            for (int x = 0; x < SIDE; x++) {
                const double loud = x + y < SIDE ? 3 : 0.2;
                double value = loud * lat_rng_normal(&rng);
                if (c == 0)
                    value = 20.0 * y - 11.0 * x + value / 3;
                q[(c * SIDE + y) * SIDE + x] = c == 1 ? 0 : (int32_t)lrint(value);
            }
}

static struct lat_prior planes_prior(const int32_t *q)
{
    struct lat_prior prior = {0};
    static float codes[CHANNELS * PLACES];
    for (int i = 0; i < CHANNELS * PLACES; i++)
        codes[i] = (float)q[i];
    cr_assert_eq(lat_prior_fit(codes, 1, CHANNELS, PLACES, 1, &prior, NULL), LAT_OK);
    return prior;
}

Test(model, planes_come_back_and_their_neighbours_save_bits)
{
    static int32_t q[CHANNELS * PLACES], got[CHANNELS * PLACES];
    struct lat_buf out = {0}, numbers = {0};
    fill_planes(q);
    struct lat_prior prior = planes_prior(q);
    cr_assert_eq(lat_planes_write(&prior, LAT_PRIOR_ONE, q, SIDE, SIDE, &out, NULL), LAT_OK);
    cr_assert_eq(
        lat_planes_read(&prior, LAT_PRIOR_ONE, out.data, out.len, SIDE, SIDE, got, NULL),
        LAT_OK);
    cr_assert_eq(memcmp(q, got, sizeof(q)), 0);
    for (size_t c = 0; c < CHANNELS; c++) { /* one by one, each with its own prior */
        struct lat_prior one = {.n = 1, .channels = &prior.channels[c]};
        cr_assert_eq(
            lat_numbers_write(&one, LAT_PRIOR_ONE, q + c * PLACES, PLACES, &numbers, NULL),
            LAT_OK);
    }
    cr_assert_lt((double)out.len, 0.75 * (double)numbers.len, "%zu of %zu", out.len,
                 numbers.len);
    lat_buf_release(&out);
    lat_buf_release(&numbers);
    lat_prior_release(&prior);
}

Test(model, planes_of_the_largest_numbers_come_back)
{
    static int32_t q[CHANNELS * PLACES], got[CHANNELS * PLACES];
    struct lat_buf out = {0};
    struct lat_rng rng;
    fill_planes(q);
    struct lat_prior prior = planes_prior(q);
    lat_rng_seed(&rng, 2);
    for (int i = 0; i < CHANNELS * PLACES; i += 1 + (int)lat_rng_below(&rng, 40))
        q[i] = lat_rng_below(&rng, 2) ? LAT_CODE_MOST : -LAT_CODE_MOST;
    cr_assert_eq(lat_planes_write(&prior, 77, q, SIDE, SIDE, &out, NULL), LAT_OK);
    cr_assert_eq(lat_planes_read(&prior, 77, out.data, out.len, SIDE, SIDE, got, NULL), LAT_OK);
    cr_assert_eq(memcmp(q, got, sizeof(q)), 0);
    lat_buf_release(&out);
    lat_prior_release(&prior);
}

Test(model, any_bytes_are_some_planes)
{
    static int32_t q[CHANNELS * PLACES];
    uint8_t bytes[400];
    struct lat_rng rng;
    fill_planes(q);
    struct lat_prior prior = planes_prior(q);
    lat_rng_seed(&rng, 8);
    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)lat_rng_next(&rng);
        cr_assert_eq(
            lat_planes_read(&prior, 1000, bytes, (size_t)turn * 20, SIDE, SIDE, q, NULL),
            LAT_OK);
        for (int i = 0; i < CHANNELS * PLACES; i++)
            cr_assert(q[i] >= -LAT_CODE_MOST && q[i] <= LAT_CODE_MOST);
    }
    lat_prior_release(&prior);
}

/* ---- the bytes around ---- */

static struct lat_code_stream some_stream(enum lat_code_stream_kind kind)
{
    struct lat_code_stream stream = {.kind = kind,
                                     .reference = "shoes@7",
                                     .digest = 0xdeadbeef,
                                     .step = 300,
                                     .payload = (const uint8_t *)"payload",
                                     .len = 7};
    if (kind == LAT_STREAM_PICTURE) {
        stream.width = 640;
        stream.height = 65535;
    } else {
        stream.n = 30;
        stream.unit = kind == LAT_STREAM_PLAIN ? 1.5F : 0;
    }
    return stream;
}

Test(model, a_compressed_input_says_who_made_it_and_how)
{
    for (int kind = 0; kind < LAT_STREAM_KIND_COUNT; kind++) {
        const struct lat_code_stream stream = some_stream((enum lat_code_stream_kind)kind);
        struct lat_code_stream got;
        struct lat_buf out = {0};
        struct lat_error err = LAT_ERROR_INIT;
        lat_code_stream_write(&stream, &out);
        cr_assert_eq(lat_code_stream_read(out.data, out.len, &got, &err), LAT_OK, "%s",
                     err.message);
        cr_assert_eq(got.kind, stream.kind);
        cr_assert_str_eq(got.reference, "shoes@7");
        cr_assert_eq(got.digest, stream.digest);
        cr_assert_eq(got.n, stream.n);
        cr_assert_eq(got.width, stream.width);
        cr_assert_eq(got.height, stream.height);
        cr_assert_eq(got.step, 300);
        cr_assert_eq(got.len, 7);
        cr_assert_eq(memcmp(got.payload, "payload", 7), 0);
        lat_buf_release(&out);
    }
}

Test(model, no_byte_of_a_compressed_input_can_change_or_be_missing)
{
    const struct lat_code_stream stream = some_stream(LAT_STREAM_PICTURE);
    struct lat_code_stream got;
    struct lat_buf out = {0};
    lat_code_stream_write(&stream, &out);
    for (size_t i = 0; i < out.len; i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_code_stream_read(out.data, i, &got, &err), LAT_INVALID);
        cr_assert_str_eq(err.code, "bad_compressed");
        for (int bit = 0; bit < 8; bit++) {
            out.data[i] = (char)(out.data[i] ^ (1 << bit));
            cr_assert_eq(lat_code_stream_read(out.data, out.len, &got, NULL), LAT_INVALID);
            out.data[i] = (char)(out.data[i] ^ (1 << bit));
        }
    }
    lat_buf_char(&out, 0);
    cr_assert_eq(lat_code_stream_read(out.data, out.len, &got, NULL), LAT_INVALID);
    lat_buf_release(&out);
}

Test(model, a_format_of_the_future_is_refused_by_its_version)
{
    const struct lat_code_stream stream = some_stream(LAT_STREAM_NUMBERS);
    struct lat_code_stream got;
    struct lat_buf out = {0};
    struct lat_error err = LAT_ERROR_INIT;
    lat_code_stream_write(&stream, &out);
    out.data[4] = 2;
    cr_assert_eq(lat_code_stream_read(out.data, out.len, &got, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "unsupported_version");
    cr_assert_str_eq(err.expected, "1");
    cr_assert_str_eq(err.got, "2");
    lat_buf_release(&out);
}
