/* Sequences out of text tables for a collection whose model takes them, as raw float32
 * [length][features] in the file's own units. */
#ifndef LAT_CLI_IMPORT_SEQUENCE_H
#define LAT_CLI_IMPORT_SEQUENCE_H

#include "cli/import_source.h"

/* Gives the sequences of a CSV file whose rows stand in the order of time.
 *
 * Without source->group: windows of as many rows as the model takes, source->stride rows apart
 * (0: one behind the other); an id is the number of the window's first row. With it: the rows
 * that share a cell of that column, one behind the other, are a sequence, and the cell is its
 * id; a group of another number of rows is `bad`.
 *
 * A missing cell is what the row before it holds, at a beginning the feature's mean. A row that
 * cannot be read is `bad`; no window reaches over it. LAT_INVALID when the file lacks a column.
 */
enum lat_status lat_import_sequence_read(const struct lat_import_source *source,
                                         const struct lat_import_sink *sink,
                                         struct lat_error *err) LAT_MUST_USE;

#endif
