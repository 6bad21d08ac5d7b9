/* Snapshots over HTTP and the commands backup and restore: what is in them, while writes go on,
 * what is refused, and what a kill leaves. */
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/integration/client.h"
#include "tests/integration/command.h"

static struct server server;

/* test_path with room for more arguments of one command. */
static const char *at(const char *name)
{
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof(paths[0]), "%s", test_path(name));
    return path;
}

static void start_on(const char *data, const char *models)
{
    server_start(&server, data, models, NULL);
    api_use(&server);
}

static void enter(void)
{
    test_folder_enter();
    api_write_models(test_path("models"));
    start_on(test_path("data"), test_path("models"));
}

static void leave(void)
{
    if (server.pid)
        server_kill(&server);
    test_folder_leave();
}

TestSuite(snapshots, .init = enter, .fini = leave);

static void stop(void)
{
    cr_assert_eq(server_stop(&server, 20000), 0);
}

/* Makes one and waits for its end; the id, "" when it failed. */
static const char *snapshot(void)
{
    static char id[64];
    char path[128];
    STATUS(202, ask("POST", "/v1/snapshots", NULL));
    snprintf(path, sizeof(path), "/v1/jobs/%s", text_of("id"));
    cr_assert_str_eq(header("Location"), path);
    snprintf(id, sizeof(id), "%s", text_of("id"));
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
    STATUS(200, ask("GET", path, NULL));
    const bool done = strstr(reply(), "\"state\":\"done\"") != NULL;
    return done ? id : "";
}

static void fetch(const char *id, const char *file)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/snapshots/%s", id);
    STATUS(200, ask("GET", path, NULL));
    cr_assert_str_eq(header("Content-Type"), "application/x-tar");
    put_file(file, reply(), reply_len());
}

static void fill(const char *name, unsigned n)
{
    struct lat_buf lines = {0};
    char path[64], spec[] = "{\"dimension\":256,\"metric\":\"cosine\"}";
    snprintf(path, sizeof(path), "/v1/collections/%s", name);
    STATUS(201, ask("PUT", path, spec));
    for (unsigned i = 0; i < n; i++) {
        lat_buf_printf(&lines, "{\"id\":\"i%u\",\"metadata\":{\"n\":%u},\"code\":[", i, i);
        for (unsigned j = 0; j < 256; j++)
            lat_buf_printf(&lines, "%s%u", j ? "," : "", 1 + (i * 31 + j * 17) % 97);
        lat_buf_text(&lines, "]}\n");
    }
    snprintf(path, sizeof(path), "/v1/collections/%s/import", name);
    STATUS(200, ask_as("POST", path, "Content-Type: application/x-ndjson\r\n", lines.data,
                       lines.len));
    lat_buf_release(&lines);
}

/* ---- over HTTP ---- */

