/* Every source ends in assign(): it alone knows the types, their limits and the words of a
 * refusal. The sources differ in how they find a row and in what they call it in the message.
 */
#include "base/settings.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/text.h"

#include "base/banned.h"

enum {
    NAME_SIZE = 64,
    ROWS_MAX = 256,       /* rows looked through for the nearest name */
    FILE_LIMIT = 1 << 20, /* bytes of a configuration file */
    HELP_COLUMN_MAX = 36, /* longer options do not widen the column */
};

static void *field_of(const struct lat_setting *row, void *settings)
{
    return (char *)settings + row->offset;
}

static enum lat_status refuse(const struct lat_setting *row, const char *text,
                              const char *expected, struct lat_error *err)
{
    lat_fail(err, LAT_INVALID, NULL, "%s: expected %s, not '%s'", row->name, expected, text);
    lat_error_expected(err, expected, text);
    return LAT_INVALID;
}

static enum lat_status refuse_range(const struct lat_setting *row, const char *text,
                                    struct lat_error *err)
{
    char expected[96];
    snprintf(expected, sizeof(expected), "%.15g to %.15g", row->min, row->max);
    return refuse(row, text, expected, err);
}

static bool parse_bool(const char *text, bool *out_value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < LAT_ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out_value = i % 2 == 1;
            return true;
        }
    }
    return false;
}

static bool parse_int(const char *text, int64_t *out_value)
{
    const bool negative = *text == '-';
    uint64_t magnitude;
    if (!lat_parse_u64(text + negative, (uint64_t)INT64_MAX, &magnitude))
        return false;
    *out_value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

/* "64MiB", "1.5 GiB", "4096", "10MB". */
static bool parse_bytes(const char *text, int64_t *out_value)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {
        {"", 1},         {"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
        {"TiB", 0x1p40}, {"kB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12},
    };
    char number[NAME_SIZE];
    const size_t len = strspn(text, "0123456789.");
    if (!len || len >= sizeof(number))
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    const char *unit = text + len + strspn(text + len, " ");
    double value;
    if (!lat_parse_double(number, &value))
        return false;
    for (size_t i = 0; i < LAT_ARRAY_LEN(units); i++) {
        if (strcasecmp(unit, units[i].name) != 0)
            continue;
        if (value * units[i].factor >= 0x1p63)
            return false;
        *out_value = (int64_t)(value * units[i].factor);
        return true;
    }
    return false;
}

static enum lat_status assign_text(const struct lat_setting *row, void *settings,
                                   const char *text, struct lat_error *err)
{
    const size_t len = strlen(text);
    if (len >= row->size)
        return lat_fail(err, LAT_INVALID, NULL, "%s: at most %zu bytes, not %zu", row->name,
                        row->size - 1, len);
    memcpy(field_of(row, settings), text, len + 1);
    return LAT_OK;
}

static enum lat_status assign_whole(const struct lat_setting *row, void *settings,
                                    const char *text, struct lat_error *err)
{
    int64_t value = 0;
    if (row->type == LAT_SETTING_INT && !parse_int(text, &value))
        return refuse(row, text, "a whole number", err);
    if (row->type == LAT_SETTING_BYTES && !parse_bytes(text, &value))
        return refuse(row, text, "bytes such as 4096, 64KiB, 64MiB or 1GiB", err);
    if ((double)value < row->min || (double)value > row->max)
        return refuse_range(row, text, err);
    memcpy(field_of(row, settings), &value, sizeof(value));
    return LAT_OK;
}

static enum lat_status assign(const struct lat_setting *row, void *settings, const char *text,
                              struct lat_error *err)
{
    switch (row->type) {
    case LAT_SETTING_TEXT:
        return assign_text(row, settings, text, err);
    case LAT_SETTING_BOOL: {
        bool value;
        if (!parse_bool(text, &value))
            return refuse(row, text, "true or false", err);
        memcpy(field_of(row, settings), &value, sizeof(value));
        return LAT_OK;
    }
    case LAT_SETTING_INT:
    case LAT_SETTING_BYTES:
        return assign_whole(row, settings, text, err);
    case LAT_SETTING_REAL: {
        double value;
        if (!lat_parse_double(text, &value))
            return refuse(row, text, "a number", err);
        if (value < row->min || value > row->max)
            return refuse_range(row, text, err);
        memcpy(field_of(row, settings), &value, sizeof(value));
        return LAT_OK;
    }
    }
    return lat_fail(err, LAT_INTERNAL, NULL, "%s: a setting without a type", row->name);
}

/* The text with one character for another: `-` and `_` of the two ways to write a name. */
static void replace(char *out, const char *text, size_t len, char from, char to)
{
    if (len >= NAME_SIZE)
        len = NAME_SIZE - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = text[i] == from ? to : text[i];
    out[len] = '\0';
}

/* The row of that name, dashes and underscores being the same; NULL if there is none. */
static const struct lat_setting *find(const struct lat_setting *rows, size_t n,
                                      const char *name, size_t len)
{
    char snake[NAME_SIZE];
    if (len >= sizeof(snake))
        return NULL;
    replace(snake, name, len, '-', '_');
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, snake) == 0)
            return &rows[i];
    return NULL;
}

