#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "base/status.h"

Test(status, the_first_cause_is_kept)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_fail(&err, LAT_INVALID, "bad_row", "row %d", 3), LAT_INVALID);
    cr_assert_eq(lat_fail(&err, LAT_IO, NULL, "later"), LAT_IO);
    cr_assert_eq(err.status, LAT_INVALID);
    cr_assert_str_eq(err.code, "bad_row");
    cr_assert_str_eq(err.message, "row 3");
}

Test(status, outer_layers_say_where)
{
    struct lat_error err = LAT_ERROR_INIT;
    lat_error_prefix(&err, "nothing yet");
    cr_assert_str_eq(err.message, "");
    lat_fail(&err, LAT_INVALID, NULL, "expected 64 dimensions, not 128");
    lat_error_prefix(&err, "row %d", 12);
    lat_error_prefix(&err, "collection '%s'", "shoes");
    cr_assert_str_eq(err.message,
                     "collection 'shoes': row 12: expected 64 dimensions, not 128");
    lat_error_at(&err, "/codes");
    lat_error_at(&err, "/items/%d", 3);
    cr_assert_str_eq(err.pointer, "/items/3/codes");
}

Test(status, long_words_are_cut_at_the_end)
{
    struct lat_error err = LAT_ERROR_INIT;
    char words[600];
    memset(words, 'x', sizeof(words) - 1);
    words[sizeof(words) - 1] = '\0';
    lat_fail(&err, LAT_INVALID, NULL, "%s", words);
    cr_assert_eq(strlen(err.message), sizeof(err.message) - 1);
    lat_error_prefix(&err, "here");
    cr_assert_eq(strlen(err.message), sizeof(err.message) - 1);
    cr_assert_eq(strncmp(err.message, "here: xxx", 9), 0);
    for (int i = 0; i < 20; i++)
        lat_error_at(&err, "/%s", "a-rather-long-name");
    cr_assert_eq(strlen(err.pointer), sizeof(err.pointer) - 1);
}

Test(status, a_null_error_is_fine)
{
    cr_assert_eq(lat_fail(NULL, LAT_BUSY, NULL, "x"), LAT_BUSY);
    cr_assert_eq(lat_fail_errno(NULL, EACCES, "x"), LAT_IO);
    lat_error_prefix(NULL, "x");
    lat_error_at(NULL, "x");
    lat_error_expected(NULL, "x", "y");
    lat_error_clear(NULL);
}

Test(status, errno_gives_words_and_disk_full)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_fail_errno(&err, EACCES, "opening '%s'", "f"), LAT_IO);
    cr_assert_str_eq(err.message, "opening 'f': Permission denied");
    lat_error_clear(&err);
    cr_assert_eq(lat_fail_errno(&err, ENOSPC, "writing"), LAT_DISK_FULL);
    cr_assert_eq(lat_fail_errno(NULL, EDQUOT, "writing"), LAT_DISK_FULL);
    cr_assert_str_eq(err.code, "disk_full");
    lat_error_clear(&err);
    lat_fail_errno(&err, 99999, "odd");
    cr_assert_str_eq(err.message, "odd: unknown error");
}

Test(status, every_status_has_its_word)
{
    for (int i = 0; i < LAT_STATUS_COUNT; i++) {
        cr_assert_not_null(lat_status_code(i), "status %d", i);
        for (int j = 0; j < i; j++)
            cr_assert_str_neq(lat_status_code(i), lat_status_code(j));
    }
    cr_assert_str_eq(lat_status_code(LAT_STATUS_COUNT), "internal");
}

Test(status, expected_and_got_are_kept)
{
    struct lat_error err = LAT_ERROR_INIT;
    lat_error_expected(&err, "early", NULL);
    cr_assert_str_eq(err.expected, "");
    lat_fail(&err, LAT_INVALID, NULL, "x");
    lat_error_expected(&err, "64", NULL);
    lat_error_expected(&err, NULL, "128");
    cr_assert_str_eq(err.expected, "64");
    cr_assert_str_eq(err.got, "128");
}
