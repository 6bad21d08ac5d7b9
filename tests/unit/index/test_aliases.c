/* Second names of collections. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/mem.h"
#include "index/aliases.h"
#include "tests/support/support.h"
#include "tests/unit/index/fixture.h"

TestSuite(aliases, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 2 };

static void make(struct lat_store *store, const char *name)
{
    const struct lat_collection_spec spec =
        fixture_spec(name, D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    fixture_create(store, &spec);
}

static enum lat_status set(struct lat_store *store, const char *alias, const char *collection)
{
    struct lat_alias out;
    bool created;
    return lat_store_alias_set(store, alias, collection, &out, &created, NULL);
}

static bool holds(struct lat_store *store, const char *name, const char *id)
{
    struct lat_item item = {0};
    const enum lat_status status = lat_store_get(store, name, id, 0, &item, NULL);
    lat_item_release(&item);
    return status == LAT_OK;
}

Test(aliases, stand_for_their_collection_and_move)
{
    struct lat_store *store = fixture_open();
    struct lat_alias alias;
    bool created = false;
    const float code[D] = {1, 2};
    make(store, "one");
    make(store, "two");
    fixture_put_one(store, "one", "in-one", code);
    cr_assert_eq(lat_store_alias_set(store, "live", "one", &alias, &created, NULL), LAT_OK);
    cr_assert(created && strcmp(alias.collection, "one") == 0 && alias.created_ms > 0);
    cr_assert(holds(store, "live", "in-one"));
    fixture_put_one(store, "live", "by-alias", code);
    cr_assert(holds(store, "one", "by-alias"));
    cr_assert_eq(lat_store_alias_set(store, "live", "two", &alias, &created, NULL), LAT_OK);
    cr_assert(!created);
    cr_assert(!holds(store, "live", "in-one"));
    store = fixture_reopen(store);
    fixture_put_one(store, "live", "later", code);
    cr_assert(holds(store, "two", "later"));
    cr_assert_eq(lat_store_alias_drop(store, "live", NULL), LAT_OK);
    cr_assert_eq(lat_store_alias_drop(store, "live", NULL), LAT_NOT_FOUND);
    cr_assert(!holds(store, "live", "later"));
    lat_store_close(store);
}

Test(aliases, a_name_is_one_or_the_other)
{
    struct lat_store *store = fixture_open();
    struct lat_error err = LAT_ERROR_INIT;
    bool created;
    make(store, "one");
    cr_assert_eq(set(store, "one", "one"), LAT_CONFLICT);
    cr_assert_eq(set(store, "live", "nobody"), LAT_NOT_FOUND);
    cr_assert_eq(set(store, "Not a name", "one"), LAT_INVALID);
    cr_assert_eq(set(store, "live", "one"), LAT_OK);
    cr_assert_eq(set(store, "again", "live"), LAT_NOT_FOUND);
    const struct lat_collection_spec spec =
        fixture_spec("live", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    cr_assert_eq(lat_store_create(store, &spec, &created, NULL), LAT_CONFLICT);
    cr_assert_eq(lat_store_drop(store, "one", &err), LAT_CONFLICT);
    cr_assert_str_eq(err.code, "has_alias");
    cr_assert_not_null(strstr(err.message, "'live'"), "%s", err.message);
    cr_assert_eq(lat_store_alias_drop(store, "live", NULL), LAT_OK);
    cr_assert_eq(lat_store_drop(store, "one", NULL), LAT_OK);
    lat_store_close(store);
}

Test(aliases, are_listed_in_order)
{
    static const char *const names[] = {"b", "d", "a", "c"};
    struct lat_store *store = fixture_open();
    struct lat_alias *list = NULL;
    size_t n = 0;
    make(store, "one");
    for (size_t i = 0; i < LAT_ARRAY_LEN(names); i++)
        cr_assert_eq(set(store, names[i], "one"), LAT_OK);
    cr_assert_eq(lat_store_aliases(store, "", 3, &list, &n, NULL), LAT_OK);
    cr_assert(n == 3 && list[0].name[0] == 'a' && list[2].name[0] == 'c');
    lat_free(list);
    cr_assert_eq(lat_store_aliases(store, "c", 3, &list, &n, NULL), LAT_OK);
    cr_assert(n == 1 && list[0].name[0] == 'd');
    lat_free(list);
    lat_store_close(store);
}
