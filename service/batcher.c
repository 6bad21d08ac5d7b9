/* Waiting calls of one model in one queue; `free_slots` bounds the runs under way.
 *
 * Invariants, all under the one mutex:
 *  - a ticket is in the queue of its model and kind until a leader takes it or its caller
 *    gives up;
 *  - whenever a slot is free, no ticket waits, except one that has just been told to lead;
 *  - who leads holds a slot from the moment it is told so until its run has ended.
 * The mutex is never held while the engine runs. A leader reads the rows of the tickets it took
 * and writes their results while their callers wait on their own condition. */
#include "service/batcher.h"

#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"
#include "base/sync.h"

#include "base/banned.h"

enum ticket_state { TICKET_WAITING, TICKET_LEADS, TICKET_TAKEN, TICKET_DONE };

struct ticket {
    struct ticket *next; /* in the batcher's queue, or in the leader's batch */
    struct lat_model *model;
    bool decodes;
    const float *in;
    size_t n;
    float *out, *out_variances; /* the second may be NULL, as it is of decodes */
    enum ticket_state state;
    enum lat_status status;
    struct lat_error error;
    struct lat_cond changed;
};

struct lat_batcher {
    struct lat_mutex mutex;
    struct ticket *first, **last; /* all waiting calls, oldest first */
    atomic_uint free_slots;       /* written under the mutex, as is: */
    atomic_uint waiting_runs;     /* tickets in the queue that have a model */
    bool went_ahead;              /* the slot passed last went to a run before its turn */
    size_t max_batch;
};

enum lat_status lat_batcher_new(unsigned slots, size_t max_batch,
                                struct lat_batcher **out_batcher, struct lat_error *err)
{
    struct lat_batcher *batcher = lat_alloc(1, sizeof(*batcher));
    if (!batcher)
        return lat_fail_memory(err);
    lat_mutex_init(&batcher->mutex, LAT_RANK_MODEL, "batcher");
    batcher->last = &batcher->first;
    batcher->free_slots = slots ? slots : 1;
    batcher->max_batch = max_batch ? max_batch : 1;
    *out_batcher = batcher;
    return LAT_OK;
}

void lat_batcher_free(struct lat_batcher *batcher)
{
    if (!batcher)
        return;
    lat_mutex_release(&batcher->mutex);
    lat_free(batcher);
}

bool lat_batcher_has_slot(struct lat_batcher *batcher)
{
    return atomic_load_explicit(&batcher->free_slots, memory_order_relaxed) > 0;
}

bool lat_batcher_is_wanted(struct lat_batcher *batcher)
{
    return atomic_load_explicit(&batcher->waiting_runs, memory_order_relaxed) > 0;
}

static size_t width_in(const struct ticket *ticket)
{
    const struct lat_manifest *manifest = lat_model_manifest(ticket->model);
    return ticket->decodes ? manifest->code_dimension : lat_input_elements(&manifest->input);
}

static size_t width_out(const struct ticket *ticket)
{
    const struct lat_manifest *manifest = lat_model_manifest(ticket->model);
    return ticket->decodes ? lat_input_elements(&manifest->input) : manifest->code_dimension;
}

static enum lat_status run_rows(struct lat_model *model, bool decodes, const float *in,
                                size_t n, float *out, float *variances, struct lat_error *err)
{
    return decodes ? lat_model_decode(model, in, n, out, err)
                   : lat_model_encode(model, in, n, out, variances, err);
}

/* One call alone, in parts of max_batch rows, straight from and into the caller's memory. */
static enum lat_status run_alone(const struct lat_batcher *batcher, struct ticket *ticket)
{
    const size_t in = width_in(ticket), out = width_out(ticket);
    enum lat_status status = LAT_OK;
    for (size_t done = 0; status == LAT_OK && done < ticket->n;) {
        const size_t left = ticket->n - done;
        const size_t n = left < batcher->max_batch ? left : batcher->max_batch;
        float *variances = ticket->out_variances ? ticket->out_variances + done * out : NULL;
        status = run_rows(ticket->model, ticket->decodes, ticket->in + done * in, n,
                          ticket->out + done * out, variances, &ticket->error);
        done += n;
    }
    return status;
}

