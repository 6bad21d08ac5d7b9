#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/tar.h"

struct source {
    const char *bytes;
    size_t len, at;
};

static enum lat_status give(void *context, const void *bytes, size_t len, struct lat_error *err)
{
    lat_buf_append(context, bytes, len);
    return lat_buf_check(context, err);
}

static enum lat_status take(void *context, void *bytes, size_t len, size_t *out_n,
                            struct lat_error *err)
{
    struct source *source = context;
    const size_t left = source->len - source->at;
    *out_n = len < left ? len : left;
    memcpy(bytes, source->bytes + source->at, *out_n);
    source->at += *out_n;
    (void)err;
    return LAT_OK;
}

static void add(struct lat_tar_writer *tar, const char *path, const char *text)
{
    cr_assert_eq(lat_tar_begin(tar, path, strlen(text), 1700000000, NULL), LAT_OK);
    cr_assert_eq(lat_tar_add(tar, text, strlen(text), NULL), LAT_OK);
}

/* 250 bytes in which no slash is where a head could be cut. */
static const char *long_path(void)
{
    static char path[256];
    memset(path, 'n', 250);
    memcpy(path, "d/", 2);
    return path;
}

static struct lat_buf archive(void)
{
    struct lat_buf out = {0};
    struct lat_tar_writer tar = {.write = give, .context = &out};
    char deep[240];
    memset(deep, 'a', sizeof(deep));
    deep[150] = '/';
    deep[220] = '\0';
    add(&tar, "one.json", "{}");
    add(&tar, deep, "split");
    add(&tar, long_path(), "pax");
    add(&tar, "empty", "");
    cr_assert_eq(lat_tar_finish(&tar, NULL), LAT_OK);
    return out;
}

/* Everything in it; LAT_OK only when it is whole. */
static enum lat_status read_all(const char *bytes, size_t len, unsigned *out_members,
                                struct lat_buf *text)
{
    struct source source = {bytes, len, 0};
    struct lat_tar_reader tar = {.read = take, .context = &source};
    struct lat_tar_member member;
    bool end = false;
    *out_members = 0;
    for (;;) {
        char some[3];
        size_t n = 1;
        enum lat_status status = lat_tar_next(&tar, &member, &end, NULL);
        if (status != LAT_OK || end)
            return status;
        ++*out_members;
        lat_buf_printf(text, "%s=", member.path);
        while (n) {
            status = lat_tar_take(&tar, some, sizeof(some), &n, NULL);
            if (status != LAT_OK)
                return status;
            lat_buf_append(text, some, n);
        }
        lat_buf_char(text, '\n');
    }
}

Test(tar, what_is_written_is_read)
{
    unsigned members = 0;
    struct lat_buf bytes = archive(), text = {0};
    cr_assert_eq(bytes.len % LAT_TAR_BLOCK, 0u);
    cr_assert_eq(read_all(bytes.data, bytes.len, &members, &text), LAT_OK);
    cr_assert_eq(members, 4u);
    cr_assert_not_null(strstr(text.data, "one.json={}\n"));
    cr_assert_not_null(strstr(text.data, "=split\n"));
    cr_assert_not_null(strstr(text.data, long_path()));
    cr_assert_not_null(strstr(text.data, "=pax\nempty=\n"));
    lat_buf_release(&bytes);
    lat_buf_release(&text);
}

/* Of heads, paddings and the end: what a member holds is not the archive's to know. */
Test(tar, no_changed_byte_outside_of_members_is_taken)
{
    unsigned members = 0;
    struct lat_buf bytes = archive(), before = {0}, after = {0};
    cr_assert_eq(read_all(bytes.data, bytes.len, &members, &before), LAT_OK);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.data[i] ^= 0x20;
        lat_buf_clear(&after);
        if (read_all(bytes.data, bytes.len, &members, &after) == LAT_OK)
            cr_assert(before.len == after.len && strcmp(before.data, after.data) != 0,
                      "byte %zu", i);
        bytes.data[i] ^= 0x20;
    }
    lat_buf_release(&bytes);
    lat_buf_release(&before);
    lat_buf_release(&after);
}

Test(tar, no_shorter_or_longer_archive_is_taken)
{
    unsigned members = 0;
    struct lat_buf bytes = archive(), text = {0};
    for (size_t len = 0; len < bytes.len; len += 61) {
        lat_buf_clear(&text);
        cr_assert_neq(read_all(bytes.data, len, &members, &text), LAT_OK, "%zu bytes", len);
    }
    lat_buf_char(&bytes, '\0');
    lat_buf_clear(&text);
    cr_assert_neq(read_all(bytes.data, bytes.len, &members, &text), LAT_OK);
    lat_buf_release(&bytes);
    lat_buf_release(&text);
}

Test(tar, a_member_beyond_eight_gigabytes_has_a_pax_header)
{
    struct lat_buf bytes = {0};
    struct lat_tar_writer writer = {.write = give, .context = &bytes};
    const uint64_t size = UINT64_C(20) << 30;
    cr_assert_eq(lat_tar_begin(&writer, "large", size, 1, NULL), LAT_OK);
    struct source source = {bytes.data, bytes.len, 0};
    struct lat_tar_reader reader = {.read = take, .context = &source};
    struct lat_tar_member member;
    bool end = true;
    cr_assert_eq(lat_tar_next(&reader, &member, &end, NULL), LAT_OK);
    cr_assert(!end);
    cr_assert_eq(member.size, size);
    cr_assert_str_eq(member.path, "large");
    lat_buf_release(&bytes);
}

Test(tar, paths_that_lead_elsewhere_are_refused)
{
    static const char *const bad[] = {"",      "/etc/passwd", "../a",  "a/../b", "a//b",
                                      "a/",    "./a",         "a/.",   "a\\b",   "a\nb",
                                      "a/../", "..",          "\xff/a"};
    struct lat_buf out = {0};
    struct lat_tar_writer tar = {.write = give, .context = &out};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        cr_assert(!lat_tar_path_is_safe(bad[i]), "%s", bad[i]);
        cr_assert_eq(lat_tar_begin(&tar, bad[i], 0, 0, NULL), LAT_INVALID);
    }
    cr_assert_eq(out.len, 0u);
    cr_assert(lat_tar_path_is_safe("models/a/1/model.json") && lat_tar_path_is_safe("..a/b.."));
}
