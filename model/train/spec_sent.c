/* Specs from outside: the path is replaced in the document before the spec is read from it, so
 * that no reader (telling a format looks at files) sees a path that was not allowed. */
#include <string.h>

#include "model/train/fields.h"
#include "model/train/spec.h"

#include "base/banned.h"

static enum lat_status read_path(struct lat_document *document, char path[LAT_PATH_MAX],
                                 struct lat_error *err)
{
    struct lat_fields root, data;
    lat_fields_root(document, &root, err);
    if (lat_fields_object(&root, "data", &data))
        lat_fields_text(&data, "path", path, LAT_PATH_MAX);
    return lat_document_status(document);
}

static enum lat_status replace_path(struct lat_document *document, const char *path,
                                    struct lat_error *err)
{
    struct lat_buf assignment = {0};
    lat_buf_text(&assignment, "data.path=");
    lat_buf_json_string(&assignment, path, strlen(path));
    enum lat_status status = lat_buf_check(&assignment, err);
    if (status == LAT_OK)
        status = lat_document_set(document, assignment.data, err);
    lat_buf_release(&assignment);
    return status;
}

static enum lat_status resolve(struct lat_document *document,
                               const struct lat_spec_paths *paths, struct lat_error *err)
{
    char path[LAT_PATH_MAX] = "", real[LAT_PATH_MAX];
    enum lat_status status = read_path(document, path, err);
    if (status != LAT_OK || !path[0])
        return status;
    status = paths->resolve(paths->context, path, real, err);
    if (status != LAT_OK) {
        lat_error_at(err, "/data/path");
        return status;
    }
    return replace_path(document, real, err);
}

enum lat_status lat_spec_parse_sent(const char *json, size_t len,
                                    const struct lat_spec_paths *paths,
                                    struct lat_spec *out_spec, struct lat_error *err)
{
    struct lat_document *document = NULL;
    struct lat_buf text = {0};
    enum lat_status status = lat_document_parse(json, len, &document, err);
    if (status == LAT_OK)
        status = resolve(document, paths, err);
    if (status == LAT_OK)
        status = lat_document_write(document, &text, err);
    if (status == LAT_OK)
        status = lat_spec_parse(text.data, text.len, out_spec, err);
    lat_buf_release(&text);
    lat_document_free(document);
    return status;
}
