/* POST …/import: items as lines, any number of them, stored block by block while they come in.
 *
 * The reply, a result a line in order, can only be sent after the upload has ended, so it goes
 * to a spool. The memory of a block is an arena of its own, put in the place of the call's
 * while the block is worked on: an import of any length takes the memory of one block.
 *
 * Lines count in their order: one whose id came before replaces what that one stored.
 *
 * What concerns one line (bad JSON, a bad item) is that line's result and costs the others
 * nothing. What concerns all of them (no collection, no space, the model gone) ends the import
 * with a problem before any result was sent. */
#include "api/handlers.h"
#include "api/items_batch.h"
#include "api/lines.h"
#include "api/problem.h"
#include "api/reply.h"
#include "base/mem.h"
#include "base/text_set.h"

#include "base/banned.h"

enum {
    BLOCK_LINES = 256,
    BLOCK_BYTES = 8 << 20, /* a block ends with the line that goes past this */
    READ_AT_ONCE = 64 << 10,
    SPOOL_MEMORY = 1 << 20 /* results beyond this go to a file */
};

struct import {
    struct lat_call *call;
    const char *name;
    struct lat_spool *spool;
    struct lat_lines body;
    struct lat_buf output; /* results of the block */
    struct lat_line lines[BLOCK_LINES];
    size_t n_lines;
    uint64_t index;          /* of the block's first line */
    struct lat_text_set ids; /* of the lines that are stored together */
};

/* ---- one block ---- */

struct block {
    struct lat_ingest_item items[BLOCK_LINES];
    struct lat_ingest_result stored[BLOCK_LINES];
    struct lat_batch_result results[BLOCK_LINES];
    struct lat_json json[BLOCK_LINES];
};

static enum lat_status refuse(struct lat_arena *arena, struct lat_ingest_item *item,
                              const struct lat_error *failure, struct lat_error *err)
{
    struct lat_error *copy = lat_arena_alloc_raw(arena, 1, sizeof(*copy));
    if (!copy)
        return lat_fail_memory(err);
    *copy = *failure;
    item->refused = copy;
    return LAT_OK;
}

static enum lat_status read_line(struct import *import, struct block *block, size_t i,
                                 struct lat_error *err)
{
    struct lat_call *call = import->call;
    const struct lat_line *line = &import->lines[i];
    struct lat_ingest_item *item = &block->items[i];
    struct lat_error failure = LAT_ERROR_INIT;
    struct lat_object root;
    *item = (struct lat_ingest_item){.hidden = -1};
    if (line->too_long) {
        (void)lat_lines_refuse(&import->body, &failure);
    } else if (lat_json_parse(&block->json[i], &call->arena,
                              import->body.text.data + line->offset, line->len,
                              (size_t)call->app->config.max_depth, &failure) == LAT_OK) {
        lat_json_root(&block->json[i], &root);
        lat_object_encoding(&root);
        lat_object_item(&root, LAT_READ_ID | LAT_READ_BOTH, item);
        block->results[i].id = item->id;
        lat_json_begin(&block->json[i], NULL);
    }
    if (failure.status == LAT_NO_MEMORY)
        return lat_fail_memory(err);
    return failure.status == LAT_OK ? LAT_OK : refuse(&call->arena, item, &failure, err);
}

/* How many lines from `from` on can be stored together: up to one whose id is among them. */
static enum lat_status find_run(struct import *import, const struct block *block, size_t from,
                                size_t *out_n, struct lat_error *err)
{
    size_t i = from, first;
    lat_text_set_clear(&import->ids);
    for (; i < import->n_lines; i++) {
        const char *id = block->items[i].id;
        if (!id || block->items[i].refused)
            continue;
        if (!lat_text_set_add(&import->ids, id, i, &first))
            return lat_fail_memory(err);
        if (first != i)
            break;
    }
    *out_n = i - from;
    return LAT_OK;
}

/* Stores what was read: all at once, unless an id comes again; then the lines before it first,
 * so that lines count in their order wherever blocks begin. */
static enum lat_status ingest(struct import *import, struct block *block, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    for (size_t from = 0, n = 0; status == LAT_OK && from < import->n_lines; from += n) {
        status = find_run(import, block, from, &n, err);
        if (status == LAT_OK)
            status = lat_collection_ingest(import->call, import->name, block->items + from, n,
                                           false, block->stored + from, NULL, err);
    }
    return status;
}

