"""The judge of imputation, over HTTP: cells are taken out of a table, and what a server says of them is
compared with what they were.

    imputation.py blank SOURCE COLUMNS SHARE SEED OUT    SHARE of the cells of SOURCE's first COLUMNS that are there,
                                                         drawn by SEED, taken out
    imputation.py whole SOURCE COLUMNS OUT               none taken out
    imputation.py judge URL MODEL BLANKED WHOLE [SEED]   three numbers: the mean squared error of the cells taken out,
                                                         standardised by the whole table; the root of that of cells
                                                         scaled to [0,1]; the share of cells within their 90 % interval

Tables are of numbers, separated by commas, semicolons or blanks, gzip or not; lines that do not begin with a
number are passed over. What is written has names, c1 on.
"""
import csv
import gzip
import json
import random
import re
import sys
import urllib.request

BATCH = 500


def read(path, columns=None):
    """Rows of numbers, None where a cell is empty."""
    text = (gzip.open if path.endswith(".gz") else open)(path, "rt").read()
    rows = []
    for line in text.splitlines():
        cells = re.split(r"[,;]", line) if re.search(r"[,;]", line) else line.split()
        try:
            row = [float(cell) if cell.strip() else None for cell in cells]
        except ValueError:
            continue
        if row and (columns is None or len(row) >= columns):
            rows.append(row[:columns])
    return rows


def write(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["c%d" % (c + 1) for c in range(len(rows[0]))])
        writer.writerows([["" if x is None else repr(x) for x in row] for row in rows])


def blank(rows, share, seed):
    cells = [(i, c) for i, row in enumerate(rows) for c, x in enumerate(row) if x is not None]
    for i, c in random.Random(seed).sample(cells, int(share * len(cells))):
        rows[i][c] = None
    return rows


def ask(url, model, rows, seed):
    """The results of the rows, batch by batch."""
    for at in range(0, len(rows), BATCH):
        body = {
            "rows": [{"c%d" % (c + 1): x for c, x in enumerate(row)} for row in rows[at : at + BATCH]],
            "seed": seed,
        }
        request = urllib.request.Request(
            "%s/v1/models/%s/impute" % (url, model), json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        yield from json.load(urllib.request.urlopen(request))["results"]


def spread(values):
    mean = sum(values) / len(values)
    return (sum((x - mean) ** 2 for x in values) / len(values)) ** 0.5 or 1


def judge(url, model, blanked, whole, seed):
    known = [[x for x in column if x is not None] for column in zip(*whole)]
    deviations = [spread(column) for column in known]
    ranges = [max(column) - min(column) or 1 for column in known]
    standardised = scaled = inside = n = 0
    for sent, truth, result in zip(blanked, whole, ask(url, model, blanked, seed)):
        for c, x in enumerate(truth):
            if sent[c] is not None or x is None:
                continue
            cell = result["cells"]["c%d" % (c + 1)]
            off = cell["value"] - x
            low, high = cell["interval"]
            standardised += (off / deviations[c]) ** 2
            scaled += (off / ranges[c]) ** 2
            inside += low <= x <= high
            n += 1
    return standardised / n, (scaled / n) ** 0.5, inside / n


def main(command, *arguments):
    if command == "blank":
        source, columns, share, seed, out = arguments
        write(out, blank(read(source, int(columns)), float(share), int(seed)))
    elif command == "whole":
        source, columns, out = arguments
        write(out, read(source, int(columns)))
    elif command == "judge":
        url, model, blanked, whole, *seed = arguments
        print("%.5f %.5f %.5f" % judge(url, model, read(blanked), read(whole), int(seed[0]) if seed else 1))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
