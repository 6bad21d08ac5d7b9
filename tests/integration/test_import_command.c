/* latentd import: every kind of source, resumed, with its exit status. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/integration/client.h"
#include "tests/support/support.h"

TestSuite(import_command, .init = test_folder_enter, .fini = test_folder_leave);

static const char *name(void)
{
    return coll("") + strlen("/v1/collections/");
}

static void write_file(const char *path, const void *bytes, size_t len)
{
    cr_assert_eq(lat_file_write(test_path(path), bytes, len, NULL), LAT_OK);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* Runs it with --json; the summary is parsed by hand because the wire keeps the last reply. */
static struct summary {
    int exit_status;
    unsigned imported, present, skipped, failed;
    char text[8192];
} run(const char *const *arguments)
{
    struct summary summary = {.exit_status = -1};
    const char *argv[24] = {"import", name()};
    size_t n = 2;
    struct lat_buf text = {0};
    for (size_t i = 0; arguments[i]; i++)
        argv[n++] = arguments[i];
    argv[n++] = "--server";
    argv[n++] = api_url();
    argv[n++] = "--json";
    argv[n] = NULL;
    remove(test_path("log"));
    summary.exit_status = server_run(argv, test_path("log"));
    cr_assert_eq(lat_file_read(test_path("log"), 1 << 20, &text, NULL), LAT_OK);
    snprintf(summary.text, sizeof(summary.text), "%s", text.data ? text.data : "");
    const char *line = strstr(summary.text, "{\"collection\"");
    if (line)
        sscanf(strstr(line, "\"imported\""),
               "\"imported\":%u,\"present\":%u,\"skipped\":%u,\"failed\":%u", &summary.imported,
               &summary.present, &summary.skipped, &summary.failed);
    lat_buf_release(&text);
    return summary;
}

#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})
#define EXPECT(got, status, n_imported, n_present, n_failed)                                   \
    do {                                                                                       \
        cr_assert_eq((got).exit_status, status, "%d: %s", (got).exit_status, (got).text);      \
        cr_assert_eq((got).imported, n_imported, "%s", (got).text);                            \
        cr_assert_eq((got).present, n_present, "%s", (got).text);                              \
        cr_assert_eq((got).failed, n_failed, "%s", (got).text);                                \
    } while (0)

static void write_pictures(unsigned n)
{
    mkdir(test_path("pictures"), 0755);
    mkdir(test_path("pictures/sub"), 0755);
    for (unsigned i = 0; i < n; i++) {
        char path[64];
        struct lat_buf png = tiny_png(i * 3, 1);
        snprintf(path, sizeof(path), "pictures/%s%03u.png", i % 2 ? "sub/" : "", i);
        write_file(path, png.data, png.len);
        lat_buf_release(&png);
    }
}

Test(import_command, a_folder_of_pictures_is_resumed)
{
    make("{\"model\":\"tiny\"}");
    write_pictures(20);
    write_text("meta.json", "{\"000.png\":{\"label\":\"zero\"},\"sub/"
                            "001.png\":{\"label\":\"one\"},\"elsewhere\":{}}");
    struct summary summary =
        RUN(test_path("pictures"), "--metadata", test_path("meta.json"), "--batch", "7");
    EXPECT(summary, 0, 20, 0, 0);
    STATUS(200, ask("GET", coll("/items/sub%2F001.png"), NULL));
    cr_assert_str_eq(text_of("metadata.label"), "one");
    write_pictures(25);
    summary = RUN(test_path("pictures"));
    EXPECT(summary, 0, 5, 20, 0);
    summary = RUN(test_path("pictures"), "--overwrite");
    EXPECT(summary, 0, 25, 0, 0);
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 25);
}

Test(import_command, names_no_header_can_hold_arrive_exactly)
{
    struct lat_buf png = tiny_png(1, 1);
    make("{\"model\":\"tiny\"}");
    mkdir(test_path("p"), 0755);
    write_file("p/a\"%22\\;ä.png", png.data, png.len);
    lat_buf_release(&png);
    struct summary summary = RUN(test_path("p"));
    EXPECT(summary, 0, 1, 0, 0);
    STATUS(200, ask("GET", coll("/items/a%22%2522%5C%3B%C3%A4.png"), NULL));
    summary = RUN(test_path("p"));
    EXPECT(summary, 0, 0, 1, 0);
}

Test(import_command, what_cannot_be_used_is_named_and_the_rest_goes_in)
{
    make("{\"model\":\"tiny\"}");
    write_pictures(4);
    write_text("pictures/text.png", "no picture");
    struct lat_buf png = tiny_png(1, 1);
    write_file("pictures/cut.png", png.data, png.len - 15);
    lat_buf_release(&png);
    const struct summary summary = RUN(test_path("pictures"));
    EXPECT(summary, 1, 4, 0, 2);
    cr_assert_not_null(strstr(summary.text, "text.png: no PNG, JPEG, WebP or GIF"));
    cr_assert_not_null(strstr(summary.text, "cut.png: "));
}

