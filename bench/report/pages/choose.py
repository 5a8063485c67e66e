"""The page of a choice: what to use on one set of ratings, how sure that is, and what next."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.choose.outcome import SURE, Model, Outcome, Trial, final_hyperparameters
from bench.choose.recommendation import (
    Candidate,
    Goal,
    Recommendation,
    difference,
    names,
    recommend,
    scored,
    test_rmse,
)
from bench.records import Data, Record
from bench.report.files import MARK
from bench.report.formats import (
    command_options,
    ends,
    error,
    listed,
    mega,
    micro,
    plural,
    seconds,
    signed,
    significant,
    title,
)
from bench.report.markdown import document, escaped, markdown_table
from bench.report.pages.next_steps import next_steps
from bench.report.pages.recommendation import goal_with_name, recommendation
from bench.report.plots.anytime import anytime_plot
from bench.report.rows import STILL_IMPROVING, disturbances, still_improving
from bench.report.sentences import caption
from bench.report.tables import Column
from bench.stats import Interval, mean_interval


def choose_page(outcome: Outcome, out: Path) -> str:
    """The page. `out`: the results folder that has the choice."""
    records = sorted(_records(outcome), key=lambda record: record.started_at)
    found = recommend(outcome)
    to_use = found if found and found.can_choose else None
    parts = [
        MARK,
        f"# Which model for {escaped(title(outcome.request.dataset))}?",
        "[All results](index.md)",
        *recommendation(outcome),
        _dataset(outcome.data) if outcome.data else "",
        *_accuracy(outcome),
        *_cost(found),
        *_search(outcome, found),
        *_chosen(outcome),
        *(["## What to do next", *next_steps(outcome, to_use, out)] if to_use else []),
        "## How it was found",
        _how(outcome),
        caption(records) if records else "",
    ]
    return document(parts)


def _dataset(data: Data) -> str:
    low, high = (f"{end:g}".replace("-", "−") for end in data.scale)
    counts = [plural(data.n_ratings, "rating"), plural(data.n_users, "user")]
    counts += [plural(data.n_items, "item"), f"scale {low} to {high}"]
    if data.test:
        counts.append(f"the test part from {escaped(data.test)}")
    if data.options:
        counts.append(f"read with {escaped(command_options(data.options))}")
    return f"The ratings: {', '.join(counts)}, fingerprint {escaped(data.fingerprint[:12])}."


def _accuracy(outcome: Outcome) -> list[str]:
    """Validation and test side by side, default and best."""
    items = _in_order(outcome)
    columns: list[Column[_Item]] = [
        Column("implementation", lambda it: it[0], align="left", remarks=_remarks),
        Column("model", lambda it: it[1].plan.model or None, align="left"),
        Column("validation, default", lambda it: _rmse(it[1].default), "{:.4f}".format),
        Column("validation, best", lambda it: _rmse(it[1].best), "{:.4f}".format),
        Column("test, default", lambda it: _test(it[1].default_runs), error),
        Column("test, best", lambda it: _test(it[1].best_runs), error),
        Column("gain on test", _gain, _with_ends),
        Column("epochs", lambda it: it[1].best and _epochs(it[1].best)),
        Column("trials", lambda it: len(it[1].trials)),
    ]
    return [
        "## Accuracy",
        "RMSE on the validation part, by which the search chose, beside that on the test part, "
        "which it never saw. Test: mean over seeds ± its 95 % interval, of the fit on training and "
        "validation parts together, which is why it may be lower than on validation. Gain on test: "
        f"default less best, with its {100 * SURE:g} % interval.",
        markdown_table(columns, items),
        *filter(None, [_by_luck(items), _overfitting(items)]),
    ]


_Item = tuple[str, Model]


def _in_order(outcome: Outcome) -> list[_Item]:
    """By test RMSE, then by validation RMSE; those without figures last."""

    def key(item: _Item) -> tuple[float, float]:
        test, best = _test(item[1].best_runs), _rmse(item[1].best)
        return (test.value if test else float("inf"), best if best is not None else float("inf"))

    return sorted(names(outcome).items(), key=key)


def _by_luck(items: Sequence[_Item]) -> str:
    """Which models' lowest trial is not their best; "" where all are."""
    shown = []
    for name, model in items:
        best, lowest = model.best, model.lowest
        if best and lowest and best is not lowest and model.is_newest:
            instead = "the default" if best is model.default else f"trial {best.number}"
            of_lowest = f"trial {lowest.number}, {lowest.rmse:.4f}"
            shown.append(f"{escaped(name)} ({of_lowest}; the best is {instead})")
    if not shown:
        return ""
    return (
        "**The lowest trial is not the best** where it is not better than the default on "
        f"validation beyond noise (the {100 * SURE:g} % interval of the difference, part by part): "
        f"{listed(shown)}."
    )


