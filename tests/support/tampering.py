"""Implementations that harm what the harness needs of them. Run by path, never imported."""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from impls.protocol import Training


@dataclass
class Tampers:
    """The training mean; `in_fit` runs in each epoch, `at_last` when its result is reported.

    how  which of its kinds of harm; where  the folder of the arrays
    """

    how: str = ""
    where: str = ""
    epochs: int = 1
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.mean_ = float(train.values.mean())
        for _ in training.epochs(self.epochs):
            self.in_fit()
        return self

    def predict(self, users, items):
        atexit.unregister(after_the_result)
        atexit.register(after_the_result, self)
        return np.full(len(users), self.mean_, np.float32)

    def in_fit(self):
        pass

    def at_last(self, predicted):
        pass


def after_the_result(row):
    for predicted in Path(tempfile.gettempdir()).glob("ratebench-held-*/predicted"):
        row.at_last(predicted)


@dataclass
class OfPredictions(Tampers):
    def at_last(self, predicted):
        match self.how:
            case "removes":
                predicted.unlink()
            case "removes the folder":
                shutil.rmtree(predicted.parent)
            case "cuts":
                os.truncate(predicted, 4)
            case "changes":
                predicted.write_bytes(bytes(predicted.stat().st_size))
            case "answers again":
                better = np.zeros((predicted.stat().st_size - 32) // 4, np.float32).tobytes()
                predicted.write_bytes(better + hashlib.sha256(better).digest())
            case "puts a pipe there":
                predicted.unlink()
                os.mkfifo(predicted)
            case "has no end":
                os.truncate(predicted, 1 << 40)
            case "links":
                predicted.unlink()
                predicted.symlink_to("/dev/zero")


@dataclass
class OfFolders(Tampers):
    """Removes every folder of the harness, as whatever cleans up temporary files might."""

    def in_fit(self):
        for folder in Path(tempfile.gettempdir()).glob("ratebench-held-*"):
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class OfArrays(Tampers):
    """Cuts one of its own arrays, in the import of its hyperparameters so to speak."""

    def __post_init__(self):
        if self.where:
            os.truncate(Path(self.where) / "train.values", 40)


@dataclass
class OfNames(Tampers):
    """Leaves a file whose name is no text beside the arrays."""

    def in_fit(self):
        for folder in Path(tempfile.gettempdir()).glob("ratebench-held-*"):
            Path(os.fsdecode(bytes(folder) + b"/\xff")).touch()


@dataclass
class OfJson(Tampers):
    def in_fit(self):
        json.dumps = json.JSONEncoder = json.encoder.JSONEncoder = None


class UnreadableError(Exception):
    def __str__(self):
        raise ZeroDivisionError


def circle():
    first, second = ValueError("no such luck"), ValueError("nor here")
    first.__cause__, second.__cause__ = second, first
    return first


@dataclass
class OfErrors(Tampers):
    def in_fit(self):
        match self.how:
            case "circle":
                raise circle()
            case "unreadable":
                raise UnreadableError
            case "surrogates":
                raise ValueError("no such\udcffluck")
            case "file":
                exec(compile("raise ValueError('no such luck')", "\udcff.py", "exec"), {})
            case "long":
                raise ValueError("x" * 1_000_000)
            case "name":
                raise type("X" * 1_000_000, (Exception,), {})("no such luck")


class Elsewhere:
    exec(compile("def fit(*_): raise ValueError('no such luck')", "\udcff.py", "exec"))


@dataclass
class OfFiles(Tampers):
    """Its `fit` is in a file whose name is no text."""

    fit = Elsewhere.fit


@dataclass
class OfSignals(Tampers):
    def in_fit(self):
        if self.how == "null":
            ctypes.string_at(0)
        os.kill(os.getpid(), int(self.how))
        time.sleep(60)


@dataclass
class OfReasons(Tampers):
    """Starts a thread of a long name."""

    def in_fit(self):
        threading.Thread(target=time.sleep, args=(60,), name="x" * 8_000, daemon=True).start()


@dataclass
class OfOutput(Tampers):
    """Leaves a process that prints without end."""

    def at_last(self, _):
        subprocess.Popen(["yes"])


@dataclass
class Stuck(Tampers):
    """Can run no Python any more, and neither can its child; both hold the pipe `where` open."""

    def in_fit(self):
        pipe = os.open(self.where, os.O_WRONLY)
        subprocess.Popen(["sleep", "3600"], pass_fds=(pipe,))
        os.write(pipe, b"stuck")
        if self.how == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)
        ctypes.PyDLL(None).pause()  # with Python's lock
