/* Inputs to codes: the use case behind encode, reconstruct, ingest and search by input.
 *
 * Every function runs on the thread of its call, takes memory from the call's arena, adds to
 * the call's timing and names the model in call->model. */
#ifndef LAT_SERVICE_EMBED_H
#define LAT_SERVICE_EMBED_H

#include "model/autoencoder.h"
#include "service/http.h"

/* One upload, borrowed. `kind` says which members count. */
struct lat_input {
    enum lat_input_kind kind;
    const void *bytes; /* image: the file's bytes; row and history: the input as JSON */
    size_t len;
    const float *values; /* vector: finite floats; sequence: [n_steps][n_values / n_steps] */
    size_t n_values;
    size_t n_steps; /* sequence; 0: raw floats, as many steps as the model takes */
    const struct lat_table_cell *cells; /* row */
    size_t n_cells;
    const struct lat_event *events; /* history */
    size_t n_events;
};

/* Whether the input is kept as its JSON: rows and histories are. */
static inline bool lat_input_is_json(const struct lat_input *input)
{
    return input->kind == LAT_INPUT_TABLE || input->kind == LAT_INPUT_INTERACTIONS;
}

enum lat_embed_wants {
    LAT_EMBED_CODES = 1,
    LAT_EMBED_VARIANCES = 2, /* LAT_CAPABILITY from a deterministic model */
    LAT_EMBED_DECODED = 4,   /* codes decoded again: needs LAT_CAN_RECONSTRUCT */
    LAT_EMBED_ERRORS = 8,    /* mean squared difference of row and decoded row */
    LAT_EMBED_SCORES = 16    /* model/score.h */
};

/* What came out; all arrays in the call's arena, NULL when not wanted. Entry i of each array is
 * undefined where bad[i] is set. */
struct lat_embedding {
    size_t n;
    float *rows;                  /* [n][elements], as the network saw them; NULL when there
                                   * were so many that they went through in parts */
    float *codes;                 /* [n][code_dimension] */
    float *variances;             /* [n][code_dimension] */
    float *decoded;               /* [n][elements] */
    float *errors;                /* [n] */
    float *scores;                /* [n] */
    const struct lat_error **bad; /* [n]: what is wrong with inputs[i], NULL when nothing is */
    size_t n_bad;
};

/* Encodes `n` inputs. On a network thread only what is brief is done there, a small picture or
 * a vector through a fast model that is free; otherwise call->defer is set and the call fails
 * with LAT_BUSY, to be made again on a worker. A bad input is reported in out_embedding->bad
 * and costs the others nothing; inputs that differ in kind may be mixed if the model takes
 * them. Rows that are not kept are in memory a part at a time; with LAT_EMBED_DECODED they have
 * a bound, as many numbers as a picture may have pixels: LAT_TOO_LARGE batch_too_large. The
 * call fails as a whole (memory, model, deadline) only when no input could be encoded because
 * of it. */
enum lat_status lat_embed(struct lat_call *call, struct lat_model *model,
                          const struct lat_input *inputs, size_t n, unsigned wants,
                          struct lat_embedding *out_embedding,
                          struct lat_error *err) LAT_MUST_USE;

/* Like lat_embed, but the first bad input fails all: its error, with *out_bad (may be NULL) its
 * index. */
enum lat_status lat_embed_all(struct lat_call *call, struct lat_model *model,
                              const struct lat_input *inputs, size_t n, unsigned wants,
                              struct lat_embedding *out_embedding, size_t *out_bad,
                              struct lat_error *err) LAT_MUST_USE;

/* codes [n][code_dimension] -> *out_rows [n][elements], in the call's arena. */
enum lat_status lat_embed_decode(struct lat_call *call, struct lat_model *model,
                                 const float *codes, size_t n, float **out_rows,
                                 struct lat_error *err) LAT_MUST_USE;

/* One code, decoded and encoded again: *out_code [code_dimension], in the call's arena. */
enum lat_status lat_embed_again(struct lat_call *call, struct lat_model *model,
                                const float *code, const float **out_code,
                                struct lat_error *err) LAT_MUST_USE;

/* lat_registry_acquire, and the model's name into call->model. Release with lat_model_release.
 */
enum lat_status lat_embed_acquire(struct lat_call *call, const char *reference,
                                  struct lat_model **out_model,
                                  struct lat_error *err) LAT_MUST_USE;

#endif
