#include <criterion/criterion.h>
#include <math.h>

#include "base/rng.h"
#include "base/status.h"

/* The numbers of the published algorithm for the state 1, 2, 3, 4. */
Test(rng, is_xoshiro256_starstar)
{
    struct lat_rng rng = {{1, 2, 3, 4}};
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < LAT_ARRAY_LEN(want); i++)
        cr_assert_eq(lat_rng_next(&rng), want[i]);
}

/* splitmix64 of seed 0 is published as well. */
Test(rng, is_seeded_by_splitmix64)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 0);
    cr_assert_eq(rng.state[0], UINT64_C(0xE220A8397B1DCDAF));
    cr_assert_eq(rng.state[1], UINT64_C(0x6E789E6AA1B965F4));
    cr_assert_eq(rng.state[2], UINT64_C(0x06C45D188009454F));
}

Test(rng, the_same_seed_gives_the_same_sequence)
{
    struct lat_rng a, b, c;
    lat_rng_seed(&a, 42);
    lat_rng_seed(&b, 42);
    lat_rng_seed(&c, 43);
    bool differs = false;
    for (int i = 0; i < 100; i++) {
        const uint64_t x = lat_rng_next(&a);
        cr_assert_eq(x, lat_rng_next(&b));
        differs |= x != lat_rng_next(&c);
    }
    cr_assert(differs);
}

Test(rng, below_is_even)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 1);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        const uint64_t x = lat_rng_below(&rng, 7);
        cr_assert_lt(x, 7u);
        counts[x]++;
    }
    for (int i = 0; i < 7; i++)
        cr_assert(abs(counts[i] - 10000) < 500, "%d came %d times", i, counts[i]);
    cr_assert_eq(lat_rng_below(&rng, 1), 0u);
    /* With a bound of 3/4 of the range, a biased draw would give the lower third twice as
     * often. */
    int low = 0;
    for (int i = 0; i < 30000; i++)
        low += lat_rng_below(&rng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    cr_assert(abs(low - 10000) < 500, "%d of 30000 in the lower third", low);
}

Test(rng, uniform_and_normal_have_their_moments)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 2);
    enum { N = 200000 };
    double sum = 0, normal_sum = 0, squares = 0, fourth = 0;
    for (int i = 0; i < N; i++) {
        const double u = lat_rng_uniform(&rng);
        cr_assert(u >= 0 && u < 1);
        sum += u;
        const double x = lat_rng_normal(&rng);
        normal_sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    cr_assert(fabs(sum / N - 0.5) < 0.005);
    cr_assert(fabs(normal_sum / N) < 0.01);
    cr_assert(fabs(squares / N - 1) < 0.02);
    cr_assert(fabs(fourth / N - 3) < 0.15);
}

Test(rng, shuffle_permutes_and_every_place_gets_every_value)
{
    struct lat_rng rng;
    lat_rng_seed(&rng, 3);
    int seen[5][5] = {{0}};
    for (int round = 0; round < 10000; round++) {
        uint32_t values[] = {0, 1, 2, 3, 4};
        lat_rng_shuffle(&rng, values, 5);
        uint32_t all = 0;
        for (int i = 0; i < 5; i++) {
            all |= 1u << values[i];
            seen[i][values[i]]++;
        }
        cr_assert_eq(all, 31u);
    }
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++)
            cr_assert(abs(seen[i][j] - 2000) < 250);
    lat_rng_shuffle(&rng, NULL, 0);
}

Test(rng, normals_are_normal_and_any_number_of_them_can_be_had)
{
    enum { N = 100001 };
    static float values[N + 1];
    struct lat_rng rng;
    double sum = 0, squares = 0, neighbours = 0;
    lat_rng_seed(&rng, 3);
    values[N] = 77;
    lat_rng_normals(&rng, values, N);
    cr_assert_eq(values[N], 77);
    for (size_t i = 0; i < N; i++) {
        const double x = (double)values[i];
        sum += x;
        squares += x * x;
        neighbours += i % 2 ? x * (double)values[i - 1] : 0;
    }
    cr_assert_float_eq(sum / N, 0, 0.015);
    cr_assert_float_eq(squares / N, 1, 0.02);
    cr_assert_float_eq(neighbours / (N / 2), 0, 0.02,
                       "the two numbers of a draw go their own way");
}
