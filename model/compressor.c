/* The digest is over bytes alone, so that a package copied elsewhere decodes what it compressed
 * here, and one that was changed under the same name and version does not. */
#include "model/compressor.h"

#include <stdint.h>
#include <stdio.h>

#include "base/file.h"
#include "base/mem.h"

#include "base/banned.h"

static enum lat_status read_file(const char *folder, const char *name, struct lat_buf *out,
                                 struct lat_error *err)
{
    char path[LAT_PATH_MAX + 256];
    const int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return lat_fail(err, LAT_INVALID, NULL, "the folder's name is too long");
    const enum lat_status status = lat_file_read(path, SIZE_MAX, out, err);
    if (status != LAT_OK)
        lat_error_prefix(err, "%s", name);
    return status;
}

static enum lat_status take_digest(const char *folder, const char *file,
                                   struct lat_compressor *compressor, struct lat_error *err)
{
    struct lat_buf bytes = {0};
    const enum lat_status status = read_file(folder, file, &bytes, err);
    if (status == LAT_OK)
        compressor->digest = lat_crc32c(compressor->prior.crc, bytes.data, bytes.len);
    lat_buf_release(&bytes);
    return status;
}

static enum lat_status open_prior(const char *folder, const struct lat_manifest *manifest,
                                  struct lat_compressor *compressor, struct lat_error *err)
{
    struct lat_buf bytes = {0};
    if (manifest->prior[0] == '\0')
        return LAT_OK;
    enum lat_status status = read_file(folder, manifest->prior, &bytes, err);
    if (status == LAT_OK)
        status =
            lat_prior_read(bytes.data ? bytes.data : "", bytes.len, &compressor->prior, err);
    if (status == LAT_CORRUPT && err)
        err->status = status = LAT_INVALID;
    lat_error_prefix(err, "%s", manifest->prior);
    lat_buf_release(&bytes);
    return status;
}

static enum lat_status open_transform(const struct lat_model_source *source,
                                      const struct lat_manifest *manifest,
                                      struct lat_compressor *compressor, struct lat_error *err)
{
    if (manifest->analysis[0] == '\0' && manifest->synthesis[0] == '\0')
        return LAT_OK;
    if (manifest->input.kind != LAT_INPUT_IMAGE || manifest->analysis[0] == '\0' ||
        manifest->synthesis[0] == '\0' || manifest->code_stride == 0)
        return lat_fail(err, LAT_INVALID, NULL,
                        "model.json: /compression: a transform is of pictures and has an "
                        "analysis, a synthesis and a stride");
    return lat_transform_open(source->engine, source->folder, manifest, source->threads,
                              &compressor->transform, err);
}

static enum lat_status check_prior(const struct lat_manifest *manifest,
                                   const struct lat_compressor *compressor,
                                   struct lat_error *err)
{
    const bool pictures = compressor->transform.analysis != NULL;
    const size_t n = compressor->prior.n;
    const size_t wants = pictures ? compressor->transform.maps : manifest->code_dimension;
    if (n == wants || (n == 0 && !pictures))
        return LAT_OK;
    return lat_fail(err, LAT_INVALID, "wrong_dimension",
                    "model.json: /compression/prior: of %zu channels, the code has %zu", n,
                    wants);
}

enum lat_status lat_compressor_open(const struct lat_model_source *source,
                                    const struct lat_manifest *manifest,
                                    struct lat_compressor **out_compressor,
                                    struct lat_error *err)
{
    struct lat_compressor *compressor = lat_alloc(1, sizeof(*compressor));
    if (!compressor)
        return lat_fail_memory(err);
    enum lat_status status = open_prior(source->folder, manifest, compressor, err);
    if (status == LAT_OK)
        status = open_transform(source, manifest, compressor, err);
    if (status == LAT_OK)
        status = check_prior(manifest, compressor, err);
    if (status == LAT_OK)
        status = take_digest(source->folder,
                             manifest->synthesis[0] ? manifest->synthesis : manifest->decoder,
                             compressor, err);
    if (status == LAT_OK)
        *out_compressor = compressor;
    else
        lat_compressor_close(compressor);
    return status;
}

void lat_compressor_close(struct lat_compressor *compressor)
{
    if (!compressor)
        return;
    lat_transform_close(&compressor->transform);
    lat_prior_release(&compressor->prior);
    lat_free(compressor);
}
