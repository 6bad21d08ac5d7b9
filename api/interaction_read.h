/* Interactions out of JSON: {"user":…,"item":…,"weight"?,"type"?,"at"?,"recommendation_id"?}.
 *
 * Two readers of the same grammar. The scan knows plain lines only, a flat object of known keys
 * without escapes, and takes some 200 ns for one; whatever it does not take goes to the reader
 * that knows all of JSON and has the words for what is wrong. */
#ifndef LAT_API_INTERACTION_READ_H
#define LAT_API_INTERACTION_READ_H

#include "api/json.h"
#include "index/interactions.h"

struct lat_interaction_input {
    struct lat_interaction what;
    const char *recommendation; /* what it is feedback on; NULL: nothing said */
};

/* `text` [len] is written to: strings are ended with a NUL where their quotes were, and
 * borrowed from it. `now_ms` is when it happened if nothing is said. False: not that plain, and
 * nothing has changed. What comes out is not checked. */
bool lat_interaction_scan(char *text, size_t len, int64_t now_ms,
                          struct lat_interaction_input *out_input);

/* The members of `object`, which is ended; strings are copied to the document's arena. Failures
 * are recorded in the document. Checked. */
void lat_object_interaction(struct lat_object *object, int64_t now_ms,
                            struct lat_interaction_input *out_input);

#endif
