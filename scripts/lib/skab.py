"""F1 over the labelled rows of SKAB, from the errors of windows.

    skab.py LENGTH SKIP TRAIN_ERRORS ERRORS SERIES [TRAIN_ERRORS ERRORS SERIES ...]

TRAIN_ERRORS and ERRORS are what `latentd eval --errors` wrote for the rows trained on and for the whole SERIES. The
leaderboard's protocol: a window is out of the ordinary when its error is above 4/3 of the 99.9 % quantile of the
errors trained on; a row is an anomaly when every window of the LENGTH - 1 before it, which all hold it or end right
before it, is. The first SKIP rows were trained on and do not count. Prints F1 and the shares of false and of missed
alarms, in per cent.
"""
import csv
import sys


def errors(path):
    with open(path) as file:
        return [float(row["error"]) for row in csv.DictReader(file)]


def quantile(values, share):
    values = sorted(values)
    at = share * (len(values) - 1)
    low = int(at)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (at - low)


def alarms(length, learned, all_errors, n_rows):
    threshold = 4 / 3 * quantile(learned, 0.999)
    out = [error > threshold for error in all_errors]
    return [length - 1 <= row <= n_rows - length and all(out[row - length + 1:row]) for row in range(n_rows)]


def main():
    length, skip, files = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    counts = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for learned, measured, series in zip(files[0::3], files[1::3], files[2::3]):
        with open(series) as file:
            labels = [float(row["anomaly"]) > 0 for row in csv.DictReader(file, delimiter=";")]
        found = alarms(length, errors(learned), errors(measured), len(labels))
        for label, alarm in list(zip(labels, found))[skip:]:
            counts[label, alarm] += 1
    hit, missed, false, right = (counts[key] for key in ((True, True), (True, False), (False, True), (False, False)))
    print("%.4f %.1f %.1f" % (hit / (hit + (false + missed) / 2), 100 * false / (false + right), 100 * missed / (missed + hit)))


main()
