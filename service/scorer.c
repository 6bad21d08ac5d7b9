/* A request is a number, counted up under the mutex; a collection is settled once `done` has
 * reached the number that was asked for. The mutex is not held while the thread works.
 *
 * Items are gone through in the order of their slots, which is that of storing, and slots are
 * never given twice: behind `after` there is all that is new. A collection that was moved to
 * another model is another set of items: then it begins at the first, and a batch that was
 * taken before the move and one after it do not mix models. */
#include "service/scorer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/urgency.h"
#include "service/app.h"
#include "service/embed.h"

#include "base/banned.h"

enum { KNOWN = 256, BATCH = 128 };

/* How far a collection has been gone through. */
struct progress {
    char model[LAT_MODEL_REF_MAX]; /* whose items */
    uint64_t after;                /* the slot up to which */
};

struct entry {
    char collection[LAT_COLLECTION_NAME_MAX]; /* "": free */
    uint64_t asked, done;
    struct progress progress;
};

struct lat_scorer {
    struct lat_app *app;
    struct lat_mutex mutex;
    struct lat_cond asked, settled;
    struct entry entries[KNOWN];
    size_t next; /* where to look for work, and for a place, first */
    bool closing, started;
    pthread_t thread;
};

/* ---- the work ---- */

/* A stored input as an upload. False: of a kind that has its score from the start. */
static bool to_input(const struct lat_item *item, enum lat_input_kind kind,
                     struct lat_input *out_input)
{
    *out_input = (struct lat_input){.kind = kind, .bytes = item->input, .len = item->input_len};
    if (!item->input || !item->input_len)
        return false;
    if (kind == LAT_INPUT_IMAGE)
        return strncmp(item->input_type, "image/", 6) == 0;
    out_input->values = item->input;
    out_input->n_values = item->input_len / sizeof(float);
    return (kind == LAT_INPUT_VECTOR || kind == LAT_INPUT_SEQUENCE) &&
           strcmp(item->input_type, "application/octet-stream") == 0;
}

static enum lat_status score_items(struct lat_call *call, struct lat_model *model,
                                   const struct lat_item_list *list, const uint64_t *slots,
                                   struct lat_error *err)
{
    const enum lat_input_kind kind = lat_model_manifest(model)->input.kind;
    struct lat_input inputs[BATCH];
    struct lat_embedding embedding;
    uint64_t places[BATCH];
    float scores[BATCH];
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++)
        if (to_input(&list->items[i], kind, &inputs[n]))
            places[n++] = slots[i];
    if (n == 0)
        return LAT_OK;
    enum lat_status status =
        lat_embed(call, model, inputs, n, LAT_EMBED_CODES | LAT_EMBED_SCORES, &embedding, err);
    if (status != LAT_OK)
        return status;
    for (size_t i = 0; i < n; i++)
        scores[i] = embedding.bad[i] ? NAN : embedding.scores[i];
    return lat_store_set_scores(call->app->store, places, scores, n, err);
}

static bool is_closing(struct lat_scorer *scorer)
{
    lat_mutex_lock(&scorer->mutex);
    const bool closing = scorer->closing;
    lat_mutex_unlock(&scorer->mutex);
    return closing;
}

/* LAT_CONFLICT generation_changed when the collection's model is not that of `progress`. */
static enum lat_status check_model(struct lat_scorer *scorer, const char *collection,
                                   const struct progress *progress, struct lat_error *err)
{
    struct lat_collection_spec spec;
    const enum lat_status status = lat_store_spec(scorer->app->store, collection, &spec, err);
    if (status == LAT_OK && strcmp(spec.model, progress->model) != 0)
        return lat_fail(err, LAT_CONFLICT, "generation_changed",
                        "collection '%s' has gone over to model '%s'", collection, spec.model);
    return status;
}

/* All items behind `progress`. Fails as check_model when the collection moves meanwhile. */
static enum lat_status go_through(struct lat_scorer *scorer, struct lat_call *call,
                                  const char *collection, struct lat_model *model,
                                  struct progress *progress, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    bool more = true;
    while (status == LAT_OK && more && !is_closing(scorer)) {
        struct lat_item_list list = {0};
        uint64_t slots[BATCH];
        status = lat_store_unscored(scorer->app->store, collection, progress->after, BATCH,
                                    &list, slots, err);
        if (status == LAT_OK)
            status = check_model(scorer, collection, progress, err);
        if (status == LAT_OK)
            status = score_items(call, model, &list, slots, err);
        more = status == LAT_OK && list.n == BATCH;
        if (status == LAT_OK && list.n)
            progress->after = slots[list.n - 1];
        lat_item_list_release(&list);
        lat_arena_clear(&call->arena);
    }
    return status;
}

