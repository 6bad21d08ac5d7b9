#include "api/impute_options.h"
#include "base/banned.h"
enum lat_status lat_impute_csv_reply(struct lat_call *call, struct lat_model *model,
                                     const struct lat_impute_asked *asked,
                                     struct lat_error *err)
{
    (void)model;
    (void)asked;
    return lat_call_refuse_body(call, "application/json", err);
}
