/* Who did what with which item, a line an interaction: columns of users, items and, where they
 * are named, weights and times. An item of the dataset is one user's history, a number an item
 * of the vocabulary.
 *
 * Kept sparse: the histories lie one after the other, each sorted by item, and are spread over
 * the vocabulary when they are read. Of the same user and item the later interaction counts, by
 * its time, else by its line. Users and items are numbered as they first appear. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/history.h"
#include "model/train/dataset/arrays.h"
#include "model/train/dataset/interactions.h"
#include "model/train/dataset/text_table.h"

#include "base/banned.h"

enum { NAME_MAX_LEN = 256, FIRST_EVENTS = 4096, SHOWN_MAX = 60 };

struct event {
    uint32_t user, item;
    float weight;
    uint32_t order; /* of its line among those kept */
    double time;
};

/* What is read. */
struct reading {
    const struct lat_data_options *options;
    struct lat_text_table text;
    uint32_t user, item, weight, time; /* positions */
    bool has_weight, has_time;
    struct lat_input_spec input; /* binary, min_weight, items */
    struct lat_words users;
    struct lat_words *own_items; /* NULL: the vocabulary is given */
    struct event *events;
    size_t n, capacity;
};

/* What is kept. */
struct histories {
    size_t *starts;  /* [n + 1] */
    uint32_t *items; /* [starts[n]] */
    float *weights;
};

static enum lat_status read_history(const struct lat_dataset *dataset, uint32_t user,
                                    float *out, struct lat_error *err)
{
    const struct histories *histories = dataset->state;
    const bool standardised = dataset->standardised && dataset->shift;
    (void)err;
    for (size_t i = 0; i < dataset->elements; i++)
        out[i] = dataset->input.ratings ? NAN : 0;
    for (size_t i = histories->starts[user]; i < histories->starts[user + 1]; i++) {
        const uint32_t item = histories->items[i];
        out[item] = standardised
                        ? (histories->weights[i] - dataset->shift[item]) / dataset->scale[item]
                        : histories->weights[i];
    }
    return LAT_OK;
}

static void close_histories(void *state)
{
    struct histories *histories = state;
    lat_free(histories->starts);
    lat_free(histories->items);
    lat_free(histories->weights);
    lat_free(histories);
}

/* ---- columns ---- */

static enum lat_status find_columns(struct reading *reading, struct lat_error *err)
{
    const struct lat_data_options *options = reading->options;
    const struct lat_text_table *text = &reading->text;
    enum lat_status status =
        lat_text_table_find(text, options->user ? options->user : "1", &reading->user, err);
    if (status == LAT_OK)
        status =
            lat_text_table_find(text, options->item ? options->item : "2", &reading->item, err);
    if (status == LAT_OK && options->weight) {
        status = lat_text_table_find(text, options->weight, &reading->weight, err);
        reading->has_weight = true;
    }
    if (status == LAT_OK && options->time) {
        status = lat_text_table_find(text, options->time, &reading->time, err);
        reading->has_time = true;
    }
    if (status == LAT_OK && options->has_min_weight && !reading->has_weight)
        status = lat_fail(err, LAT_INVALID, "out_of_range",
                          "/data/min_weight: needs the column of weights: data.weight");
    return status;
}

/* ---- lines ---- */

static bool skip(const struct reading *reading, struct lat_dataset *dataset, uint32_t position,
                 const char *words)
{
    const struct lat_text_cell *cell = &reading->text.cells[position];
    const int shown = (int)(cell->len < SHOWN_MAX ? cell->len : SHOWN_MAX);
    lat_dataset_skip(dataset, "line %zu, column '%.60s': '%.*s' %s",
                     lat_text_rows_line(reading->text.rows), reading->text.names[position],
                     shown, lat_utf8_valid(cell->text, (size_t)shown) ? cell->text : "?",
                     words);
    return false;
}

