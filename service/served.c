/* A ring of entries by serial number; the number and a check make up the id, so that finding
 * one is arithmetic and guessing one is hopeless. One lock around all of it, held for copying a
 * page at most. */
#include "service/served.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

const char *const lat_feedback_names[4] = {"hit", "negative", "other", "expired"};

struct entry {
    uint64_t whose;
    const char *source;
    uint64_t *items; /* [n] */
    size_t n;
    bool hit;
};

struct lat_served {
    struct lat_mutex mutex;
    uint64_t seed, secret;
    struct entry *entries; /* [n_kept], serial % n_kept */
    size_t n_kept;
    uint64_t oldest, next; /* serials: [oldest, next) are there */
    size_t n_items, most_items;
};

enum lat_status lat_served_new(size_t n_kept, size_t n_items, struct lat_served **out_served,
                               struct lat_error *err)
{
    uint64_t random[3];
    struct lat_served *served = lat_alloc(1, sizeof(*served));
    struct entry *entries = lat_alloc(n_kept, sizeof(*entries));
    if (!served || !entries) {
        lat_free(served);
        lat_free(entries);
        return lat_fail_memory(err);
    }
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        lat_free(served);
        lat_free(entries);
        return lat_fail(err, LAT_IO, NULL, "no random numbers to be had");
    }
    *served = (struct lat_served){.seed = random[0],
                                  .secret = random[1],
                                  .entries = entries,
                                  .n_kept = n_kept,
                                  .oldest = random[2] >> 2,
                                  .next = random[2] >> 2,
                                  .most_items = n_items};
    lat_mutex_init(&served->mutex, LAT_RANK_LEAF, "served");
    *out_served = served;
    return LAT_OK;
}

void lat_served_free(struct lat_served *served)
{
    if (!served)
        return;
    for (size_t i = 0; i < served->n_kept; i++)
        lat_free(served->entries[i].items);
    lat_free(served->entries);
    lat_mutex_release(&served->mutex);
    lat_free(served);
}

uint64_t lat_served_hash(const struct lat_served *served, const char *item)
{
    return lat_hash_bytes(served->seed, item, strlen(item));
}

uint64_t lat_served_whose(const struct lat_served *served, const char *collection,
                          const char *user)
{
    const uint64_t h = lat_hash_bytes(served->seed, collection, strlen(collection));
    return lat_hash_bytes(h, user, strlen(user));
}

/* ---- ids ---- */

static uint64_t check_of(const struct lat_served *served, uint64_t serial)
{
    return lat_hash_bytes(served->secret, &serial, sizeof(serial));
}

static bool read_hex(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        const char c = text[i];
        const bool digit = c >= '0' && c <= '9';
        if (!digit && !(c >= 'a' && c <= 'f'))
            return false;
        value = value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *out = value;
    return true;
}

/* Under the lock; NULL when it is not there. */
static struct entry *find(struct lat_served *served, const char *id)
{
    uint64_t serial, check;
    if (strlen(id) != LAT_SERVED_ID_SIZE - 1 || !read_hex(id, &serial) ||
        !read_hex(id + 16, &check) || check != check_of(served, serial) ||
        serial < served->oldest || serial >= served->next)
        return NULL;
    return &served->entries[serial % served->n_kept];
}

/* ---- entries ---- */

static void set_items(struct lat_served *served, struct entry *entry, uint64_t *items, size_t n)
{
    served->n_items = served->n_items - entry->n + n;
    lat_free(entry->items);
    entry->items = items;
    entry->n = n;
}

static void forget_oldest(struct lat_served *served)
{
    set_items(served, &served->entries[served->oldest % served->n_kept], NULL, 0);
    served->oldest++;
}

static uint64_t *copy(const uint64_t *first, size_t n_first, const uint64_t *second,
                      size_t n_second)
{
    uint64_t *items = lat_alloc_raw(n_first + n_second, sizeof(*items));
    if (items && n_first)
        memcpy(items, first, n_first * sizeof(*items));
    if (items && n_second)
        memcpy(items + n_first, second, n_second * sizeof(*items));
    return items;
}

/* Leaves at least the newest, whatever its length. */
static void make_room(struct lat_served *served)
{
    while (served->n_items > served->most_items && served->oldest + 1 < served->next)
        forget_oldest(served);
}

void lat_served_begin(struct lat_served *served, uint64_t whose, const char *source,
                      const uint64_t *items, size_t n, char out_id[LAT_SERVED_ID_SIZE])
{
    uint64_t *own = copy(NULL, 0, items, n);
    lat_mutex_lock(&served->mutex);
    if (served->next - served->oldest == served->n_kept)
        forget_oldest(served);
    const uint64_t serial = served->next++;
    struct entry *entry = &served->entries[serial % served->n_kept];
    *entry = (struct entry){.whose = own ? whose : ~whose, .source = source};
    set_items(served, entry, own, own ? n : 0);
    make_room(served);
    lat_mutex_unlock(&served->mutex);
    snprintf(out_id, LAT_SERVED_ID_SIZE, "%016llx%016llx", (unsigned long long)serial,
             (unsigned long long)check_of(served, serial));
}

enum lat_status lat_served_read(struct lat_served *served, const char *id, uint64_t whose,
                                size_t after, uint64_t *out_items, struct lat_error *err)
{
    lat_mutex_lock(&served->mutex);
    const struct entry *entry = find(served, id);
    const bool there = entry && entry->whose == whose && after <= entry->n;
    if (there && after)
        memcpy(out_items, entry->items, after * sizeof(*out_items));
    lat_mutex_unlock(&served->mutex);
    return there ? LAT_OK
                 : lat_fail(err, LAT_NOT_FOUND, "recommendation_expired",
                            "this recommendation is not remembered any more: ask for a new "
                            "one");
}

void lat_served_page(struct lat_served *served, const char *id, size_t after,
                     const uint64_t *items, size_t n)
{
    lat_mutex_lock(&served->mutex);
    struct entry *entry = find(served, id);
    const bool same = entry && after + n <= entry->n &&
                      (!n || !memcmp(entry->items + after, items, n * sizeof(*items)));
    if (entry && !same && after <= entry->n) {
        uint64_t *own = copy(entry->items, after, items, n);
        if (own)
            set_items(served, entry, own, after + n);
        make_room(served);
    }
    lat_mutex_unlock(&served->mutex);
}

enum lat_feedback lat_served_feedback(struct lat_served *served, const char *id, uint64_t whose,
                                      const char *item, bool negative, const char **out_source)
{
    const uint64_t hash = lat_served_hash(served, item);
    enum lat_feedback feedback = LAT_FEEDBACK_EXPIRED;
    *out_source = NULL;
    lat_mutex_lock(&served->mutex);
    struct entry *entry = find(served, id);
    if (entry && entry->whose == whose) {
        bool in_it = false;
        for (size_t i = 0; i < entry->n && !in_it; i++)
            in_it = entry->items[i] == hash;
        feedback = !in_it     ? LAT_FEEDBACK_OTHER
                   : negative ? LAT_FEEDBACK_NEGATIVE
                              : LAT_FEEDBACK_HIT;
    }
    if (feedback == LAT_FEEDBACK_HIT && !entry->hit) {
        entry->hit = true;
        *out_source = entry->source;
    }
    lat_mutex_unlock(&served->mutex);
    return feedback;
}
