/* Gaussian codes: drawing from q(z|x) = N(mean, exp(log_variance)) and the bounds on log p(x)
 * that are trained. The prior is p(z) = N(0, I).
 *
 * One sample: the evidence lower bound with the divergence in closed form,
 *     log p(x|z) - beta KL(q(z|x) || p(z)),  KL = 1/2 sum(exp(lv) + mean^2 - 1 - lv)
 * (Kingma & Welling 2014, eq. 10 and appendix B; beta: Higgins et al. 2017, eq. 4).
 * K samples: the importance-weighted bound
 *     log 1/K sum_k p(x|z_k) (p(z_k) / q(z_k|x))^beta
 * (Burda, Grosse & Salakhutdinov 2016, eq. 8; beta = 1 there). Its mean grows with K towards
 * log p(x).
 *
 * z = mean + exp(lv / 2) noise (Kingma & Welling 2014, section 2.4); the noise is an input of
 * the graph, so that whoever runs it decides the draw. Builders follow the graph's sticky
 * error. */
#ifndef LAT_MODEL_TRAIN_VARIATIONAL_H
#define LAT_MODEL_TRAIN_VARIATIONAL_H

#include "model/train/parts.h"

/* K codes an item. Rows are sample by sample: row k * batch + i is of item i. */
struct lat_draw {
    uint32_t samples;
    struct lat_value *noise; /* input "noise" [samples, batch, dimension], standard normal */
    struct lat_value *beta;  /* input "beta", one number */
    struct lat_value *codes; /* [samples * batch, dimension] */
};

/* Adds the inputs and draws; `code` must have a log-variance. */
void lat_draw_codes(struct lat_build *build, const struct lat_code *code, uint32_t samples,
                    struct lat_draw *out_draw);

/* rows [batch, ...] -> [samples * batch, ...], in the order of a draw. */
struct lat_value *lat_draw_repeat(struct lat_graph *graph, struct lat_value *rows,
                                  uint32_t samples);

/* The negative bound of each item [batch]; `losses` [samples * batch] are -log p(x|z). */
struct lat_value *lat_draw_losses(struct lat_build *build, const struct lat_code *code,
                                  const struct lat_draw *draw, struct lat_value *losses);

#endif
