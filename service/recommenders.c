/* Two small tables under one lock, which is held for looking and exchanging pointers only: what
 * is thrown out is let go of after it. The threads find their work by looking through the
 * tables: a slot that is `wanted` has some. */
#include "service/recommenders.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sync.h"
#include "base/urgency.h"
#include "model/autoencoder.h"

#include "base/banned.h"

enum {
    COLD_SLOTS = 128,
    RETRIEVAL_SLOTS = 4,
    PLACED_BRIEFLY = 64, /* while a request waits */
    PLACED_AT_ONCE = 16  /* in the background: requests wait for so many at most */
};

struct cold_slot {
    struct lat_cold *cold; /* NULL: free */
    struct lat_collection_info info;
    bool wanted;
    uint64_t used;
};

struct retrieval_slot {
    struct lat_model *model; /* NULL: free */
    struct lat_retrieval *retrieval;
    unsigned users;
    bool wanted, hopeless, building;
    bool gone; /* freed by its last user, or by who builds it */
    uint64_t used;
};

enum { COLD_THREAD, RETRIEVAL_THREAD, N_THREADS };

struct lat_recommenders {
    struct lat_store *store;
    struct lat_served *served;
    struct lat_mutex mutex;
    struct lat_cond wake;
    atomic_bool stop;
    atomic_bool in_vain; /* what is being built is wanted no more; set under the lock */
    struct cold_slot colds[COLD_SLOTS];
    struct retrieval_slot retrievals[RETRIEVAL_SLOTS];
    uint64_t uses;
    pthread_t threads[N_THREADS];
    bool started[N_THREADS];
};

enum lat_status lat_recommenders_new(struct lat_store *store,
                                     struct lat_recommenders **out_recommenders,
                                     struct lat_error *err)
{
    struct lat_recommenders *r = lat_alloc(1, sizeof(*r));
    if (!r)
        return lat_fail_memory(err);
    const enum lat_status status =
        lat_served_new(LAT_SERVED_KEPT, LAT_SERVED_ITEMS, &r->served, err);
    if (status != LAT_OK) {
        lat_free(r);
        return status;
    }
    r->store = store;
    atomic_init(&r->stop, false);
    atomic_init(&r->in_vain, false);
    lat_mutex_init(&r->mutex, LAT_RANK_QUEUE, "recommenders");
    lat_cond_init(&r->wake);
    *out_recommenders = r;
    return LAT_OK;
}

void lat_recommenders_free(struct lat_recommenders *r)
{
    if (!r)
        return;
    atomic_store(&r->stop, true);
    lat_mutex_lock(&r->mutex);
    atomic_store(&r->in_vain, true);
    lat_cond_broadcast(&r->wake);
    lat_mutex_unlock(&r->mutex);
    for (int i = 0; i < N_THREADS; i++)
        if (r->started[i])
            pthread_join(r->threads[i], NULL);
    for (size_t i = 0; i < COLD_SLOTS; i++)
        lat_cold_unref(r->colds[i].cold);
    for (size_t i = 0; i < RETRIEVAL_SLOTS; i++) {
        lat_retrieval_free(r->retrievals[i].retrieval);
        if (r->retrievals[i].model)
            lat_model_release(r->retrievals[i].model);
    }
    lat_served_free(r->served);
    lat_cond_release(&r->wake);
    lat_mutex_release(&r->mutex);
    lat_free(r);
}

struct lat_served *lat_recommenders_served(const struct lat_recommenders *r)
{
    return r->served;
}

/* Under the lock. A thread that cannot be started is tried again next time. */
static void wake(struct lat_recommenders *r, int which, void *(*run)(void *))
{
    if (!r->started[which])
        r->started[which] =
            lat_thread_start(&r->threads[which], which == COLD_THREAD ? "cold" : "retrieval",
                             run, r, NULL) == LAT_OK;
    lat_cond_broadcast(&r->wake);
}

/* ---- cold items ---- */

static struct cold_slot *find_wanted_cold(struct lat_recommenders *r)
{
    for (size_t i = 0; i < COLD_SLOTS; i++)
        if (r->colds[i].cold && r->colds[i].wanted)
            return &r->colds[i];
    return NULL;
}

/* A portion of the work of a slot; whether there is more. */
static bool work_on_cold(struct lat_recommenders *r, struct lat_cold *cold,
                         const char *collection)
{
    struct lat_collection_info info;
    struct lat_error err = LAT_ERROR_INIT;
    bool more = false;
    if (lat_store_describe(r->store, collection, &info, NULL) != LAT_OK)
        return false;
    if (lat_cold_catch_up(cold, r->store, &info, PLACED_AT_ONCE, true, &more, &err) == LAT_OK)
        return more;
    lat_log_error("items unknown to a model", &err);
    return false;
}

