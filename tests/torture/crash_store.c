/* kill -9 at the level of the store, over and over: a child writes, deletes and rebuilds, and
 * says through a pipe what was acknowledged; at a random moment it is killed. Then everything
 * it said must be true: what was acknowledged is there and found, what was deleted is neither,
 * and the check of the data directory finds nothing.
 *
 * LATENTD_KILLS rounds (5), LATENTD_SEED for the random numbers (the time; printed). */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "index/store.h"
#include "tests/support/crash.h"
#include "tests/support/support.h"

enum { D = 12, N = 4000, BATCH_MAX = 40, ROUNDS = 5, LIFE_MS = 400, SAMPLES = 300 };

/* A line of the pipe: an item and the version of it that was acknowledged; 0: deleted.
 * `begins`: asked for, not yet acknowledged. */
struct line {
    unsigned item, version;
    bool begins;
};

/* What must be true: version `sure`, or, while an answer was awaited, `maybe`. */
struct item {
    unsigned sure, maybe;
    bool in_doubt;
};

static struct item items[N];
static struct lat_store *store;
static unsigned faults;

static void code_of(unsigned item, unsigned version, float *out)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, (uint64_t)item << 32 | version);
    for (size_t i = 0; i < D; i++)
        out[i] = (float)lat_rng_normal(&rng);
}

static void die(const char *what, const struct lat_error *err)
{
    fprintf(stderr, "crash_store: %s: %s\n", what, err->message);
    _exit(3);
}

static void open_store(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("data")};
    if (lat_store_open(&options, &store, &err) != LAT_OK ||
        lat_store_load(store, NULL, &err) != LAT_OK)
        die("opening", &err);
}

/* ---- the child ---- */

static void write_batch(int pipe, struct lat_rng *rng)
{
    static unsigned versions[N];
    struct lat_write writes[BATCH_MAX];
    struct lat_write_result results[BATCH_MAX];
    struct line lines[BATCH_MAX];
    char ids[BATCH_MAX][16];
    float codes[BATCH_MAX][D];
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = 1 + lat_rng_below(rng, BATCH_MAX);
    const unsigned first = (unsigned)lat_rng_below(rng, N - BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        const unsigned item = first + (unsigned)i;
        const bool gone = lat_rng_below(rng, 4) == 0;
        if (!versions[item])
            versions[item] =
                items[item].sure > items[item].maybe ? items[item].sure : items[item].maybe;
        lines[i] = (struct line){item, gone ? 0 : ++versions[item], true};
        snprintf(ids[i], sizeof(ids[i]), "i%05u", item);
        code_of(item, lines[i].version, codes[i]);
        writes[i] = (struct lat_write){.kind = gone ? LAT_WRITE_DELETE : LAT_WRITE_PUT,
                                       .id = ids[i],
                                       .code = codes[i],
                                       .error = NAN,
                                       .hidden = -1};
    }
    crash_say(pipe, lines, n, sizeof(*lines));
    if (lat_store_write(store, "c", writes, n, false, results, &err) != LAT_OK)
        die("writing", &err);
    for (size_t i = 0; i < n; i++)
        lines[i].begins = false;
    crash_say(pipe, lines, n, sizeof(*lines));
}

static void child(int pipe, uint64_t seed, void *context)
{
    (void)context;
    struct lat_rng rng;
    struct lat_error err = LAT_ERROR_INIT;
    lat_rng_seed(&rng, seed);
    open_store();
    for (;;) {
        write_batch(pipe, &rng);
        if (lat_rng_below(&rng, 60) == 0 &&
            lat_store_reindex(store, "c", NULL, NULL, NULL, &err) != LAT_OK)
            die("rebuilding", &err);
        if (lat_rng_below(&rng, 60) == 0) {
            lat_store_close(store); /* saves the index file */
            open_store();
        }
    }
}

/* ---- the parent ---- */

static void hear(const void *heard)
{
    const struct line *line = heard;
    struct item *item = &items[line->item];
    if (line->begins)
        item->maybe = line->version;
    else
        item->sure = line->version;
    item->in_doubt = line->begins;
}

