"""Built-in implementations beside published numbers, each under the published protocol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.choose.outcome import Outcome
from bench.records import Reference
from bench.report.files import MARK
from bench.report.formats import error, goal_rmse, signed
from bench.report.grouping import machines
from bench.report.markdown import document, escaped, markdown_table
from bench.report.metrics import mean, part
from bench.report.pages.published_choices import choices_beside_published
from bench.report.rows import Runs, Table
from bench.report.sentences import caption, notes
from bench.report.tables import STATUS, Column
from bench.stats import Interval

ABOUT = """\
Each row repeats a publication's protocol, and is scored as it was scored there. The number in \
brackets leads to the protocol, below the table. `of` is what reached the published number, which \
may be another model. Reproduced is the mean over seeds, or over the folds of a cross-validation, \
± its 95 % t interval; where the split has no validation part, it is the last epoch's. Difference: \
reproduced less published. Agreed: what the suite requires; — where it requires nothing. \
Where a number is not reached, `docs/implementations.md` says what was tried."""


@dataclass(frozen=True)
class Beside:
    """One published number, and the runs that stand beside it.

    name   of the metric: rmse or mae
    reach  the RMSE that the suite requires of the runs at most
    """

    label: str
    table: Table
    reference: Reference
    name: str
    published: float
    runs: Runs
    reach: float | None

    @property
    def metric(self) -> str:
        return self.name.upper() + ", unclipped" * (not self.reference.clipped)

    @property
    def reproduced(self) -> Interval | None:
        scored_as = self.name if self.reference.clipped else f"{self.name}_raw"
        return mean(self.runs, part("metrics", scored_as))

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
                    yield Beside(label, table, reference, name, published, runs, reach)


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
    STATUS.of(lambda it: it.runs),
]
