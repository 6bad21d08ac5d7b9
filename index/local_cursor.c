/* Cursors of lists: a text, mostly the last id given, as hexadecimal, behind a checksum over it
 * and what the list belongs to: one of another list, or a mangled one, is told at once. */
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "index/local_store.h"

#include "base/banned.h"

int64_t lat_cursor_key(const struct lat_collection *collection)
{
    const char *name = collection->name;
    return lat_crc32c(0, name, strlen(name));
}

static uint32_t cursor_crc(int64_t key, const char *text)
{
    return lat_crc32c(lat_crc32c(0, &key, sizeof(key)), text, strlen(text));
}

char *lat_cursor_make(int64_t key, const char *text)
{
    struct lat_buf out = {0};
    lat_buf_printf(&out, "%08x", cursor_crc(key, text));
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        lat_buf_printf(&out, "%02x", *p);
    if (lat_buf_check(&out, NULL) != LAT_OK)
        lat_buf_release(&out);
    return lat_buf_take(&out, NULL);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Hexadecimal bytes into out, NUL-terminated. */
static bool from_hex(const char *hex, size_t n, unsigned char *out)
{
    for (size_t i = 0; i < n; i++) {
        const int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    out[n] = '\0';
    return true;
}

enum lat_status lat_cursor_read(int64_t key, const char *cursor, char *out, size_t size,
                                struct lat_error *err)
{
    unsigned char crc[5];
    const size_t len = strlen(cursor);
    if (len >= 10 && len % 2 == 0 && (len - 8) / 2 < size && from_hex(cursor, 4, crc) &&
        from_hex(cursor + 8, (len - 8) / 2, (unsigned char *)out)) {
        const uint32_t told =
            (uint32_t)crc[0] << 24 | (uint32_t)crc[1] << 16 | (uint32_t)crc[2] << 8 | crc[3];
        if (told == cursor_crc(key, out) && strlen(out) == (len - 8) / 2)
            return LAT_OK;
    }
    return lat_fail(err, LAT_INVALID, "bad_cursor", "the cursor is not of this list");
}
