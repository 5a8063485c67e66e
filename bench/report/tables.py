"""The tables as lists of columns: what each shows of a row, and how. Plain text, no markup.

for line in lines_in_order(table):
    print([column.text(line) for column in headline_columns(table)])
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

from bench.report import metrics, ranking
from bench.report.formats import (
    NOTHING,
    error,
    goal_rmse,
    per_cent,
    relative,
    seconds,
    significant,
    times,
)
from bench.report.ranking import Rank
from bench.report.rows import Line, Row, Runs, Table
from bench.stats import Interval

EPOCH_BUDGETS = (
    "cannot be interrupted: every point is a full fit of that many iterations, and the smallest "
    "that reaches the goal counts"
)

Item = TypeVar("Item")
Whole = TypeVar("Whole")


@dataclass(frozen=True)
class Column(Generic[Item]):
    """One column of a table over items, such as its lines.

    metric   of an item; None is shown as —
    format   a metric that is not None -> plain text
    align    "left" or "right"
    remarks  of an item, for the footnotes of its cell
    link     of an item: where its cell leads to on a page
    more_is_better  whether a larger metric is the better one, as of a rate
    """

    header: str
    metric: Callable[[Item], Any]
    format: Callable[[Any], str] = str
    align: str = "right"
    remarks: Callable[[Item], Sequence[str]] = lambda _: ()
    link: Callable[[Item], str] | None = None
    more_is_better: bool = False

    def text(self, item: Item) -> str:
        """What stands in the item's cell, without its footnotes."""
        value = self.metric(item)
        return NOTHING if value is None else self.format(value)

    def of(self, part: Callable[[Whole], Item | None], header: str = "") -> Column[Whole]:
        """The same column over what has such an item as a `part`, or has none."""

        def metric(whole: Whole) -> Any:
            item = part(whole)
            return None if item is None else self.metric(item)

        def remarks(whole: Whole) -> Sequence[str]:
            item = part(whole)
            return () if item is None else self.remarks(item)

        better = self.more_is_better
        return Column(
            header or self.header, metric, self.format, self.align, remarks, more_is_better=better
        )


class Ranked(NamedTuple):
    """A metric and the rank of its row; None where it has none."""

    value: Any
    rank: Rank | None


class Epochs(NamedTuple):
    """Medians of the best epoch, where one was chosen, and of those that ran."""

    best: float | None
    ran: float


def ranked(column: Column[Runs], table: Table, ranks: Sequence[Rank | None]) -> Column[Runs]:
    """The column with the rank of a line behind its value: `0.8352 ± 0.0019 #1–2`.

    ranks  of the table's lines; one run of each has none to show
    """
    shown = ranks if sum(rank is not None for rank in ranks) > 1 else []  # one has no rival
    of = {id(line.runs): rank for line, rank in zip(table.lines, shown, strict=False)}

    def metric(runs: Runs) -> Any:
        value = column.metric(runs)
        return None if value is None else Ranked(value, of.get(id(runs)))

    def text(it: Ranked) -> str:
        return column.format(it.value) + (f" #{it.rank}" if it.rank else "")

    return replace(column, metric=metric, format=text)


def lines_in_order(table: Table) -> list[Line]:
    """By the time to the hardest goal, then to the next, then by the best validation RMSE."""
    goals = metrics.goals_of(table)

    def key(line: Line) -> list[float]:
        to_goals = [metrics.reached(line.runs, goal) for goal in reversed(goals)]
        return [
            *(to.median if to else math.inf for to in to_goals),
            metrics.best_validation(line.runs),
        ]

    return sorted(table.lines, key=key)


def headline_columns(table: Table) -> list[Column[Line]]:
    """Seconds to each goal, accuracy and fit time, over `lines_in_order`."""
    return [
        *name_columns(table, _budgets),
        *_reached_columns(table),
        *(column.of(RUNS) for column in (_ranked_rmse(table), FIT_S, STATUS)),
    ]


def goal_columns(table: Table) -> list[Column[Line]]:
    """Median seconds to each goal, over `lines_in_order`; none where the table has no goal, or
    no row was validated in training, as on a split without a validation part."""
    columns = _reached_columns(table)
    return [*name_columns(table, _of_name), *columns] if columns else []


def accuracy_columns(table: Table) -> list[Column[Row]]:
    """Test errors beside the time of the fit, over `table.rows`: CPU and CUDA side by side."""
    columns = (_ranked_rmse(table), FIT_S, *_faster_columns(table))
    error_, *time_ = (_per_kind(table, column) for column in columns)
    return [
        Column("implementation", lambda row: row.label, align="left"),
        Column("model", lambda row: row.model or None, align="left"),
        *error_,
        TEST_MAE.of(_main_runs),
        *(column for kinds in time_ for column in kinds),
        EPOCHS.of(_main_runs),
        *_per_kind(table, STATUS),
    ]


