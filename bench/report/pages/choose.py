"""The page of a choice: what to use on one set of ratings, how sure that is, and what next."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path, PurePath

from bench.choose.growth import exponent, is_short
from bench.choose.outcome import SURE, Model, Outcome, Trial, final_hyperparameters
from bench.choose.recommendation import (
    CLOSE,
    NEAR,
    Beside,
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
    error,
    goal_rmse,
    listed,
    out_option,
    plural,
    seconds,
    signed,
    significant,
    title,
)
from bench.report.markdown import document, escaped, markdown_table
from bench.report.plots.anytime import anytime_plot
from bench.report.rows import STILL_IMPROVING, still_improving
from bench.report.sentences import caption
from bench.report.tables import Column
from bench.stats import Interval
from datasets.reading.layout import AS_DETECTED, Layout
from impls.registry import IMPLEMENTATIONS

TIMES_MORE = 10
"""How many times the ratings a sentence looks ahead to."""

UNSURE = 1.0
"""Width of an exponent's interval from which its ends are ten times apart at `TIMES_MORE`."""

NAMED = 4
"""Models of a tie that are named; the others are counted."""

FEW = 100
"""Test ratings below which a page begins with their number."""

MANY_COLD = 0.1
"""Share of cold starts among the test ratings from which on the others are looked at, too."""


def choose_page(outcome: Outcome, out: Path) -> str:
    """The page. `out`: the results folder that has the choice."""
    records = sorted(_records(outcome), key=lambda record: record.started_at)
    found = recommend(outcome)
    parts = [
        MARK,
        f"# Which model for {escaped(title(outcome.request.dataset))}?",
        "[All results](index.md)",
        *recommendation(outcome),
        _dataset(outcome.data) if outcome.data else "",
        *_accuracy(outcome),
        *_cost(found),
        *_search(outcome),
        *_chosen(outcome),
        *(["## What to do next", *_next(outcome, found, out)] if found else []),
        "## How it was found",
        _how(outcome),
        caption(records) if records else "",
    ]
    return document(parts)


def recommendation(outcome: Outcome) -> list[str]:
    """What to use, a paragraph each, as Markdown."""
    found = recommend(outcome)
    if found is None:
        return ["**No model has a test score yet**, so nothing is recommended."]
    return [
        *filter(None, [_unfinished(outcome), _cut_short(outcome)]),
        f"**{_use(found)}**",
        _test_part(found),
        _most_accurate(found),
        _quickest(found),
        *filter(None, [_quickest_to_goals(found.goals)]),
        _costs(found),
        _ten_times(found),
    ]


def _unfinished(outcome: Outcome) -> str:
    """What more minutes would run; "" where that is nothing."""
    if untried := outcome.untried:
        able = [m for m in outcome.models if m in untried or not m.plan.problem]
        names = listed([escaped(model.plan.implementation) for model in untried])
        return (
            f"**{len(untried)} of {plural(len(able), 'model')} were not tried**, for the minutes "
            f"had no room for their first trial: {names}. More minutes run them."
        )
    if not outcome.is_complete:
        return "**The choice is not complete**: final runs are missing, and more minutes run them."
    return ""


def _use(found: Recommendation) -> str:
    chosen = _name(found.chosen)
    if found.as_accurate:
        return (
            f"Use {chosen}, the quickest of those that may be the most accurate and are at most "
            f"{100 * NEAR:g} % above the lowest test RMSE."
        )
    if any(it.excess for it in found.tied):
        return f"Use {chosen}: its test RMSE is the lowest, though not beyond noise."
    if found.tied:
        return f"Use {chosen}: its test RMSE is the lowest, of one seed."
    return f"Use {chosen}: it is the most accurate."


