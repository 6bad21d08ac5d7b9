/* Filters: what passes, that nothing a user wrote gets into SQL, and that remembered answers
 * stay true while rows change. */
#include <math.h>

#include <criterion/criterion.h>

#include "fixture.h"
#include "index/filter_sql.h"
#include "tests/support/support.h"

TestSuite(filter, .init = test_folder_enter, .fini = test_folder_leave);

enum { D = 4, KEYS_MAX = 4 };

static const char *const documents[] = {
    "{\"a\":1,\"s\":\"x\",\"b\":true,\"z\":null}",
    "{\"a\":2.5,\"s\":\"xy\",\"b\":false,\"list\":[1,\"x\",true]}",
    "{\"a\":\"2.5\",\"s\":\"Y\",\"deep\":{\"er\":{\"k\":7}}}",
    "{\"a\":[1,2],\"s\":\"\xC3\xA9\",\"we\\\"ird\":{\"in\":5},\"\":9,\"d.t\":3}",
    "{\"a\":-10,\"list\":[],\"obj\":{\"x\":1}}",
    "{}",
};
enum { N = LAT_ARRAY_LEN(documents) };

static struct lat_store *open_documents(void)
{
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    fixture_create(store, &spec);
    for (size_t i = 0; i < N; i++) {
        const char id[] = {(char)('0' + i), 0};
        const float code[D] = {(float)i};
        struct lat_write_result result;
        const struct lat_write write = {
            .id = id, .code = code, .metadata = documents[i], .error = NAN, .hidden = -1};
        struct lat_error err = LAT_ERROR_INIT;
        cr_assert_eq(lat_store_write(store, "c", &write, 1, true, &result, &err), LAT_OK, "%s",
                     err.message);
    }
    return store;
}

/* The ids that pass, as one text: "034". Asked three ways, which must agree. */
static const char *passing(struct lat_store *store, const struct lat_filter *filter)
{
    static char text[N + 1];
    const float code[D] = {0};
    struct lat_search_result result;
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_query query = fixture_query(code, N);
    query.filter = filter;
    cr_assert_eq(lat_store_search(store, "c", &query, &result, &err), LAT_OK, "%s",
                 err.message);
    for (size_t i = 0; i < result.n; i++)
        text[i] = result.hits[i].id[0]; /* distance ascends with the id */
    text[result.n] = '\0';
    uint64_t n;
    struct lat_item_list list;
    cr_assert_eq(lat_store_count(store, "c", filter, &n, NULL), LAT_OK);
    cr_assert_eq(n, result.n);
    cr_assert_eq(lat_store_list(store, "c", filter, NULL, N, 0, &list, NULL), LAT_OK);
    cr_assert_eq(list.n, result.n);
    for (size_t i = 0; i < list.n; i++)
        cr_assert_eq(list.items[i].id[0], text[i]);
    lat_item_list_release(&list);
    lat_search_result_release(&result);
    return text;
}

static const char *leaf(struct lat_store *store, enum lat_filter_op op, const char *const *path,
                        size_t n_path, const struct lat_value *values, size_t n_values)
{
    const struct lat_filter filter = {
        .op = op, .path = path, .n_path = n_path, .values = values, .n_values = n_values};
    return passing(store, &filter);
}

static struct lat_value integer(long long i)
{
    return (struct lat_value){.kind = LAT_VALUE_INTEGER, .integer = i};
}

static struct lat_value real(double x)
{
    return (struct lat_value){.kind = LAT_VALUE_NUMBER, .number = x};
}

static struct lat_value text(const char *t)
{
    return (struct lat_value){.kind = LAT_VALUE_TEXT, .text = t};
}

static struct lat_value boolean(bool b)
{
    return (struct lat_value){.kind = LAT_VALUE_BOOL, .boolean = b};
}

static const char *one(struct lat_store *store, enum lat_filter_op op, const char *key,
                       struct lat_value value)
{
    return leaf(store, op, &key, 1, &value, 1);
}

Test(filter, equality_is_by_kind_and_sees_into_arrays)
{
    struct lat_store *store = open_documents();
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "a", integer(1)), "03");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "a", real(1.0)), "03");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "a", real(2.5)), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "a", text("2.5")), "2");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "b", boolean(true)), "0");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "b", boolean(false)), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "b", integer(1)), "");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "list", text("x")), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "list", boolean(true)), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "list", integer(1)), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "obj", integer(1)), "");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "z", (struct lat_value){LAT_VALUE_NULL}), "0");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "s", text("\xC3\xA9")), "3");
    lat_store_close(store);
}

