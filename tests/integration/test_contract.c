/* What hostile clients found: a test for each defect that was. */
#include <string.h>

#include "tests/integration/client.h"

Test(contract, a_misspelt_key_is_named_even_when_the_right_one_is_missing)
{
    make("{\"dimension\":2}");
    ask("POST", coll("/search"), "{\"cod\":[1,2]}");
    PROBLEM(422, "unknown_field");
    POINTER("/cod");
    cr_expect_not_null(strstr(text_of("detail"), "'code'"));
    ask("PUT", coll("/items"), "{\"item\":[]}");
    PROBLEM(422, "unknown_field");
    cr_expect_not_null(strstr(text_of("detail"), "'items'"));
}

Test(contract, an_empty_list_of_values_passes_nothing_or_all)
{
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2],\"metadata\":{\"n\":1}}");
    STATUS(200,
           ask("POST", coll("/search"), "{\"code\":[1,2],\"filter\":{\"n\":{\"$in\":[]}}}"));
    cr_assert_eq(count_of("results"), 0);
    STATUS(200,
           ask("POST", coll("/search"), "{\"code\":[1,2],\"filter\":{\"n\":{\"$nin\":[]}}}"));
    cr_assert_eq(count_of("results"), 1);
}

Test(contract, an_id_to_delete_twice_in_a_batch_is_a_duplicate)
{
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    STATUS(207, ask("POST", coll("/items/delete"), "{\"ids\":[\"a\",\"a\"]}"));
    cr_assert_eq(number_of("results.0.status"), 200);
    cr_assert_eq(number_of("results.1.status"), 422);
    cr_assert_str_eq(text_of("results.1.error.code"), "duplicate_id");
    cr_assert_eq(number_of("deleted"), 1);
}

Test(contract, a_wrong_patch_is_pointed_at)
{
    make("{\"dimension\":2}");
    put("a", "{\"code\":[1,2]}");
    ask("PATCH", coll("/items/a"), "{\"hidden\":\"yes\"}");
    PROBLEM(422, "wrong_type");
    POINTER("/hidden");
}

Test(contract, a_code_that_cannot_be_compared_is_refused_with_the_reason)
{
    make("{\"dimension\":2,\"metric\":\"cosine\"}");
    ask("PUT", coll("/items/a"), "{\"code\":[0,0]}");
    PROBLEM(422, "zero_code");
    POINTER("/code");
    ask("PUT", coll("/items/a"), "{\"code\":[3e38,0]}");
    PROBLEM(422, "bad_code");
    POINTER("/code");
}

Test(contract, a_png_of_the_largest_claim_is_too_large_not_broken)
{
    static const unsigned char png[] = {
        0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,    0, 0, 13, 'I', 'H', 'D',
        'R',  0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 8, 2, 0,  0,   0};
    ask_as("POST", "/v1/models/tiny/encode", "Content-Type: image/png\r\n", png, sizeof(png));
    PROBLEM(413, "image_too_large");
}

Test(contract, a_refused_factory_is_explained_without_the_places_in_the_library)
{
    ask("PUT", "/v1/collections/never-made",
        "{\"dimension\":4,\"index\":{\"factory\":\"Nonsense9\"}}");
    PROBLEM(422, "invalid_factory");
    cr_expect_not_null(strstr(text_of("detail"), "Nonsense9"));
    cr_expect_null(strstr(text_of("detail"), ".cpp"));
}
