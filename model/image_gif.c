/* GIF through giflib: the first frame on its canvas, transparency over white.
 *
 * Read record by record, not "slurped": only the first frame is ever decoded, so a file of ten
 * thousand frames costs one. The canvas decides the size of the picture; what the frame leaves
 * uncovered is white, as transparent pixels are. A frame that does not fit its canvas is
 * refused: the file lies about one of the two. */
#include <gif_lib.h>
#include <string.h>

#include "base/mem.h"
#include "model/image_codecs.h"

#include "base/banned.h"

struct gif_source {
    const uint8_t *bytes;
    size_t len, at;
};

static int read_bytes(GifFileType *gif, GifByteType *out, int wanted)
{
    struct gif_source *source = gif->UserData;
    const size_t left = source->len - source->at;
    const size_t n = wanted < 0 ? 0 : (size_t)wanted < left ? (size_t)wanted : left;
    memcpy(out, source->bytes + source->at, n);
    source->at += n;
    return (int)n;
}

static enum lat_status gif_failed(int code, struct lat_error *err)
{
    if (code == D_GIF_ERR_NOT_ENOUGH_MEM)
        return lat_fail_memory(err);
    if (code == D_GIF_ERR_READ_FAILED || code == D_GIF_ERR_EOF_TOO_SOON)
        return lat_image_bad(err, "the file ends too early");
    const char *words = GifErrorString(code);
    return lat_image_bad(err, words ? words : "broken file");
}

/* Reads one extension; a graphics control block says which colour is transparent. */
static bool read_extension(GifFileType *gif, int *transparent)
{
    int kind;
    GifByteType *block;
    if (DGifGetExtension(gif, &kind, &block) != GIF_OK)
        return false;
    while (block) {
        GraphicsControlBlock control;
        if (kind == GRAPHICS_EXT_FUNC_CODE &&
            DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
            *transparent = control.TransparentColor;
        if (DGifGetExtensionNext(gif, &block) != GIF_OK)
            return false;
    }
    return true;
}

/* Moves to the first frame's pixels, remembering its transparent colour (-1: none). */
static enum lat_status find_frame(GifFileType *gif, int *transparent, struct lat_error *err)
{
    GifRecordType record;
    *transparent = NO_TRANSPARENT_COLOR;
    do {
        if (DGifGetRecordType(gif, &record) != GIF_OK)
            return gif_failed(gif->Error, err);
        if (record == TERMINATE_RECORD_TYPE)
            return lat_image_bad(err, "the file has no frame");
        if (record == EXTENSION_RECORD_TYPE && !read_extension(gif, transparent))
            return gif_failed(gif->Error, err);
    } while (record != IMAGE_DESC_RECORD_TYPE);
    if (DGifGetImageDesc(gif) != GIF_OK)
        return gif_failed(gif->Error, err);
    const GifImageDesc *frame = &gif->Image;
    if (frame->Width <= 0 || frame->Height <= 0 || frame->Left > gif->SWidth - frame->Width ||
        frame->Top > gif->SHeight - frame->Height)
        return lat_image_bad(err, "its first frame lies outside its canvas");
    return LAT_OK;
}

static void paint_row(const GifFileType *gif, int transparent, const GifPixelType *indexes,
                      uint8_t *out)
{
    const ColorMapObject *map = gif->Image.ColorMap ? gif->Image.ColorMap : gif->SColorMap;
    for (int x = 0; x < gif->Image.Width; x++, out += 3) {
        const int index = indexes[x];
        /* A colour the palette does not have is drawn by no browser: it stays white. */
        if (index == transparent || index >= map->ColorCount)
            continue;
        out[0] = map->Colors[index].Red;
        out[1] = map->Colors[index].Green;
        out[2] = map->Colors[index].Blue;
    }
}

/* Rows of an interlaced frame come in four sweeps (GIF89a, appendix E). */
static const struct {
    int start, step;
} sweeps[4] = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};

static enum lat_status read_frame(GifFileType *gif, int transparent, struct lat_image *image,
                                  struct lat_error *err)
{
    const GifImageDesc *frame = &gif->Image;
    if (!frame->ColorMap && !gif->SColorMap)
        return lat_image_bad(err, "the file has no palette");
    GifPixelType *indexes = lat_alloc_raw((size_t)frame->Width, 1);
    if (!indexes)
        return lat_fail_memory(err);
    enum lat_status status = LAT_OK;
    const int n_sweeps = frame->Interlace ? 4 : 1;
    for (int s = 0; s < n_sweeps && status == LAT_OK; s++) {
        const int start = sweeps[s].start, step = frame->Interlace ? sweeps[s].step : 1;
        for (int y = start; y < frame->Height && status == LAT_OK; y += step) {
            const size_t at = (size_t)(frame->Top + y) * image->width + (size_t)frame->Left;
            if (DGifGetLine(gif, indexes, frame->Width) == GIF_OK)
                paint_row(gif, transparent, indexes, image->pixels + 3 * at);
            else
                status = gif_failed(gif->Error, err);
        }
    }
    lat_free(indexes);
    return status;
}

static enum lat_status decode_first(GifFileType *gif, uint64_t max_pixels,
                                    struct lat_image *image, struct lat_error *err)
{
    int transparent;
    enum lat_status status =
        lat_image_check_size((uint64_t)gif->SWidth, (uint64_t)gif->SHeight, max_pixels, err);
    if (status == LAT_OK)
        status = find_frame(gif, &transparent, err);
    if (status == LAT_OK)
        status = lat_image_allocate(image, (uint32_t)gif->SWidth, (uint32_t)gif->SHeight, 3,
                                    max_pixels, err);
    if (status != LAT_OK)
        return status;
    memset(image->pixels, 255, (size_t)image->width * image->height * 3);
    status = read_frame(gif, transparent, image, err);
    GifRecordType next;
    if (status == LAT_OK && DGifGetRecordType(gif, &next) != GIF_OK)
        status = gif_failed(gif->Error, err);
    return status;
}

static enum lat_status decode(const uint8_t *bytes, size_t len, uint64_t max_pixels,
                              struct lat_image *image, struct lat_error *err)
{
    struct gif_source source = {bytes, len, 0};
    int code = D_GIF_SUCCEEDED;
    GifFileType *gif = DGifOpen(&source, read_bytes, &code);
    if (!gif)
        return gif_failed(code, err);
    const enum lat_status status = decode_first(gif, max_pixels, image, err);
    DGifCloseFile(gif, &code);
    return status;
}

static bool matches(const uint8_t *bytes, size_t len)
{
    return len >= 6 && (memcmp(bytes, "GIF87a", 6) == 0 || memcmp(bytes, "GIF89a", 6) == 0);
}

const struct lat_image_codec lat_image_codec_gif = {LAT_IMAGE_GIF, "GIF", "image/gif", matches,
                                                    decode};