static void wrong(unsigned item, const char *what)
{
    fprintf(stderr, "crash_store: item %u: %s\n", item, what);
    faults++;
}

static bool is_version(const struct lat_item *row, unsigned item, unsigned version)
{
    float code[D];
    code_of(item, version, code);
    return memcmp(row->code, code, sizeof(code)) == 0;
}

/* The row is one of those it may be; from then on that is sure. */
static void verify_row(unsigned i)
{
    struct lat_item row;
    struct lat_error err = LAT_ERROR_INIT;
    struct item *item = &items[i];
    char id[16];
    snprintf(id, sizeof(id), "i%05u", i);
    const enum lat_status status = lat_store_get(store, "c", id, LAT_ITEM_CODE, &row, &err);
    if (status == LAT_NOT_FOUND) {
        if (item->sure && !(item->in_doubt && item->maybe == 0))
            wrong(i, "acknowledged and lost");
        item->sure = 0;
    } else if (status != LAT_OK) {
        wrong(i, err.message);
    } else {
        if (item->in_doubt && item->maybe && is_version(&row, i, item->maybe))
            item->sure = item->maybe;
        else if (!item->sure)
            wrong(i, "deleted and there");
        else if (!is_version(&row, i, item->sure))
            wrong(i, "of another version");
        lat_item_release(&row);
    }
    item->in_doubt = false;
}

static void verify_search(unsigned i)
{
    float code[D];
    char id[16];
    struct lat_search_result result;
    struct lat_error err = LAT_ERROR_INIT;
    const unsigned version = items[i].sure ? items[i].sure : 1;
    snprintf(id, sizeof(id), "i%05u", i);
    code_of(i, version, code);
    const struct lat_query query = {.code = code, .k = 1, .max_distance = INFINITY};
    if (lat_store_search(store, "c", &query, &result, &err) != LAT_OK) {
        wrong(i, err.message);
        return;
    }
    const bool found = result.n && strcmp(result.hits[0].id, id) == 0;
    if (items[i].sure && !found)
        wrong(i, "there and not found");
    if (!items[i].sure && found)
        wrong(i, "deleted and found");
    lat_search_result_release(&result);
}

static void report(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "crash_store: check: %s\n", line);
    faults++;
}

static void verify(struct lat_rng *rng)
{
    struct lat_error err = LAT_ERROR_INIT;
    uint64_t findings;
    if (lat_store_check(test_path("data"), report, NULL, &findings, &err) != LAT_OK)
        die("checking", &err);
    open_store();
    for (unsigned i = 0; i < N; i++)
        verify_row(i);
    for (unsigned i = 0; i < SAMPLES; i++)
        verify_search((unsigned)lat_rng_below(rng, N));
    lat_store_close(store);
}

int main(void)
{
    const uint64_t seed = crash_number("LATENTD_SEED", (uint64_t)time(NULL));
    const uint64_t rounds = crash_number("LATENTD_KILLS", ROUNDS);
    struct lat_collection_spec spec = {.name = "c",
                                       .dimension = D,
                                       .metric = LAT_DISTANCE_L2,
                                       .index = {.type = LAT_INDEX_HNSW}};
    const struct crash crash = {.name = "crash_store",
                                .line_len = sizeof(struct line),
                                .life_ms = LIFE_MS,
                                .child = child,
                                .hear = hear};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    bool created;
    printf("crash_store: seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    lat_rng_seed(&rng, seed);
    lat_log_configure(LAT_LOG_ERROR, LAT_LOG_JSON);
    test_folder_enter();
    open_store();
    if (lat_store_create(store, &spec, &created, &err) != LAT_OK)
        die("creating", &err);
    lat_store_close(store);
    for (uint64_t i = 0; i < rounds && faults == 0; i++) {
        faults += !crash_once(&crash, &rng);
        verify(&rng);
    }
    unsigned there = 0;
    for (unsigned i = 0; i < N; i++)
        there += items[i].sure != 0;
    printf("crash_store: %u of %d items there, %u faults\n", there, N, faults);
    test_folder_leave();
    return faults != 0;
}
