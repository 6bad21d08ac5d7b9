/* PCA and retrieval against values known otherwise. */
#include <criterion/criterion.h>
#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/train/pca.h"
#include "model/train/retrieval.h"
#include "tests/support/support.h"

/* n rows of d numbers whose true variances along known axes fall off. */
static struct lat_dataset make_dataset(size_t n, size_t d)
{
    struct lat_dataset dataset = {.n = n, .elements = d};
    struct lat_rng rng;
    lat_rng_seed(&rng, 11);
    dataset.floats = lat_alloc(n * d, sizeof(float));
    for (size_t i = 0; i < n; i++) {
        const double a = 5 * lat_rng_normal(&rng), b = 2 * lat_rng_normal(&rng);
        for (size_t j = 0; j < d; j++)
            dataset.floats[i * d + j] =
                (float)(3 + a * cos((double)j) + b * sin(2.0 * (double)j) +
                        0.1 * lat_rng_normal(&rng));
    }
    return dataset;
}

static uint32_t *all(size_t n)
{
    uint32_t *indices = lat_alloc(n, sizeof(*indices));
    for (size_t i = 0; i < n; i++)
        indices[i] = (uint32_t)i;
    return indices;
}

Test(train_pca, components_are_orthonormal_and_two_explain_data_made_of_two)
{
    struct lat_dataset dataset = make_dataset(400, 12);
    uint32_t *indices = all(400);
    struct lat_pca pca = {0};
    double error = 0, one = 0;
    cr_assert_eq(lat_pca_fit(&dataset, indices, 400, 2, NULL, &pca, NULL), LAT_OK);
    for (size_t a = 0; a < 2; a++)
        for (size_t b = 0; b < 2; b++) {
            double dot = 0;
            for (size_t j = 0; j < 12; j++)
                dot += (double)pca.components[a * 12 + j] * (double)pca.components[b * 12 + j];
            cr_assert_float_eq(dot, a == b, 1e-5);
        }
    cr_assert_gt(pca.variances[0], pca.variances[1]);
    cr_assert_eq(lat_pca_error(&pca, &dataset, indices, 400, NULL, &error, NULL), LAT_OK);
    cr_assert_float_eq(error, 10 * 0.01, 0.02, "the noise of the ten other axes, not %g",
                       error);
    lat_pca_release(&pca);
    cr_assert_eq(lat_pca_fit(&dataset, indices, 400, 1, NULL, &pca, NULL), LAT_OK);
    cr_assert_eq(lat_pca_error(&pca, &dataset, indices, 400, NULL, &one, NULL), LAT_OK);
    cr_assert_gt(one, 10 * error);
    lat_pca_release(&pca);
    lat_free(indices);
    lat_dataset_close(&dataset);
}

/* More elements than rows: the fit through the rows' inner products. */
Test(train_pca, both_ways_of_fitting_agree)
{
    enum { N = 60, D = 2100 };
    struct lat_dataset dataset = make_dataset(N, D);
    uint32_t *indices = all(N);
    struct lat_pca pca = {0};
    double error = 0;
    cr_assert_eq(lat_pca_fit(&dataset, indices, N, 2, NULL, &pca, NULL), LAT_OK);
    cr_assert_eq(lat_pca_error(&pca, &dataset, indices, N, NULL, &error, NULL), LAT_OK);
    double total = 0;
    for (size_t j = 0; j < D; j++)
        for (size_t i = 0; i < N; i++)
            total += pow((double)dataset.floats[i * D + j] - (double)pca.mean[j], 2) / N;
    cr_assert_float_eq(total - pca.variances[0] - pca.variances[1], error,
                       1e-3 * error + 1e-3 * total);
    cr_assert_lt(error, 0.01 * D * 1.1);
    lat_pca_release(&pca);
    lat_free(indices);
    lat_dataset_close(&dataset);
}