Test(filter, negations_pass_what_is_missing)
{
    struct lat_store *store = open_documents();
    cr_assert_str_eq(one(store, LAT_FILTER_NE, "a", integer(1)), "1245");
    cr_assert_str_eq(one(store, LAT_FILTER_NE, "s", text("x")), "12345");
    const struct lat_value values[] = {text("x"), text("xy")};
    static const char *const s[] = {"s"};
    cr_assert_str_eq(leaf(store, LAT_FILTER_NIN, s, 1, values, 2), "2345");
    cr_assert_str_eq(leaf(store, LAT_FILTER_IN, s, 1, values, 2), "01");
    cr_assert_str_eq(leaf(store, LAT_FILTER_IN, s, 1, values, 0), "");
    cr_assert_str_eq(leaf(store, LAT_FILTER_NIN, s, 1, values, 0), "012345");
    lat_store_close(store);
}

Test(filter, order_is_within_a_kind)
{
    struct lat_store *store = open_documents();
    cr_assert_str_eq(one(store, LAT_FILTER_GT, "a", integer(1)), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_GTE, "a", integer(1)), "01");
    cr_assert_str_eq(one(store, LAT_FILTER_LT, "a", real(2.5)), "04");
    cr_assert_str_eq(one(store, LAT_FILTER_LTE, "a", real(2.5)), "014");
    cr_assert_str_eq(one(store, LAT_FILTER_GTE, "s", text("x")), "013");
    cr_assert_str_eq(one(store, LAT_FILTER_LT, "s", text("x")), "2");
    cr_assert_str_eq(one(store, LAT_FILTER_GT, "b", boolean(false)), "");
    lat_store_close(store);
}

Test(filter, exists_and_prefix)
{
    struct lat_store *store = open_documents();
    cr_assert_str_eq(one(store, LAT_FILTER_EXISTS, "z", boolean(true)), "0");
    cr_assert_str_eq(one(store, LAT_FILTER_EXISTS, "a", boolean(false)), "5");
    cr_assert_str_eq(one(store, LAT_FILTER_PREFIX, "s", text("x")), "01");
    cr_assert_str_eq(one(store, LAT_FILTER_PREFIX, "s", text("xy")), "1");
    cr_assert_str_eq(one(store, LAT_FILTER_PREFIX, "s", text("")), "0123");
    cr_assert_str_eq(one(store, LAT_FILTER_PREFIX, "s", text("%")), "");
    cr_assert_str_eq(one(store, LAT_FILTER_PREFIX, "a", text("2")), "2");
    lat_store_close(store);
}

Test(filter, any_key_can_be_reached)
{
    static const char *const deep[] = {"deep", "er", "k"}, *const weird[] = {"we\"ird", "in"};
    struct lat_store *store = open_documents();
    const struct lat_value seven = integer(7), five = integer(5);
    const struct lat_value yes = boolean(true);
    cr_assert_str_eq(leaf(store, LAT_FILTER_EQ, deep, 3, &seven, 1), "2");
    cr_assert_str_eq(leaf(store, LAT_FILTER_EQ, weird, 2, &five, 1), "3");
    cr_assert_str_eq(leaf(store, LAT_FILTER_NE, weird, 2, &five, 1), "01245");
    cr_assert_str_eq(leaf(store, LAT_FILTER_EXISTS, weird, 1, &yes, 1), "3");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "", integer(9)), "3");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "d.t", integer(3)), "3");
    cr_assert_str_eq(one(store, LAT_FILTER_EQ, "a\\b", integer(3)), "");
    lat_store_close(store);
}

Test(filter, words_of_users_stay_values)
{
    static const char *const nasty[] = {
        "'", "\"", "'; DROP TABLE items; --", "$[0]", "\\", "?1", "a') OR 1=1 --", "%s%n", "*"};
    struct lat_store *store = open_documents();
    for (size_t i = 0; i < LAT_ARRAY_LEN(nasty); i++) {
        cr_assert_str_eq(one(store, LAT_FILTER_EQ, nasty[i], text("x")), "");
        cr_assert_str_eq(one(store, LAT_FILTER_EQ, "s", text(nasty[i])), "");
        cr_assert_str_eq(one(store, LAT_FILTER_NE, nasty[i], text(nasty[i])), "012345");
    }
    lat_store_close(store);
}

