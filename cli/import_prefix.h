/* What stands before the row numbers that are the ids of arrays and tables, so that two files
 * of one import never give the same id. */
#ifndef LAT_CLI_IMPORT_PREFIX_H
#define LAT_CLI_IMPORT_PREFIX_H

#include <stddef.h>

enum { LAT_IMPORT_PREFIX_SIZE = 512 };

/* The prefix of paths[i]: `asked` (--prefix, may be ""), then, where there are several paths,
 * the file's first word and a slash ("train-images-idx3-ubyte.gz" -> "train/", "t10k…" ->
 * "test/"); its whole name where first words are alike, its path where names are alike too. ""
 * for a path without rows. `format` as in lat_import_source. */
void lat_import_prefix(const char *asked, char *const *paths, size_t n_paths, size_t i,
                       const char *format, char out[LAT_IMPORT_PREFIX_SIZE]);

#endif
