/* Every allocation behind interactions fails once: each call says so, does nothing, and the
 * counts in memory stay those of the rows. */
#include <stdio.h>

#include <criterion/criterion.h>

#include "base/mem.h"
#include "fixture.h"
#include "interactions_fixture.h"
#include "tests/support/support.h"

TestSuite(interactions_torture, .init = test_folder_enter, .fini = test_folder_leave);

enum { TRIES = 400, MANY = 100 };

static struct lat_store *store;
static unsigned turn;

/* New users and items each time, so that everything has to grow. */
static enum lat_status interact(struct lat_error *err)
{
    static struct lat_interaction all[MANY];
    static char names[MANY][24];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof(names[i]), "n%u-%u", turn, i);
        all[i] = (struct lat_interaction){names[i / 10], names[i], i % 2 ? "buy" : "", 1, i};
    }
    all[MANY - 1] = (struct lat_interaction){"ada", "book", "", 1, turn};
    return lat_store_interact(store, "c", all, MANY, err);
}

static void torture(enum lat_status (*body)(struct lat_error *err))
{
    for (long n = 1; n <= TRIES; n++, turn++) {
        struct lat_error err = LAT_ERROR_INIT;
        lat_mem_fail_after(n);
        const enum lat_status status = body(&err);
        const bool reached = lat_mem_fail_reached();
        lat_mem_fail_never();
        cr_assert(status == LAT_OK || status == LAT_NO_MEMORY, "allocation %ld: %s: %s", n,
                  lat_status_code(status), err.message);
        if (body == interact && status != LAT_OK) {
            char user[24];
            snprintf(user, sizeof(user), "n%u-0", turn);
            cr_assert_str_eq(people_history(store, user), "", "half of a call is there");
        }
        if (!reached) {
            cr_assert_eq(status, LAT_OK);
            return;
        }
    }
    cr_assert_fail("it does not come to an end");
}

static enum lat_status read_history(struct lat_error *err)
{
    struct lat_history_page page;
    const enum lat_status status = lat_store_history(store, "c", "ada", NULL, 1, &page, err);
    if (status == LAT_OK) {
        cr_assert_eq(page.n, 1);
        cr_assert(page.next_cursor);
        lat_history_page_release(&page);
    }
    return status;
}

static enum lat_status read_popular(struct lat_error *err)
{
    const char *const exclude[] = {"pen"};
    struct lat_popular_list list;
    const struct lat_popular_query query = {
        .since_ms = 1, .k = 2, .exclude_ids = exclude, .n_exclude = 1};
    const enum lat_status status = lat_store_popular(store, "c", &query, &list, err);
    if (status == LAT_OK) {
        cr_assert_eq(list.n, 2);
        lat_popular_list_release(&list);
    }
    return status;
}

static enum lat_status look_at_all(struct lat_error *err)
{
    static const char *const path[] = {"a"}, *const ids[] = {"book", "x"};
    const struct lat_value one = {.kind = LAT_VALUE_INTEGER, .integer = 1};
    const struct lat_filter filter = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &one, .n_values = 1};
    bool visible[2];
    const enum lat_status status = lat_store_visible(store, "c", &filter, ids, 2, visible, err);
    if (status == LAT_OK)
        cr_assert(visible[0] && !visible[1]);
    return status;
}

static enum lat_status come_and_go(struct lat_error *err)
{
    const struct lat_interaction all[] = {{"guest", "book", "", 1, 1},
                                          {"guest", "guest-book", "", 1, 1}};
    const enum lat_status status = lat_store_interact(store, "c", all, 2, err);
    return status == LAT_OK ? lat_store_user_delete(store, "c", "guest", err) : status;
}

static enum lat_status open_again(struct lat_error *err)
{
    struct lat_store *opened;
    const struct lat_store_options options = {.folder = test_path("data")};
    enum lat_status status = lat_store_open(&options, &opened, err);
    if (status != LAT_OK)
        return status;
    status = lat_store_load(opened, NULL, err);
    lat_store_close(opened);
    return status;
}

static void open_people(void)
{
    store = people_open(0);
    people_say(store, "ada", "book", 1, 1);
    people_say(store, "ada", "pen", 1, 2);
    people_say(store, "ada", "ink", 1, 3);
    people_put_item(store, "book", "{\"a\":1}", false);
}

/* What memory says is what the rows say after opening. */
static void expect_counts_hold(void)
{
    char before[4096];
    snprintf(before, sizeof(before), "%s", people_top(store, 200));
    const uint64_t n = people_info(store).interactions;
    store = fixture_reopen(store);
    cr_expect_str_eq(people_top(store, 200), before);
    cr_expect_eq(people_info(store).interactions, n);
    people_close(store);
}

Test(interactions_torture, writing_survives_every_failed_allocation)
{
    open_people();
    torture(interact);
    turn++;
    torture(come_and_go);
    expect_counts_hold();
}

Test(interactions_torture, reading_survives_every_failed_allocation)
{
    open_people();
    torture(read_history);
    torture(read_popular);
    torture(look_at_all);
    expect_counts_hold();
}

Test(interactions_torture, opening_survives_every_failed_allocation)
{
    open_people();
    lat_store_close(store);
    torture(open_again);
    store = fixture_open();
    expect_counts_hold();
}