Test(filter, trees_nest_and_may_be_wide)
{
    static const char *const s[] = {"s"}, *const a[] = {"a"};
    enum { WIDE = 3000 };
    static struct lat_filter leaves[WIDE];
    static const struct lat_filter *children[WIDE];
    static struct lat_value values[WIDE];
    struct lat_store *store = open_documents();
    for (size_t i = 0; i < WIDE; i++) {
        values[i] = integer((long long)i - 5000);
        leaves[i] = (struct lat_filter){
            .op = LAT_FILTER_EQ, .path = a, .n_path = 1, .values = &values[i], .n_values = 1};
        children[i] = &leaves[i];
    }
    values[17] = integer(-10);
    struct lat_filter any = {.op = LAT_FILTER_OR, .children = children, .n_children = WIDE};
    cr_assert_str_eq(passing(store, &any), "4");
    const struct lat_filter many = {
        .op = LAT_FILTER_IN, .path = a, .n_path = 1, .values = values, .n_values = WIDE};
    cr_assert_str_eq(passing(store, &many), "4");
    const struct lat_value x = text("x");
    const struct lat_filter is_x = {
        .op = LAT_FILTER_EQ, .path = s, .n_path = 1, .values = &x, .n_values = 1};
    const struct lat_filter *pair[] = {&any, &is_x}, *single[] = {&is_x};
    const struct lat_filter both = {.op = LAT_FILTER_AND, .children = pair, .n_children = 2};
    const struct lat_filter either = {.op = LAT_FILTER_OR, .children = pair, .n_children = 2};
    const struct lat_filter none = {.op = LAT_FILTER_NOT, .children = single, .n_children = 1};
    const struct lat_filter all = {.op = LAT_FILTER_AND}, nothing = {.op = LAT_FILTER_OR};
    cr_assert_str_eq(passing(store, &both), "");
    cr_assert_str_eq(passing(store, &either), "04");
    cr_assert_str_eq(passing(store, &none), "12345");
    cr_assert_str_eq(passing(store, &all), "012345");
    cr_assert_str_eq(passing(store, &nothing), "");
    lat_store_close(store);
}

Test(filter, nonsense_and_too_much_are_refused)
{
    static const char *const a[] = {"a"};
    static struct lat_value values[LAT_FILTER_VALUES_MAX + 1];
    struct lat_sql sql;
    const struct lat_filter empty = {.op = LAT_FILTER_EQ, .path = a, .n_path = 1};
    const struct lat_filter no_path = {.op = LAT_FILTER_EQ, .values = values, .n_values = 1};
    const struct lat_filter prefix = {
        .op = LAT_FILTER_PREFIX, .path = a, .n_path = 1, .values = values, .n_values = 1};
    for (size_t i = 0; i < LAT_ARRAY_LEN(values); i++)
        values[i] = integer((long long)i);
    const struct lat_filter large = {.op = LAT_FILTER_IN,
                                     .path = a,
                                     .n_path = 1,
                                     .values = values,
                                     .n_values = LAT_ARRAY_LEN(values)};
    cr_assert_eq(lat_filter_sql(&empty, 1, &sql, NULL), LAT_INVALID);
    cr_assert_eq(lat_filter_sql(&no_path, 1, &sql, NULL), LAT_INVALID);
    cr_assert_eq(lat_filter_sql(&prefix, 1, &sql, NULL), LAT_INVALID);
    cr_assert_eq(lat_filter_sql(&large, 1, &sql, NULL), LAT_TOO_LARGE);
}

Test(filter, a_remembered_filter_follows_every_change)
{
    static const char *const label[] = {"label"};
    const struct lat_value odd = text("odd");
    const struct lat_filter filter = {
        .op = LAT_FILTER_EQ, .path = label, .n_path = 1, .values = &odd, .n_values = 1};
    struct lat_store *store = fixture_open();
    const struct lat_collection_spec spec =
        fixture_spec("c", D, LAT_DISTANCE_L2, LAT_INDEX_FLAT);
    const float code[D] = {0};
    fixture_create(store, &spec);
    size_t want = 0;
    for (uint64_t round = 0; round < 40; round++) {
        fixture_put(store, "c", D, round * 10, round * 10 + 10);
        want += 5;
        char id[32];
        struct lat_write_result result;
        fixture_id(round * 10, id); /* even becomes odd */
        const struct lat_write patch = {
            .kind = LAT_WRITE_PATCH, .id = id, .metadata = "{\"label\":\"odd\"}", .hidden = -1};
        cr_assert_eq(lat_store_write(store, "c", &patch, 1, true, &result, NULL), LAT_OK);
        want++;
        fixture_id(round * 10 + 1, id); /* odd is deleted */
        cr_assert_eq(fixture_delete(store, "c", id), LAT_OK);
        want--;
        fixture_id(round * 10 + 3, id); /* odd is replaced by something without a label */
        fixture_put_one(store, "c", id, code);
        want--;
        if (round == 20)
            cr_assert_eq(lat_store_reindex(store, "c", NULL, NULL, NULL, NULL), LAT_OK);
        struct lat_query query = fixture_query(code, 1000);
        query.filter = &filter;
        struct lat_search_result found;
        cr_assert_eq(lat_store_search(store, "c", &query, &found, NULL), LAT_OK);
        cr_assert_eq(found.n, want, "round %d: %zu, not %zu", (int)round, found.n, want);
        lat_search_result_release(&found);
    }
    lat_store_close(store);
}
