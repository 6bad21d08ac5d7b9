/* The shortest of three names by which all files of the import differ is the one all are called
 * by, so that the ids of one import look alike. */
#include "cli/import_prefix.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/import_source.h"

#include "base/banned.h"

enum { WORD_MAX = 160 };

/* From short to surely different. */
enum naming { BY_WORD, BY_NAME, BY_PATH };

static void name_of(const char *path, enum naming naming, char out[WORD_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    size_t len = strlen(name);
    if (naming == BY_WORD) {
        len = strcspn(name, "-._");
        if (len == 4 && strncmp(name, "t10k", len) == 0) { /* what others call test */
            name = "test";
        }
    } else if (naming == BY_PATH) {
        name = path;
        len = strlen(path);
        while (len >= WORD_MAX ||
               (len && (*name & 0xC0) == 0x80)) { /* its end, whole letters */
            name++;
            len--;
        }
    }
    snprintf(out, WORD_MAX, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX - 1), name);
}

static bool are_different(char *const *paths, size_t n, const char *format, enum naming naming)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) {
            char a[WORD_MAX], b[WORD_MAX];
            if (!lat_import_has_rows(paths[i], format) ||
                !lat_import_has_rows(paths[j], format))
                continue;
            name_of(paths[i], naming, a);
            name_of(paths[j], naming, b);
            if (strcmp(a, b) == 0)
                return false;
        }
    return true;
}

void lat_import_prefix(const char *asked, char *const *paths, size_t n_paths, size_t i,
                       const char *format, char out[LAT_IMPORT_PREFIX_SIZE])
{
    enum naming naming = BY_WORD;
    char name[WORD_MAX];
    size_t n_rows = 0;
    out[0] = '\0';
    if (!lat_import_has_rows(paths[i], format))
        return;
    for (size_t p = 0; p < n_paths; p++)
        n_rows += lat_import_has_rows(paths[p], format);
    if (n_paths == 1 || (asked[0] && n_rows == 1)) {
        snprintf(out, LAT_IMPORT_PREFIX_SIZE, "%s", asked);
        return;
    }
    while (naming < BY_PATH && !are_different(paths, n_paths, format, naming))
        naming++;
    name_of(paths[i], naming, name);
    snprintf(out, LAT_IMPORT_PREFIX_SIZE, "%s%s/", asked, name);
}