static void *run_cold(void *argument)
{
    struct lat_recommenders *r = argument;
    lat_urgency_set(LAT_BACKGROUND);
    lat_mutex_lock(&r->mutex);
    while (!atomic_load(&r->stop)) {
        struct cold_slot *slot = find_wanted_cold(r);
        if (!slot) {
            lat_cond_wait(&r->wake, &r->mutex);
            continue;
        }
        struct lat_cold *cold = lat_cold_ref(slot->cold);
        char collection[LAT_COLLECTION_NAME_MAX];
        memcpy(collection, slot->info.spec.name, sizeof(collection));
        slot->wanted = false;
        lat_mutex_unlock(&r->mutex);
        const bool more = work_on_cold(r, cold, collection);
        lat_mutex_lock(&r->mutex);
        if (slot->cold == cold)
            slot->wanted |= more;
        lat_mutex_unlock(&r->mutex);
        lat_cold_unref(cold);
        lat_mutex_lock(&r->mutex);
    }
    lat_mutex_unlock(&r->mutex);
    return NULL;
}

/* The slot of that collection, else a free one, else the one unused for longest. */
static struct cold_slot *cold_slot_for(struct lat_recommenders *r, const char *collection)
{
    struct cold_slot *best = &r->colds[0];
    for (size_t i = 0; i < COLD_SLOTS; i++) {
        struct cold_slot *slot = &r->colds[i];
        if (slot->cold && strcmp(slot->info.spec.name, collection) == 0)
            return slot;
        if (best->cold && (!slot->cold || slot->used < best->used))
            best = slot;
    }
    return best;
}

/* A reference to the one there is, or to a new one put in its place. */
static struct lat_cold *find_or_make(struct lat_recommenders *r, struct lat_model *model,
                                     const struct lat_collection_info *info,
                                     struct lat_error *err)
{
    struct lat_cold *cold = NULL, *old = NULL, *fresh = NULL;
    for (int round = 0; round < 2 && !cold; round++) {
        if (round && lat_cold_new(model, info, &fresh, err) != LAT_OK)
            return NULL;
        lat_mutex_lock(&r->mutex);
        struct cold_slot *slot = cold_slot_for(r, info->spec.name);
        slot->used = ++r->uses;
        if (slot->cold && lat_cold_is_of(slot->cold, model, info)) {
            cold = lat_cold_ref(slot->cold);
        } else if (fresh) {
            old = slot->cold;
            slot->cold = lat_cold_ref(fresh);
            cold = lat_cold_ref(fresh);
            slot->info = *info;
            slot->wanted = false;
        }
        lat_mutex_unlock(&r->mutex);
    }
    lat_cold_unref(fresh);
    lat_cold_unref(old);
    return cold;
}

struct lat_cold *lat_recommenders_cold(struct lat_recommenders *r, struct lat_model *model,
                                       const struct lat_collection_info *info)
{
    struct lat_error err = LAT_ERROR_INIT;
    bool more = false;
    if (!info->spec.dimension || !info->items)
        return NULL;
    struct lat_cold *cold = find_or_make(r, model, info, &err);
    if (cold)
        more = lat_cold_catch_up(cold, r->store, info, PLACED_BRIEFLY, false, &more, &err) ==
                   LAT_OK &&
               more;
    if (err.status != LAT_OK)
        lat_log_error("items unknown to a model", &err);
    if (more) {
        lat_mutex_lock(&r->mutex);
        struct cold_slot *slot = cold_slot_for(r, info->spec.name);
        if (slot->cold == cold && !slot->wanted) {
            slot->wanted = true;
            wake(r, COLD_THREAD, run_cold);
        }
        lat_mutex_unlock(&r->mutex);
    }
    return cold;
}

/* ---- indexes over items ---- */

/* What is let go of once the lock is given back. */
struct thrown_out {
    struct lat_retrieval *retrieval;
    struct lat_model *model;
};

static void throw_out(const struct thrown_out *thrown)
{
    lat_retrieval_free(thrown->retrieval);
    if (thrown->model)
        lat_model_release(thrown->model);
}

/* Under the lock: empties a slot nobody uses. */
static struct thrown_out empty(struct retrieval_slot *slot)
{
    const struct thrown_out thrown = {slot->retrieval, slot->model};
    *slot = (struct retrieval_slot){0};
    return thrown;
}

static struct retrieval_slot *find_wanted_retrieval(struct lat_recommenders *r)
{
    for (size_t i = 0; i < RETRIEVAL_SLOTS; i++)
        if (r->retrievals[i].model && r->retrievals[i].wanted)
            return &r->retrievals[i];
    return NULL;
}

