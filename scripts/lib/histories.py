"""The judge of recommenders, over HTTP: a server's answers to histories against what was held out.

    histories.py rank URL MODEL PAIRS TEST      recall@20 and ndcg@20 of the items not seen
    histories.py rate URL MODEL RATINGS TEST    root of the mean squared error of ratings of 1 to 5

Files have a line an interaction: user, item and, for ratings, the rating. Rankings are what `recommend` answers, which
leaves nothing out but what the history has; ratings what `reconstruct` says of every item.
"""
import collections
import http.client
import json
import math
import sys
import urllib.parse

BATCH = 50


def read(path):
    """{user: {item: rating}}, the rating 1 where there is none."""
    users = collections.defaultdict(dict)
    for line in open(path):
        user, item, *rest = line.split()
        users[user][item] = float(rest[0]) if rest else 1.0
    return users


class Server:
    """One connection; POST of JSON to a verb of a model, JSON back."""

    def __init__(self, url, model):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc)
        self.path = f"/v1/models/{model}/"

    def ask(self, verb, body):
        self.connection.request("POST", self.path + verb, json.dumps(body), {"Content-Type": "application/json"})
        reply = self.connection.getresponse()
        text = reply.read()
        if reply.status != 200:
            sys.exit(f"{self.path}{verb}: {reply.status} {text[:500].decode()}")
        return json.loads(text)


def rank(server, seen, wanted, k=20):
    users = sorted(user for user in wanted if user in seen)
    recall = ndcg = 0.0
    for user in users:
        answer = server.ask("recommend", {"history": list(seen[user]), "k": k, "because": 0})
        best = [result["id"] for result in answer["results"]]
        hits = [place for place, item in enumerate(best) if item in wanted[user]]
        ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(wanted[user]))))
        recall += len(hits) / len(wanted[user])
        ndcg += sum(1 / math.log2(place + 2) for place in hits) / ideal
    print(recall / len(users), ndcg / len(users))


def rate(server, seen, wanted):
    squares, n = 0.0, 0
    ratings = [rating for items in seen.values() for rating in items.values()]
    middle = sum(ratings) / len(ratings)  # of items that nobody rated
    users = sorted(user for user in wanted if user in seen)
    for at in range(0, len(users), BATCH):
        batch = users[at : at + BATCH]
        inputs = [{"history": [{"item": i, "weight": w} for i, w in seen[user].items()]} for user in batch]
        for user, output in zip(batch, server.ask("reconstruct", {"inputs": inputs})["outputs"]):
            for item, rating in wanted[user].items():
                squares += (min(5.0, max(1.0, output["scores"].get(item, middle))) - rating) ** 2
                n += 1
    print(math.sqrt(squares / n))


what, url, model, pairs, test = sys.argv[1:]
{"rank": rank, "rate": rate}[what](Server(url, model), read(pairs), read(test))
