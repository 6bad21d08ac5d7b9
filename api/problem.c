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

const struct lat_problem_code lat_problem_codes[] = {
    {"bad_json", "The body is no JSON.", 400},
    {"bad_utf8", "The body or the path is not UTF-8.", 400},
    {"bad_path", "The path is broken: bad percent-encoding, a NUL.", 400},
    {"bad_query", "The query string is broken.", 400},
    {"bad_framing", "The lengths of the request contradict each other.", 400},
    {"incomplete_body", "The body ended before its length.", 400},
    {"too_deep", "The JSON is nested deeper than the limit.", 400},
    {"number_out_of_range", "A number does not fit the type it is read into.", 400},
    {"duplicate_key", "An object has a key twice.", 400},
    {"bad_multipart", "The multipart body does not parse.", 400},
    {"key_missing", "This server wants a key and none was sent.", 401},
    {"key_unknown", "The key is not one of the server's.", 401},
    {"scope_missing", "The key does not have the scope this takes.", 403},
    {"route_not_found", "Nothing answers this path.", 404},
    {"model_not_found", "No model, or no version, of that name.", 404},
    {"collection_not_found", "No collection of that name.", 404},
    {"item_not_found", "No item of that id.", 404},
    {"job_not_found", "No job of that id.", 404},
    {"alias_not_found", "No alias of that name.", 404},
    {"snapshot_not_found", "No snapshot of that id.", 404},
    {"input_not_kept", "The collection did not keep the input.", 404},
    {"unknown_user", "No interactions of that user.", 404},
    {"recommendation_expired", "The recommendation is not remembered any more.", 404},
    {"method_not_allowed", "The path exists, not with this method; see Allow.", 405},
    {"timeout", "The request came too slowly.", 408},
    {"exists", "It exists with other settings.", 409},
    {"generation_changed", "The collection moved to another model meanwhile: ask again.", 409},
    {"has_alias", "The collection has an alias, which is named.", 409},
    {"snapshot_not_ready", "The snapshot is still being made.", 409},
    {"snapshot_failed", "The snapshot could not be made; the words say why.", 409},
    {"model_exists", "The version exists with other files; a version never changes.", 409},
    {"model_in_use", "A collection, which is named, uses the version.", 409},
    {"bad_range", "No byte of the range is there.", 416},
    {"precondition_failed", "If-Match or If-None-Match rules the stored version out.", 412},
    {"too_large", "The body is over the limit.", 413},
    {"headers_too_large", "The head of the request is over the limit.", 431},
    {"batch_too_large", "More elements than a batch may have.", 413},
    {"line_too_long", "A line of an import is over the limit.", 413},
    {"too_many_items", "More items than one index can hold.", 413},
    {"too_many_values", "The JSON has more values than one body may have.", 413},
    {"image_too_large", "The picture has more pixels than the limit.", 413},
    {"unsupported_media_type", "A content type, or a kind of picture, this path does not take.",
     415},
    {"invalid_path", "The path contains a NUL byte.", 422},
    {"wrong_type", "A field holds another kind of JSON value.", 422},
    {"wrong_dimension", "A code or vector has another dimension.", 422},
    {"wrong_input_kind", "The model does not take this kind of input.", 422},
    {"unknown_column", "A column the model does not have; the nearest is named.", 422},
    {"unknown_category", "A word the column does not have; the nearest is named.", 422},
    {"wrong_columns", "A row of a CSV table has another number of cells than its names.", 422},
    {"wrong_model", "Codes, or a compressed input, of another model or version.", 422},
    {"no_neighbours", "The collection has no item to learn from.", 422},
    {"no_model", "The collection has no model to encode inputs with.", 422},
    {"same_model", "The collection has this model already.", 422},
    {"inputs_missing", "Items have no stored input to encode again.", 422},
    {"no_generation", "The collection has no former generation to go back to.", 422},
    {"no_codes", "The collection holds items without codes.", 422},
    {"bad_code", "A number of a code is beyond what distances can be taken of.", 422},
    {"bad_compressed", "Bytes that are no compressed input, or damaged or cut short.", 422},
    {"unsupported_version", "A compressed input of a later format.", 422},
    {"out_of_reach",
     "A rate or a quality that no grid reaches for this input; `got` says what can be had.",
     422},
    {"wrong_option",
     "An option that has no meaning for this model, or several where one may be said.", 422},
    {"zero_code", "A code of zeros has no direction: not in a cosine collection.", 422},
    {"two_kinds", "Things that exclude each other.", 422},
    {"missing_field", "A field that must be there is not.", 422},
    {"unknown_field", "A field nobody knows; the nearest known one is named.", 422},
    {"unknown_parameter", "A query parameter nobody knows.", 422},
    {"unknown_value", "A word that is none of the choices.", 422},
    {"out_of_range", "A number outside its bounds.", 422},
    {"too_long", "A text longer than it may be.", 422},
    {"invalid", "It breaks a rule, as said.", 422},
    {"invalid_id", "An id is 1 to 256 bytes of UTF-8 without NUL.", 422},
    {"invalid_name", "A name is [a-z0-9][a-z0-9._-]{0,62}.", 422},
    {"invalid_version", "A version is a whole number from 1.", 422},
    {"invalid_index", "Settings no index can have.", 422},
    {"invalid_factory", "A factory string FAISS does not understand.", 422},
    {"exclude_self_without_id", "exclude_self goes with id alone.", 422},
    {"duplicate_id", "The id came earlier in the same batch.", 422},
    {"unknown_id", "Metadata for an id that is not in the request.", 422},
    {"unknown_items", "The model knows none of the items of a history.", 422},
    {"empty_history", "A history without an item that counts.", 422},
    {"invalid_type", "A type of interaction is at most 64 bytes of UTF-8 without NUL.", 422},
    {"invalid_weight", "A weight is a finite number.", 422},
    {"invalid_time", "A time no calendar has, or none of the ways to say one.", 422},
    {"empty_row", "A row without a cell that is not null.", 422},
    {"duplicate_column", "A column comes twice.", 422},
    {"not_finite", "NaN or infinity.", 422},
    {"not_supported", "Known, but nothing this version can do.", 422},
    {"bad_name", "A training spec's name is [a-z0-9][a-z0-9._-]{0,62}.", 422},
    {"wrong_length", "A list of a training spec has another length.", 422},
    {"path_not_allowed", "A path outside of what trainings may read.", 422},
    {"data_not_found", "No file or folder of that path.", 422},
    {"empty", "There is nothing to train on.", 422},
    {"diverged", "A training whose numbers are not finite any more: only jobs have it.", 422},
    {"bad_image", "The picture is broken.", 422},
    {"bad_base64", "The text is not base64.", 422},
    {"bad_data_uri", "The text is no data URI of base64.", 422},
    {"bad_floats", "Not a whole number of float32.", 422},
    {"bad_shape", "X-Shape does not fit the body.", 422},
    {"bad_filter", "The filter breaks its grammar.", 422},
    {"filter_too_large", "The filter is too large to be answered.", 422},
    {"bad_cursor", "The cursor is not one of this list's.", 422},
    {"batch_failed", "No element of the batch succeeded, for different reasons.", 422},
    {"not_applied", "An element of an atomic batch, because of another one.", 424},
    {"capability_missing", "The model cannot do that.", 422},
    {"two_files", "Two parts of an upload, or two keys of its manifest, are one file.", 422},
    {"bad_model", "A model that does not work when it is tried out.", 422},
    {"missing_file",
     "A model package lacks a file; so do other codes of packages say what is wrong with one.",
     422},
    {"busy", "Everything is taken; see Retry-After.", 429},
    {"rate_limited", "The key has been used too often; see Retry-After.", 429},
    {"internal", "The server's own fault.", 500},
    {"corrupt_code", "The stored code is damaged; other items are served.", 500},
    {"corrupt_input", "The stored input is damaged; other items are served.", 500},
    {"corrupt_metadata", "The stored metadata are damaged; other items are served.", 500},
    {"corrupt", "Stored data are damaged; what is whole is served.", 500},
    {"io_error", "The operating system refused to read or write.", 500},
    {"model_unavailable", "The model is not loaded or is broken; the reason is given.", 503},
    {"loading", "The server is starting.", 503},
    {"draining", "The server is stopping.", 503},
    {"closing", "The server is stopping.", 503},
    {"cancelled", "The other side, or the server, broke it off.", 503},
    {"data_root_missing", "The folder that trainings may read is not there.", 503},
    {"interrupted", "A job that the server's end cut short for good: only jobs have it.", 503},
    {"unavailable", "Not now; see Retry-After.", 503},
    {"deadline_exceeded", "The request could not be done in its time.", 503},
    {"out_of_memory", "No memory for this now.", 503},
    {"disk_full", "No space for a write; reads go on.", 507},
};
const size_t lat_n_problem_codes = LAT_ARRAY_LEN(lat_problem_codes);

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

/* A whole number as a number, anything else as text. */
static void write_value(struct lat_buf *out, const char *text)
{
    const size_t len = strlen(text);
    const bool number =
        len && len < 16 && strspn(text, "0123456789") == len && (text[0] != '0' || len == 1);
    if (number)
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
