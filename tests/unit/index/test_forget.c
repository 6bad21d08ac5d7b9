/* A user deleted for good: gone from answers at once, and from the bytes of the files. */
#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/rng.h"
#include "fixture.h"
#include "interactions_fixture.h"
#include "tests/support/support.h"

TestSuite(forget, .init = test_folder_enter, .fini = test_folder_leave);

/* How often the text stands in the files of the data directory. */
static size_t count_in_files(const char *text)
{
    size_t n = 0;
    DIR *listing = opendir(test_path("data"));
    cr_assert(listing);
    for (const struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        char name[300];
        struct lat_buf bytes = {0};
        snprintf(name, sizeof(name), "data/%s", entry->d_name);
        if (strncmp(entry->d_name, "latentd.db", 10) != 0 || strstr(name, "-shm") ||
            lat_file_read(test_path(name), SIZE_MAX, &bytes, NULL) != LAT_OK)
            continue;
        for (const char *at = bytes.data;
             bytes.len &&
             (at = memmem(at, bytes.len - (size_t)(at - bytes.data), text, strlen(text)));
             at++)
            n++;
        lat_buf_release(&bytes);
    }
    closedir(listing);
    return n;
}

Test(forget, a_deleted_user_is_gone_from_every_answer)
{
    struct lat_store *store = people_open(0);
    struct lat_error err = LAT_ERROR_INIT;
    people_say(store, "ada", "book", 1, 1);
    people_say(store, "ada", "pen", 1, 1);
    people_say(store, "bob", "book", 1, 1);
    people_say(store, "bob", "ink", -1, 1);
    cr_assert_eq(lat_store_user_delete(store, "c", "ada", NULL), LAT_OK);
    cr_expect_str_eq(people_history(store, "ada"), "");
    cr_expect_str_eq(people_history(store, "bob"), "book::1@1 ink::-1@1");
    cr_expect_str_eq(people_top(store, 9), "book:1");
    cr_expect_eq(people_info(store).users, 1);
    cr_expect_eq(people_info(store).interactions, 2);
    cr_expect_eq(lat_store_user_delete(store, "c", "ada", &err), LAT_NOT_FOUND);
    cr_expect_str_eq(err.code, "unknown_user");
    people_say(store, "ada", "pen", 1, 1);
    cr_expect_str_eq(people_history(store, "ada"), "pen::1@1", "who comes again is new");
    cr_expect_str_eq(people_top(store, 9), "book:1 pen:1");
    store = fixture_reopen(store);
    cr_expect_str_eq(people_top(store, 9), "book:1 pen:1");
    people_close(store);
}

/* Many users in random order, so that pages are divided and joined in every way. */
enum { USERS = 4000, ROUNDS = 3 };

static void user_name(uint64_t i, char out[40])
{
    struct lat_rng rng;
    lat_rng_seed(&rng, i);
    const unsigned long long a = lat_rng_next(&rng), b = lat_rng_next(&rng);
    snprintf(out, 40, "%016llx-%llx", a, b % 65536);
}

static void say_many(struct lat_store *store, unsigned round)
{
    static struct lat_interaction all[USERS];
    static char users[USERS][40], items[USERS][16];
    for (size_t i = 0; i < USERS; i++) {
        user_name(i, users[i]);
        snprintf(items[i], sizeof(items[i]), "i%zu", (i * 37 + round * 11) % 500);
        all[i] = (struct lat_interaction){users[i], items[i], "", 1, round};
    }
    for (size_t i = 0; i < USERS; i += 100)
        cr_assert_eq(lat_store_interact(store, "c", all + i, 100, NULL), LAT_OK);
}

Test(forget, no_byte_of_a_name_is_left_in_the_files)
{
    struct lat_store *store = people_open(0);
    char name[40];
    for (unsigned round = 0; round < ROUNDS; round++)
        say_many(store, round);
    people_say(store, "the-only-one", "only-mine", 1, 1);
    cr_assert(count_in_files("the-only-one"));
    cr_assert(count_in_files("only-mine"));
    cr_assert_eq(lat_store_user_delete(store, "c", "the-only-one", NULL), LAT_OK);
    cr_expect_eq(count_in_files("the-only-one"), 0);
    cr_expect_eq(count_in_files("only-mine"), 0, "an item nobody else dealt with");
    for (uint64_t i = 0; i < USERS; i += 40) {
        user_name(i, name);
        cr_assert(count_in_files(name));
        cr_assert_eq(lat_store_user_delete(store, "c", name, NULL), LAT_OK);
        cr_expect_eq(count_in_files(name), 0, "user %d", (int)i);
    }
    cr_expect_eq(people_info(store).users, USERS - USERS / 40);
    people_close(store);
}

/* ---- a reader in the way ---- */

struct reading {
    struct lat_store *store;
    sem_t begun, may_end;
};

static bool hold(void *context, const struct lat_interaction *one)
{
    struct reading *reading = context;
    (void)one;
    sem_post(&reading->begun);
    sem_wait(&reading->may_end);
    return false;
}

static void *read_slowly(void *argument)
{
    struct reading *reading = argument;
    const enum lat_status ignored =
        lat_store_interactions_each(reading->store, "c", hold, reading, NULL);
    (void)ignored;
    return NULL;
}

/* Returns once it has begun. */
static pthread_t begin_reading(struct reading *reading)
{
    pthread_t thread;
    sem_init(&reading->begun, 0, 0);
    sem_init(&reading->may_end, 0, 0);
    if (pthread_create(&thread, NULL, read_slowly, reading) != 0)
        abort();
    sem_wait(&reading->begun);
    return thread;
}

Test(forget, a_reader_in_the_way_only_puts_it_off)
{
    struct lat_store *store = people_open(0);
    struct reading reading = {.store = store};
    const struct timespec pause = {.tv_nsec = 5000000};
    people_say(store, "somebody-else", "book", 1, 1);
    people_say(store, "to-be-forgotten", "book", 1, 1);
    const pthread_t thread = begin_reading(&reading);
    cr_assert_eq(lat_store_user_delete(store, "c", "to-be-forgotten", NULL), LAT_OK);
    cr_expect_str_eq(people_history(store, "to-be-forgotten"), "");
    cr_expect(count_in_files("to-be-forgotten"), "the reader still sees it");
    sem_post(&reading.may_end);
    pthread_join(thread, NULL);
    while (count_in_files("to-be-forgotten")) /* the keeper tries again */
        nanosleep(&pause, NULL);
    people_close(store);
}

/* ---- a process that dies ---- */

static void delete_and_die(void)
{
    struct reading reading = {.store = fixture_open()};
    begin_reading(&reading);
    if (lat_store_user_delete(reading.store, "c", "to-be-forgotten", NULL) != LAT_OK)
        _exit(2);
    _exit(count_in_files("to-be-forgotten") ? 0 : 3); /* as if killed: nothing is closed */
}

Test(forget, the_next_start_ends_what_a_dead_process_left)
{
    struct lat_store *store = people_open(0);
    people_say(store, "somebody-else", "book", 1, 1);
    people_say(store, "to-be-forgotten", "book", 1, 1);
    lat_store_close(store);
    const pid_t pid = fork();
    cr_assert(pid >= 0);
    if (pid == 0)
        delete_and_die();
    int status = 1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%d", status);
    cr_assert(count_in_files("to-be-forgotten"));
    store = fixture_open();
    cr_expect_eq(count_in_files("to-be-forgotten"), 0);
    cr_expect_str_eq(people_history(store, "to-be-forgotten"), "");
    people_close(store);
}
