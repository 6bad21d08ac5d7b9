#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "api/problem.h"
#include "api/routes.h"

static json_t *document;

static void enter(void)
{
    json_error_t failure;
    document =
        json_load_file(LAT_SOURCE_DIR "/api/openapi.json", JSON_REJECT_DUPLICATES, &failure);
    cr_assert_not_null(document, "line %d: %s", failure.line, failure.text);
}

static void leave(void)
{
    json_decref(document);
}

TestSuite(api_openapi, .init = enter, .fini = leave);

static const struct {
    unsigned bit;
    const char *name;
} methods[] = {{LAT_GET, "get"},
               {LAT_PUT, "put"},
               {LAT_POST, "post"},
               {LAT_PATCH, "patch"},
               {LAT_DELETE, "delete"}};

static const char *method_name(unsigned bit)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(methods); i++)
        if (methods[i].bit == bit)
            return methods[i].name;
    return "?";
}

static json_t *operation(const struct lat_route *route)
{
    json_t *path = json_object_get(json_object_get(document, "paths"), route->path);
    return json_object_get(path, method_name(route->method));
}

Test(api_openapi, every_route_is_documented_in_its_own_words)
{
    for (size_t i = 0; i < lat_api_routes.n; i++) {
        const struct lat_route *route = &lat_api_routes.rows[i];
        json_t *what = operation(route);
        cr_expect_not_null(what, "%s %s", method_name(route->method), route->path);
        const char *summary = json_string_value(json_object_get(what, "summary"));
        cr_expect_str_eq(summary ? summary : "", route->summary, "%s", route->path);
    }
}

Test(api_openapi, nothing_else_is_documented)
{
    const char *path, *method;
    json_t *item, *what;
    size_t n = 0;
    json_object_foreach(json_object_get(document, "paths"), path, item)
    {
        json_object_foreach(item, method, what)
        {
            if (!strcmp(method, "parameters"))
                continue;
            bool found = false;
            for (size_t i = 0; i < lat_api_routes.n; i++)
                found |= !strcmp(lat_api_routes.rows[i].path, path) &&
                         !strcmp(method_name(lat_api_routes.rows[i].method), method);
            cr_expect(found, "%s %s", method, path);
            n++;
        }
    }
    cr_assert_eq(n, lat_api_routes.n);
}

Test(api_openapi, scopes_are_those_of_the_table)
{
    static const char *const names[] = {"", "read", "write", "admin"};
    for (size_t i = 0; i < lat_api_routes.n; i++) {
        const struct lat_route *route = &lat_api_routes.rows[i];
        json_t *what = operation(route);
        const char *scope = json_string_value(json_object_get(what, "x-scope"));
        cr_expect_str_eq(scope ? scope : "", names[route->scope], "%s %s",
                         method_name(route->method), route->path);
        cr_expect_eq(json_array_size(json_object_get(what, "security")) == 0,
                     route->scope == LAT_SCOPE_NONE, "%s", route->path);
    }
}

/* A parameter of the operation or its path, references resolved; by name. */
static bool has_parameter(json_t *list, const char *name)
{
    size_t i;
    json_t *parameter;
    json_array_foreach(list, i, parameter)
    {
        const char *reference = json_string_value(json_object_get(parameter, "$ref"));
        if (reference)
            parameter = json_object_get(
                json_object_get(json_object_get(document, "components"), "parameters"),
                strrchr(reference, '/') + 1);
        if (!strcmp(json_string_value(json_object_get(parameter, "name")), name))
            return true;
    }
    return false;
}

Test(api_openapi, path_parameters_are_declared)
{
    for (size_t i = 0; i < lat_api_routes.n; i++) {
        const struct lat_route *route = &lat_api_routes.rows[i];
        json_t *item = json_object_get(json_object_get(document, "paths"), route->path);
        for (const char *p = route->path; (p = strchr(p, '{')); p++) {
            char name[32];
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + 1, "}"), p + 1);
            cr_expect(has_parameter(json_object_get(item, "parameters"), name) ||
                          has_parameter(json_object_get(operation(route), "parameters"), name),
                      "%s: %s", route->path, name);
        }
    }
}

/* Every reference leads somewhere; their number. */
static size_t follow(json_t *value)
{
    size_t n = 0;
    const char *key;
    size_t i;
    json_t *child;
    const char *reference = json_string_value(json_object_get(value, "$ref"));
    if (reference) {
        json_t *at = document;
        char copy[128];
        snprintf(copy, sizeof(copy), "%s", reference + 2);
        for (char *save, *step = strtok_r(copy, "/", &save); step;
             step = strtok_r(NULL, "/", &save))
            at = json_object_get(at, step);
        cr_expect_not_null(at, "%s", reference);
        n++;
    }
    if (json_is_object(value)) {
        json_object_foreach(value, key, child) n += follow(child);
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, child) n += follow(child);
    }
    return n;
}

Test(api_openapi, references_lead_somewhere)
{
    cr_assert_gt(follow(document), 10);
}

Test(api_openapi, problem_codes_are_those_of_the_table)
{
    json_t *problems = json_object_get(document, "x-problems");
    cr_assert_eq(json_array_size(problems), lat_n_problem_codes);
    for (size_t i = 0; i < lat_n_problem_codes; i++) {
        json_t *row = json_array_get(problems, i);
        cr_expect_str_eq(json_string_value(json_object_get(row, "code")),
                         lat_problem_codes[i].code);
        cr_expect_str_eq(json_string_value(json_object_get(row, "meaning")),
                         lat_problem_codes[i].meaning);
        cr_expect_eq(json_integer_value(json_object_get(row, "status")),
                     lat_problem_codes[i].status);
        cr_expect(lat_problem_codes[i].remedy && lat_problem_codes[i].remedy[0], "%s",
                  lat_problem_codes[i].code);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(lat_problem_codes[i].code, lat_problem_codes[j].code);
    }
}
