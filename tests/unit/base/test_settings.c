#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/settings.h"
#include "tests/support/support.h"

struct example {
    char listen[32];
    bool keep_inputs;
    int64_t n_workers;
    double timeout_s;
    int64_t max_body;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(example, listen, LAT_SETTING_TEXT, "127.0.0.1:8080", 0, 0, "ADDR:PORT",
                    "where to listen"),
    LAT_SETTING_ROW(example, keep_inputs, LAT_SETTING_BOOL, "true", 0, 0, NULL, "keep inputs"),
    LAT_SETTING_ROW(example, n_workers, LAT_SETTING_INT, "0", -1, 64, "N", "worker threads"),
    LAT_SETTING_ROW(example, timeout_s, LAT_SETTING_REAL, "1.5", 0.1, 60, "SECONDS",
                    "deadline"),
    LAT_SETTING_ROW(example, max_body, LAT_SETTING_BYTES, "1MiB", 1, 0x1p40, "BYTES",
                    "largest body"),
};
static const size_t n_rows = LAT_ARRAY_LEN(rows);

static struct example settings;

static void enter(void)
{
    test_folder_enter();
    if (lat_settings_defaults(rows, n_rows, &settings, NULL) != LAT_OK)
        abort();
}

TestSuite(settings, .init = enter, .fini = test_folder_leave);

static enum lat_status from_words(struct lat_error *err, int *out_argc, char **argv)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    const enum lat_status status =
        lat_settings_arguments(rows, n_rows, &settings, &argc, argv, err);
    if (out_argc)
        *out_argc = argc;
    return status;
}

#define WORDS(...) ((char *[]){(char[]){"latentd"}, __VA_ARGS__, NULL})

Test(settings, defaults_come_from_the_rows)
{
    cr_assert_str_eq(settings.listen, "127.0.0.1:8080");
    cr_assert(settings.keep_inputs);
    cr_assert_eq(settings.n_workers, 0);
    cr_assert_eq(settings.timeout_s, 1.5);
    cr_assert_eq(settings.max_body, 1 << 20);
}

Test(settings, a_bad_default_is_found)
{
    const struct lat_setting bad[] = {
        LAT_SETTING_ROW(example, n_workers, LAT_SETTING_INT, "many", 0, 1, "N", "x")};
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_settings_defaults(bad, 1, &settings, &err), LAT_INVALID);
    cr_assert_str_eq(err.message, "default: n_workers: expected a whole number, not 'many'");
}

Test(settings, options_in_both_forms_and_the_rest_stays)
{
    char **argv = WORDS("import", "--listen", "0.0.0.0:1", "--n-workers=4", "shoes", "-x", "-",
                        "--timeout_s", "2", "--", "--listen");
    int argc;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(from_words(&err, &argc, argv), LAT_OK, "%s", err.message);
    cr_assert_str_eq(settings.listen, "0.0.0.0:1");
    cr_assert_eq(settings.n_workers, 4);
    cr_assert_eq(settings.timeout_s, 2.0);
    cr_assert_eq(argc, 6);
    cr_assert_str_eq(argv[1], "import");
    cr_assert_str_eq(argv[2], "shoes");
    cr_assert_str_eq(argv[3], "-x");
    cr_assert_str_eq(argv[4], "-");
    cr_assert_str_eq(argv[5], "--listen");
    cr_assert_null(argv[6]);
}

Test(settings, bools_alone_negated_and_with_a_value)
{
    int argc;
    cr_assert_eq(from_words(NULL, &argc, WORDS("--no-keep-inputs", "false")), LAT_OK);
    cr_assert_not(settings.keep_inputs);
    cr_assert_eq(argc, 2);
    cr_assert_eq(from_words(NULL, &argc, WORDS("--keep-inputs", "false")), LAT_OK);
    cr_assert(settings.keep_inputs);
    cr_assert_eq(argc, 2);
    cr_assert_eq(from_words(NULL, NULL, WORDS("--keep-inputs=false")), LAT_OK);
    cr_assert_not(settings.keep_inputs);
    cr_assert_eq(from_words(NULL, NULL, WORDS("--keep_inputs=ON")), LAT_OK);
    cr_assert(settings.keep_inputs);
    cr_assert_eq(from_words(NULL, NULL, WORDS("--keep-inputs=maybe")), LAT_INVALID);
    cr_assert_eq(from_words(NULL, NULL, WORDS("--no-keep-inputs=1")), LAT_INVALID);
    cr_assert_eq(from_words(NULL, NULL, WORDS("--no-listen")), LAT_INVALID);
}

Test(settings, refusals_name_what_was_meant)
{
    static const struct {
        const char *word;
        const char *message;
    } cases[] = {
        {"--lisen=x", "unknown option '--lisen', did you mean '--listen'?"},
        {"--n-worker", "unknown option '--n-worker', did you mean '--n-workers'?"},
        {"--zzz", "unknown option '--zzz'"},
        {"--listen", "'--listen' needs a value"},
        {"--n-workers=x", "n_workers: expected a whole number, not 'x'"},
        {"--n-workers=65", "n_workers: expected -1 to 64, not '65'"},
        {"--n-workers=-2", "n_workers: expected -1 to 64, not '-2'"},
        {"--timeout-s=0", "timeout_s: expected 0.1 to 60, not '0'"},
        {"--timeout-s=nan", "timeout_s: expected a number, not 'nan'"},
        {"--max-body=1XB",
         "max_body: expected bytes such as 4096, 64KiB, 64MiB or 1GiB, not '1XB'"},
        {"--listen=012345678901234567890123456789012", "listen: at most 31 bytes, not 33"},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        struct lat_error err = LAT_ERROR_INIT;
        char word[64];
        snprintf(word, sizeof(word), "%s", cases[i].word);
        cr_assert_eq(from_words(&err, NULL, WORDS(word)), LAT_INVALID, "%s", word);
        cr_expect_str_eq(err.message, cases[i].message);
    }
}

