/* kill -9 under load, over and over: nothing acknowledged is lost, nothing deleted is found.
 *
 * Writers put, delete and put in batches, each in a name space of its own, and write down what
 * was acknowledged; an importer streams lines; searchers look. At a random moment the server is
 * killed. Then `latentd check` must find nothing, and after a restart every item must be what
 * its last acknowledgement says, or, where an answer was still awaited, what the unanswered
 * request would have made of it. In some rounds index files are deleted or cut first, or the
 * server is killed while it starts.
 *
 * LATENTD_KILLS rounds (5), LATENTD_SEED for the random numbers (the time; printed). */
#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/sync.h"
#include "tests/support/faults.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum {
    D = 16,
    WRITERS = 8,
    SEARCHERS = 2,
    PER_WRITER = 150,
    IMPORTED = 1500,
    IMPORT_LINES = 300,
    BATCH_MAX = 20,
    SAMPLES = 60,
    ROUNDS = 5,
    ID_SIZE = 40,
    N_ITEMS = WRITERS * PER_WRITER + IMPORTED
};

/* What is known of an item. Version 0: not there. */
struct item {
    unsigned version;  /* the last acknowledged */
    unsigned last;     /* the highest ever sent: its code is known */
    bool in_doubt;     /* a request was not answered … */
    unsigned would_be; /* … that would have made it this */
};

struct torture {
    struct server server;
    char data[512];
    struct item items[N_ITEMS];
    uint64_t seed;
    uint64_t acknowledged, in_doubt, searches;
};

static struct torture t;

struct actor {
    pthread_t thread;
    struct wire wire;
    struct lat_rng rng;
    size_t index; /* of the writer */
    uint64_t acknowledged, searches;
    struct lat_buf body;
};

/* ---- items ---- */

static void name_of(size_t i, char id[ID_SIZE])
{
    if (i < WRITERS * PER_WRITER)
        snprintf(id, ID_SIZE, "w%02zu-%03zu", i / PER_WRITER, i % PER_WRITER);
    else
        snprintf(id, ID_SIZE, "import-%05zu", i - WRITERS * PER_WRITER);
}

/* N_ITEMS for a name nobody gave. */
static size_t item_of(const char *id)
{
    size_t a = 0, b = 0;
    char again[ID_SIZE] = "";
    size_t i = N_ITEMS;
    if (sscanf(id, "w%zu-%zu", &a, &b) == 2)
        i = a * PER_WRITER + b;
    else if (sscanf(id, "import-%zu", &b) == 1)
        i = WRITERS * PER_WRITER + b;
    if (i < N_ITEMS)
        name_of(i, again);
    return strcmp(again, id) == 0 ? i : N_ITEMS;
}

static void code_of(size_t i, unsigned version, float code[D])
{
    struct lat_rng rng;
    lat_rng_seed(&rng, i * 1000003 + version);
    for (size_t j = 0; j < D; j++)
        code[j] = (float)lat_rng_normal(&rng);
}

/* The next version of an item as JSON; it is in doubt from now on. */
static void append_item(struct lat_buf *out, size_t i, bool with_id)
{
    float code[D];
    char id[ID_SIZE];
    struct item *item = &t.items[i];
    item->last++;
    item->in_doubt = true;
    item->would_be = item->last;
    code_of(i, item->last, code);
    name_of(i, id);
    lat_buf_char(out, '{');
    if (with_id)
        lat_buf_printf(out, "\"id\":\"%s\",", id);
    lat_buf_printf(out, "\"metadata\":{\"v\":%u},\"code\":", item->last);
    lat_buf_json_floats(out, code, D);
    lat_buf_char(out, '}');
}

static void acknowledge(struct actor *a, size_t i)
{
    t.items[i].version = t.items[i].would_be;
    t.items[i].in_doubt = false;
    a->acknowledged++;
}

/* ---- searching ---- */

/* The place of `id` among the hits of a search by this code, -1 when it is none of them, -2
 * without a reply. */
static int place_of(struct actor *a, size_t i, unsigned version, unsigned k)
{
    char path[96], id[ID_SIZE];
    float code[D];
    int place = -1;
    code_of(i, version, code);
    name_of(i, id);
    snprintf(path, sizeof(path), "/v1/collections/codes/search?k=%u", k);
    const int status =
        wire_request(&a->wire, "POST", path, "application/octet-stream", code, sizeof(code));
    if (status == 0)
        return -2;
    a->searches++;
    if (status != 200) {
        test_wrong("search: %d: %s", status, a->wire.body);
        return -2;
    }
    json_t *reply = json_loadb(a->wire.body, a->wire.body_len, 0, NULL), *hit;
    size_t at;
    json_array_foreach(json_object_get(reply, "results"), at, hit)
    {
        const char *found = json_string_value(json_object_get(hit, "id"));
        if (found && strcmp(found, id) == 0)
            place = (int)at;
    }
    json_decref(reply);
    return place;
}

