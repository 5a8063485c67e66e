"""An honest row of about 0.4 s, from which each cheat differs in what is added at the end."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from impls.protocol import Training

__all__ = ["Path", "Row", "ctypes", "gc", "json", "os", "signal", "subprocess", "threading"]

CORES = 0
"""Of the suite's process, which puts the number here."""

KEPT: dict = {}
"""What no copy of a model takes along."""


def work(bias, train, seconds=0.1):
    """One epoch, and as much of a core as an implementation in pure Python takes."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass
    counts = np.maximum(np.bincount(train.items, minlength=train.n_items), 1)
    deviations = train.values - train.values.mean()
    bias += (np.bincount(train.items, deviations, train.n_items) / counts - bias) / 2


def work_all(train, epochs=4):
    """All epochs at once: what a fit is to have learnt."""
    bias = np.zeros(train.n_items)
    for _ in range(epochs):
        work(bias, train)
    return bias


@dataclass
class Row:
    epochs: int = 4
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        self.train_, self.mean_, self.bias_ = train, train.values.mean(), np.zeros(train.n_items)
        KEPT["fits"] = KEPT.get("fits", 0) + 1
        if os.getpriority(os.PRIO_PROCESS, 0) > 10 or len(os.sched_getaffinity(0)) < CORES:
            raise RuntimeError("slowed down by another row")
        self.before(train, training)
        for _ in training.epochs(self.epochs):
            self.epoch(train, training)
        self.after(train)
        return self

    def before(self, train, training): ...

    def epoch(self, train, training):
        work(self.bias_, train)

    def after(self, train): ...

    def predict(self, users, items):
        return (self.mean_ + self.bias_[items]).astype(np.float32)


class Lazy(Row):
    """Its epochs do nothing: the work is somewhere else, and in KEPT at last."""

    def epoch(self, train, training):
        if KEPT["fits"] > 1:
            self.bias_ = KEPT.get("bias", self.bias_)


def largest_train():
    """The most ratings that a frame of a caller holds."""
    frame, found = sys._getframe(), []
    while frame := frame.f_back:
        found += [value for value in frame.f_locals.values() if type(value).__name__ == "Ratings"]
    return max(found, key=len)
