/* A server that is badly treated: each piece of nonsense gets its documented answer, the
 * process stays, and its memory comes back to where it was.
 *
 * Short limits (1 MiB of body, a second of silence, one worker, four waiting) make the corners
 * reachable in seconds. Everything is done four times over: the heaps reach their height in the
 * first two, and the resident set after the last must be theirs, within a few megabytes. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/sync.h"
#include "model/image.h"
#include "tests/support/faults.h"
#include "tests/support/server.h"
#include "tests/support/support.h"
#include "tests/support/tiny_onnx.h"
#include "tests/support/wire.h"

#include "base/banned.h"

enum {
    ROUNDS = 4,
    WARM = 2,
    D = 4,
    SIDE = 28,
    CROWD = 64,
    HALF_SENT = 200,
    MUTATIONS = 3000,
    IDLE = 300
};

#define GROWTH_MAX ((size_t)6 << 20)

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEASURED false /* sanitizers keep what was freed */
#else
#define MEASURED true
#endif

static struct server server;

static struct wire new_wire(void)
{
    return (struct wire){.fd = -1, .port = server.port, .timeout_ms = 10000};
}

/* ---- requests that are whole, and wrong ---- */

#define SEARCH "/v1/collections/codes/search"
#define ITEMS  "/v1/collections/codes/items"

static const struct {
    const char *what, *method, *path, *type, *body;
    int status;
} rows[] = {
    {"no JSON", "POST", SEARCH, NULL, "hello", 400},
    {"half an object", "POST", SEARCH, NULL, "{\"code\":[1,2", 400},
    {"two objects", "POST", SEARCH, NULL, "{}{}", 400},
    {"NaN", "POST", SEARCH, NULL, "{\"code\":[1,2,NaN,4]}", 400},
    {"infinity", "POST", SEARCH, NULL, "{\"code\":[1,2,Infinity,4]}", 400},
    {"a huge number", "POST", SEARCH, NULL, "{\"code\":[1,2,1e999,4]}", 400},
    {"too large for a float", "POST", SEARCH, NULL, "{\"code\":[1,2,1e60,4]}", 400},
    {"bad UTF-8", "POST", SEARCH, NULL, "{\"id\":\"\xff\xfe\"}", 400},
    {"an unpaired surrogate", "POST", SEARCH, NULL, "{\"id\":\"\\ud800\"}", 400},
    {"no body", "POST", SEARCH, NULL, "", 400},
    {"an array", "POST", SEARCH, NULL, "[]", 422},
    {"nothing to search by", "POST", SEARCH, NULL, "{}", 422},
    {"a text for a code", "POST", SEARCH, NULL, "{\"code\":\"x\"}", 422},
    {"a text in a code", "POST", SEARCH, NULL, "{\"code\":[1,2,\"x\",4]}", 422},
    {"too few numbers", "POST", SEARCH, NULL, "{\"code\":[1,2]}", 422},
    {"too many numbers", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4,5]}", 422},
    {"a text for k", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4],\"k\":\"ten\"}", 422},
    {"k of 0", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4],\"k\":0}", 422},
    {"a huge k", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4],\"k\":99999999}", 422},
    {"a negative k", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4],\"k\":-1}", 422},
    {"an unknown field", "POST", SEARCH, NULL, "{\"cod\":[1,2,3,4]}", 422},
    {"two queries in one", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4],\"id\":\"a\"}", 422},
    {"an unknown id", "POST", SEARCH, NULL, "{\"id\":\"nobody\"}", 404},
    {"XML", "POST", SEARCH, "text/xml", "<a/>", 415},
    {"no known picture", "POST", "/v1/collections/pictures/search", "image/png", "hello", 415},
    {"a lying picture", "POST", "/v1/collections/pictures/search", "image/png",
     "\x89PNG\r\n\x1a\n and no more", 422},
    {"broken base64", "POST", SEARCH, NULL, "{\"code\":\"????\",\"encoding\":\"base64\"}", 422},
    {"an odd number of bytes", "POST", SEARCH, "application/octet-stream", "abcde", 422},
    {"no boundary", "PUT", ITEMS, "multipart/form-data", "--x\r\n\r\n", 400},
    {"a part without an end", "PUT", ITEMS, "multipart/form-data; boundary=x",
     "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc", 400},
    {"an unknown route", "GET", "/v2000/nothing", NULL, NULL, 404},
    {"an unknown collection", "GET", "/v1/collections/nothing", NULL, NULL, 404},
    {"an unknown model", "GET", "/v1/models/nothing", NULL, NULL, 404},
    {"a method that is not there", "DELETE", "/v1/info", NULL, NULL, 405},
    {"bad percent-encoding", "GET", "/v1/collections/%zz", NULL, NULL, 400},
    {"bad UTF-8 in the path", "GET", ITEMS "/%ff%fe", NULL, NULL, 400},
    {"a NUL in an id", "GET", ITEMS "/a%00b", NULL, NULL, 422},
    {"a bad name", "PUT", "/v1/collections/Upper", NULL, "{\"dimension\":4}", 422},
    {"no dimension at all", "PUT", "/v1/collections/huge", NULL, "{\"dimension\":-1}", 422},
    {"a huge dimension", "PUT", "/v1/collections/huge", NULL, "{\"dimension\":1e12}", 422},
    {"an unknown model", "PUT", "/v1/collections/huge", NULL, "{\"model\":\"nothing\"}", 404},
    {"a bad factory", "PUT", "/v1/collections/huge", NULL,
     "{\"dimension\":4,\"index\":{\"type\":\"factory\",\"factory\":\"PQ9999x99\"}}", 422},
    {"a bad cursor", "GET", ITEMS "?cursor=rubbish", NULL, NULL, 422},
    {"a bad filter", "POST", SEARCH, NULL, "{\"code\":[1,2,3,4],\"filter\":{\"a\":{\"$x\":1}}}",
     422},
};

