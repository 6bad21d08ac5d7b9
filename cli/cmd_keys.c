/* latentd keys: the file of API keys (service/keys.h). A key is shown once, when it is made;
 * the file has its hash. Lines that are not touched stay as they are, comments too. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/settings.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "service/crypto.h"
#include "service/keys.h"

#include "base/banned.h"

enum { FILE_LIMIT = 1 << 20, SHOWN_DIGITS = 12 };

struct options {
    char scope[32], name[LAT_KEY_NAME_SIZE];
    double rate, burst;
    bool json;
};

static const struct lat_setting rows[] = {
    LAT_SETTING_ROW(options, scope, LAT_SETTING_TEXT, "read", 0, 0, "SCOPE",
                    "add: read, write or admin; each includes those before it"),
    LAT_SETTING_ROW(options, name, LAT_SETTING_TEXT, "", 0, 0, "NAME",
                    "add: what the key is called in this file"),
    LAT_SETTING_ROW(options, rate, LAT_SETTING_REAL, "0", 0, 1e6, "N",
                    "add: requests a second; 0: the server's rate_limit"),
    LAT_SETTING_ROW(options, burst, LAT_SETTING_REAL, "0", 0, 1e6, "N",
                    "add: how many of them may come at once; 0: those of one second"),
    LAT_SETTING_ROW(options, json, LAT_SETTING_BOOL, "false", 0, 0, NULL, "print JSON"),
};

/* A line as it is shown; every part lies in the line, which was cut at its blanks. */
struct line {
    const char *scopes, *key, *name, *rate, *burst;
};

static bool split(char *text, struct line *out)
{
    static const char blanks[] = " \t\r";
    char *rest = NULL;
    *out = (struct line){.name = "", .rate = "", .burst = ""};
    out->scopes = strtok_r(text, blanks, &rest);
    out->key = out->scopes ? strtok_r(NULL, blanks, &rest) : NULL;
    if (!out->key || out->scopes[0] == '#')
        return false;
    for (char *word; (word = strtok_r(NULL, blanks, &rest));) {
        if (strncmp(word, "name=", 5) == 0)
            out->name = word + 5;
        else if (strncmp(word, "rate=", 5) == 0)
            out->rate = word + 5;
        else if (strncmp(word, "burst=", 6) == 0)
            out->burst = word + 6;
    }
    return true;
}

