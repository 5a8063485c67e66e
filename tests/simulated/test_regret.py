"""The figures of a regret, of choices whose scores are known."""

from __future__ import annotations

from tests.simulated.regret import row, worse
from tests.support.choices import model, outcome

BIAS = model("bias", test=0.94, validations=(0.95, 0.94))


def test_regret_is_of_the_recommended_model_over_the_lowest_that_more_minutes_found() -> None:
    few = outcome(BIAS, model("als", test=0.884, default_test=0.9))
    many = outcome(BIAS, model("als", test=0.883), model("autorec", test=0.88))
    assert row("mine", few, many) == ["mine", "als", "0.8840", "autorec", "0.8800", "0.45 %"]


def test_a_search_that_ends_worse_than_its_default_on_the_test_part_is_named() -> None:
    over = model("als", test=0.9, default_test=0.88)
    [line] = worse(outcome(BIAS, over, model("autorec", test=0.88, default_test=0.9)))
    assert line.startswith("als by 0.0200, 0.0")
