/* Every path of the service, in one table. */
#ifndef LAT_API_ROUTES_H
#define LAT_API_ROUTES_H

#include "service/http.h"

extern const struct lat_routes lat_api_routes;

#endif