def _test_part(found: Recommendation) -> str:
    """On how many ratings all of it rests, and how many of them no model can tell apart."""
    metrics = found.best.runs[0].metrics
    assert metrics is not None
    n, n_cold = metrics.n_test, metrics.n_cold_start
    text = f"All of it is by {plural(n, 'test rating')}"
    text = f"**{text}, which are few:** chance decides much." if n < FEW else f"{text}."
    if not n_cold:
        return text
    text += (
        f" {n_cold:,} of them ({100 * n_cold / n:.2g} %) are cold starts, of which every model "
        "predicts the same."
    )
    if n_cold >= MANY_COLD * n:
        several = {id(it): it for it in (found.best, found.quickest, found.chosen)}.values()
        known = [f"{_name(it)} {value:.4f}" for it in several if (value := it.known_rmse)]
        if known:
            text += f" They bring all models together; on the others alone: {listed(known)}."
    return text


def _cut_short(outcome: Outcome) -> str:
    """Which models' first trial ran out of time; "" where none did."""
    cut = [
        escaped(name)
        for name, model in names(outcome).items()
        if model.default and model.default.record.status == "timeout"
    ]
    if not cut:
        return ""
    return (
        f"**Too few minutes** for the first trial of {listed(cut)}: it was ended by its time "
        "limit. Where it has a result, what is called the default below is its best epoch until "
        "then. More minutes run it again."
    )


def _most_accurate(found: Recommendation) -> str:
    """The lowest, what is not separable from it, and what is known of the others."""
    best = found.best
    tied = [it for it in found.tied if it.excess]
    apart = [it for it in tied if it.excess and it.excess.value > CLOSE * best.rmse.value]
    close = [it for it in tied if it not in apart]
    single = [it for it in found.others if not it.excess]
    text = f"{_name(best)}, test RMSE {error(best.rmse)}"
    if close:
        rivals = _first([f"{_name(it.candidate)} {_excess(it)}" for it in close])
        text = f"**Most accurate: too close to say.** Lowest is {text}; not separable: {rivals}."
    elif tied:
        text = f"**Most accurate: not certain.** Lowest is {text}."
    elif single and not found.next:
        text = f"**Most accurate: not known**, for one seed has no interval. Lowest is {text}."
    else:
        text = f"**Most accurate:** {text}."
    if apart:
        unsure = _first([f"{_name(it.candidate)} {_excess(it)}" for it in apart])
        text += f" Seeds or test ratings that differ too much leave it open for {unsure}."
    if beyond := found.next:
        less = "The next that is less accurate beyond noise" if tied else "The next"
        text += f" {less}: {_name(beyond.candidate)} {_excess(beyond)}."
    if single:
        figures = _first([f"{_name(it.candidate)} {error(it.candidate.rmse)}" for it in single])
        text += f" Not compared, for it or the lowest has one seed: {figures}."
    return text


def _first(rows: Sequence[str]) -> str:
    """As many of them as are named, and how many more there are."""
    more = [plural(len(rows) - NAMED, "other")] if len(rows) > NAMED else []
    return listed([*rows[:NAMED], *more])


def _quickest(found: Recommendation) -> str:
    quickest, share = found.quickest, f"{100 * CLOSE:g} %"
    text = f"**Quickest within {share} of that:** {_name(quickest)}, whose fit takes "
    text += _seconds(quickest.fit_s)
    if quickest is found.best:
        text += " and whose test RMSE is the lowest."
    else:
        [beside] = [it for it in found.others if it.candidate is quickest]
        times = found.best.times_slower(quickest)
        text += f", RMSE {_excess(beside)}; {_name(found.best)} takes {_times(times)} as long."
    if found.as_quick:
        rivals = [f"{_name(it)}, {_seconds(it.fit_s)}" for it in found.as_quick]
        text += f" Too close to say in time: {'; '.join(rivals)}."
    if found.perhaps_close:
        doubtful = [
            f"{_name(it.candidate)}, {_seconds(it.candidate.fit_s)}, RMSE {_excess(it)}"
            for it in found.perhaps_close
        ]
        text += f" Quicker, but too close to {share} to say: {'; '.join(doubtful)}."
    return text