static bool is_name(const struct lat_text_cell *cell)
{
    return cell->len > 0 && cell->len <= NAME_MAX_LEN && strlen(cell->text) == cell->len &&
           lat_utf8_valid(cell->text, cell->len);
}

/* The numbers of a line; false (and it is counted) when it cannot be used. */
static bool read_numbers(const struct reading *reading, struct event *event,
                         struct lat_dataset *dataset)
{
    const struct lat_text_cell *cells = reading->text.cells;
    double weight = NAN;
    if (reading->has_weight && !lat_text_number(&cells[reading->weight], &weight))
        return skip(reading, dataset, reading->weight, "is no number");
    if (reading->has_time && !lat_text_number(&cells[reading->time], &event->time))
        return skip(reading, dataset, reading->time, "is no number");
    event->weight = lat_history_weight(&reading->input, weight);
    return true;
}

static enum lat_status number_names(struct reading *reading, struct event *event,
                                    bool *out_known, struct lat_dataset *dataset,
                                    struct lat_error *err)
{
    const struct lat_text_cell *user = &reading->text.cells[reading->user],
                               *item = &reading->text.cells[reading->item];
    enum lat_status status = LAT_OK;
    *out_known = true;
    if (reading->own_items)
        status = lat_words_add(reading->own_items, item->text, item->len, &event->item, err);
    else
        *out_known = lat_words_find(reading->input.items, item->text, item->len, &event->item);
    if (!*out_known)
        skip(reading, dataset, reading->item, "is not in the vocabulary");
    if (status == LAT_OK && *out_known)
        status = lat_words_add(&reading->users, user->text, user->len, &event->user, err);
    return status;
}

static enum lat_status add_event(struct reading *reading, const struct event *event,
                                 struct lat_error *err)
{
    if (reading->n == reading->capacity) {
        const size_t capacity = reading->capacity ? 2 * reading->capacity : FIRST_EVENTS;
        struct event *grown = lat_realloc(reading->events, capacity, sizeof(*grown));
        if (!grown || capacity > UINT32_MAX) {
            reading->events = grown ? grown : reading->events;
            return grown ? lat_fail(err, LAT_TOO_LARGE, NULL, "more than 2^32 interactions")
                         : lat_fail_memory(err);
        }
        reading->events = grown;
        reading->capacity = capacity;
    }
    reading->events[reading->n] = *event;
    reading->events[reading->n].order = (uint32_t)reading->n;
    reading->n++;
    return LAT_OK;
}

static enum lat_status read_line(struct reading *reading, struct lat_dataset *dataset,
                                 struct lat_error *err)
{
    const struct lat_text_cell *cells = reading->text.cells;
    struct event event = {0};
    bool known = false;
    if (!lat_text_table_check(&reading->text, dataset))
        return LAT_OK;
    const bool named = is_name(&cells[reading->user]) && is_name(&cells[reading->item]);
    if (!named)
        (void)skip(reading, dataset,
                   is_name(&cells[reading->user]) ? reading->item : reading->user,
                   "is no name of 1 to 256 bytes");
    if (!named || !read_numbers(reading, &event, dataset) || !(event.weight > 0))
        return LAT_OK;
    const enum lat_status status = number_names(reading, &event, &known, dataset, err);
    return status == LAT_OK && known ? add_event(reading, &event, err) : status;
}

static enum lat_status read_lines(struct reading *reading, struct lat_dataset *dataset,
                                  struct lat_error *err)
{
    for (;;) {
        enum lat_status status = lat_text_table_next(&reading->text, err);
        if (status != LAT_OK || reading->text.n == 0)
            return status;
        status = read_line(reading, dataset, err);
        if (status != LAT_OK)
            return status;
    }
}

/* ---- histories ---- */

