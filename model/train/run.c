/* The loop over epochs. `run->done` changes only between epochs, as a whole, and is written to
 * the checkpoint there; whatever happens inside an epoch, done is still the last good state.
 *
 * Everything that decides the weights (order of items, rates, steps) comes from done and the
 * spec, so a training resumed from the file goes through the same numbers as one that was never
 * stopped. The loss is computed on every REPORT_STEPS-th step alone: it costs, and the update
 * does not need it. */
#include "model/train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#include "base/banned.h"

enum { REPORT_STEPS = 8 };

/* One epoch under way. */
struct epoch {
    uint64_t step; /* next */
    double loss_sum;
    uint64_t n_losses;
    double rate;
    uint64_t started_ns;
    bool stopped;
    struct lat_rng rng; /* order of items, draws of binarised ones */
};

static double seconds_since(uint64_t start_ns)
{
    return (double)(lat_clock_ns() - start_ns) / (double)LAT_NS_PER_S;
}

static void tell(const struct lat_run *run, const struct epoch *epoch, bool done)
{
    const struct lat_checkpoint *past = &run->done;
    if (!run->options->progress)
        return;
    const double spent = seconds_since(run->started_ns);
    const double each = run->steps_run ? spent / (double)run->steps_run : 0;
    const uint64_t all = run->steps_per_epoch * run->spec.optimizer.epochs;
    const uint64_t at = past->epoch * run->steps_per_epoch + (done ? 0 : epoch->step);
    const struct lat_train_progress progress = {
        .epoch = past->epoch + (done ? 0 : 1),
        .epochs = run->spec.optimizer.epochs,
        .layer = run->stage,
        .layers = run->n_stages,
        .step = epoch->step,
        .steps = run->steps_per_epoch,
        .loss = epoch->n_losses ? epoch->loss_sum / (double)epoch->n_losses : (double)NAN,
        .validation = past->epoch ? past->curve[past->epoch - 1].validation : (double)NAN,
        .rate = epoch->rate,
        .items_per_second = each > 0 ? (double)run->spec.optimizer.batch / each : 0,
        .eta_s = each * (double)(all > at ? all - at : 0),
        .seconds = past->epoch ? past->curve[past->epoch - 1].seconds : 0,
        .epoch_done = done};
    run->options->progress(run->options->context, &progress);
}

static bool wants_stop(const struct lat_run *run)
{
    return run->options->stop && atomic_load(run->options->stop);
}

static bool abandoned(const struct lat_run *run)
{
    return run->options->abandon && atomic_load(run->options->abandon);
}

/* The epochs of a checkpoint, for those who draw the curve. */
static void retell(const struct lat_run *run)
{
    for (uint32_t i = 0; run->options->progress && i < run->done.epoch; i++) {
        const struct lat_curve_point *point = &run->done.curve[i];
        const struct lat_train_progress progress = {.epoch = i + 1,
                                                    .epochs = run->spec.optimizer.epochs,
                                                    .layer = run->stage,
                                                    .layers = run->n_stages,
                                                    .step = run->steps_per_epoch,
                                                    .steps = run->steps_per_epoch,
                                                    .loss = point->loss,
                                                    .validation = point->validation,
                                                    .rate = point->rate,
                                                    .eta_s = (double)NAN,
                                                    .seconds = point->seconds,
                                                    .epoch_done = true,
                                                    .past = true};
        run->options->progress(run->options->context, &progress);
    }
}

static enum lat_status diverged(const struct lat_run *run, const struct epoch *epoch,
                                const char *what, struct lat_error *err)
{
    char kept[160] = "no epoch had been done";
    if (run->done.epoch)
        snprintf(kept, sizeof(kept), "the checkpoint of epoch %u is kept", run->done.epoch);
    return lat_fail(
        err, LAT_INVALID, "diverged",
        "step %llu of epoch %u: %s is not finite: the training diverged (optimizer.rate "
        "%g may be too high, or set optimizer.clip); %s",
        (unsigned long long)epoch->step, run->done.epoch + 1, what, run->spec.optimizer.rate,
        kept);
}

/* ---- steps ---- */

/* The weight of a gaussian code's divergence grows linearly over the first epochs (Sonderby et
 * al. 2016). `step` counts from the start of the training, so that it does not
 * matter whether it was resumed. */