def all_columns(table: Table) -> dict[str, list[Column[Line]]]:
    """Every column of the tables of a dataset's page over `lines_in_order`, by what it is about:
    the row, time to goal, accuracy, slices, cost."""
    accuracy = (
        *(_ranked_rmse(table), TEST_MAE, FIT_S, *_faster_columns(table)),
        *(EPOCHS, STATUS),
    )
    names = name_columns(table)
    model = Column[Line]("model", lambda line: line.row.model or None, align="left")
    return {
        "row": [*name_columns(table, _of_name), model],
        "goals": _reached_columns(table),
        "accuracy": [column.of(RUNS) for column in accuracy],
        "slices": slice_columns(table)[len(names) :],
        "cost": cost_columns(table)[len(names) :],
    }


def slice_columns(table: Table) -> list[Column[Line]]:
    """Test RMSE over parts of the test ratings, over `table.lines`; none where no record has it."""
    slices = [it for line in table.lines for it in metrics.slices_of(line.runs)]
    in_order = sorted(slices, key=lambda it: metrics.SLICES.index(it.name))
    columns = [
        Column[Line](name, partial(_mean_of_slice, name), error)
        for name in dict.fromkeys(map(metrics.slice_name, in_order))
    ]
    return [*name_columns(table), *columns] if columns else []


def cost_columns(table: Table) -> list[Column[Line]]:
    """Medians of what surrounds the fit, over `table.lines`. A column without any figure is left
    out; that energy is not available is shown wherever a row ran on a device."""
    costs = [column.of(RUNS) for column in COSTS]
    columns = [column for column in costs if any(map(column.metric, table.lines))]
    energy = [ENERGY.of(RUNS)] if ran_on_a_device(table) else []
    return [*name_columns(table), *columns, *energy]


def ran_on_a_device(table: Table) -> bool:
    """Whether a row has figures from elsewhere than the CPU, and so may have energy."""
    return any(line.kind != "CPU" and line.runs.scored for line in table.lines)


def name_columns(
    table: Table, remarks: Callable[[Runs], Sequence[str]] | None = None
) -> list[Column[Line]]:
    """The lines' labels and, where there are several, their devices.

    remarks  of a label; by default why a line has no figures
    """
    of = remarks or _no_figures
    label = Column[Line]("implementation", LABEL, align="left", remarks=lambda it: of(it.runs))
    device = Column[Line]("device", lambda line: line.kind, align="left")
    return [label, device] if len(table.kinds) > 1 else [label]


def _main_runs(row: Row) -> Runs | None:
    """On the CPU, or on another device where the CPU has no figures."""
    return next((row.runs[kind] for kind in sorted(row.runs) if row.runs[kind].scored), None)


def _per_kind(table: Table, column: Column[Runs]) -> list[Column[Row]]:
    """The column for each kind of device, which headers name unless that is the CPU alone."""

    def on(kind: str) -> Column[Row]:
        named = f"{column.header} ({kind})" if table.kinds != ["CPU"] else ""
        return column.of(lambda row: row.runs.get(kind), named)

    return [on(kind) for kind in table.kinds]


def _no_figures(runs: Runs) -> list[str]:
    """Why a row has no figures; doubts about those it has are in the accuracy table."""
    return [] if runs.any_ok else runs.remarks


def _of_name(runs: Runs) -> list[str]:
    """Why a row has no figures, and that it cannot be interrupted."""
    return [*_no_figures(runs), *_budgets(runs)]


def _budgets(runs: Runs) -> list[str]:
    return [EPOCH_BUDGETS] if runs.epoch_budgets else []


def _reached_columns(table: Table) -> list[Column[Line]]:
    """A column for each goal, easiest first: `≤ 0.860 (tuned MF)`."""

    def column(goal: float) -> Column[Line]:
        name = metrics.goal_name(table, goal)
        header = f"≤ {goal_rmse(goal)} ({name})" if name else f"≤ {goal_rmse(goal)}"
        to = Column[Runs](header, lambda runs: metrics.reached(runs, goal), _seconds_to)
        return ranked(to, table, ranking.by_time(table, goal)).of(RUNS)

    validated = any(line.runs.with_curve for line in table.lines)
    return [column(goal) for goal in metrics.goals_of(table)] if validated else []


