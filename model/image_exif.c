/* The one EXIF tag that changes how a picture looks: orientation (0x0112) in the first
 * directory.
 *
 * Written out because it is a dozen bytes in a TIFF skeleton: every offset is checked against
 * the end of the data, the directory is walked once, nothing is allocated. Source of the
 * layout: TIFF 6.0 section 2, EXIF 2.3 section 4.6.4. */
#include "model/image_codecs.h"

#include "base/banned.h"

enum { TIFF_HEADER = 8, ENTRY_LEN = 12, TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3 };

struct tiff {
    const uint8_t *bytes;
    size_t len;
    bool little;
};

static unsigned read16(const struct tiff *tiff, size_t at)
{
    const uint8_t *b = tiff->bytes + at;
    return tiff->little ? b[0] | (unsigned)b[1] << 8 : b[1] | (unsigned)b[0] << 8;
}

static uint32_t read32(const struct tiff *tiff, size_t at)
{
    const uint32_t first = read16(tiff, at), second = read16(tiff, at + 2);
    return tiff->little ? first | second << 16 : second | first << 16;
}

unsigned lat_exif_orientation(const uint8_t *bytes, size_t len)
{
    if (len < TIFF_HEADER || bytes[0] != bytes[1] || (bytes[0] != 'I' && bytes[0] != 'M'))
        return 1;
    const struct tiff tiff = {bytes, len, bytes[0] == 'I'};
    const size_t directory = read32(&tiff, 4);
    if (read16(&tiff, 2) != 42 || directory < TIFF_HEADER || directory > len - 2)
        return 1;
    const unsigned n_entries = read16(&tiff, directory);
    for (unsigned i = 0; i < n_entries; i++) {
        const size_t entry = directory + 2 + (size_t)i * ENTRY_LEN;
        if (entry > len - ENTRY_LEN || len < ENTRY_LEN)
            return 1;
        if (read16(&tiff, entry) != TAG_ORIENTATION)
            continue;
        const unsigned value = read16(&tiff, entry + 8);
        const bool sound = read16(&tiff, entry + 2) == TYPE_SHORT && value >= 1 && value <= 8;
        return sound ? value : 1;
    }
    return 1;
}
