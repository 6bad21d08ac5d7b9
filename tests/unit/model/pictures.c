#include "tests/unit/model/pictures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

enum { NAMES_MAX = 256 };

static const char *const folder = LAT_SOURCE_DIR "/tests/data/images";

struct lat_buf picture_file(const char *name)
{
    char path[1024];
    struct lat_buf bytes = {0};
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (lat_file_read(path, 1 << 20, &bytes, NULL) != LAT_OK) {
        fprintf(stderr, "cannot read %s\n", path);
        abort();
    }
    return bytes;
}

static bool ends_with(const char *text, const char *ending)
{
    const size_t len = strlen(text), tail = strlen(ending);
    return len >= tail && strcmp(text + len - tail, ending) == 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *const *picture_names(const char *ending)
{
    static char texts[NAMES_MAX][256];
    static const char *names[NAMES_MAX + 1];
    size_t n = 0;
    DIR *dir = opendir(folder);
    if (!dir)
        abort();
    for (struct dirent *entry; (entry = readdir(dir)) && n < NAMES_MAX;) {
        const char *name = entry->d_name;
        if (name[0] == '.' || ends_with(name, ".ppm") || ends_with(name, ".pgm") ||
            !ends_with(name, ending))
            continue;
        snprintf(texts[n], sizeof(texts[n]), "%s", name);
        names[n] = texts[n];
        n++;
    }
    closedir(dir);
    names[n] = NULL;
    qsort(names, n, sizeof(*names), by_text);
    return names;
}

struct lat_image picture_expected(const char *name)
{
    char path[1024];
    struct lat_image image = {0};
    int kind, at;
    struct lat_buf bytes = {0};
    snprintf(path, sizeof(path), "%s/%s.ppm", folder, name);
    if (!lat_file_exists(path))
        snprintf(path, sizeof(path), "%s/%s.pgm", folder, name);
    if (lat_file_read(path, 1 << 20, &bytes, NULL) != LAT_OK ||
        sscanf(bytes.data, "P%d %u %u 255%n", &kind, &image.width, &image.height, &at) != 3)
        abort();
    image.channels = kind == 5 ? 1 : 3;
    const size_t len = (size_t)image.width * image.height * image.channels;
    if (bytes.len != (size_t)at + 1 + len)
        abort();
    image.pixels = lat_alloc(len, 1);
    memcpy(image.pixels, bytes.data + at + 1, len);
    lat_buf_release(&bytes);
    return image;
}

int picture_distance(const struct lat_image *a, const struct lat_image *b)
{
    int worst = 0;
    if (a->width != b->width || a->height != b->height || a->channels != b->channels)
        return 256;
    const size_t len = (size_t)a->width * a->height * a->channels;
    for (size_t i = 0; i < len; i++) {
        const int difference = abs((int)a->pixels[i] - (int)b->pixels[i]);
        worst = difference > worst ? difference : worst;
    }
    return worst;
}

struct lat_buf picture_png_claiming(uint32_t width, uint32_t height)
{
    struct lat_buf out = {0};
    uint8_t header[33] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    for (int i = 0; i < 4; i++) {
        header[16 + i] = (uint8_t)(width >> (24 - 8 * i));
        header[20 + i] = (uint8_t)(height >> (24 - 8 * i));
    }
    header[24] = 8;
    header[25] = 2;
    uint32_t crc = 0xffffffff; /* CRC-32 of PNG 1.2, annex D */
    for (int i = 12; i < 29; i++) {
        crc ^= header[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? 0xedb88320U ^ (crc >> 1) : crc >> 1;
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        header[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    lat_buf_append(&out, header, sizeof(header));
    lat_buf_append(&out, "\0\0\0\1IDAT\0\0\0\0\0", 13);
    return out;
}
