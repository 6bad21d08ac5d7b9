#include "tests/integration/client.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <criterion/hooks.h>

#include "api/floats.h"
#include "model/image.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"

/* ---- the server ---- */

static struct server shared;
static char shared_url[64];

/* Of a table and of histories, both of six elements. */
static void write_tables(const char *folder, const struct tiny_model *model)
{
    tiny_package(
        folder, "people", 1, model,
        "{\"name\":\"people\",\"version\":1,\"likelihood\":\"mixed\",\"input\":{\"kind\":"
        "\"table\",\"columns\":[{\"name\":\"x\",\"type\":\"numeric\",\"mean\":10,\"std\":2},"
        "{\"name\":\"y\",\"type\":\"numeric\",\"mean\":-1},{\"name\":\"a/b\",\"type\":"
        "\"categorical\",\"categories\":[\"yes\",\"no\",\"1\",\"true\"],\"mean\":[0.5,0.3,0.1,"
        "0.1]}]}}");
    tiny_package(folder, "taste", 1, model,
                 "{\"name\":\"taste\",\"version\":1,\"input\":{\"kind\":\"interactions\","
                 "\"items\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"],\"binary\":true,"
                 "\"min_weight\":3}}");
}

/* Models with a calibration: of numbers, of pictures, of a table, and a distribution. */
static void write_judges(const char *folder, const struct tiny_model *vec,
                         const struct tiny_model *tiny, const struct tiny_model *spread)
{
#define CALIBRATION                                                                            \
    "\"calibration\":{\"id\":\"validation-1\",\"n\":9,\"quantiles\":[1,2,3,4,5,6,7,8,9]}"
    tiny_package(folder, "judge", 1, vec,
                 "{\"name\":\"judge\",\"version\":1,\"input\":{\"kind\":\"vector\","
                 "\"dimension\":6}," CALIBRATION "}");
    for (unsigned version = 1; version <= 2; version++) {
        char manifest[256];
        snprintf(manifest, sizeof(manifest),
                 "{\"name\":\"look\",\"version\":%u,\"input\":{\"kind\":\"image\",\"width\":4,"
                 "\"height\":4,\"channels\":1,\"layout\":\"flat\"}," CALIBRATION "}",
                 version);
        tiny_package(folder, "look", version, tiny, manifest);
    }
    tiny_package(folder, "lenient", 1, vec,
                 "{\"name\":\"lenient\",\"version\":1,\"input\":{\"kind\":\"vector\","
                 "\"dimension\":6},\"calibration\":{\"id\":\"validation-1\",\"n\":9,"
                 "\"quantiles\":[4,8,12,16,20,24,28,32,36]}}");
    tiny_package(folder, "cells", 1, vec,
                 "{\"name\":\"cells\",\"version\":1,\"likelihood\":\"mixed\",\"input\":{"
                 "\"kind\":\"table\",\"columns\":[{\"name\":\"x\",\"type\":\"numeric\","
                 "\"mean\":10,\"std\":2},{\"name\":\"y\",\"type\":\"numeric\",\"mean\":-1},{"
                 "\"name\":\"a/b\",\"type\":\"categorical\",\"categories\":[\"yes\",\"no\","
                 "\"1\",\"true\"]}]}," CALIBRATION "}");
    tiny_package(folder, "belief", 1, spread,
                 "{\"name\":\"belief\",\"version\":1,\"input\":{\"kind\":\"vector\","
                 "\"dimension\":6},\"likelihood\":\"gaussian\",\"tensors\":{\"log_variance\":"
                 "\"log_variance\"},\"calibration\":{\"id\":\"b\",\"score\":\"elbo\",\"n\":2,"
                 "\"quantiles\":[1,2]}}");
#undef CALIBRATION
}