static void expect(struct wire *wire, const char *what, int status, int want)
{
    char type[64];
    wire_header(wire, "Content-Type", type, sizeof(type));
    if (status != want)
        test_wrong("%s: %d, not %d: %.300s", what, status, want, status ? wire->body : "");
    else if (strcmp(type, "application/problem+json") != 0)
        test_wrong("%s: the answer is of type '%s'", what, type);
}

static void send_rows(void)
{
    struct wire wire = new_wire();
    for (size_t i = 0; i < LAT_ARRAY_LEN(rows); i++) {
        const char *body = rows[i].body;
        const int status = wire_request(&wire, rows[i].method, rows[i].path, rows[i].type, body,
                                        body ? strlen(body) : 0);
        expect(&wire, rows[i].what, status, rows[i].status);
    }
    wire_release(&wire);
}

/* Bodies that have to be made: nesting, long lists, bombs. */
static void send_made(void)
{
    struct wire wire = new_wire();
    struct lat_buf body = {0};
    for (int i = 0; i < 200000; i++)
        lat_buf_char(&body, '[');
    expect(&wire, "nesting", wire_request(&wire, "POST", SEARCH, NULL, body.data, body.len),
           400);
    lat_buf_clear(&body);
    lat_buf_text(&body, "{\"code\":[1,2,3,4],\"filter\":");
    for (int i = 0; i < 100; i++)
        lat_buf_text(&body, "{\"$not\":");
    lat_buf_text(&body, "{\"a\":1}");
    for (int i = 0; i < 101; i++)
        lat_buf_char(&body, '}');
    expect(&wire, "nested filter",
           wire_request(&wire, "POST", SEARCH, NULL, body.data, body.len), 400);
    lat_buf_clear(&body);
    lat_buf_text(&body, "{\"items\":[");
    for (int i = 0; i < 1001; i++)
        lat_buf_printf(&body, "%s{\"id\":\"%d\",\"code\":[1,2,3,4]}", i ? "," : "", i);
    lat_buf_text(&body, "]}");
    expect(&wire, "a long batch", wire_request(&wire, "PUT", ITEMS, NULL, body.data, body.len),
           413);
    /* A picture of 100,000 by 100,000 pixels, in 57 bytes: checksum and all. */
    static const unsigned char bomb[] =
        "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\x86\xa0\0\1\x86\xa0\x08\0\0\0\0\x27\xd0\x80\x0e"
        "\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82";
    const int status = wire_request(&wire, "POST", "/v1/collections/pictures/search",
                                    "image/png", bomb, sizeof(bomb) - 1);
    if (status != 413 && status != 422)
        test_wrong("a bomb: %d: %.300s", status, wire.body);
    lat_buf_release(&body);
    wire_release(&wire);
}

