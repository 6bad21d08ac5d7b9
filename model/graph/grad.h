/* Reverse-mode derivatives, written into the graph as nodes (Griewank & Walther 2008, ch. 3).
 */
#ifndef LAT_MODEL_GRAPH_GRAD_H
#define LAT_MODEL_GRAPH_GRAD_H

#include "model/graph/graph.h"

/* out_gradients[i] becomes d loss / d wrt[i], with the shape of wrt[i]; zeros where the loss
 * does not depend on it. `loss` has one element. The derivatives are ordinary values and may be
 * differentiated again. After a failure (see lat_graph_check) they are NULL. */
void lat_graph_gradient(struct lat_graph *graph, struct lat_value *loss,
                        struct lat_value *const *wrt, size_t n,
                        struct lat_value **out_gradients);

#endif