Test(import_command, files_of_a_folder_that_are_no_pictures_are_skipped)
{
    make("{\"model\":\"tiny\"}");
    write_pictures(4);
    write_text("pictures/notes.txt", "no picture");
    write_text("pictures/sub/labels.csv", "id,label\n000.png,zero\n");
    write_text("pictures/sub/empty", "");
    struct lat_buf png = tiny_png(1, 1);
    write_file("pictures/without_a_suffix", png.data, png.len);
    lat_buf_release(&png);
    struct summary summary = RUN(test_path("pictures"));
    EXPECT(summary, 0, 5, 0, 0);
    cr_assert_eq(summary.skipped, 3, "%s", summary.text);
    summary = RUN(test_path("pictures"));
    EXPECT(summary, 0, 0, 5, 0);
    cr_assert_eq(summary.skipped, 3, "%s", summary.text);
}

Test(import_command, a_named_file_that_cannot_be_imported_is_an_error_before_anything_is_sent)
{
    make("{\"model\":\"tiny\"}");
    write_pictures(4);
    write_text("notes.txt", "no picture");
    struct summary summary = RUN(test_path("pictures"), test_path("notes.txt"));
    EXPECT(summary, 1, 0, 0, 0);
    cr_assert_not_null(strstr(summary.text, "notes.txt: this is no folder, picture"), "%s",
                       summary.text);
    summary = RUN(test_path("notes.txt"), "--format", "images");
    EXPECT(summary, 1, 0, 0, 1);
    STATUS(200, ask("GET", coll(""), NULL));
    cr_assert_eq(number_of("items"), 0);
}

Test(import_command, idx_files_become_pictures)
{
    unsigned char idx[16 + 3 * 16] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4};
    for (size_t i = 0; i < 48; i++)
        idx[16 + i] = (unsigned char)(i * 5);
    make("{\"model\":\"tiny\"}");
    write_file("train-images-idx3-ubyte", idx, sizeof(idx));
    write_file("t10k-images-idx3-ubyte", idx, sizeof(idx) - 16);
    struct summary summary = RUN(test_path("train-images-idx3-ubyte"));
    EXPECT(summary, 0, 3, 0, 0);
    STATUS(200, ask("GET", coll("/items/000002?include=code"), NULL));
    cr_assert_float_eq(number_of("code.1"), 165 / 255.0, 1e-6);
    idx[7] = 2;
    write_file("t10k-images-idx3-ubyte", idx, sizeof(idx) - 16);
    summary = RUN(test_path("train-images-idx3-ubyte"), test_path("t10k-images-idx3-ubyte"));
    EXPECT(summary, 0, 5, 0, 0);
    STATUS(200, ask("GET", coll("/items/train%2F000002"), NULL));
    STATUS(200, ask("GET", coll("/items/test%2F000001"), NULL));
    summary = RUN(test_path("train-images-idx3-ubyte"), "--prefix", "mine-");
    EXPECT(summary, 0, 3, 0, 0);
    STATUS(200, ask("GET", coll("/items/mine-000000/input"), NULL));
    cr_assert_str_eq(header("Content-Type"), "image/png");
}

static void write_npy(const char *path, size_t n, size_t width)
{
    char head[128];
    float values[100];
    memset(head, ' ', sizeof(head));
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    const int len =
        snprintf(head + 10, 118,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }", n, width);
    head[10 + len] = ' ';
    head[127] = '\n';
    struct lat_buf out = {0};
    lat_buf_append(&out, head, sizeof(head));
    for (size_t i = 0; i < n * width; i++)
        values[i] = (float)i / 2;
    lat_buf_append(&out, values, n * width * sizeof(float));
    write_file(path, out.data, out.len);
    lat_buf_release(&out);
}

Test(import_command, npy_rows_are_codes_or_inputs)
{
    write_npy("codes.npy", 4, 2);
    const struct summary created =
        RUN(test_path("codes.npy"), "--create", "--dimension", "2", "--metric", "cosine");
    EXPECT(created, 0, 4, 0, 0);
    STATUS(200, ask("GET", coll("/items/000003?include=code"), NULL));
    cr_assert_eq(number_of("code.1"), 3.5);
    STATUS(204, ask("DELETE", coll(""), NULL));

    write_npy("inputs.npy", 3, 6);
    make("{\"model\":\"vec@1\"}");
    struct summary summary = RUN(test_path("inputs.npy"));
    EXPECT(summary, 0, 3, 0, 0);
    STATUS(200, ask("GET", coll("/items/000001/input"), NULL));
    cr_assert_eq(reply_len(), 24);
    write_npy("three.npy", 2, 3);
    summary = RUN(test_path("three.npy"), "--codes", "--prefix", "c");
    EXPECT(summary, 0, 2, 0, 0);
    summary = RUN(test_path("three.npy"), "--prefix", "d");
    EXPECT(summary, 1, 0, 0, 2);
    cr_assert_not_null(strstr(summary.text, "three.npy row 1: "));
    cr_assert_null(strstr(summary.text, "item "), "no place in a batch: %s", summary.text);
}

