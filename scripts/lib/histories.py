"""The judge of recommenders, over HTTP: a server's answers to histories against what was held out.

    histories.py rank URL MODEL PAIRS TEST      recall@20 and ndcg@20 of the items not seen
    histories.py rate URL MODEL RATINGS TEST    root of the mean squared error of ratings of 1 to 5

Files have a line an interaction: user, item and, for ratings, the rating. Models are asked by `reconstruct`,
whose scores are those of every item.
"""
import collections
import json
import math
import sys
import urllib.request

BATCH = 50


def read(path):
    """{user: {item: rating}}, the rating 1 where there is none."""
    users = collections.defaultdict(dict)
    for line in open(path):
        user, item, *rest = line.split()
        users[user][item] = float(rest[0]) if rest else 1.0
    return users


def answers(url, model, seen, users, weighted):
    """(user, {item: score}) for each user."""
    for at in range(0, len(users), BATCH):
        batch = users[at : at + BATCH]
        inputs = [
            {"history": [{"item": i, "weight": w} if weighted else i for i, w in seen[u].items()]} for u in batch
        ]
        request = urllib.request.Request(
            f"{url}/v1/models/{model}/reconstruct",
            json.dumps({"inputs": inputs}).encode(),
            {"Content-Type": "application/json"},
        )
        outputs = json.load(urllib.request.urlopen(request))["outputs"]
        yield from ((user, output["scores"]) for user, output in zip(batch, outputs))


def rank(url, model, seen, wanted, k=20):
    users = sorted(user for user in wanted if user in seen)
    recall = ndcg = 0.0
    for user, scores in answers(url, model, seen, users, False):
        for item in seen[user]:
            scores.pop(item, None)
        best = sorted(scores, key=scores.get, reverse=True)[:k]
        hits = [place for place, item in enumerate(best) if item in wanted[user]]
        ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted[user]))))
        recall += len(hits) / len(wanted[user])
        ndcg += sum(1 / math.log2(place + 2) for place in hits) / ideal
    print(recall / len(users), ndcg / len(users))


def rate(url, model, seen, wanted):
    squares, n = 0.0, 0
    ratings = [rating for items in seen.values() for rating in items.values()]
    middle = sum(ratings) / len(ratings)  # of items that nobody rated
    for user, scores in answers(url, model, seen, sorted(user for user in wanted if user in seen), True):
        for item, rating in wanted[user].items():
            squares += (min(5.0, max(1.0, scores.get(item, middle))) - rating) ** 2
            n += 1
    print(math.sqrt(squares / n))


what, url, model, pairs, test = sys.argv[1:]
{"rank": rank, "rate": rate}[what](url, model, read(pairs), read(test))
