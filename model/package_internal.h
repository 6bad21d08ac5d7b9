/* What package.c and package_*.c share. Internal to model/. */
#ifndef LAT_MODEL_PACKAGE_INTERNAL_H
#define LAT_MODEL_PACKAGE_INTERNAL_H

#include "model/package.h"
#include "model/table.h"

struct json_t;

/* lat_manifest_parse without the last step: `capabilities` has the bits the text lists (0 if
 * none), not checked against what the package can do, since the decoder may be known by its
 * file alone. *manifest is overwritten also on failure. */
enum lat_status lat_manifest_parse_text(const char *json, size_t len,
                                        struct lat_manifest *manifest,
                                        struct lat_error *err) LAT_MUST_USE;

/* LAT_INVALID with what was expected and what came. */
enum lat_status lat_manifest_refuse(const struct json_t *value, const char *expected,
                                    struct lat_error *err);

/* The keys of tables and histories, read and counted: `columns`, `items`, `min_weight`.
 * Failures carry the pointer below the key. */
enum lat_status lat_schema_read_columns(const struct json_t *value,
                                        struct lat_manifest *manifest,
                                        struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_schema_read_items(const struct json_t *value, struct lat_manifest *manifest,
                                      struct lat_error *err) LAT_MUST_USE;
enum lat_status lat_schema_read_min_weight(const struct json_t *value,
                                           struct lat_manifest *manifest,
                                           struct lat_error *err) LAT_MUST_USE;

/* The key `imputation`, against the columns of the table; NULL where the text has none. */
struct lat_impute_calibration;
enum lat_status lat_manifest_imputation(const char *json, size_t len,
                                        const struct lat_table *table,
                                        struct lat_impute_calibration **out_calibration,
                                        struct lat_error *err) LAT_MUST_USE;

/* Columns and items, where they are, out of a manifest that has been parsed before. *out_table
 * is new (lat_table_free); `items` starts empty and is released by the caller. */
enum lat_status lat_manifest_schema(const char *json, size_t len, struct lat_table **out_table,
                                    struct lat_words *out_items,
                                    struct lat_error *err) LAT_MUST_USE;

#endif
