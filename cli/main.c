/* The program: the table of commands, and what it says of itself. Adding a command is a file
 * cmd_<name>.c, its line in commands.h and its row here. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/commands.h"
#include "service/version.h"

#include "base/banned.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command commands[] = {
    {"serve", lat_cmd_serve, "answer HTTP requests until told to stop"},
    {"train", lat_cmd_train, "train an autoencoder from a specification"},
    {"eval", lat_cmd_eval, "measure a model on data"},
    {"impute", lat_cmd_impute, "fill in the missing cells of a CSV file"},
    {"import", lat_cmd_import, "put pictures or vectors into a collection of a running server"},
    {"bench", lat_cmd_bench, "measure how fast a running server searches a collection"},
    {"check", lat_cmd_check, "verify every invariant of a stopped server's data directory"},
    {"backup", lat_cmd_backup, "put a running or stopped server into one file"},
    {"restore", lat_cmd_restore, "make a data directory out of such a file"},
    {"keys", lat_cmd_keys, "make, list and remove API keys"},
    {"health", lat_cmd_health, "ask a running server whether it is ready"},
};

static void print_help(FILE *out)
{
    fprintf(out, "latentd: embeddings and similarity search with autoencoders\n\n"
                 "usage: latentd COMMAND [OPTIONS]\n\n");
    for (size_t i = 0; i < LAT_ARRAY_LEN(commands); i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    fprintf(out, "\n'latentd COMMAND --help' lists the options of a command; "
                 "'latentd --version' the libraries (--json).\n");
}

static void print_version(void)
{
    struct lat_library_version libraries[LAT_LIBRARY_MAX];
    const size_t n = lat_library_versions(libraries);
    printf("latentd %s\n", lat_version());
    for (size_t i = 0; i < n; i++)
        printf("%-14s %s\n", libraries[i].name, libraries[i].version);
}

/* As in GET /v1/info. */
static int write_version_json(void)
{
    struct lat_library_version libraries[LAT_LIBRARY_MAX];
    const size_t n = lat_library_versions(libraries);
    struct lat_buf out = {0};
    lat_buf_printf(&out, "{\"version\":\"%s\",\"libraries\":{", lat_version());
    for (size_t i = 0; i < n; i++) {
        lat_buf_printf(&out, "%s\"%s\":", i ? "," : "", libraries[i].name);
        lat_buf_json_string(&out, libraries[i].version, strlen(libraries[i].version));
    }
    lat_buf_text(&out, "}}\n");
    const bool whole = lat_buf_check(&out, NULL) == LAT_OK && fputs(out.data, stdout) >= 0;
    lat_buf_release(&out);
    return whole ? 0 : 1;
}

static int version(int n_options, char **options)
{
    if (n_options == 0) {
        print_version();
        return 0;
    }
    if (n_options == 1 && strcmp(options[0], "--json") == 0)
        return write_version_json();
    fprintf(stderr, "latentd: --version: expected nothing or --json, not '%s'\n", options[0]);
    return 2;
}

static int unknown_command(const char *name)
{
    const char *words[LAT_ARRAY_LEN(commands)];
    for (size_t i = 0; i < LAT_ARRAY_LEN(commands); i++)
        words[i] = commands[i].name;
    const char *nearest = lat_nearest(name, words, LAT_ARRAY_LEN(words));
    fprintf(stderr, "latentd: unknown command '%s'%s%s%s\n", name,
            nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    return 2;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (!*word) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0)
        return version(argc - 2, argv + 2);
    for (size_t i = 0; i < LAT_ARRAY_LEN(commands); i++)
        if (strcmp(word, commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown_command(word);
}
