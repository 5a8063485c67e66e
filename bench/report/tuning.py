"""The searches for hyperparameters: what was tried, and what was best on validation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from bench.records import Point, Record
from bench.report.counting import grouped
from bench.report.files import MARK
from bench.report.layout import Column, markdown
from bench.report.machines import caption
from bench.report.text import NOTHING, escaped, significant, title

SHOWN = 10
"""The best trials of a search; the records hold them all."""

ABOUT = """\
Made by `bench tune`: the same number of trials for every model, trial 0 being the default of \
that day and the others suggested by a tree-structured Parzen estimator (optuna). Rows of the \
same maths share one search. A trial is judged by the best validation RMSE of its epochs. The \
test part is left out of a trial, so its record holds no test score and none could be chosen \
by one. The seconds of trials may have had other work beside them and are no benchmark."""


def tuning_page(records: Iterable[Record]) -> str:
    """The page, a section per machine and search; "" where nothing was searched."""
    ordered = sorted(records, key=lambda record: record.started_at)
    parts: list[str] = []
    for machine, of_machine in sorted(grouped(ordered, lambda r: r.environment.machine).items()):
        parts += [f"## Machine {escaped(machine)}", escaped(caption(of_machine))]
        for search, trials in sorted(grouped(of_machine, lambda r: r.cell.suite).items()):
            parts += _section(search, _last_of_each(trials))
    if not parts:
        return ""
    head = [MARK, "# Searches for hyperparameters", "[All results](index.md)", ABOUT]
    return "\n\n".join([*head, *parts]) + "\n"


def _last_of_each(records: Sequence[Record]) -> list[Record]:
    """One record a trial, in the order of the trials; a failed one may have been run again."""
    return [runs[-1] for runs in grouped(records, lambda record: record.identity).values()]


def _section(search: str, trials: Sequence[Record]) -> list[str]:
    cell = trials[0].cell
    best = {n: point for n, trial in enumerate(trials) if (point := _best(trial)) is not None}
    without = len(trials) - len(best)
    told = [f"{len(trials)} trial{'s' * (len(trials) != 1)} of {escaped(cell.implementation)}"]
    told += [f"{without} of them without a result"] if without else []
    told.append(f"on {escaped(title(cell.dataset))}, {escaped(cell.split)}, seed {cell.seed}")
    parts = [f"### {escaped(search.removeprefix('tune:'))}", ", ".join(told) + "."]
    if not best:
        return parts
    order = sorted(best, key=lambda n: best[n].rmse)
    shown = sorted({*order[:SHOWN], *({0} & best.keys())}, key=lambda n: best[n].rmse)
    rows = [trials[n] for n in shown]
    columns = [
        Column("trial", [str(n) for n in shown]),
        Column("validation RMSE", [f"{best[n].rmse:.4f}" for n in shown]),
        Column("epochs", [f"{best[n].epoch}/{trials[n].curve[-1].epoch}" for n in shown]),
        Column("fit s", [_fit(trial) for trial in rows]),
    ]
    columns += [
        Column(name, [escaped(str(trial.cell.hyperparameters[name])) for trial in rows])
        for name in _varied(trials)
    ]
    return [*parts, markdown(columns)]


def _best(trial: Record) -> Point | None:
    """The trial's best epoch, of a run that came to its end."""
    if trial.status != "ok":
        return None
    return min(trial.curve, key=lambda point: point.rmse, default=None)


def _fit(trial: Record) -> str:
    return significant(trial.times.fit_s) if trial.times else NOTHING


def _varied(trials: Sequence[Record]) -> list[str]:
    """The hyperparameters in which the trials differ."""
    settings = [trial.cell.hyperparameters for trial in trials]
    return [name for name in settings[0] if len({json.dumps(it.get(name)) for it in settings}) > 1]
