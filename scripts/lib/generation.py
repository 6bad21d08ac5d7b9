"""The judge of made-up digits, over HTTP: what a variational model draws, walks to and calculates.

    generation.py labels IDX-LABELS             CSV of ids and labels, for the collection's metadata
    generation.py judge URL IDX-IMAGES CSV      a JSON object of shares that are recognised

Model `generation`, collection `digits` with the test pictures in the order of their file. A picture counts as
recognised when 8 of its 10 nearest have one label; a moved one when the label of most is the one that was meant.
"""
import base64
import collections
import gzip
import json
import random
import struct
import sys
import urllib.request
import zlib

MODEL, COLLECTION = "/v1/models/generation", "/v1/collections/digits"
SAMPLES, PAIRS, MEMBERS, MOVED = 1000, 300, 50, 2


def opened(path):
    return gzip.open(path) if path.endswith(".gz") else open(path, "rb")


def ask(url, path, body):
    request = urllib.request.Request(url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))


def winners(url, queries):
    """(label, votes of ten) of each query's nearest."""
    for at in range(0, len(queries), 200):
        batch = [dict(q, k=10, exact=True, include=["metadata"]) for q in queries[at : at + 200]]
        for answer in ask(url, COLLECTION + "/search/batch", {"queries": batch})["results"]:
            yield collections.Counter(h["metadata"]["label"] for h in answer["results"]).most_common(1)[0]


def recognised(url, queries):
    return sum(votes >= 8 for _, votes in winners(url, queries)) / len(queries)


def inputs(outputs):
    return [{"input": output} for output in outputs]


def png(pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + pixels[i : i + 28] for i in range(0, 784, 28))
    head = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def middles(url, pairs, path):
    body = {"steps": 3, "path": path, "collection": "digits"}
    return [
        ask(url, MODEL + "/interpolate", dict(body, **{"from": a, "to": b}))["outputs"][1] for a, b in pairs
    ]


def directions(url, by_label):
    meant = []
    for a in by_label:
        for b in by_label:
            for to in by_label[a][MEMBERS : MEMBERS + MOVED] if a != b else []:
                body = {"add": by_label[b][:MEMBERS], "subtract": by_label[a][:MEMBERS], "to": to}
                meant.append((b, ask(url, MODEL + "/latent", dict(body, collection="digits"))["outputs"][0]))
    found = winners(url, inputs([output for _, output in meant]))
    return sum(str(label) == b for (b, _), (label, _) in zip(meant, found)) / len(meant)


def judge(url, images, labels):
    pixels = opened(images).read()[16:]
    items = [line.split(",") for line in open(labels).read().split()[1:]]
    by_label = {str(d): [i for i, label in items if label == str(d)] for d in range(10)}
    random.seed(1)
    pairs = [(random.choice(items), random.choice(items)) for _ in range(PAIRS)]
    pairs = [(a[0], b[0]) for a, b in pairs if a[1] != b[1]]
    means = [
        png(bytes((x + y) // 2 for x, y in zip(*(pixels[int(i) * 784 :][:784] for i in pair)))) for pair in pairs
    ]
    found = {
        "test": recognised(url, [{"id": i, "exclude_self": True} for i, _ in items[:SAMPLES]]),
        "pixels": recognised(url, [{"input": {"image": base64.b64encode(m).decode()}} for m in means]),
        "directions": directions(url, by_label),
    }
    for path in ("linear", "spherical"):
        found[path] = recognised(url, inputs(middles(url, pairs, path)))
    for heat in (0.4, 0.7, 1.0, 1.3):
        body = {"count": SAMPLES, "seed": 1, "temperature": heat}
        found[f"samples {heat}"] = recognised(url, inputs(ask(url, MODEL + "/generate", body)["outputs"]))
    print(json.dumps({name: round(share, 4) for name, share in found.items()}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["labels"] and len(sys.argv) == 3:
        print("id,label")
        for i, label in enumerate(opened(sys.argv[2]).read()[8:]):
            print(f"{i:06d},{label}")
    elif sys.argv[1:2] == ["judge"] and len(sys.argv) == 5:
        judge(*sys.argv[2:])
    else:
        sys.exit(__doc__)