def _overfitting(items: Sequence[_Item]) -> str:
    """Which searches gained less on test than on validation, beyond the noise of both parts."""
    shown = []
    if not any(map(_gain, items)):
        return ""
    for name, model in items:
        gain, default, best = _gain((name, model)), _rmse(model.default), _rmse(model.best)
        if gain is None or default is None or best is None:
            continue
        unsure = math.hypot(gain.high - gain.value, _unsure_on_validation(model))
        if gain.value + unsure >= default - best:
            continue
        worse = ", and is worse than its default there" if gain.high < 0 else ""
        shown.append(
            f"{escaped(name)} gained {default - best:.4f} on validation and "
            f"{signed(gain.value)} on test ({100 * SURE:g} % interval {ends(gain)}){worse}"
        )
    if not shown:
        return "No search overfitted its validation part beyond noise."
    return (
        "**Searches that overfitted their validation part**, for they gained less on test beyond "
        f"noise: {'; '.join(shown)}."
    )


def _unsure_on_validation(model: Model) -> float:
    """Half the interval of the gain on validation; 0 for older records, without its blocks."""
    assert model.default is not None
    assert model.best is not None
    sides = (model.default, model.best)
    default, best = (trial.record.val_blocks for trial in sides)
    if len(default) != len(best) or len(best) < 2:
        return 0.0
    squares = mean_interval(map(operator.sub, default, best), SURE)
    return (squares.high - squares.value) / sum(trial.rmse or 0.0 for trial in sides)


def _remarks(item: _Item) -> list[str]:
    """Why a model has no figures, what went wrong in trials, and doubts about its best one."""
    _, model = item
    found = [model.plan.problem] if model.plan.problem else []
    if model.trials and model.best is None:
        found.append("no trial has a result")
    if not model.is_newest:
        found.append("a better trial has no final run yet, so an earlier one stands here")
    for record in (*model.best_runs, *model.default_runs):
        if record.status != "ok":
            found.append(f"final run: {record.status}: {' '.join(record.reason.split())}")
        found += record.metrics.flags if record.metrics else []
    failed = [t for t in model.trials if t.record.status in ("failed", "diverged", "out of memory")]
    if failed:
        found.append(f"{len(failed)} of {plural(len(model.trials), 'trial')} without a result")
    if model.best and still_improving(model.best.record):
        found.append(STILL_IMPROVING)
    return list(dict.fromkeys(found))


def _cost(found: Recommendation | None) -> list[str]:
    if found is None:
        return []
    columns: list[Column[Candidate]] = [
        Column("implementation", lambda it: it.name, align="left", remarks=_disturbed),
        Column("fit s", lambda it: it.fit_s, seconds),
        Column("first model s", lambda it: it.first_model_s, seconds),
        Column("µs a prediction", lambda it: it.prediction_s, micro),
        Column("host peak MB", lambda it: it.host_bytes, mega),
    ]
    if any(it.device_bytes for it in found.candidates):
        columns.append(Column("device peak MB", lambda it: it.device_bytes, mega))
    return [
        "## Cost",
        "Of the final fits: medians over seeds, in brackets their range, from six seeds on a 95 % "
        "interval. First model: with the start of the process, imports and compilation. "
        "Predictions are made in one call; 1 MB is 10⁶ bytes.",
        markdown_table(columns, found.candidates),
    ]


def _disturbed(candidate: Candidate) -> list[str]:
    return disturbances(candidate.runs)


def _search(outcome: Outcome, found: Recommendation | None) -> list[str]:
    if (plot := anytime_plot(outcome)) is None:
        return []
    goals = found.goals if found else []
    columns: list[Column[_Item]] = [
        Column("implementation", lambda it: it[0], align="left"),
        *(Column(f"≤ {goal_with_name(goal)}", partial(_to_goal, goal)) for goal in goals),
        Column("search s", lambda it: it[1].spent.counted_s, "{:.0f}".format),
    ]
    return [
        "## The search",
        plot.image(),
        "Training seconds of the quickest trial until its validation RMSE was at most the "
        "column's, and in brackets the seconds of the search until a first trial was there; of one "
        "run each.",
        markdown_table(columns, [it for it in _in_order(outcome) if it[1].trials]),
    ]


def _to_goal(goal: Goal, item: _Item) -> str:
    found = next((each for each in goal.reached if each.name == item[0]), None)
    return f"{significant(found.fit_s)} ({found.search_s:.0f})" if found else "∞"


def _chosen(outcome: Outcome) -> list[str]:
    lines = [
        f"- {escaped(name)} (trial {model.best.number}): {_settings(model)}"
        for name, model in _in_order(outcome)
        if model.best
    ]
    if not lines:
        return []
    return [
        "## Chosen hyperparameters",
        "Of the best trial, with the epochs of its best checkpoint; in brackets the default where "
        "it differs.",
        "\n".join(lines),
    ]


