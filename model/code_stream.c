/* Little-endian; counts are in groups of seven bits, the lowest first, the eighth set where
 * more follow. The checksum is looked at before anything but magic and version is believed. */
#include "model/code_stream.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"

#include "base/banned.h"

enum { FORMAT_VERSION = 1, HEAD_LEN = 6, CRC_LEN = 4, GROUPS_MAX = 5, SIDE_MAX = 65535 };

static const char MAGIC[4] = {'L', 'C', 'O', 'D'};

static void put_u32(struct lat_buf *out, uint32_t value)
{
    for (int i = 0; i < 4; i++, value >>= 8)
        lat_buf_char(out, (char)(uint8_t)value);
}

static void put_count(struct lat_buf *out, uint32_t value)
{
    for (; value > 127; value >>= 7)
        lat_buf_char(out, (char)(uint8_t)(value | 128));
    lat_buf_char(out, (char)(uint8_t)value);
}

void lat_code_stream_write(const struct lat_code_stream *stream, struct lat_buf *out)
{
    const size_t begin = out->len;
    const size_t name_len = strlen(stream->reference);
    uint32_t unit;
    memcpy(&unit, &stream->unit, sizeof(unit));
    lat_buf_append(out, MAGIC, sizeof(MAGIC));
    lat_buf_char(out, FORMAT_VERSION);
    lat_buf_char(out, (char)stream->kind);
    lat_buf_char(out, (char)(uint8_t)name_len);
    lat_buf_append(out, stream->reference, name_len);
    put_u32(out, stream->digest);
    if (stream->kind == LAT_STREAM_PICTURE) {
        put_count(out, stream->width);
        put_count(out, stream->height);
    } else {
        put_count(out, stream->n);
    }
    if (stream->kind == LAT_STREAM_PLAIN)
        put_u32(out, unit);
    put_count(out, stream->step);
    put_count(out, (uint32_t)stream->len);
    lat_buf_append(out, stream->payload, stream->len);
    if (out->status == LAT_OK)
        put_u32(out, lat_crc32c(0, out->data + begin, out->len - begin));
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at, *end;
    bool failed; /* read beyond the end, or a count that is none */
};

static const uint8_t *take(struct reader *reader, size_t len)
{
    if (reader->failed || (size_t)(reader->end - reader->at) < len) {
        reader->failed = true;
        return NULL;
    }
    reader->at += len;
    return reader->at - len;
}

static uint32_t get_u32(struct reader *reader)
{
    const uint8_t *b = take(reader, 4);
    return b ? (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
                   (uint32_t)b[3] << 24
             : 0;
}

static uint32_t get_count(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < GROUPS_MAX; i++) {
        const uint8_t *byte = take(reader, 1);
        if (!byte)
            return 0;
        value |= (uint64_t)(*byte & 127) << (7 * i);
        if (*byte < 128) {
            reader->failed = value > UINT32_MAX;
            return (uint32_t)value;
        }
    }
    reader->failed = true;
    return 0;
}

static enum lat_status bad(struct lat_error *err, const char *why)
{
    return lat_fail(err, LAT_INVALID, "bad_compressed", "these bytes are no sound code: %s",
                    why);
}

static void read_reference(struct reader *reader, struct lat_code_stream *stream)
{
    const uint8_t *len = take(reader, 1);
    const uint8_t *name = len ? take(reader, *len) : NULL;
    if (!name || *len == 0 || *len >= sizeof(stream->reference) || memchr(name, 0, *len)) {
        reader->failed = true;
        return;
    }
    memcpy(stream->reference, name, *len);
    stream->reference[*len] = '\0';
}

static void read_fields(struct reader *reader, struct lat_code_stream *stream)
{
    read_reference(reader, stream);
    stream->digest = get_u32(reader);
    if (stream->kind == LAT_STREAM_PICTURE) {
        stream->width = get_count(reader);
        stream->height = get_count(reader);
        reader->failed = reader->failed || stream->width == 0 || stream->height == 0 ||
                         stream->width > SIDE_MAX || stream->height > SIDE_MAX;
    } else {
        stream->n = get_count(reader);
        reader->failed = reader->failed || stream->n == 0;
    }
    if (stream->kind == LAT_STREAM_PLAIN) {
        const uint32_t unit = get_u32(reader);
        memcpy(&stream->unit, &unit, sizeof(stream->unit));
        reader->failed = reader->failed || !isfinite(stream->unit) || !(stream->unit > 0);
    }
    stream->step = get_count(reader);
    stream->len = get_count(reader);
    reader->failed = reader->failed || stream->step == 0;
    stream->payload = take(reader, stream->len);
}

enum lat_status lat_code_stream_read(const void *bytes, size_t len,
                                     struct lat_code_stream *out_stream, struct lat_error *err)
{
    const uint8_t *at = bytes;
    struct lat_code_stream stream = {0};
    if (len < HEAD_LEN + CRC_LEN)
        return bad(err, "too short");
    if (memcmp(at, MAGIC, sizeof(MAGIC)) != 0)
        return bad(err, "they begin otherwise");
    if (at[4] != FORMAT_VERSION) {
        char got[16];
        snprintf(got, sizeof(got), "%u", at[4]);
        lat_fail(err, LAT_INVALID, "unsupported_version",
                 "a code of format version %u, this server reads 1", at[4]);
        lat_error_expected(err, "1", got);
        return LAT_INVALID;
    }
    struct reader end = {.at = at + len - CRC_LEN, .end = at + len};
    if (get_u32(&end) != lat_crc32c(0, bytes, len - CRC_LEN))
        return bad(err, "the checksum is another, they are damaged or cut short");
    struct reader reader = {.at = at + HEAD_LEN, .end = at + len - CRC_LEN};
    if (at[5] >= LAT_STREAM_KIND_COUNT)
        return bad(err, "an unknown kind");
    stream.kind = (enum lat_code_stream_kind)at[5];
    read_fields(&reader, &stream);
    if (reader.failed || reader.at != reader.end)
        return bad(err, "a field is out of range");
    *out_stream = stream;
    return LAT_OK;
}
