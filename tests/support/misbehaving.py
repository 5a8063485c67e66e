"""Implementations that go wrong in every way a row must survive. Run by path, never imported."""

from __future__ import annotations

import atexit
import gc
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from impls.protocol import Training


@dataclass
class Mean:
    """Well behaved: the training mean, in epochs."""

    epochs: int = 3
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.mean_ = float(train.values.mean())
        for _ in training.epochs(self.epochs):
            self.epoch()
        return self

    def epoch(self):
        pass

    def predict(self, users, items):
        return np.full(len(users), self.mean_, np.float32)


HELPER = """
import os
held = bytearray(b"1") * 300_000_000
while sum(os.times()[:2]) < 1: pass
print("ready", flush=True)
input()
"""
_HELPERS: list[subprocess.Popen[str]] = []


@dataclass
class WorksInAHelper(Mean):
    """Well behaved: its warm-up starts a process that uses a second of CPU time and 300 MB."""

    def fit(self, train, training=Training()):
        if not _HELPERS:
            pipe = subprocess.PIPE
            command = [sys.executable, "-c", HELPER]
            _HELPERS.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, encoding="utf-8"))
            _HELPERS[0].stdout.readline()
            atexit.register(_HELPERS[0].communicate, "\n")
        return super().fit(train, training)


CORES_AT_IMPORT = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@dataclass
class NamesItsCores(Mean):
    """Of the import, the fit and each thread that another module started before it."""

    def fit(self, train, training=Training()):
        threads = (int(each.name) for each in Path("/proc/self/task").iterdir())
        cores = [CORES_AT_IMPORT, *map(os.sched_getaffinity, threads)]
        raise RuntimeError(f"on cores {sorted(set().union(*cores))}")


@dataclass
class LeavesItsCore(Mean):
    def epoch(self):
        os.sched_setaffinity(0, range(os.cpu_count()))


@dataclass
class Uninterruptible(Mean):
    """Well behaved, too: fits of 2 and 3 epochs, each worse than the one before."""

    def fit(self, train, training=Training()):
        for epochs in training.fits(self.epochs, (2,)):
            self.mean_ = float(train.values.mean()) + epochs
        return self


@dataclass
class Raises(Mean):
    def epoch(self):
        raise ValueError("no such luck")


@dataclass
class LeavesNoRoom(Mean):
    """Predicts as it should, on a disk that is full by then."""

    def predict(self, users, items):
        resource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))
        return super().predict(users, items)


@dataclass
class WrongShape(Mean):
    def predict(self, users, items):
        return np.zeros((len(users), 1), np.float32)


@dataclass
class WrongType(Mean):
    def predict(self, users, items):
        return [3.0] * len(users)


@dataclass
class NotANumber(Mean):
    def predict(self, users, items):
        return np.full(len(users), np.nan, np.float32)


@dataclass
class NeverReturns(Mean):
    def epoch(self):
        while True:
            time.sleep(3600)


@dataclass
class SlowEpochs(Mean):
    """Busy for 0.2 s an epoch, so that a limit on the training clock ends it politely."""

    def epoch(self):
        until = time.perf_counter() + 0.2
        while time.perf_counter() < until:
            pass


@dataclass
class EatsMemory(Mean):
    def epoch(self):
        self.eaten_ = []
        while True:
            self.eaten_.append(np.ones(8_000_000))


@dataclass
class RequestsTooMuch(Mean):
    def epoch(self):
        self.eaten_ = np.ones(1 << 58, np.int8)


@dataclass
class RequestsTooMuchOfTheDevice(Mean):
    def epoch(self):
        import torch

        self.eaten_ = torch.empty(1 << 46, dtype=torch.int8, device=self.device)


@dataclass
class ExitsAtOnce(Mean):
    def epoch(self):
        os._exit(0)


@dataclass
class KilledFromOutside(Mean):
    def epoch(self):
        os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class PrintsALot(Mean):
    """Well behaved but for its output, of which the end is known."""

    def epoch(self):
        line = "x" * 999_999 + "\n"
        for _ in range(60):
            sys.stdout.write(line)
        print("the last words", flush=True)


@dataclass
class PrintsAnything(Mean):
    """Well behaved: its words are of no alphabet that a terminal must have, and one is no text."""

    def epoch(self):
        print("漢\udcff", flush=True)


@dataclass
class AtLast(Mean):
    """Goes wrong in its last call, when training and validation are over."""

    def fit(self, train, training=Training()):
        super().fit(train, training)
        self.fitted_ = True
        return self

    def predict(self, users, items):
        if hasattr(self, "fitted_"):
            self.go_wrong()
        return super().predict(users, items)


@dataclass
class LeavesAChild(AtLast):
    def go_wrong(self):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])


