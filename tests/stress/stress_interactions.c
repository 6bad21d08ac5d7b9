/* Interactions from all sides at once: writers of overlapping users and items, users deleted,
 * histories, popular items of all time and of a window, items hidden, collections dropped and
 * made again, also right after they went over to another generation. For ThreadSanitizer; at
 * the end the counts in memory are those of the rows and the check finds nothing. */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rng.h"
#include "index/generations.h"
#include "index/interactions.h"
#include "tests/support/support.h"

enum { TURNS = 150, CALL = 60, USERS = 40, ITEMS = 300, MOVES = 60 };

static struct lat_store *store;
static atomic_uint faults;
static atomic_bool moved;

static void expect(bool good, const char *what, const struct lat_error *err)
{
    if (good)
        return;
    fprintf(stderr, "stress_interactions: %s: %s\n", what, err->message);
    atomic_fetch_add(&faults, 1);
}

static void create(const char *name)
{
    struct lat_collection_spec spec = {0};
    struct lat_error err = LAT_ERROR_INIT;
    bool created;
    snprintf(spec.name, sizeof(spec.name), "%s", name);
    expect(lat_store_create(store, &spec, &created, &err) == LAT_OK, "create", &err);
}

static void *write_some(void *argument)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, (uint64_t)(uintptr_t)argument);
    for (int turn = 0; turn < TURNS; turn++) {
        struct lat_interaction all[CALL];
        char users[CALL][8], items[CALL][8];
        struct lat_error err = LAT_ERROR_INIT;
        for (int i = 0; i < CALL; i++) {
            snprintf(users[i], sizeof(users[i]), "u%d", (int)lat_rng_below(&rng, USERS));
            snprintf(items[i], sizeof(items[i]), "i%d", (int)lat_rng_below(&rng, ITEMS));
            all[i] = (struct lat_interaction){users[i], items[i], i % 5 ? "" : "buy",
                                              (float)lat_rng_below(&rng, 4) - 1,
                                              (int64_t)lat_rng_below(&rng, 1000)};
        }
        const enum lat_status status =
            lat_store_interact(store, turn % 4 ? "c" : "d", all, CALL, &err);
        expect(status == LAT_OK || (status == LAT_NOT_FOUND && turn % 4 == 0), "write", &err);
    }
    return NULL;
}

static void *delete_some(void *argument)
{
    for (int turn = 0; turn < TURNS; turn++) {
        char user[8];
        struct lat_error err = LAT_ERROR_INIT;
        struct lat_write_result result;
        const struct lat_write write = {
            .id = "i7", .error = NAN, .hidden = turn % 2, .metadata = "{\"a\":1}"};
        snprintf(user, sizeof(user), "u%d", turn % USERS);
        const enum lat_status status = lat_store_user_delete(store, "c", user, &err);
        expect(status == LAT_OK || status == LAT_NOT_FOUND, "delete", &err);
        lat_error_clear(&err);
        expect(lat_store_write(store, "c", &write, 1, true, &result, &err) == LAT_OK, "hide",
               &err);
        if (turn % 10)
            continue;
        expect(lat_store_drop(store, "d", &err) == LAT_OK, "drop", &err);
        create("d");
    }
    return argument;
}

static bool look(void *context, const struct lat_interaction *one)
{
    *(size_t *)context += strlen(one->user) + strlen(one->item);
    return true;
}

static void *read_some(void *argument)
{
    static const char *const path[] = {"a"};
    static const struct lat_value one = {.kind = LAT_VALUE_INTEGER, .integer = 1};
    static const struct lat_filter filter = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &one, .n_values = 1};
    for (int turn = 0; turn < TURNS; turn++) {
        char user[8];
        struct lat_history_page page;
        struct lat_popular_list list;
        struct lat_error err = LAT_ERROR_INIT;
        struct lat_collection_info info;
        const struct lat_popular_query query = {.since_ms = turn % 3 ? 0 : 500 + turn % 2,
                                                .k = 20,
                                                .filter = turn % 7 ? NULL : &filter};
        snprintf(user, sizeof(user), "u%d", turn % USERS);
        const enum lat_status status =
            lat_store_history(store, "c", user, NULL, turn % 30, &page, &err);
        expect(status == LAT_OK || status == LAT_NOT_FOUND, "history", &err);
        if (status == LAT_OK)
            lat_history_page_release(&page);
        lat_error_clear(&err);
        expect(lat_store_popular(store, "c", &query, &list, &err) == LAT_OK, "popular", &err);
        lat_popular_list_release(&list);
        expect(lat_store_describe(store, "c", &info, &err) == LAT_OK, "describe", &err);
        size_t n = 0;
        if (turn % 10 == 0)
            expect(lat_store_interactions_each(store, "c", look, &n, &err) == LAT_OK, "each",
                   &err);
    }
    return argument;
}

/* Names of items that are being read outlive the collection: it goes over to a generation,
 * which is dropped at once. */
