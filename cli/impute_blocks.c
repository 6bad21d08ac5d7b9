/* Rows end at line ends outside of quotes. The reply repeats the names, which go on once. */
#include "cli/impute_blocks.h"

#include <string.h>

#include "base/banned.h"

enum { BLOCK_BYTES = 256 << 10, WORDS_MAX = 400 };

void lat_impute_blocks_release(struct lat_impute_blocks *blocks)
{
    lat_buf_release(&blocks->text);
    lat_buf_release(&blocks->names);
    lat_buf_release(&blocks->body);
    lat_buf_release(&blocks->reply);
}

/* Sends the first `len` bytes of the text. */
static enum lat_status send(struct lat_impute_blocks *blocks, size_t len, struct lat_error *err)
{
    char words[WORDS_MAX];
    long http = 0;
    lat_buf_clear(&blocks->body);
    lat_buf_append(&blocks->body, blocks->names.data, blocks->names.len);
    lat_buf_append(&blocks->body, blocks->text.data, len);
    enum lat_status status = lat_buf_check(&blocks->body, err);
    if (status == LAT_OK)
        status = lat_client_send(blocks->client, "POST", blocks->path, "text/csv",
                                 &blocks->body, &blocks->reply, &http, err);
    if (status != LAT_OK)
        return status;
    if (http != 200) {
        lat_client_words(&blocks->reply, http, words, sizeof(words));
        return lat_fail(err, LAT_INVALID, NULL, "%s", words);
    }
    const size_t skip = blocks->begun ? blocks->names.len : 0;
    if (blocks->reply.len < skip)
        return lat_fail(err, LAT_IO, NULL, "the server's reply lacks the line of names");
    blocks->begun = true;
    status = blocks->write(blocks->context, blocks->reply.data + skip, blocks->reply.len - skip,
                           blocks->n_rows, err);
    memmove(blocks->text.data, blocks->text.data + len, blocks->text.len - len);
    blocks->text.len -= len;
    blocks->scanned -= len;
    blocks->whole = 0;
    blocks->n_rows = 0;
    return status;
}

/* The bytes up to `end` are a row, the first of all the names. */
static enum lat_status end_row(struct lat_impute_blocks *blocks, size_t end,
                               struct lat_error *err)
{
    if (blocks->names.len) {
        blocks->whole = end;
        blocks->n_rows++;
        return LAT_OK;
    }
    lat_buf_append(&blocks->names, blocks->text.data, end);
    memmove(blocks->text.data, blocks->text.data + end, blocks->text.len - end);
    blocks->text.len -= end;
    blocks->scanned -= end;
    return lat_buf_check(&blocks->names, err);
}

enum lat_status lat_impute_blocks_feed(void *context, const char *bytes, size_t len,
                                       struct lat_error *err)
{
    struct lat_impute_blocks *blocks = context;
    lat_buf_append(&blocks->text, bytes, len);
    enum lat_status status = lat_buf_check(&blocks->text, err);
    while (status == LAT_OK && blocks->scanned < blocks->text.len) {
        const char c = blocks->text.data[blocks->scanned++];
        blocks->quoted ^= c == '"';
        if (c == '\n' && !blocks->quoted)
            status = end_row(blocks, blocks->scanned, err);
    }
    return status == LAT_OK && blocks->whole >= BLOCK_BYTES ? send(blocks, blocks->whole, err)
                                                            : status;
}

enum lat_status lat_impute_blocks_end(struct lat_impute_blocks *blocks, struct lat_error *err)
{
    blocks->n_rows += blocks->text.len > blocks->whole;
    if (blocks->begun && blocks->text.len == 0)
        return LAT_OK;
    return send(blocks, blocks->text.len, err);
}