@dataclass
class LeavesADaemon(AtLast):
    """A child in a session of its own, which a signal to the group does not reach."""

    def go_wrong(self):
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(3600)"], start_new_session=True
        )


@dataclass
class LeavesAThread(AtLast):
    def go_wrong(self):
        threading.Thread(target=time.sleep, args=(3600,)).start()


@dataclass
class TakesThreads(Mean):
    def fit(self, train, training=Training()):
        from threadpoolctl import threadpool_limits

        threadpool_limits(2)
        return super().fit(train, training)


@dataclass
class NoEpochs(Mean):
    def fit(self, train, training=Training()):
        self.mean_ = float(train.values.mean())
        return self


@dataclass
class Infinite(Mean):
    def predict(self, users, items):
        return np.full(len(users), np.inf, np.float32)


@dataclass
class InfiniteAtLast(AtLast):
    def go_wrong(self):
        self.mean_ = np.inf


@dataclass
class NeedsCleanSlate(Mean):
    """Raises where the garbage collector is on in `fit`, or the object was fitted before."""

    def fit(self, train, training=Training()):
        if hasattr(self, "fitted_"):
            raise RuntimeError("the warm-up used this object")
        if len(train) >= 1000:
            assert not gc.isenabled()
        self.fitted_ = True
        return super().fit(train, training)


@dataclass
class TakesTorchThreads(Mean):
    def fit(self, train, training=Training()):
        import torch

        torch.set_num_threads(2)
        return super().fit(train, training)


@dataclass
class OwnArithmetic(Mean):
    def fit(self, train, training=Training()):
        import torch

        torch.backends.cuda.matmul.allow_tf32 = True
        return super().fit(train, training)


@dataclass
class TupleAndList(Mean):
    pair: tuple[int, ...] = (1, 2)
    many: list[int] = field(default_factory=lambda: [3])

    def epoch(self):
        assert isinstance(self.pair, tuple)
        assert isinstance(self.many, list)


@dataclass
class BestEarly(Mean):
    """Right after the second epoch and ever worse from then on."""

    epochs: int = 6

    def fit(self, train, training=Training()):
        for epoch in training.epochs(self.epochs):
            self.mean_ = float(train.values.mean()) + abs(epoch - 1)
        return self


@dataclass
class RaisesWhatIsNoException(Mean):
    kind: str = "KeyboardInterrupt"

    def epoch(self):
        raise {"KeyboardInterrupt": KeyboardInterrupt, "SystemExit": SystemExit}[self.kind]("mine")


@dataclass
class InterruptedFromOutside(Mean):
    def epoch(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)


@dataclass
class RaisesInSilence(Mean):
    def epoch(self):
        sys.stderr.close()
        raise ValueError("no such luck")


@dataclass
class PredictsForEver(Mean):
    """`after` calls of predict that end: 1 in the warm-up, 2 on validation, then the test."""

    after: int = 0

    def predict(self, users, items):
        BESIDE["calls"] = BESIDE.get("calls", 0) + 1
        while BESIDE["calls"] > self.after:
            time.sleep(3600)
        return super().predict(users, items)


@dataclass
class BuildsForEver(Mean):
    def __post_init__(self):
        time.sleep(3600)


BESIDE: dict[str, int] = {}
"""What no copy of a model takes along."""


def pipe():
    """The end of the harness's pipe that this worker writes to."""
    return int(sys.argv[2])


@dataclass
class LosesItsPipe(Mean):
    how: str = "closes"

    def epoch(self):
        devnull = os.open(os.devnull, os.O_RDWR)
        match self.how:
            case "closes":
                os.close(pipe())
            case "redirects":
                os.dup2(devnull, pipe())
            case "closes all":
                os.closerange(3, 64)
            case "redirects the orders":
                os.dup2(devnull, int(sys.argv[1]))


@dataclass
class WritesToThePipe(Mean):
    line: str = ""

    def epoch(self):
        with open(self.line, "rb") as file:  # noqa: PTH123
            data = file.read()
        while data:
            data = data[os.write(pipe(), data) :]
        time.sleep(60)


@dataclass
class ForgesAResult(Mean):
    """Reports a result and ends, so that its predictions are never written."""

    def epoch(self):
        fields = dict.fromkeys(
            ["best_epoch", "epoch_s", "val_rmse", "diverged_at", "numerics"], None
        )
        fields |= dict.fromkeys(["epochs", "epochs_ran", "ended_ns"], 1)
        fields |= {"timed_out": False, "thread_pools": {}}
        fields["memory"] = {"host_peak_bytes": 1, "device_peak_bytes": None}
        fields["parts"] = dict.fromkeys(["import", "warmup", "fit", "predict", "overhead"], 1.0)
        os.write(pipe(), json.dumps({"event": "result", **fields}).encode() + b"\n")
        os._exit(0)
