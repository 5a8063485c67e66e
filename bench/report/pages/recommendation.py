"""What a choice recommends, in sentences: for its page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.choose.budget import SPENT
from bench.choose.final import least_s
from bench.choose.growth import exponent, is_short
from bench.choose.outcome import NO_ROOM, SURE, Outcome
from bench.choose.recommendation import (
    CLOSE,
    NEAR,
    Beside,
    Candidate,
    Goal,
    Recommendation,
    names,
    recommend,
)
from bench.report.formats import (
    ends,
    error,
    goal_rmse,
    listed,
    mega,
    micro,
    plural,
    seconds,
    signed,
    significant,
)
from bench.report.markdown import escaped
from bench.report.rows import disturbances
from bench.stats import Interval

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


def recommendation(outcome: Outcome) -> list[str]:
    """What to use, a paragraph each, as Markdown."""
    found = recommend(outcome)
    if found is None:
        more = "More minutes run" if outcome.request.ended else "The same command runs"
        text = "**No model has a test score yet**, so nothing is recommended."
        return [f"{text} {more} what is missing."]
    before = (_changed, _unfinished, _cut_short, _no_search, _elsewhere)
    first = filter(None, [sentence(outcome) for sentence in before])
    if not found.can_choose:
        return [
            *first,
            "**These test ratings cannot choose a model**: none is of a user and an item that both "
            "have training ratings, so every model predicts the same. Give more ratings, or "
            "another --split.",
        ]
    return [
        *first,
        f"**{_use(found)}**",
        _test_part(found),
        _most_accurate(found),
        *([_quickest(found)] if found.others else []),
        *filter(None, [_quickest_to_goals(found.goals)]),
        _costs(found),
        _ten_times(found, ended=outcome.request.ended),
    ]


def _changed(outcome: Outcome) -> str:
    """Which searches ended because their row was edited; "" where none did."""
    if not outcome.changed:
        return ""
    which = listed([escaped(model.plan.implementation) for model in outcome.changed])
    return (
        f"**Edited during the search:** {which}. That search ended there, and the same command "
        "starts its trials anew."
    )


def _elsewhere(outcome: Outcome) -> str:
    """Which models other calls searched; "" where none did."""
    if not (elsewhere := outcome.elsewhere):
        return ""
    some = [escaped(name) for name in elsewhere[:NAMED]]
    more = [plural(len(elsewhere) - NAMED, "other")] if len(elsewhere) > NAMED else []
    here = plural(len(outcome.models), "model")
    return (
        f"**This is of {here} alone**, those of the last call. Earlier ones searched "
        f"{listed([*some, *more])}, too: a call with all of them compares them by those trials."
    )


def _unfinished(outcome: Outcome) -> str:
    """What more minutes would run; "" where that is nothing."""
    if untried := outcome.untried:
        able = [m for m in outcome.models if m.plan.problem in ("", NO_ROOM)]
        which = listed([escaped(model.plan.implementation) for model in untried])
        n_probes = sum(len(m.plan.rows) for m in able if len(m.plan.rows) > 1)
        needed_s = least_s(len(able), n_probes, outcome.request.seeds)
        needed = f"all of it needs about {plural(math.ceil(needed_s / 60), 'minute')} at least"
        is_known = needed_s > 60 * outcome.request.minutes  # a guess, made before any trial
        return (
            f"**{len(untried)} of {plural(len(able), 'model')} were not tried**, for the minutes "
            f"had no room for their first trial: {which}. More minutes run them, "
            "and so does a call of fewer models (`--impl`)"
            f"{f'; {needed}' if is_known else ''}."
        )
    if not outcome.request.ended:
        text = "**The last call was interrupted**: the same command goes on from there."
        if newer := [escaped(n) for n, model in names(outcome).items() if not model.is_newest]:
            text += f" Better trials of {listed(newer)} have no final runs yet."
        return text
    if outcome.lacks_runs:
        return "**The choice is not complete**: final runs are missing, and more minutes run them."
    return ""


def _use(found: Recommendation) -> str:
    chosen = _name(found.chosen)
    if not found.others:
        return f"Use {chosen}: no other model has a test RMSE."
    if found.as_accurate:
        return (
            f"Use {chosen}, the quickest of those that may be the most accurate and are at most "
            f"{100 * NEAR:g} % above the lowest test RMSE."
        )
    if any(it.excess for it in found.tied):
        text = f"Use {chosen}: its test RMSE is the lowest, though not beyond noise"
        fit_s = found.chosen.fit_s.value
        if any(it.excess and it.candidate.fit_s.value < fit_s for it in found.tied):
            text += f"; none that is quicker is at most {100 * NEAR:g} % above it"
        return f"{text}."
    if found.tied and len(found.best.runs) < 2:
        return f"Use {chosen}: its test RMSE is the lowest, of one seed."
    if found.tied:
        others = plural(len(found.tied), "other")
        return f"Use {chosen}: its test RMSE is the lowest; {others} cannot be compared."
    return f"Use {chosen}: it is the most accurate."


def _test_part(found: Recommendation) -> str:
    """On how many ratings all of it rests, and how many of them no model can tell apart."""
    metrics = found.best.runs[0].metrics
    assert metrics is not None
    n, n_cold = metrics.n_test, metrics.n_cold_start
    text = f"All of it is by {plural(n, 'test rating')}"
    text = f"**{text}, which is little:** chance decides much." if n < FEW else f"{text}."
    if not n_cold:
        return text
    text += (
        f" {n_cold:,} of them ({significant(100 * n_cold / n, 2)} %) are cold starts, of which "
        "every model predicts the same."
    )
    if n_cold >= MANY_COLD * n:
        named = (found.best, found.quickest, found.chosen, *found.candidates[:2])
        several = {id(it): it for it in named}.values()
        known = [f"{_name(it)} {value:.4f}" for it in several if (value := it.known_rmse)]
        if known:
            text += f" They bring all models together; on the others alone: {listed(known)}."
    return text


def _cut_short(outcome: Outcome) -> str:
    """Which models' first trial ran out of time; "" where none did."""
    cut = {
        escaped(name): model
        for name, model in names(outcome).items()
        if model.default and model.default.record.status == "timeout"
    }
    if not cut:
        return ""
    text = (
        f"**Too few minutes** for the first trial of {listed([*cut])}, which a time limit ended. "
        "More minutes run such a trial again. Where it has a result, what is called the default "
        "below is its best epoch until then."
    )
    if nothing := [name for name, model in cut.items() if model.best is None]:
        which = "it may be the best" if len(nothing) == 1 else "each of them may be the best"
        text += f" There is no result yet of {listed(nothing)}, and {which}."
    return text


