/* kill -9 under interactions, over and over: a child writes them and deletes users, and says
 * through a pipe what was acknowledged; at a random moment it is killed. Then everything it
 * said must be true, the counts in memory must be those of the histories, and the check of the
 * data directory finds nothing.
 *
 * LATENTD_KILLS rounds (5), LATENTD_SEED for the random numbers (the time; printed). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "index/interactions.h"
#include "tests/support/crash.h"
#include "tests/support/support.h"

enum { USERS = 60, ITEMS = 80, BATCH_MAX = 50, ROUNDS = 5, LIFE_MS = 300 };

/* A line of the pipe: user and item were given this time; item -1: the user was deleted. */
struct line {
    int user, item;
    int64_t at;
    bool begins; /* asked for, not yet acknowledged */
};

/* What must be true of a (user, item): its time is `sure` or, while an answer was awaited,
 * `maybe`; 0: not there. */
struct cell {
    int64_t sure, maybe;
    bool in_doubt;
};

static struct cell cells[USERS][ITEMS];
static struct lat_store *store;
static unsigned faults;

static void die(const char *what, const struct lat_error *err)
{
    fprintf(stderr, "crash_interactions: %s: %s\n", what, err->message);
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

static void say(int pipe, struct line *lines, size_t n, bool begins)
{
    for (size_t i = 0; i < n; i++)
        lines[i].begins = begins;
    crash_say(pipe, lines, n, sizeof(*lines));
}

static void write_batch(int pipe, struct lat_rng *rng, int64_t *now)
{
    struct lat_interaction all[BATCH_MAX];
    struct line lines[BATCH_MAX];
    char users[BATCH_MAX][8], items[BATCH_MAX][8];
    struct lat_error err = LAT_ERROR_INIT;
    const size_t n = 1 + lat_rng_below(rng, BATCH_MAX);
    for (size_t i = 0; i < n; i++) {
        lines[i] = (struct line){.user = (int)lat_rng_below(rng, USERS),
                                 .item = (int)lat_rng_below(rng, ITEMS),
                                 .at = ++*now};
        snprintf(users[i], sizeof(users[i]), "u%d", lines[i].user);
        snprintf(items[i], sizeof(items[i]), "i%d", lines[i].item);
        all[i] = (struct lat_interaction){users[i], items[i], "", 1, lines[i].at};
    }
    say(pipe, lines, n, true);
    if (lat_store_interact(store, "c", all, n, &err) != LAT_OK)
        die("writing", &err);
    say(pipe, lines, n, false);
}

static void delete_user(int pipe, struct lat_rng *rng)
{
    struct line line = {.user = (int)lat_rng_below(rng, USERS), .item = -1};
    struct lat_error err = LAT_ERROR_INIT;
    char user[16];
    snprintf(user, sizeof(user), "u%d", line.user);
    say(pipe, &line, 1, true);
    const enum lat_status status = lat_store_user_delete(store, "c", user, &err);
    if (status != LAT_OK && status != LAT_NOT_FOUND)
        die("deleting", &err);
    say(pipe, &line, 1, false);
}

static void child(int pipe, uint64_t seed, void *context)
{
    int64_t now = *(const int64_t *)context;
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    open_store();
    for (;;) {
        write_batch(pipe, &rng, &now);
        if (lat_rng_below(&rng, 8) == 0)
            delete_user(pipe, &rng);
        if (lat_rng_below(&rng, 100) == 0) {
            lat_store_close(store);
            open_store();
        }
    }
}

/* ---- the parent ---- */

static void hear_cell(struct cell *cell, int64_t at, bool begins)
{
    if (begins)
        cell->maybe = at;
    else
        cell->sure = at;
    cell->in_doubt = begins;
}

static void hear(const void *heard)
{
    const struct line *line = heard;
    if (line->item >= 0)
        hear_cell(&cells[line->user][line->item], line->at, line->begins);
    for (int i = 0; line->item < 0 && i < ITEMS; i++)
        hear_cell(&cells[line->user][i], 0, line->begins);
}

static void wrong(int user, int item, const char *what)
{
    fprintf(stderr, "crash_interactions: user %d, item %d: %s\n", user, item, what);
    faults++;
}

static void verify_user(int u, unsigned fans[ITEMS])
{
    struct lat_history_page page = {0};
    struct lat_error err = LAT_ERROR_INIT;
    int64_t at[ITEMS] = {0};
    char user[16];
    snprintf(user, sizeof(user), "u%d", u);
    const enum lat_status status = lat_store_history(store, "c", user, NULL, 0, &page, &err);
    if (status != LAT_OK && status != LAT_NOT_FOUND)
        die("reading", &err);
    for (size_t i = 0; i < page.n; i++)
        at[atoi(page.rows[i].item + 1)] = page.rows[i].at_ms;
    lat_history_page_release(&page);
    for (int i = 0; i < ITEMS; i++) {
        struct cell *cell = &cells[u][i];
        if (at[i] != cell->sure && !(cell->in_doubt && at[i] == cell->maybe))
            wrong(u, i, at[i] ? "not what was acknowledged" : "acknowledged and lost");
        *cell = (struct cell){.sure = at[i]};
        fans[i] += at[i] != 0;
    }
}

static void verify_counts(const unsigned fans[ITEMS])
{
    struct lat_popular_list list;
    struct lat_error err = LAT_ERROR_INIT;
    unsigned got[ITEMS] = {0};
    const struct lat_popular_query query = {.k = ITEMS};
    if (lat_store_popular(store, "c", &query, &list, &err) != LAT_OK)
        die("popular", &err);
    for (size_t i = 0; i < list.n; i++)
        got[atoi(list.rows[i].item + 1)] = (unsigned)list.rows[i].score;
    lat_popular_list_release(&list);
    for (int i = 0; i < ITEMS; i++)
        if (got[i] != fans[i])
            wrong(-1, i, "its count is not that of the histories");
}

static void report(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "crash_interactions: check: %s\n", line);
    faults++;
}

