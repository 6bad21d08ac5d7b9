#!/usr/bin/env python3
"""Sets for anomaly detection into tables, and how well a served model tells their rows apart.

  anomaly.py adbench SET.csv.gz FOLDER      one-class: FOLDER/train.csv has a random half of the normal rows,
                                            FOLDER/test.csv the others and every anomaly, "label" the last column
  anomaly.py odds SET.mat SEED FOLDER       unsupervised: train.csv 60 % of all rows, test.csv the other 40 %
  anomaly.py digits FOLDER DIGIT OUT        MNIST: OUT/train.idx with the training pictures of one digit
  anomaly.py score URL MODEL FOLDER [NEIGHBOURS]
                                            stores train.csv in a collection, scores test.csv against it, and prints
                                            AUROC of score, error and distance, and the Kolmogorov-Smirnov p-values
                                            of the p-values of the normal rows: of the error, of the score
  anomaly.py pictures URL MODEL FOLDER DIGIT OUT [NEIGHBOURS]
                                            the same for MNIST: every test picture, what is not DIGIT an anomaly

adbench and odds also print the columns and the rows of train.csv. Sets of more than 20,000 rows are sampled down to
that. A p-value of a Kolmogorov-Smirnov test is that of two samples, the rows and the calibration they are held
against: conformal p-values that share a calibration share its deviation, which a test of one sample takes for theirs.
"""
import gzip
import json
import math
import os
import random
import struct
import sys
import urllib.error
import urllib.parse
import urllib.request
import zlib

MOST, BATCH = 20000, 500


