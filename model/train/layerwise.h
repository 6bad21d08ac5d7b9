/* Greedy layer-wise pretraining (Bengio et al. 2007; with corruption the stacked denoising
 * autoencoder of Vincent et al. 2010).
 *
 * Stage l of a dense network trains its layer l alone: an autoencoder without hidden layers,
 * from the activations of the layers below to those of layer l and back. What it learns becomes
 * the encoder's layer l and the decoder's that mirrors it; then the whole network is trained
 * from there. A deterministic code is the last layer; a gaussian one starts untrained.
 *
 * The first stage has the likelihood of the spec. Above it the target is the activations of the
 * layer below: cross-entropy where they are sigmoids, else the squared error of the output
 * behind the layer's activation, as it will be in the whole network. Each stage corrupts its
 * input as the spec says (a movement of pictures only the pictures); l2 and contractive hold in
 * each, the penalties of the code in the stage of the code. */
#ifndef LAT_MODEL_TRAIN_LAYERWISE_H
#define LAT_MODEL_TRAIN_LAYERWISE_H

#include "model/train/run.h"

/* How many stages the spec has. */
size_t lat_layerwise_stages(const struct lat_spec *spec);

/* The spec of one stage (0 is the first) and what it takes in. Nothing in it is owned. */
void lat_layerwise_spec(const struct lat_spec *whole, const struct lat_input_spec *input,
                        size_t stage, struct lat_spec *out_spec,
                        struct lat_input_spec *out_input);

/* What a stage's parameter is called in the whole network. */
void lat_layerwise_name(const struct lat_spec *whole, size_t stage, const char *name, char *out,
                        size_t size);

/* Trains all stages, or goes on with the one that run->done was read from a checkpoint of.
 * run->step then has the weights to go on from, and run->done is empty but for what it began
 * with. LAT_CANCELLED when asked to stop: the checkpoint is of the last whole epoch. */
enum lat_status lat_run_layerwise(struct lat_run *run, struct lat_error *err) LAT_MUST_USE;

#endif