static void verify(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    uint64_t findings;
    unsigned fans[ITEMS] = {0};
    if (lat_store_check(test_path("data"), report, NULL, &findings, &err) != LAT_OK)
        die("checking", &err);
    open_store();
    for (int u = 0; u < USERS; u++)
        verify_user(u, fans);
    verify_counts(fans);
    lat_store_close(store);
}

int main(void)
{
    const uint64_t seed = crash_number("LATENTD_SEED", (uint64_t)time(NULL));
    const uint64_t rounds = crash_number("LATENTD_KILLS", ROUNDS);
    const struct lat_collection_spec spec = {.name = "c"};
    int64_t now = 0; /* of the child's first interaction */
    const struct crash crash = {.name = "crash_interactions",
                                .line_len = sizeof(struct line),
                                .life_ms = LIFE_MS,
                                .child = child,
                                .hear = hear,
                                .context = &now};
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_rng rng;
    bool created;
    printf("crash_interactions: seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    lat_rng_seed(&rng, seed);
    lat_log_configure(LAT_LOG_ERROR, LAT_LOG_JSON);
    test_folder_enter();
    open_store();
    if (lat_store_create(store, &spec, &created, &err) != LAT_OK)
        die("creating", &err);
    lat_store_close(store);
    for (uint64_t i = 0; i < rounds && faults == 0; i++) {
        now = (int64_t)i * 1000000;
        faults += !crash_once(&crash, &rng);
        verify();
    }
    unsigned there = 0;
    for (int i = 0; i < USERS * ITEMS; i++)
        there += cells[i / ITEMS][i % ITEMS].sure != 0;
    printf("crash_interactions: %u interactions there, %u faults\n", there, faults);
    test_folder_leave();
    return faults != 0;
}
