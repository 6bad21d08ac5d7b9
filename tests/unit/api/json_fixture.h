/* A document, its arena and what was recorded: those of the test that runs, emptied and
 * released around it. */
#ifndef LAT_TESTS_UNIT_API_JSON_FIXTURE_H
#define LAT_TESTS_UNIT_API_JSON_FIXTURE_H

#include "api/json.h"

extern struct lat_arena arena;
extern struct lat_json json;
extern struct lat_error err;
extern struct lat_object root;

void json_enter(void);
void json_leave(void);

/* Parses in place of what was there; `root` is its object. */
enum lat_status parse(const char *text);

#define ASSERT_CODE(word) cr_assert_str_eq(err.code, word, "%s: %s", err.code, err.message)
#define ASSERT_AT(place)  cr_assert_str_eq(err.pointer, place)

#endif
