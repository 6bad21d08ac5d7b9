#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "tests/support/support.h"

TestSuite(file, .init = test_folder_enter, .fini = test_folder_leave);

Test(file, what_is_written_is_read)
{
    struct lat_buf buf = {0};
    const char *path = test_path("a");
    cr_assert_eq(lat_file_write(path, "one\0two", 7, NULL), LAT_OK);
    lat_buf_text(&buf, ">");
    cr_assert_eq(lat_file_read(path, 7, &buf, NULL), LAT_OK);
    cr_assert_eq(buf.len, 8u);
    cr_assert_eq(memcmp(buf.data, ">one\0two", 9), 0);
    cr_assert_eq(lat_file_write(path, "x", 1, NULL), LAT_OK);
    lat_buf_clear(&buf);
    cr_assert_eq(lat_file_read(path, 7, &buf, NULL), LAT_OK);
    cr_assert_str_eq(buf.data, "x");
    cr_assert_eq(test_folder_count(test_folder()), 1);
    lat_buf_release(&buf);
}

Test(file, an_empty_file_gives_an_empty_text)
{
    struct lat_buf buf = {0};
    cr_assert_eq(lat_file_write(test_path("a"), NULL, 0, NULL), LAT_OK);
    cr_assert_eq(lat_file_read(test_path("a"), 0, &buf, NULL), LAT_OK);
    cr_assert_eq(buf.len, 0u);
    cr_assert_str_eq(buf.data, "");
    lat_buf_release(&buf);
}

Test(file, a_read_over_the_limit_leaves_the_buffer)
{
    struct lat_buf buf = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_write(test_path("a"), "12345678", 8, NULL), LAT_OK);
    lat_buf_text(&buf, "old");
    cr_assert_eq(lat_file_read(test_path("a"), 7, &buf, &err), LAT_TOO_LARGE);
    cr_assert_str_eq(buf.data, "old");
    cr_assert_not_null(strstr(err.message, "8 bytes"));
    lat_buf_release(&buf);
    lat_buf_init(&buf, 4);
    cr_assert_eq(lat_file_read(test_path("a"), 100, &buf, NULL), LAT_TOO_LARGE);
    lat_buf_release(&buf);
}

Test(file, a_file_without_a_size_is_read_and_capped)
{
    struct lat_buf buf = {0};
    cr_assert_eq(lat_file_read("/proc/self/status", 1 << 20, &buf, NULL), LAT_OK);
    cr_assert_eq(strncmp(buf.data, "Name:", 5), 0);
    lat_buf_clear(&buf);
    cr_assert_eq(lat_file_read("/proc/self/status", 10, &buf, NULL), LAT_TOO_LARGE);
    cr_assert_eq(lat_file_read("/dev/zero", 100000, &buf, NULL), LAT_TOO_LARGE);
    cr_assert_eq(buf.len, 0u);
    lat_buf_release(&buf);
}

Test(file, what_is_not_there_is_not_found)
{
    struct lat_buf buf = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_read(test_path("none"), 7, &buf, &err), LAT_NOT_FOUND);
    cr_assert_not_null(strstr(err.message, "none"));
    cr_assert_eq(lat_file_read(test_folder(), 7, &buf, NULL), LAT_IO);
    cr_assert_not(lat_file_exists(test_path("none")));
    cr_assert(lat_file_exists(test_folder()));
    cr_assert_null(buf.data);
}

Test(file, a_write_that_fails_leaves_the_old_file_and_no_other)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_write(test_path("no/such/folder"), "x", 1, &err), LAT_IO);
    cr_assert_eq(lat_file_make_folder(test_path("d/inside"), NULL), LAT_OK);
    cr_assert_eq(lat_file_write(test_path("d"), "x", 1, NULL), LAT_IO);
    cr_assert_eq(test_folder_count(test_folder()), 1);
}

Test(file, a_write_that_breaks_off_leaves_the_old_file_and_no_other)
{
    static char bytes[100000];
    struct lat_buf buf = {0};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_file_write(test_path("a"), "old", 3, NULL), LAT_OK);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    const struct rlimit small = {.rlim_cur = 5000, .rlim_max = limit.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const enum lat_status status = lat_file_write(test_path("a"), bytes, sizeof(bytes), &err);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(status, LAT_IO);
    cr_assert_not_null(strstr(err.message, "File too large"));
    cr_assert_eq(lat_file_read(test_path("a"), 10, &buf, NULL), LAT_OK);
    cr_assert_str_eq(buf.data, "old");
    cr_assert_eq(test_folder_count(test_folder()), 1);
    lat_buf_release(&buf);
}

