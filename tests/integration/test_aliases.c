/* Aliases of collections over HTTP. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

static const char *name(void)
{
    return coll("") + strlen("/v1/collections/");
}

Test(aliases, stand_wherever_a_path_names_a_collection)
{
    char body[128];
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    snprintf(body, sizeof(body), "{\"collection\":\"%s\"}", name());
    STATUS(201, ask("PUT", "/v1/aliases/anywhere", body));
    cr_assert_str_eq(header("Location"), "/v1/aliases/anywhere");
    cr_assert_str_eq(text_of("collection"), name());
    STATUS(200, ask("PUT", "/v1/aliases/anywhere", body));
    STATUS(200, ask("GET", "/v1/aliases/anywhere", NULL));
    cr_assert_str_eq(text_of("name"), "anywhere");
    STATUS(200, ask("GET", "/v1/collections/anywhere", NULL));
    cr_assert_str_eq(text_of("name"), name());
    STATUS(200, ask("POST", "/v1/collections/anywhere/search", "{\"code\":[1,2],\"k\":1}"));
    cr_assert_str_eq(text_of("results.0.id"), "a");
    STATUS(201, ask("PUT", "/v1/collections/anywhere/items/b", "{\"code\":[3,4]}"));
    STATUS(200, ask("GET", coll("/items/b"), NULL));
    STATUS(200, ask("GET", "/v1/collections/anywhere/items?limit=5", NULL));
    cr_assert_eq(count_of("items"), 2);
    STATUS(200, ask("GET", "/v1/collections/anywhere/export", NULL));
    STATUS(202, ask("POST", "/v1/collections/anywhere/reindex", NULL));
    cr_assert_str_eq(text_of("collection"), name());
    STATUS(202, ask("POST", "/v1/jobs", "{\"type\":\"reindex\",\"collection\":\"anywhere\"}"));
    STATUS(204, ask("DELETE", "/v1/collections/anywhere/items/b", NULL));
    ask("DELETE", coll(""), NULL);
    PROBLEM(409, "has_alias");
    cr_assert_not_null(strstr(text_of("detail"), "anywhere"));
    ask("DELETE", "/v1/collections/anywhere", NULL);
    PROBLEM(409, "has_alias");
    ask("PUT", "/v1/collections/anywhere", "{\"dimension\":2}");
    PROBLEM(409, "exists");
    STATUS(204, ask("DELETE", "/v1/aliases/anywhere", NULL));
    ask("GET", "/v1/collections/anywhere", NULL);
    PROBLEM(404, "collection_not_found");
}

Test(aliases, move_in_one_step)
{
    char body[128];
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    STATUS(201, ask("PUT", "/v1/collections/the-next-one", "{\"dimension\":3}"));
    snprintf(body, sizeof(body), "{\"collection\":\"%s\"}", name());
    STATUS(201, ask("PUT", "/v1/aliases/moving", body));
    STATUS(200, ask("PUT", "/v1/aliases/moving", "{\"collection\":\"the-next-one\"}"));
    STATUS(200, ask("GET", "/v1/collections/moving", NULL));
    cr_assert_eq(number_of("dimension"), 3);
    STATUS(204, ask("DELETE", "/v1/aliases/moving", NULL));
    STATUS(204, ask("DELETE", "/v1/collections/the-next-one", NULL));
}

Test(aliases, what_is_wrong_is_said)
{
    make("{\"dimension\":2}");
    ask("PUT", "/v1/aliases/x1", "{\"collection\":\"nobody\"}");
    PROBLEM(404, "collection_not_found");
    POINTER("/collection");
    ask("PUT", "/v1/aliases/x1", "{}");
    PROBLEM(422, "missing_field");
    ask("PUT", "/v1/aliases/x1", "{\"collection\":\"No Name\"}");
    PROBLEM(422, "invalid_name");
    ask("PUT", "/v1/aliases/x1", "{\"colection\":\"a\"}");
    PROBLEM(422, "unknown_field");
    ask("PUT", "/v1/aliases/No%20Name", "{\"collection\":\"a\"}");
    PROBLEM(422, "invalid_name");
    ask("GET", "/v1/aliases/x1", NULL);
    PROBLEM(404, "alias_not_found");
    ask("DELETE", "/v1/aliases/x1", NULL);
    PROBLEM(404, "alias_not_found");
    char path[128], body[128];
    snprintf(path, sizeof(path), "/v1/aliases/%s", name());
    snprintf(body, sizeof(body), "{\"collection\":\"%s\"}", name());
    ask("PUT", path, body);
    PROBLEM(409, "exists");
    ask("GET", "/v1/aliases?cursor=%20", NULL);
    PROBLEM(422, "bad_cursor");
}

Test(aliases, are_listed_in_pages)
{
    char body[128];
    make("{\"dimension\":2}");
    snprintf(body, sizeof(body), "{\"collection\":\"%s\"}", name());
    STATUS(201, ask("PUT", "/v1/aliases/list-1", body));
    STATUS(201, ask("PUT", "/v1/aliases/list-2", body));
    STATUS(200, ask("GET", "/v1/aliases?limit=1&cursor=list-0", NULL));
    cr_assert_eq(count_of("aliases"), 1);
    cr_assert_str_eq(text_of("aliases.0.name"), "list-1");
    cr_assert_str_eq(text_of("next_cursor"), "list-1");
    STATUS(204, ask("DELETE", "/v1/aliases/list-1", NULL));
    STATUS(204, ask("DELETE", "/v1/aliases/list-2", NULL));
}
