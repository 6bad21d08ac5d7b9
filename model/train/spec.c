/* A training spec: defaults first, then every axis read by its own file (spec_internal.h),
 * which also holds it against those read before. Whatever the grammar knows is read and
 * checked; words that this version cannot train are marked `false` in their table and refused
 * by name. What only the data can tell is settled later, in spec_settle.c. */
#include "model/train/spec.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/train/dataset/formats.h"
#include "model/train/spec_internal.h"

#include "base/banned.h"

enum { SPEC_MAX_LEN = 1 << 20 };

static const struct lat_choice methods[] = {{"autoencoder", LAT_METHOD_AUTOENCODER, true},
                                            {"pca", LAT_METHOD_PCA, true},
                                            {"factors", LAT_METHOD_FACTORS, true},
                                            {"ease", LAT_METHOD_EASE, true}};

static void set_defaults(struct lat_spec *spec)
{
    *spec = (struct lat_spec){0};
    spec->method = LAT_METHOD_AUTOENCODER;
    spec->ridge = 500;
    spec->data.validation = 0.1;
    spec->encoder.activation = LAT_RELU;
    spec->encoder.kernel = 3;
    spec->encoder.hidden[0] = 256;
    spec->encoder.n_hidden = 1;
    spec->decoder_is_mirror = true;
    spec->code.dimension = 32;
    spec->code.samples = 1;
    spec->likelihood = LAT_LIKELIHOOD_BERNOULLI;
    spec->penalties.kl_sparsity_target = 0.05;
    spec->penalties.beta = 1;
    spec->penalties.rate = 0.01;
    spec->optimizer = (struct lat_optimizer_spec){.type = LAT_OPTIMIZER_ADAM,
                                                  .rate = 0.001,
                                                  .batch = 256,
                                                  .epochs = 20,
                                                  .schedule = LAT_SCHEDULE_COSINE};
    spec->pretraining_epochs = 10;
    spec->seed = 1;
}

/* What is solved in closed form has no network, no loss and no steps: keys about them would be
 * ignored, so they are refused. */
static void refuse_keys(struct lat_fields *fields, const char *const *keys, size_t n,
                        const char *method)
{
    for (size_t i = 0; i < n; i++)
        if (lat_fields_has(fields, keys[i]))
            lat_fields_fail(fields, keys[i], "out_of_range",
                            "has no meaning for the method '%s'", method);
}

static void refuse_for_closed_form(struct lat_fields *root, const struct lat_spec *spec)
{
    static const char *const meaningless[] = {"network",     "likelihood", "corruption",
                                              "penalties",   "optimizer",  "pretraining",
                                              "augmentation"};
    static const char *const of_code[] = {"activation", "samples", "type"};
    static const char *const code[] = {"code"};
    const char *method = "";
    struct lat_fields fields;
    for (size_t i = 0; i < LAT_ARRAY_LEN(methods); i++)
        method = methods[i].value == (int)spec->method ? methods[i].name : method;
    refuse_keys(root, meaningless, LAT_ARRAY_LEN(meaningless), method);
    if (spec->method == LAT_METHOD_EASE) { /* its code is the history */
        refuse_keys(root, code, 1, method);
        return;
    }
    lat_fields_object(root, "code", &fields);
    refuse_keys(&fields, of_code, LAT_ARRAY_LEN(of_code), method);
}

static void read_root(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields data;
    lat_fields_text(root, "name", spec->name, sizeof(spec->name));
    LAT_SPEC_CHOICE(root, "method", methods, spec->method);
    if (spec->method == LAT_METHOD_EASE)
        lat_fields_above(root, "ridge", &spec->ridge, 0, 1e12);
    const bool has_data = lat_fields_object(root, "data", &data);
    if (has_data)
        lat_data_spec_read(&data, &spec->data);
    lat_spec_read_networks(root, spec);
    lat_spec_read_code(root, spec);
    lat_spec_read_loss(root, spec);
    lat_spec_read_schedule(root, spec);
    lat_fields_u64(root, "seed", &spec->seed);
    lat_fields_end(root);
    if (!spec->name[0])
        lat_fields_fail(root, "name", "missing_field", "expected the model's name");
    if (!lat_name_valid(spec->name))
        lat_fields_fail(root, "name", "bad_name",
                        "expected [a-z0-9][a-z0-9._-]{0,62}, not '%s'", spec->name);
    if (!has_data)
        lat_fields_fail(root, "data", "missing_field", "expected the data to train on");
    if (spec->method != LAT_METHOD_AUTOENCODER)
        refuse_for_closed_form(root, spec);
}

