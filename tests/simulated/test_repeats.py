"""The simulation of repeats: what a line of its table counts."""

from __future__ import annotations

from tests.simulated.repeats import NOISE, judged


def test_of_rows_that_differ_by_far_the_right_one_is_called_faster() -> None:
    noise = next(iter(NOISE))
    *line, wrong, right = judged(noise, 3.0, 20)
    assert (line[:2], wrong, right) == ([noise, "3"], "0.0 %", "100.0 %")
    assert float(line[2]) >= 6


def test_of_rows_that_are_the_same_none_can_be_called_right() -> None:
    *_, wrong = line = judged(next(iter(NOISE)), 1.0, 20)
    assert len(line) == 6
    assert float(wrong.removesuffix(" %")) < 25
