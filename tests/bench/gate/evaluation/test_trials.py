"""Revisions under test whose truth is known, and the counts over many runs of them."""

from __future__ import annotations

import ast
import random
import sys
from pathlib import Path

import pytest
import scipy.stats

from bench.gate.errors import SideError
from bench.gate.evaluation import trials
from bench.gate.evaluation.revisions import (
    change_nothing,
    commit,
    slow_down,
    swapped,
    workloads_of,
)
from bench.gate.evaluation.tally import by_true_ratio, false_alarms, share
from bench.gate.side import Checkout as Place
from bench.gate.side import Process, Ready, timing_core
from bench.gate.trees import Repository
from tests.bench.gate.conftest import Checkout

TWO = "import os\n\ndef a():\n    return 1\n\n# between\ndef b(x):\n    return 2\n\nC = a()\n"


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


WORKLOADS = """\
import time

now = 0

def perf_counter_ns():
    global now
    now += 1
    return now

def work():
    global now
    now += 1000

time.perf_counter_ns = perf_counter_ns

def test_same(benchmark):
    benchmark(work)

def test_slow(benchmark):
    benchmark(work)
"""
"""On a clock of their own, on which a call takes 1000 ns and reading it takes one."""


def ns_of(tree: Path, workload: str) -> int:
    """Of twenty calls."""
    place = Place(Path(sys.executable), tree)
    with Process("head", place, hash_seed=0, core=timing_core(), patience_s=60) as process:
        process.names()
        process.begin([workload])
        assert isinstance(process.ready(), Ready)
        return process.time(20).ns


def test_extra_work_is_an_exact_share_of_a_calls_own_time(checkout: Checkout) -> None:
    base = checkout.commit(
        tests__speed__test_w=WORKLOADS, tests__speed__conftest="from __future__ import annotations"
    )
    repository = Repository.around(checkout.root)
    head = commit(repository, base, slow_down({"slow": 0.05}))
    with repository.checked_out({"head": head, "base": base}) as trees:
        own = ns_of(trees["base"], "slow")
        assert own == pytest.approx(20 * 1000, rel=0.005)
        assert ns_of(trees["head"], "slow") == pytest.approx(1.05 * own, rel=0.005)
        assert ns_of(trees["head"], "same") == own
    assert checkout.git("status", "--porcelain") == ""
    assert checkout.git("branch", "--contains", head) == ""


def test_the_workloads_of_a_revision_are_named(checkout: Checkout) -> None:
    base = checkout.commit(tests__speed__test_w=WORKLOADS)
    repository = Repository.around(checkout.root)
    assert workloads_of(repository, base, (), print) == ["same", "slow"]
    assert workloads_of(repository, base, ("slow",), print) == ["slow"]
    with pytest.raises(SideError, match="no workload quick"):
        workloads_of(repository, base, ("quick",), print)


def test_a_commit_that_changes_nothing_is_another_commit(checkout: Checkout) -> None:
    base = checkout.commit(impls__a=TWO, bench__b="X = 1\n")
    repository = Repository.around(checkout.root)
    head = commit(repository, base, change_nothing)
    assert head != base
    with repository.checked_out({"head": head}) as trees:
        assert (trees["head"] / "impls/a.py").read_text().startswith("# A comment,")


def test_every_dose_is_drawn() -> None:
    rng = random.Random(0)
    drawn = [trials.drawn(["a", "b", "c"], rng) for _ in range(20)]
    assert {dose for extra in drawn for dose in extra.values()} == set(trials.DOSES)


def test_a_campaign_goes_on_where_it_stopped_and_writes_its_draws_apart(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout.commit(tests__speed__test_w=WORKLOADS)
    monkeypatch.chdir(checkout.root)
    out = tmp_path / "out"

    def compare(request, *_):
        request.out.write_text(
            '{"workloads": {"parse": {"verdict": "PASS", "Y": [0.01]}}, "control": null,'
            ' "seconds": 1.0, "stolen": 0.0, "at": "", "machine": ""}'
        )
        return 0

    monkeypatch.setattr(trials, "compare", compare)
    monkeypatch.setattr(trials, "workloads_of", lambda *_: ["parse", "split"])
    for runs in (1, 3, 3):
        trials.main(trials.Kind.SLOW, runs, out)
    trials.main(trials.Kind.SAME, 1, out)
    result, draws = trials.read(out / trials.RUNS), trials.read(out / trials.DRAWS)
    assert [run["kind"] for run in result] == ["slow", "slow", "slow", "same"]
    assert [run["head"] for run in result] == [draw["head"] for draw in draws]
    assert "extra" not in result[0]
    assert [list(draw["extra"]) for draw in draws] == [["parse", "split"]] * 3 + [[]]


def run(kind: str, verdict: str, **changes: object) -> dict:
    workloads = {"fit[als]": {"verdict": verdict}, "fit_cuda[ncf]": {"verdict": "skipped"}}
    known = {"kind": kind, "beside": "", "cores": 2, "control_failed": False}
    return {**known, "code": 0, "seconds": 90.0, "workloads": workloads, **changes}


def test_false_alarms_are_counted_by_setting() -> None:
    slow = run("same", "FAIL", code=1, seconds=100.0)
    runs = [run("same", "PASS"), slow, run("same", "PASS", beside="another")]
    rows = list(false_alarms(runs))
    assert [row[0] for row in rows] == [
        "same, 1 workloads, 2 cores",
        "same, 1 workloads, 2 cores beside another",
    ]
    _, alarms, control, passed, exited_0, median, most = rows[0]
    assert (alarms[:6], control[:6], passed[:6]) == ("1 of 2", "0 of 2", "1 of 2")
    assert (exited_0[:6], median, most) == ("1 of 2", "95", "100")


def test_verdicts_are_counted_by_the_true_ratio() -> None:
    runs = [
        (run("slow", "FAIL"), {"fit[als]": 0.05, "fit_cuda[ncf]": 0.1}),
        (run("slow", "PASS"), {"fit[als]": 0.05}),
        (run("slow", "PASS"), {"fit[als]": 0.0}),
    ]
    rows = [[cell.partition(" (")[0] for cell in row] for row in by_true_ratio(runs)]
    assert rows == [
        ["1.00", "0 of 1", "1 of 1", "0 of 1"],
        ["1.05", "1 of 2", "1 of 2", "0 of 2"],
    ]


@pytest.mark.parametrize(("count", "of"), [(0, 40), (19, 20), (20, 20)])
def test_a_share_has_the_exact_interval(count: int, of: int) -> None:
    low = scipy.stats.beta.ppf(0.025, count, of - count + 1) if count else 0
    high = scipy.stats.beta.ppf(0.975, count + 1, of - count) if count < of else 1
    assert share(count, of) == f"{count} of {of} ({100 * low:.1f}–{100 * high:.1f} %)"


def test_a_share_of_nothing_has_no_interval() -> None:
    assert share(0, 0) == "0 of 0"
