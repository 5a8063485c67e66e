"""The searches of choices, as the page shows searches: one of each model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from bench.choose.outcome import Model, Outcome
from bench.choose.recommendation import names
from bench.records import Point
from bench.report.files import choice_page_name
from bench.report.formats import title
from bench.report.pages.tuning import Search

ABOUT = """\
Made by `bench choose`, which gives every model the same seconds. Trial 0 is the default. A trial \
is judged by the best validation RMSE of its epochs, also where it was ended because others were \
better at equal seconds. What came of it is in `{page}`."""


@dataclass(frozen=True)
class OfChoice(Search):
    """What one model of a choice tried. `row`: the row that searched."""

    model: Model
    choice: str
    row: str

    @property
    def name(self) -> str:
        return f"choose {self.choice}: {self.row}"

    @cached_property
    def best(self) -> dict[int, Point]:
        """Trial -> its best epoch, as the choice counts it."""
        return {n: trial.best for n, trial in enumerate(self.model.trials) if trial.best}

    @property
    def made_by(self) -> str:
        return ABOUT.format(page=choice_page_name(self.choice))


def searches_of(outcomes: Iterable[Outcome]) -> list[OfChoice]:
    """Those with a trial, choice by choice."""
    return [
        OfChoice(
            tuple(trial.record for trial in model.trials),
            title(outcome.request.dataset),
            model,
            outcome.request.name,
            row,
        )
        for outcome in outcomes
        for row, model in names(outcome).items()
        if model.trials
    ]