/* ---- spec.h ---- */

static enum lat_status keep_texts(struct lat_document *document, struct lat_spec *spec,
                                  struct lat_error *err)
{
    struct lat_buf whole = {0}, data = {0};
    struct lat_fields root;
    enum lat_status status = lat_document_write(document, &whole, err);
    if (status == LAT_OK) {
        lat_fields_root(document, &root, err);
        lat_fields_write(&root, "data", &data);
        status = lat_buf_check(&data, err);
    }
    if (status == LAT_OK) {
        spec->json = lat_buf_take(&whole, NULL);
        spec->data.options_json = lat_buf_take(&data, NULL);
    }
    lat_buf_release(&whole);
    lat_buf_release(&data);
    return status;
}

static enum lat_status parse_document(struct lat_document *document, struct lat_spec *out_spec,
                                      struct lat_error *err)
{
    struct lat_spec spec;
    struct lat_fields root;
    set_defaults(&spec);
    lat_fields_root(document, &root, err);
    read_root(&root, &spec);
    enum lat_status status = lat_document_status(document);
    if (status == LAT_OK)
        status = keep_texts(document, &spec, err);
    if (status == LAT_OK)
        *out_spec = spec;
    return status;
}

enum lat_status lat_spec_parse(const char *json, size_t len, struct lat_spec *out_spec,
                               struct lat_error *err)
{
    struct lat_document *document = NULL;
    enum lat_status status = lat_document_parse(json, len, &document, err);
    if (status == LAT_OK)
        status = parse_document(document, out_spec, err);
    lat_document_free(document);
    return status;
}

static bool overrides_path(const char *const *overrides, size_t n)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found = found || strncmp(overrides[i], "data.path=", 10) == 0;
    return found;
}

/* Puts the folder of `spec_path` before a relative data path. */
static enum lat_status resolve_data_path(const char *spec_path, struct lat_data_spec *data,
                                         struct lat_error *err)
{
    const char *slash = strrchr(spec_path, '/');
    if (data->path[0] == '/' || !slash)
        return LAT_OK;
    char joined[sizeof(data->path)];
    const int len = snprintf(joined, sizeof(joined), "%.*s/%s", (int)(slash - spec_path),
                             spec_path, data->path);
    if (len < 0 || (size_t)len >= sizeof(joined))
        return lat_fail(err, LAT_INVALID, "out_of_range", "/data/path: the path is too long");
    memcpy(data->path, joined, sizeof(joined));
    return LAT_OK;
}

enum lat_status lat_spec_read(const char *path, const char *const *overrides,
                              size_t n_overrides, struct lat_spec *out_spec,
                              struct lat_error *err)
{
    struct lat_buf text = {0};
    struct lat_document *document = NULL;
    enum lat_status status = lat_file_read(path, SPEC_MAX_LEN, &text, err);
    if (status == LAT_OK)
        status = lat_document_parse(text.data ? text.data : "", text.len, &document, err);
    for (size_t i = 0; status == LAT_OK && i < n_overrides; i++)
        status = lat_document_set(document, overrides[i], err);
    struct lat_spec spec = {0};
    if (status == LAT_OK)
        status = parse_document(document, &spec, err);
    if (status == LAT_OK && !overrides_path(overrides, n_overrides))
        status = resolve_data_path(path, &spec.data, err);
    if (status == LAT_OK) {
        *out_spec = spec;
    } else {
        lat_spec_release(&spec);
        lat_error_prefix(err, "spec '%s'", path);
    }
    lat_document_free(document);
    lat_buf_release(&text);
    return status;
}

void lat_spec_release(struct lat_spec *spec)
{
    lat_data_spec_release(&spec->data);
    lat_free(spec->json);
    spec->json = NULL;
}
