/* The table. Adding a route is a handler, its line in handlers.h, a row here, and its part of
 * openapi.json; a test holds the last two together.
 *
 * Scopes: looking is read, also where it is a POST; changing a collection or its items is
 * write; changing what the server runs is admin. Probes, pages and the OpenAPI document are the
 * same for everyone and need no key. Metrics are answered whenever a probe is, but name
 * collections and models: they are for a key that may read those. */
#include "api/routes.h"

#include "api/handlers.h"
#include "api/problem.h"
#include "api/reencode.h"

#include "base/banned.h"

#define PROBE   LAT_SCOPE_NONE, LAT_ROUTE_INLINE | LAT_ROUTE_PROBE
#define METRICS LAT_SCOPE_READ, LAT_ROUTE_INLINE | LAT_ROUTE_PROBE
#define PAGE    LAT_SCOPE_NONE, LAT_ROUTE_INLINE
#define READ    LAT_SCOPE_READ, 0
#define WRITE   LAT_SCOPE_WRITE, 0
#define ADMIN   LAT_SCOPE_ADMIN, 0
#define MODEL   "/v1/models/{m}"
#define V2MODEL "/v2/models/{m}"
#define COLL    "/v1/collections/{c}"
#define INLINE  LAT_SCOPE_READ, LAT_ROUTE_INLINE

