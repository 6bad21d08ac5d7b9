/* From a spec to a package: open the data, hold a part out, resume or begin, run, publish. The
 * loop over epochs is in run.c, the package in publish.c. */
#include "model/train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/train/layerwise.h"
#include "model/train/publish.h"
#include "model/train/ratings.h"
#include "model/train/run.h"

#include "base/banned.h"

const char *const lat_train_end_names[3] = {"epochs", "early_stopping", "stopped"};

static void say(const struct lat_run *run, const char *fmt, ...) LAT_PRINTF(2, 3);

static void say(const struct lat_run *run, const char *fmt, ...)
{
    char words[512];
    if (!run->options->note)
        return;
    va_list arguments;
    va_start(arguments, fmt);
    vsnprintf(words, sizeof(words), fmt, arguments);
    va_end(arguments);
    run->options->note(run->options->context, words);
}

/* ---- setting up ---- */

static enum lat_status open_data(struct lat_run *run, struct lat_error *err)
{
    struct lat_dataset *dataset = &run->dataset;
    const struct lat_train_options *options = run->options;
    const bool collected = run->spec.data.collection[0] && options->open_collection;
    enum lat_status status =
        collected ? options->open_collection(options->context, &run->spec.data, dataset, err)
                  : lat_dataset_open(&run->spec.data, dataset, err);
    if (status != LAT_OK)
        return status;
    if (dataset->n_skipped)
        say(run, "%zu item%s of the data cannot be used; the first: %s", dataset->n_skipped,
            dataset->n_skipped == 1 ? "" : "s", dataset->first_skipped);
    status =
        lat_spec_settle(&run->spec, &dataset->input, dataset->lowest, dataset->highest, err);
    if (status == LAT_OK)
        status = lat_dataset_hold_out(dataset, run->spec.data.validation, run->spec.seed,
                                      &run->indices, &run->n_validation, err);
    if (status != LAT_OK)
        return status;
    run->n_train = dataset->n - run->n_validation;
    if (lat_ratings_wanted(&run->spec, &dataset->input)) {
        status = lat_ratings_settle(dataset, &run->spec, run->indices, run->n_train, err);
        if (status != LAT_OK)
            return status;
    }
    if (run->spec.optimizer.early_stopping && !run->n_validation)
        return lat_fail(err, LAT_INVALID, "out_of_range",
                        "/optimizer/early_stopping: of %zu item(s) none can be held out",
                        dataset->n);
    dataset->standardised = true;
    if (run->spec.optimizer.batch > run->n_train) {
        run->spec.optimizer.batch = (uint32_t)run->n_train;
        if (run->spec.method == LAT_METHOD_AUTOENCODER)
            say(run, "the batch is all %zu items to train on", run->n_train);
    }
    run->steps_per_epoch = run->n_train / run->spec.optimizer.batch;
    run->order = lat_alloc_raw(run->n_train, sizeof(*run->order));
    return run->order ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status place_checkpoint(struct lat_run *run, struct lat_error *err)
{
    const struct lat_train_options *options = run->options;
    char folder[LAT_PATH_MAX];
    const int folder_len =
        snprintf(folder, sizeof(folder), "%s/%s", options->models, run->spec.name);
    const int len =
        options->checkpoint
            ? snprintf(run->checkpoint_path, sizeof(run->checkpoint_path), "%s",
                       options->checkpoint)
            : snprintf(run->checkpoint_path, sizeof(run->checkpoint_path),
                       "%s/%s/training.checkpoint", options->models, run->spec.name);
    if (folder_len < 0 || (size_t)folder_len >= sizeof(folder) || len < 0 ||
        (size_t)len >= sizeof(run->checkpoint_path))
        return lat_fail(err, LAT_INVALID, NULL, "the models folder's name is too long");
    return lat_file_make_folder(folder, err);
}

enum lat_status lat_run_begin(struct lat_run *run, struct lat_error *err)
{
    run->done = (struct lat_checkpoint){.best_loss = INFINITY,
                                        .schedule = {.factor = 1, .best = INFINITY},
                                        .data_crc = run->dataset.crc};
    lat_rng_seed(&run->done.rng, run->spec.seed);
    run->done.spec_json = lat_strdup(run->spec.json);
    return run->done.spec_json ? LAT_OK : lat_fail_memory(err);
}

static enum lat_status resume(struct lat_run *run, struct lat_error *err)
{
    struct lat_checkpoint *done = &run->done;
    enum lat_status status = lat_checkpoint_read(run->checkpoint_path, done, err);
    if (status != LAT_OK)
        return status;
    if (strcmp(done->spec_json, run->spec.json) != 0)
        return lat_fail(err, LAT_CONFLICT, "other_spec",
                        "checkpoint '%s': it belongs to another spec", run->checkpoint_path);
    if (done->data_crc != run->dataset.crc)
        return lat_fail(
            err, LAT_CONFLICT, "other_data",
            "checkpoint '%s': the data have changed since (checksum %08x, now %08x)",
            run->checkpoint_path, done->data_crc, run->dataset.crc);
    if (done->epoch && done->stage) { /* layerwise.c takes it from there */
        say(run, "resuming after epoch %u of layer %u", done->epoch, done->stage);
        return LAT_OK;
    }
    if (!done->epoch || (done->best && done->n_best != run->n_weights))
        return lat_fail(err, LAT_CORRUPT, "bad_checkpoint",
                        "checkpoint '%s': of another network", run->checkpoint_path);
    status = lat_step_set_state(run->step, done->state, done->state_len, err);
    if (status == LAT_OK)
        say(run, "resuming after epoch %u of %u", done->epoch, run->spec.optimizer.epochs);
    return status;
}

static enum lat_status prepare(struct lat_run *run, struct lat_error *err)
{
    enum lat_status status = lat_step_new(run->engine, &run->spec, &run->dataset.input,
                                          run->options->threads, &run->step, err);
    if (status != LAT_OK)
        return status;
    run->n_weights = lat_run_count_weights(run->step);
    say(run, "%zu items to train on, %zu held out, %zu weights", run->n_train,
        run->n_validation, run->n_weights);
    status = run->options->resume ? resume(run, err) : lat_run_begin(run, err);
    const bool whole = run->done.epoch && !run->done.stage;
    if (status == LAT_OK && run->spec.layerwise && !whole)
        status = lat_run_layerwise(run, err);
    return status;
}

/* ---- the end ---- */

static void summarise(const struct lat_run *run, struct lat_train_result *out_result)
{
    const struct lat_checkpoint *done = &run->done;
    *out_result = (struct lat_train_result){.end = run->end,
                                            .epochs = done->epoch,
                                            .best_epoch = done->best_epoch,
                                            .n_train = run->n_train,
                                            .n_validation = run->n_validation,
                                            .n_skipped = run->dataset.n_skipped,
                                            .loss = NAN,
                                            .validation = NAN};
    if (!done->epoch)
        return;
    out_result->loss = done->curve[done->epoch - 1].loss;
    if (run->n_validation)
        out_result->validation = done->best_loss;
    for (uint32_t i = 0; i < done->epoch; i++)
        out_result->seconds += done->curve[i].seconds;
}

static enum lat_status finish(struct lat_run *run, struct lat_train_result *out_result,
                              struct lat_error *err)
{
    struct lat_train_result result;
    double expected = NAN;
    enum lat_status status = LAT_OK;
    summarise(run, &result);
    if (run->spec.method == LAT_METHOD_AUTOENCODER)
        status = lat_run_reconstruct(run, &expected, err);
    run->dataset.standardised = false;
    if (status == LAT_OK && run->dataset.shift)
        status = lat_step_set_scaling(run->step, run->dataset.shift, run->dataset.scale, err);
    const struct lat_publication publication = {.engine = run->engine,
                                                .spec = &run->spec,
                                                .models = run->options->models,
                                                .dataset = &run->dataset,
                                                .indices = run->indices,
                                                .n_train = run->n_train,
                                                .n_validation = run->n_validation,
                                                .step = run->step,
                                                .ease = run->ease,
                                                .curve = run->done.curve,
                                                .threads = run->options->threads,
                                                .expected_loss = expected,
                                                .job = run->options->job};
    if (status == LAT_OK)
        status = lat_publish(&publication, &result, err);
    if (status != LAT_OK)
        return status;
    if (run->spec.method == LAT_METHOD_AUTOENCODER && run->end != LAT_TRAIN_STOPPED &&
        !run->options->keep_checkpoint)
        unlink(run->checkpoint_path);
    *out_result = result;
    return LAT_OK;
}

static enum lat_status learn(struct lat_run *run, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    switch (run->spec.method) {
    case LAT_METHOD_PCA:
        return lat_run_pca(run, err);
    case LAT_METHOD_FACTORS:
        return lat_run_factors(run, err);
    case LAT_METHOD_EASE:
        return lat_run_ease(run, err);
    case LAT_METHOD_AUTOENCODER:
        break;
    }
    status = prepare(run, err);
    return status == LAT_OK ? lat_run_epochs(run, err) : status;
}

enum lat_status lat_train(struct lat_engine *engine, const struct lat_spec *spec,
                          const struct lat_train_options *options,
                          struct lat_train_result *out_result, struct lat_error *err)
{
    struct lat_run *run = lat_alloc(1, sizeof(*run));
    if (!run)
        return lat_fail_memory(err);
    run->engine = engine;
    run->options = options;
    run->spec = *spec;
    enum lat_status status = open_data(run, err);
    if (status == LAT_OK)
        status = place_checkpoint(run, err);
    if (status == LAT_OK)
        status = learn(run, err);
    if (status == LAT_OK)
        status = finish(run, out_result, err);
    lat_step_free(run->step);
    lat_checkpoint_release(&run->done);
    lat_dataset_close(&run->dataset);
    lat_free(run->ease);
    lat_free(run->indices);
    lat_free(run->order);
    lat_free(run);
    return status;
}
