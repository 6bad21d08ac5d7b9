/* How a spec is trained: steps, epochs, rates, layers one by one. */
#include "model/train/layerwise.h"
#include "model/train/spec_internal.h"

#include "base/banned.h"

enum { MAX_BATCH = 65536, MAX_EPOCHS = 1000000 };

static const struct lat_choice optimizers[] = {{"adam", LAT_OPTIMIZER_ADAM, true},
                                               {"sgd", LAT_OPTIMIZER_SGD, true}};
static const struct lat_choice schedules[] = {{"constant", LAT_SCHEDULE_CONSTANT, true},
                                              {"step", LAT_SCHEDULE_STEP, true},
                                              {"cosine", LAT_SCHEDULE_COSINE, true},
                                              {"plateau", LAT_SCHEDULE_PLATEAU, true}};
static const struct lat_choice keeps[] = {{"best", 0, true}, {"last", 1, true}};
static const struct lat_choice pretrainings[] = {{"none", 0, true}, {"layerwise", 1, true}};

static void read_optimizer(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_optimizer_spec *optimizer = &spec->optimizer;
    struct lat_fields fields;
    if (!lat_fields_object(root, "optimizer", &fields))
        return;
    LAT_SPEC_CHOICE(&fields, "type", optimizers, optimizer->type);
    lat_fields_above(&fields, "rate", &optimizer->rate, 0, 1000);
    if (optimizer->type == LAT_OPTIMIZER_SGD) {
        lat_fields_real(&fields, "momentum", &optimizer->momentum, 0, 0.99999);
        lat_fields_flag(&fields, "nesterov", &optimizer->nesterov);
        if (optimizer->nesterov && !(optimizer->momentum > 0))
            lat_fields_fail(&fields, "nesterov", "out_of_range", "needs a momentum above 0");
    }
    lat_fields_real(&fields, "clip", &optimizer->clip, 0, 1e9);
    lat_fields_count(&fields, "batch", &optimizer->batch, 1, MAX_BATCH);
    lat_fields_count(&fields, "epochs", &optimizer->epochs, 1, MAX_EPOCHS);
    lat_fields_count(&fields, "early_stopping", &optimizer->early_stopping, 0, MAX_EPOCHS);
    LAT_SPEC_CHOICE(&fields, "schedule", schedules, optimizer->schedule);
    LAT_SPEC_CHOICE(&fields, "keep", keeps, optimizer->keep_last);
    lat_fields_end(&fields);
    if (optimizer->early_stopping && optimizer->keep_last)
        lat_fields_fail(&fields, "keep", "out_of_range",
                        "early stopping keeps the best: expected \"best\"");
    if (optimizer->early_stopping && !(spec->data.validation > 0))
        lat_fields_fail(&fields, "early_stopping", "out_of_range",
                        "needs a part held out: data.validation above 0");
}

/* Layers are trained one by one where a layer of the decoder undoes one of the encoder. */
static bool mirrored(const struct lat_spec *spec)
{
    const struct lat_network_spec *encoder = &spec->encoder, *decoder = &spec->decoder;
    bool same = encoder->type == LAT_NETWORK_DENSE && decoder->type == LAT_NETWORK_DENSE &&
                encoder->activation == decoder->activation &&
                encoder->n_hidden == decoder->n_hidden;
    for (size_t i = 0; same && i < encoder->n_hidden; i++)
        same = encoder->hidden[i] == decoder->hidden[encoder->n_hidden - 1 - i];
    return same;
}

/* A word, or an object with the word as its type. */
static void read_pretraining(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_fields fields;
    if (lat_fields_is_text(root, "pretraining")) {
        LAT_SPEC_CHOICE(root, "pretraining", pretrainings, spec->layerwise);
    } else if (lat_fields_object(root, "pretraining", &fields)) {
        LAT_SPEC_CHOICE(&fields, "type", pretrainings, spec->layerwise);
        lat_fields_count(&fields, "epochs", &spec->pretraining_epochs, 1, MAX_EPOCHS);
        lat_fields_end(&fields);
    }
    if (spec->layerwise && !mirrored(spec))
        lat_fields_fail(root, "pretraining", "out_of_range",
                        "layerwise wants dense networks and the decoder \"mirror\"");
    if (spec->layerwise && lat_layerwise_stages(spec) == 0)
        lat_fields_fail(root, "pretraining", "out_of_range",
                        "there is no layer to train: a gaussian code is none, and "
                        "network.encoder.hidden is empty");
}

void lat_spec_read_schedule(struct lat_fields *root, struct lat_spec *spec)
{
    read_optimizer(root, spec);
    read_pretraining(root, spec);
}
