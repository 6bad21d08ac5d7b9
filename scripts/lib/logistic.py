"""Multinomial logistic regression on codes: the judge of features, which alone sees labels.

usage: logistic.py TRAIN.npy TRAIN-LABELS TEST.npy TEST-LABELS     (labels: IDX, may be .gz)

Codes are divided by one number, the root of their mean square. The weight decay is chosen on the last sixth of
the training items, then the regression is fitted to all of them; the test items are looked at once, at the end.
Prints a JSON object: the share of test items told wrong, and the decay.
"""

import gzip
import json
import sys

import numpy

DECAYS = [1e-3, 3e-4, 1e-4, 3e-5, 1e-5]
MEMORY = 10  # pairs that L-BFGS remembers (Nocedal & Wright 2006, algorithm 7.4)


def labels(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rb") as file:
        return numpy.frombuffer(file.read(), numpy.uint8, offset=8).astype(numpy.int64)


def loss(weights, x, y, decay):
    scores = x @ weights[:-1] + weights[-1]
    scores -= scores.max(axis=1, keepdims=True)
    shares = numpy.exp(scores)
    totals = shares.sum(axis=1, keepdims=True)
    rows = numpy.arange(len(y))
    value = (numpy.log(totals[:, 0]) - scores[rows, y]).mean() + decay / 2 * (weights[:-1] ** 2).sum()
    shares /= totals
    shares[rows, y] -= 1
    shares /= len(y)
    gradient = numpy.vstack([x.T @ shares + decay * weights[:-1], shares.sum(axis=0)])
    return float(value), gradient


def direction(gradient, pairs):
    d = -gradient
    used = []
    for s, g, r in reversed(pairs):
        a = r * (s * d).sum()
        d = d - a * g
        used.append(a)
    if pairs:
        s, g, r = pairs[-1]
        d = d / (r * (g * g).sum())
    for (s, g, r), a in zip(pairs, reversed(used)):
        d = d + s * (a - r * (g * d).sum())
    return d


def fit(x, y, decay, start, steps=150):
    weights, pairs = start, []
    value, gradient = loss(weights, x, y, decay)
    for _ in range(steps):
        d = direction(gradient, pairs)
        slope, rate = float((gradient * d).sum()), 1.0
        while True:
            after, new = loss(weights + rate * d, x, y, decay)
            if after <= value + 1e-4 * rate * slope or rate < 1e-6:
                break
            rate /= 2
        change, turn = rate * d, new - gradient
        if (change * turn).sum() > 1e-12:
            pairs = (pairs + [(change, turn, 1 / (change * turn).sum())])[-MEMORY:]
        done = value - after < 1e-7 * abs(value)
        weights, value, gradient = weights + change, after, new
        if done:
            break
    return weights


def wrong(weights, x, y):
    return float(((x @ weights[:-1] + weights[-1]).argmax(axis=1) != y).mean())


def main(train, train_labels, test, test_labels):
    x, y = numpy.load(train, mmap_mode="r"), labels(train_labels)
    scale = numpy.float32(1 / numpy.sqrt((x[:10000].astype(numpy.float64) ** 2).mean()))
    x = x * scale
    part = len(x) * 5 // 6
    weights = numpy.zeros((x.shape[1] + 1, int(y.max()) + 1), numpy.float32)
    best = None
    for decay in DECAYS:
        weights = fit(x[:part], y[:part], decay, weights)
        held_out = wrong(weights, x[part:], y[part:])
        print("decay %g: %.2f %% of those held out" % (decay, 100 * held_out), file=sys.stderr)
        if best is not None and held_out > best[0]:
            break
        best = (held_out, decay, weights)
    weights = fit(x, y, best[1], best[2])
    error = wrong(weights, numpy.load(test) * scale, labels(test_labels))
    print(json.dumps({"error": error, "decay": best[1], "held_out": best[0], "train": wrong(weights, x, y)}))


main(*sys.argv[1:])
