/* The specs that ship are read, and the pages of recipes show them as they are. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "model/train/spec.h"

#define SPECS   LAT_SOURCE_DIR "/examples/specs"
#define RECIPES LAT_SOURCE_DIR "/docs/recipes"

enum { FEWEST_SPECS = 10, FEWEST_RECIPES = 8 };

/* Calls `look` for every file of the folder that ends so; their number. */
static size_t each_file(const char *folder, const char *suffix, void (*look)(const char *path))
{
    size_t n = 0;
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir, "%s", folder);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        char path[LAT_PATH_MAX];
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcmp(dot, suffix) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        look(path);
        n++;
    }
    closedir(dir);
    return n;
}

static void read_spec(const char *path)
{
    struct lat_spec spec;
    struct lat_error err = LAT_ERROR_INIT;
    cr_assert_eq(lat_spec_read(path, NULL, 0, &spec, &err), LAT_OK, "%s: %s", path,
                 err.message);
    lat_spec_release(&spec);
}

Test(train_examples, every_spec_that_ships_is_read)
{
    cr_assert_geq(each_file(SPECS, ".json", read_spec), FEWEST_SPECS);
}

/* The first block of JSON is the file that is named in front of it. */
static void compare_recipe(const char *path)
{
    static const char named[] = "(`examples/specs/", block[] = "```json\n";
    struct lat_buf page = {0};
    char file[LAT_PATH_MAX];
    cr_assert_eq(lat_file_read(path, 1 << 20, &page, NULL), LAT_OK, "%s", path);
    const char *name = strstr(page.data, named);
    cr_assert_not_null(name, "%s names no spec", path);
    name += strlen(named);
    const char *shown = strstr(name, block);
    cr_assert_not_null(shown, "%s shows no spec", path);
    shown += strlen(block);
    snprintf(file, sizeof(file), SPECS "/%.*s", (int)strcspn(name, "`"), name);
    json_t *there = json_load_file(file, JSON_REJECT_DUPLICATES, NULL);
    json_t *here =
        json_loadb(shown, (size_t)(strstr(shown, "```") - shown), JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(there, "%s names %s", path, file);
    cr_assert_not_null(here, "%s: no JSON", path);
    cr_assert(json_equal(here, there), "%s shows another spec than %s", path, file);
    json_decref(here);
    json_decref(there);
    lat_buf_release(&page);
}

Test(train_examples, the_recipes_show_the_specs_that_ship)
{
    cr_assert_geq(each_file(RECIPES, ".md", compare_recipe), FEWEST_RECIPES);
}