/* Whether all has been gone through that there is to; false: the collection has moved. */
static bool work(struct lat_scorer *scorer, const char *collection, struct progress *progress)
{
    struct lat_error err = LAT_ERROR_INIT;
    struct lat_collection_spec spec;
    struct lat_model *model = NULL;
    struct lat_call *call = lat_alloc(1, sizeof(*call));
    enum lat_status status = call ? LAT_OK : lat_fail_memory(&err);
    if (status == LAT_OK)
        status = lat_store_spec(scorer->app->store, collection, &spec, &err);
    if (status == LAT_OK && strcmp(spec.model, progress->model) != 0) {
        *progress = (struct progress){0};
        snprintf(progress->model, sizeof(progress->model), "%s", spec.model);
    }
    if (status == LAT_OK) {
        call->app = scorer->app;
        call->body = call->path = "";
        call->started_ns = lat_clock_ns();
        call->deadline_ns = UINT64_MAX;
        call->on_worker = true;
        status = lat_embed_acquire(call, spec.model, &model, &err);
    }
    if (status == LAT_OK)
        status = go_through(scorer, call, collection, model, progress, &err);
    const bool moved = status == LAT_CONFLICT && strcmp(err.code, "generation_changed") == 0;
    if (status != LAT_OK && status != LAT_NOT_FOUND && !moved)
        lat_log_error("scores of stored items", &err);
    if (model)
        lat_model_release(model);
    if (call)
        lat_arena_release(&call->arena);
    lat_free(call);
    return !moved;
}

/* ---- the thread ---- */

static struct entry *find_work(struct lat_scorer *scorer)
{
    for (size_t i = 0; i < KNOWN; i++) {
        struct entry *entry = &scorer->entries[(scorer->next + i) % KNOWN];
        if (entry->asked > entry->done) {
            scorer->next = (scorer->next + i + 1) % KNOWN;
            return entry;
        }
    }
    return NULL;
}

static void *run(void *argument)
{
    struct lat_scorer *scorer = argument;
    lat_urgency_set(LAT_BULK);
    lat_mutex_lock(&scorer->mutex);
    while (!scorer->closing) {
        struct entry *entry = find_work(scorer);
        if (!entry) {
            lat_cond_wait(&scorer->asked, &scorer->mutex);
            continue;
        }
        /* an entry with work stays where it is: only settled ones make room */
        const uint64_t asked = entry->asked;
        struct progress progress = entry->progress;
        lat_mutex_unlock(&scorer->mutex);
        const bool done = work(scorer, entry->collection, &progress);
        lat_mutex_lock(&scorer->mutex);
        entry->progress = progress;
        if (!done)
            continue;
        entry->done = asked;
        lat_cond_broadcast(&scorer->settled);
    }
    lat_mutex_unlock(&scorer->mutex);
    return NULL;
}

enum lat_status lat_scorer_new(struct lat_app *app, struct lat_scorer **out_scorer,
                               struct lat_error *err)
{
    struct lat_scorer *scorer = lat_alloc(1, sizeof(*scorer));
    if (!scorer)
        return lat_fail_memory(err);
    scorer->app = app;
    lat_mutex_init(&scorer->mutex, LAT_RANK_LEAF, "scorer");
    lat_cond_init(&scorer->asked);
    lat_cond_init(&scorer->settled);
    const enum lat_status status =
        lat_thread_start(&scorer->thread, "scorer", run, scorer, err);
    scorer->started = status == LAT_OK;
    if (status != LAT_OK) {
        lat_scorer_free(scorer);
        return status;
    }
    *out_scorer = scorer;
    return LAT_OK;
}

void lat_scorer_free(struct lat_scorer *scorer)
{
    if (!scorer)
        return;
    if (scorer->started) {
        lat_mutex_lock(&scorer->mutex);
        scorer->closing = true;
        lat_cond_signal(&scorer->asked);
        lat_mutex_unlock(&scorer->mutex);
        pthread_join(scorer->thread, NULL);
    }
    lat_cond_release(&scorer->settled);
    lat_cond_release(&scorer->asked);
    lat_mutex_release(&scorer->mutex);
    lat_free(scorer);
}

/* ---- asking ---- */

/* With the mutex held: the collection's entry, or a settled one made over; NULL: all are at
 * work. */
static struct entry *entry_of(struct lat_scorer *scorer, const char *collection)
{
    struct entry *place = NULL;
    for (size_t i = 0; i < KNOWN; i++) {
        struct entry *entry = &scorer->entries[(scorer->next + i) % KNOWN];
        if (strcmp(entry->collection, collection) == 0)
            return entry;
        if (entry->asked == entry->done && (!place || !entry->collection[0]))
            place = entry;
    }
    if (place) {
        *place = (struct entry){0};
        snprintf(place->collection, sizeof(place->collection), "%s", collection);
    }
    return place;
}

bool lat_scorer_settle(struct lat_scorer *scorer, const char *collection, uint64_t deadline_ns)
{
    lat_mutex_lock(&scorer->mutex);
    struct entry *entry = entry_of(scorer, collection);
    if (entry) {
        const uint64_t wanted = ++entry->asked;
        lat_cond_signal(&scorer->asked);
        while (strcmp(entry->collection, collection) == 0 && entry->done < wanted &&
               lat_cond_wait_until(&scorer->settled, &scorer->mutex, deadline_ns))
            ;
        entry =
            strcmp(entry->collection, collection) != 0 || entry->done >= wanted ? entry : NULL;
    }
    lat_mutex_unlock(&scorer->mutex);
    return entry != NULL;
}
