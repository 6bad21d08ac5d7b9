/* Threads take items one by one from a counter; each has its own buffers, and an item's result
 * has its own place, so nothing is shared but the counter, the first error and the progress
 * (`lock`). Sums of exponentials go in two stages: within a chunk of samples relative to its
 * largest, then chunk by chunk relative to the largest so far. */
#include "model/train/importance.h"

#include <math.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/sync.h"
#include "model/row_nll.h"
#include "model/train/rows.h"

#include "base/banned.h"

enum { CHUNK = 256, MAX_THREADS = 64 };

/* Not a stream that training draws from. */
static const uint64_t IMPORTANCE_STREAM = UINT64_C(0x696D706F7274);

struct job {
    struct lat_model *model;
    const struct lat_manifest *manifest;
    const struct lat_dataset *dataset;
    const uint32_t *indices;
    size_t n;
    const struct lat_importance_options *options;
    size_t elements, width;
    double *likelihoods, *elbos; /* [n] */
    atomic_size_t next;
    atomic_bool failed;
    struct lat_mutex lock;
    size_t n_done;
    struct lat_error error; /* the first */
};

/* What one thread works with. */
struct bench {
    struct job *job;
    struct lat_rows source;
    float *row, *mean, *deviation;  /* of one item */
    double log_deviations;          /* summed */
    float *noise, *codes, *decoded; /* [CHUNK][...] */
    float *spreads;                 /* NULL where the model says none */
    double log_weights[CHUNK];
    struct lat_error error;
};

/* log of a sum of exponentials that grows; and the plain sum. */
struct total {
    double largest, sum; /* of exp(x - largest) */
    double plain;
};

static void add_chunk(struct total *total, const double *values, size_t n)
{
    double largest = (double)-INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, values[i]);
        total->plain += values[i];
    }
    if (!(largest > (double)-INFINITY))
        return;
    for (size_t i = 0; i < n; i++)
        sum += exp(values[i] - largest);
    if (largest > total->largest) {
        total->sum = total->sum * exp(total->largest - largest) + sum;
        total->largest = largest;
    } else {
        total->sum += sum * exp(largest - total->largest);
    }
}

/* Encodes item `i`. */
static enum lat_status take(struct bench *bench, size_t i, struct lat_error *err)
{
    struct job *job = bench->job;
    enum lat_status status =
        lat_rows_read(&bench->source, job->indices + i, 1, bench->row, err);
    if (status == LAT_OK)
        status =
            lat_model_encode(job->model, bench->row, 1, bench->mean, bench->deviation, err);
    bench->log_deviations = 0;
    for (size_t d = 0; status == LAT_OK && d < job->width; d++) {
        const float variance = bench->deviation[d];
        bench->log_deviations += 0.5 * log((double)variance);
        bench->deviation[d] = sqrtf(variance);
    }
    return status;
}

/* Codes of one chunk into bench->codes, log p(z) - log q(z|x) of each into log_weights. */
static void draw(struct bench *bench, struct lat_rng *rng, size_t n)
{
    const size_t width = bench->job->width;
    lat_rng_normals(rng, bench->noise, n * width);
    for (size_t s = 0; s < n; s++) {
        const float *noise = bench->noise + s * width;
        float *code = bench->codes + s * width;
        double ratio = 0;
        for (size_t d = 0; d < width; d++) {
            const double e = (double)noise[d];
            code[d] = bench->mean[d] + bench->deviation[d] * noise[d];
            ratio += e * e - (double)code[d] * (double)code[d];
        }
        bench->log_weights[s] = 0.5 * ratio + bench->log_deviations;
    }
}

static enum lat_status weigh_item(struct bench *bench, size_t i, struct lat_error *err)
{
    struct job *job = bench->job;
    const uint32_t samples = job->options->samples;
    struct total total = {.largest = (double)-INFINITY};
    struct lat_rng rng;
    enum lat_status status = take(bench, i, err);
    lat_rng_seed(&rng, job->indices[i] ^ IMPORTANCE_STREAM);
    for (uint32_t at = 0; status == LAT_OK && at < samples; at += CHUNK) {
        const size_t n = samples - at < CHUNK ? samples - at : CHUNK;
        draw(bench, &rng, n);
        status = lat_model_decode_spread(job->model, bench->codes, n, bench->decoded,
                                         bench->spreads, err);
        for (size_t s = 0; status == LAT_OK && s < n; s++)
            bench->log_weights[s] -= lat_input_nll_spread(
                &job->manifest->input, job->manifest->likelihood, bench->row,
                bench->decoded + s * job->elements,
                bench->spreads ? bench->spreads + s * job->elements : NULL);
        add_chunk(&total, bench->log_weights, n);
    }
    job->likelihoods[i] = total.largest + log(total.sum) - log((double)samples);
    job->elbos[i] = total.plain / (double)samples;
    return status;
}

/* ---- threads ---- */

