"""The searches for hyperparameters: what was tried, and what was best on validation."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence

from bench.records import Point, Record
from bench.report.files import MARK
from bench.report.formats import significant
from bench.report.grouping import dataset_names, dataset_titles, decided_by, grouped
from bench.report.markdown import document, escaped, markdown_table
from bench.report.sentences import caption
from bench.report.tables import Column

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


def tuning_page(records: Iterable[Record]) -> str:
    """The page, a section per machine and search; "" where nothing was searched."""
    ordered = sorted(records, key=lambda record: record.started_at)
    titles = dataset_titles({data: names[0] for data, names in dataset_names(ordered).items()})
    parts: list[str] = []
    for machine, of_machine in sorted(grouped(ordered, lambda r: r.environment.machine).items()):
        parts += [f"## Machine {escaped(machine)}", caption(of_machine)]
        searches = grouped(of_machine, _search)
        for search in sorted(searches, key=lambda search: (search, searches[search][0].started_at)):
            trials = _last_of_each(searches[search])
            parts += _section(trials, titles[decided_by(trials[0])])
    head = [MARK, "# Searches for hyperparameters", "[All results](index.md)", ABOUT]
    return document([*head, *parts]) if parts else ""


def _search(record: Record) -> tuple[str, str, str, str]:
    """What the trials of one search share: its space, its source, its data."""
    cell = record.cell
    source = record.source.implementation_hash
    data = record.data.fingerprint + record.data.split_digest
    return cell.suite, cell.implementation, source, data + cell.split


def _last_of_each(records: Sequence[Record]) -> list[Record]:
    """One record a trial, in the order of the trials; a failed one may have been run again."""
    return [runs[-1] for runs in grouped(records, lambda record: record.identity).values()]


def _section(trials: Sequence[Record], dataset: str) -> list[str]:
    cell = trials[0].cell
    name, _, _ = cell.suite.removeprefix("tune:").partition("#")
    best = {n: point for n, trial in enumerate(trials) if (point := _best(trial)) is not None}
    without = len(trials) - len(best)
    what = [f"{len(trials)} trial{'s' * (len(trials) != 1)} of {escaped(cell.implementation)}"]
    what += [f"{without} of them without a result"] if without else []
    what.append(f"on {escaped(dataset)}, {escaped(cell.split)}, seed {cell.seed}")
    what.append(f"source {trials[0].source.implementation_hash[:8]}")
    parts = [f"### {escaped(name)}", ", ".join(what) + "."]
    order = sorted(best, key=lambda n: best[n].rmse)
    shown = sorted({*order[:SHOWN], *({0} & best.keys())}, key=lambda n: best[n].rmse)
    columns: list[Column[int]] = [
        Column("trial", lambda n: n),
        Column("validation RMSE", lambda n: best[n].rmse, "{:.4f}".format),
        Column("epochs", lambda n: f"{best[n].epoch}/{trials[n].curve[-1].epoch}"),
        Column("fit s", lambda n: trials[n].times, lambda times: significant(times.fit_s)),
        *_varied(trials),
    ]
    return [*parts, markdown_table(columns, shown)] if shown else parts


def _best(trial: Record) -> Point | None:
    """The trial's best epoch, of a run that came to its end."""
    if trial.status != "ok":
        return None
    return min(trial.curve, key=lambda point: point.rmse, default=None)


def _varied(trials: Sequence[Record]) -> list[Column[int]]:
    """A column for each hyperparameter in which the trials differ."""
    settings = [trial.cell.hyperparameters for trial in trials]

    def column(name: str) -> Column[int]:
        return Column(name, lambda n: str(settings[n][name]))

    differ = (len({json.dumps(each.get(name)) for each in settings}) > 1 for name in settings[0])
    return [column(name) for name in itertools.compress(settings[0], differ)]
