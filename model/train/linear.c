/* BLAS through cblas.h; LAPACK by its Fortran names, because Debian's OpenBLAS brings
 * no header for it. A row-major upper triangle is a column-major lower one. */
#include "model/train/linear.h"

#include <cblas.h>
#include <math.h>

#include "base/mem.h"

#include "base/banned.h"

/* Eigenvalues. The last three are the lengths of the three character arguments. */
void dsyevr_(const char *jobz, const char *range, const char *uplo, const int *n, double *a,
             const int *lda, const double *vl, const double *vu, const int *il, const int *iu,
             const double *abstol, int *m, double *w, double *z, const int *ldz, int *isuppz,
             double *work, const int *lwork, int *iwork, const int *liwork, int *info, size_t,
             size_t, size_t);

/* Cholesky's factor, and the inverse out of it. */
void dpotrf_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);
void dpotri_(const char *uplo, const int *n, double *a, const int *lda, int *info, size_t);

void lat_linear_multiply(const float *a, const float *b, bool transposed_b, size_t m, size_t n,
                         size_t k, float *out)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, transposed_b ? CblasTrans : CblasNoTrans, (int)m,
                (int)n, (int)k, 1, a, (int)k, b, (int)(transposed_b ? k : n), 0, out, (int)n);
}

void lat_linear_add_gram(const double *rows, size_t n, size_t d, double *inout_gram)
{
    cblas_dsyrk(CblasRowMajor, CblasUpper, CblasTrans, (int)d, (int)n, 1, rows, (int)d, 1,
                inout_gram, (int)d);
}

/* dsyevr gives them smallest first; an eigenvector's sign is arbitrary. */
static void sort_out(const double *values, const double *vectors, size_t d, size_t k,
                     double *out_values, double *out_vectors)
{
    for (size_t i = 0; i < k; i++) {
        const double *from = vectors + (k - 1 - i) * d;
        double largest = 0;
        for (size_t j = 0; j < d; j++)
            if (fabs(from[j]) > fabs(largest))
                largest = from[j];
        for (size_t j = 0; j < d; j++)
            out_vectors[i * d + j] = largest < 0 ? -from[j] : from[j];
        out_values[i] = values[k - 1 - i];
    }
}

enum lat_status lat_linear_eigen(double *inout_matrix, size_t d, size_t k, double *out_values,
                                 double *out_vectors, struct lat_error *err)
{
    const int n = (int)d, first = (int)(d - k) + 1, work_len = 32 * n, iwork_len = 10 * n;
    const double none = 0;
    int found = 0, info = 0;
    double *values = lat_alloc(d, sizeof(double));
    double *vectors = lat_alloc_raw(k * d, sizeof(double));
    double *work = lat_alloc_raw((size_t)work_len, sizeof(double));
    int *iwork = lat_alloc_raw((size_t)iwork_len, sizeof(int));
    int *support = lat_alloc_raw(2 * d, sizeof(int));
    enum lat_status status = LAT_OK;
    if (!values || !vectors || !work || !iwork || !support) {
        status = lat_fail_memory(err);
        goto out;
    }
    dsyevr_("V", "I", "L", &n, inout_matrix, &n, &none, &none, &first, &n, &none, &found,
            values, vectors, &n, support, work, &work_len, iwork, &iwork_len, &info, 1, 1, 1);
    if (info != 0 || found != (int)k)
        status = lat_fail(err, LAT_INTERNAL, NULL, "LAPACK: dsyevr failed with %d", info);
    else
        sort_out(values, vectors, d, k, out_values, out_vectors);
out:
    lat_free(values);
    lat_free(vectors);
    lat_free(work);
    lat_free(iwork);
    lat_free(support);
    return status;
}

enum lat_status lat_linear_invert(double *inout_matrix, size_t d, struct lat_error *err)
{
    const int n = (int)d;
    int info = 0;
    dpotrf_("L", &n, inout_matrix, &n, &info, 1);
    if (info > 0)
        return lat_fail(err, LAT_INVALID, "singular",
                        "the matrix is not positive definite (row %d)", info);
    if (info == 0)
        dpotri_("L", &n, inout_matrix, &n, &info, 1);
    return info == 0 ? LAT_OK
                     : lat_fail(err, LAT_INTERNAL, NULL, "LAPACK: no inverse (%d)", info);
}

/* ---- packed: small, and many of them ---- */

/* OpenBLAS starts its threads for matrices of any size, which takes many times as long as
 * twenty rows do. The sweep operator instead (Goodnight 1979, section 2): one pivot after the
 * other, what comes out is the inverse with its sign turned. */
static void sweep(double *matrix, size_t d, size_t pivot, double *line)
{
    for (size_t i = 0, at = 0; i <= pivot; at += d - i, i++)
        line[i] = matrix[at + pivot - i];
    const size_t diagonal = pivot * d - pivot * (pivot + 1) / 2 + pivot;
    for (size_t j = pivot; j < d; j++)
        line[j] = matrix[diagonal + j - pivot];
    const double over = 1 / line[pivot];
    for (size_t i = 0, at = 0; i < d; i++)
        for (size_t j = i; j < d; j++, at++)
            if (i == pivot && j == pivot)
                matrix[at] = -over;
            else if (i == pivot || j == pivot)
                matrix[at] = line[i == pivot ? j : i] * over;
            else
                matrix[at] -= line[i] * line[j] * over;
}

enum lat_status lat_linear_invert_packed(double *inout_matrix, size_t d, double *scratch,
                                         struct lat_error *err)
{
    for (size_t p = 0, at = 0; p < d; at += d - p, p++) {
        if (!(inout_matrix[at] > 0))
            return lat_fail(err, LAT_INVALID, "singular",
                            "the matrix is not positive definite (row %zu)", p + 1);
        sweep(inout_matrix, d, p, scratch);
    }
    for (size_t i = 0; i < d * (d + 1) / 2; i++)
        inout_matrix[i] = -inout_matrix[i];
    return LAT_OK;
}

void lat_linear_multiply_packed(const double *a, const double *x, size_t d, double *out)
{
    for (size_t i = 0; i < d; i++)
        out[i] = 0;
    for (size_t i = 0; i < d; i++)
        for (size_t j = i; j < d; j++, a++) {
            out[i] += *a * x[j];
            out[j] += i == j ? 0 : *a * x[i];
        }
}
