"""The least work of an update, against numbers worked out by hand from docs/roofline.md."""

from __future__ import annotations

import pytest

from bench.planning.loading import load_class
from bench.roofline.work import BLOCK, WORK, Shape, Work
from impls.numba_sgd import CACHE_BYTES
from impls.registry import IMPLEMENTATIONS

SHAPE = Shape(n_users=600, n_items=400, n_train=10_000, threads=2)


@pytest.mark.parametrize(
    ("implementation", "settings", "work"),
    [
        ("numpy_sgd", {"factors": 9}, Work(79, 172, 40_000, 40_000)),
        # Per side 10·11 + 2·10 flops; 1,000 solves of 1000/3 + 200 over 10,000 ratings.
        ("als", {"factors": 9}, Work(260 + 53 + 1 / 3, 96, 40_000, 40_000)),
        # Rows of V and W for 600 columns, a bias for each and for each hidden unit.
        ("autorec", {"hidden": 5, "based_on": "item"}, Work(50, 92, 24_000, 26_420)),
        ("autorec", {"hidden": 5, "based_on": "user"}, Work(50, 92, 16_000, 17_620)),
        # 6·4 + 4 weights of the MLP, and 2 of the GMF's output.
        (
            "ncf",
            {"architecture": "neumf", "embedding": 3, "hidden": (4,), "gmf_factors": 2},
            Work(6 * 30 + 6, 92, 20_000, 20_120),
        ),
        (
            "ncf",
            {"architecture": "mlp", "embedding": 3, "hidden": (4,), "gmf_factors": 2},
            Work(6 * 28, 60, 12_000, 12_112),
        ),
        (
            "ncf",
            {"architecture": "gmf", "embedding": 3, "hidden": (4,), "gmf_factors": 2},
            Work(6 * 2 + 6, 44, 8_000, 8_008),
        ),
    ],
)
def test_work_by_hand(implementation: str, settings: dict[str, object], work: Work) -> None:
    found = WORK[implementation](settings, SHAPE)
    assert vars(found) == pytest.approx(vars(work))


def test_blocks_bound_the_span_by_threads_and_not_the_parameters() -> None:
    large = Shape(n_users=100_000, n_items=50_000, n_train=10_000_000, threads=2)
    found = WORK["numba_sgd"]({"factors": 63}, large)
    assert (found.span, found.parameters) == (2 * BLOCK, 256 * 150_000)
    assert WORK["numba_sgd"]({"factors": 9}, SHAPE).span == 40_000
    assert BLOCK == CACHE_BYTES


@pytest.mark.parametrize("name", sorted(WORK))
def test_every_model_reads_fields_that_its_implementation_has(name: str) -> None:
    defaults = vars(load_class(IMPLEMENTATIONS[name])())
    assert WORK[name](defaults, SHAPE).flops > 0
