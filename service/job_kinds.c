/* The kinds that resume. Adding one is its file and a line here. */
#include "service/jobs.h"
#include "service/snapshots.h"
#include "service/training.h"

#include "base/banned.h"

const struct lat_job_kind *const lat_job_kinds[] = {&lat_job_train, &lat_job_reindex,
                                                    &lat_job_calibrate, &lat_job_snapshot};
const size_t lat_n_job_kinds = LAT_ARRAY_LEN(lat_job_kinds);
