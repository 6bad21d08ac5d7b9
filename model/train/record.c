/* The training record: what a package says of its own making. */
#include "model/train/publish.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/version.h"

#include "base/banned.h"

static void write_text(struct lat_buf *out, const char *text)
{
    lat_buf_json_string(out, text, strlen(text));
}

static void write_curve(const struct lat_publication *publication, uint32_t n,
                        struct lat_buf *out)
{
    lat_buf_text(out, ",\"curve\":[");
    for (uint32_t i = 0; publication->curve && i < n; i++) {
        const struct lat_curve_point *point = &publication->curve[i];
        lat_buf_printf(out, "%s{\"epoch\":%u,\"loss\":%.7g", i ? "," : "", i + 1, point->loss);
        if (isfinite(point->validation))
            lat_buf_printf(out, ",\"validation\":%.7g", point->validation);
        lat_buf_printf(out, ",\"rate\":%.4g,\"seconds\":%.2f}", point->rate, point->seconds);
    }
    lat_buf_char(out, ']');
}

static void write_data(const struct lat_publication *publication, struct lat_buf *out)
{
    const struct lat_dataset *dataset = publication->dataset;
    lat_buf_text(out, ",\"data\":{\"format\":");
    write_text(out, publication->spec->data.format);
    lat_buf_text(out, ",\"path\":");
    write_text(out, publication->spec->data.path);
    lat_buf_printf(out,
                   ",\"items\":%zu,\"train\":%zu,\"validation\":%zu,\"skipped\":%zu,"
                   "\"elements\":%zu,\"crc32c\":\"%08x\"}",
                   dataset->n, publication->n_train, publication->n_validation,
                   dataset->n_skipped, dataset->elements, dataset->crc);
}

static void write_metrics(const struct lat_publication *publication,
                          const struct lat_train_result *result, struct lat_buf *out)
{
    lat_buf_printf(out, ",\"metrics\":{\"of\":\"%s\",\"squared_error\":",
                   publication->n_validation ? "validation" : "train");
    lat_buf_json_double(out, result->squared_error);
    lat_buf_text(out, ",\"loss\":");
    lat_buf_json_double(out, result->loss);
    lat_buf_text(out, ",\"validation_loss\":");
    lat_buf_json_double(out, result->validation);
    lat_buf_char(out, '}');
}

void lat_record_write(const struct lat_publication *publication,
                      const struct lat_train_result *result, struct lat_buf *out)
{
    char now[32];
    lat_clock_format(lat_clock_wall_ms(), now, sizeof(now));
    lat_buf_text(out, "{\"spec\":");
    lat_buf_text(out, publication->spec->json);
    write_data(publication, out);
    lat_buf_printf(out, ",\"seed\":%llu", (unsigned long long)publication->spec->seed);
    lat_buf_printf(out, ",\"epochs\":%u,\"best_epoch\":%u,\"ended\":\"%s\"", result->epochs,
                   result->best_epoch, lat_train_end_names[result->end]);
    write_metrics(publication, result, out);
    write_curve(publication, result->epochs, out);
    lat_buf_printf(out, ",\"finished\":\"%s\",\"seconds\":%.1f,\"threads\":%d", now,
                   result->seconds, publication->threads);
    lat_buf_text(out, ",\"versions\":{\"latentd\":\"" LAT_VERSION "\",\"onnxruntime\":");
    write_text(out, lat_engine_version());
    lat_buf_text(out, "}}");
}
