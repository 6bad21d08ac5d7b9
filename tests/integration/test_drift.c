/* Drift and calibration over HTTP, of a model trained here so that it has a portrait. */
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/integration/client.h"
#include "tests/integration/command.h"

TestSuite(drift, .init = test_folder_enter, .fini = test_folder_leave);

enum { ROWS = 400, SERVED = 120 };

/* Two numbers and a word; `shift` moves the second number. */
static void write_cells(struct lat_rng *rng, struct lat_buf *out, bool json, double shift)
{
    const double x = lat_rng_normal(rng), y = 10 * lat_rng_normal(rng) + shift;
    const char *word = lat_rng_below(rng, 3) ? "yes" : "no";
    lat_buf_printf(out,
                   json ? "{\"row\":{\"x\":%.4f,\"y\":%.4f,\"w\":\"%s\"}}" : "%.4f,%.4f,%s\n",
                   x, y, word);
}

static void train(void)
{
    struct lat_buf text = {0};
    struct lat_rng rng;
    char spec[512], models[512], path[512];
    lat_rng_seed(&rng, 1);
    lat_buf_text(&text, "x,y,w\n");
    for (int i = 0; i < ROWS; i++)
        write_cells(&rng, &text, false, 0);
    put_file("rows.csv", text.data, text.len);
    lat_buf_release(&text);
    snprintf(spec, sizeof(spec),
             "{\"name\":\"rows\",\"data\":{\"format\":\"csv\",\"path\":\"rows.csv\","
             "\"validation\":0.4},\"code\":{\"dimension\":2},\"optimizer\":{\"epochs\":3}}");
    put_text("spec.json", spec);
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(path, sizeof(path), "%s", test_path("spec.json"));
    cr_assert_eq(RUN("train", path, "--models", models), 0, "%s", output());
}

static void serve_rows(const char *path, double shift, uint64_t seed)
{
    struct lat_buf body = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, seed);
    lat_buf_text(&body, "{\"inputs\":[");
    for (int i = 0; i < SERVED; i++) {
        if (i)
            lat_buf_char(&body, ',');
        write_cells(&rng, &body, true, shift);
    }
    lat_buf_text(&body, "]}");
    STATUS(200, ask("POST", path, body.data));
    lat_buf_release(&body);
}

static void check_drift(void)
{
    STATUS(200, ask("GET", "/v1/models/rows/drift", NULL));
    cr_expect_str_eq(text_of("verdict"), "too_few");
    cr_expect_eq(number_of("window.n"), 0);
    serve_rows("/v1/models/rows/encode", 0, 2);
    STATUS(200, ask("GET", "/v1/models/rows/drift", NULL));
    cr_expect_str_eq(text_of("verdict"), "stable", "%s", reply());
    cr_expect_eq(number_of("window.n"), SERVED);
    cr_expect_eq(number_of("calibration.n"), 160);
    cr_expect_eq(count_of("moved"), 0);
    cr_assert_eq(count_of("features"), 3);
    serve_rows("/v1/models/rows/score", 15, 3);
    STATUS(200, ask("GET", "/v1/models/rows/drift", NULL));
    cr_expect_str_eq(text_of("verdict"), "drifted", "%s", reply());
    cr_assert_eq(count_of("moved"), 1, "%s", reply());
    cr_expect_str_eq(text_of("moved.0"), "y");
    cr_expect_str_eq(text_of("features.0.feature"), "y");
    cr_expect(flag_of("features.0.moved"));
    cr_expect_gt(number_of("features.0.window.median"), 3);
    cr_expect_eq(number_of("window.n"), 2 * SERVED);
}

static void check_collection(void)
{
    struct lat_buf body = {0};
    struct lat_rng rng;
    lat_rng_seed(&rng, 4);
    STATUS(201, ask("PUT", "/v1/collections/c", "{\"model\":\"rows\"}"));
    lat_buf_text(&body, "{\"items\":[");
    for (int i = 0; i < 60; i++) {
        lat_buf_printf(&body, "%s{\"id\":\"%d\",\"input\":", i ? "," : "", i);
        write_cells(&rng, &body, true, 0);
        lat_buf_char(&body, '}');
    }
    lat_buf_text(&body, "]}");
    STATUS(200, ask("PUT", "/v1/collections/c/items", body.data));
    lat_buf_release(&body);
    STATUS(200, ask("GET", "/v1/collections/c/drift", NULL));
    cr_expect_eq(number_of("window.n"), 60);
    cr_expect_str_eq(text_of("verdict"), "stable", "%s", reply());
}

/* The calibration of the held-out rows gives way to one of data below the data root. */
static void check_calibrate(void)
{
    STATUS(422, ask("POST", "/v1/jobs", "{\"type\":\"calibrate\",\"model\":\"rows\"}"));
    STATUS(
        404,
        ask("POST", "/v1/jobs",
            "{\"type\":\"calibrate\",\"model\":\"nobody\",\"data\":{\"path\":\"rows.csv\"}}"));
    STATUS(202, ask("POST", "/v1/jobs",
                    "{\"type\":\"calibrate\",\"model\":\"rows\",\"data\":{\"format\":\"csv\","
                    "\"path\":\"rows.csv\"}}"));
    job_ends(text_of("id"), "done");
    cr_expect_str_eq(text_of("model"), "rows@1", "%s", reply());
    cr_expect_not(has("collection"));
    cr_expect_eq(number_of("result.items"), ROWS);
    STATUS(200, ask("GET", "/v1/models/rows", NULL));
    cr_expect(strncmp(text_of("calibration.id"), "calibrate-", 10) == 0, "%s", reply());
    cr_expect_eq(number_of("calibration.n"), ROWS);
    cr_expect(has("training.spec"), "the record stays");
    STATUS(200, ask("GET", "/v1/models/rows/drift", NULL));
    cr_expect_eq(number_of("calibration.n"), ROWS);
}

Test(drift, what_moved_is_named_and_calibrations_are_made_anew, .timeout = 300)
{
    struct server server;
    char models[512], data[512], root[512];
    train();
    snprintf(models, sizeof(models), "%s", test_path("models"));
    snprintf(data, sizeof(data), "%s", test_path("data"));
    snprintf(root, sizeof(root), "%s", test_path(""));
    const char *const options[] = {"--data-root", root, NULL};
    server_start(&server, data, models, options);
    api_use(&server);
    check_drift();
    check_collection();
    check_calibrate();
    api_use(NULL);
    cr_assert_eq(server_stop(&server, 20000), 0);
}

Test(drift, without_a_portrait_there_is_nothing_to_compare_with)
{
    STATUS(422, ask("GET", "/v1/models/judge/drift", NULL));
    PROBLEM(422, "capability_missing");
    make("{\"dimension\":2}");
    STATUS(422, ask("GET", coll("/drift"), NULL));
    PROBLEM(422, "capability_missing");
    STATUS(422, ask("GET", "/v1/models/judge/drift?level=0", NULL));
    cr_expect(strstr(text_of("detail"), "above 0 to 1"), "%s", reply());
}
