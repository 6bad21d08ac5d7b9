#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"

static bool parse(const char *text, int64_t *out)
{
    return lat_clock_parse(text, strlen(text), out);
}

Test(base_clock, times_are_read_as_they_are_written)
{
    static const int64_t times[] = {
        0, 1, -1, 1234567890123, 951868799000, -62135596800000, 253402300799999, 1709251199999};
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        char text[32];
        int64_t back = 7;
        lat_clock_format(times[i], text, sizeof(text));
        cr_assert(parse(text, &back), "%s", text);
        cr_assert_eq(back, times[i], "%s", text);
    }
}

Test(base_clock, zones_fractions_and_leap_seconds)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1970-01-01T01:00:00+01:00", 0},
                 {"1969-12-31t18:30:00-05:30", 0},
                 {"1970-01-01 00:00:00.0019z", 1},
                 {"2016-12-31T23:59:60Z", 1483228799000},
                 {"2000-02-29T00:00:00Z", 951782400000}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        int64_t ms = 7;
        cr_expect(parse(cases[i].text, &ms), "%s", cases[i].text);
        cr_expect_eq(ms, cases[i].ms, "%s: %lld", cases[i].text, (long long)ms);
    }
}

Test(base_clock, what_is_no_time_is_refused)
{
    static const char *const texts[] = {"",
                                        "2026-01-02",
                                        "2026-01-02T03:04:05",
                                        "2026-01-02T03:04Z",
                                        "2026-1-02T03:04:05Z",
                                        "2026-13-02T03:04:05Z",
                                        "2026-02-29T03:04:05Z",
                                        "1900-02-29T03:04:05Z",
                                        "0000-01-01T00:00:00Z",
                                        "2026-01-02T24:04:05Z",
                                        "2026-01-02T03:60:05Z",
                                        "2026-01-02T03:04:61Z",
                                        "2026-01-02T03:04:05.Z",
                                        "2026-01-02T03:04:05+1:00",
                                        "2026-01-02T03:04:05+01:00 ",
                                        "2026-01-02X03:04:05Z"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        int64_t ms = 7;
        cr_expect_not(parse(texts[i], &ms), "%s", texts[i]);
        cr_expect_eq(ms, 7);
    }
}
