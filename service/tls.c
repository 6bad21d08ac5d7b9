/* A certificate that was replaced may still be in the hands of a handshake, so all that were
 * ever shown are kept until the end; that is a few kilobytes for each renewal.
 *
 * Looking for changed files costs two stat calls on a network thread, every few seconds and
 * only when somebody connects; reading them, once a renewal, about a millisecond. */
#include "service/tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/sync.h"
#include "model/package.h"
#include "service/crypto.h"

#include "base/banned.h"

enum { CHAIN_MAX = 16, FILE_LIMIT = 1 << 20 };

/* What tells that a file is another one. */
struct mark {
    struct timespec modified;
    ino_t inode;
    off_t size;
};

struct shown {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n_chain;
    gnutls_privkey_t key;
    double expires; /* seconds since 1970 */
    struct mark marks[2];
    struct shown *older;
};

struct lat_tls {
    char files[2][LAT_PATH_MAX]; /* certificate, key */
    _Atomic(struct shown *) current;
    _Atomic uint64_t looked_ns;
    struct lat_mutex mutex; /* one reader of the files at a time */
};

static _Atomic(struct lat_tls *) the_one;

static struct mark mark_of(const char *path)
{
    struct stat info;
    struct mark mark = {.size = -1};
    if (stat(path, &info) == 0)
        mark = (struct mark){info.st_mtim, info.st_ino, info.st_size};
    return mark;
}

static bool is_same(const struct mark *a, const struct mark *b)
{
    return a->modified.tv_sec == b->modified.tv_sec &&
           a->modified.tv_nsec == b->modified.tv_nsec && a->inode == b->inode &&
           a->size == b->size;
}

static void free_shown(struct shown *shown)
{
    if (!shown)
        return;
    for (unsigned i = 0; i < shown->n_chain; i++)
        gnutls_pcert_deinit(&shown->chain[i]);
    if (shown->key)
        gnutls_privkey_deinit(shown->key);
    lat_free(shown);
}

/* ---- reading ---- */

static enum lat_status refuse(const char *path, int code, struct lat_error *err)
{
    return lat_fail(err, LAT_INVALID, "bad_certificate", "%s: %s", path, gnutls_strerror(code));
}

