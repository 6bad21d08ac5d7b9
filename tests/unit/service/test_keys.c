#include <criterion/criterion.h>
#include <string.h>

#include "base/file.h"
#include "service/crypto.h"
#include "service/keys.h"
#include "tests/support/support.h"

static struct lat_keys *keys;

static void leave(void)
{
    lat_keys_free(keys);
    test_folder_leave();
}

TestSuite(keys, .init = test_folder_enter, .fini = leave);

static enum lat_status make(const char *list, const char *file, struct lat_error *err)
{
    const struct lat_keys_options options = {.inline_keys = list, .file = file};
    return lat_keys_new(&options, &keys, err);
}

static enum lat_status check_at(const char *key, enum lat_scope scope, double seconds,
                                unsigned *out_wait_s, struct lat_error *err)
{
    return lat_keys_check(keys, key, scope, (uint64_t)(seconds * (double)LAT_NS_PER_S),
                          out_wait_s, err);
}

static enum lat_status check(const char *key, enum lat_scope scope)
{
    unsigned wait_s;
    return check_at(key, scope, 1, &wait_s, NULL);
}

Test(keys, no_source_is_no_keys)
{
    cr_assert_eq(make("", "", NULL), LAT_OK);
    cr_assert_null(keys);
    cr_assert_eq(make(NULL, NULL, NULL), LAT_OK);
    cr_assert_null(keys);
}

Test(keys, each_scope_includes_those_below)
{
    static const char list[] = "read:reader-key,write:writer-key,admin:admins-key";
    cr_assert_eq(make(list, NULL, NULL), LAT_OK);
    static const char *const names[] = {"reader-key", "writer-key", "admins-key"};
    for (int k = 0; k < 3; k++)
        for (int s = LAT_SCOPE_NONE; s <= LAT_SCOPE_ADMIN; s++)
            cr_assert_eq(check(names[k], s), s <= k + 1 ? LAT_OK : LAT_FORBIDDEN, "%s %d",
                         names[k], s);
}

Test(keys, an_absent_or_unknown_key_is_told_apart_from_a_weak_one)
{
    struct lat_error err = LAT_ERROR_INIT;
    unsigned wait_s;
    cr_assert_eq(make("read:reader-key", NULL, NULL), LAT_OK);
    cr_assert_eq(check_at(NULL, LAT_SCOPE_READ, 1, &wait_s, &err), LAT_UNAUTHORIZED);
    cr_assert_str_eq(err.code, "key_missing");
    err = (struct lat_error)LAT_ERROR_INIT;
    cr_assert_eq(check_at("reader-kex", LAT_SCOPE_READ, 1, &wait_s, &err), LAT_UNAUTHORIZED);
    cr_assert_str_eq(err.code, "key_unknown");
    err = (struct lat_error)LAT_ERROR_INIT;
    cr_assert_eq(check_at("reader-key", LAT_SCOPE_WRITE, 1, &wait_s, &err), LAT_FORBIDDEN);
    cr_assert_str_eq(err.code, "scope_missing");
    cr_assert_str_eq(err.expected, "write");
    cr_assert_eq(check("", LAT_SCOPE_READ), LAT_UNAUTHORIZED);
    cr_assert_eq(check(NULL, LAT_SCOPE_NONE), LAT_OK);
}

Test(keys, a_file_has_keys_in_the_clear_and_as_hashes)
{
    static const char text[] =
        "# keys of the shop\n"
        "\n"
        "read,write   plain-text-key\r\n"
        "\tadmin blake2b:"
        "FE58B4C07D5B9BE63C1A7C1F2A91C1C7A0A3E1A2A6D0C6F4E8E7A53C1CB61A97\n"
        "read last-key-without-newline";
    cr_assert_eq(lat_file_write(test_path("keys"), text, strlen(text), NULL), LAT_OK);
    cr_assert_eq(make(NULL, test_path("keys"), NULL), LAT_OK);
    cr_assert_eq(check("plain-text-key", LAT_SCOPE_WRITE), LAT_OK);
    cr_assert_eq(check("plain-text-key", LAT_SCOPE_ADMIN), LAT_FORBIDDEN);
    cr_assert_eq(check("last-key-without-newline", LAT_SCOPE_READ), LAT_OK);
}

Test(keys, a_hash_is_what_b2sum_prints)
{
    /* printf %s latentd-secret-key | b2sum -l 256 */
    static const char hex[] =
        "972b72af05b0a95df9814248e50680b567ec74dde609dca1a03b1402eb464392";
    char list[128] = "admin:blake2b:";
    uint8_t made[LAT_HASH_SIZE], parsed[LAT_HASH_SIZE];
    lat_hash("latentd-secret-key", 18, made);
    cr_assert(lat_hash_parse(hex, parsed));
    cr_assert(lat_hash_equal(made, parsed));
    memcpy(list + strlen(list), hex, sizeof(hex));
    cr_assert_eq(make(list, NULL, NULL), LAT_OK);
    cr_assert_eq(check("latentd-secret-key", LAT_SCOPE_ADMIN), LAT_OK);
    cr_assert_eq(check(list + 6, LAT_SCOPE_READ), LAT_UNAUTHORIZED, "the hash is no key");
}