static double divergence_weight(const struct lat_run *run, uint64_t step)
{
    const struct lat_penalties *penalties = &run->spec.penalties;
    const uint64_t warm = run->steps_per_epoch * penalties->beta_warmup;
    if (run->spec.code.type == LAT_CODE_QUANTISED) /* the weight of its length */
        return penalties->rate;
    return step < warm ? penalties->beta * (double)step / (double)warm : penalties->beta;
}

/* Where items are read to, and what makes the step's rows of them. */
static float *rows_of(const struct lat_run *run)
{
    return run->below ? lat_below_input(run->below) : lat_step_input(run->step);
}

static enum lat_status encode_below(const struct lat_run *run, struct lat_error *err)
{
    if (!run->below)
        return LAT_OK;
    lat_dataset_fill(&run->dataset, rows_of(run), run->spec.optimizer.batch);
    return lat_below_run(run->below, err);
}

static enum lat_status run_step(struct lat_run *run, struct epoch *epoch, struct lat_error *err)
{
    const size_t batch = run->spec.optimizer.batch;
    const bool report =
        epoch->step % REPORT_STEPS == 0 || epoch->step + 1 == run->steps_per_epoch;
    double loss = 0;
    enum lat_status status = lat_dataset_read_anew(
        &run->dataset, run->order + epoch->step * batch, batch, &epoch->rng, rows_of(run), err);
    if (status != LAT_OK)
        return status;
    epoch->rate = lat_schedule_rate(&run->spec.optimizer, &run->done.schedule,
                                    run->done.step + epoch->step,
                                    run->steps_per_epoch * run->spec.optimizer.epochs);
    lat_step_set_divergence(run->step, divergence_weight(run, run->done.step + epoch->step));
    status = encode_below(run, err);
    if (status == LAT_OK)
        status = lat_step_run(run->step, epoch->rate, report ? &loss : NULL, err);
    if (status != LAT_OK)
        return status;
    run->steps_run++;
    epoch->step++;
    if (report) {
        if (!isfinite(loss))
            return diverged(run, epoch, "the loss", err);
        epoch->loss_sum += loss;
        epoch->n_losses++;
    }
    tell(run, epoch, false);
    return LAT_OK;
}

/* The loss of what was held out, averaged; NaN when nothing was. */
static enum lat_status validate(struct lat_run *run, bool at_mean, double *out_loss,
                                struct lat_error *err)
{
    const size_t batch = run->spec.optimizer.batch;
    const uint32_t *held_out = run->indices + run->n_train;
    double total = 0;
    enum lat_status status = LAT_OK;
    lat_step_begin_evaluation(run->step, at_mean);
    for (size_t at = 0; status == LAT_OK && at < run->n_validation; at += batch) {
        const size_t n = run->n_validation - at < batch ? run->n_validation - at : batch;
        double sum = 0;
        status = lat_dataset_read(&run->dataset, held_out + at, n, rows_of(run), err);
        if (status == LAT_OK)
            status = encode_below(run, err);
        if (status == LAT_OK)
            status = lat_step_evaluate(run->step, n, &sum, err);
        total += sum;
    }
    *out_loss = run->n_validation ? total / (double)run->n_validation : (double)NAN;
    return status;
}

/* ---- weights ---- */

size_t lat_run_count_weights(const struct lat_step *step)
{
    size_t n = 0, total = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t i = 0; i < n; i++)
        total += infos[i].n;
    return total;
}

bool lat_run_collect(const struct lat_step *step, float *out_weights)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    bool finite = true;
    for (size_t i = 0; i < n; out_weights += infos[i++].n) {
        lat_step_get_parameter(step, i, out_weights);
        for (size_t j = 0; j < infos[i].n; j++)
            finite = finite && isfinite(out_weights[j]);
    }
    return finite;
}

void lat_run_put_back(struct lat_step *step, const float *weights)
{
    size_t n = 0;
    const struct lat_parameter_info *infos = lat_step_parameters(step, &n);
    for (size_t i = 0; i < n; weights += infos[i++].n)
        lat_step_set_parameter(step, i, weights);
}

/* ---- the end of an epoch ---- */

/* Room in done for one more epoch. */
static enum lat_status grow(struct lat_run *run, struct lat_error *err)
{
    struct lat_checkpoint *done = &run->done;
    const size_t state_len = lat_step_state_len(run->step);
    struct lat_curve_point *curve =
        lat_realloc(done->curve, (size_t)done->epoch + 1, sizeof(*curve));
    if (!curve)
        return lat_fail_memory(err);
    done->curve = curve;
    if (!done->state) {
        done->state = lat_alloc_raw(state_len, 1);
        done->state_len = state_len;
    }
    return done->state ? LAT_OK : lat_fail_memory(err);
}

