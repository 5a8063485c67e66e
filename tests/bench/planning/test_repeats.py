"""When a row is repeated once more, and when it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.planning.plan import Cell
from bench.planning.repeats import (
    AGAIN,
    FEWEST,
    MOST,
    Done,
    Precision,
    followed,
    imprecise,
    next_repeats,
    precision,
    row_of,
)
from bench.planning.rules import Rules
from bench.records import Disturbance, Goal, Record
from bench.store import RecordStore
from tests.support.plans import facts
from tests.support.records import record

WANTED = Precision(0.05, budget_s=60)
LEVEL = (1.0, 1.01, 0.99, 1.0, 1.02, 0.98)
UNEVEN = (1.0, 1.0, 1.0, 1.0, 1.0, 2.0)


def cell(name: str = "bias", seed: int = 0, dataset: str = "with-goals", **fields: object) -> Cell:
    request = record(name, seed=seed, dataset=dataset).cell.model_copy(update=fields)
    return Cell(request, name, "hash", facts(dataset), Rules())


def run(seconds: Sequence[float], name: str = "bias", wall_s: float = 2.0, **of: str) -> list[Done]:
    """A run with each of these fit times; where six seeds ran, three of them ran again."""
    seeds = [(seed, 0) for seed in range(len(seconds))]
    if len(seconds) >= FEWEST:
        seeds += [(seed, 1) for seed in range(AGAIN)]
    return [a_run(name, *each, seconds[each[0]], wall_s, **of) for each in seeds]


def once(seconds: Sequence[float]) -> list[Done]:
    """A run with each of these fit times, and no seed again."""
    return [a_run("bias", seed, 0, fit_s) for seed, fit_s in enumerate(seconds)]


def a_run(name: str, seed: int, again: int, fit_s: float, wall_s: float = 2.0, **of: str) -> Done:
    made = a_record(name, seed, fit_s=fit_s, wall_s=wall_s, again=again, **of)
    return cell(name, seed, again=again, **of), made


def a_record(
    name: str, seed: int, *, fit_s: float, wall_s: float, warmup_s: float = 0.0, **of: Any
) -> Record:
    made = record(name, seed=seed, fit_s=fit_s, goals=(), **of)
    times = made.times
    assert times is not None
    changed = times.model_copy(update={"wall_s": wall_s + warmup_s, "warmup_s": warmup_s})
    return made.model_copy(update={"times": changed})


def disturb(done: Done) -> Done:
    busy = Disturbance(steal_s=0.0, wait_s=100.0, involuntary_switches=1000)
    return done[0], done[1].model_copy(update={"disturbance": busy})


def seeds(done: list[Done], wanted: Precision | None = WANTED) -> dict[str, int]:
    """Row -> seed of its next repeat."""
    repeats = next_repeats(done, wanted)
    return {each.request.implementation: each.request.seed for each in repeats}


def of_seeds(done: list[Done], wanted: Precision = WANTED) -> list[tuple[int, int]]:
    """Seed of each next repeat, and how often it ran before."""
    return [(it.request.seed, it.request.again) for it in next_repeats(done, wanted)]


def test_a_row_is_repeated_with_the_next_seed_until_its_times_are_precise() -> None:
    assert of_seeds(run(LEVEL[:5])) == [(5, 0)]  # five runs have no interval
    assert of_seeds(once(LEVEL)) == []
    assert of_seeds(run([1.0, 1.0, 1.0, 1.0, 1.0, 2.0])) == [(6, 0)]
    assert seeds(run(LEVEL[:5]), None) == {}


def test_three_seeds_run_again_so_that_the_machines_part_is_known() -> None:
    """Of a row that six seeds left imprecise."""
    done = run(UNEVEN)
    assert [of_seeds(done[: 6 + n]) for n in range(4)] == [[(0, 1)], [(1, 1)], [(2, 1)], [(6, 0)]]
    assert of_seeds(done[:6], replace(WANTED, budget_s=13)) == []


def test_a_seed_that_ran_again_counts_once_with_the_mean_of_its_runs() -> None:
    slow = [1.0, 1.0, 1.0, 1.0, 1.0, 1.2]
    assert precision([r for _, r in run(slow)]) == pytest.approx(0.1)
    quicker = [r for _, r in [*run(slow), a_run("bias", 5, 1, 1.0)]]
    assert precision(quicker) == pytest.approx(0.05)


def test_a_seed_whose_run_was_disturbed_runs_again_twice_at_most() -> None:
    """Once six seeds ran: without them there is no interval, whatever runs again."""
    done = once(LEVEL)
    disturbed = [*done[:4], disturb(done[4]), done[5]]
    assert of_seeds(disturbed[:5]) == [(5, 0)]
    assert of_seeds(disturbed) == [(4, 1)]
    assert of_seeds([*disturbed, a_run("bias", 4, 1, 1.0)]) == []
    still = [*disturbed, disturb(a_run("bias", 4, 1, 1.0))]
    assert of_seeds(still) == [(4, 2)]
    assert of_seeds([*still, disturb(a_run("bias", 4, 2, 1.0))]) == []
    assert of_seeds(disturbed, replace(WANTED, budget_s=13.9)) == []


def test_where_most_runs_are_disturbed_none_runs_again_for_that() -> None:
    done = once(LEVEL)
    assert of_seeds([*done[:3], *map(disturb, done[3:])]) == [(3, 1)]
    assert of_seeds([*done[:2], *map(disturb, done[2:])]) == []


def test_a_row_ends_where_the_next_repeat_would_exceed_its_budget() -> None:
    seven = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    assert seeds(run(seven), replace(WANTED, budget_s=22)) == {"bias": 7}
    assert seeds(run(seven), replace(WANTED, budget_s=21.9)) == {}
    assert seeds(run([1.0] * 2), replace(WANTED, budget_s=0)) == {}
    [(first, _)] = run([1.0])
    compiled = a_record("bias", 0, fit_s=1.0, wall_s=2.0, warmup_s=500.0)
    assert seeds([(first, compiled)]) == {"bias": 1}


def test_a_row_that_cannot_have_an_interval_within_its_budget_is_not_repeated() -> None:
    """Six may take a quarter more than the budget of 60 s, seven may not."""
    assert seeds(run([1.0, 2.0, 3.0], wall_s=12.5)) == {"bias": 3}
    assert seeds(run([1.0, 2.0, 3.0], wall_s=12.6)) == {}
    assert seeds(run([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], wall_s=9.0)) == {}


def test_a_row_that_does_not_end_well_is_not_repeated() -> None:
    for status in ("failed", "timeout", "skipped"):
        assert seeds([(cell(), record("bias", status=status, reason="?"))]) == {}


def test_the_folds_of_a_cross_validation_are_its_most_repeats() -> None:
    folds = [
        (cell(seed=n, split="5-fold"), a_record("bias", n, fit_s=1 + n, wall_s=1, split="5-fold"))
        for n in range(5)
    ]
    assert of_seeds(folds[:4]) == [(4, 0)]
    again = [a_run("bias", n, 1, 1 + n, 1, split="5-fold") for n in range(3)]
    assert [of_seeds([*folds, *again[:n]]) for n in range(4)] == [[(0, 1)], [(1, 1)], [(2, 1)], []]
    both = [a_run("bias", n, 0, 1, 1, split="2-fold") for n in range(2)]
    assert of_seeds([*both, *[a_run("bias", n, 1, 1, 1, split="2-fold") for n in range(2)]]) == []
    assert seeds(run([1.0, 2.0] * (MOST // 2), wall_s=0.1)) == {}


def test_only_open_rows_run_again_once_each() -> None:
    done = [*run(LEVEL, "bias"), *run([1, 2, 3, 4, 5, 6], "als"), *run([1, 9] * 3, "ncf")]
    assert seeds(done) == {"als": 6, "ncf": 6}
    assert len(next_repeats(done, None)) == 0
    assert len(next_repeats(done, WANTED)) == 2


def test_the_row_that_sets_the_goal_runs_first_with_every_seed_of_the_others() -> None:
    done = [*run([1, 9], "als", dataset="mine.csv"), *run([1] * 2, "bias", 90, dataset="mine.csv")]
    block = next_repeats(done, WANTED)
    assert [each.request.implementation for each in block] == ["bias", "als"]
    ahead = [*done, a_run("bias", 2, 0, 1, 90, dataset="mine.csv")]
    assert seeds(ahead) == {"als": 2}
    elsewhere = [*run([1, 9], "als"), *run([1] * 2, "bias", 90, dataset="mine.csv")]
    assert seeds(elsewhere) == {"als": 2}


def test_the_order_of_a_block_is_drawn_anew_and_the_same_the_next_time() -> None:
    names = "abcdefgh"
    done = [pair for name in names for pair in run([1.0], name)]
    orders = []
    for _ in range(3):
        block = next_repeats(done, WANTED)
        assert block == next_repeats(done, WANTED)
        orders.append([each.request.implementation for each in block])
        done += [(c, a_record(c.class_path, c.request.seed, fit_s=1, wall_s=1)) for c in block]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == list(names) for order in orders)


def test_the_precision_is_that_of_the_least_precise_time() -> None:
    runs = [r for _, r in run(LEVEL)]
    assert precision(runs) == pytest.approx(0.02)
    runs = runs[:6]

    def reaching(*seconds: float | None) -> list[Record]:
        goals = [[Goal(rmse=0.9, seconds=s), Goal(rmse=0.8, seconds=None)] for s in seconds]
        pairs = zip(runs, goals, strict=True)
        return [r.model_copy(update={"goals": of_run}) for r, of_run in pairs]

    assert precision(reaching(*[1.0, 1.1] * 3)) == pytest.approx(0.05 / 1.05)
    assert precision(reaching(*[1.0] * 5, None)) == math.inf
    assert precision(reaching(*[None] * 6)) == pytest.approx(0.02)  # nobody reached it
    # Where half of the seeds miss it, no number of runs makes the time known.
    assert precision(reaching(*[1.0] * 3, *[None] * 3)) == pytest.approx(0.02)


def test_rows_that_are_not_precise_are_named_with_how_precise_they_are() -> None:
    done = [*run(LEVEL, "als"), *run([1.0, 1.5] * 3, "ncf"), *run([1.0], "bias")]
    rows = {"autorec": [record("autorec", status="failed", reason="?")]}
    for _, each in done:
        rows.setdefault(each.cell.implementation, []).append(each)
    assert imprecise(rows, WANTED) == ["ncf (±20 % after 9 runs)", "bias (1 run)"]
    goals = [[Goal(rmse=0.9, seconds=None if n == 5 else 1.0)] for n in range(6)]
    misses = [
        each.model_copy(update={"goals": of_run})
        for (_, each), of_run in zip(run(LEVEL)[:6], goals, strict=True)
    ]
    assert imprecise({"bias": misses}, WANTED) == ["bias (6 runs, a goal missed in some)"]
    assert imprecise(rows, replace(WANTED, half_width=0.9)) == ["bias (1 run)"]


def test_a_lost_run_says_nothing_of_how_precise_its_row_is() -> None:
    ran = [record for _, record in run([1.0, 1.5] * 3, "ncf")]
    lost = record("ncf", status="lost", reason="its machine left")
    assert imprecise({"ncf": [*ran, lost], "bias": [lost]}, WANTED) == imprecise(
        {"ncf": ran}, WANTED
    )


def test_runs_of_few_seeds_are_no_missed_goals() -> None:
    ran = [record for _, record in [*run(LEVEL[:4]), *[a_run("bias", n, 1, 1.0) for n in (0, 1)]]]
    assert imprecise({"bias": ran}, WANTED) == ["bias (6 runs of 4 seeds)"]


def test_a_row_is_the_same_before_and_after_its_record_was_stored(tmp_path: Path) -> None:
    """A tuple among its hyperparameters becomes a list there."""
    ran = record("ncf", hyperparameters={"layers": (64, 32)})
    RecordStore(tmp_path).append(ran)
    [stored] = RecordStore(tmp_path).read()[0]
    assert row_of(stored) == row_of(ran)


def test_a_plan_goes_on_to_the_first_block_that_is_not_recorded() -> None:
    done = run([1.0, 2.0])
    known = {c.request.seed: r for c, r in done}
    planned = followed([done[0][0]], lambda c: known.get(c.request.seed), WANTED)
    assert [each.request.seed for each in planned] == [0, 1, 2]
    assert followed([done[0][0]], lambda _: None, WANTED) == [done[0][0]]
    assert followed([done[0][0]], lambda c: known.get(c.request.seed), None) == [done[0][0]]
