/* One shape for an item wherever it is shown. */
#include "api/item_write.h"

#include <math.h>
#include <string.h>

#include "api/reply.h"

#include "base/banned.h"

static const char *const include_words[] = {"metadata", "code"};
static const unsigned include_bits[] = {LAT_ITEM_METADATA, LAT_ITEM_CODE};

/* The bit of a word, 0 for a stranger. */
static unsigned bit_of(const char *word, size_t len)
{
    for (size_t i = 0; i < LAT_ARRAY_LEN(include_words); i++)
        if (strlen(include_words[i]) == len && !memcmp(include_words[i], word, len))
            return include_bits[i];
    return 0;
}

void lat_option_include(struct lat_options *options, unsigned *inout_parts)
{
    const char *const *words = NULL;
    size_t n = 0;
    lat_option_words(options, "include", &words, &n);
    if (!words)
        return;
    *inout_parts = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned bit = bit_of(words[i], strlen(words[i]));
        *inout_parts |= bit;
        if (!bit)
            lat_fail(options->err, LAT_INVALID, "unknown_value",
                     "option 'include' takes metadata and code, not '%.60s'", words[i]);
    }
}

void lat_object_include(struct lat_object *object, unsigned *inout_parts)
{
    struct lat_list list;
    if (!lat_object_list(object, "include", &list))
        return;
    *inout_parts = 0;
    for (size_t i = 0; i < list.n; i++) {
        size_t len = 0;
        const char *word = lat_list_text(&list, i, &len);
        if (!word)
            return;
        const unsigned bit = bit_of(word, len);
        *inout_parts |= bit;
        if (!bit)
            lat_list_fail(&list, i, LAT_INVALID, "unknown_value",
                          "'include' takes \"metadata\" and \"code\", not \"%.*s\"",
                          len < 60 ? (int)len : 60, word);
    }
}

void lat_write_item(struct lat_buf *out, const struct lat_item *item, size_t dimension,
                    unsigned parts, bool base64)
{
    lat_buf_char(out, '{');
    lat_write_text(out, "id", item->id);
    if (parts & LAT_ITEM_METADATA) {
        lat_write_key(out, "metadata");
        lat_buf_text(out, item->metadata ? item->metadata : "{}");
    }
    if (parts & LAT_ITEM_CODE) {
        lat_write_key(out, "code");
        if (item->code)
            lat_write_vector(out, item->code, dimension, base64);
        else
            lat_buf_text(out, "null");
    }
    lat_write_flag(out, "hidden", item->hidden);
    lat_write_text(out, "input_type", item->has_input ? item->input_type : NULL);
    if (!isnan(item->error))
        lat_write_float(out, "error", item->error);
    lat_write_count(out, "version", item->version);
    lat_write_time(out, "created", item->created_ms);
    lat_write_time(out, "updated", item->updated_ms);
    lat_buf_char(out, '}');
}