/* Takes the finished epoch over into done. Nothing fails once done has begun to change. */
static enum lat_status advance(struct lat_run *run, struct epoch *epoch, double validation,
                               struct lat_error *err)
{
    struct lat_checkpoint *done = &run->done;
    const double loss = epoch->loss_sum / (double)epoch->n_losses;
    const bool better = run->n_validation &&
                        (run->spec.optimizer.keep_last || !(validation >= done->best_loss));
    float *weights = lat_alloc_raw(run->n_weights, sizeof(float));
    enum lat_status status = weights ? grow(run, err) : lat_fail_memory(err);
    if (status == LAT_OK && !lat_run_collect(run->step, weights))
        status = diverged(run, epoch, "a weight", err);
    if (status != LAT_OK) {
        lat_free(weights);
        return status;
    }
    done->curve[done->epoch++] =
        (struct lat_curve_point){.loss = loss,
                                 .validation = validation,
                                 .rate = epoch->rate,
                                 .seconds = seconds_since(epoch->started_ns)};
    done->step += epoch->step;
    lat_schedule_epoch(&run->spec.optimizer, run->n_validation ? validation : loss,
                       &done->schedule);
    lat_step_get_state(run->step, done->state);
    if (better) {
        lat_free(done->best);
        done->best = weights;
        done->n_best = run->n_weights;
        done->best_loss = validation;
        weights = NULL;
    }
    if (better || !run->n_validation)
        done->best_epoch = done->epoch;
    lat_free(weights);
    return LAT_OK;
}

static enum lat_status run_epoch(struct lat_run *run, bool *out_stopped, struct lat_error *err)
{
    struct epoch epoch = {.started_ns = lat_clock_ns(), .rng = run->done.rng};
    double validation = 0;
    enum lat_status status = LAT_OK;
    memcpy(run->order, run->indices, run->n_train * sizeof(*run->order));
    lat_rng_shuffle(&epoch.rng, run->order, run->n_train);
    while (status == LAT_OK && epoch.step < run->steps_per_epoch) {
        if (abandoned(run))
            return lat_fail(err, LAT_CANCELLED, NULL, "cancelled in epoch %u",
                            run->done.epoch + 1);
        if (wants_stop(run)) {
            *out_stopped = true;
            return LAT_OK;
        }
        status = run_step(run, &epoch, err);
    }
    if (status == LAT_OK)
        status = validate(run, false, &validation, err);
    if (status == LAT_OK && run->n_validation && !isfinite(validation))
        status = diverged(run, &epoch, "the validation loss", err);
    if (status == LAT_OK)
        status = advance(run, &epoch, validation, err);
    if (status != LAT_OK)
        return status;
    run->done.rng = epoch.rng;
    tell(run, &epoch, true);
    return lat_checkpoint_write(run->checkpoint_path, &run->done, err);
}

static bool waited_enough(const struct lat_run *run)
{
    const uint32_t patience = run->spec.optimizer.early_stopping;
    return patience && run->done.epoch - run->done.best_epoch >= patience;
}

enum lat_status lat_run_epochs(struct lat_run *run, struct lat_error *err)
{
    bool stopped = false;
    run->started_ns = lat_clock_ns();
    run->end = LAT_TRAIN_EPOCHS;
    retell(run);
    while (!stopped && run->done.epoch < run->spec.optimizer.epochs) {
        if (waited_enough(run)) {
            run->end = LAT_TRAIN_EARLY;
            break;
        }
        const enum lat_status status = run_epoch(run, &stopped, err);
        if (status != LAT_OK)
            return status;
    }
    if (stopped)
        run->end = LAT_TRAIN_STOPPED;
    if (!run->done.epoch)
        return lat_fail(err, LAT_CANCELLED, NULL, "stopped before the first epoch was done");
    if (run->done.best)
        lat_run_put_back(run->step, run->done.best);
    else if (stopped)
        return lat_step_set_state(run->step, run->done.state, run->done.state_len, err);
    return LAT_OK;
}

enum lat_status lat_run_reconstruct(struct lat_run *run, double *out_loss,
                                    struct lat_error *err)
{
    return validate(run, true, out_loss, err);
}