/* Rows of all tickets side by side, one run, results back to their callers. */
static enum lat_status run_joined(struct ticket *batch, size_t n, struct lat_error *err)
{
    const size_t in = width_in(batch), out = width_out(batch);
    float *rows = lat_alloc_raw(n * in, sizeof(float));
    float *results = lat_alloc_raw(n * out, sizeof(float));
    float *variances = batch->out_variances ? lat_alloc_raw(n * out, sizeof(float)) : NULL;
    enum lat_status status = LAT_OK;
    if (!rows || !results || (batch->out_variances && !variances))
        status = lat_fail_memory(err);
    size_t at = 0;
    for (const struct ticket *t = batch; status == LAT_OK && t; at += t->n, t = t->next)
        memcpy(rows + at * in, t->in, t->n * in * sizeof(float));
    if (status == LAT_OK)
        status = run_rows(batch->model, batch->decodes, rows, n, results, variances, err);
    at = 0;
    for (struct ticket *t = batch; status == LAT_OK && t; at += t->n, t = t->next) {
        memcpy(t->out, results + at * out, t->n * out * sizeof(float));
        if (variances)
            memcpy(t->out_variances, variances + at * out, t->n * out * sizeof(float));
    }
    lat_free(rows);
    lat_free(results);
    lat_free(variances);
    return status;
}

static bool joins(const struct ticket *leader, const struct ticket *other)
{
    return other->state == TICKET_WAITING && other->model == leader->model &&
           other->decodes == leader->decodes && !other->out_variances == !leader->out_variances;
}

static void unlink_ticket(struct lat_batcher *batcher, struct ticket *ticket)
{
    struct ticket **at = &batcher->first;
    while (*at != ticket)
        at = &(*at)->next;
    *at = ticket->next;
    if (batcher->last == &ticket->next)
        batcher->last = at;
    ticket->next = NULL;
    batcher->waiting_runs -= ticket->model != NULL;
}

/* Takes what waits for the leader's model off the queue, up to max_batch rows; *out_n their
 * sum. */
static void take_batch(struct lat_batcher *batcher, struct ticket *leader, size_t *out_n)
{
    struct ticket **at = &batcher->first, **tail = &leader->next;
    size_t n = leader->n;
    while (*at) {
        struct ticket *ticket = *at;
        if (!joins(leader, ticket) || ticket->n > batcher->max_batch - n) {
            at = &ticket->next;
        } else {
            unlink_ticket(batcher, ticket);
            ticket->state = TICKET_TAKEN;
            n += ticket->n;
            *tail = ticket;
            tail = &ticket->next;
        }
        if (n >= batcher->max_batch)
            break;
    }
    *out_n = n;
}

/* Who waits longest. A run goes ahead of those who wait to hold a slot, which takes longer, but
 * not twice in a row. */
static struct ticket *whose_turn(struct lat_batcher *batcher)
{
    struct ticket *next = batcher->first;
    const bool ahead =
        next && !next->model && batcher->waiting_runs > 0 && !batcher->went_ahead;
    while (ahead && !next->model)
        next = next->next;
    batcher->went_ahead = ahead;
    return next;
}

/* The slot goes to the next call, or becomes free. */
static void pass_slot(struct lat_batcher *batcher)
{
    struct ticket *next = whose_turn(batcher);
    if (!next) {
        batcher->free_slots++;
        return;
    }
    unlink_ticket(batcher, next);
    next->state = TICKET_LEADS;
    lat_cond_signal(&next->changed);
}

/* With the mutex held and a slot in hand: runs the batch, wakes the followers, passes the slot
 * on. */
static void lead(struct lat_batcher *batcher, struct ticket *leader)
{
    size_t n = leader->n;
    if (n < batcher->max_batch)
        take_batch(batcher, leader, &n);
    lat_mutex_unlock(&batcher->mutex);
    leader->status =
        leader->next ? run_joined(leader, n, &leader->error) : run_alone(batcher, leader);
    lat_mutex_lock(&batcher->mutex);
    for (struct ticket *t = leader->next; t;) {
        struct ticket *next = t->next; /* t may be gone once it is done */
        t->status = leader->status;
        t->error = leader->error;
        t->state = TICKET_DONE;
        lat_cond_signal(&t->changed);
        t = next;
    }
    leader->next = NULL;
    leader->state = TICKET_DONE;
    pass_slot(batcher);
}

static void enqueue(struct lat_batcher *batcher, struct ticket *ticket)
{
    *batcher->last = ticket;
    batcher->last = &ticket->next;
    batcher->waiting_runs += ticket->model != NULL;
}

