/* Rows of tables and histories out of requests. Private to api/input.c. */
#ifndef LAT_API_INPUT_ROW_H
#define LAT_API_INPUT_ROW_H

#include "api/json.h"
#include "service/embed.h"

/* The members "row" and "history" of an input. Failures are recorded in the document. What
 * comes out lives in the document's arena. */
void lat_object_row(struct lat_object *object, struct lat_input *out_input);
void lat_object_history(struct lat_object *object, struct lat_input *out_input);

/* One cell; false when it is refused, at the pointer AT/NAME. */
bool lat_read_cell(struct lat_json *json, const char *at, const char *name,
                   const struct json_t *value, struct lat_table_cell *out_cell);

#endif
