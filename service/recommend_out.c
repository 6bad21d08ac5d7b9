/* Ids to be left out are gathered as a list, which costs nothing; the set is made only by those
 * who look ids up one by one, as a ranking by a model marks items in a bitmap of its own. What
 * earlier pages had is known as sorted hashes and searched. */
#include "service/recommend_out.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vector.h"
#include "service/app.h"
#include "service/recommenders.h"

#include "base/banned.h"

enum { AT_ONCE = 16 /* drops compared together */ };

static void add(struct lat_left_out *out, const char *const *ids, size_t n)
{
    if (n)
        memcpy(out->ids + out->n, ids, n * sizeof(*ids));
    out->n += n;
}

enum lat_status lat_left_out_fill(struct lat_call *call, const struct lat_past *past,
                                  const struct lat_recommend_wants *wants,
                                  struct lat_left_out *out, struct lat_error *err)
{
    static const struct lat_past nothing = {0};
    past = past ? past : &nothing;
    const size_t n_seen = wants->exclude_seen ? past->n_seen : 0;
    out->wants = wants;
    out->served = lat_recommenders_served(call->app->recommenders);
    out->ids = lat_arena_alloc_raw(
        &call->arena, n_seen + past->n_disliked + wants->n_exclude + 1, sizeof(*out->ids));
    if (!out->ids)
        return lat_fail_memory(err);
    add(out, past->seen, n_seen);
    add(out, past->disliked, past->n_disliked);
    add(out, wants->exclude_ids, wants->n_exclude);
    return LAT_OK;
}

enum lat_status lat_left_out_index(struct lat_left_out *out, struct lat_error *err)
{
    size_t first;
    for (size_t i = out->set.n ? out->n : 0; i < out->n; i++)
        if (!lat_text_set_add(&out->set, out->ids[i], i, &first))
            return lat_fail_memory(err);
    return LAT_OK;
}

void lat_left_out_release(struct lat_left_out *out)
{
    lat_text_set_release(&out->set);
}

static int by_value(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

bool lat_left_out_was_served(const struct lat_left_out *out, const char *id)
{
    const struct lat_recommend_wants *wants = out->wants;
    if (!wants->n_served)
        return false;
    const uint64_t hash = lat_served_hash(out->served, id);
    return bsearch(&hash, wants->served, wants->n_served, sizeof(hash), by_value) != NULL;
}

bool lat_left_out_has(const struct lat_left_out *out, const char *id)
{
    return lat_text_set_has(&out->set, id) || lat_left_out_was_served(out, id);
}

/* How many at the front, in whole runs of AT_ONCE, are below what a reason must reach. */
static size_t dismissed(const float *drops, size_t n, float least)
{
    size_t at = 0;
    while (at + AT_ONCE <= n && !lat_vector_reaches(drops + at, least, AT_ONCE))
        at += AT_ONCE;
    return at;
}

enum lat_status lat_reasons_choose(struct lat_call *call, const struct lat_event *events,
                                   const float *drops, size_t n_events, size_t n_most,
                                   struct lat_recommended *inout_item, struct lat_error *err)
{
    const size_t most = n_most < n_events ? n_most : n_events;
    struct lat_reason *reasons = lat_arena_alloc_raw(&call->arena, most + 1, sizeof(*reasons));
    size_t n = 0;
    if (!reasons)
        return lat_fail_memory(err);
    for (size_t e = 0; e < n_events && most; e++) {
        if (e % AT_ONCE == 0)
            e +=
                dismissed(drops + e, n_events - e, n == most ? reasons[n - 1].contribution : 0);
        if (e == n_events)
            break;
        if (!(drops[e] > 0) || (n == most && !(drops[e] > reasons[n - 1].contribution)))
            continue;
        size_t at = n < most ? n++ : n - 1;
        for (; at && drops[e] > reasons[at - 1].contribution; at--)
            reasons[at] = reasons[at - 1];
        reasons[at] = (struct lat_reason){events[e].item, drops[e]};
    }
    for (size_t i = 0; i < n; i++) {
        reasons[i].id = lat_arena_strdup(&call->arena, reasons[i].id);
        if (!reasons[i].id)
            return lat_fail_memory(err);
    }
    inout_item->because = reasons;
    inout_item->n_because = n;
    return LAT_OK;
}
