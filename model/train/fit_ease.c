/* The method "ease" as a run: one fit instead of epochs. The spec says what came of it: a code
 * as wide as the vocabulary, the history itself. */
#include "model/train/run.h"

#include "model/train/ease.h"

#include "base/banned.h"

enum lat_status lat_run_ease(struct lat_run *run, struct lat_error *err)
{
    const enum lat_status status =
        lat_ease_fit(&run->dataset, run->indices, run->n_train, run->spec.ridge,
                     run->options->abandon, &run->ease, err);
    run->spec.code.dimension = run->dataset.elements;
    run->spec.code.type = LAT_CODE_DETERMINISTIC;
    run->spec.likelihood = LAT_LIKELIHOOD_GAUSSIAN;
    run->spec.optimizer.batch = 1;
    return status;
}
