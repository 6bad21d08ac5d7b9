/* Each library is asked by the one file that knows it. */
#include "service/version.h"

#include "base/version.h"
#include "index/store.h"
#include "model/engine.h"
#include "service/crypto.h"
#include "service/http.h"
#include "service/tls.h"

#include "base/banned.h"

const char *lat_version(void)
{
    return LAT_VERSION;
}

size_t lat_library_versions(struct lat_library_version out[LAT_LIBRARY_MAX])
{
    size_t n = 0;
    out[n++] = (struct lat_library_version){"onnxruntime", lat_engine_version()};
    out[n++] = (struct lat_library_version){"faiss", lat_store_faiss_version()};
    out[n++] = (struct lat_library_version){"sqlite", lat_store_sqlite_version()};
    out[n++] = (struct lat_library_version){"libmicrohttpd", lat_http_library_version()};
    out[n++] = (struct lat_library_version){"libsodium", lat_crypto_version()};
    out[n++] = (struct lat_library_version){"gnutls", lat_tls_version()};
    return n;
}