def _no_search(outcome: Outcome) -> str:
    """That there were defaults alone, for the minutes were too few for more; else ""."""
    tried = [model for model in outcome.models if model.trials]
    # Where nothing can be searched a call ends before its minutes.
    was_too_short = outcome.request.ended and outcome.wall_s >= SPENT * 60 * outcome.request.minutes
    if not was_too_short or any(len(model.trials) > 1 for model in tried):
        return ""
    return (
        "**Defaults alone:** the minutes had room for one trial of each model, that of its default "
        "hyperparameters. More minutes search for better ones."
    )


def _most_accurate(found: Recommendation) -> str:
    """The lowest, what is not separable from it, and what is known of the others."""
    best = found.best
    if not found.others:
        return f"**Most accurate:** not compared. {_name(best)} has test RMSE {error(best.rmse)}."
    tied = [it for it in found.tied if it.excess]
    apart = [it for it in tied if it.excess and it.excess.value > CLOSE * best.rmse.value]
    close = [it for it in tied if it not in apart]
    single = [it for it in found.others if not it.excess]
    near = [it for it in single if it.candidate.rmse.value <= (1 + CLOSE) * best.rmse.value]
    text = f"{_name(best)}, test RMSE {error(best.rmse)}"
    if close:
        rivals = _first([f"{_name(it.candidate)} {_excess(it)}" for it in close])
        text = f"**Most accurate: too close to say.** Lowest is {text}; not separable: {rivals}."
    elif tied:
        text = f"**Most accurate: not certain.** Lowest is {text}."
    elif near or (single and not found.next):
        text = f"**Most accurate: not known**, for {_lacks(found, single)}. Lowest is {text}."
    else:
        text = f"**Most accurate:** {text}."
    if apart:
        unsure = _first([f"{_name(it.candidate)} {_excess(it)}" for it in apart])
        text += f" Seeds or test ratings that differ too much leave it open for {unsure}."
    if beyond := found.next:
        is_next = found.others[0] is beyond
        less = "The next" if is_next else "The next that is less accurate beyond noise"
        text += f" {less}: {_name(beyond.candidate)} {_excess(beyond)}."
    if single:
        figures = _first([f"{_name(it.candidate)} {error(it.candidate.rmse)}" for it in single])
        text += f" Not compared, for {_lacks(found, single)}: {figures}."
    return text


def _lacks(found: Recommendation, single: Sequence[Beside]) -> str:
    """Why these are not compared with the lowest."""
    if len(found.best.runs) < 2 and any(len(it.candidate.runs) > 1 for it in single):
        return f"{_name(found.best)} has one seed, and so no interval"
    fewest = min(len(it.runs) for it in (found.best, *(it.candidate for it in single)))
    return "one seed has no interval" if fewest < 2 else "test ratings are too few for an interval"


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
        text += f", RMSE {_excess(beside)}; {_name(found.best)} takes {_times(times)}."
    if found.as_quick:
        rivals = [f"{_name(it)}, {_seconds(it.fit_s)}" for it in found.as_quick]
        text += f" Too close to say in time: {'; '.join(rivals)}."
    if found.perhaps_close:
        doubtful = [
            f"{_name(it.candidate)}, {_seconds(it.candidate.fit_s)}, RMSE {_excess(it)}"
            for it in found.perhaps_close
        ]
        text += f" Quicker, and not known to be within {share}: {'; '.join(doubtful)}."
    return text


