/* What the files that read a spec share. Internal to model/train/spec*.c. Every reader takes
 * the root object and leaves what is not said at its default; failures are the document's. */
#ifndef LAT_MODEL_TRAIN_SPEC_INTERNAL_H
#define LAT_MODEL_TRAIN_SPEC_INTERNAL_H

#include "model/train/fields.h"
#include "model/train/spec.h"

enum { LAT_SPEC_MAX_WIDTH = 65536 }; /* units of a layer or a code */

/* A word of a table into a target of any integer type. */
#define LAT_SPEC_CHOICE(fields, key, table, target)                                            \
    do {                                                                                       \
        int word_ = (int)(target);                                                             \
        lat_fields_choice(fields, key, table, LAT_ARRAY_LEN(table), &word_);                   \
        (target) = word_;                                                                      \
    } while (0)

/* spec_network.c: `network` and `code`. */
void lat_spec_read_networks(struct lat_fields *root, struct lat_spec *spec);
void lat_spec_read_code(struct lat_fields *root, struct lat_spec *spec);

/* spec_loss.c: `likelihood`, `corruption`, `augmentation`, `penalties`. After the code, which
 * the penalties must go with. */
void lat_spec_read_loss(struct lat_fields *root, struct lat_spec *spec);

/* spec_schedule.c: `optimizer` and `pretraining`. After all others. */
void lat_spec_read_schedule(struct lat_fields *root, struct lat_spec *spec);

#endif