Test(settings, bytes_have_units)
{
    static const struct {
        const char *word;
        int64_t value;
    } cases[] = {{"4096", 4096},      {"1B", 1},           {"64KiB", 65536},
                 {"64MiB", 67108864}, {"1GiB", 1 << 30},   {"1.5 GiB", 3LL << 29},
                 {"10MB", 10000000},  {"1TiB", 1LL << 40}, {"2kb", 2000}};
    for (size_t i = 0; i < LAT_ARRAY_LEN(cases); i++) {
        char word[64];
        snprintf(word, sizeof(word), "--max-body=%s", cases[i].word);
        cr_assert_eq(from_words(NULL, NULL, WORDS(word)), LAT_OK, "%s", word);
        cr_assert_eq(settings.max_body, cases[i].value, "%s", word);
    }
    static const char *const bad[] = {"", "KiB", "-1", "1e5", "99999999999TiB", "1 K iB", "0"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(bad); i++) {
        char word[64];
        snprintf(word, sizeof(word), "--max-body=%s", bad[i]);
        cr_assert_eq(from_words(NULL, NULL, WORDS(word)), LAT_INVALID, "%s", word);
    }
}

static enum lat_status from_file(const char *text, struct lat_error *err)
{
    const char *path = test_path("conf");
    if (lat_file_write(path, text, strlen(text), NULL) != LAT_OK)
        return LAT_IO;
    return lat_settings_file(rows, n_rows, &settings, path, err);
}

Test(settings, files_have_comments_quotes_and_blank_lines)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(from_file("# a comment\n\n  listen = \"a # b\" # why\r\n"
                           "n-workers=3\nkeep_inputs = no\n\tmax_body = 2 KiB",
                           &err),
                 LAT_OK, "%s", err.message);
    cr_assert_str_eq(settings.listen, "a # b");
    cr_assert_eq(settings.n_workers, 3);
    cr_assert_not(settings.keep_inputs);
    cr_assert_eq(settings.max_body, 2048);
    cr_assert_eq(from_file("listen = a#b\n", NULL), LAT_OK);
    cr_assert_str_eq(settings.listen, "a#b");
    cr_assert_eq(from_file("", NULL), LAT_OK);
}

Test(settings, a_bad_line_is_named)
{
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(from_file("listen = x\nn_worker = 3\n", &err), LAT_INVALID);
    cr_assert_not_null(
        strstr(err.message, "conf:2: unknown setting 'n_worker', did you mean 'n_workers'?"));
    lat_error_clear(&err);
    cr_assert_eq(from_file("\n\nlisten\n", &err), LAT_INVALID);
    cr_assert_not_null(strstr(err.message, "conf:3: expected 'name = value', not 'listen'"));
    cr_assert_eq(lat_settings_file(rows, n_rows, &settings, test_path("none"), NULL),
                 LAT_NOT_FOUND);
}

static enum lat_status read_file(void *context, struct lat_error *err)
{
    return lat_settings_file(rows, n_rows, &settings, context, err);
}

Test(settings, reading_a_file_survives_every_failing_allocation)
{
    cr_assert_eq(from_file("listen = x\n", NULL), LAT_OK);
    char path[4096];
    snprintf(path, sizeof(path), "%s", test_path("conf"));
    TEST_TORTURE(read_file, path);
}

Test(settings, the_environment_overrides_and_is_named)
{
    struct lat_error err = LAT_ERROR_INIT;
    setenv("LATENTD_N_WORKERS", "7", 1);
    setenv("LATENTD_LISTEN", "", 1);
    cr_assert_eq(lat_settings_environment(rows, n_rows, &settings, NULL), LAT_OK);
    cr_assert_eq(settings.n_workers, 7);
    cr_assert_str_eq(settings.listen, "127.0.0.1:8080");
    setenv("LATENTD_N_WORKERS", "x", 1);
    cr_assert_eq(lat_settings_environment(rows, n_rows, &settings, &err), LAT_INVALID);
    cr_assert_str_eq(err.message, "environment LATENTD_N_WORKERS: n_workers: expected a whole "
                                  "number, not 'x'");
}

Test(settings, help_has_a_line_for_every_row)
{
    char text[2048] = "";
    FILE *out = fmemopen(text, sizeof(text), "w");
    lat_settings_help(rows, n_rows, out);
    fclose(out);
    cr_assert_str_eq(text, "  --listen ADDR:PORT   where to listen (default: 127.0.0.1:8080)\n"
                           "  --[no-]keep-inputs   keep inputs (default: true)\n"
                           "  --n-workers N        worker threads (default: 0)\n"
                           "  --timeout-s SECONDS  deadline (default: 1.5)\n"
                           "  --max-body BYTES     largest body (default: 1MiB)\n");
}
