/* Stored bytes changed behind the store's back, then opened and read. The first byte chooses
 * what is hit:
 *
 *   0  index file: bytes overwritten as they come; checksums refuse it
 *   1  index file: overwritten and the checksums made right again, so that the checks behind
 * them are reached; the accelerator is left alone (FAISS's own reader trusts its bytes) 2 index
 * file: the graph overwritten, checksums made right again 3  the blob of a code    4  the text
 * of metadata    5  an input
 *
 * The rest is read in threes: where (two bytes, scaled to the length) and what. Whatever
 * happens, the store opens, searches, lists and closes, and never gives more items than there
 * are. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/file.h"
#include "base/log.h"
#include "index/index_file.h"
#include "index/store.h"
#include "tests/support/support.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { D = 4, N = 40 };

static struct lat_buf sound; /* the index file as it was written */

static void require(int truth)
{
    if (!truth)
        abort();
}

static struct lat_store *open_store(void)
{
    struct lat_store *store;
    const struct lat_store_options options = {.folder = test_path("data"), .readers = 1};
    require(lat_store_open(&options, &store, NULL) == LAT_OK);
    require(lat_store_load(store, NULL, NULL) == LAT_OK);
    return store;
}

static void put_items(struct lat_store *store)
{
    for (unsigned i = 0; i < N; i++) {
        char id[8];
        struct lat_write_result result;
        const float code[D] = {(float)i, (float)(i * i % 7), 1, 0};
        snprintf(id, sizeof(id), "i%u", i);
        const struct lat_write write = {.id = id,
                                        .code = code,
                                        .metadata = "{\"a\":1}",
                                        .input = "input",
                                        .input_len = 5,
                                        .error = NAN,
                                        .hidden = -1};
        require(lat_store_write(store, "c", &write, 1, true, &result, NULL) == LAT_OK);
    }
}

/* A folder with a store that is made anew for every input. */
static void make_store(void)
{
    bool created;
    const struct lat_collection_spec spec = {
        .name = "c", .dimension = D, .index = {.type = LAT_INDEX_HNSW}, .keep_inputs = true};
    lat_log_configure(LAT_LOG_OFF, LAT_LOG_JSON);
    test_folder_enter();
    struct lat_store *store = open_store();
    require(lat_store_create(store, &spec, &created, NULL) == LAT_OK);
    put_items(store);
    lat_store_close(store);
    lat_buf_clear(&sound);
    require(lat_file_read(test_path("data/index/c-1.index"), SIZE_MAX, &sound, NULL) == LAT_OK);
}

static void overwrite(unsigned char *bytes, size_t n, const uint8_t *data, size_t len)
{
    for (; n && len >= 3; data += 3, len -= 3)
        bytes[((size_t)data[0] << 8 | data[1]) * n >> 16] = data[2];
}

static void fix_checksums(unsigned char *bytes, size_t len)
{
    struct lat_index_head head;
    size_t at = sizeof(head);
    memcpy(&head, bytes, sizeof(head));
    for (int i = 0; i < LAT_SECTION_COUNT && head.section_len[i] <= len - at; i++) {
        head.section_crc[i] = lat_crc32c(0, bytes + at, head.section_len[i]);
        at += head.section_len[i];
    }
    head.crc = lat_crc32c(0, &head, offsetof(struct lat_index_head, crc));
    memcpy(bytes, &head, sizeof(head));
}

static void hit_file(uint8_t how, const uint8_t *data, size_t len)
{
    unsigned char *bytes = (unsigned char *)sound.data;
    struct lat_index_head head;
    memcpy(&head, bytes, sizeof(head));
    const size_t ann = head.section_len[LAT_SECTION_ANN];
    /* Behind kind, breadth and the like: what is hit is to stay a graph. */
    const size_t graph = LAT_FACTORY_MAX + 2 * sizeof(uint32_t) + sizeof(uint64_t);
    if (how == 2 && ann > graph)
        overwrite(bytes + sound.len - ann + graph, ann - graph, data, len);
    else
        overwrite(bytes, how == 0 ? sound.len : sound.len - ann, data, len);
    if (how)
        fix_checksums(bytes, sound.len);
    require(lat_file_write(test_path("data/index/c-1.index"), bytes, sound.len, NULL) ==
            LAT_OK);
}

static void hit_row(uint8_t how, const uint8_t *data, size_t len)
{
    static const char *const updates[] = {
        "UPDATE codes SET code=?1 WHERE slot=7",
        "UPDATE items SET metadata=CAST(?1 AS TEXT) WHERE slot=7",
        "UPDATE inputs SET bytes=?1 WHERE slot=7",
    };
    sqlite3 *db;
    sqlite3_stmt *stmt;
    require(sqlite3_open(test_path("data/latentd.db"), &db) == SQLITE_OK);
    require(sqlite3_prepare_v2(db, updates[how - 3], -1, &stmt, NULL) == SQLITE_OK);
    sqlite3_bind_blob(stmt, 1, len ? (const void *)data : "", (int)len, SQLITE_STATIC);
    sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    remove(test_path("data/index/c-1.index")); /* so that the rows are read */
}

static void use_store(void)
{
    static const char *const path[] = {"a"};
    const struct lat_value one = {.kind = LAT_VALUE_INTEGER, .integer = 1};
    const struct lat_filter filter = {
        .op = LAT_FILTER_EQ, .path = path, .n_path = 1, .values = &one, .n_values = 1};
    const unsigned all = LAT_ITEM_METADATA | LAT_ITEM_CODE | LAT_ITEM_INPUT;
    struct lat_store *store = open_store();
    const float code[D] = {3, 2, 1, 0};
    for (int i = 0; i < 4; i++) {
        struct lat_search_result result;
        const struct lat_query query = {.code = code,
                                        .k = N,
                                        .max_distance = INFINITY,
                                        .filter = i == 1 ? &filter : NULL,
                                        .exact = i == 2,
                                        .parts = i == 3 ? LAT_ITEM_CODE : 0};
        if (lat_store_search(store, "c", &query, &result, NULL) == LAT_OK) {
            require(result.n <= N);
            lat_search_result_release(&result);
        }
    }
    struct lat_item item;
    struct lat_item_list list;
    if (lat_store_get(store, "c", "i6", all, &item, NULL) == LAT_OK)
        lat_item_release(&item);
    if (lat_store_list(store, "c", NULL, NULL, N, all, &list, NULL) == LAT_OK) {
        require(list.n <= N);
        lat_item_list_release(&list);
    }
    put_items(store);
    lat_store_close(store);
}

static void ignore(void *context, const char *line)
{
    (void)context;
    require(line[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint64_t faults;
    if (len < 1)
        return 0;
    make_store();
    if (data[0] % 6 < 3)
        hit_file(data[0] % 6, data + 1, len - 1);
    else
        hit_row(data[0] % 6, data + 1, len - 1);
    require(lat_store_check(test_path("data"), ignore, NULL, &faults, NULL) == LAT_OK);
    use_store();
    lat_buf_release(&sound);
    test_folder_leave();
    return 0;
}
