"""The searches for hyperparameters: what was tried, and what was best on validation."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.records import Point, Record
from bench.report.files import MARK
from bench.report.formats import plural, significant
from bench.report.grouping import dataset_names, dataset_titles, decided_by, grouped
from bench.report.markdown import document, escaped, markdown_table
from bench.report.sentences import caption
from bench.report.tables import Column, Epochs, of_epochs

SHOWN = 10
"""The best trials of a search; the records hold them all."""

ABOUT = """\
Made by `bench tune`, which gives every model the same number of trials: trial 0 is the default \
of that day, with what the study fixes (more epochs, as a rule), and the others are suggested by \
a tree-structured Parzen estimator (optuna). Rows of the same maths share one search. A trial is \
judged by the best validation RMSE of its epochs. The test part is left out of a trial, so its \
record holds no test score and none could be chosen by one. The seconds of trials may have had \
other work beside them and are no benchmark. `docs/implementations.md` says what came of \
these searches."""


@dataclass(frozen=True)
class Search:
    """The trials of one search, in their order, one record each."""

    trials: tuple[Record, ...]
    dataset: str

    @property
    def name(self) -> str:
        """The study's, less the trials that it was given to do."""
        return self.trials[0].cell.suite.removeprefix("tune:").partition("#")[0]

    @property
    def machine(self) -> str:
        return self.trials[0].environment.machine

    @property
    def made_by(self) -> str:
        """What makes such searches, and how a trial is judged."""
        return ABOUT

    @cached_property
    def best(self) -> dict[int, Point]:
        """Trial -> its best epoch, of those that came to their end."""
        found = ((n, _best(trial)) for n, trial in enumerate(self.trials))
        return {n: point for n, point in found if point is not None}

    @property
    def shown(self) -> list[int]:
        """The best trials and trial 0, best first."""
        order = sorted(self.best, key=lambda n: self.best[n].rmse)
        return sorted({*order[:SHOWN], *({0} & self.best.keys())}, key=order.index)

    @cached_property
    def varied(self) -> list[str]:
        """The hyperparameters in which the trials differ."""
        settings = [trial.cell.hyperparameters for trial in self.trials]
        differ = (len({json.dumps(it.get(name)) for it in settings}) > 1 for name in settings[0])
        return list(itertools.compress(settings[0], differ))

    @property
    def columns(self) -> list[Column[int]]:
        """Over trials."""
        best, trials = self.best, self.trials

        def varied(name: str) -> Column[int]:
            return Column(name, lambda n: _sorted_by(trials[n].cell.hyperparameters[name]))

        return [
            Column("trial", lambda n: n),
            Column("validation RMSE", lambda n: best[n].rmse, "{:.4f}".format),
            Column("epochs", lambda n: Epochs(best[n].epoch, trials[n].curve[-1].epoch), of_epochs),
            Column("fit s", lambda n: (it := trials[n].times) and it.fit_s, significant),
            *map(varied, self.varied),
        ]

    @property
    def about(self) -> str:
        """How many trials, of what, on what."""
        cell, without = self.trials[0].cell, len(self.trials) - len(self.best)
        what = [f"{plural(len(self.trials), 'trial')} of {escaped(cell.implementation)}"]
        what += [f"{without} of them without a result"] if without else []
        what.append(f"on {escaped(self.dataset)}, {escaped(cell.split)}, seed {cell.seed}")
        what.append(f"source {self.trials[0].source.implementation_hash[:8]}")
        return ", ".join(what) + "."


def searches(records: Iterable[Record]) -> list[Search]:
    """Every search, by machine, then by name."""
    ordered = sorted(records, key=lambda record: record.started_at)
    titles = dataset_titles({data: names[0] for data, names in dataset_names(ordered).items()})
    groups = grouped(ordered, lambda record: (record.environment.machine, *_search(record)))
    in_order = sorted(groups.items(), key=lambda each: (each[0], each[1][0].started_at))
    return [Search(_last_of_each(some), titles[decided_by(some[0])]) for _, some in in_order]


def tuning_page(records: Iterable[Record]) -> str:
    """The page, a section per machine and search; "" where nothing was searched."""
    ordered = sorted(records, key=lambda record: record.started_at)
    of_machine = grouped(ordered, lambda record: record.environment.machine)
    parts: list[str] = []
    for machine, here in grouped(searches(ordered), lambda search: search.machine).items():
        parts += [f"## Machine {escaped(machine)}", caption(of_machine[machine])]
        for search in here:
            parts += [f"### {escaped(search.name)}", search.about]
            parts += [markdown_table(search.columns, search.shown)] if search.shown else []
    head = [MARK, "# Searches for hyperparameters", "[All results](index.md)", ABOUT]
    return document([*head, *parts]) if parts else ""


def _search(record: Record) -> tuple[str, str, str, str]:
    """What the trials of one search share: its space, its source, its data."""
    cell = record.cell
    source = record.source.implementation_hash
    data = record.data.fingerprint + record.data.split_digest
    return cell.suite, cell.implementation, source, data + cell.split


def _last_of_each(records: Sequence[Record]) -> tuple[Record, ...]:
    """One record a trial, in the order of the trials; a failed one may have been run again."""
    return tuple(runs[-1] for runs in grouped(records, lambda record: record.identity).values())


def _sorted_by(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _best(trial: Record) -> Point | None:
    """The trial's best epoch, of a run that came to its end."""
    if trial.status != "ok":
        return None
    return min(trial.curve, key=lambda point: point.rmse, default=None)