Test(snapshots, are_listed_fetched_in_ranges_and_deleted)
{
    char path[128], sum[80], range[64];
    STATUS(200, ask("GET", "/v1/snapshots", NULL));
    cr_assert_eq(count_of("snapshots"), 0);
    cr_assert(is_null("next_cursor"));
    char first[64], second[64];
    snprintf(first, sizeof(first), "%s", snapshot());
    STATUS(202, ask("POST", "/v1/jobs", "{\"type\":\"snapshot\"}"));
    cr_assert_str_eq(text_of("snapshot"), text_of("id"));
    snprintf(second, sizeof(second), "%s", text_of("id"));
    snprintf(path, sizeof(path), "/v1/jobs/%s/events", second);
    STATUS(200, ask("GET", path, NULL));
    STATUS(200, ask("GET", "/v1/snapshots?limit=1", NULL));
    cr_assert_eq(count_of("snapshots"), 1);
    cr_assert_str_eq(text_of("snapshots.0.id"), second);
    snprintf(path, sizeof(path), "/v1/snapshots?limit=1&cursor=%s", text_of("next_cursor"));
    STATUS(200, ask("GET", path, NULL));
    cr_assert_str_eq(text_of("snapshots.0.id"), first);
    cr_assert_str_eq(text_of("snapshots.0.state"), "ready");
    cr_assert(is_null("next_cursor") && has("snapshots.0.created"));
    const double bytes = number_of("snapshots.0.bytes");
    snprintf(sum, sizeof(sum), "\"%s\"", text_of("snapshots.0.sha256"));
    cr_assert_eq(strlen(sum), 66);

    snprintf(path, sizeof(path), "/v1/snapshots/%s", first);
    STATUS(200, ask("GET", path, NULL));
    cr_assert_float_eq((double)reply_len(), bytes, 0.1);
    cr_assert_str_eq(header("ETag"), sum);
    cr_assert(strncmp(header("Repr-Digest"), "sha-256=:", 9) == 0);
    snprintf(range, sizeof(range), "%.0f", bytes);
    cr_assert_str_eq(header("Content-Length"), range);
    char whole[600];
    memcpy(whole, reply(), sizeof(whole));
    STATUS(206, ask_as("GET", path, "Range: bytes=500-599\r\n", NULL, 0));
    cr_assert_eq(reply_len(), 100);
    cr_assert_eq(memcmp(reply(), whole + 500, 100), 0);
    snprintf(range, sizeof(range), "bytes 500-599/%.0f", bytes);
    cr_assert_str_eq(header("Content-Range"), range);
    STATUS(206, ask_as("GET", path, "Range: bytes=-10\r\n", NULL, 0));
    cr_assert_eq(reply_len(), 10);
    STATUS(200, ask_as("GET", path, "Range: lines=1-2\r\n", NULL, 0));
    ask_as("GET", path, "Range: bytes=999999999-\r\n", NULL, 0);
    PROBLEM(416, "bad_range");

    STATUS(204, ask("DELETE", path, NULL));
    ask("GET", path, NULL);
    PROBLEM(404, "snapshot_not_found");
    ask("DELETE", path, NULL);
    PROBLEM(404, "snapshot_not_found");
    ask("GET", "/v1/snapshots/..%2F..%2Flatentd.db", NULL);
    PROBLEM(404, "snapshot_not_found");
    ask("GET", "/v1/snapshots?cursor=nonsense", NULL);
    PROBLEM(422, "bad_cursor");
    ask("POST", "/v1/snapshots", "{\"what\":1}");
    PROBLEM(422, "unknown_field");
    STATUS(200, ask("GET", "/v1/snapshots", NULL));
    cr_assert_eq(count_of("snapshots"), 1);
}

/* ---- there and back ---- */

/* One answer of each kind, as text. */
static void interview(struct lat_buf *out)
{
    static const struct {
        const char *method, *path, *body;
    } questions[] = {
        {"GET", "/v1/collections", NULL},
        {"GET", "/v1/models/tiny@1", NULL},
        {"GET", "/v1/collections/pictures/items?include=metadata,code", NULL},
        {"GET", "/v1/collections/pictures/items/a%20b", NULL},
        {"GET", "/v1/collections/pictures/items/a%20b/input", NULL},
        {"POST", "/v1/collections/pictures/search", "{\"id\":\"a b\",\"k\":3}"},
        {"POST", "/v1/collections/codes/search",
         "{\"id\":\"i7\",\"k\":10,\"include\":[\"metadata\"]}"},
        {"GET", "/v1/collections/codes/users/u/history", NULL},
        {"GET", "/v1/collections/codes/popular", NULL},
        {"GET", "/v1/collections/codes/users/u/recommendations?k=3", NULL},
    };
    for (size_t i = 0; i < LAT_ARRAY_LEN(questions); i++) {
        STATUS(200, ask(questions[i].method, questions[i].path, questions[i].body));
        if (has("recommendation_id")) { /* is another each time */
            lat_buf_printf(out, "%s %s\n", text_of("results.0.id"), text_of("source"));
            continue;
        }
        lat_buf_append(out, reply(), reply_len());
        lat_buf_char(out, '\n');
    }
    cr_assert_eq(lat_buf_check(out, NULL), LAT_OK);
}

