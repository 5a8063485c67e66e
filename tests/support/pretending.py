"""A fake CUDA device that prints each call, the clock's among them: what a worker calls of a
device, and when. Run by path, never imported: it changes torch, and the harness.
"""

from __future__ import annotations

import itertools
import os
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import torch

from bench.cell import energy
from bench.cell.clock import Clock
from impls.protocol import Training


def log(*words):
    print(*words, flush=True)


ANSWERS = {
    "set_device": None,
    "synchronize": None,
    "reset_peak_memory_stats": None,
    "max_memory_allocated": 123,
    "memory_allocated": 70_100_000_000,
    "mem_get_info": (300_000_000, 80_000_000_000),
    "get_device_name": "Pretended GPU",
    "get_device_properties": SimpleNamespace(uuid="1234-abcd"),
}
"""What each function of torch.cuda returns for any device."""

FITS = itertools.count()
"""Of this process: the warm-up, the fit, then the repeated fits."""
WARM_UP, FIT, REPEATED = range(3)


def pretended(name):
    def call(index):
        log(name, index)
        return ANSWERS[name]

    return call


for each in ANSWERS:
    setattr(torch.cuda, each, pretended(each))

enter = Clock.enter


def enter_and_log(clock, part):
    enter(clock, part)
    log("clock:", part)


Clock.enter = enter_and_log
energy.LOOP_S = 0.0


def pretend_nvml():
    """With a counter that goes up by 2 J from one reading to the next."""
    readings = itertools.count(1000, 2000)
    sys.modules["pynvml"] = SimpleNamespace(
        NVMLError=OSError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: log("nvml handle of", uuid),
        nvmlDeviceGetTotalEnergyConsumption=lambda _: next(readings),
    )


@dataclass
class Copies:
    """Well behaved: copies the ratings to the device, then makes steps there."""

    epochs: int = 2
    nvml: bool = True
    device: str = "cpu"
    seed: int = 0

    def fit(self, train, training=Training()):
        if self.nvml:
            pretend_nvml()
        else:
            sys.modules["pynvml"] = None
        self.mean_ = float(train.values.mean())
        self.fit_ = next(FITS)
        log("copy")
        for _ in training.epochs(self.epochs):
            log("step")
            self.step()
        return self

    def step(self):
        pass

    def predict(self, users, items):
        log("predict")
        return np.full(len(users), self.mean_, np.float32)


FULL = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 1 has a total capacity of 74.51 GiB of "
    "which 0.28 GiB is free. See documentation for Memory Management"
)


@dataclass
class Fills(Copies):
    """Finds no room on the device in one fit of the process."""

    full_in: int = FIT

    def step(self):
        if self.fit_ == self.full_in:
            raise FULL


@dataclass
class FillsInPredict(Copies):
    def predict(self, users, items):
        raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`")


@dataclass
class Again(Copies):
    """Goes wrong in the fit that is repeated for its energy."""

    def step(self):
        if self.fit_ >= REPEATED:
            self.go_wrong()


@dataclass
class FillsAgain(Again):
    def go_wrong(self):
        raise FULL


@dataclass
class DiesAgain(Again):
    def go_wrong(self):
        os._exit(1)


@dataclass
class EatsAgain(Again):
    def go_wrong(self):
        self.eaten_ = []
        while True:
            self.eaten_.append(np.ones(8_000_000))