Test(train_pca, a_fit_that_is_abandoned_ends_cancelled)
{
    static const size_t widths[] = {12, 2100}; /* by columns, by rows */
    const atomic_bool abandon = true;
    uint32_t *indices = all(60);
    for (size_t i = 0; i < 2; i++) {
        struct lat_dataset dataset = make_dataset(60, widths[i]);
        struct lat_pca pca = {0};
        cr_assert_eq(lat_pca_fit(&dataset, indices, 60, 2, &abandon, &pca, NULL),
                     LAT_CANCELLED);
        cr_assert_null(pca.components);
        lat_dataset_close(&dataset);
    }
    lat_free(indices);
}

Test(train_pca, no_more_components_than_the_data_have)
{
    struct lat_dataset dataset = make_dataset(5, 12);
    uint32_t *indices = all(5);
    struct lat_pca pca = {0};
    cr_assert_eq(lat_pca_fit(&dataset, indices, 5, 32, NULL, &pca, NULL), LAT_OK);
    cr_assert_eq(pca.width, 5);
    lat_pca_release(&pca);
    lat_free(indices);
    lat_dataset_close(&dataset);
}

Test(train_pca, thirty_components_of_mnist_give_the_published_error)
{
    TEST_NEEDS_DATA("mnist/train-images-idx3-ubyte.gz");
    struct lat_data_spec data = {0};
    struct lat_dataset train = {0}, test = {0};
    struct lat_pca pca = {0};
    double error = 0;
    cr_assert_eq(
        lat_data_spec_parse(test_data_path("mnist/train-images-idx3-ubyte.gz"), &data, NULL),
        LAT_OK);
    cr_assert_eq(lat_dataset_open(&data, &train, NULL), LAT_OK);
    cr_assert_eq(
        lat_data_spec_parse(test_data_path("mnist/t10k-images-idx3-ubyte.gz"), &data, NULL),
        LAT_OK);
    cr_assert_eq(lat_dataset_open(&data, &test, NULL), LAT_OK);
    uint32_t *indices = all(train.n);
    cr_assert_eq(lat_pca_fit(&train, indices, train.n, 30, NULL, &pca, NULL), LAT_OK);
    cr_assert_eq(lat_pca_error(&pca, &test, indices, test.n, NULL, &error, NULL), LAT_OK);
    cr_assert_float_eq(error, 13.866, 0.005, "%g", error);
    lat_pca_release(&pca);
    lat_free(indices);
    lat_dataset_close(&train);
    lat_dataset_close(&test);
}

Test(train_retrieval, a_line_of_five_items_is_judged_as_by_hand)
{
    static const float codes[] = {0, 1, 2.1F, 3.3F, 10};
    static const uint32_t labels[] = {1, 1, 2, 2, 1};
    struct lat_retrieval got;
    /* Rank lists: 0: 1 2 3 4 -> relevant at 1, 4: (1 + 2/4) / 2.   1: 0 2 3 4 -> 1, 4: the
     * same. 2: 1 3 0 4 -> relevant at 2: 1/2.   3: 2 1 0 4 -> at 1: 1.   4: 3 2 1 0 -> at 3, 4:
     * (1/3 + 2/4) / 2. */
    const double expected = (0.75 + 0.75 + 0.5 + 1 + (1.0 / 3 + 0.5) / 2) / 5;
    const struct lat_labelled set = {codes, labels, 5};
    cr_assert_eq(lat_retrieval_measure(&set, NULL, 1, LAT_CODE_L2, &got, NULL), LAT_OK);
    cr_assert_float_eq(got.map_at_1000, expected, 1e-9);
    cr_assert_float_eq(got.precision_at_10, (2 + 2 + 1 + 1 + 2) / 4.0 / 5, 1e-9);
}

