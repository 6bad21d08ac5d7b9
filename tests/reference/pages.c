/* The pages of docs/reference that are rows of the program, printed from those rows:
 *
 *   reference_pages settings | metrics | error-codes
 *
 * scripts/reference puts them into their files, and its --check, a test, says when a file
 * differs.
 */
#include <stdio.h>
#include <string.h>

#include "api/problem.h"
#include "base/metrics.h"
#include "service/app.h"

#include "base/banned.h"

/* Text of a cell: what Markdown would take for a column or a tag is written so that it does
 * not. */
static void print_cell(const char *text)
{
    bool code = false;
    for (const char *p = text; *p; p++) {
        code ^= *p == '`';
        if (*p == '|')
            fputs("\\|", stdout);
        else if (*p == '<' && !code)
            fputs("&lt;", stdout);
        else
            putchar(*p);
    }
}

static void print_head(const char *title, const char *source)
{
    printf("<!-- Written by scripts/reference from %s: change it there. -->\n\n# %s\n\n",
           source, title);
}

/* ---- settings ---- */

/* 65536 as "64 KiB" where that is a whole number. */
static void print_bytes(double value)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; unit + 1 < LAT_ARRAY_LEN(units) && value >= 1024 && (uint64_t)value % 1024 == 0;
         unit++)
        value /= 1024;
    printf("%.15g %s", value, units[unit]);
}

static const char *unit_of(const struct lat_setting *row)
{
    return row->argument && strcmp(row->argument, "MS") == 0 ? " milliseconds" : "";
}

static void print_values(const struct lat_setting *row)
{
    switch (row->type) {
    case LAT_SETTING_TEXT:
        printf("text, at most %zu bytes", row->size - 1);
        break;
    case LAT_SETTING_BOOL:
        printf("`true` or `false`");
        break;
    case LAT_SETTING_INT:
        printf("%.15g to %.15g%s", row->min, row->max, unit_of(row));
        break;
    case LAT_SETTING_REAL:
        printf("a number, %.15g to %.15g", row->min, row->max);
        break;
    case LAT_SETTING_BYTES:
        print_bytes(row->min);
        printf(" to ");
        print_bytes(row->max);
        break;
    }
}

static void print_setting(const struct lat_setting *row)
{
    char option[128], variable[128];
    lat_setting_option(row, option, sizeof(option));
    lat_setting_variable(row, variable, sizeof(variable));
    printf("| `%s` | `%s` | `%s` | ", row->name, option, variable);
    if (row->default_text && row->default_text[0])
        printf("`%s`", row->default_text);
    printf(" | ");
    print_values(row);
    printf(" | %s | ", lat_config_is_live(row) ? "yes" : "");
    print_cell(row->help);
    printf(" |\n");
}

static void settings(void)
{
    print_head("Settings", "the rows of service/config.c");
    printf("What `latentd serve` can be told. The same setting is a line `name = value` of the "
           "file "
           "that `config` names, a\nvariable of the environment, or an option; the option wins "
           "over "
           "the variable, the variable over the file. Byte counts\nare plain or with a unit: "
           "`4096`, `64KiB`, `64MiB`, `1GiB`. In a file `#` begins a comment. An unknown name "
           "or a "
           "value\nout of range ends the start and is named.\n\n"
           "*Reload*: read again on SIGHUP ([deployment](../deployment.md)); a change of any "
           "other "
           "wants a restart, and the log names\nit. Of the certificate, other contents of the "
           "same "
           "files are read again; other files want a restart.\n\n"
           "The options of the other commands are in [commands.md](commands.md), the keys of a "
           "training in [training.md](../training.md).\n\n"
           "| Name | Option | Environment | Default | Values | Reload | Meaning |\n"
           "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < lat_n_config_rows; i++)
        print_setting(&lat_config_rows[i]);
}

/* ---- metrics ---- */

static void print_metric(const struct lat_metric_row *row)
{
    printf("| `%s` | %s | ", row->name, row->kind);
    if (row->label)
        printf("`%s`", row->label);
    if (row->label2)
        printf(", `%s`", row->label2);
    printf(" | ");
    print_cell(row->help);
    printf(" |");
    for (size_t i = 0; i < row->n_upper; i++)
        printf(" %.15g", row->upper[i]);
    printf(" |\n");
}

static void metrics(void)
{
    print_head("Metrics", "the rows of base/metrics.c");
    printf("What `GET /metrics` says, in Prometheus' text format 0.0.4. A histogram has "
           "`_bucket`, `_sum` and `_count`; times are\nin seconds. A family keeps a bounded "
           "number of label values apart and counts later ones under `other`. Alert rules and\n"
           "a dashboard come along ([deployment](../deployment.md#logs-traces-metrics)).\n\n"
           "| Name | Kind | Labels | Meaning | Buckets up to |\n|---|---|---|---|---|\n");
    for (int i = 0; i < LAT_METRIC_COUNT; i++) {
        const struct lat_metric_row row = lat_metric_row((enum lat_metric)i);
        print_metric(&row);
    }
}

/* ---- error codes ---- */

static void print_status(int status)
{
    bool any = false;
    for (size_t i = 0; i < lat_n_problem_codes; i++) {
        const struct lat_problem_code *row = &lat_problem_codes[i];
        if (row->status != status)
            continue;
        if (!any)
            printf("\n## %d\n\n| Code | Meaning | What to do |\n|---|---|---|\n", status);
        any = true;
        printf("| `%s` | ", row->code);
        print_cell(row->meaning);
        printf(" | ");
        print_cell(row->remedy);
        printf(" |\n");
    }
}

static void error_codes(void)
{
    print_head("Error codes", "the rows of api/problem_codes.c");
    printf(
        "A refusal is `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/"
        "rfc9457)) with `type`, `title`, `status`,\n`detail`, `code` and `request_id`; of a "
        "body that is wrong somewhere `errors` has `pointer` (a JSON pointer), `code`,\n"
        "`detail` and, where it can be said, `expected` and `got`. An element of a batch that "
        "failed has the same under `error`.\nA program decides by `code`: it does not change, "
        "the words may. `request_id` is what the server's log calls the request.\n\n"
        "A failed job carries the code that the same failure has on a request. Statuses from "
        "500 on may go away when the same is\nsent again, those below do not, but for 408, 429 "
        "and "
        "`generation_changed`.\n");
    for (int status = 400; status < 600; status++)
        print_status(status);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } pages[] = {{"settings", settings}, {"metrics", metrics}, {"error-codes", error_codes}};
    for (size_t i = 0; argc == 2 && i < LAT_ARRAY_LEN(pages); i++) {
        if (strcmp(argv[1], pages[i].name) == 0) {
            pages[i].print();
            return ferror(stdout) || fflush(stdout) != 0;
        }
    }
    fprintf(stderr, "usage: reference_pages settings | metrics | error-codes\n");
    return 2;
}
