/* The table of data formats, and telling them apart. */
#include "model/train/dataset/formats.h"

#include <string.h>
#include <strings.h>

#include "model/train/dataset/arrays.h"

#include "base/banned.h"

const struct lat_data_format lat_data_formats[] = {
    {"idx", lat_idx_matches, NULL, lat_idx_open},
    {"npy", lat_npy_matches, NULL, lat_npy_open},
    {"npz", lat_npz_matches, lat_npz_options, lat_npz_open},
    {"csv", lat_csv_matches, lat_csv_options, lat_csv_open},
    {"images", lat_images_matches, lat_images_options, lat_images_open},
    {"interactions", NULL, lat_interactions_options, lat_interactions_open},
    {"sequences", NULL, lat_sequences_options, lat_sequences_open},
};
const size_t lat_n_data_formats = LAT_ARRAY_LEN(lat_data_formats);

const struct lat_data_format *lat_data_format_find(const char *name)
{
    for (size_t i = 0; i < lat_n_data_formats; i++)
        if (strcmp(lat_data_formats[i].name, name) == 0)
            return &lat_data_formats[i];
    return NULL;
}

const struct lat_data_format *lat_data_format_guess(const char *path)
{
    for (size_t i = 0; i < lat_n_data_formats; i++)
        if (lat_data_formats[i].matches && lat_data_formats[i].matches(path))
            return &lat_data_formats[i];
    return NULL;
}

bool lat_path_has_suffix(const char *path, const char *suffix)
{
    size_t len = strlen(path);
    const size_t n = strlen(suffix);
    if (len >= n && strcasecmp(path + len - n, suffix) == 0)
        return true;
    if (len < 3 || strcasecmp(path + len - 3, ".gz") != 0)
        return false;
    len -= 3;
    return len >= n && strncasecmp(path + len - n, suffix, n) == 0;
}
