"""Revisions under test whose truth is known, and the counts over many runs of them."""

from __future__ import annotations

import ast
import math
import random
from pathlib import Path

import pytest
import scipy.stats

from bench.gate.evaluation import trials
from bench.gate.evaluation.revisions import (
    DOSES,
    change_nothing,
    commit,
    drawn,
    rows_of,
    slow_down,
    swapped,
)
from bench.gate.evaluation.tally import (
    by_dose,
    by_true_ratio,
    decided,
    false_alarms,
    ratio_of,
    share,
    true_ratios,
)
from bench.gate.trees import Repository
from tests.bench.gate.conftest import Checkout

TWO = "import os\n\ndef a():\n    return 1\n\n# between\ndef b(x):\n    return 2\n\nC = a()\n"
ROWS = {"numpy_sgd": 1000, "als": 200, "parse": 50}


def test_functions_change_places_and_all_else_stays() -> None:
    other = "import os\n\ndef b(x):\n    return 2\n\n# between\ndef a():\n    return 1\n\nC = a()\n"
    assert swapped(TWO) == other


@pytest.mark.parametrize("spared", ["def b(x=a()):", "def b(*, x=a()):", "@cache\ndef b(x):"])
def test_what_is_evaluated_on_loading_keeps_its_place(spared: str) -> None:
    source = TWO.replace("def b(x):", spared)
    assert swapped(source) == source


@pytest.mark.parametrize("path", sorted(Path("impls").glob("*.py")), ids=lambda path: path.stem)
def test_our_modules_are_the_same_definitions_in_another_order(path: Path) -> None:
    def definitions(source: str) -> list[str]:
        return sorted(ast.unparse(node) for node in ast.parse(source).body)

    source = path.read_text()
    assert definitions(swapped(source)) == definitions(source)


def test_a_dose_is_a_share_of_rows_more(checkout: Checkout) -> None:
    base = checkout.commit(tests__speed__sizes=f"ROWS = {ROWS}\n")
    repository = Repository.around(checkout.root)
    head = commit(repository, base, slow_down({"numpy_sgd": 0.05, "als": 0.0, "parse": 0.1}))
    with repository.checked_out({"head": head}) as trees:
        assert rows_of(trees["head"]) == {"numpy_sgd": 1050, "als": 200, "parse": 55}
    assert rows_of(checkout.root) == ROWS


def test_a_commit_that_changes_nothing_is_another_commit(checkout: Checkout) -> None:
    base = checkout.commit(impls__a=TWO, bench__b="X = 1\n")
    repository = Repository.around(checkout.root)
    head = commit(repository, base, change_nothing)
    assert head != base
    with repository.checked_out({"head": head}) as trees:
        assert (trees["head"] / "impls/a.py").read_text().startswith("# A comment,")


def test_every_dose_is_drawn() -> None:
    rng = random.Random(0)
    assert {dose for _ in range(20) for dose in drawn(ROWS, rng).values()} == set(DOSES)


def test_a_campaign_goes_on_where_it_stopped_and_writes_its_draws_apart(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.commit(tests__speed__sizes=f"ROWS = {ROWS}\n")
    monkeypatch.chdir(checkout.root)
    out = tmp_path / "out"

    def compare(request, *_):
        request.out.write_text(
            '{"workloads": {"parse": {"verdict": "PASS", "Y": [0.01]}}, "control": null,'
            ' "seconds": 1.0, "stolen": 0.0, "at": "", "machine": ""}'
        )
        return 0

    monkeypatch.setattr(trials, "compare", compare)
    for runs in (1, 3, 3):
        trials.main(trials.Kind.SLOW, runs, out)
    trials.main(trials.Kind.SAME, 1, out)
    result, draws = trials.read(out / trials.RUNS), trials.read(out / trials.DRAWS)
    assert [run["kind"] for run in result] == ["slow", "slow", "slow", "same"]
    assert [run["head"] for run in result] == [draw["head"] for draw in draws]
    assert "doses" not in result[0]
    assert all(set(draw["doses"].values()) <= set(DOSES) for draw in draws)


def run(kind: str, verdict: str, head: str = "h", **changes: object) -> dict:
    workloads = {"fit[als]": {"verdict": verdict, "Y": [0.05, 0.06]}}
    known = {"kind": kind, "head": head, "beside": "", "cores": 2, "control_failed": False}
    known["seconds"] = 90.0
    return {**known, "workloads": workloads, **changes}


def test_false_alarms_are_counted_by_setting() -> None:
    runs = [run("same", "PASS"), run("same", "FAIL"), run("same", "PASS", beside="another")]
    rows = list(false_alarms(runs))
    assert [row[0] for row in rows] == [
        "same, 1 workloads, 2 cores",
        "same, 1 workloads, 2 cores beside another",
    ]
    assert rows[0][1].startswith("1 of 2 (")


def test_verdicts_are_counted_by_kind_of_work_and_dose() -> None:
    doses = {"h": {"als": 0.05}, "i": {"als": 0.0}}
    runs = [run("slow", "FAIL"), run("slow", "PASS"), run("slow", "PASS", "i")]
    truth = {("fit[als]", 0.05): [0.04, 0.05]}
    rows = list(by_dose(decided(runs, doses, truth)))
    assert [row[:3] for row in rows[:2]] == [["BLAS", "0%", ""], ["BLAS", "5%", "1.046"]]
    assert rows[1][3].startswith("1 of 2 (")
    assert rows[2:] == [["all", *row[1:]] for row in rows[:2]]


def test_verdicts_are_counted_by_the_true_ratio_of_what_was_added() -> None:
    doses = {"h": {"als": 0.05}, "i": {"als": 0.1}, "j": {"als": 0.0}}
    runs = [run("slow", "FAIL"), run("slow", "PASS", "i"), run("slow", "FAIL", "j")]
    truth = {("fit[als]", 0.05): [0.08, 0.09], ("fit[als]", 0.1): [-0.01, -0.02]}
    (faster, slower) = by_true_ratio(decided(runs, doses, truth))
    assert (faster[0], slower[0]) == ("1.000–1.025", "1.075 and more")
    assert [cell.partition(" (")[0] for cell in faster[1:]] == ["0 of 1", "1 of 1", "0 of 1"]
    assert [cell.partition(" (")[0] for cell in slower[1:]] == ["1 of 1", "0 of 1", "0 of 1"]


def test_the_true_ratio_is_that_of_the_undecided_rounds() -> None:
    undecided = [run("truth", "INCONCLUSIVE")] * 2
    ((at, Y),) = true_ratios(undecided, {"h": {"als": 0.05}}).items()
    assert at == ("fit[als]", 0.05)
    ratio, half = ratio_of(Y)
    assert ratio == pytest.approx(math.exp(0.055))
    t = scipy.stats.t.ppf(0.975, 3)
    assert half == pytest.approx(t * ratio * 0.01 / math.sqrt(3) / 2)


@pytest.mark.parametrize(("count", "of"), [(0, 40), (19, 20), (20, 20)])
def test_a_share_has_the_exact_interval(count: int, of: int) -> None:
    low = scipy.stats.beta.ppf(0.025, count, of - count + 1) if count else 0
    high = scipy.stats.beta.ppf(0.975, count + 1, of - count) if count < of else 1
    assert share(count, of) == f"{count} of {of} ({100 * low:.1f}–{100 * high:.1f} %)"
