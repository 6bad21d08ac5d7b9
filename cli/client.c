/* One easy handle, kept for its connection. */
#include "cli/client.h"

#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/mem.h"

#include "base/banned.h"

enum { ATTEMPTS = 8, FIRST_WAIT_MS = 100, LONGEST_WAIT_MS = 3000, REPLY_MAX = 256 << 20 };

struct lat_client {
    CURL *curl;
    char *server;
    char *key_header; /* NULL without a key */
};

static void start_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum lat_status lat_client_check(const char *server, struct lat_error *err)
{
    CURLU *url = curl_url();
    char *host = NULL;
    if (!url)
        return lat_fail_memory(err);
    const bool http = !strncmp(server, "http://", 7) || !strncmp(server, "https://", 8);
    const bool good = http && curl_url_set(url, CURLUPART_URL, server, 0) == CURLUE_OK &&
                      curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    curl_free(host);
    curl_url_cleanup(url);
    return good ? LAT_OK
                : lat_fail(err, LAT_INVALID, NULL,
                           "--server: expected http://HOST:PORT, not '%s'", server);
}

enum lat_status lat_client_new(const char *server, const char *key,
                               struct lat_client **out_client, struct lat_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_library);
    struct lat_client *client = lat_alloc(1, sizeof(*client));
    if (!client)
        return lat_fail_memory(err);
    size_t len = strlen(server);
    while (len && server[len - 1] == '/')
        len--;
    client->curl = curl_easy_init();
    client->server = lat_strndup(server, len);
    bool good = client->curl && client->server;
    if (key[0] && good) {
        struct lat_buf header = {0};
        lat_buf_printf(&header, "X-API-Key: %s", key);
        client->key_header = lat_buf_take(&header, NULL);
        good = client->key_header != NULL;
    }
    if (!good) {
        lat_client_free(client);
        return lat_fail_memory(err);
    }
    *out_client = client;
    return LAT_OK;
}

void lat_client_free(struct lat_client *client)
{
    if (!client)
        return;
    curl_easy_cleanup(client->curl);
    lat_free(client->server);
    lat_free(client->key_header);
    lat_free(client);
}

static size_t take_reply(char *bytes, size_t size, size_t n, void *context)
{
    struct lat_buf *reply = context;
    lat_buf_append(reply, bytes, size * n);
    return reply->status == LAT_OK ? size * n : 0;
}

static struct curl_slist *make_headers(const struct lat_client *client,
                                       const char *content_type)
{
    char line[256];
    struct curl_slist *headers = NULL;
    snprintf(line, sizeof(line), "Content-Type:%s%s", content_type ? " " : "",
             content_type ? content_type : "");
    headers = curl_slist_append(headers, line);
    if (headers)
        headers = curl_slist_append(headers, "Expect:");
    if (headers && client->key_header)
        headers = curl_slist_append(headers, client->key_header);
    return headers;
}

static void prepare(CURL *curl, const char *method, const char *url,
                    const struct curl_slist *headers)
{
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    if (getenv("SSL_CERT_FILE"))
        curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("SSL_CERT_FILE"));
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 300L);
}

static CURLcode perform(struct lat_client *client, const char *method, const char *url,
                        const char *content_type, const struct lat_buf *body,
                        struct lat_buf *reply, long *out_http)
{
    CURL *curl = client->curl;
    struct curl_slist *headers = make_headers(client, content_type);
    if (!headers)
        return CURLE_OUT_OF_MEMORY;
    lat_buf_clear(reply);
    reply->limit = REPLY_MAX;
    prepare(curl, method, url, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    if (body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data ? body->data : "");
    }
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, out_http);
    curl_slist_free_all(headers);
    return code;
}

enum lat_status lat_client_probe(const char *server, const char *path, long timeout_ms,
                                 struct lat_buf *reply, long *out_http, struct lat_error *err)
{
    struct lat_client *client = NULL;
    struct lat_buf url = {0};
    enum lat_status status = lat_client_new(server, "", &client, err);
    if (status != LAT_OK)
        return status;
    lat_buf_printf(&url, "%s%s", client->server, path);
    status = lat_buf_check(&url, err);
    if (status == LAT_OK) {
        CURL *curl = client->curl;
        curl_easy_setopt(curl, CURLOPT_URL, url.data);
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_reply);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
        const CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, out_http);
        if (code != CURLE_OK)
            status = lat_fail(err, LAT_IO, NULL, "%s", curl_easy_strerror(code));
    }
    lat_buf_release(&url);
    lat_client_free(client);
    return status;
}