Test(import_command, csv_rows_are_vectors)
{
    make("{\"dimension\":2}");
    write_text("rows.csv", "x,y\n1,2\n3.5,-4\n");
    write_text("meta.csv", "name,id,size\n\"a, \"\"quoted\"\"\",000000,5\nplain,000001,\n");
    const struct summary summary =
        RUN(test_path("rows.csv"), "--metadata", test_path("meta.csv"));
    EXPECT(summary, 0, 2, 0, 0);
    STATUS(200, ask("GET", coll("/items/000001?include=code,metadata"), NULL));
    cr_assert_eq(number_of("code.0"), 3.5);
    cr_assert_str_eq(text_of("metadata.name"), "plain");
    cr_assert_not(has("metadata.size"));
    STATUS(200, ask("GET", coll("/items/000000"), NULL));
    cr_assert_str_eq(text_of("metadata.name"), "a, \"quoted\"");
    cr_assert_eq(number_of("metadata.size"), 5);
}

Test(import_command, rows_that_cannot_be_used_keep_their_numbers)
{
    make("{\"dimension\":2}");
    write_text("rows.csv", "x,y\n1,2\nbad,0\n3,4,5\n5,6\n");
    const struct summary summary = RUN(test_path("rows.csv"));
    EXPECT(summary, 1, 2, 0, 2);
    STATUS(404, ask("GET", coll("/items/000001"), NULL));
    STATUS(200, ask("GET", coll("/items/000003?include=code"), NULL));
    cr_assert_eq(number_of("code.0"), 5);
}

Test(import_command, pictures_of_one_name_from_two_folders_do_not_replace_each_other)
{
    struct lat_buf one = tiny_png(1, 1), two = tiny_png(2, 2);
    make("{\"model\":\"tiny\"}");
    mkdir(test_path("one"), 0755);
    mkdir(test_path("two"), 0755);
    write_file("one/a.png", one.data, one.len);
    write_file("two/a.png", two.data, two.len);
    const struct summary summary = RUN(test_path("one"), test_path("two"));
    EXPECT(summary, 1, 1, 0, 1);
    cr_assert_not_null(strstr(summary.text, "two/a.png: an earlier path gave an item of the"));
    STATUS(200, ask("GET", coll("/items/a.png/input"), NULL));
    cr_assert_eq(reply_len(), one.len);
    lat_buf_release(&one);
    lat_buf_release(&two);
}

Test(import_command, ndjson_as_the_server_exports_it)
{
    make("{\"dimension\":2}");
    write_text("items.ndjson",
               "{\"id\":\"a\",\"code\":[1,2],\"metadata\":{\"x\":1}}\n\n{\"id\":\"b\",\"code\":"
               "[1]}\n{\"id\":\"c\",\"code\":[3,4]}\nnonsense\n");
    struct summary summary = RUN(test_path("items.ndjson"));
    EXPECT(summary, 1, 2, 0, 2);
    cr_assert_not_null(strstr(summary.text, "items.ndjson line 3: "), "%s", summary.text);
    cr_assert_not_null(strstr(summary.text, "items.ndjson line 5: "), "%s", summary.text);
    summary = RUN(test_path("items.ndjson"));
    EXPECT(summary, 1, 0, 2, 2);
    STATUS(200, ask("GET", coll("/items/a"), NULL));
    cr_assert_eq(number_of("metadata.x"), 1);
}

Test(import_command, failures_of_the_whole_are_one_line)
{
    struct summary summary = RUN(test_path("nothing"));
    cr_assert_eq(summary.exit_status, 1);
    cr_assert_not_null(strstr(summary.text, "latentd: import: "), "%s", summary.text);
    make("{\"dimension\":2}");
    summary = RUN(test_path("nothing"));
    cr_assert_eq(summary.exit_status, 1);
    cr_assert_not_null(strstr(summary.text, "nothing"));
    summary = RUN("--format", "parquet", "x");
    cr_assert_eq(summary.exit_status, 2);
    summary = RUN("x", "--create");
    cr_assert_eq(summary.exit_status, 2);
    summary = RUN("x", "--model", "tiny");
    cr_assert_eq(summary.exit_status, 2);
    summary = RUN("--help");
    cr_assert_eq(summary.exit_status, 0);
    cr_assert_not_null(strstr(summary.text, "--metadata FILE"));
}

Test(import_command, without_a_server_it_gives_up)
{
    write_npy("codes.npy", 1, 2);
    const char *const argv[] = {
        "import", "x", test_path("codes.npy"), "--server", "http://127.0.0.1:1", NULL};
    cr_assert_eq(server_run(argv, test_path("log")), 1);
}

Test(import_command, the_collection_must_be_there)
{
    write_npy("codes.npy", 1, 2);
    const struct summary summary = RUN(test_path("codes.npy"));
    cr_assert_eq(summary.exit_status, 1);
    cr_assert_not_null(strstr(summary.text, "collection"), "%s", summary.text);
}
