/* Ratings that a collection stores: a job learns them, and what is recommended are stars.
 * People of the first kind give a1 … a5 four or five stars and b1 … b5 one or two, those of the
 * other kind the other way round; everyone leaves out two items of each. */
#include <stdio.h>
#include <string.h>

#include "tests/integration/client.h"

enum { PEOPLE = 40, OF_A_KIND = 5 };

static void rate(const char *user, const char *item, int stars)
{
    char body[200];
    snprintf(body, sizeof(body), "[{\"user\":\"%s\",\"item\":\"%s\",\"weight\":%d}]", user,
             item, stars);
    STATUS(200, ask("POST", coll("/interactions"), body));
}

static void put_ratings(void)
{
    struct lat_buf text = {0};
    for (int u = 0; u < PEOPLE; u++)
        for (int i = 0; i < 2 * OF_A_KIND; i++) {
            const bool same = i / OF_A_KIND == u % 2;
            if (i % OF_A_KIND == u / 2 % OF_A_KIND || i % OF_A_KIND == u / 3 % OF_A_KIND)
                continue;
            lat_buf_printf(&text, "{\"user\":\"p%d\",\"item\":\"%c%d\",\"weight\":%d}\n", u,
                           i < OF_A_KIND ? 'a' : 'b', i % OF_A_KIND + 1,
                           (same ? 4 : 1) + (u + i) % 2);
        }
    STATUS(200, ask_as("POST", coll("/interactions"), "Content-Type: application/x-ndjson\r\n",
                       text.data, text.len));
    lat_buf_release(&text);
}

static void train(const char *name)
{
    char body[700];
    snprintf(body, sizeof(body),
             "{\"type\":\"train\",\"spec\":{\"name\":\"%s\",\"data\":{\"collection\":\"%s\","
             "\"format\":\"interactions\",\"validation\":0},\"network\":{\"encoder\":{\"type\":"
             "\"dense\",\"hidden\":[]}},\"code\":{\"dimension\":4},\"likelihood\":\"gaussian\","
             "\"corruption\":{\"type\":\"masking\",\"level\":0.3},\"optimizer\":{\"batch\":10,"
             "\"epochs\":100,\"rate\":0.01},\"seed\":1}}",
             name, strrchr(coll(""), '/') + 1);
    STATUS(202, ask("POST", "/v1/jobs", body));
    job_ends(text_of("id"), "done");
}

/* The scores of a reply are stars, best first, those of items that begin with `kind` high. */
static void judge(char kind)
{
    char member[64];
    double before = 9;
    const size_t n = count_of("results");
    cr_assert_geq(n, 6, "%s", reply());
    for (size_t i = 0; i < n; i++) {
        snprintf(member, sizeof(member), "results.%zu.id", i);
        const bool liked = text_of(member)[0] == kind;
        snprintf(member, sizeof(member), "results.%zu.score", i);
        const double stars = number_of(member);
        cr_assert(stars <= before);
        cr_assert(liked ? stars > 3.2 && stars < 5.8 : stars < 2.8 && stars > 0.2, "%s",
                  reply());
        before = stars;
    }
}

Test(recommend_ratings, a_job_learns_the_stars_a_collection_stores)
{
    make("{}");
    put_ratings();
    train("stars-stored");
    STATUS(200, ask("GET", "/v1/models/stars-stored", NULL));
    cr_assert_not_null(strstr(reply(), "\"ratings\":true"), "%s", reply());
    STATUS(200, ask("PUT", coll("/recommender"), "{\"model\":\"stars-stored\"}"));
    rate("ann", "a1", 5);
    rate("ann", "a2", 4);
    rate("ann", "b1", 1);
    STATUS(200, ask("GET", coll("/users/ann/recommendations?k=20"), NULL));
    cr_assert_str_eq(text_of("source"), "model");
    judge('a');
    /* The same items, other stars. */
    rate("ann", "a1", 1);
    rate("ann", "a2", 1);
    rate("ann", "b1", 5);
    STATUS(200, ask("GET", coll("/users/ann/recommendations?k=20"), NULL));
    judge('b');
}

Test(recommend_ratings, of_a_history_that_is_sent)
{
    make("{}");
    put_ratings();
    train("stars-sent");
    STATUS(200,
           ask("POST", "/v1/models/stars-sent/recommend",
               "{\"history\":[{\"item\":\"b1\",\"weight\":5},{\"item\":\"b3\",\"weight\":4},"
               "{\"item\":\"a2\",\"weight\":1}],\"k\":20}"));
    judge('b');
}