void api_write_models(const char *folder)
{
    const struct tiny_model tiny = {.rank = 2, .dims = {-1, 16}, .code = 8};
    const struct tiny_model vec = {.rank = 2, .dims = {-1, 6}, .code = 3};
    const struct tiny_model vec2 = {.rank = 2, .dims = {-1, 6}, .code = 3, .scale = 2};
    const struct tiny_model mute = {.rank = 2, .dims = {-1, 6}, .code = 3, .no_decoder = true};
    const struct tiny_model spread = {
        .rank = 2, .dims = {-1, 6}, .code = 3, .log_variance = true};
    char broken[1024];
    mkdir(folder, 0755);
    tiny_package(folder, "tiny", 1, &tiny,
                 "{\"name\":\"tiny\",\"version\":1,\"input\":{\"kind\":\"image\",\"width\":4,"
                 "\"height\":4,"
                 "\"channels\":1,\"layout\":\"flat\"},\"code\":{\"dimension\":8,\"metric\":"
                 "\"l2\"},\"training\":{\"seed\":7}}");
    tiny_package(
        folder, "vec", 1, &vec,
        "{\"name\":\"vec\",\"version\":1,\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    tiny_package(
        folder, "vec", 2, &vec2,
        "{\"name\":\"vec\",\"version\":2,\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    tiny_package(
        folder, "mute", 1, &mute,
        "{\"name\":\"mute\",\"version\":1,\"input\":{\"kind\":\"vector\",\"dimension\":6}}");
    tiny_package(
        folder, "spread", 1, &spread,
        "{\"name\":\"spread\",\"version\":1,\"input\":{\"kind\":\"vector\",\"dimension\":6},"
        "\"tensors\":{\"log_variance\":\"log_variance\"}}");
    write_tables(folder, &vec);
    write_judges(folder, &vec, &tiny, &spread);
    snprintf(broken, sizeof(broken), "%s/broken", folder);
    mkdir(broken, 0755);
    snprintf(broken, sizeof(broken), "%s/broken/1", folder);
    mkdir(broken, 0755);
    snprintf(broken, sizeof(broken), "%s/broken/1/model.json", folder);
    FILE *file = fopen(broken, "w");
    fputs("{\"name\":\"broken\",\"version\":1,\"input\":{\"kind\":\"vector\",\"dimension\":6}}",
          file);
    fclose(file);
}

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    (void)tests;
    char models[1100], port[16];
    test_folder_enter();
    snprintf(models, sizeof(models), "%s/models", test_folder());
    api_write_models(models);
    server_start(&shared, test_path("data"), models, NULL);
    snprintf(port, sizeof(port), "%u", shared.port);
    setenv("LATENTD_TEST_PORT", port, 1);
    setenv("LATENTD_TEST_MODELS", models, 1);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    const int status = server_stop(&shared, 30000);
    if (status != 0) {
        fprintf(stderr, "the server ended with %d after the tests, see its log\n", status);
        stats->tests_failed++;
        stats->nb_asserts++;
        stats->asserts_failed++;
    }
    test_folder_leave();
}

/* ---- the test's own state: every test is a process ---- */

static struct wire wire = {.fd = -1};
static json_t *document;
static const struct server *other;

uint16_t api_port(void)
{
    return other ? other->port : (uint16_t)atoi(getenv("LATENTD_TEST_PORT"));
}

const char *api_url(void)
{
    snprintf(shared_url, sizeof(shared_url), "http://127.0.0.1:%u", api_port());
    return shared_url;
}

const char *api_models(void)
{
    return getenv("LATENTD_TEST_MODELS");
}

void api_use(const struct server *server)
{
    other = server;
    wire_release(&wire);
    wire = (struct wire){.fd = -1};
}

/* ---- asking ---- */

static int keep(int status)
{
    json_decref(document);
    document = NULL;
    const char *type = header("Content-Type");
    if (status &&
        (strstr(type, "application/json") || strstr(type, "application/problem+json")))
        document = json_loadb(wire.body, wire.body_len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    return status;
}

int ask(const char *method, const char *path, const char *json)
{
    wire.port = api_port();
    return keep(wire_json(&wire, method, path, json));
}

int ask_as(const char *method, const char *path, const char *headers, const void *body,
           size_t len)
{
    struct lat_buf out = {0};
    lat_buf_printf(&out, "%s %s HTTP/1.1\r\nHost: x\r\n%s", method, path,
                   headers ? headers : "");
    if (body)
        lat_buf_printf(&out, "Content-Length: %zu\r\n", len);
    lat_buf_text(&out, "\r\n");
    if (body)
        lat_buf_append(&out, body, len);
    wire.port = api_port();
    int status = 0;
    if (wire_connect(&wire) && wire_send(&wire, out.data, out.len))
        status = wire_receive(&wire);
    lat_buf_release(&out);
    return keep(status);
}

int ask_raw(const char *bytes, size_t len)
{
    wire_close(&wire);
    wire.port = api_port();
    int status = 0;
    if (wire_connect(&wire) && wire_send(&wire, bytes, len))
        status = wire_receive(&wire);
    keep(status);
    wire_close(&wire);
    return status;
}

int ask_head(const char *path, size_t *out_extra)
{
    char text[8192];
    size_t len = 0;
    struct wire own = {.fd = -1, .port = api_port()};
    ssize_t n = snprintf(text, sizeof(text),
                         "HEAD %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path);
    cr_assert(wire_connect(&own) && wire_send(&own, text, (size_t)n));
    while (len < sizeof(text) - 1 &&
           (n = recv(own.fd, text + len, sizeof(text) - 1 - len, 0)) > 0)
        len += (size_t)n;
    wire_release(&own);
    text[len] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    *out_extra = end ? len - (size_t)(end + 4 - text) : 0;
    return end && strlen(text) > 12 ? atoi(text + 9) : 0;
}

void job_ends(const char *id, const char *state)
{
    char path[128], events[160];
    snprintf(path, sizeof(path), "/v1/jobs/%s", id);
    snprintf(events, sizeof(events), "%s/events", path);
    STATUS(200, ask("GET", events, NULL)); /* this reply ends with the job */
    STATUS(200, ask("GET", path, NULL));
    cr_assert_str_eq(text_of("state"), state, "%s", reply());
}

const char *reply(void)
{
    return wire.body ? wire.body : "";
}

size_t reply_len(void)
{
    return wire.body_len;
}

const char *header(const char *name)
{
    static char values[4][512];
    static unsigned turn;
    char *value = values[turn++ % 4];
    wire_header(&wire, name, value, sizeof(values[0]));
    return value;
}

static const json_t *find(const char *path)
{
    const json_t *at = document;
    while (at && *path) {
        char key[128];
        const size_t len = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key))
                               : json_object_get(at, key);
        path += len + (path[len] == '.');
    }
    return at;
}

