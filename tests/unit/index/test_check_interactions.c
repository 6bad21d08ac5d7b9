/* What `latentd check` must find of interactions: each row breaks one invariant behind the
 * store's back. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <sqlite3.h>

#include "fixture.h"
#include "interactions_fixture.h"
#include "tests/support/support.h"

struct breach {
    char sql[160];
    char words[64]; /* part of a finding */
};

static struct breach breaches[] = {
    {"UPDATE users SET collection=77 WHERE name='ada'", "a user of no collection"},
    {"UPDATE users SET name='eve' WHERE name='ada'", "its hash is wrong"},
    {"UPDATE users SET name='' WHERE name='ada'", "of user number 1 is not valid"},
    {"INSERT INTO users(collection, hash, name) SELECT collection, hash, name FROM users",
     "there twice"},
    {"INSERT INTO users(collection, hash, name) VALUES(1,1,'x')", "without interactions"},
    {"DELETE FROM users WHERE name='ada'", "interactions of no user"},
    {"DELETE FROM interactions WHERE user=1", "without interactions"},
    {"DELETE FROM interactions WHERE user=1", "number of interactions is not"},
    {"DELETE FROM interaction_items WHERE name='book'", "with items nobody knows"},
    {"UPDATE interaction_items SET name='pen'", "there twice"},
    {"UPDATE interaction_items SET name=x'ff' WHERE number=1", "of interactions is not valid"},
    {"UPDATE interaction_items SET collection=77", "of no collection"},
    {"INSERT INTO interaction_items VALUES(9,1,9,'x')", "items of interactions without any"},
    {"UPDATE interactions SET weight='much' WHERE item=1", "an interaction that is none"},
    {"UPDATE interactions SET weight=9e999 WHERE item=1", "an interaction that is none"},
    {"UPDATE interactions SET at_ms='now' WHERE item=1", "an interaction that is none"},
    {"UPDATE collections SET users=users+1", "number of users"},
    {"UPDATE collections SET interactions=0", "number of interactions"},
    {"DROP INDEX users_hash", "schema"},
    {"DROP TABLE interactions", "schema"},
};

struct findings {
    const char *wanted;
    bool found;
    char last[256];
};

static void report(void *context, const char *line)
{
    struct findings *findings = context;
    findings->found = findings->found || strstr(line, findings->wanted);
    snprintf(findings->last, sizeof(findings->last), "%.255s", line);
}

ParameterizedTestParameters(check_interactions, finds_each_breach)
{
    return cr_make_param_array(struct breach, breaches, LAT_ARRAY_LEN(breaches));
}

ParameterizedTest(struct breach *breach, check_interactions, finds_each_breach,
                  .init = test_folder_enter, .fini = test_folder_leave)
{
    sqlite3 *db;
    uint64_t faults = 0;
    struct lat_error err = LAT_ERROR_INIT;
    struct findings findings = {.wanted = breach->words};
    struct lat_store *store = people_open(0);
    people_say(store, "ada", "book", 1, 1);
    people_say(store, "ada", "pen", 1, 1);
    people_say_type(store, "bob", "pen", "buy", -2, 1);
    people_close(store);
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, breach->sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    sqlite3_close(db);
    cr_assert_eq(lat_store_check(test_path("data"), report, &findings, &faults, &err), LAT_OK,
                 "%s", err.message);
    cr_assert(faults > 0);
    cr_assert(findings.found, "%s: found only: %s", breach->sql, findings.last);
}

/* A damaged store serves what is sound of it. */
Test(check_interactions, a_damaged_row_takes_nothing_else_away, .init = test_folder_enter,
     .fini = test_folder_leave)
{
    sqlite3 *db;
    struct lat_store *store = people_open(0);
    people_say(store, "ada", "book", 1, 1);
    people_say(store, "ada", "pen", 1, 2);
    people_close(store);
    cr_assert_eq(sqlite3_open(test_path("data/latentd.db"), &db), SQLITE_OK);
    cr_assert_eq(
        sqlite3_exec(db, "DELETE FROM interaction_items WHERE name='book'", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    store = fixture_open();
    cr_expect_str_eq(people_history(store, "ada"), "pen::1@2");
    cr_expect_str_eq(people_top(store, 5), "pen:1");
    cr_expect_eq(lat_store_user_delete(store, "c", "ada", NULL), LAT_OK);
    people_close(store);
}