static bool worth_another(CURLcode code, long http)
{
    return code == CURLE_COULDNT_CONNECT || code == CURLE_SEND_ERROR ||
           code == CURLE_RECV_ERROR || code == CURLE_GOT_NOTHING ||
           (code == CURLE_OK && (http == 429 || http == 503));
}

enum lat_status lat_client_send(struct lat_client *client, const char *method, const char *path,
                                const char *content_type, const struct lat_buf *body,
                                struct lat_buf *reply, long *out_http, struct lat_error *err)
{
    struct lat_buf url = {0};
    lat_buf_printf(&url, "%s%s", client->server, path);
    enum lat_status status = lat_buf_check(&url, err);
    CURLcode code = CURLE_OK;
    int wait_ms = FIRST_WAIT_MS;
    for (int i = 0; status == LAT_OK; i++) {
        code = perform(client, method, url.data, content_type, body, reply, out_http);
        if (!worth_another(code, *out_http) || i + 1 == ATTEMPTS)
            break;
        poll(NULL, 0, wait_ms);
        wait_ms = wait_ms * 2 < LONGEST_WAIT_MS ? wait_ms * 2 : LONGEST_WAIT_MS;
    }
    if (status == LAT_OK && code != CURLE_OK)
        status =
            lat_fail(err, LAT_IO, NULL, "%s: %s", client->server, curl_easy_strerror(code));
    lat_buf_release(&url);
    return status;
}

struct fetching {
    CURL *curl;
    bool (*take)(void *context, const void *bytes, size_t len);
    void *context;
    struct lat_buf *problem;
};

static size_t take_fetched(char *bytes, size_t size, size_t n, void *context)
{
    struct fetching *fetching = context;
    long http = 0;
    curl_easy_getinfo(fetching->curl, CURLINFO_RESPONSE_CODE, &http);
    if (http != 200)
        return take_reply(bytes, size, n, fetching->problem);
    return fetching->take(fetching->context, bytes, size * n) ? size * n : 0;
}

enum lat_status lat_client_fetch(struct lat_client *client, const char *path,
                                 bool (*take)(void *context, const void *bytes, size_t len),
                                 void *context, struct lat_buf *problem, long *out_http,
                                 struct lat_error *err)
{
    struct lat_buf url = {0};
    struct fetching fetching = {client->curl, take, context, problem};
    struct curl_slist *headers = make_headers(client, NULL);
    lat_buf_printf(&url, "%s%s", client->server, path);
    enum lat_status status = lat_buf_check(&url, err);
    if (status == LAT_OK && !headers)
        status = lat_fail_memory(err);
    if (status == LAT_OK) {
        prepare(client->curl, "GET", url.data, headers);
        curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, take_fetched);
        curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, &fetching);
        const CURLcode code = curl_easy_perform(client->curl);
        curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, out_http);
        if (code != CURLE_OK)
            status =
                lat_fail(err, LAT_IO, NULL, "%s: %s", client->server, curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    lat_buf_release(&url);
    return status;
}

void lat_client_words(const struct lat_buf *reply, long http, char *out, size_t size)
{
    struct lat_arena arena = {0};
    struct lat_json json = {0};
    struct lat_object root;
    size_t len = 0;
    const char *detail = NULL;
    if (reply->len &&
        lat_json_parse_whole(&json, &arena, reply->data, reply->len, 0, NULL) == LAT_OK) {
        lat_json_root(&json, &root);
        detail = lat_object_text(&root, "detail", &len);
    }
    if (detail)
        snprintf(out, size, "%.*s", (int)len, detail);
    else
        snprintf(out, size, "the server answers %ld", http);
    lat_json_release(&json);
    lat_arena_release(&arena);
}

void lat_client_segment(struct lat_buf *out, const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        const bool plain = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                           (*p >= '0' && *p <= '9') || strchr("-._~", *p);
        if (plain)
            lat_buf_char(out, (char)*p);
        else
            lat_buf_printf(out, "%%%02X", *p);
    }
}