def ask(method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.loads(reply.read() or b"null")
    except urllib.error.HTTPError as error:
        sys.exit(f"{method} {url}: {error.code} {error.read().decode()[:500]}")


# ---- data ----

def matlab(path):
    """Variables of a MATLAB 5 file: name -> columns of floats."""
    kinds = {1: "b", 2: "B", 3: "h", 4: "H", 5: "i", 6: "I", 7: "f", 9: "d", 12: "q", 13: "Q"}

    def elements(data):
        at = 0
        while at + 8 <= len(data):
            kind, size = struct.unpack_from("<II", data, at)
            if kind >> 16:  # a small element: its bytes are in its head
                yield kind & 0xFFFF, data[at + 4:at + 4 + (kind >> 16)]
                at += 8
            else:
                yield kind, data[at + 8:at + 8 + size]
                at += 8 + (size if kind == 15 else (size + 7) // 8 * 8)

    found = {}
    with open(path, "rb") as file:
        whole = file.read()[128:]
    for kind, data in elements(whole):
        if kind == 15:
            kind, data = next(elements(zlib.decompress(data)))
        if kind != 14:
            continue
        _, size, name, values = list(elements(data))[:4]
        rows, columns = struct.unpack_from("<ii", size[1])
        code = kinds[values[0]]
        numbers = struct.unpack_from(f"<{rows * columns}{code}", values[1])
        found[name[1].decode()] = [numbers[c * rows:(c + 1) * rows] for c in range(columns)]
    return found


def write_table(path, rows, labels=None):
    with open(path, "w", encoding="utf-8") as out:
        names = [f"x{i}" for i in range(len(rows[0]))]
        out.write(",".join(names + (["label"] if labels else [])) + "\n")
        for i, row in enumerate(rows):
            out.write(",".join(list(row) + ([str(labels[i])] if labels else [])) + "\n")


def write_parts(folder, train, test):
    os.makedirs(folder, exist_ok=True)
    write_table(f"{folder}/train.csv", [row for row, _ in train])
    write_table(f"{folder}/test.csv", [row for row, _ in test], [label for _, label in test])
    print(len(train[0][0]), len(train))


def adbench(path, folder):
    draw = random.Random(0)
    with gzip.open(path, "rt") as file:
        lines = [line.rstrip("\n").split(",") for line in file][1:]
    rows = [(line[:-1], int(float(line[-1]))) for line in lines]
    if len(rows) > MOST:
        rows = draw.sample(rows, MOST)
    normal = [row for row in rows if not row[1]]
    draw.shuffle(normal)
    half = len(normal) // 2
    write_parts(folder, normal[:half], normal[half:] + [row for row in rows if row[1]])


def odds(path, seed, folder):
    draw = random.Random(int(seed))
    found = matlab(path)
    rows = [([repr(float(value)) for value in row], int(label))
            for row, label in zip(zip(*found["X"]), found["y"][0])]
    draw.shuffle(rows)
    rows = rows[:MOST]
    share = len(rows) * 6 // 10
    write_parts(folder, rows[:share], rows[share:])


def read_idx(path):
    with gzip.open(path, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = struct.unpack_from(f">{rank}I", data, 4)
    return shape, data[4 + 4 * rank:]


def digits(folder, digit, out):
    (_, height, width), pixels = read_idx(f"{folder}/train-images-idx3-ubyte.gz")
    _, labels = read_idx(f"{folder}/train-labels-idx1-ubyte.gz")
    size = height * width
    chosen = [pixels[i * size:(i + 1) * size] for i, label in enumerate(labels) if label == int(digit)]
    os.makedirs(out, exist_ok=True)
    with open(f"{out}/train.idx", "wb") as file:
        file.write(struct.pack(">4B3I", 0, 0, 8, 3, len(chosen), height, width) + b"".join(chosen))


def read_table(path):
    with open(path, encoding="utf-8") as file:
        names, *lines = [line.rstrip("\n").split(",") for line in file]
    inputs = [{"row": {name: float(cell) for name, cell in zip(names, line) if name != "label"}}
              for line in lines]
    return inputs, [int(line[-1]) if names[-1] == "label" else 0 for line in lines]


def png(pixels, width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    lines = b"".join(b"\0" + pixels[y * width:(y + 1) * width] for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(lines, 1)) + chunk(b"IEND", b""))


def read_pictures(path):
    import base64
    (n, height, width), pixels = read_idx(path) if path.endswith(".gz") else read_plain(path)
    size = height * width
    return [{"image": base64.b64encode(png(pixels[i * size:(i + 1) * size], width, height)).decode()}
            for i in range(n)]


def read_plain(path):
    with open(path, "rb") as file:
        data = file.read()
    return struct.unpack_from(">3I", data, 4), data[16:]


# ---- judging ----

def auroc(scores, labels):
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks, i = 0.0, 0
    while i < len(order):
        j = i
        while j + 1 < len(order) and scores[order[j + 1]] == scores[order[i]]:
            j += 1
        ranks += sum((i + j) / 2 + 1 for k in range(i, j + 1) if labels[order[k]])
        i = j + 1
    positive = sum(labels)
    return (ranks - positive * (positive + 1) / 2) / (positive * (len(labels) - positive))


def uniform(values, calibration):
    """p-value of Kolmogorov and Smirnov's test (Stephens' form) that `values` are uniform, given how many
    items they were counted against."""
    values, n = sorted(values), len(values)
    step = 1 / (1 + calibration)  # counted p-values are multiples of it
    distance = max(max((i + 1) / n - value, value - step - i / n) for i, value in enumerate(values))
    size = math.sqrt(n * calibration / (n + calibration))
    at = (size + 0.12 + 0.11 / size) * distance
    tail = sum((-1) ** (j - 1) * math.exp(-2 * (j * at) ** 2) for j in range(1, 101))
    return 1.0 if at < 0.2 else min(max(2 * tail, 0.0), 1.0)


def store(url, collection, model, inputs):
    ask("PUT", f"{url}/v1/collections/{collection}", {"model": model, "keep_inputs": False})
    for at in range(0, len(inputs), BATCH):
        items = [{"id": str(at + i), "input": one} for i, one in enumerate(inputs[at:at + BATCH])]
        ask("PUT", f"{url}/v1/collections/{collection}/items", {"items": items})


def judge(url, model, train, test, labels, neighbours):
    """A model's rows against a collection of those it was trained on."""
    collection = f"of-{model}"
    store(url, collection, model, train)
    results, alone = [], 0
    for at in range(0, len(test), BATCH):
        reply = ask("POST", f"{url}/v1/models/{model}/score",
                    {"inputs": test[at:at + BATCH], "collection": collection, "neighbours": neighbours,
                     "contributions": 0})
        results += reply["results"]
        among = reply["reference_items"]
    alone = ask("POST", f"{url}/v1/models/{model}/score", {"inputs": test[:1], "contributions": 0})["reference_items"]
    ask("DELETE", f"{url}/v1/collections/{collection}")
    normal = [result for result, label in zip(results, labels) if not label]
    fields = [auroc([result[key] for result in results], labels) for key in ("score", "error", "distance")]
    fields.append(uniform([result["error_p_value"] for result in normal], alone))
    fields.append(uniform([result["p_value"] for result in normal], among))
    print(" ".join(f"{field:.6f}" for field in fields))


def score(url, model, folder, neighbours="5"):
    train, _ = read_table(f"{folder}/train.csv")
    test, labels = read_table(f"{folder}/test.csv")
    judge(url, model, train, test, labels, float(neighbours))


def pictures(url, model, folder, digit, out, neighbours="5"):
    test = read_pictures(f"{folder}/t10k-images-idx3-ubyte.gz")
    _, labels = read_idx(f"{folder}/t10k-labels-idx1-ubyte.gz")
    judge(url, model, read_pictures(f"{out}/train.idx"), test, [int(label != int(digit)) for label in labels],
          float(neighbours))


if __name__ == "__main__":
    commands = {"adbench": adbench, "odds": odds, "digits": digits, "score": score, "pictures": pictures}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
