"""What stands around a table: the dataset line, its notes, how to read it."""

from __future__ import annotations

from bench.planning.suite import names, read
from bench.report.front import front, places
from bench.report.metrics import REFERENCE, reference_row
from bench.report.rows import Table
from bench.report.text import escaped, significant, title
from datasets.splits import folds

ENERGY_NOTE = (
    "J per fit: joules of the CUDA device alone, idle while it waits for the host included, by its "
    "own counter. A CPU's are not measured."
)


def dataset_line(table: Table) -> str:
    """Name, counts, scale, density, fingerprint, and what else is known of the dataset."""
    data = table.newest.data
    low, high = (f"{end:g}".replace("-", "−") for end in data.scale)
    density = 100 * data.n_ratings / max(data.n_users * data.n_items, 1)
    parts = [
        f"{data.n_users:,} users",
        f"{data.n_items:,} items",
        f"{data.n_ratings:,} ratings",
        f"scale {low} to {high}",
        f"density {significant(density)} %",
        f"fingerprint {data.fingerprint[:12]}",
    ]
    if data.duplicates:
        parts.append(f"{data.duplicates:,} duplicate pairs (the last one counts)")
    if data.floor is not None:
        parts.append(f"floor RMSE {data.floor:.4f} (no model can do better)")
    return f"{escaped(title(table.dataset))}: {', '.join(parts)}."


def notes(table: Table) -> list[str]:
    """What must be said beside every figure, such as that other data stands in; bold."""
    said = dict.fromkeys(record.data.note for record in table.records)
    return [f"**{escaped(note)}**" for note in said if note]


def shortened(table: Table) -> str:
    """Whose training a suite cut short to learn its speed; "" where none did."""
    said = []
    for suite in map(read, names()):
        for epochs in dict.fromkeys(block.epochs for block in suite.blocks if block.epochs):
            rows = [
                escaped(line.name)
                for line in table.lines
                if any(
                    record.cell.suite == suite.name
                    and record.cell.hyperparameters.get("epochs") == epochs
                    for record in line.runs.records
                )
            ]
            if rows:
                said.append(
                    f"**The suite {suite.name} ends a fit after {epochs} epochs**, for the sake of "
                    "its speed. So judge neither accuracy nor verdict by its rows here: "
                    f"{', '.join(rows)}."
                )
    return " ".join(said)


def goal_meaning(table: Table) -> str:
    """What the words beside the targets are."""
    if table.newest.data.floor is not None:
        return "Beside a target: how far it is from what a bias model reaches to the floor."
    return "Beside a target: what gets about that far."


def curves_note(table: Table) -> str:
    """How to read the plot of curves."""
    told = (
        "Bold: the seed with the median fit; faint: the other seeds. A dotted level is a model "
        "without epochs, drawn at 0.001 s where its fit took less."
    )
    if any(line.runs.epoch_budgets for line in table.lines):
        told += (
            " Markers without a line are of a row that cannot be interrupted: each is a full fit."
        )
    return told


def front_note(table: Table) -> str:
    """Which rows the Pareto front has."""
    ahead = ", ".join(escaped(place.line.name) for place in front(places(table)))
    return f"On the Pareto front, where no row is both faster and more accurate: {ahead}."


def reading(table: Table) -> str:
    """How to read the figures of the main table."""
    parts = [
        intervals(table),
        reference_note(table),
        "Epochs: the best one / those run.",
        _cold(table),
    ]
    return " ".join(part for part in parts if part)


def same_maths(table: Table) -> str:
    """Which rows do the same maths, a line for each, so that they should differ in speed alone."""
    groups: dict[str, dict[str, None]] = {}
    for row in table.rows:
        groups.setdefault(row.model, {})[row.implementation] = None
    same = [
        f"- {escaped(model)}: {escaped(', '.join(names))}"
        for model, names in groups.items()
        if model and len(names) > 1
    ]
    if same:
        told = "Same maths, so compare their speed; every other row is a different model:"
        return "\n".join([told, "", *same])
    return "Every row is a different model." if len(table.rows) > 1 else ""


def intervals(table: Table) -> str:
    """What ± and brackets are, which depends on how often the rows ran."""
    repeats = {len(runs.scored) for row in table.rows for runs in row.runs.values()} - {0}
    if not repeats:
        return ""
    k = folds(table.split)
    repeat = "fold" if k else "seed"
    if max(repeats) == 1:
        more = f"`--seeds {k}` runs them all" if k else "`--seeds 3` or more gives one"
        return f"One {repeat}, so no interval can be given: {more}."
    told = (
        f"RMSE and MAE: mean over {repeat}s ± its 95 % t interval. Times: median, and in brackets"
    )
    if max(repeats) < 6:
        return f"{told} the range of the runs (below six no 95 % interval exists)."
    if min(repeats - {1}) >= 6:
        return f"{told} its 95 % interval."
    return f"{told} its 95 % interval, or the range where a row has fewer than six runs."


def reference_note(table: Table) -> str:
    """What × is against; "" where the table has no such row."""
    row = reference_row(table)
    if row is None:
        return ""
    return (
        f"× {REFERENCE}: how many times faster the fit was than that of {escaped(row.label)} (CPU)."
    )


def _cold(table: Table) -> str:
    scored = [record.metrics for record in table.records if record.metrics]
    if not scored:
        return ""
    tests = _span([metrics.n_test for metrics in scored])
    cold = _span([metrics.n_cold_start for metrics in scored])
    return (
        f"Test ratings: {tests}, of them {cold} cold (user or item unseen in training), "
        "for which every row gets the same fallback."
    )


def _span(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,}–{high:,}"