def _seconds_to(to: metrics.Reached) -> str:
    """`12.3 ±4 %`, `12.3 (2 of 3)` where a seed missed the goal, or `∞ (best 0.9312)`."""
    some = f"{to.hits} of {len(to.seconds)}" if 0 < to.hits < len(to.seconds) else ""
    if math.isfinite(to.median):
        return f"{relative(to.interval)} ({some})" if some else relative(to.interval)
    return f"∞ ({f'{some}, ' if some else ''}best {to.best:.4f})"


def _faster_columns(table: Table) -> list[Column[Runs]]:
    """How many times faster than the reference each row fits; none where no ratio has an
    interval."""
    reference = metrics.reference_row(table)
    if not reference or not table.has_repeats:
        return []
    faster = partial(metrics.times_faster, reference)
    return [Column(f"× {metrics.REFERENCE}", faster, times, more_is_better=True)]


def _ranked_rmse(table: Table) -> Column[Runs]:
    return ranked(TEST_RMSE, table, ranking.by_error(table))


def _share(spread: Interval) -> str:
    return f"{100 * spread.value:.1f} % ({100 * spread.low:.1f}–{100 * spread.high:.1f})"


def _mean_of_slice(name: str, line: Line) -> Interval | None:
    """None where some of the row's seeds have no such test rating: a mean over the others would be
    of other splits than those of its neighbours."""
    found = metrics.mean(line.runs, metrics.rmse_of_slice(name))
    return found if found and found.n == line.runs.n_seeds else None


def _epochs(runs: Runs) -> Epochs | None:
    """None for a closed form."""
    ran, best = (
        metrics.median(runs, metrics.part("metrics", each)) for each in ("epochs", "best_epoch")
    )
    if not ran or not ran.value:
        return None
    return Epochs(best.value if best else None, ran.value)


def of_epochs(epochs: Epochs) -> str:
    """`12/15`, or `15` where none was chosen."""
    ran = f"{epochs.ran:g}"
    return ran if epochs.best is None else f"{epochs.best:g}/{ran}"


def _joules(runs: Runs) -> Interval | str | None:
    return metrics.median(runs, JOULES) or ("not available" if runs.scored else None)


def _energy(joules: Interval | str) -> str:
    return joules if isinstance(joules, str) else significant(joules.value)


def _no_energy(runs: Runs) -> list[str]:
    """Why a row has no energy, where its record knows; the CPU's do not."""
    if metrics.median(runs, JOULES):
        return []
    reasons = dict.fromkeys(r.energy_reason for r in runs.scored if r.energy_reason)
    return [f"no energy: {reason}" for reason in reasons]


def _median(header: str, figure: metrics.Figure, *, more_is_better: bool = False) -> Column[Runs]:
    return Column(
        header,
        lambda runs: metrics.median(runs, figure),
        lambda middle: significant(middle.value),
        more_is_better=more_is_better,
    )


RUNS: Callable[[Line], Runs] = attrgetter("runs")
LABEL: Callable[[Line], str] = attrgetter("row.label")
JOULES = metrics.part("energy", "joules_per_fit")
TEST_RMSE = Column[Runs]("test RMSE", lambda runs: metrics.mean(runs, metrics.rmse), error)
TEST_MAE = Column[Runs]("test MAE", lambda runs: metrics.mean(runs, metrics.mae), error)
FIT_S = Column[Runs]("fit s", lambda runs: metrics.median(runs, metrics.fit_s), seconds)
EPOCHS = Column[Runs]("epochs", _epochs, of_epochs)
STATUS = Column[Runs](
    "status", lambda runs: runs.status, align="left", remarks=lambda runs: runs.remarks
)
ENERGY = Column[Runs]("J per fit", _joules, _energy, remarks=_no_energy)
MACHINE_NOISE = Column[Runs](
    "fit s ± by machine", lambda runs: (it := metrics.components_of(runs)) and it.machine, _share
)
SEED_NOISE = Column[Runs](
    "fit s ± by seed", lambda runs: (it := metrics.components_of(runs)) and it.seed, _share
)
COSTS = (
    _median("warm-up s", metrics.part("times", "warmup_s")),
    MACHINE_NOISE,
    SEED_NOISE,
    _median("epoch s", metrics.part("times", "epoch_s")),
    _median("M updates/s", metrics.millions_of_updates, more_is_better=True),
    Column[Runs]("% of bound", metrics.share_of_bound, per_cent, more_is_better=True),
    _median("predict s", metrics.part("times", "predict_s")),
    _median("evaluation s", metrics.part("times", "evaluation_s")),
    _median("first model s", metrics.part("times", "first_model_s")),
    _median("host peak MB", metrics.part("memory", "host_peak_bytes", 1e6)),
    _median("device peak MB", metrics.part("memory", "device_peak_bytes", 1e6)),
)