static void *run_retrieval(void *argument)
{
    struct lat_recommenders *r = argument;
    lat_urgency_set(LAT_BACKGROUND);
    lat_mutex_lock(&r->mutex);
    while (!atomic_load(&r->stop)) {
        struct retrieval_slot *slot = find_wanted_retrieval(r);
        if (!slot) {
            lat_cond_wait(&r->wake, &r->mutex);
            continue;
        }
        struct lat_retrieval *retrieval = NULL;
        struct thrown_out thrown = {0};
        struct lat_error err = LAT_ERROR_INIT;
        slot->wanted = false;
        slot->building = true; /* nobody else touches the slot's model now */
        atomic_store(&r->in_vain, false);
        lat_mutex_unlock(&r->mutex);
        const enum lat_status status =
            lat_retrieval_build(slot->model, &r->in_vain, &retrieval, &err);
        if (status != LAT_OK && status != LAT_CANCELLED)
            lat_log_error("items not indexed", &err);
        lat_mutex_lock(&r->mutex);
        slot->retrieval = retrieval;
        slot->hopeless = !retrieval;
        slot->building = false;
        if (slot->gone)
            thrown = empty(slot);
        lat_mutex_unlock(&r->mutex);
        throw_out(&thrown);
        lat_mutex_lock(&r->mutex);
    }
    lat_mutex_unlock(&r->mutex);
    return NULL;
}

/* The model's slot, else one that can be given to it, else NULL. */
static struct retrieval_slot *retrieval_slot_for(struct lat_recommenders *r,
                                                 const struct lat_model *model)
{
    struct retrieval_slot *best = NULL;
    for (size_t i = 0; i < RETRIEVAL_SLOTS; i++) {
        struct retrieval_slot *slot = &r->retrievals[i];
        if (slot->model == model && !slot->gone)
            return slot;
        if (slot->building || slot->users)
            continue;
        if (!best || (best->model && (!slot->model || slot->used < best->used)))
            best = slot;
    }
    return best;
}

struct lat_retrieval *lat_recommenders_retrieval(struct lat_recommenders *r,
                                                 struct lat_model *model)
{
    struct lat_retrieval *retrieval = NULL;
    struct thrown_out thrown = {0};
    if (lat_model_n_items(model) < LAT_RETRIEVAL_LEAST)
        return NULL;
    lat_mutex_lock(&r->mutex);
    struct retrieval_slot *slot = retrieval_slot_for(r, model);
    if (slot && slot->model != model) {
        thrown = empty(slot);
        slot->model = lat_model_reuse(model);
        slot->wanted = true;
        wake(r, RETRIEVAL_THREAD, run_retrieval);
    }
    if (slot) {
        slot->used = ++r->uses;
        retrieval = slot->retrieval;
        slot->users += retrieval != NULL;
    }
    lat_mutex_unlock(&r->mutex);
    throw_out(&thrown);
    return retrieval;
}

void lat_recommenders_give_back(struct lat_recommenders *r, struct lat_retrieval *retrieval)
{
    struct thrown_out thrown = {0};
    if (!retrieval)
        return;
    lat_mutex_lock(&r->mutex);
    for (size_t i = 0; i < RETRIEVAL_SLOTS; i++) {
        struct retrieval_slot *slot = &r->retrievals[i];
        if (slot->retrieval == retrieval && --slot->users == 0 && slot->gone)
            thrown = empty(slot);
    }
    lat_mutex_unlock(&r->mutex);
    throw_out(&thrown);
}

/* ---- forgetting ---- */

static bool is_named(const struct lat_model *model, const char *reference)
{
    const char *own = lat_model_reference(model);
    const size_t len = strlen(reference);
    return strncmp(own, reference, len) == 0 && (own[len] == '\0' || own[len] == '@');
}

/* One slot at a time, so that what it held is let go of without the lock. */
static bool forget_one(struct lat_recommenders *r, const char *reference)
{
    struct thrown_out thrown = {0};
    struct lat_cold *cold = NULL;
    bool found = false;
    lat_mutex_lock(&r->mutex);
    for (size_t i = 0; i < COLD_SLOTS && !found; i++) {
        struct cold_slot *slot = &r->colds[i];
        found = slot->cold && is_named(lat_cold_model(slot->cold), reference);
        if (found) {
            cold = slot->cold;
            *slot = (struct cold_slot){0};
        }
    }
    for (size_t i = 0; i < RETRIEVAL_SLOTS && !found; i++) {
        struct retrieval_slot *slot = &r->retrievals[i];
        found = slot->model && !slot->gone && is_named(slot->model, reference);
        if (found && (slot->users || slot->building))
            slot->gone = true;
        else if (found)
            thrown = empty(slot);
        if (found && slot->building)
            atomic_store(&r->in_vain, true);
    }
    lat_mutex_unlock(&r->mutex);
    lat_cold_unref(cold);
    throw_out(&thrown);
    return found;
}

void lat_recommenders_forget(struct lat_recommenders *r, const char *reference)
{
    while (forget_one(r, reference))
        continue;
}
