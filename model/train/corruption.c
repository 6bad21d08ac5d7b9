/* Corruptions: noise on a copy of the batch; the clean batch stays the target (Vincent et al.
 * 2008). The one that moves pictures is in warp.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/table.h"
#include "model/train/parts.h"

#include "base/banned.h"

/* level: the standard deviation. */
static void gaussian(const struct lat_noise *noise, const float *clean, float *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = clean[i] + (float)(noise->level * lat_rng_normal(noise->rng));
    }
}

/* Cells of a row become holes, and are filled as those of any row. */
static void mask_cells(const struct lat_noise *noise, const struct lat_table *table, float *row)
{
    for (size_t c = 0; c < table->names.n; c++)
        if (lat_rng_uniform(noise->rng) < noise->level)
            lat_table_put(&table->columns[c], (double)NAN, row);
    lat_table_fill(table, row);
}

/* level: the share of elements set to 0; of a table's cells, whatever their width, made holes.
 */
static void masking(const struct lat_noise *noise, const float *clean, float *out, size_t n)
{
    const struct lat_table *table = noise->input ? noise->input->table : NULL;
    if (table) {
        memcpy(out, clean, n * sizeof(float));
        for (size_t i = 0; i < n; i += table->elements)
            mask_cells(noise, table, out + i);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = lat_rng_uniform(noise->rng) < noise->level ? 0 : clean[i];
    }
}

/* level: the share of elements set to 0; the others grow, so that sums stay what they were on
 * average (Srivastava et al. 2014, section 10; on histories Liang et al. 2018). */
static void dropout(const struct lat_noise *noise, const float *clean, float *out, size_t n)
{
    const float growth = (float)(1 / (1 - noise->level));
    for (size_t i = 0; i < n; i++) {
        out[i] = lat_rng_uniform(noise->rng) < noise->level ? 0 : growth * clean[i];
    }
}

/* level: the share of elements set to 0 or 1, either as often. */
static void salt_and_pepper(const struct lat_noise *noise, const float *clean, float *out,
                            size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double draw = lat_rng_uniform(noise->rng);
        out[i] = draw >= noise->level ? clean[i] : draw < noise->level / 2 ? 0 : 1;
    }
}

const struct lat_corruption lat_corruptions[] = {
    {"gaussian", false, false, 100, gaussian},
    {"masking", false, false, 1, masking},
    {"dropout", false, true, 0.99, dropout},
    {"salt_and_pepper", false, false, 1, salt_and_pepper},
    {"affine", true, false, 1, lat_warp_affine},
};
const size_t lat_n_corruptions = LAT_ARRAY_LEN(lat_corruptions);

const struct lat_corruption *lat_corruption_find(const char *name)
{
    for (size_t i = 0; i < lat_n_corruptions; i++) {
        if (strcmp(lat_corruptions[i].name, name) == 0) {
            return &lat_corruptions[i];
        }
    }
    return NULL;
}

void lat_corruption_list(char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < lat_n_corruptions && len < size; i++) {
        const int n =
            snprintf(out + len, size - len, "%s%s", i > 0 ? ", " : "", lat_corruptions[i].name);
        len += n > 0 ? (size_t)n : 0;
    }
}