/* What differs between two servers that hold the same: bytes of memory and disk. */
static void forget_bytes(struct lat_buf *text)
{
    static const char *const keys[] = {"\"bytes\":", "\"data_bytes\":", "\"lag\":"};
    for (size_t k = 0; k < LAT_ARRAY_LEN(keys); k++)
        for (char *at = text->data; (at = strstr(at, keys[k])) != NULL;)
            for (at += strlen(keys[k]); *at >= '0' && *at <= '9'; at++)
                *at = '0';
}

static void populate(void)
{
    char item[256];
    STATUS(201, ask("PUT", "/v1/collections/pictures", "{\"model\":\"tiny@1\"}"));
    for (unsigned i = 0; i < 5; i++) {
        snprintf(item, sizeof(item),
                 "{\"items\":[{\"id\":\"%s%u\",\"metadata\":{\"n\":%u},\"input\":{\"image\":\"%"
                 "s\"}}]}",
                 "p", i, i, tiny_png64(10 * i, 3));
        STATUS(200, ask("PUT", "/v1/collections/pictures/items", item));
    }
    snprintf(item, sizeof(item), "{\"input\":{\"image\":\"%s\"}}", tiny_png64(100, 5));
    STATUS(201, ask("PUT", "/v1/collections/pictures/items/a%20b", item));
    fill("codes", 300);
    STATUS(200, ask("POST", "/v1/collections/codes/interactions",
                    "[{\"user\":\"u\",\"item\":\"i3\"},{\"user\":\"u\",\"item\":\"i4\"},"
                    "{\"user\":\"v\",\"item\":\"i4\"}]"));
}

Test(snapshots, a_restored_server_answers_as_the_first_did)
{
    struct lat_buf before = {0}, after = {0};
    populate();
    interview(&before);
    fetch(snapshot(), "one.tar");
    /* What comes later is not in it. */
    STATUS(201, ask("PUT", "/v1/collections/late", "{\"dimension\":2}"));
    cr_assert_eq(RUN("backup", "--data", at("data"), at("two.tar")), 0, "%s", output());
    stop();
    cr_assert_eq(RUN("restore", at("one.tar"), "--data", at("again"), "--json"), 0, "%s",
                 output());
    cr_assert_eq(member("packages") > 0, 1);
    cr_assert_eq(RUN("check", at("again")), 0, "%s", output());
    start_on(at("again"), at("again/models"));
    interview(&after);
    forget_bytes(&before);
    forget_bytes(&after);
    cr_assert_str_eq(after.data, before.data);
    STATUS(200, ask("GET", "/v1/jobs", NULL));
    cr_assert_eq(count_of("jobs"), 0);
    stop();

    cr_assert_eq(RUN("restore", at("two.tar"), "--data", at("third"), "--models", at("models"),
                     "--json"),
                 0, "%s", output());
    cr_assert_eq(member("packages"), 0);
    cr_assert_eq(access(at("third/models"), F_OK), -1);
    start_on(at("third"), at("models"));
    STATUS(200, ask("GET", "/v1/collections/late", NULL));
    lat_buf_release(&before);
    lat_buf_release(&after);
}

/* ---- while writes go on ---- */

struct writer {
    pthread_t thread;
    atomic_uint acknowledged; /* items 0 … n − 1 */
    atomic_bool stop;
};

static void *write_on(void *argument)
{
    struct writer *writer = argument;
    struct wire wire = {.fd = -1, .port = server.port};
    char body[160];
    for (unsigned i = 0; !atomic_load(&writer->stop); i++) {
        snprintf(body, sizeof(body), "{\"items\":[{\"id\":\"w%u\",\"code\":[%u,1]}]}", i, i);
        if (wire_json(&wire, "PUT", "/v1/collections/w/items", body) != 200)
            break;
        atomic_store(&writer->acknowledged, i + 1);
    }
    wire_release(&wire);
    return NULL;
}

