/* Feedback: an interaction that says which recommendation it came from. */
#ifndef LAT_SERVICE_FEEDBACK_H
#define LAT_SERVICE_FEEDBACK_H

#include "index/interactions.h"
#include "service/app.h"

/* Counts a stored interaction in the metrics: as what it is, and with the first hit of a
 * recommendation as a hit of its source. An unknown recommendation is counted as one. */
void lat_feedback_take(struct lat_app *app, const char *collection,
                       const struct lat_interaction *interaction, const char *recommendation);

#endif
