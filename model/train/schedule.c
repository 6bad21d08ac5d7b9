/* constant: the rate. step: a tenth of it from half of the steps on, a hundredth from three
 * quarters on. cosine: half a wave from the rate down to 0 (Loshchilov & Hutter 2017, without
 * restarts). plateau: halved whenever three epochs in a row bring nothing, down to a
 * thousandth. */
#include "model/train/schedule.h"

#include <math.h>

#include "base/banned.h"

enum { PLATEAU_EPOCHS = 3 };

static const double PLATEAU_GAIN = 1e-4, PLATEAU_FACTOR = 0.5, PLATEAU_LEAST = 1e-3;
static const double PI = 3.14159265358979323846;

static double constant_factor(const struct lat_schedule_state *state, double done)
{
    (void)state;
    (void)done;
    return 1;
}

static double step_factor(const struct lat_schedule_state *state, double done)
{
    (void)state;
    return done < 0.5 ? 1 : done < 0.75 ? 0.1 : 0.01;
}

static double cosine_factor(const struct lat_schedule_state *state, double done)
{
    (void)state;
    return 0.5 * (1 + cos(PI * done));
}

static double plateau_factor(const struct lat_schedule_state *state, double done)
{
    (void)done;
    return state->factor;
}

/* By schedule: the factor after the share `done` of all steps. */
static double (*const factors[])(const struct lat_schedule_state *, double) = {
    [LAT_SCHEDULE_CONSTANT] = constant_factor,
    [LAT_SCHEDULE_STEP] = step_factor,
    [LAT_SCHEDULE_COSINE] = cosine_factor,
    [LAT_SCHEDULE_PLATEAU] = plateau_factor,
};

double lat_schedule_rate(const struct lat_optimizer_spec *optimizer,
                         const struct lat_schedule_state *state, uint64_t step, uint64_t steps)
{
    return optimizer->rate *
           factors[optimizer->schedule](state, (double)step / (double)(steps ? steps : 1));
}

void lat_schedule_epoch(const struct lat_optimizer_spec *optimizer, double loss,
                        struct lat_schedule_state *inout_state)
{
    struct lat_schedule_state *state = inout_state;
    if (optimizer->schedule != LAT_SCHEDULE_PLATEAU)
        return;
    if (isinf(state->best) || loss < state->best - PLATEAU_GAIN * fabs(state->best)) {
        state->best = loss;
        state->waited = 0;
    } else if (++state->waited >= PLATEAU_EPOCHS) {
        state->factor = fmax(state->factor * PLATEAU_FACTOR, PLATEAU_LEAST);
        state->waited = 0;
    }
}