Test(snapshots, have_what_was_acknowledged_before_and_no_hole_behind_it)
{
    struct writer writer = {.acknowledged = 0};
    char path[64], file[64], folder[64];
    unsigned before[3];
    fill("codes", 2000);
    STATUS(201, ask("PUT", "/v1/collections/w", "{\"dimension\":2}"));
    cr_assert_eq(pthread_create(&writer.thread, NULL, write_on, &writer), 0);
    while (atomic_load(&writer.acknowledged) < 20)
        sched_yield();
    for (unsigned i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%u.tar", i);
        before[i] = atomic_load(&writer.acknowledged);
        if (i < 2)
            fetch(snapshot(), file);
        else
            cr_assert_eq(RUN("backup", "--data", at("data"), at(file)), 0, "%s", output());
    }
    const unsigned between = atomic_load(&writer.acknowledged);
    cr_assert_gt(between, before[0], "nobody wrote meanwhile");
    atomic_store(&writer.stop, true);
    pthread_join(writer.thread, NULL);
    stop();
    for (unsigned i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%u.tar", i);
        snprintf(folder, sizeof(folder), "d%u", i);
        cr_assert_eq(RUN("restore", at(file), "--data", at(folder)), 0, "%s", output());
        cr_assert_eq(RUN("check", at(folder)), 0, "%s", output());
        start_on(at(folder), at("models"));
        STATUS(200, ask("GET", "/v1/collections/w", NULL));
        const unsigned n = (unsigned)number_of("items");
        cr_assert_geq(n, before[i]);
        snprintf(path, sizeof(path), "/v1/collections/w/items/w%u", n - 1);
        STATUS(200, ask("GET", path, NULL));
        STATUS(200, ask("GET", "/v1/collections/codes", NULL));
        cr_assert_eq(number_of("items"), 2000);
        stop();
    }
}

/* ---- what is refused ---- */

Test(snapshots, a_damaged_file_is_refused_whole)
{
    struct lat_buf bytes = {0};
    populate();
    fetch(snapshot(), "good.tar");
    stop();
    cr_assert_eq(lat_file_read(at("good.tar"), SIZE_MAX, &bytes, NULL), LAT_OK);
    for (size_t i = 1; i < 24; i++) {
        const size_t byte = i * (bytes.len / 24) + 7 * i;
        bytes.data[byte] ^= (char)(1 << i % 8);
        put_file("bad.tar", bytes.data, bytes.len);
        cr_assert_eq(RUN("restore", at("bad.tar"), "--data", at("no")), 1, "byte %zu", byte);
        cr_assert_not_null(strstr(output(), "damaged"), "%s", output());
        cr_assert_eq(access(at("no"), F_OK), -1, "byte %zu", byte);
        bytes.data[byte] ^= (char)(1 << i % 8);
    }
    for (size_t i = 0; i < 4; i++) {
        put_file("bad.tar", bytes.data, i * bytes.len / 4);
        cr_assert_eq(RUN("restore", at("bad.tar"), "--data", at("no")), 1);
        cr_assert_eq(access(at("no"), F_OK), -1);
    }
    cr_assert_eq(mkdir(at("no"), 0755), 0);
    cr_assert_eq(RUN("restore", at("bad.tar"), "--data", at("no")), 1);
    cr_assert_eq(test_folder_count(at("no")), 0);
    cr_assert_eq(RUN("restore", at("good.tar"), "--data", at("no")), 0);
    cr_assert_eq(RUN("restore", at("good.tar"), "--data", at("no")), 1);
    cr_assert_not_null(strstr(output(), "not empty"), "%s", output());
    lat_buf_release(&bytes);
}