/* The plainest possible judge. */
static struct lat_retrieval reference(const float *codes, size_t n, size_t d,
                                      enum lat_code_metric metric, const uint32_t *labels)
{
    struct lat_retrieval sums = {0};
    double *distances = lat_alloc(n, sizeof(double));
    for (size_t q = 0; q < n; q++) {
        for (size_t i = 0; i < n; i++) {
            double square = 0, dot = 0, a = 0, b = 0;
            for (size_t j = 0; j < d; j++) {
                const double x = (double)codes[q * d + j], y = (double)codes[i * d + j];
                square += (x - y) * (x - y);
                dot += x * y;
                a += x * x;
                b += y * y;
            }
            distances[i] = metric == LAT_CODE_L2   ? square
                           : metric == LAT_CODE_IP ? -dot
                                                   : 1 - dot / sqrt(a * b);
        }
        double precisions = 0;
        size_t relevant = 0, rank = 0, last = q;
        for (; rank < n - 1 && rank < 1000; rank++) {
            size_t best = n;
            for (size_t i = 0; i < n; i++) {
                const bool after = rank == 0 || distances[i] > distances[last] ||
                                   (distances[i] >= distances[last] && i > last);
                if (i != q && after && (best == n || distances[i] < distances[best]))
                    best = i;
            }
            last = best;
            if (labels[best] == labels[q])
                precisions += (double)++relevant / (double)(rank + 1);
            if (rank == 9)
                sums.precision_at_10 += (double)relevant / 10;
        }
        sums.map_at_1000 += relevant ? precisions / (double)relevant : 0;
    }
    lat_free(distances);
    return (struct lat_retrieval){sums.map_at_1000 / (double)n,
                                  sums.precision_at_10 / (double)n};
}

Test(train_retrieval, blocks_and_selection_agree_with_the_plainest_judge_in_every_metric)
{
    enum { N = 300, D = 5 };
    static float codes[N * D];
    static uint32_t labels[N];
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    for (size_t i = 0; i < N * D; i++)
        codes[i] = (float)lat_rng_normal(&rng);
    for (size_t i = 0; i < N; i++)
        labels[i] = (uint32_t)lat_rng_below(&rng, 4);
    for (int metric = LAT_CODE_L2; metric <= LAT_CODE_IP; metric++) {
        struct lat_retrieval got;
        const struct lat_retrieval want =
            reference(codes, N, D, (enum lat_code_metric)metric, labels);
        const struct lat_labelled set = {codes, labels, N};
        cr_assert_eq(
            lat_retrieval_measure(&set, NULL, D, (enum lat_code_metric)metric, &got, NULL),
            LAT_OK);
        cr_assert_float_eq(got.map_at_1000, want.map_at_1000, 1e-6, "metric %d", metric);
        cr_assert_float_eq(got.precision_at_10, want.precision_at_10, 1e-6, "metric %d",
                           metric);
    }
}

Test(train_retrieval, queries_are_judged_against_the_whole_database)
{
    static const float codes[] = {0, 1, 2.1F, 3.3F}, asked[] = {0, 3};
    static const uint32_t labels[] = {1, 2, 2, 1}, wanted[] = {1, 2};
    const struct lat_labelled database = {codes, labels, 4}, queries = {asked, wanted, 2},
                              none = {asked, wanted, 0};
    struct lat_retrieval got;
    cr_assert_eq(lat_retrieval_measure(&database, &queries, 1, LAT_CODE_L2, &got, NULL),
                 LAT_OK);
    /* 0: 0 1 2 3 -> relevant at 1, 4: (1 + 2/4) / 2.   3: 3 2 1 0 -> at 2, 3: (1/2 + 2/3) / 2.
     */
    cr_assert_float_eq(got.map_at_1000, (0.75 + (0.5 + 2.0 / 3) / 2) / 2, 1e-9);
    cr_assert_float_eq(got.precision_at_10, 0.5, 1e-9);
    cr_assert_eq(lat_retrieval_measure(&database, &none, 1, LAT_CODE_L2, &got, NULL),
                 LAT_INVALID);
}
