/* Runs a fuzz target without a fuzzer: every file of the folders or files named is one input.
 * Linked in where the compiler has no libFuzzer, so that inputs that once crashed stay tests
 * everywhere.
 *
 * A missing folder is an empty corpus; an unreadable file is a failure. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

/* The input lies in a block of exactly its size, so that a read past its end is seen. */
static int run_file(const char *path)
{
    int failed = 1;
    long len = -1;
    uint8_t *data = NULL;
    FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < 0) {
        goto out;
    }
    rewind(file);
    data = malloc(len > 0 ? (size_t)len : 1);
    if (data == NULL || fread(data, 1, (size_t)len, file) != (size_t)len) {
        goto out;
    }
    LLVMFuzzerTestOneInput(data, (size_t)len);
    failed = 0;
out:
    if (failed) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    }
    if (file != NULL) {
        fclose(file);
    }
    free(data);
    return failed;
}

static int run_folder(const char *path, size_t *n_inputs)
{
    int failed = 0;
    char child[4096];
    struct dirent *entry;
    DIR *dir = opendir(path);

    if (dir == NULL) {
        return errno != ENOENT;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        failed |= run_file(child);
        ++*n_inputs;
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    size_t n_inputs = 0;

    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    for (int i = 1; i < argc; i++) {
        struct stat info;

        if (stat(argv[i], &info) == 0 && S_ISREG(info.st_mode)) {
            failed |= run_file(argv[i]);
            n_inputs++;
        } else {
            failed |= run_folder(argv[i], &n_inputs);
        }
    }
    printf("%zu inputs replayed\n", n_inputs);
    return failed;
}
