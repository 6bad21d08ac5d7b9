/* Civil dates to day numbers and back by Hinnant's formulas ("chrono-Compatible Low-Level Date
 * Algorithms", 2013), years 1 to 9999. A format is a pattern: the letters Y M D h m s stand for
 * digits, everything else for itself. */
#include "model/dates.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/banned.h"

const char *const lat_date_format_names[LAT_DATE_FORMATS] = {
    [LAT_DATE_DASHES] = "YYYY-MM-DD",
    [LAT_DATE_SLASHES] = "YYYY/MM/DD",
    [LAT_DATE_DOTS] = "DD.MM.YYYY",
    [LAT_DATE_T_SECOND] = "YYYY-MM-DDThh:mm:ss",
    [LAT_DATE_Z_SECOND] = "YYYY-MM-DDThh:mm:ssZ",
    [LAT_DATE_SECOND] = "YYYY-MM-DD hh:mm:ss",
    [LAT_DATE_MINUTE] = "YYYY-MM-DD hh:mm",
};

enum { SECONDS_A_DAY = 86400 };

static const char letters[] = "YMDhms";
enum part { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, PARTS };

/* Days from 1970-01-01 to a date; March is the first month of a year here. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t era = y / 400, of_era = y - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of(int64_t days, int64_t parts[PARTS])
{
    days += 719468;
    const int64_t era = days / 146097, of_era = days - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;
    parts[DAY] = of_year - (153 * month + 2) / 5 + 1;
    parts[MONTH] = month < 10 ? month + 3 : month - 9;
    parts[YEAR] = year + era * 400 + (parts[MONTH] <= 2);
}

bool lat_date_parse(enum lat_date_format format, const char *text, size_t len, double *out_days)
{
    const char *pattern = lat_date_format_names[format];
    int64_t parts[PARTS] = {0}, again[PARTS] = {0};
    if (strlen(pattern) != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        const char *letter = strchr(letters, pattern[i]);
        if (!letter && text[i] != pattern[i])
            return false;
        if (letter && (text[i] < '0' || text[i] > '9'))
            return false;
        if (letter)
            parts[letter - letters] = parts[letter - letters] * 10 + (text[i] - '0');
    }
    if (parts[YEAR] < 1 || parts[MONTH] < 1 || parts[MONTH] > 12 || parts[DAY] < 1 ||
        parts[HOUR] > 23 || parts[MINUTE] > 59 || parts[SECOND] > 59)
        return false;
    const int64_t days = days_of(parts[YEAR], parts[MONTH], parts[DAY]);
    date_of(days, again); /* the 31st of June is a date of July */
    if (again[MONTH] != parts[MONTH] || again[DAY] != parts[DAY])
        return false;
    const int64_t seconds = (parts[HOUR] * 60 + parts[MINUTE]) * 60 + parts[SECOND];
    *out_days = (double)days + (double)seconds / SECONDS_A_DAY;
    return true;
}

/* Seconds of the smallest part that a format writes. */
static int64_t step_of(const char *pattern)
{
    return strchr(pattern, 's') ? 1 : strchr(pattern, 'm') ? 60 : SECONDS_A_DAY;
}

size_t lat_date_write(enum lat_date_format format, double days, char *out)
{
    const char *pattern = lat_date_format_names[format];
    const double least = -719162, most = 2932896; /* 0001-01-01, 9999-12-31 */
    const int64_t step = step_of(pattern);
    int64_t parts[PARTS] = {0};
    days = isnan(days) ? 0 : fmin(fmax(days, least), most);
    const int64_t seconds = (int64_t)floor(days * SECONDS_A_DAY / (double)step + 0.5) * step;
    int64_t day = seconds / SECONDS_A_DAY, rest = seconds % SECONDS_A_DAY;
    if (rest < 0) {
        rest += SECONDS_A_DAY;
        day--;
    }
    date_of(day, parts);
    parts[HOUR] = rest / 3600;
    parts[MINUTE] = rest / 60 % 60;
    parts[SECOND] = rest % 60;
    const size_t len = strlen(pattern);
    for (size_t i = len; i-- > 0;) {
        const char *letter = strchr(letters, pattern[i]);
        out[i] = pattern[i];
        if (!letter)
            continue;
        out[i] = (char)('0' + parts[letter - letters] % 10);
        parts[letter - letters] /= 10;
    }
    out[len] = '\0';
    return len;
}