/* The first digits of the key's hash, by which a key without a name is told. */
static void fingerprint(const char *key, char out[SHOWN_DIGITS + 1])
{
    uint8_t hash[LAT_HASH_SIZE];
    const char *digits = strchr(key, ':');
    if (strncmp(key, "blake2b:", 8) != 0 || !lat_hash_parse(digits + 1, hash))
        lat_hash(key, strlen(key), hash);
    for (size_t i = 0; i < SHOWN_DIGITS / 2; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

/* ---- the file ---- */

/* With `may_be_absent` a file that is not there is an empty one. The whole must be a file the
 * server would take. */
static enum lat_status read_file(const char *path, bool may_be_absent, struct lat_buf *out,
                                 struct lat_error *err)
{
    struct lat_keys *keys = NULL;
    const struct lat_keys_options options = {.file = path};
    if (may_be_absent && access(path, F_OK) != 0)
        return LAT_OK;
    enum lat_status status = lat_keys_new(&options, &keys, err);
    lat_keys_free(keys);
    if (status == LAT_OK)
        status = lat_file_read(path, FILE_LIMIT, out, err);
    return status;
}

/* The new file is as open as the old one was; a first one is its owner's alone. */
static enum lat_status replace(const char *path, const char *text, size_t len,
                               struct lat_error *err)
{
    struct stat before;
    const bool was_there = stat(path, &before) == 0;
    const enum lat_status status = lat_file_write(path, text, len, err);
    if (status != LAT_OK)
        return status;
    if (chmod(path, was_there ? before.st_mode & 07777 : 0600) != 0 ||
        (was_there && geteuid() == 0 && chown(path, before.st_uid, before.st_gid) != 0))
        return lat_fail_errno(err, errno, "setting who may read '%s'", path);
    return LAT_OK;
}

/* ---- add, list, remove ---- */

static enum lat_status check_name(const char *name, struct lat_error *err)
{
    if (strcspn(name, " \t\r\n#") == strlen(name) && lat_utf8_valid(name, strlen(name)))
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "usage", "--name: expected a word without blanks");
}

static void print_added(const struct options *options, const char *key)
{
    if (!options->json) {
        printf("%s\n", key);
        return;
    }
    struct lat_buf out = {0};
    lat_buf_text(&out, "{\"key\":");
    lat_buf_json_string(&out, key, strlen(key));
    lat_buf_text(&out, ",\"scope\":");
    lat_buf_json_string(&out, options->scope, strlen(options->scope));
    lat_buf_text(&out, ",\"name\":");
    lat_buf_json_string(&out, options->name, strlen(options->name));
    lat_buf_text(&out, "}");
    if (out.status == LAT_OK)
        puts(out.data);
    lat_buf_release(&out);
}

static enum lat_status add_key(const struct options *options, const char *path,
                               const char *what, struct lat_error *err)
{
    struct lat_buf text = {0};
    char scope[sizeof(options->scope)], key[2 * LAT_RANDOM_ID_SIZE + 8];
    char half[LAT_RANDOM_ID_SIZE], other[LAT_RANDOM_ID_SIZE];
    enum lat_scope highest;
    uint8_t hash[LAT_HASH_SIZE];
    (void)what;
    memcpy(scope, options->scope, sizeof(scope));
    enum lat_status status = check_name(options->name, err);
    if (status == LAT_OK && lat_scopes_parse(scope, &highest, NULL) != LAT_OK)
        status = lat_fail(err, LAT_INVALID, "usage",
                          "--scope: expected read, write or admin, not '%s'", options->scope);
    if (status == LAT_OK)
        status = read_file(path, true, &text, err);
    lat_random_id(half);
    lat_random_id(other);
    snprintf(key, sizeof(key), "lat_%s%s", half, other);
    lat_hash(key, strlen(key), hash);
    if (text.len && text.data[text.len - 1] != '\n')
        lat_buf_char(&text, '\n');
    lat_buf_printf(&text, "%s blake2b:", options->scope);
    for (size_t i = 0; i < sizeof(hash); i++)
        lat_buf_printf(&text, "%02x", hash[i]);
    if (options->name[0])
        lat_buf_printf(&text, " name=%s", options->name);
    if (options->rate > 0)
        lat_buf_printf(&text, " rate=%g", options->rate);
    if (options->burst > 0)
        lat_buf_printf(&text, " burst=%g", options->burst);
    lat_buf_char(&text, '\n');
    if (status == LAT_OK)
        status = lat_buf_check(&text, err);
    if (status == LAT_OK)
        status = replace(path, text.data, text.len, err);
    if (status == LAT_OK)
        print_added(options, key);
    lat_wipe(key, sizeof(key));
    lat_buf_release(&text);
    return status;
}

static void print_line(const struct line *line, bool json, bool first)
{
    char shown[SHOWN_DIGITS + 1];
    fingerprint(line->key, shown);
    if (!json) {
        printf("%-12s  %-12s  %-20s  %-8s  %s\n", shown, line->scopes,
               line->name[0] ? line->name : "-", line->rate[0] ? line->rate : "-",
               line->burst[0] ? line->burst : "-");
        return;
    }
    struct lat_buf out = {0};
    lat_buf_printf(&out, "%s{\"hash\":\"%s\",\"scope\":", first ? "" : ",", shown);
    lat_buf_json_string(&out, line->scopes, strlen(line->scopes));
    lat_buf_text(&out, ",\"name\":");
    lat_buf_json_string(&out, line->name, strlen(line->name));
    lat_buf_printf(&out, ",\"rate\":%s,\"burst\":%s}", line->rate[0] ? line->rate : "null",
                   line->burst[0] ? line->burst : "null");
    if (out.status == LAT_OK)
        fputs(out.data, stdout);
    lat_buf_release(&out);
}

static enum lat_status list_keys(const struct options *options, const char *path,
                                 const char *what, struct lat_error *err)
{
    struct lat_buf text = {0};
    const enum lat_status status = read_file(path, false, &text, err);
    bool first = true;
    (void)what;
    if (status != LAT_OK)
        return status;
    if (options->json)
        fputs("{\"keys\":[", stdout);
    else
        printf("%-12s  %-12s  %-20s  %-8s  %s\n", "hash", "scope", "name", "rate", "burst");
    for (char *rest = text.data, *next; rest && text.len; rest = next) {
        struct line line;
        next = strchr(rest, '\n');
        if (next)
            *next++ = '\0';
        if (split(rest, &line)) {
            print_line(&line, options->json, first);
            first = false;
        }
    }
    if (options->json)
        puts("]}");
    lat_buf_release(&text);
    return LAT_OK;
}

/* Whether `what` is the line's name or the beginning of its hash. */
static bool is_meant(const char *text, size_t len, const char *what)
{
    char *copy = lat_strndup(text, len), shown[SHOWN_DIGITS + 1];
    struct line line;
    bool meant = false;
    if (copy && split(copy, &line)) {
        fingerprint(line.key, shown);
        meant = strcmp(line.name, what) == 0 ||
                (strlen(what) >= 6 && strncmp(shown, what, strlen(what)) == 0);
    }
    lat_free(copy);
    return meant;
}

static enum lat_status remove_key(const struct options *options, const char *path,
                                  const char *what, struct lat_error *err)
{
    struct lat_buf text = {0}, kept = {0};
    unsigned n = 0;
    enum lat_status status = read_file(path, false, &text, err);
    for (const char *rest = text.data; status == LAT_OK && rest && *rest;) {
        const char *end = strchr(rest, '\n');
        const size_t len = end ? (size_t)(end - rest) : strlen(rest);
        const bool meant = is_meant(rest, len, what);
        n += meant;
        if (!meant)
            lat_buf_append(&kept, rest, len + (end != NULL));
        rest = end ? end + 1 : NULL;
    }
    if (status == LAT_OK && n == 0)
        status = lat_fail(err, LAT_NOT_FOUND, NULL, "%s: no key has the name or the hash '%s'",
                          path, what);
    if (status == LAT_OK)
        status = lat_buf_check(&kept, err);
    if (status == LAT_OK)
        status = replace(path, kept.data ? kept.data : "", kept.len, err);
    if (status == LAT_OK)
        printf(options->json ? "{\"removed\":%u}\n" : "%u removed\n", n);
    lat_buf_release(&text);
    lat_buf_release(&kept);
    return status;
}

/* ---- the command ---- */

static const struct action {
    const char *name;
    int n_words; /* behind the name */
    enum lat_status (*run)(const struct options *options, const char *path, const char *what,
                           struct lat_error *err);
} actions[] = {{"add", 1, add_key}, {"list", 1, list_keys}, {"remove", 2, remove_key}};

static const struct action *find_action(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < LAT_ARRAY_LEN(actions); i++)
        if (strcmp(actions[i].name, argv[1]) == 0 && argc == 2 + actions[i].n_words)
            return &actions[i];
    return NULL;
}

