"""A record against the bound of its machine."""

from __future__ import annotations

from typing import Any

import pytest

from bench.records import Record, Roof
from bench.roofline.bound import bandwidth, bound_per_s, updates_per_s
from tests.support.records import environment, metrics, record

ROOF = Roof(threads=2, flops_per_s=79e6, bandwidth={10_000: 6.88e9, 1_000_000: 1.72e9})
SETTINGS = {"factors": 9}


def ran(implementation: str = "numpy_sgd", roof: Roof = ROOF, **changes: Any) -> Record:
    fields: dict[str, Any] = {
        "hyperparameters": SETTINGS,
        "fit_s": 60.0,  # an epoch of 2 s
        "metrics": metrics(0.9, [], n_train=80_000),
        "environment": environment(roofs=[roof]),
    }
    return record(implementation, **(fields | changes))


def test_an_update_is_a_rating_of_an_epoch() -> None:
    assert updates_per_s(ran()) == pytest.approx(40_000)
    assert updates_per_s(ran(metrics=metrics(0.9, []))) is None
    assert updates_per_s(ran(status="failed", metrics=None)) is None


def test_the_lower_of_the_two_roofs_is_the_bound() -> None:
    # 79 flops an update; 172 bytes, in tables of 105,000 bytes: near the middle of the sizes.
    assert bound_per_s(ran()) == pytest.approx(1e6)
    roof = ROOF.model_copy(update={"flops_per_s": 1e12})
    assert bound_per_s(ran(roof=roof)) == pytest.approx(bandwidth(roof, 105_000) / 172)


@pytest.mark.parametrize(
    ("span", "rate"), [(1, 6.88e9), (10_000, 6.88e9), (100_000, 4.3e9), (1e9, 1.72e9)]
)
def test_bandwidth_lies_between_the_sizes_measured(span: float, rate: float) -> None:
    assert bandwidth(ROOF, span) == pytest.approx(rate)


@pytest.mark.parametrize(
    "without",
    [
        ran("mine.py:Own"),
        ran(threads=1),
        ran(device="cuda"),
        ran(environment=environment()),
        ran(hyperparameters={"rank": 9}),
        ran(metrics=metrics(0.9, [])),
        ran(status="failed", metrics=None),
    ],
    ids=["no model", "threads", "cuda", "not measured", "older source", "old record", "failed"],
)
def test_where_something_is_missing_there_is_no_bound(without: Record) -> None:
    assert bound_per_s(without) is None
