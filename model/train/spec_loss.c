/* What a spec minimises: likelihood, noise, penalties. Words and bounds come from the tables of
 * the parts, so that a new row is known here at once. */
#include <math.h>
#include <stdio.h>

#include "model/train/parts.h"
#include "model/train/spec_internal.h"

#include "base/banned.h"

enum { MAX_WORDS = 32 };

static void read_likelihood(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_choice words[LAT_ARRAY_LEN(lat_likelihood_names)];
    for (size_t i = 0; i < LAT_ARRAY_LEN(words); i++)
        words[i] = (struct lat_choice){lat_likelihood_names[i], (int)i,
                                       lat_likelihood_find((enum lat_likelihood)i) != NULL};
    spec->likelihood_given = lat_fields_has(root, "likelihood");
    if (lat_fields_is_text(root, "likelihood") || !spec->likelihood_given) {
        LAT_SPEC_CHOICE(root, "likelihood", words, spec->likelihood);
        return;
    }
    static const struct lat_choice spreads[] = {{"fixed", 0, true}, {"learned", 1, true}};
    struct lat_fields fields;
    if (!lat_fields_object(root, "likelihood", &fields))
        return;
    spec->likelihood_given = lat_fields_has(&fields, "type");
    LAT_SPEC_CHOICE(&fields, "type", words, spec->likelihood);
    LAT_SPEC_CHOICE(&fields, "spread", spreads, spec->learned_spread);
    lat_fields_end(&fields);
}

/* "none" or a row of the corruptions; `moves`: only of those that are for pictures. The name
 * goes to out_name [LAT_NOISE_NAME_MAX]. */
static void read_noise(struct lat_fields *root, const char *key, bool moves, char *out_name,
                       double *out_level)
{
    struct lat_choice words[MAX_WORDS] = {{"none", -1, true}};
    struct lat_fields fields;
    size_t n = 1;
    int row = -1;
    if (!lat_fields_object(root, key, &fields))
        return;
    for (size_t i = 0; i < lat_n_corruptions && n < MAX_WORDS; i++)
        if (!moves || lat_corruptions[i].pictures)
            words[n++] = (struct lat_choice){lat_corruptions[i].name, (int)i, true};
    lat_fields_choice(&fields, "type", words, n, &row);
    lat_fields_real(&fields, "level", out_level, 0, row < 0 ? 1 : lat_corruptions[row].most);
    if (row >= 0)
        snprintf(out_name, LAT_NOISE_NAME_MAX, "%s", lat_corruptions[row].name);
    lat_fields_end(&fields);
}

/* Only a distribution has a divergence to weigh. */
static void read_beta(struct lat_fields *fields, struct lat_spec *spec)
{
    struct lat_penalties *penalties = &spec->penalties;
    lat_fields_real(fields, "beta", &penalties->beta, 0, 1e6);
    lat_fields_count(fields, "beta_warmup", &penalties->beta_warmup, 0, 1000000);
    if (spec->code.type == LAT_CODE_GAUSSIAN)
        return;
    if (fabs(penalties->beta - 1) > 0)
        lat_fields_fail(fields, "beta", "out_of_range",
                        "expected 1 or nothing, not %g: it weighs the divergence of a code of "
                        "the type \"gaussian\"",
                        penalties->beta);
    if (penalties->beta_warmup)
        lat_fields_fail(fields, "beta_warmup", "out_of_range",
                        "expected 0 or nothing, not %u: it needs a code of the type "
                        "\"gaussian\"",
                        penalties->beta_warmup);
}

static void read_penalties(struct lat_fields *root, struct lat_spec *spec)
{
    struct lat_penalties *penalties = &spec->penalties;
    struct lat_fields fields, sparsity;
    if (!lat_fields_object(root, "penalties", &fields))
        return;
    const double big = 1e6;
    lat_fields_real(&fields, "l2", &penalties->l2, 0, big);
    lat_fields_real(&fields, "l1", &penalties->l1, 0, big);
    if (lat_fields_object(&fields, "kl_sparsity", &sparsity)) {
        lat_fields_real(&sparsity, "target", &penalties->kl_sparsity_target, 1e-6, 1 - 1e-6);
        lat_fields_real(&sparsity, "weight", &penalties->kl_sparsity_weight, 0, big);
        lat_fields_end(&sparsity);
    }
    lat_fields_count(&fields, "k_sparse", &penalties->k_sparse, 0, LAT_SPEC_MAX_WIDTH);
    lat_fields_real(&fields, "contractive", &penalties->contractive, 0, big);
    read_beta(&fields, spec);
    if (lat_fields_has(&fields, "rate") && spec->code.type != LAT_CODE_QUANTISED)
        lat_fields_fail(&fields, "rate", "out_of_range",
                        "weighs the length of a code of the type \"quantised\"");
    lat_fields_above(&fields, "rate", &penalties->rate, 0, 1e6);
    lat_fields_end(&fields);
}

/* KL sparsity takes the units of a code for chances. */
static void settle_sparsity(struct lat_fields *root, struct lat_spec *spec)
{
    const struct lat_penalties *penalties = &spec->penalties;
    const bool kl = penalties->kl_sparsity_weight > 0;
    struct lat_fields code, fields;
    lat_fields_object(root, "code", &code);
    lat_fields_object(root, "penalties", &fields);
    if (spec->code.type != LAT_CODE_DETERMINISTIC && (kl || penalties->k_sparse))
        lat_fields_fail(&fields, kl ? "kl_sparsity" : "k_sparse", "out_of_range",
                        "wants a deterministic code");
    if (!kl)
        return;
    if (!spec->code.activation_given)
        spec->code.activation = LAT_SIGMOID;
    if (spec->code.activation != LAT_SIGMOID)
        lat_fields_fail(&code, "activation", "out_of_range",
                        "the penalty kl_sparsity wants a code in (0,1): expected sigmoid");
}

void lat_spec_read_loss(struct lat_fields *root, struct lat_spec *spec)
{
    read_likelihood(root, spec);
    read_noise(root, "corruption", false, spec->corruption, &spec->corruption_level);
    read_noise(root, "augmentation", true, spec->augmentation, &spec->augmentation_level);
    read_penalties(root, spec);
    settle_sparsity(root, spec);
}