static const struct lat_route rows[] = {
    {LAT_GET, "/livez", lat_api_livez, PROBE, "Whether the process answers"},
    {LAT_GET, "/readyz", lat_api_readyz, PROBE, "Whether it can serve, or why not"},
    {LAT_GET, "/metrics", lat_api_metrics, METRICS, "Metrics in Prometheus text format"},
    {LAT_GET, "/openapi.json", lat_api_openapi, PAGE, "This interface as an OpenAPI document"},
    {LAT_GET, "/docs", lat_api_docs, PAGE, "This interface as a page"},
    {LAT_GET, "/", lat_api_console, PAGE, "The console"},
    {LAT_GET, "/console/{file}", lat_api_console_file, PAGE, "A file of the console"},
    {LAT_GET, "/v1/info", lat_api_info, INLINE, "Version, libraries, limits"},

    {LAT_GET, "/v1/models", lat_api_models, READ, "List models"},
    {LAT_GET, MODEL, lat_api_model, READ, "One model: manifest, calibration, training record"},
    {LAT_POST, MODEL "/load", lat_api_model_load, ADMIN, "Load a model from the models folder"},
    {LAT_POST, MODEL "/unload", lat_api_model_unload, ADMIN, "Unload a model"},
    {LAT_PUT, MODEL "/versions/{v}", lat_api_model_version_put, ADMIN,
     "Upload a version of a model"},
    {LAT_DELETE, MODEL "/versions/{v}", lat_api_model_version_delete, ADMIN,
     "Delete a version of a model"},
    {LAT_POST, MODEL "/encode", lat_api_encode, READ, "Inputs to codes"},
    {LAT_POST, MODEL "/decode", lat_api_decode, READ, "Codes to outputs"},
    {LAT_POST, MODEL "/reconstruct", lat_api_reconstruct, READ,
     "Inputs to outputs and reconstruction errors"},
    {LAT_POST, MODEL "/denoise", lat_api_denoise, READ, "Corrupted inputs to clean outputs"},
    {LAT_POST, MODEL "/generate", lat_api_generate, READ, "Samples from the prior"},
    {LAT_POST, MODEL "/interpolate", lat_api_interpolate, READ, "From one place to another"},
    {LAT_POST, MODEL "/latent", lat_api_latent, READ, "One place moved along a direction"},
    {LAT_POST, MODEL "/impute", lat_api_impute, LAT_SCOPE_READ, LAT_ROUTE_STREAM,
     "Fill in the missing cells of rows"},
    {LAT_GET, MODEL "/drift", lat_api_model_drift, READ,
     "Inputs served lately against the calibration set"},
    {LAT_POST, MODEL "/score", lat_api_score, READ, "How strange inputs are, and why"},
    {LAT_POST, MODEL "/recommend", lat_api_model_recommend, READ, "From a history to items"},
    {LAT_POST, MODEL "/compress", lat_api_compress, READ, "An input as few bytes"},
    {LAT_POST, MODEL "/decompress", lat_api_decompress, READ, "Compressed bytes to an output"},
    {LAT_POST, "/v1/embeddings", lat_api_embeddings, READ, "Codes in the OpenAI shape"},

    {LAT_GET, "/v2", lat_api_v2, INLINE | LAT_ROUTE_SLASH,
     "The server, to clients of the inference protocol"},
    {LAT_GET, "/v2/health/live", lat_api_v2_live, PROBE, "Whether the process answers"},
    {LAT_GET, "/v2/health/ready", lat_api_v2_ready, PROBE, "Whether it can serve"},
    {LAT_GET, V2MODEL, lat_api_v2_model, READ, "Tensors of a model's graph"},
    {LAT_GET, V2MODEL "/ready", lat_api_v2_model_ready, READ, "Whether a model can be run"},
    {LAT_POST, V2MODEL "/infer", lat_api_v2_infer, READ, "Run a model's graph on tensors"},
    {LAT_GET, V2MODEL "/versions/{v}", lat_api_v2_model, READ, "Tensors of a model's graph"},
    {LAT_GET,
     V2MODEL "/versions/{v}"
             "/ready",
     lat_api_v2_model_ready, READ, "Whether a model can be run"},
    {LAT_POST,
     V2MODEL "/versions/{v}"
             "/infer",
     lat_api_v2_infer, READ, "Run a model's graph on tensors"},

    {LAT_GET, "/v1/collections", lat_api_collections, READ, "List collections"},
    {LAT_PUT, COLL, lat_api_collection_put, WRITE, "Create a collection"},
    {LAT_GET, COLL, lat_api_collection, READ, "Describe a collection"},
    {LAT_DELETE, COLL, lat_api_collection_delete, WRITE, "Delete a collection and its items"},
    {LAT_POST, COLL "/reindex", lat_api_reindex, WRITE, "Rebuild the index beside the old one"},

    {LAT_GET, "/v1/aliases", lat_api_aliases, READ, "List aliases"},
    {LAT_PUT, "/v1/aliases/{a}", lat_api_alias_put, WRITE, "Point an alias to a collection"},
    {LAT_GET, "/v1/aliases/{a}", lat_api_alias, READ, "Where an alias points to"},
    {LAT_DELETE, "/v1/aliases/{a}", lat_api_alias_delete, WRITE, "Delete an alias"},

    {LAT_GET, COLL "/items", lat_api_items, READ, "List items in the order of ids"},
    {LAT_PUT, COLL "/items", lat_api_items_put, WRITE, "Store a batch of items"},
    {LAT_POST, COLL "/items/delete", lat_api_items_delete, WRITE, "Delete by ids or by filter"},
    {LAT_GET, COLL "/items/{id}", lat_api_item, READ, "One item"},
    {LAT_PUT, COLL "/items/{id}", lat_api_item_put, WRITE, "Store one item"},
    {LAT_PATCH, COLL "/items/{id}", lat_api_item_patch, WRITE, "Change metadata, hide or show"},
    {LAT_DELETE, COLL "/items/{id}", lat_api_item_delete, WRITE, "Delete one item"},
    {LAT_GET, COLL "/items/{id}/input", lat_api_item_input, READ, "The original input"},
    {LAT_GET, COLL "/items/{id}/reconstruction", lat_api_item_reconstruction, READ,
     "What the code decodes to"},
    {LAT_POST, COLL "/import", lat_api_import, LAT_SCOPE_WRITE, LAT_ROUTE_STREAM,
     "Store items from NDJSON of any length"},
    {LAT_GET, COLL "/export", lat_api_export, LAT_SCOPE_READ, LAT_ROUTE_STREAM,
     "Every item as NDJSON"},

    {LAT_POST, COLL "/search", lat_api_search, INLINE, "Nearest items"},
    {LAT_POST, COLL "/search/batch", lat_api_search_batch, READ, "Several searches at once"},

    {LAT_GET, COLL "/drift", lat_api_collection_drift, READ,
     "Its inputs lately against the calibration set"},
    {LAT_GET, COLL "/anomalies", lat_api_anomalies, READ, "Stored items, the strangest first"},

    {LAT_POST, COLL "/interactions", lat_api_interactions, LAT_SCOPE_WRITE, LAT_ROUTE_STREAM,
     "Store who dealt with what"},
    {LAT_PUT, COLL "/recommender", lat_api_recommender_put, WRITE,
     "Choose the model that serves the users"},
    {LAT_DELETE, COLL "/recommender", lat_api_recommender_delete, WRITE,
     "Serve the users without a model"},
    {LAT_POST, COLL "/recommend", lat_api_recommend, READ, "From examples to items"},
    {LAT_GET, COLL "/users/{u}/recommendations", lat_api_user_recommendations, INLINE,
     "What to recommend to a user"},
    {LAT_GET, COLL "/users/{u}/history", lat_api_user_history, READ,
     "What a user did, the newest first"},
    {LAT_DELETE, COLL "/users/{u}", lat_api_user_delete, WRITE, "Forget a user for good"},
    {LAT_GET, COLL "/items/{id}/similar", lat_api_item_similar, READ, "Items like this one"},
    {LAT_GET, COLL "/popular", lat_api_popular, READ, "What most users dealt with"},

    {LAT_POST, "/v1/jobs", lat_api_job_start, ADMIN, "Start a job"},
    {LAT_GET, "/v1/jobs", lat_api_jobs, READ, "List jobs, the newest first"},
    {LAT_GET, "/v1/jobs/{id}", lat_api_job, READ, "A background job"},
    {LAT_DELETE, "/v1/jobs/{id}", lat_api_job_cancel, ADMIN, "Cancel a job"},
    {LAT_GET, "/v1/jobs/{id}/events", lat_api_job_events, LAT_SCOPE_READ, LAT_ROUTE_STREAM,
     "Follow a job as server-sent events"},

    {LAT_POST, "/v1/snapshots", lat_api_snapshot_make, ADMIN, "Make a snapshot of everything"},
    {LAT_GET, "/v1/snapshots", lat_api_snapshots, READ, "List snapshots, the newest first"},
    {LAT_GET, "/v1/snapshots/{id}", lat_api_snapshot, ADMIN, "A snapshot's file"},
    {LAT_DELETE, "/v1/snapshots/{id}", lat_api_snapshot_delete, ADMIN, "Delete a snapshot"},
};

static const struct lat_job_kind *const jobs[] = {&lat_job_reencode};

const struct lat_routes lat_api_routes = {.rows = rows,
                                          .n = LAT_ARRAY_LEN(rows),
                                          .problem = lat_problem_write,
                                          .jobs = jobs,
                                          .n_jobs = LAT_ARRAY_LEN(jobs)};