/* Waits until told to lead or served; false when the deadline passed first. */
static bool wait_turn(struct lat_batcher *batcher, struct ticket *ticket, uint64_t deadline_ns)
{
    enqueue(batcher, ticket);
    while (ticket->state == TICKET_WAITING || ticket->state == TICKET_TAKEN) {
        if (!deadline_ns || ticket->state == TICKET_TAKEN) {
            lat_cond_wait(&ticket->changed, &batcher->mutex);
        } else if (!lat_cond_wait_until(&ticket->changed, &batcher->mutex, deadline_ns) &&
                   ticket->state == TICKET_WAITING) {
            unlink_ticket(batcher, ticket);
            return false;
        }
    }
    return true;
}

static enum lat_status submit(struct lat_batcher *batcher, struct ticket *ticket,
                              struct lat_call *call, struct lat_error *err)
{
    if (ticket->n == 0)
        return LAT_OK;
    ticket->error = (struct lat_error)LAT_ERROR_INIT;
    lat_cond_init(&ticket->changed);
    const uint64_t begin = lat_clock_ns();
    uint64_t turn = begin;
    lat_mutex_lock(&batcher->mutex);
    if (batcher->free_slots > 0) {
        batcher->free_slots--;
        ticket->state = TICKET_LEADS;
    } else if (call && lat_call_must_be_brief(call)) {
        call->defer = true;
        ticket->state = TICKET_DONE;
        ticket->status =
            lat_fail(&ticket->error, LAT_BUSY, NULL, "no run of the engine is free");
    } else if (!wait_turn(batcher, ticket, call ? call->deadline_ns : 0)) {
        ticket->state = TICKET_DONE;
        ticket->status = lat_fail(&ticket->error, LAT_UNAVAILABLE, "deadline_exceeded",
                                  "the model's queue did not clear before the deadline");
    }
    if (ticket->state == TICKET_LEADS) {
        turn = lat_clock_ns();
        lead(batcher, ticket);
    }
    lat_mutex_unlock(&batcher->mutex);
    lat_cond_release(&ticket->changed);
    if (call) {
        call->timing_ns[LAT_TIMING_QUEUE] += turn - begin;
        call->timing_ns[LAT_TIMING_INFER] += lat_clock_ns() - turn;
    }
    if (ticket->status != LAT_OK && err && err->status == LAT_OK)
        *err = ticket->error;
    return ticket->status;
}

enum lat_status lat_batcher_encode(struct lat_batcher *batcher, struct lat_model *model,
                                   const float *rows, size_t n, float *out_codes,
                                   float *out_variances, struct lat_call *call,
                                   struct lat_error *err)
{
    struct ticket ticket = {
        .model = model, .in = rows, .n = n, .out = out_codes, .out_variances = out_variances};
    return submit(batcher, &ticket, call, err);
}

enum lat_status lat_batcher_decode(struct lat_batcher *batcher, struct lat_model *model,
                                   const float *codes, size_t n, float *out_rows,
                                   struct lat_call *call, struct lat_error *err)
{
    struct ticket ticket = {
        .model = model, .decodes = true, .in = codes, .n = n, .out = out_rows};
    return submit(batcher, &ticket, call, err);
}

/* A ticket of no model: nobody joins it, and its caller is told to lead. */
enum lat_status lat_batcher_hold(struct lat_batcher *batcher, struct lat_call *call,
                                 struct lat_error *err)
{
    struct ticket ticket = {0};
    const uint64_t begin = lat_clock_ns();
    enum lat_status status = LAT_OK;
    lat_cond_init(&ticket.changed);
    lat_mutex_lock(&batcher->mutex);
    if (batcher->free_slots > 0)
        batcher->free_slots--;
    else if (!wait_turn(batcher, &ticket, call ? call->deadline_ns : 0))
        status = lat_fail(err, LAT_UNAVAILABLE, "deadline_exceeded",
                          "the engine's queue did not clear before the deadline");
    lat_mutex_unlock(&batcher->mutex);
    lat_cond_release(&ticket.changed);
    if (call)
        call->timing_ns[LAT_TIMING_QUEUE] += lat_clock_ns() - begin;
    return status;
}

void lat_batcher_let_go(struct lat_batcher *batcher)
{
    lat_mutex_lock(&batcher->mutex);
    pass_slot(batcher);
    lat_mutex_unlock(&batcher->mutex);
}
