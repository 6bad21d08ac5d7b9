/* Recommenders that are networks, trained by a job on what the collection's users did: people
 * of one taste deal with a0 to a5, those of the other with b0 to b5. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

enum { PEOPLE = 60, ITEMS = 6 };

/* Everybody deals with four of the six items of the own taste. With `stars` also with three of
 * the other's: those get 1 or 2 stars, the own 4 or 5. */
static void tastes(bool stars)
{
    struct lat_buf lines = {0};
    make("{}");
    for (int u = 0; u < PEOPLE; u++)
        for (int i = 0; i < ITEMS; i++) {
            const char own = u % 2 ? 'b' : 'a', other = u % 2 ? 'a' : 'b';
            const bool has = (i + u / 2) % ITEMS<4, has_other = (i + u / 2) % ITEMS> 2;
            if (has)
                lat_buf_printf(&lines, "{\"user\":\"p%d\",\"item\":\"%c%d\",\"weight\":%d}\n",
                               u, own, i, stars ? 4 + (u + i) % 2 : 1);
            if (stars && has_other)
                lat_buf_printf(&lines, "{\"user\":\"p%d\",\"item\":\"%c%d\",\"weight\":%d}\n",
                               u, other, i, 1 + (u + i) % 2);
        }
    STATUS(200, ask_as("POST", coll("/interactions"), "Content-Type: application/x-ndjson\r\n",
                       lines.data, lines.len));
    cr_assert_eq(number_of("failed"), 0);
    lat_buf_release(&lines);
}

/* A job with the keys of a spec besides its name and data; the model serves the collection. */
static void train(const char *name, const char *keys)
{
    char body[900];
    snprintf(body, sizeof(body),
             "{\"type\":\"train\",\"spec\":{\"name\":\"%s\",\"data\":{\"collection\":\"%s\","
             "\"format\":\"interactions\",\"validation\":0},%s,\"optimizer\":{\"rate\":0.02,"
             "\"batch\":16,\"epochs\":40}}}",
             name, strrchr(coll(""), '/') + 1, keys);
    STATUS(202, ask("POST", "/v1/jobs", body));
    job_ends(text_of("id"), "done");
    snprintf(body, sizeof(body), "{\"model\":\"%s\"}", name);
    STATUS(200, ask("PUT", coll("/recommender"), body));
}

static void deal(const char *user, const char *item, int weight)
{
    char body[200];
    snprintf(body, sizeof(body), "[{\"user\":\"%s\",\"item\":\"%s\",\"weight\":%d}]", user,
             item, weight);
    STATUS(200, ask("POST", coll("/interactions"), body));
}

/* The first letters of the results' ids. */
static const char *letters(void)
{
    static char text[64];
    char member[64];
    size_t n = 0;
    for (; n < count_of("results") && n + 1 < sizeof(text); n++) {
        snprintf(member, sizeof(member), "results.%zu.id", n);
        text[n] = text_of(member)[0];
    }
    text[n] = '\0';
    return text;
}

static void check_tastes(const char *model)
{
    deal("ann", "a0", 1);
    deal("ann", "a3", 1);
    deal("ben", "b1", 1);
    STATUS(200, ask("GET", coll("/users/ann/recommendations?k=4"), NULL));
    cr_assert_str_eq(text_of("source"), "model");
    cr_assert_str_eq(header("X-Model"), model);
    cr_assert_str_eq(letters(), "aaaa");
    cr_assert_null(strstr(reply(), "\"id\":\"a0\",\"score\""), "seen");
    cr_assert_geq(count_of("results.0.because"), 1);
    cr_assert_gt(number_of("results.0.because.0.contribution"), 0);
    STATUS(200, ask("GET", coll("/users/ben/recommendations?k=5&exclude=b4&because=0"), NULL));
    cr_assert_str_eq(text_of("source"), "model");
    cr_assert(strncmp(letters(), "bbbb", 4) == 0, "%s", reply());
    cr_assert_null(strstr(reply(), "\"id\":\"b4\""));
    STATUS(200, ask("GET", coll("/items/b2/similar?k=3"), NULL));
    cr_assert_str_eq(letters(), "bbb");
}

Test(recommend_nets, a_denoising_autoencoder_serves_users)
{
    tastes(false);
    train("nets-dae",
          "\"network\":{\"encoder\":{\"type\":\"dense\",\"hidden\":[]},\"decoder\":\"mirror\"},"
          "\"code\":{\"dimension\":6,\"activation\":\"tanh\"},\"likelihood\":\"multinomial\","
          "\"corruption\":{\"type\":\"masking\",\"level\":0.3}");
    check_tastes("nets-dae@1");
    /* What is done now counts now, and the next version is one of the same name. */
    deal("ann", "a1", -1);
    STATUS(200, ask("GET", coll("/users/ann/recommendations"), NULL));
    cr_assert_null(strstr(reply(), "\"a1\""));
}

Test(recommend_nets, a_variational_autoencoder_serves_users)
{
    tastes(false);
    train("nets-vae",
          "\"network\":{\"encoder\":{\"type\":\"dense\",\"hidden\":[16],\"activation\":"
          "\"tanh\"},\"decoder\":\"mirror\"},\"code\":{\"dimension\":4,\"type\":\"gaussian\"},"
          "\"likelihood\":\"multinomial\",\"penalties\":{\"beta\":0.2}");
    check_tastes("nets-vae@1");
}

Test(recommend_nets, ratings_are_foretold)
{
    tastes(true);
    train("nets-stars",
          "\"network\":{\"encoder\":{\"type\":\"dense\",\"hidden\":[]},\"decoder\":\"mirror\"},"
          "\"code\":{\"dimension\":6},\"likelihood\":\"gaussian\"");
    deal("ann", "a0", 5);
    deal("ann", "a1", 4);
    deal("ann", "b0", 1);
    STATUS(200, ask("GET", coll("/users/ann/recommendations?k=9"), NULL));
    cr_assert_str_eq(text_of("source"), "model");
    cr_assert_str_eq(header("X-Model"), "nets-stars@1");
    cr_assert_str_eq(letters(), "aaaabbbbb", "%s", reply());
    cr_assert(number_of("results.0.score") > 3.5 && number_of("results.0.score") < 5.8);
    cr_assert_lt(number_of("results.8.score"), 2.7, "%s", reply());
    STATUS(200, ask("GET", "/v1/models/nets-stars", NULL));
    cr_assert_not_null(strstr(reply(), "\"ratings\":true"), "%s", reply());
}
