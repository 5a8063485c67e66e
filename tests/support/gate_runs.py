"""Requests of the gate, and stored runs of made-up workloads."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from bench.gate.command import Request
from bench.gate.stored.baseline import Times

NAMES = "abcdefgh"


def runs(n: int, spread: float = 0.01, seed: int = 0) -> list[Times]:
    """Each with a machine-wide shift of 10 %, which all its workloads share."""
    rng = np.random.default_rng(seed)
    return [
        dict(zip(NAMES, 17 + rng.normal(0, 0.1) + rng.normal(0, spread, len(NAMES)), strict=True))
        for _ in range(n)
    ]


def slower(run: Times, by: float, name: str = "a") -> Times:
    return {**run, name: run[name] + math.log1p(by)}


REQUEST = {
    "base": "HEAD",
    "head": None,
    "only": (),
    "time_limit_s": 0.0,
    "tolerant": False,
    "seed": 1,
}


def request_of(out: Path, **changes: object) -> Request:
    """A request to compare HEAD with the working tree, whose raw file lies in `out`."""
    return Request(**{**REQUEST, "out": out / "raw.json", **changes})