static enum lat_status read_chain(struct shown *shown, const char *path, struct lat_error *err)
{
    struct lat_buf text = {0};
    unsigned n = CHAIN_MAX;
    const enum lat_status status = lat_file_read(path, FILE_LIMIT, &text, err);
    if (status != LAT_OK)
        return status;
    const gnutls_datum_t pem = {(unsigned char *)text.data, (unsigned)text.len};
    const int code = gnutls_pcert_list_import_x509_raw(
        shown->chain, &n, &pem, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
    lat_buf_release(&text);
    if (code < 0 || n == 0)
        return refuse(path, code, err);
    shown->n_chain = n;
    return LAT_OK;
}

static enum lat_status read_key(struct shown *shown, const char *path, struct lat_error *err)
{
    struct lat_buf text = {0};
    const enum lat_status status = lat_file_read(path, FILE_LIMIT, &text, err);
    if (status != LAT_OK)
        return status;
    const gnutls_datum_t pem = {(unsigned char *)text.data, (unsigned)text.len};
    int code = gnutls_privkey_init(&shown->key);
    if (code == 0)
        code = gnutls_privkey_import_x509_raw(shown->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    lat_wipe(text.data, text.capacity);
    lat_buf_release(&text);
    return code < 0 ? refuse(path, code, err) : LAT_OK;
}

/* The public half of the key must be the one in the certificate. */
static enum lat_status check_pair(const struct shown *shown, const struct lat_tls *tls,
                                  struct lat_error *err)
{
    gnutls_pubkey_t of_key = NULL;
    gnutls_datum_t a = {0}, b = {0};
    int code = gnutls_pubkey_init(&of_key);
    if (code == 0)
        code = gnutls_pubkey_import_privkey(of_key, shown->key, 0, 0);
    if (code == 0)
        code = gnutls_pubkey_export2(of_key, GNUTLS_X509_FMT_DER, &a);
    if (code == 0)
        code = gnutls_pubkey_export2(shown->chain[0].pubkey, GNUTLS_X509_FMT_DER, &b);
    const bool pair = code == 0 && a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
    gnutls_free(a.data);
    gnutls_free(b.data);
    if (of_key)
        gnutls_pubkey_deinit(of_key);
    if (code < 0)
        return refuse(tls->files[1], code, err);
    return pair ? LAT_OK
                : lat_fail(err, LAT_INVALID, "bad_certificate",
                           "%s: this is not the key of the certificate in %s", tls->files[1],
                           tls->files[0]);
}

static enum lat_status read_expiry(struct shown *shown, const char *path, struct lat_error *err)
{
    gnutls_x509_crt_t certificate = NULL;
    int code = gnutls_x509_crt_init(&certificate);
    if (code == 0)
        code = gnutls_x509_crt_import(certificate, &shown->chain[0].cert, GNUTLS_X509_FMT_DER);
    if (code == 0)
        shown->expires = (double)gnutls_x509_crt_get_expiration_time(certificate);
    if (certificate)
        gnutls_x509_crt_deinit(certificate);
    return code < 0 ? refuse(path, code, err) : LAT_OK;
}

/* Under the mutex. */
static enum lat_status read_files(struct lat_tls *tls, struct lat_error *err)
{
    struct shown *shown = lat_alloc(1, sizeof(*shown));
    if (!shown)
        return lat_fail_memory(err);
    for (size_t i = 0; i < LAT_ARRAY_LEN(shown->marks); i++)
        shown->marks[i] = mark_of(tls->files[i]);
    enum lat_status status = read_chain(shown, tls->files[0], err);
    if (status == LAT_OK)
        status = read_key(shown, tls->files[1], err);
    if (status == LAT_OK)
        status = check_pair(shown, tls, err);
    if (status == LAT_OK)
        status = read_expiry(shown, tls->files[0], err);
    if (status != LAT_OK) {
        free_shown(shown);
        return status;
    }
    shown->older = atomic_load(&tls->current);
    atomic_store(&tls->current, shown);
    lat_metric_set(LAT_METRIC_CERTIFICATE_END, NULL, shown->expires);
    return LAT_OK;
}

static bool has_changed(struct lat_tls *tls)
{
    const struct shown *shown = atomic_load(&tls->current);
    for (size_t i = 0; i < LAT_ARRAY_LEN(shown->marks); i++) {
        const struct mark now = mark_of(tls->files[i]);
        if (!is_same(&now, &shown->marks[i]))
            return true;
    }
    return false;
}

enum lat_status lat_tls_reload(struct lat_tls *tls, struct lat_error *err)
{
    enum lat_status status = LAT_OK;
    lat_mutex_lock(&tls->mutex);
    if (has_changed(tls))
        status = read_files(tls, err);
    lat_mutex_unlock(&tls->mutex);
    return status;
}

/* Files that are half written are read again at the next look. */
static void look(struct lat_tls *tls)
{
    const uint64_t now_ns = lat_clock_ns();
    uint64_t looked_ns = atomic_load(&tls->looked_ns);
    struct lat_error err = LAT_ERROR_INIT;
    if (now_ns - looked_ns < LAT_TLS_LOOK_S * LAT_NS_PER_S ||
        !atomic_compare_exchange_strong(&tls->looked_ns, &looked_ns, now_ns))
        return;
    if (lat_tls_reload(tls, &err) != LAT_OK)
        lat_log_error("certificate not replaced", &err);
}

static int retrieve(gnutls_session_t session, const gnutls_datum_t *authorities,
                    int n_authorities, const gnutls_pk_algorithm_t *algorithms,
                    int n_algorithms, gnutls_pcert_st **out_chain, unsigned *out_n,
                    gnutls_privkey_t *out_key)
{
    struct lat_tls *tls = atomic_load(&the_one);
    (void)session;
    (void)authorities;
    (void)n_authorities;
    (void)algorithms;
    (void)n_algorithms;
    if (!tls)
        return -1;
    look(tls);
    struct shown *shown = atomic_load(&tls->current);
    *out_chain = shown->chain;
    *out_n = shown->n_chain;
    *out_key = shown->key;
    return 0;
}

lat_tls_function *const lat_tls_retriever = (lat_tls_function *)retrieve;

/* ---- the object ---- */

enum lat_status lat_tls_new(const char *certificate, const char *key, struct lat_tls **out_tls,
                            struct lat_error *err)
{
    struct lat_tls *tls = lat_alloc(1, sizeof(*tls));
    if (!tls)
        return lat_fail_memory(err);
    lat_mutex_init(&tls->mutex, LAT_RANK_LEAF, "tls");
    snprintf(tls->files[0], sizeof(tls->files[0]), "%s", certificate);
    snprintf(tls->files[1], sizeof(tls->files[1]), "%s", key);
    atomic_store(&tls->looked_ns, lat_clock_ns());
    const enum lat_status status = read_files(tls, err);
    if (status != LAT_OK) {
        lat_tls_free(tls);
        return status;
    }
    atomic_store(&the_one, tls);
    *out_tls = tls;
    return LAT_OK;
}

void lat_tls_free(struct lat_tls *tls)
{
    struct lat_tls *mine = tls;
    if (!tls)
        return;
    atomic_compare_exchange_strong(&the_one, &mine, NULL);
    for (struct shown *shown = atomic_load(&tls->current); shown;) {
        struct shown *older = shown->older;
        free_shown(shown);
        shown = older;
    }
    lat_mutex_release(&tls->mutex);
    lat_free(tls);
}

void lat_tls_send(void *session, const void *bytes, size_t len)
{
    const char *rest = bytes;
    while (len > 0) {
        const ssize_t n = gnutls_record_send(session, rest, len);
        if (n <= 0)
            return;
        rest += n;
        len -= (size_t)n;
    }
}

const char *lat_tls_version(void)
{
    return gnutls_check_version(NULL);
}
