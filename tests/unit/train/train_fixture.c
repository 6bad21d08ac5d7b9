#include "train_fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "tests/support/support.h"

struct lat_engine *train_engine;

void train_enter(void)
{
    test_folder_enter();
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_TEXT);
    cr_assert_eq(lat_engine_new(&train_engine, NULL), LAT_OK);
}

void train_leave(void)
{
    lat_engine_free(train_engine);
    train_engine = NULL;
    test_folder_leave();
}

void train_put_pictures(const char *name, size_t n, size_t side, const uint8_t *pixels)
{
    const uint8_t head[16] = {
        0, 0, 8, 3, 0, 0, 0, (uint8_t)n, 0, 0, 0, (uint8_t)side, 0, 0, 0, (uint8_t)side};
    struct lat_buf file = {0};
    cr_assert(n <= UINT8_MAX && side <= UINT8_MAX);
    lat_buf_append(&file, head, sizeof(head));
    lat_buf_append(&file, pixels, n * side * side);
    cr_assert_eq(lat_buf_check(&file, NULL), LAT_OK);
    cr_assert_eq(lat_file_write(test_path(name), file.data, file.len, NULL), LAT_OK);
    lat_buf_release(&file);
}

void train_assert_same_file(const char *a_path, const char *b_path)
{
    struct lat_buf a = {0}, b = {0};
    cr_assert_eq(lat_file_read(a_path, 1 << 24, &a, NULL), LAT_OK, "%s", a_path);
    cr_assert_eq(lat_file_read(b_path, 1 << 24, &b, NULL), LAT_OK, "%s", b_path);
    cr_assert_eq(a.len, b.len, "%s: %zu bytes, %s: %zu", a_path, a.len, b_path, b.len);
    cr_assert_eq(memcmp(a.data, b.data, a.len), 0, "%s differs", b_path);
    lat_buf_release(&a);
    lat_buf_release(&b);
}