def _quickest_to_goals(goals: Sequence[Goal]) -> str:
    """Of one trial each, so without an interval: what took less than half as long is named alone,
    and the others are too close to say."""
    parts = []
    for goal in goals:
        if not goal.reached:
            parts.append(f"{goal_with_name(goal)}: no model reached it")
            continue
        first, *others = goal.reached
        close = [each for each in others if each.fit_s < 2 * first.fit_s]
        which = [f"{escaped(each.name)} ({significant(each.fit_s)} s)" for each in [first, *close]]
        quickest = which[0] if not close else f"too close to say, {listed(which)}"
        parts.append(f"{goal_with_name(goal)}: {quickest}")
    if not parts:
        return ""
    return (
        f"**Quickest to a validation RMSE** (training seconds of the quickest trial: one run, so "
        f"no interval; within a factor of 2 it is too close to say): {'; '.join(parts)}."
    )


def _costs(found: Recommendation) -> str:
    mentioned = {id(it): it for it in (found.best, found.quickest, found.chosen)}.values()
    text = f"**Cost:** {'; '.join(map(_cost_of, mentioned))}."
    if disturbed := [_name(it) for it in mentioned if disturbances(it.runs)]:
        text += f" Fits of {listed(disturbed)} were disturbed: their seconds are too high."
    return text


def _cost_of(candidate: Candidate) -> str:
    parts = [f"{_name(candidate)} {_seconds(candidate.fit_s)} for the fit"]
    if first := candidate.first_model_s:
        parts.append(f"{_seconds(first)} with the start of the process and compilation")
    if one := candidate.prediction_s:
        parts.append(f"{micro(one)} µs a prediction")
    if memory := candidate.host_bytes:
        parts.append(f"{mega(memory)} MB of memory")
    return ", ".join(parts)


def _ten_times(found: Recommendation, *, ended: bool) -> str:
    several = {id(it): it for it in (found.best, found.chosen)}.values()
    measured = [(it, e) for it in several if (e := exponent(it.model)) is not None]
    text = f"**With {TIMES_MORE} times the ratings**"
    if not measured:
        if not ended:
            return f"{text}: not measured yet, for the call was interrupted."
        return (
            f"{text}: not measured, for the minutes were over or a fit did not come to its end. "
            "More minutes measure it."
        )
    grown = [_grown(*each) for each in measured]
    return (
        f"{text} of as many users and items, by the same hyperparameters: {'; '.join(grown)}. "
        "(By the line through fits on a quarter, half and all of the training part, with its 95 % "
        "interval: that it goes on so is beyond what was measured.)"
    )


def _grown(candidate: Candidate, exponent: Interval) -> str:
    fit = candidate.fit_s.value
    value, low, high = (
        significant(fit * TIMES_MORE**e, 2) for e in (exponent.value, exponent.low, exponent.high)
    )
    low_to_high = f"{exponent.low:.2f} to {exponent.high:.2f}".replace("-", "−")
    name, span = _name(candidate), f"exponent {low_to_high}"
    unsure = ", unsure: fits that last milliseconds say little of long ones"
    unsure = unsure if is_short(candidate.model) else ""
    if exponent.high - exponent.low > UNSURE:
        return f"{name} too close to say ({span}){unsure}"
    if exponent.low <= 0:
        return (
            f"{name} too close to say, for its seconds did not grow beyond noise ({span}){unsure}"
        )
    return f"{name} {value} s ({low}–{high}; {span}){unsure}"


def _name(candidate: Candidate) -> str:
    return escaped(candidate.name)


def goal_with_name(goal: Goal) -> str:
    return f"{goal_rmse(goal.rmse)} ({goal.name})"


def _excess(beside: Beside) -> str:
    """`+0.0031 (99 % interval +0.0012 to +0.0050)`."""
    if beside.excess is None:
        return f"{error(beside.candidate.rmse)} (not compared)"
    return f"{signed(beside.excess.value)} ({100 * SURE:g} % interval {ends(beside.excess)})"


def _seconds(interval: Interval) -> str:
    """`12.3 s (11.9–12.8)`, or without the range where it is of one run."""
    value, *span = seconds(interval).split(" ", 1)
    return " ".join([f"{value} s", *span])


def _times(ratio: Interval) -> str:
    """`12 times as long (95 % interval 10–14)`."""
    value, low, high = (significant(each, 2) for each in (ratio.value, ratio.low, ratio.high))
    text = f"{value} times as long"
    return f"{text} ({100 * ratio.level:g} % interval {low}–{high})" if ratio.level else text
