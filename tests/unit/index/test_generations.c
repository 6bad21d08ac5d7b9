/* Another generation of a collection, built beside it and switched to. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "index/generations.h"
#include "index/interactions.h"
#include "tests/support/support.h"
#include "tests/unit/index/fixture.h"

TestSuite(generations, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 2, D_NEXT = 3 };

static struct lat_store *open_with(const char *model)
{
    struct lat_store *store = fixture_open();
    struct lat_collection_spec spec = fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    snprintf(spec.model, sizeof(spec.model), "%s", model);
    fixture_create(store, &spec);
    return store;
}

static enum lat_status begin(struct lat_store *store, const char *model, uint32_t d,
                             struct lat_generation *out)
{
    struct lat_collection_spec spec = {.dimension = d};
    snprintf(spec.model, sizeof(spec.model), "%s", model);
    return lat_store_generation_begin(store, "c", &spec, out, NULL);
}

static enum lat_status put(struct lat_store *store, const char *name, const char *id,
                           const float *code, const char *model)
{
    struct lat_write_result result;
    const struct lat_write write = {
        .kind = LAT_WRITE_PUT, .id = id, .code = code, .model = model, .hidden = 0};
    const enum lat_status status = lat_store_write(store, name, &write, 1, true, &result, NULL);
    return status;
}

static struct lat_collection_info describe(struct lat_store *store)
{
    struct lat_collection_info info;
    cr_assert_eq(lat_store_describe(store, "c", &info, NULL), LAT_OK);
    return info;
}

static const float code[D] = {1, 2}, code_next[D_NEXT] = {3, 4, 5};

Test(generations, take_the_name_and_can_be_gone_back_from)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    cr_assert_eq(put(store, "c", "a", code, "m@1"), LAT_OK);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert(!next.former && next.synced == 0 && next.dimension == D_NEXT);
    cr_assert_eq(put(store, next.name, "a", code_next, "m@2"), LAT_OK);
    cr_assert_eq(put(store, next.name, "ghost", code_next, "m@2"), LAT_OK);
    cr_assert_eq(lat_store_generation_prune(store, "c", NULL), LAT_OK);
    const uint64_t sequence = describe(store).sequence;
    cr_assert_eq(lat_store_generation_switch(store, "c", sequence - 1, NULL), LAT_BUSY);
    cr_assert_str_eq(describe(store).spec.model, "m@1");
    cr_assert_eq(lat_store_generation_switch(store, "c", sequence, NULL), LAT_OK);
    cr_assert_str_eq(describe(store).spec.model, "m@2");
    cr_assert_eq(describe(store).items, 1u);
    cr_assert_gt(describe(store).sequence, sequence);

    /* Codes of the one are kept out of the other. */
    cr_assert_eq(put(store, "c", "b", code, "m@1"), LAT_CONFLICT);
    struct lat_search_result found = {0};
    struct lat_query query = fixture_query(code, 1);
    query.model = "m@1";
    cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_CONFLICT);

    store = fixture_reopen(store);
    cr_assert_str_eq(describe(store).spec.model, "m@2");
    cr_assert_eq(lat_store_generation(store, "c", &next, NULL), LAT_OK);
    cr_assert(next.former && strcmp(next.model, "m@1") == 0);
    cr_assert_eq(begin(store, "m@1", D, &next), LAT_OK);
    const uint64_t later = describe(store).sequence;
    cr_assert_eq(lat_store_generation_switch(store, "c", later, NULL), LAT_OK);
    cr_assert_str_eq(describe(store).spec.model, "m@1");
    cr_assert_gt(describe(store).sequence, later);
    query = fixture_query(code, 1);
    cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_OK);
    cr_assert(found.n == 1 && strcmp(found.hits[0].id, "a") == 0);
    lat_search_result_release(&found);
    lat_store_close(store);
}