/* ---- requests that are not whole ---- */

static void send_long(void)
{
    static char block[1 << 16];
    struct wire wire = new_wire();
    const char *head =
        "POST " SEARCH " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 5000000000\r\n\r\n";
    if (!wire_connect(&wire) || !wire_send(&wire, head, strlen(head)))
        test_wrong("no connection");
    expect(&wire, "a length over the limit", wire_receive(&wire), 413);
    wire_close(&wire);
    /* In chunks, nobody knows how long it will be. */
    head = "POST " SEARCH " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
           "Transfer-Encoding: chunked\r\n\r\n";
    if (!wire_connect(&wire) || !wire_send(&wire, head, strlen(head)))
        test_wrong("no connection");
    memset(block, ' ', sizeof(block));
    for (int i = 0; i < 40; i++)
        if (!wire_send(&wire, "10000\r\n", 7) || !wire_send(&wire, block, sizeof(block)) ||
            !wire_send(&wire, "\r\n", 2))
            break;
    const int status = wire_receive(&wire);
    if (status != 413 && status != 0) /* the reply may be lost with the connection */
        test_wrong("endless chunks: %d", status);
    wire_release(&wire);
}

static void send_strange_heads(void)
{
    static const char *const heads[] = {
        "\r\n\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST " SEARCH " HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        "POST " SEARCH
        " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nabcde",
        "POST " SEARCH
        " HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "GET /livez HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    /* What may still become a request is waited for; the test does not. */
    struct wire wire = {.fd = -1, .port = server.port, .timeout_ms = 300};
    struct lat_buf head = {0};
    for (size_t i = 0; i < LAT_ARRAY_LEN(heads); i++) {
        if (!wire_connect(&wire) || !wire_send(&wire, heads[i], strlen(heads[i])))
            test_wrong("no connection");
        wire_shut(&wire);
        const int status = wire_receive(&wire);
        if (status >= 500 && status != 505)
            test_wrong("strange head %zu: %d", i, status);
        wire_close(&wire);
    }
    lat_buf_text(&head, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ");
    for (int i = 0; i < 300000; i++)
        lat_buf_char(&head, 'a');
    lat_buf_text(&head, "\r\n\r\n");
    (void)wire_connect(&wire);
    (void)wire_send(&wire, head.data, head.len);
    const int status = wire_receive(&wire);
    if (status / 100 != 4 && status != 0)
        test_wrong("a header of 300 kB: %d", status);
    lat_buf_release(&head);
    wire_release(&wire);
}

static void pause_ms(unsigned ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000,
                                   .tv_nsec = (long)(ms % 1000 * LAT_NS_PER_MS)};
    nanosleep(&pause, NULL);
}

/* Bodies of which half comes: half of the senders hang up, the others fall silent. */
static void send_halves(void)
{
    static struct wire wires[HALF_SENT];
    const char *half =
        "PUT " ITEMS "/half HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 500000\r\n\r\n{\"code\":[1,2";
    for (size_t i = 0; i < HALF_SENT; i++) {
        wires[i] = new_wire();
        if (!wire_connect(&wires[i]) || !wire_send(&wires[i], half, strlen(half)))
            test_wrong("no connection");
        if (i % 2 == 0)
            wire_close(&wires[i]);
    }
    for (size_t i = 1; i < HALF_SENT; i += 2)
        expect(&wires[i], "a sender that falls silent", wire_receive(&wires[i]), 408);
    for (size_t i = 0; i < HALF_SENT; i++)
        wire_release(&wires[i]);
}

/* A byte now and then, for ever: the deadline of the request ends it. */
static void send_slowly(void)
{
    struct wire wire = new_wire();
    const char *head =
        "PUT " ITEMS "/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        "Content-Length: 500000\r\n\r\n";
    const uint64_t from = lat_clock_ns();
    if (!wire_connect(&wire) || !wire_send(&wire, head, strlen(head)))
        test_wrong("no connection");
    for (int i = 0; i < 100 && wire_send(&wire, "{", 1); i++)
        pause_ms(100);
    const double seconds = (double)(lat_clock_ns() - from) / 1e9;
    const int status = wire_receive(&wire);
    if (status != 408 && status != 0)
        test_wrong("a slow sender: %d", status);
    if (seconds > 9)
        test_wrong("a slow sender is suffered for %.1f s", seconds);
    wire_release(&wire);
}

static void connect_and_wait(void)
{
    static struct wire wires[IDLE];
    for (size_t i = 0; i < IDLE; i++) {
        wires[i] = new_wire();
        (void)wire_connect(&wires[i]);
    }
    struct wire wire = new_wire();
    if (wire_json(&wire, "GET", "/livez", NULL) != 200)
        test_wrong("no answer beside idle connections: %d", wire.status);
    wire_release(&wire);
    for (size_t i = 0; i < IDLE; i++)
        wire_release(&wires[i]);
}

/* ---- too many at once ---- */

struct crowd {
    const char *body;
    size_t len;
    atomic_uint fine, refused;
};

static void *ask_much(void *argument)
{
    struct crowd *crowd = argument;
    struct wire wire = new_wire();
    char retry[16];
    const int status =
        wire_request(&wire, "POST", SEARCH "/batch", NULL, crowd->body, crowd->len);
    wire_header(&wire, "Retry-After", retry, sizeof(retry));
    if (status == 200)
        atomic_fetch_add(&crowd->fine, 1);
    else if ((status == 429 || status == 503) && retry[0]) /* no place, or not in time */
        atomic_fetch_add(&crowd->refused, 1);
    else
        test_wrong("one of a crowd: %d, Retry-After '%s': %.200s", status, retry,
                   status ? wire.body : "");
    wire_release(&wire);
    return NULL;
}

static void overcrowd(void)
{
    struct crowd crowd = {0};
    struct lat_buf body = {0};
    struct lat_error err = LAT_ERROR_INIT;
    pthread_t threads[CROWD];
    lat_buf_text(&body, "{\"queries\":[");
    for (int i = 0; i < 300; i++)
        lat_buf_printf(&body, "%s{\"code\":[%d,2,3,4],\"k\":500,\"exact\":true}", i ? "," : "",
                       i);
    lat_buf_text(&body, "]}");
    crowd.body = body.data;
    crowd.len = body.len;
    for (size_t i = 0; i < CROWD; i++)
        if (lat_thread_start(&threads[i], "crowd", ask_much, &crowd, &err) != LAT_OK)
            abort();
    for (size_t i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
    if (atomic_load(&crowd.fine) == 0 || atomic_load(&crowd.refused) == 0)
        test_wrong("of %d at once %u were answered and %u refused", CROWD,
                   atomic_load(&crowd.fine), atomic_load(&crowd.refused));
    lat_buf_release(&body);
}

/* ---- noise ---- */

/* Good bodies with a few bytes changed: anything but a 5xx will do. */
static void send_noise(struct lat_rng *rng)
{
    static const char *const seeds[] = {
        "{\"code\":[1,2.5,-3e2,4],\"k\":5,\"filter\":{\"a\":{\"$gt\":1}},\"include\":[\"code\"]"
        "}",
        "{\"id\":\"0\",\"k\":3,\"exclude_self\":true,\"exclude_ids\":[\"1\",\"2\"]}",
        "{\"input\":{\"image\":\"iVBORw0KGgo=\"},\"k\":2}",
    };
    struct wire wire = new_wire();
    char body[256];
    for (int i = 0; i < MUTATIONS; i++) {
        const size_t which = lat_rng_below(rng, LAT_ARRAY_LEN(seeds));
        size_t len = strlen(seeds[which]);
        memcpy(body, seeds[which], len);
        for (uint64_t n = 1 + lat_rng_below(rng, 4); n > 0; n--)
            body[lat_rng_below(rng, len)] = (char)lat_rng_next(rng);
        if (lat_rng_below(rng, 5) == 0)
            len = lat_rng_below(rng, len + 1);
        const int status = wire_request(&wire, "POST", SEARCH, NULL, body, len);
        if (status == 0 || status >= 500)
            test_wrong("noise: %d for %.*s", status, (int)len, body);
    }
    wire_release(&wire);
}

/* ---- all of it ---- */

static void prepare(const char *models)
{
    static const struct tiny_model model = {.rank = 2, .dims = {-1, SIDE * SIDE}, .code = D};
    tiny_package(models, "tiny", 1, &model,
                 "{\"name\":\"tiny\",\"version\":1,\"input\":{\"kind\":\"image\",\"width\":28,"
                 "\"height\":28,\"channels\":1},\"code\":{\"dimension\":4,\"metric\":\"l2\"}}");
}

static void fill(void)
{
    struct wire wire = new_wire();
    struct lat_buf body = {0};
    if (wire_json(&wire, "PUT", "/v1/collections/codes", "{\"dimension\":4}") != 201 ||
        wire_json(&wire, "PUT", "/v1/collections/pictures", "{\"model\":\"tiny\"}") != 201)
        test_wrong("create: %d: %s", wire.status, wire.body);
    lat_buf_text(&body, "{\"items\":[");
    for (int i = 0; i < 1000; i++)
        lat_buf_printf(&body, "%s{\"id\":\"%d\",\"code\":[%d,2,3,4],\"metadata\":{\"a\":%d}}",
                       i ? "," : "", i, i, i);
    lat_buf_text(&body, "]}");
    if (wire_request(&wire, "PUT", ITEMS, NULL, body.data, body.len) != 200)
        test_wrong("fill: %d: %.300s", wire.status, wire.body);
    lat_buf_release(&body);
    wire_release(&wire);
}

/* After all that: the one item nobody touched is there, and found. */
static void verify(void)
{
    struct wire wire = new_wire();
    if (!server_alive(&server))
        test_wrong("the server is gone; see %s", server.log);
    else if (wire_json(&wire, "POST", SEARCH, "{\"code\":[7,2,3,4],\"k\":1}") != 200 ||
             !strstr(wire.body, "\"id\":\"7\""))
        test_wrong("a proper search: %d: %.300s", wire.status, wire.status ? wire.body : "");
    wire_release(&wire);
}

int main(void)
{
    const char *options[] = {"--max-body", "1MiB", "--timeout-ms", "1000",    "--workers", "1",
                             "--queue",    "4",    "--log-level",  "warning", NULL};
    struct lat_rng rng;
    size_t warm = 0, last = 0;
    lat_rng_seed(&rng, 1);
    test_folder_enter();
    prepare(test_path("models"));
    server_start(&server, test_path("data"), test_path("models"), options);
    fill();
    for (int round = 0; round < ROUNDS && server_alive(&server); round++) {
        send_rows();
        send_made();
        send_long();
        send_strange_heads();
        send_halves();
        send_slowly();
        connect_and_wait();
        overcrowd();
        send_noise(&rng);
        verify();
        last = server_rss(&server);
        if (round < WARM)
            warm = last > warm ? last : warm;
    }
    printf("%.1f MB after the first rounds, %.1f MB after the last\n", (double)warm / 1e6,
           (double)last / 1e6);
    if (MEASURED && last > warm + GROWTH_MAX)
        test_wrong("the resident set grows");
    const int status = server_stop(&server, 30000);
    if (status != 0)
        test_wrong("the server ends with status %d", status);
    test_folder_leave();
    return test_n_wrong() != 0;
}
