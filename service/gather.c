/* A row waits in the thread's list until it is run or dropped; a node that has its code is in
 * no list any more. */
#include "service/gather.h"

#include <string.h>

#include "base/mem.h"
#include "model/registry.h"

#include "base/banned.h"

enum { ROWS_MAX = 32 };

struct lat_gathered {
    struct lat_gathered *next;
    struct lat_gathering *of; /* NULL once it has its code */
    struct lat_model *model;  /* one reference */
    const float *row;
    float *code; /* [code_dimension] */
};

static void unlink_node(struct lat_gathered *node)
{
    struct lat_gathered **at = &node->of->first;
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->of->n--;
    node->of = NULL;
}

enum lat_status lat_gather_add(struct lat_call *call, struct lat_model *model, const float *row,
                               struct lat_error *err)
{
    const size_t d = lat_model_manifest(model)->code_dimension;
    struct lat_gathering *gathering = call->gathering;
    struct lat_gathered *node = lat_arena_alloc(&call->arena, 1, sizeof(*node));
    float *code = lat_arena_alloc_raw(&call->arena, d, sizeof(float));
    if (!node || !code)
        return lat_fail_memory(err);
    *node = (struct lat_gathered){.next = gathering->first,
                                  .of = gathering,
                                  .model = lat_model_reuse(model),
                                  .row = row,
                                  .code = code};
    gathering->first = node;
    gathering->n++;
    call->gathered = node;
    return LAT_OK;
}

bool lat_gather_is_of(const struct lat_call *call, const struct lat_model *model)
{
    return call->gathered && call->gathered->model == model;
}

/* `node` and up to ROWS_MAX - 1 others of its model. */
static size_t choose(struct lat_gathered *node, struct lat_gathered **chosen)
{
    size_t n = 0;
    chosen[n++] = node;
    for (struct lat_gathered *other = node->of->first; other && n < ROWS_MAX;
         other = other->next)
        if (other != node && other->model == node->model)
            chosen[n++] = other;
    return n;
}

static enum lat_status run(struct lat_call *call, struct lat_batcher *batcher,
                           struct lat_error *err)
{
    struct lat_gathered *chosen[ROWS_MAX];
    struct lat_model *model = call->gathered->model;
    const size_t n = choose(call->gathered, chosen);
    const size_t elements = lat_input_elements(&lat_model_manifest(model)->input),
                 d = lat_model_manifest(model)->code_dimension;
    if (n == 1) {
        unlink_node(chosen[0]);
        return lat_batcher_encode(batcher, model, chosen[0]->row, 1, chosen[0]->code, NULL,
                                  call, err);
    }
    float *rows = lat_arena_alloc_raw(&call->arena, n * elements, sizeof(float));
    float *codes = lat_arena_alloc_raw(&call->arena, n * d, sizeof(float));
    if (!rows || !codes)
        return lat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        memcpy(rows + i * elements, chosen[i]->row, elements * sizeof(float));
    const enum lat_status status =
        lat_batcher_encode(batcher, model, rows, n, codes, NULL, call, err);
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        memcpy(chosen[i]->code, codes + i * d, d * sizeof(float));
        unlink_node(chosen[i]);
    }
    return status;
}

enum lat_status lat_gather_take(struct lat_call *call, struct lat_batcher *batcher,
                                float *out_code, struct lat_error *err)
{
    const struct lat_gathered *node = call->gathered;
    const enum lat_status status = node->of ? run(call, batcher, err) : LAT_OK;
    if (status == LAT_OK)
        memcpy(out_code, node->code,
               lat_model_manifest(node->model)->code_dimension * sizeof(float));
    lat_gather_drop(call);
    return status;
}

void lat_gather_drop(struct lat_call *call)
{
    struct lat_gathered *node = call->gathered;
    if (!node)
        return;
    if (node->of)
        unlink_node(node);
    lat_model_release(node->model);
    call->gathered = NULL;
}
