#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "service/app.h"
#include "tests/support/support.h"

TestSuite(config, .init = test_folder_enter, .fini = test_folder_leave);

static struct lat_config config;

static enum lat_status read_words(char *a, char *b, char *c, struct lat_error *err)
{
    char name[] = "serve";
    char *argv[] = {name, a, b, c, NULL};
    int argc = 1;
    while (argc < 4 && argv[argc])
        argc++;
    return lat_config_read(&config, &argc, argv, err);
}

Test(config, the_defaults_are_those_of_the_contract)
{
    cr_assert_eq(read_words(NULL, NULL, NULL, NULL), LAT_OK);
    cr_assert_eq(config.max_body, 64 << 20);
    cr_assert_eq(config.max_batch, 1000);
    cr_assert_eq(config.max_k, 10000);
    cr_assert_eq(config.max_pixels, 50000000);
    cr_assert_eq(config.max_depth, 64);
    cr_assert_str_eq(config.listen, "127.0.0.1:8080");
    cr_assert_not(config.allow_anonymous);
}

Test(config, the_command_line_beats_the_environment_beats_the_file)
{
    static const char text[] = "workers = 3\nqueue = 30\nmax_k = 300\nmax_body = 1MiB\n";
    char option[1100] = "--config=", workers[] = "--workers=5";
    strcat(option, test_path("latentd.conf"));
    cr_assert_eq(lat_file_write(test_path("latentd.conf"), text, strlen(text), NULL), LAT_OK);
    setenv("LATENTD_WORKERS", "4", 1);
    setenv("LATENTD_QUEUE", "40", 1);
    cr_assert_eq(read_words(option, workers, NULL, NULL), LAT_OK);
    cr_assert_eq(config.workers, 5);
    cr_assert_eq(config.queue, 40);
    cr_assert_eq(config.max_k, 300);
    cr_assert_eq(config.max_body, 1 << 20);
    cr_assert_str_eq(config.config, test_path("latentd.conf"));
}

Test(config, the_environment_can_name_the_file)
{
    static const char text[] = "max_k = 300\n";
    cr_assert_eq(lat_file_write(test_path("latentd.conf"), text, strlen(text), NULL), LAT_OK);
    setenv("LATENTD_CONFIG", test_path("latentd.conf"), 1);
    cr_assert_eq(read_words(NULL, NULL, NULL, NULL), LAT_OK);
    cr_assert_eq(config.max_k, 300);
}

Test(config, what_is_wrong_is_named)
{
    struct lat_error err = LAT_ERROR_INIT;
    char unknown[] = "--worker", value[] = "3", low[] = "--workers=0",
         file[] = "--config=/absent";
    cr_assert_eq(read_words(unknown, value, NULL, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "--workers"), "%s", err.message);
    cr_assert_eq(read_words(low, NULL, NULL, NULL), LAT_INVALID);
    cr_assert_eq(read_words(file, NULL, NULL, NULL), LAT_NOT_FOUND);
}

Test(config, the_logs_words_are_checked)
{
    struct lat_error err = LAT_ERROR_INIT;
    char level[] = "--log-level=loud";
    cr_assert_eq(read_words(NULL, NULL, NULL, NULL), LAT_OK);
    cr_assert_eq(lat_config_apply_log(&config, NULL), LAT_OK);
    cr_assert_eq(read_words(level, NULL, NULL, &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "warning"), "%s", err.message);
}

Test(config, a_bad_file_is_told_apart_from_a_bad_call)
{
    struct lat_error call = LAT_ERROR_INIT, file = LAT_ERROR_INIT;
    char listen[] = "--listen=x", option[1100] = "--config=";
    strcat(option, test_path("latentd.conf"));
    cr_assert_eq(lat_file_write(test_path("latentd.conf"), "listen = x\n", 11, NULL), LAT_OK);
    cr_assert_eq(read_words(listen, NULL, NULL, &call), LAT_INVALID);
    cr_assert_str_neq(call.code, "config_file");
    cr_assert_str_eq(call.expected, "ADDR:PORT");
    cr_assert_str_eq(call.got, "x");
    cr_assert_eq(read_words(option, NULL, NULL, &file), LAT_INVALID);
    cr_assert_str_eq(file.code, "config_file");
    cr_assert_not_null(strstr(file.message, "latentd.conf: listen: "), "%s", file.message);
}
