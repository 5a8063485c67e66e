"""The sentences around a table: the dataset, the machine, how to read the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.machine import LOCKED
from bench.planning.goals import BEST
from bench.planning.repeats import FEWEST
from bench.records import Data, Environment, Record, Slice
from bench.report import metrics
from bench.report.formats import (
    command_options,
    date,
    day,
    listed,
    plural,
    significant,
    title,
)
from bench.report.markdown import escaped
from bench.report.rows import Line, Table
from bench.stats import DECIDES
from datasets.splits import folds, is_given, is_in_time

KEY_PACKAGES = ("numpy", "scipy", "numba", "torch")
ENERGY_NOTE = (
    "J per fit: joules of the CUDA device alone, including while it waits for the host, from its "
    "own counter. The energy of a CPU is not measured."
)
ACCURACY = "on the test part, beside the time of the whole fit."
HALF = "half its 95 % interval, or both its ends where one is far farther"
SLICES = "test RMSE over parts of the test ratings."


def shortened(table: Table) -> str:
    """The rows whose training a suite cut short to be fast; "" where none was."""
    rows: dict[tuple[str, int], dict[str, None]] = {}
    for line in table.lines:
        for record in line.runs.records:
            if epochs := record.cell.shortened_to:
                rows.setdefault((record.cell.suite, epochs), {})[escaped(line.name)] = None
    return " ".join(
        f"**The suite {escaped(suite)} ends a fit after {plural(epochs, 'epoch')}** to be fast. "
        f"Judge neither accuracy nor the verdict by its rows here: {', '.join(names)}."
        for (suite, epochs), names in sorted(rows.items())
    )


def dataset_line(table: Table) -> str:
    """Name, counts, scale, density, fingerprint, and what else is known of the dataset; then what
    is known of other files that its ratings were read from."""
    data = table.newest.data
    low, high = (f"{end:g}".replace("-", "−") for end in data.scale)
    density = 100 * data.n_ratings / max(data.n_users * data.n_items, 1)
    parts = [
        plural(data.n_users, "user"),
        plural(data.n_items, "item"),
        plural(data.n_ratings, "rating"),
        f"scale {low} to {high}",
        f"density {significant(density)} %",
        f"fingerprint {escaped(data.fingerprint[:12])}",
    ]
    files = {record.cell.dataset: _of_file(record.data) for record in table.records}
    parts += files.pop(table.dataset, [])
    if data.floor is not None:
        parts.append(f"floor RMSE {data.floor:.4f} (no model can do better)")
    others = [f"{escaped(title(name))}: {', '.join(of)}." for name, of in files.items() if of]
    return " ".join([f"{escaped(table.title)}: {', '.join(parts)}.", *others])


def _of_file(data: Data) -> list[str]:
    """What is known of one file, where another one may have the same ratings."""
    parts = [f"test part from {escaped(title(data.test))}"] if data.test else []
    if data.duplicates:
        rule = data.duplicate_rule or "the last one counts"
        parts.append(f"{plural(data.duplicates, 'duplicate pair')} ({escaped(rule)})")
    if data.options:
        parts.append(f"read with {escaped(command_options(data.options))}")
    return parts


def other_names(table: Table) -> str:
    """What else the dataset is called in the records; "" where nothing."""
    others = dict.fromkeys(title(name) for name in table.also)
    others.pop(table.title, None)
    names = listed([escaped(name) for name in others]) if others else ""
    return f"{names} in the records: the same ratings, so the same tables." if names else ""


def same_runs(table: Table) -> str:
    """Which rows are the same runs under several names, a line for each pair of them."""
    owners: dict[tuple[str, str], Line] = {}
    shared: dict[tuple[str, str], list[int]] = {}
    for line in table.lines:
        for record in line.runs.records:
            owner = owners.setdefault(record.run, line)
            if owner.row is not line.row:
                shared.setdefault((owner.name, line.name), []).append(record.cell.seed)
    lines = [
        f"- {escaped(a)} and {escaped(b)}: seed{'s' * (len(seeds) > 1)} "
        f"{', '.join(map(str, sorted(seeds)))}"
        for (a, b), seeds in shared.items()
    ]
    if not lines:
        return ""
    heading = (
        "One run under two names, since their code, data and settings are the same, so there is no "
        "difference between them:"
    )
    return "\n".join([heading, "", *lines])


def notes(records: Iterable[Record]) -> list[str]:
    """What must stand beside every figure, such as that other data stands in; bold."""
    every = dict.fromkeys(record.data.note for record in records)
    return [f"**{escaped(note)}**" for note in every if note]


def goal_meaning(table: Table) -> str:
    """What the words beside the goals are."""
    if table.newest.data.floor is not None:
        return "Beside a goal: how far it is from what a bias model reaches to the floor."
    if BEST in {metrics.goal_name(table, goal) for goal in metrics.goals_of(table)}:
        return (
            "Beside a goal: how far it is from what `bias` reaches to the lowest RMSE that a row "
            "reached here, each in all its runs."
        )
    return "Beside a goal: what gets about that far."


def time_to_goal(table: Table) -> str:
    """What the columns of the goals show."""
    return (
        "median training seconds until validation RMSE was at most the column's, from six seeds on "
        f"± {HALF}; ∞ where half of the seeds or more missed it, with the lowest "
        f"RMSE that a run reached (the median of all). {goal_meaning(table)}"
    )


def cost(table: Table) -> str:
    """What the columns of the cost show."""
    return (
        "medians; 1 MB is 10⁶ bytes. First model: import, warm-up and fit, which is what a fresh "
        f"process waits for a model.{spread(table)}"
    )


def reading(table: Table) -> str:
    """How to read the figures of the accuracy table."""
    parts = [intervals(table)]
    if (is_in_time(table.split) or is_given(table.split)) and any(
        line.runs.n_seeds > 1 for line in table.lines
    ):
        aside = " (equal times aside)" if table.split == "leave-last" else ""
        parts.append(
            f"Every seed has the same test part{aside}, so ± says nothing of other test ratings."
        )
    if (row := metrics.reference_row(table)) and table.has_repeats:
        faster = f"× {metrics.REFERENCE}: how many times faster the fit was than that of"
        parts.append(
            f"{faster} {escaped(row.label)} (CPU), with the 95 % interval of the ratio; — for one "
            "run, which has none."
        )
    parts.append("Epochs: the best one / those run.")
    if scored := [record.metrics for record in table.records if record.metrics]:
        cold_starts = _span(each.n_cold_start for each in scored)
        parts.append(
            f"Test ratings: {_span(each.n_test for each in scored)}, of them "
            f"{cold_starts} cold-start pair{'s' * (cold_starts != '1')} (user or item unseen "
            "in training), for which every row gets the same fallback."
        )
    parts.append(f"Threads: {' / '.join(map(str, sorted({row.threads for row in table.rows})))}.")
    return " ".join(filter(None, parts))


def slices(table: Table) -> str:
    """What the slices of the test ratings are, and how many ratings each has."""
    found: dict[str, list[Slice]] = {}
    for line in table.lines:
        for it in metrics.slices_of(line.runs):
            found.setdefault(metrics.slice_name(it), []).append(it)
    in_order = sorted(found.items(), key=lambda each: metrics.SLICES.index(each[1][0].name))
    counts = [
        f"{name} {_span(it.n for it in slices)}{_period(slices)}" for name, slices in in_order
    ]
    parts = [
        "Few, some, many: by the training ratings of the user. Cold start: user or item unseen in "
        "training.",
        "Thirds: the test ratings by time."
        if any(it.by == "time" for every in found.values() for it in every)
        else "",
        f"Test ratings: {'; '.join(counts)}.",
    ]
    return " ".join(filter(None, parts))


def _period(slices: Sequence[Slice]) -> str:
    """` (2013-08-17 to 2013-08-22)` of slices by time."""
    lows = [it.low for it in slices if it.by == "time" and it.low is not None]
    highs = [it.high for it in slices if it.by == "time" and it.high is not None]
    return f" ({_ends([day(min(lows)), day(max(highs))], ' to ')})" if lows and highs else ""


def same_maths(table: Table) -> str:
    """Which rows do the same maths, a line for each model, and so should differ in speed alone."""
    groups: dict[str, dict[str, None]] = {}
    for row in table.rows:
        groups.setdefault(row.model, {})[row.implementation] = None
    same = [
        f"- {escaped(model)}: {escaped(', '.join(names))}"
        for model, names in groups.items()
        if model and len(names) > 1
    ]
    if same:
        heading = "Same maths, so compare their speed; every other row is a different model:"
        return "\n".join([heading, "", *same])
    return "Every row is a different model." if len(table.rows) > 1 else ""


def intervals(table: Table) -> str:
    """What ± and brackets are, which depends on how often the rows ran."""
    repeats = {line.runs.n_seeds for line in table.lines} - {0}
    if not repeats:
        return ""
    k = folds(table.split)
    repeat = "fold" if k else "seed"
    option = f"`{more_repeats(table.split)}`"
    if max(repeats) == 1:
        more = f"{option} {'runs them all' if k else 'gives every figure one'}"
        return f"One {repeat}, so there is no interval: {more}."
    means = (
        "#1–3: the ranks that a row may have among those with several runs, by the "
        f"{100 * DECIDES:g} % intervals of its differences from each over the same {repeat}s. "
        f"RMSE and MAE: mean over {repeat}s ± its 95 % t interval. Times: median, in brackets"
    )
    if max(repeats) < FEWEST:
        hint = "" if k and k < FEWEST else f", {option} gives one"
        return f"{means} the range of the {repeat}s (below six no 95 % interval exists{hint})."
    if min(repeats - {1}) >= FEWEST:
        return f"{means} its 95 % interval."
    return f"{means} its 95 % interval, or the range where a row has fewer than six {repeat}s."


def spread(table: Table) -> str:
    """What the noise of the fit time is; "" where no row has it."""
    if not any(metrics.components_of(line.runs) for line in table.lines):
        return ""
    return (
        " Fit s ± by machine: standard deviation of the log time between runs of one seed; ± by "
        "seed: what other seeds add. In brackets their 95 % intervals. Disturbed runs are left out "
        "there, and count in all other figures."
    )


def more_repeats(split: str) -> str:
    """The option of `bench run` for as many repeats as an interval of a time takes; of a
    cross-validation for all its folds."""
    return f"--seeds {folds(split) or FEWEST}"


def _span(counts: Iterable[int]) -> str:
    return _ends([f"{count:,}" for count in sorted(counts)], "–")


def hardware(record: Record) -> str:
    """`AMD EPYC 7B13, 2 cores, 7.8 GB memory, no GPU`."""
    machine = record.environment
    memory = f"{machine.memory_gb:.3g} GB memory"
    return f"{machine.cpu}, {cores(machine)}, {memory}, {machine.gpu or 'no GPU'}"


def cores(machine: Environment) -> str:
    """`2 cores`, or `1 of 2 cores (CPU affinity)` where the run was limited."""
    of = f" of {machine.of_cores}" if machine.of_cores else ""
    limit = f" ({machine.limited_by})" if machine.limited_by else ""
    return f"{machine.cores}{of} core{'s' * ((machine.of_cores or machine.cores) != 1)}{limit}"


def caption(records: Sequence[Record]) -> str:
    """Hardware, system, versions and dates of one machine's records, oldest first.

    Where records differ, each value is named: a table may hold rows of two versions.
    """
    environments = [record.environment for record in records]
    parts = [
        _distinct(map(hardware, records)),
        _distinct(each.os for each in environments),
        "Python " + _distinct(each.python for each in environments),
    ]
    packages = {package for each in environments for package in each.versions}
    libraries = sorted(packages - set(LOCKED))  # third-party ones that are rows
    for package in (*KEY_PACKAGES, *libraries):
        versions = _distinct(each.versions.get(package, "") for each in environments)
        parts += [f"{package} {versions}"] if versions else []
    ran = [record.sandbox for record in records if record.times]  # a skipped row was in none
    if any(ran):
        parts.append(f"sandbox: {_distinct(sandbox or 'none' for sandbox in ran)}")
    load = _ends([f"{load:.1f}" for load in sorted(each.load for each in environments)], "–")
    days = _ends([date(record.started_at) for record in records], " to ")
    return escaped(f"{', '.join(parts)}. Run {days}; load average before a cell {load}.")


def _distinct(values: Iterable[str]) -> str:
    return " / ".join(filter(None, dict.fromkeys(values)))


def _ends(values: Sequence[str], between: str) -> str:
    """The first and the last, or the one that both are."""
    return between.join(dict.fromkeys((values[0], values[-1])))
