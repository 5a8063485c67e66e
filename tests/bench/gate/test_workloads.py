"""No implementation is left unwatched by oversight."""

from __future__ import annotations

from impls.registry import IMPLEMENTATIONS
from tests.speed.sizes import ROWS

TOO_QUICK = {"global_mean"}
NOT_ON_A_CPU = {"triton_sgd"}
OF_OTHERS = {"blend"}  # its seconds are those of its rows


def test_every_implementation_has_a_workload() -> None:
    """Give a new one some rows in tests/speed/sizes.py, for 5 to 30 ms a call.

    The speed of a third-party row is its own library's affair.
    """
    built_in = {name for name in IMPLEMENTATIONS if not name.startswith("peer:")}
    assert built_in - ROWS.keys() <= TOO_QUICK | NOT_ON_A_CPU | OF_OTHERS
