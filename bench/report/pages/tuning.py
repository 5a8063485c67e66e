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
Made by `bench tune`, which gives every model the same number of trials: trial 0 is the default \
of that day, with what the study fixes (more epochs, as a rule), and the others are suggested by \
a tree-structured Parzen estimator (optuna). Rows of the same maths share one search. A trial is \
judged by the best validation RMSE of its epochs. The test part is left out of a trial, so its \
record holds no test score and none could be chosen by one. The seconds of trials may have had \
other work beside them and are no benchmark. `docs/implementations.md` says what was made of \
these searches."""


def tuning_page(records: Iterable[Record]) -> str:
    """The page, a section per machine and search; "" where nothing was searched."""
    ordered = sorted(records, key=lambda record: record.started_at)
    parts: list[str] = []
    for machine, of_machine in sorted(grouped(ordered, lambda r: r.environment.machine).items()):
        parts += [f"## Machine {escaped(machine)}", escaped(caption(of_machine))]
        searches = grouped(of_machine, _search)
        for search in sorted(searches, key=lambda search: (search, searches[search][0].started_at)):
            parts += _section(_last_of_each(searches[search]))
    if not parts:
        return ""
    head = [MARK, "# Searches for hyperparameters", "[All results](index.md)", ABOUT]
    return "\n\n".join([*head, *parts]) + "\n"


def _search(record: Record) -> tuple[str, str, str, str]:
    """What the trials of one search share: its space, its source, its data."""
    cell = record.cell
    source = record.source.implementation_hash
    return cell.suite, cell.implementation, source, record.data.fingerprint + cell.split


def _last_of_each(records: Sequence[Record]) -> list[Record]:
    """One record a trial, in the order of the trials; a failed one may have been run again."""
    return [runs[-1] for runs in grouped(records, lambda record: record.identity).values()]


def _section(trials: Sequence[Record]) -> list[str]:
    cell = trials[0].cell
    name, _, _ = cell.suite.removeprefix("tune:").partition("#")
    best = {n: point for n, trial in enumerate(trials) if (point := _best(trial)) is not None}
    without = len(trials) - len(best)
    told = [f"{len(trials)} trial{'s' * (len(trials) != 1)} of {escaped(cell.implementation)}"]
    told += [f"{without} of them without a result"] if without else []
    told.append(f"on {escaped(title(cell.dataset))}, {escaped(cell.split)}, seed {cell.seed}")
    told.append(f"source {trials[0].source.implementation_hash[:8]}")
    parts = [f"### {escaped(name)}", ", ".join(told) + "."]
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
