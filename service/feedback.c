/* A hit is counted once for the list and its source, and never for items that were not in it:
 * the list itself is remembered by served.h. */
#include "service/feedback.h"

#include "base/metrics.h"
#include "service/recommenders.h"

#include "base/banned.h"

void lat_feedback_take(struct lat_app *app, const char *collection,
                       const struct lat_interaction *interaction, const char *recommendation)
{
    struct lat_served *served = lat_recommenders_served(app->recommenders);
    const uint64_t whose = lat_served_whose(served, collection, interaction->user);
    const char *source;
    const enum lat_feedback feedback = lat_served_feedback(
        served, recommendation, whose, interaction->item, interaction->weight < 0, &source);
    lat_metric_add(LAT_METRIC_FEEDBACK, lat_feedback_names[feedback], 1);
    if (source)
        lat_metric_add(LAT_METRIC_RECOMMENDATION_HITS, source, 1);
}