Test(snapshots, commands_say_what_is_wrong)
{
    STATUS(201, ask("PUT", "/v1/collections/pictures", "{\"model\":\"tiny@1\"}"));
    char data[512], file[512];
    snprintf(data, sizeof(data), "%s", at("data"));
    snprintf(file, sizeof(file), "%s", at("f.tar"));
    cr_assert_eq(RUN("backup", file), 2);
    cr_assert_eq(RUN("backup", "--data", data), 2);
    cr_assert_eq(RUN("restore", file), 2);
    cr_assert_eq(RUN("restore", "--help"), 0);
    cr_assert_eq(RUN("backup", "--help"), 0);
    cr_assert_eq(RUN("backup", "--data", at("nowhere"), file), 1);
    cr_assert_eq(RUN("restore", at("nowhere"), "--data", at("new")), 1);
    cr_assert_eq(RUN("backup", "--data", data, "--models", at("none"), file), 1);
    cr_assert_not_null(strstr(output(), "tiny@1"), "%s", output());
    cr_assert_eq(access(file, F_OK), -1);
    cr_assert_eq(RUN("backup", "--data", data, "--models", at("none"), file, "--incomplete"),
                 0);
    cr_assert_eq(RUN("backup", "--server", server.url, file, "--json"), 0, "%s", output());
    cr_assert(member("bytes") > 1000);
    STATUS(200, ask("GET", "/v1/snapshots", NULL));
    cr_assert_eq(count_of("snapshots"), 0);
    cr_assert_eq(RUN("restore", file, "--data", at("new")), 0, "%s", output());
    put_text("models/tiny/1/model.json", "{}");
    cr_assert_eq(RUN("restore", file, "--data", at("other"), "--models", at("models")), 1);
    cr_assert_not_null(strstr(output(), "tiny@1"), "%s", output());
    cr_assert_eq(access(at("other"), F_OK), -1);
}

/* ---- a kill ---- */

/* Entries of the folder whose name ends so. */
static unsigned count_ends(const char *end)
{
    unsigned n = 0;
    DIR *dir = opendir(at("data/snapshots"));
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL) {
        const size_t len = strlen(entry->d_name), tail = strlen(end);
        n += len > tail && strcmp(entry->d_name + len - tail, end) == 0;
    }
    if (dir)
        closedir(dir);
    return n;
}

Test(snapshots, a_kill_leaves_no_half_file_that_counts)
{
    char id[64], path[128];
    fill("codes", 3000);
    for (unsigned round = 0; round < 4; round++) {
        const struct timespec wait = {.tv_nsec = 1000000L * (5 + 25 * round)};
        STATUS(202, ask("POST", "/v1/snapshots", NULL));
        snprintf(id, sizeof(id), "%s", text_of("id"));
        nanosleep(&wait, NULL); /* any moment will do */
        server_kill(&server);
        start_on(at("data"), at("models"));
        snprintf(path, sizeof(path), "/v1/jobs/%s/events", id);
        STATUS(200, ask("GET", path, NULL));
        cr_assert_not_null(strstr(reply(), "\"state\":\"done\""), "%s", reply());
        STATUS(200, ask("GET", "/v1/snapshots", NULL));
        cr_assert_eq(count_of("snapshots"), round + 1);
        for (unsigned i = 0; i <= round; i++) {
            snprintf(path, sizeof(path), "snapshots.%u.state", i);
            cr_assert_str_eq(text_of(path), "ready");
        }
    }
    cr_assert_eq(count_ends(".tar"), 4);
    cr_assert_eq(count_ends(".json"), 4);
    cr_assert_eq(test_folder_count(at("data/snapshots")), 8);
    fetch(id, "last.tar");
    stop();
    cr_assert_eq(RUN("restore", at("last.tar"), "--data", at("again")), 0, "%s", output());
    cr_assert_eq(RUN("check", at("again")), 0, "%s", output());
}