static void *move_and_drop(void *argument)
{
    const struct lat_collection_spec next = {.model = "next@1"};
    const struct lat_interaction one = {"u", "an item", "", 1, 1};
    for (int turn = 0; turn < MOVES; turn++) {
        struct lat_generation generation;
        struct lat_collection_info info;
        struct lat_error err = LAT_ERROR_INIT;
        create("g");
        expect(lat_store_interact(store, "g", &one, 1, &err) == LAT_OK, "write g", &err);
        expect(lat_store_generation_begin(store, "g", &next, &generation, &err) == LAT_OK,
               "begin", &err);
        expect(lat_store_describe(store, "g", &info, &err) == LAT_OK, "describe g", &err);
        lat_store_generation_hold(store, true);
        expect(lat_store_generation_switch(store, "g", info.sequence, &err) == LAT_OK, "switch",
               &err);
        expect(lat_store_drop(store, "g", &err) == LAT_OK, "drop g", &err);
        lat_store_generation_hold(store, false);
    }
    atomic_store(&moved, true);
    return argument;
}

static void expect_moving(enum lat_status status, size_t n, const char *what,
                          const struct lat_error *err)
{
    expect(status == LAT_NOT_FOUND || status == LAT_BUSY || (status == LAT_OK && n <= 1), what,
           err);
}

static void *read_moving(void *argument)
{
    const struct lat_popular_query all = {.k = 5}, window = {.k = 5, .since_ms = 1};
    while (!atomic_load(&moved)) {
        struct lat_history_page page = {0};
        struct lat_popular_list list = {0}, recent = {0};
        struct lat_error err = LAT_ERROR_INIT;
        size_t n = 0;
        expect_moving(lat_store_history(store, "g", "u", NULL, 0, &page, &err), page.n,
                      "history g", &err);
        if (page.n)
            expect(strcmp(page.rows[0].item, "an item") == 0, page.rows[0].item, &err);
        expect_moving(lat_store_popular(store, "g", &all, &list, &err), list.n, "popular g",
                      &err);
        if (list.n)
            expect(strcmp(list.rows[0].item, "an item") == 0, list.rows[0].item, &err);
        expect_moving(lat_store_popular(store, "g", &window, &recent, &err), recent.n,
                      "recent g", &err);
        expect_moving(lat_store_interactions_each(store, "g", look, &n, &err), 0, "each g",
                      &err);
        lat_history_page_release(&page);
        lat_popular_list_release(&list);
        lat_popular_list_release(&recent);
    }
    return argument;
}

static void print_top(char out[8192])
{
    struct lat_popular_list list;
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_popular_query query = {.k = ITEMS};
    size_t len = 0;
    out[0] = '\0';
    expect(lat_store_popular(store, "c", &query, &list, &err) == LAT_OK, "popular", &err);
    for (size_t i = 0; i < list.n; i++)
        len += (size_t)snprintf(out + len, 8192 - len, "%s:%d ", list.rows[i].item,
                                (int)list.rows[i].score);
    lat_popular_list_release(&list);
}

static void open_store(void)
{
    struct lat_error err = LAT_ERROR_INIT;
    const struct lat_store_options options = {.folder = test_path("data")};
    if (lat_store_open(&options, &store, &err) != LAT_OK ||
        lat_store_load(store, NULL, &err) != LAT_OK) {
        fprintf(stderr, "stress_interactions: opening: %s\n", err.message);
        exit(1);
    }
}

static void report(void *context, const char *line)
{
    (void)context;
    fprintf(stderr, "stress_interactions: check: %s\n", line);
    atomic_fetch_add(&faults, 1);
}

int main(void)
{
    void *(*const parts[])(void *) = {write_some, write_some,    delete_some, read_some,
                                      read_some,  move_and_drop, read_moving, read_moving};
    pthread_t threads[LAT_ARRAY_LEN(parts)];
    static char before[8192], after[8192];
    uint64_t findings;
    struct lat_error err = LAT_ERROR_INIT;
    lat_log_configure(LAT_LOG_ERROR, LAT_LOG_JSON);
    test_folder_enter();
    open_store();
    create("c");
    create("d");
    for (size_t i = 0; i < LAT_ARRAY_LEN(parts); i++)
        if (pthread_create(&threads[i], NULL, parts[i], (void *)(uintptr_t)(i + 1)) != 0)
            return 1;
    for (size_t i = 0; i < LAT_ARRAY_LEN(parts); i++)
        pthread_join(threads[i], NULL);
    print_top(before);
    lat_store_close(store);
    open_store();
    print_top(after);
    lat_store_close(store);
    expect(strcmp(before, after) == 0, "counts differ after opening", &err);
    expect(lat_store_check(test_path("data"), report, NULL, &findings, &err) == LAT_OK, "check",
           &err);
    test_folder_leave();
    printf("stress_interactions: %u faults\n", atomic_load(&faults));
    return atomic_load(&faults) != 0;
}
