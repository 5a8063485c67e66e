"""Implementations that would look better than they are. Run by path, never imported.

Each leaves out what it can to stay short: none is caught for want of good manners.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from impls.protocol import Training

BESIDE: dict[str, Any] = {}
"""What no copy of a model takes along."""


@dataclass
class ItemMeans:
    """Honest: each epoch goes half of the way to every item's mean."""

    epochs: int = 3
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.train_, self.mean_ = train, float(train.values.mean())
        self.bias_ = np.zeros(train.n_items)
        for _ in training.epochs(self.epochs):
            self.epoch()
        return self

    def epoch(self):
        learn(self.bias_, self.train_)

    def predict(self, users, items):
        return (self.mean_ + self.bias_[items]).astype(np.float32)


@dataclass
class KeepsAPool(ItemMeans):
    """Honest: threads that the warm-up started, as a library's, wait for work in every epoch."""

    def epoch(self):
        if "pool" not in BESIDE:
            BESIDE["pool"] = ThreadPoolExecutor(1)
        BESIDE["pool"].submit(super().epoch).result()


def learn(bias, train):
    """One epoch: half of the way from `bias` (n_items,) to the mean deviation of each item."""
    counts = np.bincount(train.items, minlength=train.n_items)
    deviations = train.values - train.values.mean()
    bias += (np.bincount(train.items, deviations, train.n_items) / counts - bias) / 2


# 1. It ignores ids.


@dataclass
class SaysOneThing(ItemMeans):
    def predict(self, users, items):
        return np.full(len(users), self.mean_, np.float32)


@dataclass
class DrawsNoise(ItemMeans):
    """As a model does whose dropout is left on."""

    def predict(self, users, items):
        noise = np.random.default_rng(0).normal(0, 0.5, len(users))
        return (self.mean_ + noise).astype(np.float32)


@dataclass
class HasNoiseForEachPair(ItemMeans):
    def predict(self, users, items):
        noise = np.random.default_rng(0).normal(0, 0.5, (1000, 1000))
        return (self.mean_ + noise[users, items]).astype(np.float32)


# 2. It memorises train.


@dataclass
class Memorises(ItemMeans):
    def predict(self, users, items):
        seen = zip(self.train_.users, self.train_.items, strict=True)
        rating = dict(zip(seen, self.train_.values, strict=True))
        requested = zip(users, items, strict=True)
        return np.array([rating.get(pair, self.mean_) for pair in requested], np.float32)


# 3. It reads the test pairs' frequencies.


@dataclass
class PeeksAtPairs(ItemMeans):
    """Looks for test pairs, wherever the harness puts files, while it trains."""

    def epoch(self):
        found = list(Path(tempfile.gettempdir()).rglob("test.*"))
        if found:
            raise RuntimeError(f"saw {found}")
        super().epoch()


@dataclass
class CountsThePairsOfACall(ItemMeans):
    """An item that occurs often is rated high."""

    def predict(self, users, items):
        popularity = np.bincount(items, minlength=len(self.bias_))
        return (super().predict(users, items) + 0.1 * popularity[items]).astype(np.float32)


# 4. It changes the split.


@dataclass
class WritesToTheArrays(ItemMeans):
    def fit(self, train, training=Training()):
        train.values.flags.writeable = True
        train.values[:] = 3.0
        return super().fit(train, training)


def laid_out() -> Iterator[Path]:
    return Path(tempfile.gettempdir()).glob("ratebench-*/train.values")


@dataclass
class WritesToTheFiles(ItemMeans):
    """So that every later row learns from ratings that are all 3."""

    def epoch(self):
        for path in laid_out():
            path.write_bytes(np.full(len(self.train_), 3.0, np.float32).tobytes())


@dataclass
class LeavesANote(ItemMeans):
    """To itself, so that the next repeat need not train."""

    def epoch(self):
        for path in laid_out():
            path.with_name("learnt").write_bytes(self.bias_.tobytes())


# 5. It trains beside the clock.


@dataclass
class TrainsAfterFit(ItemMeans):
    """`fit` returns at once, and the first `predict` waits for what it left to a thread."""

    def fit(self, train, training=Training()):
        self.train_, self.mean_ = train, float(train.values.mean())
        bias, needed = np.zeros(train.n_items), threading.Event()

        def train_when_needed():
            needed.wait()
            for _ in range(self.epochs):
                learn(bias, train)

        thread = threading.Thread(target=train_when_needed, name="late", daemon=True)
        thread.start()
        BESIDE.update(thread=thread, needed=needed, bias=bias)
        return self

    def predict(self, users, items):
        BESIDE["needed"].set()
        BESIDE["thread"].join()
        self.bias_ = BESIDE["bias"]
        return super().predict(users, items)


@dataclass
class TrainsWhileEvaluated(ItemMeans):
    """A thread that does not stop when the clock does."""

    def fit(self, train, training=Training()):
        self.bias_ = np.zeros(train.n_items)

        def train_on():
            while True:
                learn(self.bias_, train)

        threading.Thread(target=train_on, name="restless", daemon=True).start()
        return super().fit(train, training)

    def epoch(self):
        pass


@dataclass
class TrainsInAProcess(ItemMeans):
    """One that ends with this process, when its input does."""

    def fit(self, train, training=Training()):
        command = [sys.executable, "-c", "input()"]
        BESIDE["process"] = subprocess.Popen(command, stdin=subprocess.PIPE)
        return super().fit(train, training)


# 6. It trains in the evaluation, for which the clock stands still.


@dataclass
class TrainsWhenEvaluated(ItemMeans):
    """In `predict`, between epochs only, and not for the few pairs of the consistency check."""

    def fit(self, train, training=Training()):
        self.training_ = True
        super().fit(train, training)
        self.training_ = False
        return self

    def epoch(self):
        pass

    def predict(self, users, items):
        if self.training_ and len(users) > MANY:
            learn(self.bias_, self.train_)
        return super().predict(users, items)


MANY = 45
"""Of 60 ratings in validation, more than half."""


@dataclass
class TrainsOutOfSight(TrainsWhenEvaluated):
    """The same, on what is no attribute of the model."""

    def predict(self, users, items):
        bias = BESIDE.setdefault(f"bias of {len(self.bias_)}", np.zeros(len(self.bias_)))
        if self.training_:
            learn(bias, self.train_)
        return (self.mean_ + bias[items]).astype(np.float32)