/* ---- actors: each returns when the server is gone ---- */

static bool put_one(struct actor *a, size_t i)
{
    char path[96], id[ID_SIZE];
    const bool there = t.items[i].version != 0;
    name_of(i, id);
    lat_buf_clear(&a->body);
    append_item(&a->body, i, false);
    snprintf(path, sizeof(path), "/v1/collections/codes/items/%s", id);
    const int status = wire_request(&a->wire, "PUT", path, NULL, a->body.data, a->body.len);
    if (status == 0)
        return false;
    if (status != (there ? 200 : 201)) {
        test_wrong("PUT %s (%s before): %d: %s", id, there ? "there" : "absent", status,
                   a->wire.body);
        return false;
    }
    acknowledge(a, i);
    if (lat_rng_below(&a->rng, 4) == 0) {
        const int place = place_of(a, i, t.items[i].version, 3);
        if (place != 0 && place != -2)
            test_wrong("%s was stored and is no. %d of the next search", id, place);
        return place != -2;
    }
    return true;
}

static bool delete_one(struct actor *a, size_t i)
{
    char path[96], id[ID_SIZE];
    struct item *item = &t.items[i];
    const unsigned before = item->version;
    name_of(i, id);
    item->in_doubt = true;
    item->would_be = 0;
    snprintf(path, sizeof(path), "/v1/collections/codes/items/%s", id);
    const int status = wire_json(&a->wire, "DELETE", path, NULL);
    if (status == 0)
        return false;
    if (status != (before ? 204 : 404)) {
        test_wrong("DELETE %s: %d: %s", id, status, a->wire.body);
        return false;
    }
    acknowledge(a, i);
    if (!before || lat_rng_below(&a->rng, 3) != 0)
        return true;
    const int place = place_of(a, i, before, 10);
    if (place >= 0)
        test_wrong("%s was deleted and is found at once", id);
    return place != -2;
}

static bool put_batch(struct actor *a, size_t first, size_t n)
{
    lat_buf_clear(&a->body);
    lat_buf_text(&a->body, "{\"items\":[");
    for (size_t k = 0; k < n; k++) {
        lat_buf_text(&a->body, k ? "," : "");
        append_item(&a->body, first + k, true);
    }
    lat_buf_text(&a->body, "]}");
    const int status = wire_request(&a->wire, "PUT", "/v1/collections/codes/items", NULL,
                                    a->body.data, a->body.len);
    if (status == 0)
        return false;
    if (status != 200) {
        test_wrong("PUT of a batch: %d: %s", status, a->wire.body);
        return false;
    }
    for (size_t k = 0; k < n; k++)
        acknowledge(a, first + k);
    return true;
}

static void *write_things(void *argument)
{
    struct actor *a = argument;
    bool on = true;
    while (on && test_n_wrong() == 0) {
        const size_t first = a->index * PER_WRITER;
        const size_t within = lat_rng_below(&a->rng, PER_WRITER);
        const uint64_t dice = lat_rng_below(&a->rng, 100);
        if (dice < 55) {
            on = put_one(a, first + within);
        } else if (dice < 80) {
            on = delete_one(a, first + within);
        } else {
            const size_t wish = 1 + lat_rng_below(&a->rng, BATCH_MAX);
            const size_t room = PER_WRITER - within;
            on = put_batch(a, first + within, wish < room ? wish : room);
        }
    }
    return NULL;
}

static size_t count(const char *text, const char *word)
{
    size_t n = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        n++;
    return n;
}

