/* A new calibration in a manifest that is there: everything else in it stays as somebody wrote
 * it, but for the spaces. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/package.h"

#include "base/banned.h"

enum { MANIFEST_BYTES = 64 << 20 };

static int append(const char *bytes, size_t n, void *out)
{
    lat_buf_append(out, bytes, n);
    return lat_buf_check(out, NULL) == LAT_OK ? 0 : -1;
}

/* As lat_manifest_write prints one. */
static json_t *make_calibration(const struct lat_calibration *calibration)
{
    json_t *quantiles = json_array();
    for (size_t i = 0; i < calibration->n_quantiles; i++)
        json_array_append_new(quantiles, json_real((double)calibration->quantiles[i]));
    return json_pack("{s:s,s:s,s:I,s:o}", "id", calibration->id, "score",
                     lat_score_kind_names[calibration->kind], "n", (json_int_t)calibration->n,
                     "quantiles", quantiles);
}

/* A list of capabilities that somebody wrote may lack what the calibration makes possible. */
static void add_capability(json_t *root)
{
    json_t *list = json_object_get(root, "capabilities");
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (strcmp(json_string_value(item) ? json_string_value(item) : "", "score") == 0)
            return;
    }
    if (json_is_array(list))
        json_array_append_new(list, json_string("score"));
}

enum lat_status lat_manifest_set_calibration(const char *folder,
                                             const struct lat_calibration *calibration,
                                             struct lat_error *err)
{
    char path[2 * LAT_PATH_MAX + 16];
    struct lat_buf text = {0};
    json_error_t problem;
    json_t *root = NULL;
    struct lat_manifest *check = lat_alloc(1, sizeof(*check));
    snprintf(path, sizeof(path), "%s/model.json", folder);
    enum lat_status status =
        check ? lat_file_read(path, MANIFEST_BYTES, &text, err) : lat_fail_memory(err);
    if (status == LAT_OK && !(root = json_loadb(text.data, text.len, 0, &problem)))
        status = lat_fail(err, LAT_INVALID, "bad_manifest", "model.json: line %d: %s",
                          problem.line, problem.text);
    if (status == LAT_OK) {
        json_object_set_new(root, "calibration", make_calibration(calibration));
        add_capability(root);
        lat_buf_clear(&text);
        if (json_dump_callback(root, append, &text, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) !=
            0)
            status = lat_fail_memory(err);
    }
    if (status == LAT_OK) /* what could not be read again is not written */
        status = lat_manifest_parse(text.data, text.len, check, err);
    if (status == LAT_OK)
        status = lat_file_write(path, text.data, text.len, err);
    json_decref(root);
    lat_buf_release(&text);
    lat_free(check);
    return status;
}