static void print_help(void)
{
    printf("usage: latentd keys add FILE [--scope SCOPE] [--name NAME] [--rate N] [--burst N]\n"
           "       latentd keys list FILE [--json]\n"
           "       latentd keys remove FILE NAME-OR-HASH\n\n"
           "The file the setting api_keys_file names. `add` prints a new key, this once; the "
           "file\n"
           "gets its hash. A running server takes the file over on SIGHUP.\n\n");
    lat_settings_help(rows, LAT_ARRAY_LEN(rows), stdout);
}

int lat_cmd_keys(int argc, char **argv)
{
    struct options options;
    struct lat_error err = LAT_ERROR_INIT;
    if (lat_command_wants_help(argc, argv)) {
        print_help();
        return 0;
    }
    enum lat_status status = lat_settings_defaults(rows, LAT_ARRAY_LEN(rows), &options, &err);
    if (status == LAT_OK)
        status = lat_settings_arguments(rows, LAT_ARRAY_LEN(rows), &options, &argc, argv, &err);
    const struct action *action = find_action(argc, argv);
    if (status == LAT_OK && !action)
        status = lat_fail(&err, LAT_INVALID, "usage",
                          "expected add FILE, list FILE or remove FILE NAME-OR-HASH");
    if (status != LAT_OK)
        return lat_command_misused("keys", &err);
    status = action->run(&options, argv[2], argc > 3 ? argv[3] : NULL, &err);
    if (status == LAT_OK)
        return 0;
    return strcmp(err.code, "usage") == 0 ? lat_command_misused("keys", &err)
                                          : lat_command_failed("keys", &err);
}
