"""The least that an update takes: one training rating, visited once in an epoch.

Counted per model, not per implementation, so that implementations of the same maths have the
same bound. The formulas are derived in docs/roofline.md.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

ENTRY = 4
"""Bytes of a float32."""
RATING = 12
"""Bytes of a rating: user, item, value."""
BLOCK = 1 << 19
"""Bytes of the rows that a thread of `numba_sgd` stays within."""


@dataclass(frozen=True)
class Work:
    """Of one update.

    flops       float32 multiplications and additions
    moved       bytes read and written
    span        bytes of the tables, or the part of them, that its rows lie anywhere in
    parameters  bytes of everything that is trained
    """

    flops: float
    moved: float
    span: float
    parameters: float


@dataclass(frozen=True)
class Shape:
    n_users: int
    n_items: int
    n_train: int
    threads: int

    @property
    def rows(self) -> int:
        return self.n_users + self.n_items


Settings = Mapping[str, Any]
Counted = Callable[[Settings, Shape], Work]


def sgd(factors: str = "factors", block: int | None = None) -> Counted:
    """Biased MF by gradient steps. `factors` is the field that holds k; `block` the bytes of
    rows that a thread stays within, None where ratings come in random order."""

    def counted(settings: Settings, shape: Shape) -> Work:
        k = settings[factors]
        tables = ENTRY * (k + 1) * shape.rows
        span = tables if block is None else min(tables, block * shape.threads)
        return Work(8 * k + 7, 4 * ENTRY * (k + 1) + RATING, span, tables)

    return counted


def alternating(settings: Settings, shape: Shape) -> Work:
    """Regressions of each side on the other, users then items, exact or drawn."""
    d = settings["factors"] + 1
    tables = ENTRY * d * shape.rows
    solve = d**3 / 3 + 2 * d**2
    flops = 2 * (d * (d + 1) + 2 * d) + solve * shape.rows / shape.n_train
    return Work(flops, 2 * (ENTRY * d + 8), tables, tables)


def autorec(settings: Settings, shape: Shape) -> Work:
    h = settings["hidden"]
    columns = shape.n_users if settings["based_on"] == "item" else shape.n_items
    parameters = ENTRY * ((2 * h + 1) * columns + h)
    return Work(10 * h, 4 * ENTRY * h + RATING, 2 * ENTRY * h * columns, parameters)


def ncf(settings: Settings, shape: Shape) -> Work:
    e = settings["embedding"] if settings["architecture"] != "gmf" else 0
    g = settings["gmf_factors"] if settings["architecture"] != "mlp" else 0
    widths = [2 * e, *settings["hidden"]] if e else [0]
    layers = sum(a * b for a, b in itertools.pairwise(widths)) + widths[-1] + g
    tables = ENTRY * (e + g) * shape.rows
    return Work(6 * layers + 3 * g, 4 * ENTRY * (e + g) + RATING, tables, tables + ENTRY * layers)


WORK: dict[str, Counted] = {
    "numpy_sgd": sgd(),
    "autograd_mf": sgd(),
    "embedding_mf": sgd(),
    "sparse_embedding_mf": sgd(),
    "numpy_sgd_strata": sgd(),
    "numba_sgd": sgd(block=BLOCK),
    "als": alternating,
    "bayesian_mf": alternating,
    "autorec": autorec,
    "ncf": ncf,
    "peer:surprise_svd": sgd("n_factors"),
    "peer:cornac_mf": sgd("k"),
}
"""Implementation -> its work. Any other has no bound, and a dash in the tables."""
