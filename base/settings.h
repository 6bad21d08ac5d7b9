/* Settings as rows: parsing, --help, the environment and the documentation come from one table.
 *
 * Order of precedence, weakest first: the row's default, the configuration file (`name = value`
 * lines, # comments), the environment (LATENTD_<NAME>), the command line (--name value or
 * --name=value; a bool alone means true). `_` in names is `-` on the command line. */
#ifndef LAT_BASE_SETTINGS_H
#define LAT_BASE_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

enum lat_setting_type {
    LAT_SETTING_TEXT, /* char[size of the field] */
    LAT_SETTING_BOOL, /* bool */
    LAT_SETTING_INT,  /* int64_t, min..max */
    LAT_SETTING_REAL, /* double, min..max */
    LAT_SETTING_BYTES /* int64_t, accepts 64KiB, 64MiB, 1GiB */
};

struct lat_setting {
    const char *name; /* snake_case */
    enum lat_setting_type type;
    size_t offset; /* offsetof into the settings struct */
    size_t size;   /* sizeof the field */
    const char *default_text;
    double min, max;      /* INT, REAL, BYTES */
    const char *argument; /* what --help shows after the name: "DIR"; NULL for bool */
    const char *help;
};

#define LAT_SETTING_ROW(type_name, field, kind, def, lo, hi, arg, text)                        \
    {                                                                                          \
#field, kind, offsetof(struct type_name, field),                                       \
            sizeof(((struct type_name *)0)->field), def, lo, hi, arg, text                     \
    }

/* Fills the struct from the rows' defaults. */
enum lat_status lat_settings_defaults(const struct lat_setting *rows, size_t n, void *settings,
                                      struct lat_error *err) LAT_MUST_USE;
/* LAT_INVALID names the file, the line, the nearest known name. */
enum lat_status lat_settings_file(const struct lat_setting *rows, size_t n, void *settings,
                                  const char *path, struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_settings_environment(const struct lat_setting *rows, size_t n,
                                         void *settings, struct lat_error *err) LAT_MUST_USE;
/* Reads --options from argv[1..]; what is no option stays in argv, packed to the front, and
 * *inout_argc is their number + 1. "--" ends the options. */
enum lat_status lat_settings_arguments(const struct lat_setting *rows, size_t n, void *settings,
                                       int *inout_argc, char **argv,
                                       struct lat_error *err) LAT_MUST_USE;
/* The place of `word` among `words`; LAT_INVALID names them all: "--metric: expected l2, cosine
 * or ip, not 'x'". `name` as the person wrote it. */
enum lat_status lat_setting_choice(const char *name, const char *word, const char *const *words,
                                   size_t n, size_t *out_index,
                                   struct lat_error *err) LAT_MUST_USE;
/* How a row is written on the command line ("--listen ADDR:PORT", "--[no-]json") and in the
 * environment ("LATENTD_LISTEN"), cut to `size`. */
void lat_setting_option(const struct lat_setting *row, char *out, size_t size);
void lat_setting_variable(const struct lat_setting *row, char *out, size_t size);
/* One `--name ARG  help (default)` line a row. */
void lat_settings_help(const struct lat_setting *rows, size_t n, FILE *out);

#endif
