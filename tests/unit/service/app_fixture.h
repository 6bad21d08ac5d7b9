/* An application over temporary folders with the model "tiny" (vectors of 5, codes of 3: the
 * first three values doubled) and a call to hand to its use cases. */
#ifndef LAT_TESTS_APP_FIXTURE_H
#define LAT_TESTS_APP_FIXTURE_H

#include "service/app.h"

struct app_fixture {
    struct lat_config config;
    struct lat_app *app;
    struct lat_call call; /* of app, empty; its arena is cleared by app_fixture_stop */
};

/* Inside test_folder_enter. Ready when it returns; aborts when it does not get there. */
void app_fixture_start(struct app_fixture *fixture);
void app_fixture_stop(struct app_fixture *fixture);

/* The settings app_fixture_start uses, and the model's package written. */
void app_fixture_prepare(struct lat_config *config);

/* A collection "things" for tiny, or for codes of 3 without a model. */
void app_fixture_collection(struct app_fixture *fixture, bool with_model);

#endif
