/* Shared by the readers of objects, lists and rows; private to api/. */
#ifndef LAT_API_JSON_VALUE_H
#define LAT_API_JSON_VALUE_H

#include "api/json_scan.h"

/* "an object", "a list", …; static storage. */
const char *lat_json_kind(const struct json_t *value);

/* "/at/key" with the two characters a JSON pointer escapes; cut when it does not fit. */
void lat_json_pointer(char *out, size_t size, const char *at, const char *key);

/* Records a failure at that pointer, unless the document has failed already. */
void lat_json_record(struct lat_json *json, const char *pointer, enum lat_status status,
                     const char *code, const char *words);
void lat_json_fail_memory(struct lat_json *json);

/* The extract a value below a watched key stands for, or NULL. */
const struct lat_extract *lat_json_extract(const struct lat_json *json,
                                           const struct json_t *value);

/* The text of a value, taken out or not; NULL when it is no text. */
const char *lat_json_text(const struct lat_extract *extract, const struct json_t *value,
                          size_t *out_len);

/* Reads floats in any of their forms, recording failures at `at`; false when `value` is none of
 * those forms. */
bool lat_json_floats(struct lat_json *json, const struct lat_extract *extract,
                     const struct json_t *value, const char *at, struct lat_floats *out_floats);

#endif
