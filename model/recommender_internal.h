/* What a model keeps for recommending, made when it is loaded (recommender_build.c) and used by
 * recommender.c and recommender_because.c. Internal to model/. */
#ifndef LAT_MODEL_RECOMMENDER_INTERNAL_H
#define LAT_MODEL_RECOMMENDER_INTERNAL_H

#include "model/model_internal.h"
#include "model/recommender.h"

/* Immutable. Of the three parts each may be absent, and the model's own sessions do its work.
 */
struct lat_recommender {
    size_t n_items;
    /* The whole model, where it is one layer: what an item of the history adds to each score,
     * and what the empty history has. */
    float *sums; /* [n_items][n_items], or NULL */
    float *base; /* [n_items] */
    /* The first layer, summed over the items of the history alone. */
    float *first; /* [n_items][first_width], or NULL */
    float *first_bias;
    size_t first_width;
    bool unit_length;         /* of rows of length 1 */
    struct lat_session *tail; /* from it to the code; NULL: it is the code */
    /* The last layer. */
    float *vectors;           /* [n_items][width + 1], or NULL */
    size_t width;             /* of its input */
    struct lat_session *head; /* from the code to its input; NULL: it is the code */
};

/* LAT_OK also where little can be told from the graphs. LAT_NO_MEMORY, LAT_IO. */
enum lat_status lat_recommender_new(const struct lat_model_source *source,
                                    struct lat_model *model,
                                    struct lat_recommender **out_recommender,
                                    struct lat_error *err) LAT_MUST_USE;
void lat_recommender_free(struct lat_recommender *recommender); /* NULL is fine */

/* The events that count, one an item, ascending by item. */
struct lat_sparse_row {
    uint32_t *items;
    float *weights;
    uint32_t *events; /* which event each is; owned with the others as one block */
    size_t n;
};

/* See recommender.h for what is refused. */
enum lat_status lat_sparse_row_of(const struct lat_model *model, const struct lat_event *events,
                                  size_t n, struct lat_sparse_row *out_row,
                                  struct lat_error *err) LAT_MUST_USE;
void lat_sparse_row_release(struct lat_sparse_row *row);

/* The variants begin <= v < end of a history: variant v is the row without its v-th item,
 * variant row->n the whole row. At most LAT_VARIANTS at a time. */
enum { LAT_VARIANTS = 256 };

/* out_codes [end - begin][code_dimension]. */
enum lat_status lat_recommender_encode(struct lat_model *model,
                                       const struct lat_sparse_row *row, size_t begin,
                                       size_t end, float *out_codes,
                                       struct lat_error *err) LAT_MUST_USE;

/* codes [n][code_dimension] -> out [n][width], the last layer's input. */
enum lat_status lat_recommender_hidden(struct lat_model *model, const float *codes, size_t n,
                                       float *out, struct lat_error *err) LAT_MUST_USE;

#endif
