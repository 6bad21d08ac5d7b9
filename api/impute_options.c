/* The same names and bounds in a body and in a query. */
#include "api/impute_options.h"

#include "api/collection_read.h"
#include "api/reply.h"

#include "base/banned.h"

static const char *const policies[] = {"error", "flag"};

static const double INTERVAL_LEAST = 0.01, INTERVAL_MOST = 0.999;
static const uint64_t SEED_MOST = UINT64_C(1) << 53;

/* Numbers of a request in the types of the readers. 0 samples or neighbours: not said. */
struct raw {
    uint64_t draws, seed, samples, k;
    double interval;
    int method, policy;
};

static struct raw raw_of(const struct lat_model *model)
{
    return (struct raw){.seed = 1, .interval = 0.9, .method = (int)lat_impute_usual(model)};
}

/* What a member has to do with. */
struct fault {
    const char *member, *code, *words;
};

/* The collection is a name. Without a `member`: all go together. */
static struct fault find_fault(const struct raw *raw, bool has_collection)
{
    const bool neighbours = raw->method == LAT_IMPUTE_NEIGHBOURS;
    if (neighbours && !has_collection)
        return (struct fault){
            "collection", "missing_field",
            "the method 'neighbours' looks for them in a collection: name it"};
    if (!neighbours && has_collection)
        return (struct fault){"collection", "two_kinds", "goes with the method 'neighbours'"};
    if (!neighbours && raw->k)
        return (struct fault){"k", "two_kinds", "goes with the method 'neighbours'"};
    if (raw->method != LAT_IMPUTE_IMPORTANCE && raw->samples)
        return (struct fault){"samples", "two_kinds", "goes with the method 'importance'"};
    return (struct fault){0};
}

static struct fault settle(const struct raw *raw, struct lat_impute_asked *out)
{
    struct lat_impute_request *request = &out->request;
    request->options = (struct lat_impute_options){
        .method = (enum lat_impute_method)raw->method,
        .samples = raw->samples ? (uint32_t)raw->samples : LAT_IMPUTE_SAMPLES,
        .draws = (uint32_t)raw->draws,
        .seed = raw->seed,
        .interval = raw->interval};
    request->k = raw->k ? (size_t)raw->k : LAT_IMPUTE_NEIGHBOURS_USUAL;
    request->collection = out->collection[0] ? out->collection : NULL;
    out->policy = (enum lat_impute_policy)raw->policy;
    return find_fault(raw, request->collection != NULL);
}

void lat_object_impute(struct lat_call *call, struct lat_object *object,
                       const struct lat_model *model, struct lat_impute_asked *out)
{
    struct raw raw = raw_of(model);
    *out = (struct lat_impute_asked){0};
    lat_object_count(object, "draws", &raw.draws, 0, LAT_IMPUTE_DRAWS_MAX);
    lat_object_count(object, "seed", &raw.seed, 0, SEED_MOST);
    lat_object_count(object, "samples", &raw.samples, 1, LAT_IMPUTE_SAMPLES_MAX);
    lat_object_count(object, "k", &raw.k, 1, LAT_IMPUTE_NEIGHBOURS_MAX);
    lat_object_number(object, "interval", &raw.interval, INTERVAL_LEAST, INTERVAL_MOST);
    lat_object_number(object, "min_confidence", &out->min_confidence, 0, 1);
    lat_object_choice(object, "method", lat_impute_method_names, LAT_IMPUTE_METHODS,
                      &raw.method);
    lat_object_choice(object, "on_invalid", policies, LAT_ARRAY_LEN(policies), &raw.policy);
    lat_object_collection(call, object, out->collection);
    const struct fault fault = settle(&raw, out);
    if (fault.member)
        lat_object_fail(object, fault.member, LAT_INVALID, fault.code, "'%s': %s", fault.member,
                        fault.words);
}

void lat_options_impute(struct lat_options *options, const struct lat_model *model,
                        struct lat_impute_asked *out)
{
    struct raw raw = raw_of(model);
    *out = (struct lat_impute_asked){0};
    lat_option_count(options, "seed", &raw.seed, 0, SEED_MOST);
    lat_option_count(options, "samples", &raw.samples, 1, LAT_IMPUTE_SAMPLES_MAX);
    lat_option_count(options, "k", &raw.k, 1, LAT_IMPUTE_NEIGHBOURS_MAX);
    lat_option_number(options, "min_confidence", &out->min_confidence, 0, 1);
    lat_option_choice(options, "method", lat_impute_method_names, LAT_IMPUTE_METHODS,
                      &raw.method);
    lat_option_choice(options, "on_invalid", policies, LAT_ARRAY_LEN(policies), &raw.policy);
    out->missing = lat_option_text(options, "missing");
    lat_option_collection(options, out->collection);
    const struct fault fault = settle(&raw, out);
    if (fault.member)
        lat_fail(options->err, LAT_INVALID, fault.code, "option '%s': %s", fault.member,
                 fault.words);
}

void lat_impute_write_asked(struct lat_buf *out, const struct lat_impute_asked *asked)
{
    const struct lat_impute_options *options = &asked->request.options;
    lat_write_text(out, "method", lat_impute_method_names[options->method]);
    lat_write_count(out, "seed", options->seed);
    lat_write_double(out, "interval", options->interval);
}
