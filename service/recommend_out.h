/* What must not be in a list, and reasons: shared by the sources. Internal to service/. */
#ifndef LAT_SERVICE_RECOMMEND_OUT_H
#define LAT_SERVICE_RECOMMEND_OUT_H

#include "base/text_set.h"
#include "service/recommend.h"
#include "service/served.h"

/* Ids, and hashes of what earlier pages had. Zero-initialise; release. */
struct lat_left_out {
    const char **ids; /* [n], in the call's arena; an id may come twice */
    size_t n;
    struct lat_text_set set; /* of the ids, once it was asked for */
    const struct lat_recommend_wants *wants;
    const struct lat_served *served;
};

/* `past` may be NULL. Disliked items are always among them. */
enum lat_status lat_left_out_fill(struct lat_call *call, const struct lat_past *past,
                                  const struct lat_recommend_wants *wants,
                                  struct lat_left_out *out, struct lat_error *err) LAT_MUST_USE;
void lat_left_out_release(struct lat_left_out *out);

/* Before lat_left_out_has is asked. */
enum lat_status lat_left_out_index(struct lat_left_out *out,
                                   struct lat_error *err) LAT_MUST_USE;
bool lat_left_out_has(const struct lat_left_out *out, const char *id);
/* Whether an earlier page had it: what `has` asks besides the ids. */
bool lat_left_out_was_served(const struct lat_left_out *out, const char *id);

/* The `n_most` largest positive drops [n_events], as reasons in the call's arena. */
enum lat_status lat_reasons_choose(struct lat_call *call, const struct lat_event *events,
                                   const float *drops, size_t n_events, size_t n_most,
                                   struct lat_recommended *inout_item,
                                   struct lat_error *err) LAT_MUST_USE;

#endif
