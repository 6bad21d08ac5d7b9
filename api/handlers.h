/* Every handler of the route table, by the file it is in. */
#ifndef LAT_API_HANDLERS_H
#define LAT_API_HANDLERS_H

#include "service/app.h"

/* probes.c */
lat_handler lat_api_livez, lat_api_readyz, lat_api_metrics;
/* documents.c */
lat_handler lat_api_console, lat_api_console_file, lat_api_docs, lat_api_openapi;
/* info.c */
lat_handler lat_api_info;
/* models.c */
lat_handler lat_api_models, lat_api_model, lat_api_model_load, lat_api_model_unload;
/* model_versions.c */
lat_handler lat_api_model_version_put, lat_api_model_version_delete;
/* encode.c, embeddings.c */
lat_handler lat_api_encode, lat_api_decode, lat_api_reconstruct, lat_api_denoise,
    lat_api_embeddings;
/* generate.c */
lat_handler lat_api_generate, lat_api_interpolate, lat_api_latent;
/* impute.c */
lat_handler lat_api_impute;
/* compress.c */
lat_handler lat_api_compress, lat_api_decompress;
/* inference.c, infer.c */
lat_handler lat_api_v2, lat_api_v2_live, lat_api_v2_ready, lat_api_v2_model,
    lat_api_v2_model_ready, lat_api_v2_infer;
/* score.c, anomalies.c */
lat_handler lat_api_score, lat_api_anomalies;
/* drift.c */
lat_handler lat_api_model_drift, lat_api_collection_drift;
/* collections.c */
lat_handler lat_api_collections, lat_api_collection_put, lat_api_collection,
    lat_api_collection_delete, lat_api_reindex;
/* items.c, items_batch.c */
lat_handler lat_api_items, lat_api_items_put, lat_api_items_delete;
lat_handler lat_api_item, lat_api_item_put, lat_api_item_patch, lat_api_item_delete;
lat_handler lat_api_item_input, lat_api_item_reconstruction;
/* search.c */
lat_handler lat_api_search, lat_api_search_batch;
/* import.c, export.c */
lat_handler lat_api_import, lat_api_export;
/* interactions.c, users.c */
lat_handler lat_api_interactions, lat_api_user_history, lat_api_user_delete,
    lat_api_user_recommendations;
/* recommend.c, recommend_examples.c, recommender.c */
lat_handler lat_api_model_recommend, lat_api_item_similar, lat_api_popular, lat_api_recommend,
    lat_api_recommender_put, lat_api_recommender_delete;
/* jobs.c, job_start.c, job_events.c */
lat_handler lat_api_job_start, lat_api_jobs, lat_api_job, lat_api_job_cancel,
    lat_api_job_events;
/* aliases.c */
lat_handler lat_api_alias_put, lat_api_alias, lat_api_alias_delete, lat_api_aliases;
/* snapshots.c */
lat_handler lat_api_snapshot_make, lat_api_snapshots, lat_api_snapshot, lat_api_snapshot_delete;

#endif
