/* Rows of tables and histories out of requests. Private to api/input.c. */
#ifndef LAT_API_INPUT_ROW_H
#define LAT_API_INPUT_ROW_H

#include "api/json.h"
#include "service/embed.h"

/* The members "row" and "history" of an input. Failures are recorded in the document. What
 * comes out lives in the document's arena. */
void lat_object_row(struct lat_object *object, struct lat_input *out_input);
void lat_object_history(struct lat_object *object, struct lat_input *out_input);

#endif