static void *import_things(void *argument)
{
    struct actor *a = argument;
    while (test_n_wrong() == 0) {
        const size_t first =
            WRITERS * PER_WRITER + lat_rng_below(&a->rng, IMPORTED - IMPORT_LINES);
        lat_buf_clear(&a->body);
        for (size_t k = 0; k < IMPORT_LINES; k++) {
            append_item(&a->body, first + k, true);
            lat_buf_char(&a->body, '\n');
        }
        const int status = wire_request(&a->wire, "POST", "/v1/collections/codes/import",
                                        "application/x-ndjson", a->body.data, a->body.len);
        if (status == 0)
            break;
        const size_t fine = count(a->wire.body, "\"status\":20");
        if (status != 200 || fine != IMPORT_LINES) {
            test_wrong("import: %d, %zu of %d lines fine: %.400s", status, fine, IMPORT_LINES,
                       a->wire.body);
            break;
        }
        for (size_t k = 0; k < IMPORT_LINES; k++)
            acknowledge(a, first + k);
    }
    return NULL;
}

static void *search_things(void *argument)
{
    struct actor *a = argument;
    while (test_n_wrong() == 0) {
        const size_t i = lat_rng_below(&a->rng, N_ITEMS);
        if (place_of(a, i, 1 + (unsigned)lat_rng_below(&a->rng, 5), 10) == -2)
            break;
    }
    return NULL;
}

/* ---- a round ---- */

static void pause_ms(uint64_t ms)
{
    const struct timespec pause = {.tv_sec = (time_t)(ms / 1000),
                                   .tv_nsec = (long)(ms % 1000 * LAT_NS_PER_MS)};
    nanosleep(&pause, NULL);
}

static void load_and_kill(struct lat_rng *rng)
{
    enum { ACTORS = WRITERS + SEARCHERS + 1 };
    static struct actor actors[ACTORS];
    struct lat_error err = LAT_ERROR_INIT;
    for (size_t i = 0; i < ACTORS; i++) {
        struct actor *a = &actors[i];
        *a = (struct actor){.wire = {.fd = -1, .port = t.server.port}, .index = i};
        lat_rng_seed(&a->rng, lat_rng_next(rng));
        if (lat_thread_start(&a->thread, "actor",
                             i < WRITERS               ? write_things
                             : i < WRITERS + SEARCHERS ? search_things
                                                       : import_things,
                             a, &err) != LAT_OK)
            abort();
    }
    pause_ms(50 + lat_rng_below(rng, 700));
    if (!server_alive(&t.server))
        test_wrong("the server ended by itself; see %s", t.server.log);
    server_kill(&t.server);
    for (size_t i = 0; i < ACTORS; i++) {
        pthread_join(actors[i].thread, NULL);
        t.acknowledged += actors[i].acknowledged;
        t.searches += actors[i].searches;
        wire_release(&actors[i].wire);
        lat_buf_release(&actors[i].body);
    }
}

/* Deletes every index file, or cuts it in half. */
static void hurt_index(bool cut)
{
    char folder[600], path[1200];
    struct stat st;
    snprintf(folder, sizeof(folder), "%s/index", t.data);
    DIR *dir = opendir(folder);
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (cut ? truncate(path, st.st_size / 2) : unlink(path))
            perror(path);
    }
    if (dir)
        closedir(dir);
}

static void check_folder(void)
{
    const char *arguments[] = {"check", t.data, NULL};
    char log[600];
    snprintf(log, sizeof(log), "%s.check", t.data);
    unlink(log);
    const int status = server_run(arguments, log);
    if (status == 0)
        return;
    FILE *file = fopen(log, "r");
    char line[512];
    test_wrong("latentd check: %d", status);
    for (int i = 0; file && i < 10 && fgets(line, sizeof(line), file); i++)
        fputs(line, stderr);
    if (file)
        fclose(file);
}

static void launch(void)
{
    const char *options[] = {"--log-level", "warning", NULL};
    char models[600];
    snprintf(models, sizeof(models), "%s.models", t.data);
    server_start(&t.server, t.data, models, options);
}

/* Starts it only to kill it on the way. */
static void kill_while_starting(struct lat_rng *rng)
{
    char models[600];
    snprintf(models, sizeof(models), "%s.models", t.data);
    server_launch(&t.server, t.data, models, NULL);
    pause_ms(lat_rng_below(rng, 80));
    server_kill(&t.server);
}

/* ---- what is left ---- */