Test(generations, a_list_is_read_on_across_the_switch)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    struct lat_item_list first = {0}, rest = {0};
    cr_assert_eq(put(store, "c", "a", code, "m@1"), LAT_OK);
    cr_assert_eq(put(store, "c", "b", code, "m@1"), LAT_OK);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(put(store, next.name, "a", code_next, "m@2"), LAT_OK);
    cr_assert_eq(put(store, next.name, "b", code_next, "m@2"), LAT_OK);
    cr_assert_eq(lat_store_list(store, "c", NULL, NULL, 1, 0, &first, NULL), LAT_OK);
    cr_assert_not_null(first.next_cursor);
    const uint64_t sequence = describe(store).sequence;
    cr_assert_eq(lat_store_generation_switch(store, "c", sequence, NULL), LAT_OK);
    cr_assert_eq(lat_store_list(store, "c", NULL, first.next_cursor, 1, 0, &rest, NULL),
                 LAT_OK);
    cr_assert(rest.n == 1 && strcmp(rest.items[0].id, "b") == 0 && !rest.next_cursor);
    lat_item_list_release(&first);
    lat_item_list_release(&rest);
    lat_store_close(store);
}

Test(generations, a_history_is_read_on_across_the_switch)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    struct lat_history_page first = {0}, rest = {0};
    const struct lat_interaction two[] = {
        {.user = "u", .item = "a", .type = "", .weight = 1, .at_ms = 2},
        {.user = "u", .item = "b", .type = "", .weight = 1, .at_ms = 1}};
    cr_assert_eq(lat_store_interact(store, "c", two, 2, NULL), LAT_OK);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(lat_store_history(store, "c", "u", NULL, 1, &first, NULL), LAT_OK);
    cr_assert_not_null(first.next_cursor);
    cr_assert_eq(lat_store_generation_switch(store, "c", describe(store).sequence, NULL),
                 LAT_OK);
    cr_assert_eq(lat_store_history(store, "c", "u", first.next_cursor, 1, &rest, NULL), LAT_OK);
    cr_assert(rest.n == 1 && strcmp(rest.rows[0].item, "b") == 0 && !rest.next_cursor);
    lat_history_page_release(&first);
    lat_history_page_release(&rest);
    lat_store_close(store);
}

struct told {
    struct lat_store *store;
    char text[64];
};

/* At the first row the collection goes over to another generation, and is dropped. */
static bool move_and_drop(void *context, const struct lat_interaction *one)
{
    struct told *told = context;
    struct lat_generation next;
    if (!told->text[0]) {
        cr_assert_eq(begin(told->store, "m@2", D_NEXT, &next), LAT_OK);
        cr_assert_eq(
            lat_store_generation_switch(told->store, "c", describe(told->store).sequence, NULL),
            LAT_OK);
        cr_assert_eq(lat_store_drop(told->store, "c", NULL), LAT_OK);
    }
    const size_t len = strlen(told->text);
    snprintf(told->text + len, sizeof(told->text) - len, "%s-%s ", one->user, one->item);
    return true;
}

Test(generations, interactions_being_read_keep_their_names_when_the_collection_is_dropped)
{
    struct lat_store *store = open_with("m@1");
    struct told told = {.store = store};
    const struct lat_interaction two[] = {
        {.user = "u", .item = "a", .type = "", .weight = 1, .at_ms = 2},
        {.user = "u", .item = "b", .type = "", .weight = 1, .at_ms = 1}};
    cr_assert_eq(lat_store_interact(store, "c", two, 2, NULL), LAT_OK);
    cr_assert_eq(lat_store_interactions_each(store, "c", move_and_drop, &told, NULL), LAT_OK);
    cr_assert_str_eq(told.text, "u-a u-b ", "%s", told.text);
    lat_store_close(store);
}

Test(generations, are_in_no_list_and_go_with_their_collection)
{
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    struct lat_collection_info *infos = NULL;
    size_t n = 0;
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(lat_store_collections(store, "", 10, &infos, &n, NULL), LAT_OK);
    cr_assert_eq(n, 1u);
    lat_free(infos);
    cr_assert_eq(begin(store, "m@3", D, &next), LAT_OK); /* in place of the other */
    cr_assert_str_eq(next.model, "m@3");
    cr_assert_eq(lat_store_generation_drop(store, "c", NULL), LAT_OK);
    cr_assert_eq(lat_store_generation_drop(store, "c", NULL), LAT_NOT_FOUND);
    cr_assert_eq(begin(store, "m@2", D_NEXT, &next), LAT_OK);
    cr_assert_eq(lat_store_drop(store, "c", NULL), LAT_OK);
    struct lat_collection_spec spec;
    cr_assert_eq(lat_store_spec(store, next.name, &spec, NULL), LAT_NOT_FOUND);
    lat_store_close(store);
}