def _quickest_to_goals(goals: Sequence[Goal]) -> str:
    """Of one trial each, so without an interval: what took less than half as long is named alone,
    and the others are too close to say."""
    parts = []
    for goal in goals:
        if not goal.reached:
            parts.append(f"{_goal(goal)}: no model reached it")
            continue
        first, *others = goal.reached
        close = [each for each in others if each.fit_s < 2 * first.fit_s]
        which = [f"{escaped(each.name)} ({significant(each.fit_s)} s)" for each in [first, *close]]
        parts.append(
            f"{_goal(goal)}: {which[0] if not close else f'too close to say, {listed(which)}'}"
        )
    if not parts:
        return ""
    return (
        f"**Quickest to a validation RMSE** (training seconds of the quickest trial: one run, so "
        f"no interval; within a factor of 2 it is too close to say): {'; '.join(parts)}."
    )


def _costs(found: Recommendation) -> str:
    mentioned = {id(it): it for it in (found.best, found.quickest, found.chosen)}.values()
    return f"**Cost:** {'; '.join(map(_cost_of, mentioned))}."


def _cost_of(candidate: Candidate) -> str:
    parts = [f"{_name(candidate)} {_seconds(candidate.fit_s)} for the fit"]
    if first := candidate.first_model_s:
        parts.append(f"{_seconds(first)} with the start of the process and compilation")
    if one := candidate.prediction_s:
        parts.append(f"{_micro(one)} µs a prediction")
    if memory := candidate.host_bytes:
        parts.append(f"{_mega(memory)} MB of memory")
    return ", ".join(parts)


def _ten_times(found: Recommendation) -> str:
    several = {id(it): it for it in (found.best, found.chosen)}.values()
    measured = [(it, e) for it in several if (e := exponent(it.model)) is not None]
    text = f"**With {TIMES_MORE} times the ratings**"
    if not measured:
        return (
            f"{text}: not measured, for the minutes were over or a fit did not come to its end. "
            "More minutes measure it."
        )
    grown = [_grown(*each) for each in measured]
    return (
        f"{text} of as many users and items, by the same hyperparameters: {'; '.join(grown)}. "
        "(From fits on a quarter, half and all of the training part, so beyond what was measured.)"
    )


def _grown(candidate: Candidate, exponent: Interval) -> str:
    fit = candidate.fit_s.value
    value, low, high = (
        significant(fit * TIMES_MORE**e, 2) for e in (exponent.value, exponent.low, exponent.high)
    )
    ends = f"{exponent.low:.2f} to {exponent.high:.2f}".replace("-", "−")
    name, span = _name(candidate), f"exponent {ends}"
    unsure = ", unsure: fits that last milliseconds say little of long ones"
    unsure = unsure if is_short(candidate.model) else ""
    if exponent.high - exponent.low > UNSURE:
        return f"{name} too close to say ({span}){unsure}"
    if exponent.low <= 0:
        return (
            f"{name} too close to say, for its seconds did not grow beyond noise ({span}){unsure}"
        )
    return f"{name} {value} s ({low}–{high}; {span}){unsure}"


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
        if best and lowest and best is not lowest:
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
    """Which searches gained less on test than on validation, beyond noise."""
    shown = []
    if not any(map(_gain, items)):
        return ""
    for name, model in items:
        gain, default, best = _gain((name, model)), _rmse(model.default), _rmse(model.best)
        if gain is None or default is None or best is None or gain.high >= default - best:
            continue
        worse = ", and is worse than its default there" if gain.high < 0 else ""
        shown.append(
            f"{escaped(name)} gained {default - best:.4f} on validation and "
            f"{signed(gain.value)} on test ({100 * SURE:g} % interval {_ends(gain)}){worse}"
        )
    if not shown:
        return "No search overfitted its validation part beyond noise."
    return (
        "**Searches that overfitted their validation part**, for they gained less on test beyond "
        f"noise: {'; '.join(shown)}."
    )