static int by_user_item_time(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->user != b->user)
        return a->user < b->user ? -1 : 1;
    if (a->item != b->item)
        return a->item < b->item ? -1 : 1;
    if (a->time < b->time || a->time > b->time)
        return a->time < b->time ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static enum lat_status allocate(struct histories *histories, size_t n_users, size_t n_events,
                                struct lat_error *err)
{
    histories->starts = lat_alloc(n_users + 1, sizeof(*histories->starts));
    histories->items = lat_alloc_raw(n_events, sizeof(*histories->items));
    histories->weights = lat_alloc_raw(n_events, sizeof(*histories->weights));
    return histories->starts && histories->items && histories->weights ? LAT_OK
                                                                       : lat_fail_memory(err);
}

/* Sorted events, the last of equals, one after the other. */
static void fill(const struct reading *reading, struct histories *histories,
                 struct lat_dataset *dataset)
{
    size_t kept = 0, user = 0;
    dataset->lowest = 0;
    dataset->highest = 0;
    for (size_t i = 0; i < reading->n; i++) {
        const struct event *event = &reading->events[i];
        const bool again =
            i + 1 < reading->n && event[1].user == event->user && event[1].item == event->item;
        if (again)
            continue;
        while (user < event->user)
            histories->starts[++user] = kept;
        histories->items[kept] = event->item;
        histories->weights[kept++] = event->weight;
        dataset->highest = fmaxf(dataset->highest, event->weight);
    }
    while (user < reading->users.n)
        histories->starts[++user] = kept;
    dataset->crc = lat_crc32c(0, histories->items, kept * sizeof(*histories->items));
    dataset->crc =
        lat_crc32c(dataset->crc, histories->weights, kept * sizeof(*histories->weights));
    dataset->crc = lat_crc32c(dataset->crc, histories->starts,
                              (reading->users.n + 1) * sizeof(*histories->starts));
}

static enum lat_status keep(struct reading *reading, struct lat_dataset *dataset,
                            struct lat_error *err)
{
    static const struct lat_row_source source = {read_history, close_histories};
    if (reading->n == 0)
        return lat_fail(err, LAT_INVALID, "empty", "no interaction can be used; %s",
                        dataset->n_skipped ? dataset->first_skipped : "there are none");
    struct histories *histories = lat_alloc(1, sizeof(*histories));
    if (!histories)
        return lat_fail_memory(err);
    dataset->source = &source;
    dataset->state = histories;
    const enum lat_status status = allocate(histories, reading->users.n, reading->n, err);
    if (status != LAT_OK)
        return status;
    qsort(reading->events, reading->n, sizeof(*reading->events), by_user_item_time);
    fill(reading, histories, dataset);
    dataset->items = reading->own_items;
    reading->own_items = NULL;
    dataset->input = reading->input;
    dataset->n = reading->users.n;
    dataset->elements = dataset->input.dimension = dataset->input.items->n;
    dataset->surveyed = true;
    return LAT_OK;
}

/* ---- the format ---- */

void lat_interactions_options(struct lat_fields *data, struct lat_arena *arena,
                              struct lat_data_options *out_options)
{
    lat_fields_position(data, "user", arena, &out_options->user);
    lat_fields_position(data, "item", arena, &out_options->item);
    lat_fields_position(data, "weight", arena, &out_options->weight);
    lat_fields_position(data, "time", arena, &out_options->time);
    out_options->has_min_weight = lat_fields_has(data, "min_weight");
    lat_fields_real(data, "min_weight", &out_options->min_weight, -1e30, 1e30);
    lat_text_options(data, arena, out_options);
}

/* What an interaction counts and which items there are. */
static enum lat_status begin(struct reading *reading, struct lat_error *err)
{
    const struct lat_input_spec *as = reading->options->as;
    if (as && as->kind == LAT_INPUT_INTERACTIONS) {
        reading->input = *as;
        return LAT_OK;
    }
    reading->own_items = lat_alloc(1, sizeof(*reading->own_items));
    reading->input = (struct lat_input_spec){.kind = LAT_INPUT_INTERACTIONS,
                                             .binary = reading->options->has_min_weight ||
                                                       !reading->has_weight,
                                             .min_weight = reading->options->min_weight,
                                             .items = reading->own_items};
    return reading->own_items ? LAT_OK : lat_fail_memory(err);
}

