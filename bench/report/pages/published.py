"""Built-in implementations beside published numbers, each under the published protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

from bench.choose.outcome import Outcome
from bench.records import Reference
from bench.report.files import MARK
from bench.report.formats import error, goal_rmse, signed
from bench.report.grouping import machines
from bench.report.markdown import document, escaped, markdown_table
from bench.report.metrics import Figure, by_seed, mean, part
from bench.report.pages.published_choices import choices_beside_published
from bench.report.rows import Row, Runs, Table
from bench.report.sentences import caption, notes, repeat_of
from bench.report.tables import STATUS, Column
from bench.stats import Interval, mean_interval

ABOUT = """\
Each row repeats a publication's protocol, and is scored as it was scored there. The number in \
brackets leads to the protocol, below the table. `of` is what reached the published number, which \
may be another model. Reproduced is the mean over seeds, or over the folds of a cross-validation, \
± its 95 % t interval; where the split has no validation part, it is the last epoch's. Difference: \
reproduced less published. Agreed: what the suite requires; — where it requires nothing. \
Where a number is not reached, `docs/implementations.md` says what was tried.

Many publications choose the epoch by the test part, which makes a model look better than it is. \
Read on test: the lowest error of any epoch on the test part, mean over seeds ± its 95 % t \
interval, which they would have claimed of the same model. It comes from a second fit with the \
same training part and seed, which ends as the one reproduced and counts in no other column, page \
or plot. Leak: read on test less reproduced, over the same seeds, ± its paired 95 % t interval; at \
epoch: which epochs were the lowest, of how many; — where there is no second fit, as beside a \
number that is not clipped."""

SAME = 5e-5
"""How far two errors may be apart that a table shows as one."""

EPOCHS = part("metrics", "epochs")


class Lowest(NamedTuple):
    """One seed, had its epoch been chosen by the test part.

    leak  the error less that of the last epoch
    of    the epochs that there were
    """

    error: float
    leak: float
    epoch: int
    of: int


@dataclass(frozen=True)
class Beside:
    """One published number, and the runs that stand beside it.

    name   of the metric: rmse or mae
    reach  the RMSE that the suite requires of the runs at most
    peeks  the same fits once more, with the error on the test part after each epoch
    """

    label: str
    table: Table
    reference: Reference
    name: str
    published: float
    runs: Runs
    reach: float | None
    peeks: Runs

    @property
    def metric(self) -> str:
        return self.name.upper() + ", unclipped" * (not self.reference.clipped)

    @property
    def reproduced(self) -> Interval | None:
        return mean(self.runs, self._error)

    @property
    def _error(self) -> Figure:
        return part("metrics", self.name if self.reference.clipped else f"{self.name}_raw")

    @property
    def difference(self) -> float | None:
        return self.reproduced.value - self.published if self.reproduced else None

    @property
    def agreed(self) -> str | None:
        """`±0.005: yes` and `≤ 0.840: no`: what is required, and whether it is met."""
        if self.reproduced is None or self.difference is None:
            return None
        met = {}
        if (within := self.reference.within) is not None:
            met[f"±{within:g}"] = abs(self.difference) <= within
        if self.reach is not None:
            met[f"≤ {goal_rmse(self.reach)}"] = self.reproduced.value <= self.reach
        return ", ".join(f"{what}: {'yes' if so else 'no'}" for what, so in met.items()) or None

    @cached_property
    def read_on_test(self) -> dict[int, Lowest]:
        """Of each seed whose second fit ended as the first: after as many epochs, at its error."""
        if not self.reference.clipped:  # which the errors of curves are
            return {}
        errors, epochs = by_seed(self.runs, self._error), by_seed(self.runs, EPOCHS)
        of_point = attrgetter(self.name)
        found = {}
        for record in self.peeks.with_curve:
            seed, last = record.cell.seed, record.curve[-1]
            if last.epoch == epochs.get(seed) and abs(of_point(last) - errors[seed]) < SAME:
                best = min(record.curve, key=of_point)
                leak = of_point(best) - errors[seed]
                found[seed] = Lowest(of_point(best), leak, best.epoch, last.epoch)
        return found

    @property
    def claimed(self) -> Interval | None:
        found = self.read_on_test.values()
        return mean_interval(it.error for it in found) if found else None

    @property
    def leak(self) -> Interval | None:
        found = self.read_on_test.values()
        return mean_interval(it.leak for it in found) if found else None

    @property
    def at_epoch(self) -> str | None:
        """`57–60 of 60`."""
        if not (found := self.read_on_test.values()):
            return None
        first, last = min(it.epoch for it in found), max(it.epoch for it in found)
        return f"{first}{f'–{last}' * (first < last)} of {max(it.of for it in found)}"

    @property
    def not_read(self) -> list[str]:
        """The remark on seeds that others of the row have this of, and these have not."""
        read, of = len(self.read_on_test), self.runs.n_seeds
        if read == of or not self.peeks.records or not self.reference.clipped:
            return []
        repeats = f"{repeat_of(self.table.split)}s"
        wanted = "a second fit that ended as the one reproduced, which a leak needs"
        return [f"{read} of {of} {repeats} have {wanted}"]


def published_page(tables: Sequence[Table], choices: Sequence[Outcome] = ()) -> str:
    """The page, a section per machine and one of choices; "" where no record carries a reference
    and no choice is beside a published search."""
    parts = choices_beside_published(choices)
    for machine, found in published_numbers(tables).items():
        parts += [f"## Machine {escaped(machine)}", *about(found), markdown_table(COLUMNS, found)]
    head = [MARK, "# Beside published numbers", "[All results](index.md)", ABOUT]
    return document([*head, *parts]) if parts else ""


def published_numbers(tables: Sequence[Table]) -> dict[str, list[Beside]]:
    """Machine -> its rows beside published numbers; machines without any are left out."""
    every = {
        machine: [each for t in tables if t.machine == machine for each in _beside(t)]
        for machine in machines(tables)
    }
    return {machine: found for machine, found in every.items() if found}


def about(found: Sequence[Beside]) -> list[str]:
    """The machine of these rows, and what must stand beside their figures."""
    used = list({id(each.table): each.table for each in found}.values())
    records = sorted((r for t in used for r in t.records), key=lambda r: r.started_at)
    return [caption(records), *dict.fromkeys(it for table in used for it in notes(table.records))]


def _beside(table: Table) -> Iterator[Beside]:
    for row in table.rows:
        for kind, runs in row.runs.items():
            reference = next((r.reference for r in runs.records[::-1] if r.reference), None)
            if reference is None:
                continue
            label = row.label if kind == "CPU" else f"{row.label}@{kind.lower()}"
            for name, published, reach in (
                ("rmse", reference.rmse, reference.reach),
                ("mae", reference.mae, None),
            ):
                if published is not None:
                    peeks = _peeks_of(row, table).get(kind, Runs(()))
                    yield Beside(label, table, reference, name, published, runs, reach, peeks)


def _peeks_of(row: Row, table: Table) -> dict[str, Runs]:
    """By kind of device, the second fits of a row."""
    settings = attrgetter("implementation", "preset", "settings")
    return next((it.runs for it in table.peeks if settings(it) == settings(row)), {})


def _signed(difference: Interval) -> str:
    """`−0.0042 ± 0.0011`."""
    value = signed(difference.value)
    return value if difference.level is None else f"{value} ± {difference.half:.4f}"


COLUMNS: list[Column[Beside]] = [
    Column(
        "implementation",
        lambda it: it.label,
        align="left",
        remarks=lambda it: [f"{it.reference.protocol}. Source: {it.reference.source}"],
    ),
    Column("data", lambda it: f"{it.table.title}, {it.table.split}", align="left"),
    Column("metric", lambda it: it.metric, align="left"),
    Column("published", lambda it: it.published, "{:.4g}".format),
    Column("of", lambda it: it.reference.of or None, align="left"),
    Column("reproduced", lambda it: it.reproduced, error),
    Column("difference", lambda it: it.difference, signed),
    Column("agreed", lambda it: it.agreed, align="left"),
    Column("read on test", lambda it: it.claimed, error, remarks=lambda it: it.not_read),
    Column("leak", lambda it: it.leak, _signed),
    Column("at epoch", lambda it: it.at_epoch, align="left"),
    STATUS.of(lambda it: it.runs),
]