def _remarks(item: _Item) -> list[str]:
    """Why a model has no figures, what went wrong in trials, and doubts about its best one."""
    _, model = item
    found = [model.plan.problem] if model.plan.problem else []
    if model.trials and model.best is None:
        found.append("no trial has a result")
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
        Column("implementation", lambda it: it.name, align="left"),
        Column("fit s", lambda it: it.fit_s, seconds),
        Column("first model s", lambda it: it.first_model_s, seconds),
        Column("µs a prediction", lambda it: it.prediction_s, _micro),
        Column("host peak MB", lambda it: it.host_bytes, _mega),
    ]
    if any(it.device_bytes for it in found.candidates):
        columns.append(Column("device peak MB", lambda it: it.device_bytes, _mega))
    return [
        "## Cost",
        "Of the final fits: medians over seeds, in brackets their range, from six seeds on a 95 % "
        "interval. First model: with the start of the process, imports and compilation. "
        "Predictions are made in one call; 1 MB is 10⁶ bytes.",
        markdown_table(columns, found.candidates),
    ]


def _search(outcome: Outcome) -> list[str]:
    found = recommend(outcome)
    plot = anytime_plot(outcome)
    goals = found.goals if found else []
    columns: list[Column[_Item]] = [
        Column("implementation", lambda it: it[0], align="left"),
        *(Column(f"≤ {_goal(goal)}", partial(_to_goal, goal)) for goal in goals),
        Column("search s", lambda it: it[1].spent.counted_s, "{:.0f}".format),
    ]
    if plot is None:
        return []
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


def predict_command(outcome: Outcome, out: Path) -> str:
    """By the recommended model, for a file of pairs."""
    name = shlex.quote(outcome.request.name)
    return f"bench predict --choice {name}{out_option(out)} --pairs pairs.csv --output out.csv"


def _next(outcome: Outcome, found: Recommendation, out: Path) -> list[str]:
    """The lines that fit the chosen model on the whole file and predict."""
    return [
        f"This fits {_name(found.chosen)} on all ratings, for as many epochs as the search found, "
        "and predicts. Run it by the Python that has ratebench (`.venv/bin/python` in a clone), in "
        "the folder where `bench choose` ran, or with the path of the ratings from there:",
        f"```python\n{python_lines(outcome, found.chosen)}\n```",
        "Or for a file of pairs, on the command line:",
        f"```\n{predict_command(outcome, out)}\n```",
    ]


def python_lines(outcome: Outcome, chosen: Candidate) -> str:
    """A script that fits the chosen model on the whole file and predicts two pairs of it."""
    assert chosen.model.best is not None
    plan, data = chosen.model.plan, outcome.data
    module, _, name = IMPLEMENTATIONS.get(plan.implementation, "").partition(":")
    if not name:  # of a file of one's own, which must lie where the script runs
        file, _, name = plan.implementation.rpartition(":")
        module = PurePath(file).stem
    read_by = f", {_layout(data.options)}" if data and data.options else ""
    files, load = repr(outcome.request.dataset), "datasets.load"
    if outcome.request.test:
        files, load = f"{files}, {outcome.request.test!r}", "given.load"
    values = final_hyperparameters(chosen.model.best)
    values |= {"device": plan.device} if plan.device != "cpu" else {}
    settings = [f"    {key}={value!r}," for key, value in values.items()]
    return "\n".join(
        [
            "import datasets",
            *(["from datasets import given"] if outcome.request.test else []),
            "from datasets.reading.ids import matched",
            *(["from datasets.reading.layout import Layout"] if read_by else []),
            f"from {module} import {name}",
            "",
            f"dataset = {load}({files}{read_by})",
            "ratings = datasets.whole(dataset)",
            *([f"model = {name}(", *settings, ")"] if settings else [f"model = {name}()"]),
            "model.fit(ratings.train)",
            "# Your ids, as texts; one without ratings becomes -1, which no model can predict.",
            "users = matched(dataset.user_ids[:2].astype(str), ratings.user_ids)",
            "items = matched(dataset.item_ids[:2].astype(str), ratings.item_ids)",
            "print(model.predict(users, items).clip(*ratings.train.scale))",
        ]
    )


