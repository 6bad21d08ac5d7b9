/* The frame of tests that train from a spec in a temporary folder: an engine, data made on the
 * spot, files compared. Everything asserts instead of failing. */
#ifndef LAT_TESTS_UNIT_TRAIN_TRAIN_FIXTURE_H
#define LAT_TESTS_UNIT_TRAIN_TRAIN_FIXTURE_H

#include "model/engine.h"

/* The engine of the test that runs. */
extern struct lat_engine *train_engine;

/* A suite's frame: a temporary folder (tests/support), an engine, no log.
 *
 *     TestSuite(train_thing, .init = train_enter, .fini = train_leave);
 */
void train_enter(void);
void train_leave(void);

/* Writes test_path(name), an IDX file of n pictures of side x side bytes. n and side: at most
 * 255. */
void train_put_pictures(const char *name, size_t n, size_t side, const uint8_t *pixels);

/* Both files are there and have the same bytes. */
void train_assert_same_file(const char *a_path, const char *b_path);

#endif