Test(file, publish_moves_or_removes_the_temporary)
{
    cr_assert_eq(lat_file_write(test_path("t"), "new", 3, NULL), LAT_OK);
    cr_assert_eq(lat_file_publish(test_path("t"), test_path("f"), NULL), LAT_OK);
    cr_assert_not(lat_file_exists(test_path("t")));
    cr_assert(lat_file_exists(test_path("f")));
    cr_assert_eq(lat_file_write(test_path("t"), "new", 3, NULL), LAT_OK);
    cr_assert_eq(lat_file_publish(test_path("t"), test_path("none/f"), NULL), LAT_IO);
    cr_assert_not(lat_file_exists(test_path("t")));
    cr_assert_eq(lat_file_publish(test_path("gone"), test_path("f"), NULL), LAT_IO);
    cr_assert(lat_file_exists(test_path("f")));
}

Test(file, folders_are_made_with_their_parents)
{
    struct stat st;
    cr_assert_eq(lat_file_make_folder(test_path("a/b//c/"), NULL), LAT_OK);
    cr_assert_eq(lat_file_make_folder(test_path("a/b/c"), NULL), LAT_OK);
    cr_assert_eq(stat(test_path("a/b/c"), &st), 0);
    cr_assert(S_ISDIR(st.st_mode));
    cr_assert_eq(lat_file_write(test_path("plain"), "x", 1, NULL), LAT_OK);
    cr_assert_eq(lat_file_make_folder(test_path("plain"), NULL), LAT_IO);
    cr_assert_eq(lat_file_make_folder(test_path("plain/below"), NULL), LAT_IO);
    cr_assert_eq(lat_file_make_folder("", NULL), LAT_IO);
    cr_assert_eq(lat_file_make_folder("/", NULL), LAT_OK);
}

Test(file, a_tree_goes_whole_and_what_its_links_point_to_stays)
{
    char path[512], kept[512], inside[520], link[520];
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(path, sizeof(path), "%s/tree", test_folder());
    snprintf(kept, sizeof(kept), "%s/kept", test_folder());
    snprintf(inside, sizeof(inside), "%s/a/b", path);
    snprintf(link, sizeof(link), "%s/a/link", path);
    cr_assert_eq(lat_file_make_folder(inside, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(lat_file_write(kept, "x", 1, &err), LAT_OK, "%s", err.message);
    cr_assert_eq(symlink(kept, link), 0);
    lat_file_remove_tree(path);
    cr_assert_not(lat_file_exists(path));
    cr_assert(lat_file_exists(kept));
    lat_file_remove_tree(path); /* not there: nothing */
    lat_file_remove_tree(kept);
    cr_assert_not(lat_file_exists(kept));
}

Test(file, a_name_without_a_folder_works)
{
    cr_assert_eq(chdir(test_folder()), 0);
    cr_assert_eq(lat_file_write("here", "x", 1, NULL), LAT_OK);
    cr_assert(lat_file_exists(test_path("here")));
    cr_assert_eq(chdir("/"), 0);
}

static enum lat_status read_it(void *context, struct lat_error *err)
{
    struct lat_buf buf = {0};
    const enum lat_status status = lat_file_read(context, 1 << 20, &buf, err);
    lat_buf_release(&buf);
    return status;
}

Test(file, reading_survives_every_failing_allocation)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s", test_path("a"));
    char bytes[100000] = {0};
    cr_assert_eq(lat_file_write(path, bytes, sizeof(bytes), NULL), LAT_OK);
    TEST_TORTURE(read_it, path);
    TEST_TORTURE(read_it, (char[]){"/proc/self/status"});
}

/* One bit at a time, from the polynomial. */
static uint32_t reference_crc(const unsigned char *bytes, size_t len)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ UINT32_C(0x82F63B78) : crc >> 1;
    }
    return ~crc;
}

Test(crc32c, agrees_with_the_polynomial_at_every_length_and_offset)
{
    cr_assert_eq(lat_crc32c(0, "123456789", 9), UINT32_C(0xE3069283));
    cr_assert_eq(lat_crc32c(0, "", 0), 0u);
    unsigned char bytes[100];
    struct lat_rng rng;
    lat_rng_seed(&rng, 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)lat_rng_next(&rng);
    for (size_t start = 0; start < 9; start++)
        for (size_t len = 0; start + len <= sizeof(bytes); len++) {
            const uint32_t want = reference_crc(bytes + start, len);
            cr_assert_eq(lat_crc32c(0, bytes + start, len), want);
            const uint32_t half = lat_crc32c(0, bytes + start, len / 2);
            cr_assert_eq(lat_crc32c(half, bytes + start + len / 2, len - len / 2), want);
        }
}
