/* Versions of models going away while collections count on them. */
#ifndef LAT_SERVICE_MODELS_H
#define LAT_SERVICE_MODELS_H

#include "service/app.h"

/* Removes a version ("name@version") and its files. LAT_NOT_FOUND; LAT_CONFLICT model_in_use
 * naming a collection whose codes are its own, or whose users it serves: by this version, or by
 * the name when no other version of it is ready. */
enum lat_status lat_models_delete(struct lat_app *app, const char *reference,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
