#include <criterion/criterion.h>
#include <stdio.h>

#include "base/text_set.h"
#include "tests/support/support.h"

Test(base, a_text_set_knows_under_which_number_a_text_came_first)
{
    enum { N = 5000 };
    static char texts[N][16];
    struct lat_text_set set = {0};
    size_t first;
    cr_assert_not(lat_text_set_has(&set, ""));
    for (size_t i = 0; i < N; i++) {
        snprintf(texts[i], sizeof(texts[i]), "id-%zu", i / 2);
        cr_assert(lat_text_set_add(&set, texts[i], i, &first));
        cr_assert_eq(first, i / 2 * 2);
    }
    cr_assert_eq(set.n, N / 2);
    cr_assert(lat_text_set_has(&set, "id-17") && !lat_text_set_has(&set, "id-"));
    lat_text_set_clear(&set);
    cr_assert_not(lat_text_set_has(&set, "id-17"));
    cr_assert(lat_text_set_add(&set, "", 3, &first) && first == 3 && set.n == 1);
    lat_text_set_release(&set);
}

static enum lat_status fill(void *context, struct lat_error *err)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    struct lat_text_set set = {0};
    enum lat_status status = LAT_OK;
    size_t first;
    (void)context;
    for (size_t i = 0; status == LAT_OK && letters[i]; i++)
        if (!lat_text_set_add(&set, letters + i, i, &first))
            status = lat_fail(err, LAT_NO_MEMORY, NULL, "no memory");
    lat_text_set_release(&set);
    return status;
}

Test(base, a_text_set_survives_a_failing_allocation)
{
    TEST_TORTURE(fill, NULL);
}