enum lat_status lat_interactions_open(const char *path, const struct lat_data_options *options,
                                      struct lat_dataset *dataset, struct lat_error *err)
{
    struct reading reading = {.options = options};
    enum lat_status status = lat_text_table_open(&reading.text, path, options, err);
    if (status == LAT_OK)
        status = find_columns(&reading, err);
    if (status == LAT_OK)
        status = begin(&reading, err);
    if (status == LAT_OK)
        status = read_lines(&reading, dataset, err);
    if (status == LAT_OK)
        status = keep(&reading, dataset, err);
    lat_text_table_close(&reading.text);
    lat_words_release(&reading.users);
    if (reading.own_items)
        lat_words_release(reading.own_items);
    lat_free(reading.own_items);
    lat_free(reading.events);
    return status;
}

/* ---- one by one ---- */

struct lat_interactions {
    const struct lat_data_spec *data;
    struct lat_data_options options;
    struct reading reading;
    struct lat_dataset dataset;
    bool weighted; /* a weight that is not 1 came */
};

enum lat_status lat_interactions_begin(const struct lat_data_spec *data,
                                       struct lat_interactions **out_gathered,
                                       struct lat_error *err)
{
    struct lat_interactions *gathered = lat_alloc(1, sizeof(*gathered));
    if (!gathered)
        return lat_fail_memory(err);
    gathered->data = data;
    gathered->options.has_min_weight = data->has_min_weight;
    gathered->options.min_weight = data->min_weight;
    gathered->reading.options = &gathered->options;
    const enum lat_status status = begin(&gathered->reading, err);
    if (status == LAT_OK)
        *out_gathered = gathered;
    else
        lat_interactions_free(gathered);
    return status;
}

enum lat_status lat_interactions_add(struct lat_interactions *gathered, const char *user,
                                     const char *item, double weight, double time,
                                     struct lat_error *err)
{
    struct reading *reading = &gathered->reading;
    struct event event = {.weight = (float)weight, .time = time};
    if (!(weight > 0) ||
        (reading->options->has_min_weight && weight < reading->input.min_weight))
        return LAT_OK;
    gathered->weighted |= event.weight != 1;
    enum lat_status status =
        lat_words_add(reading->own_items, item, strlen(item), &event.item, err);
    if (status == LAT_OK)
        status = lat_words_add(&reading->users, user, strlen(user), &event.user, err);
    return status == LAT_OK ? add_event(reading, &event, err) : status;
}

enum lat_status lat_interactions_end(struct lat_interactions *gathered,
                                     struct lat_dataset *out_dataset, struct lat_error *err)
{
    struct reading *reading = &gathered->reading;
    reading->input.binary = reading->options->has_min_weight || !gathered->weighted;
    for (size_t i = 0; i < reading->n; i++)
        reading->events[i].weight =
            lat_history_weight(&reading->input, (double)reading->events[i].weight);
    enum lat_status status = keep(reading, &gathered->dataset, err);
    if (status == LAT_OK)
        status = lat_dataset_settle(&gathered->dataset, gathered->data, err);
    if (status == LAT_OK) {
        *out_dataset = gathered->dataset;
        gathered->dataset = (struct lat_dataset){0};
    }
    return status;
}

void lat_interactions_free(struct lat_interactions *gathered)
{
    if (!gathered)
        return;
    lat_dataset_close(&gathered->dataset);
    lat_words_release(&gathered->reading.users);
    if (gathered->reading.own_items)
        lat_words_release(gathered->reading.own_items);
    lat_free(gathered->reading.own_items);
    lat_free(gathered->reading.events);
    lat_free(gathered);
}
