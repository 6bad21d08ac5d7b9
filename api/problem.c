/* One table from status to HTTP. The words of a failure may quote what a client sent, cut
 * anywhere, so they are made UTF-8 again before they are printed. */
#include "api/problem.h"

#include <string.h>

#include "base/text.h"

#include "base/banned.h"

static const struct {
    int http;
    const char *title;
} statuses[LAT_STATUS_COUNT] = {
    [LAT_OK] = {500, "Internal error"},
    [LAT_BAD_SYNTAX] = {400, "Malformed request"},
    [LAT_INVALID] = {422, "Invalid request"},
    [LAT_UNAUTHORIZED] = {401, "Key needed"},
    [LAT_FORBIDDEN] = {403, "Not allowed for this key"},
    [LAT_NOT_FOUND] = {404, "Not found"},
    [LAT_NOT_ALLOWED] = {405, "Method not allowed"},
    [LAT_TIMEOUT] = {408, "Too slow"},
    [LAT_CONFLICT] = {409, "Conflict"},
    [LAT_PRECONDITION] = {412, "Precondition failed"},
    [LAT_TOO_LARGE] = {413, "Too large"},
    [LAT_UNSUPPORTED_TYPE] = {415, "Unsupported media type"},
    [LAT_CAPABILITY] = {422, "Not possible with this model"},
    [LAT_BUSY] = {429, "Too many requests"},
    [LAT_UNAVAILABLE] = {503, "Unavailable"},
    [LAT_DISK_FULL] = {507, "Disk full"},
    [LAT_CANCELLED] = {503, "Cancelled"},
    [LAT_CORRUPT] = {500, "Stored data is damaged"},
    [LAT_IO] = {500, "Input or output failed"},
    [LAT_NO_MEMORY] = {503, "Out of memory"},
    [LAT_INTERNAL] = {500, "Internal error"},
};

int lat_problem_status(const struct lat_error *err)
{
    if (err->code && strcmp(err->code, "headers_too_large") == 0)
        return 431; /* not the body: 413 would send the reader looking in the wrong place */
    if (err->code && strcmp(err->code, "bad_range") == 0)
        return 416;
    return (unsigned)err->status < LAT_STATUS_COUNT ? statuses[err->status].http : 500;
}

/* `text` as a JSON string; bytes that are no UTF-8 become question marks. */
static void write_text(struct lat_buf *out, const char *text)
{
    const size_t len = strlen(text);
    if (lat_utf8_valid(text, len)) {
        lat_buf_json_string(out, text, len);
        return;
    }
    char clean[sizeof(((struct lat_error *)0)->message)];
    size_t n = 0;
    while (n < len && n < sizeof(clean)) {
        size_t step = 1;
        while (step < 4 && n + step <= len && !lat_utf8_valid(text + n, step))
            step++;
        if (n + step <= len && n + step <= sizeof(clean) && lat_utf8_valid(text + n, step)) {
            memcpy(clean + n, text + n, step);
            n += step;
        } else {
            clean[n++] = '?';
        }
    }
    lat_buf_json_string(out, clean, n);
}

static size_t count_digits(const char *text)
{
    return strspn(text, "0123456789");
}

/* RFC 8259, 6, of fewer than 16 characters, so that every reader holds it exactly. */
static bool is_number(const char *text)
{
    const size_t len = strlen(text);
    const char *p = text + (*text == '-');
    const size_t whole = count_digits(p);
    if (len >= 16 || whole == 0 || (*p == '0' && whole > 1))
        return false;
    p += whole;
    if (*p == '.') {
        const size_t fraction = count_digits(p + 1);
        p += fraction ? 1 + fraction : 0;
    }
    if (*p == 'e') {
        p += 1 + (p[1] == '-' || p[1] == '+');
        const size_t exponent = count_digits(p);
        return exponent && exponent <= 2 && p[exponent] == '\0';
    }
    return *p == '\0';
}

/* A number as a number, anything else as text. */
static void write_value(struct lat_buf *out, const char *text)
{
    if (is_number(text))
        lat_buf_text(out, text);
    else
        write_text(out, text);
}

static void write_errors(struct lat_buf *out, const struct lat_error *err)
{
    lat_buf_text(out, "\"errors\":[{\"pointer\":");
    write_text(out, err->pointer);
    lat_buf_text(out, ",\"code\":");
    write_text(out, err->code);
    lat_buf_text(out, ",\"detail\":");
    write_text(out, err->message);
    if (err->expected[0]) {
        lat_buf_text(out, ",\"expected\":");
        write_value(out, err->expected);
    }
    if (err->got[0]) {
        lat_buf_text(out, ",\"got\":");
        write_value(out, err->got);
    }
    lat_buf_text(out, "}]");
}

/* Whether there is more to say than code and words. */
static bool has_place(const struct lat_error *err)
{
    return err->pointer[0] || err->expected[0] || err->got[0];
}

void lat_problem_item(struct lat_buf *out, const struct lat_error *err)
{
    lat_buf_text(out, "{\"code\":");
    write_text(out, err->code);
    lat_buf_text(out, ",\"detail\":");
    write_text(out, err->message);
    if (has_place(err)) {
        lat_buf_char(out, ',');
        write_errors(out, err);
    }
    lat_buf_char(out, '}');
}

static void add_headers(struct lat_call *call, int status)
{
    if (status == 401)
        lat_call_respond_header(call, "WWW-Authenticate", "Bearer realm=\"latentd\"");
}

void lat_problem_open(struct lat_call *call, int status, const struct lat_error *err)
{
    struct lat_response *response = &call->response;
    struct lat_buf *out = &response->body;
    const char *code = err->code && err->code[0] ? err->code : lat_status_code(err->status);
    const char *title = (unsigned)err->status < LAT_STATUS_COUNT ? statuses[err->status].title
                                                                 : "Internal error";
    lat_buf_clear(out);
    response->status = status;
    response->content_type = "application/problem+json";
    add_headers(call, status);
    lat_buf_printf(out, "{\"type\":\"/docs#problem-%s\",\"title\":\"%s\",\"status\":%d,", code,
                   title, status);
    lat_buf_text(out, "\"detail\":");
    write_text(out, err->message[0] ? err->message : title);
    lat_buf_printf(out, ",\"code\":\"%s\",\"request_id\":", code);
    write_text(out, call->request_id);
    if (has_place(err) && status != 401 && status != 403) {
        lat_buf_char(out, ',');
        write_errors(out, err);
    }
}

/* The Open Inference Protocol has a shape of its own for failures. */
static void write_inference_error(struct lat_call *call, int status,
                                  const struct lat_error *err)
{
    struct lat_buf *out = &call->response.body;
    lat_buf_clear(out);
    call->response.status = status;
    call->response.content_type = "application/json";
    add_headers(call, status);
    lat_buf_text(out, "{\"error\":");
    write_text(out, err->message[0] ? err->message : lat_status_code(err->status));
    lat_buf_char(out, '}');
}

void lat_problem_write(struct lat_call *call, const struct lat_error *err)
{
    const int status = lat_problem_status(err);
    lat_spool_free(call->response.spool);
    call->response.spool = NULL;
    if (call->path && strncmp(call->path, "/v2", 3) == 0 && strchr("/", call->path[3])) {
        write_inference_error(call, status, err);
        return;
    }
    lat_problem_open(call, status, err);
    lat_buf_char(&call->response.body, '}');
}
