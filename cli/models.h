/* A folder of models for a command that works without a server. */
#ifndef LAT_CLI_MODELS_H
#define LAT_CLI_MODELS_H

#include "model/registry.h"

struct lat_models {
    struct lat_engine *engine;
    struct lat_registry *registry;
};

/* Opens `folder`, with `threads` for one run of a model; loads none. LAT_NOT_FOUND when there
 * is no such folder, naming --models. Close it in either case. */
enum lat_status lat_models_open(const char *folder, int threads, struct lat_models *out_models,
                                struct lat_error *err);
void lat_models_close(struct lat_models *models);

#endif