static enum lat_status store_block(struct import *import, struct block *block,
                                   struct lat_error *err)
{
    struct lat_call *call = import->call;
    const size_t n = import->n_lines;
    const uint64_t start = lat_clock_ns();
    enum lat_status status = LAT_OK;
    for (size_t i = 0; status == LAT_OK && i < n; i++)
        status = read_line(import, block, i, err);
    call->timing_ns[LAT_TIMING_PARSE] += lat_clock_ns() - start;
    if (status == LAT_OK)
        status = ingest(import, block, err);
    if (status == LAT_OK)
        status = lat_ingest_answer(call, block->stored, n, NULL, block->results, err);
    for (size_t i = 0; status == LAT_OK && i < n; i++) {
        lat_write_result(&import->output, import->index + i, &block->results[i]);
        lat_buf_char(&import->output, '\n');
    }
    if (status == LAT_OK)
        status = lat_buf_check(&import->output, err);
    if (status == LAT_OK)
        status = lat_spool_write(import->spool, import->output.data, import->output.len, err);
    lat_buf_clear(&import->output);
    for (size_t i = 0; i < n; i++)
        lat_json_release(&block->json[i]);
    return status;
}

/* Stores the lines that are there and moves what is left of the text to its front. */
static enum lat_status flush(struct import *import, struct lat_error *err)
{
    if (!import->n_lines)
        return LAT_OK;
    struct lat_call *call = import->call;
    const struct lat_arena own = call->arena;
    call->arena = (struct lat_arena){0};
    struct block *block = lat_arena_alloc(&call->arena, 1, sizeof(*block));
    const enum lat_status status =
        block ? store_block(import, block, err) : lat_fail_memory(err);
    lat_arena_release(&call->arena);
    call->arena = own;

    import->index += import->n_lines;
    import->n_lines = 0;
    lat_lines_pack(&import->body);
    return status;
}

/* ---- lines ---- */

static enum lat_status take_line(struct import *import, const struct lat_line *line,
                                 struct lat_error *err)
{
    import->lines[import->n_lines++] = *line;
    return import->n_lines == BLOCK_LINES || import->body.start >= BLOCK_BYTES
               ? flush(import, err)
               : LAT_OK;
}

static enum lat_status read_all(struct import *import, struct lat_error *err)
{
    struct lat_line line;
    size_t n = 1;
    enum lat_status status = LAT_OK;
    while (status == LAT_OK && n) {
        status = lat_call_read_more(import->call, &import->body.text, READ_AT_ONCE, &n, err);
        while (status == LAT_OK && lat_lines_next(&import->body, &line))
            status = take_line(import, &line, err);
    }
    if (status == LAT_OK && lat_lines_last(&import->body, &line))
        status = take_line(import, &line, err);
    return status == LAT_OK ? flush(import, err) : status;
}

enum lat_status lat_api_import(struct lat_call *call, struct lat_error *err)
{
    struct lat_options options;
    struct lat_collection_spec spec;
    const char *name;
    lat_options_begin(&options, call, err);
    enum lat_status status = lat_options_end_collection(&options, &name, &spec);
    if (status != LAT_OK)
        return status;
    const enum lat_body_kind kind = lat_call_body_kind(call);
    if (kind != LAT_BODY_LINES && kind != LAT_BODY_JSON)
        return lat_call_refuse_body(call, "application/x-ndjson", err);
    struct import *import = lat_alloc(1, sizeof(*import));
    if (!import)
        return lat_fail_memory(err);
    import->call = call;
    import->name = name;
    import->body.max_line = (size_t)call->app->config.max_body;
    status = lat_spool_new(call->app->config.data, SPOOL_MEMORY, &import->spool, err);
    if (status == LAT_OK)
        status = read_all(import, err);
    if (status == LAT_OK) {
        call->response.status = 200;
        call->response.content_type = "application/x-ndjson";
        call->response.spool = import->spool;
    } else {
        lat_spool_free(import->spool);
    }
    lat_buf_release(&import->body.text);
    lat_buf_release(&import->output);
    lat_text_set_release(&import->ids);
    lat_free(import);
    return status;
}
