#include <criterion/criterion.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "tests/support/support.h"

TestSuite(log, .init = test_folder_enter, .fini = test_folder_leave);

static int old_stderr;

static void capture(void)
{
    fflush(stderr);
    old_stderr = dup(STDERR_FILENO);
    cr_assert_not_null(freopen(test_path("log"), "a", stderr));
}

static void captured(struct lat_buf *out)
{
    fflush(stderr);
    dup2(old_stderr, STDERR_FILENO);
    close(old_stderr);
    cr_assert_eq(lat_file_read(test_path("log"), 1 << 24, out, NULL), LAT_OK);
}

Test(log, a_line_is_json_with_time_level_event_and_members)
{
    struct lat_buf text = {0};
    capture();
    lat_log(LAT_LOG_INFO, "opened \"x\"\n", "\"items\":%d,\"kind\":\"%s\"", 3, "flat");
    captured(&text);
    json_t *line = json_loads(text.data, 0, NULL);
    cr_assert_not_null(line, "%s", text.data);
    cr_assert_eq(strlen(json_string_value(json_object_get(line, "time"))), 24u);
    cr_assert_str_eq(json_string_value(json_object_get(line, "level")), "info");
    cr_assert_str_eq(json_string_value(json_object_get(line, "event")), "opened \"x\"\n");
    cr_assert_eq(json_integer_value(json_object_get(line, "items")), 3);
    cr_assert_str_eq(json_string_value(json_object_get(line, "kind")), "flat");
    cr_assert_eq(text.data[text.len - 1], '\n');
    json_decref(line);
    lat_buf_release(&text);
}

Test(log, levels_below_the_least_are_left_out)
{
    struct lat_buf text = {0};
    capture();
    lat_log(LAT_LOG_DEBUG, "a", NULL);
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    lat_log(LAT_LOG_ERROR, "b", NULL);
    lat_log_error("c", &(struct lat_error)LAT_ERROR_INIT);
    lat_log_configure(LAT_LOG_DEBUG, LAT_LOG_TEXT);
    lat_log(LAT_LOG_DEBUG, "d", NULL);
    captured(&text);
    cr_assert_not(lat_log_enabled(LAT_LOG_OFF));
    cr_assert_str_eq(text.data + 24, " debug d\n");
    lat_buf_release(&text);
}

Test(log, an_error_brings_its_status_code_words_and_place)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf text = {0};
    lat_fail(&err, LAT_INVALID, "bad_row", "row '%s'", "\"3\"");
    lat_error_at(&err, "/items/3");
    capture();
    lat_log_error("import failed", &err);
    captured(&text);
    json_t *line = json_loads(text.data, 0, NULL);
    cr_assert_not_null(line, "%s", text.data);
    cr_assert_str_eq(json_string_value(json_object_get(line, "level")), "error");
    cr_assert_str_eq(json_string_value(json_object_get(line, "status")), "invalid");
    cr_assert_str_eq(json_string_value(json_object_get(line, "code")), "bad_row");
    cr_assert_str_eq(json_string_value(json_object_get(line, "error")), "row '\"3\"'");
    cr_assert_str_eq(json_string_value(json_object_get(line, "pointer")), "/items/3");
    json_decref(line);
    lat_buf_release(&text);
}

Test(log, the_longest_error_is_whole)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_buf text = {0};
    char words[512];
    memset(words, 1, sizeof(words) - 1);
    words[511] = '\0';
    lat_fail(&err, LAT_INVALID, NULL, "%s", words);
    for (int i = 0; i < 10; i++)
        lat_error_at(&err, "\"%s", "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"");
    capture();
    lat_log_error("x", &err);
    captured(&text);
    json_t *line = json_loads(text.data, 0, NULL);
    cr_assert_not_null(line, "%s", text.data);
    cr_assert_str_eq(json_string_value(json_object_get(line, "error")), words);
    json_decref(line);
    lat_buf_release(&text);
}

Test(log, too_long_a_line_is_still_json)
{
    struct lat_buf text = {0};
    char large[8192];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    capture();
    lat_log(LAT_LOG_INFO, "long", "\"a\":\"%s\"", large);
    lat_log(LAT_LOG_INFO, large, "\"a\":1");
    captured(&text);
    char *second = strchr(text.data, '\n') + 1;
    second[-1] = '\0';
    const char *lines[] = {text.data, second};
    for (int i = 0; i < 2; i++) {
        json_t *line = json_loads(lines[i], 0, NULL);
        cr_assert_not_null(line, "%s", lines[i]);
        cr_assert(json_is_true(json_object_get(line, "truncated")));
        json_decref(line);
    }
    lat_buf_release(&text);
}

Test(log, no_memory_is_needed)
{
    struct lat_buf text = {0};
    capture();
    lat_mem_fail_after(1);
    lat_log(LAT_LOG_ERROR, "out of memory", "\"n\":%d", 1);
    cr_assert_not(lat_mem_fail_reached());
    lat_mem_fail_never();
    captured(&text);
    cr_assert_not_null(strstr(text.data, "\"n\":1}"));
    lat_buf_release(&text);
}

static void *log_often(void *argument)
{
    for (int i = 0; i < 500; i++)
        lat_log(LAT_LOG_INFO, argument, "\"i\":%d", i);
    return NULL;
}

Test(log, lines_of_several_threads_do_not_mix)
{
    struct lat_buf text = {0};
    pthread_t threads[3];
    capture();
    for (int i = 0; i < 3; i++)
        cr_assert_eq(lat_thread_start(&threads[i], "log", log_often, (char *)"event", NULL),
                     LAT_OK);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    captured(&text);
    int n = 0;
    for (char *line = text.data, *end; (end = strchr(line, '\n')); line = end + 1, n++) {
        *end = '\0';
        json_t *json = json_loads(line, 0, NULL);
        cr_assert_not_null(json, "%s", line);
        json_decref(json);
    }
    cr_assert_eq(n, 1500);
    lat_buf_release(&text);
}