Test(keys, a_bad_entry_is_refused_without_showing_the_key)
{
    static const char *const bad[] = {"reader-key-secret",   "boss:some-key-secret",
                                      "read:secret",         ":long-enough-secret",
                                      "read:blake2b:secret", "read:fine-key-1,write"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(make(bad[i], NULL, &err), LAT_INVALID, "%s", bad[i]);
        cr_assert_null(strstr(err.message, "secret"), "%s", err.message);
        cr_assert_not_null(strstr(err.message, "api_keys: entry"));
    }
    struct lat_error err = LAT_ERROR_INIT;
    static const char text[] = "read fine-key-1\nread two-words words\n";
    cr_assert_eq(lat_file_write(test_path("keys"), text, strlen(text), NULL), LAT_OK);
    cr_assert_eq(make(NULL, test_path("keys"), &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "keys:2"), "%s", err.message);
    cr_assert_eq(make(NULL, test_path("absent"), NULL), LAT_NOT_FOUND);
    cr_assert_null(keys);
}

static void write_keys(const char *text)
{
    cr_assert_eq(lat_file_write(test_path("keys"), text, strlen(text), NULL), LAT_OK);
}

Test(keys, a_key_is_taken_as_often_as_its_rate_allows)
{
    struct lat_error err = LAT_ERROR_INIT;
    unsigned wait_s;
    write_keys("read limited-key name=shop rate=2 burst=3\nread free-key-1\n");
    cr_assert_eq(make(NULL, test_path("keys"), NULL), LAT_OK);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(check_at("limited-key", LAT_SCOPE_READ, 10, &wait_s, NULL), LAT_OK);
    cr_assert_eq(check_at("limited-key", LAT_SCOPE_READ, 10, &wait_s, &err), LAT_BUSY);
    cr_assert_str_eq(err.code, "rate_limited");
    cr_assert_eq(wait_s, 1, "half a second, in whole ones");
    cr_assert_eq(check_at("limited-key", LAT_SCOPE_READ, 10.4, &wait_s, NULL), LAT_BUSY);
    cr_assert_eq(check_at("limited-key", LAT_SCOPE_READ, 10.5, &wait_s, NULL), LAT_OK);
    cr_assert_eq(check_at("limited-key", LAT_SCOPE_READ, 10.5, &wait_s, NULL), LAT_BUSY);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(check_at("limited-key", LAT_SCOPE_READ, 99, &wait_s, NULL), LAT_OK);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(check_at("free-key-1", LAT_SCOPE_READ, 10, &wait_s, NULL), LAT_OK);
}

Test(keys, the_settings_limit_keys_that_say_nothing)
{
    unsigned wait_s;
    const struct lat_keys_options options = {.inline_keys = "read:reader-key", .rate = 1};
    cr_assert_eq(lat_keys_new(&options, &keys, NULL), LAT_OK);
    cr_assert_eq(check_at("reader-key", LAT_SCOPE_READ, 5, &wait_s, NULL), LAT_OK);
    cr_assert_eq(check_at("reader-key", LAT_SCOPE_READ, 5, &wait_s, NULL), LAT_BUSY);
}

Test(keys, reloading_takes_new_keys_and_keeps_the_buckets_of_those_that_stay)
{
    struct lat_error err = LAT_ERROR_INIT;
    unsigned wait_s;
    const struct lat_keys_options options = {.file = test_path("keys")};
    write_keys("read staying-key rate=1\nread leaving-key\n");
    cr_assert_eq(lat_keys_new(&options, &keys, NULL), LAT_OK);
    cr_assert_eq(check_at("staying-key", LAT_SCOPE_READ, 5, &wait_s, NULL), LAT_OK);
    write_keys("read staying-key rate=1\nadmin coming-key\n");
    cr_assert_eq(lat_keys_reload(keys, &options, NULL), LAT_OK);
    cr_assert_eq(check_at("staying-key", LAT_SCOPE_READ, 5, &wait_s, NULL), LAT_BUSY);
    cr_assert_eq(check("leaving-key", LAT_SCOPE_READ), LAT_UNAUTHORIZED);
    cr_assert_eq(check("coming-key", LAT_SCOPE_ADMIN), LAT_OK);
    write_keys("# nobody\n");
    cr_assert_eq(lat_keys_reload(keys, &options, &err), LAT_INVALID);
    cr_assert_str_eq(err.code, "keys_needed");
    write_keys("nonsense\n");
    cr_assert_eq(lat_keys_reload(keys, &options, NULL), LAT_INVALID);
    cr_assert_eq(check("coming-key", LAT_SCOPE_ADMIN), LAT_OK, "the old ones stay");
}

Test(keys, random_ids_differ_and_are_hexadecimal)
{
    char a[LAT_RANDOM_ID_SIZE], b[LAT_RANDOM_ID_SIZE];
    lat_random_id(a);
    lat_random_id(b);
    cr_assert_eq(strspn(a, "0123456789abcdef"), 32u);
    cr_assert_neq(strcmp(a, b), 0);
}

static enum lat_status use(void *context, struct lat_error *err)
{
    (void)context;
    struct lat_keys *made = NULL;
    const struct lat_keys_options options = {.inline_keys = "read:reader-key,write:writer-key",
                                             .file = test_path("keys")};
    enum lat_status status = lat_keys_new(&options, &made, err);
    if (status == LAT_OK)
        status = lat_keys_reload(made, &options, err);
    lat_keys_free(made);
    return status;
}

Test(keys, survives_every_failed_allocation)
{
    char text[512] = "";
    for (int i = 0; i < 9; i++)
        strcat(text, "admin another-long-key\n");
    cr_assert_eq(lat_file_write(test_path("keys"), text, strlen(text), NULL), LAT_OK);
    TEST_TORTURE(use, NULL);
}
