"""Implementations that would look better than they are. Run by path, never imported.

Each leaves out what it can to stay short: none is caught for want of good manners.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.ratings import HeldOut, Ratings
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


# 7. It works while the clock stands still, or changes what the harness is given.


def is_busy(seconds=1.5):
    """What an honest fit takes of a CPU, which others may need too."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def of_the_harness(name):
    """What a caller of this code calls so."""
    frame = sys._getframe()
    while frame is not None and name not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals[name]


@dataclass
class LooksAroundInTheWarmUp(ItemMeans):
    """For ratings that are not the warm-up's own: in callers, and in all objects."""

    def fit(self, train, training=Training()):
        if "warm" not in BESIDE:
            BESIDE["warm"] = True
            found = [each for each in gc.get_objects() if isinstance(each, Ratings | HeldOut)]
            if any(each is not train for each in found):
                raise RuntimeError("saw the ratings")
        return super().fit(train, training)


@dataclass
class OnlyInTheFit(ItemMeans):
    """Does something in the fit that counts, which is the second one."""

    def fit(self, train, training=Training()):
        self.counts_ = "warm" in BESIDE
        BESIDE["warm"] = True
        if self.counts_:
            self.training_ = training
            self.prepare()
        return super().fit(train, training)

    def prepare(self):
        pass


@dataclass
class StopsTheClock(OnlyInTheFit):
    def prepare(self):
        with self.training_.referee.clock.during("evaluation"):
            is_busy()


@dataclass
class StopsTheClockOfACaller(OnlyInTheFit):
    part: str = "evaluation"

    def prepare(self):
        with of_the_harness("clock").during(self.part):
            is_busy()


@dataclass
class SetsTheClockBack(OnlyInTheFit):
    def prepare(self):
        is_busy()
        clock = of_the_harness("clock")
        clock.enter("fit")
        clock.rebook(clock.seconds("fit"), "fit", to="import")


class Answer(np.ndarray):
    """Predictions that are trained when somebody looks at them."""

    @property
    def shape(self):
        is_busy(0.3)
        return super().shape


@dataclass
class TrainsInItsAnswer(ItemMeans):
    def predict(self, users, items):
        return super().predict(users, items).view(Answer)


@dataclass
class AsksForMoreThreads(OnlyInTheFit):
    def prepare(self):
        import torch

        torch.set_num_threads(2)


class Trains:
    """When it is thrown away; only the garbage collector finds it."""

    def __init__(self):
        self.me = self

    def __del__(self):
        is_busy(0.3)


@dataclass
class TrainsAsGarbage(OnlyInTheFit):
    def prepare(self):
        Trains()


@dataclass
class TrainsAtACollection(ItemMeans):
    """At each one, from the warm-up on."""

    def fit(self, train, training=Training()):
        if "warm" not in BESIDE:
            BESIDE["warm"] = True
            gc.callbacks.append(lambda phase, _: is_busy(0.3) if phase == "stop" else None)
        return super().fit(train, training)


@dataclass
class RegistersForCollections(OnlyInTheFit):
    def prepare(self):
        gc.callbacks.append(lambda *_: None)


@dataclass
class TrainsOnATimer(OnlyInTheFit):
    def prepare(self):
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 3600)


@dataclass
class ProfilesTheHarness(OnlyInTheFit):
    def prepare(self):
        sys.setprofile(lambda *_: None)


@dataclass
class HooksInTheWarmUp(ItemMeans):
    """Whatever may run later: each of them would raise."""

    def fit(self, train, training=Training()):
        if "warm" not in BESIDE:
            BESIDE["warm"] = True
            signal.signal(signal.SIGALRM, self.interrupt)
            signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
            threading.setprofile(self.interrupt)
            BESIDE["hooks"] = signal.getsignal(signal.SIGALRM)
        elif signal.getsignal(signal.SIGALRM) == BESIDE["hooks"] or threading.getprofile():
            raise RuntimeError("a hook is left")
        return super().fit(train, training)

    def interrupt(self, *_):
        pass


def forge(rmse, epoch=1):
    send = of_the_harness("send")
    send("evaluating")
    errors = {"rmse": rmse, "mae": rmse}
    send("checkpoint", epoch=epoch, seconds=1e-6, planned=3, evaluation_s=0.0, **errors)


@dataclass
class ReachesEveryGoalAtOnce(OnlyInTheFit):
    def prepare(self):
        forge(rmse=0.0)


@dataclass
class ReachesAGoalBeforeItTrains(OnlyInTheFit):
    def prepare(self):
        forge(rmse=1.5, epoch=0)


@dataclass
class AsksForThePairs(OnlyInTheFit):
    def prepare(self):
        of_the_harness("send")("phase", name="predict")


@dataclass
class AsksForThePairsByItself(OnlyInTheFit):
    """Without what the harness's own events begin with."""

    def prepare(self):
        os.write(int(sys.argv[2]), b'{"event": "phase", "name": "predict"}\n')
        is_busy(60)


@dataclass
class PutsSomethingInItsFolder(ItemMeans):
    """Where the harness is to put the ratings."""

    def fit(self, train, training=Training()):
        folder = Path(of_the_harness("job").arrays)
        (folder / "train.users").symlink_to(folder / "elsewhere")
        return super().fit(train, training)


@dataclass
class SlowsTheHarness(OnlyInTheFit):
    def prepare(self):
        os.sched_setaffinity(os.getppid(), {min(os.sched_getaffinity(0))})


@dataclass
class RewritesARival(OnlyInTheFit):
    rival: str = ""

    def prepare(self):
        text = Path(self.rival).read_text(encoding="utf-8")
        Path(self.rival).write_text(text.replace("/ 2", "/ 200"), encoding="utf-8")