/* `dashes` is "--" and `separator` '-' on the command line, "" and '_' in a file. */
static enum lat_status refuse_name(const struct lat_setting *rows, size_t n, const char *name,
                                   const char *dashes, struct lat_error *err)
{
    const char *words[ROWS_MAX];
    const char separator = *dashes ? '-' : '_';
    size_t n_words = 0;
    for (; n_words < n && n_words < ROWS_MAX; n_words++)
        words[n_words] = rows[n_words].name;
    char snake[NAME_SIZE], shown[NAME_SIZE];
    replace(snake, name, strlen(name), '-', '_');
    const char *nearest = lat_nearest(snake, words, n_words);
    replace(shown, nearest ? nearest : "", nearest ? strlen(nearest) : 0, '_', separator);
    return lat_fail(err, LAT_INVALID, NULL, "unknown %s '%s%s'%s%s%s%s",
                    *dashes ? "option" : "setting", dashes, name,
                    nearest ? ", did you mean '" : "", nearest ? dashes : "", shown,
                    nearest ? "'?" : "");
}

enum lat_status lat_settings_defaults(const struct lat_setting *rows, size_t n, void *settings,
                                      struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        memset(field_of(&rows[i], settings), 0, rows[i].size);
        if (!rows[i].default_text)
            continue;
        const enum lat_status status = assign(&rows[i], settings, rows[i].default_text, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "default");
            return status;
        }
    }
    return LAT_OK;
}

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* Cuts a comment: a # at the start of the line or after a space, outside quotes. */
static void cut_comment(char *line)
{
    bool quoted = false;
    for (char *p = line; *p; p++) {
        if (*p == '"')
            quoted = !quoted;
        if (*p == '#' && !quoted && (p == line || isspace((unsigned char)p[-1]))) {
            *p = '\0';
            return;
        }
    }
}

static enum lat_status read_line(const struct lat_setting *rows, size_t n, void *settings,
                                 char *line, struct lat_error *err)
{
    cut_comment(line);
    line = trim(line);
    if (!*line)
        return LAT_OK;
    char *equals = strchr(line, '=');
    if (!equals)
        return lat_fail(err, LAT_INVALID, NULL, "expected 'name = value', not '%s'", line);
    *equals = '\0';
    const char *name = trim(line);
    char *value = trim(equals + 1);
    const size_t len = strlen(value);
    if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
        value[len - 1] = '\0';
        value++;
    }
    const struct lat_setting *row = find(rows, n, name, strlen(name));
    return row ? assign(row, settings, value, err) : refuse_name(rows, n, name, "", err);
}

enum lat_status lat_settings_file(const struct lat_setting *rows, size_t n, void *settings,
                                  const char *path, struct lat_error *err)
{
    struct lat_buf text = {0};
    enum lat_status status = lat_file_read(path, FILE_LIMIT, &text, err);
    char *line = text.data;
    for (int number = 1; status == LAT_OK && line; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        status = read_line(rows, n, settings, line, err);
        if (status != LAT_OK)
            lat_error_prefix(err, "%s:%d", path, number);
        line = end ? end + 1 : NULL;
    }
    lat_buf_release(&text);
    return status;
}

void lat_setting_variable(const struct lat_setting *row, char *out, size_t size)
{
    snprintf(out, size, "LATENTD_%s", row->name);
    for (char *p = out; *p; p++)
        *p = (char)toupper((unsigned char)*p);
}

enum lat_status lat_settings_environment(const struct lat_setting *rows, size_t n,
                                         void *settings, struct lat_error *err)
{
    for (size_t i = 0; i < n; i++) {
        char name[NAME_SIZE + 16];
        lat_setting_variable(&rows[i], name, sizeof(name));
        const char *value = getenv(name);
        if (!value || !*value)
            continue;
        const enum lat_status status = assign(&rows[i], settings, value, err);
        if (status != LAT_OK) {
            lat_error_prefix(err, "environment %s", name);
            return status;
        }
    }
    return LAT_OK;
}

