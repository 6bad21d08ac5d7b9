/* Checkpoints: what is written is read back, what is damaged is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "model/train/checkpoint.h"
#include "tests/support/support.h"

TestSuite(train_checkpoint, .init = test_folder_enter, .fini = test_folder_leave);

static struct lat_curve_point curve[] = {{5, 6, 0.1, 1}, {4, 5, 0.05, 1.5}};
static uint8_t state[] = {1, 2, 3, 4, 5, 6, 7};
static float best[] = {0.25F, -1};
static char spec[] = "{\"name\":\"m\"}";

static struct lat_checkpoint sample(void)
{
    return (struct lat_checkpoint){.epoch = 2,
                                   .best_epoch = 2,
                                   .best_loss = 5,
                                   .step = 20,
                                   .rng = {{1, 2, 3, 4}},
                                   .schedule = {.factor = 0.5, .best = 5, .waited = 1},
                                   .curve = curve,
                                   .state = state,
                                   .state_len = sizeof(state),
                                   .best = best,
                                   .n_best = 2,
                                   .spec_json = spec,
                                   .data_crc = 77};
}

Test(train_checkpoint, what_is_written_is_read_back)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_checkpoint written = sample();
    struct lat_checkpoint read = {0};
    cr_assert_eq(lat_checkpoint_write(test_path("c"), &written, &err), LAT_OK, "%s",
                 err.message);
    cr_assert_eq(lat_checkpoint_read(test_path("c"), &read, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(read.epoch, 2);
    cr_assert_eq(read.step, 20);
    cr_assert_eq(read.rng.state[3], 4);
    cr_assert_float_eq(read.schedule.factor, 0.5, 0);
    cr_assert_eq(read.state_len, sizeof(state));
    cr_assert_arr_eq(read.state, state, sizeof(state));
    cr_assert_arr_eq(read.curve, curve, sizeof(curve));
    cr_assert_arr_eq(read.best, best, sizeof(best));
    cr_assert_str_eq(read.spec_json, spec);
    cr_assert_eq(read.data_crc, 77);
    lat_checkpoint_release(&read);
}

Test(train_checkpoint, every_cut_and_every_flipped_byte_is_noticed)
{
    const struct lat_checkpoint written = sample();
    struct lat_buf file = {0};
    cr_assert_eq(lat_checkpoint_write(test_path("c"), &written, NULL), LAT_OK);
    cr_assert_eq(lat_file_read(test_path("c"), 4096, &file, NULL), LAT_OK);
    for (size_t i = 0; i < file.len; i++) {
        struct lat_checkpoint read = {0};
        cr_assert_eq(lat_file_write(test_path("d"), file.data, i, NULL), LAT_OK);
        cr_expect_eq(lat_checkpoint_read(test_path("d"), &read, NULL), LAT_CORRUPT,
                     "cut at %zu", i);
        if (i >= 24 && i < 32)
            continue; /* reserved bytes of the header, read by nobody */
        file.data[i] = (char)(file.data[i] ^ 0x10);
        cr_assert_eq(lat_file_write(test_path("d"), file.data, file.len, NULL), LAT_OK);
        cr_expect_eq(lat_checkpoint_read(test_path("d"), &read, NULL), LAT_CORRUPT,
                     "flip at %zu", i);
        file.data[i] = (char)(file.data[i] ^ 0x10);
    }
    lat_buf_release(&file);
}

Test(train_checkpoint, one_that_is_not_there_is_not_found)
{
    struct lat_checkpoint read = {0};
    cr_assert_eq(lat_checkpoint_read(test_path("none"), &read, NULL), LAT_NOT_FOUND);
}

Test(train_checkpoint, a_full_disk_is_said_and_leaves_the_old_file)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_checkpoint written = sample();
    cr_assert_neq(lat_checkpoint_write("/dev/full/c", &written, &err), LAT_OK);
    cr_assert(strstr(err.message, "checkpoint"), "%s", err.message);
}

Test(train_checkpoint, schedules_go_where_the_documentation_says)
{
    struct lat_optimizer_spec optimizer = {.rate = 1, .schedule = LAT_SCHEDULE_COSINE};
    struct lat_schedule_state now = {.factor = 1, .best = INFINITY};
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 0, 100), 1, 1e-12);
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 50, 100), 0.5, 1e-12);
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 100, 100), 0, 1e-12);
    optimizer.schedule = LAT_SCHEDULE_STEP;
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 49, 100), 1, 0);
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 50, 100), 0.1, 0);
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 99, 100), 0.01, 0);
    optimizer.schedule = LAT_SCHEDULE_CONSTANT;
    cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 99, 100), 1, 0);
    optimizer.schedule = LAT_SCHEDULE_PLATEAU;
    static const double losses[] = {10, 9, 9, 9, 9, 8};
    for (size_t i = 0; i < LAT_ARRAY_LEN(losses); i++) {
        lat_schedule_epoch(&optimizer, losses[i], &now);
        cr_assert_float_eq(lat_schedule_rate(&optimizer, &now, 0, 1), i < 4 ? 1 : 0.5, 0,
                           "after epoch %zu", i + 1);
    }
}
