/* Damage to a data directory that nobody is using, and what becomes of it at the next start:
 * index files that are deleted, emptied, cut, or changed in single bytes are rebuilt from the
 * rows without a word lost; rows that are damaged are reported by `latentd check` and not
 * served, and cost the others nothing. And: of two servers on one directory the second refuses.
 *
 * LATENTD_SEED for the random places (the time; printed). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "tests/support/faults.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum { N = 3000, D = 24, BATCH = 500, FLIPS = 12, CHECKED = 100 };

static struct server server;
static struct wire wire = {.fd = -1};
static char data[512], check_log[600];

/* ---- content ---- */

static void code_of(size_t i, float code[D])
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 7 * i);
    for (size_t j = 0; j < D; j++)
        code[j] = (float)lat_rng_normal(&rng);
}

static void start(void)
{
    server_start(&server, data, test_path("models"), NULL);
    wire_close(&wire);
    wire.port = server.port;
}

static void stop(void)
{
    const int status = server_stop(&server, 30000);
    if (status != 0)
        test_wrong("the server ends with status %d", status);
}

static void fill(const char *collection, const char *settings)
{
    struct lat_buf body = {0};
    char path[128];
    float code[D];
    snprintf(path, sizeof(path), "/v1/collections/%s", collection);
    if (wire_json(&wire, "PUT", path, settings) != 201)
        test_wrong("create: %d: %s", wire.status, wire.body);
    snprintf(path, sizeof(path), "/v1/collections/%s/items", collection);
    for (size_t first = 0; first < N; first += BATCH) {
        lat_buf_clear(&body);
        lat_buf_text(&body, "{\"items\":[");
        for (size_t i = first; i < first + BATCH; i++) {
            code_of(i, code);
            lat_buf_printf(&body, "%s{\"id\":\"%05zu\",\"metadata\":{\"n\":%zu},\"code\":",
                           i > first ? "," : "", i, i);
            lat_buf_json_floats(&body, code, D);
            lat_buf_char(&body, '}');
        }
        lat_buf_text(&body, "]}");
        if (wire_request(&wire, "PUT", path, NULL, body.data, body.len) != 200)
            test_wrong("batch: %d: %.300s", wire.status, wire.body);
    }
    lat_buf_release(&body);
}

/* Whether the item is the first hit of its own code. */
static bool is_found(const char *collection, size_t i)
{
    char path[128], want[64];
    float code[D];
    code_of(i, code);
    snprintf(path, sizeof(path), "/v1/collections/%s/search?k=5", collection);
    snprintf(want, sizeof(want), "\"id\":\"%05zu\"", i);
    if (wire_request(&wire, "POST", path, "application/octet-stream", code, sizeof(code)) !=
        200)
        test_wrong("search: %d: %.300s", wire.status, wire.body);
    return strstr(wire.body, want) != NULL;
}

static const char *const collections[] = {"flat", "hnsw", "ivf"};

static void verify(const char *after)
{
    for (size_t c = 0; c < LAT_ARRAY_LEN(collections); c++)
        for (size_t i = 0; i < N; i += N / CHECKED)
            if (!is_found(collections[c], i)) {
                test_wrong("after %s: %05zu of %s is not found", after, i, collections[c]);
                break;
            }
}

/* The exit status of `latentd check`; its words are in check_log. */
static int check(void)
{
    const char *arguments[] = {"check", data, NULL};
    unlink(check_log);
    return server_run(arguments, check_log);
}

/* ---- damage to index files ---- */

typedef void damage(const char *path, off_t size, struct lat_rng *rng);

static void delete_file(const char *path, off_t size, struct lat_rng *rng)
{
    (void)size;
    (void)rng;
    if (unlink(path) != 0)
        test_wrong("%s: %s", path, strerror(errno));
}

static void cut(const char *path, off_t size, struct lat_rng *rng)
{
    if (truncate(path, (off_t)lat_rng_below(rng, (uint64_t)size)) != 0)
        test_wrong("%s: %s", path, strerror(errno));
}

static void empty(const char *path, off_t size, struct lat_rng *rng)
{
    (void)size;
    (void)rng;
    if (truncate(path, 0) != 0)
        test_wrong("%s: %s", path, strerror(errno));
}

static void flip(const char *path, off_t size, struct lat_rng *rng)
{
    const off_t at = (off_t)lat_rng_below(rng, (uint64_t)size);
    unsigned char byte = 0;
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || pread(fd, &byte, 1, at) != 1)
        test_wrong("%s: %s", path, strerror(errno));
    byte ^= (unsigned char)(1u << lat_rng_below(rng, 8));
    if (fd < 0 || pwrite(fd, &byte, 1, at) != 1)
        test_wrong("%s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void garble(const char *path, off_t size, struct lat_rng *rng)
{
    for (int i = 0; i < 200; i++)
        flip(path, size, rng);
}

/* Hurts every file below index/; their number. */
static unsigned hurt(damage *how, struct lat_rng *rng)
{
    char folder[600], path[1200];
    struct stat st;
    unsigned n = 0;
    snprintf(folder, sizeof(folder), "%s/index", data);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
            continue;
        how(path, st.st_size, rng);
        n++;
    }
    if (dir)
        closedir(dir);
    return n;
}

