/* Which libraries this program runs on, for `latentd --version` and GET /v1/info. */
#ifndef LAT_SERVICE_VERSION_H
#define LAT_SERVICE_VERSION_H

#include <stddef.h>

enum { LAT_LIBRARY_MAX = 8 };

struct lat_library_version {
    const char *name;    /* "onnxruntime" */
    const char *version; /* "1.21.0", for FAISS with what it was compiled for */
};

/* "0.1.0" */
const char *lat_version(void);

/* Fills the rows and returns their number. Static storage; any thread. */
size_t lat_library_versions(struct lat_library_version out[LAT_LIBRARY_MAX]);

#endif