/* `--no-name` of a bool row, or NULL. */
static const struct lat_setting *find_negated(const struct lat_setting *rows, size_t n,
                                              const char *name, size_t len)
{
    if (len < 3 || strncmp(name, "no-", 3) != 0)
        return NULL;
    const struct lat_setting *row = find(rows, n, name + 3, len - 3);
    return row && row->type == LAT_SETTING_BOOL ? row : NULL;
}

/* The option argv[*inout_i]; moves *inout_i when the next word is its value. */
static enum lat_status read_option(const struct lat_setting *rows, size_t n, void *settings,
                                   char **argv, int *inout_i, struct lat_error *err)
{
    const char *name = argv[*inout_i] + 2;
    const size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct lat_setting *row = find(rows, n, name, len);
    const struct lat_setting *negated = row ? NULL : find_negated(rows, n, name, len);
    if (negated && !value)
        return assign(negated, settings, "false", err);
    if (negated)
        return lat_fail(err, LAT_INVALID, NULL, "'--%.*s' takes no value", (int)len, name);
    if (!row) {
        char unknown[NAME_SIZE];
        snprintf(unknown, sizeof(unknown), "%.*s", (int)len, name);
        return refuse_name(rows, n, unknown, "--", err);
    }
    if (!value && row->type == LAT_SETTING_BOOL)
        value = "true";
    if (!value)
        value = argv[*inout_i + 1];
    else
        (*inout_i)--;
    if (!value)
        return lat_fail(err, LAT_INVALID, NULL, "'--%.*s' needs a value", (int)len, name);
    (*inout_i)++;
    return assign(row, settings, value, err);
}

enum lat_status lat_settings_arguments(const struct lat_setting *rows, size_t n, void *settings,
                                       int *inout_argc, char **argv, struct lat_error *err)
{
    const int argc = *inout_argc;
    int kept = argc > 0 ? 1 : 0;
    bool options = true;
    for (int i = 1; i < argc; i++) {
        if (!options || strncmp(argv[i], "--", 2) != 0) {
            argv[kept++] = argv[i];
            continue;
        }
        if (!argv[i][2]) {
            options = false;
            continue;
        }
        const enum lat_status status = read_option(rows, n, settings, argv, &i, err);
        if (status != LAT_OK)
            return status;
    }
    if (kept < argc)
        argv[kept] = NULL;
    *inout_argc = kept;
    return LAT_OK;
}

enum lat_status lat_setting_choice(const char *name, const char *word, const char *const *words,
                                   size_t n, size_t *out_index, struct lat_error *err)
{
    char expected[96] = "";
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(words[i], word) == 0) {
            *out_index = i;
            return LAT_OK;
        }
        const char *before = i == 0 ? "" : i + 1 < n ? ", " : " or ";
        const int written =
            snprintf(expected + len, sizeof(expected) - len, "%s%s", before, words[i]);
        if (written > 0 && len + (size_t)written < sizeof(expected))
            len += (size_t)written;
    }
    lat_fail(err, LAT_INVALID, NULL, "%s: expected %s, not '%s'", name, expected, word);
    lat_error_expected(err, expected, word);
    return LAT_INVALID;
}

void lat_setting_option(const struct lat_setting *row, char *out, size_t size)
{
    char dashed[NAME_SIZE];
    replace(dashed, row->name, strlen(row->name), '_', '-');
    if (row->type == LAT_SETTING_BOOL)
        snprintf(out, size, "--[no-]%s", dashed);
    else
        snprintf(out, size, "--%s %s", dashed, row->argument ? row->argument : "VALUE");
}

void lat_settings_help(const struct lat_setting *rows, size_t n, FILE *out)
{
    char option[2 * NAME_SIZE];
    int width = 0;
    for (size_t i = 0; i < n; i++) {
        lat_setting_option(&rows[i], option, sizeof(option));
        const int len = (int)strlen(option);
        if (len > width && len <= HELP_COLUMN_MAX)
            width = len;
    }
    for (size_t i = 0; i < n; i++) {
        lat_setting_option(&rows[i], option, sizeof(option));
        fprintf(out, "  %-*s  ", width, option);
        fprintf(out, "%s", rows[i].help ? rows[i].help : "");
        if (rows[i].default_text && rows[i].default_text[0])
            fprintf(out, " (default: %s)", rows[i].default_text);
        fprintf(out, "\n");
    }
}