static void one_damage(const char *name, damage *how, struct lat_rng *rng)
{
    if (hurt(how, rng) == 0)
        test_wrong("no index file to be hurt (%s)", name);
    start();
    verify(name);
    stop();
    if (check() != 0)
        test_wrong("latentd check after %s was healed", name);
}

static void damage_index(struct lat_rng *rng)
{
    one_damage("deleting", delete_file, rng);
    one_damage("emptying", empty, rng);
    one_damage("cutting", cut, rng);
    one_damage("garbling", garble, rng);
    for (int i = 0; i < FLIPS; i++)
        one_damage("a changed bit", flip, rng);
}

/* ---- damage to rows ---- */

static void sql(const char *text)
{
    char path[600], *words = NULL;
    sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/latentd.db", data);
    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, text, NULL, NULL, &words))
        test_wrong("%s: %s", text, words ? words : "cannot be opened");
    sqlite3_free(words);
    sqlite3_close(db);
}

#define ROW_OF(id)                                                                             \
    "(SELECT slot FROM items WHERE id = '" id "' AND collection = "                            \
    "(SELECT collection FROM collections WHERE name = 'flat'))"

/* Whether `latentd check` names what was found wrong with this item. */
static void expect_report(const char *id)
{
    struct lat_buf text = {0};
    struct lat_error err = LAT_ERROR_INIT;
    if (check() != 1)
        test_wrong("latentd check finds nothing wrong with a damaged row");
    if (lat_file_read(check_log, 1 << 20, &text, &err) != LAT_OK || !strstr(text.data, id))
        test_wrong("latentd check does not name %s: %.400s", id, text.data ? text.data : "");
    lat_buf_release(&text);
}

static void expect_not_served(const char *id, size_t i)
{
    char path[128];
    if (is_found("flat", i))
        test_wrong("%s is damaged and found", id);
    snprintf(path, sizeof(path), "/v1/collections/flat/items/%s?include=code", id);
    const int status = wire_json(&wire, "GET", path, NULL);
    if (status == 200)
        test_wrong("the code of %s is damaged and served: %.300s", id, wire.body);
    for (size_t other = 2; other < N; other += N / CHECKED)
        if (!is_found("flat", other))
            test_wrong("%05zu is whole and not found", other);
}

static void damage_rows(struct lat_rng *rng)
{
    sql("UPDATE codes SET code = zeroblob(96) WHERE slot = " ROW_OF("00000"));
    sql("UPDATE codes SET code = substr(code, 1, 40) WHERE slot = " ROW_OF("00001"));
    expect_report("00000");
    expect_report("00001");
    hurt(delete_file, rng);
    start();
    expect_not_served("00000", 0);
    expect_not_served("00001", 1);
    stop();
}

/* ---- two servers ---- */

static void refuse_second(void)
{
    const char *arguments[] = {"serve",    "--data",      data, "--models", test_path("models"),
                               "--listen", "127.0.0.1:0", NULL};
    char log[600];
    struct lat_buf text = {0};
    struct lat_error err = LAT_ERROR_INIT;
    start();
    snprintf(log, sizeof(log), "%s.second", data);
    const int status = server_run(arguments, log);
    if (lat_file_read(log, 1 << 20, &text, &err) != LAT_OK || status != 1)
        test_wrong("a second server on the same directory ends with status %d", status);
    else if (!strstr(text.data, "in use"))
        test_wrong("the second server does not say why: %s", text.data);
    if (check() == 0)
        test_wrong("latentd check does not notice that a server is running");
    lat_buf_release(&text);
    verify("a second server's attempt");
    stop();
}

int main(void)
{
    const char *seed_text = getenv("LATENTD_SEED");
    const uint64_t seed =
        seed_text && *seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)lat_clock_wall_ms();
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    test_folder_enter();
    snprintf(data, sizeof(data), "%s", test_path("data"));
    snprintf(check_log, sizeof(check_log), "%s.check", data);
    start();
    fill("flat", "{\"dimension\":24,\"index\":{\"type\":\"flat\"}}");
    fill("hnsw", "{\"dimension\":24,\"index\":{\"type\":\"hnsw\"}}");
    fill("ivf", "{\"dimension\":24,\"index\":{\"type\":\"ivf\",\"nlist\":16,\"nprobe\":16}}");
    verify("filling");
    stop();
    if (check() != 0)
        test_wrong("latentd check of an undamaged directory");
    damage_index(&rng);
    refuse_second();
    damage_rows(&rng);
    server_kill(&server);
    wire_release(&wire);
    printf("seed %llu\n", (unsigned long long)seed);
    if (test_n_wrong())
        fprintf(stderr, "kept: %s\n", data);
    else
        test_folder_leave();
    return test_n_wrong() != 0;
}