def _layout(options: Mapping[str, str]) -> str:
    """`Layout(…)` of the options that a file was read with."""
    found = Layout.from_options(options)
    given = {
        field.name: value
        for field in fields(found)
        if (value := getattr(found, field.name)) != getattr(AS_DETECTED, field.name)
    }
    return f"Layout({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _how(outcome: Outcome) -> str:
    request = outcome.request
    spent = {name: m.spent.counted_s for name, m in names(outcome).items() if m.trials}
    ends = [f"{escaped(name)} {spent[name]:.2g} s" for name in _least_and_most(spent)]
    took = f"{' to '.join(ends)}, median {statistics.median(spent.values()):.2g} s" if spent else ""
    final = sum((m.final_spent.counted_s for m in outcome.models), 0.0)
    trials = [trial for model in outcome.models for trial in model.trials]
    suggested = (
        "; the others are the starts of the study and suggestions of a tree-structured Parzen "
        f"estimator (optuna), and {sum(t.pruned for t in trials):,} of {len(trials):,} were ended "
        "early, for others were better at equal seconds"
    )
    return (
        f"`bench choose` with {request.minutes:g} minutes for all models together, on "
        f"{plural(request.threads, 'thread')}: the search on {escaped(request.split)}, the final "
        f"runs on {escaped(request.final_split)}, whose training part is training and validation "
        f"part of the search together, with {plural(request.seeds, 'seed')} of the model on that "
        f"one split. The seconds were shared out equally, evaluation of checkpoints not counted; "
        f"a search ends sooner where it finds nothing better, and later where the first trial "
        f"cannot be ended between epochs. Of process start, compilation and training the searches "
        f"took: {took}. All final runs took {final:.0f} s. Trial 0 is the preset `default`"
        f"{suggested if len(trials) > len(spent) else ''}. Two models are compared by their "
        f"squared errors on blocks of the test part and by how much their seeds differ: one is "
        f"more accurate beyond noise where the {100 * SURE:g} % interval excludes 0. Of several "
        f"test RMSEs the lowest is low by luck, too. All of it holds for this one cut: how the "
        f"models would do on other training ratings is not in the intervals."
    )


def _least_and_most(spent: Mapping[str, float]) -> list[str]:
    return list(
        dict.fromkeys([min(spent, key=spent.__getitem__), max(spent, key=spent.__getitem__)])
    )


def _records(outcome: Outcome) -> list[Record]:
    return [
        record
        for model in outcome.models
        for record in (*(t.record for t in model.trials), *model.best_runs, *model.default_runs)
    ]


def _name(candidate: Candidate) -> str:
    return escaped(candidate.name)


def _goal(goal: Goal) -> str:
    return f"{goal_rmse(goal.rmse)} ({goal.name})"


def _excess(beside: Beside) -> str:
    """`+0.0031 (99 % interval +0.0012 to +0.0050)`."""
    if beside.excess is None:
        return f"{error(beside.candidate.rmse)} (of one seed, so no interval)"
    return f"{signed(beside.excess.value)} ({100 * SURE:g} % interval {_ends(beside.excess)})"


def _seconds(interval: Interval) -> str:
    """`12.3 s (11.9–12.8)`, or without the range where it is of one run."""
    value, *ends = seconds(interval).split(" ", 1)
    return " ".join([f"{value} s", *ends])


def _with_ends(interval: Interval) -> str:
    return f"{signed(interval.value)} ({_ends(interval)})"


def _ends(interval: Interval) -> str:
    return f"{signed(interval.low)} to {signed(interval.high)}"


def _times(ratio: Interval) -> str:
    """`12 times (10–14)`."""
    value, low, high = (significant(each, 2) for each in (ratio.value, ratio.low, ratio.high))
    return f"{value} times" if ratio.level is None else f"{value} times ({low}–{high})"


def _micro(seconds_: Interval) -> str:
    return significant(seconds_.value * 1e6, 2)


def _mega(size: Interval) -> str:
    return significant(size.value / 1e6)


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