def _settings(model: Model) -> str:
    assert model.best is not None
    assert model.default is not None
    default = model.default.record.cell.hyperparameters
    shown = [
        f"{name}={value}" + (f" ({default[name]})" if default.get(name, value) != value else "")
        for name, value in final_hyperparameters(model.best).items()
    ]
    return escaped(", ".join(shown)) or "none"


def _how(outcome: Outcome) -> str:
    request = outcome.request
    spent = {name: m.spent.counted_s for name, m in names(outcome).items() if m.trials}
    took = _least_to_most(spent) if spent else "nothing, for none began"
    final = sum((m.final_spent.counted_s for m in outcome.models), 0.0)
    trials = [trial for model in outcome.models for trial in model.trials]
    n_single = sum(len(model.trials) == 1 for model in outcome.models)
    if 2 * n_single > len(spent):
        took += f" ({n_single} of {plural(len(spent), 'model')} had one trial, whatever it took)"
    suggested = (
        "; the others are the starts of the study and suggestions of a tree-structured Parzen "
        f"estimator (optuna), and {sum(t.pruned for t in trials):,} of {len(trials):,} were ended "
        "early, for others were better at equal seconds"
    )
    up_to = "up to " if outcome.lacks_runs else ""
    return (
        f"`bench choose` with {plural(request.minutes, 'minute')} for all models together, on "
        f"{plural(request.threads, 'thread')}: the search on {escaped(request.split)}, the final "
        f"runs on {escaped(request.final_split)}, whose training part is training and validation "
        f"part of the search together, with {up_to}{plural(request.seeds, 'seed')} of the model on "
        f"that one split. {_shared(outcome)}The seconds were shared out equally, evaluation of "
        f"checkpoints not counted; "
        f"a search ends sooner where it finds nothing better, and later where the first trial "
        f"cannot be ended between epochs. Of process start, compilation and training the searches "
        f"took: {took}; all final runs together {final:.0f} s. Trial 0 is the preset `default`"
        f"{suggested if len(trials) > len(spent) else ''}. Two models are compared by their "
        f"squared errors on blocks of the test part and by how much their seeds differ: one is "
        f"more accurate beyond noise where the {100 * SURE:g} % interval excludes 0. Of several "
        f"test RMSEs the lowest is low by luck, too. All of it holds for this one cut: how the "
        f"models would do on other training ratings is not in the intervals."
    )


def _shared(outcome: Outcome) -> str:
    """Which rows were not searched: another one of the same maths was, or no study has them."""
    shared = {
        name: [escaped(row) for row in model.plan.rows if row != model.plan.implementation]
        for name, model in names(outcome).items()
        if model.trials
    }
    parts = [f"{escaped(name)} for {listed(rows)}" for name, rows in shared.items() if rows]
    text = f"Rows of the same maths share a search: {'; '.join(parts)}. " if parts else ""
    # What has no hyperparameters misses no search.
    bare = [
        escaped(name)
        for name, model in names(outcome).items()
        if model.default and not model.plan.studied and model.default.record.cell.hyperparameters
    ]
    if bare:
        text += f"Of {listed(bare)} the default alone was tried, for there is no study of it. "
    return text


def _least_to_most(spent: Mapping[str, float]) -> str:
    """The fewest and the most counted seconds of a model, and the median."""
    named = dict.fromkeys([min(spent, key=spent.__getitem__), max(spent, key=spent.__getitem__)])
    ends = [f"{escaped(name)} {significant(spent[name], 2)} s" for name in named]
    median = significant(statistics.median(spent.values()), 2)
    return f"{' to '.join(ends)}, median {median} s"


def _records(outcome: Outcome) -> list[Record]:
    return [
        record
        for model in outcome.models
        for record in (*(t.record for t in model.trials), *model.best_runs, *model.default_runs)
    ]


def _with_ends(interval: Interval) -> str:
    return f"{signed(interval.value)} ({ends(interval)})"


def _rmse(trial: Trial | None) -> float | None:
    return trial.rmse if trial else None


def _epochs(trial: Trial) -> str | None:
    """`12/15`: the best epoch and those that ran; None for a closed form."""
    last = trial.record.curve[-1].epoch
    return f"{trial.best.epoch}/{last}" if trial.best and last else None


def _test(runs: Sequence[Record]) -> Interval | None:
    counting = scored(runs)
    return test_rmse(counting) if counting else None


def _gain(item: _Item) -> Interval | None:
    """Test RMSE of the default less that of the best; None where it is the best."""
    model = item[1]
    default, best = scored(model.default_runs), scored(model.best_runs)
    if not default or not best or (model.best is model.default):
        return None
    return difference(default, best)