const char *text_of(const char *path)
{
    const char *text = json_string_value(find(path));
    return text ? text : "";
}

double number_of(const char *path)
{
    const json_t *value = find(path);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

size_t count_of(const char *path)
{
    return json_array_size(find(path));
}

bool has(const char *path)
{
    const json_t *value = find(path);
    return value && !json_is_null(value);
}

bool is_null(const char *path)
{
    return json_is_null(find(path));
}

bool flag_of(const char *path)
{
    return json_is_true(find(path));
}

void problem(int status, const char *code, const char *file, int line)
{
    cr_expect_eq(wire.status, status, "%s:%d: %d instead of %d: %s", file, line, wire.status,
                 status, reply());
    cr_expect_str_eq(header("Content-Type"), "application/problem+json", "%s:%d: %s", file,
                     line, reply());
    cr_expect_str_eq(text_of("code"), code, "%s:%d: %s", file, line, reply());
    cr_expect_eq(number_of("status"), status, "%s:%d: %s", file, line, reply());
    cr_expect(*text_of("title") && *text_of("detail") && *text_of("type"), "%s:%d: %s", file,
              line, reply());
    cr_expect_str_eq(text_of("request_id"), header("X-Request-Id"), "%s:%d: %s", file, line,
                     reply());
}

/* ---- collections ---- */

const char *coll(const char *below)
{
    static char paths[4][512];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof(paths[0]), "/v1/collections/t%d%s", (int)getpid(), below);
    return path;
}

void make(const char *spec)
{
    STATUS(201, ask("PUT", coll(""), spec));
}

void put(const char *id, const char *json)
{
    char below[300];
    snprintf(below, sizeof(below), "/items/%s", id);
    const int status = ask("PUT", coll(below), json);
    cr_assert(status == 200 || status == 201, "%d: %s", status, reply());
}

/* ---- pictures ---- */

static struct lat_buf png_of(const uint8_t *pixels, unsigned width, unsigned height)
{
    struct lat_buf out = {0};
    cr_assert_eq(lat_image_encode_png(pixels, width, height, 1, &out, NULL), LAT_OK);
    return out;
}

struct lat_buf tiny_png(unsigned base, unsigned step)
{
    uint8_t pixels[16];
    for (unsigned i = 0; i < 16; i++)
        pixels[i] = (uint8_t)(base + step * i);
    return png_of(pixels, 4, 4);
}

const char *tiny_png64(unsigned base, unsigned step)
{
    static char texts[4][1024];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    struct lat_buf png = tiny_png(base, step), out = {0};
    lat_base64_encode(&out, png.data, png.len);
    snprintf(text, sizeof(texts[0]), "%s", out.data);
    lat_buf_release(&png);
    lat_buf_release(&out);
    return text;
}

struct lat_buf black_png(unsigned width, unsigned height)
{
    uint8_t *pixels = calloc((size_t)width * height, 1);
    struct lat_buf out = png_of(pixels, width, height);
    free(pixels);
    return out;
}