/* One exported line against what is known; seen[i] becomes its version. */
static void compare(const char *line, size_t len, unsigned *seen)
{
    json_t *row = json_loadb(line, len, JSON_DECODE_ANY, NULL);
    const char *id = json_string_value(json_object_get(row, "id"));
    const json_t *numbers = json_object_get(row, "code");
    const size_t i = id ? item_of(id) : N_ITEMS;
    const json_int_t version =
        json_integer_value(json_object_get(json_object_get(row, "metadata"), "v"));
    float code[D];
    if (i == N_ITEMS || version <= 0) {
        test_wrong("a line nobody wrote: %.*s", (int)(len < 200 ? len : 200), line);
    } else {
        code_of(i, (unsigned)version, code);
        for (size_t j = 0; j < D; j++)
            if ((float)json_number_value(json_array_get(numbers, j)) != code[j]) {
                test_wrong("%s at version %d has not its code", id, (int)version);
                break;
            }
        if (seen[i])
            test_wrong("%s is there twice", id);
        seen[i] = (unsigned)version;
    }
    json_decref(row);
}

static void verify_rows(struct actor *a)
{
    static unsigned seen[N_ITEMS];
    memset(seen, 0, sizeof(seen));
    if (wire_json(&a->wire, "GET", "/v1/collections/codes/export?include=metadata,code",
                  NULL) != 200) {
        test_wrong("export: %d: %.400s", a->wire.status, a->wire.body);
        return;
    }
    for (const char *line = a->wire.body; *line;) {
        const size_t len = strcspn(line, "\n");
        compare(line, len, seen);
        line += len + (line[len] == '\n');
    }
    for (size_t i = 0; i < N_ITEMS; i++) {
        struct item *item = &t.items[i];
        char id[ID_SIZE];
        name_of(i, id);
        t.in_doubt += item->in_doubt;
        if (seen[i] != item->version && !(item->in_doubt && seen[i] == item->would_be))
            test_wrong("%s: version %u was acknowledged%s, found is %u", id, item->version,
                       item->in_doubt ? " (a later one sent)" : "", seen[i]);
        item->version = seen[i];
        item->in_doubt = false;
    }
}

/* Samples: what is there is its own first hit, what is not is no hit of its last code. */
static void verify_index(struct actor *a, struct lat_rng *rng)
{
    for (size_t n = 0; n < SAMPLES; n++) {
        const size_t i = lat_rng_below(rng, N_ITEMS);
        const struct item *item = &t.items[i];
        char id[ID_SIZE];
        name_of(i, id);
        if (item->version) {
            if (place_of(a, i, item->version, 3) != 0)
                test_wrong("%s is stored and not found", id);
        } else if (item->last && place_of(a, i, item->last, 10) >= 0) {
            test_wrong("%s is deleted and found", id);
        }
    }
}

static void verify(struct lat_rng *rng)
{
    struct actor a = {.wire = {.fd = -1, .port = t.server.port}};
    verify_rows(&a);
    verify_index(&a, rng);
    wire_release(&a.wire);
}

static void create(void)
{
    struct wire wire = {.fd = -1, .port = t.server.port};
    if (wire_json(&wire, "PUT", "/v1/collections/codes",
                  "{\"dimension\":16,\"index\":{\"type\":\"hnsw\"}}") != 201)
        test_wrong("create: %d: %s", wire.status, wire.body);
    wire_release(&wire);
}

int main(void)
{
    const char *wish = getenv("LATENTD_KILLS"), *seed = getenv("LATENTD_SEED");
    const unsigned rounds = wish && *wish ? (unsigned)strtoul(wish, NULL, 10) : ROUNDS;
    struct lat_rng rng;
    t.seed = seed && *seed ? strtoull(seed, NULL, 10) : (uint64_t)lat_clock_wall_ms();
    lat_rng_seed(&rng, t.seed);
    test_folder_enter();
    snprintf(t.data, sizeof(t.data), "%s", test_path("data"));
    launch();
    create();
    unsigned round = 0;
    for (; round < rounds && test_n_wrong() == 0; round++) {
        load_and_kill(&rng);
        check_folder();
        if (round % 3 == 2)
            hurt_index(round % 2);
        if (round % 4 == 3)
            kill_while_starting(&rng);
        launch();
        verify(&rng);
    }
    if (test_n_wrong() == 0 && server_stop(&t.server, 30000) != 0)
        test_wrong("the server does not stop cleanly");
    check_folder();
    printf("%u kills, %llu writes acknowledged, %llu left in doubt, %llu searches, seed %llu\n",
           round, (unsigned long long)t.acknowledged, (unsigned long long)t.in_doubt,
           (unsigned long long)t.searches, (unsigned long long)t.seed);
    if (test_n_wrong()) {
        server_kill(&t.server);
        fprintf(stderr, "kept: %s; LATENTD_SEED=%llu\n", t.data, (unsigned long long)t.seed);
        return 1;
    }
    test_folder_leave();
    return 0;
}
