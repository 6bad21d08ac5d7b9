"""Milliseconds of a training step in PyTorch, for the nets of tests/bench/bench_step.c.

One JSON object on standard output: {"dense": ms, "conv": ms, "lstm": ms}, medians. Threads: OMP_NUM_THREADS.
"""
import json
import os
import statistics
import sys
import time

import torch
from torch import nn


class Digits(nn.Module):
    """Encoder, decoder, and the cross-entropy of pixels."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def loss(self, x):
        out = self.layers(x)
        return nn.functional.binary_cross_entropy_with_logits(out, x.reshape(out.shape), reduction="sum") / len(x)


def dense():
    widths = [784, 1000, 500, 250, 30, 250, 500, 1000, 784]
    layers = []
    for i in range(8):
        layers.append(nn.Linear(widths[i], widths[i + 1]))
        if i not in (3, 7):
            layers.append(nn.Sigmoid())
    return Digits(*layers), torch.rand(256, 784)


def conv():
    relu = nn.ReLU
    return (
        Digits(
            nn.Conv2d(1, 16, 3, 2, 1), relu(), nn.Conv2d(16, 32, 3, 2, 1), relu(), nn.Flatten(),
            nn.Linear(32 * 7 * 7, 32), nn.Linear(32, 32 * 7 * 7), relu(), nn.Unflatten(1, (32, 7, 7)),
            nn.ConvTranspose2d(32, 16, 3, 2, 1, 1), relu(), nn.ConvTranspose2d(16, 1, 3, 2, 1, 1),
        ),
        torch.rand(256, 1, 28, 28),
    )


class Windows(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.code = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 64)
        self.decoder, self.output = nn.LSTM(64, 64, batch_first=True), nn.Linear(64, 8)

    def loss(self, x):
        _, (h, _) = self.encoder(x)
        y, _ = self.decoder(self.code(h[-1])[:, None, :].expand(-1, x.shape[1], -1))
        return 0.5 * ((self.output(y) - x) ** 2).sum() / len(x)


def lstm():
    return Windows(), torch.rand(64, 60, 8)


def measure(make, steps):
    torch.manual_seed(1)
    model, x = make()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    times = []
    for step in range(steps + 5):
        start = time.perf_counter()
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[5:])


torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
n = int(sys.argv[1]) if len(sys.argv) > 1 else 60
print(json.dumps({make.__name__: round(measure(make, n), 3) for make in (dense, conv, lstm)}))