static enum lat_status bench_init(struct bench *bench, struct job *job, struct lat_error *err)
{
    const size_t width = job->width, elements = job->elements;
    *bench = (struct bench){.job = job, .error = LAT_ERROR_INIT};
    enum lat_status status = lat_rows_init(&bench->source, job->manifest, job->dataset, 1, err);
    if (status != LAT_OK)
        return status;
    bench->row = lat_alloc_raw(elements, sizeof(float));
    bench->mean = lat_alloc_raw(width, sizeof(float));
    bench->deviation = lat_alloc_raw(width, sizeof(float));
    bench->noise = lat_alloc_raw(CHUNK * width, sizeof(float));
    bench->codes = lat_alloc_raw(CHUNK * width, sizeof(float));
    bench->decoded = lat_alloc_raw(CHUNK * elements, sizeof(float));
    if (lat_model_has_spread(job->model))
        bench->spreads = lat_alloc_raw(CHUNK * elements, sizeof(float));
    const bool good = (bench->spreads || !lat_model_has_spread(job->model)) && bench->row &&
                      bench->mean && bench->deviation && bench->noise && bench->codes &&
                      bench->decoded;
    return good ? LAT_OK : lat_fail_memory(err);
}

static void bench_release(struct bench *bench)
{
    lat_rows_release(&bench->source);
    lat_free(bench->row);
    lat_free(bench->mean);
    lat_free(bench->deviation);
    lat_free(bench->noise);
    lat_free(bench->codes);
    lat_free(bench->decoded);
    lat_free(bench->spreads);
}

static void note_done(struct job *job)
{
    lat_mutex_lock(&job->lock);
    job->n_done++;
    if (job->options->progress)
        job->options->progress(job->options->context, job->n_done, job->n);
    lat_mutex_unlock(&job->lock);
}

static void note_failure(struct job *job, const struct lat_error *error)
{
    lat_mutex_lock(&job->lock);
    if (!atomic_exchange(&job->failed, true))
        job->error = *error;
    lat_mutex_unlock(&job->lock);
}

static void *work(void *argument)
{
    struct job *job = argument;
    struct lat_error error = LAT_ERROR_INIT;
    struct bench bench;
    enum lat_status status = bench_init(&bench, job, &error);
    while (status == LAT_OK && !atomic_load(&job->failed)) {
        const size_t i = atomic_fetch_add(&job->next, 1);
        if (i >= job->n)
            break;
        status = weigh_item(&bench, i, &error);
        if (status == LAT_OK)
            note_done(job);
    }
    if (status != LAT_OK)
        note_failure(job, &error);
    bench_release(&bench);
    return NULL;
}

/* This thread works too; threads that cannot be had are done without. */
static void run(struct job *job)
{
    pthread_t threads[MAX_THREADS];
    const int wanted =
        job->options->threads < MAX_THREADS ? job->options->threads : MAX_THREADS;
    int n = 0;
    while (n + 1 < wanted &&
           lat_thread_start(&threads[n], "importance", work, job, NULL) == LAT_OK)
        n++;
    (void)work(job);
    while (n > 0)
        (void)pthread_join(threads[--n], NULL);
}

/* ---- importance.h ---- */

static enum lat_status check(const struct job *job, struct lat_error *err)
{
    const struct lat_manifest *manifest = job->manifest;
    enum lat_status status = lat_model_require(job->model, LAT_CAN_DECODE, err);
    if (status == LAT_OK && manifest->likelihood != LAT_LIKELIHOOD_MIXED &&
        isnan(lat_row_nll(manifest->likelihood, NULL, NULL, 0)))
        status = lat_fail(err, LAT_INVALID, "not_supported",
                          "the likelihood '%s' has no formula here",
                          lat_likelihood_names[manifest->likelihood]);
    return status;
}

enum lat_status lat_importance_measure(struct lat_model *model,
                                       const struct lat_dataset *dataset,
                                       const uint32_t *indices, size_t n,
                                       const struct lat_importance_options *options,
                                       struct lat_importance *out_importance,
                                       struct lat_error *err)
{
    struct job job = {.model = model,
                      .manifest = lat_model_manifest(model),
                      .dataset = dataset,
                      .indices = indices,
                      .n = n,
                      .options = options,
                      .elements = dataset->elements,
                      .width = lat_model_manifest(model)->code_dimension,
                      .error = LAT_ERROR_INIT};
    enum lat_status status = check(&job, err);
    if (status != LAT_OK)
        return status;
    lat_mutex_init(&job.lock, LAT_RANK_LEAF, "importance");
    job.likelihoods = lat_alloc(n, sizeof(double));
    job.elbos = lat_alloc(n, sizeof(double));
    if (!job.likelihoods || !job.elbos) {
        status = lat_fail_memory(err);
        goto out;
    }
    run(&job);
    if (atomic_load(&job.failed)) {
        status = job.error.status;
        if (err)
            *err = job.error;
        goto out;
    }
    struct lat_importance result = {0};
    for (size_t i = 0; i < n; i++) {
        result.negative_log_likelihood -= job.likelihoods[i] / (double)n;
        result.elbo += job.elbos[i] / (double)n;
    }
    *out_importance = result;
out:
    lat_free(job.likelihoods);
    lat_free(job.elbos);
    lat_mutex_release(&job.lock);
    return status;
}
