/* Any bytes as a data file: the first chooses the format, the rest is the file. Whatever is
 * accepted must be readable to its last item. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/train/dataset/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const formats[] = {"idx", "npy", "npz", "csv"};

static void read_all(const char *path, const char *format)
{
    struct lat_data_spec spec = {0};
    struct lat_dataset dataset = {0};
    struct lat_error err = LAT_ERROR_INIT;
    snprintf(spec.path, sizeof(spec.path), "%s", path);
    snprintf(spec.format, sizeof(spec.format), "%s", format);
    if (lat_dataset_open(&spec, &dataset, &err) != LAT_OK) {
        if (err.message[0] == '\0')
            abort();
        return;
    }
    float *row = lat_alloc(dataset.elements, sizeof(float));
    for (size_t i = 0; row && i < dataset.n && i < 1000; i++) {
        const uint32_t item = (uint32_t)(dataset.n - 1 - i);
        (void)(lat_dataset_read(&dataset, &item, 1, row, NULL) == LAT_OK);
    }
    lat_free(row);
    lat_dataset_close(&dataset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char path[64];
    uint32_t *labels = NULL;
    size_t n = 0;
    if (len == 0)
        return 0;
    const int fd = memfd_create("data", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data + 1, len - 1) != (ssize_t)(len - 1))
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    read_all(path, formats[data[0] % LAT_ARRAY_LEN(formats)]);
    if (lat_labels_read(path, &labels, &n, NULL) == LAT_OK)
        lat_free(labels);
    close(fd);
    return 0;
}
