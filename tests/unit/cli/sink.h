/* A sink that keeps what an import gives it; the id "p/there already" it does not want. */
#ifndef LAT_TESTS_UNIT_CLI_SINK_H
#define LAT_TESTS_UNIT_CLI_SINK_H

#include "cli/import_source.h"

enum { SINK_MAX = 32 };

struct sink {
    size_t n;
    char ids[SINK_MAX][64], origins[SINK_MAX][256];
    float values[SINK_MAX][16]; /* the first of its bytes */
    size_t lens[SINK_MAX];
    size_t n_bad;
    char bad[SINK_MAX][512]; /* "origin: words" */
    uint64_t expected;
};

/* Forgets everything and gives the functions that fill it. */
struct lat_import_sink sink_open(struct sink *sink);

#endif