Test(generations, items_without_a_stored_input_are_counted)
{
    struct lat_store *store = open_with("m@1");
    uint64_t n = 7;
    char id[LAT_ID_MAX + 1];
    cr_assert_eq(lat_store_without_input(store, "c", &n, id, NULL), LAT_OK);
    cr_assert_eq(n, 0u);
    cr_assert_eq(put(store, "c", "bare", code, NULL), LAT_OK);
    cr_assert_eq(lat_store_without_input(store, "c", &n, id, NULL), LAT_OK);
    cr_assert_eq(n, 1u);
    cr_assert_str_eq(id, "bare");
    lat_store_close(store);
}

/* Whoever writes while collections change over. */
struct actor {
    struct lat_store *store;
    enum lat_status (*act)(struct lat_store *store, struct lat_error *err);
    atomic_bool stop;
    atomic_uint n;
    char failure[sizeof(((struct lat_error *)0)->message)];
};

static enum lat_status interact(struct lat_store *store, struct lat_error *err)
{
    const struct lat_interaction one = {.user = "u", .item = "i", .type = "", .weight = 1};
    return lat_store_interact(store, "c", &one, 1, err);
}

static enum lat_status delete_none(struct lat_store *store, struct lat_error *err)
{
    static const struct lat_filter nothing = {.op = LAT_FILTER_OR};
    uint64_t n;
    return lat_store_delete_where(store, "c", &nothing, false, &n, err);
}

static enum lat_status choose(struct lat_store *store, struct lat_error *err)
{
    return lat_store_recommender_set(store, "c", "r", err);
}

static enum lat_status read_history(struct lat_store *store, struct lat_error *err)
{
    struct lat_history_page page = {0};
    const enum lat_status status = lat_store_history(store, "c", "u", "", 10, &page, err);
    if (status == LAT_OK && page.n != 1)
        return lat_fail(err, LAT_INTERNAL, NULL, "%zu interactions", page.n);
    if (status == LAT_OK)
        lat_history_page_release(&page);
    return status;
}

static enum lat_status forget_nobody(struct lat_store *store, struct lat_error *err)
{
    const enum lat_status status = lat_store_user_delete(store, "c", "nobody", err);
    return status == LAT_NOT_FOUND && strcmp(err->code, "unknown_user") == 0 ? LAT_OK : status;
}

static void *run_actor(void *argument)
{
    struct actor *actor = argument;
    while (!atomic_load(&actor->stop)) {
        struct lat_error err = LAT_ERROR_INIT;
        if (actor->act(actor->store, &err) != LAT_OK) {
            snprintf(actor->failure, sizeof(actor->failure), "%s", err.message);
            break;
        }
        atomic_fetch_add(&actor->n, 1);
    }
    return NULL;
}

Test(generations, whoever_writes_while_one_takes_the_name_finds_the_collection)
{
    enum { ACTORS = 5, ROUNDS = 60 };
    static enum lat_status (*const acts[ACTORS])(struct lat_store *, struct lat_error *) = {
        interact, delete_none, choose, forget_nobody, read_history};
    static struct actor actors[ACTORS];
    pthread_t threads[ACTORS];
    struct lat_store *store = open_with("m@1");
    struct lat_generation next;
    cr_assert_eq(interact(store, NULL), LAT_OK);
    for (size_t i = 0; i < ACTORS; i++) {
        actors[i].store = store;
        actors[i].act = acts[i];
        cr_assert_eq(pthread_create(&threads[i], NULL, run_actor, &actors[i]), 0);
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        const bool back = i % 2;
        cr_assert_eq(begin(store, back ? "m@1" : "m@2", back ? D : D_NEXT, &next), LAT_OK);
        lat_store_generation_hold(store, true);
        cr_assert_eq(lat_store_generation_switch(store, "c", describe(store).sequence, NULL),
                     LAT_OK);
        lat_store_generation_hold(store, false);
        for (size_t a = 0; a < ACTORS; a++) { /* each has been in this generation */
            const unsigned n = atomic_load(&actors[a].n);
            while (atomic_load(&actors[a].n) == n && !actors[a].failure[0])
                ;
        }
    }
    for (size_t i = 0; i < ACTORS; i++) {
        atomic_store(&actors[i].stop, true);
        pthread_join(threads[i], NULL);
        cr_expect_str_empty(actors[i].failure, "%s", actors[i].failure);
    }
    cr_assert_eq(describe(store).interactions, 1u);
    lat_store_close(store);
}
