"""The readings at tiny sizes; no test depends on the speed of a machine."""

from __future__ import annotations

import math

import numpy as np

from bench.roofline.measure import ROW, _visit, measure


def test_readings_are_positive_numbers_for_the_requested_sizes() -> None:
    roof = measure(1, tables=(1 << 12, 1 << 14), side=16, least_visits=64)
    assert roof.threads == 1
    assert list(roof.bandwidth) == [1 << 12, 1 << 14]
    readings = [roof.flops_per_s, *roof.bandwidth.values()]
    assert all(math.isfinite(reading) and reading > 0 for reading in readings)


def test_each_pass_reads_and_writes_every_row_that_is_counted() -> None:
    table = np.zeros((6, ROW), np.float32)
    _visit(table, np.array([[2, 0, 1], [4, 5, 3]], np.int32), 3)
    assert (table == 3).all()
